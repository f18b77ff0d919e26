"""Gives what else happened before a failure: handled exceptions, output and log records."""

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_recorder.analysis.failure import QUIET, Failure
from pytest_recorder.analysis.history import History
from pytest_recorder.format.events import Event, ExceptionInfo

_MOST_LOOKED_THROUGH = 30_000


@dataclass(slots=True)
class HandledException:
    """An exception that did not end its test: where it began and where the program went on."""

    exception: ExceptionInfo
    raised: Event
    went_on: Event | None


def handled_exceptions(history: History, failure: Failure, most: int) -> list[HandledException]:
    """Give the last exceptions before the failure that somebody handled, in order."""
    found: list[HandledException] = []
    for event in _raises(history, failure.end):
        error = event.exception
        if error is None or error.type in QUIET:
            continue
        if failure.raised is not None and event.n == failure.raised.n:
            continue
        went_on = _went_on(history, event, failure.end)
        found.append(HandledException(error, event, went_on))
        if len(found) >= most:
            break
    return found[::-1]


def _raises(history: History, end: int) -> Iterator[Event]:
    """Give the `raise` events before an event, the latest first."""
    if history.raises is None:
        for event in history.backwards(end, most=_MOST_LOOKED_THROUGH):
            if event.kind == "raise":
                yield event
        return
    for n in reversed(history.raises):
        found = history.event(n) if n < end else None
        if found is not None:
            yield found


def _went_on(history: History, raised: Event, end: int) -> Event | None:
    """Find the first line that ran in a frame that the exception reached and did not leave."""
    error = raised.exception
    left: set[int] = set()
    last = raised
    for event in history.between(raised.n + 1, min(end, raised.n + 2_000)):
        leaving = event.exception if event.kind == "unwind" else None
        if leaving is not None and error is not None and leaving.id == error.id:
            left.add(event.frame or 0)
            last = event
            continue
        if event.frame is None or event.frame in left or event.thread != raised.thread:
            continue
        if event.kind in ("line", "return", "yield") and last.frame is not None:
            caller = history.parent_of(last.frame, last.n) if left else last.frame
            return event if event.frame == caller or caller is None else None
    return None


def output_tail(history: History, end: int, most: int) -> list[str]:
    """Give the last lines that were printed before an event, as `stdout| text`."""
    pieces: list[tuple[str, str]] = []
    lines = 0
    for event in history.backwards(end, most=_MOST_LOOKED_THROUGH):
        if event.kind == "output" and event.text is not None:
            text = str(event.text.get("value", ""))
            pieces.append((event.stream or "?", text))
            lines += text.count("\n")
            if lines > most:
                break
    out: list[str] = []
    open_line = ""
    stream_before = ""
    for stream, text in reversed(pieces):
        if stream != stream_before and open_line:
            out.append(f"{stream_before}| {open_line}")
            open_line = ""
        stream_before = stream
        *whole, open_line = (open_line + text).split("\n")
        out += [f"{stream}| {line}" for line in whole]
    if open_line:
        out.append(f"{stream_before}| {open_line}")
    return out[-most:]


def log_tail(history: History, end: int, most: int) -> list[Event]:
    """Give the last log records before an event, in order."""
    found: list[Event] = []
    for event in history.backwards(end, most=_MOST_LOOKED_THROUGH):
        if event.kind == "log":
            found.append(event)
            if len(found) >= most:
                break
    return found[::-1]
