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
