"""Joins the trace folders of several runs, the shards of a test suite, into a new one.

What goes in is read only. What comes out is made beside its place and moved there when it is
whole, so that a merge which fails leaves nothing. An index came from anywhere: no path that it
names leads out of its folder.
"""

import filecmp
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pytest_recorder.errors import (
    EnvironmentError,
    ErrorCode,
    RecorderError,
    TargetError,
    enverr,
    from_os_error,
    target,
    usage,
)
from pytest_recorder.system.locks import is_locked
from pytest_recorder.tracefile.folder import TRACE_NAME, is_trace_in, sidecars_of
from pytest_recorder.tracefile.index import Entry, Index, read_index, write_index
from pytest_recorder.tracefile.naming import RUN_DIGITS, SPOOL_SUFFIX, folder_name, is_safe_name
from pytest_recorder.tracefile.recovery import entry_of_trace, trace_files

_UNKNOWN_RUN = re.compile(r"[^A-Za-z0-9]+")
_Key: TypeAlias = tuple[str, str, int, str | None]


class Merged(NamedTuple):
    """The entries of the new index, and what was wrong with some of the shards."""

    entries: list[Entry]
    errors: list[RecorderError]


def merge(shards: Sequence[Path], out: Path) -> Merged:
    """Copy the traces of the shards into a new folder `out`, with an index of them all.

    What is wrong with one shard or trace stands in `errors` and does not stop the rest. Raises
    UsageError (ERR_TRACE_DIR_CONFLICT) where `out` is taken, or lies in a shard or around one;
    EnvironmentError (ERR_TRACE_NOT_FOUND) for a shard that is no folder, (ERR_IO) where the new
    one cannot be written; and what was wrong with the first shard, where none had anything.
    """
    _check(shards, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f"{out.name}.{os.getpid()}.part")
        part.mkdir()
    except OSError as error:
        raise from_os_error(error, "cannot make the folder", path=out) from error
    try:
        work = _Merge(part)
        for shard in {os.path.realpath(shard): shard for shard in shards}.values():
            work.add(shard)
        if work.errors and not work.has_something:
            raise work.errors[0]
        work.finish()
        if out.exists():
            out.rmdir()
        part.replace(out)
    except OSError as error:
        raise from_os_error(error, "cannot write the folder", path=out) from error
    finally:
        # Nothing is there any more where all went well.
        shutil.rmtree(part, ignore_errors=True)
    return Merged(work.entries, work.errors)


def _check(shards: Sequence[Path], out: Path) -> None:
    for shard in shards:
        if not shard.is_dir():
            raise enverr(ErrorCode.TRACE_NOT_FOUND, f"{str(shard)!r} is no folder of traces")
    real_out = Path(os.path.realpath(out))
    for shard in shards:
        real = Path(os.path.realpath(shard))
        if real_out == real or real_out in real.parents or real in real_out.parents:
            raise usage(
                ErrorCode.TRACE_DIR_CONFLICT,
                f"{str(out)!r} and {str(shard)!r} lie in one another, expected a folder apart",
            )
    try:
        is_taken = os.path.lexists(out) and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise from_os_error(error, "cannot read the folder", path=out) from error
    if is_taken:
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"{str(out)!r} exists and is not an empty folder, expected a new name",
        )


