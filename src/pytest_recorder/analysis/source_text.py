"""Shows where something stands: the path from the project's root, and the line of source."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

SourceOf: TypeAlias = Callable[[str], str | None]


def shown_file(file: str, root: Path) -> str:
    """Give a path relative to the project where it lies in it."""
    prefix = str(root).rstrip(os.sep) + os.sep
    return file.removeprefix(prefix)


_MOST_CHARS = 4_000_000
_MOST_CHARS_IN_ALL = 32_000_000
_LINE_COST = 8
"""What a line takes beside its characters, one that the trace does not hold too."""


def source_lines(source: str) -> list[str]:
    """Split as Python counts lines: `str.splitlines` would also split at form feeds.

    A source longer than any that a person has written has none.
    """
    if len(source) > _MOST_CHARS:
        return []
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class SourceLines:
    """Looks up lines of recorded sources; each file is split once, and only so many are."""

    def __init__(self, source_of: SourceOf) -> None:
        self._source_of = source_of
        self._lines: dict[str, list[str]] = {}
        self._chars_left = _MOST_CHARS_IN_ALL

    def line(self, file: str, line: int) -> str | None:
        """Give a line without the space around it; None where its source was not recorded."""
        if file not in self._lines:
            source = (self._source_of(file) or "") if self._chars_left > 0 else ""
            self._chars_left -= len(source) + _LINE_COST * source.count("\n")
            self._lines[file] = source_lines(source)
        lines = self._lines[file]
        return lines[line - 1].strip() if 0 < line <= len(lines) else None
