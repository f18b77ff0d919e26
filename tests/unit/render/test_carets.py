"""Which piece of a line has failed, as text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder import testing
from pytest_recorder.format.events import Position
from pytest_recorder.render.call_tree import TreePrinter
from pytest_recorder.render.carets import carets
from pytest_recorder.render.explanation import explain
from pytest_recorder.render.explanation_object import explanation_object


@pytest.mark.parametrize(
    ("line", "number", "position", "expected"),
    [
        ("    x = f(1) + g(2)", 3, (3, 3, 15, 19), "               ^^^^"),
        ("\tx = f(1)", 3, (3, 3, 5, 9), "\t    ^^^^"),
        ('    s = "é😀" + f(1)', 3, (3, 3, 19, 23), "               ^^^^"),
        ("    x = f(", 3, (3, 5, 8, 5), "        ^^"),
        ("        1, 2  ", 4, (3, 5, 8, 5), ""),  # all of the line
        ("    ) + 1", 5, (3, 5, 8, 5), "    ^"),
        ("    x = f(1)", 2, (3, 5, 8, 5), ""),
        ("    x = f(1)", 3, (3, 3, 4, 12), ""),
        ("    x = f(1)", 3, (3, 3, 90, 99), ""),
        ("    x = f(1)", 3, (3, 3, 9, 8), ""),
        ("    x = f(1)", 3, None, ""),
    ],
)
def test_carets_stand_under_the_piece_and_nowhere_else(
    line: str, number: int, position: tuple[int, int, int, int] | None, expected: str
) -> None:
    assert carets(line, number, position and Position(*position)) == expected


def divided(number: int) -> float:
    return 1 + 1 / number


def gives(*numbers: int) -> Any:
    for number in numbers:
        yield divided(number)


def in_a_line() -> float:
    return divided(1) + divided(0) + divided(2)


def in_a_generator() -> float:
    steps = gives(1, 0)
    return float(next(steps) + next(steps))


def caught_before() -> float:
    try:
        return divided(0)
    except ZeroDivisionError:
        return divided(1) + divided(0)


@pytest.mark.parametrize(
    ("program", "call", "under"),
    [
        (in_a_line, "return divided(1) + divided(0) + divided(2)", (20, 30)),
        (in_a_generator, "return float(next(steps) + next(steps))", (27, 38)),
        (caught_before, "return divided(1) + divided(0)", (20, 30)),
    ],
)
def test_the_explanation_marks_what_has_failed_in_each_frame(
    program: Callable[[], float], call: str, under: tuple[int, int]
) -> None:
    recorded = testing.record(program)
    with recorded.trace() as trace:
        lines = explain(trace).splitlines()
        calls = explanation_object(trace)["calls"]
    at = next(n for n, line in enumerate(lines) if line.startswith(">"))
    assert lines[at].endswith("    return 1 + 1 / number")
    assert lines[at + 1] == " " * 23 + "^" * 10
    at = max(n for n, line in enumerate(lines) if line == f"    {call}")
    assert lines[at + 1] == "    " + " " * under[0] + "^" * (under[1] - under[0])
    assert calls[-1]["position"]["column"] == 15
    assert calls[0]["position"]["column"] == 4 + under[0] + (program is caught_before) * 4


def test_text_says_where_the_level_has_fallen() -> None:
    recorded = testing.record(in_a_line)
    events = list(recorded.events)
    events[1].kind, events[1].level, events[1].frame = "level", "lines", None
    printed = list(TreePrinter(Path("/")).lines(events))
    assert "  ... the level is lines from here on" in printed
