"""The trace file: every prefix of any input reads, damage is said, limits keep both ends."""

import functools
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_recorder
from pytest_recorder.errors import RecorderError
from pytest_recorder.export.jsonl import dump, event_object
from pytest_recorder.format.cursor import Cursor, Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import BLOCK, CHECKSUM, MAGIC, BlockKind
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import Define, Op, Tag
from pytest_recorder.tracefile.excerpts import Excerpts
from pytest_recorder.tracefile.manifest import Manifest, Trailer
from pytest_recorder.tracefile.reader import Trace, open_trace
from pytest_recorder.tracefile.skeleton import Call
from pytest_recorder.tracefile.spool import Spool
from pytest_recorder.tracefile.writer import Packed, write_trace

MANIFEST = Manifest(
    format=1,
    run_id="r",
    trace_id="t",
    test="test_x.py::test_a",
    python="3.12.1",
    engine="monitoring",
    engine_reason="it is there",
    hot_path="python",
    hot_path_reason="no other",
    level="values",
    started="2026-01-01T00:00:00+00:00",
    pid=1,
)
SOURCE = b"def f(x):\n    return x\n"
DIGEST = bytes(range(32))


def make_spool(path: Path, max_bytes: int = 1 << 20) -> Spool:
    spool = Spool(path, max_bytes)
    spool.begin(MANIFEST.model_dump_json().encode())
    spool.define(bytes((Define.NAME,)) + uv(1) + text("x"))
    spool.define(bytes((Define.FILE,)) + uv(1) + text("/p/m.py") + uv(32) + DIGEST)
    spool.define(bytes((Define.CODE,)) + uv(1) + uv(1) + uv(1) + text("f"))
    spool.define(bytes((Define.THREAD,)) + uv(1) + text("MainThread"))
    return spool


HEAD_BYTES = BLOCK.size + CHECKSUM.size


def block(kind: int, flags: int, stored: bytes, plain: int) -> bytes:
    head = BLOCK.pack(kind, flags, 0, len(stored), plain)
    return head + CHECKSUM.pack(zlib.crc32(head + stored)) + stored


def call(frame: int, value: int) -> bytes:
    head = bytes((Op.CALL,)) + uv(frame) + uv(1) + uv(1) + uv(0) + uv(3)
    return head + uv(1) + uv(1) + bytes((Tag.INT,)) + zz(value)


def returned(value: int) -> bytes:
    return bytes((Op.RETURN,)) + zz(1) + uv(2) + bytes((Tag.INT,)) + zz(value)


def fill(spool: Spool, calls: int) -> None:
    for number in range(1, calls + 1):
        record = call(number, number) + returned(number)
        if len(record) > spool.room:
            spool.next_events(len(record), 5 * (number - 1))
        spool.append(call(number, number), 1)
        spool.append(returned(number), 1)


def pack(spool: Spool, path: Path, excerpts: Excerpts | None = None) -> Packed:
    return write_trace(
        path,
        manifest=MANIFEST,
        segments=spool.segments(),
        sources={DIGEST: SOURCE},
        trailer={"status": "complete"},
        excerpts=excerpts,
    )


@pytest.fixture(scope="module")
def trace_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("trace")
    spool = make_spool(folder / "a.pyspool", 64 * 1024)
    fill(spool, 1500)
    pack(spool, folder / "a.pyrec")
    spool.close()
    return (folder / "a.pyrec").read_bytes()


def rows(trace: Trace) -> list[tuple[int, str, object]]:
    return [(e.n, e.kind, (e.args or {}).get("x") or e.value) for e in trace.events()]


