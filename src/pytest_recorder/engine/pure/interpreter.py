"""Knows what both hot paths ask of the interpreter: which instructions go on in a loop, threads.

PYTEST_DONT_REWRITE
"""

# `threading._active` is private: its types are not known.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import opcode
import threading

from pytest_recorder.system.originals import get_ident

LOOPS = frozenset(
    opcode.opmap[name]
    for name in ("FOR_ITER", "SEND", "END_FOR", "END_SEND", "POP_ITER")
    if name in opcode.opmap
)


def thread_name() -> str:
    """Give the thread's name without making a `Thread` object for a foreign thread."""
    thread = threading._active.get(get_ident())  # type: ignore[attr-defined]
    name = thread.__dict__.get("_name") if thread is not None else None
    return name if type(name) is str else "thread"
