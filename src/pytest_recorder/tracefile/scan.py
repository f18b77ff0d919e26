"""Walks event records for what the index of a trace holds: in C where that was built.

Two implementations of `Scan` do the same. `PureScan` decodes each event, 8 to 15 us an event, and
is what the other is tested against; `NativeScan` takes a hundredth of that.
"""

from typing import Any, Protocol

from pytest_recorder import native
from pytest_recorder.tracefile.decode import Definitions, EventDecoder, Malformed
from pytest_recorder.tracefile.skeleton import MOST_CALLS, MOST_EXCEPTIONS, Skeleton

Rows = list[list[int]]
"""`[frame, parent, code, first event, last event, end]`; end: 0 open, 1 return, 2 unwind."""


class Scan(Protocol):
    """Collects while blocks pass, in their order. Not for several threads at once."""

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block whose first event has this number, and give the number of its events.

        Raises Malformed; what comes before the fault is taken in.
        """
        ...

    def result(self) -> "Found":
        """Give what was found so far."""
        ...


class Found:
    """What the events of a trace say in short.

    `rows` are in the order in which the frames appeared; `is_cut` where there were more than were
    asked for. `exceptions` are `[event, frame, type, message]`, `dropped` is the sum of the gaps.
    """

    __slots__ = ("dropped", "exceptions", "is_cut", "rows")

    def __init__(
        self, rows: Rows, exceptions: list[list[Any]], *, is_cut: bool, dropped: int
    ) -> None:
        self.rows = rows
        self.exceptions = exceptions
        self.is_cut = is_cut
        self.dropped = dropped


def make_scan(definitions: Definitions, *, most_calls: int = MOST_CALLS) -> Scan:
    """Make the fastest scan there is; `definitions` may grow while it is in use."""
    if _NATIVE is None:
        return PureScan(definitions, most_calls=most_calls)
    return NativeScan(_NATIVE, definitions, most_calls=most_calls)


class PureScan:
    """The scan in Python."""

    def __init__(self, definitions: Definitions, *, most_calls: int = MOST_CALLS) -> None:
        self._definitions = definitions
        self._skeleton = Skeleton(most_calls=most_calls)
        self._dropped = 0

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block; see `Scan`."""
        decoder = EventDecoder(self._definitions, data, first=first, has_values=False)
        number = first - 1
        for event in decoder:
            self._skeleton.feed(event, decoder.frames)
            if event.kind == "gap":
                self._dropped += event.dropped or 0
            number = event.n
        return number + 1 - first

    def result(self) -> Found:
        """Give what was found; see `Scan`."""
        skeleton = self._skeleton
        return Found(
            skeleton.rows(),
            list(skeleton.exceptions),
            is_cut=skeleton.is_cut,
            dropped=self._dropped,
        )


class NativeScan:
    """The scan in C; messages of exceptions are decoded here, there are few."""

    def __init__(
        self, module: Any, definitions: Definitions, *, most_calls: int = MOST_CALLS
    ) -> None:
        self._definitions = definitions
        self._scanner = module.Scanner(
            definitions.names,
            definitions.types,
            definitions.codes,
            Malformed,
            most_calls,
            MOST_EXCEPTIONS,
        )

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block; see `Scan`."""
        count: int = self._scanner.feed(data, first)
        return count

    def result(self) -> Found:
        """Give what was found; see `Scan`."""
        rows, raised, is_cut, dropped = self._scanner.result()
        exceptions = [
            [n, frame, self._definitions.types[kind][0], self._message(record)]
            for n, frame, kind, record in raised
        ]
        return Found(rows, exceptions, is_cut=is_cut, dropped=dropped)

    def _message(self, record: bytes) -> Any:
        return EventDecoder(self._definitions, record).one_value()["value"]


_NATIVE, WHY_PURE = native.load("pytest_recorder.tracefile._scan")
