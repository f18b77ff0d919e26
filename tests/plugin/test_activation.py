"""When a run records: options, markers, rivals, nesting, and what an idle plugin costs."""

import pytest

import pytest_recorder
from pytest_recorder import compat
from tests.plugin.support import events, index, kept, needs_settrace, run, traces

ABSENT = "settrace" if compat.HAS_MONITORING else "monitoring"
BAD_COMMANDS = [
    (("--record-level=everything",), "*--record-level*calls, lines or values*"),
    (("--record-keep=some",), "*--record-keep*failed or all*"),
    (("--record-max-bytes=lots",), "*'lots'*--record-max-bytes*"),
    (("--record-values=depth=x",), "*'x'*--record-values*"),
    (("--record-errors=disk=fail",), "*'disk'*--record-errors*"),
    (("--record-engine=magic",), "*'magic'*--record-engine*"),
    ((f"--record-engine={ABSENT}",), f"*ERR_NOT_SUPPORTED*'{ABSENT}'*Python 3.1*"),
    (("--record-include=a[",), "*'a[[]'*--record-include*"),
]


@pytest.mark.parametrize(("args", "message"), BAD_COMMANDS)
def test_a_wrong_option_ends_the_run_before_collection(
    pytester: pytest.Pytester, args: tuple[str, ...], message: str
) -> None:
    pytester.makepyfile("raise SystemError('collected')")
    result = run(pytester, "--record-trace", *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*collected*")


def test_an_engine_that_is_not_here_ends_a_run_with_a_marked_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record
        def test_a(): raise SystemError("ran")
        """
    )
    result = run(pytester, f"--record-engine={ABSENT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*ERR_NOT_SUPPORTED*'{ABSENT}'*"])
    result.stdout.no_fnmatch_line("*SystemError*")


def test_a_wrong_ini_key_ends_the_run_before_collection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("raise SystemError('collected')")
    pytester.makeini("[pytest]\nrecord_trace = maybe")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*ERR_INVALID_OPTION*record_trace (ini)*true or false*'maybe'*"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_trace_folder_that_is_a_file_ends_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("raise SystemError('collected')")
    (pytester.path / "test-traces").write_text("mine")
    result = run(pytester, "--record-trace")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ERR_TRACE_DIR_CONFLICT*test-traces*"])
    assert (pytester.path / "test-traces").read_text() == "mine"


def test_a_trace_folder_that_is_a_file_ends_a_run_with_a_marked_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record
        def test_a(): raise SystemError("ran")
        """
    )
    (pytester.path / "test-traces").write_text("mine")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ERR_TRACE_DIR_CONFLICT*test-traces*"])


def test_an_unknown_marker_keyword_ends_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record(colour="red")
        def test_a(): raise SystemError("ran")
        """
    )
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_a*'colour'*keep, level*"])


MARKED = """
    import pytest
    @pytest.mark.record
    def test_marked(): pass
    @pytest.mark.record(False)
    def test_never(): assert 0
    @pytest.mark.record(keep="failed")
    def test_failed_only(): pass
    def test_plain(): assert 0
"""


def test_a_marker_records_its_test_in_a_run_that_does_not(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED)
    run(pytester)
    assert kept(pytester) == ["test_marked#1"]


REWRITTEN = """
    import sys
    import pytest
    # As pytest does it with what is installed along with a plugin.
    pytest.register_assert_rewrite("pytest_recorder")
    before = list(map(type, sys.meta_path))
"""
LOADED = """
    import sys
    import early
    import pytest
    {mark}
    def test_loaded():
        ours = [m for n, m in sys.modules.items() if n.startswith("pytest_recorder.recording")]
        assert len(ours) > 5
        assert {{type(m.__spec__.loader).__name__ for m in ours}} == {{"SourceFileLoader"}}
        assert list(map(type, sys.meta_path)) == early.before
"""


@pytest.mark.parametrize(
    ("args", "mark"), [(("--record-trace",), ""), ((), "@pytest.mark.record")]
)
def test_what_records_is_imported_past_the_rewriting_of_asserts(
    pytester: pytest.Pytester, args: tuple[str, ...], mark: str
) -> None:
    pytester.makepyfile(early=REWRITTEN)
    pytester.makepyfile(LOADED.format(mark=mark))
    result = run(pytester, "-p", "early", *args)
    result.assert_outcomes(passed=1)


def test_markers_and_the_run_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED)
    run(pytester, "--record-trace")
    assert kept(pytester) == ["test_marked#1", "test_plain#1"]


@pytest.mark.parametrize("how", ["--no-record-trace", "PYTEST_RECORDER=0"])
def test_off_is_off_for_markers_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pytester.makepyfile(MARKED)
    args = ["--record-trace"]
    if how.startswith("--"):
        args.append(how)
    else:
        monkeypatch.setenv(*how.split("="))
    run(pytester, *args)
    assert not (pytester.path / "test-traces").exists()


def test_a_marker_changes_the_level_of_its_test_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.record(level="calls")
        def test_calls(): x = 1
        def test_values(): x = 1
        """
    )
    run(pytester, "--record-trace", "--record-keep=all")
    levels = {}
    for path in traces(pytester):
        with pytest_recorder.open_trace(path) as trace:
            test = (trace.manifest.test or "").partition("::")[2]
            levels[test] = (trace.manifest.level, {e.kind for e in trace.events()} & {"line"})
    assert levels == {"test_calls": ("calls", set()), "test_values": ("values", {"line"})}


def test_without_the_plugin_nothing_of_it_is_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    without = ("-p", "no:record_trace", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*without, "--help").stdout.no_fnmatch_line("*--record-trace*")
    assert pytester.runpytest_subprocess(*without, "--record-trace").ret == 4


