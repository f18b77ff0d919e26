"""Turns the bytes of a value into its JSON form; trusts nothing in them.

Every fault of the input raises `Malformed`. Nesting is bounded, and so is what is shown of the
values of one block (`limits.py`), so that no input takes much memory or stack. A value whose tag is
in the table and that nobody taught this module to show is read past and says so in its place.
"""

import math
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import DefinitionTables, defined
from pytest_recorder.format.events import Value
from pytest_recorder.format.limits import (
    CUT_TEXT,
    MAX_SHOWN_BYTES,
    MAX_SHOWN_VALUES,
    NOT_HELD,
)
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Reference, Splice
from pytest_recorder.format.skip import READ_PLAIN, each_field
from pytest_recorder.format.vocabulary import MAX_NESTING, REASONS, TAG_FIELDS, Op, Reason, Tag
from pytest_recorder.original_builtins import __builtins__

NOT_SHOWN: Final = "this version cannot show it"
NOT_HELD_BYTE: Final = -1
"""Stands among the reasons for what this reader leaves out."""

_unpack_float = Struct("<d").unpack_from
_unpack_complex = Struct("<dd").unpack_from


class ValueDecoder:
    """Decodes the values of a block; `values_left` and `bytes_left` are what can still be shown."""

    __slots__ = ("_fields", "_references", "_tables", "bytes_left", "met", "values_left")

    def __init__(self, tables: DefinitionTables) -> None:
        self._tables = tables
        self._fields: dict[tuple[str, ...], list[str]] = {}
        self._references = 0  # that `value` passed
        self.met: list[int] = []
        """The objects that parts refer to, for whoever checks that they are there."""
        self.values_left = MAX_SHOWN_VALUES
        self.bytes_left = MAX_SHOWN_BYTES

    def held(self, cursor: Cursor) -> Part:
        """Read what a variable holds: a value where no object stands in it."""
        start, left, met = cursor.at, (self.values_left, self.bytes_left), self._references
        value = self.value(cursor)
        if self._references == met:
            return value
        cursor.at = start
        self.values_left, self.bytes_left = left
        return self.part(cursor)

    def part(self, cursor: Cursor, depth: int = 0) -> Part:
        """Read a value part by part, with the objects in it as references."""
        if depth > MAX_NESTING:
            raise Malformed("a value is nested too deep")
        tag = cursor.data[cursor.at] if cursor.at < cursor.end else -1
        if tag == Tag.REFERENCE:
            cursor.at += 1
            reference = Reference(cursor.uv())
            self.met.append(reference.number)
            return reference
        if tag not in _CONTAINERS:
            return self.value(cursor, depth)
        cursor.at += 1
        kind, fields = defined(self._tables.types, cursor.uv(), "type")
        number, full, reason = cursor.uv(), cursor.uv(), cursor.byte()
        if reason != Reason.WHOLE:
            _reason(reason)
        parts, is_cut = self.parts(cursor, tag, depth)
        shown = self._fields.setdefault(fields, list(fields))
        return Container(
            tag, kind, number, shown, full, NOT_HELD_BYTE if is_cut else reason, parts
        )

    def record(self, op: int, cursor: Cursor) -> ObjectRecord:
        """Read a record of an object, behind its first byte."""
        if op == Op.OBJECT:
            part = self.part(cursor)
            if isinstance(part, Container):
                return ObjectRecord(part.number, part)
            if isinstance(part, dict) and "id" in part:
                return ObjectRecord(part["id"], part)
            raise Malformed("a record of an object holds none")
        number, full, reason = cursor.uv(), cursor.uv(), cursor.byte()
        if reason != Reason.WHOLE:
            _reason(reason)
        is_doubtful, first, gone = cursor.byte() != 0, cursor.uv(), cursor.uv()
        came, is_cut = self.parts(cursor, _TAG_OF[op])
        why = NOT_HELD_BYTE if is_cut else reason
        return ObjectRecord(
            number, Splice(_TAG_OF[op], full, why, is_doubtful, first, gone, came)
        )

    def parts(
        self, cursor: Cursor, tag: int, depth: int = 0
    ) -> tuple[tuple[tuple[Part | str, ...], ...], bool]:
        """Read the parts of a container; tells whether there are more than can be held."""
        count = cursor.count()
        shown = min(count, self.values_left)
        self.values_left -= shown
        names = self._tables.names
        found: list[tuple[Part | str, ...]] = []
        for _ in range(count):
            if tag == Tag.OBJECT:
                name = defined(names, cursor.uv(), "name")
                found.append((name, self.part(cursor, depth + 1)))
            elif tag == Tag.MAPPING:
                key = self.part(cursor, depth + 1)
                found.append((key, self.part(cursor, depth + 1)))
            else:
                found.append((self.part(cursor, depth + 1),))
            if len(found) > shown:
                found.pop()
        return tuple(found), shown < count

    def value(self, cursor: Cursor, depth: int = 0) -> Value:
        """Read one value in its JSON form; objects that stand in it cannot be shown."""
        if depth > MAX_NESTING:
            raise Malformed("a value is nested too deep")
        tag = cursor.byte()
        if tag in _SCALARS:
            return _SCALARS[tag](cursor)
        if tag in _TEXTS:
            return self._text(tag, cursor)
        if tag == Tag.REFERENCE:
            self._references += 1
            return {"type": "object", "id": cursor.uv(), "unavailable": NOT_SHOWN}
        if tag not in _INSTANCES:
            return self._not_shown(tag, cursor, depth)
        kind, fields = defined(self._tables.types, cursor.uv(), "type")
        if tag == Tag.REDACTED:
            return {"type": kind, "redacted": True}
        value: Value = {"type": kind, "id": cursor.uv()}
        if tag in (Tag.TEXT, Tag.SUBCLASS):
            inner = self.value(cursor, depth + 1)
            inner.pop("type")
            return value | inner
        if tag == Tag.OPAQUE:
            value["unavailable"] = _reason(cursor.byte())
            return value
        full, reason = cursor.uv(), cursor.byte()
        why = _reason(reason) if reason != Reason.WHOLE else None
        count = cursor.count()
        shown = min(count, self.values_left)
        self.values_left -= shown
        if shown < count:
            why = NOT_HELD
        if tag == Tag.SEQUENCE:
            items = [self.value(cursor, depth + 1) for _ in range(shown)]
            for _ in range(count - shown):
                self.value(cursor, depth + 1)
            value["length"] = full
            value["items"] = items
            if fields:
                # One list for all values of the type, and not one for each.
                value["fields"] = self._fields.setdefault(fields, list(fields))
        elif tag == Tag.MAPPING:
            entries = [
                [self.value(cursor, depth + 1), self.value(cursor, depth + 1)]
                for _ in range(shown)
            ]
            for _ in range(2 * (count - shown)):
                self.value(cursor, depth + 1)
            value["length"] = full
            value["entries"] = entries
        else:
            names = self._tables.names
            value["attributes"] = {
                defined(names, cursor.uv(), "name"): self.value(cursor, depth + 1)
                for _ in range(shown)
            }
            for _ in range(count - shown):
                defined(names, cursor.uv(), "name")
                self.value(cursor, depth + 1)
            if why:
                value["length"] = full
        if why:
            value["truncated"] = True
            value["reason"] = why
        return value

    def _text(self, tag: int, cursor: Cursor) -> Value:
        full = cursor.uv() if tag in (Tag.STR_CUT, Tag.BYTES_CUT) else None
        size = cursor.uv()
        is_held = size <= self.bytes_left
        self.bytes_left = max(self.bytes_left - size, 0)
        value: Value
        if tag in (Tag.STR, Tag.STR_CUT):
            if is_held:
                text = cursor.text_of(size)
                length = len(text)
            else:
                text, length = cursor.cut_text(size, CUT_TEXT)
            value = {"type": "str", "value": text}
        else:
            data = cursor.take(size)
            length = len(data)
            value = {"type": "bytes", "value": (data if is_held else data[:CUT_TEXT]).hex()}
        if full is not None:
            value |= {"length": full, "truncated": True, "reason": "chars"}
        if not is_held and length > CUT_TEXT:
            told = length if full is None else full
            value |= {"length": told, "truncated": True, "reason": NOT_HELD}
        return value

    def _not_shown(self, tag: int, cursor: Cursor, depth: int) -> Value:
        if tag not in TAG_FIELDS:
            raise Malformed(f"unknown value {tag}")
        value: Value = {"type": "object"}
        for letter in each_field(cursor, TAG_FIELDS[tag]):
            if letter == "v":
                self.value(cursor, depth + 1)
            elif letter == "y":
                value["type"] = defined(self._tables.types, cursor.uv(), "type")[0]
            else:
                self.check_field(cursor, letter)
        return value | {"unavailable": NOT_SHOWN}

    def check_field(self, cursor: Cursor, letter: str) -> None:
        """Read past a field that is no value; what it refers to must be there."""
        tables = self._tables
        if letter == "n":
            defined(tables.names, cursor.uv(), "name")
        elif letter == "y":
            defined(tables.types, cursor.uv(), "type")
        elif letter == "r":
            reason = cursor.byte()
            if reason != Reason.WHOLE:
                _reason(reason)
        elif letter == "w":
            _reason(cursor.byte())
        else:
            READ_PLAIN[letter](cursor)


