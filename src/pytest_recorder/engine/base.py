"""States what an engine and a hot path promise each other and the recorder."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import NamedTuple, Protocol


class Capabilities(NamedTuple):
    """What a combination of engine, hot path and Python version can do without disturbing."""

    reads_locals_undisturbed: bool
    leaves_gettrace_alone: bool
    sees_running_threads: bool
    survives_recursion_limit: bool

    def limits(self) -> tuple[str, ...]:
        """Say in words what it cannot do."""
        words = {
            "reads_locals_undisturbed": "reading locals refreshes dicts that locals() returned",
            "leaves_gettrace_alone": "sys.gettrace() is the recorder's",
            "sees_running_threads": "threads that ran before the recording are not recorded",
            "survives_recursion_limit": "events at the recursion limit are lost (a gap says so)",
        }
        return tuple(words[name] for name, able in self._asdict().items() if not able)


class Lifecycle(Protocol):
    """What an engine asks of a hot path besides its operations."""

    enable_code: Callable[[CodeType], None]

    def attach(self, frame: FrameType | None) -> list[FrameType]:
        """Meet the code of a running frame and of its callers; give the frames in scope."""
        ...

    def codes(self) -> list[CodeType]:
        """Give the code objects in scope that were met so far."""
        ...


class Engine(Protocol):
    """Registers a hot path with the interpreter.

    `install` once, then `start` and `stop` any number of times in turn, then `uninstall`. Each may
    be called again without effect. `install` and `start` raise `EnvironmentError` with
    ERR_TRACER_INSTALL_CONFLICT where another tool is in the way; no other method raises.
    """

    name: str
    capabilities: Capabilities

    def install(self) -> None:
        """Take what the interpreter has only a few of."""
        ...

    def start(self) -> None:
        """Let events come, for frames that run already too."""
        ...

    def stop(self) -> None:
        """Let no event come any more."""
        ...

    def uninstall(self) -> None:
        """Give everything back."""
        ...

    def abandon(self) -> None:
        """Forget everything in a forked child, which must not write to its parent's spool."""
        ...

    def rival(self) -> str | None:
        """Name the tool that has taken our place since `start`, put ourselves back if it left."""
        ...
