"""Gathers the counts of a run, of its workers too, and sends them where the options say."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pytest_recorder.diagnostics import exporters, metrics, otel, prometheus
from pytest_recorder.diagnostics.metrics import Counter, SinkFailure, Tally
from pytest_recorder.errors import ErrorCode, RecorderError, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import xdist
from pytest_recorder.plugin.explainer import Explainer
from pytest_recorder.settings.config import Settings
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.tracefile.index import Entry


def check(settings: Settings) -> None:
    """Raise UsageError for an exporter that cannot be had, before the first test."""
    path = settings.metrics_file
    if path is not None:
        prometheus.require_installed()
        if files.is_folder(path):
            raise usage(
                ErrorCode.INVALID_OPTION,
                f"the file of metrics {str(path)!r} is a folder, expected a file or a new name",
            )
    if settings.metrics_otel:
        otel.require_installed()


class RunMetrics:
    """The counts of a run. In a worker they wait until the controller is told.

    `warn` takes the error of a sink that failed, and what it was doing.
    """

    def __init__(
        self,
        settings: Settings,
        warn: Callable[[RecorderError, str], object],
        explainer: Explainer,
        *,
        worker: str | None,
        is_nested: bool,
        run_id: str,
    ) -> None:
        self.tally = Tally()
        self._settings = settings
        self._warn = warn
        self._explainer = explainer
        self._worker = worker
        self._run_id = run_id
        # A sink of a conftest.py would get the counts of a worker twice, and a run inside a
        # recorded test is no run of its own.
        self._sends = worker is None and not is_nested
        self._pid = OS.getpid()
        self._unsent = Tally()
        # What each worker has counted in all, as it said last: a message may come twice or never.
        self._workers: dict[str, Tally] = {}

    def count(self, tally: Tally) -> None:
        """Take the counts of one recording, and send them with what came before."""
        self.tally.merge(tally)
        self._unsent.merge(tally)
        self._publish()

    def count_not_started(self) -> None:
        """Count a recording that could not begin."""
        self._add(metrics.TRACES, "not_started", "missing")

    def count_fault(self, hook: str) -> None:
        """Count a fault that a hook of ours contained."""
        self._add(metrics.FAULTS, f"hook_{hook}")

    def count_recovered(self, entries: Iterable[Entry]) -> None:
        """Count what processes left that died."""
        found = Tally()
        for entry in entries:
            if entry.trace is None:
                metrics.count_trace(found, "dropped", entry.status)
            else:
                written = (entry.events, entry.size_bytes)
                metrics.count_trace(found, "recovered", entry.status, *written)
        self.count(found)

    def close(self) -> None:
        """Send and write everything, unless another process does it."""
        path = self._settings.metrics_file
        self._publish(flush=True)
        if path is not None and self._may_send:
            self._export(exporters.PROMETHEUS, str(path))
        if self._settings.metrics_otel and self._may_send:
            self._export(exporters.OPENTELEMETRY, None)

    @property
    def _may_send(self) -> bool:
        """Not a worker, nor a child that a test has forked and that came to the end of pytest."""
        return self._sends and self._pid == OS.getpid()

    def _add(self, counter: Counter, *labels: str) -> None:
        self.tally.add(counter, 1, *labels)
        self._unsent.add(counter, 1, *labels)

    def _publish(self, *, flush: bool = False) -> None:
        if self._may_send and (self._unsent or flush):
            unsent, self._unsent = self._unsent, Tally()
            self._take(metrics.publish(unsent, flush=flush))

    def _export(self, sink: str, path: str | None) -> None:
        counts = self.tally.to_data()
        error = self._explainer.export(sink, counts, path=path, run_id=self._run_id)
        self._take(SinkFailure(sink, error) if error is not None else None)

    def _take(self, failure: SinkFailure | None) -> None:
        if failure is not None:
            self.tally.add(metrics.SINK_FAILURES, 1, failure.sink)
            self._warn(failure.error, f"metrics ({failure.sink})")

    # Between a worker and the controller.

    def attach(self, report: pytest.TestReport) -> None:
        """Let the counts of a worker travel with a report."""
        if self._worker is not None:
            xdist.attach_counts(report, self.to_data())

    def to_data(self) -> dict[str, Any]:
        """Give all that this worker has counted."""
        return {"worker": self._worker, "counts": self.tally.to_data()}

    def take_data(self, data: dict[str, Any] | None) -> None:
        """Take what a worker says that it has counted in all."""
        if data is not None:
            said = Tally.from_data(data["counts"])
            said_before = self._workers.get(data["worker"], Tally())
            self._workers[data["worker"]] = said
            self.count(said.since(said_before))