def show_container(held: Container, shown: Sequence[list[Any]], why: str | None) -> Value:
    """Give the JSON form of a container whose parts are shown so; `why` they are not all there."""
    value: Value = {"type": held.type, "id": held.number}
    if held.tag == Tag.OBJECT:
        value["attributes"] = dict(shown)
        if why:
            value["length"] = held.full
    else:
        value["length"] = held.full
        if held.tag == Tag.MAPPING:
            value["entries"] = list(shown)
        else:
            value["items"] = [item for (item,) in shown]
            if held.fields:
                value["fields"] = held.fields
    if why:
        value["truncated"] = True
        value["reason"] = why
    return value


def why_cut(reason: int) -> str | None:
    """Say a reason in words; None where all is there."""
    return NOT_HELD if reason == NOT_HELD_BYTE else REASONS.get(reason)


def _reason(byte: int) -> str:
    try:
        return REASONS[byte]
    except KeyError:
        raise Malformed(f"unknown reason {byte}") from None


def _float(number: float) -> Any:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "nan"
    return "inf" if number > 0 else "-inf"


def _big_int(cursor: Cursor) -> Value:
    sign = cursor.byte()
    magnitude = int.from_bytes(cursor.magnitude(), "little")
    return {"type": "int", "value": -magnitude if sign else magnitude}


