"""Gives pytest the hooks of a run that records; what they do stands beside them."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_recorder.diagnostics import inject
from pytest_recorder.engine.select import select, why_refused
from pytest_recorder.errors import UsageError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import ci, report_lines, resolution, run_metrics
from pytest_recorder.plugin.beginning import Beginning
from pytest_recorder.plugin.controller import Controller
from pytest_recorder.plugin.ending import Ending
from pytest_recorder.plugin.handle import Recording
from pytest_recorder.plugin.markers import check_folder, check_markers
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.plugin.reports import Reports
from pytest_recorder.plugin.spans import Wrapper, phase_span, span
from pytest_recorder.plugin.tracebacks import remove_wrappers
from pytest_recorder.settings.policy import open_journal
from pytest_recorder.system.originals import environment

if TYPE_CHECKING:
    from pathlib import Path


def activate(config: pytest.Config, name: str) -> "RecordingPlugin":
    """Check the options of a run and register what records it.

    Raises pytest.UsageError, before collection, for a command that cannot be followed.
    """
    try:
        resolved = resolution.resolve(config, environment())
        # Asked for by name and not to be had here: said before the first test, markers or not.
        select(resolved.settings.engine)
        faults = inject.of_environment()
    except UsageError as error:
        journal = open_journal(resolution.readable_policy(config, environment()))
        journal.failure(error, "fail", by="plugin")
        journal.close()
        raise pytest.UsageError(str(error)) from error
    run = RecordedRun(config, resolved, faults)
    try:
        if resolved.settings.enabled:
            check_folder(run.settings)
        run_metrics.check(resolved.settings)
    except UsageError as error:
        refused = run.refusal(error)
        run.journal.close()
        raise refused from error
    plugin = RecordingPlugin(run)
    config.pluginmanager.register(plugin, name)
    for companion in _companions(run):
        config.pluginmanager.register(companion)
    return plugin


def _companions(run: RecordedRun) -> list[object]:
    """Give the plugins of the process that reports: what workers and CI servers are told."""
    if run.worker is not None:
        return []
    controller = Controller(
        run.index, run.metrics, run.explainer, run.settings, run.base, run.guard
    )
    if run.is_nested:
        return [controller]
    servers = ci.plugins(run.config, run.index, run.settings.root, run.guard, environment())
    return [controller, *servers]


class RecordingPlugin:
    """The plugin object of a run that records."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        self._beginning = Beginning(run)
        self._ending = Ending(run)
        self._reports = Reports(run, self._ending)
        self._is_interrupted = False

    def recording_of(self, node: pytest.Item) -> Recording:
        """Give the object of the `recording` fixture."""
        attempt = self._run.attempt
        return Recording(attempt if attempt is not None and attempt.error is None else None)

    # Before the tests.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Take a place in the interpreter early, so that the header can say how it went."""
        run = self._run
        if not run.settings.enabled:
            return
        if run.is_nested:
            run.log.info("nothing is recorded: the run is inside a recorded test")
        elif run.is_controller:
            run.log.info("recorded by the workers of pytest-xdist")
        else:
            run.open_recorder()

    def pytest_report_header(self) -> str | None:
        """Say in one line what is recorded, or why nothing is."""
        run, recorder = self._run, self._run.recorder
        if not run.settings.enabled:
            return None
        if run.is_nested:
            return report_lines.off_line("this run is inside a recorded test")
        if run.open_error is not None:
            return report_lines.off_line(run.open_error.message)
        refused = why_refused() if recorder is None else None
        if refused is not None:
            return report_lines.off_line(refused)
        engine = recorder.describe() if recorder is not None else "recorded by the workers"
        reason = recorder.choice.reasons if recorder is not None else "pytest-xdist"
        return report_lines.header_line(run.settings, engine, reason, run.base)

    def pytest_ignore_collect(self, collection_path: "Path") -> bool | None:
        """Collect nothing from the trace folder."""
        folder = self._run.settings.dir
        return True if collection_path == folder or folder in collection_path.parents else None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check the markers: a mistake in one ends the run before its first test."""
        check_markers(self._run, items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the files of all tests into the scope before the first of them runs."""
        self._run.guard("collected", self._run.add_tests, session)

    # One attempt.

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Wrapper:
        """Begin the recording of an attempt; every attempt of a re-run test comes by here."""
        self._run.guard("begin", self._beginning.begin, item)
        yield from phase_span(self._run, "setup", item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Wrapper:
        """Mark the phase in the trace."""
        yield from phase_span(self._run, "call", item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Wrapper:
        """Mark the phase in the trace."""
        yield from phase_span(self._run, "teardown", item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Wrapper:
        """Mark the set-up of a fixture in the trace, and note for later ones where that was."""
        run = self._run
        run.guard("fixture", run.fixture_makers.note, fixturedef, request, run.attempt)
        yield from span(self._run, "fixture", fixturedef.argname)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[Any]"
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the section to a failing report; end the recording at the report of the teardown.

        First among the wrappers, so that it runs after those that change outcomes (xfail, re-runs).
        """
        if call.excinfo is not None:
            self._run.guard("traceback", remove_wrappers, call.excinfo.value, self)
        made = yield
        self._reports.take(item, call, made)
        return made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the entry of a test that a plugin has run in a forked process."""
        if report.when == "teardown" and not self._run.is_controller:
            self._run.guard("entry", self._ending.take_entry, report)

    def pytest_runtest_logfinish(self) -> None:
        """Keep the index up to date: a run that is killed has no later occasion."""
        self._run.guard("index", self._run.index.save)

    # The end of the run.

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the run ends early: `pytest.exit` comes by here too."""
        self._is_interrupted = True

    def pytest_internalerror(self) -> None:
        """Note that the run ends early."""
        self._is_interrupted = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End what is still running, give everything back, and write the index.

        Not a wrapper: xdist sends what a worker has to say when its own wrapper ends.
        """
        run = self._run
        run.guard("finish", self._ending.finish_run, is_interrupted=self._is_interrupted)
        # What only the end of the run brings to light has no report to stand in.
        if run.index.failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Say what was kept; silent when all is well."""
        run, index = self._run, self._run.index
        lines = report_lines.summary_lines(
            index.entries,
            index.recovered,
            index.recorded,
            index.warnings,
            index.failures,
            report_lines.shown_path(index.folder, run.base),
            run.metrics.tally,
            index.left_out,
            index.pages_left_out,
            index.unrecorded,
            size_of=index.size_of,
            verbose=run.config.get_verbosity() > 0 and index.recorded > 0,
        )
        if lines:
            terminalreporter.write_sep("-", "recorded traces")
            for line in lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Give everything back, however the run went."""
        self._run.close_recorder()
        self._run.index.tidy()
        self._run.journal.close()
