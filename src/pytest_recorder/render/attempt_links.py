"""Finds the pages of the other attempts of a test, for the links between them."""

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.errors import RecorderError
from pytest_recorder.render.page import replace_attempts
from pytest_recorder.render.page_data import AttemptLink
from pytest_recorder.tracefile.folder import PAGE_NAME
from pytest_recorder.tracefile.index import Entry, owned_entries, read_index
from pytest_recorder.tracefile.reader import Trace


def attempts_of(trace: Trace, page: Path) -> list[AttemptLink]:
    """Give the attempts of the test that the index of its folder lists, or only this one."""
    manifest = trace.manifest
    alone = [AttemptLink(manifest.attempt, manifest.outcome, is_this=True)]
    where = Path(os.path.abspath(trace.path))
    folder = where.parent.parent
    path = where.relative_to(folder).as_posix()
    try:
        entries = owned_entries(read_index(folder))
    except RecorderError:
        return alone
    this = next((entry for entry in entries if entry.trace == path), None)
    return attempts_in(entries, this, folder, page) if this is not None else alone


def attempts_in(
    entries: Iterable[Entry], this: Entry, folder: Path, page: Path
) -> list[AttemptLink]:
    """Give the attempts of the test of `this` among the entries of a folder, this one too.

    `page` is that of this attempt, and has links to the others.
    """
    found = [AttemptLink(this.attempt, this.outcome, is_this=True)]
    for entry in entries:
        if is_other_attempt(entry, this):
            href = None
            if entry.trace is not None:
                href = _href((folder / entry.trace).with_suffix(".html"), page)
            found.append(AttemptLink(entry.attempt, entry.outcome, href))
    return sorted(found, key=lambda attempt: attempt.attempt)


def relink_pages(folder: Path) -> list[RecorderError]:
    """Let the pages of a folder link to what its index lists, as after a merge.

    Gives what went wrong with some of them, which does not stop the rest.
    """
    try:
        entries = owned_entries(read_index(folder))
    except RecorderError as error:
        return [error]
    by_test: dict[tuple[str | None, str], list[Entry]] = {}
    for entry in entries:
        by_test.setdefault((entry.run_id, entry.test), []).append(entry)
    errors: list[RecorderError] = []
    for entry in entries:
        if entry.trace is None:
            continue
        page = (folder / entry.trace).with_name(PAGE_NAME)
        try:
            if page.is_file():
                same = by_test[entry.run_id, entry.test]
                replace_attempts(page, attempts_in(same, entry, folder, page))
        except RecorderError as error:
            errors.append(error)
    return errors


def is_other_attempt(entry: Entry, this: Entry) -> bool:
    """Tell whether two entries are attempts of one test, in one run and one process.

    Each process counts its own attempts, and a merged folder has the tests of several runs. Which
    process died in a test is not known: the number has to do.
    """
    return (
        entry.test == this.test
        and entry.run_id == this.run_id
        and entry.attempt != this.attempt
        and (entry.worker == this.worker or None in (entry.worker, this.worker))
    )


def _href(other: Path, page: Path) -> str | None:
    """Give the way from one page to another that is there; None where there is no way."""
    if not other.is_file():
        return None
    try:
        relative = os.path.relpath(other, page.absolute().parent)
    except ValueError:
        return None
    return Path(relative).as_posix()
