"""Finds a name in a dictionary of the program, and copies its strings, without running its code.

PYTEST_DONT_REWRITE

A look-up compares the name with the keys of its hash. A key of a subclass of str can have any hash,
and a comparison in Python. Keys that are exact strings are compared in C; the others are passed
over, for no name of Python's own is ever one of them.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Mapping
from itertools import repeat
from operator import is_
from types import MappingProxyType
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__

_WHOLE = slice(None)
_STR: Final = repeat(str)


def exact(text: str) -> str:
    """Give an exact str of the same characters: names of code and classes can be of subclasses."""
    return text if type(text) is str else str.__getitem__(text, _WHOLE)


def is_plain(namespace: Mapping[Any, Any]) -> bool:
    """Tell whether all keys of a dict, or of the namespace of a class, are exact strings."""
    is_proxy = type(namespace) is MappingProxyType
    keys = namespace if is_proxy else dict.__iter__(namespace)  # type: ignore[arg-type]
    return all(map(is_, map(type, keys), _STR))


def entry(namespace: Mapping[Any, Any], name: str, default: Any = None) -> Any:
    """Give what a dict, or the namespace of a class, has under a name."""
    # Spelled out: this is asked for each class of each exception.
    if type(namespace) is MappingProxyType:
        if all(map(is_, map(type, namespace), _STR)):
            return namespace.get(name, default)
    elif is_plain(namespace):
        return dict.get(namespace, name, default)  # type: ignore[call-overload]
    return named_entries(namespace).get(name, default)


def named_entries(namespace: Mapping[Any, Any]) -> dict[str, Any]:
    """Give the entries of a dict, or of the namespace of a class, whose keys are exact strings."""
    items = (
        namespace.items() if type(namespace) is MappingProxyType else dict.items(namespace)  # type: ignore[arg-type]
    )
    return {key: value for key, value in tuple(items) if type(key) is str}
