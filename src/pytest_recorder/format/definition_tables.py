"""Keeps what the definitions of a trace number: names, types, files, code and threads."""

from typing import Any

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.events import CodeInfo
from pytest_recorder.format.skip import READ_PLAIN, each_field, skip_value
from pytest_recorder.format.vocabulary import DEFINE_FIELDS, Define


class DefinitionTables:
    """The tables that number names, types, files, code and threads of one trace."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.types: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.codes: dict[int, CodeInfo] = {}
        self.threads: dict[int, str] = {}

    def feed(self, data: bytes) -> None:
        """Take in definition records."""
        cursor = Cursor(data)
        while cursor.at < cursor.end:
            self._take(cursor)

    def feed_prefix(self, data: bytes) -> int:
        """Take in definition records up to the first damaged one; give the bytes taken."""
        cursor = Cursor(data)
        taken = 0
        try:
            while cursor.at < cursor.end:
                self._take(cursor)
                taken = cursor.at
        except Malformed:
            return taken
        return taken

    def _take(self, cursor: Cursor) -> None:
        kind, number = cursor.byte(), cursor.uv()
        if kind == Define.NAME:
            self.names[number] = cursor.text()
        elif kind == Define.TYPE:
            name = cursor.text()
            fields = tuple(cursor.text() for _ in range(cursor.count()))
            self.types[number] = (name, fields)
        elif kind == Define.FILE:
            path = cursor.text()
            self.files[number] = (path, cursor.sized())
        elif kind == Define.CODE:
            file, line = cursor.uv(), cursor.uv()
            path = defined(self.files, file, "file")[0]
            self.codes[number] = CodeInfo(path, line, cursor.text())
        elif kind == Define.THREAD:
            self.threads[number] = cursor.text()
        elif kind in DEFINE_FIELDS:
            # One that this reader has no use for.
            for letter in each_field(cursor, DEFINE_FIELDS[kind]):
                READ_PLAIN.get(letter, skip_value)(cursor)
        else:
            raise Malformed(f"unknown definition {kind}")


def defined(table: dict[int, Any], number: int, what: str) -> Any:
    """Look up what a definition gave this number."""
    try:
        return table[number]
    except KeyError:
        raise Malformed(f"{what} {number} is not defined") from None
