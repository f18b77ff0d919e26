"""Decides whether the parts in C are used: the only place that does.

Each part in C has a twin in Python that does the same, slower. `PYTEST_RECORDER_PURE=1` chooses
the twins, for all of them; so does an installation without a compiler.
"""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import variable

PURE_VARIABLE = "PYTEST_RECORDER_PURE"


class Loaded(NamedTuple):
    """An extension module, or None with the reason why not."""

    module: ModuleType | None
    why_not: str | None


def load(name: str) -> Loaded:
    """Give the extension module of this full name. Never raises: a reason stands in its place."""
    if (variable(PURE_VARIABLE) or "").strip().lower() not in _UNSET:
        return Loaded(None, f"{PURE_VARIABLE} asks for pure Python")
    try:
        return Loaded(import_module(name), None)
    except ModuleNotFoundError:
        return Loaded(None, "it was installed without the parts in C")
    except ImportError as error:
        # Built for another interpreter, or damaged.
        return Loaded(None, f"the part in C cannot be loaded: {error}")


_UNSET = ("", "0", "f", "false", "n", "no", "off")
