"""Turns the spools of dead processes into partial traces, and enters those into the index.

This may itself die at any moment: a trace is written first, then the index, and the spool is
removed last. Whoever comes next finds a trace with the id of the spool's, and does what is missing.
"""

from typing import NamedTuple

from pytest_recorder.errors import ErrorCode, RecorderError, enverr, from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.block_reader import read_manifest
from pytest_recorder.tracefile.end import end_of
from pytest_recorder.tracefile.folder import TRACE_NAME, claim_path, free_path, give_back
from pytest_recorder.tracefile.index import DIED, Entry, add_entries, read_index
from pytest_recorder.tracefile.manifest import Manifest
from pytest_recorder.tracefile.masking import masker_of_spool
from pytest_recorder.tracefile.naming import (
    PROGRAM,
    SPOOL_SUFFIX,
    run_of_spool,
)
from pytest_recorder.tracefile.reader import Trace, open_trace
from pytest_recorder.tracefile.spool_trace import trailer_of_dead
from pytest_recorder.tracefile.spoolfile import Snapshot, SpoolFile
from pytest_recorder.tracefile.writer import Packed, write_trace

_MOST_ATTEMPT = 1_000_000
_MOST_COUNT = (1 << 63) - 1


class Recovery(NamedTuple):
    """What was found: entries that the index has now, pids of living owners, what went wrong."""

    entries: list[Entry]
    alive: list[int]
    errors: list[RecorderError]


def recover(folder: AnyPath, *, is_reported: bool = True) -> Recovery:
    """Recover what dead processes left in a trace folder, and remove their spools.

    A spool of a living process is left alone, and so is a file that is no spool of ours. Traces
    that a dead process kept itself, and that no index lists, are entered too. A trace of a process
    whose policy keeps no partial traces is not written; its entry says so.

    With `is_reported` False the entries are marked for the run that will tell of them. Raises
    EnvironmentError (ERR_TRACE_NOT_FOUND, ERR_IO) for a folder that cannot be read; what is wrong
    with one spool stands in `errors` and leaves the others alone.
    """
    found = Recovery([], [], [])
    shelf = _Shelf(folder, is_reported)
    for path in _spools_in(folder):
        try:
            with SpoolFile(path) as spool:
                if not spool.is_abandoned():
                    if spool.is_running():
                        found.alive.append(spool.pid)
                    continue
                found.entries.extend(shelf.take(spool))
        except RecorderError as error:
            # Somebody else was quicker.
            if error.code is not ErrorCode.TRACE_NOT_FOUND:
                found.errors.append(error)
    return found


def _spools_in(folder: AnyPath) -> list[FilePath]:
    try:
        names = sorted(n for n in OS.listdir(OS.fspath(folder)) if n.endswith(SPOOL_SUFFIX))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise enverr(
            ErrorCode.TRACE_NOT_FOUND, f"{OS.fspath(folder)!r} is no folder of traces"
        ) from error
    except OSError as error:
        raise from_os_error(error, "cannot read the trace folder", path=folder) from error
    except ValueError as error:
        raise enverr(ErrorCode.IO, f"cannot read the trace folder: {error}") from error
    return [FilePath.of(folder) / name for name in names]


