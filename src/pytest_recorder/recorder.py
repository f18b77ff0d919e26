"""Runs recordings: one engine, one hot path, one spool, one lifecycle.

recorder = Recorder(settings, folder)
recorder.open()
recorder.begin(test="tests/test_a.py::test_b", attempt=1)
...
ended = recorder.end()
recorder.keep(path, outcome="failed")      # or recorder.drop()
recorder.close()
"""

import io
import os
import platform
import uuid
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from time import perf_counter_ns
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_recorder import compat
from pytest_recorder.config import Settings
from pytest_recorder.diagnostics.guard import shield2, shield3, translated
from pytest_recorder.diagnostics.inject import Injector, of_environment
from pytest_recorder.engine.injected import make_spool
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.scope import Scope
from pytest_recorder.engine.select import Choice, make, select
from pytest_recorder.engine.streams import StreamTap
from pytest_recorder.engine.values import Bounds
from pytest_recorder.errors import (
    EnvironmentError,
    ErrorCode,
    ErrorKind,
    RecorderError,
    bug,
    enverr,
    from_os_error,
)
from pytest_recorder.policy import Policy, policy_digest
from pytest_recorder.tracefile.decode import Definitions, EventDecoder
from pytest_recorder.tracefile.events import Event
from pytest_recorder.tracefile.layout import FORMAT_VERSION, SegmentKind
from pytest_recorder.tracefile.manifest import Manifest
from pytest_recorder.tracefile.naming import spool_name
from pytest_recorder.tracefile.spool import Segment, Spool
from pytest_recorder.tracefile.writer import Packed, pack_trace, write_trace, write_whole

