"""Lets events come from `sys.monitoring` (PEP 669, Python 3.12 and newer).

PYTEST_DONT_REWRITE

Global events are PY_START and PY_RESUME, which are switched off per code object where the scope
says no; PY_THROW, the first event of a generator that was never started; and up to 3.14 those that
cannot be local (PY_UNWIND, RAISE). Code in scope gets its local events once.
PY_START stays on for it: on 3.13 a one-line function gives no LINE event without (gh-155992).
"""

from collections.abc import Callable
from functools import partial
from itertools import repeat
from types import CodeType
from typing import TYPE_CHECKING, Any

from pytest_recorder import compat
from pytest_recorder.diagnostics.guard import Unreported, shield2, shield3
from pytest_recorder.engine.base import Capabilities, HotPath
from pytest_recorder.engine.streams import may_replace_streams
from pytest_recorder.engine.tool_id import TOOL_IDS, Callbacks, ToolId
from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER

if TYPE_CHECKING:
    from pytest_recorder.engine.pure.entrance import Operation
    from pytest_recorder.engine.pure.hot_path import PureHotPath

_getframe = INTERPRETER.getframe


class MonitoringEngine:
    """Owns a tool id. `callbacks` are the hot path's, by event."""

    name = "monitoring"

    def __init__(
        self,
        hot: HotPath,
        callbacks: Callbacks,
        *,
        capabilities: Capabilities,
        unreported: Unreported | None = None,
    ) -> None:
        self.unreported = unreported or Unreported()
        self._hot = hot
        self._callbacks: Callbacks = callbacks
        self.capabilities = capabilities
        self._tool = ToolId()
        self._is_installed = False
        self._started = False
        self._global = self._local = self._line = 0
        self._shows_lines = False
        # By address: the hot path holds the code objects that it has met.
        self._watched: dict[int, int] = {}

    def install(self) -> None:
        """Take a tool id."""
        if self._is_installed:
            return
        self._tool.take()
        self._is_installed = True
        events = INTERPRETER.monitoring.events
        self._line = events.LINE
        # A generator that was started before the recording is met when it goes on, or by a throw.
        self._global = events.PY_START | events.PY_RESUME | events.PY_THROW
        self._local = events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
        if compat.HAS_LOCAL_EXCEPTION_EVENTS:
            self._local |= events.RAISE | events.PY_UNWIND
        else:
            self._global |= events.RAISE | events.PY_UNWIND
        self._shows_lines = self._hot.has_lines
        self._hot.enable_code = self._enable
        # An earlier recording may have switched off, under this id, what is in scope now.
        INTERPRETER.monitoring.restart_events()

    def start(self) -> None:
        """Register the callbacks and turn the events on, under another id where ours was lost."""
        if not self._is_installed:
            return
        self._follow_level()
        if self._started and self._tool.conflict() is not None:
            self.stop()
        # A name for this very frame, one of them, would keep it alive, and all that runs below it.
        frames = list(INTERPRETER.current_frames().values())
        while frames:
            self._hot.attach(frames.pop(0))
        if self._started:
            return
        for _ in TOOL_IDS:
            if not self._tool.is_held:
                self._move()
            if self._tool.turn_on(self._callbacks, self._global):
                self._started = True
                return
            self._give_back()
        raise enverr(
            ErrorCode.TRACER_INSTALL_CONFLICT,
            "others have callbacks under all tool ids of sys.monitoring that are free",
        )

    def _move(self) -> None:
        """Take another tool id, in the place of one that others have."""
        self._give_back()
        self._tool.take()
        INTERPRETER.monitoring.restart_events()
        for code in self._hot.codes():
            self._enable(code)

    def _give_back(self) -> None:
        codes = self._hot.codes()
        self._tool.give_back(codes, self._expected(codes))

    def stop(self) -> None:
        """Turn the events off; local ones would go on, so the callbacks go too."""
        if not self._started:
            return
        is_ours = self.conflict_at_end() is None
        self._started = False
        if is_ours:
            self._tool.turn_off()
        else:
            self._give_back()

    def rest(self) -> None:
        """Leave the events on where the hot path turns them down at once.

        To turn them off and on makes the interpreter instrument all code that runs anew: on the
        suite of boltons, with a trace for each of 519 tests, that took longer than recording calls.
        """
        if not self._hot.rests_cheaply:
            self.stop()

    def lower_level(self, level: str) -> bool:
        """Record no more than this until the trace ends."""
        is_lower = self._hot.lower_level(level)
        self._follow_level()
        return is_lower

    def _follow_level(self) -> None:
        """Let lines come from code that was met where they are recorded, and nowhere else."""
        if self._shows_lines != self._hot.has_lines:
            self._shows_lines = self._hot.has_lines
            for code in self._hot.codes():
                self._enable(code)

    def uninstall(self) -> None:
        """Clear local events and give the tool id back: a new owner would inherit them."""
        self._started = self._is_installed = False
        self._give_back()
        self._watched.clear()

    def abandon(self) -> None:
        """Stop in a forked child; its copy of the interpreter state is its own."""
        self.uninstall()

    def conflict(self) -> str | None:
        """Say who has taken the tool id, or changed what was registered under it."""
        return self._tool.conflict() if self._started else None

    def conflict_at_end(self) -> str | None:
        """Look at the code objects that ran too: that takes longer the more they are."""
        if not self._started:
            return None
        found = self._tool.conflict()
        if found is not None:
            return found
        codes = self._hot.codes_of_trace()
        return self._tool.local_conflict(codes, self._expected(codes))

    def _enable(self, code: CodeType) -> None:
        # Where no lines are recorded, at one the hot path only looks at the streams.
        if not self._shows_lines and may_replace_streams(code):
            self._watched[id(code)] = self._local | self._line
        self._tool.set_local(code, self._expected([code])[0])

    def _expected(self, codes: list[CodeType]) -> list[int]:
        """Give the local events of each: without a call for one, for a trace has hundreds."""
        if self._shows_lines:
            return [self._local | self._line] * len(codes)
        return list(map(self._watched.get, map(id, codes), repeat(self._local)))


def pure_callbacks(
    hot: "PureHotPath", on_fault: Callable[..., Any], unreported: Unreported
) -> Callbacks:
    """Make the callbacks of the hot path in pure Python, each behind a shield."""
    events = INTERPRETER.monitoring.events
    disable = INTERPRETER.monitoring.disable
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
