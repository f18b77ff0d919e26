"""Gives the sources that a trace holds, as text; each is read when it is asked for."""

import codecs
import io
import tokenize
import zlib
from collections.abc import Iterator, Mapping

from pytest_recorder.format.cursor import Malformed
from pytest_recorder.tracefile.block_reader import (
    BlockPlace,
    BlockReader,
    StoredBlock,
    first_line,
)

_DIGEST_BYTES = 32
_NO_ENCODINGS_OF_SOURCE = frozenset(
    ("idna", "punycode", "unicode_escape", "raw_unicode_escape")
)
"""They take quadratic time, or warn of what they read."""


class RecordedSources:
    """The blocks of sources of one trace; `files` are its definitions of files, which may grow."""

    def __init__(self, blocks: BlockReader, files: Mapping[int, tuple[str, bytes]]) -> None:
        self._blocks = blocks
        self._files = files
        self._places: dict[bytes, BlockPlace] = {}
        self._digests: dict[str, bytes] | None = None

    def add(self, place: BlockPlace) -> None:
        """Take in a block. Raises zlib.error."""
        self._places[self._blocks.start(place, _DIGEST_BYTES)] = place

    def digest(self, file: str) -> bytes | None:
        """Give the SHA-256 of the text of a file; None where there is no text of it."""
        if self._digests is None:
            self._digests = {}
            for path, digest in self._files.values():
                if digest in self._places:
                    self._digests.setdefault(path, digest)
        return self._digests.get(file)

    def text(self, file: str) -> str | None:
        """Give the text of a file; None where there is none that can be read."""
        digest = self.digest(file)
        data = self._read(self._places[digest]) if digest is not None else None
        return decode_source(data[_DIGEST_BYTES:]) if data is not None else None

    def stored(self) -> Iterator[StoredBlock]:
        """Give the blocks as they are stored, with texts in UTF-8."""
        for place in self._places.values():
            data = self._read(place)
            if data is None:
                continue
            text = decode_source(data[_DIGEST_BYTES:]).encode("utf-8", "replace")
            if text != data[_DIGEST_BYTES:]:
                stored = zlib.compress(data[:_DIGEST_BYTES] + text)
                yield StoredBlock(place.kind, True, stored)
            else:
                yield self._blocks.stored(place)

    def _read(self, place: BlockPlace) -> bytes | None:
        try:
            return self._blocks.read(place)
        except (Malformed, zlib.error) as error:
            self._blocks.damage = f"damaged at byte {place.at}: {first_line(error)}"
            return None


def decode_source(data: bytes) -> str:
    """Decode Python source by its own encoding declaration (PEP 263)."""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        if codecs.lookup(encoding).name.replace("-", "_") in _NO_ENCODINGS_OF_SOURCE:
            encoding = "utf-8"
        return data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return data.decode("utf-8", "replace")
