"""Describes a trace as a whole: the manifest at its start and the trailer at its end."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["complete", "partial"]


class Manifest(BaseModel):
    """What was recorded, where, with what and why so. Unknown keys of newer versions are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    format: int
    run_id: str
    trace_id: str
    test: str | None = None
    attempt: int = 1
    outcome: str | None = None
    phases: dict[str, str] = Field(default_factory=dict)
    unrecorded: str | None = None
    """Where no line of the test's own file was recorded: the rule of its scope."""
    python: str
    implementation: str = "cpython"
    platform: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    engine: str
    engine_reason: str
    hot_path: str
    hot_path_reason: str
    limits: tuple[str, ...] = ()
    level: str
    values: dict[str, int] = Field(default_factory=dict)
    scope: str = "test"
    root: str = ""
    max_bytes: int = 0
    policy: dict[str, Any] = Field(default_factory=dict)
    policy_sha256: str = ""
    policy_sources: dict[str, str] = Field(default_factory=dict)
    started: str
    pid: int


class Trailer(BaseModel):
    """How the recording ended. `events` are in the file, `dropped` are not."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    status: Status
    reason: str | None = None
    message: str | None = None
    events: int
    dropped: int = 0
    duration_us: int = 0
    counters: dict[str, int] = Field(default_factory=dict)
    errors: tuple[dict[str, Any], ...] = ()
