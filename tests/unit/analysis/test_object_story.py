"""The analysis asks who changed an object by its number, and searches no values for it."""

import ast
from typing import Any

import pytest

from pytest_recorder.analysis import history as history_module
from pytest_recorder.analysis.changes import object_changes
from pytest_recorder.analysis.history import ALL_EVENTS, History
from pytest_recorder.analysis.object_story import object_story
from pytest_recorder.analysis.slice.in_place import may_bind
from pytest_recorder.testing import Recorded, record
from pytest_recorder.tracefile.reader import Trace
from pytest_recorder.tracefile.scan import ObjectScan

ROUNDS = 3_000


def counted(rounds: int) -> list[int]:
    kept = [0]
    for number in range(rounds):
        text = f"{number:0200}"
        if number % 300 == 0:
            kept[0] = len(text)
            kept.append(number)
    return kept


def early(rounds: int) -> list[int]:
    """Change a list at the start only, and show it at the end."""
    kept = [0]
    kept.append(1)
    busy(rounds)
    return kept


def busy(rounds: int) -> None:
    for number in range(rounds):
        text = f"{number:0200}"
        del text


def number_of(recorded: Recorded) -> int:
    number: int = recorded.last("return").value["id"]  # type: ignore[index]
    return number


@pytest.fixture(autouse=True)
def _no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: object) -> None:
        raise AssertionError("values were searched")

    monkeypatch.setattr(history_module, "objects_in", never)


def test_the_changes_of_an_object_come_latest_first_through_all_blocks() -> None:
    recorded = record(counted, ROUNDS)
    with recorded.trace() as trace:
        assert len(trace.block_ranges()) > 1
        history = History(trace, most_events=ALL_EVENTS)
        found = list(object_changes(history, number_of(recorded), None, len(trace)))
    lengths = [(change.old and change.old["length"], change.new["length"]) for change in found]  # type: ignore[index]
    assert [new for old, new in lengths if old != new] == list(range(11, 1, -1))
    assert [change.shown.n for change in found] == sorted(
        (change.shown.n for change in found), reverse=True
    )


def test_only_the_blocks_that_tell_of_the_object_are_decoded() -> None:
    recorded = record(early, ROUNDS)
    read: list[int] = []
    with recorded.trace() as trace:
        whole = trace.read_block

        def read_block(at: int) -> Any:
            read.append(at)
            return whole(at)

        trace.read_block = read_block  # type: ignore[method-assign]
        blocks = len(trace.block_ranges())
        history = History(trace, most_events=ALL_EVENTS)
        (change,) = object_changes(history, number_of(recorded), None, len(trace))
        assert change.run is not None
        assert change.run.start.function == "early"
    assert blocks > 2
    assert set(read) == {0, blocks - 1}


def test_a_look_into_the_blocks_ends_where_the_budget_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = record(early, ROUNDS)
    looked_into: list[int] = []
    real = ObjectScan.find

    def find(self: ObjectScan, data: bytes, first: int, *args: int) -> Any:
        looked_into.append(first)
        return real(self, data, first, *args)

    monkeypatch.setattr(ObjectScan, "find", find)
    with recorded.trace() as trace:
        ranges = trace.block_ranges()
        history = History(trace, most_events=len(ranges[-1]))
        assert list(object_changes(history, number_of(recorded), None, len(trace))) == []
        assert history.is_exhausted
    assert looked_into == [ranges[-1].start]


def test_a_story_is_told_of_a_number_or_of_what_a_variable_holds() -> None:
    recorded = record(early, 2)
    with recorded.trace() as trace:
        number = number_of(recorded)
        for question in (str(number), f"#{number}"):
            story = object_story(trace, question)
            hows = [changed.change.how for changed in story.changes]
            assert (story.life.number, hows) == (number, ["met", "changed"])
        assert {holder.name for holder in story.holders} == {"kept", None}


@pytest.mark.parametrize(
    ("source", "root", "steps", "expected"),
    [
        ("x = []", "x", (), True),
        ("x.append(1)", "x", (), False),
        ("x.number += 1", "x", (), False),
        ("self.items = []", "self", (("attr", "items"),), True),
        ("self.items[0] = 1", "self", (("attr", "items"),), False),
        ("del x[0]", "x", (), False),
        ("for x in y: pass", "x", (), True),
    ],
)
def test_an_object_is_another_one_only_where_the_statement_can_have_put_it_there(
    source: str, root: str, steps: tuple[Any, ...], expected: bool
) -> None:
    (stmt,) = ast.parse(source).body
    assert may_bind(stmt, (root, steps)) is expected
    assert may_bind(None, (root, steps))
    assert may_bind(stmt, None)


def test_closures_that_share_a_variable_are_followed_by_the_number_of_what_it_holds() -> None:
    def outer() -> list[int]:
        held = [1]

        def inner() -> None:
            nonlocal held
            held = [2, 3]

        inner()
        return held

    recorded = record(outer)
    with recorded.trace() as trace:
        assert _writer(trace) == "inner"


def _writer(trace: Trace) -> str:
    from pytest_recorder.analysis.queries import why

    answer = why(trace, "held")
    (origin,) = answer.origins
    return (origin.function or "").rpartition(".")[2]
