"""Defines what a log line and a trailer hold; `docs/` has their JSON Schema."""

import json
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pytest_recorder.diagnostics.errorjson import ErrorRecord, Text
from pytest_recorder.errors import ErrorCode, ErrorKind

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class LogLine(BaseModel):
    """One line of the log. Every key is always there."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    ts: str = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        description="when, in UTC (RFC 3339)",
    )
    level: LevelName
    logger: str = Field(
        pattern=r"^pytest_recorder(\.[a-z_]+)+$", description="the part of the recorder"
    )
    message: Text = Field(description="what happened, for people")
    run_id: _Id = Field(description="the same in all processes of a pytest run")
    trace_id: _Id | None = Field(description="as in the manifest of the trace")
    test: Text | None = Field(description="node id")
    error_code: ErrorCode | None
    error_kind: ErrorKind | None
    context: dict[str, Text] = Field(description="what the message is about")
    cause: Text = Field(description="the source of the error, empty without one")
    file: str = Field(description="where in the recorder's source code")
    line: int
    function: str
    pid: int = Field(description="the process")


class ErrorTrailer(ErrorRecord):
    """The line on stderr for one failure. Every key is always there."""

    # A default is for who makes a record, not for who reads it.
    model_config = ConfigDict(title="Trailer", json_schema_serialization_defaults_required=True)

    run_id: _Id = Field(description="as in the log")
    trace_id: _Id | None
    test: Text | None = Field(description="node id, None where the run as a whole is concerned")


SCHEMAS: Final[dict[str, type[BaseModel]]] = {
    "log-line.schema.json": LogLine,
    "error-trailer.schema.json": ErrorTrailer,
}


def schema_text(name: str) -> str:
    """Give the content of a schema file in `docs/`."""
    schema = SCHEMAS[name].model_json_schema(mode="serialization")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect, **schema}, indent=2) + "\n"
