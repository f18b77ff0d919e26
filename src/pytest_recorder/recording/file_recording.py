"""Records into one file: begins, ends, writes, and says what the policy does about what failed.

The public API (`api`) and the recording of a whole process (`process`) are built on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from pytest_recorder.diagnostics.metrics import publish
from pytest_recorder.engine.project_folders import find_project_root
from pytest_recorder.errors import ErrorCode, RecorderError, enverr, from_os_error, usage
from pytest_recorder.format.layout import MAGIC
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings import BY_NAME
from pytest_recorder.settings.config import Action, Settings
from pytest_recorder.settings.parse import parse_option
from pytest_recorder.settings.policy import Policy, Sourced, action_for, open_journal
from pytest_recorder.system import files
from pytest_recorder.system.paths import AnyPath, FilePath, is_absolute
from pytest_recorder.tracefile.folder import TRACE_NAME, prepare_folder
from pytest_recorder.tracefile.index import Entry, add_entries
from pytest_recorder.tracefile.writer import Packed


class Problem(NamedTuple):
    """What went wrong, and what the policy does about it."""

    error: RecorderError
    action: Action

    @classmethod
    def of(cls, error: RecorderError, policy: Policy) -> Self:
        """Decide by the policy what an error does."""
        return cls(error, action_for(policy, error.kind))

    @property
    def is_failure(self) -> bool:
        """Whether it is to be raised, or to stand in the exit status."""
        return self.action in ("fail", "stop")


class FileRecording:
    """A running recording and the file that it goes to."""

    def __init__(
        self,
        path: AnyPath,
        settings: Settings,
        chosen: Sourced,
        *,
        listed_as: str | None = None,
    ) -> None:
        """Make it; with `listed_as` the index of the folder gets an entry of this name."""
        self.path = FilePath.of(path)
        self.settings = settings
        self.policy = chosen.policy
        self._chosen = chosen
        self._listed_as = listed_as
        self._recorder: Recorder | None = None

    def begin(self, also: Iterable[AnyPath], text: str | None = None) -> None:
        """Start; `also` are folders that are in scope besides the project's, `text` that of `-c`.

        Raises UsageError (ERR_TRACE_DIR_CONFLICT, ERR_NOT_SUPPORTED), EnvironmentError
        (ERR_TRACE_DIR_CREATE_FAILED, ERR_TRACER_INSTALL_CONFLICT, ERR_IO).
        """
        folder = self.path.parent
        prepare_folder(folder)
        journal = open_journal(self.policy)
        try:
            recorder = Recorder(
                self.settings, folder, self.policy, also=tuple(also), text=text, journal=journal
            )
            self._start(recorder)
        except BaseException:
            # Ctrl-C too: it comes out of `start`, and nobody has this to stop it.
            journal.close()
            raise
        self._recorder = recorder

    def _start(self, recorder: Recorder) -> None:
        try:
            recorder.open()
            recorder.begin(policy=self._chosen)
        except BaseException:
            recorder.close()
            raise

    @property
    def is_begun(self) -> bool:
        """Whether there is a recording that has not been ended."""
        return self._recorder is not None and self._recorder.is_recording

    @property
    def is_recording(self) -> bool:
        """Whether events are taken now: not after an error has ended the recording early."""
        return self.is_begun and self._recorder is not None and self._recorder.error is None

    def flush(self) -> None:
        """Ask the system to write what was recorded so far. Raises EnvironmentError (ERR_IO)."""
        if self._recorder is not None:
            self._recorder.flush()

    def discard(self) -> None:
        """Stop, and leave nothing."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder.journal.close()

    def end(self) -> list[Problem]:
        """Stop and write the file; does nothing the second time, and in a forked child.

        What cannot be written, or not to its end (Ctrl-C), stays in the spool for `recover`.
        """
        recorder = self._recorder
        if recorder is None or not recorder.is_recording:
            return []
        errors: list[RecorderError] = []
        ended: Ended | None = None
        is_unsaved = True
        try:
            ended = recorder.end()
            if ended is not None:
                errors += [e for e in (ended.error, ended.refusal) if e is not None]
            is_wanted = self.policy.keep_partial_trace or not (ended and ended.reason)
            packed = recorder.keep(self.path) if is_wanted else None
            is_unsaved = False
            if ended is not None and packed is not None:
                self._list(ended, packed, recorder.run_id)
        except RecorderError as failed:
            errors.append(failed)
        finally:
            recorder.count_as("failed" if is_unsaved else "dropped")
            counts = recorder.take_counts()
            recorder.close(leave_spool=is_unsaved)
        if self.policy.require_trace:
            errors += required_trace_errors(ended, is_written=not is_unsaved)
        problems = [Problem.of(error, self.policy) for error in errors]
        failure = publish(counts, flush=True)
        if failure is not None:
            # Whatever the policy: the recording itself is whole.
            problems.append(Problem(failure.error, "warn"))
        for problem in problems:
            recorder.journal.failure(problem.error, problem.action, by="capture")
        recorder.journal.close()
        return problems

    def _list(self, ended: Ended, packed: Packed, run_id: str) -> None:
        if self._listed_as is None:
            return
        entry = Entry(
            test=self._listed_as,
            attempt=1,
            outcome=None,
            trace=self.path.name,
            status=ended.status,
            reason=ended.reason,
            **packed._asdict(),
        )
        add_entries(self.path.parent, run_id, [entry])


