"""Compares recording with other tools and with the limit, in ratios to the untraced program.

    python bench/compare.py [--rounds N] [--workload NAME] [--tool NAME] [--suites] [--output FILE]

Makes an environment with this checkout and its peers in a work folder, measures in interleaved
rounds, prints Markdown tables and, with --output, puts them between the marks of a document. The
groups can be measured one after another in one work folder: the table of targets is put together
there, and published when it is whole. How to read the tables, and what each peer really records:
`docs/performance.md`.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

from comparison import fixed as fixed_costs
from comparison import green as green_runs
from comparison import report, table, targets
from comparison.environment import Environment, make_environment, versions
from comparison.figures import Cell
from comparison.measure import Key, Plan, measure, measure_costs
from comparison.processes import MeasurementError
from comparison.suites import SUITE_NAMES, SuitePlan, measure_suite
from comparison.tools import TOOLS, Tool
from comparison.workloads import FEW, MANY, WORKLOADS
from pypi_suites import progress

Section = tuple[str, dict[str, float]]
"""The text of a group, and its figures for the table of targets."""
GROUPS = ("workloads", "growth", "data", "costs", "fixed", "green", *SUITE_NAMES)
QUICK = ("workloads", "costs", "fixed")
QUICK_SCALE = 0.2
FIGURES = "figures.json"
GROWING = ("strings", "exceptions")


def main() -> int:
    options = parse_arguments()
    work = (options.work or Path(tempfile.mkdtemp(prefix="compare-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    progress(f"work folder: {work}")
    environment = make_environment(options.python, work)
    usual = QUICK if options.quick else [group for group in GROUPS if group not in SUITE_NAMES]
    wanted = options.group or usual
    suites = SUITE_NAMES if options.suites else ()
    groups = [group for group in GROUPS if group in {*wanted, *suites}]
    rounds = "1 round" if options.rounds == 1 else f"{options.rounds} rounds"
    about = f"{versions(environment.python)}. {rounds}, scale {options.scale:g}.\n"
    status = 0
    # What earlier commands measured in this work folder counts: the whole takes hours.
    reached = known_figures(work)
    for group in groups:
        try:
            text, figures = SECTIONS[group](options, environment, work)
        except MeasurementError as problem:
            progress(f"{group}: {problem}")
            status = 1
            continue
        publish(group, f"{about}\n{text}", options.output)
        if is_whole(options, group):
            reached |= figures
            (work / FIGURES).write_text(json.dumps(reached, indent=1), encoding="utf-8")
    # A table with holes must not replace a whole one.
    has_all = targets.TARGETS.keys() <= reached.keys()
    publish("targets", targets.render(reached), options.output if has_all else None)
    return status


def known_figures(work: Path) -> dict[str, float]:
    try:
        return dict(json.loads((work / FIGURES).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def is_whole(options: argparse.Namespace, group: str) -> bool:
    """Tell whether the figures of a group are those of all that the targets speak of."""
    if options.scale != 1:
        return False
    if group in SUITE_NAMES:
        # Each level of ours has a figure of its own.
        return options.suite_files is None
    return not (options.workload or options.tool)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare recording with peers and the limit.")
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="of each measurement; default: 5")
    add("--group", action="append", choices=GROUPS, help="repeatable; default: no suites")
    add("--workload", action="append", choices=list(WORKLOADS), help="repeatable; default: all")
    add("--tool", action="append", choices=list(TOOLS), help="repeatable; default: all")
    add("--suites", action="store_true", help="test suites of projects from PyPI, too")
    add("--suite-files", type=int, metavar="N", help="only N test files of a suite, for a try")
    add("--suite-timeout-s", type=float, default=1200, help="limit of one run of a suite")
    add("--scale", type=float, default=1.0, help="size of the workloads; 1 is about 0.1 s")
    add(
        "--budget-s",
        type=float,
        default=4.0,
        help="slow tools get smaller work than this takes",
    )
    add("--python", default=sys.executable, help="interpreter for the environments")
    add("--work", type=Path, help="work folder, kept; default: a new temporary one")
    add("-o", "--output", type=Path, help="the document to put the tables in")
    add(
        "--quick",
        action="store_true",
        help="one round of small work, ours only, printed only: minutes, and coarse",
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.scale = 1, min(options.scale, QUICK_SCALE)
        options.suites, options.output = False, None
        ours = [key for key, tool in TOOLS.items() if tool.kind in ("ours", "outside", "limit")]
        options.tool = options.tool or ours
    if options.rounds < 1 or options.scale <= 0:
        parser.error("--rounds and --scale must be positive")
    if options.output:
        # Said now, not after hours.
        try:
            for section in (*GROUPS, "targets"):
                table.replace(options.output.read_text(encoding="utf-8"), section, "")
        except (OSError, table.MarkError) as problem:
            parser.error(f"--output: {problem}")
    return options


def publish(section: str, text: str, output: Path | None) -> None:
    print(f"\n## {section}\n\n{text}", flush=True)
    if output:
        document = output.read_text(encoding="utf-8")
        output.write_text(table.replace(document, section, text), encoding="utf-8")


def chosen_tools(options: argparse.Namespace) -> list[Tool]:
    chosen = options.tool or TOOLS
    return [tool for tool in TOOLS.values() if tool.key in chosen and tool.kind != "untraced"]


def workloads(options: argparse.Namespace, environment: Environment, work: Path) -> Section:
    names = options.workload or list(WORKLOADS)
    tools = chosen_tools(options)
    plan = Plan(tools, names, options.rounds, options.scale, options.budget_s)
    cells = measure(plan, environment, work)
    save(cells, work / "workloads.json")
    return report.workloads(cells, tools, names), targets.of_workloads(cells, tools, names)


def growth(options: argparse.Namespace, environment: Environment, work: Path) -> Section:
    tools = [tool for tool in chosen_tools(options) if tool.kind == "ours"]
    names = [name for name in GROWING if name in (options.workload or WORKLOADS)]
    # Ten times the usual work, or what the budget allows, and a tenth of it.
    budget_s = options.budget_s * 5
    found = []
    for tool in tools:
        for name in names:
            plan = Plan([tool], [name], options.rounds, options.scale * 10, budget_s)
            large = measure(plan, environment, work)[tool.key, name]
            # The same program, and no ladder below: what is asked for is what is measured.
            plan = Plan([tool], [name], options.rounds, large.scale / 10, budget_s)
            small = measure(plan, environment, work)[tool.key, name]
            found.append((tool, name, small, large))
    return report.growth(found), targets.of_growth(found)


def data(options: argparse.Namespace, environment: Environment, work: Path) -> Section:
    tools = [tool for tool in chosen_tools(options) if tool.kind == "ours"]
    plan = Plan(tools, [FEW, MANY], options.rounds, options.scale, options.budget_s * 5)
    cells = measure(plan, environment, work)
    return report.data(cells, tools), targets.of_data(cells)


def costs(options: argparse.Namespace, environment: Environment, work: Path) -> Section:
    found = measure_costs(options.rounds, "strings", options.scale, environment, work)
    return report.costs(found), targets.of_costs(found)


def fixed(options: argparse.Namespace, environment: Environment, work: Path) -> Section:
    found = fixed_costs.measure_fixed(options.rounds, environment, work)
    return fixed_costs.render(found), fixed_costs.figures(found)


def green(_: argparse.Namespace, environment: Environment, work: Path) -> Section:
    # Counted, not timed: one round is enough, at any scale.
    found = green_runs.measure_green(environment, work)
    return green_runs.render(found), green_runs.ratios(found)


def suite(
    name: str, options: argparse.Namespace, environment: Environment, work: Path
) -> Section:
    plan = SuitePlan(
        name=name,
        tools=chosen_tools(options),
        rounds=options.rounds,
        most_files=options.suite_files,
        timeout_s=options.suite_timeout_s,
        python=options.python,
        noop=environment.noop,
    )
    measured = measure_suite(plan, work)
    return report.suite(*measured), targets.of_suite(*measured)


def save(cells: dict[Key, Cell], file: Path) -> None:
    """Keep every sample, for who doubts a median."""
    document = [
        {
            "tool": tool,
            "workload": workload,
            "scale": cell.scale,
            "problem": cell.problem,
            "rounds": [[asdict(traced), asdict(plain)] for traced, plain in cell.pairs],
        }
        for (tool, workload), cell in cells.items()
    ]
    file.write_text(json.dumps(document, indent=1), encoding="utf-8")


SECTIONS = {
    "workloads": workloads,
    "growth": growth,
    "data": data,
    "costs": costs,
    "fixed": fixed,
    "green": green,
    **{name: partial(suite, name) for name in SUITE_NAMES},
}

if __name__ == "__main__":
    sys.exit(main())
