"""Holds what the user asked for, checked once; a bad value is a `UsageError` that names it."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from pytest_recorder.errors import ErrorCode, UsageError, usage
from pytest_recorder.format.vocabulary import MAX_DEPTH

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

KIB: Final = 1024
MIN_BYTES: Final = 64 * KIB
MAX_BYTES: Final = KIB**4
DEFAULT_MAX_BYTES: Final = 64 * KIB**2
MAX_COUNT: Final = 1_000_000

_Depth = Annotated[int, Field(ge=0, le=MAX_DEPTH)]
_Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
T = TypeVar("T")


class ValueLimits(BaseModel):
    """How much of one value is recorded; the true size always is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: _Depth = 3
    items: _Count = 20
    chars: _Count = 256
    attributes: _Count = 20

    @classmethod
    def parse(cls, value: object, source: str = "values") -> Self:
        """Read ``"depth=3,items=20"`` or a mapping; what is not named keeps its default."""
        names = tuple(cls.model_fields)
        limits: dict[str, int] = {}
        for name, count in _pairs(value, names, source, "values"):
            limits[name] = _whole(count, MAX_DEPTH if name == "depth" else MAX_COUNT, source)
        return cls(**limits)


class Settings(BaseModel):
    """All options of a run, or of one test after its marker. Paths are absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    dir: Path
    enabled: bool = False
    scope: Scope = "test"
    keep: Keep = "failed"
    level: Level = "values"
    engine: EngineName = "auto"
    hot_path: HotPathName = "auto"
    values: ValueLimits = ValueLimits()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    no_redact: tuple[str, ...] = ()
    max_bytes: int = Field(default=DEFAULT_MAX_BYTES, ge=MIN_BYTES, le=MAX_BYTES)
    max_kept: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    max_total: int | None = Field(default=None, ge=MIN_BYTES, le=MAX_BYTES)
    on_error: OnError = "disable"
    errors: dict[KindName, Action] = {}
    require_trace: bool = False
    keep_partial: bool = True
    html: Html = "auto"
    log_level: LogLevel | None = None
    log_file: Path | None = None
    json_errors: bool = False
    metrics_file: Path | None = None
    metrics_otel: bool = False


class Resolved(NamedTuple):
    """The settings of a run, the source of each option, whether markers have no effect."""

    settings: Settings
    sources: dict[str, str]
    is_forced_off: bool


def invalid(value: object, source: str, expected: str, field: str = "") -> UsageError:
    """The one form of a complaint about a value from outside."""
    policy = field in POLICY_FIELDS
    code = ErrorCode.INVALID_POLICY_VALUE if policy else ErrorCode.INVALID_OPTION
    return usage(code, f"bad value {value!r} for {source}, expected {expected}")


def parse_bool(value: object, source: str, field: str = "") -> bool:
    """Read 1/0, true/false, yes/no, on/off and their first letters, in any case."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("1", "true", "yes", "on", "t", "y"):
        return True
    if word in ("0", "false", "no", "off", "f", "n"):
        return False
    raise invalid(value, source, "1 or 0, true or false, yes or no, on or off", field)


_UNITS: Final = {"": 1, "b": 1} | {
    letter + suffix: base**power
    for power, letter in enumerate("kmg", start=1)
    for suffix, base in (("b", 1000), ("ib", KIB))
}
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)", re.IGNORECASE)


def parse_size(value: object, source: str = "size") -> int:
    """Read ``64MiB``, ``500 KB``, ``1.5GiB`` or a number of bytes, from 64KiB to 1TiB."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    size_bytes = int(float(match[1]) * unit) if match and unit else 0
    if not MIN_BYTES <= size_bytes <= MAX_BYTES:
        raise invalid(
            value, source, "a size from 64KiB to 1TiB such as 64MiB, 500KB or 1000000"
        )
    return size_bytes


def parse_count(value: object, source: str) -> int:
    """Read a whole number of things, at least one."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= MAX_COUNT:
        return int(text)
    raise invalid(value, source, f"a whole number from 1 to {MAX_COUNT}")


def parse_names(value: object, source: str) -> tuple[str, ...]:
    """Read one name or a list of names; blank ones do not count."""
    entries = [value] if isinstance(value, str) else value
    if isinstance(entries, list | tuple):
        names = cast("Iterable[object]", entries)
        if all(isinstance(name, str) for name in names):
            return tuple(name.strip() for name in cast("Iterable[str]", names) if name.strip())
    raise invalid(value, source, "text or a list of texts")


