"""Locks files, and tells living processes from dead ones: by such a lock, else by the id.

A process id can be used again, and means nothing in another container or on another machine. An
`flock` belongs to the open file: whatever ends the process, the system gives it back. A forked
child shares the lock until it closes its copies of the descriptor, which `Spool.close` does; a
program that is executed has none, for the descriptor is closed by `O_CLOEXEC`. What can still go
wrong: a child that C code forks keeps the lock for as long as it lives, so that its dead parent's
spool is found later.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

    _ALONE, _SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH
else:
    _ALONE = _SHARED = 0


def lock(descriptor: int) -> None:
    """Take the lock of a file for as long as it is open; does nothing where there are no locks.

    Waits: whoever looks at a spool holds its lock for a moment.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return


def try_lock(descriptor: int) -> bool | None:
    """Take the lock if nobody has it, and tell; None where there are no locks."""
    return _try(descriptor, _ALONE)


def try_share(descriptor: int) -> bool | None:
    """Take the lock beside others who share it, and tell; None where there are no locks."""
    return _try(descriptor, _SHARED)


def _try(descriptor: int, operation: int) -> bool | None:
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_locked(descriptor: int) -> bool | None:
    """Tell whether somebody else has the lock alone; None where there are no locks."""
    is_shared = try_share(descriptor)
    if is_shared and sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    return None if is_shared is None else not is_shared


@contextmanager
def locked_folder(folder: Path) -> Generator[None]:
    """Keep other processes of ours from changing the index of a folder at the same time."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        # No folder, or a system that cannot open one: whoever writes there will say so.
        yield
        return
    try:
        lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of this id; one of another user's counts."""
    if sys.platform == "win32":
        # `os.kill(pid, 0)` would send Ctrl-C there.
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x0010_0000, False, pid)  # SYNCHRONIZE
        if not handle:
            return bool(kernel.GetLastError() == 5)  # ERROR_ACCESS_DENIED
        is_running = kernel.WaitForSingleObject(handle, 0) == 0x102  # WAIT_TIMEOUT
        kernel.CloseHandle(handle)
        return bool(is_running)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
