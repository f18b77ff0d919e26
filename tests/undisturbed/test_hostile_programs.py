"""The observer does not disturb: what a program can find out about a recording of itself."""

import asyncio
import collections
import contextlib
import enum
import gc
import io
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pytest_recorder import compat
from pytest_recorder.errors import EnvironmentError, ErrorCode
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from tests.engines.support import ENGINES, FOLDER, capabilities, load, record, run

SETTRACE = [name for name in ENGINES if name.startswith("settrace")]
needs_monitoring = pytest.mark.skipif(
    not compat.HAS_MONITORING, reason="sys.monitoring came with Python 3.12"
)


class Thing:
    def __init__(self) -> None:
        self.name = "thing"


# Lifetimes.


def object_dies_on_the_same_line() -> bool:
    thing = Thing()
    alive = weakref.ref(thing)
    del thing; return alive() is None  # noqa: E702 # fmt: skip


def replaced_object_dies_on_the_same_line() -> bool:
    thing: Thing | None = Thing()
    alive = weakref.ref(thing)
    thing = None; return alive() is None and thing is None  # noqa: E702 # fmt: skip


def object_in_a_cell_dies() -> bool:
    thing = Thing()

    def use() -> str:
        return thing.name  # noqa: F821 - deleted further down, after its use

    alive = weakref.ref(thing)
    use()
    del use, thing
    return alive() is None


def local_of_a_callee_dies() -> bool:
    def makes() -> Any:
        thing = Thing()
        return weakref.ref(thing)

    return makes()() is None


def class_dies() -> bool:
    class Made:
        def method(self) -> int:
            return 1

    made = Made()
    made.method()
    alive = weakref.ref(Made)
    del made, Made
    gc.collect()
    return alive() is None


def exception_dies() -> bool:
    class Own(Exception):
        pass

    def fails() -> None:
        raise Own("x")

    alive: Any = None
    try:
        fails()
    except Own as error:
        alive = weakref.ref(error)
    return alive() is None


def generator_dies() -> bool:
    def counts() -> Iterator[int]:
        thing = Thing()
        yield id(thing)

    generator = counts()
    next(generator)
    alive = weakref.ref(generator)
    del generator
    return alive() is None


def stream_dies() -> bool:
    buffer = io.StringIO()
    with contextlib.redirect_stdout(buffer):
        print("text")
    alive = weakref.ref(buffer)
    del buffer
    return alive() is None


@pytest.mark.parametrize("level", ["calls", "lines", "values"])
@pytest.mark.parametrize(
    "program",
    [
        object_in_a_cell_dies,
        local_of_a_callee_dies,
        class_dies,
        exception_dies,
        generator_dies,
        stream_dies,
    ],
)
def test_what_dies_without_us_dies_with_us(program: Any, engine: str, level: str) -> None:
    assert program() is True
    recorded = record(program, engine=engine, level=level)
    assert recorded.error is None
    assert recorded.result is True


@pytest.mark.parametrize(
    "program", [object_dies_on_the_same_line, replaced_object_dies_on_the_same_line]
)
def test_an_object_dies_at_once_where_the_engine_says_that_it_reads_undisturbed(
    program: Any, engine: str
) -> None:
    assert program() is True
    assert record(program, engine=engine, level="lines").result is True
    recorded = record(program, engine=engine)
    can = capabilities(engine).reads_locals_undisturbed
    assert recorded.result is can
    declared = any("locals" in limit for limit in recorded.manifest.limits)
    assert declared is not can


def locals_dict_is_refreshed() -> bool:
    before = locals()
    later = 1
    return "later" in before and later == 1


def test_a_dict_from_locals_is_not_refreshed(engine: str) -> None:
    assert locals_dict_is_refreshed() is False
    recorded = record(locals_dict_is_refreshed, engine=engine)
    # On 3.11 there is no other way to read a local in pure Python: the capability says so.
    assert recorded.result is not capabilities(engine).reads_locals_undisturbed


def test_no_reference_to_an_object_outlives_the_recording(engine: str) -> None:
    things: list[Any] = []

    def keeps() -> None:
        thing = Thing()
        things.append(weakref.ref(thing))
        with contextlib.suppress(ValueError):
            raise ValueError(thing)

    record(keeps, engine=engine)
    assert things[0]() is None


