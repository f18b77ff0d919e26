"""Which traces stay: every outcome against `--record-keep`, attempts, interruption."""

import json
import signal
import subprocess
import sys

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.tracefile.naming import folder_name
from tests.plugin.support import index, kept, run, spans, traces

OUTCOMES = """
    import pytest

    @pytest.fixture
    def breaks():
        raise ValueError("in setup")

    @pytest.fixture
    def breaks_later():
        yield 1
        raise ValueError("in teardown")

    def test_passes(): pass
    def test_fails(): assert 0
    def test_setup_error(breaks): pass
    def test_teardown_error(breaks_later): pass
    @pytest.mark.xfail
    def test_xfails(): assert 0
    @pytest.mark.xfail(strict=True)
    def test_xpasses_strictly(): pass
    @pytest.mark.xfail
    def test_xpasses(): pass
    @pytest.mark.skip
    def test_skipped(): pass
    def test_skips_itself(): pytest.skip("now")
    def test_exits(): raise SystemExit(3)
"""
FAILED = [
    "test_exits#1",
    "test_fails#1",
    "test_setup_error#1",
    "test_teardown_error#1",
    "test_xpasses_strictly#1",
]


def test_failed_traces_stay_whatever_phase_failed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OUTCOMES)
    plain = run(pytester)
    result = run(pytester, "--record-trace")
    assert result.parseoutcomes() == plain.parseoutcomes()
    assert kept(pytester) == FAILED
    assert {entry["outcome"] for entry in index(pytester)} == {"failed"}
    assert {entry["status"] for entry in index(pytester)} == {"complete"}


def test_all_traces_stay_on_request(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OUTCOMES)
    run(pytester, "--record-trace", "--record-keep=all")
    outcomes = {e["test"].partition("::")[2]: e["outcome"] for e in index(pytester)}
    assert len(outcomes) == 10
    assert outcomes["test_passes"] == "passed"
    assert outcomes["test_xfails"] == "skipped"
    assert outcomes["test_skips_itself"] == "skipped"


def test_nothing_is_left_when_nothing_failed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_passes(): pass")
    result = run(pytester, "--record-trace")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*recorded traces*")
    assert index(pytester) == []
    assert sorted(p.name for p in (pytester.path / "test-traces").iterdir()) == [
        ".gitignore",
        "index.html",
        "index.json",
    ]


def test_a_failed_subtest_keeps_the_trace_of_its_test(pytester: pytest.Pytester) -> None:
    pytest.importorskip("_pytest.subtests", reason="pytest has had subtests since 9.0")
    pytester.makepyfile(
        """
        def test_parts(subtests):
            with subtests.test("first"):
                assert 0
            last = 1
        """
    )
    run(pytester, "--record-trace")
    assert kept(pytester) == ["test_parts#1"]
    assert spans(traces(pytester)[0])[-1][:2] == ("teardown", "end")


