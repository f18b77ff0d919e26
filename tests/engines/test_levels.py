"""What a trace holds where the level falls while it is recorded."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder import compat
from pytest_recorder.analysis.failure import find_failure
from pytest_recorder.analysis.history import History
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import Op
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.render.missing import missing_lines
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from pytest_recorder.testing import FakeClock
from pytest_recorder.tracefile.reader import open_trace
from tests.engines.conftest import TOOL_NAME
from tests.engines.support import ENGINES, words_of

PROGRAM = """import threading
def inner(x):
    y = x
    return y + 1

def main(lower):
    a = [1]
    lower("lines")
    a.append(2)
    b = inner(3)
    lower("calls")
    c = inner(4)
    d = lower
    return a

def gives(lower):
    x = 1
    yield x
    x = 2
    lower("lines")
    x = 3
    yield x

def suspended(lower):
    return list(gives(lower))

def threaded(lower):
    ready, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=waits, args=(ready, go))
    thread.start()
    ready.wait()
    lower("calls")
    go.set()
    thread.join()

def waits(ready, go):
    ready.set()
    go.wait()
    total = 1
    return inner(total)

def long(lower, times):
    lower("lines")
    total = 0
    for number in range(times):
        total += inner(number)
    return total
"""


class Bench:
    """A recorder whose level can be made to fall, from code out of scope."""

    def __init__(self, folder: Path, engine: str, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        path = folder / "program.py"
        path.write_text(PROGRAM)
        name, hot_path = engine.split("/")
        fields = {"engine": name, "hot_path": hot_path, "include": (str(path),), **settings}
        made = Settings.checked({"enabled": True, "root": folder, "dir": folder, **fields})
        self.recorder = Recorder(made, folder, Policy())
        self.recorder.open()
        assert self.recorder.setup is not None
        self.setup: Any = self.recorder.setup
        spec = importlib.util.spec_from_file_location("falling", path)
        assert spec is not None
        assert spec.loader is not None
        self.program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.program)
        self.answers: list[bool] = []
        self.records: list[bytes] = []
        self.traces = 0

    def lower(self, level: str) -> None:
        self.answers.append(self.setup.engine.lower_level(level))

    def run(self, name: str, *args: Any) -> Path:
        """Record a function of the program; give its trace."""
        self.traces += 1
        path = self.folder / f"{self.traces}.pyrec"
        self.setup.hot.clock = FakeClock()
        self.recorder.begin()
        getattr(self.program, name)(self.lower, *args)
        ended = self.recorder.end()
        assert ended is not None
        assert ended.status == "complete"
        self.records = [
            bytes(each[4]) for each in self.setup.spool.segments() if each[0] in _KINDS
        ]
        self.recorder.keep(path)
        self.recorder.drop()
        return path


_KINDS = (SegmentKind.DEFINITIONS, SegmentKind.EVENTS)


@pytest.fixture
def bench(tmp_path: Path, engine: str) -> Iterator[Bench]:
    made = Bench(tmp_path / "traces", engine)
    yield made
    made.recorder.close()


def told(path: Path) -> list[str]:
    """Word the events of a trace, without `lower`, which no trace shows alike."""
    with open_trace(path) as trace:
        return [
            re.sub(r"\(lower=[^)]*\)+", "()", words_of(event))
            if event.kind != "level"
            else f"level {event.level}"
            for event in trace.events()
        ]


FALLING = """
call main:6()
line main:7
line main:8 {a=[1]}
level lines
line main:9
line main:10
call inner:2(x=3)
line inner:3
line inner:4
return inner:4 -> 4
line main:11
level calls
call inner:2(x=4)
return inner:4 -> 5
return main:14 -> [1, 2]
"""


def test_less_is_recorded_from_the_mark_on(bench: Bench) -> None:
    assert told(bench.run("main")) == FALLING.split("\n")[1:-1]
    assert bench.answers == [True, True]


def test_the_next_trace_begins_with_all_again(bench: Bench) -> None:
    for _ in range(3):
        assert told(bench.run("main")) == FALLING.split("\n")[1:-1]
    bench.lower("calls")  # between two traces nothing falls
    assert bench.answers[-1] is False
    assert told(bench.run("main")) == FALLING.split("\n")[1:-1]


def test_a_level_does_not_rise(bench: Bench) -> None:
    lower = bench.lower

    def lower_thrice(level: str) -> None:
        for each in ("calls", level, "values"):
            lower(each)

    bench.lower = lower_thrice  # type: ignore[method-assign]
    assert [line for line in told(bench.run("main")) if line.startswith("level")] == [
        "level calls"
    ]
    assert bench.answers == [True, False, False, False, False, False]


def test_what_a_suspended_frame_held_is_told_no_more(bench: Bench) -> None:
    lines = told(bench.run("suspended"))
    at = lines.index("level lines")
    assert [line for line in lines[at:] if "{" in line] == []
    assert "line gives:20 {x=2}" in lines[:at]


def test_values_are_not_known_after_the_mark(bench: Bench) -> None:
    with open_trace(bench.run("main")) as trace:
        known = {
            f"{event.kind} {event.line}": sorted(trace.values_at(event))
            for event in trace.events()
        }
        history = History(trace)
        missing = missing_lines(history, find_failure(history, None))
    assert known["line 8"] == ["a", "lower"]
    assert known["line 9"] == known["line 4"] == known["return 14"] == []
    assert known["call 2"] == ["x"]
    assert (history.has_changes, history.has_lines, history.fell_to) == (False, False, "calls")
    said = "from the event `level` on, lines and changes of variables were not recorded"
    assert [line for line in missing if said in line]


def test_each_block_after_it_says_the_level(tmp_path: Path, engine: str) -> None:
    made = Bench(tmp_path / "traces", engine, max_bytes=1 << 16)
    try:
        path = made.run("long", 4000)
    finally:
        made.recorder.close()
    with open_trace(path) as trace:
        blocks = trace.block_ranges()
        assert len(blocks) > 2
        assert trace.trailer.dropped > 0
        assert trace.outline().level == "lines"
        for block in blocks[1:]:
            for n in block[:: max(len(block) // 9, 1)]:
                event = trace.event(n)
                expected = ["x"] if event.kind == "call" else []
                assert sorted(trace.values_at(n)) == expected


@pytest.mark.parametrize("name", ["main", "suspended", "long"])
def test_both_hot_paths_write_the_same_bytes(name: str, tmp_path: Path) -> None:
    if len(ENGINES) < 2:
        pytest.skip("installed without the parts in C")
    found = []
    for engine in ENGINES:
        made = Bench(tmp_path / engine.partition("/")[2], engine, max_bytes=1 << 20)
        try:
            made.run(name, *((20_000,) if name == "long" else ()))
        finally:
            made.recorder.close()
        found.append(made.records[1:])  # the first holds the path
    assert len(found[0]) > (1 if name == "long" else 0)
    assert found[0] == found[1]


def test_lowering_between_the_visits_of_a_thread_turns_its_lines_off(bench: Bench) -> None:
    path = bench.run("threaded")
    with open_trace(path) as trace:
        events = list(trace.events())
    at = next(event.n for event in events if event.kind == "level")
    assert {event.thread for event in events[:at]} == {1, 2}
    assert [event.kind for event in events[at + 1 :] if event.kind == "line"] == []
    assert "call" in {event.kind for event in events[at + 1 :] if event.thread == 2}


@pytest.mark.skipif(not compat.HAS_MONITORING, reason="the interpreter shows each line anyway")
def test_the_interpreter_shows_no_line_where_none_is_recorded(bench: Bench) -> None:
    seen: list[bool] = []
    lower = bench.lower
    monitoring: Any = sys.monitoring

    def lines_come() -> bool:
        tool = next(n for n in range(6) if monitoring.get_tool(n) == TOOL_NAME)
        events = monitoring.get_local_events(tool, bench.program.inner.__code__)
        return bool(events & monitoring.events.LINE)

    def lower_and_look(level: str) -> None:
        lower(level)
        if level == "calls":
            seen.append(lines_come())

    bench.lower = lower_and_look  # type: ignore[method-assign]
    for _ in range(2):
        bench.run("main")
    assert seen == [False, False]
    bench.run("threaded")
    bench.recorder.begin()
    assert lines_come()
    bench.recorder.end()
    bench.recorder.drop()


def test_a_decoder_knows_no_values_after_the_mark() -> None:
    tables = DefinitionTables()
    tables.feed(
        b"\1" + uv(1) + text("x")
        + b"\3" + uv(1) + text("m.py") + uv(0)
        + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
    )  # fmt: skip
    call = bytes((Op.CALL,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(3) + uv(1) + uv(1) + b"\0"
    level = bytes((Op.LEVEL,)) + uv(1) + uv(1) + b"\1"
    known = []
    for data in (call, call + level, level + call, bytes((Op.AT_LEVEL, 0)) + call):
        decoder = EventDecoder(tables, data)
        events = list(decoder)
        known.append((sorted(decoder.values_of(decoder.frames[1])), decoder.level))
        assert sorted(next(e.args or {} for e in events if e.kind == "call")) == ["x"]
    assert known == [(["x"], None), ([], "lines"), ([], "lines"), ([], "calls")]
