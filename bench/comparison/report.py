"""Says what was measured: the sections of `docs/performance.md`."""

from collections.abc import Mapping, Sequence

from comparison import table
from comparison.figures import Cell, middle, multiple
from comparison.measure import Key
from comparison.suites import Kept, SuiteRun
from comparison.tools import LEVELS, TOOLS, Tool
from comparison.workloads import FEW, MANY

_RATIOS = """\
Run time as a multiple of the untraced program's: starting, stopping and saving included (in
brackets: the run alone, where that differs).
"""
_MULTIPLES = """\
Our overhead as a multiple of the limit's on the same events, both while the program runs: the
events are in the spool then (`-`: the limit costs nothing that could be measured). The limit of
`values` is that of `lines`.
"""
_ADVANTAGES = """\
The overhead of others as a multiple of ours at the same level, saving included.
"""
_SIZES = """\
Peak memory above that of the untraced program in MB, what a trace of ours holds and what it costs
for each event (medians over the workloads).
"""
_KEPT = """\
All traces of the suite, kept (`--record-keep=all`).
"""
_LIMIT_OF = {"calls": "limit-calls", "lines": "limit-lines", "values": "limit-lines"}


def workloads(cells: Mapping[Key, Cell], tools: Sequence[Tool], names: Sequence[str]) -> str:
    """Tools against the untraced program, against the limit and against ours."""
    return _joined(
        _RATIOS,
        _ratios(cells, tools, names),
        _MULTIPLES,
        _multiples(cells, names),
        _ADVANTAGES,
        _advantages(cells, tools, names),
        _SIZES,
        _sizes(cells, tools, names),
        _failures(cells),
        _notes(cells),
    )


def _ratios(cells: Mapping[Key, Cell], tools: Sequence[Tool], names: Sequence[str]) -> str:
    rows = []
    for tool in tools:
        row = [cells[tool.key, name] for name in names]
        ratios = [
            table.ratio(cell.ratio, cell.ratio_running) if not cell.problem else "failed"
            for cell in row
        ]
        scales = table.span(cell.scale for cell in row if cell.pairs)
        rows.append([_label(tool), tool.level, *ratios, scales])
    return table.render(["tool", "level", *names, "scale"], rows, texts=2)


def _multiples(cells: Mapping[Key, Cell], names: Sequence[str]) -> str:
    rows = []
    for level in LEVELS:
        found = limit_multiples(cells, level, names)
        if any(value is not None for value in found):
            numbers = [table.number(value) for value in found]
            rows.append(["ours", level, *numbers, table.number(_middle_of(found))])
    return table.render(["tool", "level", *names, "median"], rows, texts=2) if rows else ""


def limit_multiples(
    cells: Mapping[Key, Cell], level: str, names: Sequence[str]
) -> list[float | None]:
    """Our overhead as a multiple of the limit's, by workload."""
    return [
        multiple(
            _cell(cells, f"ours-{level}", name).ratio_running,
            _cell(cells, _LIMIT_OF[level], name).ratio_running,
        )
        for name in names
    ]


def _advantages(cells: Mapping[Key, Cell], tools: Sequence[Tool], names: Sequence[str]) -> str:
    rows = []
    for tool in tools:
        found = advantages(cells, tool, names)
        if tool.kind == "peer" and any(value is not None for value in found):
            counted = [value for value in found if value is not None]
            least = table.number(min(counted)) if tool.keeps_each_execution else "not counted"
            rows.append([tool.name, tool.level, *map(table.number, found), least])
    return table.render(["tool", "level", *names, "least"], rows, texts=2) if rows else ""


def advantages(
    cells: Mapping[Key, Cell], tool: Tool, names: Sequence[str]
) -> list[float | None]:
    """The overhead of a peer as a multiple of ours at its level, by workload."""
    return [
        multiple(
            _cell(cells, tool.key, name).ratio,
            _cell(cells, f"ours-{tool.level}", name).ratio,
        )
        for name in names
    ]


