"""Finds where in records of events the texts and bytes of values stand: the slow way, in Python."""

from typing import Final

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.skip import READ_PLAIN, each_field
from pytest_recorder.format.vocabulary import MAX_NESTING, OP_FIELDS, TAG_FIELDS, Op, Tag
from pytest_recorder.original_builtins import __builtins__

CUT: Final = (Tag.STR_CUT, Tag.BYTES_CUT)
BYTES: Final = (Tag.BYTES, Tag.BYTES_CUT)
_TEXTS: Final = (Tag.STR, *CUT, Tag.BYTES)
_CHANGES: Final = ("(nv)", "(n)")
_VALUES: Final = "vtx"


def text_places(data: bytes) -> list[int]:
    """Give the places of the tags of texts and bytes; raises Malformed for what are no records."""
    cursor = Cursor(data)
    found: list[int] = []
    while cursor.at < cursor.end:
        head = cursor.byte()
        fields = OP_FIELDS.get(head & Op.MASK)
        if fields is None:
            raise Malformed(f"unknown record {head & Op.MASK}")
        _walk(cursor, fields, found, 0)
        if head & Op.CHANGES:
            for fields in _CHANGES:
                _walk(cursor, fields, found, 0)
    return found


def _walk(cursor: Cursor, fields: str, found: list[int], depth: int) -> None:
    for letter in each_field(cursor, fields):
        if letter in _VALUES:
            _value(cursor, found, depth)
        else:
            READ_PLAIN[letter](cursor)


def _value(cursor: Cursor, found: list[int], depth: int) -> None:
    if depth > MAX_NESTING:
        raise Malformed("a value is nested too deep")
    at = cursor.at
    tag = cursor.byte()
    fields = TAG_FIELDS.get(tag)
    if fields is None:
        raise Malformed(f"unknown value {tag}")
    if tag in _TEXTS:
        found.append(at)
    _walk(cursor, fields, found, depth + 1)
