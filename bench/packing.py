"""Measures how fast recordings are packed, and how large they become, part by part.

    python bench/packing.py TRACE.pyrec [TRACE.pyrec ...] [--repeat N]

Takes the events out of kept traces, as they lay in the spool, and packs them again: each as often
as `--repeat` says into one trace, so that a small one can stand for a large one. Times are those
of the processor, the best of three, but for the whole, where the wall clock counts too.
"""

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.decode import Definitions
from pytest_recorder.tracefile.layout import (
    BLOCK,
    CHECKSUM,
    EVENTS_HEAD,
    FLAG_DEFLATED,
    MAGIC,
    BlockKind,
    SegmentKind,
)
from pytest_recorder.tracefile.manifest import Manifest
from pytest_recorder.tracefile.scan import NativeScan, PureScan, Scan
from pytest_recorder.tracefile.spool import Segment
from pytest_recorder.tracefile.writer import Packed, write_trace

MOST_EVENTS_PURE = 100_000


class Spooled:
    """A trace as it was before it was packed."""

    def __init__(self, path: Path, repeat: int) -> None:
        self.segments: list[Segment] = []
        self.sources: dict[bytes, bytes] = {}
        self.definitions = Definitions()
        data = path.read_bytes()
        at = len(MAGIC)
        while at < len(data):
            kind, flags, _, stored, _ = BLOCK.unpack_from(data, at)
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
            self.manifest = Manifest.model_validate_json(payload)
        elif kind == BlockKind.DEFINITIONS:
            self.definitions.feed(payload)
            self.segments.append(Segment(SegmentKind.DEFINITIONS, 0, 0, 0, payload))
        elif kind == BlockKind.SOURCE:
            self.sources[payload[:32]] = payload[32:]
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
    for path in options.trace:
        report(path, Spooled(path, options.repeat))


def report(path: Path, spooled: Spooled) -> None:
    size = spooled.plain_bytes
    print(f"\n{path}\n{size / 1e6:.1f} MB plain, {spooled.events:,} events\n")
    packed, wall_s, seconds = best(lambda: pack(spooled))
    per_event = packed.size_bytes / packed.events
    row("whole, wall clock", wall_s, size, f"{per_event:.2f} bytes an event")
    row("whole", seconds, size, f"{seconds / packed.events * 1e9:.0f} ns an event")
    if scan.WHY_PURE is None:
        module = scan._NATIVE
        _, _, seconds = best(lambda: walk(NativeScan(module, spooled.definitions), spooled))
        row("scan in C", seconds, size, f"{seconds / spooled.events * 1e9:.0f} ns an event")
    if spooled.events <= MOST_EVENTS_PURE:
        _, _, seconds = best(lambda: walk(PureScan(spooled.definitions), spooled))
        row(
            "scan in Python", seconds, size, f"{seconds / spooled.events * 1e9:.0f} ns an event"
        )
    for level in range(1, 10):
        stored, _, seconds = best(lambda level=level: deflate(spooled, level))
        share = f"{stored / spooled.events:.2f} bytes an event"
        row(f"deflate, level {level}", seconds, size, share)


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


def pack(spooled: Spooled) -> Packed:
    with tempfile.TemporaryDirectory() as folder:
        return write_trace(
            Path(folder) / "trace.pyrec",
            manifest=spooled.manifest,
            segments=iter(spooled.segments),
            sources=spooled.sources,
            trailer={"status": "complete"},
        )


def walk(made: Scan, spooled: Spooled) -> None:
    for segment in spooled.blocks:
        made.feed(segment.data, segment.first)
    made.steps()


def deflate(spooled: Spooled, level: int) -> int:
    return sum(len(zlib.compress(segment.data, level)) for segment in spooled.blocks)


if __name__ == "__main__":
    main()
