"""Nothing of the program's is run and nothing is raised into it: look-ups, messages, names, faults."""

import contextlib
import enum
import gc
import io
import logging
import os
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import wrapt

from pytest_recorder.diagnostics import guard
from pytest_recorder.engine.tool_id import TOOL_NAME, ToolId
from pytest_recorder.errors import RecorderError
from pytest_recorder.testing import Recorded
from tests.engines.support import record, worded

TOUCHED: list[str] = []
IS_MADE: list[bool] = []
"""Not empty where what is looked at is whole: Python itself compares keys before."""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a user has: a fault of ours is contained.
    monkeypatch.delenv(guard.STRICT_VARIABLE, raising=False)
    TOUCHED.clear()
    IS_MADE.clear()


def touched_by(function: Callable[..., Any], *args: Any) -> list[str]:
    """Call a function without recording, and tell what of the program ran."""
    TOUCHED.clear()
    function(*args)
    found = list(TOUCHED)
    TOUCHED.clear()
    return found


def recorded_quietly(function: Callable[..., Any], *args: Any, engine: str) -> Recorded:
    """Record a call: what of the program runs is what runs without us, and the trace is whole."""
    IS_MADE.append(True)
    before = touched_by(function, *args)
    recorded = record(function, *args, engine=engine)
    assert before == TOUCHED
    assert (recorded.status, recorded.error) == ("complete", None)
    assert not [event for event in recorded.events if event.kind == "gap"]
    return recorded


def holds(value: Any) -> int:
    first = value
    second = [first]
    return len(second)


# Names are looked up in dictionaries of the program.


class Key(str):
    """A key that has the hash of another text, and a comparison of its own."""

    __slots__ = ("_as",)

    def __new__(cls, name: str) -> Self:
        made = super().__new__(cls, f"not {name}")
        made._as = name
        return made

    def __hash__(self) -> int:
        return hash(self._as)

    def __eq__(self, other: object) -> bool:
        if not IS_MADE:
            return False
        TOUCHED.append(f"compared with {other!s}")
        raise AssertionError("code of the program")


def with_keys(*names: str, **more: Any) -> dict[Any, Any]:
    return {**{Key(name): name for name in names}, **more}


class Enumerated(enum.Enum):
    RED = 1


class Plain:
    pass


def instance() -> Any:
    thing = Plain()
    thing.__dict__ = with_keys("password", "write", "args", a=1)
    return thing


def member() -> Any:
    made = object.__new__(Enumerated)
    made.__dict__ = with_keys("_name_", "_value_")
    return made


def stream() -> Any:
    made = io.StringIO()
    vars(made).update(with_keys("write"))
    return made


def module() -> Any:
    made = types.ModuleType("made")
    vars(made).clear()
    vars(made).update(with_keys("__name__"))
    return made


def kind(*bases: type) -> Any:
    return type("Made", bases, with_keys("__module__", "__slots__", "_fields", "__str__", n=1))


def function() -> Any:
    return types.FunctionType(holds.__code__, with_keys("__name__", len=len))


def error() -> Any:
    made = kind(ValueError)("words")
    made.__dict__.update(with_keys("args"))
    return made


VALUES: dict[str, Callable[[], Any]] = {
    "instance": instance,
    "enum member": member,
    "stream": stream,
    "module": module,
    "class": lambda: kind(object),
    "instance of a class": lambda: kind(object)(),
    "tuple": lambda: kind(tuple)((1,)),
    "exception": error,
    "function": function,
    "dict": lambda: with_keys("password", "x", token=1),
    "enum": lambda: Enumerated.RED,
}


@pytest.mark.parametrize("name", list(VALUES))
def test_a_key_that_can_be_compared_is_not(name: str, engine: str) -> None:
    recorded_quietly(holds, VALUES[name](), engine=engine)


def test_the_namespace_of_a_function_is_looked_up_without_a_comparison(engine: str) -> None:
    made = function()
    IS_MADE.append(True)
    TOUCHED.clear()
    recorded = record(made, 1, engine=engine, include=[__file__])
    assert TOUCHED == []
    assert recorded.kinds("holds") == ["call", "line", "line", "line", "return"]


def class_body() -> list[Any]:
    class Body:
        locals()[Key("later")] = 1
        before = 1
        with contextlib.suppress(AssertionError):
            later = 2
        after = before

    return [Body.before, Body.after]


def test_a_name_of_a_class_body_is_looked_up_without_a_comparison(engine: str) -> None:
    recorded = recorded_quietly(class_body, engine=engine)
    changes = [event.changes for event in recorded.of("class_body.<locals>.Body")]
    assert {"before": {"type": "int", "value": 1}} in changes
    assert not any(event.deleted for event in recorded.events)


