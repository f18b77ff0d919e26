"""Keeps `index.json`: what a run left in its folder, and what a later run may therefore remove."""

import os
from collections.abc import Container, Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    bug,
    enverr,
    from_os_error,
    target,
    usage,
)
from pytest_recorder.tracefile.lock import is_alive, locked_folder, try_lock
from pytest_recorder.tracefile.naming import (
    folder_name,
    is_staged,
    own_staged_path,
    remove_staged,
    staged_path,
    writable,
)

INDEX_NAME = "index.json"
TRACE_NAME = "trace.pyrec"
FAILURE_NAME = "failure.md"
"""The explanation of the failure, beside the trace."""
PAGE_NAME = "trace.html"
"""The trace as a page, beside it."""
INDEX_PAGE_NAME = "index.html"
"""The index as a page, beside it."""
INDEX_PAGE_MARK = '<meta name="generator" content="pytest-record-trace index">'
"""What such a page has in its head."""
LEFT_OUT = "left_out"
"""The status of a trace that a quota has removed; the reason names the quota."""
DIED = "died"
"""The outcome of a test whose process died in it."""
HARMLESS = ("passed", "skipped")
"""The outcomes that nobody has to look into."""

_Key: TypeAlias = tuple[str, int, str | None]


class Entry(BaseModel):
    """One recorded attempt of a test."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    test: str = Field(description="node id; `session` for the trace of a whole run")
    attempt: int = Field(description="from 1; more where the test was run again")
    outcome: str | None = Field(
        description="failed, passed, skipped, interrupted, died; null where nobody judged"
    )
    trace: str | None = Field(
        description="path of the trace, relative to the index; null where none was kept"
    )
    status: str = Field(description="complete, partial, missing or left_out")
    reason: str | None = Field(
        default=None,
        description="why it is partial or missing (an ERR code), or which quota left it out",
    )
    size_bytes: int = Field(default=0, description="of the trace file, also of one left out")
    events: int = Field(default=0, description="events in the trace")
    dropped: int = Field(default=0, description="events that the trace had no room for")
    phase: str | None = Field(
        default=None,
        description="where it failed first, or died: setup, call or teardown",
    )
    exception: str | None = Field(default=None, description="name of the exception's type")
    message: str | None = Field(
        default=None,
        description="first line of what pytest says of it, secrets are masked; how it died",
    )
    place: str | None = Field(
        default=None,
        description=(
            "path:line that failed, or the last one of a process that died; relative to the"
            " project if it lies there"
        ),
    )
    worker: str | None = Field(default=None, description="of pytest-xdist, that ran it")
    is_reported: bool = Field(
        default=True,
        description="false: kept or recovered by a run that has not told of it yet",
    )
    run_id: str | None = Field(
        default=None, description="its run, where that is another one than the index names"
    )
    pid: int | None = Field(default=None, description="the process of that run")


class Index(BaseModel):
    """The traces of a run, or of several that wrote to one folder or were merged into it."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_: Literal[1] = Field(alias="schema", description="version of this schema")
    run_id: str = Field(description="the same in all processes of a run")
    pid: int = Field(
        default=0, description="its process: tells a later run whether this one is alive"
    )
    tests: tuple[Entry, ...] = Field(default=(), description="in the order of the run")


def read_index(folder: Path) -> Index:
    """Read the index of a folder.

    Raises EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) where there is none that can be read,
    TargetError (ERR_TRACE_CORRUPT) for a file that is no index of ours.
    """
    path = folder / INDEX_NAME
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise enverr(
            ErrorCode.TRACE_NOT_FOUND, f"no {INDEX_NAME} in {str(folder)!r}"
        ) from error
    except OSError as error:
        raise from_os_error(error, "cannot read the index", path=path) from error
    return _parse(path, data)