def required_trace_errors(
    ended: Ended | None, *, is_written: bool = True
) -> list[RecorderError]:
    """Give what is wrong with a trace that is required; `ended` is None where none could begin."""
    if ended is None or not ended.has_code:
        text = "a trace is required and no event was recorded"
        return [usage(ErrorCode.TRACE_MISSING, text)]
    if ended.status != "complete":
        text = f"a whole trace is required, this one ended early: {ended.message}"
        return [usage(ErrorCode.TRACE_INCOMPLETE, text)]
    if not is_written:
        text = "a trace is required and this one could not be written"
        return [usage(ErrorCode.TRACE_MISSING, text)]
    return []


def absolute_or_raise(path: AnyPath) -> FilePath:
    """Make a path absolute. Raises EnvironmentError (ERR_IO) where the current folder is gone."""
    found = files.absolute(path)
    if not is_absolute(found):
        raise enverr(ErrorCode.IO, "cannot tell the current folder: it was removed", path=found)
    return found


def trace_file(path: FilePath) -> FilePath:
    """Find the file to write: `path`, or one in it. A trace that is there will be replaced.

    Raises UsageError (ERR_TRACE_DIR_CONFLICT) for a file that is no trace of ours, EnvironmentError
    (ERR_IO) where that cannot be told.
    """
    is_file = path.suffix == ".pyrec" and not files.is_folder(path)
    file = path if is_file else path / TRACE_NAME
    for existing in (path, file):
        if not files.is_file(existing):
            continue
        if existing.suffix == ".pyrec" and _is_trace(existing):
            continue
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"{str(existing)!r} is a file and no trace, expected a folder or a new *.pyrec file",
        )
    return file


def _is_trace(path: FilePath) -> bool:
    try:
        with files.open_to_read(path) as file:
            return file.read(len(MAGIC))[:-1] == MAGIC[:-1]
    except OSError as error:
        raise from_os_error(
            error, "cannot look at the trace that is there", path=path
        ) from error


def settings_from(folder: AnyPath, given: Mapping[str, tuple[object, str]]) -> Settings:
    """Check what was asked for: a value and its source for each option.

    Raises UsageError (ERR_INVALID_OPTION), EnvironmentError (ERR_IO).
    """
    fields: dict[str, Any] = {"root": find_project_root(absolute_or_raise("")), "dir": folder}
    for name, (value, source) in given.items():
        option = BY_NAME[name]
        fields[option.field] = parse_option(option, value, source)
    return Settings.checked({"enabled": True, **fields})
