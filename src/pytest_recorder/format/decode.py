"""Turns records back into events and values; trusts nothing in them.

Every fault of the input raises `Malformed`. Sizes are checked against what is there before anything
is allocated, and nesting is bounded, so that no input takes much time, memory or stack.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any

from pytest_recorder.errors import ErrorCode, TargetError
from pytest_recorder.format.events import CodeInfo, Event, ExceptionInfo, Frame, Value
from pytest_recorder.format.vocabulary import (
    EDGES,
    EVENT_KINDS,
    MAX_INT_BYTES,
    PHASES,
    REASONS,
    STREAMS,
    Define,
    Op,
    Tag,
)

_MOST_NESTING = 100
_unpack_float = struct.Struct("<d").unpack_from
_unpack_complex = struct.Struct("<dd").unpack_from


class Malformed(TargetError):  # noqa: N818 - a state of the input, it never leaves the reader
    """The bytes are no records; the reader makes a word about the trace of it."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TRACE_CORRUPT, message)


class Cursor:
    """Reads primitives from bytes, in order."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)

    def uv(self) -> int:
        """Read an unsigned LEB128 of at most 64 bits."""
        data, at = self.data, self.at
        if at < self.end and data[at] < 0x80:
            self.at = at + 1
            return data[at]
        number = shift = 0
        while at < self.end and shift < 70:
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                if number >> 64:
                    raise Malformed("a number is larger than 64 bits")
                self.at = at
                return number
            shift += 7
        raise Malformed("a number has no end")

    def zz(self) -> int:
        """Read a zig-zag LEB128."""
        number = self.uv()
        return number >> 1 if not number & 1 else -(number >> 1) - 1

    def byte(self) -> int:
        """Read one byte."""
        if self.at >= self.end:
            raise Malformed("the record is cut")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        start, end = self.at, self.at + size
        if end > self.end:
            raise Malformed("the record is cut")
        self.at = end
        return self.data[start:end]

    def count(self) -> int:
        """Read a number of things that take at least one byte each."""
        number = self.uv()
        if number > self.end - self.at:
            raise Malformed("a count is larger than its record")
        return number

    def text(self) -> str:
        """Read a string with its length before it."""
        try:
            return self.take(self.uv()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Malformed("a text is not UTF-8") from error


class Definitions:
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
            self.files[number] = (path, cursor.take(cursor.uv()))
        elif kind == Define.CODE:
            file, line = cursor.uv(), cursor.uv()
            path = _known(self.files, file, "file")[0]
            self.codes[number] = CodeInfo(path, line, cursor.text())
        elif kind == Define.THREAD:
            self.threads[number] = cursor.text()
        else:
            raise Malformed(f"unknown definition {kind}")


def _known(table: dict[int, Any], number: int, what: str) -> Any:
    try:
        return table[number]
    except KeyError:
        raise Malformed(f"{what} {number} is not defined") from None


class EventDecoder:
    """Decodes the events of one block; `frames` knows the frames met so far in it.

    Without `has_values` all values are passed over, which takes a fraction of the time; exceptions
    are still there.
    """

    def __init__(
        self,
        definitions: Definitions,
        data: bytes,
        *,
        first: int = 0,
        base_us: int = 0,
        has_values: bool = True,
    ) -> None:
        self._read = self.value if has_values else self._pass_over
        self._definitions = definitions
        self._cursor = Cursor(data)
        self._n = first
        self._time_us = base_us
        self._current: Frame | None = None
        self.frames: dict[int, Frame] = {}
        self.states: dict[int, dict[str, Value]] = {}
        """What the frames that ran before the block had at its start."""

    @property
    def at(self) -> int:
        """Where the last event ends, in bytes."""
        return self._cursor.at

    def __iter__(self) -> Iterator[Event]:
        cursor = self._cursor
        while cursor.at < cursor.end:
            head = cursor.byte()
            op = head & Op.MASK
            if op == Op.SWITCH:
                self._current = _known(self.frames, cursor.uv(), "frame")
            elif op == Op.FRAME:
                self._current = self._frame(cursor)
            elif op == Op.STATE:
                values = self._frame_now().values = self._pairs(cursor)
                self.states.setdefault(self._frame_now().number, dict(values))
            elif op in EVENT_KINDS:
                event = Event(self._n, EVENT_KINDS[op])
                self._fill(event, op, cursor)
                if head & Op.CHANGES:
                    self._changes(event, cursor)
                self._n += 1
                yield event
            else:
                raise Malformed(f"unknown record {op}")

    def _frame_now(self) -> Frame:
        if self._current is None:
            raise Malformed("an event has no frame")
        return self._current

    def _frame(self, cursor: Cursor) -> Frame:
        number, code, thread = cursor.uv(), cursor.uv(), cursor.uv()
        parent, line = cursor.uv(), cursor.uv()
        info = _known(self._definitions.codes, code, "code") if code else None
        known = self.frames.get(number)
        values = known.values if known is not None else {}
        frame = self.frames[number] = Frame(number, code, info, thread, parent, line, values)
        return frame

    def _fill(self, event: Event, op: int, cursor: Cursor) -> None:
        if op == Op.GAP:
            event.thread = cursor.uv() or None
            event.dropped = cursor.uv()
            event.reason = _known(self._definitions.names, cursor.uv(), "name")
            return
        if op == Op.SPAN:
            event.thread = cursor.uv()
            self._take_time(event, cursor)
            event.phase, event.edge = _pick(PHASES, cursor.byte()), _pick(EDGES, cursor.byte())
            event.name, event.outcome = cursor.text() or None, cursor.text() or None
            return
        if op == Op.CALL:
            self._call(event, cursor)
            return
        frame = self._frame_now()
        frame.line += cursor.zz()
        self._place(event, frame)
        if op == Op.LINE:
            return
        self._take_time(event, cursor)
        if op in (Op.RETURN, Op.YIELD):
            event.value = self._read(cursor)
        elif op in (Op.THROW, Op.RAISE, Op.UNWIND):
            event.exception = self._exception(cursor)
        elif op == Op.OUTPUT:
            event.stream = _pick(STREAMS, cursor.byte())
            event.text = self.value(cursor)
        elif op == Op.LOG:
            names = self._definitions.names
            event.level = _known(names, cursor.uv(), "name")
            event.logger = _known(names, cursor.uv(), "name")
            event.text = self.value(cursor)

    def _call(self, event: Event, cursor: Cursor) -> None:
        number, code, thread = cursor.uv(), cursor.uv(), cursor.uv()
        parent = cursor.uv()
        info = _known(self._definitions.codes, code, "code")
        self._take_time(event, cursor)
        frame = Frame(number, code, info, thread, parent, info.first_line)
        self.frames[number] = self._current = frame
        event.args = self._pairs(cursor)
        frame.values = dict(event.args)
        self._place(event, frame)
        event.parent = parent or None

    def _place(self, event: Event, frame: Frame) -> None:
        event.thread = frame.thread
        if frame.code is not None:
            event.frame, event.line = frame.number, frame.line
            event.file, event.function = frame.code.file, frame.code.function

    def _take_time(self, event: Event, cursor: Cursor) -> None:
        self._time_us += cursor.uv()
        event.time_us = self._time_us

    def _changes(self, event: Event, cursor: Cursor) -> None:
        frame = self._frame_now()
        event.changes = self._pairs(cursor)
        names = self._definitions.names
        event.deleted = tuple(_known(names, cursor.uv(), "name") for _ in range(cursor.count()))
        frame.values.update(event.changes)
        for name in event.deleted:
            frame.values.pop(name, None)

    def _pairs(self, cursor: Cursor) -> dict[str, Value]:
        names = self._definitions.names
        pairs: dict[str, Value] = {}
        for _ in range(cursor.count()):
            name = _known(names, cursor.uv(), "name")
            pairs[name] = self._read(cursor)
        return pairs

    def _exception(self, cursor: Cursor) -> ExceptionInfo:
        kind = _known(self._definitions.types, cursor.uv(), "type")[0]
        number = cursor.uv()
        message = self.value(cursor)
        shown = message.get("value")
        if not isinstance(shown, str):
            raise Malformed("the message of an exception is no text")
        return ExceptionInfo(kind, number, shown, message.get("length", len(shown)))

    def _pass_over(self, cursor: Cursor, depth: int = 0) -> Value:
        """Read past one value, with those inside it."""
        if depth > _MOST_NESTING:
            raise Malformed("a value is nested too deep")
        left = 1
        while left:
            left -= 1
            tag = cursor.byte()
            if tag in _SCALARS:
                if tag == Tag.INT:
                    cursor.uv()
                elif tag > Tag.FALSE:
                    _SCALARS[tag](cursor)
                continue
            cursor.uv()
            if tag == Tag.REDACTED:
                continue
            cursor.uv()
            if tag in (Tag.TEXT, Tag.SUBCLASS):
                left += 1
            elif tag == Tag.OPAQUE:
                cursor.byte()
            elif tag in (Tag.SEQUENCE, Tag.MAPPING):
                cursor.uv()
                cursor.byte()
                left += cursor.count() * (1 if tag == Tag.SEQUENCE else 2)
            elif tag == Tag.OBJECT:
                cursor.uv()
                cursor.byte()
                for _ in range(cursor.count()):
                    cursor.uv()
                    self._pass_over(cursor, depth + 1)
            else:
                raise Malformed(f"unknown value {tag}")
        return {}

    def one_value(self) -> Value:
        """Read a value that stands at this place, outside any event."""
        return self.value(self._cursor)

    def value(self, cursor: Cursor, depth: int = 0) -> Value:
        """Read one value in its JSON form."""
        if depth > _MOST_NESTING:
            raise Malformed("a value is nested too deep")
        tag = cursor.byte()
        if tag in _SCALARS:
            return _SCALARS[tag](cursor)
        kind, fields = _known(self._definitions.types, cursor.uv(), "type")
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
        if tag not in (Tag.SEQUENCE, Tag.MAPPING, Tag.OBJECT):
            raise Malformed(f"unknown value {tag}")
        full, reason, count = cursor.uv(), cursor.byte(), cursor.count()
        if tag == Tag.SEQUENCE:
            value["length"] = full
            value["items"] = [self.value(cursor, depth + 1) for _ in range(count)]
            if fields:
                value["fields"] = list(fields)
        elif tag == Tag.MAPPING:
            value["length"] = full
            value["entries"] = [
                [self.value(cursor, depth + 1), self.value(cursor, depth + 1)]
                for _ in range(count)
            ]
        else:
            value["attributes"] = {
                _known(self._definitions.names, cursor.uv(), "name"): self.value(
                    cursor, depth + 1
                )
                for _ in range(count)
            }
            if reason:
                value["length"] = full
        if reason:
            value["truncated"] = True
            value["reason"] = _reason(reason)
        return value


def _reason(byte: int) -> str:
    try:
        return REASONS[byte]
    except KeyError:
        raise Malformed(f"unknown reason {byte}") from None


def _pick(words: tuple[str, ...], at: int) -> str:
    if at >= len(words):
        raise Malformed(f"unknown word {at}")
    return words[at]


def _float(number: float) -> Any:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "nan"
    return "inf" if number > 0 else "-inf"


def _big_int(cursor: Cursor) -> Value:
    sign, size = cursor.byte(), cursor.uv()
    if size > MAX_INT_BYTES:
        raise Malformed("an int is larger than any that is recorded")
    magnitude = int.from_bytes(cursor.take(size), "little")
    return {"type": "int", "value": -magnitude if sign else magnitude}


def _huge_int(cursor: Cursor) -> Value:
    sign, bits = cursor.byte(), cursor.uv()
    words = {"truncated": True, "reason": "size", "bits": bits}
    return {"type": "int", "value": -1 if sign else 1, **words}


def _str(cursor: Cursor) -> Value:
    return {"type": "str", "value": cursor.text()}


def _str_cut(cursor: Cursor) -> Value:
    full = cursor.uv()
    cut = {"length": full, "truncated": True, "reason": "chars"}
    return {"type": "str", "value": cursor.text(), **cut}


def _bytes(cursor: Cursor) -> Value:
    return {"type": "bytes", "value": cursor.take(cursor.uv()).hex()}


def _bytes_cut(cursor: Cursor) -> Value:
    full = cursor.uv()
    cut = {"length": full, "truncated": True, "reason": "chars"}
    return {"type": "bytes", "value": cursor.take(cursor.uv()).hex(), **cut}


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
    Tag.STR: _str,
    Tag.STR_CUT: _str_cut,
    Tag.BYTES: _bytes,
    Tag.BYTES_CUT: _bytes_cut,
}
