"""Lets events come from `sys.settrace`, to a hot path in pure Python (Python 3.11).

PYTEST_DONT_REWRITE

What the trace function is told is less than what happened, and the rest is found out here:

- `call` is also a generator going on, or getting an exception thrown into it. Which of the two
  shows only at the next event, so a resumption is held back until then.
- `return` is also a yield, and an exception leaving the frame. The instruction tells.
- At the recursion limit the interpreter cannot call the trace function and removes it. A deep
  frame then carries an object whose end, with that frame, puts the trace function back; output,
  and the edges of phases are further chances. A gap marks what was lost.
"""

import opcode
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from pytest_recorder.diagnostics.guard import Unreported, shield3
from pytest_recorder.engine.base import Capabilities
from pytest_recorder.engine.pure.hot_path import PureHotPath
from pytest_recorder.engine.pure.looks import Sight
from pytest_recorder.engine.pure.states import FrameState
from pytest_recorder.engine.rivals import (
    THREADING,
    name_of,
    refuse_rival,
    taken_by,
    threads_taken,
)
from pytest_recorder.engine.streams import may_replace_streams
from pytest_recorder.errors import ErrorCode, TargetError, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER, local

_SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_RESUME = opcode.opmap["RESUME"]
_YIELD = opcode.opmap["YIELD_VALUE"]
_RETURN = opcode.opmap["RETURN_VALUE"]
_FRAMES_OF_ROOM = 24

Trace = Callable[[FrameType, str, Any], Any]


class _Pending(local):  # type: ignore[misc]  # pyright: ignore[reportUntypedBaseClass]
    """The resumption that a thread holds back."""

    state: FrameState | None = None
    frame: int = 0
    at: int = -1
    sight: Sight = Sight(0)


class _PutBack:
    """Lies in a deep frame as its local trace function; dies with the frame."""

    __slots__ = ("engine", "frame")

    def __init__(self, engine: "SettraceEngine", frame: FrameType | None = None) -> None:
        self.engine = engine
        self.frame = frame

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.engine.local(frame, event, argument)
        return self

    def __del__(self) -> None:
        self.engine.put_back(self.frame)


