"""Says how much of one value is recorded.

PYTEST_DONT_REWRITE
"""

from typing import NamedTuple

from pytest_recorder.original_builtins import __builtins__


class Bounds(NamedTuple):
    """How much of one value is recorded: levels, items of a container, characters, attributes.

    Where more objects than `objects` are in view of a frame, it shows fewer levels.
    """

    depth: int = 3
    items: int = 20
    chars: int = 256
    attributes: int = 20
    objects: int = 128
