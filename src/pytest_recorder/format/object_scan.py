"""Finds the objects in the records of a block, and who refers to them, without decoding a value.

What is found are *sightings*: the number of an object, the event, and how it stands there. They are
columns of plain numbers, so that a trace of a million events can be held.
"""

import contextlib
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import defined
from pytest_recorder.format.events import CodeInfo
from pytest_recorder.format.frame_levels import FrameLevels
from pytest_recorder.format.limits import MAX_SIGHTINGS
from pytest_recorder.format.skip import READ_PLAIN, each_field, skip_value
from pytest_recorder.format.vocabulary import (
    EVENT_KINDS,
    MAX_BLOCK_FRAMES,
    MAX_NESTING,
    OP_FIELDS,
    Op,
    Tag,
)
from pytest_recorder.original_builtins import __builtins__


class How:
    """How an object stands in a record."""

    TOLD: Final = 0
    """Its record tells all that it holds; `holder` is the number of its type."""
    CHANGED: Final = 1
    """Its record tells what changed in it."""
    IN_VARIABLE: Final = 2
    """A variable holds it; `holder` is the number of the name."""
    IN_OBJECT: Final = 3
    """Another object holds it, by its own record; `holder` is the number of that one."""
    AS_RESULT: Final = 4
    """It was returned or yielded."""
    AS_EXCEPTION: Final = 5
    """It was raised, or came by."""


class Sighting(NamedTuple):
    """An object in a record: at which event, how (`How`), held by what, and where its record is."""

    n: int
    how: int
    holder: int
    at: int
    """Place in the block, in bytes: of the record for `TOLD` and `CHANGED`, of the value for what
    holds one that is written in place and no reference; else 0."""


class FrameFacts(NamedTuple):
    """What a block says of a frame."""

    code: int
    parent: int


class BlockSightings:
    """The sightings of one block, and where its events were.

    `frames`, `lines` and `kinds` have one entry for each event; a frame of 0 is none.
    """

    __slots__ = (
        "_events",
        "_holders",
        "_hows",
        "_numbers",
        "_order",
        "_places",
        "first",
        "frames",
        "is_cut",
        "kinds",
        "known_frames",
        "levels",
        "lines",
    )

    def __init__(self, first: int) -> None:
        self.first = first
        self.frames = array("Q")
        self.lines = array("q")
        self.kinds = bytearray()
        self.known_frames: dict[int, FrameFacts] = {}
        self.levels = FrameLevels()
        """The frames that show fewer levels of their values."""
        self.is_cut = False
        """Whether there were more than a reader holds at once."""
        self._numbers = array("Q")
        self._events = array("I")
        self._hows = bytearray()
        self._holders = array("Q")
        self._places = array("I")
        self._order: array[int] | None = None

    @property
    def weight(self) -> int:
        """How much it holds: events and sightings."""
        return len(self.frames) + len(self._numbers) + len(self.levels)

    def columns(self) -> tuple[Any, ...]:
        """Give all that it holds, to be compared."""
        events = (self.frames, self.lines, self.kinds, self.known_frames, self.is_cut)
        sightings = (self._numbers, self._events, self._hows, self._holders, self._places)
        return *events, self.levels.told(), *sightings

    def take(self, columns: tuple[Any, ...]) -> None:
        """Take in columns as the scan in C gives them."""
        frames, lines, kinds, numbers, events, hows, holders, places, *of_frames = columns
        self.frames.frombytes(frames)
        self.lines.frombytes(lines)
        self.kinds += kinds
        self._numbers.frombytes(numbers)
        self._events.frombytes(events)
        self._hows += hows
        self._holders.frombytes(holders)
        self._places.frombytes(places)
        known, codes, parents, of, since, levels = (
            array("Q", content) for content in of_frames[:6]
        )
        for number, code, parent in zip(known, codes, parents, strict=True):
            self.known_frames[number] = FrameFacts(code, parent)
        for frame, n, count in zip(of, since, levels, strict=True):
            self.levels.take(frame, count, self.first + n)
        self.is_cut = of_frames[6]

    def put(self, number: int, how: int, holder: int, at: int = 0) -> None:
        """Take in a sighting at the event that comes next."""
        if len(self._numbers) >= MAX_SIGHTINGS:
            self.is_cut = True
            return
        self._numbers.append(number)
        self._events.append(len(self.frames))
        self._hows.append(how)
        self._holders.append(holder)
        self._places.append(at)

    def end_event(self, op: int, frame: int, line: int) -> None:
        """Take in the event to which the sightings before it belong."""
        self.frames.append(frame)
        self.lines.append(line)
        self.kinds.append(op)

    def drop_open(self) -> None:
        """Forget the sightings of an event that did not come."""
        end = bisect_left(self._events, len(self.frames))
        for column in (self._numbers, self._events, self._hows, self._holders, self._places):
            del column[end:]

    def of(self, number: int) -> Iterator[Sighting]:
        """Give the sightings of an object, in order."""
        numbers = self._numbers
        if self._order is None:
            self._order = array("I", sorted(range(len(numbers)), key=numbers.__getitem__))
        order = self._order
        for at in range(bisect_left(order, number, key=numbers.__getitem__), len(order)):
            if numbers[order[at]] != number:
                return
            yield self._sighting(order[at])

    def at_event(self, n: int) -> Iterator[tuple[int, Sighting]]:
        """Give the sightings of an event, each with the number of its object."""
        start = bisect_left(self._events, n - self.first)
        for place in range(start, bisect_right(self._events, n - self.first, start)):
            yield self._numbers[place], self._sighting(place)

    def _sighting(self, place: int) -> Sighting:
        return Sighting(
            self.first + self._events[place],
            self._hows[place],
            self._holders[place],
            self._places[place],
        )

    def before(self, frame: int, n: int) -> int | None:
        """Give the last event of a frame below a number; None where the block has none."""
        size = self.frames.itemsize
        wanted, held = frame.to_bytes(size, sys.byteorder), memoryview(self.frames).cast("B")
        end = max(min(n - self.first, len(self.frames)), 0) * size
        for stop in range(end, 0, -_PIECE):
            # Pieces end where entries do, and so none is parted.
            piece = bytes(held[max(stop - _PIECE, 0) : stop])
            at = piece.rfind(wanted)
            while at >= 0 and (stop - len(piece) + at) % size:
                at = piece.rfind(wanted, 0, at + size - 1)
            if at >= 0:
                return self.first + (stop - len(piece) + at) // size
        return None


