"""Reads the spools of other processes, dead or alive; trusts nothing in them.

A spool has no checksums: its bytes are those that the process wrote last. What is read is the
longest part that makes sense, in the order in which it was written. The spool of a living process
changes while it is read: each header is looked at again after its segment was copied, definitions
are copied after the headers of the events that need them, and a trace that was replaced meanwhile
is read anew.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

from pydantic import ValidationError

from pytest_recorder.errors import ErrorCode, enverr, from_os_error, target
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import (
    EVENTS_HEAD,
    MAX_BLOCK_BYTES,
    OLDEST_VERSION,
    SEGMENT,
    SPOOL_HEAD,
    SPOOL_HEAD_BYTES,
    SPOOL_MAGIC,
    SegmentKind,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import clock, files
from pytest_recorder.system.locks import is_alive, is_locked, try_lock, unlock
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.manifest import Manifest
from pytest_recorder.tracefile.spool import Segment

_SMALLEST_UNIT = 4096
_LARGEST_UNIT = 1 << 24
_MOST_UNITS = 1 << 17
"""A file of holes costs nothing to make; nobody shall wait for its headers."""
_MOST_TRIES = 5
_MOST_BYTES = MAX_BLOCK_BYTES - EVENTS_HEAD.size
_BLANK_FOR_S = 60
_KINDS = range(SegmentKind.MANIFEST, SegmentKind.SECRETS + 1)


class _SegmentPlace(NamedTuple):
    """The header of a segment, and where its records lie."""

    kind: int
    sequence: int
    at: int
    used: int
    trace: int
    first: int
    base_us: int


class Snapshot(NamedTuple):
    """The trace that a spool holds, ready for the writer. `damage` says where it had to stop.

    `secrets` are the records of what is to be masked: see `redaction.records`.
    """

    manifest: Manifest
    segments: list[Segment]
    sources: dict[bytes, bytes]
    damage: str | None
    secrets: bytes = b""


class SpoolFile:
    """A spool that is open for reading; a context manager. It is never written to.

    Raises EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) for a file that is not there or cannot be
    read, TargetError (ERR_TRACE_CORRUPT, ERR_UNSUPPORTED_FORMAT) for one that is no spool of ours.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = FilePath.of(path)
        self._has_lock = False
        self.pid = 0
        self.is_blank = False
        """The process has not written the head yet, or died before it could."""
        self._unit_bytes = 0
        self._size = 0
        self._file = _open(self.path)
        try:
            self._read_head()
        except OSError as error:
            self.close()
            raise from_os_error(error, "cannot read the spool", path=path) from error
        except BaseException:
            self.close()
            raise

    # Whose it is.

    def is_abandoned(self) -> bool:
        """Take the lock of a dead process's spool and tell; it is held until `close`.

        False for the spool of a living process, for one that somebody else is recovering or has
        just recovered, and for one whose process may not have come to write its head.
        """
        is_free = try_lock(self._file.fileno())
        self._has_lock = is_free is True
        if is_free is False or not self._is_still_there():
            return False
        if self.is_blank:
            age_ns = clock.wall_ns() - OS.fstat(self._file.fileno()).st_mtime_ns
            return age_ns > _BLANK_FOR_S * 1_000_000_000
        return is_free is True or not is_alive(self.pid)

    def is_running(self) -> bool:
        """Tell whether the process lives, and take no lock."""
        locked = is_locked(self._file.fileno())
        return is_alive(self.pid) if locked is None else locked

    def _is_still_there(self) -> bool:
        try:
            named = OS.stat(self.path)
        except OSError:
            return False
        opened = OS.fstat(self._file.fileno())
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    # What it holds.

    def read(self) -> Snapshot | None:
        """Read the trace that was being recorded; None between two traces.

        Raises TargetError (ERR_TRACE_CORRUPT) where a manifest cannot be read, EnvironmentError
        (ERR_IO) where the system cannot read the file.
        """
        try:
            for _ in range(_MOST_TRIES):
                places = list(self._places())
                found = max(
                    (place for place in places if place.kind == SegmentKind.MANIFEST),
                    key=lambda place: place.trace,
                    default=None,
                )
                if found is None or not found.used:
                    return None
                snapshot = self._read_trace(found, places)
                if snapshot is not None:
                    return snapshot
        except OSError as error:
            raise from_os_error(error, "cannot read the spool", path=self.path) from error
        raise enverr(
            ErrorCode.IO, f"{str(self.path)!r} changes faster than it can be read, try again"
        )

    def _read_trace(
        self, manifest: _SegmentPlace, places: list[_SegmentPlace]
    ) -> Snapshot | None:
        """Read one trace; None where the process has gone on to another meanwhile."""
        about = self._read_manifest(manifest)
        if about is None:
            return None
        mine = [place for place in places if place.trace == manifest.trace]
        mine.sort(key=lambda place: place.sequence)
        tables = DefinitionTables()
        segments: list[Segment] = []
        damage = "the spool is too large to be read whole" if self._is_too_large() else None
        # Anew, not from `places`: what the events in those need is defined by now.
        again = sorted(self._places(), key=lambda place: place.sequence)
        for place in again:
            is_wanted = place.kind == SegmentKind.DEFINITIONS and place.trace == manifest.trace
            data = self._copy(place) if is_wanted else None
            if data is None:
                continue
            good_bytes = tables.feed_prefix(data)
            segments.append(Segment(place.kind, 0, 0, 0, data[:good_bytes]))
            if good_bytes < len(data):
                damage = f"a definition is damaged at byte {place.at + good_bytes}"
                break
        for place in mine:
            if place.kind == SegmentKind.EVENTS:
                segment, problem = self._read_events(place, tables, segments)
                if segment is not None:
                    segments.append(segment)
                if problem is not None:
                    damage = problem
                    break
        if self._header_at(manifest.at) != manifest:
            return None
        sources = self._read_sources(again, tables)
        return Snapshot(about, segments, sources, damage, self._read_secrets(again))

    def _read_events(
        self, place: _SegmentPlace, tables: DefinitionTables, before: list[Segment]
    ) -> tuple[Segment | None, str | None]:
        """Give the whole events of a segment, and what is wrong with the next one."""
        last = before[-1] if before and before[-1].kind == SegmentKind.EVENTS else None
        if last is not None and place.first < last.first + last.events:
            return None, f"the events at byte {place.at} do not follow those before"
        data = self._copy(place)
        if data is None:
            return None, None
        decoder = EventDecoder(tables, data, base_us=place.base_us, has_values=False)
        count = good = 0
        problem = None
        try:
            for _ in decoder:
                count += 1
                good = decoder.at
        except Malformed as error:
            problem = f"a record is damaged after byte {place.at + good}: {error.message}"
        if not count:
            return None, problem
        return Segment(place.kind, place.first, count, place.base_us, data[:good]), problem

    def _read_manifest(self, place: _SegmentPlace) -> Manifest | None:
        data = self._copy(place)
        if data is None:
            return None
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            raise target(
                ErrorCode.TRACE_CORRUPT,
                f"{str(self.path)!r} has no readable manifest: {str(error).partition(chr(10))[0]}",
            ) from error

    def _read_sources(
        self, places: list[_SegmentPlace], tables: DefinitionTables
    ) -> dict[bytes, bytes]:
        """Read the texts that the trace needs; a text that has not its digest is not what ran."""
        wanted = {digest for _, digest in tables.files.values() if digest}
        sources: dict[bytes, bytes] = {}
        for place in places:
            is_source = place.kind == SegmentKind.SOURCE
            digest = self._bytes_at(place.at, min(place.used, 32)) if is_source else b""
            if digest in wanted and digest not in sources:
                text = self._bytes_at(place.at + 32, place.used - 32)
                if sha256(text).digest() == digest:
                    sources[digest] = text
        return sources

    def _read_secrets(self, places: list[_SegmentPlace]) -> bytes:
        """Read what is to be masked; it is the process's and not a trace's."""
        # Anew: what was learned last may stand in the events that were copied last.
        return b"".join(
            self._bytes_at(place.at, now.used)
            for place in places
            if place.kind == SegmentKind.SECRETS
            and (now := self._header_at(place.at)) is not None
            and now.kind == place.kind
            and now.used <= self._size
        )

    # Bytes.

    def _read_head(self) -> None:
        self._size = OS.fstat(self._file.fileno()).st_size
        head = self._bytes_at(0, SPOOL_HEAD.size)
        if not head.strip(b"\0"):
            self.is_blank = True
            return
        if head[: len(SPOOL_MAGIC) - 1] != SPOOL_MAGIC[:-1] or len(head) < SPOOL_HEAD.size:
            raise target(ErrorCode.TRACE_CORRUPT, f"{str(self.path)!r} is no spool of ours")
        magic, self._unit_bytes, self.pid, _ = SPOOL_HEAD.unpack(head)
        if not OLDEST_VERSION <= magic[-1] <= SPOOL_MAGIC[-1]:
            raise target(
                ErrorCode.UNSUPPORTED_FORMAT,
                f"{str(self.path)!r} has spool format {magic[-1]}, this reader knows"
                f" {OLDEST_VERSION} to {SPOOL_MAGIC[-1]}",
            )
        if not _SMALLEST_UNIT <= self._unit_bytes <= _LARGEST_UNIT:
            raise target(
                ErrorCode.TRACE_CORRUPT,
                f"{str(self.path)!r} has units of {self._unit_bytes} bytes",
            )

    def _places(self) -> Iterator[_SegmentPlace]:
        """Give the segments as they are now, in the order of the file."""
        if self.is_blank:
            return
        self._size = OS.fstat(self._file.fileno()).st_size
        units = self._units()
        unit = 0
        while unit < min(units, _MOST_UNITS):
            start = SPOOL_HEAD_BYTES + unit * self._unit_bytes
            head = self._bytes_at(start, SEGMENT.size)
            if len(head) < SEGMENT.size:
                return
            fields = SEGMENT.unpack(head)
            span = fields[3]
            place = _place(fields, start + SEGMENT.size)
            is_sound = (
                1 <= span <= units - unit
                and place.used <= min(span * self._unit_bytes - SEGMENT.size, _MOST_BYTES)
                and fields[1] == fields[2] == 0
            )
            if is_sound and place.kind in _KINDS:
                yield place
            # A free header spans its units while they are being freed.
            unit += span if is_sound else 1

    def _units(self) -> int:
        return -(-max(self._size - SPOOL_HEAD_BYTES, 0) // self._unit_bytes)

    def _is_too_large(self) -> bool:
        return self._units() > _MOST_UNITS

    def _header_at(self, at: int) -> _SegmentPlace | None:
        head = self._bytes_at(at - SEGMENT.size, SEGMENT.size)
        return _place(SEGMENT.unpack(head), at) if len(head) == SEGMENT.size else None

    def _copy(self, place: _SegmentPlace) -> bytes | None:
        """Copy the records of a segment; None when the units went to another one meanwhile."""
        data = self._bytes_at(place.at, place.used)
        now = self._header_at(place.at)
        if now is None or now._replace(used=place.used) != place:
            return None
        return data

    def _bytes_at(self, at: int, size: int) -> bytes:
        """Give the bytes that are there: fewer where the file ends."""
        size = min(size, self._size - at)
        if size <= 0:
            return b""
        self._file.seek(at)
        return self._file.read(size)

    # The life of the reader.

    def remove(self) -> None:
        """Remove the file, while nobody else can take it. Raises OSError."""
        if sys.platform == "win32":
            # It has no locks, and keeps what is open.
            self.close()
        files.remove(self.path)

    def close(self) -> None:
        """Close the file, and give back its lock; may be called again."""
        if self._has_lock and not self._file.closed:
            unlock(self._file.fileno())
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


def _place(fields: tuple[Any, ...], at: int) -> _SegmentPlace:
    kind, _, _, _, used, _, sequence, trace, first, base_us = fields
    return _SegmentPlace(kind, sequence, at, used, trace, first, base_us)


def _open(path: FilePath) -> BinaryIO:
    """Open for reading; for writing too where that is allowed: NFS locks no other file."""
    try:
        if files.exists(path) and not files.is_file(path):
            raise target(ErrorCode.TRACE_CORRUPT, f"{str(path)!r} is no regular file")
        try:
            # Not buffered: a living process changes what was read.
            return cast("BinaryIO", OS.open_file(path, "r+b", buffering=0))
        except OSError:
            return cast("BinaryIO", OS.open_file(path, "rb", buffering=0))
    except FileNotFoundError as error:
        raise enverr(ErrorCode.TRACE_NOT_FOUND, f"no such spool: {str(path)!r}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise from_os_error(error, "cannot read the spool", path=path) from error
        raise enverr(ErrorCode.IO, f"cannot read the spool: {error}", path=path) from error
