"""Finds the moment and the frame that a question about a trace means."""

import re
from pathlib import Path
from typing import NamedTuple

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.failure import Failure, find_failure
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.parsing import parse_expression_quietly
from pytest_recorder.analysis.story import shown_file
from pytest_recorder.errors import ErrorCode, usage

_PLACE = re.compile(r"(?:(?P<file>.+):)?(?P<line>\d+)\Z", re.DOTALL)


class Place(NamedTuple):
    """A line; of any file where none is named."""

    file: str | None
    line: int

    def covers(self, file: str | None, line: int | None, root: Path) -> bool:
        """Whether an event is at this place: the file is a path, or the end of one."""
        return line == self.line and (self.file is None or is_file(self.file, file, root))


class Moment(NamedTuple):
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


def parse_place(text: str) -> Place:
    """Read `FILE:LINE` or `LINE`. Raises UsageError (ERR_QUERY)."""
    found = _PLACE.match(text)
    if found is None or len(found["line"]) > 9:
        raise usage(ErrorCode.QUERY, f"bad place {text!r}, expected LINE or FILE:LINE")
    return Place(found["file"], int(found["line"]))


def parse_name(text: str) -> expressions.Read:
    """Read a name with attributes and items, `order.lines[0]`. Raises UsageError (ERR_QUERY)."""
    try:
        node = parse_expression_quietly(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise usage(
            ErrorCode.QUERY, f"bad name {text!r}, expected one like x, order.lines or rows[0]"
        ) from error
    read = expressions.chain(node)
    if read is None or ("slice", None) in read.steps:
        raise usage(
            ErrorCode.QUERY, f"bad name {text!r}, expected one like x, order.lines or rows[0]"
        )
    return read


def split_question(text: str) -> tuple[expressions.Read, Place | None]:
    """Read `NAME[@[FILE:]LINE]`. Raises UsageError (ERR_QUERY)."""
    name, at, place = text.partition("@")
    return parse_name(name), parse_place(place) if at else None


def find_moment(
    history: History, read: expressions.Read, place: Place | None, test: str | None
) -> Moment:
    """Find the last moment before the failure at which a line ran; the failure without a line.

    Where the line itself gives the name its first value, the moment is just after it. Raises
    UsageError (ERR_QUERY) where there is no such moment.
    """
    failure = find_failure(history, test)
    if place is None:
        return _at_failure(history, read, failure)
    root = Path(history.trace.manifest.root)
    own = failure.calls[-1].file if failure.calls else None
    file = place.file if place.file is not None else own
    wanted = Place(file, place.line)
    for event in history.backwards(min(failure.end + 1, len(history))):
        if event.frame is None or not wanted.covers(event.file, event.line, root):
            continue
        moment = Moment(event.frame, event.n)
        if read.root not in history.values(*moment):
            after = history.after(event.frame, event.n)
            if after is not None:
                moment = Moment(event.frame, after.n)
        return moment
    shown = f"{shown_file(file, root)}:{place.line}" if file is not None else str(place.line)
    raise usage(
        ErrorCode.QUERY, f"{shown} did not run before the failure, as far as it is known"
    )


def _at_failure(history: History, read: expressions.Read, failure: Failure) -> Moment:
    """Give the innermost frame on the way to the failure that has the name."""
    if not failure.calls:
        raise usage(ErrorCode.QUERY, "nothing of the project ran in this trace")
    for call in reversed(failure.calls):
        if read.root in history.values(call.frame, call.n):
            return Moment(call.frame, call.n)
    innermost = failure.calls[-1]
    names = sorted(history.values(innermost.frame, innermost.n))
    if history.has_changes:
        raise usage(
            ErrorCode.QUERY,
            f"no variable {read.root!r} in {innermost.function} when it failed, expected one of"
            f" {names} or, for another place, NAME@FILE:LINE",
        )
    return Moment(innermost.frame, innermost.n)
