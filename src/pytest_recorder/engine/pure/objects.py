"""Knows the objects of a trace: writes each once, and after that what has changed in it.

PYTEST_DONT_REWRITE

An object is known by its address. No reference to it is kept: what is remembered is its number, how
it is read, and the bytes of what it held when it was last looked at. `look` goes from the variables
of a frame to all that is within the bound on depth, level by level, and writes what is new. Where a
level brings more objects than the bound allows, frames of this code show a level less from then on.

Addresses are used again. Where something refers anew to an address, and what is there has another
type or shares nothing with what was there, it is another object and gets another number.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.shapes import Shape, TypeReader
from pytest_recorder.format.primitives import uv, what_differs
from pytest_recorder.format.vocabulary import Op, Reason, Tag
from pytest_recorder.original_builtins import __builtins__

MOST_OBJECTS: Final = 1 << 14
"""Objects that are known at once. When there are more, those out of view are forgotten, and all if
those in view alone are more. Half as many may come before that is done again."""


class Content(NamedTuple):
    """What an object holds itself, as bytes; `parts` and `signature` have one for each part.

    Where `parts` is None, `leaf` is what stands behind the object's number in its value.
    """

    tag: int
    full: int = 0
    reason: int = Reason.WHOLE
    parts: tuple[bytes, ...] | None = None
    signature: tuple[Any, ...] = ()
    leaf: bytes = b""
    redacted: tuple[int, ...] = ()  # how much is hidden in each part

    def is_as(self, other: "Content") -> bool:
        """Tell whether both are written alike."""
        return (
            self.parts == other.parts
            and self.full == other.full
            and self.tag == other.tag
            and self.reason == other.reason
            and self.leaf == other.leaf
        )


class Known:
    """What is known of an object."""

    __slots__ = (
        "address",
        "block",
        "changed",
        "children",
        "content",
        "looked",
        "looked_depth",
        "number",
        "reader",
        "resized",
        "size",
        "told_whole",
    )

    def __init__(self, address: int, reader: TypeReader, number: int) -> None:
        self.address = address
        self.reader = reader
        self.number = uv(number)
        self.content: Content | None = None
        self.children: tuple[Known, ...] = ()
        self.size = -1
        # The last blocks that tell of it at all, and of what it holds.
        self.block = 0
        self.told_whole = 0
        # Numbers of looks: the last that came by, and those that found a change, and one that is
        # shown at the bound on depth.
        self.looked = 0
        self.looked_depth = 0
        self.changed = 0
        self.resized = 0


class Read(NamedTuple):
    """How objects are read, by the encoder of values."""

    content: Callable[[tuple[Any, TypeReader, "Iterable[Known]"]], Content]
    signature: Callable[[tuple[Any, TypeReader]], tuple[Any, ...]]
    size: Callable[[tuple[Any, TypeReader]], int]


class Objects:
    """The objects of one trace."""

    __slots__ = (
        "_block",
        "_bounds",
        "_full_at",
        "_levels",
        "_met",
        "_most",
        "_numbers",
        "_queue",
        "_read",
        "_table",
        "is_in_variable",
        "look_number",
        "redacted",
    )

    def __init__(self, bounds: Bounds, read: Read) -> None:
        self._bounds = bounds
        self._levels, self._most = bounds.depth, bounds.objects
        self._read = read
        self._table: dict[int, Known] = {}
        self._numbers = 0
        self._full_at = MOST_OBJECTS
        self._queue: list[tuple[Known, Any, int]] = []
        self._met: list[tuple[Known, Any]] = []  # by the content that is being read
        self._block = 0
        self.is_in_variable: Callable[[Known, Any], bool] = _is_in_none
        """Tells whether a variable of a frame that runs still refers to an object that it was seen
        to refer to."""
        self.look_number = 0
        self.redacted = 0
        """Values of which only the type was written."""

    def reset(self) -> None:
        """Forget everything: the next trace counts from the start."""
        self._table.clear()
        self._numbers = 0
        self._full_at = MOST_OBJECTS
        self.look_number = 0
        self.redacted = 0
        self.drop()

    # Numbers.

    def refer(self, value: Any, reader: TypeReader, held: Iterable[Known]) -> Known:
        """Give what is known of an object; `held` is what referred from here the last time."""
        known = self._table.get(id(value))
        if known is None or known.reader is not reader or self._is_another(known, value, held):
            self._numbers += 1
            known = self._table[id(value)] = Known(id(value), reader, self._numbers)
        self._met.append((known, value))
        return known

    def number_of(self, value: Any, reader: TypeReader) -> bytes:
        """Give the number of an object that is not looked at."""
        known = self.refer(value, reader, ())
        self._met.pop()
        return known.number

    def _is_another(self, known: Known, value: Any, held: Iterable[Known]) -> bool:
        """Tell whether there is another object at an address that something refers to anew."""
        content = known.content
        if content is None or known.looked == self.look_number:
            return False
        if any(one is known for one in held):
            return False
        old, new = content.signature, self._read.signature((value, known.reader))
        if old == new:
            return False
        return not any(map(_is_equal, old, new)) and not self.is_in_variable(known, value)

    # Looks.

    def begin(self, block: int, levels: int | None = None, *, is_bounded: bool = True) -> None:
        """Begin a look at a frame that showed so many levels the last time (None: all).

        In a block that has not told of an object, it is told of in full.
        """
        self._levels = self._bounds.depth if levels is None else levels
        self._most = self._bounds.objects if is_bounded else sys.maxsize
        self._block = block
        self.go_on()

    def go_on(self) -> None:
        """Look at and count what comes for itself, whatever is in view already."""
        self.look_number += 1
        self.drop()

    def take_met(self) -> tuple[Known, ...]:
        """Give the objects that a value refers to, which are in view now."""
        met, self._met = self._met, []
        self._enqueue(met, 0)
        return tuple(known for known, _ in met)

    def _enqueue(self, met: list[tuple[Known, Any]], depth: int) -> None:
        for known, value in met:
            if known.looked != self.look_number or known.looked_depth > depth:
                known.looked, known.looked_depth = self.look_number, depth
                self._queue.append((known, value, depth))

    def run(self) -> bytes:
        """Look at all that is in view, and give the records of what is new."""
        records: list[bytes] = []
        level = 0
        for known, value, depth in self._queue:  # grows meanwhile
            if depth != level and known.reader.shape in _HOLDERS:
                level = depth
                self._come_to(level)
            self._met = []
            if depth < self._levels:
                self._look(known, value, records)
            else:
                self._look_at_bound(known, value, records)
            self._enqueue(self._met, depth + 1)
        self.drop()
        return b"".join(records)

    def _come_to(self, level: int) -> None:
        """Show what is above a level only, where too much is in view down to it.

        What is on it is told: a later look ends above.
        """
        if 1 < level <= self._levels:
            holders = sum(known.reader.shape in _HOLDERS for known, _, _ in self._queue)
            if holders > self._most:
                self._levels = level - 1

    @property
    def levels(self) -> int | None:
        """How many levels of its values the frame shows that was looked at; None: all."""
        return self._levels if self._levels < self._bounds.depth else None

    def drop(self) -> None:
        """Let go of what was looked at."""
        self._queue = []
        self._met = []

    def _look_at_bound(self, known: Known, value: Any, records: list[bytes]) -> None:
        """Look only at the size of an object, where that tells enough."""
        size = self._read.size((value, known.reader))
        is_told = known.block == self._block
        if size <= 0 or (known.told_whole == self._block and known.size != size):
            self._look(known, value, records)
        elif not is_told or known.size != size:
            self._resize(known, size)
            known.block = self._block
            reader = known.reader
            head = bytes((Op.OBJECT, _TAGS[reader.shape])) + reader.type_id + known.number
            records.append(head + uv(size) + bytes((Reason.DEPTH,)) + uv(0))

    def _resize(self, known: Known, size: int) -> None:
        if known.size not in (-1, size):
            known.resized = self.look_number
        known.size = size

    def _look(self, known: Known, value: Any, records: list[bytes]) -> None:
        """Look at what an object holds itself."""
        old = known.content
        known.content = new = self._read.content((value, known.reader, known.children))
        known.children = tuple(child for child, _ in self._met)
        self._resize(known, new.full)
        is_same = old is not None and old.is_as(new)
        if old is not None and not is_same:
            known.changed = self.look_number
            if new.parts is None:
                known.resized = self.look_number  # all of it is shown at the bound too
        is_told, known.told_whole = known.told_whole == self._block, self._block
        known.block = self._block
        if is_told and is_same:
            return
        if is_told and old is not None and old.parts is not None and old.tag == new.tag:
            first, end = what_differs(old.parts, new.parts or ())
            self.redacted += sum(new.redacted[first : len(new.redacted) - end])
            records.append(_change(known.number, old, new, first, end))
            return
        self.redacted += sum(new.redacted)
        head = bytes((Op.OBJECT, new.tag)) + known.reader.type_id + known.number
        if new.parts is None:
            records.append(head + new.leaf)
        else:
            head += uv(new.full) + bytes((new.reason,)) + uv(len(new.parts))
            records.append(b"".join((head, *new.parts)))

    # What has changed.

    def newest(self, roots: Iterable[Known]) -> int:
        """Give the number of the last look that found a change in view of these objects."""
        newest = 0
        level, seen = list(roots), set[int]()
        for depth in range(self._levels + 1):
            below: list[Known] = []
            for known in level:
                if id(known) in seen:
                    continue
                seen.add(id(known))
                if depth < self._levels:
                    newest = max(newest, known.changed)
                    below += known.children
                else:
                    newest = max(newest, known.resized)
            level = below
        return newest

    @property
    def is_full(self) -> bool:
        """Whether `forget` is to be called before the next look."""
        return self._numbers > self._full_at

    def forget(self, roots: Iterable[Known]) -> None:
        """Forget all objects but those in view of what live frames were seen to hold."""
        kept: dict[int, Known] = {}
        level = list(roots)
        for depth in range(self._bounds.depth + 1):
            below: list[Known] = []
            for known in level:
                if id(known) not in kept:
                    kept[id(known)] = known
                    if depth == self._bounds.depth:
                        known.content, known.children, known.told_whole = None, (), 0
                    below += known.children
            level = below
        room = max(MOST_OBJECTS - len(kept), MOST_OBJECTS // 2)
        if len(kept) > MOST_OBJECTS:
            kept, room = {}, MOST_OBJECTS
        self._full_at = self._numbers + room
        self._table = {
            known.address: known
            for known in kept.values()
            if self._table.get(known.address) is known
        }


def _change(number: bytes, old: Content, new: Content, first: int, end: int) -> bytes:
    """Tell what has changed: the parts from the first to the last that differ."""
    before, after = old.parts or (), new.parts or ()
    least = min(len(before), len(after))
    came = after[first : len(after) - end]
    # Where nothing is as it was, it can be another object that got the address of the old one.
    is_doubtful = least > 0 and not any(map(_is_equal, before, after))
    head = bytes((_CHANGE_OF[new.tag],)) + number + uv(new.full)
    doubt = bytes((new.reason, is_doubtful))
    where = uv(first) + uv(len(before) - first - end) + uv(len(came))
    return b"".join((head, doubt, where, *came))


def _is_in_none(known: Known, value: Any) -> bool:
    return False


def _is_equal(one: Any, other: Any) -> bool:
    return bool(one == other)


_SEQUENCES: Final = (
    Shape.LIST,
    Shape.TUPLE,
    Shape.SET,
    Shape.FROZENSET,
    Shape.DEQUE,
    Shape.NAMED_TUPLE,
)
_HOLDERS: Final = frozenset((*_SEQUENCES, Shape.MAPPING, Shape.OBJECT, Shape.EXCEPTION))
"""What holds others: functions, classes and the like are many, and cost little."""
_TAGS: Final = dict.fromkeys(range(1, Shape.SCALAR + 1), Tag.OBJECT) | {
    Shape.MAPPING: Tag.MAPPING,
    **dict.fromkeys(_SEQUENCES, Tag.SEQUENCE),
}
"""How those are written that have parts."""
_CHANGE_OF: Final = {
    Tag.SEQUENCE: Op.ITEMS,
    Tag.MAPPING: Op.ENTRIES,
    Tag.OBJECT: Op.ATTRIBUTES,
}
