"""Keeps how many levels of its values each frame of a block shows, and from which event on."""

from bisect import bisect_right
from typing import Final

from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.vocabulary import MAX_BLOCK_FRAMES, MAX_DEPTH
from pytest_recorder.original_builtins import __builtins__


class FrameLevels:
    """What the records of a block say of levels; a frame that none is about shows all.

    `bound` is the bound of the recording on depth. A frame shows one level at least and no more
    than that, whatever a record says.
    """

    __slots__ = ("_bound", "_count", "_since")

    def __init__(self, bound: int = MAX_DEPTH) -> None:
        self._bound = bound
        self._count = 0
        self._since: dict[int, list[tuple[int, int]]] = {}  # (event, levels), in order

    def __len__(self) -> int:
        return self._count

    def told(self) -> dict[int, list[tuple[int, int]]]:
        """Give the events from which each frame shows so many levels, to be compared."""
        return self._since

    def take(self, frame: int, levels: int, n: int) -> None:
        """Take in a record before event `n`. Raises Malformed for more than a block may have."""
        if self._count >= MAX_BLOCK_FRAMES:
            raise Malformed(TOO_MANY)
        self._count += 1
        self._since.setdefault(frame, []).append((n, min(max(levels, 1), self._bound)))

    def at(self, frame: int, n: int) -> int | None:
        """Give the levels that a frame shows at an event; None where that is all of them."""
        since = self._since.get(frame)
        if since is None:
            return None
        at = bisect_right(since, n, key=_event) - 1
        if at < 0 or since[at][1] >= self._bound:
            return None
        return since[at][1]


TOO_MANY: Final = "a block says more of levels than one may"


def _event(since: tuple[int, int]) -> int:
    return since[0]