def scan_objects(
    data: bytes, codes: dict[int, CodeInfo], first: int, most: int, at: int = 0
) -> BlockSightings:
    """Walk the records of a block from byte `at` on; of a damaged one gives what is before that.

    `first` is the number of its first event, `most` how many it has.
    """
    scan = _Scan(data, codes, BlockSightings(first), at)
    with contextlib.suppress(Malformed):
        scan.run(most)
    scan.found.drop_open()
    return scan.found


class _Scan:
    """Walks one block."""

    def __init__(
        self, data: bytes, codes: dict[int, CodeInfo], found: BlockSightings, at: int
    ) -> None:
        self._cursor = Cursor(data, at)
        self._codes = codes
        self._lines: dict[int, int] = {}
        self.found = found

    def run(self, most: int) -> None:
        cursor, found, lines = self._cursor, self.found, self._lines
        frame = 0
        while cursor.at < cursor.end and len(found.frames) < most:
            start = cursor.at
            head = cursor.byte()
            op = head & Op.MASK
            is_here = op in _IN_A_FRAME
            if is_here:
                lines[frame] = _signed(defined(lines, frame, "frame") + cursor.zz())
            if op in (Op.FRAME, Op.CALL):
                is_here = op == Op.CALL
                frame = cursor.uv()
                self._frame(frame, op)
            elif op == Op.SWITCH:
                frame = cursor.uv()
                defined(lines, frame, "frame")
            elif op == Op.STATE:
                defined(lines, frame, "frame")
                self._pairs()
            elif op == Op.OBJECT:
                self._whole(start)
            elif op in _CHANGES:
                self._splice(op, start)
            elif op == Op.LEVELS:
                found.levels.take(cursor.uv(), cursor.uv(), found.first + len(found.frames))
            elif op in (Op.RETURN, Op.YIELD):
                cursor.uv()
                self._value(How.AS_RESULT, 0)
            elif op in (Op.THROW, Op.RAISE, Op.UNWIND):
                cursor.uv()
                cursor.uv()
                found.put(cursor.uv(), How.AS_EXCEPTION, 0)
                skip_value(cursor)
            elif op in OP_FIELDS:
                self._skip(OP_FIELDS[op], is_here)
            else:
                raise Malformed(f"unknown record {op}")
            if op not in EVENT_KINDS:
                continue
            if head & Op.CHANGES:
                defined(lines, frame, "frame")
                self._pairs()
                for _ in range(cursor.count()):
                    cursor.uv()
            place = (frame, lines[frame]) if is_here else (0, 0)
            found.end_event(op, *place)

    def _frame(self, number: int, op: int) -> None:
        cursor = self._cursor
        code, _, parent = cursor.uv(), cursor.uv(), cursor.uv()
        self.found.known_frames[number] = FrameFacts(code, parent)
        if len(self.found.known_frames) > MAX_BLOCK_FRAMES:
            raise Malformed("a block has more frames than one may have")
        other = cursor.uv()  # a line, or a time
        if op == Op.FRAME:
            self._lines[number] = _signed(other)
            return
        self._lines[number] = _signed(defined(self._codes, code, "code").first_line)
        self._pairs()

    def _pairs(self) -> None:
        cursor = self._cursor
        for _ in range(cursor.count()):
            self._value(How.IN_VARIABLE, cursor.uv())

    def _whole(self, start: int) -> None:
        cursor = self._cursor
        tag = cursor.byte()
        if tag not in _NUMBERED:
            raise Malformed("a record of an object holds none")
        kind, number = cursor.uv(), cursor.uv()
        self.found.put(number, How.TOLD, kind, start)
        self._inside(tag, number, 0)

    def _splice(self, op: int, start: int) -> None:
        cursor = self._cursor
        number = cursor.uv()
        self.found.put(number, How.CHANGED, 0, start)
        cursor.uv()
        cursor.byte()
        cursor.byte()
        cursor.uv()
        cursor.uv()
        self._parts(Tag.OBJECT if op == Op.ATTRIBUTES else Tag.SEQUENCE, number, 0, _WIDTH[op])

    def _value(self, how: int, holder: int, depth: int = 0) -> None:
        """Walk a value that stands somewhere: an object in it is a sighting."""
        cursor = self._cursor
        start = cursor.at
        tag = cursor.byte()
        if tag == Tag.REFERENCE:
            self.found.put(cursor.uv(), how, holder)
        elif tag in _NUMBERED:
            if depth > MAX_NESTING:
                raise Malformed("a value is nested too deep")
            cursor.uv()
            number = cursor.uv()
            self.found.put(number, how, holder, 0 if how == How.IN_OBJECT else start)
            self._inside(tag, number, depth)
        else:
            cursor.at -= 1
            skip_value(cursor, depth)

    def _inside(self, tag: int, number: int, depth: int) -> None:
        """Walk what a value has behind its type and number."""
        cursor = self._cursor
        if tag in (Tag.TEXT, Tag.SUBCLASS):
            skip_value(cursor, depth + 1)
        elif tag == Tag.OPAQUE:
            cursor.byte()
        else:
            cursor.uv()
            cursor.byte()
            self._parts(tag, number, depth, 2 if tag == Tag.MAPPING else 1)

    def _parts(self, tag: int, number: int, depth: int, width: int) -> None:
        cursor = self._cursor
        for _ in range(cursor.count()):
            if tag == Tag.OBJECT:
                cursor.uv()
            for _ in range(width):
                self._value(How.IN_OBJECT, number, depth + 1)

    def _skip(self, fields: str, is_here: bool) -> None:
        """Pass over a record in which no object stands."""
        for letter in each_field(self._cursor, fields[1:] if is_here else fields):
            _READ[letter](self._cursor)


def _signed(number: int) -> int:
    """Only bytes that are no recording of ours hold numbers for which this does anything."""
    return (number + 2**63 & 2**64 - 1) - 2**63


_PIECE: Final = 1 << 12  # a multiple of an entry's size
_IN_A_FRAME: Final = frozenset(op for op, fields in OP_FIELDS.items() if fields[:1] == "L")
_CHANGES: Final = frozenset((Op.ITEMS, Op.ENTRIES, Op.ATTRIBUTES))
_WIDTH: Final = {Op.ITEMS: 1, Op.ENTRIES: 2, Op.ATTRIBUTES: 1}
_NUMBERED: Final = frozenset(
    (Tag.SEQUENCE, Tag.MAPPING, Tag.OBJECT, Tag.TEXT, Tag.SUBCLASS, Tag.OPAQUE)
)
"""Values that start with a type and the number of an object."""
_READ: Final[dict[str, Callable[[Cursor], Any]]] = {
    **READ_PLAIN,
    **dict.fromkeys("vtx", skip_value),
}
