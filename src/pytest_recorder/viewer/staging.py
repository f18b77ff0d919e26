"""Writes text files that are there when they are whole, and not before."""

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.errors import from_os_error
from pytest_recorder.tracefile.naming import own_staged_path, remove_staged


def write_text_whole(
    path: Path,
    parts: Iterable[str],
    what: str,
    *,
    encoding: str = "utf-8",
    errors: str = "backslashreplace",
) -> None:
    """Write a text, whole or not at all; `what` names it in the message.

    Raises EnvironmentError (ERR_IO); then nothing is left at `path` that was not there, nor beside
    it.
    """
    staged = own_staged_path(path)
    try:
        with open(staged, "w", encoding=encoding, errors=errors, newline="\n") as file:
            file.writelines(parts)
        os.replace(staged, path)
    except OSError as error:
        remove_staged(staged)
        raise from_os_error(error, f"cannot write the {what}", path=path) from error
    except BaseException:
        remove_staged(staged)
        raise
