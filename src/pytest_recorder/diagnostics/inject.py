"""Makes the recorder fail on purpose, at the stages that ``PYTEST_RECORDER_INJECT`` names.

For our tests, and for people who rehearse what a failure does to their run. A fault is raised where
a real one would be, so that all that follows is real. Where nothing is asked for `NONE` stands in,
and whoever makes the parts of a recorder takes those that know of no faults.
"""

import errno
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Protocol, cast

from pytest_recorder.errors import ErrorCode, bug, target, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS, variable

VARIABLE: Final = "PYTEST_RECORDER_INJECT"
STAGES: Final = (
    *("start", "py_start", "line", "return", "target-args", "panic", "suppress-events"),
    *("spool-full", "write-enospc", "write-eio", "pack", "rename", "finish", "flush"),
    "log-write",
)
EVENT_STAGES: Final = frozenset(STAGES[1:7])
"""Those that the hot path comes by."""
_STAGES_OF_EVENT: Final[Mapping[str, tuple[str, ...]]] = {
    "py_start": ("target-args", "py_start", "panic"),
    "line": ("line", "panic"),
    "return": ("return", "panic"),
    "": ("panic",),
}
_SYSTEM: Final = {
    "start": errno.EACCES,
    "spool-full": errno.ENOSPC,
    "write-enospc": errno.ENOSPC,
    "write-eio": errno.EIO,
    "rename": errno.EACCES,
    "flush": errno.EIO,
    "log-write": errno.EIO,
}


class Writable(Protocol):
    """What the writer of a trace asks of its file."""

    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...
    def fileno(self) -> int: ...


class Injector:
    """Counts how often each stage is reached, and fails at the hits that were asked for.

    The counts begin anew with each recording, so that a fault fires once for each test. No method
    does anything for a stage that was not asked for.
    """

    def __init__(self, due: Mapping[str, int] | None = None) -> None:
        self._due: Final = dict(due or {})
        self._hits: dict[str, int] = {}
        self._is_suppressing = False

    def is_armed(self, *stages: str) -> bool:
        """Whether a fault was asked for at one of these stages; at any, where none is named."""
        return not self._due.keys().isdisjoint(stages) if stages else bool(self._due)

    @property
    def concerns_events(self) -> bool:
        """Whether a fault was asked for in the hot path."""
        return self.is_armed(*EVENT_STAGES)

    def rearm(self) -> None:
        """Begin to count anew: the next recording begins."""
        self._hits.clear()
        self._is_suppressing = False

    def is_due(self, stage: str) -> bool:
        """Count a hit of a stage, and tell whether it is the one that fails."""
        nth = self._due.get(stage)
        if nth is None:
            return False
        hits = self._hits[stage] = self._hits.get(stage, 0) + 1
        return hits == nth

    def at(self, stage: str) -> None:
        """Pass a stage: raises its fault when that is due."""
        if self.is_due(stage):
            raise fault_of(stage)

    def event(self, stage: str = "") -> bool:
        """Pass an event: one of `py_start`, `line` and `return`, or "" for any other.

        False where events are suppressed; raises what is due.
        """
        for each in _STAGES_OF_EVENT[stage]:
            self.at(each)
        if self.is_due("suppress-events"):
            self._is_suppressing = True
        return not self._is_suppressing

    def file(self, file: BinaryIO) -> BinaryIO:
        """Give a file that is being written, or one that fails like it was asked for."""
        if not self.is_armed("write-enospc", "write-eio"):
            return file
        return cast("BinaryIO", _FaultyFile(file, self.at))


class _FaultyFile:
    """A file whose writes can fail; everything else is the file's own."""

    def __init__(self, file: Writable, at: Callable[[str], None]) -> None:
        self._file = file
        self._at = at

    def write(self, data: bytes, /) -> int:
        for stage in ("write-enospc", "write-eio"):
            self._at(stage)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


NONE: Final = Injector()
"""Asks for nothing."""


def of_environment(environ: Mapping[str, str] | None = None) -> Injector:
    """Read what the variable asks for: ``STAGE[:NTH][,...]``.

    Raises UsageError (ERR_INVALID_OPTION) for anything else.
    """
    given = variable(VARIABLE) if environ is None else environ.get(VARIABLE)
    text = (given or "").strip()
    if not text:
        return NONE
    due: dict[str, int] = {}
    for part in text.split(","):
        stage, colon, nth = (piece.strip() for piece in part.partition(":"))
        is_number = nth.isascii() and nth.isdecimal() and len(nth) < 10 and int(nth) > 0
        if stage not in STAGES or (colon and not is_number):
            raise usage(
                ErrorCode.INVALID_OPTION,
                f"bad value {text!r} for {VARIABLE} (environment), expected STAGE[:NTH][,...] with"
                f" NTH from 1 and STAGE one of {', '.join(STAGES)}",
            )
        due[stage] = int(nth) if colon else 1
    return Injector(due)


def fault_of(stage: str) -> Exception:
    """Give what a stage fails with: what the real thing would raise there."""
    text = f"injected failure at stage {stage!r}"
    if stage in _SYSTEM:
        number = _SYSTEM[stage]
        return OSError(number, f"{OS.strerror(number)} ({text})")
    if stage == "target-args":
        return target(ErrorCode.FRAME_INTROSPECTION_FAILED, text, stage=stage)
    if stage in ("panic", "pack"):
        return RuntimeError(text)
    return bug(ErrorCode.TRACE_INCOMPLETE, text, stage=stage)
