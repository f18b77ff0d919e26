"""Reads what was given for an option, by its form; a bad value is a `UsageError` that names it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from pytest_recorder.errors import ErrorCode, UsageError, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings import (
    BOUNDS,
    BY_NAME,
    FALSE_WORDS,
    KIB,
    TRUE_WORDS,
    Option,
    listed,
    size_text,
)
from pytest_recorder.settings.config import MOST, ValueLimits

if TYPE_CHECKING:
    from pytest_recorder.settings import Form


def parse_option(option: Option, value: object, source: str) -> object:
    """Check a value that `source` gave; paths stay the text they are.

    :raises UsageError: ``ERR_INVALID_POLICY_VALUE``, ``ERR_INVALID_OPTION``.
    """
    return _PARSERS[option.form](value, source, option)


def check_switch(environ: Mapping[str, str]) -> None:
    """Refuse a kill switch that is misspelt: it must not pass because another source wins."""
    given = BY_NAME["trace"].given_in(environ)
    if given is not None:
        parse_option(BY_NAME["trace"], *given)


def code_of(option: Option | None) -> ErrorCode:
    """Give the code of a complaint about a value of this option."""
    is_policy = option is not None and option.policy_key
    return ErrorCode.INVALID_POLICY_VALUE if is_policy else ErrorCode.INVALID_OPTION


def invalid(
    value: object, source: str, expected: str, option: Option | None = None
) -> UsageError:
    """The one form of a complaint about a value from outside."""
    return usage(code_of(option), f"bad value {value!r} for {source}, expected {expected}")


def parse_bool(value: object, source: str, option: Option | None = None) -> bool:
    """Read 1/0, true/false, yes/no, on/off and their first letters, in any case."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise invalid(value, source, "1 or 0, true or false, yes or no, on or off", option)


_UNITS: Final = {"": 1, "b": 1} | {
    letter + suffix: base**power
    for power, letter in enumerate("kmg", start=1)
    for suffix, base in (("b", 1000), ("ib", KIB))
}
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)", re.IGNORECASE)


def parse_size(value: object, source: str = "size", option: Option | None = None) -> int:
    """Read ``64MiB``, ``500 KB``, ``1.5GiB`` or a number of bytes, from 64KiB to 1TiB."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    size_bytes = int(float(match[1]) * unit) if match and unit else 0
    least, most = BOUNDS["size"]
    if not least <= size_bytes <= most:
        expected = f"a size from {size_text(least)} to {size_text(most)}"
        raise invalid(value, source, f"{expected} such as 64MiB, 500KB or 1000000", option)
    return size_bytes


def parse_names(value: object, source: str, option: Option | None = None) -> tuple[str, ...]:
    """Read one name or a list of names; blank ones do not count."""
    entries = [value] if isinstance(value, str) else value
    if isinstance(entries, list | tuple):
        names = cast("Iterable[object]", entries)
        if all(isinstance(name, str) for name in names):
            return tuple(name.strip() for name in cast("Iterable[str]", names) if name.strip())
    raise invalid(value, source, "text or a list of texts", option)


def parse_patterns(value: object, source: str, option: Option | None = None) -> tuple[str, ...]:
    """Read names that may be globs: one whose `[` has no `]` would match nothing, silently."""
    patterns = parse_names(value, source, option)
    for pattern in patterns:
        at = pattern.find("[")
        while at >= 0:
            close = pattern.find("]", at + 2)
            if close < 0 or not _is_class(pattern[at + 1 : close]):
                expected = "a pattern in which each [ begins a class such as [abc] or [!a-z]"
                raise invalid(pattern, source, expected, option)
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


def parse_limits(value: object, source: str, option: Option) -> ValueLimits:
    """Read ``"depth=3,items=20"`` or a mapping; what is not named keeps its default."""
    pairs = _pairs(value, source, option)
    return ValueLimits(
        **{name: _whole(count, 0, MOST[name], source, option) for name, count in pairs}
    )


def _actions(value: object, source: str, option: Option) -> dict[str, str]:
    """Read ``"environment=fail,internal=warn"`` or a mapping."""
    pairs = _pairs(value, source, option)
    return {kind: _choice(action, source, option) for kind, action in pairs}


def _pairs(value: object, source: str, option: Option) -> list[tuple[str, object]]:
    expected = f"NAME=VALUE,... with {listed(option.keys)}"
    if isinstance(value, str):
        pairs: list[tuple[object, object]] = []
        for part in filter(None, map(str.strip, value.split(","))):
            key, equals, text = part.partition("=")
            if not equals:
                raise invalid(part, source, expected, option)
            pairs.append((key.strip(), text.strip()))
    elif isinstance(value, Mapping):
        pairs = list(cast("Mapping[object, object]", value).items())
    else:
        raise invalid(value, source, expected, option)
    for name, _ in pairs:
        if name not in option.keys:
            raise invalid(name, source, listed(option.keys), option)
    return [(str(name), part) for name, part in pairs]


def _count(value: object, source: str, option: Option) -> int:
    """Read a whole number of things, at least one."""
    return _whole(value, *BOUNDS["count"], source, option)


def _whole(value: object, least: int, most: int, source: str, option: Option) -> int:
    text = str(value).strip() if isinstance(value, str | int) else ""
    if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
        return int(text)
    raise invalid(value, source, f"a whole number from {least} to {most}", option)


def _choice(value: object, source: str, option: Option) -> str:
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str):
        word = option.aliases.get(word, word)
        if word in option.choices:
            return word
    raise invalid(value, source, listed(option.choices), option)


def _path(value: object, source: str, option: Option) -> str:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    raise invalid(value, source, "a path", option)


_PARSERS: Final[Mapping["Form", Callable[[object, str, Option], object]]] = {
    "bool": parse_bool,
    "choice": _choice,
    "names": parse_names,
    "patterns": parse_patterns,
    "size": parse_size,
    "count": _count,
    "path": _path,
    "limits": parse_limits,
    "actions": _actions,
}
