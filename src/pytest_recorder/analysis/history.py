"""Looks back in a trace from any event, and reads no more of it than that takes.

Blocks are decoded when they are needed and the last few are held. What a look back may cost is
bounded by the number of events that are decoded; when it is used up, `is_exhausted` says so and the
searches end as if the trace began there.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_recorder.analysis.objects import objects_in
from pytest_recorder.format.decode import Frame
from pytest_recorder.format.events import Event, Value
from pytest_recorder.format.object_states import HeldValues

if TYPE_CHECKING:
    from pytest_recorder.tracefile.reader import Trace

MOST_EVENTS = 300_000
ALL_EVENTS = 1 << 60
"""What is asked for by name is looked for in all of a trace."""
_HELD_BLOCKS = 5
_HELD_WEIGHT = 600_000
"""Events, frames and parts of values in the blocks that are held: each takes some 300 bytes."""


@dataclass(slots=True)
class _Loaded:
    first: int
    events: list[Event]
    frames: dict[int, Frame]
    states: dict[int, HeldValues]
    weight: int
    by_frame: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    objects: dict[int, list[tuple[int, Value]]] | None = None

    def __post_init__(self) -> None:
        self.weight += len(self.frames)  # the lists below, one a frame
        for event in self.events:
            if event.frame is not None:
                self.by_frame.setdefault(event.frame, []).append(event.n)

    def event(self, n: int) -> Event:
        return self.events[n - self.first]

    def sights_of(self, number: int) -> list[tuple[int, Value]]:
        """Give the sights of an object: number of the event, and what the object was then."""
        if self.objects is None:
            self.objects = {}
            for event in self.events:
                for value in objects_in(event):
                    self.objects.setdefault(value["id"], []).append((event.n, value))
        return self.objects.get(number, [])


class History:
    """The past of a trace. Not for several threads at once."""

    def __init__(self, trace: "Trace", *, most_events: int = MOST_EVENTS) -> None:
        self.trace = trace
        outline = trace.outline()
        self._starts, self._parents, self.raises, self.fell_to = outline
        # What holds of the whole trace: where the level has fallen, changes are not all there.
        level = self.fell_to or trace.manifest.level
        self.has_changes = level == "values"
        self.has_lines = level != "calls"
        self.is_exhausted = False
        self._left = most_events
        self._ranges = trace.block_ranges()
        self._blocks: OrderedDict[int, _Loaded] = OrderedDict()
        self._held = 0

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
        held = block.states.get(frame)
        parts = dict(held.parts) if held is not None else {}
        for number in block.by_frame[frame]:
            if number > last.n:
                break
            event = block.event(number)
            for came in (event.args, event.changes):
                if isinstance(came, HeldValues):
                    held = came
                    parts.update(came.parts)
            for name in event.deleted:
                parts.pop(name, None)
        return held.others(parts, last.n) if held is not None else {}

    def sights(self, number: int, before: int) -> Iterator[tuple[Event, Value]]:
        """Give every sight of an object below an event, the latest first."""
        at = self._at(before - 1)
        while at >= 0:
            block = self._block(at)
            if block is None:
                return
            for n, value in reversed(block.sights_of(number)):
                if n < before:
                    yield block.event(n), value
            at -= 1

    # Blocks.

    def _at(self, n: int) -> int:
        return bisect_right(self._ranges, n, key=lambda block: block.start) - 1

    def _block_of(self, n: int) -> _Loaded | None:
        at = self._at(n)
        return self._block(at) if at >= 0 else None

    def _block(self, at: int) -> _Loaded | None:
        found = self._blocks.get(at)
        if found is not None:
            self._blocks.move_to_end(at)
            return found
        if self._left <= 0:
            self.is_exhausted = True
            return None
        self._left -= len(self._ranges[at])
        found = self._blocks[at] = _Loaded(self._ranges[at].start, *self.trace.read_block(at))
        self._held += found.weight
        while len(self._blocks) > _HELD_BLOCKS or (
            self._held > _HELD_WEIGHT and len(self._blocks) > 1
        ):
            self._held -= self._blocks.popitem(last=False)[1].weight
        return found

    def _earlier(self, at: int, block: _Loaded, frame: int) -> int:
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
