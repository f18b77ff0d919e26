"""Masks secrets in what is packed: in texts and bytes of values, and in the literals of sources.

Nothing else is touched: names, types, paths and ids of tests stay as they are, and so do all
lengths, so that a record that is masked is the same record.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from pytest_recorder.format.cursor import Cursor
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.finder import Finder
from pytest_recorder.redaction.learned import SHORTEST
from pytest_recorder.redaction.literals import mask_literals, named_literals
from pytest_recorder.redaction.records import read_records
from pytest_recorder.redaction.shapes import STARTS
from pytest_recorder.redaction.stars import starred, starred_bytes
from pytest_recorder.system.originals import environment
from pytest_recorder.tracefile.scan import Start, make_scan
from pytest_recorder.tracefile.spool import Segment
from pytest_recorder.tracefile.texts import BYTES, CUT

_LEAST_START = 3
_MOST_START = 16
_AFTER_SHORT: Final = "=:\"'_-> "
"""What follows a word of two letters, where it is a name or the end of one."""
_MOST_KEPT = 4096
_SHORT_TEXT = 4096
"""Shorter ones come again and again: what they became is kept."""


class _Source(NamedTuple):
    version: int
    digest: bytes
    text: bytes


def masker_of_spool(records: bytes) -> "Masker":
    """Give what masks the trace of another process, by what its spool says.

    What that process took from its environment stands in no spool: ours has most of it.
    """
    rules, learned = read_records(records)
    learned.learn_environment(environment(), rules)
    return Masker(Finder(rules, learned))


class Masker:
    """Masks by the rules of a recording and by what its process has learned up to each trace."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._sources: dict[bytes, _Source] = {}
        self._texts: dict[tuple[bool, bool, bytes], bytes] = {}
        self._texts_version = -1

    @property
    def starts(self) -> list[Start]:
        """What to look for in texts: where none of it stands there is nothing to mask."""
        found = dict[bytes, bool]()
        if self._finder.rules.are_any:
            for word in self._finder.rules.first_words():
                data = word.encode()[:_MOST_START]
                marks = _AFTER_SHORT if len(data) < _LEAST_START else ("",)
                found.update({data + mark.encode(): True for mark in marks})
            found.update({start.lower().encode(): False for start in STARTS})
        found.update({text[:SHORTEST]: False for text in self._finder.learned.texts})
        return [(start, needs) for start, needs in found.items() if len(start) >= _LEAST_START]

    # Sources.

    def source(self, digest: bytes, text: bytes) -> tuple[bytes, bytes]:
        """Give a source with its digest as they are to be packed."""
        known = self._sources.get(digest)
        if known is None:
            for literal in named_literals(text, self._finder.rules):
                self._finder.learned.learn(literal)
            known = self._mask_source(text, _Source(0, digest, text))
        elif any(secret in known.text for secret in self._finder.learned.since(known.version)):
            known = self._mask_source(text, known)
        self._sources[digest] = known = known._replace(version=self._finder.learned.version)
        return known.digest, known.text

    def _mask_source(self, text: bytes, before: _Source) -> _Source:
        """Mask a source by what is known now; `before` is what it was masked to."""
        masked = mask_literals(text, self._finder.spans)
        return before if masked is text else _Source(0, sha256(masked).digest(), masked)

    def sources(self, sources: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Give the sources that a trace was found to need, by the digests that they have now."""
        known = (self._sources.get(digest) for digest in sources)
        return {source.digest: source.text for source in known if source is not None}

    def definitions(self, data: bytes, sources: Mapping[bytes, bytes]) -> bytes:
        """Give definitions with the digests of the sources as they are to be packed."""
        for digest, text in sources.items():
            if digest in data:
                data = data.replace(digest, self.source(digest, text)[0])
        return data

    # Texts.

    def events(self, data: bytes, places: Iterable[int]) -> bytes:
        """Give records with their texts masked; `places` are where the tags of these stand."""
        if self._texts_version != self._finder.learned.version or len(self._texts) > _MOST_KEPT:
            self._texts.clear()
            self._texts_version = self._finder.learned.version
        masked: bytearray | None = None
        cursor = Cursor(data)
        for place in places:
            cursor.at = place
            tag = cursor.byte()
            is_cut = tag in CUT
            if is_cut:
                cursor.uv()
            text = cursor.sized()
            if len(text) < SHORTEST:
                continue
            shown = self._masked(text, is_bytes=tag in BYTES, is_cut=is_cut)
            if shown is not text:
                masked = bytearray(data) if masked is None else masked
                masked[cursor.at - len(text) : cursor.at] = shown
        return data if masked is None else bytes(masked)

    def segments(self, definitions: Iterable[bytes], segments: list[Segment]) -> list[Segment]:
        """Give segments of events with their texts masked."""
        tables = DefinitionTables()
        for data in definitions:
            tables.feed(data)
        scan = make_scan(tables)
        scan.watch(self.starts)
        masked: list[Segment] = []
        for segment in segments:
            scan.feed(segment.data, segment.first)
            shown = self.events(segment.data, scan.take_hits())
            masked.append(segment._replace(data=shown))
        return masked

    def is_in_id(self, test: str) -> bool:
        """Tell whether the id of a test holds a secret."""
        return self._finder.is_in_id(test)

    def text(self, text: str) -> str:
        """Mask a text that is written outside of records."""
        return starred(text, self._finder.spans(text))

    def _masked(self, text: bytes, *, is_bytes: bool, is_cut: bool) -> bytes:
        key = (is_bytes, is_cut, text)
        known = self._texts.get(key)
        if known is not None:
            return text if known == text else known
        encoding = "latin-1" if is_bytes else "utf-8"
        plain = text.decode(encoding, "strict" if is_bytes else "surrogatepass")
        spans = self._finder.spans(plain, is_bytes=is_bytes, is_cut=is_cut)
        shown = text
        if spans:
            shown = (
                starred_bytes(text, spans)
                if is_bytes
                else starred(plain, spans).encode("utf-8", "surrogatepass")
            )
        if len(text) <= _SHORT_TEXT:
            self._texts[key] = shown
        return shown