def _sizes(cells: Mapping[Key, Cell], tools: Sequence[Tool], names: Sequence[str]) -> str:
    rows = []
    for tool in tools:
        row = [cells[tool.key, name] for name in names]
        memory = [table.megabytes(cell.memory_bytes) for cell in row]
        is_ours = tool.kind in {"ours", "limit"}
        size = middle(c.bytes_per_event for c in row if c.bytes_per_event) if is_ours else None
        time = middle(c.ns_per_event for c in row if c.ns_per_event) if is_ours else None
        size = size if tool.kind == "ours" else None
        rows.append([_label(tool), tool.level, *memory, table.number(size), table.number(time)])
    columns = ["tool", "level", *names, "bytes/event", "ns/event"]
    return table.render(columns, rows, texts=2)


def _failures(cells: Mapping[Key, Cell]) -> str:
    return table.listed(
        (f"{TOOLS[key].name} {TOOLS[key].level} ({workload})", cell.problem)
        for (key, workload), cell in cells.items()
        if cell.problem
    )


def _notes(cells: Mapping[Key, Cell]) -> str:
    paths = sorted({cell.hot_path for cell in cells.values() if cell.hot_path})
    notes = [f"Engine and hot path of ours: {', '.join(paths)}."] if paths else []
    notes += [
        f"{TOOLS[key].name} {TOOLS[key].level} left out {cell.dropped:,} events of {workload},"
        " beyond the limit of its spool."
        for (key, workload), cell in cells.items()
        if cell.dropped
    ]
    return "\n".join(notes) + "\n" if notes else ""


def growth(
    pairs: Sequence[tuple[Tool, str, Cell, Cell]],
) -> str:
    """The same work at one scale and at ten times the scale."""
    rows = [
        [
            _label(tool),
            tool.level,
            workload,
            f"{small.scale:g}",
            table.ratio(small.ratio, small.ratio_running),
            table.ratio(large.ratio, large.ratio_running),
            table.megabytes(small.memory_bytes),
            table.megabytes(large.memory_bytes),
            f"{large.dropped:,}",
        ]
        for tool, workload, small, large in pairs
    ]
    columns = ["tool", "level", "workload", "scale", "ratio", "ratio at 10 times the work"]
    columns += ["MB above untraced", "MB at 10 times", "events left out"]
    failures = table.listed(
        (f"{tool.name} {tool.level} ({workload})", cell.problem)
        for tool, workload, *both in pairs
        for cell in both
        if cell.problem
    )
    return _joined(table.render(columns, rows, texts=3), failures)


def data(cells: Mapping[Key, Cell], tools: Sequence[Tool]) -> str:
    """The same lines beside objects of 10 and of 1,000 attributes or items."""
    rows = [
        [
            _label(tool),
            tool.level,
            table.number(cells[tool.key, FEW].ratio_running),
            table.number(cells[tool.key, MANY].ratio_running),
            table.number(growth_beside(cells, tool)),
        ]
        for tool in tools
    ]
    columns = ["tool", "level", "ratio with 10", "ratio with 1,000", "of these"]
    return table.render(columns, rows, texts=2)


def growth_beside(cells: Mapping[Key, Cell], tool: Tool) -> float | None:
    """Give how many times as long the lines take beside the larger objects."""
    few, many = (cells[tool.key, name].ratio_running for name in (FEW, MANY))
    return many / few if few and many else None


def costs(found: Sequence[Mapping[str, float]]) -> str:
    """Starting, stopping and packing."""
    figures = cost_figures(found)
    rows = [
        ["start and stop of one test, nothing kept", f"{figures['cycle_ms']:.3f} ms"],
        ["the same, CPU", f"{figures['cycle_cpu_ms']:.3f} ms"],
        ["packing speed", f"{figures['packing_mb']:.1f} MB of spool a second"],
        ["CPU of packing / bare zlib's", f"{figures['packing_zlib']:.2f}"],
        ["kept trace, strings at `values`", f"{figures['bytes_per_event']:.2f} bytes an event"],
        ["spool of the same", f"{figures['spool_per_event']:.2f} bytes an event"],
    ]
    return table.render(["what", "median"], rows)


