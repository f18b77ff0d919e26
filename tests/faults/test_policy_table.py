"""The table of docs/policy.md: what the policy does, cell by cell, in real runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.cells import CELLS, SITUATIONS, Cell, Situation
from tests.faults.child import VARIABLE, WORK, left_by_command

# Section by section of the design, not read from the code under test.
PRESETS = {
    "abort": {"usage": "fail", "environment": "fail", "target": "ignore", "internal": "fail"},
    "disable": {"usage": "fail", "environment": "warn", "target": "ignore", "internal": "warn"},
}
LEFT = {
    "spool-full:2": "partial",
    "panic:9": "partial",
    "finish": "partial",
    "start": None,
    "write-enospc:9": None,
    "pack": None,
    "target-args": "complete",
    "suppress-events": "complete",
}
HAS_MAX_WARNINGS = pytest.version_tuple >= (9, 1)

situations = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.inject)


def action_of(situation: Situation, cell: Cell) -> str:
    """What the error itself does."""
    is_unnoticed = situation.inject == "suppress-events" and not cell.is_required
    if is_unnoticed:
        return "ignore"
    return PRESETS.get(cell.policy, {}).get(situation.kind, cell.policy)


def required_code(situation: Situation, cell: Cell) -> str:
    """The code of the error that `require_trace` adds; it is never a matter of the policy."""
    if not cell.is_required or situation.inject in ("suppress-events", "target-args"):
        return ""
    left = LEFT[situation.inject]
    return "ERR_TRACE_INCOMPLETE" if left == "partial" else "ERR_TRACE_MISSING"


def left_of(situation: Situation, cell: Cell) -> str | None:
    left = LEFT[situation.inject]
    return None if left == "partial" and not cell.is_kept else left


@situations
def test_pytest_does_to_each_test_what_the_policy_says(situation: Situation) -> None:
    for cell in CELLS:
        test, run = table.pytest_runs()[situation, cell]
        action, required = action_of(situation, cell), required_code(situation, cell)
        fails = action in ("fail", "stop") or bool(required)
        where = (situation.inject, cell.name)
        assert run["internal"] == [], where
        assert test["outcomes"] == ["passed", "passed", "failed" if fails else "passed"], where
        assert (situation.code in test["error"]) == (action in ("fail", "stop")) or (
            required == situation.code
        ), where
        assert required in test["error"], where
        assert [situation.code in line for line in test["warned"]] == [True] * (
            action == "warn"
        ), where
        has_failed = any("failed" in found["outcomes"] for found in run["tests"].values())
        assert run["status"] == (2 if action == "stop" else int(has_failed)), where
        disk = test["trace"]["disk"] if test["trace"] else None
        assert (disk[0] if disk else None) == left_of(situation, cell), where


@situations
def test_a_failing_test_stays_as_it_is_whatever_the_policy(situation: Situation) -> None:
    _, run = table.pytest_runs()[situation, Cell("disable", False, True)]
    for cell in CELLS:
        if cell.policy == "stop" or cell.is_required or not cell.is_kept:
            continue
        test = run["tests"][f"fails_{cell.name}"]
        fails = action_of(situation, cell) == "fail"
        assert test["outcomes"] == ["passed", "failed", "failed" if fails else "passed"]
    assert "" not in run["traces"], "files that no index lists"


@situations
def test_the_properties_and_the_index_say_what_became_of_the_trace(
    situation: Situation,
) -> None:
    for cell in CELLS:
        test, _ = table.pytest_runs()[situation, cell]
        trace, properties = test["trace"], test["properties"]
        if situation.inject == "start":
            assert trace is None
            continue
        left = LEFT[situation.inject]
        assert trace["status"] == properties["record_trace_status"] == (left or "missing")
        assert trace["reason"] == properties.get("record_trace_reason")
        assert trace["reason"] == (None if left == "complete" else situation.code)
        assert trace["events"] == properties["record_trace_events"]
        assert trace["dropped"] == properties["record_trace_dropped"]
        assert (trace["dropped"] > 0) == (left == "complete")
        assert ("record_trace" in properties) == (left_of(situation, cell) is not None)
        is_removed = left == "partial" and not cell.is_kept
        assert ("record_trace_removed" in properties) == is_removed
        if trace["disk"] is not None:
            assert trace["disk"] == [left, trace["reason"], trace["events"]]
        if is_removed or left == "partial":
            assert trace["events"] > 0


@situations
def test_the_api_does_what_the_policy_says(situation: Situation) -> None:
    for cell in CELLS:
        found = table.api_runs()[situation, cell]
        action, required = action_of(situation, cell), required_code(situation, cell)
        where = (situation.inject, cell.name)
        # What could not be written stays in its spool, for `recover`.
        left = [".pyspool"] if situation.inject in ("write-enospc:9", "pack") else []
        assert [Path(name).suffix for name in found["others"]] == left, where
        assert not found["is_tracing"], where
        if situation.inject == "start":
            assert (found["raised"], found["where"]) == ("ERR_IO", "start"), where
            assert found["disk"] is None, where
            continue
        assert found["result"] == 404550, where
        raised = situation.code if action in ("fail", "stop") else required
        assert (found["raised"], found["where"]) == (raised, "stop" if raised else ""), where
        assert [situation.code in text for text in found["warned"]] == [True] * (
            action == "warn"
        ), where
        disk = found["disk"]
        assert (disk[0] if disk else None) == left_of(situation, cell), where


STATUS = {"usage": 2, "environment": 10, "internal": 70, "target": 20}


@situations
def test_the_command_does_what_the_policy_says(situation: Situation) -> None:
    for cell in CELLS:
        found = table.cli_runs()[situation, cell]
        action, required = action_of(situation, cell), required_code(situation, cell)
        where = (situation.inject, cell.name)
        fails = action in ("fail", "stop")
        # Nothing is said twice, and never but by the action.
        said = [(action == "warn", situation.code)] if action != "ignore" else []
        is_run = not (situation.inject == "start" and fails)
        # Where nothing has run, that no trace is there is no news.
        said += [(False, required)] if required and is_run else []
        assert table.spoken(found["stderr"]) == said, where
        status = STATUS[situation.kind] if fails else 2 if required else table.SCRIPT_STATUS
        assert found["status"] == status, where
        assert found["stdout"] == ("404550\n" if is_run else ""), where
        # What could not be written stays in its spool, for `recover`.
        left = [".pyspool"] if situation.inject in ("write-enospc:9", "pack") else []
        assert [Path(name).suffix for name in found["others"]] == left, where
        disk = found["disk"]
        assert (disk[0] if disk else None) == left_of(situation, cell), where


@situations
def test_a_command_in_a_process_of_its_own_does_what_a_forked_one_does(
    situation: Situation, tmp_path: Path
) -> None:
    cell = Cell("abort", False, True)
    (tmp_path / "program.py").write_text(f"{WORK}\nprint(work())\nraise SystemExit(3)\n")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest_recorder", "run", "-o", "out"),
            *table.command_options(situation, cell),
            "program.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ | {VARIABLE: situation.inject},
    )
    (tmp_path / "stdout").write_text(done.stdout)
    (tmp_path / "stderr").write_text(done.stderr)
    found = {"status": done.returncode, **left_by_command(tmp_path)}
    forked = table.cli_runs()[situation, cell]
    assert table.cli_words(situation, found) == table.cli_words(situation, forked)
    said = [re.sub(r"path=[^,)]+", "path", text["stderr"]) for text in (found, forked)]
    assert said[0] == said[1]


def test_modes_of_pytest_change_neither_outcomes_nor_the_status() -> None:
    expected: dict[str, tuple[list[list[str]], int]] = {
        "fail": ([["passed", "passed", "failed"]] * 2, 1),
        "warn": ([["passed"] * 3] * 2, 0),
    }
    assert {kind for _, kind, _ in table.mode_runs()} == set(STATUS)
    for (mode, kind, action), run in table.mode_runs().items():
        if mode == "--max-warnings 0" and not HAS_MAX_WARNINGS:
            continue
        outcomes, status = expected[action]
        outcomes = outcomes[:1] if (mode, action) == ("-x", "fail") else outcomes
        where = (mode, kind, action, run["output"])
        assert [test["outcomes"] for test in run["tests"].values()] == outcomes, where
        assert (run["status"], run["internal"]) == (status, []), where
        warned = [
            line for line in run["output"].splitlines() if line.startswith("RecorderWarning: ")
        ]
        assert len(warned) == (2 if action == "warn" else 0), where
        errors = [test["error"] for test in run["tests"].values()]
        assert ["ERR_" in text for text in errors] == [action == "fail"] * len(errors), where


@pytest.mark.parametrize("name", table.TABLES)
def test_the_document_has_the_tables_of_these_runs(name: str) -> None:
    if name == "modes" and not HAS_MAX_WARNINGS:
        pytest.skip("the table names an option that this pytest has not")
    document = table.DOCUMENT.read_text()
    made = table.TABLES[name]()
    assert table.between(document, name) == made.strip(), "run `just policy-tables`"
