"""Answers what became of one object of a trace, and what held it, without decoding its events.

The blocks are walked once for the objects that stand in them, when somebody asks for the first
time. As many sightings are held as a reader holds at once; beyond that blocks are walked anew.
"""

import contextlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD
from pytest_recorder.format.object_changes import ObjectChange, ObjectFollower
from pytest_recorder.format.object_paths import PathStep
from pytest_recorder.format.object_scan import BlockSightings, How, Sighting
from pytest_recorder.format.parts import Container, ObjectRecord
from pytest_recorder.format.value_decoder import ValueDecoder
from pytest_recorder.format.vocabulary import EVENT_KINDS, MAX_DEPTH, Op
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.object_reach import MOST_HOLDERS, ObjectReach, Span, Spans
from pytest_recorder.tracefile.scan import ObjectScan

MOST_HELD: Final = 1 << 21
"""Events and sightings in the blocks that are held: with their frames each takes some 35 bytes."""

MOST_BYTES: Final = 1 << 23
"""Bytes of records that are held: those of the blocks that were read last."""


class Place(NamedTuple):
    """Where an event was: of which kind, in which frame, at which line."""

    n: int
    kind: str
    frame: int
    file: str | None
    line: int | None
    function: str | None


class Life(NamedTuple):
    """When an object was in view: the first and the last event that tell of it, or show it."""

    number: int
    type: str | None
    first: int
    last: int


class Holder(NamedTuple):
    """What held an object: a variable of a function, or the result of one.

    `how` is `variable`, `result` or `exception`; `name` is that of the variable, `path` what leads
    from what it held to the object. `first` and `last` are the first and the last event that show
    it so, in any of `frames` calls.
    """

    how: str
    file: str | None
    function: str | None
    name: str | None
    path: tuple[PathStep, ...]
    first: int
    last: int
    frames: int


