"""States what an engine and a hot path promise each other and the recorder."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol

from pytest_recorder.diagnostics.guard import Unreported
from pytest_recorder.original_builtins import __builtins__


class Capabilities(NamedTuple):
    """What an engine with a hot path can do without disturbing: data, chosen with the two.

    The table in `docs/engines.md` shows them, and a test compares it with what the engines say.
    """

    reads_locals_undisturbed: bool = True
    leaves_gettrace_alone: bool = True
    sees_running_threads: bool = True
    survives_recursion_limit: bool = True

    def limits(self) -> tuple[str, ...]:
        """Say in words what it cannot do."""
        words = {
            "reads_locals_undisturbed": "reading locals refreshes dicts that locals() returned",
            "leaves_gettrace_alone": "sys.gettrace() is the recorder's",
            "sees_running_threads": "threads that ran before the recording are not recorded",
            "survives_recursion_limit": "events at the recursion limit are lost (a gap says so)",
        }
        return tuple(words[name] for name, able in self._asdict().items() if not able)


class HotPath(Protocol):
    """The state of one recording, and what happens per event.

    Its events come straight from the interpreter: the engine registers what the hot path gives it.
    Everything here may be called from any thread and keeps events of several threads apart.
    """

    name: str
    rests_cheaply: bool
    """Whether an event costs next to nothing while none are taken."""
    is_open: bool
    """Whether events are taken."""

    @property
    def has_lines(self) -> bool:
        """Whether lines are recorded now."""
        ...

    @property
    def enable_code(self) -> Callable[[CodeType], None]:
        """Called once for each code object in scope."""
        ...

    @enable_code.setter
    def enable_code(self, enable: Callable[[CodeType], None], /) -> None: ...

    @property
    def watch_streams(self) -> Callable[[], None]:
        """Called when `sys.stdout` or `sys.stderr` is another object than before."""
        ...

    @watch_streams.setter
    def watch_streams(self, watch: Callable[[], None], /) -> None: ...

    @property
    def has_frames(self) -> bool:
        """Whether any frame in scope was seen in this trace."""
        ...

    @property
    def cpu_us(self) -> int:
        """How many microseconds of CPU time the callbacks of this trace took at least."""
        ...

    @property
    def redactions(self) -> dict[str, int]:
        """How many values and texts (`value`, `text`) of this trace were hidden."""
        ...

    @property
    def losses(self) -> dict[str, int]:
        """How many events of this trace were lost, by reason; not those the spool dropped."""
        ...

    @property
    def sources(self) -> dict[str, tuple[bytes, bytes]]:
        """The files that ran: digest and text by path."""
        ...

    def begin(self) -> bool:
        """Start the next trace with all tables empty; code objects in scope stay known.

        False: another thread is still inside, from the last trace, and does not leave.
        """
        ...

    def end(self) -> bool:
        """Take nothing more, from any thread; what was lost last is said now.

        False: another thread is inside and does not leave. It writes nothing more, and what was
        lost is not said.
        """
        ...

    def release(self) -> None:
        """Let go of all code objects at the end of the recording."""
        ...

    def locked(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Give an operation in a form that may be called at any time."""
        ...

    def output(self, frame: FrameType | None, stream: int, printed: str) -> None:
        """Record what was written, at the nearest frame in scope."""
        ...

    def note(self, frame: FrameType, remark: str, _: object = None) -> None:
        """Record a remark of the program."""
        ...

    def span(self, phase: str, edge: str, names: tuple[str, str]) -> None:
        """Record the edge of a phase or a fixture."""
        ...

    def lower_level(self, level: str) -> bool:
        """Record no more than `calls` or `lines` until the trace ends, and write a `level` event.

        False: it was no more before, nothing is recorded now, or another thread does not leave.
        Engines call it: what comes to it changes, too.
        """
        ...

    def lose(self, reason: str, count: int = 1, /) -> None:
        """Count events that could not be recorded; the next one is preceded by a gap."""
        ...

    def forget_streams(self) -> None:
        """Look at `sys.stdout` and `sys.stderr` anew at the next event."""
        ...

    def attach(self, frame: FrameType | None) -> list[FrameType]:
        """Meet the code of a running frame and of its callers; give the frames in scope."""
        ...

    def codes(self) -> list[CodeType]:
        """Give the code objects in scope that were met so far."""
        ...

    def codes_of_trace(self) -> list[CodeType]:
        """Give those that this trace has events of."""
        ...


class Engine(Protocol):
    """Registers a hot path with the interpreter.

    `install` once, then `start` and `stop` or `rest` any number of times in turn, then
    `uninstall`. Each may be called again without effect. `install` and `start` raise
    `EnvironmentError` with
    ERR_TRACER_INSTALL_CONFLICT where another tool is in the way; no other method raises but
    `lower_level`, which writes an event.
    """

    name: str
    capabilities: Capabilities
    unreported: Unreported
    """Faults that the recursion limit left no room to report; nobody else counts them."""

    def install(self) -> None:
        """Take what the interpreter has only a few of."""
        ...

    def start(self) -> None:
        """Let events come, for frames that run already too."""
        ...

    def stop(self) -> None:
        """Let no event come any more."""
        ...

    def rest(self) -> None:
        """Let no event be taken until `start`, at the least cost for both."""
        ...

    def lower_level(self, level: str) -> bool:
        """Record no more than this from now on, in all threads, until the trace ends.

        A `level` event marks the place. The next trace begins at the level that was asked for.
        False: nothing was changed. Raises what the spool raises where it cannot be written.
        """
        ...

    def uninstall(self) -> None:
        """Give everything back."""
        ...

    def abandon(self) -> None:
        """Forget everything in a forked child, which must not write to its parent's spool."""
        ...

    def conflict(self) -> str | None:
        """Say how another tool has taken our place since `start`; put ourselves back if it left.

        Called at each edge of a phase or fixture, so that it must cost next to nothing.
        """
        ...

    def conflict_at_end(self) -> str | None:
        """Say the same at the end of a trace, after a closer look."""
        ...
