"""Real faults of the system: full and read-only disks, limits, folders that go, Ctrl-C."""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.diagnostics import inject
from tests.faults import table

OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
CAN_MOUNT = (
    sys.platform == "linux"
    and subprocess.run(
        [*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
TMPFS = "mkdir test-traces; mount -t tmpfs -o {} none test-traces"
LIMIT = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
LONG = "assert work() == 404550"
HEAD = """
import os, pathlib, resource, shutil, signal, subprocess
folder = pathlib.Path("test-traces")
"""


def job(tests: str, **more: Any) -> dict[str, Any]:
    lines = HEAD + tests.replace("LIMIT(", "limit(")
    lines += f"\ndef limit(size): {LIMIT.format('size')}\n"
    return {
        "inject": "",
        "tests": lines,
        "args": ["--record-trace", "--record-keep=all"],
    } | more


FILLS_THE_DISK = """
def test_a():
    work()
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
def test_b():
    (folder / "filler").unlink()
"""
MOUNTS_ANOTHER = """
def test_a():
    work()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", "test-traces"], check=True)
"""
MOUNTING = {
    "no room to begin": job(f"def test_a(): {LONG}", before=TMPFS.format("size=32k")),
    "no room to begin, abort": job(
        f"def test_a(): {LONG}",
        before=TMPFS.format("size=32k"),
        args=["--record-trace", "--record-on-error=abort"],
    ),
    "full during the test": job(f"def test_a(): {LONG}", before=TMPFS.format("size=104k")),
    "full at the end": job(FILLS_THE_DISK, before=TMPFS.format("size=1m")),
    "read-only": job(f"def test_a(): {LONG}", before=TMPFS.format("ro")),
    "read-only at the end": job(MOUNTS_ANOTHER),
}
PLAIN = {
    "a limit during the test": job(
        f"""
def test_a():
    LIMIT(80 * 1024)
    {LONG}
    LIMIT(resource.RLIM_INFINITY)
"""
    ),
    "a limit at the end": job(
        f"""
def test_a():
    {LONG}
    LIMIT(0)
def test_b():
    LIMIT(resource.RLIM_INFINITY)
"""
    ),
    "the folder goes": job("def test_a():\n    shutil.rmtree(folder)\ndef test_b(): work()"),
    "the folder becomes a file": job(
        "def test_a():\n    shutil.rmtree(folder)\n    folder.write_text('mine')\n"
        "def test_b(): work()"
    ),
}
PLAIN |= {
    f"Ctrl-C in {phase}": job(
        f"""
@pytest.fixture
def resource_of_test():
    work()
    if {phase == "setup"}: os.kill(os.getpid(), signal.SIGINT)
    yield
    work()
    if {phase == "teardown"}: os.kill(os.getpid(), signal.SIGINT)
def test_a(resource_of_test):
    work()
    if {phase == "call"}: os.kill(os.getpid(), signal.SIGINT)
def test_b(): pass
""",
        args=["--record-trace"],
    )
    for phase in ("setup", "call", "teardown")
}


def asked(what: str, jobs: dict[str, dict[str, Any]], *prefix: str) -> dict[str, Any]:
    """Run the jobs by their names."""
    listed = [{**each, "module": f"test_{what}_{n}"} for n, each in enumerate(jobs.values())]
    return dict(zip(jobs, table.ask(what, listed, prefix=prefix), strict=True))


@functools.cache
def runs() -> dict[str, Any]:
    """Run everything; what needs mounts of its own only where that is allowed."""
    found = asked("pytest", PLAIN)
    if CAN_MOUNT:
        found |= asked("pytest", MOUNTING, *OWN_MOUNTS)
    return found


def disk(name: str, *, otherwise: str) -> dict[str, Any]:
    """Give a run on a disk of its own, or one that is limited in another way."""
    found: dict[str, Any] = runs()[name if CAN_MOUNT else otherwise]
    return found


def warned(run: dict[str, Any]) -> list[str]:
    lines: list[str] = run["output"].splitlines()
    return [line for line in lines if line.startswith("RecorderWarning: ")]


def outcomes(run: dict[str, Any]) -> dict[str, list[str]]:
    return {name: test["outcomes"] for name, test in run["tests"].items()}


PASSED = ["passed"] * 3


def test_a_full_disk_during_a_test_leaves_a_partial_trace() -> None:
    run = disk("full during the test", otherwise="a limit during the test")
    assert (outcomes(run), run["status"], run["internal"]) == ({"a": PASSED}, 0, [])
    assert run["traces"]["a"]["status"] == "partial"
    assert run["traces"]["a"]["reason"] == "ERR_IO"
    assert run["traces"]["a"]["disk"] == ["partial", "ERR_IO", run["traces"]["a"]["events"]]
    assert run["traces"]["a"]["events"] > 100
    (line,) = warned(run)
    assert "cannot extend the spool" in line


def test_a_limit_of_file_sizes_during_a_test_leaves_a_partial_trace() -> None:
    run = runs()["a limit during the test"]
    assert (outcomes(run), run["status"], run["internal"]) == ({"a": PASSED}, 0, [])
    assert run["traces"]["a"]["disk"][:2] == ["partial", "ERR_IO"]
    (line,) = warned(run)
    assert "EFBIG" in line


def test_a_disk_that_is_full_at_the_end_holds_the_trace_where_the_spool_was() -> None:
    if not CAN_MOUNT:
        return
    run = runs()["full at the end"]
    assert (run["status"], run["internal"], warned(run)) == (0, [], [])
    assert outcomes(run) == {"a": PASSED, "b": PASSED}
    assert [run["traces"][name]["disk"][0] for name in "ab"] == ["complete", "complete"]


def test_a_limit_of_file_sizes_at_the_end_costs_that_trace_only() -> None:
    run = runs()["a limit at the end"]
    assert (outcomes(run), run["internal"]) == ({"a": PASSED, "b": PASSED}, [])
    assert (run["traces"]["a"]["disk"], run["traces"]["b"]["disk"][0]) == (None, "complete")
    assert (run["traces"]["a"]["status"], run["traces"]["a"]["reason"]) == ("missing", "ERR_IO")
    assert [line for line in warned(run) if "test_a: [ERR_IO] cannot" in line]


@pytest.mark.parametrize("policy", ["", ", abort"])
def test_a_disk_without_room_for_a_spool_follows_the_policy(policy: str) -> None:
    if not CAN_MOUNT:
        # The same path, taken by an injected fault: see the table of the policy.
        return
    run = runs()[f"no room to begin{policy}"]
    assert run["internal"] == []
    assert outcomes(run)["a"] == ["passed", "passed", "failed" if policy else "passed"]
    text = run["tests"]["a"]["error"] if policy else warned(run)[0]
    assert "cannot reserve the spool (errno=ENOSPC" in text
    assert run["traces"] == {}


def test_a_read_only_folder_is_said_once_and_nothing_else_changes() -> None:
    if not CAN_MOUNT:
        return
    run = runs()["read-only"]
    assert (outcomes(run), run["status"], run["internal"]) == ({"a": PASSED}, 0, [])
    (line,) = warned(run)
    assert "ERR_TRACE_DIR_CREATE_FAILED" in line
    assert "EROFS" in line


def test_a_folder_that_turns_read_only_costs_the_trace() -> None:
    if not CAN_MOUNT:
        return
    run = runs()["read-only at the end"]
    assert (outcomes(run), run["status"], run["internal"]) == ({"a": PASSED}, 0, [])
    assert all("[ERR_IO] cannot" in line and "EROFS" in line for line in warned(run))
    assert "test_a: [ERR_IO]" in warned(run)[0]


def test_a_folder_that_goes_is_made_again() -> None:
    run = runs()["the folder goes"]
    assert (run["status"], run["internal"]) == (0, [])
    assert outcomes(run) == {"a": PASSED, "b": PASSED}
    assert run["traces"]["a"]["disk"][0] == "complete"
    assert run["traces"]["b"]["disk"][0] == "complete"


def test_a_folder_that_becomes_a_file_costs_the_traces_and_leaves_the_file() -> None:
    run = runs()["the folder becomes a file"]
    assert (outcomes(run), run["internal"]) == ({"a": PASSED, "b": PASSED}, [])
    assert run["traces"] == {}
    assert [line for line in warned(run) if "test_a: [ERR_IO]" in line]


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
def test_ctrl_c_in_a_phase_ends_the_run_and_keeps_the_trace(phase: str) -> None:
    run = runs()[f"Ctrl-C in {phase}"]
    assert (run["status"], run["internal"]) == (pytest.ExitCode.INTERRUPTED, [])
    assert list(run["traces"]) == ["a"]
    trace = run["traces"]["a"]
    assert trace["disk"] == ["partial", "ERR_TRACE_INCOMPLETE", trace["events"]]
    assert trace["events"] > 100


# Not where nothing is raised, not what is no stage of a recording, nor what would press it twice.
NOT_HERE = ("suppress-events", "log-write", "write-enospc")
INTERRUPTIBLE = [stage for stage in inject.STAGES if stage not in NOT_HERE]


@functools.cache
def interruptions() -> dict[str, Any]:
    """Press Ctrl-C at each stage."""
    tests = "def test_a(): work()\ndef test_b(): pass"
    later = {"py_start": ":4", "line": ":9", "return": ":3", "panic": ":12"}
    jobs = {stage: job(tests, inject=stage + later.get(stage, "")) for stage in INTERRUPTIBLE}
    return asked("interrupted", jobs)


@pytest.mark.parametrize("stage", INTERRUPTIBLE)
def test_ctrl_c_at_a_stage_of_the_recorder_ends_the_run_and_keeps_the_trace(stage: str) -> None:
    run = interruptions()[stage]
    assert (run["status"], run["internal"]) == (pytest.ExitCode.INTERRUPTED, [])
    assert list(run["traces"]) == ["a"], run["output"]
    trace = run["traces"]["a"]
    assert trace["disk"][0] == trace["status"]
    is_whole = stage in ("pack", "flush", "rename", "write-eio")
    assert trace["status"] == ("complete" if is_whole else "partial")


def test_a_closed_stderr_changes_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a():\n    assert 1")
    command = (
        f"PYTEST_RECORDER_INJECT=line '{sys.executable}' -m pytest -p no:cacheprovider -p no:faulthandler"
        " --record-trace --record-keep=all --record-json-errors 2>&-"
    )
    done = subprocess.run(
        command, shell=True, cwd=pytester.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "[ERR_TRACE_INCOMPLETE] injected failure at stage 'line'" in done.stdout


def test_a_path_of_the_api_that_lies_below_a_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in ("file", "file/below", "file/below/a.pyrec"):
        with pytest.raises(pytest_recorder.UsageError, match="ERR_TRACE_DIR_CONFLICT"):
            pytest_recorder.start(tmp_path / path)
    assert (tmp_path / "file").read_text() == "mine"
    assert not pytest_recorder.is_tracing()