def raises(error: BaseException) -> str:
    try:
        raise error
    except BaseException:
        return "raised"


def test_the_class_of_an_exception_is_looked_at_without_a_comparison(engine: str) -> None:
    recorded = recorded_quietly(raises, error(), engine=engine)
    assert recorded.last("raise").exception.message == "words"  # type: ignore[union-attr]


class Lazy(wrapt.LazyObjectProxy):  # type: ignore[misc] # it has no types
    """Its `__dict__` is that of what it stands for, which it has its function make."""


def made_late() -> Any:
    TOUCHED.append("made")
    return Plain()


PROXIES: dict[str, Callable[[], Any]] = {
    "itself": lambda: wrapt.LazyObjectProxy(made_late),
    "of a subclass": lambda: Lazy(made_late),
    "in a list": lambda: [wrapt.LazyObjectProxy(made_late)],
    "in an attribute": lambda: types.SimpleNamespace(proxy=Lazy(made_late)),
}


@pytest.mark.parametrize("name", list(PROXIES))
def test_what_an_extension_type_calls_its_dictionary_is_not_asked_for(
    name: str, engine: str
) -> None:
    recorded_quietly(holds, PROXIES[name](), engine=engine)
    assert TOUCHED == []


def test_the_dictionary_of_an_extension_type_is_read_where_it_lies(engine: str) -> None:
    made = pytest.importorskip("_testcapi").HeapCTypeWithDict()
    recorded_quietly(holds, made, engine=engine)
    made.word = "shown"
    recorded = recorded_quietly(holds, made, engine=engine)
    (arguments,) = [event.args for event in recorded.events if event.kind == "call"]
    assert arguments is not None
    assert worded(arguments["value"]) == "HeapCTypeWithDict(word='shown')"


