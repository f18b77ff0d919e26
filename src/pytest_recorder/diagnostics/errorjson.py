"""Defines the JSON form of an error, as it stands in logs, trailers and manifests."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError


def _encodable(value: object) -> object:
    """Escape what UTF-8 has no form for: file names can hold such characters."""
    if isinstance(value, str):
        return str.encode(value, "utf-8", "backslashreplace").decode()
    return value


Text = Annotated[str, BeforeValidator(_encodable)]


class ErrorRecord(BaseModel):
    """One error. Codes are their ``ERR_*`` text; ``cause`` is empty when there is no source."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    error_code: ErrorCode = Field(description="what happened, see errors.md")
    error_kind: ErrorKind = Field(description="who can do something about it")
    message: Text
    context: dict[str, Text] = {}
    cause: Text = ""

    @classmethod
    def from_error(cls, error: RecorderError) -> Self:
        return cls(
            error_code=error.code,
            error_kind=error.kind,
            message=error.message,
            context=dict(error.context),
            cause=error.cause_text,
        )
