"""Carries a recorded run through pytest's hooks: begins, ends, keeps and reports recordings."""

import os
import uuid
from collections.abc import Callable, Generator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from pytest_recorder.diagnostics import inject
from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.errors import ErrorCode, RecorderError, UsageError, bug, usage
from pytest_recorder.plugin import ci, failing, metrics, options, report, sections, xdist
from pytest_recorder.plugin.attempt import SESSION_TEST, Attempt
from pytest_recorder.plugin.controller import Controller
from pytest_recorder.plugin.ending import Ending
from pytest_recorder.plugin.handle import Recording
from pytest_recorder.plugin.metrics import RunMetrics
from pytest_recorder.plugin.outcome import outcome_of
from pytest_recorder.plugin.quota import Quota
from pytest_recorder.plugin.run_index import Ledger
from pytest_recorder.recording.recorder import Recorder, is_any_recording
from pytest_recorder.settings.config import Resolved, Settings
from pytest_recorder.settings.policy import Sourced, action_for, open_journal, policy_of

P = ParamSpec("P")
T = TypeVar("T")
_SETTINGS = pytest.StashKey[Settings]()


def activate(config: pytest.Config, name: str) -> "RecordSession":
    """Check the options of a run and register what records it.

    Raises pytest.UsageError, before collection, for a command that cannot be followed.
    """
    try:
        resolved = options.resolve(config, os.environ)
        faults = inject.of_environment()
    except UsageError as error:
        journal = open_journal(options.readable_policy(config, os.environ))
        journal.failure(error, "fail", by="plugin")
        journal.close()
        raise pytest.UsageError(str(error)) from error
    session = RecordSession(config, resolved, faults)
    try:
        if resolved.settings.enabled:
            session.check_folder()
        metrics.check(resolved.settings)
    except UsageError as error:
        refused = session.refusal(error)
        session.close_journal()
        raise refused from error
    config.pluginmanager.register(session, name)
    for plugin in session.companions():
        config.pluginmanager.register(plugin)
    return session


