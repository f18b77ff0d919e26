"""Is a tracer of its own, that copies deep what a recording should show of each event.

It knows the documents of the project (the bounds, the forms of values), none of its code.
"""

import ctypes
import datetime as dt
import decimal
import enum
import inspect
import math
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Value = dict[str, Any]
_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_TEXTS = (
    decimal.Decimal,
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    dt.timezone,
)
COUNT = "count"
"""How many attributes there are in all: recorded, and shown only where some are left out."""


class Event(NamedTuple):
    """What was seen: `values` are those of all variables, `id` in them is an address."""

    kind: str
    frame: int
    function: str
    line: int
    values: dict[str, Value]
    value: Value | None = None


class Copier:
    """Copies values within bounds."""

    def __init__(self, bounds: dict[str, int]) -> None:
        self._depth, self._items = bounds["depth"], bounds["items"]
        self._chars, self._attributes = bounds["chars"], bounds["attributes"]
        self._open: list[int] = []

    def copy(self, value: Any, depth: int = 0) -> Value:
        """Give the form of a value that docs/json-lines.md tells of."""
        kind = type(value)
        if kind in _SCALARS:
            return self._scalar(kind, value)
        head = {"type": _name(kind), "id": id(value)}
        if kind in _TEXTS:
            zone = value.tzinfo if kind in (dt.datetime, dt.time) else None
            if zone is not None and type(zone) is not dt.timezone:
                return head | {"unavailable": "reading it would run code of the program"}
            return head | _untyped(self._scalar(str, str(value)))
        if isinstance(value, bytearray):
            return head | _untyped(self._scalar(bytes, bytes(value)))
        plain = next(
            (base for base in (int, float, complex, str, bytes) if issubclass(kind, base)), None
        )
        if plain is not None and not isinstance(value, enum.Enum):
            return head | _untyped(self._scalar(plain, _exact(plain, value)))
        if isinstance(value, (list, tuple, set, frozenset, deque, dict)):
            return self._container(head, value, depth)
        attributes = _attributes_of(value)
        if attributes is None:
            return head | {"unavailable": "no state that can be read without running code"}
        return self._object(head, attributes, depth)

    def _scalar(self, kind: type, value: Any) -> Value:
        told: Value = {"type": kind.__name__, "value": value}
        if kind is float and not math.isfinite(value):
            told["value"] = "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        elif kind is complex:
            told["value"] = repr(value)
        elif kind in (str, bytes):
            shown = value[: self._chars]
            told["value"] = shown if kind is str else shown.hex()
            if len(shown) < len(value):
                told |= {"length": len(value), "truncated": True, "reason": "chars"}
        return told

    def _why_closed(self, value_id: int, full: int, depth: int) -> str | None:
        if value_id in self._open:
            return "cycle"
        return "depth" if depth >= self._depth and full else None

    def _container(self, head: Value, value: Any, depth: int) -> Value:
        full = len(value)
        why = self._why_closed(head["id"], full, depth)
        shown: list[Any] = []
        if why is None:
            self._open.append(head["id"])
            if isinstance(value, dict):
                for key, item in list(dict.items(value))[: self._items]:
                    shown.append([self.copy(key, depth + 1), self.copy(item, depth + 1)])
            else:
                shown = [self.copy(item, depth + 1) for item in list(value)[: self._items]]
            self._open.pop()
            why = "items" if full > self._items else None
        told = head | {"length": full, "entries" if isinstance(value, dict) else "items": shown}
        fields = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and fields:
            told["fields"] = list(fields)
        return told | ({"truncated": True, "reason": why} if why else {})

    def _object(self, head: Value, attributes: list[tuple[Any, Any]], depth: int) -> Value:
        full = len(attributes)
        why = self._why_closed(head["id"], full, depth)
        shown: dict[str, Value] = {}
        if why is None:
            self._open.append(head["id"])
            # Of names that are no strings, only the number is told.
            named = [pair for pair in attributes[: self._attributes] if type(pair[0]) is str]
            shown = {name: self.copy(item, depth + 1) for name, item in named}
            self._open.pop()
            why = "attributes" if full > self._attributes else None
        told = head | {"attributes": shown, COUNT: full}
        return told | ({"length": full, "truncated": True, "reason": why} if why else {})


