"""Says of a type how its instances are read: its name, its shape, and where their state lies.

PYTEST_DONT_REWRITE

Types are told apart by identity and by `issubclass` of built-in types, which looks at the C
structure only; they are neither hashed nor compared, for a metaclass can say how.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import collections
import datetime
import decimal
import enum
import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pytest_recorder.redaction.names import EVERYTHING, NUMBERS


class Shape:
    """How the instances of a type are read. The hot path in C knows the numbers, see shapes.h."""

    LIST: Final = 1
    TUPLE: Final = 2
    SET: Final = 3
    DEQUE: Final = 4
    NAMED_TUPLE: Final = 5
    MAPPING: Final = 6
    OBJECT: Final = 7
    EXCEPTION: Final = 8
    ENUM: Final = 9
    CLASS: Final = 10
    MODULE: Final = 11
    FUNCTION: Final = 12
    METHOD: Final = 13
    SLICE: Final = 14
    STATELESS: Final = 15
    SUB_INT: Final = 16
    SUB_FLOAT: Final = 17
    SUB_COMPLEX: Final = 18
    SUB_STR: Final = 19
    SUB_BYTES: Final = 20
    BYTEARRAY: Final = 21
    FROZENSET: Final = 22
    RANGE: Final = 23
    BUILTIN: Final = 24
    # C leaves this to the encoder here.
    SCALAR: Final = 25


class Bounds(NamedTuple):
    """How much of one value is recorded: levels, items of a container, characters, attributes."""

    depth: int = 3
    items: int = 20
    chars: int = 256
    attributes: int = 20


class TypeReader(NamedTuple):
    """What is known of a type: how to read its instances, and the number of its name."""

    alive: Callable[[], type | None]
    type_id: bytes
    shape: int
    encode: Callable[[Any, "TypeReader", int], bytes]
    dict_at: int  # place in the method resolution order whose class brings `__dict__`, or -1
    slots: tuple[tuple[int, str, str], ...]  # place, name in the class, name for people
    fields: tuple[str, ...]  # of a named tuple


HOLDING: Final = frozenset(
    (Shape.LIST, Shape.TUPLE, Shape.SET, Shape.FROZENSET, Shape.DEQUE, Shape.MAPPING)
)
"""What stands in these is under their name too."""
_TEXTS: Final = (Shape.SUB_STR, Shape.SUB_BYTES, Shape.BYTEARRAY)


def is_hidden(shape: int, level: int) -> bool:
    """Tell whether a value of this shape is hidden under a name that hides so much."""
    return (
        shape in _TEXTS or level == EVERYTHING or (level == NUMBERS and shape == Shape.SUB_INT)
    )


mro_of = type.__dict__["__mro__"].__get__
namespace_of = type.__dict__["__dict__"].__get__
_name_of = type.__dict__["__name__"].__get__
qualname_of = type.__dict__["__qualname__"].__get__
_module_of = type.__dict__["__module__"].__get__

_TEXT_TYPES: Final = frozenset(
    (
        decimal.Decimal,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
    )
)


def type_name(kind: type) -> str:
    """Give the qualified name with module, without `builtins.`; runs no code of a metaclass."""
    name: str = qualname_of(kind)
    try:
        module = _module_of(kind)
    except AttributeError:
        return name
    return f"{module}.{name}" if type(module) is str and module != "builtins" else name


# By address: to hash or to compare a type can run code of its metaclass.
_EXACT: Final = {
    id(kind): shape
    for kind, shape in (
        (range, Shape.RANGE),
        (slice, Shape.SLICE),
        (types.FunctionType, Shape.FUNCTION),
        (types.BuiltinFunctionType, Shape.BUILTIN),
        (types.MethodType, Shape.METHOD),
        (bytearray, Shape.BYTEARRAY),
        (object, Shape.OBJECT),
        *((kind, Shape.SCALAR) for kind in _TEXT_TYPES),
    )
}
_CONTAINERS: Final = (
    (dict, Shape.MAPPING),
    (list, Shape.LIST),
    (tuple, Shape.TUPLE),
    (set, Shape.SET),
    (frozenset, Shape.FROZENSET),
    (collections.deque, Shape.DEQUE),
    (int, Shape.SUB_INT),
    (float, Shape.SUB_FLOAT),
    (complex, Shape.SUB_COMPLEX),
    (str, Shape.SUB_STR),
    (bytes, Shape.SUB_BYTES),
)


def shape_of(
    kind: type, mro: tuple[type, ...], dict_at: int, *, has_slots: bool, has_fields: bool
) -> int:
    """Choose the shape of a type; `has_fields` says that it is a named tuple."""
    exact = _EXACT.get(id(kind))
    if exact is not None:
        return exact
    if type_name(kind).startswith("pytest_recorder."):
        return Shape.STATELESS
    if issubclass(kind, type):
        return Shape.CLASS
    if issubclass(kind, types.ModuleType):
        return Shape.MODULE
    if issubclass(type(kind), enum.EnumMeta) and dict_at >= 0:
        return Shape.ENUM
    if issubclass(kind, BaseException):
        return Shape.EXCEPTION
    if has_fields:
        return Shape.NAMED_TUPLE
    for base, shape in _CONTAINERS:
        if issubclass(kind, base):
            return shape
    if dict_at >= 0 or has_slots or _is_plain(mro):
        return Shape.OBJECT
    return Shape.STATELESS


def _is_c_descriptor(value: object) -> bool:
    """Tell the `__dict__` of a class from a property: `SimpleNamespace` has a member there."""
    kind = type(value)
    return kind is types.GetSetDescriptorType or kind is types.MemberDescriptorType


def instance_dict(value: object, mro: tuple[type, ...], place: int) -> dict[Any, Any] | None:
    """Read `__dict__` through the C descriptor of the class at this place, if it brings one."""
    descriptor: Any = namespace_of(mro[place]).get("__dict__") if place >= 0 else None
    if not _is_c_descriptor(descriptor):
        return None
    try:
        namespace = descriptor.__get__(value)
    except (AttributeError, TypeError):
        return None
    return namespace if issubclass(type(namespace), dict) else None


def fields_of(kind: type) -> tuple[str, ...]:
    """Give the names of the fields of a named tuple; empty for any other type."""
    for owner in mro_of(kind):
        fields = namespace_of(owner).get("_fields")
        if fields is not None:
            good = type(fields) is tuple and all(type(field) is str for field in fields)
            return fields if good else ()
    return ()


def _is_plain(mro: tuple[type, ...]) -> bool:
    """Tell whether instances have no state of their own: classes with `__slots__ = ()` only."""
    return all("__slots__" in namespace_of(owner) for owner in mro[:-1])


def places_of_state(mro: tuple[type, ...]) -> tuple[int, tuple[tuple[int, str, str], ...]]:
    """Find where in the resolution order `__dict__` and the slots of Python classes are defined."""
    dict_at = -1
    slots: list[tuple[int, str, str]] = []
    for place, owner in enumerate(mro):
        namespace = namespace_of(owner)
        if dict_at < 0 and _is_c_descriptor(namespace.get("__dict__")):
            dict_at = place
        if "__slots__" in namespace:
            prefix = f"_{_name_of(owner).lstrip('_')}__"
            slots.extend(
                (
                    place,
                    name,
                    "__" + name.removeprefix(prefix) if name.startswith(prefix) else name,
                )
                for name, member in tuple(namespace.items())
                if type(member) is types.MemberDescriptorType
            )
    return dict_at, tuple(slots)
