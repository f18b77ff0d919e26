"""What an encoder may write, every reader reads."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.errors import TargetError
from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import BlockKind
from pytest_recorder.format.limits import (
    CUT_TEXT,
    MAX_SHOWN_BYTES,
    MAX_SHOWN_VALUES,
    MAX_WORD,
    NOT_HELD,
)
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import (
    MAX_BLOCK_EVENTS,
    MAX_BLOCK_FRAMES,
    MAX_BLOCK_PAIRS,
    MAX_DEPTH,
    Op,
    Tag,
)
from pytest_recorder.system import compiled
from pytest_recorder.testing import record
from pytest_recorder.tracefile.reader import Trace, open_trace
from pytest_recorder.tracefile.scan import NativeScan, PureScan
from tests.engines.support import HAS_NATIVE
from tests.faults import hostile

MODULE = compiled.load("pytest_recorder.tracefile._scan").module


class Number(int):
    """A scalar of a subclass: a value in a value, which costs the encoder no depth."""


def nested() -> Any:
    value: Any = Number(7)
    for _ in range(MAX_DEPTH):
        value = [value]
    return value


@pytest.mark.parametrize("hot_path", ["python", *(["native"] if HAS_NATIVE else [])])
def test_the_largest_depth_of_values_is_read_back(tmp_path: Path, hot_path: str) -> None:
    limits = {"depth": MAX_DEPTH}
    made = record(nested, folder=tmp_path, values=limits, hot_path=hot_path)
    with made.trace() as trace:
        events = list(trace.events())
        assert (trace.status, trace.message) == ("complete", None)
    value = events[-1].value
    for _ in range(MAX_DEPTH):
        assert value is not None
        (value,) = value["items"]
    assert value is not None
    assert value["value"] == 7


# What a reader holds at once: enough for what an encoder writes, little of what it never does.


def opened(path: Path, data: bytes) -> Trace:
    path.write_bytes(data)
    return open_trace(path)


def test_more_parts_of_values_than_a_reader_holds_are_marked_and_read_past(
    tmp_path: Path,
) -> None:
    count = MAX_SHOWN_VALUES + 10
    value = hostile.sequence(count, bytes((Tag.INT, 2)) * count)
    made = hostile.Maker().events(hostile.CALL + hostile.returned(value) + hostile.LINE, 3)
    with opened(tmp_path / "a.pyrec", made.ended()) as trace:
        _, event, after = trace.events()
        assert (trace.status, trace.damage, after.kind) == ("complete", None, "line")
    assert event.value is not None
    assert len(event.value["items"]) == MAX_SHOWN_VALUES
    told = {key: event.value[key] for key in ("length", "truncated", "reason")}
    assert told == {"length": count, "truncated": True, "reason": NOT_HELD}


@pytest.mark.parametrize("tag", [Tag.STR, Tag.BYTES])
def test_longer_texts_than_a_reader_holds_are_cut_and_keep_their_length(
    tmp_path: Path, tag: int
) -> None:
    size = MAX_SHOWN_BYTES // 2 + 1
    value = bytes((tag,)) + uv(size) + b"x" * size
    made = hostile.Maker().events(hostile.CALL + hostile.returned(value) * 3, 4)
    with opened(tmp_path / "a.pyrec", made.ended()) as trace:
        values = [event.value or {} for event in trace.events()][1:]
    unit = 1 if tag == Tag.STR else 2
    assert [len(v["value"]) // unit for v in values] == [size, CUT_TEXT, CUT_TEXT]
    assert [v.get("length") for v in values] == [None, size, size]


def test_more_definitions_than_a_file_of_its_size_may_have_are_damage(tmp_path: Path) -> None:
    made = hostile.Maker().events(hostile.CALL + hostile.LINE, 2)
    again = hostile.block(BlockKind.DEFINITIONS, hostile.name(7, "") * 300_000)
    made.add_stored(again).events(hostile.CALL, 1)
    with opened(tmp_path / "a.pyrec", made.ended()) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert "more definitions than a file of this size may have" in str(trace.message)
        assert [event.kind for event in trace.events()] == ["call", "line"]


def test_long_words_are_cut_and_stay_two() -> None:
    tables = DefinitionTables()
    tables.feed(hostile.name(1, "n" * 5000) + hostile.name(2, "n" * 5000))
    tables.feed(hostile.kind(1, "t", uv(3000) + text("ab") * 3000))
    assert len(set(tables.names.values())) == 2
    assert {len(name) < MAX_WORD + 50 for name in tables.names.values()} == {True}
    assert "(5000 characters, number 2)" in tables.names[2]
    assert len(tables.types[1][1]) == MAX_WORD // 3


def both(records: bytes) -> set[object]:
    tables = DefinitionTables()
    tables.feed(hostile.DEFINITIONS)
    found: set[object] = set()
    native = [NativeScan(MODULE, tables)] if MODULE is not None else []
    for scan in (PureScan(tables), *native):
        try:
            found.add(scan.feed(records, 0))
        except Malformed as error:
            found.add(error.message)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"), [(0, MAX_BLOCK_FRAMES), (1, "a block has more frames")]
)
def test_a_block_introduces_no_more_frames_than_the_format_allows(
    more: int, said: object
) -> None:
    calls = b"".join(hostile.call(1 + n) for n in range(MAX_BLOCK_FRAMES + more))
    (found,) = both(calls)
    assert found == said or str(found).startswith(str(said))


@pytest.mark.slow
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_block_has_no_more_variables_than_the_format_allows(is_deleted: bool) -> None:
    if is_deleted:
        names = uv(MAX_BLOCK_PAIRS // 2) + uv(1) * (MAX_BLOCK_PAIRS // 2)
        one = hostile.changed(hostile.LINE, deleted=names)
    else:
        pairs = uv(1) + b"\0"
        one = bytes((Op.STATE,)) + uv(MAX_BLOCK_PAIRS // 2) + pairs * (MAX_BLOCK_PAIRS // 2)
        one += hostile.LINE
    assert both(hostile.CALL + one * 2) == {3}
    more = both(hostile.CALL + one * 2 + hostile.changed(hostile.LINE, b"\1\0"))
    assert more == {"a block has more variables than one may have"}


def test_a_block_of_more_events_than_the_format_allows_is_damage(tmp_path: Path) -> None:
    records = hostile.CALL + hostile.LINE * MAX_BLOCK_EVENTS
    made = hostile.failing().events(records, MAX_BLOCK_EVENTS + 1)
    with opened(tmp_path / "a.pyrec", made.ended()) as trace:
        assert trace.status == "partial"
        assert "more events than one may have" in str(trace.message)
        assert len(list(trace.events())) == 4


def test_a_tree_of_more_calls_than_can_be_held_is_an_error_with_a_code(tmp_path: Path) -> None:
    made = hostile.Maker()
    made.events(b"".join(hostile.call(n) for n in range(1, 6)), 5)
    with opened(tmp_path / "a.pyrec", made.ended()) as trace:
        assert len(trace.call_tree()) == 5
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pytest_recorder.tracefile.reader._BYTES_PER_CALL", 1 << 60)
            patch.setattr("pytest_recorder.tracefile.reader._LEAST_CALLS", 4)
            with pytest.raises(TargetError, match=r"ERR_NOT_SUPPORTED.*more than 4 calls"):
                trace.call_tree()


def test_an_index_that_is_too_large_is_not_used(tmp_path: Path) -> None:
    rows = b'{"calls_cut": false, "exceptions": [], "steps": [' + b"[]," * (8 << 20) + b"[]]}"
    with opened(tmp_path / "a.pyrec", hostile.failing().ended(index=rows)) as trace:
        assert [call.frame for call in trace.call_tree()] == [1]
        assert trace.outline() == ({}, {}, None, None)
        assert (trace.status, trace.damage) == ("complete", None)


@pytest.mark.parametrize(
    "kind", ["undefined", "idna", "Punycode", "unicode-escape", "hex", "no"]
)
def test_an_encoding_that_no_source_has_is_read_as_utf_8(tmp_path: Path, kind: str) -> None:
    source = f"# coding: {kind}\n".encode() + b"x = '\\x41'\xff\n" * 20_000
    with opened(
        tmp_path / "a.pyrec", hostile.failing(hostile.Maker(source=source)).ended()
    ) as trace:
        assert trace.source("/p/m.py") == source.decode("utf-8", "replace")


def test_a_deflated_trailer_is_damage(tmp_path: Path) -> None:
    data = hostile.a_deflated_trailer()
    with opened(tmp_path / "a.pyrec", data) as trace:
        assert (trace.status, len(list(trace.events()))) == ("partial", 4)


@given(st.text(st.sampled_from("aé€😀\ud800"), max_size=12), st.integers(0, 3), st.data())
def test_a_text_that_is_read_in_pieces_is_the_same_text(
    string: str, kept: int, data: st.DataObject
) -> None:
    encoded = bytearray(string.encode("utf-8", "surrogatepass"))
    if encoded and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] = data.draw(st.sampled_from((0x41, 0x80, 0xC2, 0xE0, 0xF0, 0xFF)))
    whole = bytes(encoded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_recorder.format.cursor._PIECE", 5)
        try:
            found = Cursor(whole).cut_text(len(whole), kept)
        except Malformed:
            with pytest.raises(UnicodeDecodeError, match="utf-8"):
                whole.decode("utf-8", "surrogatepass")
            return
    right = whole.decode("utf-8", "surrogatepass")
    assert found == (right[:kept], len(right))
