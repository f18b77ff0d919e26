"""The spool and the memory of the process that fills it."""

import re
from pathlib import Path

import pytest

from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.tracefile.spool import Spool

SMAPS = Path("/proc/self/smaps")


def resident_bytes(path: Path) -> int:
    """Give what the process holds in memory of a file that it has mapped."""
    parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text(), flags=re.MULTILINE)
    (of_file,) = [part for part in parts if str(path) in part]
    found = re.search(r"^Rss: +(\d+) kB$", of_file, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not SMAPS.exists(), reason="no /proc here")
@pytest.mark.parametrize("max_bytes", [8 << 20, 9_000_001])
def test_a_full_block_leaves_the_memory_of_the_process_and_not_the_trace(
    tmp_path: Path, max_bytes: int
) -> None:
    spool = Spool(tmp_path / "a.pyspool", max_bytes)
    spool.begin(b"{}")
    records = [number.to_bytes(2, "big") * 2000 for number in range(1700)]
    for record in records:
        if spool.room < len(record):
            spool.next_events(len(record), 0)
        spool.append(record, 1)
    few = 2 * spool.unit_bytes
    assert (spool.events, spool.dropped) == (len(records), 0)
    assert resident_bytes(Path(spool.path)) < few < sum(map(len, records)) / 4
    found = b"".join(s.data for s in spool.segments() if s.kind == SegmentKind.EVENTS)
    assert found == b"".join(records)
    assert resident_bytes(Path(spool.path)) < few
    spool.close()


@pytest.mark.parametrize("count", [0, 1, 200, 3000])
def test_it_counts_the_events_that_are_left(tmp_path: Path, count: int) -> None:
    spool = Spool(tmp_path / "a.pyspool", 1 << 20)
    for trace in range(2):
        spool.begin(b"{}")
        for number in range(count // (trace + 1)):
            record = bytes(300 + 100 * (number % 7))
            if spool.room < len(record):
                spool.next_events(len(record), 0)
            spool.append(record, 1)
        left = sum(s.events for s in spool.segments() if s.kind == SegmentKind.EVENTS)
        assert spool.events == left
        assert spool.events + spool.dropped == count // (trace + 1)
        assert spool.dropped > 0 or count < 3000 or trace > 0
        spool.drop()
    spool.close()
