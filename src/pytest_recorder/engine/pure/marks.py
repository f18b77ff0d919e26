"""Words what stands for the answer of a helper that failed, and how a helper is guarded.

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__

Marked = Callable[[Callable[[Any], Any], str, Callable[[Any], Any]], Callable[[Any], Any]]
"""Wraps a helper of this name, so that a mark stands for its answer where it fails."""

NO_MESSAGE: Final = "[its message could not be read]"
NO_LOG_MESSAGE: Final = "[this message could not be read]"
NOT_SHOWN: Final = "[not shown: it could not be searched for secrets]"


def unguarded(
    function: Callable[[Any], Any], name: str, mark: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Let what fails be raised."""
    return function


def is_no_fault(error: BaseException) -> bool:
    """Whether an error is the program's, as far as its class tells: Ctrl-C is."""
    return not issubclass(type(error), Exception)
