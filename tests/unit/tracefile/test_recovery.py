"""Spools of dead processes become traces; any bytes are survived; the living are left alone."""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_recorder
from pytest_recorder.errors import RecorderError
from pytest_recorder.format.layout import SEGMENT, SPOOL_HEAD, SPOOL_HEAD_BYTES, SegmentKind
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import Define, Op, Tag
from pytest_recorder.system import mapped
from pytest_recorder.tracefile import spool as spool_module
from pytest_recorder.tracefile import spoolfile
from pytest_recorder.tracefile.end import end_of
from pytest_recorder.tracefile.index import Entry, close_index, read_index, write_index
from pytest_recorder.tracefile.naming import folder_name
from pytest_recorder.tracefile.reader import Block, Trace, open_trace
from pytest_recorder.tracefile.recovery import Recovery, entry_of_trace, recover
from pytest_recorder.tracefile.spool import Spool
from pytest_recorder.tracefile.spoolfile import Snapshot, SpoolFile
from pytest_recorder.tracefile.writer import write_trace
from tests.unit.tracefile.test_tracefile import MANIFEST, call, fill

SOURCE = b"def f(x):\n    return x\n"
DIGEST = hashlib.sha256(SOURCE).digest()
NAME = "aaaaaaaaaaaa-1-bbbbbb.pyspool"
TEST = str(MANIFEST.test)
Rows = list[tuple[int | None, str, Any]]


def begin(spool: Spool, **facts: Any) -> None:
    manifest = MANIFEST.model_copy(update={"run_id": "a" * 32, "pid": os.getpid(), **facts})
    spool.begin(manifest.model_dump_json().encode())
    spool.define(bytes((Define.NAME,)) + uv(1) + text("x"))
    spool.keep_source(DIGEST, SOURCE)
    spool.define(bytes((Define.FILE,)) + uv(1) + text("/p/m.py") + uv(32) + DIGEST)
    spool.define(bytes((Define.CODE,)) + uv(1) + uv(1) + uv(1) + text("f"))
    spool.define(bytes((Define.THREAD,)) + uv(1) + text("MainThread"))


def begun(folder: Path, *, calls: int = 10, max_bytes: int = 1 << 20, **facts: Any) -> Spool:
    spool = Spool(folder / NAME, max_bytes)
    begin(spool, **facts)
    fill(spool, calls)
    return spool


def die(spool: Spool) -> Path:
    """Leave the file as a killed process does: with its bytes, without its lock."""
    spool.close(unlink=False)
    return Path(spool.path)


def rows(path: Path) -> Rows:
    with open_trace(path) as trace:
        return [(e.frame, e.kind, (e.args or {}).get("x") or e.value) for e in trace.events()]


def written(calls: int) -> Rows:
    found: Rows = []
    for n in range(1, calls + 1):
        value = {"type": "int", "value": n}
        found += [(n, "call", value), (n, "return", value)]
    return found


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def the_trace(folder: Path, attempt: int = 1) -> Path:
    return folder / folder_name(TEST, attempt) / "trace.pyrec"


# What is recovered.


def test_the_spool_of_a_dead_process_becomes_a_partial_trace(tmp_path: Path) -> None:
    path = die(begun(tmp_path, calls=2000))
    found = recover(tmp_path)
    assert (found.alive, found.errors) == ([], [])
    assert not path.exists()
    trace_path = the_trace(tmp_path)
    assert rows(trace_path) == written(2000)
    with open_trace(trace_path) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert trace.message == f"the process died (pid {os.getpid()}) during the test"
        assert (trace.manifest.outcome, trace.manifest.test) == ("died", TEST)
        assert trace.source("/p/m.py") == SOURCE.decode()
    (entry,) = read_index(tmp_path).tests
    assert [entry] == found.entries
    assert entry == Entry(
        test=TEST,
        attempt=1,
        outcome="died",
        trace=trace_path.relative_to(tmp_path).as_posix(),
        status="partial",
        reason="ERR_TRACE_INCOMPLETE",
        size_bytes=trace_path.stat().st_size,
        events=4000,
        dropped=0,
        message=f"the process died (pid {os.getpid()}) during the test",
        place="/p/m.py:2",
    )
    assert recover(tmp_path) == Recovery([], [], [])


