"""Lets events come from `sys.monitoring` (PEP 669, Python 3.12 and newer).

PYTEST_DONT_REWRITE

Global events are those that cannot be local (PY_UNWIND, PY_THROW, RAISE), and PY_START and
PY_RESUME, which are switched off per code object where the scope says no. Code in scope gets its
local events once.
PY_START stays on for it: on 3.13 a one-line function gives no LINE event without (gh-155992).
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any

from pytest_recorder.diagnostics.guard import Unreported, shield2, shield3
from pytest_recorder.engine.base import Capabilities, HotPath
from pytest_recorder.engine.streams import may_replace_streams
from pytest_recorder.errors import ErrorCode, enverr

if TYPE_CHECKING:
    from pytest_recorder.engine.pure.hot_path import Operation, PureHotPath

_getframe = sys._getframe
_TOOL_NAME = "pytest-record-trace"
_TOOL_IDS = (4, 3, 5, 2, 0, 1)
"""The order of trying: 0 is the debuggers' place and 1 coverage's, so they come last."""


Callbacks = Mapping[int, Callable[..., Any]]


class MonitoringEngine:
    """Owns a tool id. `callbacks` are the hot path's, by event."""

    name = "monitoring"

    def __init__(
        self,
        hot: HotPath,
        callbacks: Callbacks,
        *,
        capabilities: Capabilities,
        on_fault: Callable[..., Any],
        unreported: Unreported | None = None,
    ) -> None:
        self.unreported = unreported or Unreported()
        self._hot = hot
        self._callbacks: Callbacks = callbacks
        self.capabilities = capabilities
        self._look: Callable[[CodeType, int], Any] = shield2(
            self._look_at_streams, partial(on_fault, callback="line")
        )
        self._tool: int | None = None
        self._started = False

    def install(self) -> None:
        """Take the first free tool id of those that suit."""
        if self._tool is not None:
            return
        monitoring = sys.monitoring
        for tool in _TOOL_IDS:
            try:
                monitoring.use_tool_id(tool, _TOOL_NAME)
            except ValueError:
                continue
            self._tool = tool
            break
        else:
            names = ", ".join(str(monitoring.get_tool(tool)) for tool in sorted(_TOOL_IDS))
            raise enverr(
                ErrorCode.TRACER_INSTALL_CONFLICT,
                f"all tool ids of sys.monitoring are taken, by {names}",
            )
        events = monitoring.events
        self._global = events.PY_START | events.PY_UNWIND | events.PY_THROW | events.RAISE
        # A generator that was started before the recording is met when it goes on.
        self._global |= events.PY_RESUME
        self._local = events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
        if self._hot.has_lines:
            self._local |= events.LINE
        else:
            # No lines are recorded, but code that may replace `sys.stdout` is watched line by line.
            self._callbacks = {**self._callbacks, events.LINE: self._look}
        self._hot.enable_code = self._enable
        # An earlier recording may have switched off, under this id, what is in scope now.
        monitoring.restart_events()

    def start(self) -> None:
        """Register the callbacks and turn the events on."""
        if self._tool is None:
            return
        # A name for this very frame, one of them, would keep it alive, and all that runs below it.
        frames = list(sys._current_frames().values())
        while frames:
            self._hot.attach(frames.pop(0))
        if self._started:
            return
        self._started = True
        monitoring, tool = sys.monitoring, self._tool
        for event, callback in self._callbacks.items():
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, self._global)

    def stop(self) -> None:
        """Turn the events off; local ones would go on, so the callbacks go too."""
        if self._tool is None or not self._started:
            return
        self._started = False
        sys.monitoring.set_events(self._tool, 0)
        for event in self._callbacks:
            sys.monitoring.register_callback(self._tool, event, None)

    def rest(self) -> None:
        """Leave the events on where the hot path turns them down at once.

        To turn them off and on makes the interpreter instrument all code that runs anew: on the
        suite of boltons, with a trace for each of 519 tests, that took longer than recording calls.
        """
        if not self._hot.rests_cheaply:
            self.stop()

    def uninstall(self) -> None:
        """Clear local events and give the tool id back: a new owner would inherit them."""
        if self._tool is None:
            return
        self.stop()
        for code in self._hot.codes():
            sys.monitoring.set_local_events(self._tool, code, 0)
        sys.monitoring.free_tool_id(self._tool)
        self._tool = None

    def abandon(self) -> None:
        """Stop in a forked child; its copy of the interpreter state is its own."""
        self.uninstall()

    def rival(self) -> str | None:
        """A tool id is not taken away by anybody."""
        return None

    def _look_at_streams(self, code: CodeType, line: int) -> None:
        self._hot.watch_streams()

    def _enable(self, code: CodeType) -> None:
        if self._tool is not None:
            is_watched = not self._hot.has_lines and may_replace_streams(code)
            more = sys.monitoring.events.LINE if is_watched else 0
            sys.monitoring.set_local_events(self._tool, code, self._local | more)


def pure_callbacks(
    hot: "PureHotPath", on_fault: Callable[..., Any], unreported: Unreported
) -> Callbacks:
    """Make the callbacks of the hot path in pure Python, each behind a shield."""
    events = sys.monitoring.events
    disable = sys.monitoring.DISABLE
    start = hot.locked(hot.start)

    def py_start(code: CodeType, offset: int) -> Any:
        return disable if start(_getframe(2), code, offset) is False else None

    def resumed(frame: Any, code: CodeType, offset: int) -> bool:
        # PY_RESUME is global. False: the code is out of scope and need not be shown again.
        if not hot.has_code(code) and not hot.attach_one(frame):
            return False
        hot.resumed(frame, code, offset)
        return True

    resume = hot.locked(resumed)

    def py_resume(code: CodeType, offset: int) -> Any:
        return disable if resume(_getframe(2), code, offset) is False else None

    def thrown(frame: Any, code: CodeType, error: BaseException) -> None:
        # PY_THROW is global, and the first event of a generator that was never started.
        if hot.has_code(code) or hot.attach_one(frame):
            hot.thrown(frame, code, error)

    def pair(name: str, function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        return shield2(function, partial(on_fault, callback=name), unreported)

    def triple(name: str, operation: "Operation") -> Callable[..., Any]:
        locked = hot.locked(operation)
        return shield3(
            lambda code, offset, value: locked(_getframe(2), code, value),
            partial(on_fault, callback=name),
            unreported,
        )

    line = hot.locked(hot.line)
    return {
        events.PY_START: pair("py_start", py_start),
        events.LINE: pair("line", lambda code, number: line(_getframe(2), code, number)),
        events.PY_RESUME: pair("py_resume", py_resume),
        events.PY_RETURN: triple("py_return", hot.returned),
        events.PY_YIELD: triple("py_yield", hot.yielded),
        events.PY_THROW: triple("py_throw", thrown),
        events.RAISE: triple("raise", hot.raised),
        events.PY_UNWIND: triple("py_unwind", hot.unwound),
    }
