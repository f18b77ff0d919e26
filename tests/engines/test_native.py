"""The hot path in C against its twin in Python: the same bytes, nothing kept, nothing raised."""

import collections
import contextlib
import copy
import enum
import gc
import io
import re
import sys
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import pytest_recorder
from pytest_recorder.engine.pure.shapes import Shape
from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.format.vocabulary import LEVELS
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings.config import Settings, ValueLimits
from pytest_recorder.settings.policy import Policy
from pytest_recorder.testing import FakeClock
from pytest_recorder.tracefile.reader import open_trace
from pytest_recorder.tracefile.spool import Spool
from tests.engines import kept
from tests.engines.support import (
    COMPARED,
    ENGINES,
    FOLDER,
    HAS_NATIVE,
    IS_DIRECT,
    compared,
    load,
    record,
    worded,
)

pytestmark = pytest.mark.skipif(not HAS_NATIVE, reason="installed without the parts in C")
NATIVE = ENGINES[0]
TWIN = NATIVE.replace("native", "python")
HEADER = Path(pytest_recorder.__file__).parent / "engine" / "native" / "shapes.h"


def enumerations(text: str) -> dict[str, int]:
    """Read the enumerations of a C header."""
    found: dict[str, int] = {}
    for body in re.findall(r"enum \{([^}]*)\}", text):
        number = 0
        for entry in body.split(","):
            name, _, value = (part.strip() for part in entry.partition("="))
            if name:
                number = int(value, 0) if value else number
                found[name] = number
                number += 1
    return found


@pytest.mark.skipif(not HEADER.exists(), reason="a wheel holds no sources in C")
def test_c_and_python_have_the_same_shapes() -> None:
    numbers = enumerations(HEADER.read_text(encoding="ascii"))
    here = {
        name.removeprefix("SHAPE_"): number
        for name, number in numbers.items()
        if name.startswith("SHAPE_") and name != "SHAPE_OTHER"
    }
    # What C does not know, it leaves to Python.
    assert {name: vars(Shape)[name] for name in here} == here


class Bench:
    """A recorder in a folder, whose segments can be looked at."""

    def __init__(self, folder: Path, engine: str, **settings: Any) -> None:
        name, hot_path = engine.split("/")
        fields = {"root": folder, "dir": folder, "engine": name, "hot_path": hot_path}
        folder.mkdir(exist_ok=True)
        made = Settings.checked({"enabled": True, **fields, **settings})
        self.recorder = Recorder(made, folder, Policy())
        self.recorder.open()

    def run(
        self, function: Callable[[], Any], path: Path | None = None
    ) -> tuple[list[tuple[Any, ...]], Ended]:
        """Record a call with a clock of ours; give the segments, and keep the trace if asked to."""
        recorder, printed = self.recorder, io.StringIO()
        setup = recorder.setup
        assert setup is not None
        setup.hot.clock = FakeClock()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            recorder.begin()
            function()
            ended = recorder.end()
        assert ended is not None
        found = [tuple(segment) for segment in setup.spool.segments()]
        if path is not None:
            recorder.keep(path)
        recorder.close()
        return found, ended


KEPT = [kept.holds_containers, kept.holds_instances, kept.holds_generators]
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "tight": {"values": ValueLimits(depth=1, items=2, chars=5, attributes=2)},
    "few objects": {"values": ValueLimits(objects=4)},
    "redacted": {"redact": ("value", "name"), "max_bytes": 1 << 16},
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", [name for name in COMPARED if name != "threads"])
def test_both_write_the_same_events_and_definitions(
    program: str, level: str, settings: str, tmp_path: Path
) -> None:
    """But for the numbers of objects: they go by addresses, which each run gets from the system."""
    if program == "cleanup" and sys.version_info < (3, 12):
        pytest.skip("pure Python keeps objects until the next event there")
    found = []
    for engine in (NATIVE, TWIN):
        hot_path = engine.partition("/")[2]
        bench = Bench(
            tmp_path / hot_path,
            engine,
            level=level,
            include=(f"{FOLDER}/*",),
            **SETTINGS[settings],
        )
        path = tmp_path / f"{hot_path}.pyrec"
        segments, ended = bench.run(load(program).main, path)
        assert (ended.status, ended.dropped) == ("complete", 0)
        definitions = b"".join(
            bytes(segment[4]) for segment in segments if segment[0] == SegmentKind.DEFINITIONS
        )
        with open_trace(path) as trace:
            found.append((definitions, [compared(event) for event in trace.events()]))
    ours, theirs = found
    # On the public API an address that is referred to anew is the same object as long as its type is
    # the same, so that names can be defined at other events.
    if IS_DIRECT:
        assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]


