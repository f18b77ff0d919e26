"""Another tool takes our place: the test goes on, its trace says so, the next one is recorded again."""

import sys
from pathlib import Path

import pytest

from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from pytest_recorder.tracefile.reader import open_trace
from tests.engines.support import ENGINES, record
from tests.plugin.support import index, run

MONITORING = [name for name in ENGINES if name.startswith("monitoring")]
SETTRACE = [name for name in ENGINES if name.startswith("settrace")]
CONFLICT = "ERR_TRACER_INSTALL_CONFLICT"
OURS = "pytest-record-trace"

HEAD = """
import sys
import threading

import pytest

def helper(value):
    doubled = value * 2
    return doubled

def test_before():
    assert helper(1) == 2

def {test}:
    helper(2)
    {body}
    helper(3)

def test_after():
    {after}
    assert helper(4) == 8
"""
MONITOR = """
monitoring = sys.monitoring
E = monitoring.events

def ours():
    return next(n for n in range(6) if monitoring.get_tool(n) == "pytest-record-trace")

def theirs(*_):
    return None

KEPT = []
"""
TAKEN = "monitoring.get_tool(KEPT[0]) == 'theirs' and ours() != KEPT[0]"

# What a test does to our tool id, what holds in the next test, and a word of the reason.
MEDDLING = {
    "frees": ("monitoring.free_tool_id(ours())", "pass", "was freed"),
    "frees and takes": (
        """tool = ours(); KEPT.append(tool)
    monitoring.free_tool_id(tool); monitoring.use_tool_id(tool, "theirs")""",
        f"assert {TAKEN}",
        "taken by 'theirs'",
    ),
    "takes by our very name": (
        """tool = ours(); KEPT.append(tool)
    monitoring.free_tool_id(tool)
    monitoring.use_tool_id(tool, "pytest-record-trace" + "")""",
        """monitoring.free_tool_id(KEPT[0])
    assert ours() != KEPT[0]""",
        "was freed",
    ),
    "takes and registers": (
        """tool = ours(); KEPT.append(tool)
    monitoring.free_tool_id(tool); monitoring.use_tool_id(tool, "theirs")
    monitoring.register_callback(tool, E.LINE, theirs)
    monitoring.register_callback(tool, E.CALL, theirs)
    monitoring.set_events(tool, E.CALL | E.LINE)""",
        f"""assert {TAKEN}
    tool = KEPT[0]
    assert monitoring.get_events(tool) == E.CALL | E.LINE
    assert monitoring.register_callback(tool, E.LINE, theirs) is theirs
    assert monitoring.register_callback(tool, E.CALL, theirs) is theirs
    assert monitoring.register_callback(tool, E.PY_START, None) is None""",
        "taken by 'theirs'",
    ),
    "replaces a callback": (
        """tool = ours(); KEPT.append(tool)
    monitoring.register_callback(tool, E.LINE, theirs)""",
        """assert ours() != KEPT[0]
    assert monitoring.register_callback(KEPT[0], E.LINE, theirs) is theirs""",
        "was replaced",
    ),
    "removes a callback": (
        "monitoring.register_callback(ours(), E.PY_RETURN, None)",
        "pass",
        "was removed",
    ),
    "clears the events": ("monitoring.set_events(ours(), 0)", "pass", "events of tool id"),
    "sets other events": (
        """tool = ours(); KEPT.append(tool)
    monitoring.register_callback(tool, E.CALL, theirs)
    monitoring.set_events(tool, E.CALL)""",
        "assert monitoring.get_events(KEPT[0]) in (0, E.CALL) or ours() == KEPT[0]",
        "events of tool id",
    ),
    "clears the events of a function": (
        "monitoring.set_local_events(ours(), helper.__code__, 0)",
        "pass",
        "events of helper",
    ),
}


def program(body: str, after: str = "pass", *, test: str = "test_meddles()") -> str:
    text = HEAD.format(body=body, after=after, test=test)
    return text.replace("def helper", MONITOR + "\ndef helper", 1) if MONITORING else text


def statuses(pytester: pytest.Pytester) -> list[tuple[str, str, str | None]]:
    return [
        (entry["test"].partition("::")[2], entry["status"], entry["reason"])
        for entry in index(pytester)
    ]


def message(pytester: pytest.Pytester, test: str) -> str:
    (entry,) = [entry for entry in index(pytester) if entry["test"].endswith(f"::{test}")]
    with open_trace(pytester.path / "test-traces" / entry["trace"]) as trace:
        assert [event.function for event in trace.events() if event.kind == "call"]
        return str(trace.trailer.message)


def run_on(pytester: pytest.Pytester, engine: str, *args: str) -> pytest.RunResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_RECORDER_PURE", "1" if engine.endswith("/python") else "")
        return run(pytester, "--record-trace", "--record-keep=all", *args)


