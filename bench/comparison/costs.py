"""Measures what a recording costs besides its events: starting, stopping, packing.

python -m comparison.costs WORK WORKLOAD SCALE
"""

import gc
import json
import statistics
import sys
import zlib
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from comparison import workloads

_CYCLES = 500
_PACKINGS = 5


def main() -> None:
    work, workload, scale = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    print(json.dumps({**start_and_stop(work), **packing(work, workload, scale)}))


def _recorder(work: Path) -> Any:
    from pytest_recorder.recording.recorder import Recorder
    from pytest_recorder.settings.config import Settings
    from pytest_recorder.settings.policy import Policy

    # What the plugin makes of its defaults; the workloads are the project.
    settings = Settings(enabled=True, root=Path(workloads.__file__).parent, dir=work)
    recorder = Recorder(settings, work, Policy())
    recorder.open()
    return recorder


def start_and_stop(work: Path) -> dict[str, float]:
    """One test's recording that is dropped, without the test. Medians of one cycle."""
    recorder = _recorder(work)
    walls, total = [], -process_time()
    for number in range(_CYCLES):
        began = perf_counter()
        recorder.begin(test=f"tests/test_shop.py::test_checkout[{number}]", watch_output=False)
        recorder.end()
        recorder.drop()
        walls.append(perf_counter() - began)
    total += process_time()
    recorder.close()
    return {"cycle_s": statistics.median(walls), "cycle_cpu_s": total / _CYCLES}


def packing(work: Path, workload: str, scale: float) -> dict[str, float]:
    """Keep one recording several times; the bytes are those of its spool that are in use."""
    from pytest_recorder.tracefile.blocks import level_after

    recorder = _recorder(work)
    recorder.begin(test="tests/test_shop.py::test_checkout")
    workloads.WORKLOADS[workload](scale)
    recorder.end()
    segments = [bytes(segment.data) for segment in recorder.setup.spool.segments()]
    file = work / "trace.pyrec"
    taken, bare = [], []
    for _ in range(_PACKINGS):
        gc.collect()
        began = process_time()
        packed = recorder.keep(file)
        kept = process_time()
        before = 0
        for data in segments:
            zlib.compress(data, level_after(before))
            before += len(data)
        taken.append(kept - began)
        bare.append(process_time() - kept)
    recorder.drop()
    recorder.close()
    return {
        "spool_bytes": sum(map(len, segments)),
        "packing_s": statistics.median(taken),
        "zlib_s": statistics.median(bare),
        "kept_bytes": file.stat().st_size,
        "kept_events": packed.events,
    }


if __name__ == "__main__":
    main()
