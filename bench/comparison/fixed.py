"""Measures what recording costs beside its events, in runs of tests that do nothing.

The start of a run, what each test adds, garbage collection, and what is imported.
"""

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from comparison import table
from comparison.environment import Environment
from comparison.processes import MeasurementError, run
from comparison.run_plugin import FILE
from pypi_suites import progress

_TESTS = 2000
_TIMEOUT_S = 300.0
_PLAIN = ("-p", "no:record_trace")
_RECORDED = ("-p", "record_trace", "--record-trace")
_OURS = "pytest_recorder"


class Session(NamedTuple):
    """What the plugin beside a run has found."""

    collections: int
    collecting_s: float
    modules: frozenset[str]


class Fixed(NamedTuple):
    """What was measured, seconds of CPU: of plain runs and of recorded ones, round by round."""

    one: list[tuple[float, float]]
    many: list[tuple[float, float]]
    plain: Session
    recorded: Session

    @property
    def start_s(self) -> float:
        """What the start and the end of a recorded run take above plain pytest's."""
        return statistics.median(recorded - plain for plain, recorded in self.one)

    @property
    def test_s(self) -> float:
        """What recording adds to each test."""
        rounds = zip(self.one, self.many, strict=True)
        return statistics.median(
            ((more[1] - one[1]) - (more[0] - one[0])) / (_TESTS - 1) for one, more in rounds
        )

    @property
    def added_modules(self) -> list[str]:
        """Those that a plain run does not load."""
        return sorted(self.recorded.modules - self.plain.modules)

    @property
    def third_party(self) -> list[str]:
        """The packages among them that are neither ours nor the standard library's."""
        tops = {name.partition(".")[0] for name in self.added_modules}
        return sorted(tops - {_OURS} - sys.stdlib_module_names)


def measure_fixed(rounds: int, environment: Environment, work: Path) -> Fixed:
    """Measure all, in interleaved rounds. Raises MeasurementError."""
    folder = work / "fixed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    one, many = folder / "test_one.py", folder / "test_many.py"
    for file, tests in ((one, 1), (many, _TESTS)):
        file.write_text("".join(f"def test_{n}():\n    pass\n\n" for n in range(tests)))
    # Compiled files lie beside the sources before it counts.
    for file in (one, many):
        for options in (_PLAIN, _RECORDED):
            _cpu_s(file, options, environment)
    taken: dict[Path, list[tuple[float, float]]] = {one: [], many: []}
    for number in range(rounds):
        progress(f"runs of empty tests: round {number + 1} of {rounds}")
        for file, pairs in taken.items():
            pairs.append(
                (_cpu_s(file, _PLAIN, environment), _cpu_s(file, _RECORDED, environment))
            )
    return Fixed(
        taken[one],
        taken[many],
        _session(many, _PLAIN, environment),
        _session(many, _RECORDED, environment),
    )


def _cpu_s(
    file: Path, options: Sequence[str], environment: Environment, **environ: str
) -> float:
    log = file.with_suffix(".log")
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ}
    pytest = [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    finished = run(
        [*pytest, *options, str(file)],
        cwd=file.parent,
        environ={**environment.environ, **plugins},
        log=log,
        timeout_s=_TIMEOUT_S,
    )
    return finished.cpu_s


def _session(file: Path, options: Sequence[str], environment: Environment) -> Session:
    told = file.with_suffix(".json")
    _cpu_s(file, ("-p", "comparison.run_plugin", *options), environment, **{FILE: str(told)})
    try:
        found = json.loads(told.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise MeasurementError(f"nothing was told of {file.name}: {problem}") from problem
    return Session(found["collections"], found["collecting_s"], frozenset(found["modules"]))


def figures(found: Fixed) -> dict[str, float]:
    """Give what has a target."""
    plain, recorded = found.plain, found.recorded
    return {
        "start-up": found.start_s * 1e3,
        "test": found.test_s * 1e3,
        "collections": recorded.collections / max(plain.collections, 1),
        "collecting": recorded.collecting_s / max(plain.collecting_s, 1e-9),
        "modules": len(found.added_modules),
        "third-party": len(found.third_party),
    }


def render(found: Fixed) -> str:
    """Make the table."""
    plain_one, recorded_one = (
        statistics.median(times) for times in zip(*found.one, strict=True)
    )
    plain_many, recorded_many = (
        statistics.median(times) for times in zip(*found.many, strict=True)
    )
    rows = [
        [
            "a run of one empty test, CPU",
            f"{plain_one * 1e3:.0f} ms",
            f"{recorded_one * 1e3:.0f} ms",
            f"+{found.start_s * 1e3:.0f} ms",
        ],
        [
            "each further empty test, CPU",
            f"{(plain_many - plain_one) / (_TESTS - 1) * 1e3:.3f} ms",
            f"{(recorded_many - recorded_one) / (_TESTS - 1) * 1e3:.3f} ms",
            f"+{found.test_s * 1e3:.3f} ms",
        ],
        _row("garbage collections", found.plain.collections, found.recorded.collections),
        [
            "time in them",
            f"{found.plain.collecting_s * 1e3:.0f} ms",
            f"{found.recorded.collecting_s * 1e3:.0f} ms",
            f"x {found.recorded.collecting_s / max(found.plain.collecting_s, 1e-9):.2f}",
        ],
        _row("modules loaded", len(found.plain.modules), len(found.recorded.modules)),
    ]
    others = ", ".join(found.third_party) or "none"
    return (
        table.render([f"{_TESTS:,} tests that pass", "plain", "recorded", "more"], rows)
        + f"\nOf the modules that recording adds, third-party: {others}.\n"
    )


def _row(what: str, plain: int, recorded: int) -> list[str]:
    return [what, f"{plain:,}", f"{recorded:,}", f"{recorded - plain:+,}"]
