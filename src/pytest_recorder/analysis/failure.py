"""Finds the failure in a recording: test, phase, exception, and the calls that led there.

The failure is the exception that left the outermost frame of the first phase that failed: one that
was handled, or that came later in the teardown, is not what the reader asks for. Without phases (a
program that was recorded by the API) it is the last exception that left an outermost frame. Where
nothing failed, the last thing that ran stands in its place: a process that died, or a test that
passed.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pytest_recorder.analysis.past import Past
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.events import Event, ExceptionInfo, Position, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_recorder.analysis.history import History

CANCELLED = "asyncio.exceptions.CancelledError"
"""It ends a task that was cancelled; a failure only where nothing else left the recorded code."""
QUIET = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit", CANCELLED))
"""How generators and tasks end. These alone make no test fail."""
OF_DOCTESTS = frozenset(("DocTestFailure", "MultipleDoctestFailures"))
"""What an example makes fail that gave another result than the one expected: no exception did."""
_MOST_FRAMES = 400
_MOST_ARGUMENTS = 40
_MOST_LOOKED_THROUGH = 30_000
_MOST_UNWOUND = 2_000
_GROUPS = frozenset(("ExceptionGroup", "BaseExceptionGroup"))
_PHASES = ("setup", "call", "teardown")


class FailurePoint(NamedTuple):
    """Where a recording failed; its end where nothing in it did."""

    phase: str | None
    """The phase that failed."""
    end: int
    """Number of the event up to which the story goes."""
    left: Event | None
    """Where the exception left the outermost frame; None where none did."""
    raised: Event | None
    """Where that exception began or entered the project's code."""


@dataclass(slots=True)
class StackFrame:
    """A frame on the way to the failure, and where it was then."""

    number: int
    file: str
    line: int
    function: str
    n: int
    """Its last event up to the failure."""
    args: dict[str, Value] | None = None
    """None where the call was not recorded or lies too far back."""
    position: Position | None = None
    """The piece of that line in which it failed; None where that is not known."""
    levels: int | None = None
    """How many levels of its values are shown then; None: as many as the bound on depth says."""


@dataclass(slots=True)
class Failure:
    """The failure, or the last position where there is none."""

    test: str | None
    phase: str | None
    exception: ExceptionInfo | None
    end: int
    """Number of the event up to which the story goes."""
    raised: Event | None
    """Where the exception began or entered the project's code."""
    stack: list[StackFrame] = field(default_factory=list[StackFrame])
    """From the outermost to the one that failed."""
    others: list[str] = field(default_factory=list[str])
    """Other tests that failed, in the trace of a whole run."""


@dataclass(slots=True)
class FailedTests:
    """What a trace says of the tests that failed in it, in order."""

    names: list[str]
    ends: dict[str, tuple[int, str]]
    """For each the end of its first phase that failed, and that phase."""


def is_group(error: ExceptionInfo | None) -> bool:
    """Whether an exception stands for several that were raised elsewhere."""
    return error is not None and error.type.rpartition(".")[2] in _GROUPS


# The definition.


def last_failure_point(past: Past, *, is_of_run: bool) -> FailurePoint:
    """Find the failure of the test that failed last; the end of the recording where none did.

    `is_of_run`: tests that passed may come after it. Without it only the last test is looked at.
    """
    phase, end = _failed_phase(past, is_of_run=is_of_run)
    return _point_of(past, phase, len(past) if end is None else end)


def _failed_phase(past: Past, *, is_of_run: bool) -> tuple[str | None, int | None]:
    """Give the first phase of the last test that failed, and the event at its end."""
    found: tuple[str | None, int | None] = (None, None)
    for event in past.backwards(len(past)):
        if not _is_phase(event):
            continue
        if event.edge == "end" and event.outcome == "failed":
            found = (event.phase, event.n)
        is_first = event.phase == "setup" or (event.phase == "call" and event.edge == "end")
        if is_first and not (is_of_run and found[1] is None):
            return found
    return found


def _point_of(past: Past, phase: str | None, end: int, *, is_any: bool = False) -> FailurePoint:
    """Find the exception that ended a phase; where `is_any` the last that left any frame."""
    left = _left(past, end, is_any=is_any)
    if left is None:
        return FailurePoint(phase, end, None, None)
    return FailurePoint(phase, left.n, left, _raise_of(past, left))


def _left(past: Past, end: int, *, is_any: bool) -> Event | None:
    """Give the last `unwind` of a frame that nobody recorded called, in its phase."""
    cancelled: Event | None = None
    for event in past.backwards(end):
        if _is_phase(event):
            break
        if event.kind != "unwind" or event.exception is None or event.frame is None:
            continue
        kind = event.exception.type
        if kind in QUIET and (kind != CANCELLED or cancelled is not None or is_any):
            continue
        if is_any or past.parent_of(event.frame, event.n) is None:
            if kind != CANCELLED:
                return event
            cancelled = event
    return cancelled


