"""Holds what the user asked for, checked once. Defaults and bounds are those of the table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from pytest_recorder.format.vocabulary import MAX_DEPTH
from pytest_recorder.settings import BOUNDS, BY_NAME, MAX_COUNT, VALUE_LIMITS

# The choices of the table, for the type checker.
Scope = Literal["test", "session"]
Keep = Literal["failed", "all"]
Level = Literal["calls", "lines", "values"]
Html = Literal["auto", "on", "off"]
EngineName = Literal["auto", "monitoring", "settrace"]
HotPathName = Literal["auto", "python", "native"]
OnError = Literal["abort", "disable"]
KindName = Literal["usage", "environment", "target", "internal"]
Action = Literal["fail", "warn", "ignore", "stop"]
LogLevel = Literal["off", "error", "warning", "info", "debug"]


# How deep values may be nested is a matter of the format: every reader must follow.
MOST: Final[Mapping[str, int]] = {**dict.fromkeys(VALUE_LIMITS, MAX_COUNT), "depth": MAX_DEPTH}
"""The most that a limit of values can be."""


def _limit(name: str) -> Any:
    return Field(default=VALUE_LIMITS[name], ge=0, le=MOST[name])


def _option(name: str) -> Any:
    option = BY_NAME[name]
    if option.form not in BOUNDS:
        return Field(default=option.default)
    least, most = BOUNDS[option.form]
    return Field(default=option.default, ge=least, le=most)


class ValueLimits(BaseModel):
    """How much of one value is recorded; the true size always is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = _limit("depth")
    items: int = _limit("items")
    chars: int = _limit("chars")
    attributes: int = _limit("attributes")


class Settings(BaseModel):
    """All options of a run, or of one test after its marker. Paths are absolute.

    A line here gives an option its type; what else there is to know of it stands in the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    dir: Path
    enabled: bool = _option("trace")
    scope: Scope = _option("scope")
    keep: Keep = _option("keep")
    level: Level = _option("level")
    engine: EngineName = _option("engine")
    # No option: PYTEST_RECORDER_PURE chooses, before any settings are read.
    hot_path: HotPathName = "auto"
    values: ValueLimits = ValueLimits()
    include: tuple[str, ...] = _option("include")
    exclude: tuple[str, ...] = _option("exclude")
    redact: tuple[str, ...] = _option("redact")
    no_redact: tuple[str, ...] = _option("no_redact")
    max_bytes: int = _option("max_bytes")
    max_kept: int | None = _option("max_kept")
    max_total: int | None = _option("max_total")
    on_error: OnError = _option("on_error")
    errors: dict[KindName, Action] = _option("errors")
    require_trace: bool = _option("require_trace")
    keep_partial: bool = _option("keep_partial")
    html: Html = _option("html")
    log_level: LogLevel | None = _option("log_level")
    log_file: Path | None = _option("log_file")
    json_errors: bool = _option("json_errors")
    metrics_file: Path | None = _option("metrics_file")
    metrics_otel: bool = _option("metrics_otel")


class Resolved(NamedTuple):
    """The settings of a run, the source of each option, whether markers have no effect."""

    settings: Settings
    sources: dict[str, str]
    is_forced_off: bool
