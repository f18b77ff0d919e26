"""Failed tests are run again after the last one, recorded; nothing else is changed by it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from tests.plugin.support import index, kept, run, traces

RERUN = "--record-rerun-failed"
ALLOWED = re.compile(
    r"pytest_recorder(\.(plugin|settings|compat|original_builtins|system(\.\w+)?))?"
)
MODULES = """
    import os
    import sys

    def pytest_unconfigure(config):
        ours = sorted(name for name in sys.modules if name.startswith("pytest_recorder"))
        with open("modules.txt", "a") as file:
            print(os.environ.get("PYTEST_XDIST_WORKER", "-"), *ours, file=file)
"""
SEEN = """
    import os
    import pytest

    def note(*what):
        with open(os.environ["SEEN"], "a") as file:
            print(*what, file=file)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item, call):
        made = yield
        note("makereport", item.nodeid, call.when, made.outcome)
        return made

    def pytest_runtest_logreport(report):
        note("logreport", report.nodeid, report.when, report.outcome)

    def pytest_runtest_logstart(nodeid):
        note("logstart", nodeid)

    def pytest_runtest_logfinish(nodeid):
        note("logfinish", nodeid)

    def pytest_exception_interact(node):
        note("interact", node.nodeid)

    def pytest_warning_recorded(warning_message, nodeid):
        note("warning", nodeid, warning_message.message)

    class Account:
        # Keeps one of each test, as reporters do.
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item):
            item.account = note("begins", item.nodeid)
            return (yield)

        def pytest_runtest_setup(self, item):
            note("set up", item.nodeid)

        def pytest_runtest_logreport(self, report):
            note("accounted", report.nodeid)

    def pytest_configure(config):
        config.pluginmanager.register(Account())
"""
FAILING = """
    import asyncio
    import logging
    import sys
    import unittest
    import warnings
    import pytest

    made = []

    @pytest.fixture(scope="session")
    def number():
        made.append(1)
        yield len(made)

    @pytest.fixture(scope="module")
    def broken():
        raise OSError("no set-up")

    @pytest.fixture
    def breaks_later():
        yield
        raise RuntimeError("late")

    class TestOfClass:
        def test_instance(self):
            assert not hasattr(self, "been_here")
            self.been_here = True
            raise ValueError("of an instance")

    class TestOfUnittest(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.part = 1

        def test_part(self):
            self.assertEqual(self.part, 2)

        def test_subtests(self):
            for each in range(3):
                with self.subTest(each=each):
                    self.assertNotEqual(each, 1)

    @pytest.mark.parametrize("given", [1, 2])
    def test_parameters(given):
        assert given == 1

    @pytest.mark.asyncio
    async def test_asyncio():
        await asyncio.sleep(0)
        raise LookupError("of asyncio")

    @pytest.mark.anyio
    async def test_anyio():
        await asyncio.sleep(0)
        raise LookupError("of anyio")

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    def test_set_up(broken): pass
    def test_tear_down(breaks_later): pass

    def test_session_fixture(number):
        print("printed")
        sys.stderr.write("to stderr")
        logging.getLogger("log").error("logged")
        warnings.warn("warned")
        assert number == 0

    def test_properties(record_property, record_xml_attribute, record_testsuite_property):
        record_property("key", "value")
        record_xml_attribute("assertions", "3")
        record_testsuite_property("of suite", "value")
        assert 0

    @pytest.mark.xfail(strict=True)
    def test_strict_xpass(): pass
    @pytest.mark.xfail
    def test_xfail(): assert 0
    def test_skips(): pytest.skip()
    def test_passes(): pass
"""
FAILED = [
    "TestOfClass::test_instance",
    "TestOfUnittest::test_part",
    "TestOfUnittest::test_subtests",
    "test_anyio",
    "test_asyncio",
    "test_parameters[2]",
    "test_properties",
    "test_session_fixture",
    "test_set_up",
    "test_strict_xpass",
    "test_tear_down",
]
DIFFERENT = """
    import os
    import pytest

    runs = []

    def test_same():
        value = 3
        raise ValueError(10 * len(runs) or value)

    def test_other():
        runs.append(1)
        if len(runs) > 1:
            raise KeyError("later")
        raise ValueError("first")

    def test_passes_later():
        runs.append(1)
        assert len(runs) > 2

    def test_skips_later():
        runs.append(1)
        if len(runs) > 5:
            pytest.skip("no more")
        assert 0

    @pytest.mark.record(rerun=False)
    def test_exempt():
        assert 0
"""


def again(pytester: pytest.Pytester, folder: str = "test-traces") -> dict[str, str]:
    """How each re-run ended, by test without module."""
    return {
        entry["test"].partition("::")[2]: entry["rerun"] for entry in index(pytester, folder)
    }


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("args", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_green_run_imports_nothing(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    pytester.makeconftest(MODULES)
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record(rerun=False)
        def test_passes(recording_is_not_asked_for): pass
        @pytest.fixture
        def recording_is_not_asked_for(): return 1
        @pytest.mark.xfail
        def test_xfail(): assert 0
        """
    )
    result = run(pytester, RERUN, "--record-dir=out", "--record-html=on", *args)
    assert result.parseoutcomes() == {"passed": 1, "xfailed": 1}
    processes = (pytester.path / "modules.txt").read_text().splitlines()
    assert len(processes) == 1 + len(args) // 2
    for line in processes:
        assert [name for name in line.split()[1:] if not ALLOWED.fullmatch(name)] == []
    assert not (pytester.path / "out").exists()


