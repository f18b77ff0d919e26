"""Runs that die in a test: what was recorded is found by the next run, `ls`, or the controller."""

import json
import signal
import sys
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.format.events import Event
from pytest_recorder.tracefile.index import read_index
from pytest_recorder.tracefile.recovery import recover
from tests.plugin.support import events, index, run, traces

WAYS = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "os._exit": "os._exit(3)",
    "segmentation fault": "ctypes.string_at(0)",
}
IMPORTS = "import ctypes, os, signal\n"
DIES = """
def helper(n):
    last = n * 2
    {way}

def test_fails():
    assert 0

def test_dies():
    x = 20
    helper(x + 1)

def test_is_never_reached():
    pass
"""


def dying(way: str = WAYS["SIGKILL"]) -> str:
    return IMPORTS + DIES.format(way=way)


def spools(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / "test-traces").glob("*.pyspool"))


def outcomes(pytester: pytest.Pytester) -> dict[str, str]:
    return {e["test"].partition("::")[2]: e["outcome"] for e in index(pytester)}


def trace_of(pytester: pytest.Pytester, test: str) -> Path:
    (entry,) = [e for e in index(pytester) if e["test"].endswith(f"::{test}")]
    return pytester.path / "test-traces" / str(entry["trace"])


def last_line(found: list[Event]) -> Event:
    return [event for event in found if event.kind == "line"][-1]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_last_event_before_a_death_is_in_the_trace(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    path = pytester.makepyfile(test_it=dying(way))
    run(pytester, "--record-trace", "-p", "no:faulthandler")
    (spool,) = spools(pytester)
    with pytest_recorder.open_trace(spool) as trace:
        direct = list(trace.events())
        assert "the process died" in (trace.message or "")
    lines = path.read_text().splitlines()
    capsys.readouterr()
    for found in (direct, None):
        if found is None:
            assert main(["recover", str(pytester.path / "test-traces")]) == 0
            assert spools(pytester) == []
            found = events(trace_of(pytester, "test_dies"))  # noqa: PLW2901
        last = found[-1]
        assert last.kind == "line"
        assert lines[(last.line or 0) - 1].strip() == way
        # The line before has done its work: its change is in the last event.
        assert last.changes == {"last": {"type": "int", "value": 42}}
    assert found == direct
    out = capsys.readouterr().out.splitlines()
    # What the dead run had kept before, it had listed itself.
    assert [line.split(": ")[0] for line in out] == ["recovered test_it.py::test_dies"]
    assert outcomes(pytester) == {"test_fails": "failed", "test_dies": "died"}
    (entry,) = [e for e in index(pytester) if e["outcome"] == "died"]
    number = [line.strip() for line in lines].index(way) + 1
    assert (entry["phase"], entry["place"]) == ("call", f"test_it.py:{number}")
    assert entry["message"].startswith("the process died (pid ")


def test_a_test_that_dies_in_its_set_up_is_entered_with_that_phase(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="""
        import os
        import pytest

        @pytest.fixture
        def breaks():
            for n in range(100):
                n + 1
            os._exit(1)

        def test_dies(breaks): pass
        """
    )
    run(pytester, "--record-trace")
    (entry,) = recover(pytester.path / "test-traces").entries
    assert (entry.phase, entry.place) == ("setup", "test_it.py:8")


def test_a_test_that_dies_between_two_phases_died_in_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_dies(): pass")
    pytester.makeconftest(
        """
        import os

        def pytest_runtest_logreport(report):
            if report.when == "setup":
                os._exit(1)
        """
    )
    run(pytester, "--record-trace")
    (entry,) = recover(pytester.path / "test-traces").entries
    assert (entry.phase, entry.outcome) == (None, "died")


def test_the_next_run_tells_of_it_and_keeps_it_and_the_one_after_clears_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=dying())
    run(pytester, "--record-trace")
    pytester.makepyfile(test_it="def test_fails_later(): assert 0")
    result = run(pytester, "--record-trace")
    result.stdout.fnmatch_lines(
        [
            "kept 1 of 1 trace (*) in test-traces",
            "recovered 2 traces from processes that died (*) in test-traces",
            "*::test_fails (* events) -> test-traces/*/trace.pyrec",
            "*::test_dies [[]partial: ERR_TRACE_INCOMPLETE, * events, 0 dropped] -> test-traces/*/trace.pyrec",
        ]
    )
    result.assert_outcomes(failed=1)
    assert outcomes(pytester) == {
        "test_dies": "died",
        "test_fails": "failed",
        "test_fails_later": "failed",
    }
    assert last_line(events(trace_of(pytester, "test_dies"))).changes["last"]["value"] == 42
    (entry,) = [e for e in index(pytester) if e["outcome"] == "died"]
    assert (entry["status"], entry["reason"]) == ("partial", "ERR_TRACE_INCOMPLETE")
    assert entry["size_bytes"] == trace_of(pytester, "test_dies").stat().st_size
    assert spools(pytester) == []
    result = run(pytester, "--record-trace")
    result.stdout.no_fnmatch_line("recovered*")
    assert outcomes(pytester) == {"test_fails_later": "failed"}
    assert len(traces(pytester)) == 1


