"""Logs and trailers of the API, in programs of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pytest_recorder
from tests.diagnosed import codes, log_file, log_lines, trailers

HOT = Path(pytest_recorder.__file__).parent / "engine" / "pure" / "hot_path.py"
HEAD = f"""
import os, sys, warnings
import pytest_recorder
import pytest_recorder.engine.pure.hot_path as hot

def break_recorder():
    def line(self, frame, code, number):
        raise OSError(28, "no space left")
    line.__code__ = line.__code__.replace(co_filename={str(HOT)!r})
    hot.PureHotPath.line = line

def work():
    x = 1
    return x
"""


def script(folder: Path, body: str, **environ: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(
        HEAD + "\n" + textwrap.dedent(" " * 12 * body.startswith(("os.", "with")) + body)
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_RECORDER")}
    return subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=kept | {"PYTEST_RECORDER_PURE": "1"} | environ,
    )


def test_a_failure_that_stop_raises_has_one_log_line_and_one_trailer(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        """
        break_recorder()
        policy = {"json_errors": True, "log_file": "logs/log.jsonl", "log_level": "debug"}
        os.write(2, b"half")
        session = pytest_recorder.start("out", policy=policy)
        work()
        try:
            pytest_recorder.stop()
        except pytest_recorder.EnvironmentError as error:
            assert error.code == "ERR_IO"
        pytest_recorder.stop()
        """,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("half\n{")
    (trailer,) = trailers(done.stderr)
    assert trailer.error_code == "ERR_IO"
    assert trailer.test is None
    with pytest_recorder.open_trace(tmp_path / "out" / "trace.pyrec") as trace:
        assert trace.manifest.trace_id == trailer.trace_id
        assert trace.manifest.run_id == trailer.run_id
    lines = log_file(tmp_path / "logs" / "log.jsonl")
    assert [(line.level, line.message) for line in lines] == [
        ("INFO", "recorder opened"),
        ("DEBUG", "recording begins"),
        ("ERROR", "cannot record"),
        ("DEBUG", "recording ended"),
        ("INFO", "trace kept"),
        ("DEBUG", "recorder closed"),
    ]


@pytest.mark.parametrize("mapping, count", [("", 1), ("environment=ignore", 0)])
def test_under_disable_a_failure_has_one_too_unless_it_is_ignored(
    tmp_path: Path, mapping: str, count: int
) -> None:
    done = script(
        tmp_path,
        """
        break_recorder()
        warnings.simplefilter("ignore")
        with pytest_recorder.trace("out"):
            work()
        """,
        PYTEST_RECORDER_ON_ERROR="disable",
        PYTEST_RECORDER_ERRORS=mapping,
        PYTEST_RECORDER_JSON_ERRORS="1",
    )
    assert done.returncode == 0
    assert codes(trailers(done.stderr)) == ["ERR_IO"] * count


@pytest.mark.parametrize(
    "body, code",
    [
        ("pytest_recorder.start('script.py')", "ERR_TRACE_DIR_CONFLICT"),
        ("pytest_recorder.start('out', level='loud')", "ERR_INVALID_OPTION"),
        ("pytest_recorder.start('out', policy={'on_eror': 1})", "ERR_INVALID_POLICY_VALUE"),
        ("pytest_recorder.start('a'); pytest_recorder.start('b')", "ERR_ALREADY_TRACING"),
        ("pytest_recorder.configure_policy(on_recorder_error='x')", "ERR_INVALID_POLICY_VALUE"),
        ("pytest_recorder.start('/proc/none/out')", "ERR_TRACE_DIR_CREATE_FAILED"),
        (
            "os.environ['PYTEST_RECORDER_ON_ERROR'] = 'x'; pytest_recorder.start('out')",
            "ERR_INVALID_POLICY_VALUE",
        ),
        (
            """os.environ['CODETRACER_REQUIRE_TRACE'] = 'x'
            pytest_recorder.configure_policy_from_env()""",
            "ERR_INVALID_POLICY_VALUE",
        ),
        (
            """with pytest_recorder.trace('out', exclude=['*.py'], policy={'require_trace': 'yes'}):
                work()""",
            "ERR_TRACE_MISSING",
        ),
    ],
)
def test_what_cannot_start_and_b17_what_is_no_policy_has_one_trailer(
    tmp_path: Path, body: str, code: str
) -> None:
    done = script(
        tmp_path, body, PYTEST_RECORDER_JSON_ERRORS="1", PYTEST_RECORDER_LOG_LEVEL="error"
    )
    assert done.returncode == 1
    assert f"Error: [{code}]" in done.stderr  # the traceback
    assert codes(trailers(done.stderr)) == [code]
    assert codes(log_lines(done.stderr)) == [code]


def test_json_errors_in_a_policy_that_is_wrong_elsewhere_hold(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        "pytest_recorder.start('out', policy={'json_errors': 'yes', 'require_trace': 'perhaps'})",
    )
    assert codes(trailers(done.stderr)) == ["ERR_INVALID_POLICY_VALUE"]


def test_a_killed_program_leaves_its_last_line(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        "pytest_recorder.start('out'); work(); os.kill(os.getpid(), 9)",
        PYTEST_RECORDER_LOG_FILE="log.jsonl",
        PYTEST_RECORDER_LOG_LEVEL="debug",
    )
    assert done.returncode == -9
    assert log_file(tmp_path / "log.jsonl")[-1].message == "recording begins"


def test_a_session_that_ended_holds_no_descriptor(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        """
        from pytest_recorder.diagnostics.stderr import REAL
        for _ in range(3):
            with pytest_recorder.trace("out"):
                assert REAL._fd is not None
            assert REAL._fd is None
        try:
            pytest_recorder.start("script.py")
        except pytest_recorder.UsageError:
            assert REAL._fd is None
        """,
        PYTEST_RECORDER_JSON_ERRORS="1",
    )
    assert done.returncode == 0
    assert codes(trailers(done.stderr)) == ["ERR_TRACE_DIR_CONFLICT"]
