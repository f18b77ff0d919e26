"""Logs and trailers of a pytest run: exactly once, past the capture, on a line of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_recorder
from tests.diagnosed import codes, log_file, log_lines, trailers
from tests.plugin.support import ALONE, OURS, events, index, needs_settrace, run, traces

# A full disk in the middle of a test: a fault that the hot path meets in its callback.
BROKEN = f"""
    import pytest_recorder.engine.pure.hot_path as hot

    original = hot.PureHotPath.line
    seen = []

    def line(self, frame, code, number):
        if code.co_name.startswith("test_breaks") and (code, number) not in seen:
            seen.append((code, number))
            raise OSError(28, "no space left")
        return original(self, frame, code, number)

    line.__code__ = line.__code__.replace(co_filename={str(Path(pytest_recorder.__file__).parent / "engine" / "pure" / "hot_path.py")!r})
    hot.PureHotPath.line = line
"""
TESTS = """
    import os, sys

    def test_before(): pass

    def test_breaks():
        sys.stdout.write("half a line")
        sys.stderr.write("half a line")
        sys.stderr.flush()
        x = 1
        os.write(2, b"by number")

    def test_after(): pass
"""
IO_ERROR = ("ERR_IO", "Environment", "cannot record", "OSError: [Errno 28] no space left")


@pytest.fixture
def broken(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_RECORDER_STRICT", "0")
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1")
    pytester.makeconftest(BROKEN)
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.parametrize(
    "how, on_error",
    [
        ("", "disable"),
        ("-s", "abort"),
        ("--capture=fd", "abort"),
        ("--capture=sys", "disable"),
        ("--capture=tee-sys", "disable"),
        ("-n 2", "abort"),
        ("-n 2 -s", "disable"),
    ],
)
def test_a_failure_has_one_log_line_and_one_trailer(
    broken: pytest.Pytester, how: str, on_error: str
) -> None:
    args = (
        "--record-json-errors",
        "--record-log-file=out/log.jsonl",
        f"--record-on-error={on_error}",
    )
    result = run(broken, "--record-trace", "--record-keep=all", *args, *how.split())
    result.assert_outcomes(passed=3, errors=int(on_error == "abort"))
    (trailer,) = trailers(str(result.stderr))
    assert (trailer.error_code, trailer.error_kind, trailer.message, trailer.cause) == IO_ERROR
    assert trailer.context == {"errno": "ENOSPC"}
    assert trailer.test is not None
    assert trailer.test.endswith("::test_breaks")
    lines = log_file(broken.path / "out" / "log.jsonl")
    (line,) = [line for line in lines if line.error_code]
    assert line.level == ("ERROR" if on_error == "abort" else "WARNING")
    assert (line.run_id, line.trace_id, line.test) == (
        trailer.run_id,
        trailer.trace_id,
        trailer.test,
    )
    (entry,) = [entry for entry in index(broken) if entry["test"] == trailer.test]
    with pytest_recorder.open_trace(broken.path / "test-traces" / entry["trace"]) as trace:
        assert trace.manifest.trace_id == trailer.trace_id
        assert trace.manifest.run_id == trailer.run_id
        assert trace.status == "partial"
    assert "error_code" not in str(result.stdout)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_each_failing_test_has_its_own(
    broken: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    broken.makepyfile(
        "\n".join(f"def test_breaks_{number}():\n    x = 1" for number in range(4))
    )
    result = run(broken, "--record-trace", "--record-json-errors", *workers)
    result.assert_outcomes(passed=4)
    names = sorted(
        str(trailer.test).partition("::")[2] for trailer in trailers(str(result.stderr))
    )
    assert names == [f"test_breaks_{number}" for number in range(4)]


def test_without_being_asked_nothing_is_said(broken: pytest.Pytester) -> None:
    result = run(broken, "--record-trace")
    result.assert_outcomes(passed=3)
    assert str(result.stderr) == ""
    result.stdout.fnmatch_lines(["RecorderWarning: *ERR_IO*"])


def test_what_the_policy_ignores_is_logged_only(broken: pytest.Pytester) -> None:
    args = (
        "--record-errors=environment=ignore",
        "--record-json-errors",
        "--record-log-level=info",
    )
    result = run(broken, "--record-trace", *args)
    result.assert_outcomes(passed=3)
    assert trailers(str(result.stderr)) == []
    (line,) = [line for line in log_lines(str(result.stderr)) if line.error_code]
    assert (line.level, line.error_code) == ("INFO", "ERR_IO")


def test_an_error_that_stops_the_run_has_one(broken: pytest.Pytester) -> None:
    result = run(
        broken, "--record-trace", "--record-errors=environment=stop", "--record-json-errors"
    )
    result.assert_outcomes(passed=2, errors=1)
    assert codes(trailers(str(result.stderr))) == ["ERR_IO"]


def test_a_marker_with_a_policy_of_its_own_decides_the_level(broken: pytest.Pytester) -> None:
    broken.makepyfile(
        """
        import pytest
        @pytest.mark.record(on_error="abort")
        def test_breaks():
            x = 1
        """
    )
    result = run(broken, "--record-log-level=warning")
    result.assert_outcomes(passed=1, errors=1)
    assert [line.level for line in log_lines(str(result.stderr))] == ["ERROR"]


def test_a_trace_that_was_required_and_ended_early_is_a_failure_beside_its_reason(
    broken: pytest.Pytester,
) -> None:
    result = run(broken, "--record-trace", "--record-require-trace", "--record-json-errors")
    result.assert_outcomes(passed=3, errors=1)
    found = trailers(str(result.stderr))
    assert codes(found) == ["ERR_IO", "ERR_TRACE_INCOMPLETE"]
    assert len({(trailer.trace_id, trailer.test) for trailer in found}) == 1


@pytest.mark.parametrize(
    "args, code",
    [
        ("--record-keep=sometimes", "ERR_INVALID_OPTION"),
        ("--record-on-error=perhaps -n 2", "ERR_INVALID_POLICY_VALUE"),
        ("--record-log-level=loud", "ERR_INVALID_POLICY_VALUE"),
        ("--record-dir=test_a.py", "ERR_TRACE_DIR_CONFLICT"),
        ("--record-dir=test_a.py -n 2", "ERR_TRACE_DIR_CONFLICT"),
    ],
)
def test_a_run_that_cannot_start_has_one_trailer(
    pytester: pytest.Pytester, args: str, code: str
) -> None:
    pytester.makepyfile(test_a="def test_a(): pass")
    asked = ("--record-trace", "--record-json-errors", "--record-log-file=log.jsonl")
    result = run(pytester, *asked, *args.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (trailer,) = trailers(str(result.stderr))
    assert (trailer.error_code, trailer.error_kind) == (code, "Usage")
    assert (trailer.trace_id, trailer.test) == (None, None)
    (line,) = [line for line in log_file(pytester.path / "log.jsonl") if line.error_code]
    assert (line.level, line.message, line.run_id) == ("ERROR", trailer.message, trailer.run_id)
    result.stderr.fnmatch_lines([f"ERROR: [[]{code}[]] {trailer.message[:20]}*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_mistake_in_a_marker_has_one_trailer(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record(keep="sometimes")
        def test_a(): pass
        """
    )
    result = run(pytester, "--record-json-errors", *workers)
    (trailer,) = trailers(str(result.stderr))
    assert trailer.error_code == "ERR_INVALID_OPTION"
    assert trailer.test is not None
    assert trailer.test.endswith("::test_a")