# No code of the program's is run.

TOUCHED: list[str] = []


def touch(name: str) -> Any:
    def method(*_: object, **__: object) -> Any:
        TOUCHED.append(name)
        raise AssertionError(f"{name} was called")

    return method


HOSTILE_METHODS = {
    name: touch(name)
    for name in (
        "__repr__",
        "__str__",
        "__eq__",
        "__ne__",
        "__hash__",
        "__len__",
        "__bool__",
        "__iter__",
        "__next__",
        "__contains__",
        "__getitem__",
        "__getattr__",
        "__index__",
        "__int__",
        "__float__",
        "__bytes__",
        "__format__",
        "__length_hint__",
        "__reduce_ex__",
        "__call__",
        "__pos__",
        "keys",
        "items",
        "values",
        "get",
        "__instancecheck__",
        "__subclasscheck__",
        "mro",
    )
}


class HostileMeta(type):
    """Its classes answer no question about themselves."""

    for _name in ("__repr__", "__eq__", "__hash__", "__len__", "__bool__", "__iter__"):
        locals()[_name] = HOSTILE_METHODS[_name]
    __instancecheck__ = HOSTILE_METHODS["__instancecheck__"]
    __subclasscheck__ = HOSTILE_METHODS["__subclasscheck__"]

    def __getattribute__(cls, name: str) -> Any:
        TOUCHED.append(f"meta.{name}")
        return super().__getattribute__(name)


class HostileErrorMeta(HostileMeta):
    """The interpreter itself asks the class of an exception whether it is a subclass of itself."""

    __subclasscheck__ = type.__subclasscheck__


class HostileDescriptor:
    def __get__(self, instance: object, owner: object = None) -> Any:
        TOUCHED.append("descriptor")
        raise AssertionError("a descriptor was read")

    def __set__(self, instance: object, value: object) -> None:
        TOUCHED.append("descriptor")


def property_of(name: str) -> Any:
    return property(touch(name))


def hostile_class(base: type, meta: type = HostileMeta, **more: Any) -> type:
    def getattribute(self: object, name: str) -> Any:
        TOUCHED.append(f"getattribute {name}")
        return object.__getattribute__(self, name)

    body = {
        **HOSTILE_METHODS,
        "__getattribute__": getattribute,
        "__class__": property_of("__class__"),
        "attribute": HostileDescriptor(),
        "computed": property_of("computed"),
        **more,
    }
    return meta("Hostile", (base,), body)


class Named(collections.namedtuple("Named", "x y")):  # noqa: PYI024 - the untyped kind is meant
    __slots__ = ()
    __repr__ = HOSTILE_METHODS["__repr__"]
    __getitem__ = HOSTILE_METHODS["__getitem__"]
    __iter__ = HOSTILE_METHODS["__iter__"]
    __len__ = HOSTILE_METHODS["__len__"]
    x = property_of("x")


class Coloured(enum.Enum):
    RED = 1
    __str__ = HOSTILE_METHODS["__str__"]
    __repr__ = HOSTILE_METHODS["__repr__"]
    __hash__ = HOSTILE_METHODS["__hash__"]

    @property
    def value(self) -> Any:
        return touch("value")()


class Slotted:
    __slots__ = ("__weakref__", "empty", "full")
    __getattribute__ = touch("slotted getattribute")


class HidesDict:
    __dict__ = property_of("__dict__")


class BadName(metaclass=HostileMeta):
    __slots__ = ("__private",)
    __module__ = "made up"


