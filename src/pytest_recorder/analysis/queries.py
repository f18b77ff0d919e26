"""Answers questions about a value as plain data: where it came from, what it was before."""

from dataclasses import dataclass

from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.changes import object_changes, variable_changes
from pytest_recorder.analysis.history import ALL_EVENTS, History
from pytest_recorder.analysis.objects import (
    difference,
    follow,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.position import (
    Position,
    find_position,
    parse_location,
    parse_name,
    split_question,
)
from pytest_recorder.analysis.slice.slicer import origins_of_value
from pytest_recorder.analysis.slice.written import resolved
from pytest_recorder.analysis.sources import SourceFiles
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.events import Event, Value
from pytest_recorder.tracefile.reader import Trace


@dataclass(slots=True)
class Why:
    """The answer to `why`: the value, and where it came from."""

    name: str
    at: Event
    value: Value | None
    origins: list[Origin]


def why(trace: Trace, question: str, test: str | None = None) -> Why:
    """Say where a value came from: `NAME[@[FILE:]LINE]`. Raises UsageError (ERR_QUERY)."""
    history = History(trace, most_events=ALL_EVENTS)
    sources = SourceFiles(trace.source, trace.files())
    path, location = split_question(question)
    position = find_position(history, path, location, test)
    event, name, value = _look(history, position, path)
    found = origins_of_value(history, sources, position.frame, position.n, path)
    # The value itself stands above; below it is what made it so.
    below = found[0].below if len(found) == 1 and found[0].how == "used" else found
    return Why(name, event, value, below)


def _look(
    history: History, position: Position, path: AccessPath
) -> tuple[Event, str, Value | None]:
    """Give the event of a position, the name as asked and its value then."""
    event = history.event(position.n)
    if event is None:
        raise usage(ErrorCode.QUERY, f"event {position.n} cannot be read")
    values = history.values(position.frame, position.n)
    held = values.get(path.root)
    if held is None:
        if history.has_changes:
            raise usage(
                ErrorCode.QUERY,
                f"no variable {path.root!r} in {event.function} there, expected one of"
                f" {sorted(values)}",
            )
        return event, path_text(path.root, resolved(path.steps, values)), None
    steps = resolved(path.steps, values)
    value, walked = follow(held, steps)
    if walked < len(path.steps):
        shown = path_text(path.root, steps[:walked])
        raise usage(
            ErrorCode.QUERY,
            f"of {shown} no more was recorded, {value.get('type')} has no such part",
        )
    return event, path_text(path.root, steps), value


@dataclass(slots=True)
class ValueChange:
    """One change of a variable: by which line of its frame, and by whom where that was a callee."""

    n: int
    file: str | None
    line: int | None
    function: str | None
    how: str
    old: Value | None
    new: Value | None
    by: Event | None = None
    """The event at whose line an object was changed in place, in another frame."""
    through: str | None = None
    """The name by which that frame held the object, with the way from there: `order.lines`."""
    object: int | None = None
    """The number of the object that was changed in place."""
    is_doubtful: bool = False
    """Whether the object may be another one, at the same address."""


def values(
    trace: Trace, name: str, at: str | None, test: str | None = None
) -> list[ValueChange]:
    """Give the history of a variable in one frame, in order.

    `at` is `failure`, the number of an event, or `FILE:LINE`; the last execution of a line before
    the failure counts. Raises UsageError (ERR_QUERY).
    """
    history = History(trace, most_events=ALL_EVENTS)
    path = parse_name(name)
    position = _position(history, path, at, test)
    _look(history, position, path)
    steps = resolved(path.steps, history.values(position.frame, position.n))
    out: list[ValueChange] = []
    for change in variable_changes(history, position.frame, position.n, path.root, steps):
        shown = change.shown
        start = change.run.start if change.run is not None else shown
        how = "argument" if shown.kind == "call" else "changed"
        out.append(
            ValueChange(
                shown.n, start.file, start.line, start.function, how, change.old, change.new
            )
        )
        if change.old is not None and change.new is not None:
            _say_who(history, out[-1], position.frame)
    return out[::-1]


def _position(history: History, path: AccessPath, at: str | None, test: str | None) -> Position:
    if at is None or at == "failure":
        return find_position(history, path, None, test)
    if at.isdecimal() and len(at) < 19:
        event = history.event(int(at))
        if event is None or event.frame is None:
            raise usage(ErrorCode.QUERY, f"no event {at} of a frame in the trace")
        return Position(event.frame, event.n)
    return find_position(history, path, parse_location(at), test)


def _say_who(history: History, change: ValueChange, frame: int) -> None:
    """Say of a change in place which object it was made in, and by whom in another frame."""
    found = difference(change.old or {}, change.new or {})
    if found is None:
        return
    change.object = found.id
    inner = next(object_changes(history, found.id, found.part, change.n + 1), None)
    if inner is None or inner.run is None:
        return
    change.is_doubtful = inner.is_doubtful
    if inner.run.frame == frame:
        return
    change.by = inner.run.start
    held = history.path_to(found.id, inner.run.frame, inner.run.end)
    change.through = path_text(*held) if held is not None else None