class RecordSession:
    """The plugin object of a run that records."""

    def __init__(
        self, config: pytest.Config, resolved: Resolved, faults: inject.Injector
    ) -> None:
        settings = resolved.settings
        self._config = config
        self._is_off = resolved.is_forced_off
        self._sources = resolved.sources
        # A pytest run inside a recorded test leaves the outer recording alone.
        self._is_nested = is_any_recording()
        self._worker = xdist.worker_of(config)
        shared = xdist.shared_input(config)
        if shared is not None:
            settings = settings.model_copy(update={"dir": Path(shared["dir"])})
        self.settings = settings
        self._base = config.invocation_params.dir
        run_id = shared["run_id"] if shared is not None else uuid.uuid4().hex
        # Several workers may run a test, or all of them record one trace each.
        self._is_each = shared is not None and shared["is_each"]
        self._is_shared = settings.scope == "session" or self._is_each
        self._policy = policy_of(settings)
        self._quota = Quota(settings.max_kept, settings.max_total)
        self._faults = faults
        # Before the first test: what stderr is now is the real one.
        self._journal = open_journal(self._policy, run_id)
        self._log = self._journal.logger("plugin")
        self._ledger = Ledger(
            settings.dir,
            self._journal,
            owns_folder=self._worker is None,
            html=settings.html,
        )
        self._metrics = RunMetrics(
            settings, self._ledger.warn, worker=self._worker, is_nested=self._is_nested
        )
        self._ending = Ending(self._ledger, self._base, self._metrics, self._worker)
        self._common_policy = Sourced(
            self._policy, options.policy_sources(resolved.sources, {})
        )
        self._recorder: Recorder | None = None
        self._open_error: RecorderError | None = None
        self._attempt: Attempt | None = None
        self._attempts: dict[str, int] = {}
        self._is_interrupted = False

    def companions(self) -> list[object]:
        """Give the plugins of the process that reports: what workers and CI servers are told."""
        if self._worker is not None:
            return []
        controller = Controller(
            self._ledger, self._metrics, self.settings, self._base, self._guard
        )
        if self._is_nested:
            return [controller]
        servers = ci.plugins(self._config, self._ledger, self.settings.root, self._guard)
        return [controller, *servers]

    # Before the tests.

    def check_folder(self) -> None:
        """Find out before collection whether the trace folder is a file."""
        folder = self.settings.dir
        for part in (folder, *folder.parents):
            if part.exists():
                if not part.is_dir():
                    raise usage(
                        ErrorCode.TRACE_DIR_CONFLICT,
                        f"the trace folder {str(folder)!r} is a file or lies below one"
                        f" ({str(part)!r}), expected a folder or a new name",
                    )
                return

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Take a place in the interpreter early, so that the header can say how it went."""
        if not self.settings.enabled:
            return
        if self._is_nested:
            self._log.info("nothing is recorded: the run is inside a recorded test")
        elif self._is_controller:
            self._log.info("recorded by the workers of pytest-xdist")
        else:
            self._open()

    def pytest_report_header(self) -> str | None:
        """Say in one line what is recorded, or why nothing is."""
        if not self.settings.enabled:
            return None
        if self._is_nested:
            return report.off_line("this run is inside a recorded test")
        if self._open_error is not None:
            return report.off_line(self._open_error.message)
        recorder = self._recorder
        engine = recorder.describe() if recorder is not None else "recorded by the workers"
        reason = recorder.choice.reason if recorder is not None else "pytest-xdist"
        return report.header_line(self.settings, engine, reason, self._base)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Collect nothing from the trace folder."""
        folder = self.settings.dir
        return True if collection_path == folder or folder in collection_path.parents else None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check the markers: a mistake in one ends the run before its first test."""
        for item in items:
            try:
                item.stash[_SETTINGS] = self._settings_of(item)
            except UsageError as error:
                self._journal.about(test=item.nodeid)
                raise self.refusal(error, f"{item.nodeid}: ") from error
        try:
            if any(item.stash[_SETTINGS].enabled for item in items):
                self.check_folder()
        except UsageError as error:
            raise self.refusal(error) from error

    def _settings_of(self, item: pytest.Item) -> Settings:
        marker = item.get_closest_marker("record")
        if marker is None:
            return self.settings
        return options.resolve_marker(
            self.settings, marker.args, marker.kwargs, is_forced_off=self._is_off
        )

    # One attempt.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Begin the recording of an attempt; every attempt of a re-run test comes by here."""
        self._guard("begin", self._begin, item)
        return (yield from self._phase("setup", item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Mark the phase in the trace."""
        return (yield from self._phase("call", item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Mark the phase in the trace."""
        return (yield from self._phase("teardown", item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, Any, Any]:
        """Mark the set-up of a fixture in the trace."""
        return (yield from self._span("fixture", fixturedef.argname))

    def _phase(self, phase: str, item: pytest.Item) -> Generator[None, Any, Any]:
        name = item.nodeid if self.settings.scope == "session" else ""
        return (yield from self._span(phase, name, item))

    def _span(
        self, phase: str, name: str, item: pytest.Item | None = None
    ) -> Generator[None, Any, Any]:
        attempt = self._attempt
        if attempt is None:
            return (yield)
        self._guard("span", self._edge, phase, "begin", name, "")
        try:
            result = yield
        except BaseException as error:
            self._guard("span", self._end_span, phase, name, item, error)
            raise
        self._guard("span", self._end_span, phase, name, item, None)
        return result

    def _end_span(
        self, phase: str, name: str, item: pytest.Item | None, error: BaseException | None
    ) -> None:
        attempt = self._attempt
        seen = attempt.reported.get(phase) if attempt is not None else None
        # Guarded on its own: a foretelling that fails must not cost the edge.
        found = self._guard("outcome", outcome_of, item, phase, error, seen)
        self._edge(phase, "end", name, found or ("passed" if error is None else "failed"))

    def _edge(self, phase: str, edge: str, name: str, outcome: str) -> None:
        recorder = self._recorder
        if recorder is not None:
            recorder.span(phase, edge, name=name, outcome=outcome)

    def _begin(self, item: pytest.Item) -> None:
        settings = item.stash.get(_SETTINGS, self.settings)
        if self._is_nested or self._is_controller or not settings.enabled:
            if self._recorder is not None:
                if self.settings.scope == "session":
                    self._recorder.pause()
                else:
                    self._recorder.let_go()
            return
        if self.settings.scope == "session":
            self._begin_in_session(item, settings)
            return
        attempt = self._new_attempt(item.nodeid, settings)
        try:
            self._open()
            if self._open_error is not None:
                attempt.error = self._open_error
                attempt.is_error_of_run = True
            elif self._recorder is not None:
                self._recorder.begin(
                    test=item.nodeid,
                    attempt=attempt.number,
                    settings=settings,
                    policy=self._policy_of(item, settings),
                    watch_output=False,
                )
        except RecorderError as error:
            attempt.error = error

    def _policy_of(self, item: pytest.Item, settings: Settings) -> Sourced:
        marker = item.get_closest_marker("record")
        if marker is None:
            return self._common_policy
        return Sourced(
            policy_of(settings), options.policy_sources(self._sources, marker.kwargs)
        )

    def _begin_in_session(self, item: pytest.Item, settings: Settings) -> None:
        if self._attempt is not None:
            self._attempt.join(settings)
            self._journal.about(self._journal.trace_id, item.nodeid)
            if self._recorder is not None:
                self._recorder.resume()
            return
        attempt = self._new_attempt(SESSION_TEST, settings)
        self._open()
        attempt.error = self._open_error
        attempt.is_error_of_run = True
        try:
            if self._recorder is not None:
                policy = self._policy_of(item, settings)
                self._recorder.begin(test=SESSION_TEST, policy=policy, watch_output=False)
        except RecorderError as error:
            attempt.error = error
        self._journal.about(self._journal.trace_id, item.nodeid)

    def _new_attempt(self, test: str, settings: Settings) -> Attempt:
        # Counted, not looked up on disk: what a killed run left there is no attempt of this one.
        number = self._attempts[test] = self._attempts.get(test, 0) + 1
        is_shared = self._worker is not None and self._is_shared
        named = f"{test}-{self._worker}" if is_shared else test
        self._journal.about(test=test)
        self._ledger.began(test, number)
        self._attempt = Attempt(self._recorder, settings, test, number, named=named)
        return self._attempt

    # Reports.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[Any]"
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the section to a failing report; end the recording at the report of the teardown.

        First among the wrappers, so that it runs after those that change outcomes (xfail, re-runs).
        """
        made = yield
        attempt = self._attempt
        try:
            if made.failed:
                self._guard("failing", self._note_failing, attempt, made, call)
            if attempt is not None:
                self._guard("report", self._take_report, item, attempt, made)
        except pytest.fail.Exception as alarm:
            # The time of the test has run out in ours, says the signal handler of pytest-timeout.
            made.sections.append(("Timeout", str(alarm)))
            if not made.failed:
                made.outcome, made.longrepr = "failed", str(alarm)
        return made

    def _note_failing(
        self, attempt: Attempt | None, made: pytest.TestReport, call: "pytest.CallInfo[Any]"
    ) -> None:
        found = failing.failing_of(made, call, self.settings.root)
        recorder = self._recorder
        if recorder is not None:
            found = found._replace(message=recorder.mask(found.message))
        failing.attach(made, found)
        if attempt is not None and attempt.failing is None and self.settings.scope == "test":
            attempt.failing = found
            attempt.failed_report = made

    def _take_report(
        self, item: pytest.Item, attempt: Attempt, made: pytest.TestReport
    ) -> None:
        attempt.saw(made.when, made.outcome)
        if made.failed:
            self._guard("section", self._add_section, attempt, made)
        if made.when != "teardown":
            return
        if self.settings.scope != "session":
            self._attempt = None
            self._guard("timer", _stop_timer, item)
            try:
                self._ending.finish(attempt, self._recorder, item, made)
            except KeyboardInterrupt:
                # The end of the run finishes what was begun here.
                self._attempt = attempt
                raise
            return
        settings = item.stash.get(_SETTINGS, self.settings)
        if settings.enabled:
            self._ending.tell(attempt, self._recorder, settings, item, made)
        self._journal.about(self._journal.trace_id, SESSION_TEST)

    def _add_section(self, attempt: Attempt, made: pytest.TestReport) -> None:
        recorder = self._recorder
        if recorder is None or not recorder.is_begun:
            return
        error = recorder.error
        lines = report.section_lines(
            report.shown_path(attempt.path, self._base),
            attempt.events,
            recorder.dropped,
            f"{error.code.value}: {error.message}" if error is not None else None,
            self._story(recorder, attempt),
            is_kept=error is None or attempt.settings.keep_partial,
        )
        text = "\n".join(lines)
        attempt.section = attempt.section or text
        sections.add_section(made, report.SECTION_TITLE, text)

    def _story(self, recorder: Recorder, attempt: Attempt) -> list[str]:
        from pytest_recorder.render.steps import failure_lines

        events = list(recorder.recent(report.STORY_EVENTS))
        return failure_lines(
            events, recorder.source_of, root=self.settings.root, level=attempt.settings.level
        )

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
        self._guard("finish", self._end_run)
        # What only the end of the run brings to light has no report to stand in.
        if self._ledger.failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _end_run(self) -> None:
        attempt, recorder = self._attempt, self._recorder
        self._attempt = None
        if attempt is not None:
            # In a trace of the whole run an attempt is open between the tests as well.
            if self.settings.scope == "test" or not attempt.phases or self._is_interrupted:
                attempt.is_interrupted = True
                if recorder is not None:
                    recorder.interrupt("the run ended before the test did")
            self._ending.finish(attempt, recorder)
        if recorder is not None:
            recorder.close()
            self._recorder = None
        facts = self._ledger.counts()
        if any(facts.values()):
            self._log.info("run ended", extra={"context": facts})
        if self._worker is not None:
            counted = {"metrics": self._metrics.to_data()}
            xdist.give_output(self._config, self._ledger.to_data() | counted)
        else:
            if self._is_controller:
                self._ledger.recover()
            self._guard("quota", self._ledger.limit, self._quota)
            self._guard("index", self._ledger.close)
            self._metrics.count_recovered(self._ledger.recovered)
            self._metrics.close()

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Say what was kept; silent when all is well."""
        ledger = self._ledger
        lines = report.summary_lines(
            ledger.entries,
            ledger.recovered,
            ledger.recorded,
            ledger.warnings,
            ledger.failures,
            report.shown_path(ledger.folder, self._base),
            self._metrics.tally,
            ledger.left_out,
            ledger.pages_left_out,
            size_of=ledger.size_of,
            verbose=self._config.get_verbosity() > 0 and ledger.recorded > 0,
        )
        if lines:
            terminalreporter.write_sep("-", "recorded traces")
            for line in lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Give everything back, however the run went."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        self._ledger.tidy()
        self.close_journal()

    def close_journal(self) -> None:
        """Write no more lines."""
        self._journal.close()

    @cached_property
    def _is_controller(self) -> bool:
        return xdist.is_controller(self._config)

    def pytest_runtest_logfinish(self) -> None:
        """Keep the index up to date: a run that is killed has no later occasion."""
        self._guard("index", self._ledger.save)

    # Helpers.

    def refusal(self, error: UsageError, where: str = "") -> pytest.UsageError:
        """Tell a mistake and give what ends the run for it; workers all find the same ones."""
        if self._worker in (None, xdist.FIRST_WORKER) or self._is_each:
            self._journal.failure(error, "fail", by="plugin")
        return pytest.UsageError(f"{where}{error}")

    def recording_of(self, node: pytest.Item) -> Recording:
        """Give the object of the `recording` fixture."""
        attempt = self._attempt
        return Recording(attempt if attempt is not None and attempt.error is None else None)

    def _open(self) -> None:
        """Make the recorder, once; an error is kept and follows the policy test by test."""
        if self._recorder is not None or self._open_error is not None:
            return
        try:
            self._ledger.prepare()
            recorder = Recorder(
                self.settings,
                self.settings.dir,
                self._policy,
                journal=self._journal,
                faults=self._faults,
            )
            recorder.open()
        except UsageError as error:
            raise self.refusal(error) from error
        except RecorderError as error:
            self._open_error = error
            action = action_for(self._policy, error.kind)
            self._journal.failure_of_run(error, action, by="plugin")
        else:
            self._recorder = recorder
            if self._attempt is not None:
                self._attempt.use(recorder)

    def _guard(
        self, label: str, function: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T | None:
        call = partial(function, *args, **named) if args or named else function
        return run_guarded(label, call, self._on_fault, passing=(pytest.UsageError,))

    def _on_fault(self, label: str, error: Exception) -> None:
        """A fault of ours in a hook: it follows the policy, and is never in pytest's way."""
        known = error if isinstance(error, RecorderError) else None
        shown = known or bug(ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}", hook=label)
        self._metrics.count_fault(label)
        if self._attempt is not None:
            self._attempt.faults.append(shown)
        else:
            self._ending.tell_run(shown, self.settings)


def _stop_timer(item: pytest.Item) -> None:
    """Stop the clock of pytest-timeout: the test is over, what follows is our time."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if cancel is not None:
        cancel(item=item)
