"""Ends an attempt: keeps or drops its trace, and does what the policy says about errors."""

from pathlib import Path

import pytest

from pytest_recorder.errors import RecorderError
from pytest_recorder.plugin import report, sections, xdist
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.plugin.explanation import add_explanation
from pytest_recorder.plugin.links import Files, add_links, properties, say_early
from pytest_recorder.plugin.metrics import RunMetrics
from pytest_recorder.plugin.page import add_page
from pytest_recorder.plugin.run_index import Ledger
from pytest_recorder.recording.file_recording import required_trace_errors
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import action_for, policy_of
from pytest_recorder.tracefile.folder import claim_path, give_back
from pytest_recorder.tracefile.index import Entry
from pytest_recorder.tracefile.writer import Packed


class Ending:
    """Ends the attempts of a run; `base` is where pytest was called."""

    def __init__(
        self, ledger: Ledger, base: Path, run_metrics: RunMetrics, worker: str | None = None
    ) -> None:
        self._ledger = ledger
        self._base = base
        self._worker = worker
        self._metrics = run_metrics

    def finish(
        self,
        attempt: Attempt,
        recorder: Recorder | None,
        item: pytest.Item | None = None,
        made: pytest.TestReport | None = None,
    ) -> None:
        """Decide with all phases known. `made` is the report of the teardown, if there is one.

        The end of the run comes here again with an attempt at whose end Ctrl-C was pressed.
        """
        was_decided = attempt.is_decided
        ended = recorder.end() if recorder is not None and attempt.error is None else None
        errors: list[RecorderError | None] = [attempt.error, *attempt.faults]
        if ended is not None:
            errors += [ended.error, ended.refusal]
        is_written = True
        if recorder is not None and ended is not None:
            entry, failure = self._keep_or_drop(recorder, attempt, ended)
            if entry is not None:
                self._ledger.take(entry)
            attempt.is_decided = True
            self._ledger.recorded += 1
            errors.append(failure)
            is_written = entry is None or entry.status != "missing"
            if entry is not None:
                if entry.trace is not None:
                    errors.append(add_explanation(attempt.path, attempt.outcome))
                same = self._ledger.entries_of(entry.test)
                html = attempt.settings.html
                errors.append(add_page(self._ledger.folder, entry, same, html))
                if made is not None:
                    self._attach(made, entry)
                if made is not None and item is not None and entry.trace is not None:
                    files = Files.of(self._ledger.folder / entry.trace)
                    made.user_properties.extend(properties(files, self._base))
                    say_early(item, made, attempt)
                    unlinked = add_links(item, made, attempt, entry, files)
                    if unlinked is not None:
                        self._ledger.warn(unlinked, attempt.test)
        is_told = attempt.error is not None and attempt.has_told(attempt.error)
        if attempt.settings.require_trace and not is_told and not was_decided:
            errors += required_trace_errors(ended, is_written=is_written)
        for error in errors:
            if error is not None and not attempt.has_told(error):
                self._apply(error, attempt, attempt.settings, item, made)
        if attempt.error is not None:
            self._metrics.count_not_started()
        if recorder is not None:
            self._metrics.count(recorder.take_counts())
        if made is not None:
            self._metrics.attach(made)
        self._ledger.journal.about()

    def tell(
        self,
        attempt: Attempt,
        recorder: Recorder | None,
        settings: Settings,
        item: pytest.Item,
        made: pytest.TestReport,
    ) -> None:
        """Say in a test's teardown what is known by now of the trace of the whole run.

        What kept it from beginning is told by each test, what ended it by the test of that time.
        """
        errors: list[RecorderError] = []
        if attempt.error is not None:
            errors = [
                attempt.error,
                *(required_trace_errors(None) if settings.require_trace else ()),
            ]
        elif recorder is not None and recorder.error is not None:
            errors = [recorder.error] if not attempt.has_told(recorder.error) else []
        for error in errors:
            self._apply(error, attempt, settings, item, made)
            attempt.told.append(error)

    def tell_run(self, error: RecorderError, settings: Settings) -> None:
        """Do what the policy says about an error that no test is to be blamed for."""
        self._apply(error, None, settings, None, None)

    def _keep_or_drop(
        self, recorder: Recorder, attempt: Attempt, ended: Ended
    ) -> tuple[Entry | None, RecorderError | None]:
        """Give the entry for the index, None for a trace that nobody wants, and what went wrong."""
        if not attempt.is_wanted and not attempt.has_failed and not attempt.is_interrupted:
            recorder.drop()
            return None, None
        entry = Entry(
            test=attempt.test,
            attempt=attempt.number,
            outcome=attempt.outcome,
            trace=None,
            status=ended.status,
            reason=ended.reason,
            events=ended.events,
            dropped=ended.dropped,
            worker=self._worker,
        )
        if attempt.failing is not None:
            facts = attempt.failing.facts(attempt.settings.root)
            entry = entry.model_copy(update=facts)
        result: str | None = "dropped"
        try:
            if ended.status == "partial" and not attempt.settings.keep_partial:
                return entry, None
            packed = self._keep(recorder, attempt)
        except RecorderError as error:
            result = "failed"
            missing = {"status": "missing", "reason": error.code.value}
            return entry.model_copy(update=missing), error
        except KeyboardInterrupt:
            # What was begun here is finished at the end of the run.
            result = None
            raise
        finally:
            if result is not None:
                recorder.drop(result)
        trace = attempt.path.relative_to(self._ledger.folder).as_posix()
        return entry.model_copy(update={"trace": trace, **packed._asdict()}), None

    def _keep(self, recorder: Recorder, attempt: Attempt) -> Packed:
        path = claim_path(attempt.path, self._ledger.folder, attempt.named, attempt.number)
        attempt.path = path
        try:
            return recorder.keep(path, outcome=attempt.outcome, phases=attempt.phases)
        finally:
            give_back(path)

    def _attach(self, made: pytest.TestReport, entry: Entry) -> None:
        """Put into the report of the teardown what is known only now."""
        properties: list[tuple[str, object]] = [("record_trace_status", entry.status)]
        if entry.trace is not None:
            path = report.shown_path(self._ledger.folder / entry.trace, self._base)
            properties.insert(0, ("record_trace", path))
        if entry.reason is not None:
            properties.append(("record_trace_reason", entry.reason))
        if entry.trace is None and entry.status == "partial":
            properties.append(("record_trace_removed", report.KEEP_PARTIAL))
        properties += [
            ("record_trace_events", entry.events),
            ("record_trace_dropped", entry.dropped),
            ("record_trace_size_bytes", entry.size_bytes),
        ]
        made.user_properties.extend(properties)
        xdist.attach_entry(made, entry)

    def _apply(
        self,
        error: RecorderError,
        attempt: Attempt | None,
        settings: Settings,
        item: pytest.Item | None,
        made: pytest.TestReport | None,
    ) -> None:
        """Do what the policy says about an error. Nothing is raised here."""
        action = action_for(policy_of(settings), error.kind)
        # An error of the whole run is said once, not for each of its tests.
        is_of_run = attempt is None or (error is attempt.error and attempt.is_error_of_run)
        test = attempt.test if attempt is not None and not is_of_run else None
        if action in ("fail", "stop") and made is None:
            self._ledger.fail(error, test)
        elif action in ("fail", "stop") and made is not None:
            self._ledger.journal.failure(error, action, by="plugin")
            text = f"record-trace: {error}"
            if made.failed:
                sections.add_section(made, "record-trace error", text)
            else:
                made.outcome = "failed"
                made.longrepr = text
            if action == "stop" and item is not None:
                item.session.shouldstop = text
        elif action == "warn":
            self._ledger.warn(error, test)
        else:
            self._ledger.journal.failure(error, action, by="plugin")