class Light(enum.Enum):
    RED = 1


class Unhashable(str):
    """A text that is no key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


def test_members_of_enumerations_and_modules_are_read_when_they_change() -> None:
    def main() -> None:
        red, module, text = Light.RED, types.ModuleType("one"), Unhashable("text")
        assert text == "text"
        assert text
        red._value_ = [2]
        module.__name__ = "two"
        red._value_.append(3)
        assert module
        red._value_ = 1

    told = []
    for engine in (NATIVE, TWIN):
        events = record(main, engine=engine, include=[__file__]).of("main")
        told.append(
            [
                {name: worded(value) for name, value in (event.changes or {}).items()}
                for event in events
            ]
        )
    assert told[0] == told[1]
    shown = [
        changes[name] for changes in told[0] for name in ("red", "module") if name in changes
    ]
    assert [one for one in shown if "value=" in one][1:] == [
        "Light(name='RED', value=[2])",
        "Light(name='RED', value=[2, 3])",
        "Light(name='RED', value=1)",
    ]
    assert [one for one in shown if "module" in one] == ["<module one>", "<module two>"]


def written(
    engine: str,
    function: Callable[[], list[Any]],
    folder: Path,
    held: list[Any],
    **settings: Any,
) -> list[tuple[Any, ...]]:
    """Give the segments of a program that lets nothing die; what it returns goes into `held`."""
    bench = Bench(folder, engine, include=(kept.__file__,), **settings)
    segments, ended = bench.run(lambda: held.append(function()))
    assert (ended.status, ended.dropped) == ("complete", 0)
    return [(*segment[:4], bytes(segment[4])) for segment in segments if segment[0] in _RECORDS]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("function", KEPT, ids=lambda function: function.__name__)
def test_both_write_the_same_bytes_of_a_program_that_lets_nothing_die(
    function: Callable[[], list[Any]], settings: str, tmp_path: Path
) -> None:
    gc.collect()  # generators of an earlier test would be closed, and recorded, during this one
    held: list[Any] = []
    ours, theirs = (
        written(engine, function, tmp_path, held, **SETTINGS[settings])
        for engine in (NATIVE, TWIN)
    )
    assert ours == theirs


@pytest.mark.skipif(not NATIVE.startswith("settrace"), reason="nothing is held back")
def test_a_resumption_that_is_held_back_is_told_alike_wherever_a_block_begins(
    tmp_path: Path,
) -> None:
    """What a variable gets after the resumption was shown at it, where a block began before it."""
    gc.collect()
    held: list[Any] = []
    for padding in range(0, 64, 3):

        def function(padding: int = padding) -> list[Any]:
            return kept.resumes_where_a_block_begins(padding)

        ours, theirs = (
            written(engine, function, tmp_path, held, **SETTINGS["redacted"])
            for engine in (NATIVE, TWIN)
        )
        assert ours == theirs, padding


@pytest.mark.parametrize("function", KEPT, ids=lambda function: function.__name__)
def test_a_trace_is_the_same_where_nothing_is_compared_quickly(
    function: Callable[[], list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()  # see above
    held: list[Any] = []
    found = []
    for look in ("", "always"):
        monkeypatch.setenv("PYTEST_RECORDER_LOOK", look)
        found.append(written(NATIVE, function, tmp_path, held))
    assert found[0] == found[1]


@pytest.mark.parametrize("program", [name for name in COMPARED if name != "threads"])
def test_a_program_that_lets_objects_die_is_told_alike_where_nothing_is_compared_quickly(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for look in ("", "always"):
        monkeypatch.setenv("PYTEST_RECORDER_LOOK", look)
        recorded = record(load(program).main, engine=NATIVE, include=[f"{FOLDER}/*"])
        found.append([compared(event) for event in recorded.events])
    assert found[0] == found[1]


_RECORDS = (SegmentKind.DEFINITIONS, SegmentKind.EVENTS)


# Values.


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("__hidden", "left", "right")

    def __init__(self, left: object, right: object) -> None:
        self.left = left
        self.__hidden = 1
        if right is not None:
            self.right = right


class Both(Slotted):
    def __init__(self, left: object, right: object) -> None:
        super().__init__(left, right)
        self.extra = left


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Rows(list[Any]):
    pass


class Point(NamedTuple):
    x: Any
    password: Any


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(1 << 1100), max_value=1 << 1100),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=30),
    st.text(st.characters(min_codepoint=0xD700, max_codepoint=0x11000), max_size=20),
    st.binary(max_size=30),
    st.sampled_from(
        [Colour.RED, Colour.BLUE, Level.LOW, Number(5), Text("a text of more"), range(3)]
    ),
    st.sampled_from([len, Plain, Slotted.__init__, Plain(a=1).__init__, types, [].append, int]),
)
keys = st.one_of(st.text(max_size=8), st.integers(), st.sampled_from(["password", "api_key"]))
names = st.sampled_from(["a", "b", "token", "größe", "long_name_of_an_attribute", "e"])


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = st.lists(inner, max_size=9)
    return st.one_of(
        items,
        items.map(tuple),
        items.map(Rows),
        items.map(collections.deque),
        items.map(lambda found: slice(*found[:3]) if found else slice(1)),
        items.map(lambda found: ValueError(*found)),
        st.lists(st.integers() | st.text(max_size=4), max_size=9).map(frozenset),
        st.lists(st.integers() | st.text(max_size=4), max_size=9).map(set),
        st.dictionaries(keys, inner, max_size=9),
        st.dictionaries(keys, inner, max_size=5).map(collections.OrderedDict),
        st.dictionaries(names, inner, max_size=6).map(lambda found: Plain(**found)),
        st.tuples(inner, inner).map(lambda pair: Point(*pair)),
        st.tuples(inner, inner).map(lambda pair: Slotted(*pair)),
        st.tuples(inner, inner).map(lambda pair: Both(*pair)),
        inner.map(bytes_like),
    )


def bytes_like(value: Any) -> bytearray:
    return bytearray(repr(type(value)).encode()[:20])


values = st.recursive(scalars, containers, max_leaves=25)


@given(value=values)
@example(value=-(1 << 63))
@example(value=1 << 63)
@example(value=(1 << 1024) - 1)
@example(value=-(1 << 1024))
@example(value=float("nan"))
@example(value="\ud800 and \U0001f600")
def test_c_tells_of_each_value_as_python_does(value: Any) -> None:
    ours, theirs = (told_of(value, engine) for engine in (NATIVE, TWIN))
    assert ours == theirs


def test_c_knows_a_cycle_as_python_does() -> None:
    round_list: list[Any] = [1]
    round_list.append({"again": round_list})
    thing = Plain(name="me")
    thing.me = thing  # type: ignore[attr-defined]
    for value in (round_list, thing):
        assert told_of(value, NATIVE) == told_of(value, TWIN)


def told_of(value: Any, engine: str) -> list[tuple[Any, ...]]:
    """Record a value that lives on: so the numbers of objects are the same, too."""
    held: list[Any] = []
    recorded = record(
        lambda: held.append(kept.holds(value)),
        engine=engine,
        include=[kept.__file__],
        values="depth=3,items=6,chars=12,attributes=4",
    )
    assert (recorded.status, recorded.error) == ("complete", None)
    return [
        (
            event.kind,
            event.args and dict(event.args),
            event.value,
            dict(event.changes),
            event.objects,
        )
        for event in recorded.of("holds")
    ]


MUTATIONS: list[tuple[Any, Callable[[Any], object]]] = [
    ([1, 2], lambda v: v.append(3)),
    ([1, 2], lambda v: v.__setitem__(0, 7)),
    ([[1], 2], lambda v: v[0].append(3)),
    ({"a": 1}, lambda v: v.update(a=2)),
    ({"a": 1}, lambda v: v.update(b=1)),
    ({"a": [1]}, lambda v: v["a"].pop()),
    ({1, 2}, lambda v: v.add(3)),
    (collections.deque([1]), lambda v: v.appendleft(0)),
    (Plain(a=1), lambda v: setattr(v, "a", 2)),
    (Plain(a=1), lambda v: setattr(v, "b", 1)),
    (Plain(a=1, b=2), lambda v: delattr(v, "a")),
    (Plain(a=1, b=2), lambda v: v.__dict__.update(a=5)),
    (Slotted(1, 2), lambda v: setattr(v, "left", 2)),
    (Slotted(1, 2), lambda v: delattr(v, "right")),
    (Both([1], 2), lambda v: v.left.append(1)),
    (bytearray(b"abc"), lambda v: v.append(1)),
    (ValueError("a"), lambda v: setattr(v, "args", ("b",))),
    (Plain(password="one"), lambda v: setattr(v, "password", "two")),
]


class Sober(Exception):
    """An exception with words of its own."""

    def __str__(self) -> str:
        raise AssertionError("code of the program")


class Key(KeyError):
    pass


class Named(KeyError):
    """Has the words of a base, under a name of its own."""

    __str__ = KeyError.__str__


class Plainer(KeyError):
    __str__ = Exception.__str__


KINDS: tuple[type[BaseException], ...] = (
    ValueError,
    AttributeError,
    KeyError,
    Key,
    Named,
    Plainer,
    OSError,
    StopIteration,
    SystemExit,
    Sober,
)
PARTS = st.one_of(
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=300),
    st.text("ab=:\ud800\U0001f600'\"", max_size=12),
    st.builds(Text, st.text(max_size=3)),
    st.builds(Number, st.integers()),
    st.binary(max_size=5),
    st.just([1]),
)


def raises(errors: list[BaseException]) -> None:
    for error in errors:
        with contextlib.suppress(BaseException):
            raise error


@given(errors=st.lists(st.tuples(st.sampled_from(KINDS), st.lists(PARTS, max_size=2))))
@example(errors=[(ValueError, [value]) for value in (1 << 63, (1 << 63) - 1, -(1 << 5000))])
@example(errors=[(kind, ["password=hunter22"]) for kind in KINDS])
def test_c_words_each_exception_as_python_does(
    errors: list[tuple[type[BaseException], list[Any]]],
) -> None:
    found: list[list[Any]] = []
    for engine in (NATIVE, TWIN):
        # Each its own: a raised one keeps its traceback.
        made = [kind(*arguments) for kind, arguments in errors]
        recorded = record(raises, made, engine=engine, level="calls")
        found.append(
            [event.exception._replace(id=0) for event in recorded.events if event.exception]
        )
    ours, twins = found
    assert ours == twins
    assert len(ours) == len(errors)


def changes_in_place(value: Any, change: Callable[[Any], object]) -> int:
    steps = 1
    change(value)
    steps = 2
    return steps + 1


@pytest.mark.parametrize("wraps", [lambda value: value, lambda value: [value]], ids=["", "in"])
@pytest.mark.parametrize("number", range(len(MUTATIONS)))
@pytest.mark.parametrize("engine", ENGINES)
def test_a_change_in_place_is_seen_at_the_next_line(
    engine: str, number: int, wraps: Callable[[Any], Any]
) -> None:
    value, change = MUTATIONS[number]
    value = copy.deepcopy(value)
    recorded = record(changes_in_place, wraps(value), lambda _: change(value), engine=engine)
    lines = [event for event in recorded.of("changes_in_place") if event.kind == "line"]
    called = recorded.of("changes_in_place")[0]
    assert called.args is not None
    # One secret is shown as the other.
    is_shown = "redacted" not in str(called.args["value"])
    told = ["value"] if is_shown else []
    assert [sorted(event.changes) for event in lines[:3]] == [[], ["steps"], told]
    if is_shown:
        assert lines[2].changes["value"] != called.args["value"]


def fills_a_box() -> None:
    box: list[Any] = [0.5]
    number = 0
    while number < 50:
        # Floats die and are born in the same place, again and again.
        box[0] = None
        box[0] = number + 0.25
        number += 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_at_the_address_of_a_dead_one_is_seen(engine: str) -> None:
    recorded = record(fills_a_box, engine=engine)
    boxes = [
        e.changes["box"]["items"][0]["value"] for e in recorded.events if "box" in e.changes
    ]
    assert boxes[1:] == [number + 0.25 if i else None for number in range(50) for i in (0, 1)]


def lets_secrets_go() -> int:
    plain = Plain(a=1)
    password = [plain, "text"]
    count = 1
    password[0] = None
    plain = None
    password[0] = Plain(b=2)  # type: ignore[call-overload]
    del password
    return count + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_written_in_place_is_seen_to_change_and_to_go(engine: str) -> None:
    recorded = record(lets_secrets_go, engine=engine)
    told = [(sorted(event.changes), event.deleted) for event in recorded.of("lets_secrets_go")]
    assert told[2:] == [
        (["plain"], ()),
        (["password"], ()),
        (["count"], ()),
        (["password"], ()),
        (["plain"], ()),
        (["password"], ()),
        ([], ("password",)),
        ([], ()),
    ]
    seen = [
        event.changes["password"]["items"][0]
        for event in recorded.events
        if "password" in event.changes
    ]
    assert [list(value.get("attributes", ())) for value in seen] == [["a"], [], ["b"]]


# Promises.


def makes_things() -> list[weakref.ref[Any]]:
    class Local:
        pass

    things = [Local() for _ in range(3)]
    other = {"things": things, "kind": Local}
    other["more"] = things
    return [weakref.ref(Local), weakref.ref(things[0])]


def test_types_and_instances_die_as_without_us() -> None:
    for engine in ENGINES:
        recorded = record(makes_things, engine=engine)
        gc.collect()
        assert [alive() for alive in recorded.result] == [None, None]


def small(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        text = str(number)
        total += len(text) + len({"a": [number, text]})
    return total


def memory_kib() -> int:
    return int(re.findall(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_nothing_is_left_of_ten_thousand_recordings(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "many", NATIVE, include=(__file__,))
    recorder = bench.recorder

    def cycle(times: int) -> tuple[list[int], int, int]:
        for _ in range(times):
            recorder.begin(watch_output=False)
            small(3)
            recorder.end()
            recorder.drop()
        gc.collect()
        things = (small.__code__, Plain, Colour.RED, types.FunctionType)
        counts = [sys.getrefcount(thing) for thing in things]
        return counts, sys.getallocatedblocks(), memory_kib()

    try:
        cycle(2000)  # the interpreter's own caches fill
        counts, blocks, memory = cycle(1)
        after = cycle(10_000)
    finally:
        recorder.close()
    assert after[0] == counts
    assert after[1] - blocks < 500
    assert after[2] - memory < 2048


def test_code_objects_are_released_at_the_end(tmp_path: Path) -> None:
    source = "def f(x):\n    y = x\n    return y\n"
    path = tmp_path / "made.py"
    path.write_text(source)
    namespace: dict[str, Any] = {"__name__": "made"}
    exec(compile(source, str(path), "exec"), namespace)
    function, code = namespace["f"], namespace["f"].__code__
    before = sys.getrefcount(code)
    recorded = record(function, 1, engine=NATIVE, include=[str(path)])
    assert recorded.kinds("f") == ["call", "line", "line", "return"]
    del recorded
    gc.collect()
    assert sys.getrefcount(code) == before


def fails_inside() -> str:
    try:
        int("no number")
    except ValueError as error:
        kept = error
    else:
        kept = ValueError()
    return type(kept).__name__


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_of_ours_ends_the_recording_and_not_the_program(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = Spool.next_events

    def broken(spool: Spool, size: int, base_us: int) -> None:
        begins(spool, size, base_us)
        raise enverr(ErrorCode.IO, "no space left")

    monkeypatch.setattr(Spool, "next_events", broken)
    recorded = record(fails_inside, engine=engine)
    assert (recorded.error, recorded.result) == (None, "ValueError")
    assert (recorded.status, recorded.reason) == ("partial", "ERR_IO")


def test_an_error_of_the_program_that_passes_through_us_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pytest_recorder.engine.native.hot_path import Helpers

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Helpers, "message_of", interrupted)
    recorded = record(fails_inside, engine=NATIVE)
    assert isinstance(recorded.error, KeyboardInterrupt)


def test_the_exception_being_handled_stays_as_it_was() -> None:
    def handles() -> tuple[Any, ...]:
        try:
            raise KeyError("outer")
        except KeyError as outer:
            before = sys.exc_info()[1]
            small(2)
            return before is outer, sys.exc_info()[1] is outer, outer.__context__

    assert record(handles, engine=NATIVE).result == (True, True, None)


def items_of_a_tuple_that_is_being_made() -> Any:
    """Give items to `tuple`, which sees to room for more before it has them: the rest is NULL."""
    marker = object()

    def items() -> Any:
        yield marker
        found = [thing for thing in gc.get_referrers(marker) if type(thing) is tuple]
        yield len(found)
        here = found[0] if found else None
        yield here is not None

    return tuple(items())


@pytest.mark.parametrize("level", ["calls", "values"])
def test_a_tuple_that_is_being_made_is_read_as_far_as_it_is(level: str) -> None:
    recorded = record(items_of_a_tuple_that_is_being_made, engine=NATIVE, level=level)
    # From 3.14 on the tuple is made when all items are there.
    assert recorded.result[1:] == ((1, True) if sys.version_info < (3, 14) else (0, False))
    assert (recorded.error, recorded.status) == (None, "complete")


def holds_things(holder: Any, thing: Any) -> int:
    count = 1
    count = 2
    return count + 1


@pytest.mark.parametrize("wraps", [lambda thing: thing, lambda thing: ValueError(*[thing])])
def test_what_another_thread_takes_away_while_it_is_read_lives_on(
    wraps: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper in Python runs in the middle of a look; here it is the other thread too."""
    from pytest_recorder.engine.native.hot_path import Helpers

    class Fresh:
        pass

    def new_type() -> Any:
        return type("Fresh", (), {})()

    asked = Helpers.describe_type
    thing = Plain(first=new_type(), second=[new_type()], third=object())
    holder = [new_type(), (new_type(),), thing, wraps([new_type()])]

    def takes_away(helpers: Helpers, kind: type) -> Any:
        vars(thing).clear()
        vars(thing).update({str(number): number for number in range(40)})
        thing.__class__ = Fresh  # type: ignore[assignment]
        holder.clear()
        gc.collect()
        return asked(helpers, kind)

    monkeypatch.setattr(Helpers, "describe_type", takes_away)
    recorded = record(holds_things, holder, thing, engine=NATIVE)
    assert (recorded.status, recorded.error, recorded.result) == ("complete", None, 3)
    assert type(thing) is Fresh
    values = recorded.values_at(recorded.last("return"))
    assert values["holder"]["length"] == 0
    assert values["thing"]["type"].endswith("Fresh")
    assert values["thing"]["length"] == 40


