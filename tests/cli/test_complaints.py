"""What the command says on stderr when it fails: one line, and one of JSON if asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.diagnosed import codes, log_file, trailers


def command(
    folder: Path, *args: str, redirect: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_RECORDER")}
    return subprocess.run(
        [
            "sh",
            "-c",
            f'exec "$@" {redirect}',
            "sh",
            sys.executable,
            "-m",
            "pytest_recorder",
            *args,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=kept | environ,
    )


@pytest.mark.parametrize(
    "args, status, code",
    [
        ("show nothing.pyrec", 10, "ERR_TRACE_NOT_FOUND"),
        ("info script.txt", 20, "ERR_TRACE_CORRUPT"),
        ("ls nothing", 10, "ERR_TRACE_NOT_FOUND"),
        ("dance", 2, "ERR_INVALID_OPTION"),
        ("export --format xml x", 2, "ERR_INVALID_OPTION"),
        ("", 2, "ERR_INVALID_OPTION"),
    ],
)
@pytest.mark.parametrize("how", ["flag", "variable", "not"])
def test_a_failure_has_one_trailer_if_asked(
    tmp_path: Path, args: str, status: int, code: str, how: str
) -> None:
    (tmp_path / "script.txt").write_text("no trace")
    flag = ["--json-errors"] if how == "flag" else []
    environ = {"PYTEST_RECORDER_LOG_FILE": "log.jsonl"}
    if how == "variable":
        environ["PYTEST_RECORDER_JSON_ERRORS"] = "1"
    done = command(tmp_path, *flag, *args.split(), **environ)
    assert (done.returncode, done.stdout) == (status, "")
    assert codes(trailers(done.stderr)) == ([code] if how != "not" else [])
    assert done.stderr.count(f"[{code}]") == 1
    assert codes(log_file(tmp_path / "log.jsonl")) == [code]


@pytest.mark.parametrize("command_name", ["ls", "recover"])
def test_a_spool_that_cannot_be_recovered_has_one(tmp_path: Path, command_name: str) -> None:
    folder = tmp_path / "test-traces"
    folder.mkdir()
    (folder / "index.json").write_text('{"schema": 1, "run_id": "x", "tests": []}')
    (folder / "bad.pyspool").write_bytes(b"no spool")
    done = command(tmp_path, "--json-errors", command_name, str(folder))
    found = trailers(done.stderr)
    assert len(found) == 1
    assert done.stderr.count(f"[{found[0].error_code}]") == 1


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("args, status", [("show nothing.pyrec", 10), ("dance", 2)])
def test_a_stderr_that_takes_nothing_changes_no_status(
    tmp_path: Path, redirect: str, args: str, status: int
) -> None:
    done = command(tmp_path, "--json-errors", *args.split(), redirect=redirect)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_b17_a_bad_policy_variable_does_not_break_the_command(tmp_path: Path) -> None:
    environ = {"CODETRACER_ON_RECORDER_ERROR": "perhaps", "PYTEST_RECORDER_LOG_LEVEL": "loud"}
    done = command(tmp_path, "show", "nothing.pyrec", CODETRACER_JSON_ERRORS="1", **environ)
    assert done.returncode == 10
    assert codes(trailers(done.stderr)) == ["ERR_TRACE_NOT_FOUND"]


# What no command has foreseen. The machine's `sitecustomize` puts the fault into the real command.
FAULTS = {
    "a bug": "raise ZeroDivisionError('boom')",
    "a refusal": "raise PermissionError(13, 'not you', '/x')",
    "no memory": "raise MemoryError",
    "a deep stack": "raise RecursionError('too deep')",
    # A process in the background is started without the handler.
    "Ctrl-C": "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " print('seen'); signal.raise_signal(signal.SIGINT)",
    "a closed pipe": "raise BrokenPipeError(32, 'nobody reads')",
}
PATCH = """
import importlib
module = importlib.import_module("pytest_recorder.cli.COMMAND")
def PLACE(*_):
    FAULT
