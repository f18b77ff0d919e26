"""Keeps the folder of a run: where traces go in it, what lies beside them, and how they go."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, count, product
from pathlib import Path

from pytest_recorder.errors import ErrorCode, bug, from_os_error, usage
from pytest_recorder.system.atomic_write import part_path, writer_of_part
from pytest_recorder.system.locks import try_lock
from pytest_recorder.tracefile.naming import folder_name

TRACE_NAME = "trace.pyrec"
FAILURE_NAME = "failure.md"
"""The explanation of the failure, beside the trace."""
PAGE_NAME = "trace.html"
"""The trace as a page, beside it."""


def free_path(folder: Path, test: str, attempt: int, *, is_secret: bool = False) -> Path:
    """Give the path for the trace of an attempt, as long as nobody else takes it.

    `is_secret` says that its folder shall tell nothing of the test.
    """
    return next(path for path in _paths(folder, test, attempt, is_secret) if not path.exists())


def claim_path(
    wanted: Path,
    folder: Path,
    test: str,
    attempt: int,
    *,
    takes_over: bool = False,
    is_secret: bool = False,
) -> Path:
    """Take the wanted path for the trace of an attempt, or the first that nobody has.

    The part file is there afterwards, and empty: two runs in one folder never write the same
    trace, and nobody takes what is not yet written for one. With `takes_over` what a dead process
    has begun to write counts as nobody's. Raises EnvironmentError (ERR_IO).
    """
    for path in chain((wanted,), _paths(folder, test, attempt, is_secret)):
        part = part_path(path)
        try:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                # A file, or a link to nowhere.
                continue
            if path.exists():
                continue
            try:
                os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            except FileExistsError:
                if not (takes_over and _is_abandoned(part)):
                    continue
            if not path.exists():
                return path
            # Somebody has finished it meanwhile.
            part.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, "cannot make the trace", path=path) from error
    raise bug(ErrorCode.UNKNOWN, "the paths never end", folder=folder)


def _is_abandoned(part: Path) -> bool:
    """Whether nobody writes to a part file any more: its writer holds a lock on it."""
    with open(part, "r+b") as file:
        return try_lock(file.fileno()) is True


def give_back(path: Path) -> None:
    """Remove what a claim has left, where nothing was written."""
    try:
        part_path(path).unlink(missing_ok=True)
        path.parent.rmdir()
    except OSError:
        # The trace is there.
        return


def _paths(folder: Path, test: str, attempt: int, is_secret: bool) -> Iterator[Path]:
    for twin in count(1):
        yield folder / folder_name(test, attempt, twin, is_secret=is_secret) / TRACE_NAME


def sidecars_of(trace: Path) -> list[Path]:
    """Give the paths of what can lie beside a trace and belongs to it."""
    return [trace.with_name(name) for name in (FAILURE_NAME, PAGE_NAME)]


def parts_in(folder: Path, wanted: Iterable[str]) -> Iterator[tuple[Path, int]]:
    """Give the part files in a folder, and the processes that write or wrote them."""
    names = tuple(wanted)
    try:
        there = os.listdir(folder)
    except OSError:
        return
    for name, each in product(there, names):
        pid = writer_of_part(name, each)
        if pid is not None:
            yield folder / name, pid


def page_of(trace: Path) -> Path:
    """Give the path of the page of a trace, which need not be there."""
    return trace.with_name(PAGE_NAME)


def size_with_sidecars(trace: Path) -> int:
    """Give the bytes of a trace and of what lies beside it. Raises OSError."""
    return sum(path.stat().st_size for path in (trace, *sidecars_of(trace)) if path.is_file())


def remove_page(folder: Path, relative: str) -> None:
    """Remove the page of a trace of the folder; raises EnvironmentError (ERR_IO)."""
    trace = folder / relative
    try:
        if is_trace_in(folder, trace):
            page_of(trace).unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, "cannot remove the page", path=page_of(trace)) from error


def remove_trace(folder: Path, relative: str) -> None:
    """Remove a trace of the folder with what belongs to it; raises EnvironmentError (ERR_IO)."""
    try:
        _remove_trace(folder, relative)
    except OSError as error:
        raise from_os_error(error, "cannot remove the trace", path=folder / relative) from error


def _remove_trace(folder: Path, relative: str) -> None:
    trace = folder / relative
    if not is_trace_in(folder, trace):
        return
    # What belongs to it first: what cannot be removed keeps its trace.
    sidecars = sidecars_of(trace)
    parts = (path for path, _ in parts_in(trace.parent, (path.name for path in sidecars)))
    for path in (*sidecars, *parts, trace):
        path.unlink(missing_ok=True)
    try:
        trace.parent.rmdir()
    except OSError:
        # Not empty: whatever lies there is not ours.
        return


def is_trace_in(folder: Path, trace: Path) -> bool:
    """Tell whether a path is one for a trace, and does not lead out of the folder by any link."""
    inside = os.path.realpath(trace).startswith(os.path.realpath(folder) + os.sep)
    return inside and trace.suffix == ".pyrec"


def prepare_folder(folder: Path) -> None:
    """Make the trace folder, with a `.gitignore` in it.

    A folder that holds more than a log may be anybody's, a whole project even: it gets none.

    Raises UsageError (ERR_TRACE_DIR_CONFLICT) where a file is in the way, EnvironmentError
    (ERR_TRACE_DIR_CREATE_FAILED) where it cannot be made or written.
    """
    if folder.exists() and not folder.is_dir():
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"the trace folder {str(folder)!r} is a file, expected a folder or a new name",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if all(name.endswith(".jsonl") for name in os.listdir(folder)):
            (folder / ".gitignore").write_text("*\n", encoding="ascii")
    except (NotADirectoryError, FileExistsError) as error:
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"a part of the path of the trace folder {str(folder)!r} is a file",
        ) from error
    except OSError as error:
        raise from_os_error(
            error,
            "cannot make the trace folder",
            code=ErrorCode.TRACE_DIR_CREATE_FAILED,
            path=folder,
        ) from error


def is_empty(folder: Path) -> bool:
    """Tell whether there is nothing in the trace folder but our `.gitignore`, or no folder."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name == ".gitignore" for entry in entries)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def remove_if_empty(folder: Path) -> None:
    """Remove the trace folder when a run left nothing in it but our `.gitignore`."""
    try:
        if is_empty(folder):
            (folder / ".gitignore").unlink()
            folder.rmdir()
    except OSError:
        return
