"""Runs test suites of PyPI projects with and without recording, and compares them test by test.

For each suite: fetch the source distribution, make a virtual environment with this checkout and
the suite, run the suite twice, compare the outcome of every test, read every trace, print a
Markdown table. The exit status is 1 if an outcome differs, or if a trace is missing, cut short
or not readable.

This file is also the pytest plugin that writes down the outcomes (``-p real_suites``, hooks at
the end), and the reader of traces that runs inside the suite's environment (``--inspect``).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pypi_suites import (
    SUITES,
    Suite,
    SuiteError,
    command,
    fetch,
    make_environment,
    progress,
    test_targets,
)

OUTCOMES_VARIABLE = "REAL_SUITES_OUTCOMES"
COLUMNS = (
    "suite",
    "version",
    "tests",
    "outcomes equal",
    "traces",
    "complete",
    "with package lines",
    "events",
    "dropped",
    "run time, recorded / plain",
)


@dataclass(frozen=True)
class Run:
    """One run of a suite: the outcomes of its tests by node id, and how long it took."""

    status: int
    seconds: float
    outcomes: dict[str, list[str]]


@dataclass
class Result:
    suite: Suite
    version: str = "?"
    tests: int = 0
    equal: int = 0
    traces: int = 0
    complete: int = 0
    with_package_lines: int = 0
    events: int = 0
    dropped: int = 0
    ratio: float | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main() -> int:
    options = parse_arguments()
    if options.inspect is not None:
        print(json.dumps([inspect_trace(path, options.package) for path in options.inspect]))
        return 0
    work = (options.work or Path(tempfile.mkdtemp(prefix="real-suites-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for name in options.suite or SUITES:
        result = Result(SUITES[name])
        results.append(result)
        try:
            compare(result, options, work / name)
        except SuiteError as problem:
            result.problems.append(str(problem))
        text = render(results, options)
        if options.output:
            options.output.write_text(text, encoding="utf-8")
    print(text)
    progress(f"logs and traces: {work}")
    return 1 if any(result.problems for result in results) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare suites with and without recording.")
    add = parser.add_argument
    add("--suite", action="append", choices=list(SUITES), help="repeatable; default: all")
    add("--python", default=sys.executable, help="interpreter for the environments")
    add("--work", type=Path, help="work folder, kept; default: a new temporary one")
    add("--level", choices=["calls", "lines", "values"], default="values")
    add("--limit", type=int, metavar="N", help="only the first N test files of each suite")
    add("-k", dest="expression", help="only the tests that match, as in pytest -k")
    add("--timeout-s", type=float, default=7200, help="limit of one run of a suite")
    add("-o", "--output", type=Path, help="write the table to this file too")
    add("--inspect", type=Path, nargs="*", help=argparse.SUPPRESS)
    add("--package", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(result: Result, options: argparse.Namespace, work: Path) -> None:
    suite = result.suite
    progress(f"{suite.name}: fetching")
    source = fetch(suite, options.python, work)
    result.version = source.name.rpartition("-")[2]
    python = make_environment(suite, options.python, source, work)
    targets = test_targets(source / suite.tests, options.limit)

    progress(f"{suite.name} {result.version}: plain run")
    plain = run_suite(python, source, targets, options, work / "plain", [])
    traces = work / "traces"
    shutil.rmtree(traces, ignore_errors=True)
    recording = [
        "--record-trace",
        "--record-keep=all",
        f"--record-level={options.level}",
        f"--record-dir={traces}",
    ]
    progress(f"{suite.name} {result.version}: recorded run ({plain.seconds:.1f} s without)")
    result.tests = len(plain.outcomes)
    try:
        recorded = run_suite(python, source, targets, options, work / "recorded", recording)
    except SuiteError as problem:
        result.problems.append(f"recorded: {problem}")
        return
    result.ratio = recorded.seconds / plain.seconds
    differences = list(differing(plain, recorded))
    result.equal = result.tests - len(differences)
    result.problems += differences
    if plain.status != recorded.status:
        result.problems.append(
            f"pytest ended with {plain.status} plain, {recorded.status} recorded"
        )
    progress(f"{suite.name} {result.version}: reading the traces")
    check_traces(result, python, source / suite.package, traces, recorded)


def run_suite(
    python: Path,
    source: Path,
    targets: list[str],
    options: argparse.Namespace,
    work: Path,
    recording: list[str],
) -> Run:
    work.mkdir(parents=True, exist_ok=True)
    written, log = work / "outcomes.json", work / "pytest.log"
    written.unlink(missing_ok=True)
    arguments = [str(python), "-m", "pytest", "-p", "real_suites", "-p", "no:cacheprovider"]
    arguments += [*recording, *(["-k", options.expression] if options.expression else [])]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "CODETRACER_"))
    }
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent)
    environment[OUTCOMES_VARIABLE] = str(written)
    with log.open("w", encoding="utf-8") as stream:
        try:
            status = subprocess.run(
                [*arguments, *targets],
                check=False,
                cwd=source,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=options.timeout_s,
            ).returncode
        except subprocess.TimeoutExpired as exc:
            raise SuiteError(
                f"not done after {options.timeout_s:.0f} s, see {log.parent.name}/{log.name}"
            ) from exc
    if not written.exists() or status not in {0, 1}:
        tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise SuiteError(
            f"pytest ended with {status}, see {log.parent.name}/{log.name}\n{tail}"
        )
    document = json.loads(written.read_text(encoding="utf-8"))
    return Run(status, document["seconds"], document["outcomes"])


def differing(plain: Run, recorded: Run) -> Iterator[str]:
    for test in sorted(plain.outcomes.keys() | recorded.outcomes.keys()):
        before, after = plain.outcomes.get(test), recorded.outcomes.get(test)
        if before != after:
            yield f"{test}: {before} plain, {after} recorded (see recorded/pytest.log)"


def check_traces(result: Result, python: Path, package: Path, traces: Path, run: Run) -> None:
    """Read every trace of a run, and compare what it holds with what the index says."""
    index = traces / "index.json"
    if not index.exists():
        result.problems.append(f"there is no {index}")
        return
    entries = json.loads(index.read_text(encoding="utf-8"))["tests"]
    kept = [entry for entry in entries if entry["trace"]]
    result.traces = len(kept)
    started = {test for test, phases in run.outcomes.items() if "setup:skipped" not in phases}
    missing = started - {entry["test"] for entry in kept}
    result.problems += [f"{test}: no trace" for test in sorted(missing)]
    paths = [traces / entry["trace"] for entry in kept]
    read: list[dict[str, Any]] = []
    # In groups: a command line has a limit.
    for begin in range(0, len(paths), 50):
        group = [str(path) for path in paths[begin : begin + 50]]
        arguments = [str(python), __file__, "--package", str(package), "--inspect", *group]
        read += json.loads(command(arguments, "cannot read the traces"))
    for entry, found in zip(kept, read, strict=True):
        check_trace(result, entry, found, run.outcomes.get(entry["test"], []))
    for path, entry in list(zip(paths, kept, strict=True))[:: max(1, len(paths) - 1)]:
        # The first and the last through the command line as well.
        cli = [str(python), "-m", "pytest_recorder", "info", "--json", str(path)]
        text = command(cli, "cannot show a trace")
        if json.dumps(entry["test"]) not in json.dumps(json.loads(text)):
            result.problems.append(f"{entry['test']}: `info --json` does not name it")


def check_trace(
    result: Result, entry: dict[str, Any], found: dict[str, Any], outcomes: Iterable[str]
) -> None:
    test = entry["test"]
    result.events += found["events"]
    result.dropped += entry["dropped"]
    statuses = {entry["status"], found["status"]}
    if statuses == {"complete"}:
        result.complete += 1
    else:
        result.problems.append(
            f"{test}: {sorted(statuses)}, {entry['reason']} {found['problem']}"
        )
    if found["events"] != entry["events"]:
        result.problems.append(
            f"{test}: {found['events']} events, the index says {entry['events']}"
        )
    if found["package_events"]:
        result.with_package_lines += 1
    elif "call:passed" in outcomes or "call:failed" in outcomes:
        result.notes.append(f"{test}: no line of the package")


def inspect_trace(trace: Path, package: Path) -> dict[str, Any]:
    """Read a whole trace; runs in the suite's environment.

    Lines of tests inside the package (toolz) do not count as lines of the package.
    """
    from pytest_recorder import RecorderError, open_trace

    status, problem = "complete", ""
    events = package_events = 0
    in_package: dict[str, bool] = {}
    try:
        for event in open_trace(trace).events():
            if event.kind in {"manifest", "trailer"}:
                if event.kind == "trailer":
                    status = event.status
                continue
            events += 1
            # At level `calls` there are no line events; a call then shows that the package ran.
            if event.kind not in {"line", "call"}:
                continue
            if event.file not in in_package:
                path = Path(event.file)
                inside = path.is_relative_to(package)
                in_package[event.file] = (
                    inside and "tests" not in path.relative_to(package).parts
                )
            package_events += in_package[event.file]
    except RecorderError as exc:
        status, problem = "unreadable", str(exc)
    return {
        "status": status,
        "problem": problem,
        "events": events,
        "package_events": package_events,
    }


def render(results: list[Result], options: argparse.Namespace) -> str:
    version = command([options.python, "--version"], "cannot run the interpreter").strip()
    lines = [
        f"{version}, {platform.system()} {platform.machine()}, level `{options.level}`.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|" + "--:|" * (len(COLUMNS) - 2),
    ]
    for result in results:
        ratio = "-" if result.ratio is None else f"{result.ratio:.2f}"
        cells = [result.suite.name, result.version, result.tests, result.equal, result.traces]
        cells += [result.complete, result.with_package_lines, result.events, result.dropped]
        lines.append(f"| {' | '.join(map(str, cells))} | {ratio} |")
    for title in ("problems", "notes"):
        texts = [f"- {r.suite.name}: {text}" for r in results for text in getattr(r, title)]
        if texts:
            lines += ["", f"{title.capitalize()} ({len(texts)}):", "", *texts]
    return "\n".join(lines) + "\n"


# The plugin: what happened to each test, phase by phase, in a JSON file.

_outcomes: dict[str, list[str]] = {}
_started: list[float] = []


def pytest_sessionstart() -> None:
    _started.append(time.perf_counter())


def pytest_runtest_logreport(report: Any) -> None:
    expected = ":xfail" if hasattr(report, "wasxfail") else ""
    phase = f"{report.when}:{report.outcome}{expected}"
    _outcomes.setdefault(report.nodeid, []).append(phase)


def pytest_sessionfinish() -> None:
    document = {"seconds": time.perf_counter() - _started[0], "outcomes": _outcomes}
    Path(os.environ[OUTCOMES_VARIABLE]).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
