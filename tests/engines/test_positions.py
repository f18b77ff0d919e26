"""Where in a line each call, raise and unwinding of a trace was: on each engine, at each level."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from pytest_recorder import compat
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.events import Position
from pytest_recorder.format.layout import EVENTS_HEAD
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import LEVELS, Op
from pytest_recorder.tracefile.scan import make_scan
from tests.engines.support import ENGINES, record

SOURCE = Path(__file__).read_bytes().splitlines(keepends=True)
SEEN: list[tuple[int | None, ...]] = []


def piece(position: Position | None) -> str | None:
    """Give the text of a piece of this file."""
    if position is None:
        return None
    lines = SOURCE[position.line - 1 : position.end_line]
    lines[-1] = lines[-1][: position.end_column]
    lines[0] = lines[0][position.column :]
    return b"".join(lines).decode()


# An independent oracle: what is called looks at its caller itself.


def noted(value: Any = 1) -> Any:
    caller = sys._getframe(1)
    SEEN.append(list(caller.f_code.co_positions())[caller.f_lasti // 2])
    return value


class Thing:
    held = noted(noted(1))

    def __init__(self) -> None:
        self.own = noted()

    @property
    def attribute(self) -> int:
        caller = sys._getframe(1)
        SEEN.append(list(caller.f_code.co_positions())[caller.f_lasti // 2])
        return 1

    def __add__(self, other: object) -> int:
        caller = sys._getframe(1)
        SEEN.append(list(caller.f_code.co_positions())[caller.f_lasti // 2])
        return 1

    def __enter__(self) -> None:
        caller = sys._getframe(1)
        SEEN.append(list(caller.f_code.co_positions())[caller.f_lasti // 2])

    def __exit__(self, *_: object) -> None:
        caller = sys._getframe(1)
        SEEN.append(list(caller.f_code.co_positions())[caller.f_lasti // 2])


def several_in_a_line() -> Any:
    word = "é"; return noted(noted(1)) + len("é" + word) + noted(noted(2))  # noqa: E702  # fmt: skip


def over_several_lines() -> Any:
    return (
        noted(
            noted(1)
            + noted(
                2,
            ),
        )
        + [
            noted(each)
            for each in (
                noted(1),
                2,
            )
        ].pop()
    )


def by_other_means() -> Any:
    thing = Thing()
    total = thing + thing.attribute
    with thing:
        total += min([2, 1], key=noted) + sum(map(noted, (1, 2)))
    for _ in range(30):  # the interpreter specializes what runs often
        total += thing.attribute + noted(1)
    return f"{noted(total)} {[*map(noted, 'ab')]}" + str({noted(1): noted(2)})


def far_to_the_right() -> Any:
    return ["........................................................................................................................", "..........................................................................................................................................", noted(noted(1))]  # fmt: skip


def in_generators() -> Any:
    def gives() -> Iterator[int]:
        yield noted(1)
        yield noted(2) + noted(3)

    async def waits() -> int:
        return int(noted(await asyncio.sleep(0, 1))) + int(noted(2))

    async def all_of() -> list[int]:
        tasks: list[Awaitable[int]] = [waits(), waits()]
        return list(await asyncio.gather(*tasks))

    return next(gives()) + sum(gives()) + sum(asyncio.run(all_of()))


CALLERS = (
    several_in_a_line,
    over_several_lines,
    by_other_means,
    far_to_the_right,
    in_generators,
)
NOTED = ("noted", "attribute", "__add__", "__enter__", "__exit__")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", CALLERS, ids=lambda program: program.__name__)
def test_a_call_says_where_its_caller_stood(
    program: Callable[[], Any], engine: str, level: str
) -> None:
    SEEN.clear()
    recorded = record(program, engine=engine, level=level, include=[__file__])
    assert recorded.error is None
    told = [
        event.position
        for event in recorded.events
        if event.kind == "call" and (event.function or "").rpartition(".")[2] in NOTED
    ]
    assert len(SEEN) > 1
    assert told == SEEN


def test_the_piece_names_which_call_of_the_line_it_was(engine: str) -> None:
    recorded = record(several_in_a_line, engine=engine, level="calls", include=[__file__])
    assert [piece(event.position) for event in recorded.events if event.kind == "call"] == [
        None,  # nothing recorded has called it
        "noted(1)",
        "noted(noted(1))",
        "noted(2)",
        "noted(noted(2))",
    ]
    kinds = {event.kind for event in recorded.events if event.position is not None}
    assert kinds == {"call"}


def fails_in(number: int) -> Any:
    """Each fails in another part of a line, or in another part of a statement."""
    none: Any = None
    table: Any = {"a": {"b": None}}
    if number == 0:
        return noted(1) + (noted(1) / (noted(1) - 1)) + noted(1)
    if number == 1:
        return table["a"]["b"]["c"]
    if number == 2:
        return noted(1), none.name.other, noted(1)
    if number == 3:
        return noted(
            int("1") + int("x"),
        )
    if number == 4:
        return int("1") + int("x")
    raise ValueError(
        number,
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "noted(1) / (noted(1) - 1)"),
        (1, 'table["a"]["b"]["c"]'),
        (2, "none.name"),
        (3, 'int("x")'),
        (4, 'int("x")'),
        (5, "raise ValueError(\n        number,\n    )"),
    ],
)
def test_a_raise_says_what_of_the_line_has_failed(
    number: int, expected: str, engine: str, level: str
) -> None:
    recorded = record(fails_in, number, engine=engine, level=level, include=[__file__])
    told = {e.kind: piece(e.position) for e in recorded.events if e.kind in ("raise", "unwind")}
    assert told == {"raise": expected, "unwind": expected}


def called() -> int:
    return 1


def calls() -> int:
    return called() + called() + (called() + called())


TABLES = {
    "empty": b"",
    "cut": calls.__code__.co_linetable[:18],
    "no location": b"\xff" * 200,
    "no columns": b"\xef\x00" * 200,
    "a line below 0": b"\xf0\xff\x3f\x00\x01\x02" + b"\xff" * 200,
}
# Under any trace function Python 3.11 reads past the end of the others, and may crash.
READABLE = tuple(TABLES) if compat.HAS_MONITORING else ("empty", "cut")


@pytest.mark.parametrize("table", READABLE)
def test_a_table_that_no_compiler_has_made_is_read_to_its_end_and_no_further(
    table: str, engine: str
) -> None:
    made = FunctionType(calls.__code__.replace(co_linetable=TABLES[table]), globals())
    recorded = record(made, engine=engine, level="calls", include=[__file__])
    assert (recorded.result, recorded.status) == (4, "complete")
    found = [event.position for event in recorded.events if event.kind == "call"]
    assert len(found) == 5
    if table == "cut":
        assert piece(found[1]) == "called()"
        assert found[-1] is None
    else:
        assert set(found) == {None}


SCRIPT = """
import sys
sys.path[:0] = [{folder!r}]
from tests.engines.support import ENGINES, record
from tests.engines import test_positions
for engine in ENGINES:
    found = record(test_positions.fails_in, 0, engine=engine, include=[test_positions.__file__])
    print(found.status, len(found.events), {{event.position for event in found.events}})
