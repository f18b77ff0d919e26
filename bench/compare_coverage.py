"""Compares, test by test, the lines in our traces with those that coverage.py saw in the same run.

    python bench/compare_coverage.py FOLDER PACKAGE [PYTEST ARGUMENT ...]

Runs the suite in FOLDER once, with both tools (so Python 3.12 or newer; needs pytest-cov), and
prints how many tests have the same set of lines of PACKAGE. Status 1 where any differs.
"""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import coverage

from pytest_recorder import open_trace
from pytest_recorder.tracefile.index import read_index

Lines = dict[str, set[tuple[str, int]]]


def run_suite(folder: Path, package: str, work: Path, extra: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--record-trace", "--record-keep=all", "--record-level=lines"]
    command += [f"--record-dir={work / 'traces'}", f"--cov={package}", "--cov-context=test"]
    environ = {**os.environ, "COVERAGE_FILE": str(work / "coverage"), "COVERAGE_CORE": "ctrace"}
    subprocess.run([*command, "--cov-report=", *extra], cwd=folder, env=environ, check=False)


def lines_of_coverage(work: Path) -> Lines:
    data = coverage.CoverageData(basename=str(work / "coverage"))
    data.read()
    found: Lines = defaultdict(set)
    for file in data.measured_files():
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                if context:
                    found[context.rpartition("|")[0]].add((file, line))
    return found


def lines_of_traces(work: Path, files: set[str]) -> Lines:
    found: Lines = {}
    for entry in read_index(work / "traces").tests:
        with open_trace(work / "traces" / str(entry.trace)) as trace:
            found[entry.test] = {
                (event.file, event.line)
                for event in trace.events()
                if event.kind == "line" and event.file in files and event.line is not None
            }
    return found


def main() -> int:
    folder, package, extra = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    work = Path.cwd() / "compare-coverage"
    work.mkdir()
    run_suite(folder, package, work, extra)
    covered = lines_of_coverage(work)
    traced = lines_of_traces(work, {file for lines in covered.values() for file, _ in lines})
    different = [test for test in traced if traced[test] != covered.get(test, set())]
    total = sum(map(len, traced.values()))
    print(f"{len(traced)} tests, {total} lines; {len(traced) - len(different)} tests equal")
    for test in different[:20]:
        mine, theirs = traced[test], covered.get(test, set())
        print(f"  {test}: only traced {sorted(mine - theirs)[:5]}")
        print(f"  {test}: only covered {sorted(theirs - mine)[:5]}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
