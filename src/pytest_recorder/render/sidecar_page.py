"""Writes the page of a kept trace, and tells the pages of earlier attempts of it."""

from collections.abc import Sequence
from pathlib import Path

from pytest_recorder.render.attempt_links import attempts_in, is_other_attempt
from pytest_recorder.render.page import replace_attempts, write_page
from pytest_recorder.render.sidecar import read_failure
from pytest_recorder.tracefile.folder import PAGE_NAME
from pytest_recorder.tracefile.index import Entry
from pytest_recorder.tracefile.reader import open_trace


def write_sidecar_page(
    folder: Path, entry: Entry, entries: Sequence[Entry], *, is_wanted: bool
) -> None:
    """Write the page beside a trace of the folder, if it is wanted, and link the others to it.

    `entries` are those of its test. Raises what `open_trace` raises, and EnvironmentError (ERR_IO).
    """
    path = folder / str(entry.trace)
    page = path.with_name(PAGE_NAME)
    if is_wanted:
        with open_trace(path) as trace:
            attempts = attempts_in(entries, entry, folder, page)
            write_page(trace, page, text=read_failure(path), attempts=attempts)
    for other in entries:
        if other.trace is None or not is_other_attempt(other, entry):
            continue
        earlier = (folder / other.trace).with_name(PAGE_NAME)
        if earlier.is_file():
            replace_attempts(earlier, attempts_in(entries, other, folder, earlier))
