"""Appends lines to the log file, and turns to stderr for good when that fails."""

from pytest_recorder.diagnostics import inject
from pytest_recorder.diagnostics.stderr import write_all
from pytest_recorder.errors import UsageError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.locks import try_lock, try_share, unlock
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import parent_of


class LogFile:
    """A log file of this process. `has_failed` says that lines have to go to stderr instead.

    The file is opened for each line: nothing is held that the program could close or a fork share,
    a line is with the system when `write` returns, and the file can be moved away while we run.
    Processes that write to one file do not cut each other's lines: each is one write at the end.
    """

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
            self._faults.at("log-write")
            fd = _open(self.path)
            try:
                is_torn = not self._is_checked and _is_torn(self.path, fd)
                self._is_checked = True
                if not is_torn:
                    try_share(fd)
                write_all(fd, b"\n" * is_torn + line + b"\n")
            finally:
                unlock(fd)
                OS.close(fd)
        except (OSError, ValueError) as error:
            self.has_failed = True
            return error if isinstance(error, OSError) else OSError(str(error))
        return None


def _open(path: str) -> int:
    """Open the file, which is made with its folder."""
    try:
        return OS.open(path, files.APPEND_LINES, 0o666)
    except FileNotFoundError:
        files.make_folders(parent_of(path))
        return OS.open(path, files.APPEND_LINES, 0o666)


def _is_torn(path: str, fd: int) -> bool:
    """Whether the file ends within a line: the disk was full, or a process died as it wrote.

    A line that another process is writing at this moment can be seen in part. Who writes shares
    the lock, so whoever gets it alone looks at a file at rest. Nobody waits for it: where another
    has it alone, that one has found the cut line too, and may be about to end it.
    """
    if not _ends_within_line(path):
        return False
    if try_lock(fd) is False:
        return try_share(fd) is False
    return _ends_within_line(path)


def _ends_within_line(path: str) -> bool:
    try:
        if not files.is_file(path):
            return False
        with files.open_to_read(path) as file:
            if file.seek(0, files.FROM_END) == 0:
                return False
            file.seek(-1, files.FROM_END)
            return file.read(1) != b"\n"
    except OSError:
        return False
