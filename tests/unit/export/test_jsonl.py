"""JSON lines: stable, ASCII, any int, any string; the documented examples are true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_recorder
from pytest_recorder.export.jsonl import dump, event_object, int_text, to_objects
from pytest_recorder.format.events import Event, ExceptionInfo, Position
from pytest_recorder.testing import record

PLACE = {"thread": 1, "frame": 1, "file": "/p/m.py", "function": "f"}
EVENTS = [
    Event(0, "span", thread=1, time_us=10, phase="call", edge="begin"),
    Event(1, "call", line=1, time_us=20, args={"x": {"type": "int", "value": 1}}, **PLACE),
    Event(
        2, "line", line=2, changes={"y": {"type": "str", "value": "é"}}, deleted=("z",), **PLACE
    ),
    Event(
        3,
        "output",
        line=2,
        time_us=30,
        stream="stdout",
        text={"type": "str", "value": "hello\n"},
        **PLACE,
    ),
    Event(
        4,
        "log",
        line=3,
        time_us=40,
        level="WARNING",
        logger="shop",
        text={"type": "str", "value": "low", "truncated": True, "length": 300},
        **PLACE,
    ),
    Event(
        5,
        "raise",
        line=4,
        time_us=50,
        exception=ExceptionInfo("ValueError", 2, "bad", 3),
        position=Position(4, 4, 8, 12),
        **PLACE,
    ),
    Event(6, "gap", dropped=12, reason="limit"),
    Event(7, "level", thread=1, time_us=60, level="lines"),
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**1500), 10**1500)
    | st.text(st.characters())
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_the_examples_in_the_documentation_are_what_the_code_gives() -> None:
    text = (Path(__file__).parents[3] / "docs" / "json-lines.md").read_text()
    lines = re.findall(r'^\{"n": .*\}$', text, re.MULTILINE)
    assert lines == [dump(event_object(event)) for event in EVENTS]


@pytest.mark.slow
@given(values)
def test_any_object_comes_back_from_its_line(item: Any) -> None:
    line = dump(item)
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == item


@pytest.mark.parametrize(
    "number", [10**5000, -(10**5000) + 1, 2**100_000, 10**4300, 0, -1], ids=range(6)
)
def test_an_int_of_any_size_keeps_all_its_digits(number: int) -> None:
    digits = int_text(number)
    # Read back without Python's own conversion, which has a limit on digits.
    negative = digits.startswith("-")
    total = 0
    for at in range(0, len(digits.lstrip("-")), 1000):
        chunk = digits.lstrip("-")[at : at + 1000]
        total = total * 10 ** len(chunk) + int(chunk)
    assert (-total if negative else total) == number
    assert dump({"value": number}) == '{"value": ' + digits + "}"


def test_a_lone_surrogate_is_escaped_as_it_is() -> None:
    assert dump({"v": "\udc80"}) == '{"v": "\\udc80"}'


def test_a_trace_becomes_manifest_events_and_trailer(tmp_path: Path) -> None:
    def work(number: float) -> float:
        huge = 10**5000
        return number if huge else 0

    with pytest_recorder.trace(tmp_path / "a.pyrec") as session:
        work(float("nan"))
    with pytest_recorder.open_trace(session.path) as trace:
        objects = list(to_objects(trace))
        lines = [dump(item) for item in objects]
    assert (objects[0]["kind"], objects[-1]["kind"]) == ("manifest", "trailer")
    for key in ("test", "attempt", "outcome", "python", "engine", "hot_path", "level"):
        assert key in objects[0]
    assert objects[-1]["status"] == "complete"
    assert objects[-1]["events"] == len(objects) - 2
    assert [item["n"] for item in objects[1:-1]] == list(range(len(objects) - 2))
    (call,) = [item for item in objects if item["kind"] == "call"]
    assert call["args"] == {"number": {"type": "float", "value": "nan"}}
    assert call["function"].endswith("<locals>.work")
    assert any(
        '"huge": {"type": "int", "value": 1' + "0" * 5000 + "}" in line for line in lines
    )


def basket() -> list[int]:
    prices = [1]
    prices.append(2)
    held = {"prices": prices}
    prices.pop(0)
    return held["prices"]


def test_on_request_each_change_of_an_object_has_a_line_behind_its_event() -> None:
    with record(basket).trace() as trace:
        plain = list(to_objects(trace))
        lines = list(to_objects(trace, has_objects=True))
    assert [line for line in lines if line["kind"] != "object"] == plain
    told = [(line, lines[at - 1]) for at, line in enumerate(lines) if line["kind"] == "object"]
    number = plain[-2]["value"]["id"]
    prices = [line for line, _ in told if line["object"] == number]
    assert [(line["how"], line["through"]) for line in prices] == [
        ("met", ["prices"]),
        ("changed", ["prices"]),
        ("changed", ["prices", "held['prices']"]),
    ]
    assert [line.get("parts") for line in prices[1:]] == [
        [{"how": "appended", "index": 1, "new": {"type": "int", "value": 2}}],
        [{"how": "removed", "index": 0, "old": {"type": "int", "value": 1}}],
    ]
    assert all(line["n"] == before["n"] for line, before in told)


def test_the_documented_lines_of_objects_have_the_keys_that_are_written() -> None:
    text = (Path(__file__).parents[3] / "docs" / "json-lines.md").read_text()
    shown = [
        json.loads(line)
        for line in re.findall(r'^\{"kind": "object", .*\}$', text, re.MULTILINE)
    ]
    with record(basket).trace() as trace:
        lines = [
            line for line in to_objects(trace, has_objects=True) if line["kind"] == "object"
        ]
    for how in ("met", "changed"):
        keys = {tuple(line) for line in lines if line["how"] == how}
        assert {tuple(line) for line in shown if line["how"] == how} == keys
