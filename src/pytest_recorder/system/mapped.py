"""Maps a file that grows into memory, beside a program that may close any descriptor.

PYTEST_DONT_REWRITE

Problem: `mmap` keeps a descriptor of its own, and gives it to `ftruncate` when the map is resized
and to `close` when it ends. A program that closes all descriptors above 2 and opens files of its
own would have one of those cut, or closed, by us. What we do: from 3.13 on `mmap` is told to keep
none. Before, its descriptor gets a high number, which is looked at before it is used; a map whose
number is foreign by now is kept for the life of the process and never closed.
A descriptor that was closed is replaced by opening the file again, if its name still leads to it.
What can still go wrong: a program that removes or replaces the file; then it cannot grow.

Only Linux can move a map (`mremap`); elsewhere, and from 3.13 on, another one is made. Windows cuts
no file that is mapped: the map goes first. Neither macOS nor Windows was tried.
"""

import mmap
import sys
from typing import Any, Final

from pytest_recorder.errors import ErrorCode, enverr, from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.atomic_write import remove_unfinished
from pytest_recorder.system.files import Identity
from pytest_recorder.system.locks import lock, try_lock, unlock
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import FilePath


class _Mapping:
    def __init__(self) -> None:
        self.map: Final = mmap.mmap
        self.page_bytes: Final = mmap.PAGESIZE
        self.dont_need: Final[int | None] = getattr(mmap, "MADV_DONTNEED", None)
        self.keeps_descriptor: Final = sys.version_info < (3, 13) or sys.platform == "win32"
        self.is_movable: Final[bool] = sys.platform == "linux"
        self.keeps_size: Final[bool] = sys.platform == "win32"
        """Whether a file can have no other size than while it is mapped, but a larger one."""
        self.has_real_blocks: Final[bool] = sys.platform == "win32"
        """Whether a file that is made larger has blocks on the disk at once: NTFS says so."""


_MAPPING: Final = _Mapping()
_ZEROS: Final = bytes(1 << 16)
_NEVER_CLOSED: Final[list[mmap.mmap]] = []
"""Maps that would close a file of the program's."""


class MappedFile:
    """A new file, locked and mapped. `map` is another object after each change of the size.

    Raises OSError where the file cannot be made, EnvironmentError (ERR_IO) where there is no room
    for it; nothing is left of it then.
    """

    def __init__(self, path: FilePath, size: int) -> None:
        self.path = path
        self._pid = OS.getpid()
        descriptor = OS.open(path, files.READ_WRITE | files.CREATE, 0o600)
        self._descriptor = files.to_high_number(descriptor)
        self._identity = Identity.of(self._descriptor)
        try:
            lock(self._descriptor)
            self._reserve(size)
            self.map, self._mapped = self._new_map()
        except OSError as error:
            OS.close(self._descriptor)
            remove_unfinished(path)
            raise from_os_error(error, "cannot reserve the spool", path=path) from error

    def grow(self, size: int) -> None:
        """Make it larger, with real blocks.

        Raises OSError, EnvironmentError (ERR_IO) where it was replaced; it is as it was then.
        """
        self._find()
        self._reserve(size)
        self._resize_map(OS.fstat(self._descriptor).st_size)

    def shrink(self, size: int) -> None:
        """Give what is beyond `size` back to the disk. Raises OSError."""
        self._find()
        if _MAPPING.keeps_size:
            self._leave_map()
            try:
                OS.ftruncate(self._descriptor, size)
            finally:
                self.map, self._mapped = self._new_map()
            return
        if not self._can_move_map:
            OS.ftruncate(self._descriptor, size)
        self._resize_map(size)

    def evict(self, start: int, end: int) -> None:
        """Take whole pages between two places out of the memory of the process."""
        advice, page = _MAPPING.dont_need, _MAPPING.page_bytes
        if advice is None:
            return
        first = -(-start // page) * page
        size = end // page * page - first
        try:
            if size > 0:
                self.map.madvise(advice, first, size)
        except OSError:
            # A process that has locked its memory keeps it.
            return

    @property
    def is_there(self) -> bool:
        """Whether the name still leads to it: what another program has there is not ours."""
        try:
            status = OS.stat(self.path)
        except OSError:
            return False
        return Identity(status.st_dev, status.st_ino) == self._identity

    @property
    def is_lost(self) -> bool:
        """Whether it can never grow again: closed by the program, and not to be opened again."""
        return not self._has_own(self._descriptor) and not self.is_there

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self.map.closed

    def close(self) -> None:
        """Unmap and close; a forked child, which shares the lock, does not give it back."""
        if self.map.closed:
            return
        self._leave_map()
        if self._has_own(self._descriptor):
            if self._pid == OS.getpid():
                unlock(self._descriptor)
            OS.close(self._descriptor)
        self._descriptor = -1

    def _new_map(self) -> tuple[mmap.mmap, int]:
        """Map the whole file; gives the number that `mmap` keeps too, -1 where that is unknown."""
        if not _MAPPING.keeps_descriptor:
            options: dict[str, Any] = {"trackfd": False}
            return _MAPPING.map(self._descriptor, 0, **options), -1
        with files.low_numbers_taken():
            expected = OS.dup(self._descriptor)
            OS.close(expected)
            found = _MAPPING.map(self._descriptor, 0)
        return found, expected if self._has_own(expected) else -1

    def _resize_map(self, size: int) -> None:
        """Map as much as the file has now; where that fails the map is as it was."""
        if self._can_move_map:
            self.map.resize(size)
            return
        found, mapped = self._new_map()
        self._leave_map()
        self.map, self._mapped = found, mapped
        # A map holds the file that it was made of, with its lock: to wait for the lock while there
        # is one would be to wait for ourselves.
        try_lock(self._descriptor)

    def _leave_map(self) -> None:
        """Unmap, and let `mmap` close no file but ours."""
        mapped = self._mapped
        if mapped >= 0 and not self._has_own(mapped) and Identity.of(mapped) is not None:
            _NEVER_CLOSED.append(self.map)
        else:
            self.map.close()

    @property
    def _can_move_map(self) -> bool:
        return _MAPPING.is_movable and self._has_own(self._mapped)

    def _has_own(self, descriptor: int) -> bool:
        return descriptor >= 0 and Identity.of(descriptor) == self._identity

    def _find(self) -> None:
        """Open the file again where the program has closed it.

        Raises OSError, EnvironmentError (ERR_IO).
        """
        if self._has_own(self._descriptor):
            return
        again = OS.open(self.path, files.READ_WRITE | files.READ)
        if not self._has_own(again):
            OS.close(again)
            raise enverr(
                ErrorCode.IO,
                "the program has closed our files and put another in the place of one",
                path=self.path,
            )
        self._descriptor = files.to_high_number(again)

    def _reserve(self, size: int) -> None:
        """Reserve real blocks: on a sparse file a full disk would end the process by SIGBUS."""
        if OS.posix_fallocate is not None:
            OS.posix_fallocate(self._descriptor, 0, size)
        elif _MAPPING.has_real_blocks:
            OS.ftruncate(self._descriptor, size)
        else:
            # macOS. What its APFS copies on a write may still find no room.
            missing = size - OS.lseek(self._descriptor, 0, files.FROM_END)
            while missing > 0:
                missing -= OS.write(self._descriptor, _ZEROS[:missing])
