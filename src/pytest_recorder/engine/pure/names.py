"""Says which names of a code object are recorded, and reads their values from a frame.

PYTEST_DONT_REWRITE

Reading differs by Python version because reading `frame.f_locals` is not innocent: on 3.11 and
3.12 it refreshes the dictionary that `locals()` gave to the program and keeps the frame's objects
alive. On 3.12 `PyFrame_GetVar` reads one variable and changes nothing; on 3.13 `f_locals` is a
write-through proxy (PEP 667) and harmless; on 3.11 there is no other way in pure Python, which
the capabilities of the engine say.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import opcode
from collections.abc import Callable, Iterator
from functools import cache
from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FrameType
from typing import Any

from pytest_recorder import compat
from pytest_recorder.engine.pure.lookups import is_plain, named_entries
from pytest_recorder.original_builtins import __builtins__

UNBOUND: Any = type("Unbound", (), {})()
"""Stands for a variable that has no value now."""

Reader = Callable[[FrameType, tuple[str, ...]], list[Any]]

_STORE_NAME = opcode.opmap["STORE_NAME"]
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]


def recorded_names(code: CodeType) -> tuple[str, ...]:
    """Give the variables of a code object that a trace holds.

    Functions: arguments, locals, cells and free variables. Module and class bodies: the names
    that this code stores, dunder names excepted. The interpreter's and pytest's own temporaries
    (`.0`, `@py_assert1`) are never among them.
    """
    if code.co_flags & CO_OPTIMIZED:
        names = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
        return tuple(filter(str.isidentifier, names))
    return tuple(
        name
        for name in dict.fromkeys(_stored_names(code))
        if not (name.startswith("__") and name.endswith("__")) and name.isidentifier()
    )


def argument_names(code: CodeType) -> tuple[str, ...]:
    """Give the parameters in the order of the signature: `*args` before keyword-only ones."""
    positional, keyword = code.co_argcount, code.co_kwonlyargcount
    names = list(code.co_varnames[: positional + keyword])
    after = positional + keyword
    if code.co_flags & CO_VARARGS:
        names.insert(positional, code.co_varnames[after])
        after += 1
    if code.co_flags & CO_VARKEYWORDS:
        names.append(code.co_varnames[after])
    return tuple(filter(str.isidentifier, names))


def _stored_names(code: CodeType) -> Iterator[str]:
    bytecode, extended = code.co_code, 0
    for operation, argument in zip(bytecode[::2], bytecode[1::2], strict=True):
        if operation == _EXTENDED_ARG:
            extended = (extended | argument) << 8
            continue
        if operation == _STORE_NAME:
            yield code.co_names[extended | argument]
        extended = 0


def _read_namespace(frame: FrameType, names: tuple[str, ...]) -> list[Any]:
    """Read from the dictionary of a module or class body, never from a custom mapping.

    A subclass, such as the one in which `enum` collects members, is read as the dict that it is.
    """
    namespace: Any = frame.f_locals
    if not issubclass(type(namespace), dict):
        return [UNBOUND] * len(names)
    if not is_plain(namespace):
        namespace = named_entries(namespace)
    get = dict.get
    return [get(namespace, name, UNBOUND) for name in names]


def _read_locals(frame: FrameType, names: tuple[str, ...]) -> list[Any]:
    get = frame.f_locals.get
    return [get(name, UNBOUND) for name in names]


def _make_frame_get_var() -> Reader:
    # Not at the start: the hot path in C has no use for it.
    import ctypes

    # Our own: the attribute of this name is one function for all who use it, with one type.
    get_var = ctypes.pythonapi["PyFrame_GetVar"]
    get_var.restype = ctypes.py_object
    get_var.argtypes = (ctypes.py_object, ctypes.py_object)

    def read(frame: FrameType, names: tuple[str, ...]) -> list[Any]:
        values: list[Any] = []
        for name in names:
            try:
                values.append(get_var(frame, name))
            except NameError:
                values.append(UNBOUND)
        return values

    return read


@cache
def _read_function() -> Reader:
    if compat.HAS_FRAME_GET_VAR and not compat.FRAME_LOCALS_IS_PROXY:
        return _make_frame_get_var()
    return _read_locals


def prepare_reader() -> None:
    """Import what reading takes: an import while a test runs is one of the test's `__import__`."""
    _read_function()


def reader_for(code: CodeType) -> Reader:
    """Give the way to read variables of this code's frames: values in the order of the names."""
    return _read_function() if code.co_flags & CO_OPTIMIZED else _read_namespace
