"""What readers and searches say of a trace in which frames show fewer levels of their values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.analysis.changes import variable_changes
from pytest_recorder.analysis.failure import find_failure
from pytest_recorder.analysis.history import History
from pytest_recorder.export.jsonl import to_objects
from pytest_recorder.format.events import Value
from pytest_recorder.render.call_tree import TreePrinter
from pytest_recorder.render.missing import missing_lines
from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.reader import Trace, open_trace
from tests.faults.hostile import Maker
from tests.unit.format.records import (
    call,
    chain,
    definitions,
    frame,
    levels,
    line,
    number,
    raised,
    refer,
    returned,
    splice,
    state,
    switch,
    unwound,
    whole,
)

ITEM = ("item", ("int", 0))
BLOCKS = (
    (
        # f(x): 0
        chain() + call(1, x=refer(1)),
        line(x=refer(1)),
        # Too much came into view.
        levels(1, 2) + line(y=refer(1)),
        # Another one, that shows all: 3
        call(2, parent=1, x=refer(1)),
        # And one that shows one level from its start, and something changes in it: 4, 5
        levels(3, 1) + call(3, parent=2, x=refer(1)),
        splice(1, came=refer(3)) + line(x=refer(1)),
        returned(refer(3)),
        switch(2) + line(x=refer(1)),
        switch(1) + line(x=refer(1)),
    ),
    (
        # What ran before is told again, and so is how much it shows: 9, 10, 11
        levels(1, 2) + frame(1) + state(x=refer(2), y=refer(1)) + chain() + line(x=refer(2)),
        raised(),
        unwound(),
    ),
)


def written(folder: Path, *blocks: tuple[bytes, ...], depth: int = 3) -> Path:
    made = Maker(definitions(), version=2, values={"depth": depth})
    for events in blocks:
        made.events(b"".join(events), len(events))
    path = folder / "trace.pyrec"
    path.write_bytes(made.ended())
    return path


@pytest.fixture(params=["native", "pure"])
def trace(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trace]:
    if request.param == "pure":
        monkeypatch.setattr(scan, "_NATIVE", None)
    with open_trace(written(tmp_path, *BLOCKS)) as opened:
        yield opened
        assert opened.damage is None


def shown(value: Value) -> int:
    """How many lists are open, one in the other."""
    if value.get("reason") == "depth":
        return 0
    (item,) = value["items"]
    return 1 + (shown(item) if "items" in item else 0)


def test_values_at_an_event_show_the_levels_of_its_frame(trace: Trace) -> None:
    found = [
        {name: shown(value) for name, value in trace.values_at(n).items()}
        for n in range(len(trace))
    ]
    assert found == [
        {"x": 3},
        {"x": 3},
        {"x": 2, "y": 2},
        {"x": 3},
        {"x": 1},
        {"x": 1},
        {"x": 1},
        {"x": 3},
        {"x": 2, "y": 2},
        {"x": 2, "y": 2},
        {"x": 2, "y": 2},
        {"x": 2, "y": 2},
    ]


def test_the_history_shows_them_too(trace: Trace) -> None:
    history = History(trace)
    assert shown(history.values(1, 1)["x"]) == 3
    assert shown(history.values(1, 5)["x"]) == 2
    assert history.path_to(4, 1, 1) == ("x", (ITEM, ITEM, ITEM))
    assert history.path_to(3, 1, 5) == ("x", (ITEM, ITEM))
    assert history.path_to(4, 1, 5) is None


@pytest.mark.parametrize("is_native", [True, False])
def test_what_held_an_object_counts_where_the_frame_shows_as_many_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_native: bool
) -> None:
    if not is_native:
        monkeypatch.setattr(scan, "_NATIVE", None)
    path = written(
        tmp_path,
        (
            chain() + call(1, x=refer(1)),
            levels(1, 2) + line(x=refer(1)),
            levels(2, 2) + call(2, parent=1, x=refer(1), y=refer(2)),
        ),
        (
            levels(1, 1) + frame(1) + state(x=refer(2)) + chain() + line(x=refer(2)),
            levels(1, 2) + line(x=refer(2), y=refer(1)),
        ),
    )
    with open_trace(path) as trace:
        at = [trace.objects.names_at(4, n) for n in range(5)]
        holders = trace.objects.holders(4)
    assert [[(name, len(way)) for name, way in found] for found in at] == [
        [("x", 3)],
        [],
        [("y", 2)],
        [],
        [("x", 2)],
    ]
    assert {(one.name, len(one.path), one.first, one.last) for one in holders} == {
        ("x", 3, 0, 0),
        ("y", 2, 2, 2),
        ("x", 2, 4, 4),
    }


def test_json_lines_say_it_at_events_that_have_values(trace: Trace) -> None:
    lines = list(to_objects(trace))[1:-1]
    said = {item["n"]: item["levels"] for item in lines if "levels" in item}
    assert said == {2: 2, 4: 1, 5: 1, 6: 1, 8: 2, 9: 2}
    assert "levels" not in lines[10]  # a raise has no values that are shown


def test_show_says_it_once_where_it_begins(trace: Trace) -> None:
    printer = TreePrinter(Path("/p"), source_of=lambda _, line: f"line {line}")
    lines = [text.strip() for text in printer.lines(trace.events())]
    found = [(at, text) for at, text in enumerate(lines) if text.startswith("(values of")]
    assert [text for _, text in found] == [
        "(values of this frame: 2 levels, too many objects in view)",
        "(values of this frame: 1 level, too many objects in view)",
    ]
    # Before what the event shows, but behind the head of a call.
    assert lines[found[1][0] - 1].startswith("f(x=")


def test_failure_md_names_the_calls_that_show_fewer_levels(trace: Trace) -> None:
    history = History(trace)
    lines = missing_lines(history, find_failure(history))
    said = "- Values in `f`: 2 levels, for too many objects were in view."
    assert [text for text in lines if text.startswith(said)] != []


def test_a_trace_of_a_whole_index_has_the_rows_of_its_calls(trace: Trace) -> None:
    assert [row[:2] for row in trace.call_rows()] == [[1, 0], [2, 1], [3, 2]]


# Changes between events that show different numbers of levels.


def changes_of(path: Path, *steps: Any, root: str = "x") -> list[tuple[int, Any, bool]]:
    with open_trace(path) as trace:
        found = list(variable_changes(History(trace), 1, len(trace) - 1, root, steps))
        return [
            (change.shown.n, (change.new or {}).get("id"), change.run is not None)
            for change in found
        ]


def test_that_fewer_levels_are_shown_is_no_change(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        (
            chain() + call(1, x=refer(1)),
            levels(1, 2) + line(x=refer(1)),
            levels(1, 1) + line(x=refer(1)),
        ),
    )
    assert changes_of(path) == [(0, 1, False)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_change_within_what_both_show_is_one(tmp_path: Path, count: int) -> None:
    other = splice(1, came=refer(6)) + whole(6, number(7))
    path = written(
        tmp_path,
        (
            chain() + call(1, x=refer(1)),
            levels(1, count) + other + line(x=refer(1)),
        ),
    )
    assert changes_of(path) == [(1, 1, True), (0, 1, False)]


def test_of_a_part_that_lies_too_deep_at_an_event_it_is_not_said_who_changed_it(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        (
            chain() + call(1, x=refer(1)),
            levels(1, 1) + line(x=refer(1)),
            splice(2, came=refer(4)) + levels(1, 3) + line(x=refer(1)),
        ),
    )
    assert changes_of(path, ITEM, ITEM) == [(2, 4, False), (0, 3, False)]
