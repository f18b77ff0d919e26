"""Tries pytest plugins with and without recording, each alone, then many of them together.

For each plugin: install it and what it needs into a folder of its own, write a small project that
uses it (`plugin_probes.py`), run that plain, recorded and plain again, and compare: the exit
status, the outcome of every test, every line that was printed (times, addresses and our own
lines aside), the files that the plugin wrote. Each failed attempt must have left a trace that is
complete, can be read whole and holds lines of its test. The exit status is 1 if a plugin is
disturbed. A plugin that fails without us, in both plain runs, is said to fail by itself.

This file is also the reader of traces that runs inside the environment (``--inspect``).
"""

import argparse
import dataclasses
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import outcomes
from comparison import table
from outcomes import Outcomes
from plugin_probes import PROBES, PROJECT, TOGETHER, Probe
from pypi_suites import SuiteError, checkout_wheel, command, progress
from real_suites import checkout, described, publish

TOGETHER_NAME = "together"
TOGETHER_WORKERS = "together, -n 2"
SECTION = "plugins"
"""Where the table stands in the document."""
SAVED = "result.json"
NAMES = (*PROBES, TOGETHER_NAME, TOGETHER_WORKERS)
COLUMNS = (
    "plugin",
    "version",
    "tests",
    "equal",
    "failures with a whole trace",
    "output",
    "result",
)
WITHOUT_US = ["-p", "no:record_trace"]
_RIGHT = "test_shop.py::test_total"
_ENVIRON_FILE = ".env-of-run"
"""A file of a probe that holds variables for the run, one a line."""
_UNSTABLE = re.compile(
    r"\d+\.\d+s \(\d+:\d\d:\d\d\)"
    r"|0x[0-9a-f]+|\d+[.:,]\d+(?:[.:]\d+)*(?:e[-+]?\d+)? ?(?:ns|us|μs|ms|s|min|%|[KMG]i?B)?\b"
    r"|\bpytest-\d+\b|\bgw\d+\b|\bpid[= ]\d+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\d+ ?[KMG]i?B"
    r"|port \d+|:\d{4,5}\b"
)
"""Addresses, times, sizes, temporary folders, process ids and ports: what differs each time."""
_OURS = re.compile(
    r"^record-trace: |^\W*(Recorded trace|recorded traces)( \(\w+\))?\W*$|^kept \d+ of \d+ traces"
    r"| -> test-traces\S*$|^traces: \d|^::error .*\btest-traces/"
    r"|^((recorded|written|dropped) (events|bytes)|redactions|detaches|faults): "
)
"""Lines of ours beside those of the sections in reports."""
_OUR_NAME = re.compile(r"(?:, )?'?record-trace(?:-|': ')[\w.]+'?(?:, (?=\w))?")
"""Our plugin in a list of plugins, as pytest and pytest-metadata write it."""


@dataclass(frozen=True)
class Run:
    status: int
    outcomes: Outcomes
    log: str  # all that was printed


