"""What a program can see of its process is the same with and without a recording.

Each test here runs pytest twice, and compares what the program finds.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder import open_trace
from tests.collector import Collector
from tests.engines.support import record
from tests.plugin.support import index, kept, run, traces

FAILS = """
import os
import sys

def helper(number):
    items = [number]
    return items[0] / 0

def test_fails():
    helper(3)

def test_passes(tmp_path):
    print("out")
    print("err", file=sys.stderr)

def test_dies_later(request):
    assert request.node is None
"""
MODULES = """
import json
import os
import sys

import pytest

@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    with open(f"modules-{worker}.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""
OURS = "pytest_recorder"
# Those of the package that are for readers, or for the process beside this one.
NOT_HERE = (f"{OURS}.analysis", f"{OURS}.tracefile.reader", f"{OURS}.tracefile.manifest")
# What is new of the standard library has no state that a test could meet.
STANDARD = {"array", "hashlib", "mmap", "sysconfig", "tomllib"}
SETTINGS: list[tuple[str, ...]] = [
    (),
    ("--record-keep=all",),
    ("--record-scope=session",),
    ("--record-level=calls",),
    ("--record-html=on", "--record-log-file=log.jsonl", "--record-json-errors"),
    ("--record-max-kept=1", "--record-max-total=64KiB"),
    ("--record-require-trace", "--record-errors=internal=fail", "--record-values=depth=1"),
    ("-n", "1"),
    ("--reruns=1",),
    ("--record-metrics-file=run.prom",),
    ("--record-metrics-file=run.om", "--record-metrics-otel"),
    ("--record-metrics-file=run.prom", "--record-metrics-otel", "-n", "1"),
]


def is_standard(name: str) -> bool:
    return name in sys.stdlib_module_names or name.startswith("_sysconfigdata_")


def modules(pytester: pytest.Pytester, *args: str) -> dict[str, set[str]]:
    for old in pytester.path.glob("modules-*.json"):
        old.unlink()
    run(pytester, *args)
    found = {path.stem: path.read_text() for path in pytester.path.glob("modules-*.json")}
    return {name: set(json.loads(text)) for name, text in found.items()}


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_no_module_of_anybody_else_enters_the_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    pytester.makeconftest(MODULES)
    pytester.makepyfile(FAILS)
    plain = [arg for arg in settings if not arg.startswith("--record")]
    without = modules(pytester, *plain)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        found = modules(pytester, "--record-trace", *settings)
    assert len(collector.requests) == ("--record-metrics-otel" in settings)
    assert len([*pytester.path.glob("run.*")]) == any("file=run." in arg for arg in settings)
    assert found.keys() == without.keys()
    for process, there in found.items():
        new = there - without[process]
        theirs = {name.partition(".")[0] for name in new} - {OURS}
        assert {name for name in theirs if not is_standard(name)} == set()
        assert {name for name in theirs if name[0] != "_"} <= STANDARD
        assert [name for name in new if name.startswith(NOT_HERE)] == []
    assert traces(pytester)
    assert (traces(pytester)[0].parent / "failure.md").is_file()


def test_a_run_in_which_all_is_well_starts_no_process(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_recorder.system import detached

        def refuse(*_):
            raise AssertionError("a process is started")

        detached.start = refuse
        """
    )
    pytester.makepyfile("def test_a(): print('out')\ndef test_b(tmp_path): pass")
    run(pytester, "--record-trace").assert_outcomes(passed=2)
    pytester.makepyfile("def test_a(): assert 0")
    result = run(pytester, "--record-trace")
    result.stdout.fnmatch_lines(["*AssertionError: a process is started*"])


@pytest.mark.parametrize(
    "how, is_early",
    [("--record-trace", True), ("ini", True), ("marker", False), ("idle", None)],
)
def test_what_is_needed_of_the_system_is_taken_before_any_conftest(
    pytester: pytest.Pytester, how: str, is_early: bool | None
) -> None:
    pytester.makeconftest(
        """
        import sys
        # What words a run that kept nothing is taken when that is over.
        AFTER = ("pytest_recorder.analysis", "pytest_recorder.render.")
        def ours():
            found = {name for name in sys.modules if name.startswith("pytest_recorder.")}
            return {name for name in found if not name.startswith(AFTER)}
        early = ours()
        def pytest_unconfigure():
            name = "pytest_recorder.system.originals"
            print("\\nfound:", name in early, name in ours())
            print("late:", *sorted(ours() - early) if name in early else ())
        """
    )
    marker = "import pytest\n@pytest.mark.record\n" if how == "marker" else ""
    pytester.makepyfile(marker + "def test_a(): pass")
    if how == "ini":
        pytester.makeini("[pytest]\nrecord_trace = true")
    result = run(pytester, *([how] if how.startswith("-") else []))
    result.stdout.fnmatch_lines([f"found: {bool(is_early)} {is_early is not None}", "late:"])


# The process beside the tests.


@pytest.mark.parametrize("how", ["cannot start", "dies", "dies at work"])
def test_where_there_is_no_other_process_the_same_is_made_in_this_one(
    pytester: pytest.Pytester, how: str
) -> None:
    pytester.makepyfile(FAILS)
    args = (
        "--record-trace",
        "--record-html=on",
        "--record-log-file=log.jsonl",
        "-p",
        "no:randomly",
    )
    expected = sections(run(pytester, *args).stdout.lines)
    texts = [(path.parent / "failure.md").read_text() for path in traces(pytester)]
    log = pytester.path / "log.jsonl"
    assert "done in this process" not in log.read_text()
    pytester.makeconftest(
        f"""
        import os
        from pytest_recorder.render import messages
        from pytest_recorder.system import detached

        how = {how!r}
        real_start, real_pack = detached.start, messages.pack

        def start(module, paths):
            if how == "cannot start":
                raise detached.Unavailable("it is said so here")
            process = real_start("os" if how == "dies" else module, paths)
            return process

        def pack(job, about, blobs):
            # Bytes that are no request: the other process fails at them.
            return b"nothing" if how == "dies at work" else real_pack(job, about, blobs)

        detached.start, messages.pack = start, pack
        """
    )
    result = run(pytester, *args)
    assert sections(result.stdout.lines) == expected
    found = [(path.parent / "failure.md").read_text() for path in traces(pytester)]
    assert len(found) == len(texts) == 2
    assert all((path.parent / "trace.html").is_file() for path in traces(pytester))
    assert "done in this process" in log.read_text()
    result.stdout.no_fnmatch_line("*RecorderWarning*")


def sections(lines: list[str]) -> list[str]:
    """Give what reports say of the last steps."""
    start = [at for at, line in enumerate(lines) if line.startswith("last steps")]
    shown = [line for at in start for line in lines[at : at + 8]]
    return [line for line in shown if not line.startswith("kept ")]


def test_no_time_limit_of_a_test_is_there_for_what_is_made_of_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a():\n    assert 0\ndef test_b():\n    pass\n")
    args = ("--timeout=60", "--timeout-method=signal")
    result = run(pytester, "--record-trace", *args, plugins=("timeout",))
    result.assert_outcomes(failed=1, passed=1)
    assert kept(pytester) == ["test_a#1"]


# Tracebacks.

TRACEBACKS = """
import json
import pytest

FOUND = []

def look(item, call):
    if call.excinfo is not None:
        error = call.excinfo.value
        chain = []
        while error is not None:
            step, steps = error.__traceback__, []
            while step is not None:
                code = step.tb_frame.f_code
                steps.append((code.co_filename, code.co_name))
                step = step.tb_next
            chain.append(steps)
            error = error.__cause__ or error.__context__
        of_pytest = [str(e.path) for e in call.excinfo.traceback]
        FOUND.append((item.name, call.when, chain, of_pytest, str(call.excinfo.getrepr())))

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    look(item, call)

def pytest_unconfigure():
    with open("tracebacks.json", "w") as file:
        json.dump(FOUND, file)
"""
ERRORS = """
import unittest
import pytest

@pytest.fixture
def broken():
    raise ValueError("fixture")

@pytest.fixture
def chained(request):
    try:
        request.getfixturevalue("broken")
    except ValueError as error:
        raise KeyError("chained") from error

@pytest.fixture
def broken_at_end():
    yield
    raise ValueError("end of fixture")

class TestSetUp:
    def setup_method(self):
        raise ValueError("setup_method")
    def test_set_up(self): pass

class TestTearDown:
    def teardown_method(self):
        raise ValueError("teardown_method")
    def test_tear_down(self): pass

class TestClass:
    @classmethod
    def setup_class(cls):
        raise ValueError("setup_class")
    def test_one(self): pass
    def test_two(self): pass

class TestUnit(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(1, 2)

def test_broken(broken): pass
def test_broken_again(broken): pass
def test_chained(chained): pass
def test_end(broken_at_end): pass
def test_call(): assert 0
def test_skips(): pytest.skip("why")
"""


@pytest.mark.parametrize("style", ["auto", "native", "long"])
def test_tracebacks_have_the_same_steps(pytester: pytest.Pytester, style: str) -> None:
    pytester.makeconftest(TRACEBACKS)
    pytester.makepyfile(ERRORS)

    def found(*args: str) -> tuple[Any, list[str]]:
        result = run(pytester, f"--tb={style}", "--full-trace", "-p", "no:randomly", *args)
        lines = [line for line in result.stdout.lines if OURS in line]
        return json.loads((pytester.path / "tracebacks.json").read_text()), lines

    without, _ = found()
    recorded, lines = found("--record-trace")
    assert len(recorded) == len(without) == 10
    for one, other in zip(recorded, without, strict=True):
        assert one[:4] == other[:4]
        assert OURS not in one[4]
    # Commands that open traces, and no file of ours.
    assert [line for line in lines if "open it:" not in line and ".py:" in line] == []
    assert len(traces(pytester)) > 5


def test_ctrl_c_in_a_phase_has_no_frame_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): raise KeyboardInterrupt")
    result = run(pytester, "--record-trace", "--full-trace")
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    result.stdout.no_fnmatch_line(f"*{OURS}*.py*")


# The rest of the process.

WORLD = """
import asyncio
import atexit
import faulthandler
import gc
import hashlib
import json
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import warnings


def name_of(value):
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def look():
    numbers = []
    for _ in range(5):
        numbers.append(os.open(os.devnull, os.O_RDONLY))
    for number in numbers:
        os.close(number)
    try:
        os.waitpid(-1, os.WNOHANG)
        child = "a child"
    except ChildProcessError:
        child = "none"
    mask = os.umask(0)
    os.umask(mask)
    return {
        "descriptors": numbers,
        "children": child,
        "threads": sorted(each.name for each in threading.enumerate()),
        "active": threading.active_count(),
        "excepthooks": [name_of(sys.excepthook), name_of(sys.unraisablehook), name_of(threading.excepthook)],
        "displayhook": name_of(sys.displayhook),
        "finders": [name_of(each) for each in sys.meta_path],
        "hooks": [name_of(each) for each in sys.path_hooks],
        "path": [each for each in sys.path],
        "at exit": atexit._ncallbacks(),
        "filters": [[str(part) for part in each] for each in warnings.filters],
        "showwarning": name_of(warnings.showwarning),
        "flags": str(sys.flags),
        "signals": {int(number): name_of(signal.getsignal(number)) for number in signal.valid_signals()},
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "wakeup": signal_fd(),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "locale": locale.setlocale(locale.LC_ALL),
        "random": hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
        "environment": {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION")},
        "folder": os.getcwd(),
        "mask": mask,
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_STACK)],
        "temporary": sorted(os.listdir(tempfile.gettempdir())),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "collector": [gc.isenabled(), gc.get_threshold(), len(gc.callbacks), gc.get_debug()],
        "digits": sys.get_int_max_str_digits(),
        "handlers": [name_of(each) for each in logging.root.handlers],
        "loggers": sorted(logging.root.manager.loggerDict),
        "level": logging.root.level,
        "timeout": socket.getdefaulttimeout(),
        "fault handler": faulthandler.is_enabled(),
        "streams": [sorted(vars(each)) for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)],
        "dont_write": sys.dont_write_bytecode,
        "asyncio": name_of(asyncio.get_event_loop_policy.__wrapped__) if hasattr(asyncio.get_event_loop_policy, "__wrapped__") else "",
    }


def signal_fd():
    before = signal.set_wakeup_fd(-1)
    if before != -1:
        signal.set_wakeup_fd(before)
    return before


FOUND = []
random.seed(1)


def test_first():
    FOUND.append(look())


def test_fails():
    print("out")
    text = "x" * 3
    assert text == ""


def test_second():
    FOUND.append(look())


def test_writes():
    FOUND.append(look())
    with open(os.environ["WORLD"], "w") as file:
        json.dump(FOUND, file)
"""


@pytest.mark.parametrize("args", [(), ("-s",), ("--record-scope=session",)], ids=" ".join)
def test_a_test_finds_the_same_world(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    args: tuple[str, ...],
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("WORLD", str(tmp_path / "world.json"))
    pytester.makepyfile(WORLD)

    def world(*more: str) -> Any:
        options = ("-p", "no:randomly", f"--basetemp={tmp_path}/base")
        run(pytester, *options, *more).assert_outcomes(passed=3, failed=1)
        return json.loads((tmp_path / "world.json").read_text())

    without = world(*(arg for arg in args if not arg.startswith("--record")))
    found = world("--record-trace", *args)
    for before, now in zip(without, found, strict=True):
        assert now == before
    assert index(pytester)


# Streams.

STREAMS = """
import contextlib
import copy
import io
import pickle
import sys


def test_streams(capsys):
    text = io.StringIO()
    before = vars(sys.stdout).keys()
    with contextlib.redirect_stdout(text):
        print("inside")
        WHILE_IT_IS_STDOUT
    print("outside")
    assert vars(text) == {}
    assert pickle.loads(pickle.dumps(text)).getvalue() == "inside\\n"
    assert copy.copy(text).getvalue() == "inside\\n"
    assert vars(sys.stdout).keys() == before
    named = io.StringIO()
    named.label = "theirs"
    sys.stderr, real = named, sys.stderr
    try:
        print("error", file=sys.stderr)
    finally:
        sys.stderr = real
    assert vars(pickle.loads(pickle.dumps(named))) == {"label": "theirs"}


class Loud(io.StringIO):
    def write(self, text):
        return super().write(text.upper())


def test_a_writer_of_their_own():
    loud = Loud()
    with contextlib.redirect_stdout(loud):
        print("quiet")
    after = vars(loud)
    assert after == {}
    assert loud.getvalue() == "QUIET\\n"
"""
WHILE = """assert vars(sys.stdout) == vars(text) == {}
        assert copy.copy(sys.stdout).getvalue() == "inside\\n"
        assert pickle.dumps(sys.stdout) == pickle.dumps(text)"""


@pytest.mark.parametrize("hot_path", ["native", "pure"])
def test_nothing_stays_on_a_stream(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hot_path: str
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1" if hot_path == "pure" else "")
    # Without the part in C there is an attribute as long as the stream is the standard one.
    pytester.makepyfile(
        STREAMS.replace("WHILE_IT_IS_STDOUT", WHILE if hot_path == "native" else "pass")
    )
    run(pytester, "--record-trace", "--record-keep=all").assert_outcomes(passed=2)
    found: list[str] = []
    for path in traces(pytester):
        with open_trace(path) as trace:
            found += [event.text["value"] for event in trace.events() if event.text is not None]
    printed = [text for text in found if text.strip()]
    assert sorted(printed) == ["error", "inside", "outside", "quiet"]


def shared_function() -> tuple[object, object]:
    import ctypes

    function: Any = getattr(ctypes.pythonapi, "PyFrame_GetVar", None)
    found = getattr(function, "argtypes", None)
    if function is not None:
        function.restype = ctypes.c_void_p
    word = "of the program"
    return found, word


def test_the_functions_of_python_that_ctypes_shares_keep_the_types_of_the_program(
    engine: str,
) -> None:
    recorded = record(shared_function, engine=engine)
    assert recorded.result == (None, "of the program")
    assert recorded.events[-1].kind == "return"
    words = [event.changes["word"] for event in recorded.events if "word" in event.changes]
    assert [word["value"] for word in words] == ["of the program"]


def test_an_error_of_a_stream_has_no_frame_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import contextlib
        import io
        import traceback

        def test_a():
            text = io.StringIO()
            text.close()
            try:
                with contextlib.redirect_stdout(text):
                    print("into a closed one")
            except ValueError as error:
                steps = traceback.extract_tb(error.__traceback__)
            assert len(steps) == 1, steps
        """
    )
    run(pytester, "--record-trace").assert_outcomes(passed=1)


