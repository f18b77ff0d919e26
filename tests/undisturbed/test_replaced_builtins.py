"""Whatever built-in name a test replaces: the recorder does not look it up."""

import json

import pytest

from tests.plugin.support import events, index, run, traces

HOT_PATHS = ("python", "native")

PROGRAM = """
class Thing:
    def __init__(self, number):
        self.number = number
        self.table = {"a": [number]}

def double(numbers):
    return [number * 2 for number in numbers]

def fail(number):
    raise ValueError(number)

def work():
    values = []
    for number in (1, 2, 3):
        values.append(double([number] * 10))
        thing = Thing(number)
        thing.table["a"].append((number, {number}, b"x", 1.5, 2j, None))
        thing.password = "a secret of " + str_of(number)
        try:
            fail(number)
        except ValueError as error:
            values.append(error.args)
    return values

str_of = str
"""
SUITE = """
import builtins, json, logging, os, sys
import pytest
import pytest_recorder

OWN = os.path.dirname(pytest_recorder.__file__) + os.sep
# The last one looks at the frame of its caller.
LEFT_ALONE = ("compile", "eval", "exec", "super")
NAMES = [
    name for name in dir(builtins)
    if callable(getattr(builtins, name)) and name not in LEFT_ALONE
    and (name[0].islower() or name == "__import__")
]
CALLS = []
getframe, starts, put, get = sys._getframe, str.startswith, setattr, getattr
warning, write = logging.getLogger("program").warning, sys.stdout.write

@pytest.fixture(scope="session", autouse=True)
def tells(write=open, dumps=json.dumps):
    yield
    with write("calls.json", "w") as file:
        file.write(dumps([len(NAMES), CALLS]))

@pytest.mark.parametrize("name", NAMES)
def test_replaces(name):
    original = get(builtins, name)

    def stand_in(*args, **named):
        code = getframe(1).f_code
        if starts(code.co_filename, OWN):
            CALLS.append([name, code.co_filename, code.co_name])
        return original(*args, **named)

    sys.modules.pop("program", None)
    import program  # anew: its code is seen for the first time

    put(builtins, name, stand_in)
    try:
        program.work()
        write("written")
        warning("logged %s", 1)
    finally:
        put(builtins, name, original)
"""


@pytest.mark.slow
@pytest.mark.parametrize("hot_path", HOT_PATHS)
def test_no_built_in_name_that_a_test_replaced_is_looked_up(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hot_path: str
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1" if hot_path == "python" else "")
    pytester.makepyfile(program=PROGRAM, test_it=SUITE)
    done = run(pytester, "--record-trace", "--record-keep=all")
    count, calls = json.loads((pytester.path / "calls.json").read_text())
    assert calls == []
    assert count > 60
    done.assert_outcomes(passed=count)
    assert {entry["status"] for entry in index(pytester)} == {"complete"}
    for trace in traces(pytester):
        assert any(event.function == "work" for event in events(trace))


FOR_GOOD = """
import atexit, builtins, json, os, sys
import pytest
import pytest_recorder

OWN = os.path.dirname(pytest_recorder.__file__) + os.sep
# They look at the frame of their caller.
LEFT_ALONE = ("compile", "dir", "eval", "exec", "globals", "locals", "vars", "__build_class__")
FUNCTIONS = [
    name for name, value in vars(builtins).items()
    if type(value) is type(len) and name not in LEFT_ALONE
]
CALLS = {}
getframe, starts = sys._getframe, str.startswith

def stand_in_for(name, original):
    def stand_in(*args, **named):
        code = getframe(1).f_code
        if starts(code.co_filename, OWN):
            CALLS[f"{name} by {code.co_filename[len(OWN):]}:{code.co_name}"] = None
        return original(*args, **named)
    return stand_in

def replace():
    write, dumps = open, json.dumps
    for name in FUNCTIONS:
        setattr(builtins, name, stand_in_for(name, getattr(builtins, name)))
    def tells():
        with write("calls.json", "w") as file:
            file.write(dumps([len(FUNCTIONS), list(CALLS)]))
    atexit.register(tells)
"""
IN_THEIR_WORLD = """
import logging
import replaced_for_good
import program

def test_replaces():
    replaced_for_good.replace()

def test_passes(tmp_path):
    program.work()
    print("printed")
    logging.getLogger("program").warning("logged %s", 1)

def test_fails():
    assert program.double([1, 2]) == "x" * 300
"""


@pytest.mark.slow
@pytest.mark.parametrize("hot_path", HOT_PATHS)
def test_built_in_functions_that_stay_replaced_are_not_called_when_traces_are_made(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hot_path: str
) -> None:
    """The reports of tests are made, and their traces packed, in the world of the tests."""
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1" if hot_path == "python" else "")
    pytester.makepyfile(program=PROGRAM, replaced_for_good=FOR_GOOD, test_it=IN_THEIR_WORLD)
    options = ("--record-keep=all", "--record-exclude=replaced_for_good")
    done = run(pytester, "--record-trace", *options)
    count, calls = json.loads((pytester.path / "calls.json").read_text())
    assert calls == []
    assert count > 25
    done.assert_outcomes(passed=2, failed=1)
    assert {entry["status"] for entry in index(pytester)} == {"complete"}