if TYPE_CHECKING:
    from pytest_recorder.engine.base import Engine, HotPath

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
        faults: Injector | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.policy = policy
        self.run_id = run_id or uuid.uuid4().hex
        self.choice: Choice = select(settings.engine, settings.hot_path)
        self._also = also
        self._faults = of_environment() if faults is None else faults
        self._shape: tuple[Any, ...] = ()
        self._pid = os.getpid()
        self._spool: Spool | None = None
        self._hot: HotPath | None = None
        self._engine: Engine | None = None
        self._tap: StreamTap | None = None
        self._manifest: Manifest | None = None
        self._common: Manifest | None = None
        self._error: RecorderError | None = None
        self._refusal: RecorderError | None = None
        self._interrupted: str | None = None
        self._ended: Ended | None = None
        self._started_ns = 0
        self._duration_us = 0

    # The life of the recorder.

    def open(self) -> None:
        """Take a place in the interpreter. Raises EnvironmentError where others hold all."""
        self._build(self.settings)
        _RECORDERS.add(self)
        _register_fork()

    def close(self) -> None:
        """Give everything back; the spool is removed. Only the process that began it does."""
        if self._is_foreign():
            return
        if self.is_recording:
            self.end()
        self._tear_down()

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
        self._release_output()
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
        watch_output: bool = True,
    ) -> None:
        """Start a recording. Without `watch_output`, output is taken between the edges of phases.

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
        manifest = self._describe(used).model_copy(
            update={
                "trace_id": uuid.uuid4().hex,
                "test": test,
                "attempt": attempt,
                "scope": used.scope,
                "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
        )
        spool.begin(manifest.model_dump_json().encode())
        hot.begin()
        self._manifest = manifest
        self._started_ns = perf_counter_ns()
        try:
            if watch_output:
                self._watch_output()
            engine.start()
            translated(lambda: self._faults.at("start"), _as_recorder_error)
        except RecorderError:
            engine.stop()
            self._release_output()
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
            self._release_output()
        write = shield3(hot.locked(hot.span), self._fault)
        write(phase, edge, (name, outcome))

    def note(self, frame: FrameType, text: str) -> None:
        """Record a remark as a `log` event at the nearest frame in scope."""
        hot = self._hot
        if hot is not None and self.is_recording and not self._is_foreign():
            shield3(hot.locked(hot.note), self._fault)(frame, text, None)

    def pause(self) -> None:
        """Take no events until `resume`: a test in between is not to be recorded."""
        if self.is_recording and self._engine is not None and self._tap is not None:
            self._engine.stop()
            self._release_output()

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
        return self._ended

    def flush(self) -> None:
        """Ask the system to write the spool. Raises EnvironmentError (ERR_IO)."""
        if self._spool is not None:
            translated(lambda: self._faults.at("flush"), _as_recorder_error)
            self._spool.flush()

    def keep(self, path: Path, **facts: Any) -> Packed:
        """Write the ended recording to a file; `facts` are added to the manifest.

        Raises EnvironmentError (ERR_IO), InternalError (ERR_UNKNOWN); the recording is still there
        then, unless the disk is full.
        """
        spool, hot, manifest, ended = self._spool, self._hot, self._manifest, self._ended
        if spool is None or hot is None or manifest is None or ended is None:
            raise bug(ErrorCode.TRACE_MISSING, "there is no ended recording to keep")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, "cannot make the folder of the trace") from error
        trailer = {
            "status": ended.status,
            "reason": ended.reason,
            "message": ended.message,
            "duration_us": self._duration_us,
        }
        parts: dict[str, Any] = {
            "manifest": manifest.model_copy(update=facts),
            "sources": dict(hot.sources.values()),
            "trailer": trailer,
        }
        packed = translated(lambda: self._write(path, spool, parts), _as_recorder_error)
        self._ended = ended._replace(events=packed.events, dropped=packed.dropped)
        return packed

    def _write(self, path: Path, spool: Spool, parts: dict[str, Any]) -> Packed:
        try:
            return write_trace(path, segments=spool.segments(), **parts, faults=self._faults)
        except EnvironmentError as error:
            is_full = error.context.get("errno") in _NO_ROOM
            if not is_full or self._faults.is_armed("write-enospc"):
                raise
            # The spool lies on the same disk, and what it holds is much smaller when packed.
            memory = io.BytesIO()
            packed = pack_trace(memory, segments=spool.segments(), **parts)
            data = memory.getvalue()
            if len(data) > spool.grown_bytes:
                raise
        spool.shrink()
        write_whole(path, lambda file: file.write(data))
        return packed

    def drop(self) -> None:
        """Forget the recording; nothing of it is left on disk."""
        if self._spool is not None:
            self._spool.drop()
        self._manifest = None

    def recent(self, most_events: int) -> Iterator[Event]:
        """Give about so many of the last events of the running recording, oldest first."""
        spool = self._spool
        if spool is None:
            return
        definitions = Definitions()
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
        scope = Scope(settings.root, settings.include, settings.exclude, also=self._also)
        path = self.folder / spool_name(self.run_id)
        self._spool = (
            make_spool(self._faults, path, settings.max_bytes)
            if self._faults.is_armed("spool-full")
            else Spool(path, settings.max_bytes)
        )
        hot, engine = self._hot, self._engine = make(
            self.choice,
            self._spool,
            level=settings.level,
            bounds=Bounds(**settings.values.model_dump()),
            redactor=Redactor(settings.redact, settings.no_redact),
            is_in_scope=scope.decide,
            on_fault=self._fault,
            faults=self._faults,
        )
        self._tap = StreamTap(shield3(hot.locked(hot.output), self._fault))
        try:
            engine.install()
        except RecorderError:
            self._tear_down()
            raise
        self._shape = shape

    def _tear_down(self) -> None:
        if self._engine is not None:
            self._engine.uninstall()
        if self._hot is not None:
            self._hot.release()
        if self._spool is not None:
            self._spool.close()
        self._engine = self._hot = self._spool = self._tap = self._manifest = None
        self._shape = ()
        self._common = None

    def _describe(self, settings: Settings) -> Manifest:
        """Give what is the same for all traces of this shape; it takes a while to make."""
        if self._common is not None:
            return self._common
        self._common = Manifest(
            format=FORMAT_VERSION,
            run_id=self.run_id,
            trace_id="",
            python=compat.PYTHON_VERSION,
            implementation=compat.IMPLEMENTATION,
            platform=f"{platform.system()}-{platform.machine()}",
            versions=dict(_versions()),
            engine=self.choice.engine,
            engine_reason=self.choice.reason,
            hot_path=self.choice.hot_path,
            hot_path_reason=self.choice.hot_path_reason,
            limits=self.limits,
            level=settings.level,
            values=settings.values.model_dump(),
            root=str(settings.root),
            max_bytes=settings.max_bytes,
            policy=self.policy.model_dump(mode="json"),
            policy_sha256=policy_digest(self.policy),
            started="",
            pid=os.getpid(),
        )
        return self._common

    def _watch_output(self) -> None:
        if self._tap is not None and self._hot is not None:
            self._hot.watch_streams = self._tap.watch
            self._tap.watch()

    def _release_output(self) -> None:
        if self._tap is not None and self._hot is not None:
            self._hot.watch_streams = _ignore
            self._hot.forget_streams()
            self._tap.release()

    # Ending, in order or by a fault.

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.rest()
        self._release_output()
        if self._hot is not None:
            shield2(self._end_hot, self._fault)(self._hot, None)

    def _end_hot(self, hot: "HotPath", _: None) -> None:
        self._faults.at("finish")
        hot.end()

    def _fault(self, error: BaseException) -> None:
        """Take a fault of ours out of a callback: count it, detach, keep the first for the end.

        The exception itself is not kept: its traceback holds objects of the program.
        """
        hot = self._hot
        if isinstance(error, RecursionError):
            if hot is not None:
                hot.lose("recursion")
            return
        found = _as_recorder_error(error)
        if found.kind is ErrorKind.TARGET:
            # What the program is made of is no reason to see no more of it.
            self._refusal = self._refusal or found
            if hot is not None:
                hot.lose("refused")
            return
        if self._error is None:
            self._error = found
        if self._engine is not None:
            self._engine.stop()
        self._release_output()
        if hot is not None:
            hot.is_open = False

    def _is_foreign(self) -> bool:
        return self._pid != os.getpid()


def _as_recorder_error(error: BaseException) -> RecorderError:
    """Translate a fault and let go of its traceback, whose frames hold the program's objects."""
    if isinstance(error, RecorderError):
        found = error
    elif isinstance(error, OSError):
        found = from_os_error(error, "cannot record")
    elif isinstance(error, MemoryError):
        found = enverr(ErrorCode.IO, "out of memory while recording")
    else:
        where = _innermost(error)
        text = f"the recorder failed: {type(error).__name__}: {error}"
        found = bug(ErrorCode.UNKNOWN, text, at=where)
    if found.__cause__ is not None:
        found.__cause__ = found.__cause__.with_traceback(None)
    return found.with_traceback(None)


def _ignore() -> None:
    return None


def _innermost(error: BaseException) -> str:
    traceback, where = error.__traceback__, "unknown"
    while traceback is not None:
        where = (
            f"{os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
        )
        traceback = traceback.tb_next
    return where


@cache
def _versions() -> dict[str, str]:
    """Name the versions that wrote a trace; looked up once, for it takes milliseconds."""
    found: dict[str, str] = {}
    for name in ("pytest-record-trace", "pytest"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


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
