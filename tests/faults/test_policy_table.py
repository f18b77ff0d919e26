"""The table of docs/policy.md: what the policy does, cell by cell, in real runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults import table
from tests.faults.cells import CELLS, SITUATIONS, Cell, Situation

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


def test_modes_of_pytest_change_neither_outcomes_nor_the_status() -> None:
    expected: dict[str, tuple[list[list[str]], int]] = {
        "abort": ([["passed", "passed", "failed"]] * 2, 1),
        "disable": ([["passed"] * 3] * 2, 0),
    }
    for (mode, policy), run in table.mode_runs().items():
        if mode == "--max-warnings 0" and not HAS_MAX_WARNINGS:
            continue
        outcomes, status = expected[policy]
        outcomes = outcomes[:1] if (mode, policy) == ("-x", "abort") else outcomes
        assert [test["outcomes"] for test in run["tests"].values()] == outcomes, mode
        assert (run["status"], run["internal"]) == (status, []), (mode, run["output"])
        warned = [
            line for line in run["output"].splitlines() if line.startswith("RecorderWarning: ")
        ]
        assert len(warned) == (2 if policy == "disable" else 0), mode


@pytest.mark.parametrize("name", ["pytest", "api", "modes"])
def test_the_document_has_the_tables_of_these_runs(name: str) -> None:
    if name == "modes" and not HAS_MAX_WARNINGS:
        pytest.skip("the table names an option that this pytest has not")
    document: Any = table.DOCUMENT.read_text()
    made = {
        "pytest": lambda: table.table(
            {key: table.pytest_words(*found) for key, found in table.pytest_runs().items()}
        ),
        "api": lambda: table.table(
            {key: table.api_words(key[0], found) for key, found in table.api_runs().items()}
        ),
        "modes": table.modes_table,
    }[name]()
    assert table.between(document, name) == made.strip(), "run `just policy-tables`"
