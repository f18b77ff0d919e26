"""Tests that replace the world they run in: it is theirs, and the recorder works with another.

Each program is run without and with recording, on both hot paths: the same outcomes, a whole trace
with the code of each test in it, at the time at which it was made.
"""

import json
import re
import shlex
import subprocess
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from tests.plugin.support import run, words

posix = pytest.mark.skipif(sys.platform == "win32", reason="a call of POSIX")
HOT_PATHS = ("python", "native")
# What the program calls in its world: of a module that was not seen before.
WORK = """
def double(numbers):
    return [number * 2 for number in numbers]

def fail(number):
    raise ValueError(number)

def work(rounds=3):
    done = []
    for number in range(rounds):
        done.append(double([number]))
        try:
            fail(number)
        except ValueError as error:
            done.append(str(error))
    print("worked", rounds)
    return len(done)
"""
AFTER = """
import after_work

def test_after():
    # In scope and with its text, whatever was looked at before.
    assert after_work.work() == 6
"""

MOCK = """
import builtins, hashlib, io, json, os, pathlib, subprocess, time, uuid
from unittest import mock
from unittest.mock import mock_open, patch

def test_open_is_called_once():
    with patch("builtins.open", mock_open(read_data="data")) as opened:
        import work
        assert work.work() == 6
        with open("file") as file:
            assert file.read() == "data"
    opened.assert_called_once_with("file")

def test_every_file_is_there():
    with patch("os.path.isfile", return_value=True) as asked, patch("os.path.exists", return_value=True):
        import work2
        assert work2.work() == 6
    asked.assert_not_called()

def test_no_file_is_there():
    with patch("os.path.exists", return_value=False), patch.object(pathlib.Path, "exists", return_value=False):
        with patch("os.stat", side_effect=FileNotFoundError) as asked:
            import work3
            calls = asked.call_count
            assert work3.work() == 6
            assert asked.call_count == calls

def test_the_calls_of_the_system():
    names = ("close", "write", "getpid", "urandom", "unlink", "replace", "fstat", "getcwd", "listdir")
    with mock.patch.multiple(os, **{name: mock.DEFAULT for name in names}) as mocks:
        os.getpid.return_value = 1
        import work4
        for each in mocks.values():
            each.reset_mock()
        assert work4.work(2000) == 4000
        called = [name for name, each in mocks.items() if each.called]
    assert called == []

def test_ids_and_digests(recording):
    with patch("uuid.uuid4", return_value=uuid.UUID(int=0)), patch("hashlib.sha256") as digest:
        with patch("json.dumps", side_effect=RuntimeError), patch("os.path.realpath", side_effect=OSError):
            import work5
            assert work5.work() == 6
    digest.assert_not_called()

def test_time_stands(monkeypatch):
    for name in ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic"):
        monkeypatch.setattr(time, name, lambda: 0)
    import work6
    assert work6.work() == 6
"""

FREEZEGUN = """
import datetime, time
from freezegun import freeze_time
import work

@freeze_time("2012-01-14")
def test_frozen():
    assert work.work() == 6
    assert datetime.datetime.now().year == 2012
    assert time.time() == 1326499200

@freeze_time("1970-01-01", auto_tick_seconds=15)
def test_ticks_for_nobody_but_us():
    work.work()
    assert time.time() == 0
    assert time.time() == 15
"""
FROZEN_SESSION = """
import pytest
from freezegun import freeze_time

@pytest.fixture(scope="session", autouse=True)
def frozen():
    with freeze_time("2012-01-14"):
        yield
"""
FROZEN_CONFTEST = """
from freezegun import freeze_time
freezer = freeze_time("2012-01-14")
freezer.start()
def pytest_unconfigure():
    freezer.stop()
"""
TIME_MACHINE = """
import datetime, time
import time_machine
import work

@time_machine.travel("2012-01-14", tick=False)
def test_travels():
    assert work.work() == 6
    assert datetime.datetime.now().year == 2012
"""
TRAVELLING = """
import datetime
import time_machine
traveller = time_machine.travel(datetime.datetime(2012, 1, 14, tzinfo=datetime.timezone.utc))
traveller.start()
def pytest_unconfigure():
    traveller.stop()
"""
PLAIN = """
import work

def test_plain():
    assert work.work() == 6
"""
PYFAKEFS = """
import os
from pathlib import Path

def test_a_file_system_of_its_own(fs):
    assert not Path(__file__).exists()
    fs.create_file("/etc/nothing", contents="x")
    before = sorted(os.listdir("/"))
    def inner(number):
        return number + 1
    assert inner(1) == 2
    assert Path("/etc/nothing").read_text() == "x"
    assert sorted(os.listdir("/")) == before
"""
PYFAKEFS_SESSION = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def faked(fs_session):
    yield fs_session