def cost_figures(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians over the rounds, in the units of the table."""
    figures = {
        "cycle_ms": middle(each["cycle_s"] * 1e3 for each in found),
        "cycle_cpu_ms": middle(each["cycle_cpu_s"] * 1e3 for each in found),
        "packing_mb": middle(each["spool_bytes"] / each["packing_s"] / 1e6 for each in found),
        "packing_zlib": middle(each["packing_s"] / each["zlib_s"] for each in found),
        "bytes_per_event": middle(each["kept_bytes"] / each["kept_events"] for each in found),
        "spool_per_event": middle(each["spool_bytes"] / each["kept_events"] for each in found),
    }
    return {name: value if value is not None else 0.0 for name, value in figures.items()}


def suite(runs: Sequence[SuiteRun], kept: Sequence[Kept]) -> str:
    """A whole suite and a part of it, and the size of all traces."""
    parts = [_suite(run) for run in runs if not run.problem]
    parts.append(table.listed((run.suite, run.problem) for run in runs if run.problem))
    if kept:
        parts += [_KEPT, _kept(kept)]
    return _joined(*parts)


def _suite(run: SuiteRun) -> str:
    rows = []
    for tool in run.tools:
        cell = run.cells[tool.key]
        limit = run.cells.get(_LIMIT_OF[tool.level], Cell()) if tool.kind == "ours" else Cell()
        ends = f"{cell.spread[0]:.2f} to {cell.spread[1]:.2f}" if cell.spread else table.ABSENT
        rows.append(
            [
                _label(tool),
                tool.level,
                "failed" if cell.problem else table.number(cell.ratio),
                ends,
                table.number(multiple(cell.ratio, limit.ratio)),
                table.megabytes(cell.memory_bytes),
                table.megabytes(cell.written_bytes),
            ]
        )
    columns = ["tool", "level", "CPU ratio", "least to most", "overhead / limit's"]
    columns += ["memory, MB", "written, MB"]
    title = f"{run.suite} {run.version}, {_what(run.targets)} ({run.outcome}):\n"
    failures = table.listed(
        (f"{tool.name} {tool.level}", run.cells[tool.key].problem)
        for tool in run.tools
        if run.cells[tool.key].problem
    )
    notes = [f"- {note}" for note in run.notes]
    text = "\n".join(("Other outcomes than untraced:", "", *notes)) + "\n" if notes else ""
    return _joined(title, table.render(columns, rows, texts=2), failures, text)


def _what(targets: Sequence[str]) -> str:
    if not targets:
        return "the suite"
    tests = [target.rpartition("::")[2] for target in targets if "::" in target]
    return f"its `{'`, `'.join(tests)}`" if tests else f"{len(targets)} of its files"


def _kept(kept: Sequence[Kept]) -> str:
    rows = [
        [
            each.level,
            f"{each.events:,}",
            f"{each.dropped:,}",
            f"{each.size_bytes:,}",
            table.number(each.size_bytes / each.events if each.events else None),
            table.number(each.wall_ratio),
        ]
        for each in kept
    ]
    columns = ["level", "events", "left out", "bytes", "bytes/event", "wall ratio"]
    return table.render(columns, rows)


def _label(tool: Tool) -> str:
    return f"**{tool.name}**" if tool.kind in {"ours", "outside"} else tool.name


def _cell(cells: Mapping[Key, Cell], key: str, name: str) -> Cell:
    return cells.get((key, name), Cell())


def _middle_of(values: Sequence[float | None]) -> float | None:
    return middle(value for value in values if value is not None)


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
