"""Locks files, and tells living processes from dead ones: by such a lock, else by the id.

PYTEST_DONT_REWRITE

A process id can be used again, and means nothing in another container or on another machine. An
`flock` belongs to the open file: whatever ends the process, the system gives it back. A forked
child shares the lock until it closes its copies of the descriptor, which `Spool.close` does; a
program that is executed has none, for the descriptor is closed by `O_CLOEXEC`. What can still go
wrong: a child that C code forks keeps the lock for as long as it lives, so that its dead parent's
spool is found later.

A lock that is to end before its file is closed everywhere is given back by `unlock`: to close one
descriptor may leave it with another.

Windows has no such locks. There a process is told by its id alone, and whoever changes a folder
locks a byte far behind the end of its `.gitignore`, for a folder cannot be opened. That was tried
with stand-ins for the calls of Windows only.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.files import READ
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, join

if sys.platform != "win32":
    import fcntl

    class _Locks:
        def __init__(self) -> None:
            self.flock: Final = fcntl.flock
            self.alone: Final = fcntl.LOCK_EX
            self.shared: Final = fcntl.LOCK_SH
            self.at_once: Final = fcntl.LOCK_NB
            self.none: Final = fcntl.LOCK_UN

else:
    import ctypes
    import msvcrt
    from ctypes.wintypes import BOOL, DWORD, HANDLE

    # What `GetLastError` says would be that of whatever the interpreter has called since.
    _KERNEL: Final[Any] = ctypes.WinDLL("kernel32", use_last_error=True)

    class _Locks:
        def __init__(self) -> None:
            # Without types a handle is cut to 32 bits.
            kernel = _KERNEL
            self.open_process: Final = kernel.OpenProcess
            self.open_process.argtypes = (DWORD, BOOL, DWORD)
            self.open_process.restype = HANDLE
            self.wait: Final = kernel.WaitForSingleObject
            self.wait.argtypes = (HANDLE, DWORD)
            self.wait.restype = DWORD
            self.close: Final = kernel.CloseHandle
            self.close.argtypes = (HANDLE,)
            self.close.restype = BOOL
            self.last_error: Final = ctypes.get_last_error
            self.locking: Final = msvcrt.locking
            self.alone: Final = msvcrt.LK_LOCK
            self.none: Final = msvcrt.LK_UNLCK

    _SYNCHRONIZE: Final = 0x0010_0000
    _STILL_RUNS: Final = 0x102  # WAIT_TIMEOUT
    _ACCESS_DENIED: Final = 5
    _LARGEST_ID: Final = 0xFFFF_FFFF
    _LOCKED_AT: Final = 1 << 20
    """Others cannot read what is locked: there is nothing."""


_LOCKS: Final = _Locks()


def lock(descriptor: int) -> None:
    """Take the lock of a file for as long as it is open; does nothing where there are no locks.

    Waits: whoever looks at a spool holds its lock for a moment.
    """
    if sys.platform != "win32":
        try:
            _LOCKS.flock(descriptor, _LOCKS.alone)
        except OSError:
            return


def unlock(descriptor: int) -> None:
    """Give a lock back now, though the file may stay open; does nothing where there is none."""
    if sys.platform != "win32":
        try:
            _LOCKS.flock(descriptor, _LOCKS.none)
        except OSError:
            return


def try_lock(descriptor: int) -> bool | None:
    """Take the lock if nobody has it, and tell; None where there are no locks."""
    return None if sys.platform == "win32" else _try(descriptor, _LOCKS.alone)


def try_share(descriptor: int) -> bool | None:
    """Take the lock beside others who share it, and tell; None where there are no locks."""
    return None if sys.platform == "win32" else _try(descriptor, _LOCKS.shared)


def _try(descriptor: int, operation: int) -> bool | None:
    if sys.platform == "win32":
        return None
    try:
        _LOCKS.flock(descriptor, operation | _LOCKS.at_once)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_locked(descriptor: int) -> bool | None:
    """Tell whether somebody else has the lock alone; None where there are no locks."""
    is_shared = try_share(descriptor)
    if is_shared:
        unlock(descriptor)
    return None if is_shared is None else not is_shared


@contextmanager
def locked_folder(folder: AnyPath) -> Generator[None]:
    """Keep other processes of ours from changing the index of a folder at the same time."""
    try:
        descriptor = OS.open(_lockable(folder), READ)
    except OSError:
        # Nothing there that could be locked: whoever writes there will say so.
        yield
        return
    try:
        _lock_folder(descriptor)
        yield
    finally:
        _unlock_folder(descriptor)
        OS.close(descriptor)


if sys.platform != "win32":

    def _lockable(folder: AnyPath) -> AnyPath:
        return folder

    _lock_folder = lock
    _unlock_folder = unlock

else:

    def _lockable(folder: AnyPath) -> AnyPath:
        return join(OS.fspath(folder), ".gitignore")

    def _lock_folder(descriptor: int) -> None:
        """Wait ten seconds at most, as the C library of Windows does."""
        try:
            OS.lseek(descriptor, _LOCKED_AT, 0)
            _LOCKS.locking(descriptor, _LOCKS.alone, 1)
        except OSError:
            return

    def _unlock_folder(descriptor: int) -> None:
        try:
            _LOCKS.locking(descriptor, _LOCKS.none, 1)
        except OSError:
            return


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of this id; one of another user's counts."""
    if sys.platform == "win32":
        # `os.kill(pid, 0)` would send Ctrl-C there.
        if not 0 < pid <= _LARGEST_ID:
            return False
        handle = _LOCKS.open_process(_SYNCHRONIZE, False, pid)
        if not handle:
            return bool(_LOCKS.last_error() == _ACCESS_DENIED)
        is_running = _LOCKS.wait(handle, 0) == _STILL_RUNS
        _LOCKS.close(handle)
        return bool(is_running)
    try:
        OS.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
