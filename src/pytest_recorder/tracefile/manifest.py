"""Describes a trace as a whole: the manifest at its start and the trailer at its end."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_Time = Annotated[int, AfterValidator(lambda time: max(time, 0))]
"""Never negative: files of earlier versions can have what a clock that went back made of it."""

Status = Literal["complete", "partial"]


class FailingPlace(BaseModel):
    """Where a test failed, as pytest says: the recording may have ended before, or not seen it."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    phase: str
    exception: str | None = None
    file: str
    line: int
    time_limit: str | None = None


class FixtureMaker(BaseModel):
    """Where a fixture was set up that this trace only uses; attempt 0 was not recorded.

    Of this test and attempt it is where code that is not recorded has made it.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    scope: str
    test: str
    attempt: int = 1


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
    rerun: str | None = None
    """Of a failed test that was run again for this trace: how that ended, as in the index."""
    failing: FailingPlace | None = None
    fixtures: dict[str, FixtureMaker] = Field(default_factory=dict)
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
    duration_us: _Time = 0
    recording_cpu_us: _Time = 0
    counters: dict[str, int] = Field(default_factory=dict)
    errors: tuple[dict[str, Any], ...] = ()
