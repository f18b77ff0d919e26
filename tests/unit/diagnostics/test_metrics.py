"""Counts: sums, what happens to a sink that fails, and the two exporters."""

import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import pytest_recorder
from pytest_recorder import (
    InMemoryMetrics,
    NoMetrics,
    OpenTelemetryMetrics,
    PrometheusFile,
    compat,
)
from pytest_recorder.diagnostics import metrics
from pytest_recorder.diagnostics.metrics import (
    COUNTERS,
    Counter,
    Outlet,
    RecorderMetrics,
    Tally,
)
from pytest_recorder.errors import EnvironmentError, RecorderWarning
from tests.collector import Collector

words = st.text('abc_é\n"\\', min_size=1, max_size=5)
tallies = st.lists(
    st.sampled_from(COUNTERS).flatmap(
        lambda counter: st.tuples(
            st.just(counter),
            st.integers(1, 1000),
            st.tuples(*(words for _ in counter.labels)),
        )
    ),
    max_size=8,
)


def tally_of(parts: list[tuple[Counter, int, tuple[str, ...]]]) -> Tally:
    tally = Tally()
    for counter, amount, labels in parts:
        tally.add(counter, amount, *labels)
    return tally


def some() -> Tally:
    tally = Tally()
    tally.add(metrics.RECORDED_EVENTS, 7)
    tally.add(metrics.DROPPED_EVENTS, 3, "limit")
    tally.add(metrics.DETACHES, 1, "environment", "ERR_IO")
    return tally


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    pytest_recorder.configure_metrics(None)


@pytest.mark.slow
@given(tallies, tallies)
def test_what_came_since_is_what_was_added(first: Any, second: Any) -> None:
    before, both = tally_of(first), tally_of(first + second)
    assert both.since(before).plain() == tally_of(second).plain()
    merged = tally_of(first)
    merged.merge(tally_of(second))
    assert merged.plain() == both.plain()


@given(tallies)
def test_a_tally_travels_as_plain_data(parts: Any) -> None:
    tally = tally_of(parts)
    assert Tally.from_data(tally.to_data()).plain() == tally.plain()


def test_counters_of_another_version_are_left_out() -> None:
    data: list[list[str | int]] = [
        [1, "unheard_of"],
        [1, "recorded_events", "too", "many"],
        [2, "recorded_events"],
    ]
    assert Tally.from_data(data).plain() == {"recorded_events": 2}


def test_the_sink_in_memory_sums_over_labels_that_are_not_named() -> None:
    sink, tally = InMemoryMetrics(), some()
    tally.add(metrics.DROPPED_EVENTS, 4, "recursion")
    assert Outlet(sink).send(tally, flush=True) is None
    assert sink.flushes == 1
    assert sink.total("dropped_events") == 7
    assert sink.total("dropped_events", reason="limit") == 3
    assert sink.total("dropped_events", reason="never") == 0
    assert sink.take() == {
        "recorded_events": 7,
        "dropped_events.limit": 3,
        "dropped_events.recursion": 4,
        "detaches.environment.ERR_IO": 1,
    }
    assert sink.take() == {}


def test_a_sink_that_overrides_nothing_does_nothing() -> None:
    class OnlyAdd(RecorderMetrics):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
            self.seen.append(counter.name)

    assert Outlet(NoMetrics()).send(some(), flush=True) is None
    sink = OnlyAdd()
    assert Outlet(sink).send(some(), flush=True) is None
    assert sink.seen == ["recorded_events", "dropped_events", "detaches"]


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ValueError("broken pipe to statsd"), "ValueError: broken pipe to statsd"),
        (lambda: SystemExit(3), "SystemExit: 3"),
        (lambda: pytest.fail.Exception("gone"), "Failed: gone"),
        (Silent, "Silent"),
    ],
)
def test_a_sink_that_raises_is_told_of_once_and_gets_nothing_more(
    make: Callable[[], BaseException], words: str
) -> None:
    class Broken(RecorderMetrics):
        calls = 0

        def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
            self.calls += 1
            raise make()

    sink = Broken()
    outlet = Outlet(sink)
    failure = outlet.send(some())
    assert failure is not None
    assert failure.sink == "Broken"
    assert str(failure.error) == (
        f"[ERR_METRICS] the metrics sink failed and gets nothing more: {words} (sink=Broken)"
    )
    assert outlet.send(some(), flush=True) is None
    assert sink.calls == 1