@dataclass
class Result:
    name: str
    version: str = table.ABSENT
    with_what: str = ""  # interpreter, system
    checkout: str = ""  # of ours: commit and day
    tests: int = 0
    flaky: int = 0
    equal: int = 0
    output: str = table.ABSENT
    failures: int = 0
    traces: int = 0
    fails_by_itself: str = ""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main() -> int:
    options = parse_arguments()
    if options.inspect is not None:
        print(json.dumps([inspect_trace(path) for path in options.inspect]))
        return 0
    work = (options.work or Path(tempfile.mkdtemp(prefix="plugins-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    results = saved(work) if options.saved else list(examined(options, work))
    publish(render(results), options, work, SECTION)
    progress(f"logs and traces: {work}")
    return 1 if any(result.problems for result in results) else 0


def examined(options: argparse.Namespace, work: Path) -> Iterator[Result]:
    python = base_environment(options.python, work)
    with_what = described(options.python)
    for name in options.plugin or NAMES:
        result = Result(name, with_what=with_what, checkout=checkout())
        try:
            examine(result, python, work)
        except SuiteError as problem:
            result.problems.append(str(problem))
        progress(f"{name} {result.version}: {verdict(result)}")
        for problem in result.problems:
            progress(f"  {problem}")
        place = folder_of(work, name)
        place.mkdir(exist_ok=True)
        (place / SAVED).write_text(json.dumps(dataclasses.asdict(result)), encoding="utf-8")
        yield result


def saved(work: Path) -> list[Result]:
    """Give what earlier commands have found in a work folder, in the order of the probes."""
    paths = [folder_of(work, name) / SAVED for name in NAMES]
    return [
        Result(**json.loads(path.read_text(encoding="utf-8")))
        for path in paths
        if path.is_file()
    ]


def folder_of(work: Path, name: str) -> Path:
    return work / re.sub(r"[^\w.-]+", "-", name)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Try plugins with and without recording.")
    add = parser.add_argument
    add("--plugin", action="append", choices=NAMES, metavar="NAME", help="repeatable")
    add("--python", default=sys.executable, help="interpreter for the environment")
    add("--work", type=Path, help="work folder, kept and used again; default: a temporary one")
    add("--saved", action="store_true", help="run nothing: the table of what --work holds")
    add("-o", "--output", type=Path, help="write the table to this file too")
    add("--document", type=Path, help="write the table into this document, between its marks")
    add("--inspect", type=Path, nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def base_environment(python: str, work: Path) -> Path:
    """Make the environment that all plugins share: pytest and this checkout."""
    environment = work / "venv"
    inside = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not inside.exists():
        command([python, "-m", "venv", str(environment)], "cannot make an environment")
    wheel = str(checkout_wheel(python, work))
    built = environment / "checkout.txt"
    if not built.is_file() or built.read_text(encoding="utf-8") != wheel or "dirty" in wheel:
        install = [str(inside), "-m", "pip", "install", "--quiet", "--upgrade"]
        command([*install, wheel, "pytest"], "cannot install the checkout")
        again = [*install, "--no-deps", "--force-reinstall", wheel]
        command(again, "cannot install the checkout")
        built.write_text(wheel, encoding="utf-8")
    return inside


def examine(result: Result, python: Path, work: Path) -> None:
    probe, names = probe_of(result.name)
    folder = folder_of(work, result.name)
    packages = folder / "packages"
    result.version = install(python, probe, names, packages)
    attempt = Attempt(probe, python, packages, folder)
    before, recorded, after = (
        attempt.run("plain-1", WITHOUT_US),
        attempt.run("recorded", ["--record-trace"]),
        attempt.run("plain-2", WITHOUT_US),
    )
    if fails_by_itself(before) and fails_by_itself(after):
        result.fails_by_itself = last_line(before.log)
        if recorded.status != before.status:
            result.problems.append(f"status {before.status} plain, {recorded.status} recorded")
        return
    take_comparison(result, before, recorded, after)
    take_output(result, probe, before, recorded, after)
    for name in probe.writes:
        places = [folder / run / "project" / name for run in ("plain-1", "recorded")]
        if [path.exists() for path in places] == [True, False]:
            result.problems.append(f"{name} is missing, recorded")
    check_traces(result, python, folder / "recorded" / "project", recorded)


def fails_by_itself(plain: Run) -> bool:
    """Tell whether a plugin breaks pytest, or a test that is right, without us."""
    said = plain.outcomes.phases.get(_RIGHT, ["call:passed"])
    return plain.status not in {0, 1} or "call:passed" not in said


def probe_of(name: str) -> tuple[Probe, tuple[str, ...]]:
    """Give the probe, and the plugins to install for it."""
    if name in PROBES:
        return PROBES[name], (name,)
    chosen = [PROBES[each] for each in TOGETHER]
    ini: list[str] = []
    files: dict[str, str] = {}
    for probe in chosen:
        for path, text in probe.files.items():
            if path == "pytest.ini":
                ini.append(text.removeprefix("[pytest]\n"))
            else:
                files[path.replace("test_plugin", f"test_{module_of(probe)}")] = text.replace(
                    "test_plugin", f"test_{module_of(probe)}"
                )
        if probe.test:
            files[f"test_{module_of(probe)}.py"] = probe.test
    files["pytest.ini"] = "[pytest]\n" + "".join(ini)
    arguments = ["--cov=shop", "--cov-report=term", "--html=report.html", "--json-report"]
    arguments += ["--report-log=log.jsonl", "--reruns=1", "--timeout=60", "--hypothesis-seed=1"]
    # A table of times would differ.
    arguments += ["--instafail", "--force-sugar", "--no-migrations", "--benchmark-disable"]
    arguments += ["-n", "2"] if name == TOGETHER_WORKERS else []
    return (
        Probe(
            name,
            arguments=tuple(arguments),
            files=files,
            needs=tuple(need for probe in chosen for need in probe.needs),
            writes=("report.html", ".report.json", "log.jsonl"),
            ordered=name == TOGETHER_NAME,
        ),
        TOGETHER,
    )


def module_of(probe: Probe) -> str:
    return re.sub(r"\W", "_", probe.name).lower()


def install(python: Path, probe: Probe, names: tuple[str, ...], packages: Path) -> str:
    """Install plugins into a folder, once for a work folder; return the version."""
    if not packages.is_dir():
        part = packages.with_name("packages-part")
        shutil.rmtree(part, ignore_errors=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--target", str(part)]
        command([*pip, *names, *probe.needs], f"cannot install {probe.name}")
        part.rename(packages)
    if len(names) > 1:
        return f"{len(names)} plugins"
    wanted = re.sub(r"[-_.]+", "-", names[0]).lower()
    for info in packages.glob("*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        if re.sub(r"[-_.]+", "-", name).lower() == wanted:
            return version
    return "?"


@dataclass(frozen=True)
class Attempt:
    """Runs the project of a probe, each time in a fresh copy."""

    probe: Probe
    python: Path
    packages: Path
    folder: Path

    def run(self, name: str, recording: list[str]) -> Run:
        # The same folder each time: its name stands in the output, and shortens it.
        place = self.folder / "run"
        for old in (place, self.folder / name):
            shutil.rmtree(old, ignore_errors=True)
        project = place / "project"
        write_project(self.probe, project)
        written = place / "outcomes.json"
        arguments = ["-p", "outcomes", "-v", *self.probe.arguments]
        arguments += [f"--basetemp={place / 'tmp'}", "-o", "console_output_style=classic"]
        with (place / "stdout").open("wb") as out:
            try:
                status = subprocess.run(
                    [str(self.python), "-m", "pytest", *arguments, *recording],
                    check=False,
                    cwd=project,
                    env=self._environ(project, written),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=180,
                ).returncode
            except subprocess.TimeoutExpired as exc:
                raise SuiteError(f"{name} run: not done after {exc.timeout:.0f} s") from exc
        log = (place / "stdout").read_text(encoding="utf-8", errors="replace")
        found = (
            outcomes.read(written) if written.exists() else Outcomes({}, {}, {}, process_s=0.0)
        )
        place.rename(self.folder / name)
        return Run(status, found, log)

    def _environ(self, project: Path, written: Path) -> dict[str, str]:
        unwanted = ("PYTEST_", "CODETRACER_", "PYTHON", "COVERAGE_", "GITHUB_", "CI")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(unwanted)}
        here = str(Path(__file__).resolve().parent)
        variables = self.probe.files.get(_ENVIRON_FILE, "").split()
        return {
            **kept,
            **dict(variable.split("=", 1) for variable in variables),
            "PYTHONHASHSEED": "0",
            "COLUMNS": "120",
            "PATH": os.pathsep.join(
                [str(self.packages / "bin"), str(self.python.parent), kept.get("PATH", "")]
            ),
            "PYTHONPATH": os.pathsep.join([str(project), str(self.packages), here]),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(project.parent / "hypothesis"),
            outcomes.FILE_VARIABLE: str(written),
        }


def write_project(probe: Probe, project: Path) -> None:
    files = {**PROJECT, **probe.files}
    if probe.test:
        files["test_plugin.py"] = probe.test
    for path, text in files.items():
        target = project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if probe.git:
        command(["git", "init", "--quiet", str(project)], "cannot make a repository")


def stable_lines(log: str, ours: frozenset[str] = frozenset()) -> Iterator[str]:
    """Give the lines of an output that are the same in each run, without those of ours.

    `ours` are the lines of our sections; a plugin may frame or indent them.
    """
    for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", log).splitlines():
        text = line.strip()
        if not text or _OURS.search(text) or text.strip("│ ") in ours:
            continue
        text = _OUR_NAME.sub("", text).rstrip()
        if text == "plugins:":
            continue  # we were the only one
        # Rules are as long as what stands in them, which may be a time.
        yield re.sub(r"[-=_ ]{2,}", " ", _UNSTABLE.sub("_", text))


def take_comparison(result: Result, before: Run, recorded: Run, after: Run) -> None:
    found = outcomes.compare(before.outcomes, recorded.outcomes, after.outcomes)
    result.tests = found.tests
    result.flaky = len(found.flaky)
    result.equal = found.tests - len(found.flaky) - len(found.different)
    result.problems += found.different
    result.notes += [f"{test}: flaky, the plain runs differ" for test in found.flaky]
    result.problems += [f"output or message of {text}" for text in found.details]
    result.problems += [f"{warning}: warning not in both" for warning in found.warnings]
    if recorded.outcomes.our_warnings:
        result.problems.append(f"{recorded.outcomes.our_warnings} warnings of ours")
    if before.status == after.status != recorded.status:
        result.problems.append(f"status {before.status} plain, {recorded.status} recorded")
    if not found.tests:
        result.problems.append("no test was reported")


def take_output(result: Result, probe: Probe, before: Run, recorded: Run, after: Run) -> None:
    if probe.measures:
        result.output = "figures, not compared"
        return
    # Out of all three: a line of ours may be one of the plain runs too (`basket = [1]`).
    our_lines = recorded.outcomes.our_lines
    shown = [list(stable_lines(run.log, our_lines)) for run in (before, recorded, after)]
    first, ours, last = shown if probe.ordered else map(sorted, shown)
    # Where the plain runs differ, the lines that both have must be there.
    shared = matching(first, last)
    lost = [line for line in difflib.ndiff(shared, matching(shared, ours)) if line[0] == "-"]
    unstable = len(first) - len(shared) + len(last) - len(shared)
    extra = [] if unstable else [line for line in difflib.ndiff(first, ours) if line[0] == "+"]
    if lost or extra:
        result.output = "differs"
        result.problems += [f"output: {line[:300]}" for line in (*lost, *extra)[:6]]
    else:
        result.output = "equal" if not unstable else "equal but for lines that vary"


def matching(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    left, right = list(one), list(other)
    blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    return tuple(line for block in blocks for line in left[block.a : block.a + block.size])


def check_traces(result: Result, python: Path, project: Path, recorded: Run) -> None:
    """Find a whole trace of each test that failed."""
    failed = {
        test
        for test, said in recorded.outcomes.phases.items()
        if any(phase.endswith(":failed") for phase in said) and "collect:failed" not in said
    }
    result.failures = len(failed)
    index = project / "test-traces" / "index.json"
    entries = json.loads(index.read_text(encoding="utf-8"))["tests"] if index.exists() else []
    kept = [entry for entry in entries if entry["trace"]]
    paths = [str(index.parent / entry["trace"]) for entry in kept]
    read: list[dict[str, Any]] = []
    if paths:
        arguments = [str(python), __file__, "--inspect", *paths]
        read = json.loads(command(arguments, "cannot read the traces"))
    whole: set[str] = set()
    for entry, found in zip(kept, read, strict=True):
        if (entry["status"], found["status"]) != ("complete", "complete"):
            result.problems.append(
                f"{entry['test']}: trace {entry['status']} {entry['reason']} {found['problem']}"
            )
        elif not found["lines"]:
            result.problems.append(f"{entry['test']}: its trace has no lines")
        else:
            whole.add(entry["test"])
    result.traces = len(failed & whole)
    missing = failed - {entry["test"] for entry in kept}
    result.problems += [f"{test}: no trace" for test in sorted(missing)]


def inspect_trace(trace: Path) -> dict[str, Any]:
    """Read a whole trace; runs in the environment of the plugin."""
    from pytest_recorder import RecorderError, open_trace

    status, problem, lines = "complete", "", 0
    try:
        for event in open_trace(trace).events():
            if event.kind == "trailer":
                status = event.status
            lines += event.kind == "line"
    except RecorderError as exc:
        status, problem = "unreadable", str(exc)
    return {"status": status, "problem": problem, "lines": lines}


def last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"^(E\s+)?[\w.]*(Error|Exception)\b", line)]
    return (errors or lines or ["no output"])[-1].strip("= ")[:160]


def verdict(result: Result) -> str:
    if result.problems:
        return "**disturbed**"
    if result.fails_by_itself:
        return f"fails by itself: `{result.fails_by_itself}`"
    return "equal"


def render(results: list[Result]) -> str:
    made = sorted({f"{r.with_what}, checkout {r.checkout}" for r in results if r.with_what})
    kinds = Counter(verdict(result).partition(":")[0] for result in results)
    parts = [
        "; ".join(made) + ".\n",
        ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) + ".\n",
        table.render(COLUMNS, map(cells, results), texts=2),
    ]
    for title in ("problems", "notes"):
        texts = [f"- {r.name}: {text}" for r in results for text in getattr(r, title)]
        if texts:
            parts.append(f"{title.capitalize()} ({len(texts)}):\n")
            parts.append("\n".join(texts) + "\n")
    return "\n".join(parts)


def cells(result: Result) -> list[str]:
    if result.fails_by_itself or not result.tests:
        figures = [table.ABSENT] * 4
    else:
        traces = f"{result.traces} of {result.failures}"
        figures = [str(result.tests), str(result.equal), traces, result.output]
    return [result.name, result.version, *figures, verdict(result)]


if __name__ == "__main__":
    sys.exit(main())
