"""Questions about one object are answered from the records, and no event is decoded for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.testing import Recorded, record
from pytest_recorder.tracefile import object_index, object_reach, scan
from pytest_recorder.tracefile.object_index import Holder
from pytest_recorder.tracefile.reader import Trace, open_trace
from pytest_recorder.tracefile.scan import ObjectScan

GOLDEN = Path(__file__).parents[2] / "golden"
ROUNDS = 3_000


class Line:
    def __init__(self, code: str) -> None:
        self.code = code


class Order:
    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.by_code: dict[str, Line] = {}


def add(order: Order, code: str) -> Line:
    line = Line(code)
    order.lines.append(line)
    order.by_code[code] = line
    return line


def rename(lines: list[Line]) -> None:
    lines[0].code = "z"
    lines.pop()


def shop() -> list[Line]:
    order = Order()
    for code in "ab":
        add(order, code)
    rename(order.lines)
    del order.by_code["a"]
    return order.lines


def counted(rounds: int) -> list[int]:
    kept = [0]
    for number in range(rounds):
        text = f"{number:0200}"
        if number % 300 == 0:
            kept[0] = len(text)
            kept.append(number)
    return kept


@pytest.fixture(scope="module")
def shopped() -> Recorded:
    return record(shop)


@pytest.fixture(scope="module")
def long() -> Recorded:
    """A trace of several blocks."""
    return record(counted, ROUNDS)


@pytest.fixture
def trace(shopped: Recorded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trace]:
    def never(_: EventDecoder) -> None:
        raise AssertionError("an event was decoded")

    with shopped.trace() as opened:
        monkeypatch.setattr(EventDecoder, "__iter__", never)
        yield opened


def number_of(recorded: Recorded, function: str, name: str) -> int:
    events = [event for event in recorded.of(function) if name in event.changes]
    number: int = events[0].changes[name]["id"]
    return number


def list_of(recorded: Recorded) -> int:
    number: int = recorded.last("return").value["id"]  # type: ignore[index]
    return number


def said(holders: list[Holder]) -> list[tuple[str, str | None, str | None, Any]]:
    return [(holder.how, holder.function, holder.name, holder.path) for holder in holders]


def test_an_object_was_in_view_from_its_first_event_to_its_last(
    trace: Trace, shopped: Recorded
) -> None:
    number = list_of(shopped)
    life = trace.objects.life(number)
    assert life is not None
    assert life.type == "list"
    place = trace.objects.place(life.first)
    assert (place.function, place.kind) == ("Order.__init__", "line")
    assert life.last == shopped.last("return").n
    assert trace.objects.life(10**9) is None


def test_each_change_has_the_line_that_made_it_and_the_name_it_was_made_through(
    trace: Trace, shopped: Recorded
) -> None:
    number = list_of(shopped)
    found = []
    for change in trace.objects.changes(number):
        maker = trace.objects.maker(change.n)
        names = trace.objects.names_at(number, change.n)
        how = [part.how for part in change.parts] or [change.how]
        found.append((how, maker and maker.function, names[0]))
    lines = (("attr", "lines"),)
    assert found == [
        (["met"], "Order.__init__", ("self", lines)),
        (["appended"], "add", ("order", lines)),
        (["appended"], "add", ("order", lines)),
        (["removed"], "rename", ("lines", ())),
    ]


def test_a_change_by_a_caller_that_a_call_shows_was_made_at_the_line_of_the_caller() -> None:
    def callee(_: list[int]) -> None: ...

    def caller() -> None:
        items = [1]
        items.append(2), callee(items)

    recorded = record(caller)
    with recorded.trace() as trace:
        number = number_of(recorded, "caller", "items")
        change = list(trace.objects.changes(number))[-1]
        maker = trace.objects.maker(change.n)
        assert trace.objects.place(change.n).kind == "call"
        assert maker is not None
        assert maker.function is not None
        assert maker.function.endswith("caller")


def test_what_held_an_object_is_told_with_the_way_from_there(
    trace: Trace, shopped: Recorded
) -> None:
    number = number_of(shopped, "add", "line")  # the first line
    found = said(trace.objects.holders(number))
    assert found[0][:2] == ("variable", "Line.__init__")
    assert ("variable", "add", "line", ()) in found
    assert ("result", "add", None, ()) in found
    assert ("variable", "rename", "lines", (("item", ("int", 0)),)) in found
    assert ("variable", "shop", "order", (("attr", "lines"), ("item", ("int", 0)))) in found


def test_a_holder_that_let_go_of_an_object_holds_it_no_more() -> None:
    def swapped() -> None:
        inner = [1]
        outer = [inner]
        outer.append(2)  # type: ignore[arg-type]
        outer[0] = [3]
        outer.append(4)  # type: ignore[arg-type]
        inner.append(5)

    recorded = record(swapped)
    with recorded.trace() as trace:
        number = number_of(recorded, "swapped", "inner")
        outer = next(h for h in trace.objects.holders(number) if h.name == "outer")
        let_go = next(
            event.n
            for event in recorded.of("swapped")
            if "outer" in event.changes and event.changes["outer"]["items"][0]["id"] != number
        )
        assert outer.last < let_go


def test_answers_are_those_of_a_search_through_all_events(long: Recorded) -> None:
    number = list_of(long)
    with long.trace() as trace:
        assert len(trace.block_ranges()) > 1
        held: list[Any] = []
        for event in trace.events():
            value = event.changes.get("kept")
            if value is not None and (not held or value != held[-1][1]):
                held.append((event.n, value))
        changes = list(trace.objects.changes(number))
        assert [change.n for change in changes] == [n for n, _ in held]
        assert [change.length for change in changes] == [v["length"] for _, v in held]
        life = trace.objects.life(number)
        assert life is not None
        assert life.last == long.last("return").n


def test_without_the_part_in_c_the_answers_are_the_same(
    long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = list_of(long)
    with long.trace() as trace:
        whole = [list(trace.objects.changes(number)), trace.objects.holders(number)]
    monkeypatch.setattr(scan, "_NATIVE", None)
    with long.trace() as trace:
        assert [list(trace.objects.changes(number)), trace.objects.holders(number)] == whole


def test_blocks_that_are_not_held_are_walked_anew_and_say_the_same(
    long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = list_of(long)
    with long.trace() as trace:
        whole = [trace.objects.life(number), list(trace.objects.changes(number))]
        whole.append(trace.objects.holders(number))
    monkeypatch.setattr(object_index, "MOST_HELD", 1)
    with long.trace() as trace:
        again = [trace.objects.life(number), list(trace.objects.changes(number))]
        again.append(trace.objects.holders(number))
        assert len(trace.objects._blocks) == 1
    assert again == whole


def test_each_block_is_walked_once(long: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[int] = []
    real = ObjectScan.find

    def find(self: ObjectScan, data: bytes, first: int, *args: int) -> Any:
        walked.append(first)
        return real(self, data, first, *args)

    monkeypatch.setattr(ObjectScan, "find", find)
    with long.trace() as trace:
        for _ in range(3):
            trace.objects.life(list_of(long))
            list(trace.objects.changes(list_of(long)))
        assert sorted(walked) == [block.start for block in trace.block_ranges()]


def test_too_many_ways_to_an_object_are_cut_and_it_says_so(
    shopped: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = number_of(shopped, "add", "line")
    monkeypatch.setattr(object_reach, "MOST_HOLDERS", 1)
    with shopped.trace() as trace:
        holders = trace.objects.holders(number)
        assert trace.objects.is_cut
        assert all(len(holder.path) < 2 for holder in holders)


def test_of_format_1_it_is_known_what_held_an_object_and_not_what_changed() -> None:
    with open_trace(GOLDEN / "format-1.pyrec") as trace:
        numbers = {
            value["id"]
            for event in trace.events()
            for value in event.changes.values()
            if "id" in value
        }
        number = min(numbers)
        assert trace.objects.life(number) is not None
        assert list(trace.objects.changes(number)) == []
        assert trace.objects.holders(number) != []
