"""Keeps `index.json`: what a run left in its folder, and what a later run may therefore remove."""

from collections.abc import Container, Iterable
from dataclasses import MISSING, dataclass, field, replace
from itertools import chain
from typing import Any, Final, NamedTuple, Self, TypeAlias, cast, get_args, get_type_hints

from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    TargetError,
    enverr,
    from_os_error,
    target,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files, json_text
from pytest_recorder.system.atomic_write import remove_unfinished, write_bytes_whole
from pytest_recorder.system.locks import is_alive, locked_folder
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.folder import parts_in, remove_trace
from pytest_recorder.tracefile.naming import writable

INDEX_NAME = "index.json"
SCHEMA: Final = 1
"""The version of what stands in it."""
MOST_BYTES: Final = 1 << 28
"""A larger file is no index: one of a hundred thousand tests has a tenth of it."""
INDEX_PAGE_NAME = "index.html"
INDEX_PAGE_MARK = '<meta name="generator" content="pytest-record-trace index">'
"""What such a page has in its head."""
LEFT_OUT = "left_out"
"""The status of a trace that a quota has removed; the reason names the quota."""
DIED = "died"
"""The outcome of a test whose process died in it."""
HARMLESS = ("passed", "skipped")
"""The outcomes that nobody has to look into."""

_Key: TypeAlias = tuple[str, int, str | None]


def _field(says: str, default: Any = MISSING) -> Any:
    """Make a field; what it says stands in the schema."""
    return field(default=default, metadata={"description": says})


@dataclass(frozen=True)
class Entry:
    """One recorded attempt of a test."""

    test: str = _field("node id; `session` for the trace of a whole run")
    attempt: int = _field("from 1; more where the test was run again")
    outcome: str | None = _field(
        "failed, passed, skipped, interrupted, died; null where nobody judged"
    )
    trace: str | None = _field(
        "path of the trace, relative to the index; null where none was kept"
    )
    status: str = _field("complete, partial, missing or left_out")
    reason: str | None = _field(
        "why it is partial or missing (an ERR code), or which quota left it out", None
    )
    size_bytes: int = _field("of the trace file, also of one left out", 0)
    events: int = _field("events in the trace", 0)
    dropped: int = _field("events that the trace had no room for", 0)
    phase: str | None = _field("where it failed first, or died: setup, call or teardown", None)
    exception: str | None = _field("name of the exception's type", None)
    message: str | None = _field(
        "first line of what pytest says of it, secrets are masked; how it died", None
    )
    place: str | None = _field(
        (
            "path:line that failed, or the last one of a process that died; relative to the"
            " project if it lies there"
        ),
        None,
    )
    worker: str | None = _field("of pytest-xdist, that ran it", None)
    unrecorded: str | None = _field(
        "where no line of the test's own file was recorded: the rule of its scope", None
    )
    rerun: str | None = _field(
        "how the re-run of a failed test ended: same, other, passed, skipped, interrupted", None
    )
    is_reported: bool = _field(
        "false: kept or recovered by a run that has not told of it yet", True
    )
    run_id: str | None = _field("its run, where that is another one than the index names", None)
    pid: int | None = _field("the process of that run", None)
    extra: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """Keys of newer versions: they are kept."""

    @classmethod
    def checked(cls, raw: object) -> Self:
        """Read an entry from JSON. Raises TargetError for what is none."""
        given = _object(raw, "an entry")
        for name in _NEEDED:
            _need(name in given, f"{name}: missing")
        known: dict[str, Any] = {n: _check(n, given[n]) for n in _KINDS if n in given}
        extra = {name: value for name, value in given.items() if name not in _KINDS}
        return cls(**known, extra=extra)

    def but(self, **changes: Any) -> Self:
        """Give a copy with other values in these fields."""
        return replace(self, **changes)

    def plain(self, names: Iterable[str] = ()) -> dict[str, Any]:
        """Give the fields, or these of them, as plain data."""
        return {name: getattr(self, name) for name in names or _KINDS} | (
            {} if names else self.extra
        )


def _kind_of(written: Any) -> tuple[type, ...]:
    return tuple(get_args(written)) or (written,)


_KINDS: Final = {
    name: _kind_of(written)
    for name, written in get_type_hints(Entry).items()
    if name != "extra"
}
"""The types that the value of each field can have."""
_NEEDED: Final = ("test", "attempt", "outcome", "trace", "status")


def _check(name: str, value: object) -> object:
    kinds = _KINDS[name]
    expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
    _need(type(value) in kinds, f"{name}: expected {expected}, not {type(value).__name__}")
    return value


def _object(raw: object, what: str) -> dict[str, Any]:
    _need(type(raw) is dict, f"{what} is no object")
    return cast("dict[str, Any]", raw)


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise target(ErrorCode.TRACE_CORRUPT, what)


