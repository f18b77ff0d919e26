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
from pytest_recorder.format.object_paths import PathStep, step_to
from pytest_recorder.format.object_scan import BlockSightings, How, Sighting
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Reference, Splice
from pytest_recorder.format.value_decoder import ValueDecoder
from pytest_recorder.format.vocabulary import EVENT_KINDS, Op
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.scan import ObjectScan

MOST_HELD: Final = 1 << 21
"""Events and sightings in the blocks that are held: with their frames each takes some 35 bytes."""
MOST_HOLDERS: Final = 300
"""Objects on the ways to an object that are looked at."""
MOST_WORK: Final = 1 << 18
"""Parts of records that are read for the ways to an object, and spans that are compared."""


class Place(NamedTuple):
    """Where an event was: of which kind, in which frame, at which line."""

    n: int
    kind: str
    frame: int
    file: str | None
    line: int | None
    function: str | None


class Life(NamedTuple):
    """When an object was in view: the first and the last event that tell of it."""

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


class _Span(NamedTuple):
    """The events, from `start` up to but without `stop`, in which a path led to an object."""

    start: int
    stop: int
    path: tuple[PathStep, ...]


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
        self._depth = depth
        self._scan = ObjectScan(tables)
        self._blocks: OrderedDict[int, BlockSightings] = OrderedDict()
        self._held = 0
        self._reach: tuple[int, dict[int, list[_Span]]] | None = None
        self._left = 0  # of the work on it
        self.is_cut = False
        """Whether an answer left something out: there was more than a reader holds at once."""

    # Questions.

    def life(self, number: int) -> Life | None:
        """Say when an object was in view; None where no event tells of this number."""
        first = next((s.n for _, s in self._sightings(number)), None)
        if first is None:
            return None
        last = next(s.n for _, s in self._sightings(number, is_reversed=True))
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
            for at, sighting in self._sightings(held):
                how = _WORDS.get(sighting.how)
                span = _span_at(spans, sighting.n)
                if how is None or span is None or (how != "variable" and span.path):
                    continue
                block = self._block(at)
                if not _is_in_view(block, sighting.n, span):
                    continue
                frame = block.frames[sighting.n - block.first]
                facts = block.known_frames.get(frame)
                code = facts.code if facts is not None else 0
                key = (how, code, sighting.holder, span.path)
                first, _, frames = found.setdefault(key, (sighting.n, 0, set()))
                frames.add(frame)
                found[key] = (first, sighting.n, frames)
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
            span = _span_at(reach.get(other, []), n)
            if sighting.how != How.IN_VARIABLE or span is None:
                continue
            if _is_in_view(block, n, span):
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
                open_block, data, values = at, self._records(at), ValueDecoder(self._tables)
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

    def _reach_of(self, number: int) -> dict[int, list[_Span]]:
        """Give the objects in view of which an object was, with the spans of events in which."""
        if self._reach is not None and self._reach[0] == number:
            return self._reach[1]
        reach: dict[int, list[_Span]] = {number: [_Span(0, _END, ())]}
        level, self._left = [number], MOST_WORK
        with contextlib.suppress(Malformed):
            for _ in range(self._depth):
                above: dict[int, list[_Span]] = {}
                for held in level:
                    for holder in self._holders_of(held):
                        if holder in reach:
                            continue
                        if len(reach) + len(above) > MOST_HOLDERS or self._left < 0:
                            self.is_cut = True
                            break
                        spans = self._cross(self._spans(holder, held), reach[held])
                        above[holder] = sorted([*above.get(holder, ()), *spans])
                reach |= above
                level = list(above)
        self._reach = (number, reach)
        return reach

    def _holders_of(self, number: int) -> list[int]:
        found = (s.holder for _, s in self._sightings(number) if s.how == How.IN_OBJECT)
        return list(dict.fromkeys(found))

    def _spans(self, holder: int, held: int) -> list[_Span]:
        """Give the spans of events in which an object itself held another."""
        spans: list[_Span] = []
        parts: list[tuple[Part | str, ...]] = []
        head: Container | None = None
        here: tuple[int, PathStep] | None = None
        for _, n, (_, told) in self.told(holder):
            if isinstance(told, Splice):
                if head is None:
                    continue
                self._left -= len(told.came)
                parts[told.first : told.first + told.gone] = told.came
            elif isinstance(told, Container):
                head, parts = told, list(told.parts)
            # What is looked through again, and may move.
            self._left -= len(parts)
            if self._left < 0:
                self.is_cut = True
                break
            step = _step_to(head, parts, held)
            if here is not None and (step is None or step != here[1]):
                spans.append(_Span(here[0], n, (here[1],)))
                here = None
            if here is None and step is not None:
                here = (n, step)
        if here is not None:
            spans.append(_Span(here[0], _END, (here[1],)))
        return spans

    def _cross(self, outer: list[_Span], inner: list[_Span]) -> list[_Span]:
        """Give the spans in which one thing held another while that held a third."""
        found: list[_Span] = []
        for span in outer:
            for other in inner:
                self._left -= 1
                if other.start >= span.stop or self._left < 0:
                    break
                start, stop = max(span.start, other.start), min(span.stop, other.stop)
                if start < stop:
                    found.append(_Span(start, stop, (*span.path, *other.path)))
        return found

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
        events, data = self._ranges[at], self._records(at)
        skipped = min(len(data), EVENTS_HEAD.size)
        found = self._scan.find(data, events.start, len(events), skipped)
        self._blocks[at] = found
        self._held += found.weight
        self.is_cut |= found.is_cut
        while self._held > MOST_HELD and len(self._blocks) > 1:
            self._held -= self._blocks.popitem(last=False)[1].weight
        return found


_END: Final = 1 << 62
_MOST_BACK: Final = 8
_WORDS: Final = {
    How.IN_VARIABLE: "variable",
    How.AS_RESULT: "result",
    How.AS_EXCEPTION: "exception",
}


def _span_at(spans: list[_Span], n: int) -> _Span | None:
    """Give a span that covers an event, of spans in order; few overlap."""
    at = bisect_right(spans, n, key=lambda span: span.start)
    for span in reversed(spans[max(at - _MOST_BACK, 0) : at]):
        if n < span.stop:
            return span
    return None


def _is_in_view(block: BlockSightings, n: int, span: _Span) -> bool:
    """Tell whether the frame of an event shows as many levels as lie on a way."""
    levels = block.levels.at(block.frames[n - block.first], n)
    return levels is None or len(span.path) <= levels


def _step_to(
    head: Container | None, parts: list[tuple[Part | str, ...]], number: int
) -> PathStep | None:
    """Give the step from what an object holds to another one in it."""
    wanted = Reference(number)
    for at, part in enumerate(parts if head is not None else ()):
        if part[-1] == wanted and head is not None:
            return step_to(head, at, part)
    return None
