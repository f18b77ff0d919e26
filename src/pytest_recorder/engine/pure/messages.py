"""Words the messages of exceptions and log records without running code of the program.

PYTEST_DONT_REWRITE

`str(exception)` and `record.getMessage()` call methods of whatever was passed in. Here a message is
taken as it is where only built-in types take part, and worded from the parts where not. Nothing
here is hashed or compared but exact strings: a dict is worded, never made anew.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
import types
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from logging import LogRecord
from typing import Any, Final

from pytest_recorder.engine.pure.lookups import entry, named_entries
from pytest_recorder.engine.pure.shapes import items_of_tuple, type_name
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.slots import (
    args_of,
    flags_of,
    members_of_group,
    message_of_group,
    mro_of,
    namespace_of,
)

ShownUnder = Callable[[str, Any], Any]

# By address: to hash or to compare a type can run code of its metaclass.
_SCALARS = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))
_CONTAINERS = frozenset(map(id, (list, tuple, set, frozenset, dict)))
_record_state = LogRecord.__dict__["__dict__"].__get__
_HEAP_TYPE = 1 << 9
_EMPTY: Final = ()


def _static_errors() -> Iterator[type]:
    """Give the types of Python's own exceptions: nobody can change them, and they never die."""
    todo: list[type] = [BaseException]
    while todo:
        kind = todo.pop()
        if not flags_of(kind) & _HEAP_TYPE:
            yield kind
            todo += type.__subclasses__(kind)


_OWN_STR: Final[dict[int, Any]] = {
    id(kind): entry(namespace_of(kind), "__str__") for kind in (object, *_static_errors())
}
"""The `__str__` that such a type has itself, or None: by address, as above."""
_MOST_BITS = 2048
"""Of an int in a message: its digits are fewer than the lowest limit that Python can be given."""
_MOST_ITEMS = 20
_MOST_CHARACTERS = 4096
_MOST_WIDTH = 4096
"""Characters to which a format may pad what it shows."""
_FORMAT = re.compile(
    r"%(?:\([^()]*\))?[#0\- +]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?[hlL]?.", re.DOTALL
)


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
        return int.bit_length(value) < _MOST_BITS  # type: ignore[arg-type]
    return id(kind) in _SCALARS


def _shown(value: Any, depth: int) -> str:
    """Word what `repr` says of a value, as far as that takes no code of the program."""
    kind = type(value)
    if (kind is str or kind is bytes) and len(value) > _MOST_CHARACTERS:
        return f"{value[:_MOST_CHARACTERS]!r}..."
    if _is_scalar(value):
        return repr(value)
    if kind is int:
        return f"<int of {int.bit_length(value)} bits>"
    if id(kind) not in _CONTAINERS or not depth or len(value) > _MOST_ITEMS:
        return f"<{type_name(kind)}>"
    try:
        if kind is dict:
            pairs = tuple(value.items())
            inside = (f"{_key(k)}: {_shown(item, depth - 1)}" for k, item in pairs)
            return "{" + ", ".join(inside) + "}"
        items = items_of_tuple(value, _MOST_ITEMS) if kind is tuple else tuple(value)
    except RuntimeError:
        # Another thread has changed it.
        return f"<{type_name(kind)}>"
    return _braced(kind, [_shown(item, depth - 1) for item in items])


def _key(key: object) -> str:
    return _shown(key, 0)


def _braced(kind: type, parts: list[str]) -> str:
    inside = ", ".join(parts)
    if kind is list:
        return f"[{inside}]"
    if kind is tuple:
        return f"({inside},)" if len(parts) == 1 else f"({inside})"
    if not parts:
        return f"{kind.__name__}()"
    return f"{{{inside}}}" if kind is set else f"frozenset({{{inside}}})"


def plain(value: Any, depth: int = 2) -> Any:
    """Give a value whose `str` and `repr` are those of built-in types only, and warn of nothing."""
    if _is_scalar(value) and type(value) is not bytes:
        return value
    return _Stand(_shown(value, depth))


def _text(value: object) -> str:
    """Give `str` of a value that may be the program's."""
    return str(plain(value))


def exception_message(error: BaseException) -> str:
    """Word what `str(error)` says, as far as that takes no code of the program."""
    arguments: tuple[Any, ...] = args_of(error)
    owner = _owner_of_str(type(error))
    if owner is BaseException and arguments is _EMPTY:
        # Most exceptions that control a program have nothing to say.
        return ""
    shown = items_of_tuple(arguments, _MOST_ITEMS + 1)
    if owner is BaseExceptionGroup:
        return _group_text(error)
    is_builtin = not flags_of(owner) & _HEAP_TYPE
    if is_builtin and owner is not BaseException and len(shown) <= _MOST_ITEMS:
        words = _builtin_text(error, owner, shown)
        if words is not None:
            return words
    if not shown:
        return ""
    if len(shown) == 1:
        return _text(shown[0])
    words = ", ".join(_shown(argument, 2) for argument in shown[:_MOST_ITEMS])
    return f"({words})" if len(shown) <= _MOST_ITEMS else f"({words}, ...)"