"""


def test_python_without_positions_gives_a_trace_without() -> None:
    folder = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", "-B", "-c", SCRIPT.format(folder=folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(ENGINES)
    assert all(line.startswith("complete ") and line.endswith(" {None}") for line in lines)


def test_a_place_without_its_event_is_none() -> None:
    tables = DefinitionTables()
    tables.feed(
        b"\3" + uv(1) + text("m.py") + uv(0)
        + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
        + b"\6" + uv(1) + uv(3) + uv(3) + uv(4) + uv(9)
    )  # fmt: skip
    call = bytes((Op.CALL,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(3) + uv(0)
    place = bytes((Op.PLACE,)) + uv(1)
    line = bytes((Op.LINE,)) + zz(2)
    positions = [
        [event.position for event in EventDecoder(tables, data)]
        for data in (call + place, call + place + line, place + call + line)
    ]
    assert positions == [[None], [None, (3, 3, 4, 9)], [(3, 3, 4, 9), None]]


def test_a_block_that_is_cut_anywhere_gives_the_events_before_with_their_places(
    engine: str,
) -> None:
    recorded = record(fails_in, 0, engine=engine, include=[__file__])
    expected = [event.position for event in recorded.events]
    assert len(set(expected)) > 4
    with recorded.trace() as trace:
        tables, block = trace._definitions, trace._events[0]
        data = trace._blocks.read(block.place)[EVENTS_HEAD.size :]
    for end in range(len(data)):
        found = []
        with contextlib.suppress(Malformed):
            for event in EventDecoder(tables, data[:end]):
                found.append(event.position)  # noqa: PERF401 - up to the fault
        assert found == expected[: len(found)]
        scan = make_scan(tables)
        with contextlib.suppress(Malformed):
            assert scan.feed(data[:end], 0) == len(found)
