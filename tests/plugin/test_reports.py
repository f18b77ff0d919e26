"""What a run says: header, section of a failing test, properties, summary, JUnit, xdist."""

from xml.etree import ElementTree as ET

import pytest

from pytest_recorder.tracefile.reader import open_trace
from tests.plugin.support import index, kept, needs_settrace, run, traces

FAILING = """
    def helper(numbers):
        numbers.append(3)
        return sum(numbers)

    def test_total():
        numbers = [1]
        total = helper(numbers)
        assert total == 1
"""


def test_the_header_names_what_is_recorded_where_and_by_what(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    result = run(pytester, "--record-trace", "--record-level=lines")
    result.stdout.re_match_lines(
        [r"record-trace: lines per test, keep failed, \w+/\w+ \(.+\), traces in test-traces$"]
    )


@pytest.mark.parametrize("variable", ["PYTEST_RECORDER_PURE", None])
def test_the_header_says_why_the_slow_path_records_where_it_does(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.delenv("PYTEST_RECORDER_PURE", raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "1")
    pytester.makepyfile("def test_a(): pass")
    (header,) = [
        line for line in run(pytester, "--record-trace").outlines if "per test" in line
    ]
    reason = "; pure Python, slower: PYTEST_RECORDER_PURE asks for pure Python), "
    assert reason in header or variable is None
    assert ("/python (" in header) == ("pure Python, slower: " in header)


def test_an_idle_run_says_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    result = run(pytester, "-v")
    result.stdout.no_fnmatch_line("record-trace:*")
    assert not (pytester.path / "test-traces").exists()


@pytest.mark.parametrize("extra", [(), ("--show-capture=no",), ("--tb=short",), ("-n", "2")])
def test_the_section_tells_what_led_to_the_failure(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(FAILING)
    result = run(pytester, "--record-trace", *extra)
    output = result.stdout.str()
    section = output.partition("Recorded trace")[2].partition("recorded traces")[0]
    (path,) = traces(pytester)
    assert f"trace: {path.relative_to(pytester.path)}" in section
    name = "test_the_section_tells_what_led_to_the_failure.py"
    (appended,) = [line for line in section.splitlines() if line.startswith(f"{name}:2 ")]
    assert "numbers.append(3)" in appended  # in the helper, which has returned
    assert "numbers[1] = 3" in appended
    assert "total = 4" in section


def test_the_section_stands_in_junit_and_the_end_in_properties(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(FAILING)
    run(pytester, "--record-trace", "--junitxml=out.xml")
    tree = ET.parse(pytester.path / "out.xml")
    failure = tree.find(".//failure")
    assert failure is not None
    assert "Recorded trace" in (failure.text or "")
    properties = {p.get("name"): p.get("value") for p in tree.iter("property")}
    (path,) = traces(pytester)
    assert properties["record_trace"] == str(path.relative_to(pytester.path))
    assert properties["record_trace_status"] == "complete"
    assert properties["record_trace_size_bytes"] == str(path.stat().st_size)


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_a_strict_xpass_has_a_section_wherever_failures_are_shown(
    pytester: pytest.Pytester, extra: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "1")
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.xfail(strict=True, reason="known")
        def test_a(): pass
        """
    )
    result = run(pytester, "--record-trace", "--show-capture=no", "--junitxml=out.xml", *extra)
    result.stdout.re_match_lines(
        [r"\[XPASS\(strict\)\] known", r"-+ Recorded trace -+", r"FAILED .* known$"]
    )
    failure = ET.parse(pytester.path / "out.xml").find(".//failure")
    assert failure is not None
    assert failure.get("message") == "[XPASS(strict)] known"
    assert "last steps before the failure" in (failure.text or "")


def test_an_error_of_ours_stands_beside_that_of_the_teardown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def breaks_later():
            yield
            raise ValueError("theirs")
        def test_a(breaks_later): pass
        """
    )
    result = run(
        pytester,
        "--record-trace",
        "--record-exclude=*",
        "--record-require-trace",
        "--show-capture=no",
    )
    result.stdout.fnmatch_lines(["*ValueError: theirs", "*ERR_TRACE_MISSING*"])


def test_a_setup_error_has_a_section_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def broken():
            value = 7
            raise ValueError(value)
        def test_a(broken): pass
        """
    )
    result = run(pytester, "--record-trace")
    result.stdout.fnmatch_lines(["*Recorded trace*", "trace: test-traces*"])


def test_workers_record_and_the_controller_keeps_the_index(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("n", range(8))
        def test_n(n): assert n % 2
        """
    )
    result = run(pytester, "--record-trace", "-n", "2")
    result.assert_outcomes(passed=4, failed=4)
    assert kept(pytester) == [f"test_n[{n}]#1" for n in (0, 2, 4, 6)]
    assert sum(entry["events"] > 0 for entry in index(pytester)) == 4
    result.stdout.fnmatch_lines(["record-trace: values per test*", "kept 4 of 8 traces*"])


def test_the_summary_lists_kept_traces(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILING)
    result = run(pytester, "--record-trace", "-q")
    (path,) = traces(pytester)
    result.stdout.fnmatch_lines(
        [
            "*recorded traces*",
            "kept 1 of 1 trace (*) in test-traces",
            f"*::test_total (* events) -> {path.relative_to(pytester.path)}",
        ]
    )


ENDS_LATER = """
    import pytest
    @pytest.fixture
    def numbers():
        yield [1]
        for number in range(40):
            text = str(number)
    def test_fails(numbers):
        if {condition}:
            assert sum(numbers) == 2
    def test_errs(numbers):
        pass
    @pytest.fixture(autouse=True)
    def last():
        yield
        assert False
"""


@pytest.mark.parametrize("extra", [(), ("-n", "1"), ("--record-scope=session",)])
@pytest.mark.parametrize("condition", ["True", "False"], ids=["call", "teardown"])
def test_numbers_of_events_are_those_that_the_trace_has(
    pytester: pytest.Pytester, condition: str, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(ENDS_LATER.format(condition=condition))
    output = run(pytester, "--record-trace", *extra).stdout.str()
    for path in traces(pytester):
        with open_trace(path) as trace:
            assert trace.trailer.events == len(trace) > 40
            name = (trace.manifest.test or "session").rpartition("::")[2]
            shown = path.relative_to(pytester.path)
            assert f"{name} ({len(trace)} events) -> {shown}\n" in output
    section, _, summary = output.partition("recorded traces")
    assert summary.count(" events) -> ") == len(traces(pytester)) > 0
    assert "trace: test-traces" in section
    assert " events" not in section


def test_what_a_trace_has_dropped_stands_in_its_section_and_in_the_summary(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture(autouse=True)
        def more():
            yield
            work()
        def work():
            for number in range(3000):
                text = str(number) * 40
        def test_fails():
            work()
            assert 0
        """
    )
    result = run(pytester, "--record-trace", "--record-max-bytes=64KiB")
    (path,) = traces(pytester)
    with open_trace(path) as trace:
        assert trace.trailer.dropped > 1000
        held = f"{len(trace):,} events, {trace.trailer.dropped:,} dropped"
    result.stdout.fnmatch_lines(
        ["trace: * (* events dropped so far)", f"*::test_fails ({held}) -> test-traces*"]
    )


@pytest.mark.parametrize(
    "extra", [("-W", "error"), ("--max-warnings=0",), ("-p", "no:terminal")]
)
def test_nothing_of_ours_disturbs_strict_runs(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    if extra[0] == "--max-warnings=0" and pytest.version_tuple < (9, 1):
        pytest.skip("pytest has --max-warnings since 9.1")
    pytester.makepyfile("def test_a(): pass")
    result = run(pytester, "--record-trace", "--record-dir=/proc/none/traces", *extra)
    assert result.ret == 0
    if "no:terminal" not in extra:
        result.stdout.fnmatch_lines(["*RecorderWarning: *ERR_TRACE_DIR_CREATE_FAILED*"])


def test_a_folder_that_cannot_be_made_fails_each_test_under_abort(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a(): pass\ndef test_b(): pass")
    result = run(
        pytester, "--record-trace", "--record-dir=/proc/none/traces", "--record-on-error=abort"
    )
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_a*", "*ERR_TRACE_DIR_CREATE_FAILED*"]
    )


def test_a_required_trace_that_is_empty_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    result = run(pytester, "--record-trace", "--record-require-trace", "--record-exclude=*.py")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERR_TRACE_MISSING*"])


def test_a_required_trace_that_was_dropped_was_good_enough(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    run(pytester, "--record-trace", "--record-require-trace").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("--record-on-error=abort", "ERR_TRACE_DIR_CREATE_FAILED"),
        ("--record-require-trace", "ERR_TRACE_MISSING"),
    ],
)
def test_a_trace_of_the_run_that_cannot_begin_fails_each_recorded_test(
    pytester: pytest.Pytester, option: str, code: str
) -> None:
    pytester.makepyfile(
        """
        import pytest
        def test_a(): pass
        def test_b(): pass
        @pytest.mark.record(False)
        def test_c(): pass
        """
    )
    args = ("--record-scope=session", "--record-dir=/proc/none/traces", option)
    result = run(pytester, "--record-trace", *args)
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_a*", f"*{code}*"])
    result.stdout.no_fnmatch_line("ERROR: *")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_only_the_end_of_the_run_tells_fails_the_run(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile("def test_a(): pass")
    args = ("--record-scope=session", "--record-exclude=*", "--record-require-trace")
    result = run(pytester, "--record-trace", *args, *workers)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*recorded traces*", "ERROR: session: [[]ERR_TRACE_MISSING[]] a trace is required*"]
    )


@needs_settrace
def test_a_trace_of_the_run_that_ends_early_fails_the_test_of_that_time(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_a(): pass
        def test_takes_over(): sys.settrace(lambda *_: None)
        def test_c(): sys.settrace(None)
        """
    )
    args = ("--record-engine=settrace", "--record-scope=session", "--record-on-error=abort")
    result = run(pytester, "--record-trace", *args)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_takes_over*", "*ERR_TRACER_INSTALL_CONFLICT*"]
    )
    required = run(pytester, "--record-trace", *args, "--record-require-trace")
    required.assert_outcomes(passed=3, errors=1)
    required.stdout.fnmatch_lines(["ERROR: session: [[]ERR_TRACE_INCOMPLETE[]]*"])


@needs_settrace
def test_tests_that_recorded_nothing_do_not_count(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_a(): assert 0
        def test_leaves_its_tracer(): sys.settrace(lambda *_: None)
        def test_c(): pass
        def test_d(): sys.settrace(None)
        """
    )
    result = run(pytester, "--record-trace", "--record-engine=settrace")
    result.stdout.fnmatch_lines(["kept 1 of 2 traces *"])


def test_a_timeout_in_our_time_fails_the_test_and_nothing_else(
    pytester: pytest.Pytester,
) -> None:
    """The handler of pytest-timeout raises wherever the program is, in a hook of ours too."""
    pytester.makeconftest(
        """
        import signal
        from pytest_recorder.plugin import report_lines
        from pytest_recorder.plugin.explainer import Explainer

        real_lines, real_explanation = report_lines.section_lines, Explainer.explain

        def section_lines(*args, **named):
            signal.raise_signal(signal.SIGALRM)
            return real_lines(*args, **named)

        def explain(*args):
            print("left on the clock:", signal.getitimer(signal.ITIMER_REAL)[0])
            return real_explanation(*args)

        report_lines.section_lines, Explainer.explain = section_lines, explain
        """
    )
    pytester.makepyfile("def test_fails(): assert 0\ndef test_passes(): pass")
    # A clock of a test that failed is stopped by pytest-timeout itself.
    options = ("--record-keep=all", "--timeout=100", "--timeout-method=signal", "-s")
    result = run(pytester, "--record-trace", *options, plugins=("timeout",))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*left on the clock: 0.0"] * 2 + ["*- Timeout -*", "*Timeout (>100.0s)*"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert kept(pytester) == ["test_fails#1", "test_passes#1"]
