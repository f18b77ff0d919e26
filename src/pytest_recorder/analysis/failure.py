"""Finds the failure in a trace: the test, its phase, the exception, and the calls that led there.

The failure is the exception that left the outermost frame of the first phase that failed. Without
phases it is the last exception that left an outermost frame. Where nothing failed, the last thing
that ran stands in its place: a process that died, or a test that passed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pytest_recorder.analysis.history import History
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.events import Event, ExceptionInfo, Value

QUIET = frozenset(
    (
        "StopIteration",
        "StopAsyncIteration",
        "GeneratorExit",
        "asyncio.exceptions.CancelledError",
    )
)
_MOST_CALLS = 400
_MOST_LOOKED_THROUGH = 30_000
_GROUPS = frozenset(("ExceptionGroup", "BaseExceptionGroup"))
_PHASES = ("setup", "call", "teardown")


@dataclass(slots=True)
class Call:
    """A frame on the way to the failure, and where it was then."""

    frame: int
    file: str
    line: int
    function: str
    n: int
    """Its last event up to the failure."""
    args: dict[str, Value] | None = None
    """None where the call was not recorded or lies too far back."""


@dataclass(slots=True)
class Failure:
    """The failure, or the last moment where there is none."""

    test: str | None
    phase: str | None
    exception: ExceptionInfo | None
    end: int
    """Number of the event up to which the story goes."""
    raised: Event | None
    """Where the exception began or entered the project's code."""
    calls: list[Call] = field(default_factory=list[Call])
    """From the outermost to the one that failed."""
    others: list[str] = field(default_factory=list[str])
    """Other tests that failed, in the trace of a whole run."""


@dataclass(slots=True)
class Tests:
    """What a trace says of the tests in it: those that failed, in order."""

    failed: list[str]
    ends: dict[str, tuple[int, str]]
    """For each that failed, the end of its first phase that did, and that phase."""


def is_group(error: ExceptionInfo | None) -> bool:
    """Whether an exception stands for several that were raised elsewhere."""
    return error is not None and error.type.rpartition(".")[2] in _GROUPS


def find_failure(history: History, test: str | None = None) -> Failure:
    """Find the failure of a test; of the only or first failed one where none is named.

    Raises UsageError (ERR_QUERY) for a test that the trace does not have.
    """
    manifest = history.trace.manifest
    if manifest.scope == "session":
        return _in_session(history, test)
    if test is not None and test != manifest.test:
        raise usage(
            ErrorCode.QUERY, f"no test {test!r} in the trace, it is of {manifest.test!r}"
        )
    phase, end = _failed_phase(history)
    failure = _failure(history, manifest.test, phase, len(history) if end is None else end)
    if failure.exception is None and end is not None:
        return _failure(history, manifest.test, phase, end, is_any=True)
    return failure


def failed_tests(history: History, *, is_quick: bool = False) -> Tests:
    """Give the failed tests of a trace of a whole run.

    Reads all of it; where `is_quick` and it is large, only its end.
    """
    events: Iterable[Event] = history.trace.events()
    if is_quick and len(history) > _MOST_LOOKED_THROUGH:
        latest = history.backwards(len(history), most=_MOST_LOOKED_THROUGH)
        events = reversed([event for event in latest if event.kind == "span"])
    tests = Tests([], {})
    for event in events:
        is_end = event.kind == "span" and event.edge == "end" and event.phase in _PHASES
        if is_end and event.outcome == "failed" and event.name and event.name not in tests.ends:
            tests.failed.append(event.name)
            tests.ends[event.name] = (event.n, str(event.phase))
    return tests


def _in_session(history: History, test: str | None) -> Failure:
    tests = failed_tests(history, is_quick=test is None)
    if test is None:
        if not tests.failed:
            return _failure(history, None, None, len(history))
        test = tests.failed[0]
    if test not in tests.ends:
        raise usage(
            ErrorCode.QUERY,
            f"no failed test {test!r} in the trace, expected one of {tests.failed}",
        )
    end, phase = tests.ends[test]
    found = _failure(history, test, phase, end)
    found.others = [other for other in tests.failed if other != test]
    return found