def test_help_has_a_group_of_its_own(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--help")
    result.stdout.fnmatch_lines(["execution traces (pytest-record-trace):", "*--record-trace*"])


def test_an_idle_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_modules():
            heavy = ("pydantic", "orjson", "pytest_recorder.recording.recorder", "pytest_recorder.engine")
            assert [name for name in heavy if name in sys.modules] == []
            assert "pytest_recorder.plugin" in sys.modules
        def test_fixture(recording):
            assert not recording.is_recording and recording.path is None
            recording.note("nothing happens")
            recording.keep()
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_a_path_after_the_flag_is_not_swallowed(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile("def test_a(): assert 0")
    run(pytester, "--record-trace", str(path)).assert_outcomes(failed=1)
    assert kept(pytester) == ["test_a#1"]


def test_pytest_collects_nothing_from_the_trace_folder(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    run(pytester, "--record-trace")
    (pytester.path / "test-traces" / "test_stray.py").write_text("def test_b(): pass")
    run(pytester, "--record-trace").assert_outcomes(failed=1)


def test_a_pytest_run_inside_a_recorded_test_leaves_the_recording_alone(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("pytest_plugins = ['pytester']")
    pytester.makepyfile(
        """
        def test_outer(pytester):
            before = 1
            pytester.makepyfile("def test_inner(): assert 0")
            args = ("-p", "record_trace", "--record-trace", "-p", "no:cacheprovider")
            result = pytester.runpytest_inprocess(*args)
            result.assert_outcomes(failed=1)
            assert not (pytester.path / "test-traces").exists()
            after = 2
            assert after == 3
        """
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (entry,) = index(pytester)
    assert entry["status"] == "complete"
    assert "after" in [name for e in events(traces(pytester)[0]) for name in e.changes]


RIVAL = """
    import sys
    def tracer(frame, event, arg): return None
    sys.settrace(tracer)
"""


@needs_settrace
@pytest.mark.parametrize("first", ["sys.settrace(print)", "pass"])
def test_a_test_that_removes_the_trace_function_has_a_partial_trace(
    pytester: pytest.Pytester, first: str
) -> None:
    pytester.makepyfile(
        f"""
        import sys
        def helper(): return 1
        def test_removes():
            {first}; sys.settrace(None)
            helper()
        def test_after(): helper()
        """
    )
    result = run(pytester, "--record-trace", "--record-keep=all", "--record-engine=settrace")
    result.assert_outcomes(passed=2)
    assert [(entry["status"], entry["reason"]) for entry in index(pytester)] == [
        ("partial", "ERR_TRACER_INSTALL_CONFLICT"),
        ("complete", None),
    ]


@needs_settrace
def test_a_rival_tracer_turns_recording_off_and_is_named(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(RIVAL)
    pytester.makepyfile("def test_a(): assert 0")
    result = run(pytester, "--record-trace", "--record-engine=settrace")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["record-trace: off, the trace function is taken by conftest.tracer"]
    )


def test_coverage_and_recording(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_cov")
    pytester.makepyfile("def test_a(): assert 0")
    result = run(pytester, "--record-trace", "--cov=.")
    result.assert_outcomes(failed=1)
    if compat.HAS_MONITORING:
        assert kept(pytester) == ["test_a#1"]
    else:
        result.stdout.fnmatch_lines(["record-trace: off, *coverage*"])


@pytest.mark.skipif(not compat.HAS_MONITORING, reason="tool ids came with Python 3.12")
def test_taken_tool_ids(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    pytester.makeconftest(
        "import sys\nfor tool in (0, 2, 3, 4, 5): sys.monitoring.use_tool_id(tool, f'rival{tool}')"
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    assert kept(pytester) == ["test_a#1"]
    pytester.makeconftest(
        "import sys\nfor tool in range(6): sys.monitoring.use_tool_id(tool, f'rival{tool}')"
    )
    result = run(pytester, "--record-trace")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["record-trace: off, *rival0*rival5*"])


def test_a_test_that_changes_directory_writes_where_the_run_began(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import os
        def test_moves(tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)
            assert 0
        def test_stays_moved(tmp_path):
            os.chdir(tmp_path)
            assert 0
        """
    )
    run(pytester, "--record-trace")
    assert kept(pytester) == ["test_moves#1", "test_stays_moved#1"]


@pytest.mark.parametrize("source", ["ini", "toml", "environment", "command line"])
def test_recording_can_be_asked_for_anywhere(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    args: list[str] = []
    if source == "ini":
        pytester.makeini("[pytest]\nrecord_trace = true\nrecord_dir = out\n")
    elif source == "toml":
        if pytest.version_tuple < (9, 0):
            pytest.skip("native TOML came with pytest 9.0")
        text = "[tool.pytest]\nrecord_trace = true\nrecord_dir = 'out'\n"
        (pytester.path / "pyproject.toml").write_text(text)
    elif source == "environment":
        monkeypatch.setenv("PYTEST_RECORDER", "1")
        monkeypatch.setenv("PYTEST_RECORDER_DIR", "out")
    else:
        args = ["--record-trace", "--record-dir=out"]
    run(pytester, *args)
    assert kept(pytester, "out") == ["test_a#1"]


def test_the_trace_opens_without_the_code_that_made_it(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile("def test_a():\n    assert 0")
    run(pytester, "--record-trace")
    path.unlink()
    (trace_path,) = traces(pytester)
    with pytest_recorder.open_trace(trace_path) as trace:
        assert trace.source(str(path)) == "def test_a():\n    assert 0"