def test_a_packed_trace_reads_as_it_was_written(tmp_path: Path, trace_bytes: bytes) -> None:
    path = tmp_path / "a.pyrec"
    path.write_bytes(trace_bytes)
    with open_trace(path) as trace:
        assert (trace.status, trace.reason, len(trace)) == ("complete", None, 3000)
        assert trace.manifest == MANIFEST
        assert trace.source("/p/m.py") == SOURCE.decode()
        assert trace.files() == ["/p/m.py"]
        found = rows(trace)
        assert [n for n, _, _ in found] == list(range(3000))
        assert found[2 * 700] == (1400, "call", {"type": "int", "value": 701})
        assert trace.event(1401).value == {"type": "int", "value": 701}
        assert trace.event(1401).time_us == 701 * 5
        assert [call.frame for call in trace.call_tree()] == list(range(1, 1501))
        assert trace.values_at(1401) == {"x": {"type": "int", "value": 701}}


def test_a_source_is_deflated_once_for_all_traces_of_a_process(
    tmp_path: Path, trace_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 * 1024)
    fill(spool, 1500)
    deflated: list[bytes] = []
    monkeypatch.setattr(
        "pytest_recorder.tracefile.excerpts.deflate",
        lambda plain: deflated.append(plain) or zlib.compress(plain, 6),
    )
    excerpts = Excerpts()
    for name in ("a", "b"):
        pack(spool, tmp_path / name, excerpts)
        assert (tmp_path / name).read_bytes() == trace_bytes
    spool.close()
    assert deflated == [DIGEST + SOURCE]


def count_calls(calls: list[Call]) -> int:
    return sum(1 + count_calls(call.children) for call in calls)


def test_a_call_tree_is_the_same_from_the_index_and_from_the_events(
    tmp_path: Path, trace_bytes: bytes
) -> None:
    path = tmp_path / "a.pyrec"
    path.write_bytes(trace_bytes)
    with open_trace(path) as trace:
        from_index = trace.call_tree()
        trace._index = None
        assert trace.call_tree() == from_index
        assert len(from_index) == 1500


@pytest.mark.slow
def test_a_call_tree_that_is_too_large_for_the_index_comes_from_the_events(
    tmp_path: Path,
) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 << 20)
    fill(spool, 50_010)
    packed = pack(spool, tmp_path / "a.pyrec")
    spool.close()
    assert packed.size_bytes == (tmp_path / "a.pyrec").stat().st_size
    with open_trace(tmp_path / "a.pyrec") as trace:
        assert trace._index is not None
        index = trace._blocks.json(trace._index)
        assert index["calls_cut"] is True
        assert len(index["steps"]) == 50_000
        assert len(trace.call_tree()) == 50_010
        assert trace.status == "complete"


def test_no_part_file_stays(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool")
    fill(spool, 3)
    pack(spool, tmp_path / "a.pyrec")
    spool.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.pyrec"]


def test_a_trace_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool")
    fill(spool, 3)
    (tmp_path / "b.pyrec").mkdir()
    (tmp_path / "b.pyrec" / "full").touch()
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO"):
        pack(spool, tmp_path / "b.pyrec")
    spool.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.pyrec"]


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_cut_gives_a_right_prefix(
    tmp_path: Path, trace_bytes: bytes, data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(trace_bytes) - 1))
    path = tmp_path / "cut.pyrec"
    path.write_bytes(trace_bytes[:size])
    check_prefix(path, trace_bytes, tmp_path)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_gives_a_right_prefix(
    tmp_path: Path, trace_bytes: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(trace_bytes) - 1))
    flip = data.draw(st.integers(1, 255))
    path = tmp_path / "flipped.pyrec"
    path.write_bytes(
        trace_bytes[:at] + bytes((trace_bytes[at] ^ flip,)) + trace_bytes[at + 1 :]
    )
    check_prefix(path, trace_bytes, tmp_path)


@pytest.mark.slow
def test_every_byte_of_every_block_header_counts(tmp_path: Path, trace_bytes: bytes) -> None:
    path = tmp_path / "flipped.pyrec"
    at = len(MAGIC)
    while at < len(trace_bytes):
        for offset in range(HEAD_BYTES):
            for flip in (1, 2, 0x80, 0xFF):
                damaged = bytearray(trace_bytes)
                damaged[at + offset] ^= flip
                path.write_bytes(damaged)
                check_prefix(path, trace_bytes, tmp_path)
        at += HEAD_BYTES + struct.unpack_from("<I", trace_bytes, at + 4)[0]


