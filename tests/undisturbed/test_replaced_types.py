"""A tool replaces methods of types in C, for all who have the type: the recorder needs none."""

import pytest

import pytest_recorder
from tests.plugin.support import index, run, traces

REPLACING = """
import ctypes, gc, io
from contextlib import contextmanager

def namespace_of(kind):
    (found,) = [
        held for held in gc.get_referents(kind.__dict__) if isinstance(held, dict)
    ]
    return found

@contextmanager
def refusing(kind, *names):
    calls = []
    namespace = namespace_of(kind)
    kept = {name: namespace[name] for name in names}

    def refuse(name):
        def method(self, *args, **kwargs):
            calls.append(name)
            raise BlockingIOError(name)
        return method

    def change(methods):
        namespace.update(methods)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

    change({name: refuse(name) for name in names})
    try:
        yield calls
    finally:
        change(kept)
"""
OTHER = """def double(value):
    return value * 2
"""
PROGRAM = """
import io
import other_module
from replacing_types import refusing

READING = ("read", "read1", "readinto", "readinto1", "readline", "peek")

def test_replaces():
    with refusing(io.BufferedReader, *READING) as one, \\
         refusing(io.TextIOWrapper, "read", "readline") as two, \\
         refusing(io.FileIO, "read", "readall", "readinto") as three:
        value = other_module.double(2)
    assert value == 4
    assert (one, two, three) == ([], [], [])
"""


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize("pure", ["", "1"], ids=["native", "python"])
def test_a_source_is_read_where_the_types_of_files_refuse_to_read(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, level: str, pure: str
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", pure)
    pytester.makepyfile(
        replacing_types=REPLACING,
        test_it=PROGRAM,
        other_module=OTHER,
    )
    result = run(pytester, "--record-trace", "--record-keep=all", f"--record-level={level}")
    result.assert_outcomes(passed=1)
    (entry,) = index(pytester)
    assert (entry["status"], entry["dropped"]) == ("complete", 0)
    with pytest_recorder.open_trace(traces(pytester)[0]) as trace:
        (file,) = [name for name in trace.files() if name.endswith("other_module.py")]
        assert trace.source(file) == OTHER.rstrip()