"""
GEVENT = """
import gevent
from gevent import monkey
monkey.patch_all()
"""
GEVENT_IN_TEST = """
import work

def test_patches():
    import gevent
    from gevent import monkey
    monkey.patch_all()
    done = []
    jobs = [gevent.spawn(lambda: done.append(work.work())) for _ in range(3)]
    gevent.joinall(jobs)
    assert done == [6, 6, 6]

def test_writes_more_than_one_thread_packs():
    text = "x" * 200
    for number in range(9000):
        work.double([text, number])
"""
LARGE = """
import work

def test_writes_more_than_one_thread_packs():
    text = "x" * 200
    for number in range(9000):
        work.double([text, number])
"""
EVENTLET_LIKE = """
# As eventlet does, and libraries that have taken after it: by hand, and never put back.
import _thread, os, queue, select, sys, threading, time

seen = []

def green(module, name):
    original = getattr(module, name)

    def stand_in(*args, **named):
        frame = sys._getframe(1)
        if "/pytest_recorder/" in frame.f_code.co_filename and "/plugin/" not in frame.f_code.co_filename:
            seen.append(f"{name} {frame.f_code.co_filename}:{frame.f_lineno}")
        return original(*args, **named)

    setattr(module, name, stand_in)

for module, names in {
    _thread: ("start_new_thread", "allocate_lock", "get_ident"),
    threading: ("get_ident", "_start_new_thread", "Lock", "RLock", "current_thread"),
    queue: ("SimpleQueue", "Queue"),
    select: ("select", "poll"),
    time: ("sleep",),
    os: ("fork", "waitpid", "read", "write", "close"),
}.items():
    for name in names:
        if hasattr(module, name):  # `_start_new_thread` has another name from 3.13 on
            green(module, name)

def pytest_sessionfinish():
    assert seen == []
"""
MODULES = """
import importlib, os, sys
from unittest.mock import patch
import work

def test_no_module_is_there():
    with patch.dict(sys.modules, clear=True):
        assert work.work() == 6

def test_ours_are_gone():
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "pytest_recorder"}
    for name in kept:
        del sys.modules[name]
    assert work.work() == 6
    sys.modules.update(kept)

def test_os_is_loaded_again():
    importlib.reload(os)
    assert work.work() == 6
"""
MODULES_GONE = """
import sys
import work

def test_ours_are_gone_for_good():
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytest_recorder"]:
        del sys.modules[name]
    assert work.work() == 6
"""
FOLDER = """
import os
import pytest
import work

def test_the_working_folder_is_removed(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError):
        os.getcwd()
    assert work.work() == 6
    for name in ("relative.py", "./a/relative.py", "sur\\udc80rogate.py", ""):
        namespace = {}
        exec(compile("def f(x):\\n    return x + 1\\n", name, "exec"), namespace)
        assert namespace["f"](1) == 2
"""
CLOSED = """
import os
import work

def test_closes_all_that_is_open(tmp_path):
    os.closerange(3, 4096)
    theirs = [os.open(tmp_path / str(n), os.O_RDWR | os.O_CREAT, 0o600) for n in range(30)]
    for fd in theirs:
        os.write(fd, b"theirs")
    text = "x" * 200
    for number in range(9000):
        work.double([text, number])
    for fd in theirs:
        assert os.pread(fd, 100, 0) == b"theirs"
        assert os.fstat(fd).st_size == 6
        os.close(fd)
"""
LIMITED = """
import os, resource
import work

def test_few_files_may_be_open(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))
    opened = []
    try:
        while True:
            opened.append(os.open(tmp_path, os.O_RDONLY))
    except OSError:
        pass
    text = "x" * 200
    for number in range(9000):
        work.double([text, number])
    for fd in opened:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
"""
NUMBERS = """
import os

def test_a_descriptor_has_the_number_that_it_would_have(tmp_path):
    numbers = [os.open(tmp_path, os.O_RDONLY) for _ in range(3)]
    for number in numbers:
        os.close(number)
    print("numbers", numbers)
"""
CLOSED_AND_REPLACED = """
import os
from pathlib import Path
import work

def test_closes_and_replaces():
    os.closerange(3, 4096)
    (spool,) = Path("test-traces").glob("*.pyspool")
    spool.unlink()
    Path("theirs").write_bytes(b"theirs")
    os.link("theirs", spool)
    text = "x" * 200
    for number in range(9000):
        work.double([text, number])
    assert Path("theirs").read_bytes() == b"theirs"
