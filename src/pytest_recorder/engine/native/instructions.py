"""Says which instructions cannot change an object, by their numbers in this Python.

PYTEST_DONT_REWRITE

Quiet is what runs no code of the program's and neither changes nor makes an object: a new one could
get the address of one that is gone. What calls methods of types, as attributes, operators and truth
do, is not quiet, whatever the types are.
"""

import opcode
from typing import Final

from pytest_recorder.original_builtins import __builtins__

_QUIET: Final = (
    "CACHE",
    "COPY",
    "COPY_FREE_VARS",
    "DELETE_FAST",
    "END_FOR",
    "EXTENDED_ARG",
    "IS_OP",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "JUMP_FORWARD",
    "KW_NAMES",
    "LOAD_CLOSURE",
    "LOAD_CONST",
    "LOAD_DEREF",
    "LOAD_FAST",
    "LOAD_FAST_AND_CLEAR",
    "LOAD_FAST_CHECK",
    "LOAD_FAST_LOAD_FAST",
    "LOAD_GLOBAL",
    "NOP",
    "POP_JUMP_IF_NONE",
    "POP_JUMP_IF_NOT_NONE",
    "POP_TOP",
    "PUSH_NULL",
    "RETURN_CONST",
    "RETURN_VALUE",
    "STORE_DEREF",
    "STORE_FAST",
    "STORE_FAST_LOAD_FAST",
    "STORE_FAST_STORE_FAST",
    "SWAP",
)
_ADDED_BY_THE_COMPILER: Final = (
    "CALL_INTRINSIC_1",  # turns the StopIteration that leaves a generator into a RuntimeError
    "POP_EXCEPT",
    "PUSH_EXC_INFO",
    "RERAISE",
)
_IS_QUIET, _WAITS, _CLEANS_UP = range(1, 4)


def _instructions() -> bytes:
    kinds = bytearray(256)
    for kind, names in (
        (_IS_QUIET, _QUIET),
        (_WAITS, ("RESUME", "JUMP_BACKWARD")),
        (_CLEANS_UP, _ADDED_BY_THE_COMPILER),
    ):
        for name in names:
            number = opcode.opmap.get(name, len(kinds))
            if number < len(kinds):  # the compiler's own, which never run, have larger ones
                kinds[number] = kind
    return bytes(kinds)


INSTRUCTIONS: Final = _instructions()
"""By number: 0 for one that acts, else a kind, in the order of `quiet.h`."""
