"""Says what held the objects of a trace, and when, from a search through all values of all events."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pytest_recorder.format.events import Event, Value
from pytest_recorder.format.parts import Container, Reference, Splice
from pytest_recorder.tracefile.decoded_block import Block
from pytest_recorder.tracefile.reader import Trace

Holding = tuple[str, str | None, str | None]
"""How, the function, and the name of the variable."""


class Shown(NamedTuple):
    """What an event shows of one variable, or as its result."""

    event: Event
    how: str
    name: str | None
    value: Value


class Held:
    """What became of one object."""

    def __init__(self) -> None:
        self.events: set[int] = set()
        """Those that show it, or tell of it."""
        self.names: dict[int, dict[str, int]] = {}
        """By event the variables in view of which it was, with the length of the way."""
        self.holders: dict[Holding, tuple[int, int, set[int]]] = {}
        """The first and the last event and the frames of each."""

    def take(self, shown: Shown, length: int) -> None:
        """Take in that a value has it in view."""
        n, frame = shown.event.n, shown.event.frame or 0
        self.events.add(n)
        if shown.how == "variable":
            self.names.setdefault(n, {})[str(shown.name)] = length
        elif length:
            return
        key = (shown.how, shown.event.function, shown.name)
        first, _, frames = self.holders.setdefault(key, (n, n, set()))
        self.holders[key] = (first, n, frames | {frame})


def search(trace: Trace) -> dict[int, Held]:
    """Look through everything."""
    found: dict[int, Held] = {}
    for at in range(len(trace.block_ranges())):
        block = trace.read_block(at)
        for shown in shown_in(block):
            for number, length in lengths(shown.value).items():
                found.setdefault(number, Held()).take(shown, length)
        for event in block.events:
            for number in told_at(event):
                found.setdefault(number, Held()).events.add(event.n)
    return found


def told_at(event: Event) -> Iterator[int]:
    """Give the objects that an event has a record of, and those that stand in it."""
    for number, told in event.objects:
        yield number
        groups = told.came if isinstance(told, Splice) else getattr(told, "parts", ())
        pieces: list[Any] = [piece for group in groups for piece in group]
        while pieces:
            piece = pieces.pop()
            if isinstance(piece, Container):
                pieces += [part for group in piece.parts for part in group]
            if isinstance(piece, (Reference, Container)):
                yield piece.number
            elif "id" in piece and isinstance(piece, dict):
                yield piece["id"]


def shown_in(block: Block) -> Iterator[Shown]:
    """Give the values that the events of a block show."""
    met: set[int | None] = set()
    for event in block.events:
        variables: dict[str, Value] = {}
        if event.frame not in met:
            variables |= block.states.get(event.frame or 0, {})
        met.add(event.frame)
        variables |= {**(event.args or {}), **event.changes}
        for name, value in variables.items():
            yield Shown(event, "variable", name, value)
        if event.value is not None:
            yield Shown(event, "result", None, event.value)
        if event.exception is not None:
            # What is in it is told by records, and not shown.
            yield Shown(event, "exception", None, {"id": event.exception.id})


def lengths(value: Value) -> dict[int, int]:
    """Give the objects in a value, each with the length of the shortest way to it."""
    found: dict[int, int] = {}
    level = [value]
    length = 0
    while level:
        for one in level:
            if "id" in one:
                found.setdefault(one["id"], length)
        level = [part for one in level for _, part in parts(one)]
        length += 1
    return found


def parts(value: Value) -> Iterator[tuple[Any, Value]]:
    """Give the parts of a value with their steps."""
    for name, item in value.get("attributes", {}).items():
        yield ("attr", name), item
    for key, item in value.get("entries", ()):
        yield ("item", _mark(key)), item
        yield ("key", _mark(key)), key
    fields = value.get("fields", ())
    for at, item in enumerate(value.get("items", ())):
        yield (("attr", fields[at]) if at < len(fields) else ("item", ("int", at))), item


def follow(value: Value, path: tuple[Any, ...]) -> list[Value]:
    """Give what a path leads to: more than one where keys that were cut are alike."""
    found = [value]
    for step in path:
        found = [part for one in found for its, part in parts(one) if its == step]
    return found


def _mark(key: Value) -> Any:
    return ("object", key["id"]) if "id" in key else (key["type"], key["value"])
