"""Lists what ran: each call of a function, each execution of a line."""

import fnmatch
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pytest_recorder.analysis.open_frames import OpenFrames, weight_of
from pytest_recorder.analysis.position import Location
from pytest_recorder.errors import ErrorCode, target
from pytest_recorder.format.events import Event, ExceptionInfo, Value

_MOST_HELD = 200_000
"""Calls that are held back, and the parts of their values."""
_FEW = 1_000
_Place: TypeAlias = tuple[str | None, int | None, str | None]


@dataclass(slots=True)
class CallRecord:
    """One call of a function."""

    n: int
    frame: int
    thread: int | None
    time_us: int | None
    file: str | None
    line: int | None
    function: str
    args: dict[str, Value] | None
    caller: _Place | None
    end: str = "open"
    """`return`, `unwind`, or `open` where it was running when the recording ended."""
    result: Value | None = None
    exception: ExceptionInfo | None = None
    duration_us: int | None = None
    yields: int = 0


def calls(events: Iterable[Event], function: str) -> Iterator[CallRecord]:
    """Give every call of a function: by its name, its qualified name or a pattern.

    In the order of their beginnings; where very many wait for one that began before them, those
    that have ended come first. Raises TargetError (ERR_TRACE_CORRUPT) where more calls run at once
    than any program makes.
    """
    places: OpenFrames[_Place] = OpenFrames(lambda _: {})
    running: dict[int, CallRecord] = {}
    waiting: deque[CallRecord] = deque()
    held = 0
    for event in events:
        frame = event.frame
        if frame is None:
            continue
        if event.kind == "call" and _is_named(event.function, function):
            record = CallRecord(
                event.n,
                frame,
                event.thread,
                event.time_us,
                event.file,
                event.line,
                event.function or "?",
                dict(event.args) if event.args is not None else None,
                places.get(event.parent or 0),
            )
            held += 1 + event.weight
            running[frame] = record
            waiting.append(record)
        places[frame] = (event.file, event.line, event.function)
        open_call = running.get(frame)
        if open_call is not None and event.kind == "yield":
            open_call.yields += 1
        if event.kind in ("return", "unwind"):
            places.pop(frame, None)
            if open_call is not None:
                held += event.weight
                _end(open_call, event)
                del running[frame]
        places.note(event)
        # One that runs holds back those that it makes.
        while waiting and waiting[0].end != "open":
            yield waiting.popleft()
        if held > _MOST_HELD:
            yield from (record for record in waiting if record.end != "open")
            waiting = deque(record for record in waiting if record.end == "open")
            held = sum(map(_weight, waiting))
            if held > _MOST_HELD // 2:
                said = f"more than {len(waiting)} calls run at once at event {event.n}"
                raise target(ErrorCode.TRACE_CORRUPT, said)
    yield from waiting


def _weight(record: CallRecord) -> int:
    return 1 + sum(map(weight_of, (record.args or {}).values()))


def _end(record: CallRecord, event: Event) -> None:
    record.end = event.kind
    record.result = event.value
    record.exception = event.exception
    if event.time_us is not None and record.time_us is not None:
        record.duration_us = event.time_us - record.time_us


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


def executions(events: Iterable[Event], location: Location, root: Path) -> Iterator[Execution]:
    """Give every execution of a line, in order; at the level `calls` the ends of calls there."""
    frames: OpenFrames[dict[str, Value]] = OpenFrames(lambda values: values)
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
        if is_new and location.covers(event.file, event.line, root):
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
        frames.note(event)
        if len(last) > 2 * len(frames) + _FEW:
            last = {number: line for number, line in last.items() if number in frames}
