"""Gives an object as long as it lives, and holds no reference to it.

PYTEST_DONT_REWRITE

No callback tells of its end: Python drops what is raised in one, Ctrl-C too.
"""

import weakref
from collections.abc import Callable

from pytest_recorder.original_builtins import __builtins__


def nothing() -> object:
    """Give what no other object is."""
    return nothing


def giver(given: object) -> Callable[[], object]:
    """Make what gives an object while it lives; for one that cannot be known so, `nothing`."""
    try:
        return weakref.ref(given)
    except TypeError:
        return nothing if given is not None else [].clear
