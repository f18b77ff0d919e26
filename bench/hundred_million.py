"""Records more than 10^8 events in one trace and compares what is kept with what must be there.

    python bench/hundred_million.py [--height N]

The program is a walk through a full binary tree, `10 * 2**height - 6` events at `lines`: so it is
known what the event of each number is, however long the run. The spool wraps; its head, its tail
and the count of what lies between are checked, event by event: kind, depth and line.
"""

import argparse
import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest_recorder
from pytest_recorder.format.events import Event

# By `start` below: what the event is, at which line of `walk`, counted from its `def`.
LEAF = (("call", 0), ("line", 1), ("line", 4), ("return", 4))
OPENING = (("call", 0), ("line", 1), ("line", 2))


def walk(height: int) -> int:
    if height:
        walk(height - 1)
        walk(height - 1)
    return height


class Expected(NamedTuple):
    kind: str
    line: int
    depth: int


def size(height: int) -> int:
    """Count the events of `walk(height)`."""
    return 10 * 2**height - 6


def event_at(n: int, height: int) -> Expected:
    """Say what the nth event of `walk(height)` is."""
    depth = 1
    while height:
        if n < len(OPENING):
            return Expected(*OPENING[n], depth)
        n -= len(OPENING)
        below = size(height - 1)
        if n == below:
            return Expected("line", 3, depth)
        if n > 2 * below:
            return Expected(*(("line", 4), ("return", 4))[n - 2 * below - 1], depth)
        n -= below + 1 if n > below else 0
        height -= 1
        depth += 1
    return Expected(*LEAF[n], depth)


def check(path: Path, height: int) -> str:
    """Compare a trace with what must be there. Exits with a message where they differ."""
    first_line = walk.__code__.co_firstlineno
    depth_of: dict[int, int] = {0: 0}
    dropped = seen = 0
    with pytest_recorder.open_trace(path) as trace:
        events = (event for event in trace.events() if event.kind != "gap" or event.dropped)
        for event in islice(events, 1, None):  # the first is the line of the caller
            if event.kind == "gap":
                dropped += event.dropped or 0
                continue
            n = dropped + seen
            seen += 1
            if n >= size(height):
                break
            expected = event_at(n, height)
            found = (
                event.kind,
                (event.line or 0) - first_line,
                depth(event, depth_of, expected),
            )
            if found != expected:
                sys.exit(f"event {n}: {found} instead of {tuple(expected)}")
        if dropped + seen < size(height):
            sys.exit(f"{dropped + seen:,} events instead of {size(height):,}")
        return (
            f"{size(height):,} events, {dropped:,} left out, {seen:,} compared, {trace.status}"
        )


def depth(event: Event, depth_of: dict[int, int], expected: Expected) -> int:
    """Give the depth of the event's frame, by the chain of parents that the trace tells."""
    frame, parent = event.frame or 0, event.parent
    if frame not in depth_of:
        # Of a frame that was entered in what is left out nobody has told the parent.
        depth_of[frame] = depth_of[parent] + 1 if parent in depth_of else expected.depth
    return depth_of[frame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=24, help="of the tree (24: 1.7e8 events)")
    height = parser.parse_args().height
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.pyrec"
        began = time.process_time()
        session = pytest_recorder.start(path, level="lines", include=[__file__])
        walk(height)
        session.stop()
        spent = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(check(path, height))
        print(f"{spent / size(height) * 1e9:.0f} ns of CPU per event, at most {peak:.0f} MB")


if __name__ == "__main__":
    main()
