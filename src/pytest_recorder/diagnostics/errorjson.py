"""Defines the JSON form of an error, as it stands in logs, trailers and manifests."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError


class ErrorRecord(BaseModel):
    """One error. Codes are their ``ERR_*`` text; ``cause`` is empty when there is no source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_code: ErrorCode
    error_kind: ErrorKind
    message: str
    context: dict[str, str] = {}
    cause: str = ""

    @classmethod
    def from_error(cls, error: RecorderError) -> Self:
        return cls(
            error_code=error.code,
            error_kind=error.kind,
            message=error.message,
            context=dict(error.context),
            cause=error.cause_text,
        )