def hostile_values() -> dict[str, Any]:
    plain = hostile_class(object)
    slotted = Slotted()
    object.__setattr__(slotted, "full", 1)
    hidden = HidesDict()
    instance = object.__new__(plain)
    table = dict.__new__(hostile_class(dict))
    dict.__setitem__(table, "key", 1)
    items = list.__new__(hostile_class(list))
    list.append(items, 1)
    found = {
        "instance": instance,
        "cls": plain,
        "table": table,
        "items": items,
        "pair": tuple.__new__(hostile_class(tuple), (1, 2)),
        "unique": set.__new__(hostile_class(set)),
        "number": int.__new__(hostile_class(int), 5),
        "real": float.__new__(hostile_class(float), 1.5),
        "text": str.__new__(hostile_class(str), "text"),
        "data": bytes.__new__(hostile_class(bytes), b"data"),
        "error": BaseException.__new__(hostile_class(Exception), "message"),
        "named": Named(1, 2),
        "coloured": Coloured.RED,
        "slotted": slotted,
        "hidden": hidden,
        "bad_name": object.__new__(BadName),
        "module": type.__call__(hostile_class(type(sys)), "module_name"),
        "method": list.append.__get__(items),
        "nested": [[instance, {"k": items}]],
        "queue": collections.deque([instance]),
    }
    TOUCHED.clear()
    return found


def holds(value: Any) -> int:
    first = value
    second = [first]
    return len(second)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_of_whoever_begins_a_recording_is_kept(engine: str, tmp_path: Path) -> None:
    """The frames that run below the beginning of each test hold pytest's objects, and fixtures."""
    name, _, hot_path = engine.partition("/")
    fields = {"engine": name, "hot_path": hot_path, "root": tmp_path, "dir": tmp_path}
    settings = Settings.checked({"enabled": True, **fields})
    recorder = Recorder(settings, tmp_path, Policy())
    recorder.open()

    def begin() -> weakref.ref[Thing]:
        thing = Thing()
        recorder.begin()
        recorder.end()
        recorder.drop()
        return weakref.ref(thing)

    gc.disable()
    try:
        assert begin()() is None
    finally:
        gc.enable()
        recorder.close()


@pytest.mark.parametrize("name", list(hostile_values()))
def test_no_code_of_a_value_is_run(name: str, engine: str) -> None:
    value = hostile_values()[name]
    recorded = record(holds, value, engine=engine)
    assert TOUCHED == []
    assert (recorded.status, recorded.result) == ("complete", 1)
    shown = recorded.last("return")
    assert recorded.values_at(shown)["first"]["type"]


def test_what_is_shown_of_hostile_values_is_what_they_hold(engine: str) -> None:
    def shown(name: str) -> Any:
        recorded = record(holds, hostile_values()[name], engine=engine)
        return recorded.events[0].args["value"]  # type: ignore[index]

    assert shown("number")["value"] == 5
    assert shown("text")["value"] == "text"
    assert shown("data")["value"] == b"data".hex()
    assert [item["value"] for item in shown("pair")["items"]] == [1, 2]
    assert shown("named")["fields"] == ["x", "y"]
    assert shown("table")["entries"][0][1] == {"type": "int", "value": 1}
    assert shown("coloured")["attributes"]["value"] == {"type": "int", "value": 1}
    assert shown("slotted")["attributes"] == {"full": {"type": "int", "value": 1}}
    assert shown("error")["attributes"]["args"]["items"][0]["value"] == "message"
    assert shown("method")["attributes"]["qualname"]["value"] == "Hostile.append"
    assert shown("bad_name")["type"] == "made up.BadName"


def raises(error: BaseException) -> str:
    def inside() -> None:
        raise error

    try:
        inside()
    except BaseException:
        return "raised"
    return "not raised"


def test_no_code_of_an_exception_is_run(engine: str) -> None:
    for base in (Exception, ValueError, KeyError, StopIteration, OSError, RecursionError):
        error: Any = base.__new__(hostile_class(base, HostileErrorMeta), "message")
        TOUCHED.clear()
        assert raises(error) == "raised"
        assert TOUCHED == []
        recorded = record(raises, error, engine=engine)
        assert TOUCHED == []
        assert (recorded.status, recorded.result) == ("complete", "raised")
        raised = next(e.exception for e in recorded.events if e.kind == "raise")
        assert raised is not None
        assert raised.type.endswith("Hostile")


def logs(logger: logging.Logger, argument: object) -> None:
    logger.warning("argument %s", argument)


