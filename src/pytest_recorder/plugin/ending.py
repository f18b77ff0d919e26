"""Ends attempts and the run: keeps or drops traces, and does what the policy says about errors."""

import pytest

from pytest_recorder.errors import RecorderError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import report_lines, rerun_reports, xdist
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.plugin.consequences import apply_policy
from pytest_recorder.plugin.links import Files, add_links, properties, say_early
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.recording.file_recording import required_trace_errors
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings.config import Settings
from pytest_recorder.tracefile.folder import claim_path, give_back
from pytest_recorder.tracefile.index import Entry
from pytest_recorder.tracefile.naming import writable
from pytest_recorder.tracefile.writer import Packed


class Ending:
    """Ends the attempts of a run, and the run."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run

    def finish(
        self,
        attempt: Attempt,
        item: pytest.Item | None = None,
        made: pytest.TestReport | None = None,
    ) -> None:
        """Decide with all phases known. `made` is the report of the teardown, if there is one.

        The end of the run comes here again with an attempt at whose end Ctrl-C was pressed.
        """
        run, recorder = self._run, self._run.recorder
        was_decided = attempt.is_decided
        ended = recorder.end() if recorder is not None and attempt.error is None else None
        errors: list[RecorderError | None] = [attempt.error, *attempt.faults]
        is_written = True
        if recorder is not None and ended is not None:
            errors += [ended.error, ended.refusal]
            if item is not None and ended.reason is None and not ended.dropped:
                self._look_for_own_lines(attempt, item, recorder, has_code=ended.has_code)
            entry, failure = self._decide(recorder, attempt, ended)
            errors.append(failure)
            is_written = entry is None or entry.status != "missing"
            if entry is not None:
                errors += self._add_files(attempt, entry)
                self._tell_reports(attempt, entry, item, made)
        is_told = attempt.error is not None and attempt.has_told(attempt.error)
        if attempt.settings.require_trace and not is_told and not was_decided:
            errors += required_trace_errors(ended, is_written=is_written)
        for error in errors:
            if error is not None and not attempt.has_told(error):
                apply_policy(error, attempt.settings, run.index, attempt, item, made)
        if attempt.error is not None:
            run.metrics.count_not_started()
        if recorder is not None:
            run.metrics.count(recorder.take_counts())
        if made is not None:
            run.metrics.attach(made)
        run.journal.about()
        run.end_in_child()

    def take_entry(self, made: pytest.TestReport) -> None:
        """Enter what a report brings from another process, once."""
        entry, index = xdist.entry_of(made), self._run.index
        if entry is not None and not index.has(entry):
            index.take(entry)
            index.recorded += 1

    def tell(
        self, attempt: Attempt, settings: Settings, item: pytest.Item, made: pytest.TestReport
    ) -> None:
        """Say in a test's teardown what is known by now of the trace of the whole run.

        What kept it from beginning is told by each test, what ended it by the test of that time.
        """
        recorder = self._run.recorder
        errors: list[RecorderError] = []
        if attempt.error is not None:
            lacking = required_trace_errors(None) if settings.require_trace else ()
            errors = [attempt.error, *lacking]
        elif recorder is not None and recorder.error is not None:
            errors = [recorder.error] if not attempt.has_told(recorder.error) else []
        elif recorder is not None:
            self._look_for_own_lines(attempt, item, recorder, has_code=True)
        for error in errors:
            apply_policy(error, settings, self._run.index, attempt, item, made)
            attempt.told.append(error)

    def _look_for_own_lines(
        self, attempt: Attempt, item: pytest.Item, recorder: Recorder, *, has_code: bool
    ) -> None:
        """Note a test that ran, and of whose file nothing was recorded.

        Not where the user has excluded the file and something else was recorded: as asked for.
        """
        if attempt.reported.get("call") not in ("passed", "failed"):
            return
        rule = self._run.own_files.rule_for(item, recorder)
        if rule is None or (rule.startswith("excluded") and has_code):
            return
        if not self._run.has_one_trace:
            attempt.unrecorded = writable(rule)
        file = report_lines.shown_path(item.path, self._run.base)
        self._run.index.take_unrecorded(file, rule)

    def finish_run(self, *, is_interrupted: bool) -> None:
        """End what is still running, give everything back, and write the index."""
        run = self._run
        attempt, run.attempt = run.attempt, None
        if attempt is not None:
            # In a trace of the whole run an attempt is open between the tests as well.
            if not run.has_one_trace or not attempt.phases or is_interrupted:
                attempt.is_interrupted = True
                if run.recorder is not None:
                    run.recorder.interrupt("the run ended before the test did")
            self.finish(attempt)
        run.close_recorder()
        counts = run.index.counts()
        if any(counts.values()):
            run.log.info("run ended", extra={"context": counts})
        if run.worker is not None:
            output = run.index.to_data() | {"metrics": run.metrics.to_data()}
            output |= run.rerun_reports.to_data()
            xdist.give_output(run.config, output)
            run.explainer.close()
            return
        # What workers have left, and tests that a plugin ran in processes of their own.
        run.index.recover()
        run.guard("quota", run.index.limit, run.quota)
        run.guard("index", run.index.close)
        run.metrics.count_recovered(run.index.recovered)
        run.metrics.close()
        run.explainer.close()

    def _decide(
        self, recorder: Recorder, attempt: Attempt, ended: Ended
    ) -> tuple[Entry | None, RecorderError | None]:
        """Keep or drop a trace, and enter it; gives its entry, if any, and what went wrong."""
        entry, failure = self._keep_or_drop(recorder, attempt, ended)
        if entry is not None:
            self._run.index.take(entry)
        attempt.is_decided = True
        self._run.index.recorded += 1
        return entry, failure

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
            worker=self._run.worker,
            unrecorded=attempt.unrecorded,
        )
        if attempt.failing is not None:
            fields = attempt.failing.entry_fields(attempt.settings.root)
            entry = entry.but(**fields)
        if attempt.rerun_of is not None:
            entry = entry.but(rerun=rerun_reports.outcome_of(attempt))
        result: str | None = "dropped"
        try:
            if ended.status == "partial" and not attempt.settings.keep_partial:
                return entry, None
            packed = self._keep(recorder, attempt)
        except RecorderError as error:
            result = "failed"
            return entry.but(status="missing", reason=error.code.value), error
        except KeyboardInterrupt:
            # What was begun here is finished at the end of the run.
            result = None
            raise
        finally:
            if result is not None:
                recorder.drop(result)
        trace = attempt.path.relative_to(self._run.index.folder).as_posix()
        return entry.but(trace=trace, **packed._asdict()), None

    def _keep(self, recorder: Recorder, attempt: Attempt) -> Packed:
        folder = self._run.index.folder
        path = claim_path(
            attempt.path, folder, attempt.named, attempt.number, is_secret=attempt.is_secret
        )
        attempt.path = path
        try:
            failing = attempt.failing
            about = {"unrecorded": attempt.unrecorded} if attempt.unrecorded else {}
            if attempt.rerun_of is not None:
                about["rerun"] = rerun_reports.outcome_of(attempt)
            return recorder.keep(
                path,
                outcome=attempt.outcome,
                phases=attempt.phases,
                failing=failing.manifest_fields() if failing is not None else None,
                fixtures=attempt.fixtures,
                **about,
            )
        finally:
            give_back(path)

    def _add_files(self, attempt: Attempt, entry: Entry) -> list[RecorderError | None]:
        """Put explanation and page beside the trace; gives what went wrong."""
        index, explainer = self._run.index, self._run.explainer
        errors: list[RecorderError | None] = []
        if entry.trace is not None:
            errors.append(explainer.explain(attempt.path, attempt.outcome))
        same = index.entries_of(entry.test)
        errors.append(explainer.add_page(index.folder, entry, same, attempt.settings.html))
        return errors

    def _tell_reports(
        self,
        attempt: Attempt,
        entry: Entry,
        item: pytest.Item | None,
        made: pytest.TestReport | None,
    ) -> None:
        """Name the trace and its files in the report of the teardown, and to other plugins."""
        if made is None:
            return
        run = self._run
        made.user_properties.extend(
            report_lines.entry_properties(entry, run.index.folder, run.base)
        )
        xdist.attach_entry(made, entry)
        if item is not None and entry.trace is not None:
            files = Files.of(run.index.folder / entry.trace)
            made.user_properties.extend(properties(files, run.base))
            say_early(item, made, attempt)
            unlinked = add_links(item, made, attempt, entry, files)
            if unlinked is not None:
                run.index.warn(unlinked, attempt.test)
