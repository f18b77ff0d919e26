"""A frame with more objects in view than `objects` of `--record-values` shows fewer levels."""

from typing import Any

import pytest

from pytest_recorder.format.events import Event, Value
from tests.engines.support import ENGINES, record

WIDE = 6
DOWN_TO = [1, 1 + WIDE, 1 + WIDE + WIDE**2, 1 + WIDE + WIDE**2 + WIDE**3]
"""How many objects are in view of a tree down to a level."""

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def tree(levels: int) -> list[Any]:
    """Give lists in lists: `WIDE` in each, for so many levels."""
    return [tree(levels - 1) for _ in range(WIDE)] if levels else []


def open_levels(value: Value) -> int:
    """Count the levels of a tree that are shown; what is cut has its true size and says why."""
    if value.get("reason") == "depth":
        assert (value["length"], value["items"]) == (WIDE, [])
        return 0
    return 1 + max(map(open_levels, value["items"]), default=0)


def line(events: list[Event], source_line: int) -> Event:
    """Give the event of a line, counted from the `def`."""
    first = events[0].line
    assert first is not None
    (found,) = (e for e in events if e.kind == "line" and e.line == first + source_line)
    return found


@pytest.mark.parametrize(
    ("objects", "levels", "shown"),
    [
        (DOWN_TO[3], None, 4),  # the innermost lists are empty, and so not cut
        (DOWN_TO[3] - 1, 2, 2),
        (DOWN_TO[2], 2, 2),
        (DOWN_TO[2] - 1, 1, 1),
        (1, 1, 1),
    ],
)
def test_what_is_more_than_the_bound_closes_a_level_at_once(
    engine: str, objects: int, levels: int | None, shown: int
) -> None:
    def main() -> None:
        rows = tree(3)
        del rows

    found = record(main, engine=engine, include=[__file__], values=f"objects={objects}")
    events = found.of("main")
    event = line(events, 2)
    assert (event.levels, open_levels(event.changes["rows"])) == (levels, shown)
    with found.trace() as trace:
        assert open_levels(trace.values_at(event)["rows"]) == shown
    assert [event.levels for event in events[:2]] == [None, None]


def test_an_argument_closes_the_levels_of_its_own_call_and_of_all_later_ones(
    engine: str,
) -> None:
    rows = tree(3)

    def takes(rows: list[Any]) -> None:
        pass

    def other(rows: list[Any]) -> None:
        pass

    def main() -> None:
        takes(rows)
        takes([[[[]]]])
        other([[[[]]]])

    found = record(main, engine=engine, include=[__file__], values=f"objects={DOWN_TO[2]}")
    first, second = (e for e in found.of("takes") if e.kind == "call")
    (call,) = (e for e in found.of("other") if e.kind == "call")
    assert None not in (first.args, second.args, call.args)
    assert (first.levels, open_levels(first.args["rows"])) == (2, 2)
    assert second.levels == 2
    assert second.args["rows"]["items"][0]["items"][0]["reason"] == "depth"
    assert (call.levels, open_levels(call.args["rows"])) == (None, 4)
    # Each trace begins anew.
    again = record(main, engine=engine, include=[__file__], values=f"objects={DOWN_TO[3]}")
    assert {event.levels for event in again.of("takes")} == {None}


def test_what_is_not_shown_is_not_told_as_changed(engine: str) -> None:
    def main() -> None:
        rows = tree(3)
        rows[0][0].append(1)
        rows[0].append(2)
        rows.append([3])
        rows[-1] = [4, 5]

    found = record(main, engine=engine, include=[__file__], values=f"objects={DOWN_TO[1]}")
    events = found.of("main")
    assert {event.levels for event in events[2:]} == {1}
    assert events[-1].kind == "return"
    changed = [set(event.changes) for event in events[2:]]
    # Of the lists in it the size is shown.
    assert changed == [{"rows"}, set(), {"rows"}, {"rows"}, {"rows"}]
    sizes = [part["length"] for part in events[-1].changes["rows"]["items"]]
    assert sizes == [WIDE + 1, *[WIDE] * (WIDE - 1), 2]


def test_a_result_is_counted_for_itself(engine: str) -> None:
    def main() -> object:
        first = tree(1)
        return [first, tree(2)]

    found = record(main, engine=engine, include=[__file__], values=f"objects={DOWN_TO[2]}")
    event = found.of("main")[-1]
    assert event.value is not None
    assert (event.kind, event.levels) == ("return", 2)
    assert event.value["items"][1]["items"][0]["reason"] == "depth"
