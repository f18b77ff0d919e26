"""Appends lines to the log file, and turns to stderr for good when that fails."""

import os
import stat
from typing import Final

from pytest_recorder.diagnostics import inject
from pytest_recorder.diagnostics.stderr import write_whole
from pytest_recorder.errors import UsageError

_FLAGS: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    # A FIFO that nobody reads must not hold the program up.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def append_line(path: str, line: bytes) -> None:
    """Append a line to a file, which is made with its folder. Raises OSError.

    The file is opened for each line: nothing is held that the program could close or a fork share,
    a line is with the system when this returns, and the file can be moved away while we run.
    Processes that write to one file do not cut each other's lines: each is one write at the end.
    """
    try:
        fd = os.open(path, _FLAGS, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, _FLAGS, 0o666)
    try:
        write_whole(fd, line + b"\n")
    finally:
        os.close(fd)


class LogFile:
    """A log file of this process. `has_failed` says that lines have to go to stderr instead."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.has_failed = False
        self._is_checked = False
        try:
            self._faults = inject.of_environment()
        except UsageError:
            # Whoever starts a recording says so; it may be what is to be logged.
            self._faults = inject.NONE

    def write(self, line: bytes) -> OSError | None:
        """Append a line; give what went wrong the first time that it does."""
        try:
            start = b"" if self._is_checked or not _is_torn(self.path) else b"\n"
            self._is_checked = True
            self._faults.at("log-write")
            append_line(self.path, start + line)
        except (OSError, ValueError) as error:
            self.has_failed = True
            return error if isinstance(error, OSError) else OSError(str(error))
        return None


def _is_torn(path: str) -> bool:
    """Whether the file ends within a line: the disk was full, or a process died as it wrote."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False
