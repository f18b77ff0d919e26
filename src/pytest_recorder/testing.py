"""Gives tests a recording of one call, without pytest and without a trace folder to look after.

recorded = record(checkout, basket)
assert recorded.kinds("checkout") == ["call", "line", "return"]
assert recorded.last("return").value == {"type": "int", "value": 3}
"""

import inspect
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.events import Event, Value
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings import BY_NAME
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.parse import parse_option
from pytest_recorder.settings.policy import Policy
from pytest_recorder.tracefile.reader import Trace, open_trace


class FakeClock:
    """A clock that goes on by one step at each look, so that times can be foretold."""

    def __init__(self, start_ns: int = 0, step_ns: int = 1000) -> None:
        self.now_ns = start_ns
        self.step_ns = step_ns

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns


class Recorded:
    """What a recorded call did, and its trace.

    `result` is what the call returned, `error` the exception it raised: one of them is None.
    `path` is the trace file; without a `folder` of the caller's it lives as long as this object.
    """

    def __init__(
        self, path: Path, ended: Ended, result: Any, error: BaseException | None
    ) -> None:
        self.path = path
        self.status = ended.status
        self.reason = ended.reason
        self.result = result
        self.error = error
        with open_trace(path) as trace:
            self.manifest = trace.manifest
            self.dropped = trace.trailer.dropped
            self.events: list[Event] = list(trace.events())

    def trace(self) -> Trace:
        """Open the trace file; the caller closes it."""
        return open_trace(self.path)

    def of(self, function: str) -> list[Event]:
        """Give the events of all frames of a function, by its qualified name or the end of it."""
        return [event for event in self.events if _is_named(event.function, function)]

    def kinds(self, function: str) -> list[str]:
        """Give the kinds of a function's events, in order."""
        return [event.kind for event in self.of(function)]

    def last(self, kind: str) -> Event:
        """Give the last event of a kind. Raises UsageError (ERR_QUERY) where there is none."""
        for event in reversed(self.events):
            if event.kind == kind:
                return event
        raise usage(ErrorCode.QUERY, f"the trace has no event of kind {kind!r}")

    def values_at(self, event: Event | int) -> dict[str, Value]:
        """Give all variables of the event's frame as they were then."""
        with self.trace() as trace:
            return trace.values_at(event)


def record(
    function: Callable[..., Any],
    *args: Any,
    engine: str = "auto",
    hot_path: str = "auto",
    level: str = "values",
    values: str = "",
    include: Iterable[str] | None = None,
    folder: Path | None = None,
    clock: Callable[[], int] | None = None,
    **settings: Any,
) -> Recorded:
    """Call a function and record the call.

    Args:
        function: what is called, with `args`.
        engine: `auto`, `monitoring` or `settrace`.
        hot_path: `auto`, `native` or `python`.
        level: `calls`, `lines` or `values`.
        values: bounds of one value, such as `depth=5,chars=40`.
        include: patterns of code to record; the file that defines the function when None.
        folder: where the trace goes; a temporary folder when None.
        clock: stands in for the clock of the recording, in nanoseconds.
        settings: other fields of the settings, such as `redact=("hint",)`.

    An exception of the function is kept in the result, not raised. Errors of the recorder are
    raised where recording cannot start; what ends it early stands in `status` and `reason`.
    """
    where = folder if folder is not None else Path(tempfile.mkdtemp(prefix="record-"))
    patterns = [_file_of(function)] if include is None else list(include)
    fields = {
        # An empty folder as root: nothing is in scope but what is included.
        "root": where,
        "dir": where,
        "engine": engine,
        "hot_path": hot_path,
        "level": level,
        "values": parse_option(BY_NAME["values"], values, "values"),
        "include": tuple(patterns),
        **settings,
    }
    recorder = Recorder(Settings.checked({"enabled": True, **fields}), where, Policy())
    try:
        recorded = _run(recorder, where / "trace.pyrec", function, args, clock)
    except BaseException:
        if folder is None:
            shutil.rmtree(where, ignore_errors=True)
        raise
    if folder is None:
        weakref.finalize(recorded, shutil.rmtree, where, ignore_errors=True)
    return recorded


def _run(
    recorder: Recorder,
    path: Path,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    clock: Callable[[], int] | None,
) -> Recorded:
    result: Any = None
    failure: BaseException | None = None
    recorder.open()
    try:
        if clock is not None and recorder.setup is not None:
            recorder.setup.hot.clock = clock  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        recorder.begin()
        try:
            result = function(*args)
        except BaseException as error:  # noqa: BLE001 - any way to end is a result here
            failure = error
        ended = recorder.end()
        if ended is None:
            raise usage(ErrorCode.TRACE_MISSING, "the call was not recorded: it is in a fork")
        recorder.keep(path)
        return Recorded(path, ended, result, failure)
    finally:
        recorder.close()


def _file_of(function: Callable[..., Any]) -> str:
    """Give a pattern for the file that defines a function."""
    return re.sub(r"[\[*?]", r"[\g<0>]", inspect.getfile(inspect.unwrap(function)))


def _is_named(name: str | None, wanted: str) -> bool:
    return name is not None and (name == wanted or name.endswith("." + wanted))
