"""Looks back in a trace from any event, and reads no more of it than that takes.

Blocks are decoded when they are needed and the last few are held. What a look back may cost is
bounded by the number of events that are decoded; when it is used up, `is_exhausted` says so and the
searches end as if the trace began there.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pytest_recorder.analysis.objects import PathStep, objects_in, paths_to
from pytest_recorder.format.events import Event, Value
from pytest_recorder.tracefile.decoded_block import Block

if TYPE_CHECKING:
    from pytest_recorder.tracefile.reader import Trace

MOST_EVENTS = 300_000
ALL_EVENTS = 1 << 60
"""What is asked for by name is looked for in all of a trace."""
_LOOK_COST = 8
"""How much more it takes to decode a block than to look for the objects in it, at least."""
_HELD_BLOCKS = 5
_HELD_WEIGHT = 600_000
"""Events, frames and parts of values in the blocks that are held: each takes some 300 bytes."""


class Telling(NamedTuple):
    """What a record tells of an object, with the event that it belongs to."""

    event: Event
    value: Value
    is_change: bool
    """Whether it says what changed, and not all that the object holds."""
    is_doubtful: bool
    """Whether it may be another object at the same address."""


class History:
    """The past of a trace. Not for several threads at once."""

    def __init__(self, trace: "Trace", *, most_events: int = MOST_EVENTS) -> None:
        self.trace = trace
        outline = trace.outline()
        self._starts, self._parents, self.raises, self.fell_to = outline
        # What holds of the whole trace: where the level has fallen, changes are not all there.
        level = self.fell_to or trace.manifest.level
        self.has_changes = level == "values"
        self.has_records_of_objects = trace.manifest.format > 1
        self.has_lines = level != "calls"
        self.is_exhausted = False
        self._left = most_events
        self._ranges = trace.block_ranges()
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._held = 0
        self._looked_into: set[int] = set()
        self._sights: dict[int, dict[int, list[tuple[int, Value]]]] = {}

    def __len__(self) -> int:
        return self._ranges[-1].stop if self._ranges else 0

    # Events.

    def event(self, n: int) -> Event | None:
        """Give one event; None where it cannot be read or the budget is used up."""
        block = self._block_of(n)
        if block is None or not block.first <= n < block.first + len(block.events):
            return None
        return block.event(n)

    def backwards(self, before: int, *, most: int | None = None) -> Iterator[Event]:
        """Give all events below a number, the latest first, `most` of them at most."""
        end = min(before, len(self))
        stop = 0 if most is None else max(0, end - most)
        at = self._at(end - 1)
        while at >= 0:
            block = self._block(at)
            if block is None:
                return
            for n in range(min(end, block.first + len(block.events)) - 1, block.first - 1, -1):
                if n < stop:
                    return
                yield block.event(n)
            at -= 1

    def between(self, start: int, stop: int) -> Iterator[Event]:
        """Give the events from `start` up to but without `stop`, in order."""
        for at in range(max(self._at(start), 0), len(self._ranges)):
            if self._ranges[at].start >= stop:
                return
            block = self._block(at)
            if block is None:
                return
            for event in block.events[max(start - block.first, 0) :]:
                if event.n >= stop:
                    return
                yield event

    def of_frame(self, frame: int, before: int) -> Iterator[Event]:
        """Give the events of a frame below a number, the latest first."""
        at = self._at(before - 1)
        start = self._starts.get(frame, 0)
        while at >= 0 and self._ranges[at].stop > start:
            block = self._block(at)
            if block is None:
                return
            numbers = block.by_frame.get(frame, [])
            for index in range(bisect_left(numbers, before) - 1, -1, -1):
                event = block.event(numbers[index])
                yield event
                if event.kind == "call":
                    return
            at = self._earlier(at, block, frame)

    def before(self, frame: int, n: int) -> Event | None:
        """Give the last event of a frame below a number."""
        return next(self.of_frame(frame, n), None)

    def after(self, frame: int, n: int) -> Event | None:
        """Give the first event of a frame above a number, if it is not far away."""
        at = self._at(n)
        for place in range(at, min(at + 2, len(self._ranges))):
            block = self._block(place)
            if block is None:
                return None
            numbers = block.by_frame.get(frame, [])
            index = bisect_right(numbers, n)
            if index < len(numbers):
                return block.event(numbers[index])
        return None

    def call_of(self, frame: int, before: int) -> Event | None:
        """Give the `call` event of a frame; None where it has none that can be found."""
        start = self._starts.get(frame)
        if start is not None:
            event = self.event(start)
            return event if event is not None and event.kind == "call" else None
        found = None
        for found in self.of_frame(frame, before):
            if found.kind == "call":
                return found
        return None

    def start_of(self, frame: int) -> int | None:
        """Give the number of a frame's first event, where the index tells it."""
        return self._starts.get(frame)

    def parent_of(self, frame: int, n: int) -> int | None:
        """Give the frame that called a frame which has an event near `n`."""
        block = self._block_of(n)
        held = block.frames.get(frame) if block is not None else None
        return (held.parent if held is not None else self._parents.get(frame)) or None

    # Values.

    def values(self, frame: int, n: int) -> dict[str, Value]:
        """Give the values that a frame had after its last event up to and with `n`."""
        last = self.before(frame, n + 1)
        block = self._block_of(last.n) if last is not None else None
        if last is None or block is None:
            return {}
        if not self.has_changes:
            return dict(last.args or {})
        return dict(block.values(frame, last.n) or {})

    def path_to(
        self, number: int, frame: int, n: int
    ) -> tuple[str, tuple[PathStep, ...]] | None:
        """Give the name by which a frame held an object after its last event up to `n`."""
        if not self.has_records_of_objects:
            return _shortest_path(number, self.values(frame, n))
        last = self.before(frame, n + 1) if self.has_changes else None
        block = self._block_of(last.n) if last is not None else None
        held = block.values(frame, n) if block is not None else None
        return held.path_to(number) if held is not None else None

    # Objects.

    def tellings(self, number: int, before: int) -> Iterator[Telling]:
        """Give what the records below an event tell of an object, the latest first.

        Only the blocks that tell of it are decoded.
        """
        objects = self.trace.objects
        at = self._at(before - 1)
        while at >= 0 and self._may_look_into(at):
            told = {n: how for n, how in objects.told_in(at, number).items() if n < before}
            block = self._block(at) if told else None
            if told and block is None:
                return
            for n, is_change in reversed(told.items()):
                if block is None or n >= block.first + len(block.events):
                    continue
                value = block.objects.value_of(number, n)
                if value is not None:
                    is_doubtful = block.objects.is_doubtful(number, n)
                    yield Telling(block.event(n), value, is_change, is_doubtful)
            at -= 1

    def value_before(self, number: int, told: Event, n: int) -> Value | None:
        """Give what an object was just before event `n`, when event `told` was the last to tell."""
        block = self._block_of(told.n)
        if block is None:
            return None
        last = min(n, block.first + len(block.events)) - 1
        return block.objects.value_of(number, max(last, told.n))

    def sights(self, number: int, before: int) -> Iterator[tuple[Event, Value]]:
        """Give every sight of an object below an event, the latest first.

        Traces of format 1 have no records of objects: all values are looked through.
        """
        at = self._at(before - 1)
        while at >= 0:
            block = self._block(at)
            if block is None:
                return
            if at not in self._sights:
                self._sights[at] = _sights_in(block)
            for n, value in reversed(self._sights[at].get(number, ())):
                if n < before:
                    yield block.event(n), value
            at -= 1

    # Blocks.

    def _at(self, n: int) -> int:
        return bisect_right(self._ranges, n, key=lambda block: block.start) - 1

    def _block_of(self, n: int) -> Block | None:
        at = self._at(n)
        return self._block(at) if at >= 0 else None

    def _block(self, at: int) -> Block | None:
        found = self._blocks.get(at)
        if found is not None:
            self._blocks.move_to_end(at)
            return found
        if self._left <= 0:
            self.is_exhausted = True
            return None
        self._left -= len(self._ranges[at])
        found = self._blocks[at] = self.trace.read_block(at)
        self._held += found.weight
        while len(self._blocks) > _HELD_BLOCKS or (
            self._held > _HELD_WEIGHT and len(self._blocks) > 1
        ):
            gone, block = self._blocks.popitem(last=False)
            self._held -= block.weight
            self._sights.pop(gone, None)
        return found

    def _may_look_into(self, at: int) -> bool:
        """Tell whether the objects in a block can be looked for within the budget."""
        if at in self._blocks or at in self._looked_into:
            return True
        if self._left <= 0:
            self.is_exhausted = True
            return False
        self._left -= len(self._ranges[at]) // _LOOK_COST
        self._looked_into.add(at)
        return True

    def _earlier(self, at: int, block: Block, frame: int) -> int:
        """Give the block to look at next for a frame.

        While a callee runs its callers do nothing: the way to them is to where it was called.
        """
        if not block.events:
            return at - 1
        number = block.events[0].frame or 0
        for _ in range(1_000):
            held = block.frames.get(number)
            parent = held.parent if held is not None else self._parents.get(number, 0)
            if parent == frame:
                start = self._starts.get(number)
                return at - 1 if start is None else min(at - 1, self._at(start))
            if not parent:
                break
            number = parent
        return at - 1


def _shortest_path(
    number: int, values: dict[str, Value]
) -> tuple[str, tuple[PathStep, ...]] | None:
    paths = ((name, paths_to(value, number)) for name, value in values.items())
    found = [(name, path) for name, path in paths if path is not None]
    return min(found, key=lambda item: len(item[1]), default=None)


def _sights_in(block: Block) -> dict[int, list[tuple[int, Value]]]:
    """Give the sights of each object: number of the event, and what the object was then."""
    found: dict[int, list[tuple[int, Value]]] = {}
    for event in block.events:
        for value in objects_in(event):
            found.setdefault(value["id"], []).append((event.n, value))
    return found
