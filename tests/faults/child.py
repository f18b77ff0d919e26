"""Runs cells in one process of its own: whole pytest runs, or sessions of the API, one after another.

``python child.py pytest|api|cli FOLDER`` reads a list of jobs from stdin and writes what came of each to
stdout, as JSON.
"""

import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import pytest

import pytest_recorder
from pytest_recorder import cli
from pytest_recorder.diagnostics import inject

VARIABLE = "PYTEST_RECORDER_INJECT"
WORK = """
def add(a, b):
    return a + b

def work():
    # More than a block of the smallest spool takes.
    total = 0
    for number in range(900):
        total = add(total, number)
    return total
"""


class Reports:
    """What pytest said about each test, phase by phase."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, Any]] = {}
        self.internal: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("::test_")[2]
        test = self.tests.setdefault(name, {"outcomes": [], "error": "", "properties": {}})
        test["outcomes"].append(report.outcome)
        if report.when == "teardown":
            test["properties"] = dict(report.user_properties)
            test["error"] = report.longreprtext if report.failed else ""

    def pytest_internalerror(self, excrepr: object) -> None:
        self.internal.append(str(excrepr))


def run_pytest(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    folder.mkdir()
    if "before" in job:
        subprocess.run(job["before"], shell=True, check=True, cwd=folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / f"{job['module']}.py").write_text(f"import pytest\n{WORK}\n{job['tests']}\n")
    reports, out = Reports(), io.StringIO()
    # No other plugin: to import them is most of what a worker of xdist costs.
    options = ["-p", "record_trace", "-p", "xdist", "-p", "no:cacheprovider"]
    # Several runs in one process: of the second one pytest complains that we are imported.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options += ["--import-mode=importlib", "--record-max-bytes=64KiB", f"--rootdir={folder}"]
    os.chdir(folder)
    with contextlib.redirect_stdout(out):
        status = pytest.main([*job["args"], *options, str(folder)], plugins=[reports])
    return {
        "status": int(status),
        "tests": reports.tests,
        "internal": reports.internal,
        "output": out.getvalue(),
        "traces": left_in(folder / "test-traces"),
    }


def left_in(folder: Path) -> dict[str, Any]:
    """Look at what the index lists, and that nothing lies there besides."""
    found: dict[str, Any] = {}
    listed: set[Path] = set()
    index = folder / "index.json"
    for entry in json.loads(index.read_text())["tests"] if index.is_file() else ():
        name = entry["test"].partition("::test_")[2]
        found[name] = {key: entry[key] for key in ("status", "reason", "events", "dropped")}
        found[name]["disk"] = None
        if entry["trace"] is not None:
            listed.add(folder / entry["trace"])
            with pytest_recorder.open_trace(folder / entry["trace"]) as trace:
                found[name]["disk"] = [trace.status, trace.reason, len(trace)]
    there = {path for path in folder.rglob("*") if path.is_file()}
    beside = {path.with_name(name) for path in listed for name in ("failure.md", "trace.html")}
    pages = {index, index.with_suffix(".html"), folder / ".gitignore"}
    strangers = there - listed - beside - pages
    if strangers:
        found[""] = sorted(path.name for path in strangers)
    return found


def run_api(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    folder.mkdir()
    source = folder / "program.py"
    source.write_text(WORK)
    spec = importlib.util.spec_from_file_location(f"program_{folder.name}", source)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    raised, where, result = "", "", None
    path = folder / "out" / "trace.pyrec"
    with warnings.catch_warnings(record=True) as warned:
        try:
            where = "start"
            include = [str(source)]
            session = pytest_recorder.start(path, include=include, policy=job["policy"])
            result, where = program.work(), "stop"
            session.stop()
        except pytest_recorder.RecorderError as error:
            raised = error.code.value
    disk: list[Any] | None = None
    if path.is_file():
        with pytest_recorder.open_trace(path) as trace:
            disk = [trace.status, trace.reason, len(trace)]
    others = [
        found.name for found in path.parent.rglob("*") if found.is_file() and found != path
    ]
    return {
        "raised": raised,
        "where": where if raised else "",
        "result": result,
        "warned": [str(warning.message) for warning in warned],
        "disk": disk,
        "others": sorted(set(others) - {".gitignore"}),
        "is_tracing": pytest_recorder.is_tracing(),
    }


def run_cli(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run the command in a forked child, in which the program follows without a new Python."""
    folder.mkdir()
    (folder / "program.py").write_text(f"{WORK}\nprint(work())\nraise SystemExit(3)\n")
    child = os.fork()
    if not child:
        os.chdir(folder)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        os.execve = become
        sys.exit(cli.main(["run", "-o", "out", *job["args"], "program.py"]))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status, **left_by_command(folder)}


def become(_: Any, command: Any, environ: Any) -> NoReturn:
    """Do what a new Python would: the `sitecustomize` of the environment, then the program."""
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = command[command.index("program.py") :]
    startup = environ["PYTHONPATH"].partition(os.pathsep)[0]
    sys.path.insert(0, startup)
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")
    runpy.run_path(sys.argv[0], run_name="__main__")
    raise AssertionError("the program has not left")


def left_by_command(folder: Path) -> dict[str, Any]:
    """Look at what a command has said, and at what is left of its trace."""
    path, disk = folder / "out" / "trace.pyrec", None
    if path.is_file():
        with pytest_recorder.open_trace(path) as trace:
            disk = [trace.status, trace.reason, len(trace)]
    others = {found.name for found in path.parent.rglob("*") if found.is_file()}
    return {
        "stdout": (folder / "stdout").read_text(),
        "stderr": (folder / "stderr").read_text(),
        "disk": disk,
        "others": sorted(others - {".gitignore", path.name}),
    }


def run_forked(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run pytest in a forked child, and tell how that ended."""
    child = os.fork()
    if not child:
        os._exit(run_pytest(folder, job)["status"])
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def run_interrupted(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run pytest with Ctrl-C where a fault is due."""

    def fault_of(stage: str) -> Exception:
        os.kill(os.getpid(), signal.SIGINT)
        return RuntimeError(f"nobody has pressed Ctrl-C at {stage}")

    real, inject.fault_of = inject.fault_of, fault_of
    try:
        return run_pytest(folder, job)
    finally:
        inject.fault_of = real


def run_killed(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run pytest in a forked child that ends by SIGKILL where a fault is due."""

    def fault_of(stage: str) -> Exception:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(stage)

    child = os.fork()
    if not child:
        inject.fault_of = fault_of
        run_pytest(folder, job)
        os._exit(0)
    return {"signal": os.WTERMSIG(os.waitpid(child, 0)[1])}


def main() -> None:
    # A process in the background is started without it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = {
        "pytest": run_pytest,
        "api": run_api,
        "cli": run_cli,
        "forked": run_forked,
        "interrupted": run_interrupted,
        "killed": run_killed,
    }[sys.argv[1]]
    folder = Path(sys.argv[2])
    if sys.argv[1] == "cli":
        # What is imported already, and what is not looked through at the end, costs no child time.
        os.environ[VARIABLE] = "panic:9"
        run_api(folder / "warm-up", {"policy": {"record_errors": "internal=ignore"}})
        gc.freeze()
    results: list[dict[str, Any]] = []
    # What is printed meanwhile is not the answer.
    with contextlib.redirect_stdout(sys.stderr):
        for number, job in enumerate(json.load(sys.stdin)):
            os.environ[VARIABLE] = job["inject"]
            results.append(run(folder / f"{sys.argv[1]}-{number}", job))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