def _huge_int(cursor: Cursor) -> Value:
    sign, bits = cursor.byte(), cursor.uv()
    words = {"truncated": True, "reason": "size", "bits": bits}
    return {"type": "int", "value": -1 if sign else 1, **words}


def _float_value(cursor: Cursor) -> Value:
    return {"type": "float", "value": _float(_unpack_float(cursor.take(8))[0])}


def _complex_value(cursor: Cursor) -> Value:
    return {"type": "complex", "value": repr(complex(*_unpack_complex(cursor.take(16))))}


def _none(_: Cursor) -> Value:
    return {"type": "NoneType", "value": None}


def _true(_: Cursor) -> Value:
    return {"type": "bool", "value": True}


def _false(_: Cursor) -> Value:
    return {"type": "bool", "value": False}


def _int(cursor: Cursor) -> Value:
    return {"type": "int", "value": cursor.zz()}


_SCALARS = {
    Tag.NONE: _none,
    Tag.TRUE: _true,
    Tag.FALSE: _false,
    Tag.INT: _int,
    Tag.BIG_INT: _big_int,
    Tag.HUGE_INT: _huge_int,
    Tag.FLOAT: _float_value,
    Tag.COMPLEX: _complex_value,
}
_TEXTS = frozenset((Tag.STR, Tag.STR_CUT, Tag.BYTES, Tag.BYTES_CUT))
_INSTANCES = frozenset(
    (
        Tag.SEQUENCE,
        Tag.MAPPING,
        Tag.OBJECT,
        Tag.TEXT,
        Tag.SUBCLASS,
        Tag.OPAQUE,
        Tag.REDACTED,
    )
)
"""Those that start with their type."""
_CONTAINERS = frozenset((Tag.SEQUENCE, Tag.MAPPING, Tag.OBJECT))
_TAG_OF: Final = {Op.ITEMS: Tag.SEQUENCE, Op.ENTRIES: Tag.MAPPING, Op.ATTRIBUTES: Tag.OBJECT}
