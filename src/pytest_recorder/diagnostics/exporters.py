"""Gives all counts of a run to one of the exporters, which import what they need for it."""

from typing import Final

from pytest_recorder.diagnostics import otel, prometheus
from pytest_recorder.diagnostics.guard import failure_of
from pytest_recorder.diagnostics.metrics import Outlet, SinkFailure, Tally, failed
from pytest_recorder.original_builtins import __builtins__

PROMETHEUS: Final = prometheus.PrometheusFile.__name__
OPENTELEMETRY: Final = otel.OpenTelemetryMetrics.__name__


def export(sink: str, tally: Tally, *, path: str | None, run_id: str) -> SinkFailure | None:
    """Write the counts to the file `path` of Prometheus, or send them; give what went wrong."""
    made: list[prometheus.PrometheusFile | otel.OpenTelemetryMetrics] = []

    def make() -> None:
        if path is not None:
            made.append(prometheus.PrometheusFile(path))
        else:
            made.append(otel.OpenTelemetryMetrics(run_id=run_id))

    refusal = failure_of(make)
    if refusal is not None:
        return failed(sink, refusal)
    failure = Outlet(made[0]).send(tally, flush=True)
    if isinstance(made[0], otel.OpenTelemetryMetrics):
        failure_of(made[0].close)
    return failure
