"""Keeps the records of the running trace in a memory-mapped file that survives the process.

PYTEST_DONT_REWRITE

One spool serves one process. It is cut into units; a segment takes one unit, or several where one
record needs them. Definitions are never dropped. Events fill the first half of their allowance and
then run in a ring through the second half: a long recording keeps its start and its latest part.
A record is counted in the segment's header only after its bytes are in place, so that whatever
kills the process leaves a spool that reads right up to the last whole record. For the same reason
the header of a segment that goes is wiped, so that the next one there does not begin with its
numbers, and its units are freed under the cover of the first, which still spans them.

The process holds a lock on the file for its life: whoever can take it knows that it is dead.

A block of events that is full leaves the memory of the process: its pages are those of the file,
which the system writes when it likes, and come back when the trace is packed. So a recorded program
does not grow with the length of its recording.

The header in the map is the one place that knows how full a segment is: a hot path in C writes
records and header itself, between the calls of `next_events` and `next_definitions`.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pytest_recorder.errors import EnvironmentError, from_os_error
from pytest_recorder.format.layout import (
    SEGMENT,
    SEGMENT_PROGRESS,
    SEGMENT_PROGRESS_AT,
    SPOOL_HEAD,
    SPOOL_HEAD_BYTES,
    SPOOL_MAGIC,
    SegmentKind,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.atomic_write import remove_unfinished
from pytest_recorder.system.mapped import MappedFile
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath

if TYPE_CHECKING:
    import mmap

_SMALLEST_UNIT = 16 * 1024
_LARGEST_UNIT = 256 * 1024
_UNITS_PER_LIMIT = 16
_FIRST_UNITS = 4
_FREE_HEADER = bytes(SEGMENT.size)


class Segment(NamedTuple):
    """One filled segment, as a packer or a recovery reads it."""

    kind: int
    first: int
    events: int
    base_us: int
    data: bytes


class _Open:
    """A segment that is being filled."""

    __slots__ = ("end", "first", "kind", "start", "unit", "units")

    def __init__(self, unit: int, start: int) -> None:
        self.unit = unit
        self.start = self.end = start
        self.kind = self.units = self.first = 0


class Spool:
    """The file under a running recording. One thread at a time; the hot path holds the lock."""

    def __init__(self, path: AnyPath, max_bytes: int) -> None:
        self.path = FilePath.of(path)
        self.unit_bytes = min(max(max_bytes // _UNITS_PER_LIMIT, _SMALLEST_UNIT), _LARGEST_UNIT)
        self._most_units = max(max_bytes // self.unit_bytes, 4)
        self._trace = 0
        self._sequence = 0
        self.dropped = 0
        self._units = 0
        self._free: list[int] = []
        # One for each unit that the limit allows: who counts the objects that the garbage collector
        # knows must not see a trace grow.
        self._segments = [self._segment(unit) for unit in range(self._most_units)]
        self._kept: list[_Open] = []
        self._ring: list[_Open] = []
        self._event_units = 0
        self._define: _Open | None = None
        self._events: _Open | None = None
        self._secrets: _Open | None = None
        self._first_bytes = SPOOL_HEAD_BYTES + _FIRST_UNITS * self.unit_bytes
        try:
            self._file = MappedFile(self.path, self._first_bytes)
        except OSError as error:
            raise from_os_error(error, "cannot create the spool", path=path) from error
        self._map = self._file.map
        SPOOL_HEAD.pack_into(self._map, 0, SPOOL_MAGIC, self.unit_bytes, OS.getpid(), 0)
        self._add_units()

    # One trace.

    def begin(self, manifest: bytes) -> None:
        """Start the next trace; the manifest is there for whoever finds the file later."""
        self.drop()
        self._trace += 1
        self._put(SegmentKind.MANIFEST, manifest)

    def drop(self) -> None:
        """Give back what the last trace used; nothing of it is written anywhere."""
        for segment in (*self._kept, *self._ring):
            self._release(segment)
        self._kept.clear()
        self._ring.clear()
        self._define = self._events = None
        self._sequence = self._event_units = self.dropped = 0

    @property
    def is_empty(self) -> bool:
        """Whether it holds no trace: there is nothing in it that somebody could recover."""
        return not self._kept

    @property
    def is_lost(self) -> bool:
        """Whether the program has closed the file and taken it away: it holds no more."""
        return self._file.is_lost

    @property
    def grown_bytes(self) -> int:
        """What `lend` gives back to the disk."""
        return len(self._map) - self._first_bytes

    @contextmanager
    def lend(self) -> Generator[None]:
        """Give the disk, for a block, all that the file has grown by, and forget the trace then.

        Where the block fails the trace is put back, if there is still room for it. What can still
        go wrong: of a process that dies in the block only what the block has written is left.
        """
        whole = self._map[:]
        size = self._first_bytes
        self._map[SPOOL_HEAD_BYTES:size] = bytes(size - SPOOL_HEAD_BYTES)
        self._file.shrink(size)
        self._map = self._file.map
        is_restored = False
        try:
            yield
        except BaseException:
            is_restored = self._put_back(whole)
            raise
        finally:
            if not is_restored:
                # No unit of it is there any more that could be released.
                self._kept.clear()
                self._ring.clear()
                self._secrets = None
                self.drop()
                self._free.clear()
                self._units = 0
                self._add_units()

    def _put_back(self, whole: bytes) -> bool:
        try:
            self._file.grow(len(whole))
        except (OSError, EnvironmentError):
            return False
        self._map = self._file.map
        self._map[:] = whole
        return True

    def define(self, record: bytes) -> None:
        """Append to the definitions."""
        if self._room(self._define) < len(record):
            self.next_definitions(len(record))
        if self._define is not None:
            self._append(self._define, record, 0)

    def next_definitions(self, size: int) -> None:
        """Start a segment of definitions that can take a record of `size` bytes."""
        self._define = self._allocate(SegmentKind.DEFINITIONS, size, 0)
        self._kept.append(self._define)

    def keep_source(self, digest: bytes, data: bytes) -> None:
        """Keep the text of a source file for the life of the process."""
        self._put(SegmentKind.SOURCE, digest + data, belongs_to_trace=False)

    def keep_secret(self, record: bytes) -> None:
        """Keep a rule or a learned text for the life of the process, as many as fit a unit."""
        segment = self._secrets or self._allocate(SegmentKind.SECRETS, len(record), 0)
        self._secrets = segment
        if len(record) <= self._room(segment):
            self._append(segment, record, 0)

    @property
    def room(self) -> int:
        """Bytes that the current block of events can still take."""
        return self._room(self._events)

    @property
    def events(self) -> int:
        """Events that the spool holds.

        They are not counted segment by segment: to read the head of one brings its pages back into
        the memory of the process.
        """
        newest = self._events
        if newest is None:
            return 0
        return newest.first + self._progress(newest)[1] - self.dropped

    @property
    def map(self) -> "mmap.mmap":
        """The file in memory; it moves when a segment is started."""
        return self._map

    def segment_position(self, kind: int) -> tuple[int, int, int, int] | None:
        """Say where the next record of a kind goes: header, place, end of room, events so far."""
        segment = self._events if kind == SegmentKind.EVENTS else self._define
        if segment is None:
            return None
        used, events = self._progress(segment)
        return segment.start, segment.start + SEGMENT.size + used, segment.end, events

    def next_events(self, size: int, base_us: int) -> None:
        """Start a block of events that can take a record of `size` bytes."""
        units = self._units_for(size)
        previous = self._events
        first = previous.first + self._progress(previous)[1] if previous is not None else 0
        if self._event_units + units > self._most_units:
            self._drop_oldest(units)
        if previous is not None:
            self._evict_pages(previous)
        segment = self._allocate(SegmentKind.EVENTS, size, base_us, first)
        self._event_units += segment.units
        is_head = self._event_units <= self._most_units // 2 and not self._ring
        (self._kept if is_head else self._ring).append(segment)
        self._events = segment

    def append(self, record: bytes, events: int) -> None:
        """Append one record to the current block of events."""
        segment = self._events
        if segment is not None:
            self._append(segment, record, events)

    def segments(self) -> Iterator[Segment]:
        """Give the segments of the trace: definitions, then events in their order."""
        held = sorted((*self._kept, *self._ring), key=lambda segment: segment.kind)
        for segment in held:
            if segment.kind in (SegmentKind.DEFINITIONS, SegmentKind.EVENTS):
                base_us = SEGMENT.unpack_from(self._map, segment.start)[9]
                used, events = self._progress(segment)
                start = segment.start + SEGMENT.size
                data = self._map[start : start + used]
                yield Segment(segment.kind, segment.first, events, base_us, data)
                self._evict_pages(segment)

    def flush(self) -> None:
        """Ask the system to write what is mapped; raises EnvironmentError when it cannot."""
        try:
            self._map.flush()
        except OSError as error:
            raise from_os_error(error, "cannot write the spool", path=self.path) from error

    def close(self, *, unlink: bool = True) -> None:
        """Unmap, and remove the file unless it is to be found by somebody else."""
        if not self._file.is_closed:
            is_there = self._file.is_there
            self._file.close()
            if unlink and is_there:
                # What cannot be removed now is removed by whoever looks for spools next.
                remove_unfinished(self.path)

    # Units and segments.

    def _append(self, segment: _Open, record: bytes, events: int) -> None:
        used, before = self._progress(segment)
        start = segment.start + SEGMENT.size + used
        self._map[start : start + len(record)] = record
        SEGMENT_PROGRESS.pack_into(
            self._map,
            segment.start + SEGMENT_PROGRESS_AT,
            used + len(record),
            before + events,
        )

    def _progress(self, segment: _Open) -> tuple[int, int]:
        """Read bytes and events of a segment."""
        used, events = SEGMENT_PROGRESS.unpack_from(
            self._map, segment.start + SEGMENT_PROGRESS_AT
        )
        return used, events

    def _room(self, segment: _Open | None) -> int:
        if segment is None:
            return 0
        return segment.end - segment.start - SEGMENT.size - self._progress(segment)[0]

    def _put(self, kind: int, data: bytes, *, belongs_to_trace: bool = True) -> None:
        segment = self._allocate(kind, len(data), 0)
        self._append(segment, data, 0)
        if belongs_to_trace:
            self._kept.append(segment)

    def _segment(self, unit: int) -> _Open:
        return _Open(unit, SPOOL_HEAD_BYTES + unit * self.unit_bytes)

    def _units_for(self, size: int) -> int:
        return -(-(size + SEGMENT.size) // self.unit_bytes)

    def _allocate(self, kind: int, size: int, base_us: int, first: int = 0) -> _Open:
        units = self._units_for(size)
        unit = self._free.pop() if units == 1 and self._free else self._grow(units)
        while unit >= len(self._segments):
            self._segments.append(self._segment(len(self._segments)))
        segment = self._segments[unit]
        start = segment.start
        segment.kind, segment.units, segment.first = kind, units, first
        segment.end = start + units * self.unit_bytes
        self._sequence += 1
        header = (kind, 0, 0, units, 0, 0, self._sequence, self._trace, first, base_us)
        SEGMENT.pack_into(self._map, start, *header)
        return segment

    def _release(self, segment: _Open) -> None:
        self._map[segment.start] = SegmentKind.FREE
        for unit in range(segment.unit + segment.units - 1, segment.unit, -1):
            # What lies there are bytes of records; nobody may take them for a header.
            at = SPOOL_HEAD_BYTES + unit * self.unit_bytes
            self._map[at : at + SEGMENT.size] = _FREE_HEADER
            self._free.append(unit)
        self._map[segment.start : segment.start + SEGMENT.size] = _FREE_HEADER
        self._free.append(segment.unit)

    def _evict_pages(self, segment: _Open) -> None:
        """Take the pages of a segment out of the memory of this process; the file has them."""
        self._file.evict(segment.start, segment.end)

    def _drop_oldest(self, units: int) -> None:
        """Make room in the ring; the block that is being filled is never the one to go."""
        freed = 0
        while freed < units and self._ring:
            oldest = self._ring.pop(0)
            self.dropped += self._progress(oldest)[1]
            self._release(oldest)
            self._event_units -= oldest.units
            freed += oldest.units

    def _grow(self, units: int) -> int:
        """Extend the file so that this many units lie side by side at its end."""
        first = self._units
        size = len(self._map)
        needed = SPOOL_HEAD_BYTES + (first + units) * self.unit_bytes
        try:
            try:
                self._file.grow(max(needed, min(size * 2, size + 64 * self.unit_bytes)))
            except OSError:
                # No room for what may come: what comes now may find some.
                self._file.grow(needed)
        except OSError as error:
            raise from_os_error(error, "cannot extend the spool", path=self.path) from error
        self._map = self._file.map
        self._units += units
        self._add_units()
        return first

    def _add_units(self) -> None:
        """Put the units that the file has grown by on the free list, lowest last."""
        have = (len(self._map) - SPOOL_HEAD_BYTES) // self.unit_bytes
        self._free[:0] = range(have - 1, self._units - 1, -1)
        self._units = have
