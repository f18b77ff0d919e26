"""Looks after the workers of pytest-xdist, in the process that hands tests to them."""

from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import RecorderError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import failing, report_lines, share_input, xdist
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.system import clock

if TYPE_CHECKING:
    from pytest_recorder.tracefile.index import Entry

_WORKER_DIES_NS = 5_000_000_000
_LOOK_AGAIN_S = 0.02


class Controller:
    """Tells workers where traces go, takes what they say, and recovers what dead ones left."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        self._run_index = run.index
        self._metrics = run.metrics
        self._explainer = run.explainer
        self._settings = run.settings
        self._base = run.base
        self._guard = run.guard
        self._crashes: dict[str, Entry] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where its traces go."""
        try:
            translated(self._run_index.prepare, recorder_error)
        except RecorderError as error:
            self._run_index.warn(error, None)
        share_input(node, self._run_index.run_id, str(self._settings.dir))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker says at its end; recover what a dead one could not say."""
        output = xdist.output_of(node)
        if output is not None:
            self._guard("output", lambda: self._run_index.add_data(output))
            self._guard("metrics", lambda: self._metrics.take_data(output.get("metrics")))
            self._guard("reruns", lambda: self._run.rerun_reports.add_data(output, node))
        else:
            self._guard("recover", lambda: self._recover_worker(node))

    def _recover_worker(self, node: Any) -> None:
        """Recover the spool of a worker that died.

        Its pipe breaks a moment before the system gives back its locks: wait for that, not long.
        """
        pid = xdist.pid_of(node)
        until = clock.elapsed_ns() + _WORKER_DIES_NS
        entries, alive = self._run_index.recover()
        while pid in alive and clock.elapsed_ns() < until:
            sleep(_LOOK_AGAIN_S)
            more, alive = self._run_index.recover()
            entries += more
        for entry in entries:
            self._crashes[entry.test] = entry
        self._run.rerun_reports.lose_worker(node, entries)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Name the trace in the report of a test that took its worker with it."""
        self._guard("crash", lambda: self._add_section(crashitem, report))

    def _add_section(self, test: str, made: pytest.TestReport) -> None:
        entry = self._crashes.pop(test, None)
        if entry is None or entry.trace is None:
            return
        path = self._run_index.folder / entry.trace
        told = self._explainer.crash(path, report_lines.STORY_EVENTS, self._settings.root)
        lines = report_lines.section_lines(
            report_lines.shown_path(path, self._base),
            entry.events,
            entry.dropped,
            f"{entry.reason}: {told.message}",
            told.steps,
        )
        made.sections.append((report_lines.SECTION_TITLE, "\n".join(lines)))
        if told.file is not None and told.line is not None:
            crashed = failing.crashed_at(made, told.file, told.line, self._settings.root)
            failing.attach(made, crashed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take an entry as soon as it is there: a worker that dies later gives no output."""
        if xdist.worker_that_sent(report) is None:
            return
        self._guard("entry", lambda: self._take_entry(report))
        self._guard("metrics", lambda: self._metrics.take_data(xdist.counts_of(report)))

    def _take_entry(self, made: pytest.TestReport) -> None:
        entry = xdist.entry_of(made)
        if entry is not None:
            self._run_index.take(entry)
