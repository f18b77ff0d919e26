"""Reads, writes and looks at files by the calls of the operating system alone.

PYTEST_DONT_REWRITE

What `os`, `os.path`, `pathlib` and `shutil` do in Python is done here again, in short: theirs looks
up `os.stat` and the like when it runs, and finds what a test has put there. Paths are texts or
`os.PathLike`; what is raised is OSError, as from there, or ValueError for a path that no system
takes (with a zero byte).
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO, Final, NamedTuple, cast

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import (
    SEPARATOR,
    AnyPath,
    FilePath,
    is_absolute,
    join,
    normalized,
    parent_of,
)

if sys.platform == "win32":
    import nt as _flags
    import ntpath
else:
    import posix as _flags

_KIND: Final = 0o170000
_FOLDER: Final = 0o040000
_FILE: Final = 0o100000
_LINK: Final = 0o120000
_MOST_LINKS: Final = 40
"""As many as Linux follows."""
_CLOEXEC: Final = getattr(_flags, "O_CLOEXEC", 0) | getattr(_flags, "O_NOINHERIT", 0)
READ: Final = _flags.O_RDONLY | _CLOEXEC | getattr(_flags, "O_BINARY", 0)
"""Flags of a descriptor to read from, which no program that is executed inherits."""
CREATE: Final = _flags.O_CREAT | _flags.O_EXCL | _CLOEXEC | getattr(_flags, "O_BINARY", 0)
"""Flags of a file that must not be there yet; together with `WRITE` or `READ_WRITE`."""
WRITE: Final = _flags.O_WRONLY
READ_WRITE: Final = _flags.O_RDWR
APPEND_LINES: Final = (
    _flags.O_WRONLY
    | _flags.O_APPEND
    | _flags.O_CREAT
    | _CLOEXEC
    | getattr(_flags, "O_NOCTTY", 0)
    # A FIFO that nobody reads must not hold the program up.
    | getattr(_flags, "O_NONBLOCK", 0)
    | getattr(_flags, "O_BINARY", 0)
)
"""Flags of a log, which is made if it is missing."""
_AT_ONCE: Final = 1 << 20
"""How many bytes are asked for at once."""
FROM_END: Final = 2
"""Where `seek` counts from."""


# Looking. None of these raises: what cannot be looked at is not there.


def exists(path: AnyPath) -> bool:
    """Tell whether something is there; a link to nothing is not."""
    return _mode(path) is not None


def is_file(path: AnyPath) -> bool:
    """Tell whether a file is there, or a link to one."""
    mode = _mode(path)
    return mode is not None and mode & _KIND == _FILE


def is_folder(path: AnyPath) -> bool:
    """Tell whether a folder is there, or a link to one."""
    mode = _mode(path)
    return mode is not None and mode & _KIND == _FOLDER


def _mode(path: AnyPath) -> int | None:
    try:
        return OS.stat(path).st_mode
    except (OSError, ValueError):
        return None


def is_plain(mode: int) -> bool:
    """Tell of the mode of a status whether it is that of a plain file."""
    return mode & _KIND == _FILE


def size_of(path: AnyPath) -> int:
    """Give the bytes of a file. Raises OSError."""
    return OS.stat(path).st_size


def current_folder() -> str | None:
    """Give the current folder; None where it was removed."""
    try:
        return OS.getcwd()
    except OSError:
        return None


def absolute(path: AnyPath) -> FilePath:
    """Give a path from the root on, without `..`, as `os.path.abspath` does.

    A relative one stays as it is where the current folder was removed: nothing is raised.
    """
    text = OS.fspath(path)
    if OS.full_path is not None:
        try:
            # Windows has a current folder for each drive, and `\\folder` without one.
            return FilePath(OS.full_path(text))
        except (OSError, ValueError):
            pass
    if not is_absolute(text):
        text = join(current_folder() or "", text)
    return FilePath(normalized(text))


def relative(path: AnyPath, folder: AnyPath) -> str:
    """Give the way from a folder to a path, as `os.path.relpath` does.

    Where there is none, from one drive of Windows to another, the path from its root on.
    """
    there, start = (absolute(each).split(SEPARATOR) for each in (path, folder))
    same = str.casefold if sys.platform == "win32" else str
    if same(there[0]) != same(start[0]):
        return SEPARATOR.join(there)
    common = 0
    while common < min(len(there), len(start)) and same(there[common]) == same(start[common]):
        common += 1
    # The root ends in an empty name.
    up = len([name for name in start[common:] if name])
    return SEPARATOR.join([".."] * up + [name for name in there[common:] if name]) or "."


def real(path: AnyPath) -> FilePath:
    """Give a path from the root on, with links followed as far as they lead; raises nothing."""
    if sys.platform == "win32":
        return FilePath(_REALPATH.of(OS.fspath(path)))
    text = OS.fspath(path)
    if not is_absolute(text):
        text = join(current_folder() or "", text)
    if not is_absolute(text) or "\0" in text:
        return FilePath(normalized(text))
    rest = text.split("/")[::-1]
    found, links = "/", 0
    while rest:
        name = rest.pop()
        if name in ("", "."):
            continue
        if name == "..":
            found = parent_of(found)
            continue
        found_next = join(found, name)
        target = _target_of(found_next) if links < _MOST_LINKS else None
        if target is None:
            found = found_next
            continue
        links += 1
        if target.startswith("/"):
            found = "/"
        rest += target.split("/")[::-1]
    return FilePath(found)


def _target_of(path: str) -> str | None:
    try:
        return OS.readlink(path)
    except (OSError, ValueError):
        # No link, or not to be read.
        return None


if sys.platform == "win32":

    class _Realpath:
        # What stands in a class is not replaced in it. On Windows what `realpath` calls may be.
        of = staticmethod(ntpath.realpath)

    _REALPATH: Final = _Realpath


# Reading and writing.


def read_bytes(path: AnyPath) -> bytes:
    """Read a file. Raises OSError, ValueError.

    By the system's calls: a tool that watches an event loop (blockbuster) replaces
    `BufferedReader.read` in the type itself, and would refuse to let us read a source there.
    """
    descriptor = OS.open(path, READ)
    try:
        parts: list[bytes] = []
        while part := OS.read(descriptor, _AT_ONCE):
            parts.append(part)
        return b"".join(parts)
    finally:
        OS.close(descriptor)


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Write a file, made or made anew. Raises OSError."""
    with OS.open_file(path, "wb") as file:
        file.write(data)


