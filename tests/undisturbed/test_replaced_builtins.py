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
