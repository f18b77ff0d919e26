"""Walks event records for what the index of a trace holds: in C where that was built.

Two implementations of `Scan` do the same. `PureScan` decodes each event, 8 to 15 us an event, and
is what the other is tested against; `NativeScan` takes a hundredth of that.
"""

import re
from typing import Any, NamedTuple, Protocol

from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.limits import MAX_SIGHTINGS
from pytest_recorder.format.object_scan import BlockSightings, scan_objects
from pytest_recorder.format.vocabulary import LEVELS
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import compiled, json_text
from pytest_recorder.tracefile.skeleton import MOST_CALLS, MOST_EXCEPTIONS, Skeleton, steps_of
from pytest_recorder.tracefile.texts import text_places

Start = tuple[bytes, bool]
"""What a secret begins with, and whether a mark of a name and its value must stand beside it."""


class Found(NamedTuple):
    """What a scan found beside the rows.

    `exceptions` are `[event, frame, type, message]`, `is_cut` says that there were more rows than
    were asked for, `dropped` is the sum of the gaps, `level` the last one to which the
    recording has fallen.
    """

    exceptions: list[list[Any]]
    is_cut: bool
    dropped: int
    level: str | None = None


class Scan(Protocol):
    """Collects while blocks pass, in their order. Not for several threads at once."""

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block whose first event has this number, and give the number of its events.

        Raises Malformed; what comes before the fault is taken in.
        """
        ...

    def watch(self, starts: list[Start]) -> None:
        """Look from now on for what secrets start with: bytes, and whether they need a mark."""
        ...

    def take_hits(self) -> list[int]:
        """Give where in the last block texts of values stand that may hold a secret."""
        ...

    def rows(self) -> list[list[int]]:
        """Give `[frame, parent, code, first, last, end]` of each frame, in order of appearance.

        `first` and `last` are numbers of events; `end` is 0 open, 1 return, 2 unwind.
        """
        ...

    def steps(self) -> bytes:
        """Give the rows in the form of the index, as JSON."""
        ...

    def found(self) -> Found:
        """Give what else was found so far."""
        ...


def make_scan(
    definitions: DefinitionTables,
    *,
    most_calls: int = MOST_CALLS,
    most_exceptions: int = MOST_EXCEPTIONS,
) -> Scan:
    """Make the fastest scan there is; `definitions` may grow while it is in use."""
    most = {"most_calls": most_calls, "most_exceptions": most_exceptions}
    if _NATIVE is None:
        return PureScan(definitions, **most)
    return NativeScan(_NATIVE, definitions, **most)


class ObjectScan:
    """Finds the objects in the blocks of a trace: in C where that was built.

    `scan_objects` in Python takes 4 us an event, and is what the other is tested against.
    """

    def __init__(self, definitions: DefinitionTables) -> None:
        self._codes = definitions.codes
        self._lines = {number: code.first_line for number, code in self._codes.items()}
        tables = (definitions.names, definitions.types, definitions.codes)
        self._scanner = _NATIVE and _NATIVE.Scanner(*tables, Malformed, 0, 0)

    def find(self, data: bytes, first: int, most: int, at: int) -> BlockSightings:
        """Walk the records of a block from byte `at` on; see `scan_objects`."""
        if self._scanner is None:
            return scan_objects(data, self._codes, first, most, at)
        found = BlockSightings(first)
        found.take(self._scanner.objects(data, at, self._lines, most, MAX_SIGHTINGS))
        return found


class PureScan:
    """The scan in Python."""

    def __init__(
        self,
        definitions: DefinitionTables,
        *,
        most_calls: int = MOST_CALLS,
        most_exceptions: int = MOST_EXCEPTIONS,
    ) -> None:
        self._definitions = definitions
        self._skeleton = Skeleton(most_calls=most_calls, most_exceptions=most_exceptions)
        self._dropped = 0
        self._level: str | None = None
        self._starts: re.Pattern[bytes] | None = None
        self._hits: list[int] = []

    def watch(self, starts: list[Start]) -> None:
        """Look for what secrets start with; see `Scan`."""
        words = b"|".join(re.escape(start) for start, _ in starts)
        self._starts = re.compile(words, re.IGNORECASE) if starts else None

    def take_hits(self) -> list[int]:
        """Give the places of texts; see `Scan`. These are all, where any may hold a secret."""
        hits, self._hits = self._hits, []
        return hits

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block; see `Scan`."""
        if self._starts is not None and self._starts.search(data) is not None:
            self._hits = text_places(data)
        decoder = EventDecoder(self._definitions, data, first=first, has_values=False)
        number = first - 1
        try:
            for event in decoder:
                self._skeleton.feed(event, decoder.frames)
                if event.kind == "gap":
                    self._dropped += event.dropped or 0
                number = event.n
        finally:
            self._level = decoder.level or self._level
        return number + 1 - first

    def rows(self) -> list[list[int]]:
        """Give the rows; see `Scan`."""
        return self._skeleton.rows()

    def steps(self) -> bytes:
        """Give the rows as JSON; see `Scan`."""
        return json_text.encode(steps_of(self._skeleton.rows()))

    def found(self) -> Found:
        """Give what else was found; see `Scan`."""
        skeleton = self._skeleton
        return Found(list(skeleton.exceptions), skeleton.is_cut, self._dropped, self._level)


class NativeScan:
    """The scan in C; messages of exceptions are decoded here, there are few."""

    def __init__(
        self,
        module: Any,
        definitions: DefinitionTables,
        *,
        most_calls: int = MOST_CALLS,
        most_exceptions: int = MOST_EXCEPTIONS,
    ) -> None:
        self._definitions = definitions
        self._scanner = module.Scanner(
            definitions.names,
            definitions.types,
            definitions.codes,
            Malformed,
            most_calls,
            most_exceptions,
        )

    def watch(self, starts: list[Start]) -> None:
        """Look for what secrets start with; see `Scan`."""
        self._scanner.watch(starts)

    def take_hits(self) -> list[int]:
        """Give the places of texts; see `Scan`."""
        hits: list[int] = self._scanner.take_hits()
        return hits

    def feed(self, data: bytes, first: int) -> int:
        """Take in a block; see `Scan`."""
        count: int = self._scanner.feed(data, first)
        return count

    def rows(self) -> list[list[int]]:
        """Give the rows; see `Scan`."""
        rows: list[list[int]] = self._scanner.rows()
        return rows

    def steps(self) -> bytes:
        """Give the rows as JSON; see `Scan`."""
        steps: bytes = self._scanner.steps()
        return steps

    def found(self) -> Found:
        """Give what else was found; see `Scan`."""
        raised, is_cut, dropped, level = self._scanner.found()
        exceptions = [
            [n, frame, self._definitions.types[kind][0], self._message(record)]
            for n, frame, kind, record in raised
        ]
        return Found(exceptions, is_cut, dropped, LEVELS[level] if level >= 0 else None)

    def _message(self, record: bytes) -> Any:
        return EventDecoder(self._definitions, record).one_value()["value"]


_NATIVE, WHY_PURE = compiled.load("pytest_recorder.tracefile._scan")
