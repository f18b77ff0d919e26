"""Values that are shown through their objects, as these are at each event."""

from typing import Any

import pytest

from pytest_recorder.format import object_states
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.parts import Container
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.testing import Recorded, record

DEFINITIONS = (
    b"\1" + uv(1) + text("x")
    + b"\2" + uv(1) + text("list") + uv(0)
    + b"\2" + uv(2) + text("bytearray") + uv(0)
    + b"\3" + uv(1) + text("m.py") + uv(0) + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
)  # fmt: skip
CALL = b"\4" + uv(1) + uv(1) + uv(1) + uv(0) + uv(0) + uv(0)
USE = b"\x85" + uv(0) + uv(1) + uv(1) + b"\x13" + uv(1) + uv(0)
"""A line that changed what `x` refers to, object 1."""


def test_a_list_shows_what_changed_in_an_object_without_parts() -> None:
    tables = DefinitionTables()
    tables.feed(DEFINITIONS)
    held = b"\x10\x0c" + uv(1) + uv(1) + uv(1) + b"\0" + uv(1) + b"\x13" + uv(2)
    buffer = b"\x10\x10" + uv(2) + uv(2) + b"\n"
    data = CALL + held + buffer + text("a") + USE + buffer + text("ab") + USE
    shown = [
        event.changes["x"]["items"] for event in EventDecoder(tables, data) if event.changes
    ]
    assert [item["value"] for (item,) in shown] == ["61", "6162"]


def untouched(rounds: int) -> dict[str, list[int]]:
    deep = {"rows": [[1, 2], [3]], "more": [[4]]}
    other = []
    for number in range(rounds):
        other.append(number)
        if number == rounds // 2:
            deep["more"].append([5])
    return deep  # type: ignore[return-value]


def test_events_that_did_not_change_an_object_share_its_decoded_form() -> None:
    recorded = record(untouched, 8)
    with recorded.trace() as trace:
        events = [event for event in recorded.of("untouched") if event.kind == "line"]
        held = [trace.values_at(event).get("deep") for event in events]
    held = [value for value in held if value is not None]
    forms = list({id(value): value for value in held}.values())
    assert [form["entries"][1][1]["length"] for form in forms] == [1, 2]
    # The list that stayed is the same in both.
    assert forms[0]["entries"][0][1] is forms[1]["entries"][0][1]


def test_an_object_is_put_together_once_however_many_events_show_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    real = object_states.show_container

    def show(held: Container, *args: Any) -> Any:
        made.append(held.number)
        return real(held, *args)

    def count(rounds: int) -> int:
        made.clear()
        recorded = record(untouched, rounds)
        with recorded.trace() as trace:
            made.clear()
            for event in recorded.of("untouched"):
                trace.values_at(event).get("deep")
        return sum(number != other_of(recorded) for number in made)

    monkeypatch.setattr(object_states, "show_container", show)
    assert count(100) == count(10)


def other_of(recorded: Recorded) -> int:
    number: int = next(
        event.changes["other"]["id"] for event in recorded.events if "other" in event.changes
    )
    return number
