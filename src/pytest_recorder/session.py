"""Gives the public API: start and stop a recording from a program, without pytest."""

import os
import sys
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pytest_recorder.config import Settings, parse_field
from pytest_recorder.engine.scope import find_project_root
from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    RecorderWarning,
    from_os_error,
    usage,
)
from pytest_recorder.policy import (
    Policy,
    action_for,
    configure_policy_from_env,
    current_policy,
)
from pytest_recorder.recorder import Ended, Recorder
from pytest_recorder.tracefile.index import TRACE_NAME, prepare_folder
from pytest_recorder.tracefile.layout import MAGIC


class TraceSession:
    """A recording that was started by the program. `path` is the file that `stop` writes.

    A context manager: leaving the block stops the recording.
    """

    def __init__(self, recorder: Recorder, path: Path, policy: Policy) -> None:
        self.path = path
        self.policy = policy
        self._recorder = recorder

    @classmethod
    def start(
        cls,
        path: str | os.PathLike[str],
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
        """Whether this session takes events now."""
        return self._recorder.is_recording

    def stop(self) -> None:
        """Stop and write the file; does nothing the second time. Raises as `stop` does."""
        if _ACTIVE.session is self:
            _ACTIVE.session = None
            self._finish()

    def flush(self) -> None:
        """Ask the system to write what was recorded so far."""
        if _ACTIVE.session is self:
            self._recorder.flush()

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

    def _finish(self) -> None:
        recorder, policy = self._recorder, self.policy
        try:
            ended = recorder.end()
            if ended is None:
                return
            failed: RecorderError | None = None
            if ended.status == "complete" or policy.keep_partial_trace:
                try:
                    recorder.keep(self.path)
                except RecorderError as error:
                    failed = error
            _judge(ended, failed, policy)
        finally:
            recorder.close()


class _Active:
    """The one session of the process that `start` has begun."""

    session: TraceSession | None = None


_ACTIVE = _Active()


def start(
    path: str | os.PathLike[str],
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
            ERR_TRACE_DIR_CREATE_FAILED, ERR_IO.
    """
    if _ACTIVE.session is not None and _ACTIVE.session.is_recording:
        raise usage(
            ErrorCode.ALREADY_TRACING,
            "a recording is running already, stop it first",
            path=_ACTIVE.session.path,
        )
    file = _trace_file(Path(os.path.abspath(path)))
    configure_policy_from_env()
    used = current_policy(policy)
    caller = Path(sys._getframe(1).f_code.co_filename)
    settings = _settings(file, level, include, exclude)
    prepare_folder(file.parent)
    recorder = Recorder(settings, file.parent, used, also=_roots(caller))
    try:
        recorder.open()
        recorder.begin()
    except RecorderError:
        recorder.close()
        raise
    session = _ACTIVE.session = TraceSession(recorder, file, used)
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
def trace(path: str | os.PathLike[str], **options: Any) -> Generator[TraceSession]:
    """Record a `with` block; takes the arguments of `start` and raises what it and `stop` raise."""
    with start(path, **options) as session:
        yield session


def _trace_file(path: Path) -> Path:
    """Find the file to write. A file that is there must be a trace, which is replaced."""
    file = path if path.suffix == ".pyrec" and not path.is_dir() else path / TRACE_NAME
    for existing in (path, file):
        if not existing.is_file():
            continue
        if existing.suffix == ".pyrec" and _is_trace(existing):
            continue
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"{str(existing)!r} is a file and no trace, expected a folder or a new *.pyrec file",
        )
    return file


def _is_trace(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise from_os_error(
            error, "cannot look at the trace that is there", path=path
        ) from error


def _settings(
    file: Path, level: str | None, include: Iterable[str], exclude: Iterable[str]
) -> Settings:
    fields: dict[str, Any] = {"root": find_project_root(Path.cwd()), "dir": file.parent}
    if level is not None:
        fields["level"] = parse_field("level", level, "level")
    for name, patterns in (("include", include), ("exclude", exclude)):
        given = [patterns] if isinstance(patterns, str) else list(patterns)
        fields[name] = parse_field(name, given, name)
    return Settings.model_validate({"enabled": True, **fields})


def _roots(caller: Path) -> tuple[Path, ...]:
    """Give the folders besides the project's that are in scope: the script's and the caller's."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    files = [caller] if main is None else [caller, Path(main)]
    return tuple(file.parent for file in files if file.is_file())


def _judge(ended: Ended, failed: RecorderError | None, policy: Policy) -> None:
    """Do what the policy says about what ended the recording early, and kept it from the disk."""
    errors = [ended.error, ended.refusal, failed, _required(ended, failed, policy)]
    failing: list[RecorderError] = []
    for error in errors:
        action = action_for(policy, error.kind) if error is not None else "ignore"
        if error is not None and action in ("fail", "stop"):
            failing.append(error)
        elif action == "warn":
            # A filter of its own: `-W error` must not turn a warning of ours into a failure.
            with warnings.catch_warnings():
                warnings.simplefilter("always", RecorderWarning)
                warnings.warn(str(error), RecorderWarning, stacklevel=4)
    for other in failing[1:]:
        failing[0].add_note(f"and: {other}")
    if failing:
        raise failing[0]


def _required(
    ended: Ended, failed: RecorderError | None, policy: Policy
) -> RecorderError | None:
    if not policy.require_trace:
        return None
    if not ended.has_code:
        return usage(ErrorCode.TRACE_MISSING, "a trace is required and no event was recorded")
    if ended.status != "complete":
        return usage(
            ErrorCode.TRACE_INCOMPLETE, "a whole trace is required, this one ended early"
        )
    if failed is not None:
        why = "a trace is required and this one could not be written"
        return usage(ErrorCode.TRACE_MISSING, why)
    return None
