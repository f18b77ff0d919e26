"""Lets events come from `sys.settrace` to a trace function in C (Python 3.11).

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from pytest_recorder.diagnostics.guard import Unreported
from pytest_recorder.engine.base import Capabilities, HotPath
from pytest_recorder.engine.rivals import (
    THREADING,
    name_of,
    refuse_rival,
    taken_by,
    threads_taken,
)
from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER


class NativeTracer(HotPath, Protocol):
    """The hot path in C, which is a trace function."""

    def __call__(self, frame: FrameType, event: str, argument: Any, /) -> Any: ...

    put_back: Callable[[], None] | None
    """Called where the program has removed the trace function and put it back."""

    def is_traced(self) -> bool:
        """Whether this thread is traced now."""
        ...

    def join_thread(self, frame: FrameType, event: str, argument: Any, /) -> Any:
        """Be what `threading` installs in a new thread: becomes the trace function of it."""
        ...

    def trace_thread(self) -> None:
        """Become the trace function of this thread."""
        ...

    def untrace_thread(self) -> None:
        """Be no trace function any more, in any thread."""
        ...


class NativeSettraceEngine:
    """Owns `sys.settrace` with a trace function in C, which is the hot path itself.

    Every frame of a traced thread is shown to it, so that nothing must be put into frames. The
    interpreter calls it at the recursion limit too. Another trace function that the program
    installs takes its place at once; that is noticed at the edges of phases and at the end, or
    when ours is put back.
    """

    name = "settrace"

    def __init__(
        self, hot: NativeTracer, *, capabilities: Capabilities, on_fault: Callable[..., Any]
    ) -> None:
        self._hot = hot
        self.capabilities = capabilities
        self._join: Callable[[FrameType, str, Any], Any] = hot.join_thread
        # One object for the whole life: its identity tells whether `threading` still has it.
        self._on_fault = on_fault
        self.unreported = Unreported()
        self._started = False

    def install(self) -> None:
        """There is one place for a trace function: find out who has it."""
        refuse_rival()

    def start(self) -> None:
        """Trace this thread and those that it starts."""
        if self._started:
            return
        refuse_rival()
        self._started = True
        self._hot.attach(INTERPRETER.getframe(1))
        self._hot.put_back = self._report_absence
        THREADING.settrace(self._join)
        self._hot.trace_thread()

    def stop(self) -> None:
        """Trace nothing more; other threads find out at their next event."""
        if self._started:
            self._started = False
            if not self._hot.is_traced():
                self._report_absence()
            if THREADING.gettrace() is self._join:
                THREADING.settrace(None)  # type: ignore[arg-type,unused-ignore]
        self._hot.put_back = None
        self._hot.untrace_thread()

    def rest(self) -> None:
        """The place of a trace function is not ours between two recordings."""
        self.stop()

    def lower_level(self, level: str) -> bool:
        """Record no more than this until the trace ends; the trace function looks at each line."""
        return self._hot.lower_level(level)

    def uninstall(self) -> None:
        """Nothing is held beyond `stop`."""
        self.stop()

    def abandon(self) -> None:
        """Stop in a forked child."""
        self._hot.untrace_thread()
        self._started = False

    def conflict(self) -> str | None:
        """Say who took the trace function; put ourselves back where it was only removed."""
        if not self._started:
            return None
        current = INTERPRETER.gettrace()
        if current is not None and current is not self._hot:
            return taken_by(current)
        if not self._hot.is_traced():
            self._report_absence()
            return None
        return threads_taken(self._join)

    def conflict_at_end(self) -> str | None:
        """Look at the same: there is no more."""
        return self.conflict()

    def _report_absence(self) -> None:
        """The trace function was removed, and perhaps put back: what came between is lost."""
        current = INTERPRETER.gettrace()
        who = "" if current is None or current is self._hot else f" by {name_of(current)}"
        self._on_fault(
            enverr(
                ErrorCode.TRACER_INSTALL_CONFLICT,
                f"the trace function was taken away during the recording{who}",
            )
        )
