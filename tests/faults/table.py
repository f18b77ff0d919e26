"""Computes the tables of docs/policy.md from real runs; ``python -m tests.faults.table`` writes them."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cells import CELLS, COLUMNS, FLAGS, POLICIES, SITUATIONS, Cell, Situation

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"
CHILD = Path(__file__).with_name("child.py")
BEGIN = "<!-- begin: {} (written by `just policy-tables`) -->"
END = "<!-- end: {} -->"

MODES = ("", "-n 2", "-W error", "--max-warnings 0", "-x")
Result = dict[str, Any]


def ask(
    what: str,
    jobs: list[dict[str, Any]],
    folder: Path | None = None,
    *,
    prefix: tuple[str, ...] = (),
) -> list[Result]:
    """Let a process of its own do the jobs, in a folder that stays or in one that goes."""
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return ask(what, jobs, Path(temporary), prefix=prefix)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [*prefix, sys.executable, str(CHILD), what, str(folder)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-4000:])
    results: list[Result] = json.loads(done.stdout)
    return results


def tests_of(situation: Situation, cells: tuple[Cell, ...]) -> str:
    """Write a test for each cell, and one that fails for those without further wishes."""
    lines: list[str] = []
    for cell in cells:
        words = ", ".join(f"{k}={v!r}" for k, v in cell.settings(situation.kind).items())
        marker = f"@pytest.mark.record({words})"
        lines += [marker, f"def test_{cell.name}(): assert work() == 404550"]
        if not cell.is_required and cell.is_kept:
            lines += [marker, f"def test_fails_{cell.name}(): assert work() == 0"]
    return "\n".join(lines)


def job_of(
    situation: Situation, cells: tuple[Cell, ...], *args: str, number: int = 0
) -> dict[str, Any]:
    """Describe a pytest run."""
    module = f"test_{SITUATIONS.index(situation)}_{number}"
    tests = tests_of(situation, cells)
    return {"inject": situation.inject, "module": module, "tests": tests, "args": list(args)}


@functools.cache
def pytest_runs() -> dict[tuple[Situation, Cell], tuple[Result, Result]]:
    """Run each cell under pytest: what came of its test, and of its run."""
    going = tuple(cell for cell in CELLS if cell.policy != "stop")
    stopping = tuple(cell for cell in CELLS if cell.policy == "stop")
    jobs, cells_of = [], []
    for situation in SITUATIONS:
        for number, cells in enumerate((going, *((cell,) for cell in stopping))):
            jobs.append(job_of(situation, cells, number=number))
            cells_of.append((situation, cells))
    found = {}
    for (situation, cells), result in zip(cells_of, ask("pytest", jobs), strict=True):
        for cell in cells:
            found[situation, cell] = (of_test(result, cell.name), result)
    return found


def of_test(result: Result, name: str) -> Result:
    """Give what is known of one test."""
    warned = [
        line
        for line in result["output"].splitlines()
        if line.startswith("RecorderWarning: ") and f"::test_{name}: " in line
    ]
    trace = result["traces"].get(name)
    return {**result["tests"].get(name, {}), "warned": warned, "trace": trace}


@functools.cache
def api_runs() -> dict[tuple[Situation, Cell], Result]:
    """Run each cell in the API."""
    keys = [(situation, cell) for situation in SITUATIONS for cell in CELLS]
    jobs = []
    for situation, cell in keys:
        policy: dict[str, object] = {
            "require_trace": cell.is_required,
            "keep_partial_trace": cell.is_kept,
        }
        if cell.policy in ("abort", "disable"):
            policy["on_recorder_error"] = cell.policy
        else:
            policy["record_errors"] = f"{situation.kind}={cell.policy}"
        # The spool of the API is larger: its first block is what it has no room for.
        inject = situation.inject.replace("spool-full:2", "spool-full")
        jobs.append({"inject": inject, "policy": policy})
    return dict(zip(keys, ask("api", jobs), strict=True))


def pytest_words(test: Result, run: Result) -> str:
    """Word what came of a test: its outcome, and what is left of its trace."""
    outcome = "ERROR" if test["outcomes"][-1] == "failed" else "passed"
    if test["warned"]:
        outcome += ", warning"
    if run["status"] == pytest.ExitCode.INTERRUPTED:
        outcome += ", the run stops"
    trace = test["trace"]
    return f"{outcome}; {left_words(trace['disk'] if trace else None)}"


def api_words(situation: Situation, result: Result) -> str:
    """Word what came of a session."""
    error = "it" if result["raised"] == situation.code else f"`{result['raised']}`"
    words = f"`{result['where']}()` raises {error}" if result["raised"] else "no exception"
    if result["warned"]:
        words += ", warning"
    return f"{words}; {left_words(result['disk'])}"


def left_words(disk: list[Any] | None) -> str:
    if disk is None:
        return "no trace"
    return {"partial": "partial trace", "complete": "whole trace"}[disk[0]]


def table(words: dict[tuple[Situation, Cell], str]) -> str:
    """Give a table for each situation; policies of the same effect share a row."""
    lines: list[str] = []
    for situation in SITUATIONS:
        lines += [
            f"**{situation.words}** ({situation.kind}, `{situation.code}`)",
            "",
            f"| policy | {' | '.join(COLUMNS)} |",
            "|---" * (len(COLUMNS) + 1) + "|",
        ]
        rows: dict[tuple[str, ...], list[str]] = {}
        for policy in POLICIES:
            row = tuple(words[situation, Cell(policy, *flags)] for flags in FLAGS)
            name = policy if policy in ("abort", "disable") else f"{situation.kind}={policy}"
            rows.setdefault(row, []).append(f"`{name}`")
        lines += [f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in rows.items()]
        lines.append("")
    return "\n".join(lines)


@functools.cache
def mode_runs() -> dict[tuple[str, str], Result]:
    """Run two tests in each mode of pytest, under each policy of the command line."""
    keys = [(mode, policy) for mode in MODES for policy in ("abort", "disable")]
    tests = "\n".join(f"def test_{n}(): assert work() == 404550" for n in (1, 2))
    jobs = [
        {
            "inject": "panic:9",
            "module": f"test_mode_{number}",
            "tests": tests,
            "args": ["--record-trace", f"--record-on-error={policy}", *mode.split()],
        }
        for number, (mode, policy) in enumerate(keys)
    ]
    return dict(zip(keys, ask("pytest", jobs), strict=True))


def modes_table() -> str:
    """Give the exit statuses of runs."""
    lines = ["| pytest called with | `abort` | `disable` |", "|---|---|---|"]
    for mode in MODES:
        cells = [mode_words(mode_runs()[mode, policy]) for policy in ("abort", "disable")]
        lines.append(f"| {f'`{mode}`' if mode else 'nothing else'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mode_words(run: Result) -> str:
    """Word what came of the two tests of a run."""
    outcomes = [test["outcomes"] for test in run["tests"].values()]
    errors = sum(found[-1] == "failed" for found in outcomes)
    warned = sum(line.startswith("RecorderWarning: ") for line in run["output"].splitlines())
    parts = [f"{len(outcomes)} passed"]
    parts += [f"{errors} ERROR{'s' if errors > 1 else ''}"] if errors else []
    parts += [f"{warned} warnings"] if warned else []
    return f"{', '.join(parts)}; status {run['status']}"


def tables() -> dict[str, str]:
    """Compute all tables, by the name of their marks."""
    return {
        "pytest": table({key: pytest_words(*found) for key, found in pytest_runs().items()}),
        "api": table({key: api_words(key[0], found) for key, found in api_runs().items()}),
        "modes": modes_table(),
    }


def between(text: str, name: str) -> str:
    """Give what stands between the marks of a table."""
    return text.partition(BEGIN.format(name))[2].partition(END.format(name))[0].strip("\n")


def main() -> None:
    text = DOCUMENT.read_text()
    for name, body in tables().items():
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