def test_a_class_of_streams_is_looked_at_without_its_code(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import io
        import sys

        CALLS = []

        class Meta(type):
            def __getattribute__(cls, name):
                CALLS.append(name)
                return super().__getattribute__(name)

        class Plain(io.StringIO, metaclass=Meta):
            pass

        class NoStream(metaclass=Meta):
            def write(self, text):
                pass

        def test_a():
            for stream in (Plain(), NoStream()):
                sys.stdout, real = stream, sys.stdout
                CALLS.clear()
                here = 1
                seen = list(CALLS)
                sys.stdout = real
                assert seen == []
        """
    )
    run(pytester, "--record-trace").assert_outcomes(passed=1)


GROWS = """
import collections
import gc

def work():
    total = 0
    for number in range(20_000):
        total += number
        total ^= 3
    return total

def counted():
    gc.collect()
    return collections.Counter(type(each).__name__ for each in gc.get_objects())

def test_sees_no_more_objects():
    for _ in range(3):
        work()
        before = counted()
    for _ in range(5):
        work()
    assert {name: n for name, n in (counted() - before).items() if n > 2} == {}
"""


@pytest.mark.parametrize("level", ["calls", "lines", "values"])
def test_who_counts_objects_sees_none_of_a_trace_that_grows(
    level: str, pytester: pytest.Pytester
) -> None:
    """As greenlet's own tests do, to find what leaks."""
    pytester.makepyfile(test_grows=GROWS)
    result = run(pytester, "--record-trace", f"--record-level={level}", "--record-keep=all")
    result.assert_outcomes(passed=1)
    (trace,) = traces(pytester)
    with open_trace(trace) as opened:
        # In several segments: lines, or steps of the generator that counts.
        assert opened.trailer.events > 300_000
