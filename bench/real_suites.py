"""Runs test suites of PyPI projects with and without recording, and compares them test by test.

For each suite: fetch the distribution, make a virtual environment with this checkout and the
suite, collect once (so that everything is compiled), then run it plain, recorded and plain again.
Compared are the outcomes of every test, what it printed, and the warnings; a test in which the
plain runs differ is named as flaky. Run time is CPU time of the process and its children. Then a
sample of the tests is run once more with all traces kept, and every trace is read. The exit
status is 1 if something of the recorded run differs, or if a trace is missing, cut short or not
readable.

This file is also the reader of traces that runs inside the suite's environment (``--inspect``).
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import outcomes
from comparison import table
from outcomes import Comparison, Outcomes
from pypi_suites import (
    SUITES,
    Suite,
    SuiteError,
    checkout_commit,
    checkout_wheel,
    command,
    fetch,
    make_environment,
    progress,
    test_targets,
)

OUTCOMES = (
    "suite",
    "version",
    "habits",
    "tests",
    "pass plain",
    "equal",
    "flaky plain",
    "recordings",
    "partial",
    "our warnings",
    "checkout",
)
COSTS = (
    "suite",
    "CPU plain, s",
    "recorded / plain",
    "events",
    "dropped",
    "kept, read",
    "bytes / event",
    "KiB / trace",
)
MOST_LINES = 6
SECTION = "suites"
"""Where the tables stand in the document."""
SAVED = "result.json"
_STORAGE = "hypothesis"
WITHOUT_US = ["-p", "no:record_trace"]
STATUSES = {0, 1}
METRICS = "pytest_recorder_"


@dataclass(frozen=True)
class Run:
    """One run of a suite: what its tests did, and what it took."""

    status: int
    cpu_s: float
    outcomes: Outcomes


@dataclass
class Result:
    suite: Suite
    version: str = "?"
    with_what: str = ""  # interpreter, system, level
    checkout: str = ""  # of ours: commit and day
    comparison: Comparison | None = None
    recordings: int = 0
    partial: int = 0
    events: int = 0
    dropped: int = 0
    plain_s: float = 0.0
    ratio: float | None = None
    our_warnings: int = 0
    kept: int = 0
    without_package_lines: list[str] = field(default_factory=list)
    complete: int = 0
    kept_events: int = 0
    kept_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main() -> int:
    options = parse_arguments()
    if options.inspect is not None:
        print(json.dumps([inspect_trace(path, options.package) for path in options.inspect]))
        return 0
    # A shell that runs this in the background has it ignored, and suites send it to themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    work = (options.work or Path(tempfile.mkdtemp(prefix="real-suites-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    results = saved(work) if options.saved else list(examined(options, work))
    publish(render(results), options, work, SECTION)
    progress(f"logs and traces: {work}")
    return 1 if any(result.problems for result in results) else 0


def publish(text: str, options: argparse.Namespace, work: Path, section: str) -> None:
    """Print what was found and write it where wanted, without the name of the work folder."""
    text = text.replace(f"{work}{os.sep}", "")
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    if options.document:
        old = options.document.read_text(encoding="utf-8")
        options.document.write_text(table.replace(old, section, text), encoding="utf-8")
    print(text)


def examined(options: argparse.Namespace, work: Path) -> Iterator[Result]:
    trees = dict(named.split("=", 1) for named in options.source)
    wheel = checkout_wheel(options.python, work)
    with_what = f"{described(options.python)}, level `{options.level}`"
    for name in options.suite or SUITES:
        result = Result(SUITES[name], with_what=with_what, checkout=checkout())
        tree = Path(trees[name]).resolve() if name in trees else None
        try:
            examine(result, options, work / name, wheel, tree)
        except SuiteError as problem:
            result.problems.append(str(problem))
        for problem in result.problems:
            progress(f"  {problem}")
        save(result, work / name)
        yield result


def save(result: Result, work: Path) -> None:
    facts = {**dataclasses.asdict(result), "suite": result.suite.name}
    work.mkdir(parents=True, exist_ok=True)
    (work / SAVED).write_text(json.dumps(facts), encoding="utf-8")


def saved(work: Path) -> list[Result]:
    """Give what earlier commands have found in a work folder, in the order of the suites."""
    results = []
    for name, suite in SUITES.items():
        path = work / name / SAVED
        if not path.is_file():
            results.append(Result(suite, notes=["not measured"]))
        else:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["comparison"] is not None:
                facts["comparison"] = Comparison(**facts["comparison"])
            results.append(Result(**{**facts, "suite": suite}))
    return results


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare suites with and without recording.")
    add = parser.add_argument
    add("--suite", action="append", choices=list(SUITES), help="repeatable; default: all")
    add("--python", default=sys.executable, help="interpreter for the environments")
    add("--work", type=Path, help="work folder, kept and used again; default: a temporary one")
    add(
        "--source",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="a checkout of the suite's repository at its tag, instead of cloning it",
    )
    add("--level", choices=["calls", "lines", "values"], default="values")
    add("--limit", type=int, metavar="N", help="only the first N test files of each suite")
    add("--kept", type=int, default=100, metavar="N", help="tests whose traces are kept; 100")
    add("-k", dest="expression", help="only the tests that match, as in pytest -k")
    add("--timeout-s", type=float, default=3600, help="limit of one run of a suite")
    add("--saved", action="store_true", help="run nothing: the tables of what --work holds")
    add("-o", "--output", type=Path, help="write the tables to this file too")
    add("--document", type=Path, help="write the tables into this document, between its marks")
    add("--inspect", type=Path, nargs="*", help=argparse.SUPPRESS)
    add("--package", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def examine(
    result: Result, options: argparse.Namespace, work: Path, wheel: Path, tree: Path | None
) -> None:
    suite = result.suite
    progress(f"{suite.name}: fetching and installing")
    source = fetch(suite, options.python, work, tree)
    result.version = source.name.rpartition("-")[2]
    python = make_environment(
        suite, options.python, source, work, also=("prometheus_client",), checkout=wheel
    )
    runner = Runner(suite, source, python, options, work)
    runner.run("collected", ["--collect-only", "-q"])
    before = runner.run("plain-1", WITHOUT_US)
    progress(f"{suite.name} {result.version}: recorded run ({before.cpu_s:.1f} s without)")
    traces, metrics = work / "traces", work / "recorded" / "metrics.prom"
    log = work / "recorded" / "recorder.log"
    recording = ["--record-trace", f"--record-level={options.level}"]
    recording.append(f"--record-dir={traces}")
    diagnosing = [f"--record-metrics-file={metrics}", f"--record-log-file={log}"]
    try:
        recorded = runner.run(
            "recorded", [*recording, *diagnosing, "--record-log-level=warning"]
        )
    except SuiteError as problem:
        result.problems.append(f"recorded: {problem}")
        return
    after = runner.run("plain-2", WITHOUT_US)
    take_comparison(result, before, recorded, after)
    take_metrics(result, metrics, log)
    if options.kept:
        progress(f"{suite.name} {result.version}: keeping the traces of {options.kept} tests")
        kept = runner.run("kept", [*recording, "--record-keep=all"], options.kept)
        check_traces(result, python, source / suite.package, traces, kept)


def take_comparison(result: Result, before: Run, recorded: Run, after: Run) -> None:
    found = outcomes.compare(before.outcomes, recorded.outcomes, after.outcomes)
    result.comparison = found
    result.plain_s = (before.cpu_s + after.cpu_s) / 2
    result.ratio = recorded.cpu_s / result.plain_s
    result.our_warnings = recorded.outcomes.our_warnings
    result.problems += found.different
    if before.status == after.status != recorded.status:
        result.problems.append(
            f"pytest ended with {before.status} plain, {recorded.status} recorded"
        )
    result.notes += [f"{test}: flaky, the plain runs differ" for test in found.flaky]
    result.notes += [
        f"{file}: cannot be collected, plain and recorded" for file in found.not_collected
    ]
    result.notes += [f"output or message of {text}" for text in found.details]
    result.notes += [f"{warning}: warning not in both" for warning in found.warnings]


def take_metrics(result: Result, metrics: Path, log: Path) -> None:
    """Add up what the recorder counted in the recorded run, and name what it complained of."""
    if not metrics.exists():
        result.problems.append("the recorded run has counted nothing")
        return
    for line in metrics.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, value = line.rpartition(" ")
        amount = int(float(value))
        if name.startswith(f"{METRICS}traces_total"):
            result.recordings += amount
            result.partial += 0 if 'status="complete"' in name else amount
        elif name.startswith(f"{METRICS}recorded_events_total"):
            result.events += amount
        elif name.startswith(f"{METRICS}dropped_events_total"):
            result.dropped += amount if 'reason="limit"' in name else 0
            if 'reason="limit"' not in name:
                result.notes.append(f"{name.removeprefix(METRICS)}: {amount}")
        elif name.startswith((f"{METRICS}faults_total", f"{METRICS}detaches_total")):
            result.notes.append(f"{name.removeprefix(METRICS)}: {amount}")
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            text = " ".join(str(said.get("message", "")).split())[:300]
            result.notes.append(f"{said.get('test')}: {said.get('error_code')} {text}")
    if result.partial:
        result.problems.append(f"{result.partial} recordings are not complete")


@dataclass(frozen=True)
class Runner:
    """Runs one suite in its environment, again and again, each run with a folder of its own."""

    suite: Suite
    source: Path
    python: Path
    options: argparse.Namespace
    work: Path

    def run(self, name: str, arguments: list[str], sample: int = 0) -> Run:
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        written, log = folder / "outcomes.json", folder / "pytest.log"
        # Hypothesis makes its table of all characters once; the examples of a run are its own.
        characters, kept = folder / _STORAGE / "unicode_data", self.work / "unicode_data"
        if kept.is_dir():
            shutil.copytree(kept, characters)
        started = _children_s()
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [str(self.python), "-m", "pytest", *self._arguments(folder), *arguments],
                cwd=self.source,
                env=self._environ(folder, written, sample),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            status = _wait(process, self.options.timeout_s)
        spent = _children_s() - started
        place = f"{name}/{log.name}"
        if status is None:
            raise SuiteError(f"not done after {self.options.timeout_s:.0f} s, see {place}")
        if status not in STATUSES or not written.exists():
            tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise SuiteError(f"pytest ended with {status}, see {place}\n{tail}")
        if characters.is_dir() and not kept.is_dir():
            shutil.copytree(characters, kept)
        found = outcomes.read(written)
        # There is no CPU time of children on Windows.
        return Run(status, spent or found.process_s, found)

    def _arguments(self, folder: Path) -> list[str]:
        made = ["-p", "outcomes", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
        made += self.suite.arguments
        made += [f"--basetemp={folder / 'tmp'}"]
        expression = self.options.expression
        made += ["-k", expression] if expression else []
        for left_out in self.suite.left_out:
            made += ["--deselect", left_out]
        return made + test_targets(self.suite, self.source, self.options.limit)

    def _environ(self, folder: Path, written: Path, sample: int) -> dict[str, str]:
        unwanted = ("PYTEST_", "CODETRACER_", "PYTHON", "COVERAGE_")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(unwanted)}
        return {
            **kept,
            **self.suite.environ,
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / _STORAGE),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(Path(__file__).resolve().parent),
            outcomes.FILE_VARIABLE: str(written),
            outcomes.SAMPLE_VARIABLE: str(sample),
        } | {name: v for name, v in os.environ.items() if name == "PYTEST_RECORDER_PURE"}


def _children_s() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Wait for a run, and end it with all that it started when its time is over."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        return None


def check_traces(result: Result, python: Path, package: Path, traces: Path, run: Run) -> None:
    """Read every trace of a run, and compare what it holds with what the index says."""
    index = traces / "index.json"
    if not index.exists():
        result.problems.append(f"there is no {index}")
        return
    entries = json.loads(index.read_text(encoding="utf-8"))["tests"]
    kept = [entry for entry in entries if entry["trace"]]
    result.kept = len(kept)
    phases = run.outcomes.phases
    started = {
        test
        for test, said in phases.items()
        if "setup:skipped" not in said and outcomes.NOT_COLLECTED not in said
    }
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
        check_trace(result, entry, found, phases.get(entry["test"], []))
    without = result.without_package_lines
    if without:
        result.notes.append(f"{len(without)} of {len(kept)} traces have no line of the package")
    if kept and len(without) == len(kept):
        result.problems.append("no trace has a line of the package")
    for path, entry in list(zip(paths, kept, strict=True))[:: max(1, len(paths) - 1)]:
        # The first and the last through the command line as well.
        cli = [str(python), "-m", "pytest_recorder", "info", "--json", str(path)]
        text = command(cli, "cannot show a trace")
        if json.dumps(entry["test"]) not in json.dumps(json.loads(text)):
            result.problems.append(f"{entry['test']}: `info --json` does not name it")


def check_trace(
    result: Result, entry: dict[str, Any], found: dict[str, Any], said: list[str]
) -> None:
    test = entry["test"]
    result.kept_events += found["events"]
    result.kept_bytes += entry["size_bytes"]
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
    if not found["lines"] and ("call:passed" in said or "call:failed" in said):
        result.problems.append(f"{test}: no line of any code")
    elif not found["package_lines"] and "call:passed" in said:
        result.without_package_lines.append(test)


def inspect_trace(trace: Path, package: Path) -> dict[str, Any]:
    """Read a whole trace; runs in the suite's environment.

    Lines of tests inside the package (toolz) do not count as lines of the package.
    """
    from pytest_recorder import RecorderError, open_trace

    status, problem = "complete", ""
    events = lines = package_lines = 0
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
            lines += 1
            if event.file not in in_package:
                path = Path(event.file)
                inside = path.is_relative_to(package)
                in_package[event.file] = (
                    inside and "tests" not in path.relative_to(package).parts
                )
            package_lines += in_package[event.file]
    except RecorderError as exc:
        status, problem = "unreadable", str(exc)
    return {
        "status": status,
        "problem": problem,
        "events": events,
        "lines": lines,
        "package_lines": package_lines,
    }


def render(results: list[Result]) -> str:
    made = sorted({result.with_what for result in results if result.with_what})
    parts = [
        "; ".join(made) + ".\n",
        table.render(OUTCOMES, map(outcome_cells, results), texts=3),
        table.render(COSTS, map(cost_cells, results)),
    ]
    for title in ("problems", "notes"):
        texts = [line for r in results for line in listed(r, getattr(r, title))]
        if texts:
            parts.append(f"{title.capitalize()}:\n")
            parts.append("\n".join(texts) + "\n")
    return "\n".join(parts)


def listed(result: Result, texts: list[str]) -> Iterator[str]:
    """Give lines for what was noticed, the first of many; all stand in the folder of the suite."""
    for text in texts[:MOST_LINES]:
        yield f"- {result.suite.name}: {' '.join(text.split())[:300]}"
    if len(texts) > MOST_LINES:
        yield f"- {result.suite.name}: and {len(texts) - MOST_LINES} more"


def name_of(result: Result) -> str:
    return result.suite.name + (", in part" if result.suite.part else "")


def outcome_cells(result: Result) -> list[str]:
    start = [name_of(result), result.version, result.suite.habits]
    found = result.comparison
    if found is None:
        return start + [table.ABSENT] * (len(OUTCOMES) - len(start))
    equal = found.tests - len(found.flaky) - len(found.different)
    numbers = (found.tests, found.passed, equal, len(found.flaky))
    numbers += (result.recordings, result.partial, result.our_warnings)
    shown = [f"{number:,}" for number in numbers]
    return [*start, *shown, result.checkout]


def cost_cells(result: Result) -> list[str]:
    if result.ratio is None:
        return [name_of(result)] + [table.ABSENT] * (len(COSTS) - 1)
    return [
        name_of(result),
        table.number(result.plain_s),
        table.number(result.ratio),
        f"{result.events:,}",
        f"{result.dropped:,}",
        f"{result.complete:,} of {result.kept:,}",
        table.number(result.kept_bytes / result.kept_events if result.kept_events else None),
        table.number(result.kept_bytes / result.kept / 1024 if result.kept else None),
    ]


def described(python: str) -> str:
    """Say with what a table was made: interpreter and system."""
    version = command([python, "--version"], "cannot run the interpreter").strip()
    return f"{version}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def checkout() -> str:
    """Give the commit of this checkout, and the day."""
    return f"{checkout_commit()}, {time.strftime('%Y-%m-%d', time.gmtime())}"


if __name__ == "__main__":
    sys.exit(main())
