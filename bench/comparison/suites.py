"""Measures whole test suites: CPU time of the pytest process, everything in it included.

Ours and the limit run on the whole suite, beside coverage.py. The peers that keep each execution
take many times as long or keep all in memory: they run on a part of it, and ours runs there too.
They have an environment of their own, with untraced runs of its own, because packages that they
bring register pytest plugins and start-up files.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from comparison import suite_plugin as plugin
from comparison.environment import HERE
from comparison.figures import Cell, Sample
from comparison.processes import MeasurementError, run
from comparison.tools import LEVELS, PEERS, TOOLS, UNTRACED, Tool
from pypi_suites import SUITES as COMPARED
from pypi_suites import TIMED_ONLY, SuiteError, fetch, make_environment, progress

LONG_BUILD = "werkzeug-long-build"
_LONG_BUILD_TEST = "test_routing.py::test_long_build"
SUITES = {
    **COMPARED,
    **TIMED_ONLY,
    LONG_BUILD: replace(COMPARED["werkzeug"], part=(_LONG_BUILD_TEST,)),
}

# Few tests that look at much: recorded at `values` they take as long as the rest together.
_AT_VALUES = ("sqlalchemy", LONG_BUILD, "beartype", "greenlet")
SUITE_NAMES = (
    "boltons",
    "packaging",
    "jinja2",
    "click",
    "werkzeug",
    "attrs",
    "marshmallow",
    *_AT_VALUES,
)
# Files or tests that stand for a suite that takes too long, or whose tests are too much alike.
_CHOSEN = {
    "packaging": ("test_markers.py", "test_specifiers.py", "test_tags.py", "test_utils.py"),
    **{name: SUITES[name].part for name in _AT_VALUES},
}
# Files that a recorder of a thousand times the run time gets through, and that compute.
_PART = {
    "boltons": ("test_iterutils.py", "test_strutils.py", "test_dictutils.py"),
    "packaging": ("test_utils.py", "test_tags.py", "test_requirements.py"),
}
KEPT = ("boltons", "jinja2", "packaging")
"""The suites of which all traces are kept once."""
_COVERAGE = TOOLS["coverage-ctrace-lines"].needs


@dataclass
class SuiteRun:
    """A suite, or the part of it, with a cell for each tool."""

    suite: str
    version: str
    is_part: bool
    targets: tuple[str, ...]  # files or tests; none: all of the suite
    tools: list[Tool]
    cells: dict[str, Cell] = field(default_factory=dict)
    outcome: str = ""  # of the untraced run, as pytest sums it up
    notes: list[str] = field(default_factory=list)
    problem: str = ""  # why it was not measured at all


@dataclass(frozen=True)
class Kept:
    """What `--record-keep=all` leaves of a suite."""

    suite: str
    level: str
    events: int
    dropped: int
    size_bytes: int
    wall_ratio: float  # to the untraced runs just before and after


@dataclass(frozen=True)
class SuitePlan:
    name: str
    tools: Sequence[Tool]
    rounds: int
    most_files: int | None
    timeout_s: float
    python: str
    noop: Path


class _Place:
    """A suite with its sources and an environment, ready to be run."""

    def __init__(
        self, name: str, source: Path, python: Path, plan: SuitePlan, work: Path
    ) -> None:
        self.name, self.source, self.python = name, source, python
        self._plan, self._work = plan, work

    def chosen(self, *, is_part: bool) -> tuple[str, ...]:
        """Give the files or tests that are run, below the folder of the tests; none are all."""
        most = self._plan.most_files
        chosen = _PART[self.name] if is_part else _CHOSEN.get(self.name, ())
        if most is not None and not chosen:
            chosen = _PART.get(self.name) or self._first_files()
        return chosen[:most]

    def _first_files(self) -> tuple[str, ...]:
        folder = self.source / SUITES[self.name].tests
        return tuple(
            sorted(str(path.relative_to(folder)) for path in folder.rglob("test_*.py"))
        )

    def targets(self, *, is_part: bool) -> list[str]:
        folder = self.source / SUITES[self.name].tests
        return [str(folder / file) for file in self.chosen(is_part=is_part)] or [str(folder)]

    def run(self, tool: Tool, *, is_part: bool, keep: str = "failed") -> tuple[Sample, str]:
        """Run the suite once. Gives what it took, and how pytest sums it up."""
        folder = self._work / "run"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        suite = SUITES[self.name]
        arguments = [str(self.python), "-m", "pytest", "-q", *suite.arguments]
        arguments += [f"--deselect={test}" for test in suite.left_out]
        if "hypothesis" in suite.needs and "--hypothesis-seed=0" not in suite.arguments:
            arguments += ["--hypothesis-seed=0"]
        environ = {**suite.environ, **tool.environ}
        if tool.kind == "ours":
            arguments += ["--record-trace", f"--record-level={tool.level}"]
            arguments += [f"--record-keep={keep}", f"--record-dir={folder / 'files'}"]
        elif tool is not UNTRACED:
            arguments += ["-p", plugin.__name__]
            environ |= {
                "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(self._plan.noop))),
                plugin.TOOL: tool.key,
                plugin.SCOPE: str(self.source),
                plugin.PACKAGE: "{" + f"{Path(suite.package).name}*,test*" + "}",
                plugin.WORK: str(folder / "files"),
            }
        log = folder / "log"
        finished = run(
            [*arguments, *self.targets(is_part=is_part)],
            cwd=self.source,
            environ=environ,
            log=log,
            timeout_s=self._plan.timeout_s,
            statuses=(0, 1),
        )
        text = log.read_text(encoding="utf-8", errors="replace")
        written = sum(
            path.stat().st_size for path in (folder / "files").rglob("*") if path.is_file()
        )
        sample = Sample(
            0.0,
            finished.cpu_s,
            0.0,
            finished.peak_bytes,
            written,
            wall_s=finished.wall_s,
        )
        return sample, summary_of(text)

    def kept(self, tool: Tool) -> Kept:
        """Run with all traces kept, and add up what the index says of them."""
        before, _ = self.run(UNTRACED, is_part=False)
        keeping, _ = self.run(tool, is_part=False, keep="all")
        index = json.loads((self._work / "run" / "files" / "index.json").read_text())
        tests = [entry for entry in index["tests"] if entry["trace"]]
        after, _ = self.run(UNTRACED, is_part=False)
        return Kept(
            self.name,
            tool.level,
            sum(entry["events"] for entry in tests),
            sum(entry["dropped"] for entry in tests),
            sum(entry["size_bytes"] for entry in tests),
            keeping.wall_s / ((before.wall_s + after.wall_s) / 2),
        )


def measure_suite(plan: SuitePlan, work: Path) -> tuple[list[SuiteRun], list[Kept]]:
    """Measure a suite; one that does not work has the reason instead."""
    try:
        # What stands for a part of a suite has its sources and its environment.
        return _measure_suite(plan.name, plan, work / SUITES[plan.name].name)
    except (SuiteError, MeasurementError) as problem:
        progress(f"{plan.name}: {problem}")
        reason = str(problem).strip().splitlines()[-1][:200]
        return [SuiteRun(plan.name, "", False, (), tools=[], problem=reason)], []


def _measure_suite(
    name: str, plan: SuitePlan, folder: Path
) -> tuple[list[SuiteRun], list[Kept]]:
    progress(f"{name}: fetching and installing")
    source = fetch(SUITES[name], plan.python, folder)
    light = [tool for tool in plan.tools if _is_light(tool)]
    if name in _AT_VALUES:
        light = [tool for tool in light if tool.kind == "ours" and tool.level == LEVELS[-1]]
    heavy = [tool for tool in plan.tools if tool.kind in {"ours", "peer"} and name in _PART]
    if not any(tool.kind == "peer" and not _is_light(tool) for tool in heavy):
        heavy = []
    runs, kept = [], []
    for tools, is_part, also in ((light, False, (_COVERAGE,)), (heavy, True, PEERS)):
        if not tools:
            continue
        python = make_environment(
            SUITES[name],
            plan.python,
            source,
            folder,
            folder="venv-peers" if is_part else "venv",
            also=also,
        )
        place = _Place(name, source, python, plan, folder)
        chosen = place.chosen(is_part=is_part)
        measured = SuiteRun(name, source.name.rpartition("-")[2], is_part, chosen, tools)
        _measure(place, measured, plan.rounds)
        runs.append(measured)
        if not is_part and name in KEPT:
            kept += _keep(place, [tool for tool in tools if tool.kind == "ours"])
    shutil.rmtree(folder / "run", ignore_errors=True)
    return runs, kept


def _is_light(tool: Tool) -> bool:
    return tool.kind in {"limit", "ours"} or tool.name.startswith("coverage")


def _measure(place: _Place, measured: SuiteRun, rounds: int) -> None:
    tools = measured.tools
    measured.cells = {tool.key: Cell(1.0) for tool in tools}
    what = f"{place.name}, {'a part' if measured.is_part else 'the whole'}"
    # The first run of all compiles the suite, and pytest rewrites its asserts.
    place.run(UNTRACED, is_part=measured.is_part)
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: {what}")
        before, measured.outcome = place.run(UNTRACED, is_part=measured.is_part)
        turn = number % len(tools)
        seen: list[tuple[Tool, Sample]] = []
        for tool in tools[turn:] + tools[:turn]:
            cell = measured.cells[tool.key]
            if cell.problem:
                continue
            try:
                sample, outcome = place.run(tool, is_part=measured.is_part)
            except MeasurementError as problem:
                cell.problem = str(problem)
                progress(f"  {tool.key}: {problem}")
                continue
            seen.append((tool, sample))
            if outcome != measured.outcome:
                note = f"{tool.name} {tool.level}: {outcome}; untraced: {measured.outcome}"
                measured.notes += [note] if note not in measured.notes else []
        after, _ = place.run(UNTRACED, is_part=measured.is_part)
        plain = Sample(
            0.0,
            (before.run_s + after.run_s) / 2,
            0.0,
            (before.peak_bytes + after.peak_bytes) // 2,
        )
        for tool, sample in seen:
            measured.cells[tool.key].add(sample, plain)


def _keep(place: _Place, tools: Sequence[Tool]) -> Iterator[Kept]:
    for tool in tools:
        progress(f"{place.name}: keeping all traces at {tool.level}")
        try:
            yield place.kept(tool)
        except (MeasurementError, OSError, ValueError, KeyError) as problem:
            progress(f"  {problem}")


def summary_of(output: str) -> str:
    """Give pytest's last line without its time: `519 passed`."""
    count = r"\d+ (?:subtests )?[a-z]+(?:, )?"
    found = re.findall(rf"^=*\s*((?:{count})+) in [\d.]+s", output, re.MULTILINE)
    return found[-1] if found else "no summary"
