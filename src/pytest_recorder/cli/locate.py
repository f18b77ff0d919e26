"""Finds the trace that an argument means: a file, or the first failed test of a trace folder.

A file can also be the spool of a process, running or dead.
"""

import sys
from pathlib import Path

from pytest_recorder.errors import EnvironmentError, ErrorCode, enverr, target
from pytest_recorder.tracefile.folder import TRACE_NAME
from pytest_recorder.tracefile.index import DIED, Index, read_index
from pytest_recorder.tracefile.naming import SPOOL_SUFFIX
from pytest_recorder.tracefile.reader import Trace, open_trace


def open_argument(path: Path) -> Trace:
    """Open a trace file, or a folder's first failed test; raises what `open_trace` raises."""
    if not path.is_dir():
        return open_trace(path)
    if (path / TRACE_NAME).is_file():
        return open_trace(path / TRACE_NAME)
    kept = [entry for entry in _index(path).tests if entry.trace is not None]
    if not kept:
        raise target(ErrorCode.TRACE_MISSING, f"no trace was kept in {str(path)!r}")
    failed = [entry for entry in kept if entry.outcome in ("failed", DIED)]
    return open_trace(path / str((failed or kept)[0].trace))


def _index(folder: Path) -> Index:
    try:
        return read_index(folder)
    except EnvironmentError as error:
        if error.code is ErrorCode.TRACE_NOT_FOUND and any(folder.glob(f"*{SPOOL_SUFFIX}")):
            raise enverr(
                ErrorCode.TRACE_NOT_FOUND,
                f"{error.message}, but spools of processes: `pytest-recorder recover` makes traces"
                " of those that died",
            ) from error.__cause__
        raise


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
