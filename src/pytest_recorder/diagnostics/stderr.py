"""Writes whole lines to the stderr that the process began with, past any capture.

Problem: pytest's `--capture=fd` puts a file in the place of file descriptor 2 while a test runs,
and a test can do the same, or close it. What we do: keep a duplicate from before, one per process.
The program may close that too (`os.closerange`) and open a file of its own under the number: before
each line the descriptor is compared with what it was. What can still go wrong: a program that sets
SIGPIPE to its default dies by a line of ours when nobody reads stderr, as by one of its own.
"""

import sys
from typing import Final, TypeAlias

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS, allocate_lock

_STDERR: Final = 2
_PATIENCE_S: Final = 1.0
_NAP_S: Final = 0.005
_Identity: TypeAlias = tuple[int, int, int]


class RealStderr:
    """The stderr of this process, for as long as somebody holds it."""

    def __init__(self) -> None:
        self._holders = 0
        self._fd: int | None = None
        self._identity: _Identity | None = None
        self._size_bytes = 0

    def hold(self) -> None:
        """Take the descriptor that is there now, unless somebody has taken one before."""
        self._holders += 1
        # Where a process began without stderr, the number 2 is some other file of the program.
        if self._holders > 1 or sys.__stderr__ is None:
            return
        try:
            self._fd = files.to_high_number(OS.dup(_STDERR))
            self._identity = _identity(self._fd)
        except OSError:
            self._close()

    def release(self) -> None:
        """Give the descriptor back when nobody holds it any more."""
        self._holders -= 1
        if self._holders == 0:
            self._close()

    def write_line(self, line: bytes) -> None:
        """Write a line in one piece, on a line of its own; where that fails, nobody can be told."""
        fd = self._find()
        if fd is None:
            return
        try:
            start = b"" if self._is_fresh(fd) else b"\n"
            write_all(fd, start + line + b"\n")
            self._size_bytes = OS.fstat(fd).st_size
        except OSError:
            return

    def _find(self) -> int | None:
        for fd in (self._fd, _STDERR):
            try:
                if fd is not None and _identity(fd) == self._identity:
                    return fd
            except OSError:
                continue
        return None

    def _is_fresh(self, fd: int) -> bool:
        """Whether it is a file that holds nothing, or nothing after the last line of ours."""
        status = OS.fstat(fd)
        return files.is_plain(status.st_mode) and status.st_size == self._size_bytes

    def _close(self) -> None:
        fd, identity = self._fd, self._identity
        self._fd = self._identity = None
        self._size_bytes = 0
        try:
            if fd is not None and _identity(fd) == identity:
                OS.close(fd)
        except OSError:
            return


REAL: Final = RealStderr()
"""The one of this process."""


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in one call where the system can. Raises OSError.

    A descriptor that does not block (the program can have set that, a FIFO is opened so) is waited
    for, not long.
    """
    nap, naps = allocate_lock(), int(_PATIENCE_S / _NAP_S)
    nap.acquire()
    while data:
        try:
            data = data[OS.write(fd, data) :]
        except BlockingIOError:
            # Not by `select`, which gevent replaces: it would run the program meanwhile.
            if naps == 0:
                raise
            naps -= 1
            nap.acquire(timeout=_NAP_S)


def _identity(fd: int) -> _Identity:
    status = OS.fstat(fd)
    return status.st_dev, status.st_ino, getattr(status, "st_rdev", 0)
