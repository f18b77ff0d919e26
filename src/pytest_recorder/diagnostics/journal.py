"""Keeps the journal of a run: what happened to it in the log, each failure once, with its trailer.

journal = Journal(run_id, level="info", file="/logs/record.jsonl", json_errors=True)
journal.about(trace_id, "tests/test_a.py::test_b")
journal.logger("recorder").info("recording begun", extra={"context": {"attempt": 1}})
journal.failure(error, "warn", by="recorder")
journal.close()
"""

from collections.abc import Mapping
from typing import Any, Final

from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.diagnostics.jsonlog import (
    ERROR,
    INFO,
    LEVELS,
    WARNING,
    JsonLogger,
    JsonRecord,
)
from pytest_recorder.diagnostics.lines import encodable, encode, error_fields
from pytest_recorder.diagnostics.logfile import LogFile
from pytest_recorder.diagnostics.stderr import REAL
from pytest_recorder.errors import RecorderError, from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.ids import new_id
from pytest_recorder.system.originals import OS

_LEVEL_OF: Final[Mapping[str, int]] = {
    "fail": ERROR,
    "stop": ERROR,
    "warn": WARNING,
    "ignore": INFO,
}
_LOG: Final = "log"
_TRAILER: Final = "trailer"


class Journal:
    """The journal of one process of a run. Nothing of it raises; after a fork it is silent.

    Without a level or a file nothing is logged; a file without a level means `info`, a level
    without a file the real stderr.
    """

    def __init__(
        self,
        run_id: str | None = None,
        *,
        level: str | None = None,
        file: str | None = None,
        json_errors: bool = False,
    ) -> None:
        self.run_id: Final = run_id or new_id()
        self.trace_id: str | None = None
        self.test: str | None = None
        self._threshold = LEVELS[level or ("info" if file else "off")]
        self._file = LogFile(file) if file else None
        self._json_errors = json_errors
        self._pid = OS.getpid()
        self._loggers: dict[str, JsonLogger] = {}
        self._holds_stderr = json_errors or self._threshold < LEVELS["off"]
        if self._holds_stderr:
            REAL.hold()

    def about(self, trace_id: str | None = None, test: str | None = None) -> None:
        """Say which trace and test the next lines are about."""
        self.trace_id, self.test = trace_id, test

    def logger(self, name: str) -> JsonLogger:
        """Give the logger ``pytest_recorder.<name>``."""
        found = self._loggers.get(name)
        if found is None:
            found = self._loggers[name] = JsonLogger(name, self._threshold, self._take)
        return found

    def failure(self, error: RecorderError, action: str, *, by: str) -> None:
        """Log a failure and write its trailer, unless that was done before.

        What the policy ignores gets no trailer. An error that was raised from one that is told is
        the same failure.
        """
        told = _told(error)
        level = _LEVEL_OF[action]
        logger = self.logger(by)
        if _LOG not in told and logger.is_enabled_for(level):
            error.told.add(_LOG)
            fields = run_guarded("log", lambda: error_fields(error), _give_up)
            if fields is not None:
                context = fields.pop("context")
                extra = {"context": context, "error": fields}
                logger.log(level, fields["message"], extra=extra, stacklevel=2)
        if self._json_errors and action != "ignore" and _TRAILER not in told:
            error.told.add(_TRAILER)
            run_guarded("trailer", lambda: self._write_trailer(error), _give_up)

    def failure_of_run(self, error: RecorderError, action: str, *, by: str) -> None:
        """Tell a failure that is of the run as a whole, whatever the next lines are about."""
        about = self.trace_id, self.test
        self.about()
        self.failure(error, action, by=by)
        self.about(*about)

    def close(self) -> None:
        """Give the stderr back; what is written from now on is lost."""
        self._threshold = LEVELS["off"]
        self._json_errors = False
        for logger in self._loggers.values():
            logger.level = self._threshold
        if self._holds_stderr and self._pid == OS.getpid():
            self._holds_stderr = False
            REAL.release()

    # Writing.

    def _take(self, record: JsonRecord) -> None:
        run_guarded("log", lambda: self._write(record), _give_up)

    def _write(self, record: JsonRecord) -> None:
        if self._pid != OS.getpid():
            return
        line = encode(self._line(record))
        if self._file is None or self._file.has_failed:
            REAL.write_line(line)
            return
        error = self._file.write(line)
        if error is not None:
            # The file has failed: both lines take the other way.
            self._write(record)
            text = "cannot write the log file, its lines go to stderr from now on"
            failed = from_os_error(error, text, path=self._file.path)
            self.failure(failed, "fail", by="diagnostics")

    def _line(self, record: JsonRecord) -> dict[str, Any]:
        error = record.error
        return {
            "ts": record.ts,
            "level": record.level,
            "logger": record.logger,
            "message": encodable(record.message),
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "test": encodable(self.test) if self.test is not None else None,
            "error_code": error.get("error_code"),
            "error_kind": error.get("error_kind"),
            "context": {key: encodable(str(value)) for key, value in record.context.items()},
            "cause": error.get("cause", ""),
            "file": record.file,
            "line": record.line,
            "function": record.function,
            "pid": self._pid,
        }

    def _write_trailer(self, error: RecorderError) -> None:
        if self._pid != OS.getpid():
            return
        about = {
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "test": encodable(self.test) if self.test is not None else None,
        }
        REAL.write_line(encode({**error_fields(error), **about}))


def _told(error: RecorderError) -> set[str]:
    told = set(error.told)
    source = error.__cause__
    while isinstance(source, RecorderError):
        told |= source.told
        source = source.__cause__
    return told


def _give_up(_: str, __: Exception) -> None:
    """Take a fault of the journal itself: there is no other place to report it to."""