def _failed_phase(history: History) -> tuple[str | None, int | None]:
    """Give the first phase that failed, and the event at its end."""
    found: tuple[str | None, int | None] = (None, None)
    for event in history.backwards(len(history)):
        if event.kind != "span" or event.phase not in _PHASES:
            continue
        if event.edge == "end" and event.outcome == "failed":
            found = (event.phase, event.n)
        is_first = event.phase == "setup" or (event.phase == "call" and event.edge == "end")
        if is_first:
            return found
    return found


def _failure(
    history: History, test: str | None, phase: str | None, end: int, *, is_any: bool = False
) -> Failure:
    left = _left_outermost(history, end, is_any=is_any)
    if left is None or left.exception is None or left.frame is None:
        last = next((e for e in history.backwards(end) if e.frame is not None), None)
        found = Failure(test, phase, None, end, None)
        if last is not None and last.frame is not None:
            found.calls = _calls(history, last.frame, last.n)
        return found
    raised = _raise_of(history, left)
    at = raised if raised is not None else left
    found = Failure(test, phase, left.exception, left.n, raised)
    found.calls = _calls(history, at.frame or 0, at.n)
    return found


def _left_outermost(history: History, end: int, *, is_any: bool) -> Event | None:
    """Give the last `unwind` of a frame that nobody recorded called, in its phase."""
    for event in history.backwards(end):
        if event.kind == "span" and event.edge == "begin" and event.phase in _PHASES:
            return None
        if event.kind != "unwind" or event.exception is None or event.frame is None:
            continue
        if event.exception.type in QUIET:
            continue
        if is_any or history.parent_of(event.frame, event.n) is None:
            return event
    return None


def _raise_of(history: History, left: Event) -> Event | None:
    wanted = left.exception.id if left.exception is not None else None
    for event in history.backwards(left.n):
        if (
            event.kind == "raise"
            and event.exception is not None
            and event.exception.id == wanted
        ):
            return event
        if event.kind == "span" and event.edge == "begin" and event.phase in _PHASES:
            return None
    return None


def _calls(history: History, frame: int, n: int) -> list[Call]:
    calls: list[Call] = []
    seen: set[int] = set()
    before = n + 1
    while frame and frame not in seen and len(calls) < _MOST_CALLS:
        seen.add(frame)
        last = history.before(frame, before)
        if last is None or last.file is None or last.line is None:
            break
        call = history.call_of(frame, last.n + 1) if len(calls) < 40 else None
        args = call.args if call is not None else None
        calls.append(Call(frame, last.file, last.line, last.function or "?", last.n, args))
        parent = history.parent_of(frame, last.n)
        frame, before = parent or 0, last.n + 1
    return calls[::-1]


# What happened besides.


@dataclass(slots=True)
class Handled:
    """An exception that did not end its test: where it began and where the program went on."""

    exception: ExceptionInfo
    raised: Event
    went_on: Event | None


def handled_exceptions(history: History, failure: Failure, most: int) -> list[Handled]:
    """Give the last exceptions before the failure that somebody handled, in order."""
    found: list[Handled] = []
    for event in _raises(history, failure.end):
        error = event.exception
        if error is None or error.type in QUIET:
            continue
        if failure.raised is not None and event.n == failure.raised.n:
            continue
        went_on = _went_on(history, event, failure.end)
        found.append(Handled(error, event, went_on))
        if len(found) >= most:
            break
    return found[::-1]


def _raises(history: History, end: int) -> Iterator[Event]:
    """Give the `raise` events before a moment, the latest first."""
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
    """Give the last lines that were printed before a moment, as `stdout| text`."""
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
    """Give the last log records before a moment, in order."""
    found: list[Event] = []
    for event in history.backwards(end, most=_MOST_LOOKED_THROUGH):
        if event.kind == "log":
            found.append(event)
            if len(found) >= most:
                break
    return found[::-1]
