"""Keeps `index.json`: what a run left in its folder, and what a later run may therefore remove."""

from collections.abc import Container, Iterable
from itertools import chain
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_recorder.errors import ErrorCode, RecorderError, enverr, from_os_error, target
from pytest_recorder.system import files
from pytest_recorder.system.atomic_write import remove_unfinished, write_bytes_whole
from pytest_recorder.system.locks import is_alive, locked_folder
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.folder import parts_in, remove_trace
from pytest_recorder.tracefile.naming import writable

INDEX_NAME = "index.json"
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


def read_index(folder: AnyPath) -> Index:
    """Read the index of a folder.

    Raises EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) where there is none that can be read,
    TargetError (ERR_TRACE_CORRUPT) for a file that is no index of ours.
    """
    path = FilePath.of(folder) / INDEX_NAME
    try:
        data = files.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise enverr(
            ErrorCode.TRACE_NOT_FOUND, f"no {INDEX_NAME} in {OS.fspath(folder)!r}"
        ) from error
    except OSError as error:
        raise from_os_error(error, "cannot read the index", path=path) from error
    return _parse(path, data)


def _parse(path: AnyPath, data: bytes) -> Index:
    import orjson

    try:
        raw = orjson.loads(data)
        return Index.model_validate(raw)
    except (orjson.JSONDecodeError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise target(
            ErrorCode.TRACE_CORRUPT, f"{OS.fspath(path)!r} is not an index of traces: {reason}"
        ) from error


def write_index(
    folder: AnyPath, run_id: str, entries: Iterable[Entry], *, pid: int | None = None
) -> None:
    """Write the index, whole or not at all. Raises EnvironmentError (ERR_IO)."""
    import orjson

    content = {
        "schema": 1,
        "run_id": run_id,
        "pid": OS.getpid() if pid is None else pid,
        "tests": [_dump(entry) for entry in entries],
    }
    path = FilePath.of(folder) / INDEX_NAME
    try:
        write_bytes_whole(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise from_os_error(error, "cannot write the index", path=path) from error


def _dump(entry: Entry) -> dict[str, Any]:
    left_out = {"is_reported"} if entry.is_reported else set[str]()
    if entry.run_id is None:
        left_out |= {"run_id", "pid"}
    fields = entry.model_dump(mode="json", exclude=left_out)
    return {k: writable(v) if isinstance(v, str) else v for k, v in fields.items()}


def _key(entry: Entry) -> _Key:
    return entry.test, entry.attempt, entry.trace


def add_entries(folder: AnyPath, run_id: str, entries: Iterable[Entry]) -> None:
    """Add entries to the index of a folder; what stands in it stays.

    A new index belongs to no process. Raises EnvironmentError (ERR_IO), TargetError
    (ERR_TRACE_CORRUPT) for an index that is not ours; then it is as it was.
    """
    with locked_folder(folder):
        index = _index_or_new(folder, run_id)
        by_key = {_key(entry): entry for entry in index.tests}
        by_key.update({_key(entry): entry for entry in entries})
        write_index(folder, index.run_id, by_key.values(), pid=index.pid)


def _index_or_new(folder: AnyPath, run_id: str) -> Index:
    try:
        return read_index(folder)
    except RecorderError as error:
        if error.code is not ErrorCode.TRACE_NOT_FOUND:
            raise
        return Index(schema=1, run_id=run_id)


def update_index(folder: AnyPath, run_id: str, entries: Iterable[Entry]) -> None:
    """Write the entries of a run that goes on, and has told of none yet.

    Those of other runs, which live beside it, stay, and so does what others recovered. Raises
    EnvironmentError (ERR_IO).
    """
    _write_entries(folder, run_id, entries, is_reported=False)


def close_index(
    folder: AnyPath, run_id: str, entries: Iterable[Entry], removed: Iterable[Entry] = ()
) -> None:
    """Write the entries of a run at its end, when all of them are told; as `update_index`.

    `removed` are entries as they were when their traces were still there.
    """
    _write_entries(folder, run_id, entries, is_reported=True, removed=removed)


def _write_entries(
    folder: AnyPath,
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


def clear_earlier_run(folder: AnyPath, run_id: str) -> Cleared:
    """Remove the traces that the index lists for earlier runs, and what died half-written.

    A run that is still alive keeps its own, and their entries. A folder is removed only if our
    trace and its explanation were all that is in it; files of the user's beside them stay. What a
    run has not lived to tell of stays too; gives these entries, which are this run's now. What
    cannot be removed stays listed. Raises EnvironmentError (ERR_IO).
    """
    errors: list[RecorderError] = []
    with locked_folder(folder):
        for path, pid in tuple(parts_in(folder, (INDEX_NAME, INDEX_PAGE_NAME))):
            if not _is_of_living(pid):
                remove_unfinished(path)
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
            _remove(FilePath.of(folder) / INDEX_NAME)
        if is_index_page(FilePath.of(folder) / INDEX_PAGE_NAME):
            _remove(FilePath.of(folder) / INDEX_PAGE_NAME)
        return Cleared(untold, errors)


def _remove(path: AnyPath) -> None:
    try:
        files.remove(path)
    except OSError as error:
        raise from_os_error(
            error, "cannot remove what an earlier run left", path=path
        ) from error


def is_index_page(path: AnyPath) -> bool:
    """Tell whether a file is a page of ours: a folder can hold an `index.html` of somebody's."""
    try:
        with files.open_to_read(path) as file:
            return INDEX_PAGE_MARK.encode() in file.read(4096)
    except OSError:
        return False


def _is_of_living(pid: int | None) -> bool:
    """Tell whether this is the number of another process that is still alive."""
    return bool(pid) and pid != OS.getpid() and is_alive(pid or 0)
