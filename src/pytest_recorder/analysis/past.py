"""Says what it takes to look back from the end of a recording, and gives it for plain events."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pytest_recorder.format.events import Event


class Past(Protocol):
    """Events that can be walked backwards: those of a trace, or of a recording that goes on."""

    def __len__(self) -> int:
        """Give the number after that of the last event."""
        ...

    def backwards(self, before: int, *, most: int | None = None) -> Iterator[Event]:
        """Give all events below a number, the latest first, `most` of them at most."""
        ...

    def parent_of(self, frame: int, n: int) -> int | None:
        """Give the frame that called a frame which has an event near `n`, if it was recorded."""
        ...


class LatestEvents:
    """The last events of a recording as a past. A frame that began before them has no caller."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._parents: dict[int, int | None] = {}
        for event in events:
            if event.frame is not None and event.frame not in self._parents:
                caller = event.parent if event.parent in self._parents else None
                self._parents[event.frame] = caller

    def __len__(self) -> int:
        return self._events[-1].n + 1 if self._events else 0

    def backwards(self, before: int, *, most: int | None = None) -> Iterator[Event]:
        """Give all events below a number, the latest first, `most` of them at most."""
        stop = 0 if most is None else before - most
        for event in reversed(self._events):
            if stop <= event.n < before:
                yield event

    def parent_of(self, frame: int, n: int) -> int | None:  # noqa: ARG002 - of the protocol
        """Give the frame that called a frame, if it has an event among these."""
        return self._parents.get(frame)
