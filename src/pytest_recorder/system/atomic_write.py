"""Writes files that are there when they are whole, and not before: written beside, then renamed.

PYTEST_DONT_REWRITE
"""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final

from pytest_recorder.errors import from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import CLOCKS, OS
from pytest_recorder.system.paths import AnyPath, FilePath

_PAUSES_S: Final[tuple[float, ...]] = (
    tuple(0.001 * 2**n for n in range(10)) if sys.platform == "win32" else ()
)


def replace(path: AnyPath, wanted: AnyPath) -> None:
    """Give a file another name, in the place of what has that name. Raises OSError.

    Windows refuses it while somebody reads what is there, a scanner for viruses too: there it is
    tried again for a second. That was not tried on Windows.
    """
    for pause_s in _PAUSES_S:
        try:
            OS.replace(path, wanted)
        except PermissionError:
            CLOCKS.sleep(pause_s)
        else:
            return
    OS.replace(path, wanted)


@contextmanager
def replacing(path: AnyPath) -> Generator[FilePath, None, None]:
    """Give a file to write, of this process alone, which becomes `path` at the end.

    Where anything fails it goes, and `path` is as it was. Raises OSError.
    """
    part = own_part_path(path)
    try:
        yield part
        replace(part, path)
    except BaseException:
        remove_unfinished(part)
        raise


def write_bytes_whole(path: AnyPath, data: bytes) -> None:
    """Write a file, whole or not at all. Raises OSError."""
    with replacing(path) as part:
        files.write_bytes(part, data)


def write_text_whole(
    path: AnyPath,
    parts: Iterable[str],
    what: str,
    *,
    encoding: str = "utf-8",
    errors: str = "backslashreplace",
) -> None:
    """Write a text, whole or not at all; `what` names it in the message.

    Raises EnvironmentError (ERR_IO).
    """
    try:
        with (
            replacing(path) as part,
            OS.open_file(part, "w", encoding=encoding, errors=errors, newline="\n") as file,
        ):
            file.writelines(parts)
    except OSError as error:
        raise from_os_error(error, f"cannot write the {what}", path=path) from error


def part_path(path: AnyPath) -> FilePath:
    """Name the file that becomes `path` when it is whole."""
    return FilePath(f"{OS.fspath(path)}.part")


def own_part_path(path: AnyPath) -> FilePath:
    """Name such a file of this process alone, for what several may write."""
    return FilePath(f"{OS.fspath(path)}.{OS.getpid()}.part")


def writer_of_part(name: str, wanted: str) -> int | None:
    """Give the process whose part file for `wanted` has this name; None where it is none."""
    start, end = f"{wanted}.", ".part"
    middle = name[len(start) : -len(end)]
    is_ours = name == f"{start}{middle}{end}" and middle.isascii() and middle.isdecimal()
    return int(middle) if is_ours else None


def remove_unfinished(path: AnyPath) -> None:
    """Remove what was not finished; what kept us from writing it may keep us from this too."""
    try:
        files.remove(path)
    except OSError:
        return
