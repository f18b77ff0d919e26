"""Measures tools on workloads: a fresh process for each number, interleaved in rounds."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparison.environment import Environment
from comparison.figures import Cell, Sample, choose_scale
from comparison.processes import MeasurementError, run
from comparison.tools import UNTRACED, Tool
from pypi_suites import progress

LADDER = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_PROBES = (0.003, 0.03)
_TIMEOUT_S = 120.0
_MOST_REPEATS = 30

Key = tuple[str, str]
"""A tool and a workload."""


@dataclass(frozen=True)
class Plan:
    tools: Sequence[Tool]
    workloads: Sequence[str]
    rounds: int
    largest: float  # scale
    budget_s: float  # what one measurement may take


def measure(plan: Plan, environment: Environment, work: Path) -> dict[Key, Cell]:
    """Give a cell for each tool and workload, with samples or with the reason why not."""
    cells = probe(plan, environment, work)
    for number in range(plan.rounds):
        for workload in plan.workloads:
            progress(f"round {number + 1} of {plan.rounds}: {workload}")
            _round(plan.tools, workload, number, cells, environment, work)
    return cells


def probe(plan: Plan, environment: Environment, work: Path) -> dict[Key, Cell]:
    """Try everything once, small, to find what works and the scale for it."""
    progress("probing")
    cells: dict[Key, Cell] = {}
    ladder = [plan.largest * step for step in LADDER]
    for tool in plan.tools:
        for workload in plan.workloads:
            cell = cells[tool.key, workload] = Cell()
            try:
                cell.scale = _find_scale(tool, workload, plan, ladder, environment, work)
            except MeasurementError as problem:
                cell.problem = str(problem)
                progress(f"  {tool.key}, {workload}: {problem}")
    return cells


def _find_scale(
    tool: Tool,
    workload: str,
    plan: Plan,
    ladder: Sequence[float],
    environment: Environment,
    work: Path,
) -> float:
    """Probe smaller and, where the budget allows, larger: there, what is fixed weighs less."""
    found = min(ladder)
    for step in _PROBES:
        scale = plan.largest * step
        if step > _PROBES[0] and found < scale:
            break
        seen = sample(tool, workload, scale, environment, work)
        work_s = seen.run_s + seen.stop_s
        found = choose_scale(seen.start_s, work_s, scale, ladder, plan.budget_s)
    return found


def _round(
    tools: Sequence[Tool],
    workload: str,
    number: int,
    cells: dict[Key, Cell],
    environment: Environment,
    work: Path,
) -> None:
    """Measure all tools on a workload, and the untraced program at each scale they have."""
    working = [tool for tool in tools if not cells[tool.key, workload].problem]
    # Another order in each round: nobody always comes after the same one.
    turn = number % max(len(working), 1)
    traced: list[tuple[Cell, Sample]] = []
    plain = {
        scale: sample(UNTRACED, workload, scale, environment, work)
        for scale in {cells[tool.key, workload].scale for tool in working}
    }
    for tool in working[turn:] + working[:turn]:
        cell = cells[tool.key, workload]
        try:
            traced.append((cell, sample(tool, workload, cell.scale, environment, work)))
        except MeasurementError as problem:
            cell.problem = str(problem)
            progress(f"  {tool.key}, {workload}: {problem}")
    for scale, before in plain.items():
        # The machine of the end of the round counts as much as that of its start.
        after = sample(UNTRACED, workload, scale, environment, work)
        for cell, seen in traced:
            if cell.scale == scale:
                cell.add(seen, _mean(before, after))


def _mean(one: Sample, other: Sample) -> Sample:
    return Sample(
        0.0,
        (one.run_s + other.run_s) / 2,
        0.0,
        (one.peak_bytes + other.peak_bytes) // 2,
    )


def sample(
    tool: Tool, workload: str, scale: float, environment: Environment, work: Path
) -> Sample:
    """Measure once. The untraced program is repeated where it is short. Raises MeasurementError."""
    if tool.needs in environment.missing:
        raise MeasurementError(environment.missing[tool.needs])
    folder = work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    request, result = folder / "request.json", folder / "result.json"
    repeats = min(max(round(1 / scale), 1), _MOST_REPEATS) if tool is UNTRACED else 1
    document: dict[str, Any] = {
        "tool": tool.key,
        "workload": workload,
        "scale": scale,
        "repeats": repeats,
        "work": str(folder / "files"),
    }
    request.write_text(json.dumps(document))
    run(
        [environment.python, "-m", "comparison.child", str(request), str(result)],
        cwd=folder / "files",
        environ={**environment.environ, **tool.environ},
        log=folder / "log",
        timeout_s=_TIMEOUT_S,
    )
    found = Sample(**json.loads(result.read_text()))
    shutil.rmtree(folder, ignore_errors=True)  # traces can be large
    return found


def measure_costs(
    rounds: int, workload: str, scale: float, environment: Environment, work: Path
) -> list[dict[str, float]]:
    """Measure starting, stopping and packing, a fresh process a round. Raises MeasurementError."""
    found: list[dict[str, float]] = []
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: start, stop and packing")
        folder = work / "run"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        log = folder / "log"
        files = str(folder / "files")
        run(
            [environment.python, "-m", "comparison.costs", files, workload, str(scale)],
            cwd=folder,
            environ=environment.environ,
            log=log,
            timeout_s=_TIMEOUT_S * 5,
        )
        found.append(json.loads(log.read_text().splitlines()[-1]))
    return found