class OwnThread(threading.Thread):
    """Answers no question about its state."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        TOUCHED.append("__dict__")
        return object.__getattribute__(self, "__dict__")


def in_a_thread(made: Any) -> int:
    thread = made(target=holds, args=(1,))
    thread.start()
    thread.join()
    return 1


def test_a_thread_is_not_asked_for_its_name(engine: str) -> None:
    recorded_quietly(in_a_thread, OwnThread, engine=engine)


# Names that are no exact strings.


class Shout(str):
    __slots__ = ()

    def _touch(self, *_: Any, **__: Any) -> Any:
        TOUCHED.append("a name")
        raise AssertionError("code of the program")

    __len__ = __eq__ = __format__ = __getitem__ = __str__ = __iter__ = __contains__ = _touch
    __hash__ = None  # type: ignore[assignment]
    startswith = encode = lstrip = split = partition = endswith = isidentifier = _touch


def test_names_of_a_subclass_of_str_are_read_as_the_text_they_are(engine: str) -> None:
    code = holds.__code__.replace(
        co_name=Shout("shouted"),
        co_qualname=Shout("shouted"),
        co_filename=Shout(holds.__code__.co_filename),
    )
    made = types.FunctionType(code, globals())
    made.__qualname__ = Shout("quali.fied")
    loud = type("Loud", (), {})
    loud.__qualname__ = Shout("Very.Loud")
    loud.__name__ = Shout("Loud")
    recorded = record(made, [made, loud, loud()], engine=engine, include=[__file__])
    assert TOUCHED == []
    assert (recorded.status, recorded.result) == ("complete", 1)
    assert recorded.kinds("shouted") == ["call", "line", "line", "line", "return"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no sys.monitoring")
def test_rivals_and_functions_with_such_names_are_named_as_the_text_they_are() -> None:
    monitoring = sys.monitoring
    held = ToolId()
    held.take()
    number = next(n for n in range(6) if monitoring.get_tool(n) == TOOL_NAME)
    code = holds.__code__.replace(co_qualname=Shout("shouted"))
    try:
        changed = held.local_conflict([code], [monitoring.events.LINE])
    finally:
        monitoring.free_tool_id(number)
    rivals = [n for n in range(6) if monitoring.get_tool(n) is None]
    try:
        for n in rivals:
            monitoring.use_tool_id(n, Shout("rival"))
        freed = held.conflict()
        with pytest.raises(RecorderError, match=r"are taken, by .*rival"):
            ToolId().take()
    finally:
        for n in rivals:
            monitoring.free_tool_id(n)
    assert TOUCHED == []
    assert changed is not None
    assert changed.startswith("the events of shouted for")
    assert freed is not None
    assert freed.endswith("taken by 'rival'")


# Messages.


class Loud:
    def _touch(self, *_: Any) -> Any:
        TOUCHED.append("an argument")
        raise AssertionError("code of the program")

    __repr__ = __str__ = __eq__ = __len__ = __bool__ = __int__ = __index__ = __format__ = _touch

    def __hash__(self) -> int:
        TOUCHED.append("hashed")
        return 1


def logs(logger: logging.Logger, message: Any, *arguments: Any) -> None:
    logger.warning(message, *arguments)


LOUD = Loud()
LOGGED: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "key": ("state %s", ({LOUD: 1},), "state {<{m}.Loud>: 1}"),
    "item": ("state %s", ({1: LOUD},), "state {1: <{m}.Loud>}"),
    "item by name": ("state %(a)s", ({"a": LOUD},), "state <{m}.Loud>"),
    "set": ("%s of %s", ({1}, frozenset()), "{1} of frozenset()"),
    "deep": ("%s", ([[[LOUD]]],), "[[<list>]]"),
    "number": ("%d %s", (5, LOUD), "5 <{m}.Loud>"),
    "no number": ("%d", (LOUD,), "%d (not formatted: args hold <{m}.Loud>)"),
    "too few": ("%s %s", (1,), "%s %s (not formatted: args hold 1)"),
    "missing name": ("%(b)s", ({"a": 1},), "%(b)s (not formatted: args hold 1)"),
    "wide": ("%999999999d", (1,), "%999999999d (not formatted: args hold 1)"),
    "wide by star": ("%*d", (999999999, 1), "%*d (not formatted: args hold 999999999, 1)"),
    "digits": ("%s", (1 << 20_000,), "%s".replace("%s", "<int of 20001 bits>")),
    "bytes": ("%s %r", (b"a", b"b"), "b'a' b'b'"),
    "long": ("%s", ("x" * 300,), "x" * 300),
    "no text": (LOUD, (), "<{m}.Loud>"),
    "percent": ("100%% of %5.1f|%-4s|", (1.25, "a"), "100% of   1.2|a   |"),
}


@pytest.mark.parametrize("name", list(LOGGED))
def test_what_is_logged_is_worded_without_code_of_the_program(name: str, engine: str) -> None:
    message, arguments, expected = LOGGED[name]
    logger = logging.Logger("quiet")  # noqa: LOG001 - no handler of pytest's formats the message
    logger.addHandler(logging.NullHandler())
    before = touched_by(logs, logger, message, *arguments)
    recorded = record(logs, logger, message, *arguments, engine=engine)
    assert before == TOUCHED
    assert (recorded.status, recorded.error) == ("complete", None)
    shown = recorded.last("log").text
    words = expected.replace("{m}", __name__)
    assert shown is not None
    assert (shown["value"], shown.get("length", len(words))) == (words[:256], len(words))


def group(*arguments: Any) -> BaseException:
    made = ExceptionGroup("several", [ValueError(1), KeyError(2)])
    made.args = arguments
    return made


def with_state(made: Any, **state: Any) -> BaseException:
    for name, value in state.items():
        setattr(made, name, value)
    return made  # type: ignore[no-any-return]


def looped() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    one.__context__, other.__context__ = other, one
    one.__notes__ = [LOUD, one]
    return one


ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "group without args": (group, "several (2 sub-exceptions)"),
    "group with others": (lambda: group(LOUD, 1), "several (2 sub-exceptions)"),
    "digits": (lambda: ValueError(1 << 20_000), "<int of 20001 bits>"),
    "digits of the lowest limit": (lambda: ValueError(1 << 2200), "<int of 2201 bits>"),
    "digits of two": (lambda: ValueError(1 << 20_000, 1), "(<int of 20001 bits>, 1)"),
    "digits of a system's": (lambda: OSError(1 << 20_000, "x"), "(<int of 20001 bits>, 'x')"),
    "digits of a key": (lambda: KeyError(1 << 20_000), "<int of 20001 bits>"),
    "bytes": (lambda: ValueError(b"data"), "b'data'"),
    "bytes of a system's": (lambda: OSError(2, b"data"), "(2, b'data')"),
    "many": (lambda: ValueError(*range(100)), f"({', '.join(map(str, range(20)))}, ...)"),
    "argument": (lambda: ValueError(LOUD), "<{m}.Loud>"),
    "argument in a dict": (lambda: ValueError({LOUD: LOUD}), "{<{m}.Loud>: <{m}.Loud>}"),
    "changed": (lambda: with_state(ValueError("x"), args=[LOUD, 2]), "(<{m}.Loud>, 2)"),
    "cleared": (lambda: with_state(ValueError("x"), args=()), ""),
    "loop": (looped, "one"),
    "a system's name": (lambda: with_state(OSError(2, "x"), filename=LOUD), "(2, 'x')"),
    "long": (lambda: ValueError("x" * 100_000), "x" * 100_000),
    "surrogate": (lambda: ValueError("\ud800"), "\ud800"),
}


@pytest.mark.parametrize("name", list(ERRORS))
def test_an_exception_is_worded_without_code_of_the_program(name: str, engine: str) -> None:
    make, expected = ERRORS[name]
    recorded = recorded_quietly(raises, make(), engine=engine)
    shown = recorded.last("raise").exception
    words = expected.replace("{m}", __name__)
    assert shown is not None
    assert (shown.message, shown.length) == (words[:256], len(words))


# What ended a recording.


def items_of_a_tuple_that_is_being_made(count: int) -> Any:
    """Give items to `tuple`, which sees to room for more before it has them: the rest is NULL."""
    marker = object()

    def items() -> Iterator[Any]:
        yield marker
        yield from range(count)
        found = [thing for thing in gc.get_referrers(marker) if type(thing) is tuple]
        yield len(found)
        here = found[0] if found else None
        yield here is not None
        del found, here

    return tuple(items())


@pytest.mark.parametrize("count", [0, 15, 100])
@pytest.mark.parametrize("level", ["calls", "values"])
def test_a_tuple_that_is_being_made_is_read_as_far_as_it_is(
    engine: str, level: str, count: int
) -> None:
    recorded = record(items_of_a_tuple_that_is_being_made, count, engine=engine, level=level)
    # From 3.14 on the tuple is made when all items are there.
    found = (1, True) if sys.version_info < (3, 14) else (0, False)
    assert recorded.result[-2:] == found
    assert (recorded.error, recorded.status) == (None, "complete")


def test_a_file_name_with_surrogates_is_recorded(engine: str, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"made\xff.py")
    path.write_text("def f(x):\n    return x + 1\n")
    names: dict[str, Any] = {"__name__": "made"}
    exec(compile(path.read_text(), os.fspath(path), "exec"), names)
    recorded = record(names["f"], 1, engine=engine, include=[f"{tmp_path}/*"])
    assert (recorded.status, recorded.result) == ("complete", 2)
    assert recorded.kinds("f") == ["call", "line", "return"]


def test_a_relative_file_name_in_a_folder_that_is_gone_ends_nothing(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {"__name__": "made"}
    exec(compile("def f(x):\n    return x + 1\n", "relative/made.py", "exec"), names)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    def calls() -> int:
        result: int = names["f"](1)
        return result

    recorded = record(calls, engine=engine, include=[__file__])
    assert (recorded.error, recorded.status, recorded.result) == (None, "complete", 2)
    os.chdir(tmp_path)


MODES = {
    "bytes": ("-bb", "-W", "error"),
    "optimized": ("-OO",),
    "development": ("-X", "dev", "-W", "error"),
    "digits": ("-X", "int_max_str_digits=640"),
}
PROGRAM = """
import logging, os, sys
sys.path[:0] = {path!r}
os.environ.pop("PYTEST_RECORDER_STRICT", None)
from pytest_recorder.testing import record