def _raise_of(past: Past, left: Event) -> Event | None:
    """Give the last `raise` of the exception that left, in its phase."""
    wanted = left.exception.id if left.exception is not None else None
    for event in past.backwards(left.n):
        if _is_phase(event):
            return None
        error = event.exception if event.kind == "raise" else None
        if error is not None and error.id == wanted:
            return event
    return None


def _is_phase(event: Event) -> bool:
    """Whether a phase of a test begins or ends with an event."""
    return event.kind == "span" and event.phase in _PHASES


# What a trace tells of it.


def find_failure(history: "History", test: str | None = None) -> Failure:
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
    failing = manifest.failing
    if failing is not None and failing.exception in OF_DOCTESTS:
        return _failure(history, manifest.test, _doctest_point(history, failing.phase))
    point = last_failure_point(history, is_of_run=False)
    if point.left is None and point.phase is not None:
        # A frame that was recorded called the test, and handled what left it.
        point = _point_of(history, point.phase, point.end, is_any=True)
    return _failure(history, manifest.test, point)


def _doctest_point(past: Past, phase: str) -> FailurePoint:
    """Find the end of the phase: what left a function of an example that passed was expected."""
    for event in past.backwards(len(past)):
        if _is_phase(event) and event.edge == "end" and event.phase == phase:
            return FailurePoint(phase, event.n, None, None)
    return FailurePoint(phase, len(past), None, None)


def failed_tests(history: "History", *, is_quick: bool = False) -> FailedTests:
    """Give the failed tests of a trace of a whole run.

    Reads all of it; where `is_quick` and it is large, only its end.
    """
    events: Iterable[Event] = history.trace.events()
    if is_quick and len(history) > _MOST_LOOKED_THROUGH:
        latest = history.backwards(len(history), most=_MOST_LOOKED_THROUGH)
        events = reversed([event for event in latest if event.kind == "span"])
    tests = FailedTests([], {})
    for event in events:
        is_failed = _is_phase(event) and event.edge == "end" and event.outcome == "failed"
        if is_failed and event.name and event.name not in tests.ends:
            tests.names.append(event.name)
            tests.ends[event.name] = (event.n, str(event.phase))
    return tests


def _in_session(history: "History", test: str | None) -> Failure:
    tests = failed_tests(history, is_quick=test is None)
    if test is None:
        if not tests.names:
            return _failure(history, None, _point_of(history, None, len(history)))
        test = tests.names[0]
    if test not in tests.ends:
        raise usage(
            ErrorCode.QUERY,
            f"no failed test {test!r} in the trace, expected one of {tests.names}",
        )
    end, phase = tests.ends[test]
    found = _failure(history, test, _point_of(history, phase, end))
    found.others = [other for other in tests.names if other != test]
    return found


def _failure(history: "History", test: str | None, point: FailurePoint) -> Failure:
    """Add to a point the calls that led there."""
    left = point.left
    error = left.exception if left is not None else None
    found = Failure(test, point.phase, error, point.end, point.raised)
    at = point.raised or left
    if at is None:
        at = next((e for e in history.backwards(point.end) if e.frame is not None), None)
    if at is not None:
        found.stack = _stack(history, at.frame or 0, at.n)
        if error is not None:
            _locate(history, found.stack, at.n, point.end)
    return found


def _locate(history: "History", stack: list[StackFrame], n: int, end: int) -> None:
    """Find where in its line each frame was, by how the exception began and left it."""
    frames = {frame.number: frame for frame in stack}
    for event in islice(history.between(n, end + 1), _MOST_UNWOUND):
        frame = frames.get(event.frame or 0)
        if frame is None or event.kind not in ("raise", "unwind"):
            continue
        position = event.position
        if position is not None and position.line <= frame.line <= position.end_line:
            frame.position = frame.position or position


def _stack(history: "History", frame: int, n: int) -> list[StackFrame]:
    frames: list[StackFrame] = []
    numbers: set[int] = set()
    before = n + 1
    while frame and frame not in numbers and len(frames) < _MOST_FRAMES:
        numbers.add(frame)
        last = history.before(frame, before)
        if last is None or last.file is None or last.line is None:
            break
        call = history.call_of(frame, last.n + 1) if len(frames) < _MOST_ARGUMENTS else None
        args = dict(call.args) if call is not None and call.args is not None else None
        function = last.function or "?"
        frames.append(
            StackFrame(frame, last.file, last.line, function, last.n, args, levels=last.levels)
        )
        parent = history.parent_of(frame, last.n)
        frame, before = parent or 0, last.n + 1
    return frames[::-1]
