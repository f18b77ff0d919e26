"""Writes the counts to a file in the text format of Prometheus, or in that of OpenMetrics."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_recorder.diagnostics.installed import is_installed
from pytest_recorder.diagnostics.metrics import COUNTERS, Counter, RecorderMetrics, Tally
from pytest_recorder.errors import ErrorCode, from_os_error, usage
from pytest_recorder.system import files
from pytest_recorder.system.atomic_write import write_bytes_whole
from pytest_recorder.system.paths import parent_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PREFIX: Final = "pytest_recorder_"
OPENMETRICS_SUFFIX: Final = ".om"


def require_installed() -> None:
    """Raise UsageError (ERR_NOT_SUPPORTED) where `prometheus_client` is missing."""
    if not is_installed("prometheus_client"):
        raise usage(
            ErrorCode.NOT_SUPPORTED,
            "a file of metrics needs prometheus_client:"
            " pip install 'pytest-record-trace[prometheus]'",
        )


class PrometheusFile(RecorderMetrics):
    """A sink that writes a file at each flush, with the counts since this object was made.

    The format is the text format of Prometheus, whose node_exporter reads names that end in
    `.prom`, or OpenMetrics 1.0 for a name that ends in `.om`. The file is replaced as a whole:
    whoever reads it sees the old one or the new one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        require_installed()
        self.path = Path(os.path.abspath(path))
        self._tally = Tally()

    def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
        """Add to what the next flush writes."""
        self._tally.add(counter, amount, *(labels[name] for name in counter.labels))

    def flush(self) -> None:
        """Replace the file. Raises EnvironmentError (ERR_IO); the old file stays then."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.openmetrics import exposition

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        write: Callable[[CollectorRegistry], bytes] = generate_latest
        if self.path.suffix == OPENMETRICS_SUFFIX:
            # It has no annotations.
            write = cast("Any", exposition).generate_latest
        data = write(registry)
        try:
            files.make_folders(parent_of(str(self.path)))
            write_bytes_whole(self.path, data)
        except OSError as error:
            raise from_os_error(
                error, "cannot write the file of metrics", path=self.path
            ) from error

    def collect(self) -> Iterator["Metric"]:
        """Give the families to `prometheus_client`; a counter without labels begins at 0."""
        from prometheus_client.core import CounterMetricFamily

        for counter in COUNTERS:
            name = PREFIX + counter.name
            family = CounterMetricFamily(name, counter.help, labels=counter.labels)
            if not counter.labels:
                family.add_metric((), self._tally.value(counter))
            for found, labels, amount in self._tally.samples():
                if found is counter and labels:
                    family.add_metric(tuple(labels.values()), amount)
            yield family
