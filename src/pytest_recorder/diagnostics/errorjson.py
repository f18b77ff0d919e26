"""Defines the JSON form of an error, as it stands in logs, trailers and manifests.

For those who read it; `lines` writes it.
"""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pytest_recorder.diagnostics.lines import encodable, error_fields
from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError


def _encodable(value: object) -> object:
    return encodable(value) if isinstance(value, str) else value


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
        """Read what is written of an error."""
        return cls.model_validate(error_fields(error))