@pytest.mark.parametrize("prefix", ["PYTEST_RECORDER", "CODETRACER"])
def test_b17_a_bad_policy_variable_has_a_trailer_and_a_log_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    pytester.makepyfile("def test_a(): pass")
    monkeypatch.setenv(
        f"{prefix}_KEEP_PARTIAL" + "_TRACE" * (prefix == "CODETRACER"), "perhaps"
    )
    monkeypatch.setenv(f"{prefix}_JSON_ERRORS", "1")
    monkeypatch.setenv(f"{prefix}_LOG_FILE", "log.jsonl")
    result = run(pytester, "--record-trace")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert codes(trailers(str(result.stderr))) == ["ERR_INVALID_POLICY_VALUE"]
    assert codes(log_file(pytester.path / "log.jsonl")) == ["ERR_INVALID_POLICY_VALUE"]


@needs_settrace
def test_a_recorder_that_finds_no_place_is_said_once_for_the_run(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("import sys\nsys.settrace(lambda *_: None)")
    pytester.makepyfile("def test_a(): pass\ndef test_b(): pass")
    args = ("--record-engine=settrace", "--record-json-errors", "--record-on-error=abort")
    result = run(pytester, "--record-trace", *args)
    result.assert_outcomes(passed=2, errors=2)
    (trailer,) = trailers(str(result.stderr))
    assert (trailer.error_code, trailer.test) == ("ERR_TRACER_INSTALL_CONFLICT", None)


# The log of a run.


@pytest.mark.parametrize("workers", [0, 2])
def test_the_log_tells_the_story_of_a_run(pytester: pytest.Pytester, workers: int) -> None:
    pytester.makepyfile("def test_a(): assert 0\ndef test_b(): pass")
    args = ("--record-log-level=debug", "--record-log-file=test-traces/log.jsonl")
    result = run(pytester, "--record-trace", *args, *(["-n", str(workers)] if workers else []))
    result.assert_outcomes(passed=1, failed=1)
    assert str(result.stderr) == ""
    path = pytester.path / "test-traces" / "log.jsonl"
    lines = log_file(path)
    assert (pytester.path / "test-traces" / ".gitignore").exists()
    (run_id,) = {line.run_id for line in lines}
    assert (
        run_id
        == json.loads((pytester.path / "test-traces" / "index.json").read_text())["run_id"]
    )
    assert {line.level for line in lines} == {"DEBUG", "INFO"}
    assert len({line.pid for line in lines}) == (workers + 1 if workers else 1)
    opened = [line for line in lines if line.message == "recorder opened"]
    assert len(opened) == (workers or 1)
    assert {"engine", "reason", "hot_path", "hot_path_reason"} <= set(opened[0].context)
    story = {
        name: [line.message for line in lines if (line.test or "").endswith(name)]
        for name in ("::test_a", "::test_b")
    }
    assert story == {
        "::test_a": ["recording begins", "recording ended", "trace kept"],
        "::test_b": ["recording begins", "recording ended", "trace dropped"],
    }
    assert lines[-1].message == "run ended"
    assert lines[-1].context == {
        "recorded": "2",
        "kept": "1",
        "recovered": "0",
        "warnings": "0",
        "failures": "0",
    }
    # A second run adds to the file.
    run(pytester, "--record-trace", *args)
    assert len({line.run_id for line in log_file(path)}) == 2


def test_a_level_without_a_file_logs_to_stderr_whatever_is_captured(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    result = run(pytester, "--record-trace", "--record-log-level=info")
    lines = log_lines(str(result.stderr))
    assert [line.message for line in lines] == ["recorder opened", "trace kept", "run ended"]
    assert '"ts"' not in str(result.stdout)


def test_a_log_that_cannot_be_written_changes_no_outcome(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    args = ("--record-log-file=.", "--record-on-error=abort", "--record-log-level=debug")
    result = run(pytester, "--record-trace", *args)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    lines = log_lines(str(result.stderr))
    assert lines[0].message == "recorder opened"
    assert [line.error_code for line in lines].count(pytest_recorder.ErrorCode.IO) == 1
    assert lines[-1].message == "run ended"


@pytest.mark.parametrize(
    "redirect, capture", [("2>&-", "fd"), ("2>/dev/full", "fd"), ("2>/dev/full", "no")]
)
def test_a_stderr_that_takes_nothing_changes_nothing(
    broken: pytest.Pytester, redirect: str, capture: str
) -> None:
    # Of the program's own lines none may fail.
    broken.makepyfile("def test_breaks():\n    x = 1")
    command = [
        sys.executable,
        "-m",
        "pytest",
        *OURS,
        f"--capture={capture}",
        "-p",
        "no:faulthandler",
    ]
    command += ["--record-trace", "--record-json-errors", "--record-log-level=debug"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", *command],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        cwd=broken.path,
        env={**os.environ, ALONE: "1"},
    )
    assert "1 passed" in done.stdout
    assert "error_code" not in done.stdout
    assert done.returncode == 0


def test_a_test_that_turns_logging_off_or_watches_it_does_not_meet_ours(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import logging, logging.config

        def test_watches(caplog):
            caplog.set_level(0)
            logging.getLogger("mine").info("x")
            assert [record.name for record in caplog.records] == ["mine"]
            assert not [n for n in logging.Logger.manager.loggerDict if n.startswith("pytest_recorder")]

        def test_turns_it_off():
            logging.disable(logging.CRITICAL)
            logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
            logging.shutdown()

        def test_after(): pass
        """
    )
    args = ("--record-keep=all", "--record-log-file=log.jsonl", "--record-log-level=debug")
    result = run(pytester, "--record-trace", "--record-include=logging", *args)
    result.assert_outcomes(passed=3)
    lines = log_file(pytester.path / "log.jsonl")
    assert [line.message for line in lines].count("trace kept") == 3
    for path in traces(pytester):
        found = events(path)
        assert not [event for event in found if "pytest_recorder" in str(event.file)]
        logged = [event for event in found if event.kind == "log"]
        assert len(logged) == int("test_watches" in path.parent.name)


def test_the_log_of_a_killed_run_ends_with_its_last_line_and_the_next_run_says_more(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("import os\ndef test_a(): os.kill(os.getpid(), 9)")
    args = ("--record-log-file=log.jsonl", "--record-log-level=debug")
    result = run(pytester, "--record-trace", *args)
    assert result.ret == -signal.SIGKILL
    lines = log_file(pytester.path / "log.jsonl")
    assert lines[-1].message == "recording begins"
    killed = lines[-1]
    pytester.makepyfile("def test_b(): pass")
    run(pytester, "--record-trace", *args)
    (line,) = [x for x in log_file(pytester.path / "log.jsonl") if x.level == "WARNING"]
    assert line.message == "trace recovered from a process that died"
    assert line.context["test"] == killed.test


def test_in_a_trace_of_the_run_a_failure_names_the_test_of_that_time(
    broken: pytest.Pytester,
) -> None:
    result = run(broken, "--record-trace", "--record-scope=session", "--record-json-errors")
    result.assert_outcomes(passed=3)
    (trailer,) = trailers(str(result.stderr))
    assert trailer.test is not None
    assert trailer.test.endswith("::test_breaks")
    assert trailer.trace_id is not None


def test_an_idle_run_loads_none_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_a(): assert "pytest_recorder.diagnostics" not in sys.modules
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_run_that_records_nothing_holds_no_descriptor_of_stderr(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        def test_a():
            from pytest_recorder.diagnostics.stderr import REAL
            assert REAL._fd is None
        """
    )
    run(pytester, "--record-trace").assert_outcomes(passed=1)


def test_a_child_of_a_test_logs_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        def test_a():
            child = os.fork()
            if not child:
                return
            os.waitpid(child, 0)
        """
    )
    run(pytester, "--record-trace", "--record-log-file=log.jsonl", "--record-log-level=debug")
    lines = log_file(pytester.path / "log.jsonl")
    assert len({line.pid for line in lines}) == 1
    assert [line.message for line in lines].count("recording ended") == 1


def test_a_marker_activates_the_log(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.record\ndef test_a(): pass")
    pytester.makeini("[pytest]\nrecord_log_file = logs/log.jsonl\n")
    os.makedirs(pytester.path / "sub")
    result = pytester.runpytest_subprocess(
        *OURS, "--rootdir", str(pytester.path), str(pytester.path)
    )
    result.assert_outcomes(passed=1)
    messages = [line.message for line in log_file(pytester.path / "logs" / "log.jsonl")]
    assert messages == ["recorder opened", "trace kept", "run ended"]
