"""Begins the attempts of a run: at the setup of each test, or once for a trace of the whole run."""

import pytest

from pytest_recorder.errors import RecorderError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.attempt import SESSION_TEST, Attempt
from pytest_recorder.plugin.markers import policy_of_test, settings_of
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.settings.config import Settings


class Beginning:
    """Begins attempts, and counts those of each test."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        # Counted, not looked up on disk: what a killed run left there is no attempt of this one.
        self._attempts: dict[str, int] = {}

    def begin(self, item: pytest.Item) -> None:
        """Begin the attempt of a test that is to be recorded."""
        run = self._run
        settings = settings_of(run, item)
        if run.is_nested or run.is_controller or not settings.enabled:
            self._pass_over()
        elif run.has_one_trace:
            self._begin_in_session(item, settings)
        else:
            self._begin_test(item, settings)

    def _pass_over(self) -> None:
        """Record nothing of a test that is not to be recorded."""
        recorder = self._run.recorder
        if recorder is not None:
            if self._run.has_one_trace:
                recorder.pause()
            else:
                recorder.detach_streams()

    def _begin_test(self, item: pytest.Item, settings: Settings) -> None:
        run = self._run
        if run.rerun_of is not None:
            # Those of the run were not recorded; pytest-rerunfailures has counted them.
            self._attempts[item.nodeid] = getattr(item, "execution_count", 1)
        attempt = self._new_attempt(item.nodeid, settings)
        try:
            run.open_recorder()
            if run.open_error is not None:
                attempt.error = run.open_error
                attempt.is_error_of_run = True
            elif run.recorder is not None:
                run.add_test(item)
                run.recorder.begin(
                    test=item.nodeid,
                    attempt=attempt.number,
                    settings=settings,
                    policy=policy_of_test(run, item, settings),
                    watch_output=False,
                )
        except RecorderError as error:
            attempt.error = error

    def _begin_in_session(self, item: pytest.Item, settings: Settings) -> None:
        run = self._run
        if run.attempt is not None:
            run.attempt.join(settings)
            run.journal.about(run.journal.trace_id, item.nodeid)
            run.add_test(item)
            if run.recorder is not None:
                run.recorder.resume()
            return
        attempt = self._new_attempt(SESSION_TEST, settings)
        run.open_recorder()
        attempt.error = run.open_error
        attempt.is_error_of_run = True
        try:
            if run.recorder is not None:
                run.add_test(item)
                policy = policy_of_test(run, item, settings)
                run.recorder.begin(test=SESSION_TEST, policy=policy, watch_output=False)
        except RecorderError as error:
            attempt.error = error
        run.journal.about(run.journal.trace_id, item.nodeid)

    def _new_attempt(self, test: str, settings: Settings) -> Attempt:
        run = self._run
        number = self._attempts[test] = self._attempts.get(test, 0) + 1
        named = f"{test}-{run.worker}" if run.is_shared else test
        run.journal.about(test=test)
        if run.rerun_of is None:
            run.index.count_attempt(test, number)
        run.attempt = Attempt(run.recorder, settings, test, number, named=named)
        run.attempt.rerun_of = run.rerun_of
        return run.attempt
