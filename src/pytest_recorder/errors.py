"""Defines every error that this package raises on purpose: its kind, code, context and text."""

import errno
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

from pytest_recorder.original_builtins import __builtins__


class ErrorKind(StrEnum):
    """Who can do something about an error."""

    USAGE = "Usage"
    ENVIRONMENT = "Environment"
    TARGET = "Target"
    INTERNAL = "Internal"


class ErrorCode(StrEnum):
    """The stable name of what happened; ``docs/errors.md`` has a section for each."""

    UNKNOWN = "ERR_UNKNOWN"
    ALREADY_TRACING = "ERR_ALREADY_TRACING"
    TRACE_DIR_CONFLICT = "ERR_TRACE_DIR_CONFLICT"
    TRACE_DIR_CREATE_FAILED = "ERR_TRACE_DIR_CREATE_FAILED"
    UNSUPPORTED_FORMAT = "ERR_UNSUPPORTED_FORMAT"
    MISSING_POSITIONAL_ARG = "ERR_MISSING_POSITIONAL_ARG"
    MISSING_KEYWORD_ARG = "ERR_MISSING_KEYWORD_ARG"
    FRAME_INTROSPECTION_FAILED = "ERR_FRAME_INTROSPECTION_FAILED"
    GLOBALS_INTROSPECTION_FAILED = "ERR_GLOBALS_INTROSPECTION_FAILED"
    TRACER_INSTALL_CONFLICT = "ERR_TRACER_INSTALL_CONFLICT"
    IO = "ERR_IO"
    INVALID_POLICY_VALUE = "ERR_INVALID_POLICY_VALUE"
    TRACE_MISSING = "ERR_TRACE_MISSING"
    TRACE_INCOMPLETE = "ERR_TRACE_INCOMPLETE"
    # Ours, beyond the 14 of the CodeTracer recorder.
    TRACE_CORRUPT = "ERR_TRACE_CORRUPT"
    TRACE_NOT_FOUND = "ERR_TRACE_NOT_FOUND"
    NOT_SUPPORTED = "ERR_NOT_SUPPORTED"
    INVALID_OPTION = "ERR_INVALID_OPTION"
    QUERY = "ERR_QUERY"
    METRICS = "ERR_METRICS"


_REMOTE_TRACEBACKS: Final = ("RemoteTraceback", "_RemoteTraceback")
"""What `multiprocessing` and `concurrent.futures` make the cause of an exception that they bring
from a worker: its traceback as text, and no reason."""


class SourceError(Exception):
    """Stands, as the cause of an error, for an exception that must not live on.

    An exception holds objects: a key that was not found, whose attribute was missing, the frames of
    its traceback. Those of a recorded program die when the program lets go of them.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind = kind
        """The name of its type."""
        self.text = text

    def __str__(self) -> str:
        return self.text


class RecorderError(Exception):
    """The base of all errors of this package.

    ``context`` maps names to text. The source of the error is its ``__cause__``. Pickling keeps
    everything but the source itself, whose text stays in `cause_text` (an arbitrary exception
    need not be picklable, and xdist sends errors between processes).
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL

    def __init__(
        self, code: ErrorCode, message: str, context: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(code, message)
        self.code: ErrorCode = code
        self.message: str = message
        self.context: dict[str, str] = {k: str(v) for k, v in (context or {}).items()}
        self._pickled_cause: str = ""
        self.told: set[str] = set()
        """Where it has been told already (the log, the trailer): one failure is told once."""

    @property
    def cause_text(self) -> str:
        """The text of the source, or the empty string."""
        source = self.__cause__
        if source is None or type(source).__name__ in _REMOTE_TRACEBACKS:
            return self._pickled_cause
        if isinstance(source, RecorderError):
            return str(source)
        kind = source.kind if isinstance(source, SourceError) else type(source).__name__
        return f"{kind}: {source}"

    @property
    def reason_text(self) -> str:
        """The message with the source, where code and context stand elsewhere."""
        cause = self.cause_text
        return f"{self.message}: caused by {cause}" if cause else self.message

    def say_cause(self, text: str) -> None:
        """Give it the text of a source that is in another process."""
        self._pickled_cause = text

    def __str__(self) -> str:
        pairs = ", ".join(f"{key}={self.context[key]}" for key in sorted(self.context))
        context = f" ({pairs})" if pairs else ""
        cause = self.cause_text
        return f"[{self.code}] {self.message}{context}" + (
            f": caused by {cause}" if cause else ""
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), {**self.__dict__, "_pickled_cause": self.cause_text})


