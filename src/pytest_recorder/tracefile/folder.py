"""Keeps the folder of a run: where traces go in it, what lies beside them, and how they go."""

from collections.abc import Iterable, Iterator
from itertools import chain, count, product

from pytest_recorder.errors import ErrorCode, bug, from_os_error, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.atomic_write import part_path, writer_of_part
from pytest_recorder.system.locks import try_lock
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath, with_separator
from pytest_recorder.tracefile.naming import SPOOL_SUFFIX, folder_name

TRACE_NAME = "trace.pyrec"
FAILURE_NAME = "failure.md"
"""The explanation of the failure, beside the trace."""
PAGE_NAME = "trace.html"
"""The trace as a page, beside it."""


def free_path(folder: AnyPath, test: str, attempt: int, *, is_secret: bool = False) -> FilePath:
    """Give the path for the trace of an attempt, as long as nobody else takes it.

    `is_secret` says that its folder shall tell nothing of the test.
    """
    return next(
        path for path in _paths(folder, test, attempt, is_secret) if not files.exists(path)
    )


def claim_path(
    wanted: AnyPath,
    folder: AnyPath,
    test: str,
    attempt: int,
    *,
    takes_over: bool = False,
    is_secret: bool = False,
) -> FilePath:
    """Take the wanted path for the trace of an attempt, or the first that nobody has.

    The part file is there afterwards, and empty: two runs in one folder never write the same
    trace, and nobody takes what is not yet written for one. With `takes_over` what a dead process
    has begun to write counts as nobody's. Raises EnvironmentError (ERR_IO).
    """
    for path in chain((FilePath.of(wanted),), _paths(folder, test, attempt, is_secret)):
        part = part_path(path)
        try:
            try:
                files.make_folders(path.parent)
            except FileExistsError:
                # A file, or a link to nowhere.
                continue
            if files.exists(path):
                continue
            try:
                OS.close(OS.open(part, files.WRITE | files.CREATE, 0o666))
            except FileExistsError:
                if not (takes_over and _is_abandoned(part)):
                    continue
            if not files.exists(path):
                return path
            # Somebody has finished it meanwhile.
            files.remove(part)
        except OSError as error:
            raise from_os_error(error, "cannot make the trace", path=path) from error
    raise bug(ErrorCode.UNKNOWN, "the paths never end", folder=folder)


def _is_abandoned(part: FilePath) -> bool:
    """Whether nobody writes to a part file any more: its writer holds a lock on it."""
    with files.open_to_read(part) as file:
        return try_lock(file.fileno()) is True


def give_back(path: AnyPath) -> None:
    """Remove what a claim has left, where nothing was written."""
    try:
        files.remove(part_path(path))
        OS.rmdir(FilePath.of(path).parent)
    except OSError:
        # The trace is there.
        return


def _paths(folder: AnyPath, test: str, attempt: int, is_secret: bool) -> Iterator[FilePath]:
    for twin in count(1):
        name = folder_name(test, attempt, twin, is_secret=is_secret)
        yield FilePath.of(folder) / name / TRACE_NAME


def sidecars_of(trace: AnyPath) -> list[FilePath]:
    """Give the paths of what can lie beside a trace and belongs to it."""
    return [FilePath.of(trace).with_name(name) for name in (FAILURE_NAME, PAGE_NAME)]


def parts_in(folder: AnyPath, wanted: Iterable[str]) -> Iterator[tuple[FilePath, int]]:
    """Give the part files in a folder, and the processes that write or wrote them."""
    names = tuple(wanted)
    try:
        there = OS.listdir(FilePath.of(folder))
    except OSError:
        return
    for name, each in product(there, names):
        pid = writer_of_part(name, each)
        if pid is not None:
            yield FilePath.of(folder) / name, pid


def page_of(trace: AnyPath) -> FilePath:
    """Give the path of the page of a trace, which need not be there."""
    return FilePath.of(trace).with_name(PAGE_NAME)