def test_all_kinds_of_tests_and_nobody_sees_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(SEEN)
    pytester.makepyfile(FAILING)
    found: list[Any] = []
    for name, args in (("plain", ()), ("rerun", (RERUN,))):
        monkeypatch.setenv("SEEN", str(pytester.path / f"{name}.txt"))
        result = run(
            pytester,
            *("--junitxml=of.xml", "-rA", "-p", "cacheprovider", *args),
            plugins=("pytest_asyncio.plugin", "anyio"),
        )
        junit = (pytester.path / "of.xml").read_text()
        counted = re.findall(r"<testsuite [^>]*?(errors=.*?) time", junit)
        cases = re.findall(r'<testcase classname="(.*?)" name="(.*?)"', junit)
        values = junit.count('name="key"'), junit.count('name="of suite"')
        failed = json.loads((pytester.path / ".pytest_cache/v/cache/lastfailed").read_text())
        seen = (pytester.path / f"{name}.txt").read_text()
        captured = [result.outlines.count(text) for text in ("printed", "to stderr")]
        short = [line for line in result.outlines if re.match(r"(FAILED|ERROR) ", line)]
        warned = sum("UserWarning: warned" in line for line in result.outlines)
        outcomes = result.parseoutcomes()
        found.append(
            (result.ret, outcomes, counted, cases, values, failed, seen, captured, warned)
        )
        found[-1] += (re.sub(r" - \[XP.*", "", "\n".join(short)),)
    assert found[0] == found[1]
    assert again(pytester) == dict.fromkeys(FAILED, "same")
    assert kept(pytester) == sorted(f"{name}#2" for name in FAILED)
    assert {entry["status"] for entry in index(pytester)} == {"complete"}
    (told,) = [line for line in result.outlines if "with another message" in line]
    assert "assert 2 == 0" in told
    assert junit.count('name="record_trace_rerun" value="same"') >= len(FAILED) - 1


