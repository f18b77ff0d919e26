"""The API without pytest: one session at a time, files, policy, errors."""

import gc
import os
import re
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.errors import ErrorCode
from pytest_recorder.settings import policy as policies
from pytest_recorder.settings import process_policy
from pytest_recorder.tracefile.recovery import recover


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    pytest_recorder.stop()
    process_policy.reset_policy()


def work() -> int:
    total = 0
    for number in range(3):
        total += number
    return total


def functions(path: Path) -> set[str | None]:
    with pytest_recorder.open_trace(path) as trace:
        assert trace.status == "complete"
        return {event.function for event in trace.events()}


def test_start_and_stop_write_a_trace(tmp_path: Path) -> None:
    session = pytest_recorder.start(tmp_path / "new" / "folder")
    assert pytest_recorder.is_tracing()
    work()
    pytest_recorder.flush()
    pytest_recorder.stop()
    assert not pytest_recorder.is_tracing()
    assert session.path == tmp_path / "new" / "folder" / "trace.pyrec"
    assert "work" in functions(session.path)
    assert sorted(p.name for p in session.path.parent.iterdir()) == [
        ".gitignore",
        "trace.pyrec",
    ]


def test_a_folder_that_holds_something_gets_no_gitignore(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    for path in (tmp_path, tmp_path / "a.pyrec"):
        with pytest_recorder.trace(path):
            work()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.pyrec", "pyproject.toml", "trace.pyrec"]


def test_stop_without_start_does_nothing(tmp_path: Path) -> None:
    pytest_recorder.stop()
    pytest_recorder.flush()
    assert not pytest_recorder.is_tracing()


def test_a_second_start_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with pytest_recorder.trace(tmp_path / "a.pyrec") as session:
        with pytest.raises(pytest_recorder.UsageError, match="ERR_ALREADY_TRACING"):
            pytest_recorder.start(tmp_path / "b.pyrec")
        work()
    assert "work" in functions(session.path)
    assert not (tmp_path / "b.pyrec").exists()


def test_sessions_follow_each_other_and_each_is_whole(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        with pytest_recorder.TraceSession.start(tmp_path / f"{name}.pyrec", level="calls"):
            work()
        assert "work" in functions(tmp_path / f"{name}.pyrec")


@pytest.mark.parametrize("name", ["notes.txt", "notes.pyrec"])
def test_a_file_of_somebody_else_is_never_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("mine")
    with pytest.raises(pytest_recorder.UsageError, match=r"ERR_TRACE_DIR_CONFLICT.*notes"):
        pytest_recorder.start(path)
    assert path.read_text() == "mine"
    assert not pytest_recorder.is_tracing()


def test_a_trace_of_ours_is_replaced(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest_recorder.trace(tmp_path / "a.pyrec"):
            work()
    assert "work" in functions(tmp_path / "a.pyrec")


def test_the_program_keeps_its_own_exception(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError, match="division"),
        pytest_recorder.trace(tmp_path / "a.pyrec"),
    ):
        1 / 0  # noqa: B018
    assert not pytest_recorder.is_tracing()
    with pytest_recorder.open_trace(tmp_path / "a.pyrec") as trace:
        raised = [e.exception.type for e in trace.events() if e.kind == "raise" and e.exception]
    assert raised == ["ZeroDivisionError"]


def test_a_bad_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pytest_recorder.UsageError, match=r"'all'.*calls, lines or values"):
        pytest_recorder.start(tmp_path, level="all")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_policy_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(pytest_recorder.UsageError, match="unknown key 'colour'"):
        pytest_recorder.start(tmp_path, policy={"colour": "red"})


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"path": 3}, "bad value 3 for path, expected text or a path"),
        ({"path": b"x"}, "bad value b'x' for path, expected text or a path"),
        ({"include": 3}, "bad value 3 for include, expected text or a list of texts"),
        ({"exclude": [3]}, "expected text or a list of texts"),
        ({"level": ""}, "bad value '' for level, expected calls, lines or values"),
        ({"policy": "abort"}, "bad value 'abort' for policy, expected a mapping"),
        ({"policy": {3: 4}}, "unknown key 3 in policy"),
    ],
)
def test_a_bad_argument_is_a_usage_error(
    tmp_path: Path, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(pytest_recorder.UsageError, match=re.escape(text)):
        pytest_recorder.start(**{"path": tmp_path / "a.pyrec", **arguments})
    assert not pytest_recorder.is_tracing()
    assert list(tmp_path.iterdir()) == []


def test_exclude_wins_over_the_default(tmp_path: Path) -> None:
    with pytest_recorder.trace(tmp_path / "a.pyrec", exclude=["*.py"]):
        work()
    with pytest_recorder.open_trace(tmp_path / "a.pyrec") as trace:
        assert len(trace) == 0


def break_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the recorder fail at its third line; a fault of ours, not a signal of the program's."""
    from pytest_recorder.engine.pure.hot_path import PureHotPath

    original = PureHotPath.line
    seen: list[int] = []

    def line(self: PureHotPath, frame: object, code: object, number: int) -> None:
        seen.append(number)
        if len(seen) == 3:
            raise OSError(28, "no space left")
        original(self, frame, code, number)  # type: ignore[arg-type]

    source = Path(pytest_recorder.__file__).parent / "engine" / "pure" / "hot_path.py"
    line.__code__ = line.__code__.replace(co_filename=str(source))
    monkeypatch.setattr(PureHotPath, "line", line)
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1")


def test_an_error_is_raised_by_stop_and_the_trace_is_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_recorder(monkeypatch)
    session = pytest_recorder.start(tmp_path / "a.pyrec")
    assert work() == 3
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO"):
        pytest_recorder.stop()
    assert not pytest_recorder.is_tracing()
    with pytest_recorder.open_trace(session.path) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_IO")
        assert len(trace) > 0


def test_under_disable_an_error_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_recorder(monkeypatch)
    pytest_recorder.start(tmp_path / "a.pyrec", policy={"on_recorder_error": "disable"})
    work()
    with pytest.warns(pytest_recorder.RecorderWarning, match="ERR_IO"):
        pytest_recorder.stop()


def test_a_partial_trace_goes_where_none_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_recorder(monkeypatch)
    policy = {"on_recorder_error": "disable", "keep_partial_trace": False, "record_errors": ""}
    with (
        pytest.warns(pytest_recorder.RecorderWarning, match="ERR_IO"),
        pytest_recorder.trace(tmp_path / "a.pyrec", policy=policy),
    ):
        work()
    assert not (tmp_path / "a.pyrec").exists()


def test_a_required_trace_that_holds_nothing_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(pytest_recorder.UsageError, match="ERR_TRACE_MISSING"),
        pytest_recorder.trace(
            tmp_path / "a.pyrec", exclude=["*.py"], policy={"require_trace": True}
        ),
    ):
        work()