class _Merge:
    """The new folder, while it is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: dict[_Key, list[Path | None]] = {}
        self._spools = 0
        self._shards = 0
        self.entries: list[Entry] = []
        self.errors: list[RecorderError] = []

    @property
    def has_something(self) -> bool:
        """Whether any shard could be read, or had traces."""
        return bool(self._shards or self.entries or self._spools)

    def add(self, shard: Path) -> None:
        """Take in one shard."""
        try:
            index = read_index(shard)
            self._shards += 1
        except (EnvironmentError, TargetError) as error:
            self.errors.append(error)
            index = self._found_in(shard)
        for entry in index.tests:
            self._add_entry(shard, index, entry)
        for spool in sorted(shard.glob(f"*{SPOOL_SUFFIX}")):
            self._add_spool(spool)

    def finish(self) -> None:
        """Write the index. It belongs to no process, for those of the runs were elsewhere."""
        (self._folder / ".gitignore").write_text("*\n", encoding="ascii")
        write_index(self._folder, uuid.uuid4().hex, self.entries, pid=0)

    def _found_in(self, shard: Path) -> Index:
        """Give what a folder without a readable index holds all the same, by its traces."""
        entries: list[Entry | None] = []
        try:
            entries = [entry_of_trace(path, shard) for path in sorted(trace_files(shard))]
        except RecorderError as error:
            self.errors.append(error)
        found = tuple(entry for entry in entries if entry is not None)
        return Index(uuid.uuid4().hex, tests=found)

    def _add_entry(self, shard: Path, index: Index, entry: Entry) -> None:
        run_id = entry.run_id or index.run_id
        owned = entry.but(run_id=run_id, pid=None, is_reported=True)
        if entry.trace is None:
            if self._is_new(owned, None):
                self._sources_of(owned).append(None)
                self.entries.append(owned)
            return
        try:
            source = _source(shard, entry.trace)
            if not self._is_new(owned, source):
                return
            fields: dict[str, str | None] = {"trace": self._copy(source, shard, owned)}
            self._sources_of(owned).append(source)
        except RecorderError as error:
            self.errors.append(error)
            fields = {"trace": None, "status": "missing", "reason": error.code.value}
        self.entries.append(owned.but(**fields))

    def _is_new(self, entry: Entry, source: Path | None) -> bool:
        """Tell whether this is not a second copy of what another shard had.

        Raises EnvironmentError (ERR_IO) where the two cannot be compared.
        """
        return not any(_is_same(source, other) for other in self._sources_of(entry))

    def _sources_of(self, entry: Entry) -> list[Path | None]:
        """Give the sources of that name which are in the new folder."""
        key = entry.run_id or "", entry.test, entry.attempt, entry.trace
        return self._sources.setdefault(key, [])

    def _copy(self, source: Path, shard: Path, entry: Entry) -> str:
        """Give the path of the copy. Raises EnvironmentError (ERR_IO)."""
        name = source.parent.name
        if source.parent == shard or not is_safe_name(name):
            name = folder_name(entry.test, entry.attempt)
        where = None
        try:
            where = next(path for path in self._names(name, entry.run_id or "") if _made(path))
            shutil.copyfile(source, where / TRACE_NAME)
            for path in map(Path, sidecars_of(source)):
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, where / path.name)
        except OSError as error:
            if where is not None:
                # What is there of it is no trace.
                shutil.rmtree(where, ignore_errors=True)
            raise from_os_error(error, "cannot copy the trace", path=source) from error
        return f"{where.name}/{TRACE_NAME}"

    def _names(self, name: str, run_id: str) -> Iterator[Path]:
        """Give the name of its own, then one with the run that it is of."""
        run = _UNKNOWN_RUN.sub("-", run_id)[:RUN_DIGITS]
        apart = f"{name}-{run}"
        twins = (f"{apart}-{number}" for number in count(2))
        for each in chain((name, apart), twins):
            yield self._folder / each

    def _add_spool(self, spool: Path) -> None:
        """Take a spool along that nobody writes to: a trace is made of it in the new folder."""
        try:
            if spool.is_symlink() or not spool.is_file():
                return
            with open(spool, "rb") as file:
                if is_locked(file.fileno()):
                    return
            shutil.copyfile(spool, self._folder / spool.name)
            self._spools += 1
        except OSError as error:
            self.errors.append(from_os_error(error, "cannot copy the spool", path=spool))


def _is_same(one: Path | None, other: Path | None) -> bool:
    if one is None or other is None:
        return one is other
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError as error:
        raise from_os_error(error, "cannot read the trace", path=one) from error


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def _source(shard: Path, relative: str) -> Path:
    """Find a trace that an index names.

    Raises TargetError (ERR_TRACE_CORRUPT) for a path that leads out of the folder or to no trace,
    EnvironmentError (ERR_TRACE_NOT_FOUND) where there is nothing.
    """
    path = shard / relative
    try:
        if os.path.isabs(relative) or not is_trace_in(shard, path):
            raise target(
                ErrorCode.TRACE_CORRUPT,
                f"the index of {str(shard)!r} names {relative!r}, expected a trace in that folder",
            )
        if not path.is_file():
            raise enverr(
                ErrorCode.TRACE_NOT_FOUND,
                f"{str(path)!r} is not there, though its index has it",
            )
    except (OSError, ValueError) as error:
        # A name that is too long, or that holds a zero byte.
        raise target(
            ErrorCode.TRACE_CORRUPT, f"the index of {str(shard)!r} names {relative!r}"
        ) from error
    return path
