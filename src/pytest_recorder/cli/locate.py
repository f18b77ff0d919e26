"""Finds the trace that an argument means: a file, or the first failed test of a trace folder."""

import sys
from pathlib import Path

from pytest_recorder.errors import ErrorCode, target
from pytest_recorder.tracefile.index import TRACE_NAME, read_index
from pytest_recorder.tracefile.reader import Trace, open_trace


def open_argument(path: Path) -> Trace:
    """Open a trace file, or a folder's first failed test; raises what `open_trace` raises."""
    if not path.is_dir():
        return open_trace(path)
    if (path / TRACE_NAME).is_file():
        return open_trace(path / TRACE_NAME)
    kept = [entry for entry in read_index(path).tests if entry.trace is not None]
    if not kept:
        raise target(ErrorCode.TRACE_MISSING, f"no trace was kept in {str(path)!r}")
    failed = [entry for entry in kept if entry.outcome == "failed"]
    return open_trace(path / str((failed or kept)[0].trace))


def check_whole(trace: Trace) -> None:
    """Complain of a damaged file, after all that could be read of it was printed.

    Raises TargetError (ERR_TRACE_INCOMPLETE). A recording that ended early and says so in its
    trailer is no damage.
    """
    if trace.damage is not None:
        sys.stdout.flush()
        raise target(
            ErrorCode.TRACE_INCOMPLETE,
            f"{str(trace.path)!r} is not whole: {trace.damage}",
        )
