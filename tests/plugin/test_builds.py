"""What a run says of an interpreter that is refused, and of parts in C that were not built.

Such an interpreter is not to be had everywhere: a plugin changes the fact before the run begins.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.support import index, run, traces

FACT = """
from pytest_recorder import compat

compat.IS_FREE_THREADED = True
"""
NOT_BUILT = """
from pytest_recorder.engine.select import NATIVE_MODULE
from pytest_recorder.system import compiled

import_module = compiled.import_module

def missing(name):
    if name == NATIVE_MODULE:
        raise ModuleNotFoundError(name)
    return import_module(name)

compiled.import_module = missing
compiled.build_failures = lambda: {NATIVE_MODULE: "hot.h:62:10: fatal error: no such file"}
"""
TEST = """
def test_a():
    assert 1 + 1 == 3
"""
OFF = "record-trace: off, recording was never tried on a free-threaded build of Python; *"


@pytest.fixture
def refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("PYTEST_RECORDER_PURE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path), prepend=os.pathsep)
    pytester.makepyfile(fact=FACT, test_a=TEST)
    return pytester


def test_a_refused_run_runs_unrecorded_and_says_so(refused: pytest.Pytester) -> None:
    result = run(refused, "--record-trace", plugins=("fact",))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([OFF, "*RecorderWarning: *ERR_NOT_SUPPORTED*FREE_THREADED=1*"])
    assert traces(refused) == []


def test_a_refused_run_of_a_marker_says_so_too(refused: pytest.Pytester) -> None:
    refused.makepyfile(test_a="import pytest\n\n@pytest.mark.record\ndef test_a(): pass")
    result = run(refused, plugins=("fact",))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*RecorderWarning: *ERR_NOT_SUPPORTED*"])


def test_the_controller_of_workers_says_so(refused: pytest.Pytester) -> None:
    result = run(refused, "--record-trace", "-n", "1", plugins=("fact",))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([OFF])


@pytest.mark.parametrize(
    "option", ["--record-on-error=abort", "--record-require-trace"], ids=["abort", "require"]
)
def test_a_refused_run_follows_the_policy(refused: pytest.Pytester, option: str) -> None:
    result = run(refused, "--record-trace", option, plugins=("fact",))
    result.assert_outcomes(failed=1, errors=1)


def test_the_variable_records_in_pure_python(
    refused: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_FREE_THREADED", "1")
    result = run(refused, "--record-trace", plugins=("fact",))
    result.stdout.fnmatch_lines(["record-trace: values*pure Python, slower: *need the GIL*"])
    assert [entry["status"] for entry in index(refused)] == ["complete"]


def ask(pytester: pytest.Pytester, *code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "\n".join(["import fact", *code])]
    return subprocess.run(
        command, cwd=pytester.path, capture_output=True, text=True, check=False
    )


def test_info_names_the_refusal(refused: pytest.Pytester) -> None:
    done = ask(refused, "from pytest_recorder.cli import main", "main(['info', '--json'])")
    said = json.loads(done.stdout)
    assert said["hot_path"] == "python"
    assert "PYTEST_RECORDER_FREE_THREADED=1" in said["refused"]


def test_the_api_refuses(refused: pytest.Pytester) -> None:
    done = ask(refused, "import pytest_recorder", "pytest_recorder.start('traces')")
    assert "EnvironmentError: [ERR_NOT_SUPPORTED] recording was never tried" in done.stderr
    assert list(Path(refused.path).rglob("*.pyspool")) == []


def test_the_header_names_what_the_compiler_said(refused: pytest.Pytester) -> None:
    refused.makepyfile(fact=NOT_BUILT)
    result = run(refused, "--record-trace", plugins=("fact",))
    result.stdout.fnmatch_lines(
        ["record-trace: *slower: the part in C was not built: hot.h:62:10: fatal error: no*"]
    )
    done = ask(refused, "from pytest_recorder.cli import main", "main(['info'])")
    assert "hot_path_reason   the part in C was not built: hot.h:62:10: fatal" in done.stdout
