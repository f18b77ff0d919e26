"""Runs one random program with each tracer, and compares what they say of each event."""

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from pytest_recorder.format.events import Event
from pytest_recorder.testing import Recorded, record
from pytest_recorder.tracefile import spool
from tests.fuzz_values import program, witness
from tests.fuzz_values.witness import Value

ENGINES = ("monitoring/native", "monitoring/python")


class Difference(AssertionError):
    """A recording is not what was seen."""


class Told(NamedTuple):
    """An event of a recording, with all values of its frame by what events say has changed."""

    event: Event
    values: dict[str, Value]
    before: dict[str, Value] | None  # at the frame's event before
    changed: set[int]  # the objects that were told of since then


class Case:
    """One program; a text of its own, or a random one. `bounds` are others than it has."""

    def __init__(self, seed: int, folder: Path, text: str = "", **bounds: int) -> None:
        self.seed = seed
        self.bounds = (program.bounds(seed) if not text else program.DEFAULT) | bounds
        self.text = text or program.Maker(seed).program()
        self.path = folder / f"program_{seed}.py"
        self.path.write_text(self.text, encoding="utf-8")
        self._code = compile(self.text, str(self.path), "exec")

    def main(self) -> Callable[[], Any]:
        """Give the program as if it had never run."""
        # The generators of the run before are closed now, and not when this one is recorded.
        gc.collect(0)
        namespace: dict[str, Any] = {"__name__": "program", "__file__": str(self.path)}
        exec(self._code, namespace)
        main: Callable[[], Any] = namespace["main"]

        def run() -> None:
            with _no_collections():
                main()

        return run

    def seen(self) -> list[witness.Event]:
        """Run it under the witness."""
        found = witness.Witness(str(self.path), self.bounds)
        found.run(self.main())
        return found.events

    def recorded(self, engine: str) -> Recorded:
        """Record it."""
        name, _, hot_path = engine.partition("/")
        values = ",".join(f"{key}={value}" for key, value in self.bounds.items())
        # Of half of the programs each block holds a few events only, and tells anew of all in view.
        unit = 4096 if self.seed % 2 else 1 << 20
        with (
            patch.object(spool, "_SMALLEST_UNIT", unit),
            patch.object(spool, "_LARGEST_UNIT", unit),
        ):
            found = record(
                self.main(),
                engine=name,
                hot_path=hot_path,
                values=values,
                include=[str(self.path)],
            )
        if found.error is not None:
            raise Difference(f"the program raised {found.error!r}") from found.error
        if found.dropped:
            raise Difference(f"{found.dropped} events were dropped")
        return found


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Close generators in cycles at the same moment in each run: never."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def check(seed: int, folder: Path, text: str = "", **bounds: int) -> int:
    """Check one program; give the number of its events. Raises Difference."""
    with _no_collections():
        return _check(Case(seed, folder, text, **bounds))


