"""Packs the records of a spool into a trace file: checked, compressed, written whole."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pytest_recorder.diagnostics.inject import NONE, Injector
from pytest_recorder.errors import from_os_error
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD, MAGIC, BlockKind, SegmentKind
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import Define, Op
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files, json_text
from pytest_recorder.system.atomic_write import part_path, remove_unfinished, replace
from pytest_recorder.system.locks import lock, unlock
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, parent_of
from pytest_recorder.tracefile.blocks import BlockWriter
from pytest_recorder.tracefile.excerpts import Excerpts
from pytest_recorder.tracefile.masking import Masker
from pytest_recorder.tracefile.scan import Found, make_scan
from pytest_recorder.tracefile.spool import Segment

T = TypeVar("T")
_LIMIT_REASON = "limit"
_MOST_MESSAGE = 1_000
"""Characters of a message in the index: with a thousand long ones nobody would read it."""
_TRAILER = (
    *("status", "reason", "message", "duration_us", "recording_cpu_us"),
    *("counters", "errors"),
)


class Packed(NamedTuple):
    """What a kept trace came to."""

    size_bytes: int
    events: int
    dropped: int


def write_trace(
    path: AnyPath,
    *,
    manifest: Mapping[str, Any],
    segments: Iterable[Segment],
    sources: Mapping[bytes, bytes],
    trailer: Mapping[str, Any],
    excerpts: Excerpts | None = None,
    masker: Masker | None = None,
    faults: Injector = NONE,
    is_frugal: bool = False,
) -> Packed:
    """Write a trace file, whole or not at all.

    `segments` are those of `Spool.segments`: definitions first, then events in their order.
    `sources` maps SHA-256 digests to texts. `manifest` has the fields of `Manifest`, `trailer`
    those of `Trailer` that the recording knows; the numbers of events are counted here.
    `excerpts` makes of them the lines that are packed, and remembers them for the next trace of the
    process, which will have most of them too. `masker` hides what is secret; without one all stays
    as it is. With `is_frugal` no more memory is used than a segment takes, twice: the trace is
    larger, for its sources are whole, and has no index.

    Raises EnvironmentError (ERR_IO) when the file cannot be written; then nothing is left at
    `path`, nor beside it.
    """

    def pack(file: BinaryIO) -> Packed:
        faults.at("pack")
        return pack_trace(
            faults.file(file),
            manifest,
            segments,
            sources,
            trailer,
            excerpts,
            masker,
            is_frugal=is_frugal,
        )

    return write_whole(path, pack, faults)


def write_whole(path: AnyPath, fill: Callable[[BinaryIO], T], faults: Injector = NONE) -> T:
    """Make a file that is there when it is whole, and not before; gives what `fill` gives.

    Raises EnvironmentError (ERR_IO); then nothing is left at `path`, nor beside it.
    """
    part = part_path(path)
    try:
        with files.open_to_write(part) as file:
            # Whoever finds the file later knows by this whether anybody still writes to it.
            lock(file.fileno())
            found = fill(file)
            faults.at("flush")
            file.flush()
            OS.fsync(file.fileno())
            unlock(file.fileno())
        faults.at("rename")
        replace(part, path)
        files.sync_folder(parent_of(part))
    except OSError as error:
        remove_unfinished(part)
        raise from_os_error(error, "cannot write the trace", path=path) from error
    except BaseException:
        remove_unfinished(part)
        raise
    return found


def pack_trace(
    file: BinaryIO,
    manifest: Mapping[str, Any],
    segments: Iterable[Segment],
    sources: Mapping[bytes, bytes],
    trailer: Mapping[str, Any],
    excerpts: Excerpts | None = None,
    masker: Masker | None = None,
    *,
    is_frugal: bool = False,
) -> Packed:
    """Write a trace into an open file; the arguments are those of `write_trace`."""
    file.write(MAGIC)
    with BlockWriter(file, is_frugal=is_frugal) as blocks:
        maker = None if is_frugal else excerpts or Excerpts()
        packer = _Packer(blocks, manifest, sources, maker, masker)
        return packer.write(segments, trailer)


class _Packer:
    def __init__(
        self,
        blocks: BlockWriter,
        manifest: Mapping[str, Any],
        sources: Mapping[bytes, bytes],
        excerpts: Excerpts | None,
        masker: Masker | None,
    ) -> None:
        """Without `excerpts` it is frugal."""
        self._blocks = blocks
        self._manifest = manifest
        self._sources = sources
        self._excerpts = excerpts
        self._tables = DefinitionTables()
        most = {"most_calls": 0, "most_exceptions": 0} if excerpts is None else {}
        self._scan = make_scan(self._tables, **most)
        self._masker = masker
        if masker is not None:
            self._scan.watch(masker.starts)
        self._expected = 0
        self._count = 0
        self._missing = 0

    def write(self, segments: Iterable[Segment], trailer: Mapping[str, Any]) -> Packed:
        """Write all blocks; of the segments, one at a time is held."""
        self._put_json(BlockKind.MANIFEST, self._manifest)
        is_past_definitions = False
        for segment in segments:
            if segment.kind == SegmentKind.DEFINITIONS:
                self._put_definitions(segment.data)
            elif segment.kind == SegmentKind.EVENTS and segment.events:
                if not is_past_definitions:
                    is_past_definitions = True
                    self._put_sources()
                self._put_events(segment)
        if not is_past_definitions:
            self._put_sources()
        self._blocks.flush()
        found = self._scan.found()
        if self._excerpts is not None:
            self._put_index(found)
        dropped = found.dropped + self._missing
        self._put_json(BlockKind.TRAILER, _whole_trailer(trailer, self._count, dropped))
        return Packed(self._blocks.size_bytes, self._count, dropped)

    def _put_json(self, kind: int, what: Mapping[str, Any]) -> None:
        self._blocks.put(kind, json_text.encode(dict(what)), deflate=False)

    def _put_definitions(self, data: bytes) -> None:
        if self._masker is not None:
            data = self._masker.definitions(data, self._sources)
        self._tables.feed(data)
        self._blocks.put(BlockKind.DEFINITIONS, data)

    def _put_sources(self) -> None:
        sources = self._sources if self._masker is None else self._masker.sources(self._sources)
        if self._excerpts is not None:
            failing = dict(self._manifest).get("failing")
            also = (failing["file"], failing["line"]) if failing is not None else None
            for block in self._excerpts.blocks(self._tables, sources, also):
                self._blocks.put_deflated(*block)
            return
        for digest in dict.fromkeys(digest for _, digest in self._tables.files.values()):
            if digest in sources:
                self._blocks.put(BlockKind.SOURCE, digest, sources[digest])

    def _put_events(self, segment: Segment) -> None:
        """Number the events anew, with a gap event where a full spool dropped some."""
        if segment.first > self._expected:
            missing = segment.first - self._expected
            self._missing += missing
            self._put_gap(missing, segment.base_us)
        self._expected = segment.first + segment.events
        first = self._count
        self._count += segment.events
        data = segment.data
        # The block before this one is deflated at the same time.
        self._scan.feed(data, first)
        if self._masker is not None:
            data = self._masker.events(data, self._scan.take_hits())
        head = EVENTS_HEAD.pack(first, segment.base_us, segment.events)
        self._blocks.put(BlockKind.EVENTS, head, data, events=(first, segment.events))

    def _put_gap(self, dropped: int, base_us: int) -> None:
        number = len(self._tables.names) + 1
        while number in self._tables.names:
            number += 1
        definition = bytes((Define.NAME,)) + uv(number) + text(_LIMIT_REASON)
        self._tables.feed(definition)
        self._blocks.put(BlockKind.DEFINITIONS, definition)
        head = EVENTS_HEAD.pack(self._count, base_us, 1)
        record = bytes((Op.GAP,)) + uv(0) + uv(dropped) + uv(number)
        self._blocks.put(BlockKind.EVENTS, head, record, events=(self._count, 1))
        self._count += 1

    def _put_index(self, found: Found) -> None:
        mask = self._masker.text if self._masker is not None else str
        rest: dict[str, Any] = {} if found.level is None else {"fell_to": found.level}
        rest |= {
            "calls_cut": found.is_cut,
            "exceptions": [
                [n, frame, _plain(kind), mask(_plain(message[:_MOST_MESSAGE]))]
                for n, frame, kind, message in found.exceptions
            ],
        }
        # The steps are JSON already, and most of it.
        blocks = json_text.encode({"blocks": self._blocks.events})[:-1]
        steps = b',"steps":' + self._scan.steps() + b","
        self._blocks.put(BlockKind.INDEX, blocks + steps + json_text.encode(rest)[1:])
        self._blocks.flush()


def _whole_trailer(known: Mapping[str, Any], events: int, dropped: int) -> dict[str, Any]:
    """Give the trailer with all its fields, in the order of `Trailer`."""
    return {
        "status": known["status"],
        "reason": known.get("reason"),
        "message": known.get("message"),
        "events": events,
        "dropped": dropped,
        # No clock that goes back, and no estimate, makes them negative.
        "duration_us": max(known.get("duration_us", 0), 0),
        "recording_cpu_us": max(known.get("recording_cpu_us", 0), 0),
        "counters": known.get("counters", {}),
        "errors": known.get("errors", []),
        **{name: value for name, value in known.items() if name not in _TRAILER},
    }


def _plain(text: str) -> str:
    """Give a text without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