@functools.cache
def rows_of(whole: bytes, folder: Path) -> list[tuple[int, str, object]]:
    good = folder / "good.pyrec"
    good.write_bytes(whole)
    with open_trace(good) as right:
        return rows(right)


def check_prefix(path: Path, whole: bytes, folder: Path) -> None:
    """A right prefix that says partial, or an error with a code; nothing deleted."""
    before = path.read_bytes()
    try:
        trace = open_trace(path)
    except RecorderError:
        pass  # an error with a code; any other exception fails the test
    else:
        with trace:
            found = rows(trace)
            assert found == rows_of(whole, folder)[: len(found)]
            if (trace.status, len(found)) != ("complete", 3000):
                assert trace.status == "partial"
                assert trace.reason == "ERR_TRACE_INCOMPLETE"
            trace.call_tree()
    assert path.read_bytes() == before


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_events_give_events_or_stop(junk: bytes) -> None:
    definitions = DefinitionTables()
    definitions.feed(
        bytes((Define.NAME,))
        + uv(1)
        + text("x")
        + bytes((Define.TYPE,))
        + uv(1)
        + text("t")
        + uv(0)
    )
    try:
        events = list(EventDecoder(definitions, junk))
    except Malformed:
        events = None
    try:
        passed = list(EventDecoder(definitions, junk, has_values=False))
    except Malformed:
        assert events is None
        return
    if events is not None:
        assert len(events) <= len(junk)
        assert [(e.n, e.kind, e.line) for e in events] == [
            (e.n, e.kind, e.line) for e in passed
        ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_definitions_are_taken_or_refused(junk: bytes) -> None:
    definitions = DefinitionTables()
    try:
        definitions.feed(junk)
    except Malformed:
        return
    assert sum(map(len, (definitions.names, definitions.types, definitions.codes))) <= len(junk)


def test_a_bomb_is_refused_without_being_inflated(tmp_path: Path, trace_bytes: bytes) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    head = trace_bytes[: len(MAGIC) + HEAD_BYTES + len(MANIFEST.model_dump_json().encode())]
    path = tmp_path / "bomb.pyrec"
    path.write_bytes(head + block(BlockKind.DEFINITIONS, 1, bomb, 1000))
    with open_trace(path) as trace:
        assert (trace.status, len(trace)) == ("partial", 0)
        assert "another size" in (trace.message or "")


def test_a_newer_format_is_refused_by_its_number(tmp_path: Path, trace_bytes: bytes) -> None:
    path = tmp_path / "new.pyrec"
    path.write_bytes(MAGIC[:-1] + b"\x09" + trace_bytes[8:])
    with pytest.raises(pytest_recorder.TargetError, match=r"ERR_UNSUPPORTED_FORMAT.*format 9"):
        open_trace(path)


def test_unknown_blocks_are_skipped(tmp_path: Path, trace_bytes: bytes) -> None:
    manifest = (
        len(MAGIC) + HEAD_BYTES + struct.unpack_from("<I", trace_bytes, len(MAGIC) + 4)[0]
    )
    extra = block(77, 0, b"abc", 3)
    path = tmp_path / "more.pyrec"
    path.write_bytes(trace_bytes[:manifest] + extra + trace_bytes[manifest:])
    with open_trace(path) as trace:
        assert (trace.status, len(list(trace.events()))) == ("complete", 3000)


def test_a_full_spool_keeps_both_ends_and_counts_the_middle(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 * 1024)
    fill(spool, 30_000)
    packed = pack(spool, tmp_path / "a.pyrec")
    size = (tmp_path / "a.pyspool").stat().st_size
    spool.close()
    assert size < 4 * 64 * 1024
    with open_trace(tmp_path / "a.pyrec") as trace:
        found = list(trace.events())
        gaps = [event for event in found if event.kind == "gap"]
        assert trace.status == "complete"
        assert [(gap.reason, gap.dropped) for gap in gaps] == [("limit", packed.dropped)]
        assert [event.n for event in found] == list(range(len(found)))
        assert len(found) - 1 + packed.dropped == 60_000
        assert found[0].args == {"x": {"type": "int", "value": 1}}
        assert found[-1].value == {"type": "int", "value": 30_000}


def test_dropping_gives_the_space_back(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 * 1024)
    sizes = set()
    for _ in range(20):
        fill(spool, 1000)
        sizes.add((tmp_path / "a.pyspool").stat().st_size)
        spool.begin(b"{}")
    spool.close()
    assert len(sizes) == 1
    assert not (tmp_path / "a.pyspool").exists()


def test_a_record_larger_than_a_unit_is_kept_whole(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 * 1024)
    long = "x" * 100_000
    head = bytes((Op.CALL,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(0)
    record = head + uv(1) + uv(1) + bytes((Tag.STR,)) + text(long)
    spool.next_events(len(record), 0)
    spool.append(record, 1)
    pack(spool, tmp_path / "a.pyrec")
    spool.close()
    with open_trace(tmp_path / "a.pyrec") as trace:
        assert trace.event(0).args == {"x": {"type": "str", "value": long}}


@given(st.integers(0, 2**64 - 1))
def test_uv_round_trips(number: int) -> None:
    assert Cursor(uv(number)).uv() == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_zz_round_trips(number: int) -> None:
    assert Cursor(zz(number)).zz() == number


@given(st.text(st.characters()))
def test_text_round_trips_with_surrogates(string: str) -> None:
    assert Cursor(text(string)).text() == string


def test_the_golden_file_reads_for_ever() -> None:
    path = Path(__file__).parents[2] / "golden" / "format-1.pyrec"
    with open_trace(path) as trace:
        assert (trace.status, trace.manifest.format, len(trace)) == ("complete", 1, 42)
        expected = (path.parent / "format-1.events.txt").read_text().splitlines()
        assert [f"{e.n} {e.kind} {e.function}:{e.line}" for e in trace.events()] == expected
        assert trace.values_at(17)["total"] == {"type": "int", "value": 1}
        assert trace.values_at(35)["password"] == {"type": "str", "redacted": True}
        # Its index holds the calls as they are, not as steps.
        assert count_calls(trace.call_tree()) == len({e.frame for e in trace.events()} - {None})
        assert (trace.status, trace._index is not None) == ("complete", True)


@pytest.mark.parametrize("name", ["every_value", "mutation"])
def test_a_trace_of_format_1_says_what_its_own_reader_said(name: str) -> None:
    path = Path(__file__).parents[2] / "golden" / f"format-1-{name}.pyrec"
    with open_trace(path) as trace:
        assert (trace.status, trace.manifest.format) == ("complete", 1)
        found = [json.loads(dump(event_object(event))) for event in trace.events()]
    expected = [
        json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()
    ]
    assert found == expected[1:-1]


def test_no_negative_time_is_written_or_read(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "a.pyspool", 64 * 1024)
    fill(spool, 2)
    path = tmp_path / "a.pyrec"
    trailer = {"status": "complete", "duration_us": -1326490097101203, "recording_cpu_us": -1}
    write_trace(path, manifest=MANIFEST, segments=spool.segments(), sources={}, trailer=trailer)
    spool.close()
    assert b'"duration_us":0,"recording_cpu_us":0' in path.read_bytes()
    with open_trace(path) as trace:
        assert (trace.trailer.duration_us, trace.trailer.recording_cpu_us) == (0, 0)
    assert Trailer.model_validate({**trailer, "events": 0}).duration_us == 0
