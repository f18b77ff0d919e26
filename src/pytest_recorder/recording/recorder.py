"""Runs recordings: one engine, one hot path, one spool, one lifecycle.

recorder = Recorder(settings, folder)
recorder.open()
recorder.begin(test="tests/test_a.py::test_b", attempt=1)
...
ended = recorder.end()
recorder.keep(path, outcome="failed")      # or recorder.drop()
recorder.close()
"""

import hashlib
import io
import os
import uuid
import weakref
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pytest_recorder.diagnostics import metrics
from pytest_recorder.diagnostics.guard import shield2, shield3, translated
from pytest_recorder.diagnostics.inject import Injector, of_environment
from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.diagnostics.metrics import Tally
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.engine.pure.values import Bounds
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.scope import TEXT_FILE, Scope
from pytest_recorder.engine.select import Choice, make, select
from pytest_recorder.engine.streams import StreamTap
from pytest_recorder.errors import (
    EnvironmentError,
    ErrorCode,
    ErrorKind,
    RecorderError,
    bug,
    enverr,
    from_os_error,
)
from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.recording.manifest_facts import facts_of_policy, facts_of_run
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy, Sourced, action_for
from pytest_recorder.tracefile.manifest import Manifest
from pytest_recorder.tracefile.naming import spool_name, writable
from pytest_recorder.tracefile.spool import Segment, Spool
from pytest_recorder.tracefile.writer import Packed, pack_trace, write_trace, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_recorder.engine.base import Engine, HotPath
    from pytest_recorder.format.events import Event

_SHAPE = (
    "level",
    "values",
    "include",
    "exclude",
    "redact",
    "no_redact",
    "engine",
    "hot_path",
    "root",
    "max_bytes",
)
"""The settings that engine, hot path and spool are built from."""
_NO_ROOM = ("ENOSPC", "EDQUOT")


class Ended(NamedTuple):
    """How a recording ended; `error` is what ended it early."""

    status: str
    reason: str | None
    message: str | None
    events: int
    dropped: int
    error: RecorderError | None
    has_code: bool
    """Whether a frame of the project was seen; spans are events too."""
    refusal: RecorderError | None = None
    """What of the program could not be inspected, first; the recording went on."""


