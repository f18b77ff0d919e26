"""Words the messages of exceptions and log records without running code of the program.

PYTEST_DONT_REWRITE

`str(exception)` and `record.getMessage()` call methods of whatever was passed in. Here a message is
taken as it is where only built-in types take part, and worded from the parts where not.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import types
from logging import LogRecord
from typing import Any

from pytest_recorder.engine.pure.shapes import type_name

# By address: to hash or to compare a type can run code of its metaclass.
_SCALARS = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))
_CONTAINERS = frozenset(map(id, (list, tuple, set, frozenset, dict)))
_mro_of = type.__dict__["__mro__"].__get__
_namespace_of = type.__dict__["__dict__"].__get__
_flags_of = type.__dict__["__flags__"].__get__
_args_of = BaseException.__dict__["args"].__get__
_record_state = LogRecord.__dict__["__dict__"].__get__
_HEAP_TYPE = 1 << 9
_MOST_DIGITS = 1 << 12


class _Stand:
    """Takes the place of an object of the program in a message."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _is_scalar(value: object) -> bool:
    kind = type(value)
    if kind is int:
        return int.bit_length(value) < _MOST_DIGITS  # type: ignore[arg-type]
    return id(kind) in _SCALARS


def plain(value: Any, depth: int = 2) -> Any:
    """Give a value whose `str` and `repr` are those of built-in types only."""
    if _is_scalar(value):
        return value
    kind = type(value)
    if id(kind) in _CONTAINERS and depth and len(value) <= 20:
        try:
            if kind is dict:
                pairs = tuple(value.items())
                return {_key(key): plain(item, depth - 1) for key, item in pairs}
            parts = [plain(item, depth - 1) for item in tuple(value)]
            return (
                kind(parts) if kind is list or kind is tuple else _Stand(_braces(kind, parts))
            )
        except RuntimeError:
            return _Stand(f"<{type_name(kind)}>")
    return _Stand(f"<{type_name(kind)}>")


def _key(key: object) -> object:
    return key if _is_scalar(key) else _Stand(f"<{type_name(type(key))}>")


def _braces(kind: type, parts: list[Any]) -> str:
    inside = "{" + ", ".join(map(repr, parts)) + "}" if parts else ""
    return f"frozenset({inside})" if kind is frozenset else inside or "set()"


def _text(value: object) -> str:
    """Give `str` of a plain value; of bytes without the warning of `python -b`."""
    return repr(value) if type(value) is bytes else str(value)


def exception_message(error: BaseException) -> str:
    """Word what `str(error)` says, as far as that takes no code of the program."""
    arguments: tuple[Any, ...] = _args_of(error)
    owner = _owner_of_str(type(error))
    is_builtin = not _flags_of(owner) & _HEAP_TYPE
    if owner is BaseExceptionGroup and type(arguments[0]) is str:
        return _call_str(owner, error)
    if is_builtin and owner is not BaseException and all(map(_is_scalar, arguments)):
        return _builtin_text(error, owner, arguments)
    if not arguments:
        return ""
    if len(arguments) == 1:
        return _text(plain(arguments[0]))
    return str(tuple(plain(argument) for argument in arguments))


def _owner_of_str(kind: type) -> type:
    """Give the type whose `__str__` words an exception: a class can take that of a base by name."""
    bases: tuple[type, ...] = _mro_of(kind)
    owner = next(base for base in bases if "__str__" in _namespace_of(base))
    method = _namespace_of(owner)["__str__"]
    if type(method) is types.WrapperDescriptorType and method.__name__ == "__str__":
        for base in bases:
            if base is method.__objclass__ and BaseException in _mro_of(base):
                return base
    return owner


def _call_str(owner: Any, error: BaseException) -> str:
    """Call the `__str__` of a built-in type, whatever a subclass says."""
    return str(owner.__str__(error))


def _builtin_text(error: BaseException, owner: type, arguments: tuple[Any, ...]) -> str:
    """Call the `__str__` of a built-in exception type whose parts are all scalars."""
    parts = [
        member.__get__(error)
        for kind in _mro_of(type(error))
        if not _flags_of(kind) & _HEAP_TYPE
        for member in _namespace_of(kind).values()
        if type(member) is types.MemberDescriptorType
    ]
    if all(map(_is_scalar, parts)):
        return _call_str(owner, error)
    return _text(arguments[0] if len(arguments) == 1 else arguments)


def log_parts(record: object) -> tuple[str, str, str] | None:
    """Give level name, logger name and message of a log record, or None for a foreign object."""
    if not issubclass(type(record), LogRecord):
        return None
    state = _record_state(record)
    level, logger = dict.get(state, "levelname"), dict.get(state, "name")
    return (
        level if type(level) is str else "",
        logger if type(logger) is str else "",
        _log_message(dict.get(state, "msg"), dict.get(state, "args")),
    )


def _log_message(message: object, arguments: Any) -> str:
    if type(message) is not str:
        return _text(plain(message))
    if (type(arguments) is not tuple and type(arguments) is not dict) or not arguments:
        return message
    try:
        if type(arguments) is dict:
            return message % {key: plain(value) for key, value in arguments.items()}
        return message % tuple(plain(value) for value in arguments)
    except (TypeError, ValueError, KeyError, OverflowError):
        # `%d` of an object of the program, or a wrong format: logging itself would complain.
        return message
