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
from pytest_recorder.format.events import Value
from pytest_recorder.format.frame_levels import FrameLevels
from pytest_recorder.format.limits import MAX_BLOCK_WORK, MAX_VALUE_PARTS
from pytest_recorder.format.object_paths import PathStep, path_to
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Reference, Splice
from pytest_recorder.format.value_decoder import (
    NOT_HELD_BYTE,
    ValueDecoder,
    show_container,
    why_cut,
)
from pytest_recorder.format.vocabulary import MAX_DEPTH, Reason
from pytest_recorder.original_builtins import __builtins__


class _Shown(NamedTuple):
    """A part as it is shown inside so many others."""

    value: Value
    size: int  # parts in it, at all depths
    lowest: int  # level of the outermost object that it refers back to
    versions: dict[int, int]  # of the objects that are open in it: which one was shown


class _Object:
    """What an object held, from which event on; and what was shown of it last, by depth.

    Of a change only the difference is kept. What an object held is put together when it is asked
    for, from the last whole content before: one is kept again and again, where the differences
    have become as large.
    """

    __slots__ = (
        "_at",
        "_behind",
        "_held",
        "_wholes",
        "length",
        "shown",
        "since",
        "tag",
        "told",
    )

    def __init__(self) -> None:
        self.since: list[int] = []
        self.told: list[Part | Splice] = []
        self.shown: dict[int, _Shown] = {}
        self._wholes: dict[int, Container] = {}  # by version
        self._behind = 0  # splices since the last of these
        self.length = -1  # of its parts
        self.tag = -1  # of a container; -1 where it is none
        self._at = -1  # the version that is put together in `_held`
        self._held: Container | None = None

    def put(self, n: int, whole: Part) -> None:
        """Take in all that it holds from an event on."""
        self.since.append(n)
        self.told.append(whole)
        self.length = self.tag = -1
        if isinstance(whole, Container):
            self.length, self.tag = len(whole.parts), whole.tag
        self._behind = 0

    def change(self, n: int, splice: Splice) -> None:
        """Take in what changes at an event."""
        self.since.append(n)
        self.told.append(splice)
        self.length += len(splice.came) - splice.gone
        self._behind += 1
        if self._behind >= max(_LEAST_BEHIND, self.length // 4):
            version = len(self.told) - 1
            held = self.content(version)
            if isinstance(held, Container):
                self._wholes[version] = held
                self._behind = 0

    def content(self, version: int) -> Part:
        """Give what it held."""
        if version == self._at and self._held is not None:
            return self._held
        start = version
        while start not in self._wholes and start != self._at:
            told = self.told[start]
            if not isinstance(told, Splice):
                break
            start -= 1
        told = self.told[start]
        held: Part
        if start in self._wholes:
            held = self._wholes[start]
        elif start == self._at and self._held is not None:
            held = self._held
        else:
            held = told  # type: ignore[assignment]
        if not isinstance(held, Container):
            return held
        if start < version:
            parts = list(held.parts)
            splice: Any = None
            for splice in self.told[start + 1 : version + 1]:
                parts[splice.first : splice.first + splice.gone] = splice.came
            held = held._replace(full=splice.full, reason=splice.reason, parts=tuple(parts))
        self._at, self._held = version, held
        return held

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
        self.levels = FrameLevels(self._depth)
        """Which frames show fewer levels than that."""
        self._objects: dict[int, _Object] = {}
        self._open: dict[int, int] = {}  # levels by number
        self._n = 0  # the event that is asked for
        self._work = 0  # parts that were shown so far, and objects in them that were counted

    # Records.

    def take(self, op: int, cursor: Cursor, n: int) -> ObjectRecord:
        """Take in a record of an object, which belongs to the event `n`."""
        record = self._values.record(op, cursor)
        number, told = record
        if not isinstance(told, Splice):
            self._objects.setdefault(number, _Object()).put(n, told)
            return record
        known: _Object = defined(self._objects, number, "object")
        if known.tag != told.tag:
            raise Malformed(f"object {number} has no such parts")
        if told.first + told.gone > known.length:
            raise Malformed(f"object {number} has not so many parts")
        if told.is_doubtful and told.gone < known.length:
            # What stands around the change is as it was, if at other places.
            told = told._replace(is_doubtful=False)
        known.change(n, told)
        return ObjectRecord(number, told)

    def check(self) -> None:
        """Tell by Malformed of a reference, since the last event, to an object nobody told of."""
        for number in self._values.met:
            if number not in self._objects:
                raise Malformed(f"object {number} is not defined")
        self._values.met.clear()

    def type_of(self, number: int) -> str | None:
        """Give the type of an object, None where nobody told of it."""
        known = self._objects.get(number)
        if known is None:
            return None
        told = known.told[0]
        return told["type"] if isinstance(told, dict) else told.type  # type: ignore[union-attr]

    def value_of(self, number: int, n: int) -> Value | None:
        """Give what an object was at an event, as a variable shows it; None if nobody told of it.

        Before the block first tells of it, it is as it was then.
        """
        known = self._objects.get(number)
        if known is None:
            return None
        return self.show(Reference(number), _NO_FRAME, max(n, known.since[0]))

    def path_to(
        self, part: Part, number: int, frame: int, n: int
    ) -> tuple[PathStep, ...] | None:
        """Give the shortest path from what a variable of a frame held to an object in it."""

        def held(other: int) -> Part | None:
            known = self._objects.get(other)
            return known.content(max(known.version(n), 0)) if known is not None else None

        return path_to(part, number, held, self._depth - self._start(frame, n))

    def is_doubtful(self, number: int, n: int) -> bool:
        """Tell whether what changed in an object at an event says that it may be another one."""
        known = self._objects.get(number)
        at = known.version(n) if known is not None else -1
        if known is None or at < 0 or known.since[at] != n:
            return False
        told = known.told[at]
        return isinstance(told, Splice) and told.is_doubtful

    # Showing.

    def show(self, part: Part, frame: int, n: int) -> Value:
        """Give the value of what a variable, argument or result of a frame held at an event."""
        if isinstance(part, dict):
            return part
        self._n = n
        self._open.clear()
        return self._part(part, self._start(frame, n)).value

    def _start(self, frame: int, n: int) -> int:
        """Give where on the way to the bound on depth the values of a frame begin."""
        levels = self.levels.at(frame, n)
        return 0 if levels is None else self._depth - levels

    def _part(self, part: Part, depth: int) -> _Shown:
        if isinstance(part, Reference):
            return self._object(part.number, depth)
        if isinstance(part, Container):
            return self._container(part, depth)
        return _Shown(part, 1, _NO_LEVEL, _NOTHING)

    def _object(self, number: int, depth: int) -> _Shown:
        known = self._objects[number]
        at = known.version(self._n)
        level = self._open.get(number)
        kept = known.shown.get(depth)
        if level is None and kept is not None and self._is_true(kept):
            return kept
        held = known.content(at)
        if not isinstance(held, Container):
            # A bytearray, for one: it has no parts, and changes.
            return _Shown(held, 1, _NO_LEVEL, {number: at})  # type: ignore[arg-type]
        if level is not None:
            return _Shown(show_container(held, (), why_cut(Reason.CYCLE)), 1, level, _NOTHING)
        if depth >= self._depth and held.full:
            return _Shown(
                show_container(held, (), why_cut(Reason.DEPTH)), 1, _NO_LEVEL, {number: at}
            )
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
                self._work += 1 + len(found.versions)
                lowest = min(lowest, found.lowest)
                versions.update(found.versions)
            if size > MAX_VALUE_PARTS or self._work > MAX_BLOCK_WORK:
                reason = NOT_HELD_BYTE
                break
            parts.append(group)
        return _Shown(show_container(held, parts, why_cut(reason)), size, lowest, versions)


class HeldValues(Mapping[str, Value]):
    """Values by name, as a frame had them at an event; shown when they are asked for."""

    __slots__ = ("_frame", "_n", "_states", "parts")

    def __init__(
        self, parts: dict[str, Part], states: ObjectStates, frame: int, n: int
    ) -> None:
        self.parts = parts
        self._states = states
        self._frame = frame
        self._n = n

    def is_held(self, name: str, value: Value) -> bool:
        """Tell whether a name holds this value: the same object, or an equal scalar."""
        part = self.parts.get(name)
        if part is None or isinstance(part, dict):
            return part == value
        return part.number == value.get("id")

    def path_to(self, number: int) -> tuple[str, tuple[PathStep, ...]] | None:
        """Give the name that holds an object, and the shortest path to it; None if none does."""
        return min(self.paths_to(number), key=lambda item: len(item[1]), default=None)

    def paths_to(self, number: int) -> list[tuple[str, tuple[PathStep, ...]]]:
        """Give the names in view of which an object is, each with the shortest path."""
        found: list[tuple[str, tuple[PathStep, ...]]] = []
        for name, part in self.parts.items():
            path = self._states.path_to(part, number, self._frame, self._n)
            if path is not None:
                found.append((name, path))
        return found

    def __getitem__(self, name: str) -> Value:
        return self._states.show(self.parts[name], self._frame, self._n)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __repr__(self) -> str:
        return repr(dict(self))


_NO_LEVEL: Final = 1 << 30
_NO_FRAME: Final = -1
_LEAST_BEHIND: Final = 64
"""Splices after which a whole content is kept."""
_NOTHING: Final[dict[int, int]] = {}