@pytest.mark.parametrize("engine", MONITORING)
@pytest.mark.parametrize("case", MEDDLING)
def test_a_test_that_meddles_with_our_tool_id_has_a_partial_trace_and_the_next_a_whole_one(
    pytester: pytest.Pytester, case: str, engine: str
) -> None:
    body, after, words = MEDDLING[case]
    pytester.makepyfile(program(body, after))
    result = run_on(pytester, engine)
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert result.stderr.str() == ""
    assert "ValueError" not in result.stdout.str()
    assert statuses(pytester) == [
        ("test_before", "complete", None),
        ("test_meddles", "partial", CONFLICT),
        ("test_after", "complete", None),
    ]
    assert words in message(pytester, "test_meddles")


@pytest.mark.parametrize("engine", MONITORING)
@pytest.mark.parametrize("level", ["calls", "lines"])
@pytest.mark.parametrize(
    "case", ["frees", "takes and registers", "clears the events of a function"]
)
def test_it_is_so_at_every_level(
    pytester: pytest.Pytester, case: str, level: str, engine: str
) -> None:
    body, after, _ = MEDDLING[case]
    # Below `lines` we have no callback for lines of most functions, but one is registered.
    pytester.makepyfile(program(body, after))
    result = run_on(pytester, engine, f"--record-level={level}")
    result.assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == [
        "complete",
        "partial",
        "complete",
    ]


@pytest.mark.parametrize("engine", MONITORING)
def test_a_fixture_that_holds_our_id_for_a_while_costs_that_test_only(
    pytester: pytest.Pytester, engine: str
) -> None:
    pytester.makepyfile(
        program(
            "pass",
            test="test_meddles(tool)",
        )
        + """
@pytest.fixture
def tool():
    number = ours()
    monitoring.free_tool_id(number)
    monitoring.use_tool_id(number, "theirs")
    monitoring.register_callback(number, E.LINE, theirs)
    yield number
    monitoring.register_callback(number, E.LINE, None)
    monitoring.set_events(number, 0)
    monitoring.free_tool_id(number)
"""
    )
    run_on(pytester, engine).assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == [
        "complete",
        "partial",
        "complete",
    ]


@pytest.mark.parametrize("engine", MONITORING)
def test_a_hook_that_meddles_between_two_tests_costs_nothing(
    pytester: pytest.Pytester, engine: str
) -> None:
    pytester.makepyfile(program("pass"))
    pytester.makeconftest(
        """
        import sys
        def pytest_runtest_logfinish(nodeid):
            for number in range(6):
                if sys.monitoring.get_tool(number) == "pytest-record-trace":
                    sys.monitoring.free_tool_id(number)
                    sys.monitoring.use_tool_id(number, nodeid)
                    sys.monitoring.set_events(number, 0)
        """
    )
    run_on(pytester, engine).assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == ["complete"] * 3


HARMLESS = {
    "restarts the events of all tools": "monitoring.restart_events()",
    "replaces sys.monitoring": """from unittest import mock
    with mock.patch("sys.monitoring") as fake:
        helper(5)
        assert fake.mock_calls == []""",
    "replaces a function of sys.monitoring": """from unittest import mock
    with mock.patch.object(sys.monitoring, "get_tool", side_effect=AssertionError):
        helper(5)""",
    "is a tool of its own": """number = next(n for n in range(6) if not monitoring.get_tool(n))
    monitoring.use_tool_id(number, "theirs")
    found = []
    monitoring.register_callback(number, E.LINE, lambda code, line: found.append(line))
    monitoring.set_events(number, E.LINE)
    helper(5)
    monitoring.set_events(number, 0)
    monitoring.register_callback(number, E.LINE, None)
    monitoring.free_tool_id(number)
    assert len(found) > 2""",
    "profiles": """import cProfile
    profile = cProfile.Profile()
    profile.runcall(helper, 5)
    assert any(entry.code is helper.__code__ for entry in profile.getstats())""",
    "traces": """found = []
    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: found.append(event))
    helper(5)
    sys.settrace(before)
    assert "call" in found""",
    "measures coverage": """import os, coverage
    os.environ["COVERAGE_CORE"] = "sysmon"
    measure = coverage.Coverage(data_file=None, config_file=False)
    measure.start()
    helper(5)
    measure.stop()
    assert measure.get_data().measured_files()""",
    "runs a debugger": """import bdb
    class Debugger(bdb.Bdb):
        lines = 0
        def user_line(self, frame):
            self.lines += 1
            self.set_step()
    debugger = Debugger()
    debugger.runcall(helper, 5)
    assert debugger.lines""",
}


@pytest.mark.parametrize("engine", MONITORING)
@pytest.mark.parametrize("case", HARMLESS)
def test_a_tool_beside_us_changes_nothing(
    pytester: pytest.Pytester, case: str, engine: str
) -> None:
    pytester.makepyfile(program(HARMLESS[case]))
    run_on(pytester, engine).assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == ["complete"] * 3