@dataclass(frozen=True)
class Index:
    """The traces of a run, or of several that wrote to one folder or were merged into it."""

    run_id: str = _field("the same in all processes of a run")
    pid: int = _field("its process: tells a later run whether this one is alive", 0)
    tests: tuple[Entry, ...] = _field("in the order of the run", ())
    extra: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """Keys of newer versions: they are kept."""

    @classmethod
    def checked(cls, raw: object) -> Self:
        """Read an index from JSON. Raises TargetError for what is none."""
        given = _object(raw, "an index")
        schema, run_id, pid = (given.get(name) for name in ("schema", "run_id", "pid"))
        tests = given.get("tests", [])
        is_known = type(schema) is int and schema == SCHEMA
        _need(is_known, f"schema: expected {SCHEMA}, not {schema!r:.100}")
        _need(type(run_id) is str, "run_id: expected str")
        _need("pid" not in given or type(pid) is int, "pid: expected int")
        _need(type(tests) is list, "tests: expected list")
        return cls(
            cast("str", run_id),
            pid or 0,
            tuple(map(Entry.checked, tests)),
            {k: v for k, v in given.items() if k not in ("schema", "run_id", "pid", "tests")},
        )

    def plain(self) -> dict[str, Any]:
        """Give all of it as plain data."""
        tests = [entry.plain() for entry in self.tests]
        own = {"schema": SCHEMA, "run_id": self.run_id, "pid": self.pid, "tests": tests}
        return own | self.extra


def read_index(folder: AnyPath) -> Index:
    """Read the index of a folder.

    Raises EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) where there is none that can be read,
    TargetError (ERR_TRACE_CORRUPT) for a file that is no index of ours.
    """
    path = FilePath.of(folder) / INDEX_NAME
    try:
        _check_file(path)
        data = files.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise enverr(
            ErrorCode.TRACE_NOT_FOUND, f"no {INDEX_NAME} in {OS.fspath(folder)!r}"
        ) from error
    except OSError as error:
        raise from_os_error(error, "cannot read the index", path=path) from error
    return _parse(path, data)


def _check_file(path: AnyPath) -> None:
    """Refuse what could not be read to its end: a pipe, a device, a file of nothing but holes."""
    reason = None
    if files.exists(path) and not files.is_file(path):
        reason = "it is no regular file"
    elif files.is_file(path) and files.size_of(path) > MOST_BYTES:
        reason = f"it has more than {MOST_BYTES} bytes"
    if reason is not None:
        raise target(
            ErrorCode.TRACE_CORRUPT, f"{OS.fspath(path)!r} is not an index of traces: {reason}"
        )


def _parse(path: AnyPath, data: bytes) -> Index:
    try:
        return Index.checked(json_text.decode(data))
    except TargetError as error:
        reason = error.message.partition("\n")[0]
        raise target(
            ErrorCode.TRACE_CORRUPT, f"{OS.fspath(path)!r} is not an index of traces: {reason}"
        ) from error


def write_index(
    folder: AnyPath, run_id: str, entries: Iterable[Entry], *, pid: int | None = None
) -> None:
    """Write the index, whole or not at all. Raises EnvironmentError (ERR_IO)."""
    content = {
        "schema": SCHEMA,
        "run_id": run_id,
        "pid": OS.getpid() if pid is None else pid,
        "tests": [_dump(entry) for entry in entries],
    }
    path = FilePath.of(folder) / INDEX_NAME
    try:
        write_bytes_whole(path, json_text.encode_indented(content))
    except OSError as error:
        raise from_os_error(error, "cannot write the index", path=path) from error


def _dump(entry: Entry) -> dict[str, Any]:
    left_out = {n for n in ("unrecorded", "rerun") if getattr(entry, n) is None}
    left_out |= {"is_reported"} if entry.is_reported else set()
    left_out |= {"run_id", "pid"} if entry.run_id is None else set()
    return {
        name: writable(value) if isinstance(value, str) else value
        for name, value in entry.plain().items()
        if name not in left_out
    }


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
        return Index(run_id)


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
        ours = [entry.but(is_reported=is_reported) for entry in entries]
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
    return [
        entry if entry.run_id is not None else entry.but(run_id=index.run_id, pid=index.pid)
        for entry in index.tests
    ]


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
        untold = [
            entry.but(run_id=None, pid=None)
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
    if not files.is_file(path):
        return False
    try:
        with files.open_to_read(path) as file:
            return INDEX_PAGE_MARK.encode() in file.read(4096)
    except OSError:
        return False


def _is_of_living(pid: int | None) -> bool:
    """Tell whether this is the number of another process that is still alive."""
    return bool(pid) and pid != OS.getpid() and is_alive(pid or 0)
