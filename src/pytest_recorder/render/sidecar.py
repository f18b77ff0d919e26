"""Writes the explanation of a failure beside its trace."""

from pathlib import Path

from pytest_recorder.render.explanation import explain
from pytest_recorder.system.atomic_write import write_text_whole
from pytest_recorder.tracefile.folder import FAILURE_NAME
from pytest_recorder.tracefile.index import HARMLESS
from pytest_recorder.tracefile.reader import open_trace

# It is made while a test run waits for it: a fifth of what the command looks through.
_MOST_EVENTS = 60_000


def write_failure(path: Path) -> Path | None:
    """Write `failure.md` beside a trace; None for the trace of a test that did not fail.

    The file is written whole or not at all. Raises what `open_trace` raises, and EnvironmentError
    (ERR_IO) where the file cannot be written.
    """
    with open_trace(path) as trace:
        if trace.manifest.outcome in HARMLESS:
            return None
        text = explain(trace, most_events=_MOST_EVENTS)
    where = path.with_name(FAILURE_NAME)
    # Text that was recorded is escaped; a path of the file system may hold what is no UTF-8.
    write_text_whole(where, (text,), "explanation")
    return where


def read_failure(trace: Path) -> str | None:
    """Give the explanation that was written beside a trace; None where there is none."""
    try:
        return trace.with_name(FAILURE_NAME).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