def test_each_failed_attempt_of_a_rerun_test_has_a_trace_of_its_own(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        attempts = []
        def test_flaky():
            attempts.append(1)
            number = len(attempts)
            assert number == 3
        """
    )
    run(pytester, "--record-trace", "--reruns=3")
    assert kept(pytester) == ["test_flaky#1", "test_flaky#2"]
    numbers = []
    for path in traces(pytester):
        with pytest_recorder.open_trace(path) as trace:
            changes = [
                e.changes["number"]["value"] for e in trace.events() if "number" in e.changes
            ]
            numbers.append((trace.manifest.attempt, *changes))
    assert numbers == [(1, 1), (2, 2)]


@pytest.mark.parametrize("scope", ["test", "session"])
@pytest.mark.parametrize(
    "how", ["raise KeyboardInterrupt", "import pytest; pytest.exit('now')"]
)
def test_the_trace_of_an_interrupted_run_stays(
    pytester: pytest.Pytester, how: str, scope: str
) -> None:
    pytester.makepyfile(
        f"def test_passes(): pass\ndef test_stops():\n    before = 1\n    {how}\n"
    )
    plain = run(pytester)
    result = run(pytester, "--record-trace", f"--record-scope={scope}")
    assert result.ret == plain.ret
    (entry,) = index(pytester)
    assert entry["test"].endswith("test_stops" if scope == "test" else "session")
    assert (entry["outcome"], len(traces(pytester))) == ("interrupted", 1)
    assert (entry["status"], entry["reason"]) == ("partial", "ERR_TRACE_INCOMPLETE")


def test_a_run_clears_what_an_earlier_run_of_ours_left_and_nothing_else(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    run(pytester, "--record-trace")
    (old,) = traces(pytester)
    theirs = old.parent / "notes.txt"
    theirs.write_text("mine")
    also = pytester.path / "test-traces" / "other.pyrec"
    also.write_text("mine too")
    pytester.makepyfile("def test_passes(): pass")
    run(pytester, "--record-trace")
    assert not old.exists()
    assert theirs.read_text() == "mine"
    assert also.read_text() == "mine too"


def test_a_folder_of_a_run_that_is_still_alive_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_outer="""
        import os, subprocess, sys

        def test_fails_first():
            assert 0

        def test_runs_another_in_the_same_folder(request):
            from pathlib import Path
            folder = Path(request.config.rootpath) / "test-traces"
            entries = [p for p in folder.rglob("*.pyrec")]
            assert len(entries) == 1
            inner = request.config.rootpath / "inner"
            inner.mkdir()
            (inner / "test_inner.py").write_text("def test_ok(): pass")
            args = [sys.executable, "-m", "pytest", "-q", "--record-trace", "-p", "record_trace",
                    f"--record-dir={folder}", str(inner)]
            env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
            assert subprocess.run(args, env=env).returncode == 0
            assert entries[0].exists()
        """
    )
    result = run(pytester, "--record-trace")
    result.assert_outcomes(failed=1, passed=1)


def test_what_another_run_left_is_no_attempt_of_this_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    test = "test_what_another_run_left_is_no_attempt_of_this_one.py::test_fails"
    left = pytester.mkdir("test-traces") / folder_name(test, 1) / "trace.pyrec"
    left.parent.mkdir()
    left.write_bytes(b"of a run that was killed")
    result = run(pytester, "--record-trace")
    result.stdout.no_fnmatch_line("*attempt 2*")
    (entry,) = index(pytester)
    assert (entry["test"], entry["attempt"]) == (test, 1)
    assert entry["trace"] == f"{folder_name(test, 1)}-2/trace.pyrec"
    with pytest_recorder.open_trace(pytester.path / "test-traces" / entry["trace"]) as trace:
        assert trace.manifest.attempt == 1
    assert left.read_bytes() == b"of a run that was killed"


def test_a_run_that_is_killed_has_listed_what_it_kept(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("there is no SIGKILL on this system")
    pytester.makepyfile(
        """
        import os, signal
        def test_fails(): assert 0
        def test_fails_too(): assert 0
        def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    run(pytester, "--record-trace")
    assert kept(pytester) == ["test_fails#1", "test_fails_too#1"]
    folder = str(pytester.path / "test-traces")
    capsys.readouterr()
    assert main(["ls", folder]) == main(["show", folder]) == 0
    assert "::test_fails_too" in capsys.readouterr().out
    pytester.makepyfile("def test_passes(): pass")
    result = run(pytester, "--record-trace")
    # Nobody was told of them, other than of what `ls` recovered: they stay for one more run.
    result.stdout.fnmatch_lines(["recovered 2 traces *"])
    assert kept(pytester) == ["test_fails#1", "test_fails_too#1"]
    run(pytester, "--record-trace")
    assert (index(pytester), traces(pytester)) == ([], [])


def test_two_runs_at_the_same_time_keep_what_both_list(pytester: pytest.Pytester) -> None:
    """The inner run has the same tests as the outer one, and ends first."""
    pytester.makepyfile(
        test_twin="""
        import os, subprocess, sys

        def test_fails():
            assert 0

        def test_runs_the_twin(request):
            if "TWIN" not in os.environ:
                args = [sys.executable, "-m", "pytest", "-q", "--record-trace",
                        "-p", "record_trace", "-p", "no:cacheprovider"]
                env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
                done = subprocess.run(args, cwd=request.config.rootpath, env=env | {"TWIN": "1"})
                assert done.returncode == 1

        def test_fails_last():
            assert 0
        """
    )
    run(pytester, "--record-trace").assert_outcomes(failed=2, passed=1)
    assert kept(pytester) == ["test_fails#1"] * 2 + ["test_fails_last#1"] * 2
    entries = index(pytester)
    assert len({entry["trace"] for entry in entries}) == 4
    assert sorted("run_id" in entry for entry in entries) == [False, False, True, True]
    assert len(traces(pytester)) == 4
    pytester.makepyfile(test_twin="def test_passes(): pass")
    run(pytester, "--record-trace")
    assert (index(pytester), traces(pytester)) == ([], [])


def test_a_run_ends_beside_one_that_lives(pytester: pytest.Pytester) -> None:
    """What a living run lists stays although another run begins and ends after it."""
    pytester.makepyfile(test_other="def test_fails(): assert 0")
    run(pytester, "--record-trace")
    path = pytester.path / "test-traces" / "index.json"
    (living,) = traces(pytester)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as alive:
        data = json.loads(path.read_text())
        path.write_text(json.dumps({**data, "pid": alive.pid}))
        run(pytester, "--record-trace")
        run(pytester, "--record-trace")
        assert kept(pytester) == ["test_fails#1"] * 2
        assert living in traces(pytester)
        alive.communicate(b"\n")
    run(pytester, "--record-trace")
    assert len(traces(pytester)) == len(index(pytester)) == 1


def test_workers_that_run_the_same_tests_keep_a_trace_each(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile("def test_fails(): assert 0")
    result = run(pytester, "--record-trace", "--dist=each", "--tx=2*popen")
    result.assert_outcomes(failed=2)
    assert kept(pytester) == ["test_fails#1"] * 2
    assert len(traces(pytester)) == 2


SPANS = """
    import unittest

    import pytest

    @pytest.fixture
    def stops():
        pytest.xfail("in a fixture")

    def test_xfails_by_itself(): pytest.xfail("now")
    def test_xfails_in_setup(stops): pass
    class TestCase(unittest.TestCase):
        def test_fails(self): self.assertTrue(False)
        def test_skips(self): raise unittest.SkipTest("now")
        @unittest.expectedFailure
        def test_expected(self): self.assertTrue(False)
        @unittest.expectedFailure
        def test_unexpected(self): pass
    @pytest.mark.xfail(raises=ValueError)
    def test_xfails_otherwise(): raise KeyError
    @pytest.mark.xfail(raises=(ValueError, KeyError))
    def test_xfails_as_said(): raise KeyError
    @pytest.mark.xfail(raises=LookupError)
    def test_xfails_as_said_above(): raise KeyError
    def test_marks_itself(request):
        request.node.add_marker(pytest.mark.xfail(strict=True))
"""


@pytest.mark.parametrize("extra", [(), ("--runxfail",)])
def test_the_spans_end_as_the_phases_do(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(OUTCOMES + SPANS)
    run(pytester, "--record-trace", "--record-keep=all", *extra)
    found = traces(pytester)
    assert len(found) == 20
    for path in found:
        with pytest_recorder.open_trace(path) as trace:
            manifest = trace.manifest
        ends = {
            phase: outcome
            for phase, edge, _, outcome in spans(path)
            if edge == "end" and phase != "fixture"
        }
        assert ends == manifest.phases, manifest.test


def test_session_scope_keeps_one_trace_with_a_span_per_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): x = 1\ndef test_b(): assert 0\ndef test_c(): pass")
    run(pytester, "--record-trace", "--record-scope=session")
    (path,) = traces(pytester)
    (entry,) = index(pytester)
    assert (entry["test"], entry["outcome"], entry["status"]) == (
        "session",
        "failed",
        "complete",
    )
    calls = [name for phase, edge, name, _ in spans(path) if (phase, edge) == ("call", "begin")]
    assert [name.partition("::")[2] for name in calls if name] == ["test_a", "test_b", "test_c"]
    outcomes = [
        outcome for phase, edge, _, outcome in spans(path) if (phase, edge) == ("call", "end")
    ]
    assert outcomes == ["passed", "failed", "passed"]


def test_session_scope_keeps_nothing_of_a_run_that_passed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    run(pytester, "--record-trace", "--record-scope=session")
    assert traces(pytester) == []


def test_the_fixture_keeps_a_trace_that_would_go(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_keeps(recording):
            assert recording.is_recording and recording.events > 0
            recording.note("look here")
            recording.keep()
        def test_goes(recording): pass
        """
    )
    result = run(pytester, "--record-trace")
    result.assert_outcomes(passed=2)
    assert kept(pytester) == ["test_keeps#1"]


def test_long_and_strange_ids_become_distinct_safe_names(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("x", ["a/b", "a:b", "A", "a", "x" * 400, "ü\\n", "..", "CON"])
        def test_x(x): assert 0
        """
    )
    run(pytester, "--record-trace")
    folders = [path.parent.name for path in traces(pytester)]
    assert len(folders) == 8
    assert len({folder.lower() for folder in folders}) == 8
    for folder in folders:
        assert len(folder) <= 200
        assert not set(folder) & set('"<>|*?:\r\n\\/')


def test_what_is_no_text_costs_the_index_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        r"""
        def test_fails(): raise ValueError("bad \udcff text")
        def test_fails_too(): assert 0
        """
    )
    result = run(pytester, "--record-trace", "--tb=no", "-rN")
    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*RecorderWarning*")
    assert [entry["message"] for entry in index(pytester)] == [
        "ValueError: bad \\udcff text",
        "assert 0",
    ]
    assert (pytester.path / "test-traces" / "index.html").is_file()


def test_what_cannot_be_removed_stays_listed_and_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    run(pytester, "--record-trace")
    (trace,) = traces(pytester)
    trace.with_name("trace.html").mkdir()
    pytester.makepyfile("def test_fails(): assert True")
    for _ in range(2):
        result = run(pytester, "--record-trace")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["RecorderWarning: *ERR_IO* cannot remove the trace*"])
        assert kept(pytester) == ["test_fails#1"]
        assert trace.is_file()
    trace.with_name("trace.html").rmdir()
    run(pytester, "--record-trace").stdout.no_fnmatch_line("*RecorderWarning*")
    assert not trace.exists()
