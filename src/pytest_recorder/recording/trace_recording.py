"""Records one trace: begins, marks spans, takes faults of ours, and ends."""

from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from pytest_recorder.diagnostics import metrics
from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.diagnostics.inject import Injector
from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.diagnostics.metrics import Tally
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.setup import Setup
from pytest_recorder.settings.policy import Policy, action_for
from pytest_recorder.system.clock import elapsed_ns
from pytest_recorder.system.originals import CLOCKS
from pytest_recorder.tracefile.writer import Packed


class Ended(NamedTuple):
    """How a recording ended; `error` is what ended it early."""

    status: str
    reason: str | None
    message: str | None
    events: int
    dropped: int
    error: RecorderError | None
    has_code: bool
    """Whether a frame of the project was recorded; spans are events too."""
    refusal: RecorderError | None = None
    """What of the program could not be inspected, first; the recording went on."""


class TraceRecording:
    """The recording of one trace, from before its first event until it is kept or dropped."""

    def __init__(
        self, setup: Setup, policy: Policy, journal: Journal, faults: Injector
    ) -> None:
        self.manifest: dict[str, Any] | None = None
        """None before it begins, and after it is dropped."""
        self.error: RecorderError | None = None
        """What has ended it early."""
        self.ended: Ended | None = None
        self.is_kept = False
        self._setup = setup
        self._policy = policy
        self._journal = journal
        self._log = journal.logger("recorder")
        self._faults = faults
        self._refusal: RecorderError | None = None
        self._interrupted: str | None = None
        self._counts = Tally()
        self._started_ns = 0
        self._duration_us = 0
        self._cpu_us = 0
        self._cpu_started_ns = 0

    @property
    def is_begun(self) -> bool:
        """Whether it has begun and was not dropped yet."""
        return self.manifest is not None

    @property
    def is_recording(self) -> bool:
        """Whether it is between its begin and its end."""
        return self.manifest is not None and self.ended is None

    @property
    def cpu_us(self) -> int:
        """How many microseconds of CPU time it took at least: never more than the process had."""
        if self.ended is not None:
            return self._cpu_us
        of_process = (CLOCKS.process_time_ns() - self._cpu_started_ns) // 1000
        return max(min(self._setup.hot.cpu_us, of_process), 0)

    def begin(
        self,
        test: str | None,
        manifest: dict[str, Any],
        written: bytes,
        *,
        level: str,
        watch_output: bool,
    ) -> None:
        """Take events from now on; `written` is the manifest as the spool holds it.

        Raises EnvironmentError when another tool has taken our place or the spool cannot be made.
        """
        setup = self._setup
        setup.engine.unreported.count = 0
        setup.spool.begin(written)
        if not setup.hot.begin():
            setup.spool.drop()
            text = "a thread is still in the recorder, from the last recording"
            raise enverr(ErrorCode.TRACE_INCOMPLETE, text)
        self.manifest = manifest
        self._journal.about(manifest["trace_id"], test)
        # Before the first event: what runs in here is nothing of the program's.
        about = {"attempt": manifest["attempt"], "scope": manifest["scope"], "level": level}
        self._log.debug("recording begins", extra={"context": about})
        self._cpu_started_ns = CLOCKS.process_time_ns()
        self._started_ns = elapsed_ns()
        try:
            if watch_output:
                setup.watch_streams()
            setup.engine.start()
            translated(lambda: self._faults.at("start"), recorder_error)
        except RecorderError:
            setup.engine.stop()
            setup.detach_streams()
            setup.hot.end()
            setup.spool.drop()
            self.manifest = None
            raise

    def span(self, phase: str, edge: str, name: str, outcome: str) -> None:
        """Record the edge of a phase or fixture, and look after the engine at this occasion."""
        if not self.is_recording:
            return
        setup = self._setup
        self._look_after(setup.engine.conflict)
        if edge == "begin" and self.error is None:
            setup.watch_streams()
        elif phase != "fixture":
            # What is printed between the phases is pytest's, not the test's.
            setup.pause_streams()
        setup.write_span(phase, edge, (name, outcome))

    def note(self, frame: FrameType, text: str) -> None:
        """Record a remark as a `log` event at the nearest frame in scope."""
        if self.is_recording:
            self._setup.write_note(frame, text, None)

    def pause(self) -> None:
        """Take no events until `resume`."""
        if self.is_recording:
            self._look_after(self._setup.engine.conflict_at_end)
            self._setup.engine.stop()
            self._setup.detach_streams()

    def resume(self) -> None:
        """Take events again after `pause`; where our place was taken the recording has ended."""
        if self.is_recording and self.error is None:
            try:
                self._setup.engine.start()
            except RecorderError as error:
                self.handle_fault(error)

    def interrupt(self, why: str) -> None:
        """Say that the recording ends early, by nobody's fault of ours."""
        if self.is_recording and self.error is None:
            self._interrupted = why

    def end(self) -> Ended | None:
        """Take no more events and say how it went; the same answer the second time."""
        if not self.is_recording:
            return self.ended if self.is_begun else None
        setup = self._setup
        self._look_after(setup.engine.conflict_at_end)
        setup.stop()
        self._duration_us = (elapsed_ns() - self._started_ns) // 1000
        error = self.error
        reason, message = (error.code.value, error.reason_text) if error else (None, None)
        if error is None and self._interrupted is not None:
            reason, message = ErrorCode.TRACE_INCOMPLETE.value, self._interrupted
        self._cpu_us = self.cpu_us
        events, dropped = setup.spool.events, setup.spool.dropped
        self.ended = Ended(
            "partial" if reason is not None else "complete",
            reason,
            message,
            events,
            dropped,
            error,
            setup.hot.has_frames,
            self._refusal,
        )
        self._count(self.ended)
        about = {
            "status": self.ended.status,
            "reason": reason or "",
            "events": events,
            "dropped": dropped,
            "duration_us": self._duration_us,
        }
        self._log.debug("recording ended", extra={"context": about})
        return self.ended

    def trailer(self, ended: Ended) -> dict[str, Any]:
        """Give what the end of the trace file says, but for what its writer counts."""
        return {
            "status": ended.status,
            "reason": ended.reason,
            "message": ended.message,
            "duration_us": self._duration_us,
            "recording_cpu_us": self.cpu_us,
            "counters": self._counts.plain(),
        }

    def kept(self, ended: Ended, packed: Packed) -> None:
        """Take in that the trace is written, and what of it there was room for."""
        self.ended = ended._replace(events=packed.events, dropped=packed.dropped)
        self.is_kept = True
        metrics.count_trace(
            self._counts, "kept", ended.status, packed.events, packed.size_bytes
        )

    def drop(self) -> None:
        """Forget the recording."""
        if self.is_begun and not self.is_kept:
            self._log.debug("trace dropped")
        self.manifest = None

    def count_as(self, result: str) -> None:
        """Count the trace of the ended recording as this, where it was not kept."""
        if self.ended is not None and self.is_begun and not self.is_kept:
            metrics.count_trace(self._counts, result, self.ended.status)

    def take_counts(self) -> Tally:
        """Give what was counted since the recording began, or since it was taken."""
        counts, self._counts = self._counts, Tally()
        return counts

    def handle_fault(
        self, error: BaseException, callback: str | None = None, *, is_marked: bool = False
    ) -> None:
        """Take a fault of ours out of a callback: count it, detach, keep the first for the end.

        Where it `is_marked` no event is lost, and the recording goes on, as it does after what the
        program refused to show.
        The exception itself is not kept: its traceback holds objects of the program.
        """
        hot = self._setup.hot
        if isinstance(error, RecursionError):
            hot.lose("recursion")
            return
        found = recorder_error(error)
        if callback is not None and found.code is not ErrorCode.TRACER_INSTALL_CONFLICT:
            self._counts.add(metrics.FAULTS, 1, callback)
        if found.kind is ErrorKind.TARGET:
            # What the program is made of is no reason to see no more of it.
            self._refusal = self._refusal or found
            if not is_marked:
                hot.lose("refused")
            return
        is_first = self.error is None
        if is_first:
            self.error = found
            self._counts.add(
                metrics.DETACHES, 1, metrics.detach_reason(found), found.code.value
            )
        self._setup.engine.stop()
        self._setup.detach_streams()
        hot.is_open = False
        # At once, for the process may not live to the end of the test; last, for it takes a while.
        if is_first:
            self._journal.failure(found, action_for(self._policy, found.kind), by="recorder")

    def _look_after(self, conflict: Callable[[], str | None]) -> None:
        """End the recording early where another tool has taken our place."""
        words = conflict() if self.error is None else None
        if words is not None:
            self.handle_fault(enverr(ErrorCode.TRACER_INSTALL_CONFLICT, words))

    def _count(self, ended: Ended) -> None:
        """Count what the ended recording has and has not."""
        counts, setup = self._counts, self._setup
        counts.add(metrics.RECORDED_EVENTS, ended.events + ended.dropped)
        counts.add(metrics.DROPPED_EVENTS, ended.dropped, "limit")
        for reason, number in setup.hot.losses.items():
            counts.add(metrics.DROPPED_EVENTS, number, reason)
        # What no gap tells: where the stack was full, nothing could be called.
        counts.add(metrics.DROPPED_EVENTS, setup.engine.unreported.count, "recursion")
        for kind, number in setup.hot.redactions.items():
            counts.add(metrics.REDACTIONS, number, kind)
        if self.error is None and self._interrupted is not None:
            counts.add(metrics.DETACHES, 1, "interrupted", ErrorCode.TRACE_INCOMPLETE.value)
