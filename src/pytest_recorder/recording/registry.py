"""Knows the live recorders of this process, and stops them in a forked child."""

import weakref
from functools import cache
from typing import Protocol

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS


class LiveRecorder(Protocol):
    """A recorder, as the process sees it."""

    @property
    def is_recording(self) -> bool:
        """Whether a recording is between its begin and its end."""
        ...

    def abandon(self) -> None:
        """In a forked child: stop at once and leave alone what the parent writes."""
        ...


_RECORDERS: weakref.WeakSet[LiveRecorder] = weakref.WeakSet()
"""A forked child must find them."""


def register(recorder: LiveRecorder) -> None:
    """Enter a recorder that has taken its place in the interpreter."""
    _RECORDERS.add(recorder)
    _look_after_forks()


def is_any_recording() -> bool:
    """Tell whether a recorder of this process is recording now."""
    return any(recorder.is_recording for recorder in tuple(_RECORDERS))


@cache
def _look_after_forks() -> None:
    """Once: nothing takes back what is registered. Windows has no fork."""
    if OS.register_at_fork is not None:
        OS.register_at_fork(after_in_child=_abandon_all)


def _abandon_all() -> None:
    for recorder in tuple(_RECORDERS):
        recorder.abandon()
