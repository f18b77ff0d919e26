"""Runs one process after the other and tells the CPU time and memory of each."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple


class MeasurementError(Exception):
    """A measurement that did not work; the text is the reason, on one line."""


class Finished(NamedTuple):
    status: int
    cpu_s: float  # of the process and all that it waited for
    peak_bytes: int
    wall_s: float


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    log: Path,
    timeout_s: float,
    statuses: tuple[int, ...] = (0,),
) -> Finished:
    """Run a command to its end, its output in a file. Raises MeasurementError."""
    expired = threading.Event()
    began = perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**clean_environ(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(timeout_s, expire)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = perf_counter() - began
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if expired.is_set():
        raise MeasurementError(f"not done after {timeout_s:.0f} s")
    if process.returncode not in statuses:
        raise MeasurementError(reason_in(log, process.returncode))
    return Finished(
        process.returncode,
        usage.ru_utime + usage.ru_stime,
        # At least that of this process, which stays far below one with pytest in it.
        usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        wall_s,
    )


def clean_environ() -> dict[str, str]:
    """Give the environment without what would change what is measured."""
    unwanted = ("PYTEST_", "CODETRACER_", "COVERAGE_", "KOLO", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    if "PYTEST_RECORDER_PURE" in os.environ:
        # To measure the pure hot path is a choice of whoever runs this.
        kept["PYTEST_RECORDER_PURE"] = os.environ["PYTEST_RECORDER_PURE"]
    return {**kept, "PYTHONHASHSEED": "0"}


def reason_in(log: Path, status: int) -> str:
    """Give the last line of an output, which is where Python says what went wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    last = (fatal or lines or ["no output"])[-1].strip()
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"ended with {how}: {last[:160]}"