def test_ctrl_c_in_a_sink_is_the_users() -> None:
    class Interrupted(RecorderMetrics):
        def flush(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        Outlet(Interrupted()).send(some(), flush=True)


# The API.


def work(password: str) -> int:
    print(f"password={password}")
    return len(password)


def test_a_session_of_the_api_is_counted(tmp_path: Path) -> None:
    sink = InMemoryMetrics()
    pytest_recorder.configure_metrics(sink)
    with pytest_recorder.trace(tmp_path) as session:
        work("hunter22")
    found = sink.take()
    with pytest_recorder.open_trace(session.path) as trace:
        assert found["recorded_events"] == found["written_events"] == len(trace)
        assert found["written_bytes"] == session.path.stat().st_size
        assert trace.trailer.counters == {
            name: amount
            for name, amount in found.items()
            if not name.startswith(("written", "traces"))
        }
    assert found["traces.kept.complete"] == 1
    assert found["redactions.value"] >= 1
    assert sink.flushes == 1
    with pytest_recorder.trace(tmp_path):
        pass
    assert sink.total("traces") == 1


def test_a_trace_that_cannot_be_written_is_counted_as_failed(tmp_path: Path) -> None:
    sink = InMemoryMetrics()
    pytest_recorder.configure_metrics(sink)
    session = pytest_recorder.start(
        tmp_path / "a" / "x.pyrec", policy={"on_recorder_error": "abort"}
    )
    session.path.mkdir()
    with pytest.raises(EnvironmentError, match="ERR_IO"):
        session.stop()
    assert sink.total("traces", result="failed", status="complete") == 1
    assert sink.total("written_events") == 0


def test_a_sink_that_raises_in_a_session_is_a_warning(tmp_path: Path) -> None:
    class Broken(NoMetrics):
        def flush(self) -> None:
            raise OSError("the network is down")

    pytest_recorder.configure_metrics(Broken())
    with (
        pytest.warns(RecorderWarning, match=r"ERR_METRICS.*the network is down"),
        pytest_recorder.trace(tmp_path),
    ):
        pass
    with pytest_recorder.trace(tmp_path) as session:  # no second warning, which were an error
        pass
    assert session.path.exists()


FULL_DISK = """
    import json, resource, sys
    import pytest_recorder

    def grow():
        text = ""
        for number in range(100_000):
            text = str(number) * 10

    sink = pytest_recorder.InMemoryMetrics()
    pytest_recorder.configure_metrics(sink)
    session = pytest_recorder.start(
        sys.argv[1], policy={"on_recorder_error": "disable", "record_errors": "environment=ignore"}
    )
    size = 3 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    grow()
    session.stop()
    print(json.dumps(sink.take()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("pure", ["0", "1"])
def test_a_spool_that_cannot_grow_is_a_caught_fault_and_a_detach(
    tmp_path: Path, pure: str
) -> None:
    script = tmp_path / "grows.py"
    script.write_text(textwrap.dedent(FULL_DISK))
    done = subprocess.run(
        [sys.executable, script, str(tmp_path / "traces")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTEST_RECORDER_PURE": pure},
    )
    found = json.loads(done.stdout)
    assert found["faults.line" if compat.HAS_MONITORING else "faults.trace"] == 1
    assert found["detaches.environment.ERR_IO"] == 1
    assert found["traces.kept.partial"] == 1
    assert found["recorded_events"] == found["written_events"] > 1000


# Prometheus.


def test_the_file_is_what_prometheus_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "recorder.prom"
    assert Outlet(PrometheusFile(path)).send(some(), flush=True) is None
    families = {f.name: f for f in text_string_to_metric_families(path.read_text())}
    assert set(families) == {f"pytest_recorder_{counter.name}" for counter in COUNTERS}
    assert all(f.type == "counter" and f.documentation for f in families.values())
    samples = [
        (sample.name, sample.labels, sample.value)
        for family in families.values()
        for sample in family.samples
    ]
    assert samples == [
        ("pytest_recorder_recorded_events_total", {}, 7),
        ("pytest_recorder_written_events_total", {}, 0),
        ("pytest_recorder_written_bytes_total", {}, 0),
        ("pytest_recorder_dropped_events_total", {"reason": "limit"}, 3),
        ("pytest_recorder_detaches_total", {"reason": "environment", "code": "ERR_IO"}, 1),
    ]


def test_a_file_of_openmetrics_is_what_its_parser_reads(tmp_path: Path) -> None:
    path = tmp_path / "recorder.om"
    assert Outlet(PrometheusFile(path)).send(some(), flush=True) is None
    text = path.read_text()
    families = {f.name: f for f in openmetrics.text_string_to_metric_families(text)}
    assert text.endswith("\n# EOF\n")
    assert set(families) == {f"pytest_recorder_{counter.name}" for counter in COUNTERS}
    # Its names of families are those without `_total`, in the file too.
    assert "# TYPE pytest_recorder_recorded_events counter\n" in text
    assert all(f.type == "counter" and f.documentation for f in families.values())
    (dropped,) = families["pytest_recorder_dropped_events"].samples
    assert (dropped.name, dropped.labels, dropped.value) == (
        "pytest_recorder_dropped_events_total",
        {"reason": "limit"},
        3,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["recorder.om"]


PARSERS = {
    ".prom": text_string_to_metric_families,
    ".om": openmetrics.text_string_to_metric_families,
}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", PARSERS)
@given(parts=tallies)
def test_any_label_comes_back_from_the_file(
    parts: Any, tmp_path_factory: pytest.TempPathFactory, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"recorder{suffix}"
    tally = tally_of(parts)
    assert Outlet(PrometheusFile(path)).send(tally, flush=True) is None
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in PARSERS[suffix](path.read_text())
        for sample in family.samples
        if sample.value
    }
    assert found == {
        (f"pytest_recorder_{counter.name}_total", *sorted(labels.items())): amount
        for counter, labels, amount in tally.samples()
    }


def test_the_file_is_replaced_as_a_whole_and_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "recorder.prom"
    path.write_text("old")
    sink = PrometheusFile(path)
    with open(path) as reader:
        assert Outlet(sink).send(some(), flush=True) is None
        assert reader.read() == "old"
    first = path.read_text()
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert Outlet(sink).send(some(), flush=True) is None
    assert "recorded_events_total 14.0" in path.read_text() != first
    assert os.listdir(tmp_path) == ["recorder.prom"]


def test_a_file_that_cannot_be_written_is_an_error_of_ours_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "x.prom", tmp_path / "folder"):
        failure = Outlet(PrometheusFile(path)).send(some(), flush=True)
        assert failure is not None
        assert str(failure.error).startswith("[ERR_IO] cannot write the file of metrics (")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


# OpenTelemetry.


def test_the_sdk_reads_the_counts_as_monotonic_sums() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    sink = OpenTelemetryMetrics(provider)
    assert Outlet(sink).send(some(), flush=True) is None
    assert Outlet(sink).send(some()) is None
    sink.close()  # the provider is the caller's
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "pytest_recorder"
    found = {
        (metric.name, metric.unit, *sorted(point.attributes.items())): point.value
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert found == {
        ("pytest_recorder.recorded_events", "{event}"): 14,
        ("pytest_recorder.dropped_events", "{event}", ("reason", "limit")): 6,
        (
            "pytest_recorder.detaches",
            "{detach}",
            ("code", "ERR_IO"),
            ("reason", "environment"),
        ): 2,
    }
    assert all(metric.data.is_monotonic for metric in scope.metrics)
    provider.shutdown()


def test_a_collector_gets_the_counts_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "ci.job=nightly")
        sink = OpenTelemetryMetrics()
        assert Outlet(sink).send(some()) is None
        assert collector.requests == []
        assert threading.active_count() == before + 1  # the collector's
        assert Outlet(sink).send(Tally(), flush=True) is None
        sink.close()
    assert collector.resource().items() >= {
        ("service.name", "pytest-record-trace"),
        ("ci.job", "nightly"),
        ("telemetry.sdk.language", "python"),
    }
    assert collector.values() == {
        "pytest_recorder.recorded_events": 7,
        "pytest_recorder.dropped_events.limit": 3,
        "pytest_recorder.detaches.environment.ERR_IO": 1,
    }


def test_a_collector_that_refuses_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector(status=400) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        sink = OpenTelemetryMetrics()
        failure = Outlet(sink).send(some(), flush=True)
        sink.close()
    assert failure is not None
    assert str(failure.error).startswith("[ERR_METRICS] the collector of OpenTelemetry did not")
    assert len(collector.requests) == 1
