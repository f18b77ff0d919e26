"""Whatever function of the standard library a test replaces: the recorder does not call it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from pytest_recorder import compat
from tests.plugin.support import events, index, run, traces

HERE = Path(__file__).parent
PLACES = (
    *("os", "os.path", "genericpath", "stat", "io", "_io", "builtins", "sys", "time", "fcntl"),
    *(
        "threading",
        "_thread",
        "queue",
        "json",
        "json.encoder",
        "json.decoder",
        "uuid",
        "hashlib",
    ),
    *(
        "zlib",
        "struct",
        "mmap",
        "logging",
        "tempfile",
        "shutil",
        "random",
        "subprocess",
        "socket",
    ),
    *(
        "select",
        "signal",
        "warnings",
        "linecache",
        "tokenize",
        "inspect",
        "platform",
        "sysconfig",
    ),
    *("importlib.metadata", "importlib.util", "gc", "traceback", "codecs", "locale", "glob"),
    "nt" if sys.platform == "win32" else "posix",
    *("pathlib.Path", "threading.Thread", "threading.Condition", "logging.Logger"),
    *("logging.LogRecord", "logging.Handler", "json.JSONEncoder", "json.JSONDecoder"),
    *("os._Environ", "queue.Queue"),
    *(("sys.monitoring",) if compat.HAS_MONITORING else ()),
)
HOT_PATHS = ("python", "native")

FIRST = """
import logging, os, sys, threading
from pathlib import Path
from replacing import World
import other_module

def test_replaces(tmp_path, recording):
    world = World()
    assert world.replace(*{places!r}) > 500
    work()
    recording.note("replaced")

def work(rounds=4):
    values = []
    for number in range(rounds):
        values.append(other_module.double([number] * 100))
        try:
            other_module.fail(number)
        except ValueError as error:
            values.append(str(error))
    print("printed")
    logging.getLogger("program").warning("logged %s", rounds)
    return values
"""
SECOND = """
import third_module

def test_runs_in_the_replaced_world():
    # More than the first segments of the spool, and than one thread packs.
    assert third_module.many(20_000) == 20_000

def test_fails_in_the_replaced_world():
    assert third_module.many(3) == 4
"""
OTHER = """
def double(numbers):
    return [number * 2 for number in numbers]

def fail(number):
    raise ValueError(number)

def many(count):
    done = 0
    for number in range(count):
        done = add(done, 1)
    return done

def add(first, second):
    return first + second
"""


def program(pytester: pytest.Pytester) -> None:
    shutil.copy(HERE / "replacing.py", pytester.path)
    pytester.makepyfile(
        test_first=FIRST.format(places=PLACES),
        test_second=SECOND,
        other_module=OTHER,
        third_module=OTHER,
    )


@pytest.mark.slow
@pytest.mark.parametrize("hot_path", HOT_PATHS)
def test_no_function_that_a_test_replaced_is_called(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hot_path: str
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1" if hot_path == "python" else "")
    program(pytester)
    options = ("--record-trace", "--record-keep=all", "--record-log-file=log.jsonl")
    done = run(pytester, *options, "--record-log-level=debug", "--record-exclude=replacing")
    calls = json.loads((pytester.path / "calls.json").read_text())
    assert calls == [], done.stdout.str()
    done.assert_outcomes(passed=2, failed=1)
    assert [entry["status"] for entry in index(pytester)] == ["complete"] * 3
    for trace in traces(pytester):
        module = "other_module" if "test_replaces" in str(trace) else "third_module"
        files = {Path(event.file or "").stem for event in events(trace)}
        assert module in files
