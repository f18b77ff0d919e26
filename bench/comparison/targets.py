"""Compares what was measured with what was promised: the table of the native hot path's issue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comparison import table
from comparison.figures import Cell, middle
from comparison.measure import Key
from comparison.report import advantages, cost_figures, growth_beside, limit_multiples
from comparison.suites import LONG_BUILD, Kept, SuiteRun
from comparison.tools import LEVELS, TOOLS, Tool


@dataclass(frozen=True)
class Target:
    what: str
    must: float
    aim: float | None
    unit: str = ""
    is_floor: bool = False

    def met(self, value: float) -> str:
        """Say whether a value reaches the target, the aim included."""

        def reaches(bound: float) -> bool:
            return value >= bound if self.is_floor else value <= bound

        if self.aim is not None and reaches(self.aim):
            return "aim"
        return "must" if reaches(self.must) else "missed"


_RATIOS = {
    "jinja2": {"values": (2.8, 2.0), "lines": (1.9, 1.5), "calls": (1.6, 1.3)},
    "boltons": {"values": (1.9, 1.5), "lines": (1.4, 1.25), "calls": (1.3, 1.15)},
    "packaging": {"values": (2.2, 1.6), "lines": (1.5, 1.3), "calls": (1.4, 1.2)},
    "click": {"values": (1.6, 1.3), "lines": (1.35, 1.18), "calls": (1.25, 1.12)},
    "sqlalchemy": {"values": (6, 3)},
    LONG_BUILD: {"values": (6, 3)},
    "beartype": {"values": (6, 3)},
    "greenlet": {"values": (6, 3)},
}
_NANOSECONDS = {"boltons": (280, 180), "jinja2": (400, 230)}
_SIZES = {"boltons": (2.5, 1.5), "jinja2": (3, 1.5), "packaging": (5, 3)}
TARGETS = {
    **{
        f"{level} on {suite}": Target(f"CPU ratio on {suite}, `{level}`", must, aim)
        for suite, levels in _RATIOS.items()
        for level, (must, aim) in levels.items()
    },
    **{
        f"event on {suite}": Target(
            f"CPU above untraced an event on {suite}, `values`", must, aim, "ns"
        )
        for suite, (must, aim) in _NANOSECONDS.items()
    },
    "limit": Target("overhead at `lines` / the limit's, median of the workloads", 2.2, 1.5),
    "peers": Target(
        "least overhead of a peer / ours, any workload, saved", 1.0, 3.0, is_floor=True
    ),
    "outside": Target("code out of scope, worst workload, running", 1.05, 1.01),
    "cycle": Target("start and stop of one test, nothing kept", 0.5, 0.1, "ms"),
    "packing": Target("CPU of packing / that of bare zlib on the same bytes", 1.5, 1.2),
    **{
        f"size on {suite}": Target(
            f"kept traces of {suite}, `values`", must, aim, "bytes/event"
        )
        for suite, (must, aim) in _SIZES.items()
    },
    "keeping on jinja2": Target("wall time of jinja2, `values`, all traces kept", 4, 2.5),
    "memory": Target("memory above untraced, worst case of growth", 40, 25, "MB"),
    "data": Target("CPU a line with 1,000 attributes or items in view / with 10", 1.1, None),
    "growth": Target("ratio at 10 times the work / ratio, worst case", 1.1, 1.0),
}


def render(values: Mapping[str, float]) -> str:
    """Make the table; what was not measured is left open."""
    rows = [
        [
            target.what,
            f"{target.must:g} {target.unit}".strip(),
            table.ABSENT if target.aim is None else f"{target.aim:g} {target.unit}".strip(),
            table.number(values.get(name)),
            target.met(values[name]) if name in values else table.ABSENT,
        ]
        for name, target in TARGETS.items()
    ]
    return table.render(["what", "must", "aim", "measured", "reached"], rows)


def of_workloads(
    cells: Mapping[Key, Cell], tools: Sequence[Tool], names: Sequence[str]
) -> dict[str, float]:
    limits = [value for value in limit_multiples(cells, "lines", names) if value is not None]
    beaten = [
        value
        for tool in tools
        if tool.kind == "peer" and tool.keeps_each_execution
        for value in advantages(cells, tool, names)
        if value is not None
    ]
    outside = [
        cell.ratio_running
        for (key, _), cell in cells.items()
        if TOOLS[key].kind == "outside" and cell.ratio_running is not None
    ]
    return _present(
        limit=middle(limits),
        peers=min(beaten, default=None),
        outside=max(outside, default=None),
    )


def of_growth(pairs: Sequence[tuple[Tool, str, Cell, Cell]]) -> dict[str, float]:
    # Starting costs the same at any size, and would make the growth look smaller than it is.
    steps = [
        after / before
        for _, _, small, large in pairs
        for before, after in (
            (small.ratio_running, large.ratio_running),
            (small.ratio_started, large.ratio_started),
        )
        if before and after
    ]
    memory = [large.memory_bytes / 1e6 for *_, large in pairs if large.memory_bytes is not None]
    return _present(growth=max(steps, default=None), memory=max(memory, default=None))


def of_data(cells: Mapping[Key, Cell]) -> dict[str, float]:
    return _present(data=growth_beside(cells, TOOLS[f"ours-{LEVELS[-1]}"]))


def of_costs(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    figures = cost_figures(found)
    return {"cycle": figures["cycle_ms"], "packing": figures["packing_zlib"]}


def of_suite(runs: Sequence[SuiteRun], kept: Sequence[Kept]) -> dict[str, float]:
    ratios = {
        f"{level} on {run.suite}": run.cells[f"ours-{level}"].ratio
        for run in runs
        for level in LEVELS
        if not run.is_part and f"ours-{level}" in run.cells
    }
    added = {
        run.suite: run.cells[f"ours-{LEVELS[-1]}"].added_s
        for run in runs
        if not run.is_part and f"ours-{LEVELS[-1]}" in run.cells
    }
    of_kept: dict[str, float | None] = {}
    for each in kept:
        if each.level == LEVELS[-1] and each.events:
            of_kept[f"size on {each.suite}"] = each.size_bytes / each.events
            of_kept[f"keeping on {each.suite}"] = each.wall_ratio
            # The events are those of the run that kept all; the time is of those that drop.
            if (added_s := added.get(each.suite)) is not None:
                of_kept[f"event on {each.suite}"] = added_s / each.events * 1e9
    return _present(**ratios, **of_kept)


def _present(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
