"""Writes files that are there when they are whole, and not before: written beside, then renamed."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from pytest_recorder.errors import from_os_error


@contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """Give a file to write, of this process alone, which becomes `path` at the end.

    Where anything fails it goes, and `path` is as it was. Raises OSError.
    """
    part = own_part_path(path)
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        remove_unfinished(part)
        raise


def write_text_whole(
    path: Path,
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
            open(part, "w", encoding=encoding, errors=errors, newline="\n") as file,
        ):
            file.writelines(parts)
    except OSError as error:
        raise from_os_error(error, f"cannot write the {what}", path=path) from error


def part_path(path: Path) -> Path:
    """Name the file that becomes `path` when it is whole."""
    return path.with_name(path.name + ".part")


def own_part_path(path: Path) -> Path:
    """Name such a file of this process alone, for what several may write."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def writer_of_part(name: str, wanted: str) -> int | None:
    """Give the process whose part file for `wanted` has this name; None where it is none."""
    start, end = f"{wanted}.", ".part"
    middle = name[len(start) : -len(end)]
    is_ours = name == f"{start}{middle}{end}" and middle.isascii() and middle.isdecimal()
    return int(middle) if is_ours else None


def remove_unfinished(path: Path) -> None:
    """Remove what was not finished; what kept us from writing it may keep us from this too."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