def test_it_is_recorded_in_more_detail_unless_asked_otherwise(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(DIFFERENT)
    found: list[Any] = []
    for args in ((), ("--record-values=depth=2", "--record-level=lines")):
        run(pytester, RERUN, "-k", "same", *args)
        with pytest_recorder.open_trace(traces(pytester)[0]) as trace:
            manifest = trace.manifest
        found.append((manifest.level, manifest.values, manifest.attempt, manifest.rerun))
    more = {"depth": 5, "items": 200, "chars": 4096, "attributes": 100, "objects": 128}
    less = {"depth": 2, "items": 20, "chars": 256, "attributes": 20, "objects": 128}
    assert found == [("values", more, 2, "same"), ("lines", less, 2, "same")]


ENDED = {"test_same": "same", "test_other": "other", "test_passes_later": "passed"}


@pytest.mark.parametrize("args", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_the_failure_says_how_the_re_run_ended(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    pytester.makepyfile(DIFFERENT)
    summary = pytester.path / "summary.md"
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    for name, value in {"GITHUB_ACTIONS": "1", "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JENKINS_URL", "1")
    result = run(pytester, RERUN, "--junitxml=of.xml", *args)
    assert result.parseoutcomes() == {"failed": 5}
    assert again(pytester) == ENDED | {"test_skips_later": "skipped"}
    flaky = "it may be flaky, or depend on the tests that ran before it"
    result.stdout.fnmatch_lines(
        [
            "*FAILURES*",
            "run again, it failed the same way: ValueError at *.py:8, but with another message: *",
            "trace: test-traces*test_same*-2*trace.pyrec",
            "*value = 3*",
            f"*another way: KeyError at *:13 (call), not ValueError at *:14 (call); {flaky}",
            f"run again, it passed; {flaky}",
            "open it: pytest-recorder show test-traces*",
            f"run again, it was skipped; {flaky}",
            "*recorded traces*",
            "kept 4 of 4 traces*",
            "*::test_passes_later (attempt 2: run again, it passed)*",
            "::error *test_same*run again, it failed the same way*trace: *",
            "::error *test_exempt*",
        ]
    )
    assert summary.read_text().count("trace&#46;pyrec") == 4
    junit = (pytester.path / "of.xml").read_text()
    assert re.findall(r'name="record_trace_rerun" value="(\w+)"', junit) == [
        *("same", "other", "passed", "skipped")
    ]
    assert junit.count("[[ATTACHMENT|") == 6


@pytest.mark.parametrize(
    ("args", "ended"),
    [
        (("-x",), ["test_same"]),
        (("--maxfail=2",), ["test_other", "test_same"]),
        (("--reruns=1", "-k", "same"), ["test_same"]),
        (("-n", "1", "-x"), ["test_same"]),
    ],
)
def test_runs_that_end_early_or_try_again(
    pytester: pytest.Pytester, args: tuple[str, ...], ended: list[str]
) -> None:
    pytester.makepyfile(DIFFERENT)
    plain = run(pytester, *args)
    result = run(pytester, RERUN, *args)
    assert (result.ret, result.parseoutcomes()) == (plain.ret, plain.parseoutcomes())
    number = 3 if "--reruns=1" in args else 2
    assert kept(pytester) == [f"{name}#{number}" for name in ended]


ENDS = """
    import os
    import signal
    import pytest

    runs = []

    def test_first(): assert 0

    def test_ends():
        runs.append(1)
        if len(runs) > 1:
            {end}
        assert 0

    def test_last(): assert 0
"""


@pytest.mark.parametrize(
    ("end", "args", "told"),
    [
        ("pytest.exit('no more')", (), ["same", "other", "same"]),
        ("raise KeyboardInterrupt", (), ["same", "interrupted"]),
        ("os._exit(3)", ("-n", "1"), ["same", None]),
    ],
)
def test_a_re_run_that_ends_the_run_does_not_end_it(
    pytester: pytest.Pytester, end: str, args: tuple[str, ...], told: list[str | None]
) -> None:
    pytester.makepyfile(ENDS.format(end=end))
    result = run(pytester, RERUN, *args)
    assert (result.ret, result.parseoutcomes()) == (1, {"failed": 3})
    entries = sorted(index(pytester), key=lambda e: ("first" not in e["test"], e["test"]))
    assert [entry.get("rerun") for entry in entries] == told
    assert len(traces(pytester)) == len(told)
    if args:
        result.stdout.fnmatch_lines(
            [
                "run again, it failed the same way",
                "run again, it took its process down",
                "not run again: the process that ran it has died",
            ]
        )


def test_a_run_that_is_interrupted_runs_nothing_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_fails(): assert 0
        def test_ends(): raise KeyboardInterrupt
        """
    )
    result = run(pytester, RERUN)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (pytester.path / "test-traces").exists()


@pytest.mark.parametrize("left", ["environ", "modules"])
def test_what_the_tests_leave_behind_does_not_end_the_run(
    pytester: pytest.Pytester, left: str
) -> None:
    leaves = {
        "environ": "os.environ['PYTEST_RECORDER_LEVEL'] = 'everything'",
        "modules": "sys.modules['pytest_recorder.errors'] = None",
    }
    pytester.makepyfile(f"import os, sys\ndef test_leaves():\n    {leaves[left]}\n    assert 0")
    for args in ((), ("-n", "1")):
        result = run(pytester, RERUN, *args)
        assert (result.ret, result.parseoutcomes()) == (1, {"failed": 1})
        result.stdout.fnmatch_lines(["record-trace: nothing was run again, *Error: *"])


def test_a_marked_test_is_recorded_at_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record
        def test_marked(): assert 0
        @pytest.mark.record(False)
        def test_never(): assert 0
        def test_plain(): assert 0
        @pytest.mark.record(level="calls")
        class TestOfClass:
            @pytest.mark.record(rerun=False)
            def test_marked(self): pass
        """
    )
    expected = ["TestOfClass::test_marked#1", "test_marked#1", "test_plain#2"]
    for args in ((), ("-n", "1")):
        result = run(pytester, RERUN, *args)
        assert result.parseoutcomes() == {"failed": 3, "passed": 1}
        assert kept(pytester) == expected


def test_the_marker_keyword_alone_records_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(DIFFERENT)
    run(pytester, "-k", "exempt")
    assert not (pytester.path / "test-traces").exists()
    run(pytester, "--record-trace", "-k", "exempt")
    assert kept(pytester) == ["test_exempt#1"]


@pytest.mark.parametrize(("method", "ended"), [("signal", "other"), ("thread", "same")])
def test_a_time_limit_holds_unless_it_would_end_the_process(
    pytester: pytest.Pytester, method: str, ended: str
) -> None:
    pytester.makepyfile(
        f"""
        import threading
        import pytest
        runs = []
        @pytest.mark.timeout(0.2, method="{method}")
        def test_slow():
            runs.append(1)
            if len(runs) > 1:
                threading.Event().wait(0.4)
            assert 0
        """
    )
    result = run(pytester, RERUN, plugins=("pytest_timeout",))
    assert (result.ret, again(pytester)) == (1, {"test_slow": ended})


@pytest.mark.parametrize(
    ("args", "ini", "variable", "named"),
    [
        (("--record-trace",), "", "", "--record-trace (command line)"),
        (("--record-scope=session",), "", "", "--record-scope (command line)"),
        ((), "", "KEEP=all", "PYTEST_RECORDER_KEEP (environment)"),
        ((), "record_trace = true", "", "record_trace (ini)"),
    ],
)
def test_what_asks_for_the_opposite_is_refused(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    ini: str,
    variable: str,
    named: str,
) -> None:
    pytester.makepyfile("raise SystemError('collected')")
    pytester.makeini(f"[pytest]\nrecord_rerun_failed = true\n{ini}")
    if variable:
        name, _, value = variable.partition("=")
        monkeypatch.setenv(f"PYTEST_RECORDER_{name}", value)
    result = run(pytester, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*ERR_INVALID_OPTION*record_rerun_failed (ini) excludes *{named}*"]
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--record-include=a[",), "*--record-include*"),
        (("--record-max-kept=0",), "*--record-max-kept*"),
        (("--record-dir=in-the-way",), "*ERR_TRACE_DIR_CONFLICT*in-the-way*"),
    ],
)
def test_other_options_are_checked_before_collection(
    pytester: pytest.Pytester, args: tuple[str, ...], message: str
) -> None:
    Path(pytester.path, "in-the-way").write_text("mine")
    pytester.makepyfile("raise SystemError('collected')")
    result = run(pytester, RERUN, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize("off", ["--no-record-rerun-failed", "kill"])
def test_it_can_be_turned_off(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    pytester.makepyfile("def test_fails(): assert 0")
    monkeypatch.setenv("PYTEST_RECORDER_RERUN_FAILED", "yes")
    if off == "kill":
        monkeypatch.setenv("PYTEST_RECORDER", "0")
    result = run(pytester, *(() if off == "kill" else (off,)))
    result.stdout.no_fnmatch_line("record-trace:*")
    assert not os.path.exists(pytester.path / "test-traces")
