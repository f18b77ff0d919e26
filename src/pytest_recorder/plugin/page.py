"""Puts the HTML page of a trace beside it, whatever goes wrong in doing so."""

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.config import Html
from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.tracefile.index import PAGE_NAME, Entry

_NOT_CI = ("", "0", "false", "no", "off")


def has_pages(html: Html) -> bool:
    """Tell whether kept traces get a page: `auto` means where the variable `CI` is set."""
    is_ci = os.environ.get("CI", "").strip().lower() not in _NOT_CI
    return html == "on" or (html == "auto" and is_ci)


def add_page(folder: Path, entry: Entry, entries: Iterable[Entry]) -> RecorderError | None:
    """Write the page of a trace that was kept; gives what went wrong.

    `entries` are those of the run: the pages of the test's earlier attempts get a link to this
    one. The trace stays as it is, with or without its page.
    """
    if entry.trace is None:
        return None
    faults: list[RecorderError] = []

    def on_fault(label: str, error: Exception) -> None:
        if isinstance(error, RecorderError):
            faults.append(error)
            return
        what = f"{PAGE_NAME} could not be made: {type(error).__name__}: {error}"
        faults.append(bug(ErrorCode.UNKNOWN, what, hook=label, path=str(entry.trace)))

    run_guarded("page", lambda: _write(folder, entry, list(entries)), on_fault)
    return faults[0] if faults else None


def _write(folder: Path, entry: Entry, entries: list[Entry]) -> None:
    from pytest_recorder.tracefile.reader import open_trace
    from pytest_recorder.viewer.beside import read_failure
    from pytest_recorder.viewer.html import replace_attempts, write_page
    from pytest_recorder.viewer.siblings import attempts_in, is_other_attempt

    path = folder / str(entry.trace)
    page = path.with_name(PAGE_NAME)
    with open_trace(path) as trace:
        attempts = attempts_in(entries, entry, folder, page)
        write_page(trace, page, text=read_failure(path), attempts=attempts)
    for other in entries:
        if other.trace is None or not is_other_attempt(other, entry):
            continue
        earlier = (folder / other.trace).with_name(PAGE_NAME)
        if earlier.is_file():
            listed = attempts_in(entries, other, folder, earlier)
            replace_attempts(earlier, listed)
