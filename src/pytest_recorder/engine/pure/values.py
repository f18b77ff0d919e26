"""Turns live objects into bytes, within bounds and without running their code.

PYTEST_DONT_REWRITE

Nothing here calls a method that a program could have defined. Containers are read through the
slots of the built-in type, instance dictionaries and slots through their C descriptors. No
reference to an object or a type outlives the call: what is known of a type is kept beside a weak
reference to it, by address.

A scalar is written where it stands. An object is written once, by `Objects`, and stands elsewhere
as a reference; only what a built-in container holds under the name of a secret is written in place,
for elsewhere it is shown. True sizes are always kept.
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
from pytest_recorder.engine.pure.contents import SIZES, Part, Raw, Reader
from pytest_recorder.engine.pure.instances import state_of
from pytest_recorder.engine.pure.lookups import entry, exact, is_plain
from pytest_recorder.engine.pure.marks import Marked, unguarded
from pytest_recorder.engine.pure.objects import Content, Known, Objects, Read
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
_REDACTED, _REFERENCE = bytes((Tag.REDACTED,)), bytes((Tag.REFERENCE,))

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
        "_held",
        "_level_of",
        "_open",
        "_raw",
        "_readers",
        "_redactor",
        "_safely",
        "_scalars",
        "objects",
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
        self._safely = marked(self._encode_part, "encode", self._mark)
        content = marked(self._read_content, "encode", lambda _: _UNREADABLE)
        signature = marked(self._read_signature, "encode", lambda _: ())
        size = marked(self._read_size, "encode", lambda _: 0)
        self._readers: dict[int, TypeReader] = {}
        self._open: list[int] = []
        # What referred from the place that is read, the last time.
        self._held: Iterable[Known] = ()
        self.objects = Objects(bounds, Read(content, signature, size))
        """The objects that were met, and what is known of them."""
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
        self._raw: dict[int, Reader] = {
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
        self._open.clear()
        self.objects.reset()
        self.redacted = 0

    # Values, as they stand in an event or in an object.

    def encode(self, value: Any, level: int = OPEN, held: Iterable[Known] = ()) -> bytes:
        """Encode what stands under a name that hides so much, if anything.

        `held` are the objects that stood there the last time. What an object holds is read by
        `Objects.run` only.
        """
        scalar = self._scalars.get(id(type(value)))
        if scalar is not None and not level:
            return scalar(value)
        self._held = held
        self._open.clear()
        encoded: bytes = self._safely((value, level))
        return encoded

    def _encode_part(self, read: tuple[Any, int]) -> bytes:
        return self._part(*read, 0)

    def _mark(self, read: tuple[Any, int]) -> bytes:
        """Stand for a value that could not be read: its type, if that can be."""
        type_id = self._define_type(type_name(type(read[0])), ())
        return bytes((Tag.OPAQUE,)) + type_id + uv(0) + bytes((Reason.FAILED,))

    def _part(self, value: Any, level: int, depth: int) -> bytes:
        kind = type(value)
        scalar = self._scalars.get(id(kind))
        if not level:
            return scalar(value) if scalar is not None else self._reference(value)
        if value is None or value is True or value is False:
            # These hide nothing.
            return self._scalars[id(kind)](value)
        reader = self.reader(kind)
        if is_hidden(reader.shape, level):
            if self._redactor.remember(value):
                self._redactor.tell()
            self.redacted += 1
            return _REDACTED + reader.type_id
        if reader.shape in HOLDING:
            return self._in_place(value, reader, level, depth)
        return scalar(value) if scalar is not None else self._reference(value)

    def _reference(self, value: Any) -> bytes:
        return (
            _REFERENCE + self.objects.refer(value, self.reader(type(value)), self._held).number
        )

    def _in_place(self, value: Any, reader: TypeReader, level: int, depth: int) -> bytes:
        """Encode a container with what it holds, of which so much is hidden."""
        raw: Raw = reader.encode(value, reader)
        number = self.objects.number_of(value, reader)
        if raw.parts is None:
            return bytes((raw.tag,)) + reader.type_id + number + raw.leaf
        reason, parts = raw.reason, raw.parts
        if id(value) in self._open:
            reason, parts = Reason.CYCLE, []
        elif depth >= self._bounds.depth and raw.full:
            reason, parts = Reason.DEPTH, []
        self._open.append(id(value))
        shown = [
            (self._part(part.key, OPEN, depth + 1) if raw.tag == Tag.MAPPING else b"")
            + self._part(part.item, level, depth + 1)
            for part in parts
        ]
        self._open.pop()
        head = bytes((raw.tag,)) + reader.type_id + number + uv(raw.full)
        return b"".join((head, bytes((reason,)), uv(len(shown)), *shown))

    def encode_text(self, value: str) -> bytes:
        """Encode a string within the bound on characters."""
        limit = self._bounds.chars
        if len(value) <= limit:
            return _STR + text(value)
        return _STR_CUT + uv(len(value)) + text(value[:limit])

    def _encode_bytes(self, value: bytes) -> bytes:
        limit = self._bounds.chars
        if len(value) <= limit:
            return _BYTES + uv(len(value)) + value
        return _BYTES_CUT + uv(len(value)) + uv(limit) + value[:limit]

    def leaf(self, value: Any) -> bytes:
        """Read an object that has no parts: the tag of its record, and all it holds."""
        raw = self._raw_of(value)
        return bytes((raw.tag,)) + raw.leaf

    def _raw_of(self, value: Any) -> Raw:
        reader = self.reader(type(value))
        return reader.encode(value, reader)  # type: ignore[no-any-return]

    def type_id(self, kind: type) -> bytes:
        """Number a type by first appearance."""
        return self.reader(kind).type_id

    # What an object holds, for `Objects`.

    def _read_content(self, read: tuple[Any, TypeReader, Iterable[Known]]) -> Content:
        value, reader, held = read
        raw = reader.encode(value, reader)
        if raw.parts is None:
            return Content(raw.tag, leaf=raw.leaf, signature=(raw.leaf,))
        self._held = held
        redacted = self.redacted
        hidden: list[int] = []
        shown: list[bytes] = []
        for part in raw.parts:
            beside = b""
            if part.name is not None:
                beside = self._define_name(part.name)
            elif raw.tag == Tag.MAPPING:
                beside = self._part(part.key, OPEN, 1)
            shown.append(beside + self._part(part.item, part.level, 1))
            hidden.append(self.redacted - redacted)
            self.redacted = redacted
        signature = tuple(map(self._sign, raw.parts))
        parts = tuple(shown)
        return Content(raw.tag, raw.full, raw.reason, parts, signature, redacted=tuple(hidden))

    def _read_signature(self, read: tuple[Any, TypeReader]) -> tuple[Any, ...]:
        """Give what tells whether an object shares anything with what was at its address."""
        value, reader = read
        raw = reader.encode(value, reader)
        return (raw.leaf,) if raw.parts is None else tuple(map(self._sign, raw.parts))

    def _sign(self, part: Part) -> Any:
        return (part.name, self._sign_item(part.key), self._sign_item(part.item))

    def _sign_item(self, item: Any) -> Any:
        scalar = self._scalars.get(id(type(item)))
        return scalar(item) if scalar is not None else (id(item), id(type(item)))

    def _read_size(self, read: tuple[Any, TypeReader]) -> int:
        """Give how many parts an object has; 0 where it is to be looked at to know."""
        value, reader = read
        size = SIZES.get(reader.shape)
        if size is not None:
            return size(value)
        raw = reader.encode(value, reader)
        return 0 if raw.parts is None else raw.full

    # How each shape is read.

    def _many(self, values: Iterable[Any]) -> list[Part]:
        return [Part(value) for value in values]

    def _pair(self, pair: tuple[Any, ...]) -> list[Part]:
        """Read two items, the first of which can be the name of the second."""
        level = OPEN
        if len(pair) == 2 and is_name(pair[0]):
            level = self._level_of_key(pair[0])
        return [Part(pair[0]), Part(pair[1], level)] if len(pair) == 2 else self._many(pair)

    def _level_of_key(self, key: object) -> int:
        """Give how much a key hides: a string, or bytes such as the names of headers."""
        if type(key) is bytes and len(key) <= LONGEST_NAME:
            key = key.decode("latin-1")
        return self._level_of(key) if type(key) is str else OPEN

    def _parts(
        self, tag: int, full: int, limit: int, why: int, read: Callable[[], list[Part]]
    ) -> Raw:
        """Read parts, of which the program may take some away meanwhile."""
        try:
            return Raw(tag, full, why if full > limit else Reason.WHOLE, read())
        except RuntimeError as error:
            if isinstance(error, RecursionError):
                raise
            return Raw(tag, full, Reason.CHANGED, [])

    def _sequence(self, base: Any) -> Reader:
        """Make the reader of a built-in sequence or set and its subclasses."""
        length, iterate = base.__len__, base.__iter__

        def read(value: Any, reader: TypeReader) -> Raw:
            limit, full = self._bounds.items, length(value)
            items = self._pair if full == 2 <= limit and base is list else self._many
            return self._parts(
                Tag.SEQUENCE,
                full,
                limit,
                Reason.ITEMS,
                lambda: items(tuple(islice(iterate(value), limit))),
            )

        return read

    def _tuple(self, value: Any, reader: TypeReader) -> Raw:
        limit, full = self._bounds.items, tuple.__len__(value)
        shown = items_of_tuple(value, limit)
        reason = Reason.ITEMS if full > limit else Reason.WHOLE
        if len(shown) < min(full, limit):
            reason = Reason.CHANGED
        items = self._pair if full == 2 <= limit else self._many
        return Raw(Tag.SEQUENCE, full, reason, items(shown))

    def _named_tuple(self, value: Any, reader: TypeReader) -> Raw:
        limit, full = self._bounds.items, tuple.__len__(value)
        shown = tuple(islice(tuple.__iter__(value), limit))
        names = (*reader.fields, *("",) * len(shown))
        parts = [Part(v, self._level_of(n)) for n, v in zip(names, shown, strict=False)]
        return Raw(Tag.SEQUENCE, full, Reason.ITEMS if full > limit else Reason.WHOLE, parts)

    def _mapping(self, value: Any, reader: TypeReader) -> Raw:
        limit, full = self._bounds.items, dict.__len__(value)

        def read() -> list[Part]:
            return [
                Part(item, self._level_of_key(key), None, key)
                for key, item in tuple(islice(dict.items(value), limit))
            ]

        return self._parts(Tag.MAPPING, full, limit, Reason.ITEMS, read)

    def _attributes(self, attributes: list[tuple[str, Any]], full: int) -> Raw:
        limit = self._bounds.attributes
        parts = [Part(item, self._level_of(name), name) for name, item in attributes[:limit]]
        return Raw(Tag.OBJECT, full, Reason.ATTRIBUTES if full > limit else Reason.WHOLE, parts)

    def _object(self, value: Any, reader: TypeReader) -> Raw:
        try:
            attributes, full = state_of(value, reader, self._bounds.attributes)
        except RuntimeError as error:
            if isinstance(error, RecursionError):
                raise
            return _opaque(Reason.CHANGED)
        return self._attributes(attributes, full)

    def _exception(self, value: Any, reader: TypeReader) -> Raw:
        attributes, full = state_of(value, reader, self._bounds.attributes)
        return self._attributes([("args", args_of(value)), *attributes], full + 1)

    def _enumeration(self, value: Any, reader: TypeReader) -> Raw:
        attributes = instance_dict(value, mro_of(type(value)), reader.dict_at, entry) or {}
        name, shown = entry(attributes, "_name_"), entry(attributes, "_value_")
        return self._attributes([("name", name), ("value", shown)], 2)

    def _members(self, *names: str) -> Reader:
        """Make the reader of a C type whose members are safe to read by name."""

        def read(value: Any, reader: TypeReader) -> Raw:
            attributes = [(name.strip("_"), getattr(value, name)) for name in names]
            return self._attributes(attributes, len(attributes))

        return read

    def _function(self, value: types.FunctionType, reader: TypeReader) -> Raw:
        code = value.__code__
        where = [
            ("qualname", value.__qualname__),
            ("file", code.co_filename),
            ("line", code.co_firstlineno),
        ]
        return self._attributes(where, 3)

    def _builtin(self, value: types.BuiltinFunctionType, reader: TypeReader) -> Raw:
        # Its `__qualname__` asks the type of `__self__`, where a metaclass could answer.
        owner, name = value.__self__, value.__name__
        if owner is not None and not issubclass(type(owner), types.ModuleType):
            kind = owner if issubclass(type(owner), type) else type(owner)
            name = f"{exact(qualname_of(kind))}.{name}"
        return self._attributes([("qualname", name)], 1)

    def _method(self, value: types.MethodType, reader: TypeReader) -> Raw:
        function = value.__func__
        name = function.__qualname__ if type(function) is types.FunctionType else None
        owner = type_name(type(value.__self__))
        return self._attributes([("qualname", name), ("self", owner)], 2)

    def _class(self, value: type, reader: TypeReader) -> Raw:
        return self._attributes([("name", type_name(value))], 1)

    def _module(self, value: types.ModuleType, reader: TypeReader) -> Raw:
        name = entry(_module_state(value) or {}, "__name__")
        return self._attributes([("name", name if type(name) is str else None)], 1)

    def _text_scalar(self, value: Any, reader: TypeReader) -> Raw:
        zone = value.tzinfo if type(value) in (DATES.datetime, DATES.time) else None
        if zone is not None and type(zone) is not DATES.timezone:
            return _opaque(Reason.CUSTOM)
        return Raw(Tag.TEXT, leaf=self.encode_text(exact(str(value))))

    def _scalar_subclass(self, base: Any) -> Reader:
        """Make the reader of a subclass of a scalar: its plain value beside its type."""
        plain, encode = COPIES[base], self._scalars[id(base)]

        def read(value: Any, reader: TypeReader) -> Raw:
            return Raw(Tag.SUBCLASS, leaf=encode(plain(value)))

        return read

    def _bytearray(self, value: bytearray, reader: TypeReader) -> Raw:
        full = bytearray.__len__(value)
        kept = bytes(bytearray.__getitem__(value, slice(0, self._bounds.chars)))
        data = (
            _BYTES + uv(full) + kept
            if full == len(kept)
            else _BYTES_CUT + uv(full) + uv(len(kept)) + kept
        )
        return Raw(Tag.SUBCLASS, leaf=data)

    def _stateless(self, value: Any, reader: TypeReader) -> Raw:
        return _opaque(Reason.STATELESS)

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
        encode = self._raw[shape]
        has_plain_bases = all(is_plain(namespace_of(base)) for base in mro)
        look_up = look_up_quickly if has_plain_bases else entry
        alive = weakref.ref(kind)
        return TypeReader(alive, type_id, shape, encode, dict_at, slots, fields, look_up)


_UNREADABLE = Content(Tag.OPAQUE, leaf=bytes((Reason.FAILED,)))


def _opaque(reason: int) -> Raw:
    return Raw(Tag.OPAQUE, leaf=bytes((reason,)))
