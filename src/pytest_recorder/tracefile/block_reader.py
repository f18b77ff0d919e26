"""Reads the blocks of a trace file: walks them once with their checksums, gives their content.

Nothing but the places of the blocks is kept. The file is hostile: no size in it is believed before
it is compared with what is there, and nothing larger than a block may be is allocated.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic import ValidationError

from pytest_recorder.errors import ErrorCode, target
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.layout import (
    BLOCK,
    CHECKSUM,
    FLAG_DEFLATED,
    MAGIC,
    MAX_BLOCK_BYTES,
    OLDEST_VERSION,
    SPOOL_MAGIC,
    BlockKind,
)
from pytest_recorder.system import files
from pytest_recorder.system.paths import AnyPath
from pytest_recorder.tracefile.manifest import Manifest

_CHUNK = 1 << 20
_HEAD_BYTES = BLOCK.size + CHECKSUM.size


class BlockPlace(NamedTuple):
    """Where a block lies."""

    kind: int
    flags: int
    at: int
    stored: int
    plain: int


class StoredBlock(NamedTuple):
    """A block of the file as it is stored. `first` and `events` are those of a block of events."""

    kind: int
    is_deflated: bool
    stored: bytes
    first: int = 0
    events: int = 0


def is_known_magic(head: bytes) -> bool:
    """Tell whether a file that starts so is a trace of a format that can be read here."""
    return head[:-1] == MAGIC[:-1] and OLDEST_VERSION <= head[-1] <= MAGIC[-1]


def is_spool(file: BinaryIO) -> bool:
    """Tell whether a file, which is at its start and stays there, is a spool of any format."""
    head = file.read(len(SPOOL_MAGIC) - 1)
    file.seek(0)
    return head == SPOOL_MAGIC[:-1]


def check_magic(file: BinaryIO, path: Path) -> None:
    """Read how a trace file begins.

    Raises TargetError (ERR_TRACE_CORRUPT, ERR_UNSUPPORTED_FORMAT) where it is none of ours.
    """
    head = file.read(len(MAGIC))
    if head[:-1] != MAGIC[:-1]:
        what = "an empty file" if not head else "not a trace file"
        raise target(ErrorCode.TRACE_CORRUPT, f"{str(path)!r} is {what}")
    if not is_known_magic(head):
        raise target(
            ErrorCode.UNSUPPORTED_FORMAT,
            f"{str(path)!r} has trace format {head[-1]}, this reader knows "
            f"{OLDEST_VERSION} to {MAGIC[-1]}",
        )


def read_manifest(path: AnyPath) -> Manifest | None:
    """Give the manifest of a trace file without looking at the rest; None where there is none."""
    try:
        with files.open_to_read(path) as file:
            if not is_known_magic(file.read(len(MAGIC))):
                return None
            head = file.read(_HEAD_BYTES)
            if len(head) < _HEAD_BYTES:
                return None
            kind, flags, _, stored, _ = BLOCK.unpack_from(head)
            if kind != BlockKind.MANIFEST or flags or stored > MAX_BLOCK_BYTES:
                return None
            return Manifest.model_validate_json(file.read(stored))
    except (OSError, ValidationError):
        return None


_LEAST_JSON = 1 << 21
_JSON_PER_BYTE = 64
"""What is read as JSON costs thirty times its bytes. The steps of a loop take 20 bytes a call, and
deflate to a fiftieth."""
_MOST_TOLD = 1 << 24
"""Bytes of a manifest, or of a trailer."""


class BlockReader:
    """The blocks of an open file, after its magic."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = os.fstat(file.fileno()).st_size
        self.damage: str | None = None
        """What is wrong with the file, as far as it was read."""

    def walk(self) -> Iterator[BlockPlace]:
        """Give the blocks whose checksum holds, up to the first that does not."""
        at = len(MAGIC)
        while at < self.size_bytes:
            self._file.seek(at)
            head = self._file.read(_HEAD_BYTES)
            if len(head) < _HEAD_BYTES:
                self.damage = "the file is cut in the head of a block"
                return
            kind, flags, _, stored, plain = BLOCK.unpack_from(head)
            start = at + _HEAD_BYTES
            if start + stored > self.size_bytes or plain > MAX_BLOCK_BYTES:
                self.damage = f"the file is cut or damaged at byte {at}"
                return
            before = zlib.crc32(head[: BLOCK.size])
            if self._checksum(stored, before) != CHECKSUM.unpack_from(head, BLOCK.size)[0]:
                self.damage = f"a checksum is wrong at byte {at}"
                return
            yield BlockPlace(kind, flags, start, stored, plain)
            at = start + stored

    def _checksum(self, size: int, checksum: int) -> int:
        while size > 0:
            data = self._file.read(min(size, _CHUNK))
            if not data:
                return -1
            checksum = zlib.crc32(data, checksum)
            size -= len(data)
        return checksum

    def read(self, place: BlockPlace) -> bytes:
        """Give what a block holds. Raises Malformed or zlib.error."""
        self._file.seek(place.at)
        stored = self._file.read(place.stored)
        if not place.flags & FLAG_DEFLATED:
            return stored
        plain = zlib.decompressobj().decompress(stored, place.plain + 1)
        if len(plain) != place.plain:
            raise Malformed("a block has another size than it says")
        return plain

    def start(self, place: BlockPlace, size: int) -> bytes:
        """Give so many bytes from the start of a block, or less. Raises zlib.error."""
        self._file.seek(place.at)
        if not place.flags & FLAG_DEFLATED:
            return self._file.read(min(size, place.stored))
        data = self._file.read(min(place.stored, 4096))
        return zlib.decompressobj().decompress(data, size)

    def stored(self, place: BlockPlace) -> StoredBlock:
        """Give a block as it is stored."""
        self._file.seek(place.at)
        stored = self._file.read(place.stored)
        return StoredBlock(place.kind, bool(place.flags & FLAG_DEFLATED), stored)

    def told(self, place: BlockPlace) -> bytes:
        """Give a manifest or a trailer, which are never deflated. Raises Malformed."""
        if place.flags & FLAG_DEFLATED or place.stored > _MOST_TOLD:
            raise Malformed("a manifest or trailer is deflated or too large")
        return self.read(place)

    def is_small(self, place: BlockPlace) -> bool:
        """Whether a block can be read whole as JSON."""
        return place.plain <= _LEAST_JSON + _JSON_PER_BYTE * self.size_bytes

    def json(self, place: BlockPlace) -> Any:
        """Give what a block of JSON holds; None where it is none."""
        import orjson

        try:
            return orjson.loads(self.read(place))
        except (Malformed, zlib.error, orjson.JSONDecodeError):
            return None


def first_line(error: Exception) -> str:
    """Give the first line of what an error says: pydantic writes a page."""
    text = error.message if isinstance(error, Malformed) else str(error)
    return text.partition("\n")[0]
