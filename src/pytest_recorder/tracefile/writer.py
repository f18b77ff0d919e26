"""Packs the records of a spool into a trace file: checked, compressed, staged, renamed."""

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pytest_recorder.errors import ErrorCode, enverr, from_os_error
from pytest_recorder.events import Define, Op, text, uv
from pytest_recorder.tracefile.decode import Definitions, EventDecoder
from pytest_recorder.tracefile.layout import (
    BLOCK,
    CHECKSUM,
    EVENTS_HEAD,
    FLAG_DEFLATED,
    MAGIC,
    BlockKind,
    SegmentKind,
)
from pytest_recorder.tracefile.manifest import Manifest, Trailer
from pytest_recorder.tracefile.skeleton import Skeleton
from pytest_recorder.tracefile.spool import Segment

_COMPRESSION_LEVEL = 6
_LIMIT_REASON = "limit"


class Packed(NamedTuple):
    """What a kept trace came to."""

    size_bytes: int
    events: int
    dropped: int


def write_trace(
    path: Path,
    *,
    manifest: Manifest,
    segments: Iterable[Segment],
    sources: Mapping[bytes, bytes],
    trailer: Mapping[str, Any],
) -> Packed:
    """Write a trace file, whole or not at all.

    `sources` maps SHA-256 digests to texts. `trailer` holds the fields of `Trailer` that the
    recording knows; the numbers of events are counted here. Raises EnvironmentError (ERR_IO) when
    the file cannot be written; then nothing is left at `path`, nor beside it.
    """
    staged = path.with_name(path.name + ".part")
    try:
        with open(staged, "wb") as file:
            packed = pack_trace(file, manifest, segments, sources, trailer)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
        _sync_folder(path.parent)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise from_os_error(error, "cannot write the trace", path=path) from error
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return packed


def pack_trace(
    file: BinaryIO,
    manifest: Manifest,
    segments: Iterable[Segment],
    sources: Mapping[bytes, bytes],
    trailer: Mapping[str, Any],
) -> Packed:
    """Write a trace into an open file; the arguments are those of `write_trace`."""
    return _Packer(file, manifest, list(segments), sources).write(trailer)


def _sync_folder(folder: Path) -> None:
    """Make the rename last over a power cut; not every system can open a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


class _Packer:
    def __init__(
        self,
        file: BinaryIO,
        manifest: Manifest,
        segments: list[Segment],
        sources: Mapping[bytes, bytes],
    ) -> None:
        self._file = file
        self._manifest = manifest
        self._definitions = [s.data for s in segments if s.kind == SegmentKind.DEFINITIONS]
        self._events = [s for s in segments if s.kind == SegmentKind.EVENTS and s.events]
        self._sources = sources
        self._tables = Definitions()
        self._skeleton = Skeleton()
        self._blocks: list[list[int]] = []
        self._count = 0
        self._dropped = 0

    def write(self, trailer: Mapping[str, Any]) -> Packed:
        self._file.write(MAGIC)
        self._block(
            BlockKind.MANIFEST, self._manifest.model_dump_json().encode(), deflate=False
        )
        for data in self._definitions:
            self._tables.feed(data)
            self._block(BlockKind.DEFINITIONS, data)
        self._write_sources()
        for payload, first, count in self._numbered():
            self._blocks.append([self._file.tell(), first, count])
            self._block(BlockKind.EVENTS, payload)
        self._write_index()
        end = Trailer(events=self._count, dropped=self._dropped, **trailer)
        self._block(BlockKind.TRAILER, end.model_dump_json().encode(), deflate=False)
        return Packed(self._file.tell(), self._count, self._dropped)

    def _write_sources(self) -> None:
        for digest in dict.fromkeys(digest for _, digest in self._tables.files.values()):
            if digest in self._sources:
                self._block(BlockKind.SOURCE, digest + self._sources[digest])

    def _numbered(self) -> Iterator[tuple[bytes, int, int]]:
        """Number the events anew, with a gap event where a full spool dropped some."""
        expected = 0
        for segment in self._events:
            if segment.first > expected:
                missing = segment.first - expected
                self._dropped += missing
                yield self._gap(missing, segment.base_us), self._count - 1, 1
            expected = segment.first + segment.events
            first = self._count
            decoder = EventDecoder(self._tables, segment.data, first=first, has_values=False)
            for event in decoder:
                self._skeleton.feed(event, decoder.frames)
                if event.kind == "gap":
                    self._dropped += event.dropped or 0
            self._count += segment.events
            head = EVENTS_HEAD.pack(first, segment.base_us, segment.events)
            yield head + segment.data, first, segment.events

    def _gap(self, dropped: int, base_us: int) -> bytes:
        number = len(self._tables.names) + 1
        while number in self._tables.names:
            number += 1
        definition = bytes((Define.NAME,)) + uv(number) + text(_LIMIT_REASON)
        self._tables.feed(definition)
        self._block(BlockKind.DEFINITIONS, definition)
        head = EVENTS_HEAD.pack(self._count, base_us, 1)
        self._count += 1
        return head + bytes((Op.GAP,)) + uv(0) + uv(dropped) + uv(number)

    def _write_index(self) -> None:
        import orjson

        index = {
            "blocks": self._blocks,
            "calls": self._skeleton.rows(),
            "calls_cut": self._skeleton.is_cut,
            "exceptions": [
                [n, frame, _plain(kind), _plain(message)]
                for n, frame, kind, message in self._skeleton.exceptions
            ],
        }
        self._block(BlockKind.INDEX, orjson.dumps(index))

    def _block(self, kind: int, plain: bytes, *, deflate: bool = True) -> None:
        stored = zlib.compress(plain, _COMPRESSION_LEVEL) if deflate else plain
        if len(stored) > 0xFFFFFFFF:
            raise enverr(ErrorCode.IO, "a block is larger than the format allows")
        flags = FLAG_DEFLATED if deflate else 0
        head = BLOCK.pack(kind, flags, 0, len(stored), len(plain))
        self._file.write(head)
        self._file.write(CHECKSUM.pack(zlib.crc32(stored, zlib.crc32(head))))
        self._file.write(stored)


def _plain(text: str) -> str:
    """Give a text without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
