"""Holds what the search will follow next: the cheapest edge first."""

import heapq

from pytest_recorder.analysis.slice.edges import Edge

_MOST_COST = 40
_MOST_EDGES = 10_000


class Worklist:
    """Gives out edges: those that must come next, then the cheapest, within a limit of both."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Edge]] = []
        self._next: list[Edge] = []
        self._order = 0
        self._left = _MOST_EDGES

    def later(self, edge: Edge) -> None:
        """Let an edge wait for its turn; one that costs too much is never followed."""
        if edge.cost <= _MOST_COST:
            self._order += 1
            heapq.heappush(self._waiting, (edge.cost, self._order, edge))

    def now(self, *edges: Edge) -> None:
        """Put edges before all others.

        They are followed in this order, each with all that it puts here before the next one: as if
        the functions called each other, but without a stack that grows with the trace.
        """
        self._next += reversed(edges)

    def take(self, *, is_full: bool) -> Edge | None:
        """Give the next edge; None at the end, which comes early where there is no more room."""
        if self._next:
            return self._next.pop()
        if not self._waiting or is_full or self._left <= 0:
            return None
        self._left -= 1
        return heapq.heappop(self._waiting)[2]

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