module.PLACE = PLACE
"""


def faulty(
    folder: Path, name: str, fault: str, *args: str, place: str = "run", **environ: str
) -> subprocess.CompletedProcess[str]:
    text = PATCH.replace("COMMAND", name).replace("PLACE", place).replace("FAULT", fault)
    (folder / "sitecustomize.py").write_text(text)
    return command(folder, *args, PYTHONPATH=str(folder), **environ)


@pytest.mark.parametrize(
    "fault, status, code, kind",
    [
        ("a bug", 70, "ERR_UNKNOWN", "Internal"),
        ("a deep stack", 70, "ERR_UNKNOWN", "Internal"),
        ("a refusal", 10, "ERR_IO", "Environment"),
        ("no memory", 10, "ERR_IO", "Environment"),
    ],
)
def test_what_nobody_has_foreseen_is_one_line_with_a_code(
    tmp_path: Path, fault: str, status: int, code: str, kind: str
) -> None:
    environ = {"PYTEST_RECORDER_LOG_FILE": "log.jsonl"}
    done = faulty(tmp_path, "ls", FAULTS[fault], "--json-errors", "ls", **environ)
    assert (done.returncode, done.stdout) == (status, "")
    line, trailer = filter(None, done.stderr.splitlines())
    assert line.startswith(f"[{code}] ")
    (found,) = trailers(done.stderr)
    assert trailer.startswith("{")
    assert (found.error_code, found.error_kind) == (code, kind)
    assert codes(log_file(tmp_path / "log.jsonl")) == [code]
    if kind == "Internal":
        assert "(at=sitecustomize.py:5): caused by " in line
        assert "PYTEST_RECORDER_STRICT=1 shows the traceback" in line


@pytest.mark.parametrize("place", ["run", "prepare"])
def test_the_traceback_of_a_bug_is_there_for_whoever_asks(tmp_path: Path, place: str) -> None:
    fault = FAULTS["a bug"]
    done = faulty(tmp_path, "show", fault, "show", "x", place=place)
    assert (done.returncode, done.stderr.count("\n")) == (70, 1)
    assert "caused by ZeroDivisionError: boom" in done.stderr
    done = faulty(tmp_path, "show", fault, "show", "x", place=place, PYTEST_RECORDER_STRICT="1")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("ZeroDivisionError: boom\n")


def test_ctrl_c_ends_a_command_quietly(tmp_path: Path) -> None:
    done = faulty(tmp_path, "info", FAULTS["Ctrl-C"], "info")
    assert (done.returncode, done.stdout, done.stderr) == (130, "seen\n", "")


def test_a_closed_pipe_ends_a_command_quietly(tmp_path: Path) -> None:
    done = faulty(tmp_path, "info", FAULTS["a closed pipe"], "info")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("redirect, status", [(">/dev/full", 10), (">&-", 0)])
@pytest.mark.parametrize("args", ["info", "ls", "ls --json", "info --policy"])
def test_a_stdout_that_takes_nothing_is_an_error_of_the_environment_or_none(
    tmp_path: Path, args: str, redirect: str, status: int
) -> None:
    (tmp_path / "test-traces").mkdir()
    (tmp_path / "test-traces" / "index.json").write_text(
        '{"schema": 1, "run_id": "x", "tests": [{"test": "a", "attempt": 1, "outcome": "failed",'
        ' "trace": null, "status": "missing", "reason": "ERR_IO"}]}'
    )
    done = command(tmp_path, *args.split(), redirect=redirect)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == bool(status)
    assert ("errno=ENOSPC" in done.stderr) == bool(status)


def test_a_program_without_a_stdout_runs_as_under_python(tmp_path: Path) -> None:
    code = "import os, sys; sys.stderr.write(repr(sys.stdout)); os.fstat(0); os.fstat(1)"
    done = command(tmp_path, "run", "-c", code, redirect=">&-")
    assert done.returncode == 1
    assert done.stderr.startswith("None")
    assert done.stderr.endswith("OSError: [Errno 9] Bad file descriptor\n")


@pytest.mark.parametrize(
    "options, environ, code",
    [
        ("--json-errors", {"PYTEST_RECORDER_ON_ERROR": "x"}, "ERR_INVALID_POLICY_VALUE"),
        ("--json-errors", {"CODETRACER_LOG_LEVEL": "loud"}, "ERR_INVALID_POLICY_VALUE"),
        ("--json-errors", {"PYTEST_RECORDER": "x"}, "ERR_INVALID_OPTION"),
        ("--json-errors", {"PYTEST_RECORDER_LEVEL": "x"}, "ERR_INVALID_OPTION"),
        ("--json-errors --on-recorder-error=x", {}, "ERR_INVALID_POLICY_VALUE"),
        ("--log-level=x", {"PYTEST_RECORDER_JSON_ERRORS": "1"}, "ERR_INVALID_POLICY_VALUE"),
        ("--json-errors -o program.py", {}, "ERR_TRACE_DIR_CONFLICT"),
        ("--json-errors -o /proc/x", {}, "ERR_TRACE_DIR_CREATE_FAILED"),
        ("--json-errors --lev=x", {}, "ERR_INVALID_OPTION"),
    ],
)
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_recording_that_cannot_begin_has_one_trailer(
    tmp_path: Path, options: str, environ: dict[str, str], code: str, where: str
) -> None:
    (tmp_path / "program.py").write_text("print('runs')")
    given = [*options.split(), "program.py"]
    words = ["run", *given]
    if where == "before" and given[0] == "--json-errors":
        words = ["--json-errors", "run", *given[1:]]
    log = {"PYTEST_RECORDER_LOG_FILE": "log.jsonl"}
    done = command(tmp_path, *words, **environ, **log)
    assert (done.returncode, done.stdout) == (10 if code.endswith("FAILED") else 2, "")
    assert codes(trailers(done.stderr)) == [code]
    assert done.stderr.count(f"[{code}]") == 1
    assert codes(log_file(tmp_path / "log.jsonl")) == [code]


def test_a_flag_of_the_program_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys; print(sys.argv[1:])")
    environ = {"PYTEST_RECORDER_ON_ERROR": "x"}
    done = command(tmp_path, "run", "program.py", "--json-errors", **environ)
    assert (done.returncode, trailers(done.stderr)) == (2, [])
    done = command(tmp_path, "--json-errors", "run", "program.py", "--json-errors", "run")
    assert (done.returncode, done.stdout) == (0, "['--json-errors', 'run']\n")
    assert done.stderr == ""
