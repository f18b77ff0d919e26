"""`pytest-recorder info --policy`: each value, and where it came from."""

import json
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.settings import policy as policies
from pytest_recorder.settings import process_policy


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with the variables of nobody."""
    process_policy.reset_policy()
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def facts(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert main(["info", *args, "--policy", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_all_sources_of_pytest_and_of_programs_are_named(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pytest.ini").write_text(
        "[pytest]\nrecord_require_trace = yes\nrecord_log_level = info\n"
        "record_on_error = abort\naddopts = --record-errors=internal=stop --record-log-level=debug"
    )
    monkeypatch.setenv("PYTEST_RECORDER_ON_ERROR", "disable")
    monkeypatch.setenv("CODETRACER_JSON_ERRORS", "on")
    found = facts(capsys)
    assert found["pytest"]["sources"] == {
        "on_recorder_error": "PYTEST_RECORDER_ON_ERROR (environment)",
        "require_trace": "record_require_trace (ini)",
        "keep_partial_trace": "default",
        "log_level": "--record-log-level (command line)",
        "log_file": "default",
        "json_errors": "CODETRACER_JSON_ERRORS (environment)",
        "record_errors": "--record-errors (command line)",
    }
    assert found["pytest"]["policy"] == {
        "on_recorder_error": "disable",
        "require_trace": True,
        "keep_partial_trace": True,
        "log_level": "debug",
        "log_file": None,
        "json_errors": True,
        "record_errors": {"internal": "stop"},
    }
    assert set(found["programs"]["sources"].values()) == {
        "default",
        "PYTEST_RECORDER_ON_ERROR (environment)",
        "CODETRACER_JSON_ERRORS (environment)",
    }
    used = policies.Policy(on_recorder_error="disable", json_errors=True)
    assert found["programs"]["policy"] == used.plain()
    assert found["programs"]["sha256"] == policies.policy_digest(used)


def test_a_line_for_each_value_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_ERRORS", "environment=warn")
    assert main(["info", "--policy"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    blocks = captured.out.split("\n\n")
    assert [block.partition(" ")[0] for block in blocks] == ["pytest", "programs"]
    lines = [line.split(maxsplit=2) for line in blocks[0].splitlines()]
    assert lines[1:] == [
        ["on_recorder_error", "disable", "default"],
        ["require_trace", "False", "default"],
        ["keep_partial_trace", "True", "default"],
        ["log_level", "-", "default"],
        ["log_file", "-", "default"],
        ["json_errors", "False", "default"],
        ["record_errors", "environment=warn", "PYTEST_RECORDER_ERRORS (environment)"],
    ]
    assert blocks[1].splitlines()[1].split() == ["on_recorder_error", "abort", "default"]


def test_the_policy_of_a_trace_is_the_one_that_it_was_recorded_under(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest_recorder.trace(here / "a.pyrec", policy={"require_trace": False}) as session:
        sum([1])
    monkeypatch.setenv("PYTEST_RECORDER_REQUIRE_TRACE", "1")
    found = facts(capsys, "a.pyrec")
    assert found["trace"]["policy"] == session.policy.plain()
    assert found["trace"]["sources"]["require_trace"] == "policy (argument)"
    assert found["trace"]["sha256"] == policies.policy_digest(session.policy)
    assert main(["info", "a.pyrec", "--policy"]) == 0
    assert "require_trace      False        policy (argument)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "ini, environ, status, text",
    [
        (
            "record_on_error = never",
            {},
            2,
            "'never' for record_on_error (ini), expected abort or dis",
        ),
        (
            "record_json_errors = never",
            {},
            2,
            "record_json_errors (ini), expected true or false",
        ),
        (
            "",
            {"CODETRACER_LOG_LEVEL": "x"},
            2,
            "'x' for CODETRACER_LOG_LEVEL (environment), expec",
        ),
        ("addopts = -p no:record_trace", {}, 2, "[ERR_NOT_SUPPORTED] pytest does not load the"),
        (
            "",
            {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            2,
            "[ERR_NOT_SUPPORTED] pytest does not load the plugin here, see ",
        ),
        ("addopts = --nonsense", {}, 10, "[ERR_IO] pytest does not start here: "),
    ],
)
def test_a_bad_value_is_refused_by_name(
    here: Path,
    ini: str,
    environ: dict[str, str],
    status: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (here / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["info", "--policy"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1