def program():
    found = []
    table = {{b"a": 1, "a": 2, b"password": 3}} if {mixed} else {{b"a": 1}}
    logger = logging.Logger("quiet")
    logger.addHandler(logging.NullHandler())
    logger.warning("seen %s %s", b"a", table)
    logger.warning("seen %s", 1 << 5000)
    for error in (ValueError(b"a"), OSError(2, b"a"), KeyError(b"a"), ValueError(1 << 5000)):
        try:
            raise error
        except Exception as caught:
            found.append(type(caught).__name__)
    return found

recorded = record(program, engine={engine!r}, hot_path={hot!r})
print(recorded.status, recorded.reason, recorded.result, recorded.error)
print([e.text["value"] for e in recorded.events if e.kind == "log"])
"""


@pytest.mark.parametrize("mode", list(MODES))
def test_a_strict_interpreter_has_nothing_to_complain_of(mode: str, engine: str) -> None:
    name, _, hot_path = engine.partition("/")
    text = PROGRAM.format(
        path=[path for path in sys.path if path],
        engine=name,
        hot=hot_path,
        mixed=mode != "bytes",
    )
    done = subprocess.run(
        [
            sys.executable,
            *MODES[mode],
            "-c",
            textwrap.dedent(text).replace("\nrecorded =", "\nrecorded ="),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = ["ValueError", "FileNotFoundError", "KeyError", "ValueError"]
    assert done.stdout.splitlines()[0] == f"complete None {expected} None"
    assert "seen b'a'" in done.stdout
    assert "<int of 5001 bits>" in done.stdout
