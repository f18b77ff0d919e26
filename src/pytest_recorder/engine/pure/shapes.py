"""Says of a type how its instances are read: its name, its shape, and where their state lies.

PYTEST_DONT_REWRITE

Types are told apart by identity and by `issubclass` of built-in types, which looks at the C
structure only; they are neither hashed nor compared, for a metaclass can say how.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import collections
import decimal
import enum
import sys
import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pytest_recorder.engine.pure.lookups import entry, exact, named_entries
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.names import EVERYTHING, NUMBERS
from pytest_recorder.system.originals import DATES, INTERPRETER
from pytest_recorder.system.slots import (
    dictoffset_of,
    flags_of,
    module_of,
    mro_of,
    name_of,
    namespace_of,
    qualname_of,
)


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


class TypeReader(NamedTuple):
    """What is known of a type: how to read its instances, and the number of its name."""

    alive: Callable[[], type | None]
    type_id: bytes
    shape: int
    encode: Callable[[Any, "TypeReader"], Any]
    dict_at: int  # place in the method resolution order whose class brings `__dict__`, or -1
    slots: tuple[tuple[int, str, str], ...]  # place, name in the class, name for people
    fields: tuple[str, ...]  # of a named tuple
    look_up: Callable[[Any, str], Any]  # in the namespaces of its bases


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


_HEAP_TYPE = 1 << 9

_TEXT_TYPES: Final = frozenset(
    (
        decimal.Decimal,
        DATES.date,
        DATES.datetime,
        DATES.time,
        DATES.timedelta,
        DATES.timezone,
    )
)


def type_name(kind: type) -> str:
    """Give the qualified name with module, without `builtins.`; runs no code of a metaclass."""
    name = exact(qualname_of(kind))
    if flags_of(kind) & _HEAP_TYPE:
        module = entry(namespace_of(kind), "__module__")
    else:
        module = module_of(kind)
    return f"{module}.{name}" if type(module) is str and module != "builtins" else name


_NONE: Final = object()
_FEW_ITEMS: Final = 32
_get_referents: Final = INTERPRETER.get_referents


def items_of_tuple(value: Any, limit: int) -> tuple[Any, ...]:
    """Read the first items of a tuple; of one that is still being made those that it has.

    Problem: `tuple(iterable)` makes room before it has the items, and `gc.get_referrers` gives such
    a tuple to the program. To read an empty place of it ends the process. What does not work:
    iteration, slices, comparisons. What we do: the collector passes over empty places, so fewer
    referents than places tell (0.1 us); of a long one, whose referents would take too long, the
    addresses that are to be read are looked at. No tuple of a subclass is seen half made.
    """
    if not issubclass(type(value), tuple):
        return ()
    length = tuple.__len__(value)
    if type(value) is tuple and length:
        shown = min(length, limit)
        if length > _FEW_ITEMS and _ADDRESSES:
            is_whole = None not in _ADDRESSES[0](value, shown)
        else:
            is_whole = len(_get_referents(value)) == length
        if not is_whole:
            # Last first, as the collector goes.
            return tuple(_get_referents(value)[::-1][:limit])
    return tuple.__getitem__(value, slice(0, limit))


_ADDRESSES: Final[list[Callable[[Any, int], list[int | None]]]] = []
"""Reads the first addresses of a tuple: there once it was asked for, for few need it."""


_OBJECT_AT: Final[list[Callable[[int], Any]]] = []
"""Reads the reference at an address; ValueError where there is none."""


def prepare_addresses() -> None:
    """Import what reading at addresses takes: an import while a test runs is the test's."""
    if not _ADDRESSES:
        from ctypes import c_void_p, py_object

        head = tuple.__basicsize__
        _ADDRESSES.append(
            lambda value, count: (c_void_p * count).from_address(id(value) + head)[:]
        )
        _OBJECT_AT.append(lambda address: py_object.from_address(address).value)


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


def look_up_quickly(namespace: Any, name: str) -> Any:
    """Find a name in the namespace of a class that has plain keys, which stay so."""
    return namespace.get(name)


def instance_dict(
    value: object,
    mro: tuple[type, ...],
    place: int,
    look_up: Callable[[Any, str], Any] = entry,
) -> dict[Any, Any] | None:
    """Read `__dict__` by the descriptor of the class at this place, if it brings one in C."""
    # The bases of a class can be changed.
    is_there = 0 <= place < len(mro)
    descriptor: Any = look_up(namespace_of(mro[place]), "__dict__") if is_there else None
    if not _is_c_descriptor(descriptor):
        return None
    try:
        if type(descriptor) is types.MemberDescriptorType or _is_of_python(descriptor):
            namespace = descriptor.__get__(value)
        else:
            namespace = _dict_in_memory(value)
    except (AttributeError, TypeError, ValueError):
        return None
    return namespace if issubclass(type(namespace), dict) else None


class _Sample:
    """Has the getter that the interpreter gives to each class that is written in Python."""


_GETTER_TEXT: Final = namespace_of(_Sample)["__dict__"].__doc__
_STANDARD: Final = frozenset(("", *sys.stdlib_module_names))


def _is_of_python(getter: types.GetSetDescriptorType) -> bool:
    """Tell the getters of Python's own types from those of other extension types.

    One of those can do anything: that of `wrapt.LazyObjectProxy` calls a function of the program.
    """
    if getter.__doc__ == _GETTER_TEXT:
        return True
    return type_name(getter.__objclass__).rpartition(".")[0] in _STANDARD


def _dict_in_memory(value: object) -> Any:
    """Read the dictionary of an instance where its type has a place for it, as C does."""
    offset = dictoffset_of(type(value))
    return _OBJECT_AT[0](id(value) + offset) if offset > 0 and _OBJECT_AT else None


def fields_of(kind: type) -> tuple[str, ...]:
    """Give the names of the fields of a named tuple; empty for any other type."""
    for owner in mro_of(kind):
        fields = entry(namespace_of(owner), "_fields")
        if fields is not None:
            good = type(fields) is tuple and all(type(field) is str for field in fields)
            return fields if good else ()
    return ()


def _is_plain(mro: tuple[type, ...]) -> bool:
    """Tell whether instances have no state of their own: classes with `__slots__ = ()` only."""
    return all(_has_slots(namespace_of(owner)) for owner in mro[:-1])


def _has_slots(namespace: Any) -> bool:
    return entry(namespace, "__slots__", _NONE) is not _NONE


def places_of_state(mro: tuple[type, ...]) -> tuple[int, tuple[tuple[int, str, str], ...]]:
    """Find where in the resolution order `__dict__` and the slots of Python classes are defined."""
    dict_at = -1
    slots: list[tuple[int, str, str]] = []
    for place, owner in enumerate(mro):
        namespace = namespace_of(owner)
        if dict_at < 0 and _is_c_descriptor(entry(namespace, "__dict__")):
            dict_at = place
        if _has_slots(namespace):
            prefix = f"_{exact(name_of(owner)).lstrip('_')}__"
            slots.extend(
                (
                    place,
                    name,
                    "__" + name.removeprefix(prefix) if name.startswith(prefix) else name,
                )
                for name, member in named_entries(namespace).items()
                if type(member) is types.MemberDescriptorType
            )
    return dict_at, tuple(slots)
