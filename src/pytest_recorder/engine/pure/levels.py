"""Knows how much is recorded now: what was asked for, or less for the rest of a trace.

PYTEST_DONT_REWRITE
"""

from typing import TYPE_CHECKING

from pytest_recorder.format.vocabulary import LEVELS, Op
from pytest_recorder.original_builtins import __builtins__

if TYPE_CHECKING:
    from pytest_recorder.engine.pure.definitions import Sink


class RecordedLevel:
    """The level of a recording. Asked at each event: it says at once what it stands for."""

    __slots__ = ("_asked", "_number", "has_lines", "has_values")

    def __init__(self, level: str) -> None:
        self._asked = LEVELS.index(level)
        self._take(self._asked)

    def _take(self, number: int) -> None:
        self._number = number
        self.has_lines = number >= LEVELS.index("lines")
        self.has_values = number >= LEVELS.index("values")

    def begin_block(self, sink: "Sink", size: int, base_us: int) -> None:
        """Start a block of events; where the level has fallen it says so, for it is read alone."""
        mark = bytes((Op.AT_LEVEL, self._number)) if self._number < self._asked else b""
        sink.next_events(size + len(mark), base_us)
        if mark:
            sink.append(mark, 0)

    def restore(self) -> None:
        """Record again what was asked for: another trace begins."""
        self._take(self._asked)

    def is_above(self, level: str) -> bool:
        """Tell whether more than this is recorded now."""
        return self._number > LEVELS.index(level)

    def lower(self, level: str) -> None:
        """Record no more than this."""
        self._take(min(self._number, LEVELS.index(level)))