"""
LOGGING = """
import logging, logging.config
import work

def test_logging_is_switched_off(caplog, monkeypatch):
    logging.disable(logging.CRITICAL)
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    with monkeypatch.context() as patch:
        patch.setattr(logging, "getLogger", None)
        patch.setattr(logging, "LogRecord", None)
        for name in ("handle", "info", "debug", "warning", "_log", "makeRecord"):
            patch.setattr(logging.Logger, name, None)
        assert work.work() == 6
    assert caplog.records == []
"""
# As suites do that are written for machines which the one at hand is not. pytest has what it needs.
FOREIGN_MODULES = """
import sys
from unittest.mock import MagicMock

for name in ("fcntl", "mmap", "ctypes", "msvcrt", "_winapi", "opcode", "uuid", "base64"):
    sys.modules[name] = MagicMock()
"""
FOREIGN_FUNCTIONS = """
import hashlib, itertools, mmap, operator, zlib
from unittest.mock import MagicMock

zlib.crc32 = lambda *given: 7
zlib.compress = lambda *given, **named: b"compressed"
hashlib.sha256 = MagicMock()
operator.is_ = lambda first, second: False
mmap.mmap = MagicMock()
itertools.islice = itertools.repeat = MagicMock(side_effect=ZeroDivisionError)
"""


ALONE = ("--capture=sys", "-p", "no:logging", "-p", "no:faulthandler")
"""Without plugins of pytest's own that hold descriptors which the program closes."""