def open_to_write(path: AnyPath) -> BinaryIO:
    """Open a file to write, made or made anew; its descriptor has a high number. Raises OSError.

    The file closes the descriptor.
    """
    flags = WRITE | _flags.O_CREAT | _flags.O_TRUNC | READ
    # Without a mode the system makes a program of it.
    return _as_file(OS.open(path, flags, 0o666), "wb")


def open_to_read(path: AnyPath) -> BinaryIO:
    """Open a file to read. Raises OSError."""
    return OS.open_file(path, "rb")


def _as_file(descriptor: int, mode: str) -> BinaryIO:
    return cast("BinaryIO", OS.open_file(to_high_number(descriptor), mode))


# Changing.


def make_folders(path: AnyPath) -> None:
    """Make a folder and those above it, where they are missing.

    Raises FileExistsError where a file, or a link to nothing, is in the way, and other OSErrors.
    """
    text = OS.fspath(path)
    try:
        _make_folder(text)
    except FileNotFoundError:
        above = parent_of(text)
        if above in ("", text):
            raise
        make_folders(above)
        # Not by this function: `/proc` says so of whatever is to be made in it.
        _make_folder(text)


def _make_folder(path: str) -> None:
    try:
        OS.mkdir(path)
    except FileNotFoundError:
        raise
    except OSError:
        # A read-only file system may say so first.
        if not is_folder(path):
            raise


