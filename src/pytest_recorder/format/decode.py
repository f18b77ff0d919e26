"""Turns event records back into events; trusts nothing in them.

Every fault of the input raises `Malformed`. A kind of event that is in the table and that nobody
taught this module to show still has its number, and its frame, line and time where it has them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import DefinitionTables, defined
from pytest_recorder.format.events import (
    CodeInfo,
    Event,
    ExceptionInfo,
    Position,
    Value,
)
from pytest_recorder.format.limits import MAX_SHOWN_BYTES, MAX_SHOWN_VALUES
from pytest_recorder.format.object_states import HeldValues, ObjectStates
from pytest_recorder.format.parts import ObjectRecord, Part
from pytest_recorder.format.skip import each_field, skip_value
from pytest_recorder.format.value_decoder import ValueDecoder
from pytest_recorder.format.vocabulary import (
    EDGES,
    EVENT_KINDS,
    LEVELS,
    MAX_BLOCK_FRAMES,
    MAX_BLOCK_PAIRS,
    MAX_DEPTH,
    OP_FIELDS,
    PHASES,
    STREAMS,
    Op,
)
from pytest_recorder.original_builtins import __builtins__

NEVER: Final = sys.maxsize
"""The number of no event."""


@dataclass(slots=True)
class Frame:
    """A frame as the events of one block know it."""

    number: int
    code_id: int
    code: CodeInfo | None
    thread: int
    parent: int
    line: int
    held: dict[str, Part] = field(default_factory=dict[str, Part])
    """What its variables hold; `EventDecoder.values_of` shows it."""


class EventDecoder:
    """Decodes the events of one block; `frames` knows the frames met so far in it.

    Without `has_values` all values are passed over, which takes a fraction of the time; exceptions
    are still there. `at` is where the records begin, `depth` the bound of the recording on values.
    A block of more frames or variables than the format allows is Malformed.
    """

    def __init__(
        self,
        tables: DefinitionTables,
        data: bytes,
        *,
        first: int = 0,
        base_us: int = 0,
        has_values: bool = True,
        at: int = 0,
        depth: int = MAX_DEPTH,
    ) -> None:
        self._tables = tables
        self._values = ValueDecoder(tables)
        self.objects = ObjectStates(self._values, depth)
        """What the objects of the block hold."""
        self._has_values = has_values
        self.level: str | None = None
        """What was recorded at the last event, where that was less than the trace began with."""
        self.fell_at = NEVER
        """The first event that nobody knows values of for that."""
        self._read = self._values.held if has_values else skip_value
        self._cursor = Cursor(data, at)
        self._pairs_left = MAX_BLOCK_PAIRS
        self._n = first
        self._time_us = base_us
        self._current: Frame | None = None
        self.frames: dict[int, Frame] = {}
        self.states: dict[int, HeldValues] = {}
        """What the frames that ran before the block had at their first event in it."""
        self._position: Position | None = None
        self._told: list[ObjectRecord] = []
        self._no_values = HeldValues({}, self.objects, 0, 0)

    @property
    def at(self) -> int:
        """Where the last event ends, in bytes."""
        return self._cursor.at

    @property
    def weight(self) -> int:
        """How many variables, parts of values and pieces of texts were decoded so far."""
        values = self._values
        return _WHOLE_WEIGHT - values.values_left - self._pairs_left - (values.bytes_left >> 8)

    def __iter__(self) -> Iterator[Event]:
        cursor = self._cursor
        while cursor.at < cursor.end:
            head = cursor.byte()
            op = head & Op.MASK
            if op == Op.SWITCH:
                self._current = defined(self.frames, cursor.uv(), "frame")
            elif op == Op.FRAME:
                self._current = self._frame(cursor)
            elif op == Op.STATE:
                held = self._pairs(cursor)
                frame = self._frame_now()
                frame.held = held
                if frame.number not in self.states:
                    self.states[frame.number] = self._values_now(frame, dict(frame.held))
            elif op in _OF_OBJECTS and self._has_values:
                self._told.append(self.objects.take(op, cursor, self._n))
            elif op == Op.PLACE and self._has_values:
                self._position = defined(self._tables.positions, cursor.uv(), "position")
            elif op == Op.LEVELS:
                self.objects.levels.take(cursor.uv(), cursor.uv(), self._n)
            elif op == Op.AT_LEVEL:
                self._fall(_pick(LEVELS, cursor.byte()))
            elif op in EVENT_KINDS:
                event = Event(self._n, EVENT_KINDS[op])
                before = self.weight
                self._fill(event, op, cursor)
                if head & Op.CHANGES:
                    self._changes(event, cursor)
                self.objects.check()
                event.weight = self.weight - before
                event.position, self._position = self._position, None
                if self._told:
                    event.objects, self._told = tuple(self._told), []
                self._n += 1
                yield event
            elif op in OP_FIELDS:
                self._skip_record(Event(self._n, ""), op, cursor)
            else:
                raise Malformed(f"unknown record {op}")

    def values_of(self, frame: Frame) -> HeldValues:
        """Give what the variables of a frame hold after the last event."""
        return HeldValues(dict(frame.held), self.objects, frame.number, self._n - 1)

    def _values_now(self, frame: Frame, parts: dict[str, Part]) -> HeldValues:
        if not parts:
            return self._no_values
        return HeldValues(parts, self.objects, frame.number, self._n)

    def _fall(self, level: str) -> None:
        """What the variables held is not known any more: nobody looks at them."""
        self.level = level
        self.fell_at = min(self.fell_at, self._n)
        for frame in self.frames.values():
            frame.held = {}

    def _hold(self, frame: Frame, parts: dict[str, Part]) -> None:
        if self.level is None:
            frame.held.update(parts)

    def _frame_now(self) -> Frame:
        if self._current is None:
            raise Malformed("an event has no frame")
        return self._current

    def _frame(self, cursor: Cursor) -> Frame:
        number, code = cursor.uv(), cursor.uv()
        info = defined(self._tables.codes, code, "code") if code else None
        thread, parent, line = cursor.uv(), cursor.uv(), cursor.uv()
        known = self.frames.get(number)
        held = known.held if known is not None else {}
        frame = self.frames[number] = Frame(number, code, info, thread, parent, line, held)
        self._check_frames()
        return frame

    def _check_frames(self) -> None:
        if len(self.frames) > MAX_BLOCK_FRAMES:
            raise Malformed("a block has more frames than one may have")

    def _count_pairs(self, cursor: Cursor) -> int:
        count = cursor.count()
        self._pairs_left -= count
        if self._pairs_left < 0:
            raise Malformed("a block has more variables than one may have")
        return count

    def _fill(self, event: Event, op: int, cursor: Cursor) -> None:
        if op == Op.GAP:
            event.thread = cursor.uv() or None
            event.dropped = cursor.uv()
            event.reason = defined(self._tables.names, cursor.uv(), "name")
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
        if op == Op.LEVEL:
            self._take_time(event, cursor)
            event.thread = cursor.uv() or None
            event.level = _pick(LEVELS, cursor.byte())
            self._fall(event.level)
            return
        if op not in _IN_A_FRAME:
            self._skip_record(event, op, cursor)
            return
        frame = self._frame_now()
        frame.line += cursor.zz()
        self._place(event, frame)
        if op == Op.LINE:
            return
        self._take_time(event, cursor)
        if op in (Op.RETURN, Op.YIELD):
            held = self._read(cursor)
            self.objects.check()
            event.value = self.objects.show(held, frame.number, event.n)
        elif op in (Op.THROW, Op.RAISE, Op.UNWIND):
            event.exception = self._exception(cursor)
        elif op == Op.OUTPUT:
            event.stream = _pick(STREAMS, cursor.byte())
            event.text = self._values.value(cursor)
        elif op == Op.LOG:
            names = self._tables.names
            event.level = defined(names, cursor.uv(), "name")
            event.logger = defined(names, cursor.uv(), "name")
            event.text = self._values.value(cursor)

    def _call(self, event: Event, cursor: Cursor) -> None:
        number, code = cursor.uv(), cursor.uv()
        info = defined(self._tables.codes, code, "code")
        thread, parent = cursor.uv(), cursor.uv()
        self._take_time(event, cursor)
        frame = Frame(number, code, info, thread, parent, info.first_line)
        self.frames[number] = self._current = frame
        held = self._pairs(cursor)
        event.args = self._values_now(frame, held)
        self._check_frames()
        self._hold(frame, held)
        self._place(event, frame)
        event.parent = parent or None

    def _skip_record(self, event: Event, op: int, cursor: Cursor) -> None:
        """Read past a record that nobody taught this module to show."""
        tables, check = self._tables, self._values.check_field
        for letter in each_field(cursor, OP_FIELDS[op], self._count_pairs):
            if letter == "L":
                frame = self._frame_now()
                frame.line += cursor.zz()
                self._place(event, frame)
            elif letter == "T":
                self._take_time(event, cursor)
            elif letter == "v":
                self._read(cursor)
            elif letter == "t":
                self._values.value(cursor)
            elif letter == "x":
                self._message(cursor)
            elif letter in _WORDS:
                _pick(_WORDS[letter], cursor.byte())
            elif letter in "Cc":
                code = cursor.uv()
                if code or letter == "C":
                    defined(tables.codes, code, "code")
            else:
                check(cursor, letter)

    def _place(self, event: Event, frame: Frame) -> None:
        event.thread = frame.thread
        if frame.code is not None:
            event.frame, event.line = frame.number, frame.line
            event.file, event.function = frame.code.file, frame.code.function
            event.levels = self.objects.levels.at(frame.number, event.n)

    def _take_time(self, event: Event, cursor: Cursor) -> None:
        self._time_us += cursor.uv()
        event.time_us = self._time_us

    def _changes(self, event: Event, cursor: Cursor) -> None:
        frame = self._frame_now()
        changes = self._pairs(cursor)
        event.changes = self._values_now(frame, changes)
        names = self._tables.names
        event.deleted = tuple(
            defined(names, cursor.uv(), "name") for _ in range(self._count_pairs(cursor))
        )
        self._hold(frame, changes)
        for name in event.deleted:
            frame.held.pop(name, None)

    def _pairs(self, cursor: Cursor) -> dict[str, Part]:
        names = self._tables.names
        pairs: dict[str, Part] = {}
        for _ in range(self._count_pairs(cursor)):
            name = defined(names, cursor.uv(), "name")
            pairs[name] = self._read(cursor)
        return pairs

    def _exception(self, cursor: Cursor) -> ExceptionInfo:
        kind = defined(self._tables.types, cursor.uv(), "type")[0]
        return ExceptionInfo(kind, cursor.uv(), *self._message(cursor))

    def _message(self, cursor: Cursor) -> tuple[str, int]:
        message = self._values.value(cursor)
        shown = message.get("value")
        if not isinstance(shown, str):
            raise Malformed("the message of an exception is no text")
        return shown, message.get("length", len(shown))

    def one_value(self) -> Value:
        """Read a value that stands at this place, outside any event."""
        return self._values.value(self._cursor)


_WHOLE_WEIGHT = MAX_SHOWN_VALUES + MAX_BLOCK_PAIRS + (MAX_SHOWN_BYTES >> 8)
_WORDS = {"p": PHASES, "e": EDGES, "o": STREAMS, "l": LEVELS}
_OF_OBJECTS = frozenset((Op.OBJECT, Op.ITEMS, Op.ENTRIES, Op.ATTRIBUTES))
_IN_A_FRAME = frozenset(
    (
        Op.LINE,
        Op.RETURN,
        Op.YIELD,
        Op.RESUME,
        Op.THROW,
        Op.RAISE,
        Op.UNWIND,
        Op.OUTPUT,
        Op.LOG,
    )
)
"""Those that `_fill` shows, and that start with a line."""


def _pick(words: tuple[str, ...], at: int) -> str:
    if at >= len(words):
        raise Malformed(f"unknown word {at}")
    return words[at]
