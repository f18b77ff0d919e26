"""Answers questions about a trace as plain data: where a value came from, what ran, with what."""

import fnmatch
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_recorder.analysis.changes import changes, object_changes
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import (
    difference,
    follow,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.position import (
    Moment,
    Place,
    find_moment,
    parse_name,
    parse_place,
    split_question,
)
from pytest_recorder.analysis.slice.slicer import Slicer
from pytest_recorder.analysis.slice.written import resolved
from pytest_recorder.analysis.syntax import Sources
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.events import Event, ExceptionInfo, Value
from pytest_recorder.tracefile.reader import Trace

_ALL = 1 << 60
"""What is asked for by name is looked for in all of the trace."""


@dataclass(slots=True)
class Why:
    """The answer to `why`: the value, and where it came from."""

    name: str
    moment: Event
    value: Value | None
    origins: list[Origin]


def why(trace: Trace, question: str, test: str | None = None) -> Why:
    """Say where a value came from: `NAME[@[FILE:]LINE]`. Raises UsageError (ERR_QUERY)."""
    history = History(trace, most_events=_ALL)
    sources = Sources(trace.source, trace.files())
    read, place = split_question(question)
    moment = find_moment(history, read, place, test)
    event, name, value = _look(history, moment, read)
    found = Slicer(history, sources).value(moment.frame, moment.n, read)
    # The value itself stands above; below it is what made it so.
    below = found[0].below if len(found) == 1 and found[0].how == "used" else found
    return Why(name, event, value, below)


def _look(history: History, moment: Moment, read: Read) -> tuple[Event, str, Value | None]:
    """Give the event of a moment, the name as asked and its value then."""
    event = history.event(moment.n)
    if event is None:
        raise usage(ErrorCode.QUERY, f"event {moment.n} cannot be read")
    values = history.values(moment.frame, moment.n)
    held = values.get(read.root)
    if held is None:
        if history.has_changes:
            raise usage(
                ErrorCode.QUERY,
                f"no variable {read.root!r} in {event.function} there, expected one of"
                f" {sorted(values)}",
            )
        return event, path_text(read.root, resolved(read.steps, values)), None
    steps = resolved(read.steps, values)
    value, taken = follow(held, steps)
    if taken < len(read.steps):
        shown = path_text(read.root, steps[:taken])
        raise usage(
            ErrorCode.QUERY,
            f"of {shown} no more was recorded, {value.get('type')} has no such part",
        )
    return event, path_text(read.root, steps), value


@dataclass(slots=True)
class Write:
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


def values(trace: Trace, name: str, at: str | None, test: str | None = None) -> list[Write]:
    """Give the history of a variable in one frame, in order.

    `at` is `failure`, the number of an event, or `FILE:LINE`; the last execution of a line before
    the failure counts. Raises UsageError (ERR_QUERY).
    """
    history = History(trace, most_events=_ALL)
    read = parse_name(name)
    moment = _moment(history, read, at, test)
    _look(history, moment, read)
    steps = resolved(read.steps, history.values(moment.frame, moment.n))
    out: list[Write] = []
    for change in changes(history, moment.frame, moment.n, read.root, steps):
        shown = change.shown
        start = change.site.start if change.site is not None else shown
        how = "argument" if shown.kind == "call" else "changed"
        out.append(
            Write(shown.n, start.file, start.line, start.function, how, change.old, change.new)
        )
        if change.old is not None and change.new is not None:
            out[-1].by = _changed_by(history, change.old, change.new, shown.n, moment.frame)
    return out[::-1]


def _moment(history: History, read: Read, at: str | None, test: str | None) -> Moment:
    if at is None or at == "failure":
        return find_moment(history, read, None, test)
    if at.isdecimal() and len(at) < 19:
        event = history.event(int(at))
        if event is None or event.frame is None:
            raise usage(ErrorCode.QUERY, f"no event {at} of a frame in the trace")
        return Moment(event.frame, event.n)
    return find_moment(history, read, parse_place(at), test)


def _changed_by(history: History, old: Value, new: Value, n: int, frame: int) -> Event | None:
    found = difference(old, new)
    if found is None:
        return None
    inner = next(object_changes(history, found.id, found.part, n + 1), None)
    if inner is None or inner.site is None or inner.site.frame == frame:
        return None
    return inner.site.start


@dataclass(slots=True)
class Called:
    """One call of a function."""

    n: int
    frame: int
    thread: int | None
    time_us: int | None
    file: str | None
    line: int | None
    function: str
    args: dict[str, Value] | None
    caller: tuple[str | None, int | None, str | None] | None
    end: str = "open"
    """`return`, `unwind`, or `open` where it was running when the recording ended."""
    result: Value | None = None
    exception: ExceptionInfo | None = None
    duration_us: int | None = None
    yields: int = 0


def calls(events: Iterable[Event], function: str) -> Iterator[Called]:
    """Give every call of a function, in order: by its name, its qualified name or a pattern."""
    places: dict[int, tuple[str | None, int | None, str | None]] = {}
    running: dict[int, Called] = {}
    waiting: deque[Called] = deque()
    for event in events:
        frame = event.frame
        if frame is None:
            continue
        if event.kind == "call" and _is_named(event.function, function):
            called = Called(
                event.n,
                frame,
                event.thread,
                event.time_us,
                event.file,
                event.line,
                event.function or "?",
                event.args,
                places.get(event.parent or 0),
            )
            running[frame] = called
            waiting.append(called)
        places[frame] = (event.file, event.line, event.function)
        open_call = running.get(frame)
        if open_call is not None and event.kind == "yield":
            open_call.yields += 1
        if event.kind in ("return", "unwind"):
            places.pop(frame, None)
            if open_call is not None:
                _end(open_call, event)
                del running[frame]
        # In the order of their beginnings: one that runs holds back those that it makes.
        while waiting and waiting[0].end != "open":
            yield waiting.popleft()
    yield from waiting


def _end(called: Called, event: Event) -> None:
    called.end = event.kind
    called.result = event.value
    called.exception = event.exception
    if event.time_us is not None and called.time_us is not None:
        called.duration_us = event.time_us - called.time_us


def _is_named(name: str | None, wanted: str) -> bool:
    if name is None:
        return False
    last = name.rpartition(".")[2]
    return (
        wanted in (name, last)
        or name.endswith("." + wanted)
        or any(fnmatch.fnmatchcase(part, wanted) for part in (name, last))
    )


@dataclass(slots=True)
class Execution:
    """One execution of a line, with all variables of the frame just before it."""

    n: int
    frame: int
    thread: int | None
    kind: str
    file: str
    line: int
    function: str
    locals: dict[str, Value] = field(default_factory=dict[str, Value])


def executions(events: Iterable[Event], place: Place, root: Path) -> Iterator[Execution]:
    """Give every execution of a line, in order; at the level `calls` the ends of calls there."""
    frames: dict[int, dict[str, Value]] = {}
    last: dict[int, int | None] = {}
    for event in events:
        frame = event.frame
        if frame is None:
            continue
        held = frames.setdefault(frame, {})
        held.update(event.args or {})
        held.update(event.changes)
        for name in event.deleted:
            held.pop(name, None)
        is_new = event.kind == "line" or last.get(frame) != event.line
        if is_new and place.covers(event.file, event.line, root):
            yield Execution(
                event.n,
                frame,
                event.thread,
                event.kind,
                event.file or "",
                event.line or 0,
                event.function or "?",
                dict(held),
            )
        last[frame] = event.line
        if event.kind in ("return", "unwind"):
            frames.pop(frame, None)
            last.pop(frame, None)
