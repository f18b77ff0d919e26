"""Sends the counts as OpenTelemetry metrics, by default over OTLP/HTTP to a collector.

No thread runs for it and nothing is sent while tests run: the SDK's reader gets no interval, and
sends when it is told to. The variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, ...) say where and as what.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_recorder.diagnostics.installed import is_installed
from pytest_recorder.diagnostics.metrics import COUNTERS, Counter, RecorderMetrics
from pytest_recorder.errors import ErrorCode, enverr, usage

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter as Instrument
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
    from opentelemetry.sdk.resources import Resource

SCOPE: Final = "pytest_recorder"
RUN_ID: Final = f"{SCOPE}.run_id"
"""The attribute with the id of the run, whatever `service.instance.id` is."""
_SERVICE: Final = "pytest-record-trace"
_MODULES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def require_installed() -> None:
    """Raise UsageError (ERR_NOT_SUPPORTED) where the SDK or its exporter is missing."""
    if not all(map(is_installed, _MODULES)):
        raise usage(
            ErrorCode.NOT_SUPPORTED,
            "metrics for OpenTelemetry need its SDK and exporter:"
            " pip install 'pytest-record-trace[otel]'",
        )


class OpenTelemetryMetrics(RecorderMetrics):
    """A sink that adds to counters of OpenTelemetry.

    Args:
        provider: gives the meter, and sends on its own terms. Without one, the SDK and the exporter
            for OTLP over HTTP are set up here, as their environment variables say.
        run_id: the id of the run, as log, traces and index have it; an attribute of the resource
            that is set up here.
    """

    def __init__(
        self, provider: "MeterProvider | None" = None, *, run_id: str | None = None
    ) -> None:
        self._own: SdkMeterProvider | None = None
        self._outcomes: list[bool] = []
        if provider is None:
            require_installed()
            provider = self._own = _make_provider(self._outcomes, run_id)
        meter = provider.get_meter(SCOPE)
        self._provider = provider
        self._instruments: dict[str, Instrument] = {
            counter.name: meter.create_counter(
                f"{SCOPE}.{counter.name}",
                unit=counter.unit if counter.unit == "By" else f"{{{counter.unit}}}",
                description=counter.help,
            )
            for counter in COUNTERS
        }

    def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
        """Add to the counter; the labels are its attributes."""
        self._instruments[counter.name].add(amount, dict(labels))

    def flush(self) -> None:
        """Send what was added. Raises EnvironmentError (ERR_METRICS) where nobody takes it."""
        self._outcomes.clear()
        # A provider that only has the API does nothing and cannot be flushed.
        flush: Any = getattr(self._provider, "force_flush", None)
        done = flush() if flush is not None else True
        if done is False or False in self._outcomes:
            raise enverr(
                ErrorCode.METRICS,
                "the collector of OpenTelemetry did not take the metrics; its address is in"
                " OTEL_EXPORTER_OTLP_ENDPOINT",
            )

    def close(self) -> None:
        """Give back what was set up here; a provider of the caller's is left alone."""
        if self._own is not None:
            self._own.shutdown()
            self._own = None


def _make_provider(outcomes: list[bool], run_id: str | None) -> "SdkMeterProvider":
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        MetricExportResult,
        MetricsData,
        PeriodicExportingMetricReader,
    )

    class Exporter(OTLPMetricExporter):
        """Keeps the outcome: the reader drops it."""

        def export(
            self,
            metrics_data: MetricsData,
            timeout_millis: float | None = 10_000,
            **options: Any,
        ) -> MetricExportResult:
            taken = super().export  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            result = taken(metrics_data, timeout_millis or 10_000, **options)
            outcomes.append(result is MetricExportResult.SUCCESS)
            return result

    reader = PeriodicExportingMetricReader(Exporter(), export_interval_millis=math.inf)
    return MeterProvider([reader], resource=_resource(run_id), shutdown_on_exit=False)


def _resource(run_id: str | None) -> "Resource":
    """What is sent, as the variables say; where they do not, our name and the id of the run."""
    from opentelemetry.sdk.resources import (
        SERVICE_INSTANCE_ID,
        SERVICE_NAME,
        OTELResourceDetector,
        Resource,
    )

    found = Resource.create()
    own: dict[str, str] = {}
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        own[SERVICE_NAME] = _SERVICE
    if run_id is not None:
        own[RUN_ID] = run_id
        # The SDK makes one up where nobody has named it.
        if SERVICE_INSTANCE_ID not in OTELResourceDetector().detect().attributes:
            own[SERVICE_INSTANCE_ID] = run_id
    return found.merge(Resource(own))
