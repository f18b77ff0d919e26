"""Makes loggers that turn records into lines of JSON, apart from the logging of the program.

Problem: the program under test owns the `logging` module. `logging.disable`, `shutdown`,
`setLogRecordFactory`, `setLoggerClass` and `dictConfig` with its `disable_existing_loggers` reach
every logger that `getLogger` gave and every `Handler`, its root handlers and caplog see what
propagates, its locks can be held by another thread, and the engine records what
`Logger.callHandlers` is given.
What we do: loggers of a class of our own that nobody has entered anywhere, with neither parent nor
handlers; they take no lock, read a clock that was taken before the program could replace it, and
hand their records to one function. What can still go wrong: a program that replaces
`logging.Logger._log` or `findCaller` itself.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

LEVELS: Final[Mapping[str, int]] = {
    "off": logging.CRITICAL + 1,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
_NAMES: Final[Mapping[int, str]] = {number: name.upper() for name, number in LEVELS.items()}
_ROOT: Final = f"{Path(__file__).parents[2]}{os.sep}"


class _Clock:
    # In a class: tools that fake the time replace what they find as a variable of a module.
    now_ns = staticmethod(time.time_ns)
    utc = staticmethod(time.gmtime)


class JsonRecord(logging.LogRecord):
    """A record with the context of its message."""

    # Not by the original's `__init__`: it reads the clock, which the program may have replaced.
    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        func: str | None,
    ) -> None:
        self.name = name
        self.levelno = level
        self.levelname = _NAMES[level]
        self.pathname = pathname
        self.lineno = lineno
        self.msg = str(msg)
        self.args = args
        self.funcName = func or ""
        self.exc_info = self.exc_text = self.stack_info = None
        self.created_ns = _Clock.now_ns()
        self.created = self.created_ns / 1e9
        self.process = os.getpid()
        self.context: dict[str, str] = {}
        self.error: dict[str, str] = {}

    @property
    def ts(self) -> str:
        """The time in UTC, with microseconds."""
        seconds, rest_ns = divmod(self.created_ns, 1_000_000_000)
        at = _Clock.utc(seconds)
        date = f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"
        return f"{date}T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}.{rest_ns // 1000:06}Z"

    @property
    def file(self) -> str:
        """The file of the call, from the folder of the package on."""
        return self.pathname.removeprefix(_ROOT).replace(os.sep, "/")


class JsonLogger(logging.Logger):
    """A logger of ours. What a record is about stands in ``extra={"context": {...}}``."""

    def __init__(self, name: str, level: int, write: Callable[[JsonRecord], object]) -> None:
        super().__init__(f"pytest_recorder.{name}", level)
        self.propagate = False
        self._write = write

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Compare levels, and nothing else: the original takes a lock and asks the manager."""
        return level >= self.level

    def makeRecord(  # noqa: N802
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,  # noqa: ARG002 - the signature of the original
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,  # noqa: ARG002
    ) -> JsonRecord:
        """Make a record without the factory that the program may have set."""
        record = JsonRecord(name, level, fn, lno, msg, args, func)
        record.__dict__.update(extra or {})
        return record

    def handle(self, record: logging.LogRecord) -> None:
        """Hand a record on, past `callHandlers`: the engine takes it for the program's there."""
        if isinstance(record, JsonRecord):
            self._write(record)