def test_no_code_of_what_is_logged_or_printed_is_run(engine: str) -> None:
    # Not in the hierarchy: pytest's handlers would format the message.
    logger = logging.Logger("tests.hostile")  # noqa: LOG001 - see above
    logger.addHandler(logging.NullHandler())
    # `logging` asks whether its argument is a mapping: class and metaclass must bear it.
    quiet = {"__class__": property(lambda self: object)}
    for base in (object, list, str, int, tuple, Exception):
        kind: Any = hostile_class(base, type, **quiet)
        value = base.__new__(kind)
        TOUCHED.clear()
        logs(logger, value)
        without = list(TOUCHED)
        TOUCHED.clear()
        recorded = record(logs, logger, value, engine=engine)
        assert without == TOUCHED
        message = recorded.last("log").text
        assert message is not None
        assert message["value"].startswith("argument ")


class Shout(str):
    __slots__ = ()
    __len__ = HOSTILE_METHODS["__len__"]
    __eq__ = HOSTILE_METHODS["__eq__"]
    __hash__ = str.__hash__


def writes(text: str) -> None:
    sys.stdout.write(text)


def test_text_of_a_subclass_is_recorded_as_the_text_it_is(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    TOUCHED.clear()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    recorded = record(writes, Shout("loud"), engine=engine)
    assert recorded.last("output").text == {"type": "str", "value": "loud"}
    assert TOUCHED == []


# Streams.


def test_streams_are_what_they_were(engine: str) -> None:
    before = (sys.stdout, sys.stderr, type(sys.stdout), sys.stdout.encoding)
    during = record(
        lambda: (sys.stdout, sys.stderr, type(sys.stdout), sys.stdout.encoding), engine=engine
    ).result
    assert all(one is other for one, other in zip(before, during, strict=True))
    assert "write" not in vars(sys.stdout)
    assert "write" not in vars(sys.stderr)


def shows_stream() -> str:
    buffer = io.StringIO()
    with contextlib.redirect_stdout(buffer):
        print("inside")
    return buffer.getvalue()


def test_a_watched_stream_shows_nothing_of_ours_in_the_trace(engine: str) -> None:
    recorded = record(shows_stream, engine=engine)
    for event in recorded.events:
        if "buffer" in event.changes:
            assert event.changes["buffer"]["attributes"] == {}
    assert recorded.result == "inside\n"


def puts_a_stream_in_the_place_of_a_dead_one() -> None:
    sys.stdout = io.StringIO()
    print("one", end="")
    sys.stdout = sys.__stderr__; sys.stdout = io.StringIO()  # noqa: E702 # fmt: skip
    print("two", end="")


def redirects() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as buffer:
        print("one", end="")
    with contextlib.redirect_stderr(buffer):
        print("two", file=sys.stderr, end="")
    sys.stdout = io.StringIO()
    print("three", end="")


def patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print("one", end="")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    print("two", end="")
    with mock.patch("sys.stdout", new_callable=io.StringIO):
        print("three", end="")


@pytest.mark.parametrize("level", ["calls", "lines", "values"])
@pytest.mark.parametrize("how", ["redirects", "patches"])
def test_a_stream_that_the_program_puts_there_is_watched_at_every_level(
    engine: str, level: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (engine, level) == ("settrace/native", "calls"):
        pytest.skip("the trace function in C looks at the streams in its records only")
    before = sys.stdout
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    function = redirects if how == "redirects" else lambda: patches(monkeypatch)
    recorded = record(function, engine=engine, level=level)
    printed = [event.text["value"] for event in recorded.events if event.text is not None]
    assert printed == ["one", "two", "three"]
    assert "write" not in vars(before)


class Tee(io.StringIO):
    def __init__(self, other: Any) -> None:
        super().__init__()
        self.other = other

    def write(self, text: str) -> int:
        self.other.write(text)
        return super().write(text)


def prints_twice() -> None:
    stream = sys.stdout
    sys.stdout = Tee(stream)
    print("one", end="")
    sys.stdout = stream
    print("two", end="")


def test_what_a_stream_passes_on_to_the_one_before_is_one_output(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    recorded = record(prints_twice, engine=engine)
    printed = [event.text["value"] for event in recorded.events if event.text is not None]
    assert printed == ["one", "two"]


@pytest.mark.parametrize("level", ["lines", "values"])
def test_a_stream_at_the_address_of_a_dead_one_is_watched(
    engine: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    recorded = record(puts_a_stream_in_the_place_of_a_dead_one, engine=engine, level=level)
    printed = [event.text["value"] for event in recorded.events if event.text is not None]
    assert printed == ["one", "two"]


# Other tracers.


def no_trace(frame: Any, event: str, argument: Any) -> None:
    return None


def installs_tracer() -> str:
    before = sys.gettrace()
    sys.settrace(no_trace)
    try:
        kept = "during"
        holds(1)
    finally:
        sys.settrace(before)
    return kept


@needs_monitoring
def test_a_test_that_traces_is_recorded_on_monitoring() -> None:
    recorded = record(installs_tracer, engine="monitoring")
    assert (recorded.status, recorded.result) == ("complete", "during")
    assert recorded.kinds("holds") == ["call", "line", "line", "line", "return"]


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_test_that_traces_ends_the_recording_on_settrace(engine: str) -> None:
    recorded = record(installs_tracer, engine=engine)
    assert recorded.result == "during"
    assert recorded.status == "partial"
    assert recorded.reason == "ERR_TRACER_INSTALL_CONFLICT"
    assert recorded.kinds("holds") == []
    with recorded.trace() as trace:
        # In C our trace function is not called while the other one is there.
        who = "no_trace" if engine.endswith("python") else "taken away during the recording"
        assert who in str(trace.message)


def leaves_tracer() -> int:
    sys.settrace(no_trace)
    return holds(1)


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_tracer_that_a_test_leaves_is_named(engine: str) -> None:
    before = sys.gettrace()
    try:
        recorded = record(leaves_tracer, engine=engine)
    finally:
        sys.settrace(before)
    assert (recorded.status, recorded.reason) == ("partial", "ERR_TRACER_INSTALL_CONFLICT")
    with recorded.trace() as trace:
        assert "no_trace" in str(trace.message)


def traced_in_a_thread() -> list[int]:
    results: list[int] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: results.append(holds(1)))
        thread.start()
        thread.join()
    return results


@pytest.mark.parametrize("engine", SETTRACE)
def test_new_threads_are_traced_without_a_word(engine: str) -> None:
    recorded = record(traced_in_a_thread, engine=engine)
    assert (recorded.result, recorded.status) == ([1, 1], "complete")
    assert len({event.thread for event in recorded.of("holds")}) == 2


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_trace_function_of_ours_that_is_put_back_later_removes_itself(engine: str) -> None:
    found: list[Any] = []
    record(lambda: found.append(sys.gettrace()), engine=engine)
    before = sys.gettrace()
    sys.settrace(found[0])
    try:
        holds(1)
        assert sys.gettrace() is None
    finally:
        sys.settrace(before)


def removes_tracer() -> int:
    sys.settrace(None)
    return holds(1)


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_test_that_removes_the_tracer_leaves_a_partial_trace_on_settrace(
    engine: str,
) -> None:
    recorded = record(removes_tracer, engine=engine)
    assert (recorded.result, recorded.status) == (1, "partial")
    assert recorded.reason == "ERR_TRACER_INSTALL_CONFLICT"


@pytest.mark.parametrize("engine", SETTRACE)
def test_a_tracer_that_is_there_keeps_settrace_from_starting(engine: str) -> None:
    before = sys.gettrace()
    sys.settrace(no_trace)
    try:
        with pytest.raises(EnvironmentError, match="no_trace") as caught:
            record(holds, 1, engine=engine)
    finally:
        sys.settrace(before)
    assert caught.value.code == ErrorCode.TRACER_INSTALL_CONFLICT


@contextlib.contextmanager
def taken(*tools: int) -> Iterator[None]:
    free = [tool for tool in tools if sys.monitoring.get_tool(tool) is None]
    for tool in free:
        sys.monitoring.use_tool_id(tool, f"rival-{tool}")
    try:
        yield
    finally:
        for tool in free:
            sys.monitoring.free_tool_id(tool)


@needs_monitoring
def test_another_tool_id_is_used_where_the_first_is_taken() -> None:
    def who() -> list[str | None]:
        return [sys.monitoring.get_tool(tool) for tool in range(6)]

    assert record(who, engine="monitoring").result[4] == "pytest-record-trace"
    with taken(4):
        recorded = record(who, engine="monitoring")
    assert recorded.result[3:5] == ["pytest-record-trace", "rival-4"]
    assert recorded.kinds("who")[0] == "call"


@needs_monitoring
def test_the_rivals_are_named_where_all_tool_ids_are_taken(tmp_path: Path) -> None:
    with (
        taken(0, 1, 2, 3, 4, 5),
        pytest.raises(EnvironmentError, match="rival-2, rival-3, rival-4, rival-5") as caught,
    ):
        record(holds, 1, engine="monitoring", folder=tmp_path)
    assert caught.value.code == ErrorCode.TRACER_INSTALL_CONFLICT
    assert list(tmp_path.iterdir()) == []


@needs_monitoring
def test_a_new_owner_of_the_tool_id_gets_no_events_of_ours() -> None:
    record(holds, 1, engine="monitoring")
    got: list[object] = []
    sys.monitoring.use_tool_id(4, "next")
    try:
        for event in ("LINE", "PY_START", "PY_RETURN"):
            bit = getattr(sys.monitoring.events, event)
            sys.monitoring.register_callback(4, bit, lambda *args: got.append(args))
        holds(1)
    finally:
        for event in ("LINE", "PY_START", "PY_RETURN"):
            sys.monitoring.register_callback(4, getattr(sys.monitoring.events, event), None)
        sys.monitoring.free_tool_id(4)
    assert got == []


# Processes, threads, signals, the end of the stack.


def forks() -> int:
    before = holds(1)
    child = os.fork()
    if child == 0:
        try:
            for _ in range(100):
                holds(2)
        finally:
            os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    after = holds(3)
    return status + before + after


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_records_nothing_and_leaves_the_parents_trace_whole(
    engine: str, tmp_path: Path
) -> None:
    recorded = record(forks, engine=engine, folder=tmp_path)
    assert (recorded.status, recorded.result) == ("complete", 9)
    calls = [event for event in recorded.of("holds") if event.kind == "call"]
    assert [event.args["value"]["value"] for event in calls if event.args] == [1, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["trace.pyrec"]


def test_a_recursion_error_leaves_a_gap_and_the_recording_goes_on(engine: str) -> None:
    plain = load("recursion_limit").main()
    for level in ("calls", "lines", "values"):
        recorded = run("recursion_limit", engine, level)
        assert recorded.result == plain
        assert recorded.status == "complete"
        gaps = [event for event in recorded.events if event.kind == "gap"]
        if capabilities(engine).survives_recursion_limit:
            assert gaps == []
            assert len(recorded.of("forever")) > sys.getrecursionlimit()
            later = recorded.of("after")
        else:
            assert {event.reason for event in gaps} == {"recursion"}
            assert all(event.dropped for event in gaps)
            later = [event for event in recorded.of("after") if event.n > gaps[-1].n]
        assert [event.kind for event in later][:1] == ["call"]
        assert [event.kind for event in later][-1:] == ["return"]
        assert recorded.events[-1].kind == "return"
        assert recorded.events[-1].function == "main"


def worker(started: threading.Event, ends: threading.Event, results: list[int]) -> None:
    number = holds(1)
    started.set()
    ends.wait(10)
    for _ in range(50):
        number += holds(number)
    results.append(number)


def test_a_thread_may_end_after_the_recording(engine: str) -> None:
    started, ends, results = threading.Event(), threading.Event(), list[int]()
    threads: list[threading.Thread] = []

    def main() -> None:
        thread = threading.Thread(target=worker, args=(started, ends, results))
        threads.append(thread)
        thread.start()
        started.wait(10)

    recorded = record(main, engine=engine)
    ends.set()
    threads[0].join()
    assert results == [51]
    assert recorded.status == "complete"
    assert recorded.kinds("worker")[0] == "call"
    assert "return" not in recorded.kinds("worker")


def test_many_threads_at_once_mix_no_records(engine: str) -> None:
    def count(number: int) -> int:
        total = 0
        for step in range(40):
            total += step * number
        return total

    def main() -> None:
        threads = [threading.Thread(target=count, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        recorded = record(main, engine=engine)
    finally:
        sys.setswitchinterval(before)
    assert recorded.status == "complete"
    assert [event.kind for event in recorded.events].count("gap") == 0
    by_frame: dict[int | None, list[Any]] = collections.defaultdict(list)
    for event in recorded.of("count"):
        by_frame[event.frame].append(event)
    assert len(by_frame) == 8
    for events in by_frame.values():
        assert len({event.thread for event in events}) == 1
        assert [event.kind for event in events] == ["call", "line"] + ["line"] * 82 + ["return"]
        number = events[0].args["number"]["value"]
        assert events[-1].value["value"] == 780 * number


class Alarm(Exception):
    pass


def is_busy(caught: int, ends: float) -> None:
    while time.monotonic() < ends:
        holds([caught])


def waits_for_alarms(rounds: int) -> int:
    caught = 0
    ends = time.monotonic() + 60
    while caught < rounds:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + caught % 7 * 0.0001)
            # The loop is not in the `try`: on 3.13.0 an exception at the jump back of a loop that
            # is traced, by whomever, does not find the handler of its own frame.
            is_busy(caught, ends)
            return -1
        except Alarm:
            caught += 1
    return caught


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_what_a_signal_handler_raises_reaches_the_program(engine: str) -> None:
    def handler(number: int, frame: object) -> None:
        raise Alarm

    # A finalizer that the collector runs would swallow the exception, with and without us.
    gc.collect()
    gc.disable()
    before = signal.signal(signal.SIGALRM, handler)
    try:
        recorded = record(waits_for_alarms, 60, engine=engine)
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert recorded.error is None
    assert recorded.result == 60
    assert {event.reason for event in recorded.events if event.kind == "gap"} <= {
        "interrupted",
        "reentrant",
        "contended",
    }
    if engine == "settrace/python" and recorded.status == "partial":
        # The handler ran before the first instruction of the trace function: the interpreter
        # removes it, and nothing of ours runs any more.
        assert recorded.reason == "ERR_TRACER_INSTALL_CONFLICT"
    else:
        last = recorded.events[-1]
        assert (last.kind, last.function) == ("return", "waits_for_alarms")
    assert [event.n for event in recorded.events] == list(range(len(recorded.events)))


def collects() -> list[str]:
    log: list[str] = []

    class Node:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            log.append("dead")

    for _ in range(3):
        Node()
    gc.collect()
    return log


def test_the_garbage_collector_may_run_code_at_any_time(engine: str) -> None:
    assert record(collects, engine=engine).result == ["dead"] * 3
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        recorded = record(collects, engine=engine)
    finally:
        gc.set_threshold(*before)
    assert recorded.result == ["dead"] * 3
    assert recorded.status == "complete"


def test_leaving_by_system_exit_or_interrupt_is_recorded_as_any_other(engine: str) -> None:
    def exits(error: BaseException) -> None:
        raise error

    for error in (SystemExit(3), KeyboardInterrupt()):
        recorded = record(exits, error, engine=engine)
        assert recorded.error is error
        assert recorded.kinds("exits") == ["call", "line", "raise", "unwind"]


def test_a_running_generator_and_task_of_before_are_taken_in(engine: str) -> None:
    def counts() -> Iterator[int]:
        for number in range(3):
            yield number

    generator = counts()
    assert next(generator) == 0
    recorded = record(lambda: list(generator), engine=engine)
    assert recorded.result == [1, 2]
    assert recorded.kinds("counts")[0] == "resume"

    async def task() -> str:
        await asyncio.sleep(0)
        return "done"

    assert record(lambda: asyncio.run(task()), engine=engine).result == "done"


def test_a_recording_can_be_made_again_and_again(engine: str) -> None:
    first = record(load("deep_failure").main, engine=engine, include=[f"{FOLDER}/*"])
    for _ in range(3):
        again = record(load("deep_failure").main, engine=engine, include=[f"{FOLDER}/*"])
        assert [event.kind for event in again.events] == [event.kind for event in first.events]


def test_time_passes_in_the_trace(engine: str) -> None:
    started = time.perf_counter_ns()
    recorded = record(load("generators").main, engine=engine)
    took_us = (time.perf_counter_ns() - started) // 1000
    times = [event.time_us for event in recorded.events if event.time_us is not None]
    assert times == sorted(times)
    assert times[-1] <= took_us