def _group_text(error: Any) -> str:
    """Say of a group what Python says; not by its `args`, which the program can replace."""
    message, members = message_of_group(error), members_of_group(error)
    count = tuple.__len__(members) if issubclass(type(members), tuple) else 0
    return f"{_text(message)} ({count} sub-exception{'s' if count > 1 else ''})"


def _owner_of_str(kind: type) -> type:
    """Give the type whose `__str__` words an exception: a class can take that of a base by name."""
    bases: tuple[type, ...] = mro_of(kind)
    for base in bases:
        method = _OWN_STR.get(id(base), _EMPTY)
        if method is _EMPTY:
            method = entry(namespace_of(base), "__str__")
        if method is not None:
            break
    else:
        return BaseException
    if type(method) is types.WrapperDescriptorType and method.__name__ == "__str__":
        given_by = method.__objclass__
        if given_by is base:
            return base
        for owner in bases:
            if owner is given_by and any(each is BaseException for each in mro_of(owner)):
                return owner
    return base


def _builtin_text(error: Any, owner: Any, arguments: tuple[Any, ...]) -> str | None:
    """Call the `__str__` of a built-in exception type where all its parts are scalars."""
    if not all(map(_is_scalar, arguments)):
        return None
    parts = [
        member.__get__(error)
        for kind in mro_of(type(error))
        if not flags_of(kind) & _HEAP_TYPE
        for member in namespace_of(kind).values()
        if type(member) is types.MemberDescriptorType
    ]
    if not all(map(_is_scalar, parts)):
        return None
    # Only a key is worded by `repr`, which does not warn of bytes (`python -b`).
    if owner is not KeyError and any(type(part) is bytes for part in (*arguments, *parts)):
        return None
    return str(owner.__str__(error))


def log_parts(record: object, shown_under: ShownUnder) -> tuple[str, str, str] | None:
    """Give level name, logger name and message of a log record, or None for a foreign object.

    `shown_under` gives what is shown of a value with a name.
    """
    if not issubclass(type(record), LogRecord):
        return None
    state = _record_state(record)
    level, logger = entry(state, "levelname"), entry(state, "name")
    return (
        level if type(level) is str else "",
        logger if type(logger) is str else "",
        _log_message(entry(state, "msg"), entry(state, "args"), shown_under),
    )


def _log_message(message: object, arguments: Any, shown_under: ShownUnder) -> str:
    if type(message) is not str:
        return _text(message)
    kind = type(arguments)
    if kind is not tuple and kind is not dict:
        return message if arguments is None else _unformatted(message, (arguments,))
    if not arguments:
        return message
    try:
        if kind is dict and "%(" in message:
            named = named_entries(arguments).items()
            arguments = {name: shown_under(name, value) for name, value in named}
            if _is_bounded(message, ()):
                return message % {name: plain(value) for name, value in arguments.items()}
        else:
            # One mapping alone is the argument itself: logging unpacks the tuple it came in.
            given = (arguments,) if kind is dict else items_of_tuple(arguments, _MOST_WIDTH)
            if _is_bounded(message, given):
                return message % tuple(plain(value) for value in given)
    except (TypeError, ValueError, KeyError, OverflowError, RuntimeError):
        # `%d` of an object of the program, or a wrong format: logging itself would complain.
        return _unformatted(message, arguments)
    return _unformatted(message, arguments)


def _is_bounded(message: str, arguments: Iterable[Any]) -> bool:
    """Tell whether no format pads what it shows to a length that is nobody's wish."""
    widths: list[str] = []
    for found in _FORMAT.finditer(message):
        widths += (found["width"], found["precision"] or "")
    if "*" in widths and any(
        type(value) is int and not -_MOST_WIDTH < value < _MOST_WIDTH for value in arguments
    ):
        return False
    return all(width in ("", "*") or int(width[:9]) <= _MOST_WIDTH for width in widths)


def _unformatted(message: str, arguments: Any) -> str:
    """Say what a format would have been given."""
    if type(arguments) is dict:
        given: Iterable[Any] = tuple(islice(dict.values(arguments), _MOST_ITEMS))
    else:
        given = items_of_tuple(arguments, _MOST_ITEMS)
    return (
        f"{message} (not formatted: args hold {', '.join(_shown(each, 1) for each in given)})"
    )
