"""Names what a value is before it is shown: objects by number, containers by their parts."""

from typing import Any, NamedTuple

from pytest_recorder.original_builtins import __builtins__


class Reference(NamedTuple):
    """An object that stands in a value, by its number."""

    number: int


class Container(NamedTuple):
    """What a container or object holds, where objects are in it.

    Each part is one item, a key and its value, or the name of an attribute and its value.
    """

    tag: int
    type: str
    number: int
    fields: list[str]
    full: int
    reason: int
    parts: "tuple[tuple[Part | str, ...], ...]"


Part = dict[str, Any] | Reference | Container
"""A value that is whole, in its JSON form, or what it is to be shown from."""


class Splice(NamedTuple):
    """What changed in the parts of an object: `gone` of them, from the one at `first`, `came`."""

    tag: int
    full: int
    reason: int
    is_doubtful: bool
    """Whether it may be another object at the same address."""
    first: int
    gone: int
    came: "tuple[tuple[Part | str, ...], ...]"


class ObjectRecord(NamedTuple):
    """What a record tells of an object: all that it holds, or what changed in it."""

    number: int
    told: Part | Splice
