"""Gives the public API: start and stop a recording from a program, without pytest."""

import sys
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, cast

from pytest_recorder.errors import ErrorCode, RecorderError, RecorderWarning, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.file_recording import (
    FileRecording,
    Problem,
    absolute_or_raise,
    settings_from,
    trace_file,
)
from pytest_recorder.settings.parse import invalid
from pytest_recorder.settings.process_policy import (
    configure_policy_from_env,
    sourced_policy,
    tell,
)
from pytest_recorder.system import files
from pytest_recorder.system.originals import INTERPRETER, OS
from pytest_recorder.system.paths import AnyPath, FilePath


class TraceSession:
    """A recording that was started by the program. `path` is the file that `stop` writes.

    A context manager: leaving the block stops the recording.
    """

    def __init__(self, file_recording: FileRecording) -> None:
        self.path = file_recording.path.of_pathlib()
        self.policy = file_recording.policy
        self._file_recording = file_recording

    @classmethod
    def start(
        cls,
        path: AnyPath,
        *,
        level: str | None = None,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        policy: Mapping[str, object] | None = None,
    ) -> "TraceSession":
        """Start a recording; the same as `pytest_recorder.start`."""
        return start(path, level=level, include=include, exclude=exclude, policy=policy)

    @property
    def is_recording(self) -> bool:
        """Whether this session takes events now: not after an error has ended it early."""
        return self._file_recording.is_recording

    @property
    def is_begun(self) -> bool:
        """Whether this session has something to stop; not so in a forked child."""
        return self._file_recording.is_begun

    def stop(self) -> None:
        """Stop and write the file; does nothing the second time. Raises as `stop` does."""
        if _ACTIVE.session is self:
            _ACTIVE.session = None
            _tell(self._file_recording.end())

    def flush(self) -> None:
        """Ask the system to write what was recorded so far."""
        if _ACTIVE.session is self:
            self._file_recording.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        except RecorderError as own:
            if error is None:
                raise
            # The program's own exception is on its way and must not be covered by ours.
            error.add_note(f"and the recording failed: {own}")


class _Active:
    """The one session of the process that `start` has begun."""

    session: TraceSession | None = None


_ACTIVE = _Active()


def start(
    path: AnyPath,
    *,
    level: str | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    policy: Mapping[str, object] | None = None,
) -> TraceSession:
    """Start recording this process.

    Args:
        path: a folder, made if missing, or a new `*.pyrec` file. A trace in it is replaced.
        level: `calls`, `lines` or `values` (the default).
        include: patterns of code to record besides the project's own, see `docs/options.md`.
        exclude: patterns of code not to record.
        policy: policy fields for this session alone; they win over the environment and
            `configure_policy`.

    Raises:
        UsageError: ERR_ALREADY_TRACING when a session runs; ERR_TRACE_DIR_CONFLICT when `path` is a
            file that is no trace of ours; ERR_INVALID_OPTION, ERR_INVALID_POLICY_VALUE.
        EnvironmentError: ERR_TRACER_INSTALL_CONFLICT when other tools hold all places;
            ERR_NOT_SUPPORTED on a free-threaded build of Python, see `docs/engines.md`;
            ERR_TRACE_DIR_CREATE_FAILED, ERR_IO.
    """
    caller = INTERPRETER.getframe(1).f_code.co_filename
    try:
        return _start(path, level, include, exclude, policy, caller)
    except RecorderError as error:
        tell(error, policy, by="session")
        raise


def _start(
    path: AnyPath,
    level: str | None,
    include: Iterable[str],
    exclude: Iterable[str],
    policy: Mapping[str, object] | None,
    caller: str,
) -> TraceSession:
    if _ACTIVE.session is not None and _ACTIVE.session.is_begun:
        raise usage(
            ErrorCode.ALREADY_TRACING,
            "a recording is running already, stop it first",
            path=_ACTIVE.session.path,
        )
    if not isinstance(path, str | OS.path_like):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise invalid(path, "path", "text or a path")
    file = trace_file(absolute_or_raise(path))
    configure_policy_from_env()
    chosen = sourced_policy(policy)
    given: dict[str, tuple[object, str]] = {}
    if level is not None:
        given["level"] = (level, "level")
    for name, patterns in (("include", include), ("exclude", exclude)):
        given[name] = (_listed(patterns), name)
    file_recording = FileRecording(file, settings_from(file.parent, given), chosen)
    file_recording.begin(_roots(caller))
    return adopt(file_recording)


def adopt(file_recording: FileRecording) -> TraceSession:
    """Let a recording that has begun be the session of this process."""
    session = _ACTIVE.session = TraceSession(file_recording)
    return session


def stop() -> None:
    """Stop the running session and write its file; does nothing when none runs.

    Raises:
        RecorderError: what ended the recording early or kept it from being written, under the
            policy `abort` (the default); UsageError ERR_TRACE_MISSING or ERR_TRACE_INCOMPLETE
            under `require_trace`.
    """
    session = _ACTIVE.session
    if session is not None:
        session.stop()


def flush() -> None:
    """Ask the system to write what was recorded so far; does nothing when no session runs."""
    session = _ACTIVE.session
    if session is not None:
        session.flush()


def is_tracing() -> bool:
    """Tell whether a session that `start` has begun takes events now."""
    return _ACTIVE.session is not None and _ACTIVE.session.is_recording


@contextmanager
def trace(path: AnyPath, **options: Any) -> Generator[TraceSession]:
    """Record a `with` block; takes the arguments of `start` and raises what it and `stop` raise."""
    with start(path, **options) as session:
        yield session


def _listed(patterns: object) -> object:
    """Take any iterable of patterns; one pattern, and what is none, is checked as it is."""
    if isinstance(patterns, str) or not isinstance(patterns, Iterable):
        return patterns
    return list(cast("Iterable[object]", patterns))


def _roots(caller: str) -> tuple[FilePath, ...]:
    """Give the folders besides the project's that are in scope: the script's and the caller's."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    those = [FilePath(file) for file in (caller, main) if file is not None]
    return tuple(files.absolute(file).parent for file in those if files.is_file(file))


def _tell(problems: list[Problem]) -> None:
    """Warn, then raise the first failure; those after it are its notes."""
    for problem in problems:
        if problem.action == "warn":
            # A filter of its own: `-W error` must not turn a warning of ours into a failure.
            with warnings.catch_warnings():
                warnings.simplefilter("always", RecorderWarning)
                warnings.warn(str(problem.error), RecorderWarning, stacklevel=3)
    failures = [problem.error for problem in problems if problem.is_failure]
    for other in failures[1:]:
        failures[0].add_note(f"and: {other}")
    if failures:
        raise failures[0]
