"""Keeps `index.json`: what a run left in its folder, and what a later run may therefore remove."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    enverr,
    from_os_error,
    target,
    usage,
)

INDEX_NAME = "index.json"
TRACE_NAME = "trace.pyrec"


class Entry(BaseModel):
    """One recorded attempt. `trace` is relative to the index, None where no trace was kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    test: str
    attempt: int
    outcome: str | None
    trace: str | None
    status: str
    reason: str | None = None
    size_bytes: int = 0
    events: int = 0
    dropped: int = 0


class Index(BaseModel):
    """A run: its kept traces. `pid` tells a later run whether this one is still alive."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_: Literal[1]
    run_id: str
    pid: int = 0
    tests: tuple[Entry, ...] = ()


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
        return Index.model_validate({**raw, "schema_": raw["schema"]})
    except (orjson.JSONDecodeError, ValidationError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise target(
            ErrorCode.TRACE_CORRUPT, f"{str(path)!r} is not an index of traces: {reason}"
        ) from error


def write_index(folder: Path, run_id: str, entries: list[Entry]) -> None:
    """Write the index, whole or not at all. Raises EnvironmentError (ERR_IO)."""
    import orjson

    content = {
        "schema": 1,
        "run_id": run_id,
        "pid": os.getpid(),
        "tests": [entry.model_dump(mode="json") for entry in entries],
    }
    path = folder / INDEX_NAME
    staged = folder / f"{INDEX_NAME}.{os.getpid()}.part"
    try:
        staged.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        os.replace(staged, path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise from_os_error(error, "cannot write the index", path=path) from error


def clear_earlier_run(folder: Path) -> None:
    """Remove the traces that the index of an earlier run lists, and nothing else.

    A run that is still alive keeps its own. A folder is removed only if our trace file was all that
    is known to be in it; files of the user's beside it stay.
    """
    try:
        index = read_index(folder)
    except RecorderError:
        return
    if index.pid and index.pid != os.getpid() and _is_alive(index.pid):
        return
    for entry in index.tests:
        if entry.trace is not None:
            _remove_trace(folder, entry.trace)
    (folder / INDEX_NAME).unlink(missing_ok=True)


def _remove_trace(folder: Path, relative: str) -> None:
    trace = folder / relative
    inside = os.path.realpath(trace).startswith(os.path.realpath(folder) + os.sep)
    if not inside or trace.suffix != ".pyrec":
        return
    trace.unlink(missing_ok=True)
    try:
        trace.parent.rmdir()
    except OSError:
        # Not empty: whatever lies there is not ours.
        return


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def prepare_folder(folder: Path) -> None:
    """Make the trace folder, with a `.gitignore` in it.

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
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
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


def remove_if_empty(folder: Path) -> None:
    """Remove the trace folder when a run left nothing in it but our `.gitignore`."""
    try:
        if [entry.name for entry in os.scandir(folder)] == [".gitignore"]:
            (folder / ".gitignore").unlink()
            folder.rmdir()
    except OSError:
        return