def _rebuild(cls: type[RecorderError], state: dict[str, Any]) -> RecorderError:
    # Not through __init__: a subclass may have a signature of its own.
    error = cls.__new__(cls, state["code"], state["message"])
    error.__dict__.update(state)
    return error


class UsageError(RecorderError):
    """The caller made a mistake."""

    kind = ErrorKind.USAGE


class EnvironmentError(RecorderError):
    """The operating system refused something. Not the built-in of this name, not an OSError."""

    kind = ErrorKind.ENVIRONMENT


class TargetError(RecorderError):
    """The traced program, or a file that was given to us, is not as it must be."""

    kind = ErrorKind.TARGET


class InternalError(RecorderError):
    """A fault of this package."""

    kind = ErrorKind.INTERNAL


def usage(code: ErrorCode, message: str, /, **context: object) -> UsageError:
    return UsageError(code, message, context)


def enverr(code: ErrorCode, message: str, /, **context: object) -> EnvironmentError:
    return EnvironmentError(code, message, context)


def target(code: ErrorCode, message: str, /, **context: object) -> TargetError:
    return TargetError(code, message, context)


def bug(code: ErrorCode, message: str, /, **context: object) -> InternalError:
    return InternalError(code, message, context)


def ensure_usage(condition: bool, code: ErrorCode, message: str, /, **context: object) -> None:
    """Raise `UsageError` unless `condition` holds."""
    if not condition:
        raise UsageError(code, message, context)


def ensure_env(condition: bool, code: ErrorCode, message: str, /, **context: object) -> None:
    """Raise `EnvironmentError` unless `condition` holds."""
    if not condition:
        raise EnvironmentError(code, message, context)


def ensure_target(condition: bool, code: ErrorCode, message: str, /, **context: object) -> None:
    """Raise `TargetError` unless `condition` holds."""
    if not condition:
        raise TargetError(code, message, context)


def ensure_internal(
    condition: bool, code: ErrorCode, message: str, /, **context: object
) -> None:
    """Raise `InternalError` unless `condition` holds."""
    if not condition:
        raise InternalError(code, message, context)


def from_os_error(
    exc: OSError, message: str, /, *, code: ErrorCode = ErrorCode.IO, **context: object
) -> EnvironmentError:
    """Translate `exc`, which becomes the cause; its errno and path join the context."""
    found: dict[str, object] = {}
    if exc.errno is not None:
        found["errno"] = errno.errorcode.get(exc.errno, str(exc.errno))
    if exc.filename is not None:
        found["path"] = exc.filename
    error = EnvironmentError(code, message, found | context)
    error.__cause__ = exc
    return error


_EXIT_STATUS: Final = {
    ErrorKind.USAGE: 2,
    ErrorKind.ENVIRONMENT: 10,
    ErrorKind.TARGET: 20,
    ErrorKind.INTERNAL: 70,
}


def exit_status(error: BaseException) -> int:
    """The exit status of ``pytest-recorder`` for `error`; what is not ours counts as a bug."""
    return _EXIT_STATUS[error.kind if isinstance(error, RecorderError) else ErrorKind.INTERNAL]


class RecorderWarning(UserWarning):
    """The recorder had a fault and, by policy, went on; the test is not affected."""