@pytest.mark.parametrize("engine", MONITORING)
def test_where_others_hold_all_ids_the_next_test_is_not_recorded_and_says_so(
    pytester: pytest.Pytester, engine: str
) -> None:
    pytester.makepyfile(
        program(
            """monitoring.free_tool_id(ours())
    for number in range(6):
        if monitoring.get_tool(number) is None:
            monitoring.use_tool_id(number, f"theirs-{number}")""",
            "assert monitoring.get_tool(4) == 'theirs-4'",
        )
    )
    result = run_on(pytester, engine)
    result.assert_outcomes(passed=3)
    assert statuses(pytester)[:2] == [
        ("test_before", "complete", None),
        ("test_meddles", "partial", CONFLICT),
    ]
    result.stdout.fnmatch_lines(["*all tool ids of sys.monitoring are taken*theirs-4*"])


@pytest.mark.parametrize("engine", MONITORING)
def test_the_end_of_a_recording_finds_what_no_edge_has_found(engine: str) -> None:
    def meddles() -> str:
        monitoring = sys.monitoring
        tool = next(n for n in range(6) if monitoring.get_tool(n) == OURS)
        monitoring.register_callback(tool, monitoring.events.RAISE, None)
        return "done"

    recorded = record(meddles, engine=engine)
    assert (recorded.result, recorded.status, recorded.reason) == ("done", "partial", CONFLICT)


@pytest.mark.parametrize("engine", MONITORING)
def test_an_id_that_was_freed_while_we_rest_is_left_without_events_of_ours(
    tmp_path: Path, engine: str
) -> None:
    monitoring = sys.monitoring
    settings = {"root": tmp_path, "dir": tmp_path, "hot_path": engine.partition("/")[2]}
    recorder = Recorder(Settings.checked(settings), tmp_path, Policy())
    recorder.open()
    recorder.begin()
    recorder.end()
    recorder.drop()
    tool = next(n for n in range(6) if monitoring.get_tool(n) == OURS)
    monitoring.free_tool_id(tool)
    recorder.close()
    monitoring.use_tool_id(tool, "next")
    try:
        assert monitoring.get_events(tool) == 0
        assert monitoring.register_callback(tool, monitoring.events.PY_START, None) is None
    finally:
        monitoring.free_tool_id(tool)


@pytest.mark.parametrize("engine", MONITORING)
def test_a_callback_that_others_left_under_a_free_id_stays_there(engine: str) -> None:
    monitoring = sys.monitoring
    line = monitoring.events.LINE

    def theirs(*_: object) -> None:
        return None

    def who() -> list[str | None]:
        return [monitoring.get_tool(tool) for tool in range(6)]

    monitoring.register_callback(4, line, theirs)
    try:
        recorded = record(who, engine=engine)
        assert (recorded.status, recorded.result[4]) == ("complete", None)
        assert recorded.kinds("who") == ["call", "line", "return"]
    finally:
        assert monitoring.register_callback(4, line, None) is theirs


# One place for a trace function: Python 3.11.

TRACING = {
    "takes": ("sys.settrace(lambda *_: None)", "sys.settrace(None)"),
    "removes": ("sys.settrace(None)", "pass"),
    "takes that of new threads": (
        "threading.settrace(lambda *_: None)",
        "pass",
    ),
    "removes that of new threads": ("threading.settrace(None)", "pass"),
}


@pytest.mark.parametrize("engine", SETTRACE)
@pytest.mark.parametrize("case", TRACING)
def test_a_test_that_takes_our_trace_function_has_a_partial_trace_and_the_next_a_whole_one(
    pytester: pytest.Pytester, case: str, engine: str
) -> None:
    body, clean_up = TRACING[case]
    pytester.makepyfile(
        program(body, test="test_meddles(cleaned)")
        + f"""
@pytest.fixture
def cleaned():
    yield
    {clean_up}
"""
    )
    result = run_on(pytester, engine)
    result.assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == [
        "complete",
        "partial",
        "complete",
    ]
    assert statuses(pytester)[1][2] == CONFLICT
    words = "new threads" if "threads" in case else "trace function"
    assert words in message(pytester, "test_meddles")


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_profile_function_changes_nothing_beside_a_trace_function(
    pytester: pytest.Pytester, engine: str
) -> None:
    body = """found = []
    sys.setprofile(lambda *_: found.append(1))
    threading.setprofile(lambda *_: None)
    helper(5)
    sys.setprofile(None)
    threading.setprofile(None)
    assert found"""
    pytester.makepyfile(program(body))
    run_on(pytester, engine).assert_outcomes(passed=3)
    assert [status for _, status, _ in statuses(pytester)] == ["complete"] * 3
