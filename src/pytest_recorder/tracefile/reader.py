"""Opens trace files: gives every whole prefix of any input, and says what is missing.

A file is walked once when it is opened. Events are decoded when they are asked for, one block at a
time.
"""

import os
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from pydantic import ValidationError

from pytest_recorder.errors import ErrorCode, enverr, from_os_error, target, usage
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.events import Event, Value
from pytest_recorder.format.layout import (
    EVENTS_HEAD,
    BlockKind,
)
from pytest_recorder.format.limits import DEFINITIONS_PER_BYTE, LEAST_DEFINITIONS
from pytest_recorder.format.object_changes import ObjectChange, ObjectFollower
from pytest_recorder.format.vocabulary import MAX_BLOCK_EVENTS, MAX_DEPTH
from pytest_recorder.tracefile.block_reader import (
    BlockPlace,
    BlockReader,
    StoredBlock,
    check_magic,
    first_line,
    is_spool,
)
from pytest_recorder.tracefile.decoded_block import Block
from pytest_recorder.tracefile.index_outline import Outline, outline_of
from pytest_recorder.tracefile.manifest import Manifest, Trailer
from pytest_recorder.tracefile.object_index import ObjectIndex
from pytest_recorder.tracefile.recorded_source import RecordedSources
from pytest_recorder.tracefile.scan import make_scan
from pytest_recorder.tracefile.skeleton import Call, rows_of, tree_of
from pytest_recorder.tracefile.spool_trace import pack_spool

_LEAST_CALLS = 1 << 20
_BYTES_PER_CALL = 4
"""Each call of a tree takes half a kilobyte."""


class _EventBlock(NamedTuple):
    place: BlockPlace
    first: int
    base_us: int
    events: int


def open_trace(path: str | os.PathLike[str]) -> "Trace":
    """Open a trace file, or the spool of a process that is running or died.

    Raises EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) for a file that is not there or cannot be
    read, TargetError (ERR_TRACE_CORRUPT, ERR_UNSUPPORTED_FORMAT) for one that is no trace of ours.
    A trace that is cut or damaged further on opens as `partial`.
    """
    where = Path(path)
    try:
        if where.exists() and not where.is_file():
            raise target(ErrorCode.TRACE_CORRUPT, f"{str(where)!r} is no regular file")
        file: BinaryIO = open(where, "rb")  # noqa: SIM115 - the trace closes it
    except FileNotFoundError as error:
        raise enverr(ErrorCode.TRACE_NOT_FOUND, f"no such trace: {str(where)!r}") from error
    except (OSError, ValueError) as error:
        raise _unreadable(where, error) from error
    try:
        if is_spool(file):
            file.close()
            file = pack_spool(where)
        return Trace(file, where)
    except OSError as error:
        file.close()
        raise _unreadable(where, error) from error
    except BaseException:
        file.close()
        raise


def _unreadable(path: Path, error: Exception) -> Exception:
    if isinstance(error, OSError):
        return from_os_error(error, "cannot read the trace", path=path)
    return enverr(ErrorCode.IO, f"cannot read the trace: {error}", path=path)


