"""Packs the spool of another process, running or dead, as the partial trace that it is."""

import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from pytest_recorder.errors import ErrorCode, from_os_error, target
from pytest_recorder.tracefile.index import DIED
from pytest_recorder.tracefile.masking import masker_of_spool
from pytest_recorder.tracefile.spoolfile import Snapshot, SpoolFile
from pytest_recorder.tracefile.writer import pack_trace


def pack_spool(path: Path) -> BinaryIO:
    """Pack a spool into a temporary file and give it; raises as `open_trace` does."""
    with SpoolFile(path) as spool:
        is_running = spool.is_running()
        snapshot = spool.read()
        if snapshot is None:
            raise target(
                ErrorCode.TRACE_MISSING, f"{str(path)!r} holds no trace: no test was running"
            )
        manifest = snapshot.manifest
        if not is_running:
            manifest = manifest.model_copy(update={"outcome": DIED})
        file = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - the trace closes it
        try:
            make = trailer_of_running if is_running else trailer_of_dead
            trailer = make(snapshot, spool.pid)
            pack_trace(
                file,
                manifest.model_dump(mode="json"),
                snapshot.segments,
                snapshot.sources,
                trailer,
                masker=masker_of_spool(snapshot.secrets),
            )
            file.seek(0)
        except OSError as error:
            file.close()
            raise from_os_error(error, "cannot unpack the spool", path=path) from error
        except BaseException:
            file.close()
            raise
        return file


def trailer_of_running(snapshot: Snapshot, pid: int) -> dict[str, Any]:
    """Give the trailer of a trace that goes on: what is there so far is not all."""
    return _trailer(snapshot, f"the process is still running (pid {pid})")


def trailer_of_dead(snapshot: Snapshot, pid: int) -> dict[str, Any]:
    """Give the trailer of a trace that nobody ended."""
    what = "during the test" if snapshot.manifest.test else "during the recording"
    return _trailer(snapshot, f"the process died (pid {pid}) {what}")


def _trailer(snapshot: Snapshot, message: str) -> dict[str, Any]:
    if snapshot.damage is not None:
        message += f"; {snapshot.damage}"
    return {
        "status": "partial",
        "reason": ErrorCode.TRACE_INCOMPLETE.value,
        "message": message,
    }
