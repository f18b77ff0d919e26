"""Runs the recordings of a process, one after another.

recorder = Recorder(settings, folder, policy)
recorder.open()
recorder.begin(test="tests/test_a.py::test_b", attempt=1)
...
ended = recorder.end()
recorder.keep(path, outcome="failed")      # or recorder.drop()
recorder.close()
"""

from collections.abc import Iterable
from itertools import chain
from types import FrameType
from typing import TYPE_CHECKING, Any

from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.diagnostics.inject import Injector, of_environment
from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.diagnostics.metrics import Tally
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.select import Choice, refuse_untried, select
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording import registry
from pytest_recorder.recording.keeper import Keeper
from pytest_recorder.recording.last_records import last_records
from pytest_recorder.recording.setup import Setup, Tests
from pytest_recorder.recording.trace_recording import Ended, TraceRecording
from pytest_recorder.redaction.learned import LearnedTexts
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy, Sourced
from pytest_recorder.system.originals import OS, environment
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.spool import Segment
from pytest_recorder.tracefile.writer import Packed

if TYPE_CHECKING:
    from pytest_recorder.engine.scope import Decision


_MOST_OPEN_VARIABLES = 20


class Recorder:
    """One process's recorder. `begin` and `end` alternate; every method may be called again.

    The setup is made for the settings of a recording and used again for the next one of its shape.
    """

    def __init__(
        self,
        settings: Settings,
        folder: AnyPath,
        policy: Policy,
        *,
        run_id: str | None = None,
        also: tuple[AnyPath, ...] = (),
        text: str | None = None,
        journal: Journal | None = None,
        faults: Injector | None = None,
    ) -> None:
        """`also` are folders in scope besides the project's, `text` what `python -c` runs."""
        self.settings = settings
        self.folder = FilePath.of(folder)
        self.policy = policy
        self.journal = journal or Journal(run_id)
        self.run_id = self.journal.run_id
        self.choice: Choice = select(settings.engine, settings.hot_path)
        self.setup: Setup | None = None
        """None before `open`, after `close`, and in a forked child."""
        self._log = self.journal.logger("recorder")
        self._also = also
        self._text = text
        self._tests: set[str] = set()
        self._added: list[Tests] = []
        self._faults = of_environment() if faults is None else faults
        self._pid = OS.getpid()
        self._keeper = Keeper(self._faults)
        self._learned = LearnedTexts()
        self._redactor = Redactor(settings.redact, settings.no_redact, self._learned)
        self._variables = OS.variables.copy()
        # Those that have changed and whose names tell no secret: pytest names the phase in one.
        self._open_variables: set[Any] = set()
        self._learned.learn_environment(environment(), self._redactor.rules)
        self._recording: TraceRecording | None = None

    # The life of the recorder.

    def open(self) -> None:
        """Take a place in the interpreter.

        Raises EnvironmentError where others hold all, or nothing is recorded on this one.
        """
        refuse_untried()
        self._set_up(self.settings)
        registry.register(self)
        about = {**self.choice._asdict(), "limits": "; ".join(self.limits), "dir": self.folder}
        self._log.info("recorder opened", extra={"context": about})

    def close(self, *, leave_spool: bool = False) -> None:
        """Give everything back. Only the process that began it does.

        The spool is removed, or left for `recover` where it holds what could not be kept.
        """
        if self._is_foreign():
            return
        if self.is_recording:
            self.end()
        if self.setup is not None:
            self._log.debug("recorder closed")
        self._tear_down(leave_spool=leave_spool)
        self._keeper.close()

    def abandon(self) -> None:
        """In a forked child: stop at once and leave the parent's spool alone."""
        if self.setup is not None:
            self.setup.abandon()
        self.setup = self._recording = None

    def add_tests(self, tests: Tests) -> None:
        """Take tests into the scope, with what they are part of.

        Best before the first recording begins: later the next one is set up anew where that
        widens the scope, and the running one goes on with what code it has not met.
        """
        new = Tests(
            *(tuple(path for path in paths if path not in self._tests) for paths in tests)
        )
        if any(new):
            self._tests.update(chain(*new))
            self._added.append(new)
            if self.setup is not None and not self._is_foreign():
                self.setup.add_tests(new)

    def _set_up(self, settings: Settings) -> Setup:
        """Give a setup for these settings; the one that is there is used again if it fits."""
        setup = self.setup
        # A program that has taken the spool away must not end the recording of all tests.
        is_spent = setup is not None and (setup.is_outdated or setup.spool.is_lost)
        if setup is not None and setup.is_for(settings) and not is_spent:
            return setup
        self._tear_down()
        self.choice = select(settings.engine, settings.hot_path)
        self._redactor = Redactor(settings.redact, settings.no_redact, self._learned)
        self._open_variables.clear()
        self.setup = Setup(
            settings,
            self.choice,
            self._redactor,
            self.folder,
            self.run_id,
            pid=self._pid,
            also=self._also,
            text=self._text,
            faults=self._faults,
            on_fault=self._handle_fault,
        )
        for tests in self._added:
            self.setup.add_tests(tests)
        try:
            self.setup.install()
        except BaseException:
            self._tear_down()
            raise
        return self.setup

    def _tear_down(self, *, leave_spool: bool = False) -> None:
        if self.setup is not None:
            self.setup.close(leave_spool=leave_spool)
        self.setup = self._recording = None

    def _handle_fault(
        self, error: BaseException, callback: str | None = None, *, is_marked: bool = False
    ) -> None:
        if self._recording is not None:
            self._recording.handle_fault(error, callback, is_marked=is_marked)

    @property
    def is_foreign(self) -> bool:
        """Whether it was made before a fork, by the parent of this process."""
        return self._pid != OS.getpid()

    def _is_foreign(self) -> bool:
        # Spelled out: this is asked at each edge of a phase of each test.
        return self._pid != OS.getpid()

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
        setup = self._set_up(used)
        chosen = policy or Sourced(self.policy, {})
        self._recording = TraceRecording(setup, chosen.policy, self.journal, self._faults)
        manifest, written = self._keeper.next_manifest(setup, test, attempt, used, chosen)
        self._recording.begin(
            test, manifest, written, level=used.level, watch_output=watch_output
        )

    def span(self, phase: str, edge: str, *, name: str = "", outcome: str = "") -> None:
        """Record the edge of a phase or fixture, and look after the engine at this occasion."""
        if self._recording is not None and not self._is_foreign():
            self._learn_new_variables()
            self._recording.span(phase, edge, name, outcome)

    def _learn_new_variables(self) -> None:
        """Learn what tests and fixtures have put into the environment under names of secrets."""
        known, now = self._variables, OS.variables
        for name in self._open_variables:
            value = now.get(name)
            if value is not None:
                known[name] = value
            else:
                known.pop(name, None)
        if known == now:
            return
        # Whoever sets one puts another object there.
        new = {name: value for name, value in now.items() if known.get(name) is not value}
        self._variables = now.copy()
        texts = environment(new)
        self.learn(texts.items())
        if len(self._open_variables) < _MOST_OPEN_VARIABLES:
            is_secret = self._redactor.is_secret
            self._open_variables.update(
                name for name, shown in zip(new, texts, strict=True) if not is_secret(shown)
            )

    def note(self, frame: FrameType, text: str) -> None:
        """Record a remark as a `log` event at the nearest frame in scope."""
        if self._recording is not None and not self._is_foreign():
            self._recording.note(frame, text)

    def detach_streams(self) -> None:
        """Leave `sys.stdout` and `sys.stderr` as they were: what comes now is not recorded."""
        if self.setup is not None:
            self.setup.detach_streams()

    def pause(self) -> None:
        """Take no events until `resume`: a test in between is not to be recorded."""
        if self._recording is not None:
            self._recording.pause()

    def resume(self) -> None:
        """Take events again after `pause`; where our place was taken the recording has ended."""
        if self._recording is not None:
            self._recording.resume()

    def interrupt(self, why: str) -> None:
        """Say that the recording ends early, by nobody's fault of ours."""
        if self._recording is not None:
            self._recording.interrupt(why)

    def end(self) -> Ended | None:
        """Stop the recording and say how it went. None where none was running."""
        return self._recording.end() if self._recording is not None else None

    def flush(self) -> None:
        """Ask the system to write the spool. Raises EnvironmentError (ERR_IO)."""
        if self.setup is not None:
            translated(lambda: self._faults.at("flush"), recorder_error)
            self.setup.spool.flush()

    def keep(self, path: AnyPath, **fields: Any) -> Packed:
        """Write the ended recording to a file; `fields` are added to the manifest.

        Raises EnvironmentError (ERR_IO), InternalError (ERR_UNKNOWN); the recording is still there
        then, unless the disk is full and somebody has taken the room that the spool gave back.
        """
        setup, recording = self.setup, self._recording
        manifest = recording.manifest if recording is not None else None
        ended = recording.ended if recording is not None else None
        if setup is None or recording is None or manifest is None or ended is None:
            raise bug(ErrorCode.TRACE_MISSING, "there is no ended recording to keep")
        trailer = recording.trailer(ended)
        packed = self._keeper.write(path, setup, {**manifest, **fields}, trailer)
        recording.kept(ended, packed)
        about = {"path": path, "status": ended.status, **packed._asdict()}
        self._log.info("trace kept", extra={"context": about})
        return packed

    def drop(self, result: str = "dropped") -> None:
        """Forget the recording; nothing of it is left on disk."""
        self.count_as(result)
        if self.setup is not None:
            self.setup.spool.drop()
        if self._recording is not None:
            self._recording.drop()

    def count_as(self, result: str) -> None:
        """Count the trace of the ended recording as this, where it was not kept."""
        if self._recording is not None:
            self._recording.count_as(result)

    def take_counts(self) -> Tally:
        """Give what was counted since the recording began, or since it was taken."""
        return self._recording.take_counts() if self._recording is not None else Tally()

    # What is known of it.

    @property
    def is_begun(self) -> bool:
        """Whether there is a recording that was not dropped yet."""
        return self._recording is not None and self._recording.is_begun

    @property
    def is_recording(self) -> bool:
        """Whether a recording is between its begin and its end."""
        return self._recording is not None and self._recording.is_recording

    @property
    def error(self) -> RecorderError | None:
        """What has ended the running recording early, if anything has."""
        return self._recording.error if self._recording is not None else None

    @property
    def limits(self) -> tuple[str, ...]:
        """What the engine says that it cannot do."""
        return self.setup.limits if self.setup is not None else ()

    @property
    def events(self) -> int:
        """Number of events of the running recording so far."""
        return self.setup.spool.events if self.setup is not None else 0

    @property
    def cpu_us(self) -> int:
        """How many microseconds of CPU time the running recording has taken at least."""
        return self._recording.cpu_us if self._recording is not None else 0

    @property
    def dropped(self) -> int:
        """Number of events that the running recording had no room for so far."""
        return self.setup.spool.dropped if self.setup is not None else 0

    def describe(self) -> str:
        """Name engine and hot path, for the header line."""
        return f"{self.choice.engine}/{self.choice.hot_path}"

    def last_records(self, most_events: int) -> tuple[list[bytes], list[Segment]]:
        """Give the definitions of the running recording, and about so many of its last events."""
        return (
            last_records(self.setup.spool, most_events, self.setup.masker)
            if self.setup is not None
            else ([], [])
        )

    def sources(self) -> dict[str, tuple[bytes, bytes]]:
        """Give the files that ran: digest and text of each, as they would be packed."""
        setup = self.setup
        known = setup.hot.sources if setup is not None else {}
        return {file: setup.masker.source(*source) for file, source in known.items() if setup}

    def has_recorded(self, path: str) -> bool:
        """Tell whether code of this file was recorded since the recorder was set up."""
        return self.setup is not None and path in self.setup.hot.sources

    def scope_rule(self, path: str, module: str | None) -> "Decision | None":
        """Say whether code of this file is in scope, and which rule says so."""
        return self.setup.scope.decide(path, module) if self.setup is not None else None

    def learn(self, named: Iterable[tuple[str, str | bytes]]) -> None:
        """Learn texts that have the names of secrets, before any code has them."""
        is_news = False
        for name, value in named:
            is_news |= bool(self._redactor.level(name)) and self._redactor.remember(value)
        # While it records the hot path alone adds to the spool: it would write where the map of the
        # file was before. It tells these with the next text that it learns.
        if is_news and not self.is_recording:
            self._redactor.tell()

    def hides(self, test: str) -> bool:
        """Tell whether a secret stands in the id of a test."""
        return self._redactor.finder.is_in_id(test)

    def mask(self, text: str) -> str:
        """Hide in a text what the running recording hides in printed text; counts nothing."""
        masked = self._redactor.masked
        try:
            return self._redactor.mask(text)
        finally:
            self._redactor.masked = masked