class SettraceEngine:
    """Owns `sys.settrace` and `threading.settrace` while it is started."""

    name = "settrace"

    def __init__(
        self, hot: PureHotPath, *, capabilities: Capabilities, on_fault: Callable[..., Any]
    ) -> None:
        self._hot = hot
        self.capabilities = capabilities
        self._on_fault = on_fault
        self._started = False
        self._recursed = False
        self._pending = _Pending()
        self._count_lost = hot.locked(lambda at, _, reason: hot.lose_ended_frames(at, reason))
        self._follow_level()
        self._attached: list[FrameType] = []
        self._watched: dict[int, tuple[CodeType, bool]] = {}
        self.unreported = Unreported()
        # One object each for the whole life: the identity of `sys.gettrace()` tells rivals.
        self._global = self._passing(
            shield3(hot.locked(self._called), self._fault, self.unreported)
        )
        self.local = self._passing(
            shield3(self._checked(hot.locked(self._event)), self._fault, self.unreported)
        )

    def install(self) -> None:
        """There is one place for a trace function: find out who has it."""
        refuse_rival()

    def start(self) -> None:
        """Trace this thread, the threads it starts, and the frames that run already."""
        if self._started:
            return
        self.install()
        self._follow_level()
        self._started = True
        self._recursed = False
        for frame in self._hot.attach(INTERPRETER.getframe(1)):
            frame.f_trace = self.local
            self._attached.append(frame)
        THREADING.settrace(self._global)
        INTERPRETER.settrace(self._global)

    def stop(self) -> None:
        """Trace nothing more; other threads find out at their next event."""
        # The program may have put our trace function back after the recording ended early.
        current = INTERPRETER.gettrace()
        if current is self._global:
            INTERPRETER.settrace(None)
        if not self._started:
            return
        self._started = False
        if current is None:
            self._report_removal()
        if THREADING.gettrace() is self._global:
            THREADING.settrace(None)  # type: ignore[arg-type,unused-ignore]
        for frame in self._attached:
            if frame.f_trace is self.local:
                frame.f_trace = None
        self._attached.clear()

    def rest(self) -> None:
        """The place of a trace function is not ours between two recordings."""
        self.stop()

    def lower_level(self, level: str) -> bool:
        """Record no more than this until the trace ends."""
        is_lower = self._hot.lower_level(level)
        self._follow_level()
        return is_lower

    def _follow_level(self) -> None:
        self._line = self._hot.line if self._hot.has_lines else self._line_unseen

    def uninstall(self) -> None:
        """Nothing is held beyond this."""
        self.stop()
        self._watched.clear()

    def abandon(self) -> None:
        """Stop in a forked child."""
        self.stop()

    def conflict(self) -> str | None:
        """Say who took the trace function; put ourselves back after the recursion limit."""
        if not self._started:
            return None
        if INTERPRETER.gettrace() is None and not self._recursed:
            # What came since is lost, nobody knows how much: no gap could say it.
            self._report_removal()
            return None
        self.put_back()
        current = INTERPRETER.gettrace()
        if current is not self._global:
            return taken_by(current)
        return threads_taken(self._global)

    def conflict_at_end(self) -> str | None:
        """Look at the same: there is no more."""
        return self.conflict()

    def put_back(self, frame: FrameType | None = None) -> None:
        """Install the trace function again where it is gone; a gap says what was lost.

        The interpreter removes it at the recursion limit, and when an error of the program's
        passes through it; `frame` is the one in whose event that was. Or the program removed it.
        """
        if not self._started or INTERPRETER.gettrace() is not None:
            return
        if frame is not None and self._hot.has_code(frame.f_code):
            frame.f_trace = self.local
        reason = "recursion" if self._recursed else "interrupted"
        self._recursed = False
        self._count_lost(INTERPRETER.getframe(1), None, reason)
        INTERPRETER.settrace(self._global)

    def _report_removal(self) -> None:
        """Nothing came since the trace function was removed: the recording has ended early."""
        if self._recursed:
            self._count_lost(INTERPRETER.getframe(1), None, "recursion")
            return
        self._on_fault(
            enverr(
                ErrorCode.TRACER_INSTALL_CONFLICT,
                "the trace function was removed, by the program or by an error in a signal handler",
            )
        )

    # Trace functions.

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        """The global trace function: a frame begins or goes on."""
        hot, code = self._hot, frame.f_code
        self._flush(0)
        if code.co_flags & _SUSPENDABLE and not _is_at_start(frame):
            if not hot.has_code(code) and not hot.attach_one(frame):
                return None
            state, sight = hot.prepare_resume(frame)
            if state is not None:
                pending = self._pending
                pending.state, pending.frame = state, id(frame)
                pending.at, pending.sight = frame.f_lasti, sight
                return self.local
            return None
        return self.local if hot.start(frame, code) and hot.has_code(code) else None

    def _checked(self, event_of: Callable[[Any, Any, Any], Any]) -> Trace:
        """Look, before each event of a frame, whether somebody else has taken over."""

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            current = INTERPRETER.gettrace()
            if current is not self._global and self._started and current is not None:
                raise enverr(
                    ErrorCode.TRACER_INSTALL_CONFLICT,
                    f"the test installed a trace function: {name_of(current)}",
                )
            event_of(frame, event, argument)
            return None

        return local

    def _passing(self, traced: Trace) -> Trace:
        """Survive an error that is the program's and passes through us: a signal handler's.

        The interpreter then removes the trace function, and last the frame's own: what lies there
        dies at this moment and puts both back.
        """

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if not self._started:
                # Also where the program put back what it found before the recording ended.
                if INTERPRETER.gettrace() is self._global:
                    INTERPRETER.settrace(None)
                return None
            try:
                return traced(frame, event, argument)
            except BaseException:
                frame.f_trace = _PutBack(self, frame)
                raise

        return trace

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        """The local trace function of frames in scope."""
        hot, code = self._hot, frame.f_code
        state = hot.knows(frame)
        if state is not None and state.is_suspended:
            # 3.11: no `call` when what it awaited ends by an exception thrown into the latter.
            state.is_suspended = False
            self._flush(0)
            hot.resumed(frame, code)
        if event == "exception":
            error: BaseException = argument[1]
            if self._is_throw(frame):
                hot.thrown(frame, code, error)
            self._flush(0)
            if hot.ends_a_loop(frame, code, error):
                return
            hot.raised_with(frame, code, error, argument[2])
            state = hot.knows(frame)
            if state is not None:
                state.raised_at, state.raised_line = frame.f_lasti, frame.f_lineno
            return
        self._flush(0)
        if event == "line":
            state = hot.knows(frame)
            # The end of a `with` or `finally` raises again as if from where the exception came.
            if state is not None and state.raised_line == frame.f_lineno:
                state.raised_at = -1
            self._line(frame, code, frame.f_lineno)
        elif event == "return":
            self._ended(frame, argument)

    def _ended(self, frame: FrameType, value: object) -> None:
        """Tell a return, a yield and an unwinding apart."""
        hot, code = self._hot, frame.f_code
        state = hot.knows(frame)
        instruction = _instruction(hot, frame)
        is_raising = state is not None and state.raised_at == frame.f_lasti and value is None
        if instruction == _RETURN:
            hot.returned(frame, code, value)
        elif instruction == _YIELD and code.co_flags & _SUSPENDABLE and not is_raising:
            hot.yielded(frame, code, value)
            state = hot.knows(frame)
            if state is not None:
                state.is_suspended = True
        else:
            hot.unwound(frame, code, None)

    def _line_unseen(self, frame: FrameType, code: CodeType, line: int) -> None:
        """Below the level of lines a line only tells of handled exceptions and replaced streams."""
        watched = self._watched.get(id(code))
        if watched is None or watched[0] is not code:
            # Known by the object itself, which therefore cannot die and leave its address.
            watched = self._watched[id(code)] = (code, may_replace_streams(code))
        if watched[1]:
            self._hot.watch_streams()
        state = self._hot.knows(frame)
        if state is not None and state.exception_key:
            self._hot.follow_handled(frame, state)

    # Resumptions that are held back.

    def _is_throw(self, frame: FrameType) -> bool:
        pending = self._pending
        if pending.state is None or pending.frame != id(frame) or pending.at != frame.f_lasti:
            return False
        pending.state = None
        return True

    def _flush(self, _: int) -> None:
        pending = self._pending
        state = pending.state
        if state is not None:
            pending.state = None
            frame: FrameType | None = INTERPRETER.getframe(1)
            while frame is not None and id(frame) != pending.frame:
                frame = frame.f_back
            self._hot.write_resume(frame, state, pending.sight)

    def _fault(self, error: BaseException) -> Any:
        if isinstance(error, RecursionError):
            self._recursed = True
            self._leave_a_way_back(error)
        self._on_fault(error, callback="trace")
        # What the program refused to show is no reason to see no more of its frame.
        return self.local if isinstance(error, TargetError) else None

    def _leave_a_way_back(self, error: BaseException) -> None:
        """Let a frame some way up the stack put the trace function back when it ends."""
        traceback = error.__traceback__
        frame = traceback.tb_frame.f_back if traceback is not None else None
        for _ in range(_FRAMES_OF_ROOM):
            frame = frame.f_back if frame is not None else None
        while frame is not None and frame.f_trace is not self.local:
            if type(frame.f_trace) is _PutBack:
                return
            frame = frame.f_back
        if frame is not None:
            frame.f_trace = _PutBack(self)


def _is_at_start(frame: FrameType) -> bool:
    """Tell whether a generator's frame is at its first RESUME (argument 0), not a later one."""
    bytecode, at = frame.f_code.co_code, frame.f_lasti
    return bytecode[at] == _RESUME and bytecode[at + 1] & 3 == 0


def _instruction(hot: PureHotPath, frame: FrameType) -> int:
    return hot.bytecode(frame.f_code)[frame.f_lasti]
