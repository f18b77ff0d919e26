"""Passes over what a reader does not show, by the field strings of the table.

A field string has a letter for each field of a record; `table.py` says what they stand for.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.events import Value
from pytest_recorder.format.vocabulary import MAX_NESTING, TAG_FIELDS
from pytest_recorder.original_builtins import __builtins__

Read = Callable[[Cursor], Any]

READ_PLAIN: Final[dict[str, Read]] = {
    **dict.fromkeys("unyfCcFPLTD", Cursor.uv),
    **dict.fromkeys("bpelorw", Cursor.byte),
    "s": Cursor.text,
    "d": Cursor.sized,
    "m": Cursor.magnitude,
    "8": Cursor.double,
}
"""How a field is passed over where nobody asks what it refers to; values have no place here."""


def each_field(
    cursor: Cursor, fields: str, count: Callable[[Cursor], int] = Cursor.count
) -> Iterator[str]:
    """Give the letters of fields one by one, those in parentheses as often as their count says.

    Whoever takes a letter reads that field before taking the next. `count` reads the count.
    """
    before, _, group = fields.partition("(")
    yield from before
    if group:
        for _ in range(count(cursor)):
            yield from group[:-1]


class _Inner(NamedTuple):
    """What a value goes on with: so many values, then a count of groups where there is one."""

    values: int
    has_count: bool
    reads: tuple[Read, ...]  # in each group
    group_values: int


def _steps(fields: str) -> tuple[tuple[Read, ...], _Inner | None]:
    head, _, group = fields.partition("(")
    before, inside = head.rstrip("v"), group.rstrip("v)")
    values, group_values = head.count("v"), group.count("v")
    reads = tuple(READ_PLAIN[letter] for letter in inside)
    inner = _Inner(values, bool(group), reads, group_values) if values or group else None
    return tuple(READ_PLAIN[letter] for letter in before), inner


_STEPS: Final = [_steps(TAG_FIELDS[tag]) for tag in sorted(TAG_FIELDS)]


def skip_value(cursor: Cursor, depth: int = 0) -> Value:
    """Pass over a value, with those inside it, and give an empty one in its place.

    Raises Malformed for what the table does not know and for nesting that no encoder writes; only
    groups that begin with something else than a value cost depth.
    """
    if depth > MAX_NESTING:
        raise Malformed("a value is nested too deep")
    left = 1
    while left:
        left -= 1
        tag = cursor.byte()
        if tag >= len(_STEPS):
            raise Malformed(f"unknown value {tag}")
        reads, inner = _STEPS[tag]
        for read in reads:
            read(cursor)
        if inner is None:
            continue
        left += inner.values
        if not inner.has_count:
            continue
        count = cursor.count()
        if not inner.reads:
            left += count * inner.group_values
            continue
        for _ in range(count):
            for read in inner.reads:
                read(cursor)
            for _ in range(inner.group_values):
                skip_value(cursor, depth + 1)
    return {}
