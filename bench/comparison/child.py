"""Measures one tool on one workload: the process that is started afresh for each number.

    python -m comparison.child REQUEST RESULT

Both are JSON files. CPU time is that of the whole process, all threads, in three parts: starting
the tool, the workload, stopping it (which writes what the tool keeps).
"""

import gc
import json
import sys
from pathlib import Path
from time import process_time
from typing import Any

from comparison import workloads
from comparison.tools import TOOLS, Job

WARM_UP = 0.001
_MEMORY_BYTES = 12 << 30


def main() -> None:
    request, result = (Path(argument) for argument in sys.argv[1:])
    result.write_text(json.dumps(measure(**json.loads(request.read_text()))))


def measure(
    *, tool: str, workload: str, scale: float, repeats: int, work: str
) -> dict[str, Any]:
    bound_memory()
    folder = Path(work)
    session = TOOLS[tool].open(Job(workloads.__file__, workloads.__name__, folder))
    run = (workloads.WORKLOADS | workloads.IN_VIEW)[workload]
    run(WARM_UP)
    gc.collect()

    began = process_time()
    session.start()
    started = process_time()
    for _ in range(repeats):
        run(scale)
    done = process_time()
    session.stop()
    stopped = process_time()

    peak = peak_bytes()
    return {
        "start_s": started - began,
        "run_s": (done - started) / repeats,
        "stop_s": stopped - done,
        "peak_bytes": peak,
        "written_bytes": sum(
            path.stat().st_size for path in folder.rglob("*") if path.is_file()
        ),
        **session.facts(),
    }


def peak_bytes() -> int:
    """Give the largest resident memory of this process.

    `ru_maxrss` of a child starts with what its parent had; the kernel's own line does not.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def bound_memory() -> None:
    """Let a tool that keeps all in memory fail, not the machine."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
