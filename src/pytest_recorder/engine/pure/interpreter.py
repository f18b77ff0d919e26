"""Knows what hot paths ask of the interpreter: instructions of loops, threads, lines of tracebacks.

PYTEST_DONT_REWRITE
"""

# `threading._active` is private: its types are not known.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import opcode
import threading
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from pytest_recorder import compat
from pytest_recorder.engine.pure.lookups import entry
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER, get_ident
from pytest_recorder.system.slots import mro_of, namespace_of

LOOPS = frozenset(
    opcode.opmap[name]
    for name in ("FOR_ITER", "SEND", "END_FOR", "END_SEND", "POP_ITER")
    if name in opcode.opmap
)
# Empty where all exceptions are shown. Where those of code out of scope are not, what such an
# instruction raises is a new one, though it came out of a callee before: somebody has caught it.
RAISES_ANEW = frozenset([opcode.opmap["RAISE_VARARGS"]] * compat.SHOWS_EXCEPTIONS_OF_SCOPE_ONLY)
SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_KINDS = {
    CO_GENERATOR: "generator",
    CO_COROUTINE: "coroutine",
    CO_ASYNC_GENERATOR: "async generator",
}
# Each trace asks for the name of its thread: the way to it is looked for once. A library that has
# patched `threading` may have put a subclass there.
_Thread = threading.Thread
_state_of_thread = next(
    space["__dict__"] for space in map(namespace_of, mro_of(_Thread)) if "__dict__" in space
).__get__
_PUSH_EXC_INFO = opcode.opmap["PUSH_EXC_INFO"]


def thread_name() -> str:
    """Give the thread's name without making a `Thread` object for a foreign thread."""
    thread = threading._active.get(get_ident())  # type: ignore[attr-defined]
    if not issubclass(type(thread), _Thread):
        return "thread"
    name = entry(_state_of_thread(thread), "_name")
    return name if type(name) is str else "thread"


def handled_exception(bytecode: bytes, frame: FrameType) -> BaseException | None:
    """Give the exception that a frame handles; None where another one is on its way.

    The line of the end of a `with` begins before the instruction that makes it the handled one.
    """
    if bytecode[frame.f_lasti] == _PUSH_EXC_INFO:
        return None
    return INTERPRETER.exc_info()[1]


def frames_of(traceback: Any) -> list[FrameType]:
    """Give the frames of a traceback, outermost first."""
    frames: list[FrameType] = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def left_at(traceback: Any, frame: FrameType) -> tuple[int, int]:
    """Give the line and the offset where an exception left the frame, as its traceback says.

    0 and -1 where it does not. The newest entry is the frame's own at an unwinding, also where a
    `finally` or the end of a `with` ran since.
    """
    if traceback is None or traceback.tb_frame is not frame:
        return 0, -1
    line: int | None = traceback.tb_lineno
    return (line, traceback.tb_lasti) if line else (0, -1)


def replaced_message(code: CodeType, stops: str) -> str:
    """Word what Python puts in the place of an exception that cannot leave such a frame (PEP 479).

    `stops` is StopIteration or StopAsyncIteration, or nothing. Nothing where it leaves the frame.
    """
    if not code.co_flags & SUSPENDABLE or not stops:
        return ""
    kind = next(word for flag, word in _KINDS.items() if code.co_flags & flag)
    return (
        f"{kind} raised {stops}"
        if stops == "StopIteration" or kind == "async generator"
        else ""
    )
