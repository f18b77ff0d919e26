"""Holds a block of a trace that was decoded: its events, and the values of each frame in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_recorder.format.decode import NEVER, EventDecoder, Frame
from pytest_recorder.format.events import Event
from pytest_recorder.format.object_states import HeldValues, ObjectStates
from pytest_recorder.original_builtins import __builtins__


@dataclass(slots=True)
class Block:
    """A block that was decoded whole; of a damaged one what can be read.

    Values are shown when they are asked for. Where nothing changed in an object between two events,
    both show the same.
    """

    first: int
    events: list[Event]
    frames: dict[int, Frame]
    """The frames of its events, as they were at its end."""
    states: dict[int, HeldValues]
    """The values, at its start, of those that ran before."""
    objects: ObjectStates
    """The objects that it tells of."""
    fell_at: int = NEVER
    """The first event that nobody knows values of, for the level had fallen."""
    weight: int = 0
    """How many events it has, with the variables and parts of values in them."""
    by_frame: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """The numbers of the events of each frame."""

    @classmethod
    def decoded(cls, first: int, decoder: EventDecoder, events: Iterator[Event]) -> "Block":
        """Take in what a decoder gives."""
        block = cls(first, list(events), decoder.frames, decoder.states, decoder.objects)
        block.fell_at = decoder.fell_at
        told = 0
        for event in block.events:
            told += len(event.objects)
            if event.frame is not None:
                block.by_frame.setdefault(event.frame, []).append(event.n)
        # Twice the frames: they have the lists above. A record and what it tells are two things.
        block.weight = len(block.events) + 2 * len(block.frames) + 2 * told + decoder.weight
        return block

    def event(self, n: int) -> Event:
        """Give an event by its number."""
        return self.events[n - self.first]

    def values(self, frame: int, n: int) -> HeldValues | None:
        """Give all variables of a frame after its last event in the block up to and with `n`.

        None where nobody knows them.
        """
        if n >= self.fell_at:
            return None
        state = self.states.get(frame)
        parts = dict(state.parts) if state is not None else {}
        is_known = state is not None
        last = n
        for number in self.by_frame.get(frame, ()):
            if number > n:
                break
            event = self.event(last := number)
            for came in (event.args, event.changes):
                if isinstance(came, HeldValues):
                    is_known = True
                    parts.update(came.parts)
            for name in event.deleted:
                parts.pop(name, None)
        return HeldValues(parts, self.objects, frame, last) if is_known else None
