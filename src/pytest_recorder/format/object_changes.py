"""Says what became of objects from record to record: which parts came, went or were replaced.

Only what an object holds itself is told here; another object in it stands by its number and type.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pytest_recorder.format.events import Value
from pytest_recorder.format.limits import MAX_FOLLOWED_MOVES, MAX_FOLLOWED_PARTS
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Reference, Splice
from pytest_recorder.format.primitives import what_differs
from pytest_recorder.format.value_decoder import show_container, why_cut
from pytest_recorder.format.vocabulary import MAX_NESTING, Reason, Tag
from pytest_recorder.original_builtins import __builtins__

TypeOf = Callable[[int], str | None]
"""Gives the type of an object by its number, None where it is not known."""


class PartChange(NamedTuple):
    """A part that changed.

    `how` is `appended`, `inserted`, `added` (an item of a set, a key, an attribute), `removed` or
    `replaced`; `place` is `index`, `key`, `attribute`, `item` (of a set, `at` is None) or `value`
    (of an object without parts). `at` is the index, before the change where it was removed, the key
    as a value, or the name.
    """

    how: str
    place: str
    at: int | str | Value | None
    old: Value | None
    new: Value | None


class ObjectChange(NamedTuple):
    """What a record says that is new: an object came into view, or differs from what was told.

    `how` is `met`, `changed`, or `told`: what it holds, of an object that was in view before and
    could not be compared. `value` is all that it holds, None where only changes are told;
    `length_before` and `length` are true lengths, None for an object without parts. `is_doubtful`
    says that it may be another object that got the address of the first.
    """

    n: int
    number: int
    type: str
    how: str
    is_doubtful: bool
    value: Value | None
    length_before: int | None
    length: int | None
    parts: tuple[PartChange, ...]


class _Own:
    """What an object holds itself, as far as it is known."""

    __slots__ = ("full", "head", "parts")

    def __init__(
        self, head: Container | Value, parts: list[tuple[Any, ...]], full: int
    ) -> None:
        self.head = head  # the type of its value, or all of it where it has no parts
        self.parts = parts
        self.full = full


class ObjectFollower:
    """Compares what records tell, in the order of the events, also from block to block.

    What was told longest ago is forgotten when there is more than a reader holds at once.
    """

    def __init__(self) -> None:
        self._own: OrderedDict[int, _Own] = OrderedDict()
        self._held = 0
        self._moved = 0
        self._forgotten = 0  # the highest number of an object that is not known any more

    def take(self, n: int, record: ObjectRecord, type_of: TypeOf) -> ObjectChange | None:
        """Take in a record that belongs to an event; None where it tells nothing new."""
        number, told = record
        own = self._own.get(number)
        if own is not None:
            self._own.move_to_end(number)
        if isinstance(told, Splice):
            return self._splice(n, number, told, own, type_of)
        return self._whole(n, number, told, own, type_of)

    def _splice(
        self, n: int, number: int, told: Splice, own: _Own | None, type_of: TypeOf
    ) -> ObjectChange:
        first, end = told.first, told.first + told.gone
        if own is None or end > len(own.parts) or not isinstance(own.head, Container):
            # It is known that it changed, and not how.
            kind = type_of(number) or "object"
            return ObjectChange(
                n, number, kind, "changed", told.is_doubtful, None, None, told.full, ()
            )
        # What stands around the change is as it was, if at other places.
        is_doubtful = told.is_doubtful and told.gone == len(own.parts)
        came = [_own_part(part, type_of) for part in told.came]
        gone = own.parts[first:end]
        is_at_end = end == len(own.parts) == own.full
        before, own.full = own.full, told.full
        own.parts[first:end] = came
        self._held += len(came) - told.gone
        found = _differences(own.head, gone, came, first, is_at_end=is_at_end)
        change = ObjectChange(
            n,
            number,
            own.head.type,
            "changed",
            is_doubtful,
            None,
            before,
            told.full,
            tuple(found),
        )
        self._moved += len(came) + (0 if told.gone == len(came) else len(own.parts) - first)
        if self._moved > MAX_FOLLOWED_MOVES:
            self._forget(number)
        self._make_room()
        return change

    def _whole(
        self, n: int, number: int, told: Part, own: _Own | None, type_of: TypeOf
    ) -> ObjectChange | None:
        if not isinstance(told, Container):
            return self._leaf(n, number, told, own)
        is_head = told.reason == Reason.DEPTH and not told.parts
        parts = [_own_part(part, type_of) for part in told.parts]
        if own is None or not isinstance(own.head, Container) or own.head.tag != told.tag:
            self._keep(number, _Own(told._replace(parts=()), parts, told.full))
            return self._first(n, number, told, parts)
        before, own.full = own.full, told.full
        was_head = own.head.reason == Reason.DEPTH and not own.parts
        if is_head or was_head:
            if not is_head:
                self._keep(number, _Own(told._replace(parts=()), parts, told.full))
            if before == told.full:
                return None
            return ObjectChange(
                n, number, told.type, "changed", False, None, before, told.full, ()
            )
        old = own.parts
        self._keep(number, _Own(told._replace(parts=()), parts, told.full))
        if old == parts and before == told.full:
            return None
        first, end = what_differs(old, parts)
        gone, came = old[first : len(old) - end], parts[first : len(parts) - end]
        found = _differences(told, gone, came, first, is_at_end=end == 0 and before == len(old))
        is_doubtful = bool(old and parts) and first == end == 0
        return ObjectChange(
            n,
            number,
            told.type,
            "changed",
            is_doubtful,
            None,
            before,
            told.full,
            tuple(found),
        )

    def _leaf(self, n: int, number: int, told: Part, own: _Own | None) -> ObjectChange | None:
        value: Value = told  # type: ignore[assignment]
        before = own.head if own is not None else None
        self._keep(number, _Own(value, [], -1))
        kind = str(value.get("type", "object"))
        if before is None or isinstance(before, Container):
            how = self._how_first(number)
            return ObjectChange(n, number, kind, how, False, value, None, None, ())
        if before == value:
            return None
        part = PartChange("replaced", "value", None, before, value)
        return ObjectChange(n, number, kind, "changed", False, None, None, None, (part,))

    def _first(
        self, n: int, number: int, told: Container, parts: list[tuple[Any, ...]]
    ) -> ObjectChange:
        value = show_container(told, [list(part) for part in parts], why_cut(told.reason))
        how = self._how_first(number)
        return ObjectChange(n, number, told.type, how, False, value, None, told.full, ())

    def _how_first(self, number: int) -> str:
        # Numbers are given in the order in which objects come into view.
        return "told" if number <= self._forgotten else "met"

    # What is held.

    def _keep(self, number: int, own: _Own) -> None:
        known = self._own.pop(number, None)
        self._held += len(own.parts) + 1 - (len(known.parts) + 1 if known is not None else 0)
        self._own[number] = own
        self._make_room()

    def _make_room(self) -> None:
        while self._held > MAX_FOLLOWED_PARTS and len(self._own) > 1:
            self._forget(next(iter(self._own)))

    def _forget(self, number: int) -> None:
        self._held -= len(self._own.pop(number).parts) + 1
        self._forgotten = max(self._forgotten, number)


def _own_part(part: tuple[Part | str, ...], type_of: TypeOf) -> tuple[Any, ...]:
    return tuple(
        piece if isinstance(piece, str) else own_value(piece, type_of) for piece in part
    )


def own_value(part: Part, type_of: TypeOf, depth: int = 0) -> Value:
    """Give the JSON form of a part where other objects are told by type and number only."""
    if isinstance(part, Reference):
        return {"type": type_of(part.number) or "object", "id": part.number, "object": True}
    if not isinstance(part, Container):
        return part
    if depth > MAX_NESTING:
        return show_container(part, (), why_cut(Reason.DEPTH))
    parts = [
        [
            piece if isinstance(piece, str) else own_value(piece, type_of, depth + 1)
            for piece in group
        ]
        for group in part.parts
    ]
    return show_container(part, parts, why_cut(part.reason))


def _differences(
    head: Container,
    gone: list[tuple[Any, ...]],
    came: list[tuple[Any, ...]],
    first: int,
    *,
    is_at_end: bool,
) -> Iterator[PartChange]:
    """Name what differs between parts that are gone and those that came in their place."""
    if head.tag in (Tag.OBJECT, Tag.MAPPING):
        yield from _by_key(head.tag, gone, came)
    elif head.type in ("set", "frozenset"):
        yield from _of_set(gone, came)
    else:
        yield from _by_index(head, gone, came, first, is_at_end=is_at_end)


def _by_index(
    head: Container,
    gone: list[tuple[Any, ...]],
    came: list[tuple[Any, ...]],
    first: int,
    *,
    is_at_end: bool,
) -> Iterator[PartChange]:
    # Those that stayed at the start of the longer one are where they were: what differs in length
    # stands behind them.
    for at, (old,) in enumerate(gone[: len(came)], first):
        (new,) = came[at - first]
        if old != new:
            yield PartChange("replaced", *_place_in(head, at), old, new)
    common = min(len(gone), len(came))
    for at, (old,) in enumerate(gone[common:], first + common):
        yield PartChange("removed", *_place_in(head, at), old, None)
    for at, (new,) in enumerate(came[common:], first + common):
        how = "appended" if is_at_end else "inserted"
        yield PartChange(how, *_place_in(head, at), None, new)


def _place_in(head: Container, at: int) -> tuple[str, int | str]:
    return ("attribute", head.fields[at]) if at < len(head.fields) else ("index", at)


def _by_key(
    tag: int, gone: list[tuple[Any, ...]], came: list[tuple[Any, ...]]
) -> Iterator[PartChange]:
    place = "key" if tag == Tag.MAPPING else "attribute"
    before = {_mark(key): (key, item) for key, item in gone}
    after = {_mark(key): (key, item) for key, item in came}
    for mark, (key, old) in before.items():
        if mark not in after:
            yield PartChange("removed", place, key, old, None)
    for mark, (key, new) in after.items():
        if mark not in before:
            yield PartChange("added", place, key, None, new)
        elif before[mark][1] != new:
            yield PartChange("replaced", place, key, before[mark][1], new)


def _of_set(gone: list[tuple[Any, ...]], came: list[tuple[Any, ...]]) -> Iterator[PartChange]:
    before = {_mark(item): item for (item,) in gone}
    after = {_mark(item): item for (item,) in came}
    for mark, item in before.items():
        if mark not in after:
            yield PartChange("removed", "item", None, item, None)
    for mark, item in after.items():
        if mark not in before:
            yield PartChange("added", "item", None, None, item)


def _mark(key: Any) -> Any:
    """Give something to know a key by: its number, or all of it."""
    if isinstance(key, str):
        return key
    if "id" in key:
        return key["id"]
    return repr(key)