class _Shelf:
    """The traces of a folder, looked through once, and only if there is something to recover."""

    def __init__(self, folder: AnyPath, is_reported: bool) -> None:
        self._folder = folder
        self._is_reported = is_reported
        self._by_path: dict[FilePath, Manifest] | None = None

    def take(self, spool: SpoolFile) -> list[Entry]:
        """Recover one abandoned spool and remove it; give the entries that are new."""
        snapshot = spool.read()
        run = run_of_spool(spool.path.name)
        entries: list[Entry] = []
        kept = self._kept_by(run, spool.pid)
        if snapshot is not None:
            run = snapshot.manifest.run_id
            there = self._traces().get(snapshot.manifest.trace_id)
            if there is None:
                entries.append(self._write(snapshot, spool.pid))
            elif there not in kept:
                kept.append(there)
        entries += self._unlisted(kept)
        if entries:
            entries = [e.but(is_reported=self._is_reported) for e in entries]
            add_entries(self._folder, run, entries)
        try:
            spool.remove()
        except OSError as error:
            raise from_os_error(error, "cannot remove the spool", path=spool.path) from error
        return entries

    def _write(self, snapshot: Snapshot, pid: int) -> Entry:
        manifest = snapshot.manifest
        test = manifest.test or PROGRAM
        attempt = _attempt(manifest)
        trailer = trailer_of_dead(snapshot, pid)
        entry = Entry(
            test=test,
            attempt=attempt,
            outcome=DIED,
            trace=None,
            status="partial",
            reason=trailer["reason"],
            message=trailer["message"],
        )
        if manifest.policy.get("keep_partial_trace") is False:
            events = sum(segment.events for segment in snapshot.segments)
            return entry.but(events=events)
        masker = masker_of_spool(snapshot.secrets)
        is_secret = masker.is_in_id(test)
        wanted = free_path(self._folder, test, attempt, is_secret=is_secret)
        path = claim_path(
            wanted, self._folder, test, attempt, takes_over=True, is_secret=is_secret
        )
        try:
            packed = write_trace(
                path,
                manifest=manifest.model_copy(update={"outcome": DIED}).model_dump(mode="json"),
                segments=snapshot.segments,
                sources=snapshot.sources,
                trailer=trailer,
                masker=masker,
            )
        finally:
            give_back(path)
        trace = path.relative_to(self._folder).as_posix()
        return entry.but(trace=trace, **_counts(packed), **_end_in(path))

    def _kept_by(self, run: str, pid: int) -> list[FilePath]:
        """Give the traces that a dead process kept itself."""
        if not run:
            return []
        return [
            path
            for path, manifest in self._manifests().items()
            if manifest.run_id.startswith(run) and manifest.pid == pid
        ]

    def _unlisted(self, paths: list[FilePath]) -> list[Entry]:
        """Give entries for traces that the index would list, had their process come to write it."""
        if not paths:
            return []
        try:
            listed = {entry.trace for entry in read_index(self._folder).tests}
        except RecorderError:
            listed = set[str | None]()
        found = [entry_of_trace(path, self._folder) for path in paths]
        return [entry for entry in found if entry is not None and entry.trace not in listed]

    def _traces(self) -> dict[str, FilePath]:
        """Give the trace files of the folder by their ids."""
        return {manifest.trace_id: path for path, manifest in self._manifests().items()}

    def _manifests(self) -> dict[FilePath, Manifest]:
        if self._by_path is None:
            self._by_path = {}
            for path in trace_files(self._folder):
                manifest = read_manifest(path)
                if manifest is not None:
                    self._by_path[path] = manifest
        return self._by_path


def entry_of_trace(path: AnyPath, folder: AnyPath) -> Entry | None:
    """Give the entry that an index of the folder would have for a trace; None if it is none."""
    try:
        with open_trace(path) as trace:
            entry = Entry(
                test=trace.manifest.test or PROGRAM,
                attempt=_attempt(trace.manifest),
                outcome=trace.manifest.outcome,
                trace=FilePath.of(path).relative_to(folder).as_posix(),
                status=trace.status,
                reason=trace.reason,
                size_bytes=trace.size_bytes,
                events=len(trace),
                dropped=min(trace.trailer.dropped, _MOST_COUNT),
            )
            if entry.outcome != DIED:
                # It ends where the test did, and not where that failed.
                return entry
            return entry.but(message=trace.message, **_end(trace))
    except RecorderError:
        return None


def _end_in(path: AnyPath) -> dict[str, str | None]:
    try:
        with open_trace(path) as trace:
            return _end(trace)
    except RecorderError:
        return {}


def _end(trace: Trace) -> dict[str, str | None]:
    """Give what an entry says of where the process died."""
    end = end_of(trace)
    return {"phase": end.phase, "place": end.place(trace.manifest.root)}


def trace_files(folder: AnyPath) -> list[FilePath]:
    """Find the traces in a folder, listed or not. Raises EnvironmentError (ERR_IO)."""
    base = FilePath.of(folder)
    try:
        names = OS.listdir(base)
    except OSError as error:
        raise from_os_error(error, "cannot read the trace folder", path=base) from error
    alone = [base / name for name in names if name.endswith(".pyrec")]
    in_folders = (base / name / TRACE_NAME for name in names)
    return [*alone, *(path for path in in_folders if files.exists(path))]


def _attempt(manifest: Manifest) -> int:
    return manifest.attempt if 1 <= manifest.attempt < _MOST_ATTEMPT else 1


def _counts(packed: Packed) -> dict[str, int]:
    return {**packed._asdict(), "dropped": min(packed.dropped, _MOST_COUNT)}
