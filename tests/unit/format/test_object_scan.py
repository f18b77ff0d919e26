"""What is found of objects in the bytes of a block is what decoding its events gives."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.format import object_scan
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD
from pytest_recorder.format.object_scan import BlockSightings, How, scan_objects
from pytest_recorder.format.object_states import HeldValues
from pytest_recorder.format.parts import Container, Reference, Splice
from pytest_recorder.format.primitives import uv, zz
from pytest_recorder.format.vocabulary import MAX_BLOCK_EVENTS
from tests.engines.support import run

PROGRAMS = (
    "mutation",
    "classes",
    "closures",
    "generators",
    "exceptions",
    "every_value",
    "threads",
)
Blocks = list[tuple[int, bytes]]


@cache
def recorded(program: str) -> tuple[DefinitionTables, Blocks]:
    with run(program, "monitoring").trace() as trace:
        return trace._definitions, [(b.first, trace._records(b)) for b in trace._events]


def scan(tables: DefinitionTables, data: bytes, first: int = 0, at: int = 0) -> BlockSightings:
    return scan_objects(data, tables.codes, first, MAX_BLOCK_EVENTS, at)


def seen(found: BlockSightings) -> list[tuple[int, int, int, int]]:
    return [
        (n, number, sighting.how, sighting.holder)
        for n in range(found.first, found.first + len(found.frames))
        for number, sighting in found.at_event(n)
    ]


def references(part: Any, how: int, holder: int) -> list[tuple[int, int, int]]:
    """What a value holds by number, as the scan tells it."""
    if isinstance(part, Reference):
        return [(part.number, how, holder)]
    if isinstance(part, Container):
        inner = [
            one
            for group in part.parts
            for piece in group
            for one in references(piece, How.IN_OBJECT, part.number)
        ]
        return [(part.number, how, holder), *inner]
    return [(part["id"], how, holder)] if isinstance(part, dict) and "id" in part else []


@pytest.mark.parametrize("program", PROGRAMS)
def test_frames_and_lines_are_those_of_the_decoded_events(program: str) -> None:
    tables, blocks = recorded(program)
    for first, data in blocks:
        found = scan(tables, data, first, EVENTS_HEAD.size)
        decoder = EventDecoder(tables, data, first=first, at=EVENTS_HEAD.size)
        expected = [(event.frame or 0, event.line or 0) for event in decoder]
        assert list(zip(found.frames, found.lines, strict=True)) == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_sightings_are_what_the_decoded_records_hold(program: str) -> None:
    tables, blocks = recorded(program)
    names = {name: number for number, name in tables.names.items()}
    for first, data in blocks:
        found = set(seen(scan(tables, data, first, EVENTS_HEAD.size)))
        expected: set[tuple[int, int, int, int]] = set()
        for event in EventDecoder(tables, data, first=first, at=EVENTS_HEAD.size):
            for values in (event.args, event.changes):
                for name, part in (
                    values.parts.items() if isinstance(values, HeldValues) else ()
                ):
                    expected |= {
                        (event.n, *one)
                        for one in references(part, How.IN_VARIABLE, names[name])
                    }
            for number, told in event.objects:
                if isinstance(told, Splice):
                    expected.add((event.n, number, How.CHANGED, 0))
                groups = told.came if isinstance(told, Splice) else getattr(told, "parts", ())
                for piece in (piece for group in groups for piece in group):
                    expected |= {
                        (event.n, *one) for one in references(piece, How.IN_OBJECT, number)
                    }
        # What is told whole has its type as holder; results and exceptions have tests of their own.
        assert expected
        assert expected - found == set()
        rest = {one for one in found - expected if one[2] not in (How.TOLD, How.AS_RESULT)}
        assert {one for one in rest if one[2] != How.AS_EXCEPTION} <= state_sightings(found)


def state_sightings(found: set[tuple[int, int, int, int]]) -> set[tuple[int, int, int, int]]:
    """What may come from records of all values of a frame, which events do not show."""
    return {one for one in found if one[2] == How.IN_VARIABLE}


def test_each_object_is_told_before_it_changes() -> None:
    tables, blocks = recorded("mutation")
    for first, data in blocks:
        told: set[int] = set()
        for _, number, how, _ in seen(scan(tables, data, first, EVENTS_HEAD.size)):
            if how == How.TOLD:
                told.add(number)
            assert how != How.CHANGED or number in told


@given(st.data())
def test_of_damaged_bytes_it_gives_a_prefix(data: st.DataObject) -> None:
    tables, blocks = recorded("mutation")
    first, records = blocks[0]
    whole = seen(scan(tables, records, first, EVENTS_HEAD.size))
    cut = data.draw(st.integers(EVENTS_HEAD.size, len(records)))
    found = seen(scan(tables, records[:cut], first, EVENTS_HEAD.size))
    assert found == whole[: len(found)]
    at = data.draw(st.integers(EVENTS_HEAD.size, len(records) - 1))
    other = bytes((data.draw(st.integers(0, 255)),))
    scan(tables, records[:at] + other + records[at + 1 :], first, EVENTS_HEAD.size)


def test_a_block_of_more_sightings_than_a_writer_makes_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_scan, "MAX_SIGHTINGS", 3)
    tables, blocks = recorded("mutation")
    first, data = blocks[0]
    found = scan(tables, data, first, EVENTS_HEAD.size)
    assert found.is_cut
    assert len(seen(found)) == 3


def test_lines_beyond_any_file_are_no_error() -> None:
    tables = DefinitionTables()
    frame = b"\1" + uv(1) + uv(0) + uv(1) + uv(0) + uv(2**64 - 1)
    data = frame + (b"\5" + zz(2**63 - 1)) * 5 + (b"\5" + zz(-(2**63))) * 5
    assert len(scan(tables, data).lines) == 10


def test_the_event_of_a_frame_before_is_found_across_the_pieces_that_are_looked_at() -> None:
    frames = b"".join(
        b"\1" + uv(number) + uv(0) + uv(1) + uv(0) + uv(1) + b"\5" + zz(0)
        for number in (7, *range(256, 5_000), 7 * 256, 9)
    )
    found = scan(DefinitionTables(), frames)
    last = len(found.frames)
    assert found.before(7, last) == 0
    assert found.before(9, last) == last - 1
    assert found.before(9, last - 1) is None
    assert found.before(7 * 256, last) == last - 2
    assert found.before(3, last) is None
