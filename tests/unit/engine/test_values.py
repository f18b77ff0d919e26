"""Values: whatever goes in within bounds comes out again; what does not says why and how much."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import math
import sys
import types
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.values import ValueEncoder
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.format.cursor import Cursor
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.object_states import ObjectStates
from pytest_recorder.format.primitives import uv
from pytest_recorder.format.value_decoder import ValueDecoder
from pytest_recorder.format.vocabulary import MAX_INT_BYTES
from pytest_recorder.redaction.names import DEFAULT_RULES, WHOLE_NAMES

WIDE = Bounds(depth=100, items=1000, chars=10_000, attributes=1000, objects=100_000)
NO_SECRETS = (*DEFAULT_RULES, *WHOLE_NAMES)
"""What is exempted so that nothing is redacted: hypothesis makes `("token", "x")` of our names."""


class Coder:
    """Encodes with one table of definitions, and decodes with the same."""

    def __init__(self, bounds: Bounds = Bounds(), redactor: Redactor | None = None) -> None:  # noqa: B008
        self.definitions = DefinitionTables()
        self.encoder = ValueEncoder(bounds, redactor or Redactor(), self._type, self._name)
        self.bounds = bounds
        self.blocks = 0

    def _type(self, name: str, fields: tuple[str, ...]) -> bytes:
        number = len(self.definitions.types) + 1
        self.definitions.types[number] = (name, fields)
        return uv(number)

    def _name(self, name: str) -> bytes:
        number = len(self.definitions.names) + 1
        self.definitions.names[number] = name
        return uv(number)

    def __call__(self, value: object) -> dict[str, Any]:
        """Look at a value in a block of its own, and show it from the records of its objects."""
        self.blocks += 1
        objects = self.encoder.objects
        objects.begin(self.blocks)
        data = self.encoder.encode(value)
        objects.take_met()
        records = Cursor(objects.run())
        values = ValueDecoder(self.definitions)
        states = ObjectStates(values, self.bounds.depth)
        while records.at < records.end:
            states.take(records.byte(), records, 0)
        cursor = Cursor(data)
        held = values.held(cursor)
        assert cursor.at == len(data)
        states.check()
        return states.show(held, 0, 0)


def code(value: object, **bounds: int) -> dict[str, Any]:
    return Coder(Bounds()._replace(**bounds))(value)


def plain(value: dict[str, Any]) -> Any:
    """Build the Python object that a decoded value describes."""
    kind = value["type"]
    if kind in ("NoneType", "bool", "int", "str"):
        return value["value"]
    if kind == "float":
        return float(value["value"])
    if kind == "complex":
        return complex(value["value"])
    if kind == "bytes":
        return bytes.fromhex(value["value"])
    if kind == "dict":
        return {plain(key): plain(item) for key, item in value["entries"]}
    build = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
    return build(map(plain, value["items"]))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(), max_size=20)
    | st.binary(max_size=20)
)
HASHABLE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)
ANY = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=5)
        | st.sets(HASHABLE, max_size=5)
    ),
    max_leaves=30,
)


def spelled(value: Any) -> str:
    """Give the `repr` of a value; the items of a set, which have no order, in that of theirs."""
    if type(value) in (set, frozenset):
        return f"{type(value).__name__}({', '.join(sorted(map(spelled, value)))})"
    if type(value) is dict:
        pairs = ", ".join(f"{spelled(key)}: {spelled(item)}" for key, item in value.items())
        return f"{{{pairs}}}"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({', '.join(map(spelled, value))})"
    return repr(value)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@example([{(599354484,), True, ()}])
@given(ANY)
def test_any_nesting_of_built_in_types_decodes_to_itself(value: Any) -> None:
    # As it is spelled, too: 1 == True == 1.0 and 0.0 == -0.0.
    decoded = plain(Coder(WIDE, Redactor(exempt=NO_SECRETS))(value))
    assert decoded == value
    assert spelled(decoded) == spelled(value)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(ANY, st.integers(0, 4), st.integers(0, 4), st.integers(0, 6))
def test_bounds_hold_at_every_level(value: Any, depth: int, items: int, chars: int) -> None:
    def check(shown: dict[str, Any], real: Any, level: int) -> None:
        if isinstance(real, (str, bytes)):
            text = shown["value"]
            size = len(text) if isinstance(real, str) else len(text) // 2
            assert size == min(len(real), chars)
            assert shown.get("length", len(real)) == len(real)
            assert ("truncated" in shown) == (len(real) > chars)
        elif isinstance(real, (list, tuple, set, frozenset, dict)):
            assert shown["length"] == len(real)
            inside = shown.get("items", shown.get("entries"))
            if level >= depth:
                assert inside == []
                assert shown.get("reason") == ("depth" if real else None)
                return
            assert len(inside) == min(len(real), items)
            assert shown.get("reason") == ("items" if len(real) > items else None)
            if isinstance(real, dict):
                for (key, item), (true_key, true_item) in zip(
                    inside, real.items(), strict=False
                ):
                    check(key, true_key, level + 1)
                    check(item, true_item, level + 1)
            else:
                for item, true_item in zip(inside, real, strict=False):
                    check(item, true_item, level + 1)

    bounds = WIDE._replace(depth=depth, items=items, chars=chars)
    check(Coder(bounds, Redactor(exempt=NO_SECRETS))(value), value, 0)


@given(st.text(alphabet=st.characters(categories=None), max_size=50))
def test_text_survives_with_surrogates(text: str) -> None:
    assert code(text)["value"] == text


@pytest.mark.parametrize(
    "value, shown",
    [
        (None, {"type": "NoneType", "value": None}),
        (True, {"type": "bool", "value": True}),
        (2**63 - 1, {"type": "int", "value": 2**63 - 1}),
        (-(2**63), {"type": "int", "value": -(2**63)}),
        (2**63, {"type": "int", "value": 2**63}),
        (-(2**64), {"type": "int", "value": -(2**64)}),
        (math.nan, {"type": "float", "value": "nan"}),
        (math.inf, {"type": "float", "value": "inf"}),
        (-math.inf, {"type": "float", "value": "-inf"}),
        (1 - 2j, {"type": "complex", "value": "(1-2j)"}),
        ("a\udc80b", {"type": "str", "value": "a\udc80b"}),
        (b"\x00\xff", {"type": "bytes", "value": "00ff"}),
    ],
)
def test_scalars_have_their_json_form(value: object, shown: dict[str, Any]) -> None:
    assert code(value) == shown


def test_a_gigantic_int_keeps_its_sign_and_size() -> None:
    number = -(1 << (MAX_INT_BYTES * 8))
    shown = code(number)
    assert shown["truncated"] is True
    assert shown["bits"] == number.bit_length()
    assert shown["value"] < 0
    edge = (1 << (MAX_INT_BYTES * 8)) - 1
    assert code(edge)["value"] == edge


def test_long_text_keeps_its_start_and_its_true_length() -> None:
    assert code("x" * 1000, chars=3) == {
        "type": "str",
        "value": "xxx",
        "length": 1000,
        "truncated": True,
        "reason": "chars",
    }
    assert code(b"x" * 1000, chars=2)["length"] == 1000
    assert code(bytearray(b"abc"), chars=2)["length"] == 3


def test_a_cycle_is_named_and_a_shared_object_is_not_one() -> None:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    shown = code(cycle)
    assert shown["items"][1] == {
        "type": "list",
        "id": shown["id"],
        "length": 2,
        "items": [],
        "truncated": True,
        "reason": "cycle",
    }
    shared: list[Any] = [1]
    one, other = code([shared, shared])["items"]
    assert one == other
    assert "reason" not in one


def test_a_cycle_through_an_object_ends() -> None:
    class Node:
        def __init__(self) -> None:
            self.me = self
            self.all = [self]

    shown = code(Node(), depth=10)
    assert shown["attributes"]["me"]["reason"] == "cycle"
    assert shown["attributes"]["all"]["items"][0]["reason"] == "cycle"


def test_depth_counts_containers_and_objects() -> None:
    shown = code([[[[1]]]], depth=2)
    assert shown["items"][0]["items"][0] == {
        "type": "list",
        "id": 3,
        "length": 1,
        "items": [],
        "truncated": True,
        "reason": "depth",
    }
    assert code([], depth=0) == {"type": "list", "id": 1, "length": 0, "items": []}


def test_more_attributes_than_the_bound_are_counted() -> None:
    thing = types.SimpleNamespace(**{f"a{number}": number for number in range(30)})
    shown = code(thing, attributes=5)
    assert list(shown["attributes"]) == ["a0", "a1", "a2", "a3", "a4"]
    assert (shown["length"], shown["reason"]) == (30, "attributes")


class Colour(enum.Enum):
    RED = "r"


class Flags(enum.Flag):
    A = 1
    B = 2


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind is meant


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: str = "b"


class Private:
    __slots__ = ("__hidden", "shown")

    def __init__(self) -> None:
        self.__hidden = 1


class Child(Private):
    __slots__ = ("more",)

    def __init__(self) -> None:
        super().__init__()
        self.more = 2


class Mixed(Child):
    def __init__(self) -> None:
        super().__init__()
        self.free = 3


class OwnError(ValueError):
    def __init__(self, number: int) -> None:
        super().__init__("message", number)
        self.number = number


def words(value: object) -> dict[str, Any]:
    shown = code(value)["attributes"]
    return {name: item.get("value", item) for name, item in shown.items()}


def test_objects_show_their_state() -> None:
    assert words(Slotted(1)) == {"a": 1, "b": "b"}
    assert words(Private()) == {"__hidden": 1}
    assert words(Child()) == {"more": 2, "__hidden": 1}
    assert words(Mixed()) == {"more": 2, "__hidden": 1, "free": 3}
    assert words(range(1, 10, 2)) == {"start": 1, "stop": 10, "step": 2}
    assert words(slice(None, 5)) == {"start": None, "stop": 5, "step": None}
    assert words(sys) == {"name": "sys"}
    assert words(Slotted) == {"name": f"{__name__}.Slotted"}
    assert words(len) == {"qualname": "len"}
    assert words([].append) == {"qualname": "list.append"}
    assert words(Colour.RED) == {"name": "RED", "value": "r"}
    assert words(Flags.A | Flags.B) == {"name": "A|B", "value": 3}
    assert words(words)["line"] == words.__code__.co_firstlineno
    error = code(OwnError(5))
    assert error["type"] == f"{__name__}.OwnError"
    assert [item["value"] for item in error["attributes"]["args"]["items"]] == ["message", 5]
    assert error["attributes"]["number"]["value"] == 5
    point = code(Point(1, 2))
    assert point["fields"] == ["x", "y"]
    assert [item["value"] for item in point["items"]] == [1, 2]


def test_an_enum_shows_its_name_and_value_under_any_bound() -> None:
    shown = code(Colour.RED, attributes=2)["attributes"]
    assert shown["name"]["value"] == "RED"
    assert shown["value"]["value"] == "r"


def test_scalars_of_the_standard_library_show_their_text() -> None:
    assert code(decimal.Decimal("1.50"))["value"] == "1.50"
    assert code(dt.date(2020, 1, 2))["value"] == "2020-01-02"
    moment = dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC)
    assert code(moment)["value"] == "2020-01-02 03:00:00+00:00"
    assert code(dt.timedelta(days=1))["value"] == "1 day, 0:00:00"

    class Zone(dt.tzinfo):
        def utcoffset(self, when: object) -> dt.timedelta:
            raise AssertionError("asked")

    strange = code(moment.replace(tzinfo=Zone()))
    assert strange["unavailable"] == "reading it would run code of the program"


def test_subclasses_of_scalars_and_containers_show_what_they_hold() -> None:
    class Words(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "a lie"

    class Table(dict[str, int]):
        def items(self) -> Any:
            return []

    assert code(Words("true"))["value"] == "true"
    assert code(Table(a=1))["entries"] == [
        [{"type": "str", "value": "a"}, {"type": "int", "value": 1}]
    ]
    assert code(collections.deque([1, 2]))["length"] == 2
    assert code(collections.Counter("aab"))["entries"][0][1]["value"] == 2


@pytest.mark.parametrize("value", [iter([]), memoryview(b""), ..., (n for n in ())])
def test_what_has_no_readable_state_is_type_and_identity(value: object) -> None:
    shown = code(value)
    assert shown["type"] == type(value).__qualname__
    assert shown["id"] == 1
    assert "no state" in shown["unavailable"]


def test_a_type_that_dies_leaves_no_plan_for_one_at_its_address() -> None:
    coder = Coder()
    for number in range(50):
        kind = type(f"Kind{number}", (), {"__slots__": (f"slot{number}",)})
        thing = kind()
        setattr(thing, f"slot{number}", number)
        shown = coder(thing)
        assert shown["type"].endswith(f"Kind{number}")
        assert shown["attributes"] == {f"slot{number}": {"type": "int", "value": number}}


def test_objects_are_numbered_by_first_appearance() -> None:
    coder = Coder()
    one: list[Any] = []
    other: list[Any] = []
    assert [coder(one)["id"], coder(other)["id"], coder(one)["id"]] == [1, 2, 1]


def test_secrets_show_their_type_only() -> None:
    account = types.SimpleNamespace(password="p", name="n")
    assert code(account)["attributes"] == {
        "password": {"type": "str", "redacted": True},
        "name": {"type": "str", "value": "n"},
    }
    assert code({"api_key": "k"})["entries"][0][1] == {"type": "str", "redacted": True}
    Login = collections.namedtuple("Login", "user password")  # noqa: PYI024
    assert code(Login("u", "p"))["items"][1] == {"type": "str", "redacted": True}