class Trace:
    """A trace file that is open for reading; a context manager. Not for several threads at once."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.path = path
        self._file = file
        self._blocks = BlockReader(file)
        self._events: list[_EventBlock] = []
        self._definition_places: list[BlockPlace] = []
        self._index: BlockPlace | None = None
        self._trailer: Trailer | None = None
        self._definitions = DefinitionTables(
            LEAST_DEFINITIONS + DEFINITIONS_PER_BYTE * self._blocks.size_bytes
        )
        self._objects: ObjectIndex | None = None
        self._last: tuple[int, Block] | None = None
        self._sources = RecordedSources(self._blocks, self._definitions.files)
        self.manifest: Manifest = self._open()

    # What the trace says of itself.

    @property
    def status(self) -> str:
        """`complete`, or `partial` where the recording ended early or the file is not whole."""
        return "partial" if self.damage is not None else self.trailer.status

    @property
    def damage(self) -> str | None:
        """What is wrong with the file as far as it was read; None for an honest `partial` too."""
        return self._blocks.damage

    @property
    def reason(self) -> str | None:
        """Why the trace is partial: an `ERR_*` code, or None."""
        return (
            ErrorCode.TRACE_INCOMPLETE.value if self.damage is not None else self.trailer.reason
        )

    @property
    def message(self) -> str | None:
        """The reason in words, or None."""
        return self.damage if self.damage is not None else self.trailer.message

    @property
    def trailer(self) -> Trailer:
        """The end of the recording as written, or as it can be told without one."""
        if self._trailer is not None:
            return self._trailer
        reason = ErrorCode.TRACE_INCOMPLETE.value
        return Trailer(status="partial", reason=reason, events=len(self))

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self._blocks.size_bytes

    def __len__(self) -> int:
        """Number of events that can be read."""
        return self._events[-1].first + self._events[-1].events if self._events else 0

    # Events.

    def events(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Give events in order, from number `start` up to but without `stop`."""
        return (event for event, _ in self._walk(start, stop))

    def events_with_objects(self) -> Iterator[tuple[Event, list[ObjectChange]]]:
        """Give each event with what it tells that is new of objects, in order."""
        follower = ObjectFollower()
        for event, decoder in self._walk(0, None):
            type_of = decoder.objects.type_of
            told = (follower.take(event.n, record, type_of) for record in event.objects)
            yield event, [change for change in told if change is not None]

    def _walk(self, start: int, stop: int | None) -> Iterator[tuple[Event, EventDecoder]]:
        end = len(self) if stop is None else min(stop, len(self))
        at = bisect_right(self._events, start, key=lambda block: block.first) - 1
        for block in self._events[max(at, 0) :]:
            if block.first >= end:
                return
            decoded, decoder = 0, self._decoder(block)
            for event in islice(self._guarded(decoder), block.events):
                decoded += 1
                if event.n >= end:
                    return
                if event.n >= start:
                    yield event, decoder
            if decoded < block.events:
                # What follows would not be the next event.
                if self.damage is None:
                    said = f"{block.events} events were written, {decoded} can be read"
                    self._blocks.damage = said
                return

    def event(self, n: int) -> Event:
        """Give one event. Raises UsageError (ERR_QUERY) where there is none of this number."""
        for event in self.events(n, n + 1):
            return event
        raise usage(ErrorCode.QUERY, f"no event {n}, the trace has {len(self)}")

    def values_at(self, event: Event | int) -> dict[str, Value]:
        """Give all variables of the event's frame as they were at this event.

        At levels below `values`, also where it has fallen, only the arguments are known, and only
        at the call itself.
        """
        n = event.n if isinstance(event, Event) else event
        at = bisect_right(self._events, n, key=lambda block: block.first) - 1
        if at >= 0 and n < len(self):
            if self._last is None or self._last[0] != at:
                self._last = at, self.read_block(at)
            block = self._last[1]
            if n - block.first < len(block.events):
                found = block.event(n)
                if self.manifest.level != "values" or n >= block.fell_at:
                    return dict(found.args or {})
                return dict(block.values(found.frame or 0, n) or {})
        raise usage(ErrorCode.QUERY, f"no event {n}, the trace has {len(self)}")

    @property
    def objects(self) -> ObjectIndex:
        """Answers what became of an object; made when it is first asked for."""
        if self._objects is None:
            self._objects = ObjectIndex(
                self._definitions,
                self.block_ranges(),
                lambda at: self._records(self._events[at]),
                self.manifest.values.get("depth", MAX_DEPTH),
            )
        return self._objects

    def block_ranges(self) -> list[range]:
        """Give the numbers of the events in each block."""
        return [range(block.first, block.first + block.events) for block in self._events]

    def read_block(self, at: int) -> Block:
        """Decode the block at this place of `block_ranges`; of a damaged one what can be read."""
        block = self._events[at]
        decoder = self._decoder(block)
        events = islice(self._guarded(decoder), block.events)
        return Block.decoded(block.first, decoder, events)

    def outline(self) -> Outline:
        """Give what the index tells."""
        return outline_of(self._blocks.json(self._index) if self._index is not None else None)

    def call_tree(self) -> list[Call]:
        """Give the calls that no recorded frame made, each with those below it."""
        try:
            return tree_of(self.call_rows(), self._definitions.codes)
        except (Malformed, KeyError, ValueError, TypeError, IndexError):
            self._blocks.damage = "the index is damaged"
            return tree_of(self._scanned_rows(), self._definitions.codes)

    def call_rows(self) -> list[list[int]]:
        """Give `[frame, parent, code, first, last, end]` of each frame, in order of appearance.

        The parent is 0 where there is none, the end 0 open, 1 return, 2 unwind. Raises TargetError
        (ERR_NOT_SUPPORTED) where these are too many to be held.
        """
        if self._index is not None and self._blocks.damage is None:
            index = self._blocks.json(self._index)
            try:
                if index["calls_cut"] is False:
                    rows = index["calls"] if "calls" in index else rows_of(index["steps"])
                    if all(len(row) == 6 and all(type(x) is int for x in row) for row in rows):
                        return rows
                    self._blocks.damage = "the index is damaged"
            except (Malformed, KeyError, ValueError, TypeError, IndexError):
                self._blocks.damage = "the index is damaged"
        return self._scanned_rows()

    def _scanned_rows(self) -> list[list[int]]:
        most = _LEAST_CALLS + self.size_bytes // _BYTES_PER_CALL
        scan = make_scan(self._definitions, most_calls=most, most_exceptions=0)
        for block in self._events:
            try:
                scan.feed(self._records(block)[EVENTS_HEAD.size :], block.first)
            except Malformed as error:
                self._blocks.damage = f"a record is damaged: {error.message}"
            if scan.found().is_cut:
                said = f"the trace has more than {most} calls, read its events instead"
                raise target(ErrorCode.NOT_SUPPORTED, said)
        return scan.rows()

    def event_blocks(self) -> list[tuple[int, int, int]]:
        """Give `(first event, events, stored bytes)` of each block of events, in order."""
        return [(block.first, block.events, block.place.stored) for block in self._events]

    def stored_blocks(self, first: int = 0, stop: int | None = None) -> Iterator[StoredBlock]:
        """Give what a reader elsewhere needs, as it is stored.

        All definitions and sources, then the blocks of events that begin at `first` or later and
        before `stop`. The text of a source that is not UTF-8 is given in UTF-8.
        """
        for place in self._definition_places:
            yield self._blocks.stored(place)
        yield from self._sources.stored()
        for block in self._events:
            if block.first >= first and (stop is None or block.first < stop):
                stored = self._blocks.stored(block.place)
                yield stored._replace(first=block.first, events=block.events)

    def threads(self) -> dict[int, str]:
        """Give the names of the threads by their number in the events."""
        return dict(self._definitions.threads)

    # Sources.

    def files(self) -> list[str]:
        """Give the files whose code ran, in order of appearance."""
        return [path for path, _ in self._definitions.files.values()]

    def source(self, file: str) -> str | None:
        """Give the text of a file as it ran, or None; lines that the trace has not are empty."""
        return self._sources.text(file)

    def left_out(self, file: str) -> list[range]:
        """Give the numbers, from 1, of the lines of a file that the trace does not hold."""
        return self._sources.left_out(file)

    def digest(self, file: str) -> bytes | None:
        """Give the SHA-256 of the whole text of a file; None where the trace has no text of it."""
        return self._sources.digest(file)

    # The life of the reader.

    def close(self) -> None:
        """Close the file; may be called again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Blocks.

    def _open(self) -> Manifest:
        check_magic(self._file, self.path)
        manifest: Manifest | None = None
        for place in self._blocks.walk():
            try:
                if manifest is None:
                    manifest = self._read_manifest(place)
                else:
                    self._take(place)
            except (Malformed, ValidationError, zlib.error) as error:
                if manifest is None:
                    break
                self._blocks.damage = f"damaged at byte {place.at}: {first_line(error)}"
                break
        if manifest is None:
            raise target(
                ErrorCode.TRACE_CORRUPT, f"{str(self.path)!r} has no readable manifest"
            )
        if self.damage is None and self._trailer is None:
            self._blocks.damage = "the file ends before its trailer"
        if self.damage is None and self.trailer.events != len(self):
            said = f"{self.trailer.events} events were written, {len(self)} are there"
            self._blocks.damage = said
        return manifest

    def _read_manifest(self, place: BlockPlace) -> Manifest:
        if place.kind != BlockKind.MANIFEST:
            raise Malformed("the first block is no manifest")
        return Manifest.model_validate_json(self._blocks.told(place))

    def _take(self, place: BlockPlace) -> None:
        if place.kind == BlockKind.DEFINITIONS:
            self._definitions.feed(self._blocks.read(place))
            self._definition_places.append(place)
        elif place.kind in (BlockKind.SOURCE, BlockKind.EXCERPT):
            self._sources.add(place)
        elif place.kind == BlockKind.EVENTS:
            self._take_events(place)
        elif place.kind == BlockKind.INDEX:
            # All that it says can be told from the events too.
            self._index = place if self._blocks.is_small(place) else None
        elif place.kind == BlockKind.TRAILER:
            self._trailer = Trailer.model_validate_json(self._blocks.told(place))

    def _take_events(self, place: BlockPlace) -> None:
        head = self._blocks.start(place, EVENTS_HEAD.size)
        if len(head) < EVENTS_HEAD.size:
            raise Malformed("a block of events is too short")
        first, base_us, events = EVENTS_HEAD.unpack(head)
        if first != len(self) or events > place.plain:
            raise Malformed("a block of events does not follow the one before")
        if events > MAX_BLOCK_EVENTS:
            raise Malformed("a block has more events than one may have")
        self._events.append(_EventBlock(place, first, base_us, events))

    def _records(self, block: _EventBlock) -> bytes:
        try:
            return self._blocks.read(block.place)
        except (Malformed, zlib.error) as error:
            self._blocks.damage = f"damaged at byte {block.place.at}: {first_line(error)}"
            return b""

    def _decoder(self, block: _EventBlock) -> EventDecoder:
        data = self._records(block)
        return EventDecoder(
            self._definitions,
            data,
            first=block.first,
            base_us=block.base_us,
            at=min(len(data), EVENTS_HEAD.size),
            depth=self.manifest.values.get("depth", MAX_DEPTH),
        )

    def _guarded(self, decoder: EventDecoder) -> Iterator[Event]:
        """Give what can be decoded; what follows a fault is not guessed at."""
        try:
            yield from decoder
        except Malformed as error:
            self._blocks.damage = f"a record is damaged: {error.message}"