def test_what_a_run_recovered_and_did_not_live_to_tell_is_told_by_the_next(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=dying())
    run(pytester, "--record-trace", "-k", "test_dies")
    pytester.makepyfile(
        test_it="import os, signal\ndef test_too(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    run(pytester, "--record-trace")
    pytester.makepyfile(test_it="def test_ok(): pass")
    result = run(pytester, "--record-trace")
    result.stdout.fnmatch_lines(
        ["recovered 2 traces*", "*::test_dies [[]*", "*::test_too [[]*"]
    )
    assert outcomes(pytester) == {"test_dies": "died", "test_too": "died"}
    assert "is_reported" not in (pytester.path / "test-traces" / "index.json").read_text()


def test_the_controller_recovers_a_dead_worker_at_once_and_the_run_goes_on(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it=dying()
        + "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_n(n): assert n != 5\n"
    )
    result = run(pytester, "--record-trace", "-n", "2")
    result.stdout.fnmatch_lines(["replacing crashed worker gw*"])
    result.assert_outcomes(passed=6, failed=3)
    crash = result.stdout.str().partition("crashed while running")[2]
    section = crash.partition("Recorded trace")[2]
    path = trace_of(pytester, "test_dies")
    assert section.lstrip(" -\n").startswith(f"trace: {path.relative_to(pytester.path)}")
    steps = section.partition("last steps before the failure:")[2]
    assert "last = n * 2  # last = 42" in steps
    assert "os.kill(os.getpid(), signal.SIGKILL)" in steps
    result.stdout.fnmatch_lines(
        [
            "kept 2 of * traces (*",
            "recovered 1 trace from a process that died (*) in test-traces",
            f"test_it.py::test_dies [[]partial: ERR_TRACE_INCOMPLETE, * events, 0 dropped] -> {path.relative_to(pytester.path)}",
        ]
    )
    assert outcomes(pytester) == {
        "test_dies": "died",
        "test_fails": "failed",
        "test_n[5]": "failed",
    }
    assert last_line(events(path)).changes["last"]["value"] == 42
    assert spools(pytester) == []


def test_a_wrapped_recording_that_dies_keeps_its_head_its_tail_and_a_gap(
    pytester: pytest.Pytester,
) -> None:
    names = "; ".join(f"late_{n} = {n}" for n in range(50))
    pytester.makepyfile(
        test_it=IMPORTS
        + f"""
def late():
    {names}
    os.kill(os.getpid(), signal.SIGKILL)

def step(n):
    return n

def test_dies():
    first = "the first value"
    for n in range(4000):
        m = step(n)
    late()
"""
    )
    run(pytester, "--record-trace", "--record-max-bytes=64KiB")
    (spool,) = spools(pytester)
    assert spool.stat().st_size < 4 * 64 * 1024
    recover(pytester.path / "test-traces")
    (entry,) = index(pytester)
    found = events(trace_of(pytester, "test_dies"))
    gaps = [event for event in found if event.kind == "gap"]
    assert [(gap.reason, gap.dropped) for gap in gaps] == [("limit", entry["dropped"])]
    assert entry["dropped"] > 1000
    assert any("first" in event.changes for event in found[: found.index(gaps[0])])
    last = last_line(found)
    assert last.changes == {f"late_{n}": {"type": "int", "value": n} for n in range(50)}
    assert found[-1] is last
    seen = [e.args["n"]["value"] for e in found if e.kind == "call" and e.args]
    assert seen[0] == 0
    assert seen[-1] == 3999
    assert len(seen) < 4000
    assert seen == sorted(seen)


def test_the_spool_of_a_running_test_is_left_alone_by_all(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, subprocess, sys
        from pathlib import Path

        def command(request, *args):
            folder = request.config.rootpath / "test-traces"
            return subprocess.run(
                [sys.executable, "-m", "pytest_recorder", *args, str(folder)],
                capture_output=True, text=True,
            )

        def test_looks_at_itself(request):
            before = 1
            done = command(request, "recover")
            assert (done.returncode, done.stdout) == (0, "nothing to recover\\n")
            assert done.stderr.startswith(f"process {os.getpid()} is still recording")
            (spool,) = (request.config.rootpath / "test-traces").glob("*.pyspool")
            done = subprocess.run(
                [sys.executable, "-m", "pytest_recorder", "show", str(spool)],
                capture_output=True, text=True,
            )
            assert done.returncode == 0
            assert "test_looks_at_itself" in done.stdout
            assert f"the process is still running (pid {os.getpid()})" in done.stdout
            assert spool.exists()
            after = 2
        """
    )
    result = run(pytester, "--record-trace", "--record-keep=all", "--record-level=lines")
    result.assert_outcomes(passed=1)
    (entry,) = index(pytester)
    assert (entry["status"], entry["outcome"]) == ("complete", "passed")


def test_a_run_that_keeps_no_partial_traces_leaves_an_entry(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=dying())
    run(pytester, "--record-trace", "--no-record-keep-partial", "-k", "test_dies")
    result = run(pytester, "--record-trace", "-k", "test_is_never_reached")
    result.stdout.fnmatch_lines(
        [
            "recovered 0 traces*",
            "*::test_dies [[]partial: *: partial trace removed (keep it with --record-keep-partial)",
        ]
    )
    (entry,) = index(pytester)
    assert (entry["outcome"], entry["trace"]) == ("died", None)
    assert traces(pytester) == []
    assert spools(pytester) == []


def test_a_broken_spool_is_said_in_the_summary_and_left(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_ok(): pass")
    folder = pytester.path / "test-traces"
    folder.mkdir()
    (folder / "a.pyspool").write_bytes(b"PYSPOOL\x01" + b"\xff" * 5000)
    result = run(pytester, "--record-trace", "-W", "error")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["RecorderWarning: *ERR_TRACE_CORRUPT*a.pyspool*"])
    assert len(spools(pytester)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_program_that_is_killed_leaves_a_spool_that_recovers(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    script = pytester.makepyfile(
        script="""
        import os, signal, sys
        import pytest_recorder

        def work():
            almost = "done"
            os.kill(os.getpid(), signal.SIGKILL)

        with pytest_recorder.trace("here"):
            work()
        """
    )
    assert pytester.runpython(script).ret == -signal.SIGKILL
    capsys.readouterr()
    folder = pytester.path / "here"
    assert main(["ls", str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("recovered program: died, partial, ")
    assert captured.out.startswith("died        partial ERR_TRACE_INCOMPLETE")
    (entry,) = read_index(folder).tests
    found = events(folder / str(entry.trace))
    assert last_line(found).changes["almost"]["value"] == "done"
    assert main(["ls", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["tests"][0]["outcome"] == "died"
