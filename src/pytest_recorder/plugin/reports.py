"""Takes in the reports of phases: adds to a failing one, ends the attempt at the last one."""

from typing import Any

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import failing, report_lines, sections
from pytest_recorder.plugin.attempt import SESSION_TEST, Attempt
from pytest_recorder.plugin.ending import Ending
from pytest_recorder.plugin.markers import settings_of
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.render.time_limit import time_limit_text


class Reports:
    """What is done with the report of each phase."""

    def __init__(self, run: RecordedRun, ending: Ending) -> None:
        self._run = run
        self._ending = ending

    def take(
        self, item: pytest.Item, call: "pytest.CallInfo[Any]", made: pytest.TestReport
    ) -> None:
        """Take in a report, and add to it."""
        run, attempt = self._run, self._run.attempt
        try:
            if made.failed:
                run.guard("failing", self._note_failing, attempt, made, call)
            if attempt is not None:
                run.guard("report", self._take, item, attempt, made)
        except pytest.fail.Exception as alarm:
            # The time of the test has run out in ours, says the signal handler of pytest-timeout.
            made.sections.append(("Timeout", str(alarm)))
            if not made.failed:
                made.outcome, made.longrepr = "failed", str(alarm)

    def _note_failing(
        self, attempt: Attempt | None, made: pytest.TestReport, call: "pytest.CallInfo[Any]"
    ) -> None:
        """Let what failed where travel with the report, and note the first failure."""
        run = self._run
        found = failing.failing_of(made, call, run.settings.root)
        if run.recorder is not None:
            found = found._replace(message=run.recorder.mask(found.message))
        failing.attach(made, found)
        if attempt is not None and attempt.failing is None and not run.has_one_trace:
            attempt.failing = found
            attempt.failed_report = made

    def _take(self, item: pytest.Item, attempt: Attempt, made: pytest.TestReport) -> None:
        run = self._run
        attempt.take_outcome(made.when, made.outcome)
        if made.failed:
            run.guard("section", self._add_section, attempt, made)
        if made.when != "teardown":
            return
        if not run.has_one_trace:
            self._end_attempt(item, attempt, made)
            return
        settings = settings_of(run, item)
        if settings.enabled:
            self._ending.tell(attempt, settings, item, made)
        run.journal.about(run.journal.trace_id, SESSION_TEST)

    def _end_attempt(
        self, item: pytest.Item, attempt: Attempt, made: pytest.TestReport
    ) -> None:
        run = self._run
        run.attempt = None
        run.guard("timer", _stop_timer, item)
        unseen = run.guard(
            "fixtures", run.fixture_makers.made_unseen, item, attempt, self._is_in_scope
        )
        attempt.fixtures = unseen or {}
        try:
            # The report of a re-run is for nobody to see.
            is_seen = attempt.rerun_of is None
            self._ending.finish(attempt, item, made if is_seen else None)
        except KeyboardInterrupt:
            # The end of the run finishes what was begun here.
            run.attempt = attempt
            raise

    def _is_in_scope(self, path: str) -> bool:
        recorder = self._run.recorder
        rule = recorder.scope_rule(path, None) if recorder is not None else None
        return rule is None or rule.is_in_scope

    def _add_section(self, attempt: Attempt, made: pytest.TestReport) -> None:
        """Say where the trace will be, and the last steps before the failure."""
        recorder = self._run.recorder
        if recorder is None or not recorder.is_begun:
            return
        error = recorder.error
        lines = report_lines.section_lines(
            report_lines.shown_path(attempt.path, self._run.base),
            attempt.events,
            recorder.dropped,
            f"{error.code.value}: {error.reason_text}" if error is not None else None,
            self._story(recorder, attempt, made),
            is_kept=error is None or attempt.settings.keep_partial,
            slower=self._slower(recorder, made),
        )
        text = "\n".join(lines)
        attempt.section = attempt.section or text
        sections.add_section(made, report_lines.SECTION_TITLE, text)

    def _slower(self, recorder: Recorder, made: pytest.TestReport) -> str | None:
        limit = failing.failing_in(made, self._run.settings.root).time_limit
        if limit is None:
            return None
        of = " since the run began" if self._run.has_one_trace else ""
        return time_limit_text(limit, recorder.cpu_us, of=of)

    def _story(
        self, recorder: Recorder, attempt: Attempt, made: pytest.TestReport
    ) -> list[str]:
        found = failing.failing_in(made, self._run.settings.root)
        return self._run.explainer.last_steps(
            recorder,
            report_lines.STORY_EVENTS,
            root=self._run.settings.root,
            level=attempt.settings.level,
            failed_at=found.failed_at(),
            is_over=recorder.error is not None,
        )


def _stop_timer(item: pytest.Item) -> None:
    """Stop the clock of pytest-timeout: the test is over, what follows is our time."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if cancel is not None:
        cancel(item=item)
