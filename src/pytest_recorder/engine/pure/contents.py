"""What an object holds, as it was read and before it is encoded.

PYTEST_DONT_REWRITE
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pytest_recorder.engine.pure.shapes import Shape, TypeReader
from pytest_recorder.format.vocabulary import Reason
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.names import OPEN


class Part(NamedTuple):
    """A part of what an object holds: beside it its key or the name of its attribute."""

    item: Any
    level: int = OPEN  # how much its name hides
    name: str | None = None
    key: Any = None


class Raw(NamedTuple):
    """What an object holds, as it was read; the bytes of a leaf, which has no parts."""

    tag: int
    full: int = 0
    reason: int = Reason.WHOLE
    parts: list[Part] | None = None
    leaf: bytes = b""


Reader = Callable[[Any, TypeReader], Raw]

SIZES: Final[dict[int, Callable[[Any], int]]] = {
    Shape.LIST: list.__len__,
    Shape.TUPLE: tuple.__len__,
    Shape.SET: set.__len__,
    Shape.FROZENSET: frozenset.__len__,
    Shape.DEQUE: deque.__len__,
    Shape.NAMED_TUPLE: tuple.__len__,
    Shape.MAPPING: dict.__len__,
}
"""How many parts a built-in container has, by the slot of its type."""
