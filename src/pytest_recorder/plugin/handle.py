"""Is what a test gets from the `recording` fixture."""

from typing import TYPE_CHECKING, Protocol

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.paths import FilePath

if TYPE_CHECKING:
    from pathlib import Path


class Target(Protocol):
    """What the fixture's object asks of a running attempt."""

    @property
    def path(self) -> FilePath:
        """The file that will hold the trace if it is kept."""
        ...

    @property
    def is_recording(self) -> bool:
        """Whether events are taken now."""
        ...

    @property
    def events(self) -> int:
        """Events so far."""
        ...

    def keep(self) -> None:
        """Keep the trace whatever the outcome."""
        ...

    def note(self, text: str) -> None:
        """Write a remark into the trace."""
        ...


class Recording:
    """The recording of the running test, or an inert stand-in with the same names."""

    def __init__(self, attempt: Target | None = None) -> None:
        self._attempt = attempt

    @property
    def is_recording(self) -> bool:
        """Whether this test is being recorded."""
        return self._attempt is not None and self._attempt.is_recording

    @property
    def path(self) -> "Path | None":
        """The file that will hold the trace if it is kept; None when nothing is recorded."""
        return self._attempt.path.of_pathlib() if self._attempt is not None else None

    @property
    def events(self) -> int:
        """Number of events so far; 0 when nothing is recorded."""
        return self._attempt.events if self._attempt is not None else 0

    def keep(self) -> None:
        """Keep this trace even if the test passes."""
        if self._attempt is not None:
            self._attempt.keep()

    def note(self, text: str) -> None:
        """Write a remark into the trace: a `log` event of level NOTE at the line of the call."""
        if self._attempt is not None:
            self._attempt.note(text)
