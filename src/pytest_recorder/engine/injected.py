"""Gives hot paths and a spool that fail at the stages that were asked for.

PYTEST_DONT_REWRITE

They stand in for the plain ones only in a process where a fault was asked for; see
`diagnostics.inject`. What an injected fault hits is lost: a gap says how much, where events are
suppressed, and why a recording ended early stands in its trailer.
"""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from pytest_recorder.diagnostics.inject import Injector
from pytest_recorder.engine.pure.definitions import Sink
from pytest_recorder.engine.pure.entrance import Operation
from pytest_recorder.engine.pure.hot_path import PureHotPath
from pytest_recorder.errors import from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.paths import AnyPath
from pytest_recorder.tracefile.spool import Spool

if TYPE_CHECKING:
    from pytest_recorder.engine.native.hot_path import NativeHotPath

SUPPRESSED = "suppressed"


class InjectedSpool(Spool):
    """A spool whose file cannot grow when it is to take another block of events."""

    faults: Injector

    def next_events(self, size: int, base_us: int) -> None:
        """Start a block of events, or find the disk full."""
        try:
            self.faults.at("spool-full")
        except OSError as error:
            raise from_os_error(error, "cannot extend the spool", path=self.path) from error
        super().next_events(size, base_us)


class InjectedHotPath(PureHotPath):
    """The hot path in pure Python, with faults at its operations."""

    faults: Injector

    def locked(self, operation: Operation) -> Operation:
        """Wrap an operation; all of them come by here."""

        def injected(frame: Any, code: Any, argument: Any) -> Any:
            if not self._is_in_reach(frame) or self.faults.event():
                return operation(frame, code, argument)
            self.lose(SUPPRESSED)
            return None

        return super().locked(injected)

    def start(self, frame: FrameType, code: CodeType, argument: object = None) -> bool:
        """Record that a frame begins, or fail."""
        if self._is_in_reach(frame):
            self.faults.at("target-args")
            self.faults.at("py_start")
        return super().start(frame, code, argument)

    def line(self, frame: FrameType, code: CodeType, line: int) -> None:
        """Record that a frame reached another line, or fail."""
        self.faults.at("line")
        super().line(frame, code, line)

    def returned(self, frame: FrameType, code: CodeType, value: object) -> None:
        """Record that a frame ends with a result, or fail."""
        self.faults.at("return")
        super().returned(frame, code, value)

    def _is_in_reach(self, frame: object) -> bool:
        """Whether an event is of code in scope, or of no code at all (a span, output)."""
        if not isinstance(frame, FrameType):
            return True
        return self.has_code(frame.f_code) or self.attach_one(frame)


def make_pure(faults: Injector, sink: Sink, **parts: Any) -> InjectedHotPath:
    """Make a hot path in pure Python that fails like it was asked for."""
    hot = InjectedHotPath(sink, **parts)
    hot.faults = faults
    return hot


def make_native(faults: Injector, sink: Sink, **parts: Any) -> "NativeHotPath":
    """Make a hot path in C, with other entry points, that fails like it was asked for."""
    from pytest_recorder.engine.native import _native
    from pytest_recorder.engine.native.hot_path import NativeHotPath

    class InjectedNativeHotPath(NativeHotPath, _native.InjectedCore):  # pyright: ignore[reportIncompatibleMethodOverride]
        """The hot path in C; its callbacks fail in C, what Python calls fails here."""

        def locked(self, operation: Callable[..., Any]) -> Callable[..., Any]:
            """Wrap an operation that comes from Python."""

            def injected(*args: Any) -> Any:
                if faults.event():
                    return operation(*args)
                self.lose(SUPPRESSED)
                return None

            return injected

    hot = InjectedNativeHotPath(sink, **parts)
    hot.injected = faults.event
    return hot


def make_spool(faults: Injector, path: AnyPath, max_bytes: int) -> Spool:
    """Make a spool that fails like it was asked for."""
    spool = InjectedSpool(path, max_bytes)
    spool.faults = faults
    return spool
