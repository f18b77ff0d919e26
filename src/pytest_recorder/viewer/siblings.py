"""Finds the pages of the other attempts of a test, for the links between them."""

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.errors import RecorderError
from pytest_recorder.tracefile.index import Entry, read_index
from pytest_recorder.tracefile.reader import Trace
from pytest_recorder.viewer.data import Attempt


def attempts_of(trace: Trace, page: Path) -> list[Attempt]:
    """Give the attempts of the test that the index of its folder lists, or only this one."""
    manifest = trace.manifest
    this = Attempt(manifest.attempt, manifest.outcome, is_this=True)
    folder = trace.path.absolute().parent.parent
    try:
        entries = read_index(folder).tests
    except RecorderError:
        return [this]
    listed = attempts_in(entries, str(manifest.test), folder, page, manifest.attempt)
    return listed if any(attempt.is_this for attempt in listed) else [this]


def attempts_in(
    entries: Iterable[Entry], test: str, folder: Path, page: Path, number: int
) -> list[Attempt]:
    """Give the attempts of a test among the entries of a folder, as `page` of one links to them."""
    found: list[Attempt] = []
    for entry in entries:
        if entry.test != test:
            continue
        is_this = entry.attempt == number
        href = None
        if not is_this and entry.trace is not None:
            href = _href((folder / entry.trace).with_suffix(".html"), page)
        found.append(Attempt(entry.attempt, entry.outcome, href, is_this))
    return sorted(found, key=lambda attempt: attempt.attempt)


def _href(other: Path, page: Path) -> str | None:
    """Give the way from one page to another that is there; None where there is no way."""
    if not other.is_file():
        return None
    try:
        relative = os.path.relpath(other, page.absolute().parent)
    except ValueError:
        return None
    return Path(relative).as_posix()