@pytest.mark.slow
def test_the_place_of_a_death_is_read_from_the_end_of_the_trace_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(begun(tmp_path, calls=15_000, root="/p"))
    (entry,) = recover(tmp_path).entries
    assert entry.place == "m.py:2"
    read: list[int] = []
    real = Trace.read_block

    def read_block(self: Trace, at: int) -> Block:
        read.append(at)
        return real(self, at)

    monkeypatch.setattr(Trace, "read_block", read_block)
    with open_trace(the_trace(tmp_path)) as trace:
        blocks = len(trace.block_ranges())
        assert blocks > 4
        end = end_of(trace)
        assert (end.file, end.line, end.phase) == ("/p/m.py", 2, None)
    assert read == [blocks - n for n in range(1, 5)]  # for the phase, which is not there


@pytest.mark.parametrize("at", [-200, -2000])
def test_a_damaged_trace_of_a_process_that_died_is_entered_all_the_same(
    tmp_path: Path, at: int
) -> None:
    die(begun(tmp_path, calls=2000))
    recover(tmp_path)
    path = the_trace(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    entry = entry_of_trace(path, tmp_path)
    assert entry is None or entry.outcome == "died"
    path.write_bytes(data[: len(data) // 2])
    cut = entry_of_trace(path, tmp_path)
    assert cut is not None
    assert cut.message is not None


def test_a_wrapped_spool_keeps_head_tail_and_all_definitions(tmp_path: Path) -> None:
    spool = begun(tmp_path, calls=0, max_bytes=64 * 1024)
    value = bytes((Tag.NONE,))
    for number in range(1, 20_001):
        # Each event needs a definition of its own; those of dropped events stay too.
        spool.define(bytes((Define.NAME,)) + uv(number + 1) + text(f"name{number}"))
        head = bytes((Op.CALL,)) + uv(number) + uv(1) + uv(1) + uv(0) + uv(3)
        record = head + uv(1) + uv(number + 1) + value
        if len(record) > spool.room:
            spool.next_events(len(record), 3 * (number - 1))
        spool.append(record, 1)
    dropped = spool.dropped
    die(spool)
    (entry,) = recover(tmp_path).entries
    with open_trace(the_trace(tmp_path)) as trace:
        found = list(trace.events())
        gaps = [event for event in found if event.kind == "gap"]
        assert [(gap.reason, gap.dropped) for gap in gaps] == [("limit", dropped)]
        assert entry.dropped == dropped > 0
        assert (list(found[0].args or {}), list(found[-1].args or {})) == (
            ["name1"],
            ["name20000"],
        )
        assert len(found) - 1 + dropped == 20_000
        assert found[-1].time_us == 60_000
        assert set(trace._definitions.names.values()) >= {f"name{n}" for n in range(1, 20_001)}


@pytest.mark.parametrize("calls", [0, 10])
def test_a_spool_between_traces_holds_nothing(tmp_path: Path, calls: int) -> None:
    spool = begun(tmp_path, calls=calls)
    spool.drop()
    die(spool)
    assert recover(tmp_path) == Recovery([], [], [])
    assert names(tmp_path) == []


def test_only_the_last_trace_counts(tmp_path: Path) -> None:
    spool = begun(tmp_path, calls=3000)
    begin(spool, test="test_x.py::test_b", attempt=3)
    fill(spool, 5)
    die(spool)
    (entry,) = recover(tmp_path).entries
    assert (entry.test, entry.attempt, entry.events) == ("test_x.py::test_b", 3, 10)
    trace_path = tmp_path / folder_name("test_x.py::test_b", 3) / "trace.pyrec"
    assert rows(trace_path) == written(5)
    with open_trace(trace_path) as trace:
        assert trace.source("/p/m.py") == SOURCE.decode()


def test_a_recording_without_a_test_is_a_program(tmp_path: Path) -> None:
    die(begun(tmp_path, test=None))
    (entry,) = recover(tmp_path).entries
    assert entry.test == "program"
    with open_trace(tmp_path / str(entry.trace)) as trace:
        assert trace.message == f"the process died (pid {os.getpid()}) during the recording"


def test_a_policy_that_keeps_no_partial_traces_holds_here_too(tmp_path: Path) -> None:
    die(begun(tmp_path, policy={"keep_partial_trace": False}))
    (entry,) = recover(tmp_path).entries
    assert (entry.outcome, entry.status, entry.trace, entry.events) == (
        "died",
        "partial",
        None,
        20,
    )
    assert names(tmp_path) == ["index.json"]


def test_a_source_that_is_not_what_ran_is_left_out(tmp_path: Path) -> None:
    path = die(begun(tmp_path))
    data = path.read_bytes()
    path.write_bytes(data.replace(SOURCE, SOURCE.upper()))
    recover(tmp_path)
    with open_trace(the_trace(tmp_path)) as trace:
        assert (trace.files(), trace.source("/p/m.py")) == (["/p/m.py"], None)


# Once, and nothing of others.


def test_a_trace_that_was_kept_before_the_death_is_entered_not_recovered(
    tmp_path: Path,
) -> None:
    spool = begun(tmp_path)
    the_trace(tmp_path).parent.mkdir()
    manifest = MANIFEST.model_copy(update={"run_id": "a" * 32, "outcome": "failed"})
    write_trace(
        the_trace(tmp_path),
        manifest=manifest,
        segments=spool.segments(),
        sources={},
        trailer={"status": "complete"},
    )
    die(spool)  # before it could drop the recording
    (entry,) = recover(tmp_path).entries
    assert (entry.outcome, entry.status, entry.attempt) == ("failed", "complete", 1)
    assert read_index(tmp_path).tests == (entry,)
    assert len(list(tmp_path.rglob("*.pyrec"))) == 1


def test_traces_that_a_dead_process_kept_are_listed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / f"aaaaaaaaaaaa-{os.getpid()}-bbbbbb.pyspool", 1 << 20)
    for number, (run, pid) in enumerate(
        [("a" * 32, os.getpid()), ("b" * 32, os.getpid()), ("a" * 32, 1)]
    ):
        begin(spool)
        fill(spool, 3)
        path = tmp_path / f"kept-{number}" / "trace.pyrec"
        path.parent.mkdir()
        facts = {"run_id": run, "pid": pid, "trace_id": run, "outcome": "failed"}
        write_trace(
            path,
            manifest=MANIFEST.model_copy(update=facts),
            segments=spool.segments(),
            sources={},
            trailer={"status": "complete"},
        )
    spool.drop()
    die(spool)
    found = recover(tmp_path)
    # Not the other run's, and not that of another process, which may live.
    assert [entry.trace for entry in found.entries] == ["kept-0/trace.pyrec"]
    assert read_index(tmp_path).tests == tuple(found.entries)


def test_a_recovery_that_died_is_taken_up(tmp_path: Path) -> None:
    path = die(begun(tmp_path))
    data = path.read_bytes()
    (first,) = recover(tmp_path).entries
    path.write_bytes(data)  # killed before it removed the spool
    assert recover(tmp_path).entries == []
    path.write_bytes(data)
    (tmp_path / "index.json").unlink()  # killed before it wrote the index
    assert recover(tmp_path).entries == [first]
    assert names(tmp_path) == sorted([f"{folder_name(TEST, 1)}/trace.pyrec", "index.json"])


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    theirs = the_trace(tmp_path)
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    (tmp_path / folder_name(TEST, 1, 2)).symlink_to("elsewhere")
    die(begun(tmp_path))
    (entry,) = recover(tmp_path).entries
    assert theirs.read_bytes() == b"theirs"
    assert entry.trace == f"{folder_name(TEST, 1, 3)}/trace.pyrec"
    assert entry.attempt == 1


def test_the_other_entries_of_the_index_stay(tmp_path: Path) -> None:
    other = Entry(test="b", attempt=1, outcome="failed", trace="b/t.pyrec", status="complete")
    write_index(tmp_path, "the run", [other], pid=77)
    die(begun(tmp_path))
    found = recover(tmp_path)
    index = read_index(tmp_path)
    assert (index.run_id, index.pid) == ("the run", 77)
    assert index.tests == (other, *found.entries)
    assert "is_reported" not in (tmp_path / "index.json").read_text()


def test_what_others_recover_during_a_run_stays_when_it_writes_its_index(
    tmp_path: Path,
) -> None:
    die(begun(tmp_path))
    (died,) = recover(tmp_path).entries
    ours = Entry(test="b", attempt=1, outcome="failed", trace="b/t.pyrec", status="complete")
    close_index(tmp_path, "run", [ours.but(is_reported=False)])
    owner = {"run_id": "a" * 32, "pid": 0}
    assert read_index(tmp_path).tests == (died.but(**owner), ours)
    close_index(tmp_path, "run", [died])
    assert read_index(tmp_path).tests == (died,)


def test_an_index_that_is_not_ours_is_left_alone_and_said(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("[]")
    path = die(begun(tmp_path))
    found = recover(tmp_path)
    assert [error.code for error in found.errors] == ["ERR_TRACE_CORRUPT"]
    assert (tmp_path / "index.json").read_text() == "[]"
    assert rows(the_trace(tmp_path)) == written(10)
    assert path.exists()
    (tmp_path / "index.json").unlink()
    assert [entry.outcome for entry in recover(tmp_path).entries] == ["died"]
    assert len(list(tmp_path.rglob("*.pyrec"))) == 1
    assert not path.exists()


def test_a_file_that_is_no_spool_is_left_alone_and_the_next_is_recovered(
    tmp_path: Path,
) -> None:
    foreign = tmp_path / "a.pyspool"
    foreign.write_bytes(b"not ours")
    (tmp_path / "aa.pyspool").mkdir()
    die(begun(tmp_path))
    found = recover(tmp_path)
    assert [error.code for error in found.errors] == ["ERR_TRACE_CORRUPT"] * 2
    assert len(found.entries) == 1
    assert foreign.read_bytes() == b"not ours"


def test_a_spool_whose_head_was_never_written_goes_when_it_is_old(tmp_path: Path) -> None:
    blank = tmp_path / NAME
    blank.write_bytes(bytes(70_000))
    assert recover(tmp_path) == Recovery([], [], [])
    assert blank.exists()
    os.utime(blank, (time.time() - 3600,) * 2)
    assert recover(tmp_path) == Recovery([], [], [])
    assert not blank.exists()


@pytest.mark.parametrize("name", ["none", "file", "a\0b"])
def test_a_folder_that_is_none_is_an_error_with_a_code(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(pytest_recorder.EnvironmentError, match=r"ERR_TRACE_NOT_FOUND|ERR_IO"):
        recover(tmp_path / name)


# The living.


def test_the_spool_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    spool = begun(tmp_path)
    path = Path(spool.path)
    before = path.read_bytes()
    assert recover(tmp_path) == Recovery([], [os.getpid()], [])
    assert names(tmp_path) == [NAME]
    assert path.read_bytes() == before
    fill(spool, 3)
    spool.close()


def test_a_spool_that_somebody_recovers_now_is_left_to_him(tmp_path: Path) -> None:
    path = die(begun(tmp_path))
    with SpoolFile(path) as theirs:
        assert theirs.is_abandoned()
        assert recover(tmp_path).entries == []
    assert len(recover(tmp_path).entries) == 1


def test_a_spool_that_was_recovered_between_open_and_lock_is_not_abandoned(
    tmp_path: Path,
) -> None:
    path = die(begun(tmp_path))
    with SpoolFile(path) as late:
        assert len(recover(tmp_path).entries) == 1
        assert not late.is_abandoned()


def no_locks(_: int) -> None:
    return None


@pytest.fixture
def _without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "lock", no_locks)
    monkeypatch.setattr(spoolfile, "try_lock", no_locks)
    monkeypatch.setattr(spoolfile, "is_locked", no_locks)


@pytest.mark.usefixtures("_without_locks")
def test_where_there_are_no_locks_the_process_id_decides(tmp_path: Path) -> None:
    path = die(begun(tmp_path))
    assert recover(tmp_path) == Recovery([], [os.getpid()], [])
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    data = bytearray(path.read_bytes())
    SPOOL_HEAD.pack_into(data, 0, *SPOOL_HEAD.unpack_from(data)[:2], dead.pid, 0)
    path.write_bytes(data)
    assert len(recover(tmp_path).entries) == 1


DYING_PARENT = """
import os, signal, sys
import pytest_recorder

def leave():
    if os.fork() == 0:
        print("child", flush=True)
        os.read(0, 1)  # lives on until the test closes our stdin
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)

with pytest_recorder.trace(sys.argv[1]):
    leave()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_that_lives_on_does_not_hide_its_parents_death(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(DYING_PARENT)
    traces = tmp_path / "traces"
    process = subprocess.Popen(
        [sys.executable, str(script), str(traces)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    with process:
        assert process.stdout.readline() == b"child\n"
        assert process.wait() == -9
        (entry,) = recover(traces).entries
        assert (entry.test, entry.outcome) == ("program", "died")
        process.stdin.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_that_lets_go_leaves_its_parent_the_lock(tmp_path: Path) -> None:
    spool = begun(tmp_path)
    pid = os.fork()
    if pid == 0:
        spool.close(unlink=False)
        os._exit(0)
    os.waitpid(pid, 0)
    assert recover(tmp_path) == Recovery([], [os.getpid()], [])
    spool.close()


# Reading a spool as it is.


def test_a_spool_opens_as_a_trace_while_its_process_runs_and_after(tmp_path: Path) -> None:
    spool = begun(tmp_path, calls=7)
    with open_trace(spool.path) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert trace.message == f"the process is still running (pid {os.getpid()})"
        assert (trace.manifest.outcome, trace.path, len(trace)) == (None, Path(spool.path), 14)
        assert trace.source("/p/m.py") == SOURCE.decode()
        assert len(trace.call_tree()) == 7
    assert rows(spool.path) == written(7)
    die(spool)
    with open_trace(spool.path) as trace:
        assert trace.message == f"the process died (pid {os.getpid()}) during the test"
        assert trace.manifest.outcome == "died"
    assert names(tmp_path) == [NAME]


def test_a_spool_between_traces_cannot_be_opened(tmp_path: Path) -> None:
    spool = begun(tmp_path)
    spool.drop()
    with pytest.raises(pytest_recorder.TargetError, match="ERR_TRACE_MISSING"):
        open_trace(spool.path)
    spool.close()


def test_a_spool_of_a_newer_format_is_refused_by_its_number(tmp_path: Path) -> None:
    path = die(begun(tmp_path))
    path.write_bytes(b"PYSPOOL\x09" + path.read_bytes()[8:])
    with pytest.raises(pytest_recorder.TargetError, match=r"UNSUPPORTED_FORMAT.*format 9"):
        open_trace(path)
    assert [error.code for error in recover(tmp_path).errors] == ["ERR_UNSUPPORTED_FORMAT"]
    assert path.exists()


@pytest.mark.slow
def test_a_spool_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    spool = begun(tmp_path, calls=1, max_bytes=64 * 1024)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            begin(spool)
            fill(spool, 12_000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lengths: set[int] = set()
        reads = 0
        # At least so many, and until the writer was met at several places: it may be slow to start.
        while reads < 30 or (len(lengths) <= 3 and reads < 20_000):
            reads += 1
            with SpoolFile(spool.path) as file:
                try:
                    snapshot = file.read()
                except pytest_recorder.EnvironmentError:
                    continue  # it changed too fast
            if snapshot is not None:
                check_snapshot(snapshot)
                assert snapshot.damage is None
                lengths.add(sum(segment.events for segment in snapshot.segments))
        assert len(lengths) > 3
    finally:
        stop.set()
        writer.join()
        spool.close()


def check_snapshot(snapshot: Snapshot) -> None:
    """Every event is one that was written, at its place."""
    from pytest_recorder.format.decode import EventDecoder
    from pytest_recorder.format.definition_tables import DefinitionTables

    tables = DefinitionTables()
    for segment in snapshot.segments:
        if segment.kind == SegmentKind.DEFINITIONS:
            tables.feed(segment.data)
            continue
        decoder = EventDecoder(tables, segment.data, first=segment.first)
        events = list(decoder)
        assert len(events) == segment.events
        for event in events:
            value = (event.args or {}).get("x") or event.value
            assert value is not None
            assert event.frame == value["value"] == event.n // 2 + 1
            assert event.kind == ("return" if event.n % 2 else "call")


# Death at any moment.


class Torn:
    """A struct that writes its fields one after the other, as the machine may."""

    def __init__(self, whole: struct.Struct, look: Callable[[], None]) -> None:
        self.size = whole.size
        self.unpack_from = whole.unpack_from
        codes = [code * int(count or 1) for count, code in _FIELDS.findall(whole.format)]
        self._fields = [struct.Struct(f"<{code}") for code in "".join(codes)]
        self._look = look

    def pack_into(self, buffer: Any, at: int, *values: int) -> None:
        for field, value in zip(self._fields, values, strict=True):
            field.pack_into(buffer, at, value)
            at += field.size
            self._look()


_FIELDS = re.compile(r"(\d*)([A-Z])")


def snapshots_while(
    path: Path, work: Callable[[], None], patch: pytest.MonkeyPatch
) -> Iterator[bytes]:
    """Give the bytes of the file before every line of the spool's code, and every field of a header."""
    found: dict[bytes, None] = {}

    def look() -> None:
        found[path.read_bytes()] = None

    for name in ("SEGMENT", "SEGMENT_PROGRESS"):
        patch.setattr(spool_module, name, Torn(getattr(spool_module, name), look))

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        look()
        return local

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        return local if frame.f_code.co_filename == spool_module.__file__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    yield from found


def long_call(number: int) -> bytes:
    """Give a call of three units; where a unit begins, its value looks like a header."""
    unit = 16 * 1024
    head = bytes((Op.CALL,)) + uv(number) + uv(1) + uv(1) + uv(0) + uv(3) + uv(1) + uv(1)
    record = bytearray(head + bytes((Tag.BYTES,)) + uv(2 * unit) + bytes(2 * unit))
    for start in (unit, 2 * unit):
        fake = SEGMENT.pack(SegmentKind.EVENTS, 0, 0, 1, 400, 9, 999, 1, 5_000_000, 1)
        record[start - SEGMENT.size : start] = fake
    return bytes(record)


@pytest.mark.slow
def test_a_death_between_any_two_lines_leaves_a_spool_that_reads_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = begun(tmp_path, calls=0, max_bytes=64 * 1024)

    def work() -> None:
        for number in range(1, 7):  # each takes three units: the ring turns over
            record = long_call(number)
            spool.next_events(len(record), 0)
            spool.append(record, 1)
        begin(spool, test="test_x.py::test_b")
        record = long_call(1)
        spool.next_events(len(record), 0)
        spool.append(record, 1)
        spool.drop()

    copy = tmp_path / "copy.pyspool"
    seen = set()
    for data in snapshots_while(Path(spool.path), work, monkeypatch):
        copy.write_bytes(data)
        with SpoolFile(copy) as file:
            snapshot = file.read()
        if snapshot is None:
            seen.add(("nothing",))
            continue
        assert snapshot.damage is None
        firsts = [s.first for s in snapshot.segments if s.kind == SegmentKind.EVENTS]
        assert firsts == sorted(set(firsts))
        assert max(firsts, default=0) < 7
        seen.add((snapshot.manifest.test, *firsts))
        for segment in snapshot.segments:
            if segment.kind == SegmentKind.EVENTS:
                assert segment.data == long_call(segment.first + 1)
    spool.close()
    assert {("nothing",), (TEST,), (TEST, 0), (TEST, 5), ("test_x.py::test_b", 0)} <= seen


# Hostile bytes.


UNIT = 4096


@pytest.fixture(scope="module")
def spool_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A wrapped spool of small units: less to decode in each example."""
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "_SMALLEST_UNIT", UNIT)
        spool = begun(folder, calls=1500, max_bytes=4 * UNIT)
    assert spool.dropped > 0
    return die(spool).read_bytes()


def survives(folder: Path, data: bytes) -> None:
    """Whatever the bytes, the spool opens or there is an error with a code; and so it recovers."""
    path = folder / NAME
    path.write_bytes(data)
    try:
        with open_trace(path) as trace:
            assert trace.status == "partial"
            assert [event.n for event in trace.events()] == list(range(len(trace)))[
                : sum(1 for _ in trace.events())
            ]
            trace.call_tree()
    except RecorderError:
        pass  # an error with a code; any other exception fails the test
    found = recover(folder)
    for entry in found.entries:
        with open_trace(folder / str(entry.trace)) as trace:
            assert trace.status == "partial"
            list(trace.events())
    if found.errors:
        assert path.read_bytes() == data
    for file in list(folder.rglob("*.pyrec")):
        file.unlink()
        file.parent.rmdir()
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_cut_gives_events_that_were_written_in_their_order(
    tmp_path: Path, spool_bytes: bytes, data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(spool_bytes) - 1))
    path = tmp_path / "cut.pyspool"
    path.write_bytes(spool_bytes[:size])
    try:
        with SpoolFile(path) as file:
            snapshot = file.read()
    except RecorderError:
        snapshot = None
    if snapshot is not None:
        check_snapshot(snapshot)
    path.unlink()
    survives(tmp_path, spool_bytes[:size])


HEADERS = range(SPOOL_HEAD_BYTES, SPOOL_HEAD_BYTES + 9 * UNIT, UNIT)


@pytest.mark.slow
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    # Most bytes are in records; the headers deserve a share of their own.
    where=st.one_of(
        st.tuples(st.just(0), st.integers(0, 2**32)),
        st.tuples(st.sampled_from([0, *HEADERS]), st.integers(0, SEGMENT.size + 300)),
    ),
    flip=st.integers(1, 255),
)
def test_any_flipped_byte_is_survived(
    tmp_path: Path, spool_bytes: bytes, where: tuple[int, int], flip: int
) -> None:
    at = sum(where) % len(spool_bytes)
    changed = bytes((spool_bytes[at] ^ flip,))
    survives(tmp_path, spool_bytes[:at] + changed + spool_bytes[at + 1 :])


HEAD = SPOOL_HEAD.pack(b"PYSPOOL\x01", 16 * 1024, 1, 0).ljust(SPOOL_HEAD_BYTES, b"\0")


@st.composite
def crafted_spools(draw: st.DrawFn) -> bytes:
    """Spools whose headers are well formed and whose numbers and records are anything."""
    manifest = MANIFEST.model_dump_json().encode()
    any_u64 = st.one_of(st.integers(0, 40), st.integers(0, 2**64 - 1))
    parts = [HEAD]
    kinds = draw(st.lists(st.sampled_from([1, 2, 3, 4, 4]), max_size=6))
    for number, kind in enumerate([1, *kinds]):
        body = manifest if kind == 1 else draw(st.one_of(st.binary(max_size=80), records()))
        used = draw(st.sampled_from([len(body), len(body), 2**32 - 1, 16 * 1024]))
        units = draw(st.sampled_from([1, 1, 1, 0, 2, 2**32 - 1]))
        head = SEGMENT.pack(kind, 0, 0, units, used, 3, number, 1, draw(any_u64), draw(any_u64))
        parts.append((head + body).ljust(16 * 1024, b"\0"))
    return b"".join(parts)


def records() -> st.SearchStrategy[bytes]:
    """Records that make sense for themselves, with numbers of any size."""
    number = st.one_of(st.integers(0, 3), st.sampled_from([2**63, 2**64 - 1, 2**69]))

    def name(n: int, word: str) -> bytes:
        return bytes((Define.NAME,)) + uv(n) + text(word)

    def code(n: int, file: int) -> bytes:
        path = bytes((Define.FILE,)) + uv(file) + text("f") + uv(0)
        return path + bytes((Define.CODE,)) + uv(n) + uv(file) + uv(n) + text("c\ud800")

    def begins(frame: int, n: int, moment: int) -> bytes:
        return bytes((Op.CALL,)) + b"".join(map(uv, (frame, n, frame, frame, moment, 0)))

    def gap(count: int, n: int) -> bytes:
        return bytes((Op.GAP,)) + uv(0) + uv(count) + uv(n)

    def raised(n: int, word: str) -> bytes:
        kind = bytes((Define.TYPE,)) + uv(n) + text(word) + uv(0)
        return kind if len(word) % 2 else bytes((Op.RAISE, 0, 0)) + uv(n) + uv(n) + b"\x08\0"

    words = st.text(st.characters(), max_size=3)
    return st.lists(
        st.one_of(
            st.builds(name, number, words),
            st.builds(code, number, number),
            st.builds(begins, number, number, number),
            st.builds(gap, number, number),
            st.builds(raised, number, words),
        ),
        max_size=8,
    ).map(b"".join)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=crafted_spools())
def test_a_spool_that_was_made_to_deceive_is_survived(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path, data)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=300))
def test_any_bytes_after_the_magic_are_survived(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path, b"PYSPOOL\x01" + data)


def edit_header(data: bytearray, start: int, field: int, value: int) -> None:
    fields = list(SEGMENT.unpack_from(data, start))
    fields[field] = value
    SEGMENT.pack_into(data, start, *fields)


def test_segments_of_other_traces_are_not_mixed_in(tmp_path: Path) -> None:
    path = die(begun(tmp_path, calls=8))
    other = bytearray(path.read_bytes())
    for start in range(SPOOL_HEAD_BYTES, len(other), SPOOL_HEAD.unpack_from(other)[1]):
        edit_header(other, start, 7, 0)  # the trace before
    path.unlink()
    path = die(begun(tmp_path, calls=5))
    path.write_bytes(other + path.read_bytes()[SPOOL_HEAD_BYTES:])
    assert rows(path) == written(5)
    (entry,) = recover(tmp_path).entries
    assert entry.events == 10


def test_events_that_do_not_follow_those_before_end_the_trace(tmp_path: Path) -> None:
    path = die(begun(tmp_path, calls=3000, max_bytes=128 * 1024))
    data = bytearray(path.read_bytes())
    starts = [
        start
        for start in range(SPOOL_HEAD_BYTES, len(data), 16 * 1024)
        if data[start] == SegmentKind.EVENTS
    ]
    assert len(starts) > 2
    first = SEGMENT.unpack_from(data, starts[1])[8]
    edit_header(data, starts[1], 8, 1)
    path.write_bytes(data)
    with open_trace(path) as trace:
        assert len(trace) == first
        assert "do not follow those before" in (trace.message or "")


def test_the_largest_numbers_survive_from_spool_to_index(tmp_path: Path) -> None:
    most = 2**64 - 1
    definitions = (
        bytes((Define.NAME,)) + uv(most) + text("reason")
        + bytes((Define.FILE,)) + uv(1) + text("f") + uv(0)
        + bytes((Define.CODE,)) + uv(most) + uv(1) + uv(most) + text("c")
        + bytes((Define.TYPE,)) + uv(1) + text("T\ud800") + uv(0)
    )  # fmt: skip
    events = (
        bytes((Op.CALL,)) + b"".join(map(uv, (most, most, most, most, most, 0)))
        + bytes((Op.RAISE, 0)) + uv(most) + uv(1) + uv(most) + bytes((Tag.STR, 0))
        + bytes((Op.GAP,)) + uv(most) + uv(most) + uv(most)
    )  # fmt: skip
    parts = [HEAD]
    manifest = MANIFEST.model_copy(update={"attempt": 10**100, "pid": -1})
    for kind, first, body in (
        (1, 0, manifest.model_dump_json().encode()),
        (2, 0, definitions),
        (4, most - 5, events),
    ):
        head = SEGMENT.pack(kind, 0, 0, 1, len(body), 1, kind, 1, first, most)
        parts.append((head + body).ljust(16 * 1024, b"\0"))
    (tmp_path / NAME).write_bytes(b"".join(parts))
    found = recover(tmp_path)
    assert found.errors == []
    (entry,) = found.entries
    assert (entry.events, entry.dropped, entry.attempt) == (4, 2**63 - 1, 1)
    with open_trace(tmp_path / str(entry.trace)) as trace:
        kinds = [event.kind for event in trace.events()]
    assert kinds == ["gap", "call", "raise", "gap"]
    json.loads((tmp_path / "index.json").read_text())


@pytest.mark.slow
def test_a_huge_file_of_holes_takes_no_time_and_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = die(begun(tmp_path, calls=3))
    with open(path, "r+b") as file:
        file.seek(SPOOL_HEAD_BYTES + 40 * 64 * 1024)
        head = SEGMENT.pack(4, 0, 0, 2**10, 2**32 - 1, 1, 99, 1, 6, 0)
        file.write(head)
        file.truncate(1 << 42)
    began = time.process_time()
    tracemalloc.start()
    with SpoolFile(path) as spool:
        snapshot = spool.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert snapshot is not None
    check_snapshot(snapshot)
    assert snapshot.damage == "the spool is too large to be read whole"
    assert peak < 16 * 1024 * 1024
    assert time.process_time() - began < 60
    path.unlink()


def test_more_numbers_than_64_bits_are_damage(tmp_path: Path) -> None:
    spool = begun(tmp_path, calls=2)
    spool.append(call(2**64, 1), 1)
    die(spool)
    (entry,) = recover(tmp_path).entries
    assert entry.events == 4
    with open_trace(the_trace(tmp_path)) as trace:
        assert "; a record is damaged after byte" in (trace.message or "")