def test_an_override_ends_with_its_session(tmp_path: Path) -> None:
    before = pytest_recorder.policy_snapshot()
    with pytest_recorder.trace(tmp_path / "a.pyrec", policy={"require_trace": True}) as session:
        work()
        assert session.policy.require_trace
    assert pytest_recorder.policy_snapshot() == before


def test_public_names_are_those_listed() -> None:
    for name in pytest_recorder.__all__:
        assert getattr(pytest_recorder, name) is not None
    assert set(pytest_recorder.__all__) <= set(dir(pytest_recorder))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pytest_recorder.nothing  # noqa: B018
    assert pytest_recorder.ErrorCode is ErrorCode


def test_a_script_in_an_empty_folder_is_recorded(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import pytest_recorder
            def double(x):
                return 2 * x
            pytest_recorder.start("out")
            double(21)
            pytest_recorder.stop()
            """
        )
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_RECORDER_DIR")}
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path, env=environ)
    with pytest_recorder.open_trace(tmp_path / "out" / "trace.pyrec") as trace:
        results = [
            e.value for e in trace.events() if e.kind == "return" and e.function == "double"
        ]
    assert results == [{"type": "int", "value": 42}]


def test_start_reads_the_variables_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_REQUIRE_TRACE", "1")
    with pytest_recorder.trace(tmp_path / "a.pyrec") as session:
        work()
    assert session.policy.require_trace
    monkeypatch.delenv("PYTEST_RECORDER_REQUIRE_TRACE")
    monkeypatch.setenv("CODETRACER_KEEP_PARTIAL_TRACE", "no")
    with pytest_recorder.trace(tmp_path / "b.pyrec") as session:
        work()
    assert not session.policy.require_trace
    assert not session.policy.keep_partial_trace
    # An argument wins, and ends with its session.
    monkeypatch.setenv("PYTEST_RECORDER_REQUIRE_TRACE", "perhaps")
    with pytest.raises(
        pytest_recorder.UsageError,
        match=r"ERR_INVALID_POLICY_VALUE.*'perhaps' for PYTEST_RECORDER_REQUIRE_TRACE .*1 or 0",
    ):
        pytest_recorder.start(tmp_path / "c.pyrec")
    assert not pytest_recorder.is_tracing()


def test_the_manifest_has_the_policy_its_digest_and_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODETRACER_LOG_LEVEL", "warn")
    with pytest_recorder.trace(tmp_path / "a.pyrec", policy={"require_trace": True}) as session:
        work()
    with pytest_recorder.open_trace(session.path) as trace:
        manifest = trace.manifest
    assert manifest.policy == session.policy.plain()
    assert manifest.policy_sha256 == policies.policy_digest(session.policy)
    named = {key: text for key, text in manifest.policy_sources.items() if text != "default"}
    assert named == {
        "require_trace": "policy (argument)",
        "log_level": "CODETRACER_LOG_LEVEL (environment)",
    }


def test_b12_a_session_that_an_error_has_ended_takes_no_events_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_recorder(monkeypatch)
    session = pytest_recorder.start(tmp_path / "a.pyrec")
    work()
    assert not pytest_recorder.is_tracing()
    assert not session.is_recording
    assert session.is_begun
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO"):
        session.stop()
    monkeypatch.undo()
    with pytest_recorder.trace(tmp_path / "b.pyrec"):
        work()
    assert "work" in functions(tmp_path / "b.pyrec")


def test_a_trace_that_cannot_be_written_stays_in_its_spool_and_is_recovered(
    tmp_path: Path,
) -> None:
    session = pytest_recorder.start(tmp_path / "traces")
    work()
    session.path.mkdir()
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO"):
        session.stop()
    (entry,) = recover(tmp_path / "traces").entries
    with pytest_recorder.open_trace(tmp_path / "traces" / str(entry.trace)) as trace:
        assert "work" in {event.function for event in trace.events()}
    assert not list(tmp_path.rglob("*.pyspool"))


def test_two_failures_are_one_error_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_recorder(monkeypatch)
    pytest_recorder.start(tmp_path / "a.pyrec", policy={"require_trace": True})
    work()
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO") as caught:
        pytest_recorder.stop()
    (note,) = caught.value.__notes__
    assert note.startswith("and: [ERR_TRACE_INCOMPLETE] a whole trace is required")


def test_the_traceback_that_ends_a_program_is_printed_whole(tmp_path: Path) -> None:
    for recording in ("", "import pytest_recorder; pytest_recorder.start('out')"):
        (tmp_path / "script.py").write_text(f"{recording}\nraise RuntimeError('the end')\n")
        done = subprocess.run(
            [sys.executable, "script.py"],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        file = tmp_path / "script.py"
        assert done.stderr == (
            f'Traceback (most recent call last):\n  File "{file}", line 2, in <module>\n'
            "    raise RuntimeError('the end')\nRuntimeError: the end\n"
        )


def recorder_of_an_ended_session(path: Path) -> weakref.ref[object]:
    with pytest_recorder.trace(path) as session:
        work()
    return weakref.ref(session._file_recording._recorder)


def test_a_session_that_has_ended_lets_its_recorder_go(tmp_path: Path) -> None:
    # In a function of its own: on 3.11 reading a frame's locals keeps them until the frame ends.
    alive = recorder_of_an_ended_session(tmp_path / "a.pyrec")
    gc.collect()
    assert alive() is None


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts what /proc lists")
@pytest.mark.parametrize(
    "variable, value, code",
    [
        ("PYTEST_RECORDER_INJECT", "boom", "ERR_INVALID_OPTION"),
        ("PYTEST_RECORDER_INJECT", "start", "ERR_IO"),
        ("PYTEST_RECORDER_ENGINE", "", ""),
    ],
)
def test_a_session_that_cannot_begin_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv(variable, value)
    policy = {"log_level": "error", "json_errors": True, "log_file": str(tmp_path / "log")}
    before = sorted(os.listdir("/proc/self/fd"))
    for number in range(2):
        if code:
            with pytest.raises(pytest_recorder.RecorderError, match=code):
                pytest_recorder.start(tmp_path / "out", policy=policy)
        else:
            pytest_recorder.start(tmp_path / f"{number}", policy=policy).stop()
        assert sorted(os.listdir("/proc/self/fd")) == before
    assert not pytest_recorder.is_tracing()
    assert not list(tmp_path.rglob("*.pyspool"))
