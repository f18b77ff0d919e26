"""Gives the sources that a trace holds, as text; each is read when it is asked for.

Of most files only some lines are there. The others are empty lines in the text, so that all have
their numbers; which these are is told beside it.
"""

import codecs
import io
import tokenize
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.layout import BlockKind
from pytest_recorder.format.vocabulary import MAX_SOURCE_LINES
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
        """Give the SHA-256 of the whole text of a file; None where there is no text of it."""
        if self._digests is None:
            self._digests = {}
            for path, digest in self._files.values():
                if digest in self._places:
                    self._digests.setdefault(path, digest)
        return self._digests.get(file)

    def text(self, file: str) -> str | None:
        """Give the text of a file; None where there is none that can be read."""
        found = self._source(file)
        return decode_source(found.data) if found is not None else None

    def left_out(self, file: str) -> list[range]:
        """Give the numbers of the lines, from 1, that the text of a file has not."""
        found = self._source(file)
        return found.left_out if found is not None else []

    def stored(self) -> Iterator[StoredBlock]:
        """Give the blocks as they are stored, with texts in UTF-8."""
        for place in self._places.values():
            found = self._read(place)
            if found is None:
                continue
            text = decode_source(found.data).encode("utf-8", "replace")
            if text == found.data:
                yield self._blocks.stored(place)
            else:
                yield StoredBlock(place.kind, True, zlib.compress(found.packed(text)))

    def _source(self, file: str) -> "RecordedSource | None":
        digest = self.digest(file)
        return self._read(self._places[digest]) if digest is not None else None

    def _read(self, place: BlockPlace) -> "RecordedSource | None":
        try:
            data = self._blocks.read(place)
            if place.kind == BlockKind.EXCERPT:
                return with_all_lines(data)
            return RecordedSource(data[:_DIGEST_BYTES], data[_DIGEST_BYTES:], [])
        except (Malformed, zlib.error) as error:
            self._blocks.damage = f"damaged at byte {place.at}: {first_line(error)}"
            return None


class RecordedSource(NamedTuple):
    head: bytes
    """What stands before the text in its block."""
    data: bytes
    """The text, with an empty line for each that was left out."""
    left_out: list[range]

    def packed(self, text: bytes) -> bytes:
        """Give what the block would be with this text, which has the same lines."""
        lines = text.splitlines(keepends=True)
        for gap in reversed(self.left_out):
            del lines[gap.start - 1 : gap.stop - 1]
        return self.head + b"".join(lines)


def with_all_lines(block: bytes) -> RecordedSource:
    """Read an excerpt. Raises Malformed."""
    cursor = Cursor(block, _DIGEST_BYTES)
    count = cursor.count()
    most = min(count, MAX_SOURCE_LINES)
    spans = [(cursor.uv(), cursor.uv()) for _ in range(most)]
    text = block[cursor.at :]
    # Counted before they are taken apart: a line takes thirty times its byte.
    ends = max(text.count(b"\n"), text.count(b"\r"))
    if count > most or max(ends, sum(map(sum, spans))) > MAX_SOURCE_LINES:
        raise Malformed("a source has more lines than one may have")
    lines = text.splitlines(keepends=True)
    if sum(kept for _, kept in spans) != len(lines):
        raise Malformed("a source has other lines than its block says")
    parts: list[bytes] = []
    left_out: list[range] = []
    at, taken = 1, 0
    for gap, kept in spans:
        if gap:
            left_out.append(range(at, at + gap))
            parts.append(b"\n" * gap)
        parts += lines[taken : taken + kept]
        taken += kept
        at += gap + kept
    return RecordedSource(block[: cursor.at], b"".join(parts), left_out)


def decode_source(data: bytes) -> str:
    """Decode Python source by its own encoding declaration (PEP 263)."""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        if codecs.lookup(encoding).name.replace("-", "_") in _NO_ENCODINGS_OF_SOURCE:
            encoding = "utf-8"
        return data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return data.decode("utf-8", "replace")
