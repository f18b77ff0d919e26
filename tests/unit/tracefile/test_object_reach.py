"""What held an object, and when it was in view, is what a search through all values finds."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.testing import Recorded, record
from pytest_recorder.tracefile import object_reach, scan, spool
from pytest_recorder.tracefile.object_reach import Span, Spans
from pytest_recorder.tracefile.reader import Trace, open_trace
from tests.fuzz_values.program import Maker, bounds
from tests.unit.format.records import call, chain, line, refer, splice
from tests.unit.format.records import number as an_int
from tests.unit.tracefile.object_oracle import Held, follow, search, shown_in
from tests.unit.tracefile.test_fewer_levels import written

GOLDEN = Path(__file__).parents[2] / "golden"


class Box:
    def __init__(self) -> None:
        self.one: Any = None
        self.two: Any = None


def link(holder: Any, part: Any, kind: int) -> None:
    if isinstance(holder, Box):
        setattr(holder, ("one", "two")[kind % 2], part)
    elif isinstance(holder, dict):
        if kind == 0:
            holder.clear()
        holder[kind if kind < 3 else (kind, id(part))] = part
        if kind == 5:
            holder[part if isinstance(part, (Box, tuple)) else (1, 2)] = kind
    elif kind == 0:
        holder.clear()
    elif kind == 1 and holder:
        holder.pop()
    else:
        holder.insert(kind % 3, part)


def relinked(seed: int) -> Any:
    """Let objects hold each other by ways that come and go, also in circles."""
    pick = random.Random(seed)
    pool: list[Any] = [[], [], {}, Box(), Box(), {}]
    first, last = pool[0], pool[-1]
    box = pool[3]
    for _ in range(25):
        link(pick.choice(pool), pick.choice((*pool, (pick.choice(pool),))), pick.randrange(6))
        if pick.random() < 0.1:
            box = pick.choice(pool)
            first = (box, pick.choice(pool))
    return [first, last]


def secretive() -> Any:
    """Have containers that are written in place, for what they hold under the name of a secret."""
    box = Box()
    inner = [box, "hidden"]
    outer: dict[Any, Any] = {"password": inner, "other": None}
    outer["password"] = [1, {"deep": (box, "hidden")}]
    outer["other"] = outer["password"][1]
    outer["password"][1]["deep"] = None
    outer[box] = [inner]
    return outer


def recorded(function: Callable[..., Any], *args: Any, is_cut: bool, **more: Any) -> Recorded:
    """Record, in blocks that hold a few events only where `is_cut`."""
    with contextlib.ExitStack() as stack:
        if is_cut:
            stack.enter_context(patch.object(spool, "_SMALLEST_UNIT", 1024))
            stack.enter_context(patch.object(spool, "_LARGEST_UNIT", 1024))
        return record(function, *args, **more)


def check(trace: Trace) -> int:
    """Compare all answers with those of the search; gives how many holders there were."""
    objects, all_found = trace.objects, search(trace)
    for number, held in all_found.items():
        holders = objects.holders(number)
        assert not objects.is_cut
        life = objects.life(number)
        assert life is not None
        assert (life.first, life.last) == (min(held.events), max(held.events)), number
        assert _summed(holders) == {
            key: (first, last) for key, (first, last, _) in held.holders.items()
        }
        for holder in holders:
            key = (holder.how, holder.function, holder.name)
            assert holder.frames <= len(held.holders[key][2])
    _check_each_event(trace, all_found)
    return sum(len(held.holders) for held in all_found.values())


def _summed(holders: list[Any]) -> dict[Any, tuple[int, int]]:
    """Give the first and the last event of each, by whatever way."""
    found: dict[Any, tuple[int, int]] = {}
    for holder in holders:
        key = (holder.how, holder.function, holder.name)
        first, last = found.get(key, (holder.first, holder.last))
        found[key] = min(first, holder.first), max(last, holder.last)
    return found


def _check_each_event(trace: Trace, all_found: dict[int, Held]) -> None:
    values: dict[int, dict[str, Any]] = {}
    for at in range(len(trace.block_ranges())):
        for shown in shown_in(trace.read_block(at)):
            if shown.how == "variable":
                values.setdefault(shown.event.n, {})[str(shown.name)] = shown.value
    for number, held in all_found.items():
        for n in range(len(trace)):
            ways = trace.objects.names_at(number, n)
            said = {name: len(path) for name, path in ways}
            assert said == held.names.get(n, {}), (number, n)
            for name, path in ways:
                assert number in [one.get("id") for one in follow(values[n][name], path)]


@pytest.fixture(params=["native", "pure"])
def _each_scan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure":
        monkeypatch.setattr(scan, "_NATIVE", None)


@pytest.mark.usefixtures("_each_scan")
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_objects_that_change_their_holders(seed: int, depth: int) -> None:
    made = recorded(relinked, seed, is_cut=seed == 1, values=f"depth={depth}")
    with made.trace() as trace:
        assert (len(trace.block_ranges()) > 1) == (seed == 1)
        assert check(trace) > 20


@pytest.mark.parametrize("objects", [2, 5])
def test_objects_of_frames_that_show_fewer_levels(objects: int) -> None:
    made = recorded(relinked, objects, is_cut=False, values=f"depth=4,objects={objects}")
    assert any(event.levels for event in made.events)
    with made.trace() as trace:
        assert check(trace) > 20


def hidden() -> Any:
    """Have variables that are written in place, for their names are those of secrets."""
    box = Box()
    inner = [box]
    password = [inner, "hidden", {"a": box}]
    token = (box, [inner])
    box.one = [1]
    password.append((box,))
    inner.append(token[1])
    return password


@pytest.mark.usefixtures("_each_scan")
@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("function", [secretive, hidden])
def test_objects_in_containers_that_are_written_in_place(
    function: Callable[[], Any], is_cut: bool
) -> None:
    with recorded(function, is_cut=is_cut).trace() as trace:
        assert check(trace) > 10


@pytest.mark.usefixtures("_each_scan")
def test_objects_of_a_trace_that_writes_all_in_place() -> None:
    with open_trace(GOLDEN / "format-1.pyrec") as trace:
        assert check(trace) > 5


def test_a_way_that_is_shorter_at_first_and_a_longer_one_later_are_both_found(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        (
            # x holds 1, that 2, that 3, that 4
            chain(4) + call(1, x=refer(1)),
            # 4 leaves 3, and 2 holds it itself; then nothing does, then 3 again.
            splice(3, came=an_int(0)) + splice(2, came=refer(4)) + line(x=refer(1)),
            splice(2, came=an_int(0)) + line(x=refer(1)),
            splice(2, came=refer(3)) + line(x=refer(1)),
            splice(3, came=refer(4)) + line(x=refer(1), y=refer(3)),
        ),
    )
    with open_trace(path) as trace:
        ways = [
            [(name, len(way)) for name, way in trace.objects.names_at(4, n)] for n in range(5)
        ]
        holders = trace.objects.holders(4)
        assert trace.objects.life(4) == (4, "list", 0, 4)
        check(trace)
    assert ways == [[("x", 3)], [("x", 2)], [], [], [("y", 1), ("x", 3)]]
    assert [(one.name, len(one.path), one.first, one.last) for one in holders] == [
        ("y", 1, 4, 4),
        ("x", 2, 1, 1),
        ("x", 3, 0, 4),
    ]


def test_what_is_not_covered_yet_is_taken_in() -> None:
    spans = Spans()
    spans.add([Span(10, 20, ()), Span(30, 40, ())])
    new = spans.add([Span(15, 50, (("attr", "a"),)), Span(0, 45, (("attr", "b"),))])
    assert [(start, stop, path and path[0][1]) for start, stop, path in spans] == [
        (0, 10, "b"),
        (10, 20, ()),
        (20, 30, "b"),
        (30, 40, ()),
        (40, 45, "b"),
        (45, 50, "a"),
    ]
    assert sum(span.stop - span.start for span in new) == 30
    found = [spans.at(n) for n in (9, 19, 44, 49, 50)]
    assert [span and span.start for span in found] == [0, 10, 40, 45, None]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=12))
def test_spans_cover_each_event_by_the_first_that_was_taken_in(pairs: list[Any]) -> None:
    spans, known = Spans(), dict[int, int]()
    for turn, (start, size) in enumerate(pairs):
        new = spans.add([Span(start, start + size, (("item", turn),))])
        came = {n for n in range(start, start + size) if n not in known}
        assert {n for span in new for n in range(span.start, span.stop)} == came
        known |= dict.fromkeys(came, turn)
    for n in range(70):
        span = spans.at(n)
        assert (span.path[0][1] if span is not None else None) == known.get(n)


def test_of_records_that_are_too_many_to_be_read_nothing_is_said_beyond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kept(rounds: int) -> list[Any]:
        inner = [0]
        outer = [inner]
        for at in range(rounds):
            outer += [[at]]
        outer[0] = []
        return outer

    made = recorded(kept, 12, is_cut=False)
    monkeypatch.setattr(object_reach, "MOST_WORK", 10)
    with made.trace() as trace:
        for number, held in search(trace).items():
            for holder in trace.objects.holders(number):
                first, last, _ = held.holders[holder.how, holder.function, holder.name]
                assert first <= holder.first <= holder.last <= last
        assert trace.objects.is_cut


PROGRAMS = [pytest.param(n, marks=[pytest.mark.slow] if n > 5 else []) for n in range(40)]


@pytest.mark.parametrize("seed", PROGRAMS)
def test_objects_of_random_programs(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(Maker(seed).program(), encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "program", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    values = ",".join(f"{key}={value}" for key, value in bounds(seed).items())
    made = recorded(namespace["main"], is_cut=seed % 2 == 1, values=values, include=[str(path)])
    with made.trace() as trace:
        assert check(trace) > 20