class ObjectIndex:
    """The objects of a trace. Not for several threads at once.

    `ranges` are the numbers of the events of each block, `records` gives what a block holds.
    """

    def __init__(
        self,
        tables: DefinitionTables,
        ranges: Sequence[range],
        records: Callable[[int], bytes],
        depth: int,
    ) -> None:
        self._tables = tables
        self._ranges = ranges
        self._records = records
        self._depth = min(max(depth, 0), MAX_DEPTH)
        self._scan = ObjectScan(tables)
        self._blocks: OrderedDict[int, BlockSightings] = OrderedDict()
        self._held = 0
        self._data: OrderedDict[int, bytes] = OrderedDict()
        self._bytes = 0
        self._reach: ObjectReach | None = None
        self.is_cut = False
        """Whether an answer left something out: there was more than a reader holds at once."""

    # Questions.

    def life(self, number: int) -> Life | None:
        """Say when an object was in view; None where no event tells of this number."""
        first = next((s.n for _, s in self._sightings(number)), None)
        if first is None:
            return None
        last = next(s.n for _, s in self._sightings(number, is_reversed=True))
        for held, spans in self._reach_of(number).items():
            shown = self._shown_in(held, spans, is_reversed=True)
            last = max(last, next((s.n for _, s, _ in shown), last))
        kinds = (self._type_in(at, number) for at in range(len(self._ranges)))
        return Life(
            number, next((kind for kind in kinds if kind is not None), None), first, last
        )

    def changes(self, number: int) -> Iterator[ObjectChange]:
        """Say how an object came into view, and each change of it, in order.

        A trace of format 1 has no such records: there are none.
        """
        follower = ObjectFollower()
        with contextlib.suppress(Malformed):
            for at, n, record in self.told(number):
                change = follower.take(n, record, partial(self._type_in, at))
                if change is not None:
                    yield change

    def holders(self, number: int) -> list[Holder]:
        """Say what ever held an object, directly first, then through others, in order."""
        codes, names = self._tables.codes, self._tables.names
        found: dict[tuple[Any, ...], tuple[int, int, set[int]]] = {}
        for held, spans in self._reach_of(number).items():
            for block, sighting, span in self._shown_in(held, spans):
                how = _WORDS[sighting.how]
                if how != "variable" and span.path:
                    continue
                frame = block.frames[sighting.n - block.first]
                facts = block.known_frames.get(frame)
                code = facts.code if facts is not None else 0
                key = (how, code, sighting.holder, span.path)
                n = sighting.n
                first, last, frames = found.setdefault(key, (n, n, set()))
                frames.add(frame)
                # The objects by which a variable held it do not come in the order of events.
                found[key] = (min(first, n), max(last, n), frames)
        holders: list[Holder] = []
        for (how, code, name, path), (first, last, frames) in found.items():
            info = codes.get(code)
            file, function = (info.file, info.function) if info is not None else (None, None)
            word = names.get(name) if how == "variable" else None
            holders.append(Holder(how, file, function, word, path, first, last, len(frames)))
        return sorted(holders, key=lambda holder: (len(holder.path), holder.first))

    def names_at(self, number: int, n: int) -> list[tuple[str, tuple[PathStep, ...]]]:
        """Give the variables that event `n` shows with an object in view of them, and the path."""
        reach = self._reach_of(number)
        block = self._block(self.block_at(n))
        found: list[tuple[str, tuple[PathStep, ...]]] = []
        for other, sighting in block.at_event(n):
            if sighting.how != How.IN_VARIABLE or other not in reach:
                continue
            span = reach[other].at(n)
            if span is not None and _is_in_view(block, n, span):
                found.append((self._tables.names.get(sighting.holder, "?"), span.path))
        return sorted(found, key=lambda item: len(item[1]))

    def place(self, n: int) -> Place:
        """Say where an event was."""
        block = self._block(self.block_at(n))
        at = n - block.first
        frame = block.frames[at]
        kind = EVENT_KINDS.get(block.kinds[at], "")
        facts = block.known_frames.get(frame)
        info = self._tables.codes.get(facts.code) if facts is not None else None
        if info is None:
            return Place(n, kind, frame, None, None, None)
        return Place(n, kind, frame, info.file, block.lines[at], info.function)

    def maker(self, n: int) -> Place | None:
        """Say which line made what event `n` shows: that at which its frame was before.

        Before a `call` that is its caller. None where that was not recorded.
        """
        at = self.block_at(n)
        block = self._block(at)
        frame = block.frames[n - block.first]
        if block.kinds[n - block.first] == Op.CALL:
            facts = block.known_frames.get(frame)
            frame = facts.parent if facts is not None else 0
        while frame and at >= 0:
            before = block.before(frame, n)
            if before is not None:
                return self.place(before)
            at -= 1
            block = self._block(at) if at >= 0 else block
        return None

    # Records.

    def told(
        self, number: int, *, start: int = 0, is_reversed: bool = False
    ) -> Iterator[tuple[int, int, ObjectRecord]]:
        """Give block, event and content of each record of an object. Raises Malformed."""
        open_block, data, values = -1, b"", ValueDecoder(self._tables)
        for at, sighting in self._sightings(number, start=start, is_reversed=is_reversed):
            if sighting.how not in (How.TOLD, How.CHANGED):
                continue
            if at != open_block:
                open_block, data, values = at, self._bytes_of(at), ValueDecoder(self._tables)
            cursor = Cursor(data, sighting.at)
            op = cursor.byte() & Op.MASK
            yield at, sighting.n, values.record(op, cursor)

    def told_in(self, at: int, number: int) -> dict[int, bool]:
        """Give the events at which a block tells of an object, in order.

        Each with whether it tells what changed, and not all that it holds.
        """
        return {
            sighting.n: sighting.how == How.CHANGED
            for sighting in self._block(at).of(number)
            if sighting.how in (How.TOLD, How.CHANGED)
        }

    def block_at(self, n: int) -> int:
        """Give the place of the block that has an event."""
        return bisect_right(self._ranges, n, key=lambda block: block.start) - 1

    def _type_in(self, at: int, number: int) -> str | None:
        """Give the type of an object that a block tells of."""
        for sighting in self._block(at).of(number):
            if sighting.how == How.TOLD:
                found = self._tables.types.get(sighting.holder)
                return found[0] if found is not None else None
        return None

    # Ways to an object.

    def _reach_of(self, number: int) -> dict[int, Spans]:
        """Give the objects in view of which an object was, with the events at which."""
        if self._reach is None or self._reach.number != number:
            self._reach = ObjectReach(
                number, self._depth, self._holders_of, self._told_at, self._written
            )
        self.is_cut |= self._reach.is_cut
        return self._reach.spans

    def _shown_in(
        self, held: int, spans: Spans, *, is_reversed: bool = False
    ) -> Iterator[tuple[BlockSightings, Sighting, Span]]:
        """Give where a variable, result or exception shows an object with the other in view.

        Of an exception an event shows nothing that is in it.
        """
        for at, sighting in self._sightings(held, is_reversed=is_reversed):
            if sighting.how in _WORDS and (span := spans.at(sighting.n)) is not None:
                block = self._block(at)
                is_shown = sighting.how != How.AS_EXCEPTION or not span.path
                if is_shown and _is_in_view(block, sighting.n, span):
                    yield block, sighting, span

    def _told_at(self, number: int) -> Iterator[tuple[int, ObjectRecord]]:
        return ((n, record) for _, n, record in self.told(number))

    def _written(self, number: int) -> Iterator[tuple[int, Container]]:
        """Give what events show of a container that is written in place."""
        for at, sighting in self._sightings(number):
            if sighting.how in _WORDS and sighting.at:
                cursor = Cursor(self._bytes_of(at), sighting.at)
                part = ValueDecoder(self._tables).part(cursor)
                if isinstance(part, Container):
                    yield sighting.n, part

    def _holders_of(self, number: int) -> list[int]:
        """Give the objects that have another one in them by their records, or in place.

        Where it stands in a container that is written in place in a record, it is that of one
        further up.
        """
        found: dict[int, None] = {}
        told: dict[tuple[int, int], dict[int, bool]] = {}
        open_ones = [number]
        for held in open_ones:
            for at, sighting in self._sightings(held):
                holder = sighting.holder
                if sighting.how != How.IN_OBJECT:
                    if sighting.how in _WORDS and sighting.at and held != number:
                        found[held] = None
                    continue
                if (at, holder) not in told:
                    told[at, holder] = self.told_in(at, holder)
                if sighting.n in told[at, holder]:
                    found[holder] = None
                elif holder not in open_ones and len(open_ones) <= MOST_HOLDERS:
                    open_ones.append(holder)
        return list(found)

    # Blocks.

    def _sightings(
        self, number: int, *, start: int = 0, is_reversed: bool = False
    ) -> Iterator[tuple[int, Sighting]]:
        """Give each sighting of an object with its block, from a block on."""
        places = range(start, len(self._ranges))
        for at in reversed(places) if is_reversed else places:
            found = self._block(at).of(number)
            for sighting in reversed(list(found)) if is_reversed else found:
                yield at, sighting

    def _block(self, at: int) -> BlockSightings:
        found = self._blocks.get(at)
        if found is not None:
            self._blocks.move_to_end(at)
            return found
        events, data = self._ranges[at], self._bytes_of(at)
        skipped = min(len(data), EVENTS_HEAD.size)
        found = self._scan.find(data, events.start, len(events), skipped)
        self._blocks[at] = found
        self._held += found.weight
        self.is_cut |= found.is_cut
        while self._held > MOST_HELD and len(self._blocks) > 1:
            self._held -= self._blocks.popitem(last=False)[1].weight
        return found

    def _bytes_of(self, at: int) -> bytes:
        data = self._data.get(at)
        if data is not None:
            self._data.move_to_end(at)
            return data
        data = self._data[at] = self._records(at)
        self._bytes += len(data)
        while self._bytes > MOST_BYTES and len(self._data) > 1:
            self._bytes -= len(self._data.popitem(last=False)[1])
        return data


_WORDS: Final = {
    How.IN_VARIABLE: "variable",
    How.AS_RESULT: "result",
    How.AS_EXCEPTION: "exception",
}


def _is_in_view(block: BlockSightings, n: int, span: Span) -> bool:
    """Tell whether the frame of an event shows as many levels as lie on a way."""
    levels = block.levels.at(block.frames[n - block.first], n)
    return levels is None or len(span.path) <= levels
