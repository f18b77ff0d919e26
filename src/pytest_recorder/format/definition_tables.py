"""Keeps what the definitions of a trace number: names, types, files, code and threads."""

from typing import Any

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.events import CodeInfo, Position
from pytest_recorder.format.limits import DEFINITION_COST, MAX_WORD
from pytest_recorder.format.skip import READ_PLAIN, each_field, skip_value
from pytest_recorder.format.vocabulary import DEFINE_FIELDS, Define
from pytest_recorder.original_builtins import __builtins__


class DefinitionTables:
    """The tables that number names, types, files, code and threads of one trace.

    Where they cost more than `most_cost`, the definition that does so is Malformed. A word of more
    than `MAX_WORD` characters is cut, and says so.
    """

    def __init__(self, most_cost: int | None = None) -> None:
        self._most_cost = most_cost
        self._cost = 0
        self.names: dict[int, str] = {}
        self.types: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.codes: dict[int, CodeInfo] = {}
        self.threads: dict[int, str] = {}
        self.positions: dict[int, Position] = {}

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
        start = cursor.at
        kind, number = cursor.byte(), cursor.uv()
        if kind == Define.NAME:
            self.names[number] = _word(cursor, number)
        elif kind == Define.TYPE:
            name = _word(cursor, number)
            self.types[number] = (name, _fields(cursor))
        elif kind == Define.FILE:
            path = _word(cursor, number)
            self.files[number] = (path, cursor.sized())
        elif kind == Define.CODE:
            file, line = cursor.uv(), cursor.uv()
            path = defined(self.files, file, "file")[0]
            self.codes[number] = CodeInfo(path, line, _word(cursor, number))
        elif kind == Define.THREAD:
            self.threads[number] = _word(cursor, number)
        elif kind == Define.POSITION:
            self.positions[number] = Position(
                cursor.uv(), cursor.uv(), cursor.uv(), cursor.uv()
            )
        elif kind in DEFINE_FIELDS:
            # One that this reader has no use for.
            for letter in each_field(cursor, DEFINE_FIELDS[kind]):
                READ_PLAIN.get(letter, skip_value)(cursor)
        else:
            raise Malformed(f"unknown definition {kind}")
        if self._most_cost is not None:
            self._cost += DEFINITION_COST + cursor.at - start
            if self._cost > self._most_cost:
                raise Malformed("there are more definitions than a file of this size may have")


def _word(cursor: Cursor, number: int) -> str:
    text = cursor.text()
    if len(text) <= MAX_WORD:
        return text
    # Two that begin alike stay two.
    return f"{text[:MAX_WORD]}...({len(text)} characters, number {number})"


def _fields(cursor: Cursor) -> tuple[str, ...]:
    """Read the fields of a named tuple; as many as fit into a word are kept."""
    fields: list[str] = []
    left = MAX_WORD
    for _ in range(cursor.count()):
        field = cursor.text()
        left -= len(field) + 1
        if left >= 0:
            fields.append(field)
    return tuple(fields)


def defined(table: dict[int, Any], number: int, what: str) -> Any:
    """Look up what a definition gave this number."""
    try:
        return table[number]
    except KeyError:
        raise Malformed(f"{what} {number} is not defined") from None