class Noisy:
    def __del__(self) -> None:
        small(1)


def drops_noisy_things() -> int:
    for _ in range(20):
        thing = Noisy()
        loop = [thing]
        loop.append(loop)  # type: ignore[arg-type]
        del thing, loop
        gc.collect()
    return 20


def test_code_of_the_program_may_run_in_between() -> None:
    recorded = record(drops_noisy_things, engine=NATIVE)
    assert (recorded.error, recorded.result, recorded.status) == (None, 20, "complete")


def busy(number: int) -> int:
    return sum(small(index % 3) > 0 for index in range(number))


def runs_threads() -> int:
    threads = [threading.Thread(target=busy, args=(60,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_that_switch_all_the_time_keep_their_call_trees(engine: str) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        recorded = record(runs_threads, engine=engine)
    finally:
        sys.setswitchinterval(before)
    assert recorded.status == "complete"
    check_tree(recorded)
    calls = [event for event in recorded.of("small") if event.kind == "call"]
    assert len(calls) == 8 * 60
    assert len({event.thread for event in calls}) == 8


def check_tree(recorded: Any) -> None:
    """Each frame begins once, in its own thread, below a frame that runs, and ends once."""
    running: dict[int, str] = {}
    threads: dict[int, int] = {}
    for event in recorded.events:
        if event.frame is None:
            continue
        if event.kind == "call":
            assert event.frame not in running
            running[event.frame] = event.function
            threads[event.frame] = event.thread
            if event.parent is not None:
                assert event.parent in running
                assert threads[event.parent] == event.thread
        assert running[event.frame] == event.function
        if event.kind in ("return", "unwind"):
            del running[event.frame]


def deep(level: int) -> int:
    return 0 if level == 0 else 1 + deep(level - 1)


def test_a_deep_recursion_has_a_right_tree() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        recorded = record(deep, 5000, engine=NATIVE, level="calls")
    finally:
        sys.setrecursionlimit(before)
    assert recorded.result == 5000
    check_tree(recorded)
    assert recorded.kinds("deep").count("call") == 5001