def size_with_sidecars(trace: AnyPath) -> int:
    """Give the bytes of a trace and of what lies beside it. Raises OSError."""
    those = (FilePath.of(trace), *sidecars_of(trace))
    return sum(files.size_of(path) for path in those if files.is_file(path))


def remove_page(folder: AnyPath, relative: str) -> None:
    """Remove the page of a trace of the folder; raises EnvironmentError (ERR_IO)."""
    trace = FilePath.of(folder) / relative
    try:
        if is_trace_in(folder, trace):
            files.remove(page_of(trace))
    except OSError as error:
        raise from_os_error(error, "cannot remove the page", path=page_of(trace)) from error


def remove_trace(folder: AnyPath, relative: str) -> None:
    """Remove a trace of the folder with what belongs to it; raises EnvironmentError (ERR_IO)."""
    trace = FilePath.of(folder) / relative
    try:
        _remove_trace(folder, trace)
    except OSError as error:
        raise from_os_error(error, "cannot remove the trace", path=trace) from error


def _remove_trace(folder: AnyPath, trace: FilePath) -> None:
    if not is_trace_in(folder, trace):
        return
    # What belongs to it first: what cannot be removed keeps its trace.
    sidecars = sidecars_of(trace)
    parts = (path for path, _ in parts_in(trace.parent, (path.name for path in sidecars)))
    for path in (*sidecars, *parts, trace):
        files.remove(path)
    try:
        OS.rmdir(trace.parent)
    except OSError:
        # Not empty: whatever lies there is not ours.
        return


def is_trace_in(folder: AnyPath, trace: AnyPath) -> bool:
    """Tell whether a path is one for a trace, and does not lead out of the folder by any link."""
    path = FilePath.of(trace)
    if path.suffix != ".pyrec" or "\0" in path:
        return False
    return files.real(path).startswith(with_separator(files.real(folder)))


def prepare_folder(folder: AnyPath) -> None:
    """Make the trace folder, with a `.gitignore` in it.

    A folder that holds more than a log may be anybody's, a whole project even: it gets none.

    Raises UsageError (ERR_TRACE_DIR_CONFLICT) where a file is in the way, EnvironmentError
    (ERR_TRACE_DIR_CREATE_FAILED) where it cannot be made or written.
    """
    path = FilePath.of(folder)
    if files.exists(path) and not files.is_folder(path):
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"the trace folder {str(path)!r} is a file, expected a folder or a new name",
        )
    try:
        files.make_folders(path)
        if all(name.endswith(".jsonl") for name in OS.listdir(path)):
            files.write_bytes(path / ".gitignore", b"*\n")
    except (NotADirectoryError, FileExistsError) as error:
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"a part of the path of the trace folder {str(path)!r} is a file",
        ) from error
    except OSError as error:
        raise from_os_error(
            error,
            "cannot make the trace folder",
            code=ErrorCode.TRACE_DIR_CREATE_FAILED,
            path=path,
        ) from error


def is_empty(folder: AnyPath) -> bool:
    """Tell whether there is nothing in the trace folder but our `.gitignore`, or no folder."""
    try:
        return all(name == ".gitignore" for name in OS.listdir(FilePath.of(folder)))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def has_spools(folder: AnyPath) -> bool:
    """Tell whether a process has a spool in the folder, or has left one there."""
    try:
        return any(name.endswith(SPOOL_SUFFIX) for name in OS.listdir(folder))
    except FileNotFoundError:
        return False
    except OSError:
        # Who looks closer says what is wrong.
        return True


def remove_if_empty(folder: AnyPath) -> None:
    """Remove the trace folder when a run left nothing in it but our `.gitignore`."""
    try:
        if is_empty(folder):
            OS.unlink(FilePath.of(folder) / ".gitignore")
            OS.rmdir(FilePath.of(folder))
    except OSError:
        return
