"""Faults of the hot path: what was recorded before them stays, the program notices nothing."""

from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder import testing
from pytest_recorder.diagnostics import inject
from pytest_recorder.engine.pure.hot_path import PureHotPath
from pytest_recorder.engine.select import make, select
from pytest_recorder.engine.sysmon import MonitoringEngine
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from pytest_recorder.tracefile.spool import Spool
from tests.engines.support import ENGINES, FOLDER, compared, load, record

INTERNAL = ("partial", "ERR_TRACE_INCOMPLETE")


def add(a: int, b: int) -> int:
    total = a + b
    return total  # noqa: RET504 - a line to record


def numbers(n: int):  # type: ignore[no-untyped-def]
    for i in range(n):
        yield i


def fails() -> None:
    raise KeyError("theirs")


def program() -> int:
    total = 0
    for number in numbers(3):
        total = add(total, number)
    try:
        fails()
    except KeyError:
        total += 1
    return total


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize(
    "stage, kinds",
    [
        ("py_start", ("call",)),
        ("line", ("line",)),
        ("return", ("return",)),
        ("panic", ("call", "line", "return", "yield", "resume", "raise", "unwind")),
    ],
)
def test_what_came_before_a_fault_is_what_comes_without_it(
    engine: str, stage: str, kinds: tuple[str, ...], nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = record(program, engine=engine)
    monkeypatch.setenv(inject.VARIABLE, f"{stage}:{nth}")
    found = record(program, engine=engine)
    assert found.result == plain.result == 4
    assert found.error is None
    expected = ("partial", "ERR_UNKNOWN") if stage == "panic" else INTERNAL
    assert (found.status, found.reason, found.dropped) == (*expected, 0)
    at = [event.n for event in plain.events if event.kind in kinds][nth - 1]
    assert list(map(compared, found.events)) == list(map(compared, plain.events[:at]))
    with found.trace() as trace:
        assert f"injected failure at stage '{stage}'" in str(trace.message)


def test_a_hit_that_is_never_reached_changes_nothing(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = record(program, engine=engine)
    monkeypatch.setenv(inject.VARIABLE, "line:5000, panic:5000, suppress-events:5000")
    found = record(program, engine=engine)
    assert (found.status, found.dropped) == ("complete", 0)
    assert list(map(compared, found.events)) == list(map(compared, plain.events))


def test_refused_arguments_are_marked_and_the_recording_goes_on(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "target-args:3")
    found = record(program, engine=engine)
    assert (found.result, found.status, found.reason) == (4, "complete", None)
    assert found.dropped == 1
    assert found.kinds("add") == [
        *("line", "line", "return"),
        *("call", "line", "line", "return") * 2,
    ]
    (gap,) = [event for event in found.events if event.kind == "gap"]
    assert gap.reason == "refused"


def test_all_events_are_dropped_from_the_hit_on_and_a_gap_counts_them(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = record(program, engine=engine)
    for nth in (1, 6):
        monkeypatch.setenv(inject.VARIABLE, f"suppress-events:{nth}")
        found = record(program, engine=engine)
        assert (found.result, found.status) == (4, "complete")
        assert [event.kind for event in found.events] == [
            *(event.kind for event in plain.events[: nth - 1]),
            "gap",
        ]
        assert found.events[-1].reason == "suppressed"
        assert found.dropped > 0


def test_nothing_recorded_is_no_trace_of_the_code(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "suppress-events")
    name, hot_path = engine.split("/")
    fields = {"root": tmp_path, "dir": tmp_path, "engine": name, "hot_path": hot_path}
    settings = Settings.checked({**fields, "include": (f"{FOLDER}/*",)})
    recorder, loops = Recorder(settings, tmp_path, Policy()), load("loops")
    recorder.open()
    try:
        recorder.begin()
        loops.main()
        ended = recorder.end()
    finally:
        recorder.close()
    assert ended is not None
    assert (ended.status, ended.has_code) == ("complete", False)


def test_a_full_spool_keeps_what_it_holds(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def long() -> int:
        total = 0
        for number in range(4000):
            total += number
        return total

    monkeypatch.setenv(inject.VARIABLE, "spool-full:3")
    found = record(long, engine=engine, max_bytes=64 * 1024)
    assert (found.result, found.status, found.reason) == (7998000, "partial", "ERR_IO")
    assert 1000 < len(found.events) < 8000
    assert found.events == sorted(found.events, key=lambda event: event.n)


def test_a_fault_fires_once_in_each_recording(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "line:2")
    name, hot_path = engine.split("/")
    fields = {"root": tmp_path, "dir": tmp_path, "engine": name, "hot_path": hot_path}
    settings = Settings.checked({**fields, "include": (f"{FOLDER}/*",)})
    recorder, loops = Recorder(settings, tmp_path, Policy()), load("loops")
    recorder.open()
    try:
        for number in range(3):
            recorder.begin()
            loops.main()
            ended = recorder.end()
            assert ended is not None
            assert (ended.status, ended.reason) == INTERNAL
            packed = recorder.keep(tmp_path / f"{number}.pyrec")
            recorder.drop()
            with pytest_recorder.open_trace(tmp_path / f"{number}.pyrec") as trace:
                assert [e.kind for e in trace.events()] == ["call", "line", "call"]
            assert packed.events == 3
    finally:
        recorder.close()


@pytest.mark.parametrize("level", ["calls", "lines"])
def test_levels_without_lines_or_values_have_their_stages(
    engine: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "line:2,return:3")
    found = record(program, engine=engine, level=level)
    assert (found.result, found.status, found.reason) == (4, *INTERNAL)
    last = "return" if level == "calls" else "line"
    with found.trace() as trace:
        assert f"stage '{last}'" in str(trace.message)


@pytest.mark.parametrize("value", [None, "rename,pack,finish,start:9"])
def test_without_a_fault_in_the_hot_path_nothing_is_wrapped(
    value: str | None, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if value is None:
        monkeypatch.delenv(inject.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(inject.VARIABLE, value)
    name, hot_path = engine.split("/")
    spool = Spool(tmp_path / "a.pyspool", 1 << 20)
    from pytest_recorder.engine.pure.bounds import Bounds
    from pytest_recorder.engine.redact import Redactor

    hot, made = make(
        select(name, hot_path),
        spool,
        level="values",
        bounds=Bounds(),
        redactor=Redactor(),
        is_in_scope=lambda *_: False,
        on_fault=lambda _: None,
        faults=inject.of_environment(),
    )
    if hot_path == "native":
        from pytest_recorder.engine.native.hot_path import NativeHotPath, _native

        assert type(hot) is NativeHotPath
        assert type(hot).on_line is _native.Core.on_line
    else:
        assert type(hot) is PureHotPath
    if isinstance(made, MonitoringEngine):
        assert {type(callback).__name__ for callback in made._callbacks.values()} <= {
            "function",
            "builtin_function_or_method",
        }
    spool.close()


def test_the_recorder_takes_the_plain_spool_without_a_fault_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(inject.VARIABLE, raising=False)
    assert inject.of_environment() is inject.NONE
    spools: list[type] = []
    original = Recorder.end

    def end(self: Recorder) -> object:
        assert self.setup is not None
        spools.append(type(self.setup.spool))
        return original(self)

    monkeypatch.setattr(Recorder, "end", end)
    testing.record(program)
    assert spools[0] is Spool
