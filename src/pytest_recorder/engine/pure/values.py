"""Turns one live object into the bytes of a value, within bounds and without running its code.

PYTEST_DONT_REWRITE

Nothing here calls a method that a program could have defined. Containers are read through the
slots of the built-in type, instance dictionaries and slots through their C descriptors. No
reference to an object or a type outlives the call: what is known of a type is kept beside a weak
reference to it, by address.

Depth counts the levels of containers and objects that are opened. True sizes are always kept.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import collections
import types
import weakref
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.instances import state_of
from pytest_recorder.engine.pure.lookups import entry, exact, is_plain
from pytest_recorder.engine.pure.marks import Marked, unguarded
from pytest_recorder.engine.pure.scalars import COPIES, encode_complex, encode_float, encode_int
from pytest_recorder.engine.pure.shapes import (
    HOLDING,
    Shape,
    TypeReader,
    fields_of,
    instance_dict,
    is_hidden,
    items_of_tuple,
    look_up_quickly,
    places_of_state,
    shape_of,
    type_name,
)
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import Reason, Tag
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.names import LONGEST_NAME, OPEN, is_name
from pytest_recorder.system.originals import DATES
from pytest_recorder.system.slots import args_of, mro_of, namespace_of, qualname_of

_module_state = vars(types.ModuleType)["__dict__"].__get__
_NONE, _TRUE, _FALSE = bytes((Tag.NONE,)), bytes((Tag.TRUE,)), bytes((Tag.FALSE,))
_STR, _STR_CUT = bytes((Tag.STR,)), bytes((Tag.STR_CUT,))
_BYTES, _BYTES_CUT = bytes((Tag.BYTES,)), bytes((Tag.BYTES_CUT,))
_SEQUENCE, _MAPPING = bytes((Tag.SEQUENCE,)), bytes((Tag.MAPPING,))
_OBJECT, _OPAQUE = bytes((Tag.OBJECT,)), bytes((Tag.OPAQUE,))
_TEXT, _SUBCLASS, _REDACTED = bytes((Tag.TEXT,)), bytes((Tag.SUBCLASS,)), bytes((Tag.REDACTED,))
_WHOLE = bytes((Reason.WHOLE,))

__all__ = ["Bounds", "ValueEncoder"]


class ValueEncoder:
    """Encodes the values of one recording.

    `define_type(name, fields)` and `define_name(name)` return the number of a type or a name as
    bytes and may be called at any time during an `encode`.
    """

    __slots__ = (
        "_bounds",
        "_define_name",
        "_define_type",
        "_encoders",
        "_ids",
        "_level",
        "_level_of",
        "_open",
        "_readers",
        "_redactor",
        "_safely",
        "_scalars",
        "redacted",
    )

    def __init__(
        self,
        bounds: Bounds,
        redactor: Redactor,
        define_type: Callable[[str, tuple[str, ...]], bytes],
        define_name: Callable[[str], bytes],
        marked: Marked = unguarded,
    ) -> None:
        self._bounds = bounds
        self._redactor = redactor
        self._level_of = redactor.level
        self._define_type = define_type
        self._define_name = define_name
        self._safely = marked(self._encode_whole, "encode", self._mark)
        self._readers: dict[int, TypeReader] = {}
        self._ids: dict[int, bytes] = {}
        self._open: list[int] = []
        self._level = OPEN  # of the name that a container stands under
        self.redacted = 0
        """Values of which only the type was encoded, since the recording began."""
        scalars: dict[type, Callable[[Any], bytes]] = {
            type(None): lambda _: _NONE,
            bool: lambda value: _TRUE if value else _FALSE,
            int: encode_int,
            float: encode_float,
            complex: encode_complex,
            str: self.encode_text,
            bytes: self._encode_bytes,
        }
        self._scalars = {id(kind): encode for kind, encode in scalars.items()}
        self._encoders: dict[int, Callable[[Any, TypeReader, int], bytes]] = {
            Shape.LIST: self._sequence(list),
            Shape.TUPLE: self._tuple,
            Shape.SET: self._sequence(set),
            Shape.FROZENSET: self._sequence(frozenset),
            Shape.DEQUE: self._sequence(collections.deque),
            Shape.NAMED_TUPLE: self._named_tuple,
            Shape.MAPPING: self._mapping,
            Shape.OBJECT: self._object,
            Shape.EXCEPTION: self._exception,
            Shape.ENUM: self._enumeration,
            Shape.CLASS: self._class,
            Shape.MODULE: self._module,
            Shape.FUNCTION: self._function,
            Shape.METHOD: self._method,
            Shape.BUILTIN: self._builtin,
            Shape.RANGE: self._members("start", "stop", "step"),
            Shape.SLICE: self._members("start", "stop", "step"),
            Shape.SCALAR: self._text_scalar,
            Shape.BYTEARRAY: self._bytearray,
            Shape.STATELESS: self._stateless,
            Shape.SUB_INT: self._scalar_subclass(int),
            Shape.SUB_FLOAT: self._scalar_subclass(float),
            Shape.SUB_COMPLEX: self._scalar_subclass(complex),
            Shape.SUB_STR: self._scalar_subclass(str),
            Shape.SUB_BYTES: self._scalar_subclass(bytes),
        }

    def reset(self) -> None:
        """Forget all numbers: the next recording counts objects and types from the start."""
        self._readers.clear()
        self._ids.clear()
        self._open.clear()
        self.redacted = 0

    def encode(self, value: object) -> bytes:
        """Encode any object; raises nothing of the program's."""
        scalar = self._scalars.get(id(type(value)))
        if scalar is not None:
            return scalar(value)
        return self._safely(value)  # type: ignore[no-any-return]

    def _encode_whole(self, value: Any) -> bytes:
        level, self._level = self._level, OPEN
        self._open.clear()
        return self._hidden(value, 0, level) if level else self._encode(value, 0)

    def _mark(self, value: object) -> bytes:
        """Stand for a value that could not be read: its type, if that can be."""
        type_id = self._define_type(type_name(type(value)), ())
        return _OPAQUE + type_id + self.object_id(value) + bytes((Reason.FAILED,))

    def encode_at(self, value: object, depth: int) -> bytes:
        """Encode an object inside so many others."""
        self._open.clear()
        return self._encode(value, depth)

    def encode_under(self, level: int, value: object) -> bytes:
        """Encode what stands under a name that hides so much, if anything."""
        if not level:
            return self.encode(value)
        self._level = level
        return self._safely(value)  # type: ignore[no-any-return]

    def _hidden(self, value: Any, depth: int, level: int) -> bytes:
        """Encode the type only of what is hidden; items of a built-in container are looked at.

        None and truth values hide nothing.
        """
        if value is None or value is True or value is False:
            return self._scalars[id(type(value))](value)
        reader = self.reader(type(value))
        if is_hidden(reader.shape, level):
            if self._redactor.remember(value):
                self._redactor.tell()
            self.redacted += 1
            return _REDACTED + reader.type_id
        outer = self._level
        self._level = level if reader.shape in HOLDING else OPEN
        try:
            return self._encode(value, depth)
        finally:
            self._level = outer

    def encode_text(self, value: str) -> bytes:
        """Encode a string within the bound on characters."""
        limit = self._bounds.chars
        if len(value) <= limit:
            return _STR + text(value)
        return _STR_CUT + uv(len(value)) + text(value[:limit])

    def object_id(self, value: object) -> bytes:
        """Number an object by first appearance; an address that is used again keeps its number."""
        number = self._ids.get(id(value))
        if number is None:
            number = self._ids[id(value)] = uv(len(self._ids) + 1)
        return number

    def type_id(self, kind: type) -> bytes:
        """Number a type by first appearance."""
        return self.reader(kind).type_id

    def _encode(self, value: Any, depth: int) -> bytes:
        kind = type(value)
        scalar = self._scalars.get(id(kind))
        if scalar is not None:
            return scalar(value)
        reader = self.reader(kind)
        return reader.encode(value, reader, depth)

    def _many(self, values: tuple[Any, ...], depth: int) -> list[bytes]:
        """Encode the items of a container; most are scalars, which need no call of their own."""
        if self._level:
            return [self._hidden(value, depth, self._level) for value in values]
        scalars, encoded = self._scalars, []
        for value in values:
            scalar = scalars.get(id(type(value)))
            encoded.append(scalar(value) if scalar is not None else self._encode(value, depth))
        return encoded

    def _pair(self, pair: tuple[Any, ...], depth: int) -> list[bytes]:
        """Encode two items, the first of which can be the name of the second."""
        level = OPEN
        if len(pair) == 2 and not self._level and is_name(pair[0]):
            level = self._level_of_key(pair[0])
        if not level:
            return self._many(pair, depth)
        return [self._encode(pair[0], depth), self._hidden(pair[1], depth, level)]

    def _level_of_key(self, key: object) -> int:
        """Give how much a key hides: a string, or bytes such as the names of headers."""
        if type(key) is bytes and len(key) <= LONGEST_NAME:
            key = key.decode("latin-1")
        return self._level_of(key) if type(key) is str else OPEN

    def _encode_bytes(self, value: bytes) -> bytes:
        limit = self._bounds.chars
        if len(value) <= limit:
            return _BYTES + uv(len(value)) + value
        return _BYTES_CUT + uv(len(value)) + uv(limit) + value[:limit]

    # Containers and objects. `depth` is the number of levels opened above this one.

    def _open_level(self, value: object, depth: int, full: int, limit: int, why: int) -> int:
        """Give the reason why not all is shown, 0 when all is; the caller closes what it opens."""
        if id(value) in self._open:
            return Reason.CYCLE
        if depth >= self._bounds.depth:
            return Reason.DEPTH if full else Reason.WHOLE
        return why if full > limit else Reason.WHOLE

    def _opened(
        self,
        tag: bytes,
        value: object,
        reader: TypeReader,
        depth: int,
        full: int,
        parts: Callable[[], Iterable[bytes]],
        bound: tuple[int, int],
        *,
        is_cut: bool = False,
    ) -> bytes:
        limit, why = bound
        reason = self._open_level(value, depth, full, limit, why)
        number = self.object_id(value)
        shown: list[bytes] = []
        if reason not in (Reason.CYCLE, Reason.DEPTH):
            self._open.append(id(value))
            if is_cut:
                reason = Reason.CHANGED
            try:
                shown.extend(parts())
            except RuntimeError as error:
                if isinstance(error, RecursionError):
                    raise
                reason = Reason.CHANGED
            finally:
                self._open.pop()
        return b"".join(
            (tag, reader.type_id, number, uv(full), bytes((reason,)), uv(len(shown)), *shown)
        )

    def _sequence(self, base: Any) -> Callable[[Any, TypeReader, int], bytes]:
        """Make the encoder for a built-in sequence or set and its subclasses."""
        length, iterate = base.__len__, base.__iter__

        def encode(value: Any, reader: TypeReader, depth: int) -> bytes:
            limit, full = self._bounds.items, length(value)
            items = self._pair if full == 2 <= limit and base is list else self._many
            bound = (limit, Reason.ITEMS)

            def parts() -> list[bytes]:
                return items(tuple(islice(iterate(value), limit)), depth + 1)

            return self._opened(_SEQUENCE, value, reader, depth, full, parts, bound)

        return encode

    def _tuple(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        limit, full = self._bounds.items, tuple.__len__(value)
        shown = items_of_tuple(value, limit)
        is_cut = len(shown) < min(full, limit)
        bound = (limit, Reason.ITEMS)
        items = self._pair if full == 2 <= limit else self._many

        def parts() -> list[bytes]:
            return items(shown, depth + 1)

        return self._opened(_SEQUENCE, value, reader, depth, full, parts, bound, is_cut=is_cut)

    def _named_tuple(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        limit = self._bounds.items

        def parts() -> list[bytes]:
            shown = tuple(islice(tuple.__iter__(value), limit))
            names = (*reader.fields, *("",) * len(shown))
            return [
                self._hidden(v, depth + 1, level)
                if (level := self._level_of(n))
                else self._encode(v, depth + 1)
                for n, v in zip(names, shown, strict=False)
            ]

        full = tuple.__len__(value)
        return self._opened(_SEQUENCE, value, reader, depth, full, parts, (limit, Reason.ITEMS))

    def _mapping(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        limit = self._bounds.items

        def parts() -> list[bytes]:
            outer, self._level = self._level, OPEN
            return [
                self._encode(key, depth + 1)
                + (
                    self._hidden(item, depth + 1, level)
                    if (level := outer or self._level_of_key(key))
                    else self._encode(item, depth + 1)
                )
                for key, item in tuple(islice(dict.items(value), limit))
            ]

        full = dict.__len__(value)
        return self._opened(_MAPPING, value, reader, depth, full, parts, (limit, Reason.ITEMS))

    def _attributes(
        self,
        value: Any,
        reader: TypeReader,
        depth: int,
        attributes: list[tuple[str, Any]],
        full: int,
    ) -> bytes:
        def parts() -> list[bytes]:
            return [
                self._define_name(name)
                + (
                    self._hidden(item, depth + 1, level)
                    if (level := self._level_of(name))
                    else self._encode(item, depth + 1)
                )
                for name, item in attributes[: self._bounds.attributes]
            ]

        bound = (self._bounds.attributes, Reason.ATTRIBUTES)
        return self._opened(_OBJECT, value, reader, depth, full, parts, bound)

    def _object(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        try:
            attributes, full = state_of(value, reader, self._bounds.attributes)
        except RuntimeError as error:
            if isinstance(error, RecursionError):
                raise
            return self._opaque(value, reader, Reason.CHANGED)
        return self._attributes(value, reader, depth, attributes, full)

    def _exception(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        attributes, full = state_of(value, reader, self._bounds.attributes)
        arguments = args_of(value)
        return self._attributes(
            value, reader, depth, [("args", arguments), *attributes], full + 1
        )

    def _enumeration(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        attributes = instance_dict(value, mro_of(type(value)), reader.dict_at, entry) or {}
        shown = [
            ("name", entry(attributes, "_name_")),
            ("value", entry(attributes, "_value_")),
        ]
        return self._attributes(value, reader, depth, shown, 2)

    def _members(self, *names: str) -> Callable[[Any, TypeReader, int], bytes]:
        """Make the encoder for a C type whose members are safe to read by name."""

        def encode(value: Any, reader: TypeReader, depth: int) -> bytes:
            attributes = [(name.strip("_"), getattr(value, name)) for name in names]
            return self._attributes(value, reader, depth, attributes, len(attributes))

        return encode

    def _function(self, value: types.FunctionType, reader: TypeReader, depth: int) -> bytes:
        code = value.__code__
        where = [
            ("qualname", value.__qualname__),
            ("file", code.co_filename),
            ("line", code.co_firstlineno),
        ]
        return self._attributes(value, reader, depth, where, 3)

    def _builtin(
        self, value: types.BuiltinFunctionType, reader: TypeReader, depth: int
    ) -> bytes:
        # Its `__qualname__` asks the type of `__self__`, where a metaclass could answer.
        owner, name = value.__self__, value.__name__
        if owner is not None and not issubclass(type(owner), types.ModuleType):
            kind = owner if issubclass(type(owner), type) else type(owner)
            name = f"{exact(qualname_of(kind))}.{name}"
        return self._attributes(value, reader, depth, [("qualname", name)], 1)

    def _method(self, value: types.MethodType, reader: TypeReader, depth: int) -> bytes:
        function = value.__func__
        name = function.__qualname__ if type(function) is types.FunctionType else None
        owner = [("qualname", name), ("self", type_name(type(value.__self__)))]
        return self._attributes(value, reader, depth, owner, 2)

    def _class(self, value: type, reader: TypeReader, depth: int) -> bytes:
        return self._attributes(value, reader, depth, [("name", type_name(value))], 1)

    def _module(self, value: types.ModuleType, reader: TypeReader, depth: int) -> bytes:
        name = entry(_module_state(value) or {}, "__name__")
        shown = name if type(name) is str else None
        return self._attributes(value, reader, depth, [("name", shown)], 1)

    def _text_scalar(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        zone = value.tzinfo if type(value) in (DATES.datetime, DATES.time) else None
        if zone is not None and type(zone) is not DATES.timezone:
            return self._opaque(value, reader, Reason.CUSTOM)
        return (
            _TEXT + reader.type_id + self.object_id(value) + self.encode_text(exact(str(value)))
        )

    def _scalar_subclass(self, base: Any) -> Callable[[Any, TypeReader, int], bytes]:
        """Make the encoder for a subclass of a scalar: its plain value beside its type."""
        plain = COPIES[base]
        encode_base = self._scalars[id(base)]

        def encode(value: Any, reader: TypeReader, depth: int) -> bytes:
            return (
                _SUBCLASS + reader.type_id + self.object_id(value) + encode_base(plain(value))
            )

        return encode

    def _bytearray(self, value: bytearray, reader: TypeReader, depth: int) -> bytes:
        full = bytearray.__len__(value)
        kept = bytes(bytearray.__getitem__(value, slice(0, self._bounds.chars)))
        data = (
            _BYTES + uv(full) + kept
            if full == len(kept)
            else _BYTES_CUT + uv(full) + uv(len(kept)) + kept
        )
        return _SUBCLASS + reader.type_id + self.object_id(value) + data

    def _stateless(self, value: Any, reader: TypeReader, depth: int) -> bytes:
        return self._opaque(value, reader, Reason.STATELESS)

    def _opaque(self, value: Any, reader: TypeReader, reason: int) -> bytes:
        return _OPAQUE + reader.type_id + self.object_id(value) + bytes((reason,))

    # What is known of a type.

    def reader(self, kind: type) -> TypeReader:
        """Give what is known of a type; it is found out when first asked for."""
        reader = self._readers.get(id(kind))
        if reader is None or reader.alive() is not kind:
            reader = self._readers[id(kind)] = self._make_reader(kind)
        return reader

    def _make_reader(self, kind: type) -> TypeReader:
        mro: tuple[type, ...] = mro_of(kind)
        fields = fields_of(kind) if issubclass(kind, tuple) else ()
        type_id = self._define_type(type_name(kind), fields)
        dict_at, slots = places_of_state(mro)
        shape = shape_of(kind, mro, dict_at, has_slots=bool(slots), has_fields=bool(fields))
        encode = self._encoders[shape]
        has_plain_bases = all(is_plain(namespace_of(base)) for base in mro)
        look_up = look_up_quickly if has_plain_bases else entry
        alive = weakref.ref(kind)
        return TypeReader(alive, type_id, shape, encode, dict_at, slots, fields, look_up)
