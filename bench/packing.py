"""Measures how fast recordings are packed, and how large they become, part by part.

    python bench/packing.py TRACE.pyrec [TRACE.pyrec ...] [--repeat N]

Takes the events out of kept traces, as they lay in the spool, and packs them again: each as often
as `--repeat` says into one trace, so that a small one can stand for a large one. Figures are those
of all traces together. Times are those of the processor, the best of three, but for the whole,
where the wall clock counts too.
"""

import argparse
import json
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import (
    BLOCK,
    CHECKSUM,
    EVENTS_HEAD,
    FLAG_DEFLATED,
    MAGIC,
    BlockKind,
    SegmentKind,
)
from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.excerpts import Excerpts
from pytest_recorder.tracefile.recorded_source import with_all_lines
from pytest_recorder.tracefile.scan import NativeScan, PureScan, Scan
from pytest_recorder.tracefile.spool import Segment
from pytest_recorder.tracefile.writer import Packed, write_trace

MOST_EVENTS_PURE = 100_000


class Spooled:
    """A trace as it was before it was packed."""

    def __init__(self, path: Path, repeat: int) -> None:
        self.segments: list[Segment] = []
        self.sources: dict[bytes, bytes] = {}
        self.definitions = DefinitionTables()
        self.stored: Counter[int] = Counter()
        """Bytes of the file by kind of block."""
        data = path.read_bytes()
        at = len(MAGIC)
        while at < len(data):
            kind, flags, _, stored, _ = BLOCK.unpack_from(data, at)
            self.stored[kind] += BLOCK.size + CHECKSUM.size + stored
            start = at + BLOCK.size + CHECKSUM.size
            at = start + stored
            payload = data[start:at]
            self._take(kind, zlib.decompress(payload) if flags & FLAG_DEFLATED else payload)
        once = [s for s in self.segments if s.kind == SegmentKind.EVENTS]
        count = sum(s.events for s in once)
        for number in range(1, repeat):
            self.segments += [s._replace(first=s.first + number * count) for s in once]
        self.events = count * repeat
        self.blocks = [s for s in self.segments if s.kind == SegmentKind.EVENTS]
        self.plain_bytes = sum(len(s.data) for s in self.blocks)

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == BlockKind.MANIFEST:
            self.manifest = json.loads(payload)
        elif kind == BlockKind.DEFINITIONS:
            self.definitions.feed(payload)
            self.segments.append(Segment(SegmentKind.DEFINITIONS, 0, 0, 0, payload))
        elif kind == BlockKind.SOURCE:
            self.sources[payload[:32]] = payload[32:]
        elif kind == BlockKind.EXCERPT:
            # Lines that are not there are empty, as if they were so in the file.
            self.sources[payload[:32]] = with_all_lines(payload).data
        elif kind == BlockKind.EVENTS:
            first, base_us, events = EVENTS_HEAD.unpack_from(payload)
            records = payload[EVENTS_HEAD.size :]
            self.segments.append(Segment(SegmentKind.EVENTS, first, events, base_us, records))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how recordings are packed.")
    parser.add_argument("trace", type=Path, nargs="+")
    parser.add_argument("--repeat", type=int, default=1, help="events of each trace, so often")
    options = parser.parse_args()
    print(f"scan: {'pure Python' if scan.WHY_PURE else 'C'}; zlib {zlib.ZLIB_RUNTIME_VERSION}")
    report([Spooled(path, options.repeat) for path in options.trace])


def report(traces: list[Spooled]) -> None:
    size = sum(trace.plain_bytes for trace in traces)
    events = sum(trace.events for trace in traces)
    print(f"{len(traces):,} traces, {size / 1e6:.1f} MB of plain events, {events:,} events\n")
    shares(traces)

    def measure(name: str, work: Callable[[Spooled], Any], *, has_wall: bool = False) -> Any:
        found, wall_s, seconds = best(lambda: [work(trace) for trace in traces])
        if has_wall:
            row(f"{name}, wall clock", wall_s, size, "")
        row(name, seconds, size, f"{seconds / events * 1e9:.0f} ns an event")
        return found

    excerpts = Excerpts()
    measure("whole", lambda trace: pack(trace, excerpts), has_wall=True)
    if scan.WHY_PURE is None:
        module = scan._NATIVE
        measure("scan in C", lambda trace: walk(NativeScan(module, trace.definitions), trace))
    if events <= MOST_EVENTS_PURE:
        measure("scan in Python", lambda trace: walk(PureScan(trace.definitions), trace))
    for level in range(1, 10):
        stored, _, seconds = best(lambda level=level: [deflate(t, level) for t in traces])
        row(
            f"deflate, level {level}",
            seconds,
            size,
            f"{sum(stored) / events:.2f} bytes an event",
        )


def shares(traces: list[Spooled]) -> None:
    """Say what the files are made of, as they are now."""
    total: Counter[int] = sum((trace.stored for trace in traces), Counter())
    whole = sum(total.values())
    names = {number: name for name, number in vars(BlockKind).items() if name.isupper()}
    parts = [f"{names.get(k, k)} {n / whole:.0%}".lower() for k, n in total.most_common()]
    print(f"{whole / 1e6:.1f} MB kept: {', '.join(parts)}\n")


def row(name: str, seconds: float, size: int, more: str) -> None:
    print(f"{name:20} {seconds * 1e3:9.1f} ms {size / seconds / 1e6:8.1f} MB/s   {more}")


def best(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Run three times; give the result, the least wall-clock and the least processor time."""
    wall_s: list[float] = []
    seconds: list[float] = []
    for _ in range(3):
        began, began_wall = time.process_time(), time.perf_counter()
        result = work()
        wall_s.append(time.perf_counter() - began_wall)
        seconds.append(time.process_time() - began)
    return result, min(wall_s), min(seconds)


def pack(spooled: Spooled, excerpts: Excerpts) -> Packed:
    with tempfile.TemporaryDirectory() as folder:
        return write_trace(
            Path(folder) / "trace.pyrec",
            manifest=spooled.manifest,
            segments=iter(spooled.segments),
            sources=spooled.sources,
            trailer={"status": "complete"},
            excerpts=excerpts,
        )


def walk(made: Scan, spooled: Spooled) -> None:
    for segment in spooled.blocks:
        made.feed(segment.data, segment.first)
    made.steps()


def deflate(spooled: Spooled, level: int) -> int:
    return sum(len(zlib.compress(segment.data, level)) for segment in spooled.blocks)


if __name__ == "__main__":
    main()
