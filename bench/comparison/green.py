"""Counts the instructions of test runs in which nothing fails, beyond starting and ending them.

A clock cannot tell two percent on a shared machine; callgrind counts the same each time. Each run
is made with few and with many tests: the difference is what the tests took.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from comparison import table
from comparison.environment import Environment
from comparison.processes import MeasurementError, run
from pypi_suites import progress

_FEW, _MORE = 50, 200
_TIMEOUT_S = 1200.0
_COLLECTED = re.compile(rb"Collected\s*: (\d+)")
_HEAD = """\
def work(number):
    found = {}
    for step in range(20):
        found[step] = number * step
    return sum(found.values())

"""
_KINDS = {
    "empty": "def test_{n}():\n    pass\n\n",
    "twenty rounds of a loop": "def test_{n}():\n    assert work({n}) == {n} * 190\n\n",
}
PLAIN = "plain pytest"
RERUN = "--record-rerun-failed"
_WAYS: Mapping[str, Sequence[str]] = {
    PLAIN: ("-p", "no:record_trace"),
    RERUN: ("-p", "record_trace", RERUN),
    "--record-trace": ("-p", "record_trace", "--record-trace"),
}


def measure_green(environment: Environment, work: Path) -> dict[str, dict[str, float]]:
    """Give the instructions of a test, by its kind and the way to run. Raises MeasurementError."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise MeasurementError("there is no valgrind, which counts instructions")
    found: dict[str, dict[str, float]] = {}
    for kind, text in _KINDS.items():
        found[kind] = {}
        for way, options in _WAYS.items():
            progress(f"green run, tests {kind}: {way}")
            counts = [
                _count(valgrind, tests, text, options, environment, work)
                for tests in (_FEW, _FEW + _MORE)
            ]
            found[kind][way] = (counts[1] - counts[0]) / _MORE
    return found


def _count(
    valgrind: str,
    tests: int,
    text: str,
    options: Sequence[str],
    environment: Environment,
    work: Path,
) -> int:
    folder = work / "green"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "test_green.py"
    file.write_text(_HEAD + "".join(text.format(n=n) for n in range(tests)))
    pytest = [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    plain_environ = {**environment.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # Compiled files lie beside the sources before it counts.
    for before in ([], [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"]):
        run(
            [*before, *pytest, str(file)],
            cwd=folder,
            environ=plain_environ,
            log=folder / "log",
            timeout_s=_TIMEOUT_S,
        )
    log = (folder / "log").read_bytes()
    collected = _COLLECTED.search(log)
    if collected is None:
        raise MeasurementError("callgrind did not say how many instructions it has counted")
    return int(collected[1])


def ratios(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Give the worst ratio to plain pytest of the way whose target is set."""
    return {"green": max(ways[RERUN] / ways[PLAIN] for ways in found.values())}


def render(found: Mapping[str, Mapping[str, float]]) -> str:
    """Make the table."""
    rows = [
        [kind, f"`{way}`" if way.startswith("-") else way, f"{count:,.0f}", _ratio(count, ways)]
        for kind, ways in found.items()
        for way, count in ways.items()
    ]
    return table.render(["test", "run", "instructions a test", "to plain"], rows, texts=2)


def _ratio(count: float, ways: Mapping[str, float]) -> str:
    return f"{count / ways[PLAIN]:.3f}"
