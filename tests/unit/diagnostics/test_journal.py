"""The journal: apart from the program's logging, each failure once, silent where it cannot speak."""

import logging
import logging.config
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.errors import ErrorCode, enverr, usage
from tests.diagnosed import codes, log_file, log_lines, trailers

RUN_ID = "0123456789abcdef" * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(RUN_ID, level="debug", file=str(path))
    yield made
    made.close()


def script(body: str, *, strict: bool = True) -> subprocess.CompletedProcess[str]:
    code = "from pytest_recorder.diagnostics.journal import Journal\n"
    code += "from pytest_recorder.errors import ErrorCode, enverr\nimport os, sys\n"
    environ = os.environ | {"PYTEST_RECORDER_STRICT": str(int(strict))}
    return subprocess.run(
        [sys.executable, "-c", code + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )


def test_a_line_says_what_when_where_and_about_what(journal: Journal, path: Path) -> None:
    before = time.time()
    journal.about("f" * 32, "test_a.py::test_b")
    journal.logger("recorder").info("recording begins", extra={"context": {"attempt": 2}})
    (line,) = log_file(path)
    assert (line.level, line.logger, line.message) == (
        "INFO",
        "pytest_recorder.recorder",
        "recording begins",
    )
    assert (line.run_id, line.trace_id, line.test) == (RUN_ID, "f" * 32, "test_a.py::test_b")
    assert line.context == {"attempt": "2"}
    assert line.pid == os.getpid()
    assert line.function == "test_a_line_says_what_when_where_and_about_what"
    assert line.file == __file__
    assert line.line > 0
    assert (
        before - 1
        < time.mktime(time.strptime(line.ts[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        < before + 60
    )


def test_the_file_of_our_own_code_is_named_from_the_package_on(
    journal: Journal, path: Path
) -> None:
    journal.failure_of_run(enverr(ErrorCode.IO, "no"), "warn", by="plugin")
    assert log_file(path)[0].file == "pytest_recorder/diagnostics/journal.py"


@pytest.mark.parametrize(
    "level, expected",
    [
        ("debug", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("info", ["INFO", "WARNING", "ERROR"]),
        ("warning", ["WARNING", "ERROR"]),
        ("error", ["ERROR"]),
        ("off", []),
        (None, ["INFO", "WARNING", "ERROR"]),
    ],
)
def test_the_level_decides_and_is_info_for_a_file(
    level: str | None, expected: list[str], path: Path
) -> None:
    journal = Journal(RUN_ID, level=level, file=str(path))
    log = journal.logger("plugin")
    log.debug("1")
    log.info("2")
    log.warning("3")
    log.error("4")
    journal.close()
    log.error("5")
    assert [line.level for line in (log_file(path) if path.exists() else [])] == expected


def test_without_level_file_and_trailers_nothing_is_written_or_held() -> None:
    done = script(
        """
        before = os.listdir("/proc/self/fd")
        journal = Journal()
        journal.logger("plugin").error("x")
        journal.failure(enverr(ErrorCode.IO, "no"), "fail", by="plugin")
        assert os.listdir("/proc/self/fd") == before
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "action, level, count",
    [("fail", "ERROR", 1), ("stop", "ERROR", 1), ("warn", "WARNING", 1), ("ignore", "INFO", 0)],
)
def test_an_action_has_a_level_and_what_is_ignored_has_no_trailer(
    action: str, level: str, count: int
) -> None:
    done = script(
        f"""
        journal = Journal({RUN_ID!r}, level="debug", json_errors=True)
        journal.about("e" * 32, "t.py::t")
        error = enverr(ErrorCode.IO, "cannot write", path="/x", errno="ENOSPC")
        error.__cause__ = OSError(28, "full")
        journal.failure(error, {action!r}, by="recorder")
        """
    )
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = log_lines(done.stderr)
    assert (line.level, line.error_code, line.error_kind) == (level, "ERR_IO", "Environment")
    assert (line.message, line.cause) == ("cannot write", "OSError: [Errno 28] full")
    assert line.context == {"path": "/x", "errno": "ENOSPC"}
    found = trailers(done.stderr)
    assert len(found) == count
    for trailer in found:
        same = (
            "run_id",
            "trace_id",
            "test",
            "error_code",
            "error_kind",
            "message",
            "context",
            "cause",
        )
        assert all(getattr(trailer, name) == getattr(line, name) for name in same)


def test_b21_one_failure_has_one_log_line_and_one_trailer_however_often_it_is_told() -> None:
    done = script(
        """
        import pickle
        journal = Journal(level="debug", json_errors=True)
        error = enverr(ErrorCode.IO, "first")
        other = enverr(ErrorCode.IO, "other")
        for journal in (journal, Journal(level="debug", json_errors=True)):
            journal.failure(error, "warn", by="recorder")
            journal.failure(error, "fail", by="plugin")
            journal.failure(pickle.loads(pickle.dumps(error)), "fail", by="plugin")
            wrapper = enverr(ErrorCode.UNKNOWN, "wrapped")
            wrapper.__cause__ = error
            journal.failure(wrapper, "fail", by="plugin")
            journal.failure(other, "fail", by="plugin")
        """
    )
    assert [line.message for line in log_lines(done.stderr)] == ["first", "other"]
    assert [trailer.message for trailer in trailers(done.stderr)] == ["first", "other"]


def test_b16_a_told_error_can_be_pickled() -> None:
    error = usage(ErrorCode.QUERY, "no")
    error.told.add("log")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.told) == (str(error), {"log"})


@pytest.mark.parametrize(
    "disturbance",
    [
        "logging.disable(logging.CRITICAL)",
        "logging.shutdown()",
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True})",
        "logging.setLogRecordFactory(lambda *a, **k: 1 / 0)",
        "logging.setLoggerClass(type('Theirs', (logging.Logger,), {}))",
        "logging.addLevelName(20, 'theirs')",
        "logging.Logger.manager.loggerDict.clear()",
        "logging.Logger.callHandlers = None",
        "logging.Logger.makeRecord = None",
        "logging.Handler.handle = None",
        "logging._srcfile = None",
        "os.chdir('/')",
    ],
)
def test_what_the_program_does_to_its_logging_does_not_reach_ours(
    disturbance: str, path: Path
) -> None:
    done = script(
        f"""
        import logging, logging.config
        journal = Journal(level="debug", file={str(path)!r})
        journal.logger("plugin").info("before")
        {disturbance}
        journal.logger("plugin").info("after")
        journal.logger("recorder").debug("later")
        logging.Logger.callHandlers = logging.Logger.makeRecord = None
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.message for line in log_file(path)] == ["before", "after", "later"]


def test_the_program_sees_nothing_of_our_logging(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def state() -> object:
        root = logging.getLogger()
        return (
            sorted(logging.Logger.manager.loggerDict),
            list(logging._handlerList),  # type: ignore[attr-defined]
            list(root.handlers),
            root.level,
            logging.Logger.manager.disable,
            logging.raiseExceptions,
            logging.getLoggerClass(),
            logging.getLogRecordFactory(),
        )

    before = state()
    logging.getLogger().setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        journal.logger("plugin").error("ours")
    assert caplog.records == []
    assert len(log_file(path)) == 1
    logging.getLogger().setLevel(before[3])  # type: ignore[index]
    assert state() == before


def test_a_lock_of_logging_that_another_thread_holds_does_not_stop_us(
    journal: Journal, path: Path
) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with logging._lock:  # type: ignore[attr-defined]
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    writer = threading.Thread(target=lambda: journal.logger("new").error("x"))
    writer.start()
    writer.join(20)
    is_written = not writer.is_alive()
    done.set()
    thread.join()
    writer.join()
    assert is_written
    assert len(log_file(path)) == 1


def test_a_clock_that_the_program_has_replaced_is_not_read(path: Path) -> None:
    done = script(
        f"""
        import time, datetime
        journal = Journal(level="debug", file={str(path)!r})
        for name in ("time", "time_ns", "gmtime", "localtime", "strftime"):
            setattr(time, name, None)
        # As the tools do that fake the time: whatever is a variable of a module.
        import pytest_recorder.diagnostics.jsonlog as module
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) == "time" or name == "time":
                setattr(module, name, None)
        journal.logger("plugin").info("x")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert log_file(path)[0].ts[:2] == "20"


def test_a_log_that_cannot_be_written_goes_to_stderr_and_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = script(
        f"""
        journal = Journal(level="error", file={str(tmp_path / "folder")!r}, json_errors=True)
        for number in range(3): journal.logger("plugin").error(str(number))
        """
    )
    assert (done.returncode, done.stdout) == (0, "")
    lines = log_lines(done.stderr)
    said = "cannot write the log file, its lines go to stderr from now on"
    assert [line.message for line in lines] == ["0", said, "1", "2"]
    assert (lines[1].error_code, lines[1].context["errno"]) == ("ERR_IO", "EISDIR")
    assert codes(trailers(done.stderr)) == ["ERR_IO"]


def test_a_forked_child_says_nothing(path: Path) -> None:
    done = script(
        f"""
        journal = Journal(level="debug", file={str(path)!r}, json_errors=True)
        journal.logger("plugin").info("parent")
        child = os.fork()
        if not child:
            journal.logger("plugin").info("child")
            journal.failure(enverr(ErrorCode.IO, "child"), "fail", by="plugin")
            journal.close()
            os._exit(0)
        os.waitpid(child, 0)
        journal.failure(enverr(ErrorCode.IO, "parent"), "fail", by="plugin")
        """
    )
    assert codes(trailers(done.stderr)) == ["ERR_IO"]
    assert [line.message for line in log_file(path)] == ["parent", "parent"]


def test_the_last_line_before_a_sigkill_is_in_the_file(path: Path) -> None:
    done = script(
        f"""
        import signal
        journal = Journal(level="debug", file={str(path)!r})
        for number in range(5): journal.logger("plugin").debug(str(number))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert done.returncode == -signal.SIGKILL
    assert [line.message for line in log_file(path)] == list("01234")


def test_a_fault_of_the_journal_itself_raises_nothing() -> None:
    done = script(
        """
        journal = Journal(level="debug", json_errors=True)
        class Bad:
            def __str__(self): raise RuntimeError("bad")
        journal.logger("plugin").info("x", extra={"context": {"bad": Bad()}})
        journal.logger("plugin").info("%d", "no number")
        error = enverr(ErrorCode.IO, "x")
        error.message = 3
        journal.failure(error, "fail", by="plugin")
        journal.logger("plugin").info("still there")
        """,
        strict=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert [line.message for line in log_lines(done.stderr)] == ["still there"]