class Recorder:
    """One process's recorder. `begin` and `end` alternate; every method may be called again."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        policy: Policy,
        *,
        run_id: str | None = None,
        also: tuple[Path, ...] = (),
        text: str | None = None,
        journal: Journal | None = None,
        faults: Injector | None = None,
    ) -> None:
        """`also` are folders in scope besides the project's, `text` what `python -c` runs."""
        self.settings = settings
        self.folder = folder
        self.policy = policy
        self.journal = journal or Journal(run_id)
        self._log = self.journal.logger("recorder")
        self.run_id = run_id or self.journal.run_id
        self.choice: Choice = select(settings.engine, settings.hot_path)
        self._also = also
        self._text = text
        self._faults = of_environment() if faults is None else faults
        self._shape: tuple[Any, ...] = ()
        self._pid = os.getpid()
        self._id = uuid.uuid4().hex
        self._traces = 0
        self._spool: Spool | None = None
        self._hot: HotPath | None = None
        self._engine: Engine | None = None
        self._tap: StreamTap | None = None
        self._manifest: dict[str, Any] | None = None
        self._common: tuple[dict[str, Any], bytes] | None = None
        self._write_span: Callable[[str, str, tuple[str, str]], None] = _ignore
        self._write_note: Callable[[FrameType, str, None], None] = _ignore
        self._end_hot: Callable[[HotPath, None], None] = _ignore
        self._judged: tuple[Sourced, dict[str, Any]] | None = None
        self._error: RecorderError | None = None
        self._refusal: RecorderError | None = None
        self._interrupted: str | None = None
        self._ended: Ended | None = None
        self._counts = Tally()
        self._is_kept = False
        self._started_ns = 0
        self._duration_us = 0
        self._acting = policy
        self._redactor = Redactor(settings.redact, settings.no_redact)
        self._stored_sources: dict[bytes, bytes] = {}

    # The life of the recorder.

    def open(self) -> None:
        """Take a place in the interpreter. Raises EnvironmentError where others hold all."""
        self._build(self.settings)
        _RECORDERS.add(self)
        _register_fork()
        facts = {**self.choice._asdict(), "limits": "; ".join(self.limits), "dir": self.folder}
        self._log.info("recorder opened", extra={"context": facts})

    def close(self, *, leave_spool: bool = False) -> None:
        """Give everything back. Only the process that began it does.

        The spool is removed, or left for `recover` where it holds what could not be kept.
        """
        if self._is_foreign():
            return
        if self.is_recording:
            self.end()
        if self._shape:
            self._log.debug("recorder closed")
        self._tear_down(leave_spool=leave_spool)
        self._stored_sources.clear()

    @property
    def is_begun(self) -> bool:
        """Whether there is a recording that was not dropped yet."""
        return self._manifest is not None

    @property
    def is_recording(self) -> bool:
        """Whether a recording is between its begin and its end."""
        return self._manifest is not None and self._ended is None

    def describe(self) -> str:
        """Name engine and hot path, for the header line."""
        return f"{self.choice.engine}/{self.choice.hot_path}"

    @property
    def limits(self) -> tuple[str, ...]:
        """What the engine says that it cannot do."""
        return self._engine.capabilities.limits() if self._engine is not None else ()

    def abandon(self) -> None:
        """In a forked child: stop at once and leave the parent's spool alone."""
        if self._engine is not None:
            self._engine.abandon()
        if self._hot is not None:
            self._hot.is_open = False
        self.let_go()
        if self._spool is not None:
            self._spool.close(unlink=False)
        self._engine = self._hot = self._tap = self._spool = self._manifest = None

    # The life of one trace.

    def begin(
        self,
        *,
        test: str | None = None,
        attempt: int = 1,
        settings: Settings | None = None,
        policy: Sourced | None = None,
        watch_output: bool = True,
    ) -> None:
        """Start a recording. Without `watch_output`, output is taken between the edges of phases.

        `policy` is that of this recording, where it is not the recorder's.

        Raises EnvironmentError when another tool has taken our place or the spool cannot be made.
        """
        if self._is_foreign():
            return
        used = settings or self.settings
        self._faults.rearm()
        self._build(used)
        hot, engine, spool = self._hot, self._engine, self._spool
        if hot is None or engine is None or spool is None:
            return
        self._error = self._refusal = self._ended = self._interrupted = None
        self._counts, self._is_kept = Tally(), False
        engine.unreported.count = 0
        chosen = policy or Sourced(self.policy, {})
        self._acting = chosen.policy
        manifest, written = self._next_manifest(test, attempt, used, chosen)
        spool.begin(written)
        hot.begin()
        self._manifest = manifest
        self.journal.about(manifest["trace_id"], test)
        # Before the first event: what runs in here is nothing of the program's.
        about = {"attempt": attempt, "scope": used.scope, "level": used.level}
        self._log.debug("recording begins", extra={"context": about})
        self._started_ns = perf_counter_ns()
        try:
            if watch_output:
                self._watch_output()
            engine.start()
            translated(lambda: self._faults.at("start"), recorder_error)
        except RecorderError:
            engine.stop()
            self.let_go()
            hot.end()
            spool.drop()
            self._manifest = None
            raise

    def span(self, phase: str, edge: str, *, name: str = "", outcome: str = "") -> None:
        """Record the edge of a phase or fixture, and look after the engine at this occasion."""
        hot, engine = self._hot, self._engine
        if hot is None or engine is None or not self.is_recording or self._is_foreign():
            return
        if self._error is None:
            rival = engine.rival()
            if rival is not None:
                self._fault(
                    enverr(
                        ErrorCode.TRACER_INSTALL_CONFLICT,
                        f"the trace function was taken during the recording by {rival}",
                    )
                )
        if edge == "begin" and self._error is None:
            self._watch_output()
        elif phase != "fixture":
            # What is printed between the phases is pytest's, not the test's.
            self._pause_output()
        self._write_span(phase, edge, (name, outcome))

    def note(self, frame: FrameType, text: str) -> None:
        """Record a remark as a `log` event at the nearest frame in scope."""
        hot = self._hot
        if hot is not None and self.is_recording and not self._is_foreign():
            self._write_note(frame, text, None)

    def let_go(self) -> None:
        """Leave `sys.stdout` and `sys.stderr` as they were: what comes now is not recorded."""
        if self._tap is not None and self._hot is not None:
            self._hot.watch_streams = _ignore
            self._hot.forget_streams()
            self._tap.release()

    def pause(self) -> None:
        """Take no events until `resume`: a test in between is not to be recorded."""
        if self.is_recording and self._engine is not None and self._tap is not None:
            self._engine.stop()
            self.let_go()

    def resume(self) -> None:
        """Take events again after `pause`; where our place was taken the recording has ended."""
        if self.is_recording and self._error is None and self._engine is not None:
            try:
                self._engine.start()
            except RecorderError as error:
                self._fault(error)

    def interrupt(self, why: str) -> None:
        """Say that the recording ends early, by nobody's fault of ours."""
        if self.is_recording and self._error is None:
            self._interrupted = why

    def end(self) -> Ended | None:
        """Stop the recording and say how it went. None where none was running."""
        hot, engine, spool = self._hot, self._engine, self._spool
        manifest = self._manifest
        if hot is None or engine is None or spool is None or manifest is None:
            return None
        if self._ended is not None:
            return self._ended
        self._stop()
        self._duration_us = (perf_counter_ns() - self._started_ns) // 1000
        error = self._error
        reason, message = (error.code.value, error.message) if error else (None, None)
        if error is None and self._interrupted is not None:
            reason, message = ErrorCode.TRACE_INCOMPLETE.value, self._interrupted
        self._ended = Ended(
            "partial" if reason is not None else "complete",
            reason,
            message,
            spool.events,
            spool.dropped,
            error,
            hot.has_frames,
            self._refusal,
        )
        self._count(hot, engine, spool)
        facts = {
            "status": self._ended.status,
            "reason": reason or "",
            "events": spool.events,
            "dropped": spool.dropped,
            "duration_us": self._duration_us,
        }
        self._log.debug("recording ended", extra={"context": facts})
        return self._ended

    def flush(self) -> None:
        """Ask the system to write the spool. Raises EnvironmentError (ERR_IO)."""
        if self._spool is not None:
            translated(lambda: self._faults.at("flush"), recorder_error)
            self._spool.flush()

    def keep(self, path: Path, **facts: Any) -> Packed:
        """Write the ended recording to a file; `facts` are added to the manifest.

        Raises EnvironmentError (ERR_IO), InternalError (ERR_UNKNOWN); the recording is still there
        then, unless the disk is full and somebody has taken the room that the spool gave back.
        """
        spool, hot, manifest, ended = self._spool, self._hot, self._manifest, self._ended
        if spool is None or hot is None or manifest is None or ended is None:
            raise bug(ErrorCode.TRACE_MISSING, "there is no ended recording to keep")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, "cannot make the folder of the trace") from error
        parts: dict[str, Any] = {
            "manifest": Manifest.model_validate({**manifest, **facts}),
            "sources": dict(hot.sources.values()),
            "stored_sources": self._stored_sources,
            "trailer": {
                "status": ended.status,
                "reason": ended.reason,
                "message": ended.message,
                "duration_us": self._duration_us,
                "counters": self._counts.plain(),
            },
        }
        packed = translated(lambda: self._write(path, spool, parts), recorder_error)
        self._ended = ended._replace(events=packed.events, dropped=packed.dropped)
        self._is_kept = True
        metrics.count_trace(
            self._counts, "kept", ended.status, packed.events, packed.size_bytes
        )
        about = {"path": path, "status": ended.status, **packed._asdict()}
        self._log.info("trace kept", extra={"context": about})
        return packed

    def _write(self, path: Path, spool: Spool, parts: dict[str, Any]) -> Packed:
        try:
            return write_trace(path, segments=spool.segments(), **parts, faults=self._faults)
        except EnvironmentError as error:
            # An injected fault says that there is no room at all.
            is_full = error.context.get("errno") in _NO_ROOM
            if not is_full or self._faults.is_armed("write-enospc"):
                raise
            # The spool lies on the same disk, and what it holds is much smaller when packed.
            memory = io.BytesIO()
            packed = pack_trace(memory, segments=spool.segments(), **parts)
            data = memory.getvalue()
            if len(data) > spool.grown_bytes:
                raise
        with spool.lend():
            write_whole(path, lambda file: file.write(data))
        return packed

    def drop(self, result: str = "dropped") -> None:
        """Forget the recording; nothing of it is left on disk."""
        self.count_as(result)
        if self._spool is not None:
            self._spool.drop()
        if self._manifest is not None and not self._is_kept:
            self._log.debug("trace dropped")
        self._manifest = None

    def count_as(self, result: str) -> None:
        """Count the trace of the ended recording as this, where it was not kept."""
        if self._ended is not None and self._manifest is not None and not self._is_kept:
            metrics.count_trace(self._counts, result, self._ended.status)

    def take_counts(self) -> Tally:
        """Give what was counted since the recording began, or since it was taken."""
        counts, self._counts = self._counts, Tally()
        return counts

    def recent(self, most_events: int) -> "Iterator[Event]":
        """Give about so many of the last events of the running recording, oldest first."""
        from pytest_recorder.format.decode import EventDecoder
        from pytest_recorder.format.definition_tables import DefinitionTables

        spool = self._spool
        if spool is None:
            return
        definitions = DefinitionTables()
        blocks: list[Segment] = []
        for segment in spool.segments():
            if segment.kind == SegmentKind.DEFINITIONS:
                definitions.feed(segment.data)
            else:
                blocks.append(segment)
        count = 0
        first = len(blocks)
        while first > 0 and count < most_events:
            first -= 1
            count += blocks[first].events
        for block in blocks[first:]:
            yield from EventDecoder(
                definitions, block.data, first=block.first, base_us=block.base_us
            )

    def source_of(self, file: str) -> str | None:
        """Give the text of a file that ran, as it was then."""
        known = self._hot.sources.get(file) if self._hot is not None else None
        return known[1].decode("utf-8", "replace") if known is not None else None

    def mask(self, text: str) -> str:
        """Hide in a text what the running recording hides in printed text; counts nothing."""
        masked = self._redactor.masked
        try:
            return self._redactor.mask(text)
        finally:
            self._redactor.masked = masked

    @property
    def events(self) -> int:
        """Number of events of the running recording so far."""
        return self._spool.events if self._spool is not None else 0

    @property
    def dropped(self) -> int:
        """Number of events that the running recording had no room for so far."""
        return self._spool.dropped if self._spool is not None else 0

    @property
    def error(self) -> RecorderError | None:
        """What has ended the running recording early, if anything has."""
        return self._error

    # Building.

    def _build(self, settings: Settings) -> None:
        """Make engine and hot path for these settings; those that are there are used again."""
        shape = tuple(getattr(settings, name) for name in _SHAPE)
        if shape == self._shape:
            return
        self._tear_down()
        self.choice = select(settings.engine, settings.hot_path)
        scope = Scope(
            settings.root, settings.include, settings.exclude, also=self._also, text=self._text
        )
        self._spool = self._make_spool(settings.max_bytes)
        self._redactor = Redactor(settings.redact, settings.no_redact)
        hot, engine = self._hot, self._engine = make(
            self.choice,
            self._spool,
            level=settings.level,
            bounds=Bounds(**settings.values.model_dump()),
            redactor=self._redactor,
            is_in_scope=scope.decide_code,
            on_fault=self._fault,
            faults=self._faults,
        )
        if self._text is not None:
            data = self._text.encode("utf-8", "surrogateescape")
            digest = hashlib.sha256(data).digest()
            hot.sources[TEXT_FILE] = (digest, data)
            self._spool.keep_source(digest, data)
        self._tap = StreamTap(shield3(hot.locked(hot.output), self._fault_in("output")))
        self._write_span = shield3(hot.locked(hot.span), self._fault_in("span"))
        self._write_note = shield3(hot.locked(hot.note), self._fault_in("note"))
        self._end_hot = shield2(self._finish_hot, self._fault_in("end"))
        try:
            engine.install()
        except RecorderError:
            self._tear_down()
            raise
        self._shape = shape

    def _make_spool(self, max_bytes: int) -> Spool:
        path = self.folder / spool_name(self.run_id)
        if self._faults.is_armed("spool-full"):
            from pytest_recorder.engine.injected import make_spool

            return make_spool(self._faults, path, max_bytes)
        return Spool(path, max_bytes)

    def _tear_down(self, *, leave_spool: bool = False) -> None:
        self.let_go()
        if self._engine is not None:
            self._engine.uninstall()
        if self._hot is not None:
            self._hot.release()
        if self._spool is not None:
            self._spool.close(unlink=not leave_spool or self._spool.is_empty)
        self._engine = self._hot = self._spool = self._tap = self._manifest = None
        self._write_span = self._write_note = self._end_hot = _ignore
        self._shape = ()
        self._common = None

    def _describe(self, settings: Settings) -> tuple[dict[str, Any], bytes]:
        """Give what all traces of this shape have in common, also as the start of a JSON object."""
        if self._common is not None:
            return self._common
        common = facts_of_run(
            settings, self.choice, self.limits, run_id=self.run_id, pid=self._pid
        )
        self._common = common, orjson.dumps(common)[:-1] + b","
        return self._common

    def _next_manifest(
        self, test: str | None, attempt: int, used: Settings, chosen: Sourced
    ) -> tuple[dict[str, Any], bytes]:
        """Give the manifest of the next trace, and how it is written.

        It is put together as text: a model would be made, checked and written for each test.
        """
        self._traces += 1
        own = {
            "trace_id": f"{self._id[:20]}{self._traces:012x}",
            "test": writable(test) if test is not None else None,
            "attempt": attempt,
            "scope": used.scope,
            "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **self._policy_facts(chosen),
        }
        common, head = self._describe(used)
        return {**common, **own}, head + orjson.dumps(own)[1:]

    def _policy_facts(self, chosen: Sourced) -> dict[str, Any]:
        """Give what the manifest says of a policy; most traces of a run share one."""
        if self._judged is None or self._judged[0] != chosen:
            self._judged = (chosen, facts_of_policy(chosen))
        return self._judged[1]

    def _watch_output(self) -> None:
        if self._tap is not None and self._hot is not None:
            self._hot.watch_streams = self._tap.watch
            self._tap.watch()

    def _pause_output(self) -> None:
        """Take no output; the streams stay watched, for the next phase comes soon."""
        if self._tap is not None and self._hot is not None:
            self._hot.watch_streams = _ignore
            self._hot.forget_streams()
            self._tap.pause()

    # Ending, in order or by a fault.

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.rest()
        self._pause_output()
        if self._hot is not None:
            self._end_hot(self._hot, None)

    def _finish_hot(self, hot: "HotPath", _: None) -> None:
        self._faults.at("finish")
        hot.end()

    def _count(self, hot: "HotPath", engine: "Engine", spool: Spool) -> None:
        """Count what the ended recording has and has not."""
        counts = self._counts
        counts.add(metrics.RECORDED_EVENTS, spool.events + spool.dropped)
        counts.add(metrics.DROPPED_EVENTS, spool.dropped, "limit")
        for reason, number in hot.losses.items():
            counts.add(metrics.DROPPED_EVENTS, number, reason)
        # What no gap tells: where the stack was full, nothing could be called.
        counts.add(metrics.DROPPED_EVENTS, engine.unreported.count, "recursion")
        for kind, number in hot.redactions.items():
            counts.add(metrics.REDACTIONS, number, kind)
        if self._error is None and self._interrupted is not None:
            counts.add(metrics.DETACHES, 1, "interrupted", ErrorCode.TRACE_INCOMPLETE.value)

    def _fault_in(self, callback: str) -> "Callable[[BaseException], None]":
        return partial(self._fault, callback=callback)

    def _fault(self, error: BaseException, callback: str | None = None) -> None:
        """Take a fault of ours out of a callback: count it, detach, keep the first for the end.

        The exception itself is not kept: its traceback holds objects of the program.
        """
        hot = self._hot
        if isinstance(error, RecursionError):
            if hot is not None:
                hot.lose("recursion")
            return
        found = recorder_error(error)
        if callback is not None and found.code is not ErrorCode.TRACER_INSTALL_CONFLICT:
            self._counts.add(metrics.FAULTS, 1, callback)
        if found.kind is ErrorKind.TARGET:
            # What the program is made of is no reason to see no more of it.
            self._refusal = self._refusal or found
            if hot is not None:
                hot.lose("refused")
            return
        fault: RecorderError | None = None
        if self._error is None:
            fault = self._error = found
            self._counts.add(
                metrics.DETACHES, 1, metrics.detach_reason(found), found.code.value
            )
        if self._engine is not None:
            self._engine.stop()
        self.let_go()
        if hot is not None:
            hot.is_open = False
        # At once, for the process may not live to the end of the test; last, for it takes a while.
        if fault is not None:
            self.journal.failure(fault, action_for(self._acting, fault.kind), by="recorder")

    def _is_foreign(self) -> bool:
        return self._pid != os.getpid()


def _ignore(*_: object) -> None:
    return None


_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()
"""The live recorders of this process: a forked child must find them."""


def is_any_recording() -> bool:
    """Tell whether a recorder of this process is recording now."""
    return any(recorder.is_recording for recorder in tuple(_RECORDERS))


_FORK: list[bool] = []


def _register_fork() -> None:
    if not _FORK and hasattr(os, "register_at_fork"):
        _FORK.append(True)
        os.register_at_fork(after_in_child=_abandon_all)


def _abandon_all() -> None:
    for recorder in tuple(_RECORDERS):
        recorder.abandon()