def _name(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _untyped(value: Value) -> Value:
    return {key: part for key, part in value.items() if key != "type"}


def _exact(kind: Any, value: Any) -> Any:
    return kind.__getitem__(value, slice(None)) if kind in (str, bytes) else kind.__pos__(value)


def _attributes_of(value: Any) -> list[tuple[Any, Any]] | None:
    """Give all attributes that are to be told, in order; None for what nobody can read."""
    kind = type(value)
    if isinstance(value, type):
        return [("name", _name(value))]
    if isinstance(value, types.ModuleType):
        return [("name", value.__name__)]
    if isinstance(value, types.FunctionType):
        code = value.__code__
        return [
            ("qualname", value.__qualname__),
            ("file", code.co_filename),
            ("line", code.co_firstlineno),
        ]
    if isinstance(value, types.BuiltinFunctionType):
        return [("qualname", value.__qualname__)]
    if isinstance(value, (slice, range)):
        return [(name, getattr(value, name)) for name in ("start", "stop", "step")]
    if isinstance(value, enum.Enum):
        return [("name", value.name), ("value", value.value)]
    found: list[tuple[Any, Any]] = []
    if isinstance(value, BaseException):
        found.append(("args", value.args))
    slots = [name for base in kind.__mro__ for name in vars(base).get("__slots__", ())]
    found += [(name, getattr(value, name)) for name in slots if hasattr(value, name)]
    state = getattr(value, "__dict__", None)
    if state is None and not slots and not isinstance(value, BaseException):
        return None
    return [*found, *(state or {}).items()]


class Witness:
    """Traces the code of one file with `sys.monitoring`."""

    def __init__(self, file: str, bounds: dict[str, int]) -> None:
        self._file = file
        self._copy = Copier(bounds).copy
        self._frames: dict[int, int] = {}
        self._count = 0
        self.events: list[Event] = []

    def run(self, function: Callable[[], Any]) -> None:
        """Call a function; what it raises passes."""
        monitoring = sys.monitoring
        tool = monitoring.DEBUGGER_ID
        monitoring.use_tool_id(tool, "witness")
        kinds = {
            "PY_START": "call",
            "PY_RESUME": "resume",
            "PY_THROW": "throw",
            "PY_RETURN": "return",
            "PY_YIELD": "yield",
            "PY_UNWIND": "unwind",
            "RAISE": "raise",
            "LINE": "line",
        }
        try:
            wanted = 0
            for name, kind in kinds.items():
                number = getattr(monitoring.events, name)
                wanted |= number
                monitoring.register_callback(tool, number, self._callback(kind))
            monitoring.set_events(tool, wanted)
            function()
        finally:
            monitoring.set_events(tool, 0)
            for name in kinds:
                monitoring.register_callback(tool, getattr(monitoring.events, name), None)
            monitoring.free_tool_id(tool)

    def _callback(self, kind: str) -> Callable[..., Any]:
        def callback(code: types.CodeType, *args: Any) -> None:
            if code.co_filename == self._file:
                self._see(kind, sys._getframe(1), args)

        return callback

    def _see(self, kind: str, frame: types.FrameType, args: tuple[Any, ...]) -> None:
        code = frame.f_code
        number = self._frames.get(id(frame))
        if number is None:
            self._count += 1
            number = self._frames[id(frame)] = self._count
        values = {name: self._copy(value) for name, value in _variables(frame)}
        if kind == "call":
            count = code.co_argcount + code.co_kwonlyargcount
            values = {name: values[name] for name in code.co_varnames[:count] if name in values}
        value = self._copy(args[-1]) if kind in ("return", "yield") else None
        line = args[0] if kind == "line" else frame.f_lineno or 0
        if kind in ("return", "unwind"):
            del self._frames[id(frame)]
        self.events.append(Event(kind, number, code.co_qualname, line, values, value))


if sys.version_info >= (3, 12):
    _get_var = ctypes.pythonapi["PyFrame_GetVar"]
    _get_var.restype = ctypes.py_object
    _get_var.argtypes = (ctypes.py_object, ctypes.py_object)


def _variables(frame: types.FrameType) -> Iterator[tuple[str, Any]]:
    """Give the variables that have a value; `f_locals` would keep what they are alive on 3.12."""
    code = frame.f_code
    if not code.co_flags & inspect.CO_OPTIMIZED:
        # The names that random programs give a value in a namespace.
        for name in ("u", "v", "w"):
            if name in code.co_names and name in frame.f_locals:
                yield name, frame.f_locals[name]
        return
    for name in dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars)):
        if not name.isidentifier():
            continue  # the interpreter's own
        try:
            yield name, _get_var(frame, name)
        except NameError:
            continue
