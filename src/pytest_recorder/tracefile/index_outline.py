"""Says what the index of a trace tells without a look at its events."""

from typing import Any, NamedTuple

from pytest_recorder.format.vocabulary import LEVELS
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.skeleton import MOST_EXCEPTIONS, rows_of


class Outline(NamedTuple):
    """Frames, exceptions and level; empty where there is no index."""

    starts: dict[int, int]
    """The first event of each frame; of the first frames only where there are very many."""
    parents: dict[int, int]
    raises: list[int] | None
    """The events at which exceptions began; None where they are too many to be listed."""
    level: str | None = None
    """That of the end of the recording, where it has fallen."""


def outline_of(index: Any) -> Outline:
    """Read an index, which can be any JSON."""
    rows: list[list[int]]
    try:
        rows = index["calls"] if "calls" in index else rows_of(index["steps"])
        raises = [int(row[0]) for row in index["exceptions"]]
        starts = {int(row[0]): int(row[3]) for row in rows}
        parents = {int(row[0]): int(row[1]) for row in rows}
        level = index.get("fell_to")
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return Outline({}, {}, None)
    known = raises if len(raises) < MOST_EXCEPTIONS else None
    return Outline(starts, parents, known, level if level in LEVELS else None)
