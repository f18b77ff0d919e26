"""Turns whatever failed inside the recorder into an error of ours."""

from pytest_recorder.errors import ErrorCode, RecorderError, bug, enverr, from_os_error
from pytest_recorder.system.paths import name_of


def recorder_error(error: BaseException) -> RecorderError:
    """Translate a fault and let go of its traceback, whose frames hold the program's objects."""
    if isinstance(error, RecorderError):
        found = error
    elif isinstance(error, OSError):
        found = from_os_error(error, "cannot record")
    elif isinstance(error, MemoryError):
        found = enverr(ErrorCode.IO, "out of memory while recording")
    else:
        where = innermost(error)
        text = f"the recorder failed: {type(error).__name__}: {error}"
        found = bug(ErrorCode.UNKNOWN, text, at=where)
    if found.__cause__ is not None:
        found.__cause__ = found.__cause__.with_traceback(None)
    return found.with_traceback(None)


def innermost(error: BaseException) -> str:
    """Say in which file and line it was raised."""
    traceback, where = error.__traceback__, "unknown"
    while traceback is not None:
        where = f"{name_of(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return where