def parse_patterns(value: object, source: str) -> tuple[str, ...]:
    """Read names that may be globs: one whose `[` has no `]` would match nothing, silently."""
    patterns = parse_names(value, source)
    for pattern in patterns:
        at = pattern.find("[")
        while at >= 0:
            close = pattern.find("]", at + 2)
            if close < 0 or not _is_class(pattern[at + 1 : close]):
                expected = "a pattern in which each [ begins a class such as [abc] or [!a-z]"
                raise invalid(pattern, source, expected)
            at = pattern.find("[", close)
    return patterns


def glob_class(inside: str) -> str:
    """Translate what stands between the brackets of a glob; `[!...]` takes what is not named."""
    # Escaped too: what `re` warns of because it may mean something else one day.
    escaped = re.sub(r"[\\\[&~|]", r"\\\g<0>", inside)
    return f"[^{escaped[1:]}]" if escaped.startswith("!") else f"[{escaped}]"


def _is_class(inside: str) -> bool:
    try:
        re.compile(glob_class(inside))
    except re.error:
        return False
    return True


def parse_errors(value: object, source: str) -> dict[KindName, Action]:
    """Read ``"environment=fail,internal=warn"`` or a mapping."""
    kinds = get_args(KindName)
    return {
        cast("KindName", kind): cast("Action", _choice(Action, action, source, "errors"))
        for kind, action in _pairs(value, kinds, source, "errors")
    }


def parse_log_level(value: object, source: str) -> LogLevel:
    """Read a level; ``warn`` and ``trace`` are other names of ``warning`` and ``debug``."""
    word = value.strip().lower() if isinstance(value, str) else value
    other = {"warn": "warning", "trace": "debug"}.get(word) if isinstance(word, str) else None
    return cast("LogLevel", _choice(LogLevel, other or word, source, "log_level"))


def parse_field(field: str, value: object, source: str) -> object:
    """Check the value of one field of `Settings`; paths stay the text they are."""
    return _PARSERS[field](value, source)


def _pairs(
    value: object, names: tuple[str, ...], source: str, field: str
) -> list[tuple[str, object]]:
    expected = f"NAME=VALUE,... with {_listed(names)}"
    if isinstance(value, str):
        pairs: list[tuple[object, object]] = []
        for part in filter(None, map(str.strip, value.split(","))):
            key, equals, text = part.partition("=")
            if not equals:
                raise invalid(part, source, expected, field)
            pairs.append((key.strip(), text.strip()))
    elif isinstance(value, Mapping):
        pairs = list(cast("Mapping[object, object]", value).items())
    else:
        raise invalid(value, source, expected, field)
    for name, _ in pairs:
        if name not in names:
            raise invalid(name, source, _listed(names), field)
    return [(str(name), part) for name, part in pairs]


def _whole(value: object, most: int, source: str) -> int:
    text = str(value) if isinstance(value, str | int) else ""
    if re.fullmatch(r"[0-9]{1,9}", text) and int(text) <= most:
        return int(text)
    raise invalid(value, source, f"a whole number from 0 to {most}")


def _choice(literal: object, value: object, source: str, field: str) -> str:
    choices: tuple[str, ...] = get_args(literal)
    word = value.strip().lower() if isinstance(value, str) else value
    if word in choices:
        return str(word)
    raise invalid(value, source, _listed(choices), field)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _chooser(literal: object, field: str) -> Callable[[object, str], str]:
    return lambda value, source: _choice(literal, value, source, field)


def _boolean(field: str) -> Callable[[object, str], bool]:
    return lambda value, source: parse_bool(value, source, field)


def _path(field: str) -> Callable[[object, str], str]:
    def parse(value: object, source: str) -> str:
        if isinstance(value, str) and value.strip() and "\0" not in value:
            return value
        raise invalid(value, source, "a path", field)

    return parse


POLICY_FIELDS: Final = frozenset(
    (
        "on_error",
        "errors",
        "require_trace",
        "keep_partial",
        "log_level",
        "log_file",
        "json_errors",
    )
)
_BOOLEANS: Final = ("enabled", "require_trace", "keep_partial", "json_errors", "metrics_otel")
_PARSERS: Final[dict[str, Callable[[object, str], object]]] = {
    "scope": _chooser(Scope, "scope"),
    "keep": _chooser(Keep, "keep"),
    "level": _chooser(Level, "level"),
    "engine": _chooser(EngineName, "engine"),
    "html": _chooser(Html, "html"),
    "on_error": _chooser(OnError, "on_error"),
    "values": ValueLimits.parse,
    "max_bytes": parse_size,
    "max_kept": parse_count,
    "max_total": parse_size,
    "include": parse_patterns,
    "exclude": parse_patterns,
    "redact": parse_names,
    "no_redact": parse_names,
    "errors": parse_errors,
    "log_level": parse_log_level,
    "dir": _path("dir"),
    "log_file": _path("log_file"),
    "metrics_file": _path("metrics_file"),
    **{name: _boolean(name) for name in _BOOLEANS},
}
