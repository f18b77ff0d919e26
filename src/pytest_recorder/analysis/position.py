"""Finds the position in a trace that a question means: a frame, and an event of it."""

import re
from pathlib import Path
from typing import NamedTuple

from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.failure import Failure, find_failure
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.parsing import parse_expression_quietly
from pytest_recorder.analysis.source_text import shown_file
from pytest_recorder.errors import ErrorCode, usage

_LOCATION = re.compile(r"(?:(?P<file>.+):)?(?P<line>\d+)\Z", re.DOTALL)


class Location(NamedTuple):
    """A line; of any file where none is named."""

    file: str | None
    line: int

    def covers(self, file: str | None, line: int | None, root: Path) -> bool:
        """Whether an event is at this location: the file is a path, or the end of one."""
        return line == self.line and (self.file is None or is_file(self.file, file, root))


class Position(NamedTuple):
    """A frame, and the event after which it is looked at."""

    frame: int
    n: int


def is_file(wanted: str, file: str | None, root: Path) -> bool:
    """Whether a path is the one that is meant: whole, from the project's root, or by its end."""
    if file is None:
        return False
    normal, end = file.replace("\\", "/"), wanted.replace("\\", "/")
    shown = shown_file(file, root).replace("\\", "/")
    return end in (normal, shown) or normal.endswith("/" + end.removeprefix("./"))


def parse_location(text: str) -> Location:
    """Read `FILE:LINE` or `LINE`. Raises UsageError (ERR_QUERY)."""
    found = _LOCATION.match(text)
    if found is None or len(found["line"]) > 9:
        raise usage(ErrorCode.QUERY, f"bad place {text!r}, expected LINE or FILE:LINE")
    return Location(found["file"], int(found["line"]))


def parse_name(text: str) -> AccessPath:
    """Read a name with attributes and items, `order.lines[0]`. Raises UsageError (ERR_QUERY)."""
    try:
        node = parse_expression_quietly(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise usage(
            ErrorCode.QUERY, f"bad name {text!r}, expected one like x, order.lines or rows[0]"
        ) from error
    path = access_path(node)
    if path is None or ("slice", None) in path.steps:
        raise usage(
            ErrorCode.QUERY, f"bad name {text!r}, expected one like x, order.lines or rows[0]"
        )
    return path


def split_question(text: str) -> tuple[AccessPath, Location | None]:
    """Read `NAME[@[FILE:]LINE]`. Raises UsageError (ERR_QUERY)."""
    name, at, location = text.partition("@")
    return parse_name(name), parse_location(location) if at else None


def find_position(
    history: History, path: AccessPath, location: Location | None, test: str | None
) -> Position:
    """Find where a line ran last before the failure; the failure itself without a line.

    Where the line itself gives the name its first value, the position is just after it. Raises
    UsageError (ERR_QUERY) where there is no such position.
    """
    failure = find_failure(history, test)
    if location is None:
        return _at_failure(history, path, failure)
    root = Path(history.trace.manifest.root)
    own = failure.stack[-1].file if failure.stack else None
    file = location.file if location.file is not None else own
    wanted = Location(file, location.line)
    for event in history.backwards(min(failure.end + 1, len(history))):
        if event.frame is None or not wanted.covers(event.file, event.line, root):
            continue
        position = Position(event.frame, event.n)
        if path.root not in history.values(*position):
            after = history.after(event.frame, event.n)
            if after is not None:
                position = Position(event.frame, after.n)
        return position
    shown = (
        f"{shown_file(file, root)}:{location.line}" if file is not None else str(location.line)
    )
    raise usage(
        ErrorCode.QUERY, f"{shown} did not run before the failure, as far as it is known"
    )


def _at_failure(history: History, path: AccessPath, failure: Failure) -> Position:
    """Give the innermost frame on the way to the failure that has the name."""
    if not failure.stack:
        raise usage(ErrorCode.QUERY, "nothing of the project ran in this trace")
    for frame in reversed(failure.stack):
        if path.root in history.values(frame.number, frame.n):
            return Position(frame.number, frame.n)
    innermost = failure.stack[-1]
    names = sorted(history.values(innermost.number, innermost.n))
    if history.has_changes:
        raise usage(
            ErrorCode.QUERY,
            f"no variable {path.root!r} in {innermost.function} when it failed, expected one of"
            f" {names} or, for another place, NAME@FILE:LINE",
        )
    return Position(innermost.number, innermost.n)
