"""Keeps what the objects of a block hold while its records pass, and shows values through them.

A record tells of one object what it holds itself: scalars in place, other objects by number. A
value is shown to the bound on depth by going from object to object, as they were at one event. What
was shown of an object is used again at other events, unless it or one in it has changed between.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import defined
from pytest_recorder.format.events import ObjectRecord, Value
from pytest_recorder.format.limits import MAX_VALUE_PARTS
from pytest_recorder.format.value_decoder import (
    NOT_HELD_BYTE,
    Container,
    Part,
    Reference,
    ValueDecoder,
    show_container,
    why_cut,
)
from pytest_recorder.format.vocabulary import MAX_DEPTH, Op, Reason, Tag
from pytest_recorder.original_builtins import __builtins__


class _Shown(NamedTuple):
    """A part as it is shown inside so many others."""

    value: Value
    size: int  # parts in it, at all depths
    lowest: int  # level of the outermost object that it refers back to
    versions: dict[int, int]  # of the objects that are open in it: which one was shown


class _Object:
    """What an object held, from which event on; and what was shown of it last, by depth."""

    __slots__ = ("contents", "shown", "since")

    def __init__(self) -> None:
        self.since: list[int] = []
        self.contents: list[Part] = []
        self.shown: dict[int, _Shown] = {}

    def version(self, n: int) -> int:
        """Give the place of what it held at an event; -1 where nothing is known."""
        if self.since[-1] <= n:
            return len(self.since) - 1
        return bisect_right(self.since, n) - 1


class ObjectStates:
    """The objects of one block.

    `depth` is the bound of the recording: levels of containers and objects that a value has open.
    """

    def __init__(self, values: ValueDecoder, depth: int) -> None:
        self._values = values
        self._depth = min(max(depth, 0), MAX_DEPTH)
        self._objects: dict[int, _Object] = {}
        self._open: dict[int, int] = {}  # levels by number
        self._n = 0  # the event that is asked for

    # Records.

    def take(self, op: int, cursor: Cursor, n: int) -> ObjectRecord:
        """Take in a record of an object, which belongs to the event `n`."""
        if op == Op.OBJECT:
            part = self._values.part(cursor)
            if isinstance(part, Container):
                number = part.number
            elif isinstance(part, dict) and "id" in part:
                number = part["id"]
            else:
                raise Malformed("a record of an object holds none")
            self._put(number, part, n)
            return ObjectRecord(number, is_whole=True)
        number, full, reason = cursor.uv(), cursor.uv(), cursor.byte()
        if reason != Reason.WHOLE and why_cut(reason) is None:
            raise Malformed(f"unknown reason {reason}")
        is_doubtful, first, gone = cursor.byte() != 0, cursor.uv(), cursor.uv()
        known: _Object = defined(self._objects, number, "object")
        held = known.contents[-1]
        if not isinstance(held, Container) or held.tag != _TAG_OF[op]:
            raise Malformed(f"object {number} has no such parts")
        if first + gone > len(held.parts):
            raise Malformed(f"object {number} has not so many parts")
        came, is_cut = self._values.parts(cursor, held.tag)
        parts = (*held.parts[:first], *came, *held.parts[first + gone :])
        why = NOT_HELD_BYTE if is_cut else reason
        self._put(number, held._replace(full=full, reason=why, parts=parts), n)
        return ObjectRecord(number, False, is_doubtful, first, gone, len(came))

    def _put(self, number: int, content: Part, n: int) -> None:
        known = self._objects.setdefault(number, _Object())
        known.since.append(n)
        known.contents.append(content)

    def check(self) -> None:
        """Tell by Malformed of a reference, since the last event, to an object nobody told of."""
        for number in self._values.met:
            if number not in self._objects:
                raise Malformed(f"object {number} is not defined")
        self._values.met.clear()

    # Showing.

    def show(self, part: Part, n: int) -> Value:
        """Give the value of what a variable, argument or result held at an event."""
        if isinstance(part, dict):
            return part
        self._n = n
        self._open.clear()
        return self._part(part, 0).value

    def _part(self, part: Part, depth: int) -> _Shown:
        if isinstance(part, Reference):
            return self._object(part.number, depth)
        if isinstance(part, Container):
            return self._container(part, depth)
        return _Shown(part, 1, _NO_LEVEL, _NOTHING)

    def _object(self, number: int, depth: int) -> _Shown:
        known = self._objects[number]
        at = known.version(self._n)
        held = known.contents[at]
        if not isinstance(held, Container):
            # A bytearray, for one: it has no parts, and changes.
            return _Shown(held, 1, _NO_LEVEL, {number: at})  # type: ignore[arg-type]
        level = self._open.get(number)
        if level is not None:
            return _Shown(show_container(held, (), why_cut(Reason.CYCLE)), 1, level, _NOTHING)
        if depth >= self._depth and held.full:
            return _Shown(
                show_container(held, (), why_cut(Reason.DEPTH)), 1, _NO_LEVEL, {number: at}
            )
        kept = known.shown.get(depth)
        if kept is not None and self._is_true(kept):
            return kept
        level = self._open[number] = len(self._open)
        found = self._container(held, depth)
        del self._open[number]
        found.versions[number] = at
        if found.lowest < level:
            return found  # on another way it would be shown otherwise
        known.shown[depth] = found._replace(lowest=_NO_LEVEL)
        return known.shown[depth]

    def _is_true(self, shown: _Shown) -> bool:
        """Tell whether what was shown at another event can be shown here."""
        objects, n = self._objects, self._n
        for number, at in shown.versions.items():
            if objects[number].version(n) != at:
                return False
        return not any(number in shown.versions for number in self._open)

    def _container(self, held: Container, depth: int) -> _Shown:
        lowest, size, reason = _NO_LEVEL, 1, held.reason
        versions: dict[int, int] = {}
        parts: list[list[Any]] = []
        for part in held.parts:
            group: list[Any] = []
            for piece in part:
                if isinstance(piece, str):
                    group.append(piece)
                    continue
                found = self._part(piece, depth + 1)
                group.append(found.value)
                size += found.size
                lowest = min(lowest, found.lowest)
                versions.update(found.versions)
            if size > MAX_VALUE_PARTS:
                reason = NOT_HELD_BYTE
                break
            parts.append(group)
        return _Shown(show_container(held, parts, why_cut(reason)), size, lowest, versions)


class HeldValues(Mapping[str, Value]):
    """Values by name, as they were at an event; shown when they are asked for."""

    __slots__ = ("_n", "_states", "parts")

    def __init__(self, parts: dict[str, Part], states: ObjectStates, n: int) -> None:
        self.parts = parts
        self._states = states
        self._n = n

    def others(self, parts: dict[str, Part], n: int) -> dict[str, Value]:
        """Give other values of the same block, as they were at an event."""
        return {name: self._states.show(part, n) for name, part in parts.items()}

    def __getitem__(self, name: str) -> Value:
        return self._states.show(self.parts[name], self._n)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __repr__(self) -> str:
        return repr(dict(self))


_NO_LEVEL: Final = 1 << 30
_NOTHING: Final[dict[int, int]] = {}
_TAG_OF: Final = {Op.ITEMS: Tag.SEQUENCE, Op.ENTRIES: Tag.MAPPING, Op.ATTRIBUTES: Tag.OBJECT}
