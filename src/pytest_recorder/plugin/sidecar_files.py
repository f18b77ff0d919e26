"""Puts the sidecar files of a trace beside it, whatever goes wrong: explanation and page."""

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_recorder.diagnostics.guard import fault_of
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.plugin.options import is_on
from pytest_recorder.settings.config import Html
from pytest_recorder.tracefile.folder import FAILURE_NAME, PAGE_NAME
from pytest_recorder.tracefile.index import HARMLESS, Entry


def add_explanation(trace: Path, outcome: str | None) -> RecorderError | None:
    """Write `failure.md` beside the kept trace of a test that did not pass; gives what went wrong.

    The trace stays as it is: without its explanation it tells the same.
    """
    if outcome in HARMLESS:
        return None

    def write() -> None:
        from pytest_recorder.render.sidecar import write_failure

        write_failure(trace)

    what = f"{FAILURE_NAME} could not be made"
    return fault_of(write, lambda _: bug(ErrorCode.UNKNOWN, what, hook="explain", path=trace))


def _wants_page(html: Html, outcome: str | None) -> bool:
    """Tell whether a kept trace gets a page.

    `auto` means where the variable `CI` is set, and not for what nobody has to look into.
    """
    if html == "auto":
        return outcome not in HARMLESS and is_on("CI", os.environ)
    return html == "on"


def add_page(
    folder: Path, entry: Entry, entries: Sequence[Entry], html: Html
) -> RecorderError | None:
    """Write the page of a trace that was kept, if it is to have one; gives what went wrong.

    `entries` are those of the test: the pages of earlier attempts are told of this one. The trace
    stays as it is, with or without its page.
    """
    is_wanted = _wants_page(html, entry.outcome)
    has_others = html != "off" and len(entries) > 1
    if entry.trace is None or not (is_wanted or has_others):
        return None
    what = f"{PAGE_NAME} could not be made"
    return fault_of(
        lambda: _write_page(folder, entry, entries, is_wanted),
        lambda _: bug(ErrorCode.UNKNOWN, what, hook="page", path=entry.trace),
    )


def _write_page(folder: Path, entry: Entry, entries: Sequence[Entry], is_wanted: bool) -> None:
    from pytest_recorder.render.attempt_links import attempts_in, is_other_attempt
    from pytest_recorder.render.page import replace_attempts, write_page
    from pytest_recorder.render.sidecar import read_failure
    from pytest_recorder.tracefile.reader import open_trace

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
            listed = attempts_in(entries, other, folder, earlier)
            replace_attempts(earlier, listed)