def remove(path: AnyPath) -> None:
    """Remove a file, if it is there. Raises OSError."""
    try:
        OS.unlink(path)
    except FileNotFoundError:
        return


def sync_folder(path: AnyPath) -> None:
    """Make what was renamed in a folder last over a power cut; not every system can open one."""
    try:
        descriptor = OS.open(path, READ)
    except OSError:
        return
    try:
        OS.fsync(descriptor)
    except OSError:
        return
    finally:
        OS.close(descriptor)


# Descriptors.


class Identity(NamedTuple):
    """What a descriptor is open on: the program can close it and open another file as that."""

    device: int
    file: int

    @classmethod
    def of(cls, descriptor: int) -> "Identity | None":
        """Give it; None where nothing is open by this number."""
        try:
            status = OS.fstat(descriptor)
        except (OSError, ValueError):
            return None
        return cls(status.st_dev, status.st_ino)


class HeldDescriptor:
    """A descriptor that is kept for long, while the program may close it behind our back.

    `get` gives the number while it is still ours, None when it is not; `close` leaves a foreign
    file alone.
    """

    def __init__(self, descriptor: int) -> None:
        self._number: int | None = descriptor
        self._identity = Identity.of(descriptor)

    def get(self) -> int | None:
        """Give the number, if it is still that of our file."""
        number = self._number
        if number is None or Identity.of(number) != self._identity or self._identity is None:
            return None
        return number

    def close(self) -> None:
        """Close it, if it is still ours; does nothing the second time. Raises OSError."""
        number, self._number = self.get(), None
        if number is not None:
            OS.close(number)


def to_high_number(descriptor: int) -> int:
    """Move a descriptor to a number that no program gets by opening a file; gives the new one.

    A program that opens a file gets the number that it would get without us. Where there is none
    (Windows, a low RLIMIT_NOFILE that is used up) it gets the highest that there is, or stays.
    """
    if sys.platform == "win32":
        return descriptor
    for lowest in _high_numbers():
        try:
            moved = _FCNTL.fcntl(descriptor, _FCNTL.dup_from, lowest)
        except OSError:
            continue
        OS.close(descriptor)
        return moved
    return descriptor


@contextmanager
def low_numbers_taken() -> Generator[None]:
    """Let what is opened in the block get a high number, as `to_high_number` gives it.

    For what takes a descriptor of its own. Where there is no room for it, nothing is done.
    """
    taken: list[int] = []
    if sys.platform != "win32":
        _take_low_numbers(taken)
    try:
        yield
    finally:
        for descriptor in taken:
            OS.close(descriptor)


if sys.platform != "win32":
    import fcntl

    class _Fcntl:
        def __init__(self) -> None:
            self.fcntl: Final = fcntl.fcntl
            self.dup_from: Final = fcntl.F_DUPFD_CLOEXEC

    _FCNTL: Final = _Fcntl()
    _HIGHEST: Final = 1024
    """`select` takes no higher ones, and the table of a process is as long as its highest."""
    _ROOM: Final = 24

    def _high_numbers() -> tuple[int, ...]:
        """Give the numbers from which to look for a free one, best first."""
        limit = OS.sysconf("SC_OPEN_MAX") if OS.sysconf is not None else _HIGHEST
        top = min(limit, _HIGHEST) if limit > 0 else _HIGHEST
        return (max(top - _ROOM, 3), max(top - 2 * _ROOM, 3), max(top // 2, 3), 3)

    def _take_low_numbers(taken: list[int]) -> None:
        lowest = _high_numbers()[0]
        try:
            taken.append(OS.open("/dev/null", READ))
            while taken[-1] < lowest:
                taken.append(_FCNTL.fcntl(taken[0], _FCNTL.dup_from, 0))
        except OSError:
            while taken:
                OS.close(taken.pop())
        else:
            OS.close(taken.pop())
