"""However a run ends: all events up to the end, a right reason, and no spool after the next run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import pytest_recorder
from pytest_recorder.tracefile.index import Entry, read_index
from tests.faults import child

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals and limits of POSIX"),
]

WORK = f"""
import os, signal, sys, time
import pytest
{child.WORK}
def last():
    return "last"

def press():
    signal.raise_signal(signal.SIGINT)

def room(more):
    import resource
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))

def wait_for(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
PRESS = "import signal\ndef press(): signal.raise_signal(signal.SIGINT)\n"
INTERRUPTED = (
    "interrupted",
    "partial",
    "ERR_TRACE_INCOMPLETE",
    "the run ended before the test",
)
DIED = ("died", "partial", "ERR_TRACE_INCOMPLETE", "the process died")
WHOLE = ("failed", "complete", None, None)
PASSED = ("passed", "complete", None, None)


class Death(NamedTuple):
    """How a run ends, and what is to be known of `test_a` then."""

    tests: str
    expected: tuple[str, str, str | None, str | None]
    calls: int = 900
    """Calls of `add` in its trace."""
    conftest: str = ""
    status: int | None = None


def ctrl_c(tests: str, *, conftest: str = "", calls: int = 900) -> Death:
    return Death(tests, INTERRUPTED, calls, conftest and PRESS + conftest, 2)


DEATHS = {
    "Ctrl-C in the call": ctrl_c("def test_a(): work(); last(); press()"),
    "Ctrl-C in a fixture": ctrl_c(
        "@pytest.fixture\ndef f(): work(); last(); press()\ndef test_a(f): pass"
    ),
    "Ctrl-C in the set-up of a class": ctrl_c(
        "class TestX:\n    def setup_method(self): work(); last(); press()\n    def test_a(self): pass"
    ),
    "Ctrl-C in the teardown": ctrl_c(
        "@pytest.fixture\ndef f():\n    yield\n    work(); last(); press()\ndef test_a(f): work()",
        calls=1800,
    ),
    "Ctrl-C in makereport of the call": ctrl_c(
        "def test_a(): work(); last()",
        conftest="def pytest_runtest_makereport(call):\n    if call.when == 'call': press()",
    ),
    "Ctrl-C in makereport of the teardown": ctrl_c(
        "def test_a(): work(); last()",
        conftest="def pytest_runtest_makereport(call):\n    if call.when == 'teardown': press()",
    ),
    "Ctrl-C where the report is logged": ctrl_c(
        "def test_a(): work(); last()",
        conftest="def pytest_runtest_logreport(report):\n    if report.when == 'call': press()",
    ),
    "Ctrl-C between two tests": Death(
        "def test_a(): work(); last()\ndef test_b(): pass",
        PASSED,
        conftest=PRESS + "def pytest_runtest_logfinish(nodeid): press()",
        status=2,
    ),
    "Ctrl-C before the next test": Death(
        "def test_a(): work(); last()\ndef test_b(): pass",
        PASSED,
        conftest=PRESS
        + "def pytest_runtest_logstart(nodeid):\n    if 'test_b' in nodeid: press()",
        status=2,
    ),
    "a null pointer in C": Death(
        "def test_a():\n    work(); last()\n    import ctypes; ctypes.string_at(0)",
        DIED,
        status=-11,
    ),
    "abort": Death("def test_a(): work(); last(); os.abort()", DIED, status=-6),
    "SIGTERM": Death(
        "def test_a(): work(); last(); os.kill(os.getpid(), signal.SIGTERM)", DIED, status=-15
    ),
    "another program in its place": Death(
        "def test_a(): work(); last(); os.execv('/bin/sh', ['sh', '-c', 'exit 7'])",
        DIED,
        status=7,
    ),
    "no more time of the CPU": Death(
        """
def test_a():
    work(); last()
    import resource
    used = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used, resource.RLIM_INFINITY))
    while True: pass
""",
        DIED,
        status=-24,
    ),
    "a file that is too long": Death(
        """
def test_a():
    import resource
    work(); last()
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    with open("long", "wb", buffering=0) as file:
        file.write(bytes(100_000)); file.write(b"more")
""",
        DIED,
        status=-25,
    ),
    "stopped and continued": Death(
        """
def test_a():
    work()
    child = os.fork()
    if not child:
        # Once it has stopped: its state stands behind its name.
        while open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[0] != "T": pass
        os.kill(os.getppid(), signal.SIGCONT); os._exit(0)
    os.kill(os.getpid(), signal.SIGSTOP)
    wait_for(child); work(); last(); assert 0
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
    "memory that comes back": Death(
        """
def test_a():
    room(24 << 20)
    work(); kept = []
    try:
        while True: kept.append(bytearray(1 << 20))
    except MemoryError: pass
    del kept; work(); last(); assert 0
""",
        WHOLE,
        calls=1800,
    ),
    "a forked child that is killed": Death(
        """
def test_a():
    work()
    child = os.fork()
    if not child: work(); os.kill(os.getpid(), signal.SIGKILL)
    assert wait_for(child) == -9
    work(); last(); assert 0
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
    "a forked child that leaves by the whole of pytest": Death(
        """
def test_a():
    work()
    child = os.fork()
    if not child: work(); sys.exit(0)
    assert wait_for(child) in (0, 1, 2, 3)
    work(); last(); assert 0
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
    "a forked child that records itself": Death(
        """
def test_a():
    work()
    child = os.fork()
    if not child:
        import pytest_recorder
        try:
            with pytest_recorder.trace("child.pyrec", include=[__file__]): work()
        finally: os._exit(0)
    assert wait_for(child) == 0
    import pytest_recorder
    with pytest_recorder.open_trace("child.pyrec") as trace:
        assert (trace.status, sum(e.kind == "call" for e in trace.events())) == ("complete", 901)
    work(); last(); assert 0, "it was right"
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
    "a forked child that runs pytest": Death(
        """
def test_a():
    work()
    child = os.fork()
    if not child:
        with open("inner.py", "w") as file: file.write("def test_i(): assert 0")
        os._exit(pytest.main(["-p", "record_trace", "--record-trace", "--record-dir=inner", "-q", "inner.py"]))
    assert wait_for(child) == 1
    assert [name for name in os.listdir("inner") if name.startswith("inner.py-test_i")]
    work(); last(); assert 0, "it was right"
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
    "processes of multiprocessing": Death(
        """
@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_ways(way):
    import multiprocessing
    process = multiprocessing.get_context(way).Process(target=work)
    process.start(); process.join()
    assert process.exitcode == 0

def test_a():
    for way in ("fork", "spawn", "forkserver"): test_ways(way)
    work(); last(); assert 0, "it was right"
""",
        WHOLE,
        status=1,
    ),
    "a clock that goes back": Death(
        """
def test_a():
    work()
    time.time = time.perf_counter = lambda: -5.0
    time.time_ns = time.perf_counter_ns = time.monotonic_ns = lambda: -10**18
    work(); last(); assert 0, "it was right"
""",
        WHOLE,
        calls=1800,
        status=1,
    ),
}
if sys.version_info < (3, 14):  # which raises RecursionError instead
    DEATHS["the C stack is full"] = Death(
        """
def test_a():
    work(); last()
    import ctypes
    libc = ctypes.CDLL(None)
    array = (ctypes.c_int * 2)(2, 1)
    def compare(a, b):
        libc.qsort(array, 2, 4, kept)
        return 0
    kept = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(compare)
    import threading
    threading.stack_size(64 * 1024)
    sys.setrecursionlimit(10_000_000)
    thread = threading.Thread(target=libc.qsort, args=(array, 2, 4, kept))
    thread.start(); thread.join()
""",
        DIED,
        status=-11,
    )


def pytest_in(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    kept |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ}
    # A shell lets what it runs in the background ignore Ctrl-C, and so do its children.
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    start = f"import signal, runpy; {heard}; runpy.run_module('pytest', run_name='__main__')"
    command = [sys.executable, "-c", start, "-p", "record_trace", "-p", "no:cacheprovider"]
    command += ["-p", "no:faulthandler", "--record-trace", "--record-keep=all", "-q", *options]
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False
    )


def make(folder: Path, tests: str, conftest: str = "") -> Path:
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_it.py").write_text(f"{WORK}\n{tests}\n")
    return folder


def next_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run what needs no test; it tells of what was left, and leaves no spool."""
    (folder / "conftest.py").write_text("")
    (folder / "test_next.py").write_text("def test_next(): pass\n")
    done = pytest_in(folder, "test_next.py", "--record-keep=failed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.rglob("*.pyspool")) == []
    return done


def entry_in(folder: Path, name: str = "test_a") -> Entry:
    (entry,) = [e for e in read_index(folder / "test-traces").tests if e.test.endswith(name)]
    return entry


def assert_is_there(folder: Path, death: Death) -> None:
    entry = entry_in(folder)
    outcome, status, reason, message = death.expected
    assert (entry.outcome, entry.status, entry.reason) == (outcome, status, reason)
    assert entry.trace is not None
    with pytest_recorder.open_trace(folder / "test-traces" / entry.trace) as trace:
        assert (trace.status, trace.reason) == (status, reason)
        assert (message or "") in (trace.message or "")
        calls = [event.function for event in trace.events() if event.kind == "call"]
    assert calls.count("add") == death.calls
    assert calls.count("last") >= 1


@pytest.mark.parametrize("hot_path", ["", "1"], ids=["native", "python"])
@pytest.mark.parametrize("name", DEATHS)
def test_a_run_that_ends_so_leaves_all_events_and_says_why(
    name: str, hot_path: str, tmp_path: Path
) -> None:
    death = DEATHS[name]
    folder = make(tmp_path / "run", death.tests, death.conftest)
    done = pytest_in(folder, "test_it.py", PYTEST_RECORDER_PURE=hot_path)
    if death.status is not None:
        assert done.returncode == death.status, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    if death.expected is DIED:
        assert list(folder.rglob("*.pyspool")) != []
        assert "recovered 1 trace" in " ".join(next_run(folder).stdout.split())
        assert_is_there(folder, death)
        return
    assert list(folder.rglob("*.pyspool")) == []
    assert_is_there(folder, death)
    next_run(folder)


OUT_OF_MEMORY = """
def test_a():
    room({} << 20)
    for _ in range(30): work()
    last()

def test_b(): work(); last()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("hot_path", ["", "1"], ids=["native", "python"])
@pytest.mark.parametrize("room", [1, 2])
def test_a_recording_that_finds_no_memory_keeps_what_it_has(
    room: int, hot_path: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "run", OUT_OF_MEMORY.format(room))
    done = pytest_in(folder, "test_it.py", PYTEST_RECORDER_PURE=hot_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    entry = entry_in(folder)
    assert entry.trace is not None
    if entry.status == "partial":
        assert entry.reason == "ERR_IO"
        assert "cannot extend the spool" in " ".join(done.stdout.split())
    with pytest_recorder.open_trace(folder / "test-traces" / entry.trace) as trace:
        assert trace.damage is None
        assert len(list(trace.events())) == entry.events > 20_000
    assert entry_in(folder, "test_b").status == "complete"
    next_run(folder)


def test_ctrl_c_while_tests_are_collected_leaves_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", "press()\ndef test_a(): work()")
    assert pytest_in(folder, "test_it.py").returncode == 2
    assert list(folder.rglob("*.py[rs]*c")) == []
    next_run(folder)


TWO_RUNS = """
def test_a():
    work(); last()
    if os.path.exists("second"): return
    open("second", "w").close()
    import subprocess
    command = [sys.executable, *sys.orig_argv[1:], "-k", "test_b"]
    assert subprocess.run(command, capture_output=True).returncode == 1
    work(); assert 0, "it was right"

def test_b(): work(); last(); assert 0
"""


def test_two_runs_in_one_folder_keep_what_each_has(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", TWO_RUNS)
    done = pytest_in(folder, "test_it.py", "-k", "test_a")
    assert "it was right" in done.stdout, done.stdout
    entries = read_index(folder / "test-traces").tests
    assert {e.test.partition("::")[2] for e in entries} == {"test_a", "test_b"}
    assert {e.status for e in entries} == {"complete"}
    for entry in entries:
        with pytest_recorder.open_trace(folder / "test-traces" / str(entry.trace)) as trace:
            assert (trace.status, trace.damage) == ("complete", None)
    next_run(folder)


WITHOUT_RIGHTS = """
import ctypes, os, sys
# Root may write anywhere, but for what it gives up for good: CAP_DAC_OVERRIDE.
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs capabilities")
@pytest.mark.parametrize(("error", "status"), [("disable", 0), ("abort", 1)])
def test_a_folder_that_may_not_be_written_to_changes_no_outcome(
    error: str, status: int, tmp_path: Path
) -> None:
    folder = make(tmp_path / "run", "def test_a(): assert work() == 404550")
    (folder / "test-traces").mkdir(mode=0o555)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    kept |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ["-p", "record_trace", "-p", "no:cacheprovider", "--record-trace", "-q"]
    command = [sys.executable, "-c", WITHOUT_RIGHTS, *options, f"--record-on-error={error}"]
    done = subprocess.run(
        [*command, "test_it.py"],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "EACCES" in done.stdout
    assert "1 passed" in done.stdout
    assert "INTERNALERROR" not in done.stdout
    assert list((folder / "test-traces").iterdir()) == []


FORKING = """
import os, pickle
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            data = [hook.pytest_report_to_serializable(config=item.config, report=r) for r in reports]
            with open(write, "wb") as file: pickle.dump(data, file)
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file: data = file.read()
    os.waitpid(child, 0)
    for each in pickle.loads(data) if data else []:
        report = hook.pytest_report_from_serializable(config=item.config, data=each)
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
FORKED = """
def test_a(): work(); last(); assert 0
def test_b(): work(); last(); os.kill(os.getpid(), signal.SIGKILL)
def test_c(): work(); last()
"""


@pytest.mark.parametrize("hot_path", ["", "1"], ids=["native", "python"])
def test_tests_that_a_plugin_runs_in_forked_processes_are_recorded_there(
    hot_path: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "run", FORKED, FORKING)
    done = pytest_in(folder, "test_it.py", PYTEST_RECORDER_PURE=hot_path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "kept 2 of 2 traces" in done.stdout
    assert "recovered 1 trace" in " ".join(done.stdout.split())
    assert list(folder.rglob("*.pyspool")) == []
    for name, expected in (("test_a", WHOLE), ("test_b", DIED), ("test_c", PASSED)):
        entry = entry_in(folder, name)
        assert (entry.outcome, entry.status, entry.reason) == expected[:3]
        with pytest_recorder.open_trace(folder / "test-traces" / str(entry.trace)) as trace:
            calls = [event.function for event in trace.events() if event.kind == "call"]
        assert (calls.count("add"), calls[-1]) == (900, "last")
    next_run(folder)
