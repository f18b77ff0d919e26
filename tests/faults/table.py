"""Computes the tables of docs/policy.md from real runs; ``python -m tests.faults.table`` writes them."""

import functools
import json
import os
import re
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
MODE_CASES = (
    # A kind, what happens, and the options under which it is a failure and a warning.
    ("environment", "write-enospc:9", "--record-on-error=abort", "--record-on-error=disable"),
    ("internal", "panic:9", "--record-on-error=abort", "--record-on-error=disable"),
    ("target", "target-args", "--record-errors=target=fail", "--record-errors=target=warn"),
    (
        "usage",
        "suppress-events",
        "--record-require-trace",
        "--record-require-trace --record-errors=usage=warn",
    ),
)
COMMAND_COLUMNS = ("nothing else", "`--no-keep-partial`", "`--require-trace`", "both")
SCRIPT_STATUS = 3
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
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
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


@functools.cache
def cli_runs() -> dict[tuple[Situation, Cell], Result]:
    """Run each cell in the command `pytest-recorder run`, in processes that are forked."""
    keys = [(situation, cell) for situation in SITUATIONS for cell in CELLS]
    jobs = [
        {"inject": situation.inject, "args": command_options(situation, cell)}
        for situation, cell in keys
    ]
    return dict(zip(keys, ask("cli", jobs), strict=True))


def command_options(situation: Situation, cell: Cell) -> list[str]:
    """Give the options of the command for a cell."""
    options = ["--max-bytes=64KiB"]
    options += ["--require-trace"] if cell.is_required else []
    options += [] if cell.is_kept else ["--no-keep-partial"]
    if cell.policy in ("abort", "disable"):
        return [*options, f"--on-recorder-error={cell.policy}"]
    return [*options, f"--record-errors={situation.kind}={cell.policy}"]


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


def cli_words(situation: Situation, result: Result) -> str:
    """Word what came of a command: its status, what it said, and what is left."""
    status = result["status"]
    words = "that of the script" if status == SCRIPT_STATUS else str(status)
    said = []
    for is_warning, code in spoken(result["stderr"]):
        if is_warning:
            said.append("warning")
        else:
            said.append("error" if code == situation.code else f"`{code}`")
    if not result["stdout"]:
        said.append("not run")
    left = "spool" if result["others"] else left_words(result["disk"])
    return f"{', '.join([words, *said])}; {left}"


def spoken(stderr: str) -> list[tuple[bool, str]]:
    """Take apart the lines on stderr: whether it is a warning, and the code."""
    found = []
    for line in stderr.splitlines():
        known = re.fullmatch(r"pytest-recorder: (RecorderWarning: )?\[(ERR_\w+)\] .+", line)
        if known is None:
            raise RuntimeError(f"nobody expects this on stderr: {line}")
        found.append((known[1] is not None, known[2]))
    return found


def left_words(disk: list[Any] | None) -> str:
    if disk is None:
        return "no trace"
    return {"partial": "partial trace", "complete": "whole trace"}[disk[0]]


def table(words: dict[tuple[Situation, Cell], str], columns: tuple[str, ...] = COLUMNS) -> str:
    """Give a table for each situation; policies of the same effect share a row."""
    lines: list[str] = []
    for situation in SITUATIONS:
        lines += [
            f"**{situation.words}** ({situation.kind}, `{situation.code}`)",
            "",
            f"| policy | {' | '.join(columns)} |",
            "|---" * (len(columns) + 1) + "|",
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
def mode_runs() -> dict[tuple[str, str, str], Result]:
    """Run two tests in each mode of pytest, for each kind of error, as a failure and a warning."""
    keys, jobs = [], []
    tests = "\n".join(f"def test_{n}(): assert work() == 404550" for n in (1, 2))
    for kind, inject, *actions in MODE_CASES:
        for action, options in zip(("fail", "warn"), actions, strict=True):
            for mode in MODES:
                args = ["--record-trace", "--record-keep=all", *options.split(), *mode.split()]
                module = f"test_mode_{len(jobs)}"
                keys.append((mode, kind, action))
                jobs.append({"inject": inject, "module": module, "tests": tests, "args": args})
    return dict(zip(keys, ask("pytest", jobs), strict=True))


def modes_table() -> str:
    """Give the outcomes and exit statuses of runs; kinds of the same effect share a row."""
    lines = ["| pytest called with | kind | as a failure | as a warning |", "|---|---|---|---|"]
    for mode in MODES:
        rows: dict[tuple[str, ...], list[str]] = {}
        for kind, *_ in MODE_CASES:
            runs = (mode_runs()[mode, kind, action] for action in ("fail", "warn"))
            rows.setdefault(tuple(map(mode_words, runs)), []).append(kind)
        for words, kinds in rows.items():
            name = f"`{mode}`" if mode else "nothing else"
            lines.append(f"| {name} | {', '.join(kinds)} | {' | '.join(words)} |")
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


def pytest_table() -> str:
    return table({key: pytest_words(*found) for key, found in pytest_runs().items()})


def api_table() -> str:
    return table({key: api_words(key[0], found) for key, found in api_runs().items()})


def cli_table() -> str:
    words = {key: cli_words(key[0], found) for key, found in cli_runs().items()}
    return table(words, COMMAND_COLUMNS)


TABLES = {
    "pytest": pytest_table,
    "modes": modes_table,
    "api": api_table,
    "cli": cli_table,
}
"""What computes each table, by the name of its marks."""


def between(text: str, name: str) -> str:
    """Give what stands between the marks of a table."""
    return text.partition(BEGIN.format(name))[2].partition(END.format(name))[0].strip("\n")


def main() -> None:
    text = DOCUMENT.read_text()
    for name, made in TABLES.items():
        body = made()
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n\n{body.strip()}\n\n{end}{after}"
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