def _check(case: Case) -> int:
    try:
        seen = case.seen()
        told = []
        for engine in ENGINES:
            recorded = case.recorded(engine)
            told.append(list(tell(recorded)))
            with _named(engine):
                compare_with_witness(told[-1], seen)
                compare_at_random(recorded, told[-1])
        with _named("C against Python"):
            compare_twins(*told)
    finally:
        case.path.unlink()
    return len(seen)


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Say what of it differs."""
    try:
        yield
    except Difference as error:
        raise Difference(f"{what}: {error}") from None


def tell(recorded: Recorded) -> list[Told]:
    """Give the values at each event, from what events say has changed."""
    held: dict[int, dict[str, Value]] = {}
    last: dict[int, int] = {}
    found: list[Told] = []
    for event in recorded.events:
        if event.frame is None:
            raise Difference(f"event {event.n} is a {event.kind}")
        before = held.get(event.frame)
        now = dict(event.args) if event.args is not None else dict(before or {})
        now.update(event.changes)
        for name in event.deleted:
            if name not in now:
                raise Difference(f"event {event.n}: {name} was deleted, it was not there")
            del now[name]
        if event.levels is not None:
            now, before = cut_all(now, event.levels), cut_all(before or {}, event.levels)
        held[event.frame] = now
        since = recorded.events[last.get(event.frame, -1) + 1 : event.n + 1]
        changed = {one.number for other in since for one in other.objects}
        last[event.frame] = event.n
        found.append(Told(event, now, before, changed))
    return found


def _within(seen: witness.Event, levels: int) -> witness.Event:
    """Give what was seen at an event as a frame shows it that shows fewer levels."""
    value = seen.value and cut(seen.value, levels)
    return seen._replace(values=cut_all(seen.values, levels), value=value)


def cut_all(values: dict[str, Value], levels: int) -> dict[str, Value]:
    """Give values as a frame shows them that shows fewer levels."""
    return {name: cut(value, levels) for name, value in values.items()}


def cut(value: Any, levels: int) -> Any:
    """Give a value, or a part of one, with so many levels of it open.

    How many attributes a closed object has is left out, and whether it has any of which the name is
    no string: an open one does not say that.
    """
    if not isinstance(value, dict):
        return [cut(part, levels) for part in value] if isinstance(value, list) else value
    for parts in ("items", "entries", "attributes"):
        if parts in value:
            inside = value[parts]
            if not levels and value.get("reason") == "cycle":
                return value
            if not levels and parts == "attributes":
                return {"type": value["type"], "id": value["id"], parts: {}}
            if not levels:
                closed = {parts: [], "truncated": True, "reason": "depth"}
                return {**value, **closed} if value["length"] else value
            if isinstance(inside, dict):
                inside = cut_all(inside, levels - 1)
            else:
                inside = [cut(part, levels - 1) for part in inside]
            return {**value, parts: inside}
    return value


def compare_with_witness(told: list[Told], seen: list[witness.Event]) -> None:
    """Compare event by event; the witness sees some that a recording leaves out."""
    at = 0
    lines: dict[int, int] = {}
    before: dict[int, witness.Event] = {}
    for one in told:
        event = one.event
        while at < len(seen) and not _is_the_same(event, seen[at]):
            if not _can_be_left_out(seen[at], lines):
                raise Difference(f"event {event.n} is {_words(event)}, seen was {seen[at][:4]}")
            at += 1
        if at == len(seen):
            raise Difference(f"event {event.n}, {_words(event)}, was not seen")
        other = seen[at]
        at += 1
        lines[other.frame] = other.line if other.kind == "line" else -1
        where = f"event {event.n}, {_words(event)}"
        shown, earlier = other, before.get(other.frame)
        if event.levels is not None:
            shown = _within(other, event.levels)
            earlier = earlier and _within(earlier, event.levels)
        compare_values(where, one, shown)
        compare_changes(where, one, earlier, shown)
        before[other.frame] = other
    for rest in seen[at:]:
        if not _can_be_left_out(rest, lines):
            raise Difference(f"{rest[:4]} was not recorded")


def _is_the_same(event: Event, seen: witness.Event) -> bool:
    is_same = event.kind == seen.kind and event.function == seen.function
    return is_same and (event.kind != "line" or event.line == seen.line)


def _can_be_left_out(seen: witness.Event, lines: dict[int, int]) -> bool:
    return seen.kind == "raise" or (seen.kind == "line" and lines.get(seen.frame) == seen.line)


def _words(event: Event) -> str:
    return f"{event.kind} {event.function}:{event.line}"


def compare_values(where: str, told: Told, seen: witness.Event) -> None:
    """Compare all values of an event; the same object has the same number, and no other."""
    values = told.values
    if values.keys() != seen.values.keys():
        raise Difference(f"{where}: has {sorted(values)}, seen were {sorted(seen.values)}")
    numbers: dict[int, int] = {}
    addresses: dict[int, int] = {}
    for name, value in values.items():
        compare(f"{where}: {name}", value, seen.values[name], numbers, addresses)
    if seen.value is not None:
        levels, result = told.event.levels, told.event.value
        shown = result if levels is None else cut(result, levels)
        compare(f"{where}: result", shown, seen.value, numbers, addresses)


def compare(
    where: str, one: Any, other: Any, numbers: dict[int, int], addresses: dict[int, int]
) -> None:
    """Compare two values in their JSON form."""
    kind = type(one)
    if kind is not type(other):
        raise _difference(where, one, other)
    if kind is dict:
        if one.keys() != other.keys() - {witness.COUNT}:
            raise _difference(where, one, other)
        is_value = type(one.get("type")) is str
        for key, part in one.items():
            if type(part) is dict or type(part) is list:
                compare(f"{where}.{key}", part, other[key], numbers, addresses)
            elif (part != other[key] or repr(part) != repr(other[key])) and not (
                key == "id" and is_value
            ):
                raise _difference(where, one, other)
        if is_value and "id" in one:
            number, address = one["id"], other["id"]
            if numbers.setdefault(address, number) != number:
                raise Difference(f"{where}: is {number}, also {numbers[address]}")
            if addresses.setdefault(number, address) != address:
                raise Difference(f"{where}: two objects are {number}")
    elif kind is list:
        if len(one) != len(other):
            raise _difference(where, one, other)
        for at, part in enumerate(one):
            compare(f"{where}[{at}]", part, other[at], numbers, addresses)
    elif one != other:
        raise _difference(where, one, other)


def _difference(where: str, one: Any, other: Any) -> Difference:
    return Difference(f"{where}: is {_short(one)}, seen was {_short(other)}")


def _short(value: Any) -> str:
    return repr(value)[:300]


def without_ids(value: Any) -> Any:
    """Give a value without numbers of objects."""
    if isinstance(value, dict):
        return {
            key: without_ids(part)
            for key, part in value.items()
            if key not in ("id", witness.COUNT) or not isinstance(value.get("type"), str)
        }
    return [without_ids(part) for part in value] if isinstance(value, list) else value


def objects_in(value: Any) -> set[int]:
    """Give the numbers of the objects in a value."""
    if isinstance(value, list):
        return set().union(*map(objects_in, value))
    if not isinstance(value, dict):
        return set()
    own = {value["id"]} if isinstance(value.get("type"), str) and "id" in value else set()
    return own.union(*map(objects_in, value.values()))


def differs(one: Any, other: Any) -> bool:
    """Tell whether two values differ in more than numbers of objects."""
    return bool(one != other) and without_ids(one) != without_ids(other)


def compare_changes(
    where: str, one: Told, before: witness.Event | None, seen: witness.Event
) -> None:
    """Compare the names that are listed with those whose value differs, within the bounds."""
    if one.event.kind == "call":
        return
    known = one.before or {}
    names = set(one.event.changes)
    if len(set(one.event.deleted)) != len(one.event.deleted) or names & set(one.event.deleted):
        raise Difference(f"{where}: lists a name twice")
    differ = {
        name for name, value in one.values.items() if name not in known or known[name] != value
    }
    # A number that is not shown, and what others have changed and changed back.
    may = {
        name
        for name in names - differ
        if (before and before.values.get(name) != seen.values[name])
        or objects_in(one.values[name]) & one.changed
    }
    if not differ <= names <= differ | may:
        raise Difference(f"{where}: lists {sorted(names)}, but {sorted(differ)} differ")
    if before is not None:
        must = {
            name
            for name, value in seen.values.items()
            if name not in before.values or differs(before.values[name], value)
        }
        if not must <= names:
            raise Difference(f"{where}: does not list {sorted(must - names)}")
        gone = before.values.keys() - seen.values.keys()
        if gone != set(one.event.deleted):
            raise Difference(
                f"{where}: deletes {one.event.deleted}, but {sorted(gone)} are gone"
            )


def compare_at_random(recorded: Recorded, told: list[Told]) -> None:
    """Compare with what the reader finds where it begins anywhere."""
    with recorded.trace() as trace:
        for at in sorted({len(told) - 1, len(told) // 2, len(told) // 7}):
            event = told[at].event
            values = dict(trace.values_at(event))
            if event.levels is not None:
                values = cut_all(values, event.levels)
            if values != told[at].values:
                raise Difference(f"event {event.n}, {_words(event)}: values_at says otherwise")


def compare_twins(native: list[Told], python: list[Told]) -> None:
    """Compare two recordings but for the numbers of objects."""
    if len(native) != len(python):
        raise Difference(f"{len(native)} events, and {len(python)}")
    for one, other in zip(native, python, strict=True):
        where = f"event {one.event.n}, {_words(one.event)}"
        for name, first, second in (
            ("kind", _words(one.event), _words(other.event)),
            ("frame", one.event.frame, other.event.frame),
            ("parent", one.event.parent, other.event.parent),
            ("thread", one.event.thread, other.event.thread),
            ("exception", _exception(one.event), _exception(other.event)),
            ("deleted", one.event.deleted, other.event.deleted),
            ("names", one.values.keys(), other.values.keys()),
        ):
            if first != second:
                raise Difference(f"{where}: {name} is {_short(first)}, and {_short(second)}")
        # All others are as they were in both.
        changed = {*one.event.changes, *other.event.changes, *(one.event.args or ())}
        pairs = [(name, one.values[name], other.values[name]) for name in changed]
        for name, mine, its in (*pairs, ("result", one.event.value, other.event.value)):
            if differs(mine, its):
                raise Difference(f"{where}: {name} is {_short(mine)}, and {_short(its)}")


def _exception(event: Event) -> Any:
    error = event.exception
    return error and (error.type, error.message)


def is_possible() -> bool:
    """Tell whether the witness can trace."""
    return sys.version_info >= (3, 12)
