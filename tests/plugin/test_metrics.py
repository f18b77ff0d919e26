"""What a run counts, where it goes, and that it disturbs nothing."""

import json
import re
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import pytest_recorder
from tests.collector import Collector
from tests.plugin.support import index, needs_settrace, run, traces

SUITE = """
    import os
    import pytest

    def test_passes():
        assert 1

    def test_fails():
        password = "hunter22"
        assert not password

    @pytest.mark.record
    def test_is_marked():
        assert 1

    @pytest.mark.parametrize("n", range(4))
    def test_many(n):
        assert n != 2
"""


def samples(path: Path) -> dict[str, float]:
    """Values by name and labels, without the prefix and `_total`."""
    return {
        ".".join(
            (
                sample.name.removeprefix("pytest_recorder_").removesuffix("_total"),
                *(
                    sample.labels[label]
                    for label in ("result", "status")
                    if label in sample.labels
                ),
                *(v for k, v in sorted(sample.labels.items()) if k not in ("result", "status")),
            )
        ): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def check_suite(pytester: pytest.Pytester, path: Path) -> None:
    """The numbers of SUITE under keep=failed: three traces are kept, four dropped."""
    found = samples(path)
    kept = [entry for entry in index(pytester) if entry["trace"]]
    assert len(kept) == 3
    assert found["traces.kept.complete"] == 3
    assert found["traces.dropped.complete"] == 4
    assert found["written_events"] == sum(entry["events"] for entry in kept)
    assert found["written_bytes"] == sum(path.stat().st_size for path in traces(pytester))
    assert found["recorded_events"] > found["written_events"]
    assert found["redactions.value"] >= 1
    assert not any(name.startswith(("faults", "detaches", "sink", "dropped")) for name in found)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_file_has_the_counts_of_the_run_and_its_workers(
    pytester: pytest.Pytester, workers: int
) -> None:
    pytester.makepyfile(SUITE)
    args = ("-n", str(workers)) if workers else ("-p", "no:xdist")
    result = run(pytester, "--record-trace", "--record-metrics-file=m/r.prom", *args)
    result.assert_outcomes(passed=5, failed=2)
    check_suite(pytester, pytester.path / "m" / "r.prom")
    assert [path.name for path in (pytester.path / "m").iterdir()] == ["r.prom"]


def test_the_file_comes_from_the_ini_file_and_the_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_a(): pass")
    pytester.makeini("[pytest]\nrecord_metrics_file = ini.prom\nrecord_trace = true")
    run(pytester)
    assert samples(pytester.path / "ini.prom")["traces.dropped.complete"] == 1
    monkeypatch.setenv("PYTEST_RECORDER_METRICS_FILE", "env.prom")
    run(pytester)
    assert samples(pytester.path / "env.prom")["traces.dropped.complete"] == 1


def test_a_run_that_records_nothing_writes_zeros(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    run(pytester, "--record-metrics-file=r.prom").assert_outcomes(passed=1)
    assert samples(pytester.path / "r.prom") == {
        "recorded_events": 0,
        "written_events": 0,
        "written_bytes": 0,
    }


def test_the_summary_has_the_counts_with_v_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    quiet = run(pytester, "--record-trace")
    quiet.stdout.no_fnmatch_line("*recorded events:*")
    loud = run(pytester, "--record-trace", "-v")
    loud.stdout.fnmatch_lines(
        [
            "traces: 7 (4 dropped complete, 3 kept complete)",
            "recorded events: *",
            "written events: *",
            "written bytes: *",
            "redactions: *value)",
        ]
    )


def test_the_trailer_and_info_have_the_counts_of_the_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    run(pytester, "--record-trace", "-k", "test_fails")
    (path,) = traces(pytester)
    with pytest_recorder.open_trace(path) as trace:
        counters = trace.trailer.counters
        assert counters["recorded_events"] == len(trace)
    assert counters["redactions.value"] >= 1
    told = pytester.run(sys.executable, "-m", "pytest_recorder", "info", "--json", str(path))
    assert json.loads(told.stdout.str())["counters"] == counters
    plain = pytester.run(sys.executable, "-m", "pytest_recorder", "info", str(path))
    plain.stdout.fnmatch_lines([f"counters *recorded_events={counters['recorded_events']}*"])


def test_what_a_worker_counted_before_it_died_is_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os

        def test_one(): assert 0
        def test_two(): assert 1
        def test_dies(): os._exit(3)
        """
    )
    run(
        pytester,
        "--record-trace",
        "--record-metrics-file=r.prom",
        "-n",
        "1",
        "--max-worker-restart=0",
    )
    found = samples(pytester.path / "r.prom")
    assert found["traces.kept.complete"] == 1
    assert found["traces.dropped.complete"] == 1
    assert found["traces.recovered.partial"] == 1
    assert found["written_bytes"] == sum(path.stat().st_size for path in traces(pytester))


@needs_settrace
def test_a_trace_that_ended_early_counts_as_partial(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_takes_over():
            sys.settrace(lambda *_: None)
            sys.settrace(None)
            assert 0
        """
    )
    args = ("--record-trace", "--record-metrics-file=r.prom", "--record-engine=settrace")
    run(pytester, *args)
    found = samples(pytester.path / "r.prom")
    assert found["traces.kept.partial"] == 1
    assert found["detaches.ERR_TRACER_INSTALL_CONFLICT.conflict"] == 1
    run(pytester, *args, "--no-record-keep-partial")
    assert samples(pytester.path / "r.prom")["traces.dropped.partial"] == 1


@needs_settrace
def test_a_recording_that_cannot_begin_is_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_first():
            sys.settrace(lambda *_: None)

        def test_second():
            sys.settrace(None)
        """
    )
    run(pytester, "--record-trace", "--record-metrics-file=r.prom", "--record-engine=settrace")
    assert samples(pytester.path / "r.prom")["traces.not_started.missing"] == 1


def test_a_sink_of_the_projects_gets_the_counts_as_tests_end(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest_recorder

        sink = pytest_recorder.InMemoryMetrics()
        pytest_recorder.configure_metrics(sink)

        def pytest_runtest_logfinish():
            print("SO FAR", sink.total("traces"), sink.flushes)

        def pytest_unconfigure():
            print("IN ALL", sink.total("traces"), sink.flushes)
        """
    )
    pytester.makepyfile("def test_a(): pass\ndef test_b(): pass")
    result = run(pytester, "--record-trace", "-s", "-p", "no:xdist")
    result.stdout.fnmatch_lines(["*SO FAR 1 0*", "*SO FAR 2 0*", "*IN ALL 2 1*"])
    # The controller's sink has everything, those of the workers nothing.
    pytester.makeconftest("""
import pytest_recorder

sink = pytest_recorder.InMemoryMetrics()
pytest_recorder.configure_metrics(sink)

def pytest_sessionfinish(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    said = f"{sink.total('traces')} {sink.flushes}"
    (session.config.rootpath / f"all-{worker}").write_text(said)
""")
    run(pytester, "--record-trace", "-n", "2")
    said = {path.name: path.read_text() for path in pytester.path.glob("all-*")}
    assert said == {"all-None": "2 1", "all-gw0": "0 0", "all-gw1": "0 0"}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sink_that_raises_changes_nothing_but_the_summary(
    pytester: pytest.Pytester, workers: int
) -> None:
    pytester.makeconftest(
        """
        import pytest
        import pytest_recorder

        class Broken(pytest_recorder.RecorderMetrics):
            def add(self, counter, amount, labels):
                pytest.exit("a sink may not end the run")

            def flush(self):
                raise SystemExit(9)

        pytest_recorder.configure_metrics(Broken())
        """
    )
    pytester.makepyfile(SUITE)
    args = ("-n", str(workers)) if workers else ("-p", "no:xdist")
    result = run(
        pytester,
        *("--record-trace", "--record-metrics-file=r.prom", "-W", "error", "-v"),
        *args,
    )
    result.assert_outcomes(passed=5, failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = [line for line in result.stdout.lines if "ERR_METRICS" in line]
    assert told == [
        "RecorderWarning: metrics (Broken): [ERR_METRICS] the metrics sink failed and gets nothing more: Exit: a sink may not end the run (sink=Broken)"
    ]
    result.stdout.fnmatch_lines(["sink failures: 1 (1 Broken)"])
    assert samples(pytester.path / "r.prom")["sink_failures.Broken"] == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_collector_of_opentelemetry_gets_one_message(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    pytester.makepyfile(SUITE)
    args = ("-n", str(workers)) if workers else ("-p", "no:xdist")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        result = run(pytester, "--record-trace", "--record-metrics-otel", "-W", "error", *args)
    result.assert_outcomes(passed=5, failed=2)
    assert len(collector.requests) == 1
    values = collector.values()
    assert values["pytest_recorder.traces.kept.complete"] == 3
    assert values["pytest_recorder.traces.dropped.complete"] == 4
    result.stdout.no_fnmatch_line("*RecorderWarning*")
    assert "Traceback" not in result.stderr.str()


def test_a_collector_that_refuses_is_a_warning(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_a(): pass")
    with Collector(status=400) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        result = run(pytester, "--record-trace", "--record-metrics-otel")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["RecorderWarning: metrics (OpenTelemetryMetrics): ?ERR_METRICS?*"]
    )


def test_a_file_that_cannot_be_written_is_a_warning(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    (pytester.path / "file").write_text("")
    result = run(pytester, "--record-trace", "--record-metrics-file=file/r.prom")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["RecorderWarning: metrics (PrometheusFile): ?ERR_IO?*"])


def test_a_folder_in_the_place_of_the_file_is_refused_before_the_first_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a(): pass")
    result = run(pytester, "--record-trace", "--record-metrics-file=.")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ERR_INVALID_OPTION* is a folder, expected a file*"])


@pytest.mark.parametrize(
    "module, option, extra",
    [
        ("prometheus_client", "--record-metrics-file=r.prom", "prometheus"),
        ("opentelemetry.sdk", "--record-metrics-otel", "otel"),
        ("opentelemetry", "--record-metrics-otel", "otel"),
    ],
)
def test_a_missing_extra_is_named_before_the_first_test(
    pytester: pytest.Pytester, module: str, option: str, extra: str
) -> None:
    pytester.makepyfile(absent=f"import sys\nsys.modules[{module!r}] = None")
    pytester.makepyfile("def test_a(): pass")
    pytester.syspathinsert()
    result = run(pytester, "-p", "absent", "--record-trace", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*ERR_NOT_SUPPORTED*pip install 'pytest-record-trace?{extra}?'"]
    )


def test_the_exporters_are_not_imported_while_tests_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens, which is tried again until then.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    pytester.makepyfile(
        """
        import sys, threading

        def test_a():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert not loaded & {"prometheus_client", "requests", "google"}
            assert "opentelemetry.sdk" not in sys.modules
            assert threading.active_count() == 1
        """
    )
    result = run(
        pytester,
        *("--record-trace", "--record-metrics-file=r.prom", "--record-metrics-otel"),
        *("-p", "no:xdist", "-p", "no:timeout", "-p", "no:hypothesispytest"),
        *("-o", "faulthandler_timeout=0"),
    )
    result.assert_outcomes(passed=1)


def test_a_run_inside_a_recorded_test_sends_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        pytest_plugins = ["pytester"]

        def test_outer(pytester):
            pytester.makepyfile("def test_inner(): pass")
            args = ("--record-trace", "--record-metrics-file=inner.prom")
            pytester.runpytest_inprocess("-p", "record_trace", *args).assert_outcomes(passed=1)
            assert not (pytester.path / "inner.prom").exists()
        """
    )
    run(pytester, "--record-trace", "--record-metrics-file=r.prom").assert_outcomes(passed=1)
    assert samples(pytester.path / "r.prom")["traces.dropped.complete"] == 1


def test_a_child_that_a_test_forked_sends_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child goes on where the parent does, to the end of pytest."""
    pytester.makeconftest(
        """
        import os
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_sessionfinish():
            if os.getpid() == PARENT:
                os.waitpid(pytest.child, 0)

        PARENT = os.getpid()
        """
    )
    pytester.makepyfile(
        """
        import os
        import pytest

        def test_a():
            pytest.child = os.fork()
        """
    )
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        args = ("--record-metrics-otel", "--record-metrics-file=r.prom", "-p", "no:xdist")
        run(pytester, "--record-trace", *args)
    assert len(collector.requests) == 1
    assert samples(pytester.path / "r.prom")["traces.dropped.complete"] == 1


OPTIONS = ("--record-metrics-file=r.prom", "--record-metrics-otel")


def test_the_exporters_get_the_place_of_the_run_as_it_is_when_it_ends(
    pytester: pytest.Pytester,
) -> None:
    """The process that exports is started before, with the variables of the start."""
    with Collector() as collector:
        pytester.makeconftest(
            f"""
            import os
            from pytest_recorder.diagnostics import prometheus

            def pytest_unconfigure():
                print(os.getcwd())

            def pytest_runtest_teardown():
                os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = {collector.url!r}
                os.environ["OTEL_SERVICE_NAME"] = "set \\udcff late"[:3] + " late"
                os.environ["NO_TEXT"] = "\\udcff"
            """
        )
        pytester.makepyfile("def test_a(): assert 0")
        result = run(pytester, "--record-trace", *OPTIONS, "-p", "no:xdist")
    result.stdout.no_fnmatch_line("*RecorderWarning*")
    assert collector.resource()["service.name"] == "set late"
    assert samples(pytester.path / "r.prom")["traces.kept.complete"] == 1


@pytest.mark.parametrize(
    "how, word",
    [
        ("def start(*_): raise detached.Unavailable('it is said so here')", "it is said so"),
        ("def start(module, _): return real('os', [])", "has ended"),
        # It has no folder that the exporters lie in.
        (
            "detached._START.paths.clear()\nstart = real",
            "needs? prometheus_client|need its SDK",
        ),
    ],
    ids=["cannot start", "dies", "does not find them"],
)
def test_where_no_other_process_can_export_this_one_does(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str, word: str
) -> None:
    pytester.makeconftest(
        "from pytest_recorder.system import detached\n"
        f"real = detached.start\n{how}\ndetached.start = start"
    )
    pytester.makepyfile("def test_a(): pass")
    args = ("--record-trace", *OPTIONS, "--record-log-file=log.jsonl", "-p", "no:xdist")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        result = run(pytester, *args)
    assert len(collector.requests) == 1
    assert samples(pytester.path / "r.prom")["traces.dropped.complete"] == 1
    result.stdout.no_fnmatch_line("*RecorderWarning*")
    log = (pytester.path / "log.jsonl").read_text()
    assert re.search(word, log) is not None
    assert "its work is done in this process" in log


def test_what_the_exporters_raise_in_the_other_process_is_told_here_and_counted(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_a(): pass")
    (pytester.path / "file").write_text("")
    args = ("--record-metrics-file=file/r.prom", "--record-metrics-otel", "-v")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        result = run(pytester, "--record-trace", *args, "-p", "no:xdist")
    result.stdout.fnmatch_lines(
        [
            "RecorderWarning: metrics (PrometheusFile): ?ERR_IO?*",
            "sink failures: 1 (1 PrometheusFile)",
        ]
    )
    assert collector.values()["pytest_recorder.sink_failures.PrometheusFile"] == 1
