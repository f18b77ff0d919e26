"""Replaces all functions of a module by such that count and refuse calls of the recorder.

Copied beside the tests that are recorded, and used there. What anybody else calls goes on to the
original: pytest itself runs in the replaced world. Nothing is put back before the process ends.
"""

import atexit
import builtins
import importlib
import json
import os
import sys
import types
from collections.abc import Callable
from typing import Any

import _pytest

import pytest_recorder

OWN = os.path.dirname(pytest_recorder.__file__) + os.sep
PROGRAM = os.path.dirname(os.path.abspath(__file__)) + os.sep
# pytest lives in the world of the tests, also where we ask it for something.
OTHERS = (PROGRAM, os.path.dirname(_pytest.__file__) + os.sep)
REPORT = PROGRAM + "calls.json"
# What Python itself calls of these is not to be told from what we call.
LEFT_ALONE = {
    ("sys", "_getframe"),
    # Not its function: what it gives to new threads, which is ours.
    ("threading", "_trace_hook"),
    ("builtins", "__build_class__"),
    ("builtins", "exec"),
    ("builtins", "compile"),
}
BUILTINS = ("open", "print", "input", "__import__", "breakpoint")
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)

_getframe, _write, _dumps = sys._getframe, open, json.dumps


class Replaced(Exception):
    """Raised where the recorder calls what a test has replaced."""


def own_caller() -> str | None:
    """Name the place of the recorder that has led here, unless code of others lies between."""
    frame = _getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(OWN):
            return f"{name.removeprefix(OWN)}:{frame.f_code.co_name}:{frame.f_lineno}"
        if name.startswith(OTHERS):
            return None
        frame = frame.f_back
    return None


class World:
    """What was replaced, and what the recorder has called of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        atexit.register(self._tell)

    def _tell(self) -> None:
        with _write(REPORT, "w") as file:
            file.write(_dumps(sorted(set(self.calls))))

    def stand_in(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """Make what stands in the place of a function."""

        def stand_in(*args: Any, **named: Any) -> Any:
            caller = own_caller()
            if caller is not None:
                self.calls.append(f"{name} by {caller}")
                raise Replaced(name)
            return original(*args, **named)

        return stand_in

    def replace(self, *places: str) -> int:
        """Replace the functions of modules and the methods of classes; gives how many."""
        # All are found first: to import one takes those that work.
        holders = [(place, find(place)) for place in places]
        return sum(self._replace(place, holder) for place, holder in holders)

    def _replace(self, place: str, holder: Any) -> int:
        count = 0
        for name, value in list(vars(holder).items()):
            if (place, name) in LEFT_ALONE or (holder is builtins and name not in BUILTINS):
                continue
            is_function = isinstance(value, FUNCTIONS) and not name.startswith("__")
            if is_function or (holder is builtins and name == "__import__"):
                setattr(holder, name, self.stand_in(f"{place}.{name}", value))
                count += 1
        return count


def find(place: str) -> Any:
    """Give a module, or a class in one."""
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError:
        module, _, name = place.rpartition(".")
        return getattr(importlib.import_module(module), name)
