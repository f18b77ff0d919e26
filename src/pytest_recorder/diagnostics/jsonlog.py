"""Makes loggers that turn records into lines of JSON, apart from the logging of the program.

Problem: the program under test owns the `logging` module. `logging.disable`, `shutdown`,
`setLogRecordFactory`, `setLoggerClass` and `dictConfig` with its `disable_existing_loggers` reach
every logger that `getLogger` gave, a test that replaces `Logger.warning` counts our calls of it,
root handlers and caplog see what propagates, locks of it can be held by another thread, and a
record has the time of a clock that the program has set.
What we do: loggers of our own, which call nothing of `logging`. They have the methods that a reader
knows from there, take no lock, and hand their records to one function.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import clock
from pytest_recorder.system.originals import INTERPRETER
from pytest_recorder.system.paths import SEPARATOR, parent_of

DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30
ERROR: Final = 40
LEVELS: Final[Mapping[str, int]] = {
    "off": 51,
    "error": ERROR,
    "warning": WARNING,
    "info": INFO,
    "debug": DEBUG,
}
_NAMES: Final[Mapping[int, str]] = {number: name.upper() for name, number in LEVELS.items()}
_ROOT: Final = parent_of(parent_of(parent_of(__file__))) + SEPARATOR
_NOTHING: Final[Mapping[str, Any]] = {}


class JsonRecord:
    """What one call of a logger says, of what and from where."""

    __slots__ = (
        "_args",
        "_format",
        "context",
        "created_ns",
        "error",
        "function",
        "level",
        "line",
        "logger",
        "path",
    )

    def __init__(
        self,
        logger: str,
        level: int,
        said: tuple[str, tuple[object, ...]],
        place: tuple[str, int, str],
        about: Mapping[str, Any],
    ) -> None:
        self.logger = logger
        self.level = _NAMES[level]
        self._format, self._args = said
        self.path, self.line, self.function = place
        self.created_ns = clock.wall_ns()
        self.context: Mapping[str, object] = about.get("context", _NOTHING)
        self.error: Mapping[str, str] = about.get("error", _NOTHING)

    @property
    def message(self) -> str:
        """The message, worded; raises what that raises."""
        return self._format % self._args if self._args else self._format

    @property
    def ts(self) -> str:
        """The time in UTC, with microseconds."""
        return clock.utc_text(self.created_ns, 6)

    @property
    def file(self) -> str:
        """The file of the call, from the folder of the package on."""
        return self.path.removeprefix(_ROOT).replace(SEPARATOR, "/")


class JsonLogger:
    """A logger of ours. What a record is about stands in ``extra={"context": {...}}``."""

    def __init__(self, name: str, level: int, write: Callable[[JsonRecord], object]) -> None:
        self.name: Final = f"pytest_recorder.{name}"
        self.level = level
        self._write = write

    def is_enabled_for(self, level: int) -> bool:
        """Tell whether a record of this level is written."""
        return level >= self.level

    def debug(
        self, message: str, *args: object, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Log what is of use when the recorder itself is looked into."""
        self._log(DEBUG, message, args, extra, 1)

    def info(self, message: str, *args: object, extra: Mapping[str, Any] | None = None) -> None:
        """Log what happened."""
        self._log(INFO, message, args, extra, 1)

    def warning(
        self, message: str, *args: object, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Log what went wrong and was gone on from."""
        self._log(WARNING, message, args, extra, 1)

    def error(
        self, message: str, *args: object, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Log what went wrong."""
        self._log(ERROR, message, args, extra, 1)

    def log(
        self,
        level: int,
        message: str,
        *args: object,
        extra: Mapping[str, Any] | None = None,
        stacklevel: int = 1,
    ) -> None:
        """Log at a level; `stacklevel` 2 names the caller of the function that calls."""
        self._log(level, message, args, extra, stacklevel)

    def _log(
        self,
        level: int,
        message: str,
        args: tuple[object, ...],
        extra: Mapping[str, Any] | None,
        stacklevel: int,
    ) -> None:
        if level < self.level:
            return
        frame = INTERPRETER.getframe(1 + stacklevel)
        code = frame.f_code
        place = (code.co_filename, frame.f_lineno, code.co_name)
        record = JsonRecord(self.name, level, (message, args), place, extra or _NOTHING)
        self._write(record)