def _parse(path: Path, data: bytes) -> Index:
    import orjson

    try:
        raw = orjson.loads(data)
        return Index.model_validate(raw)
    except (orjson.JSONDecodeError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise target(
            ErrorCode.TRACE_CORRUPT, f"{str(path)!r} is not an index of traces: {reason}"
        ) from error


def write_index(
    folder: Path, run_id: str, entries: Iterable[Entry], *, pid: int | None = None
) -> None:
    """Write the index, whole or not at all. Raises EnvironmentError (ERR_IO)."""
    import orjson

    content = {
        "schema": 1,
        "run_id": run_id,
        "pid": os.getpid() if pid is None else pid,
        "tests": [_dump(entry) for entry in entries],
    }
    path = folder / INDEX_NAME
    staged = own_staged_path(path)
    try:
        staged.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        os.replace(staged, path)
    except OSError as error:
        remove_staged(staged)
        raise from_os_error(error, "cannot write the index", path=path) from error


def _dump(entry: Entry) -> dict[str, Any]:
    left_out = {"is_reported"} if entry.is_reported else set[str]()
    if entry.run_id is None:
        left_out |= {"run_id", "pid"}
    facts = entry.model_dump(mode="json", exclude=left_out)
    return {k: writable(v) if isinstance(v, str) else v for k, v in facts.items()}


def _key(entry: Entry) -> _Key:
    return entry.test, entry.attempt, entry.trace


def add_entries(folder: Path, run_id: str, entries: Iterable[Entry]) -> None:
    """Add entries to the index of a folder; what stands in it stays.

    A new index belongs to no process. Raises EnvironmentError (ERR_IO), TargetError
    (ERR_TRACE_CORRUPT) for an index that is not ours; then it is as it was.
    """
    with locked_folder(folder):
        index = _index_or_new(folder, run_id)
        known = {_key(entry): entry for entry in index.tests}
        known.update({_key(entry): entry for entry in entries})
        write_index(folder, index.run_id, known.values(), pid=index.pid)


def _index_or_new(folder: Path, run_id: str) -> Index:
    try:
        return read_index(folder)
    except RecorderError as error:
        if error.code is not ErrorCode.TRACE_NOT_FOUND:
            raise
        return Index(schema=1, run_id=run_id)


def update_index(folder: Path, run_id: str, entries: Iterable[Entry]) -> None:
    """Write the entries of a run that goes on, and has told of none yet.

    Those of other runs, which live beside it, stay, and so does what others recovered. Raises
    EnvironmentError (ERR_IO).
    """
    _write_entries(folder, run_id, entries, is_reported=False)


def close_index(
    folder: Path, run_id: str, entries: Iterable[Entry], removed: Iterable[Entry] = ()
) -> None:
    """Write the entries of a run at its end, when all of them are told; as `update_index`.

    `removed` are entries as they were when their traces were still there.
    """
    _write_entries(folder, run_id, entries, is_reported=True, removed=removed)


def _write_entries(
    folder: Path,
    run_id: str,
    entries: Iterable[Entry],
    *,
    is_reported: bool,
    removed: Iterable[Entry] = (),
) -> None:
    with locked_folder(folder):
        try:
            there = owned_entries(read_index(folder))
        except RecorderError:
            there = []
        told = {"is_reported": is_reported}
        ours = [entry.model_copy(update=told) for entry in entries]
        keys = {_key(entry) for entry in chain(ours, removed)}
        others = [entry for entry in there if _is_of_others(entry, run_id, keys)]
        write_index(folder, run_id, [*others, *ours])


def _is_of_others(entry: Entry, run_id: str, ours: Container[_Key]) -> bool:
    if entry.trace is None and entry.outcome != DIED:
        # Two runs can miss the trace of the same test.
        return entry.run_id != run_id
    is_recovered = entry.outcome == DIED or not entry.is_reported
    return (is_recovered or entry.run_id != run_id) and _key(entry) not in ours


def owned_entries(index: Index) -> list[Entry]:
    """Give the entries of an index, each with the run that it belongs to."""
    owner = {"run_id": index.run_id, "pid": index.pid}
    return [e if e.run_id is not None else e.model_copy(update=owner) for e in index.tests]


class Cleared(NamedTuple):
    """What clearing a folder has left: entries that nobody was told of, and what went wrong."""

    untold: list[Entry]
    errors: list[RecorderError]


def clear_earlier_run(folder: Path, run_id: str) -> Cleared:
    """Remove the traces that the index lists for earlier runs, and nothing else.

    A run that is still alive keeps its own, and their entries. A folder is removed only if our
    trace and its explanation were all that is in it; files of the user's beside them stay. What a
    run has not lived to tell of stays too; gives these entries, which are this run's now. What
    cannot be removed stays listed. Raises EnvironmentError (ERR_IO).
    """
    errors: list[RecorderError] = []
    with locked_folder(folder):
        try:
            index = read_index(folder)
        except RecorderError:
            return Cleared([], [])
        entries = owned_entries(index)
        kept = [entry for entry in entries if _is_of_living(entry.pid)]
        nobody = {"run_id": None, "pid": None}
        untold = [
            entry.model_copy(update=nobody)
            for entry in entries
            if not entry.is_reported and not _is_of_living(entry.pid)
        ]
        held = {entry.trace for entry in (*kept, *untold)}
        for entry in entries:
            if entry.trace is not None and entry.trace not in held:
                try:
                    remove_trace(folder, entry.trace)
                except RecorderError as error:
                    errors.append(error)
                    kept.append(entry)
        if kept or untold:
            write_index(folder, run_id, [*kept, *untold])
        else:
            _remove(folder / INDEX_NAME)
        if is_index_page(folder / INDEX_PAGE_NAME):
            _remove(folder / INDEX_PAGE_NAME)
        return Cleared(untold, errors)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(
            error, "cannot remove what an earlier run left", path=path
        ) from error


def is_index_page(path: Path) -> bool:
    """Tell whether a file is a page of ours: a folder can hold an `index.html` of somebody's."""
    try:
        with open(path, "rb") as file:
            return INDEX_PAGE_MARK.encode() in file.read(4096)
    except OSError:
        return False


def _is_of_living(pid: int | None) -> bool:
    """Tell whether this is the number of another process that is still alive."""
    return bool(pid) and pid != os.getpid() and is_alive(pid or 0)


def free_path(folder: Path, test: str, attempt: int) -> Path:
    """Give the path for the trace of an attempt, as long as nobody else takes it."""
    return next(path for path in _paths(folder, test, attempt) if not path.exists())


def claim_path(
    wanted: Path, folder: Path, test: str, attempt: int, *, takes_over: bool = False
) -> Path:
    """Take the wanted path for the trace of an attempt, or the first that nobody has.

    The staged file is there afterwards, and empty: two runs in one folder never write the same
    trace, and nobody takes what is not yet written for one. With `takes_over` what a dead process
    has staged counts as nobody's. Raises EnvironmentError (ERR_IO).
    """
    for path in chain((wanted,), _paths(folder, test, attempt)):
        staged = staged_path(path)
        try:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                # A file, or a link to nowhere.
                continue
            if path.exists():
                continue
            try:
                os.close(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            except FileExistsError:
                if not (takes_over and _is_abandoned(staged)):
                    continue
            if not path.exists():
                return path
            # Somebody has finished it meanwhile.
            staged.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, "cannot make the trace", path=path) from error
    raise bug(ErrorCode.UNKNOWN, "the paths never end", folder=folder)


def _is_abandoned(staged: Path) -> bool:
    """Whether nobody writes to a staged file any more: its writer holds a lock on it."""
    with open(staged, "r+b") as file:
        return try_lock(file.fileno()) is True


def give_back(path: Path) -> None:
    """Remove what a claim has left, where nothing was written."""
    try:
        staged_path(path).unlink(missing_ok=True)
        path.parent.rmdir()
    except OSError:
        # The trace is there.
        return


def _paths(folder: Path, test: str, attempt: int) -> Iterator[Path]:
    for twin in count(1):
        yield folder / folder_name(test, attempt, twin) / TRACE_NAME


def beside(trace: Path) -> list[Path]:
    """Give the paths of what can lie beside a trace and belongs to it."""
    return [trace.with_name(name) for name in (FAILURE_NAME, PAGE_NAME)]


def _staged_beside(trace: Path) -> list[Path]:
    """Give what a process that died did not finish of what can lie beside a trace."""
    wanted = [path.name for path in beside(trace)]
    try:
        names = os.listdir(trace.parent)
    except OSError:
        return []
    return [
        trace.with_name(name) for name in names if any(is_staged(name, each) for each in wanted)
    ]


def page_of(trace: Path) -> Path:
    """Give the path of the page of a trace, which need not be there."""
    return trace.with_name(PAGE_NAME)


def size_with_beside(folder: Path, entry: Entry) -> int:
    """Give the bytes of a trace and of what lies beside it; of one that is not there, none."""
    if entry.trace is None:
        return 0
    trace = folder / entry.trace
    sizes = (path.stat().st_size for path in (trace, *beside(trace)) if path.is_file())
    try:
        return sum(sizes)
    except OSError:
        return entry.size_bytes


def remove_page(folder: Path, relative: str) -> None:
    """Remove the page of a trace of the folder; raises EnvironmentError (ERR_IO)."""
    trace = folder / relative
    try:
        if _is_ours(folder, trace):
            page_of(trace).unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, "cannot remove the page", path=page_of(trace)) from error


def remove_trace(folder: Path, relative: str) -> None:
    """Remove a trace of the folder with what belongs to it; raises EnvironmentError (ERR_IO).

    The index still lists it.
    """
    try:
        _remove_trace(folder, relative)
    except OSError as error:
        raise from_os_error(error, "cannot remove the trace", path=folder / relative) from error


def _remove_trace(folder: Path, relative: str) -> None:
    trace = folder / relative
    if not _is_ours(folder, trace):
        return
    # What belongs to it first: what cannot be removed keeps its trace.
    for path in (*beside(trace), *_staged_beside(trace), trace):
        path.unlink(missing_ok=True)
    try:
        trace.parent.rmdir()
    except OSError:
        # Not empty: whatever lies there is not ours.
        return


def _is_ours(folder: Path, trace: Path) -> bool:
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
