"""The search for origins: what follows which edge, and that no program is too deep for it."""

import typing
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.analysis.origins import Origin, origin_object
from pytest_recorder.analysis.queries import why
from pytest_recorder.analysis.slice.edges import Edge, ObjectEdge
from pytest_recorder.analysis.slice.slicer import FOLLOW
from pytest_recorder.analysis.slice.worklist import Worklist
from pytest_recorder.render.explanation import explain
from pytest_recorder.render.origin_tree import render_origins
from tests.plugin.support import run, traces

DEEP = 600

HANDED_ON = """
def down(n, value):
    if n == 0:
        assert value == 2
    down(n - 1, value)

def test_a():
    value = 1
    down({depth}, value)
"""

SHARED = """
def test_a():
    value = 1
    def down(n):
        if n == 0:
            assert value == 2
        down(n - 1)
    down({depth})
"""


ROUNDS = """
def double(number):
    return number * 2

def of(found):
    return found * 2

def test_a():
    pairs = [("a", 1), ("b", 2), ("c", 3)]
    found = {comprehension}
    assert not found
"""


def origins(path: Path, name: str) -> list[dict[str, Any]]:
    with pytest_recorder.open_trace(path) as trace:
        return [_outline(origin_object(origin)) for origin in why(trace, name).origins]


def _outline(origin: dict[str, Any]) -> dict[str, Any]:
    found = {key: origin[key] for key in ("what", "how", "line")}
    return found | {"below": [_outline(child) for child in origin["below"]]}


def test_each_kind_of_edge_is_followed_by_a_function_of_its_own() -> None:
    assert set(FOLLOW) == set(typing.get_args(Edge))
    assert len(set(FOLLOW.values())) == len(FOLLOW)


@pytest.mark.parametrize("program", [HANDED_ON, SHARED], ids=["handed on", "shared"])
def test_a_value_is_followed_through_any_number_of_frames(
    pytester: pytest.Pytester, program: str
) -> None:
    found = []
    for depth in (2, DEEP):
        pytester.makepyfile(test_it=program.format(depth=depth))
        run(pytester, "--record-trace").assert_outcomes(failed=1)
        (path,) = traces(pytester)
        found.append(origins(path, "value"))
        with pytest_recorder.open_trace(path) as trace:
            assert "assigned: value = 1  [test_it.py:" in explain(trace)
    assert found[0] == found[1]
    ((assigned),) = found[1]
    assert (assigned["what"], assigned["how"]) == ("value", "assigned")


@pytest.mark.parametrize(
    "comprehension",
    [
        "list(double(number) for _, number in pairs)",
        "list(of(found) for _, found in pairs)",
        "[double(number) for _, number in pairs]",
        "[double(pair[1]) for pair in pairs]",
        "{double(number): name for name, number in pairs}",
    ],
)
def test_an_argument_is_never_followed_to_what_another_round_gave(
    pytester: pytest.Pytester, comprehension: str
) -> None:
    pytester.makepyfile(test_it=ROUNDS.format(comprehension=comprehension))
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    with pytest_recorder.open_trace(path) as trace:
        todo = [origin_object(origin) for origin in why(trace, "found").origins]
    results: set[int] = set()
    while todo:
        origin = todo.pop()
        todo += origin["below"]
        is_number = "value" in origin.get("new", {})  # a comprehension is a call on Python 3.11
        if is_number and origin["how"] == "returned" and "(" in origin["what"]:
            result = origin["new"]["value"]
            results.add(result)
            argument = result // 2
            told = [
                each["new"]["value"]
                for each in origin["below"]
                if each["what"] in ("number", "found") and "new" in each
            ]
            assert told in ([], [argument]), (result, told)
    assert results


def test_an_expression_is_read_to_its_end_however_long_it_is(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        helper=f"def added(first, last):\n    return {'first + ' * 900}last\n",
        test_it="""
        import helper
        def test_a():
            end = 5
            total = helper.added(1, end)
            assert total == 0
        """,
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    with pytest_recorder.open_trace(path) as trace:
        text = explain(trace)
    assert "returned: added() -> 905  [helper.py:2 added]" in text
    assert "assigned: end = 5  [test_it.py:3 test_a]" in text


def test_a_tree_of_findings_may_be_of_any_depth(tmp_path: Path) -> None:
    top = here = Origin("0", "assigned", 0)
    for number in range(1, 5_000):
        below = Origin(str(number), "assigned", number)
        here.below.append(below)
        here = below
    plain = origin_object(top)
    depth = 1
    while plain["below"]:
        (plain,) = plain["below"]
        depth += 1
    assert (plain["what"], depth) == ("4999", 5_000)
    assert len(render_origins([top], tmp_path, most=100)) == 101


def test_what_must_come_next_goes_before_the_cheapest_and_in_its_order() -> None:
    top = Origin("", "used", 0)

    def edge(name: int, cost: int = 0) -> ObjectEdge:
        return ObjectEdge(name, 0, top, cost)

    worklist = Worklist()
    worklist.later(edge(7, cost=2))
    worklist.later(edge(6, cost=1))
    worklist.later(edge(8, cost=2))
    worklist.later(edge(0, cost=1_000))
    worklist.now(edge(1), edge(4))
    order = []
    while (found := worklist.take(is_full=False)) is not None:
        assert isinstance(found, ObjectEdge)
        order.append(found.number)
        if found.number == 1:
            worklist.now(edge(2), edge(3))
        if found.number == 4:
            worklist.now(edge(5))
    assert order == [1, 2, 3, 4, 5, 6, 7, 8]
    worklist.later(edge(9))
    worklist.now(edge(10))
    assert worklist.take(is_full=True) == edge(10)
    assert worklist.take(is_full=True) is None
