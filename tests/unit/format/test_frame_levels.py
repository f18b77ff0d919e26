"""Frames that show fewer levels of their values than the bound on depth says."""

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_recorder.format import frame_levels
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.events import Event, Value
from pytest_recorder.format.frame_levels import FrameLevels
from pytest_recorder.format.object_scan import scan_objects
from pytest_recorder.format.object_states import HeldValues
from pytest_recorder.format.vocabulary import MAX_DEPTH
from pytest_recorder.tracefile.decoded_block import Block
from tests.unit.format.records import (
    call,
    chain,
    frame,
    levels,
    line,
    raised,
    refer,
    returned,
    splice,
    state,
    switch,
    tables,
    whole,
)

DEPTH = 3


def decoder(*records: bytes, first: int = 0, depth: int = DEPTH) -> EventDecoder:
    return EventDecoder(tables(), b"".join(records), first=first, depth=depth)


def decode(*records: bytes, first: int = 0, depth: int = DEPTH) -> list[Event]:
    return list(decoder(*records, first=first, depth=depth))


def block(*records: bytes, first: int = 0) -> Block:
    made = decoder(*records, first=first)
    return Block.decoded(first, made, iter(made))


def shown(value: Value | None) -> int:
    """How many lists are open, one in the other."""
    assert value is not None
    if value.get("reason") == "depth":
        assert value["truncated"]
        assert value["items"] == []
        assert value["length"] == 1
        return 0
    (item,) = value["items"]
    return 1 + (shown(item) if "items" in item else 0)


def of(values: Mapping[str, Value] | None) -> dict[str, int]:
    return {name: shown(value) for name, value in (values or {}).items()}


def test_without_a_record_a_frame_shows_the_bound_on_depth() -> None:
    event, *_ = decode(chain(), call(1, x=refer(1)))
    assert of(event.args) == {"x": DEPTH}
    assert event.levels is None


@pytest.mark.parametrize("count", [1, 2])
def test_a_record_before_a_call_holds_for_its_arguments_and_what_follows(count: int) -> None:
    events = decode(
        levels(1, count),
        chain(),
        call(1, x=refer(1)),
        line(y=refer(1)),
        raised(),
        returned(refer(1)),
    )
    assert [event.levels for event in events] == [count] * 4
    assert of(events[0].args) == {"x": count}
    assert of(events[1].changes) == {"y": count}
    assert shown(events[3].value) == count


def test_a_record_between_events_holds_from_the_next_event_on_until_another() -> None:
    events = decode(
        chain(),
        call(1, x=refer(1)),
        line(x=refer(1)),
        levels(1, 2),
        line(x=refer(1)),
        levels(1, 1),
        line(x=refer(1)),
        line(x=refer(1)),
    )
    assert [of(event.changes).get("x") for event in events[1:]] == [3, 2, 1, 1]
    # Values that are asked for later are those of their event.
    assert of(events[0].args) == {"x": 3}
    assert [event.levels for event in events] == [None, None, 2, 1, 1]


def test_a_record_is_about_its_own_frame_only() -> None:
    events = decode(
        chain(),
        call(1, x=refer(1)),
        levels(2, 1),
        line(x=refer(1)),
        call(2, parent=1, y=refer(1)),
        switch(1),
        line(x=refer(1)),
        switch(2),
        line(y=refer(1)),
    )
    found = [of(event.changes or event.args) for event in events]
    assert found == [{"x": 3}, {"x": 3}, {"y": 1}, {"x": 3}, {"y": 1}]
    assert [event.levels for event in events] == [None, None, 1, None, 1]


def test_a_block_that_is_read_alone_says_it_again() -> None:
    for records in (
        (levels(7, 2), frame(7), state(x=refer(1)), chain()),
        (frame(7), levels(7, 2), state(x=refer(1)), chain()),
        (frame(7), state(x=refer(1)), chain(), levels(7, 2)),
    ):
        found = block(*records, line(), line(y=refer(2)), first=40)
        assert of(found.values(7, 40)) == {"x": 2}
        assert of(found.values(7, 41)) == {"x": 2, "y": 2}


def test_values_at_an_event_are_those_of_its_levels() -> None:
    found = block(
        chain(),
        call(1, x=refer(1), y=refer(2)),
        levels(1, 2),
        line(deleted=("y",)),
        levels(1, 1),
        line(),
        call(2),
        switch(1),
        line(x=refer(2)),
    )
    assert of(found.values(1, 0)) == {"x": 3, "y": 3}
    # No event but the one before has a value of it.
    assert of(found.values(1, 1)) == {"x": 2}
    assert of(found.values(1, 2)) == {"x": 1}
    assert of(found.values(1, 3)) == {"x": 1}
    assert of(found.values(1, 4)) == {"x": 1}
    assert found.values(2, 3) == {}


def test_an_object_that_changed_is_shown_anew_at_each_number_of_levels() -> None:
    deep = splice(4, came=refer(6)) + whole(6)
    events = decode(
        chain(),
        call(1, x=refer(2)),
        line(x=refer(2)),
        levels(1, 2),
        line(x=refer(2)),
        levels(1, 3),
        deep,
        line(x=refer(2)),
    )
    ids = [innermost(event.changes["x"]) for event in events[1:]]
    assert ids == [5, 4, 6]


def innermost(value: Value) -> Any:
    while value["items"] and "items" in value["items"][0]:
        value = value["items"][0]
    return value["id"]


def test_a_path_leads_no_deeper_than_what_is_shown() -> None:
    events = decode(
        chain(), call(1, x=refer(1)), levels(1, 2), line(x=refer(1)), call(2, x=refer(1))
    )
    for event, deepest in zip(events, (4, 3, 4), strict=True):
        held = event.args if event.kind == "call" else event.changes
        assert isinstance(held, HeldValues)
        found = [number for number in range(1, 6) if held.path_to(number)]
        assert found == list(range(1, deepest + 1))


@pytest.mark.parametrize("count", [0, 1, 3, 4, MAX_DEPTH, 2**64 - 1])
@pytest.mark.parametrize("depth", [0, 1, 3, MAX_DEPTH])
def test_any_number_of_levels_is_brought_within_the_bound(count: int, depth: int) -> None:
    event, *_ = decode(levels(1, count), chain(), call(1, x=refer(1)), depth=depth)
    least = min(max(count, 1), depth)
    assert of(event.args)["x"] == min(least, 5)
    assert event.levels == (least if least < depth else None)


def test_a_block_of_more_records_than_one_may_have_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frame_levels, "MAX_BLOCK_FRAMES", 3)
    fine = call(1) + levels(1, 1) * 3 + line()
    assert len(decode(fine)) == 2
    with pytest.raises(Malformed, match="says more of levels than one may"):
        decode(fine, levels(2, 1), line())


def test_the_scan_for_objects_knows_the_levels_of_each_event() -> None:
    records = (
        levels(1, 2)
        + chain()
        + call(1, x=refer(1))
        + levels(1, 0)
        + line(x=refer(1))
        + call(2, x=refer(1))
    )
    found = scan_objects(records, tables().codes, 40, 9)
    at = [found.levels.at(found.frames[n - 40], n) for n in range(40, 43)]
    assert at == [2, 1, None]


def test_of_a_frame_nobody_told_of_all_levels_are_shown() -> None:
    found = FrameLevels(3)
    found.take(1, 2, 10)
    assert [found.at(1, 9), found.at(1, 10), found.at(1, 99), found.at(2, 10)] == [
        None,
        2,
        2,
        None,
    ]
