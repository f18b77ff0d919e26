"""Holds what the user asked for, checked once. Defaults and bounds are those of the table."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, cast

from pytest_recorder.errors import ErrorCode, UsageError, usage
from pytest_recorder.format.vocabulary import MAX_DEPTH
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings import BOUNDS, BY_NAME, MAX_COUNT, VALUE_LIMITS, Option

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


def default_of(default: object) -> Any:
    """Give the default of a field; a mapping is made anew for each instance."""
    if isinstance(default, dict):
        return field(default_factory=dict[str, str])
    return field(default=default)


def _limit(name: str) -> Any:
    return field(default=VALUE_LIMITS[name])


def _option(name: str) -> Any:
    return default_of(BY_NAME[name].default)


class Fields:
    """What the dataclasses of settings have in common: their checks, copies and plain form.

    Plain, for they live in the process that runs tests: its modules are the program's to count.
    """

    @classmethod
    def checked(cls, given: Mapping[str, object]) -> Self:
        """Make one of fields that somebody else has put together.

        Raises UsageError (ERR_INVALID_OPTION) for an unknown name and for a value that the table
        does not take.
        """
        names = [each.name for each in fields(cast("Any", cls))]
        for name in given:
            if name not in names:
                text = f"unknown field {name!r}, expected one of {', '.join(names)}"
                raise usage(ErrorCode.INVALID_OPTION, text)
        return cls(**{name: cls._check(name, value) for name, value in given.items()})

    @classmethod
    def _check(cls, name: str, value: object) -> Any:
        raise NotImplementedError

    def but(self, **changes: Any) -> Self:
        """Give a copy with other values in these fields, which are not checked."""
        return cast("Self", replace(cast("Any", self), **changes))

    def plain(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Give the fields, or these of them, as JSON has them."""
        wanted = None if names is None else set(names)
        return {
            each.name: _plain(getattr(self, each.name))
            for each in fields(cast("Any", self))
            if wanted is None or each.name in wanted
        }


def _plain(value: object) -> Any:
    if isinstance(value, Fields):
        return value.plain()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class ValueLimits(Fields):
    """How much of one value is recorded; the true size always is."""

    depth: int = _limit("depth")
    items: int = _limit("items")
    chars: int = _limit("chars")
    attributes: int = _limit("attributes")
    objects: int = _limit("objects")

    @classmethod
    def _check(cls, name: str, value: object) -> int:
        return _whole(name, value, 0, MOST[name])


@dataclass(frozen=True)
class Settings(Fields):
    """All options of a run, or of one test after its marker. Paths are absolute.

    A line here gives an option its type; what else there is to know of it stands in the table.
    """

    root: Path
    dir: Path
    enabled: bool = _option("trace")
    rerun_failed: bool = _option("rerun_failed")
    scope: Scope = _option("scope")
    keep: Keep = _option("keep")
    level: Level = _option("level")
    engine: EngineName = _option("engine")
    # No option: PYTEST_RECORDER_PURE chooses, before any settings are read.
    hot_path: HotPathName = "auto"
    values: ValueLimits = field(default_factory=ValueLimits)
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

    @classmethod
    def _check(cls, name: str, value: object) -> Any:
        if name in ("root", "dir"):
            return _path(name, value)
        if name == "hot_path":
            return value
        return check_value(_OPTIONS[name], name, value)


class Resolved(NamedTuple):
    """The settings of a run, the source of each option, whether markers have no effect."""

    settings: Settings
    sources: dict[str, str]
    is_forced_off: bool


_OPTIONS: Final[Mapping[str, Option]] = {option.field: option for option in BY_NAME.values()}


def check_value(option: Option, name: str, value: object) -> Any:
    """Check a value that has its type already; `name` is what a complaint names.

    Raises UsageError (ERR_INVALID_OPTION).
    """
    if value is None and option.default is None:
        return None
    return _CHECKS[option.form](option, name, value)


def _refused(name: str, value: object, expected: str) -> UsageError:
    return usage(
        ErrorCode.INVALID_OPTION, f"bad value {value!r} for {name}, expected {expected}"
    )


def _bool(_: Option, name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _refused(name, value, "True or False")


def _choice(option: Option, name: str, value: object) -> str:
    if isinstance(value, str) and value in option.choices:
        return value
    raise _refused(name, value, " or ".join(option.choices))


def _texts(_: Option, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        entries = tuple(cast("Iterable[object]", value))
        if all(isinstance(entry, str) for entry in entries):
            return cast("tuple[str, ...]", entries)
    raise _refused(name, value, "a list of texts")  # pyright: ignore[reportUnknownArgumentType]


def _bounded(option: Option, name: str, value: object) -> int:
    return _whole(name, value, *BOUNDS[option.form])


def _whole(name: str, value: object, least: int, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise _refused(name, value, f"a whole number from {least} to {most}")


def _path(name: str, value: object) -> Path:
    if isinstance(value, Path):
        # Not made again: that asks `os.fspath`, which a test may have replaced.
        return value
    if isinstance(value, (str, os.PathLike)):
        return Path(cast("str", value))
    raise _refused(name, value, "a path")


def _limits(_: Option, name: str, value: object) -> ValueLimits:
    if isinstance(value, ValueLimits):
        return value
    if isinstance(value, Mapping):
        return ValueLimits.checked(cast("Mapping[str, object]", value))
    raise _refused(name, value, "limits of values")


def _actions(option: Option, name: str, value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        if all(key in option.keys and to in option.choices for key, to in pairs.items()):
            return {str(key): str(to) for key, to in pairs.items()}
    keys = ", ".join(option.keys)
    raise _refused(name, value, f"actions by kind ({keys})")  # pyright: ignore[reportUnknownArgumentType]


_CHECKS: Final[Mapping[str, Callable[[Option, str, object], Any]]] = {
    "bool": _bool,
    "choice": _choice,
    "names": _texts,
    "patterns": _texts,
    "size": _bounded,
    "count": _bounded,
    "path": lambda _, name, value: _path(name, value),
    "limits": _limits,
    "actions": _actions,
}