class World:
    """A program, and what it takes to run it."""

    def __init__(
        self,
        tests: str,
        conftest: str = "",
        *,
        plugins: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> None:
        self.tests = tests
        self.conftest = conftest
        self.plugins = plugins
        self.options = options

    def write(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(self.conftest)
        names = ("work", *(f"work{n}" for n in range(2, 7)), "after_work")
        pytester.makepyfile(**dict.fromkeys(names, WORK))
        for name, text in (("test_a_world", self.tests), ("test_b_after", AFTER)):
            (pytester.path / f"{name}.py").write_text(textwrap.dedent(text))


WORLDS = {
    "mock": World(MOCK),
    "freezegun": World(FREEZEGUN),
    "freezegun, the session": World(PLAIN, FROZEN_SESSION),
    "freezegun, from conftest on": World(PLAIN, FROZEN_CONFTEST),
    "time-machine": World(TIME_MACHINE),
    "time-machine, from conftest on": World(PLAIN, TRAVELLING),
    "pyfakefs": World(PYFAKEFS, plugins=("pyfakefs.pytest_plugin",)),
    "pyfakefs, the session": World(
        PLAIN, PYFAKEFS_SESSION, plugins=("pyfakefs.pytest_plugin",)
    ),
    "gevent, in conftest": World(LARGE, GEVENT),
    "gevent, in a test": World(GEVENT_IN_TEST),
    "like eventlet": World(LARGE, EVENTLET_LIKE),
    "sys.modules": World(MODULES),
    "sys.modules, for good": World(MODULES_GONE),
    "the working folder": World(FOLDER),
    "all descriptors closed": World(CLOSED, options=ALONE),
    "few descriptors": World(LIMITED),
    "logging": World(LOGGING),
    "modules, from conftest on": World(PLAIN, FOREIGN_MODULES),
    "functions in C, from conftest on": World(PLAIN, FOREIGN_FUNCTIONS),
}


@pytest.mark.slow
@pytest.mark.parametrize("hot_path", HOT_PATHS)
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_of_the_test_is_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, hot_path: str
) -> None:
    world = WORLDS[name]
    world.write(pytester)
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1" if hot_path == "python" else "")
    before = time.time()
    options = ("-v", *world.options, *(word for p in world.plugins for word in ("-p", p)))
    plain = run(pytester, *options)
    recorded = run(pytester, "--record-trace", "--record-keep=all", *options)
    assert outcomes(plain) == outcomes(recorded), recorded.stdout.str() + recorded.stderr.str()
    assert (plain.ret, recorded.ret) == (0, 0), recorded.stdout.str()
    assert "RecorderWarning" not in recorded.stdout.str()
    look_at_traces(pytester.path, len(outcomes(plain)), before)


def outcomes(done: pytest.RunResult) -> list[str]:
    return re.findall(r"^(\S+::\S+ \w+)", done.stdout.str(), re.MULTILINE)


def look_at_traces(path: Path, count: int, before: float) -> None:
    """Every test has a whole trace, of its own lines, made after `before`."""
    now = time.time()
    entries = index_of(path)
    assert [e["status"] for e in entries] == ["complete"] * count
    for entry in entries:
        with pytest_recorder.open_trace(path / "test-traces" / entry["trace"]) as trace:
            started = datetime.fromisoformat(trace.manifest.started).timestamp()
            assert before - 1 < started < now + 1
            assert trace.trailer.duration_us is not None
            assert 0 <= trace.trailer.duration_us < (now - before) * 1e6
            times = [e.time_us for e in trace.events() if e.time_us is not None]
            assert times == sorted(times)
            test_file = str(path / entry["test"].partition("::")[0])
            lines = {e.line for e in trace.events() if e.kind == "line" and e.file == test_file}
            assert lines, entry["test"]
            kept = (trace.source(test_file) or "").split("\n")
            written = Path(test_file).read_text().split("\n")
            assert [kept[n - 1] for n in lines] == [written[n - 1] for n in lines]


def index_of(path: Path) -> list[dict[str, Any]]:
    data = json.loads((path / "test-traces/index.json").read_text())
    found: list[dict[str, Any]] = data["tests"]
    return found


@posix
def test_a_spool_that_the_program_takes_away_ends_the_recording_with_its_reason(
    pytester: pytest.Pytester,
) -> None:
    """All descriptors closed, and the file replaced: there is nothing left to write to."""
    World(CLOSED_AND_REPLACED).write(pytester)
    done = run(pytester, "--record-trace", "--record-keep=all", *ALONE)
    done.assert_outcomes(passed=2)
    first, second = index_of(pytester.path)
    assert (first["status"], first["reason"]) == ("partial", "ERR_IO")
    assert second["status"] == "complete"
    assert (pytester.path / "theirs").read_bytes() == b"theirs"
    (left,) = (pytester.path / "test-traces").glob("*.pyspool")
    assert left.read_bytes() == b"theirs"


@posix
@pytest.mark.parametrize("limit", [16, 32])
def test_few_descriptors_from_the_start_are_enough(
    pytester: pytest.Pytester, limit: int
) -> None:
    World(LARGE).write(pytester)
    command = [sys.executable, "-m", "pytest", *words("--record-trace", "--record-keep=all")]
    before = time.time()
    shell = f"ulimit -n {limit} && exec {shlex.join(command)}"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=pytester.path, capture_output=True, text=True, check=False
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    look_at_traces(pytester.path, 2, before)


@pytest.mark.slow
def test_gevent_that_patched_before_pytest_does_not_hold_the_recording_up(
    pytester: pytest.Pytester,
) -> None:
    World(LARGE).write(pytester)
    options = words("--record-trace", "--record-keep=all")
    starter = Path(pytester.path / "start.py")
    starter.write_text(
        "import sys\nfrom gevent import monkey\nmonkey.patch_all()\n"
        "import pytest\nsys.exit(pytest.main(sys.argv[1:]))\n"
    )
    before = time.time()
    done = pytester.run(sys.executable, starter, *options)
    done.assert_outcomes(passed=2)
    look_at_traces(pytester.path, 2, before)


@posix
def test_a_program_gets_the_descriptors_that_it_would_get_without_us(
    pytester: pytest.Pytester,
) -> None:
    World(NUMBERS).write(pytester)
    numbers = [
        re.findall(r"^numbers .*", run(pytester, "-rP", *options).stdout.str(), re.MULTILINE)
        for options in ((), ("--record-trace", "--record-keep=all"))
    ]
    assert numbers[0] == numbers[1] != []


@pytest.mark.parametrize(
    "freeze",
    ["from freezegun import freeze_time as to", "from time_machine import travel as to"],
)
def test_a_clock_that_stands_when_the_package_is_first_imported_is_not_believed(
    tmp_path: Path, freeze: str
) -> None:
    """The API, imported inside a frozen test: the tools that freeze keep the true clock."""
    body = f"""
        {freeze}
        with to("2012-01-14 00:00:00Z"):
            import pytest_recorder
            with pytest_recorder.trace({str(tmp_path)!r}, include=["*"]):
                sum([1, 2])
        """
    before = time.time()
    subprocess.run([sys.executable, "-c", textwrap.dedent(body)], check=True)
    with pytest_recorder.open_trace(tmp_path / "trace.pyrec") as trace:
        started = datetime.fromisoformat(trace.manifest.started).timestamp()
        assert before - 1 < started < time.time() + 1
        assert 0 <= trace.trailer.duration_us < 60e6
