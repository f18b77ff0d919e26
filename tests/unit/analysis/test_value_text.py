"""Values as lines of text, also with the numbers of the objects in them."""

from collections import deque
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import pytest

from pytest_recorder.analysis.value_text import render_numbered, render_value
from pytest_recorder.format.events import Value
from pytest_recorder.testing import Recorded, record


class Box:
    def __init__(self, held: Any) -> None:
        self.held = held


class Empty:
    pass


class Point(NamedTuple):
    x: Any
    y: Any


class Color(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Failure(Exception):
    pass


def many() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    shared = [Box(0)]
    kept: list[Any] = [
        [],
        [Box((1,))],
        {"a": shared, (1, 2): shared},
        set(),
        {3},
        frozenset(),
        frozenset((4,)),
        deque([[5]]),
        Empty(),
        Point([6], 7),
        Failure("no"),
        bytearray(b"ab"),
        circle,
        [[[[[8]]]]],
    ]
    plain: list[Any] = [
        1,
        None,
        2.5,
        "s",
        b"b",
        len,
        many,
        Box,
        Color.RED,
        Decimal(1),
        Text("t"),
    ]
    del kept, plain


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return record(many, values="depth=4")


def values(recorded: Recorded, name: str) -> list[Value]:
    found: list[Value] = next(e for e in recorded.events if name in e.changes).changes[name][
        "items"
    ]
    return found


def test_containers_and_instances_have_their_number_before_what_they_hold(
    recorded: Recorded,
) -> None:
    held = values(recorded, "kept")

    def number(*path: Any) -> str:
        value: Any = held
        for step in path:
            value = value[step]
        return f"#{value['id']}"

    of_box = number(1, "items", 0)
    of_tuple = number(1, "items", 0, "attributes", "held")
    shared = number(2, "entries", 0, 1)
    inner = number(2, "entries", 0, 1, "items", 0)
    key = number(2, "entries", 1, 0)
    deep = [number(13, *("items", 0) * levels) for levels in range(4)]
    one = f"{shared} [Box {inner}(held=0)]"
    assert [render_numbered(value) for value in held] == [
        f"{number(0)} []",
        f"{number(1)} [Box {of_box}(held={of_tuple} (1,))]",
        f"{number(2)} {{'a': {one}, {key} (1, 2): {one}}}",
        f"set {number(3)}()",
        f"{number(4)} {{3}}",
        f"frozenset {number(5)}()",
        f"frozenset {number(6)}({{4}})",
        f"deque {number(7)}([{number(7, 'items', 0)} [5]])",
        f"Empty {number(8)}()",
        f"Point {number(9)}(x={number(9, 'items', 0)} [6], y=7)",
        f"Failure {number(10)}(args={number(10, 'attributes', 'args')} ('no',))",
        f"bytearray {number(11)}(b'ab')",
        f"{number(12)} [1, {number(12)} [...cycle, 2 in all]]",
        f"{deep[0]} [{deep[1]} [{deep[2]} [{deep[3]} [...depth, 1 in all]]]]",
    ]


def test_what_nobody_asks_about_has_no_number(recorded: Recorded) -> None:
    for value in values(recorded, "plain"):
        assert render_numbered(value) == render_value(value)


def test_the_number_stands_where_the_rest_is_cut(recorded: Recorded) -> None:
    value = values(recorded, "kept")[2]
    assert render_numbered(value, width=12).startswith(f"#{value['id']} {{")
    assert len(render_numbered(value, width=12)) == 12
