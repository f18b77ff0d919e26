"""Holds what the search for origins has found and what it will look at next: cheapest first."""

import ast
import heapq
from collections.abc import Callable

from pytest_recorder.analysis.changes import Site
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import (
    Step,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.syntax import Sources
from pytest_recorder.format.events import Event

MOST_ORIGINS = 160
_MOST_COST = 40
_MOST_TASKS = 10_000
_MOST_SAME = 3

# What one step back costs: the less, the sooner it is followed and the longer it is shown.
READ, ARGUMENT, RESULT, IN_PLACE, CONDITION, FAR = 2, 1, 1, 2, 4, 4


class Agenda:
    """The queue, the tree that grows, and what was seen. Each step back has a cost."""

    def __init__(self, history: History, sources: Sources, *, most: int = MOST_ORIGINS) -> None:
        self._history = history
        self._sources = sources
        self._left = most
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._order = 0
        self._seen: set[object] = set()
        self._counts: dict[object, int] = {}
        self._arguments: dict[int, Origin] = {}
        self._kept: list[Origin] = []  # so that no two of them have one id()
        self._above: dict[int, Origin] = {}
        self._writes: dict[int, tuple[int, Step | None, int]] = {}
        self._entries: set[int] = set()  # those of them that put an entry into a mapping
        self._suspended: dict[tuple[str | None, str | None], bool] = {}
        self._end = 0

    def _later(self, cost: int, task: Callable[[], object]) -> None:
        if cost <= _MOST_COST:
            self._order += 1
            heapq.heappush(self._queue, (cost, self._order, task))

    def _run(self) -> None:
        for _ in range(_MOST_TASKS):
            if not self._queue or self._left <= 0:
                return
            heapq.heappop(self._queue)[2]()

    def _add(self, parent: Origin, origin: Origin) -> Origin:
        """Put an origin into the tree; one of too many of a kind is followed but not shown."""
        key = ("at", origin.how, origin.file, origin.line, origin.function)
        self._counts[key] = self._counts.get(key, 0) + 1
        if origin.file is None or self._counts[key] <= _MOST_SAME:
            parent.below.append(origin)
            self._left -= 1
        self._above[id(origin)] = parent
        self._kept.append(origin)
        return origin

    def _is_new(self, *key: object) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _place(self, origin: Origin, event: Event) -> Origin:
        """Say of an origin where it was: at the line of an event."""
        origin.n, origin.file, origin.line = event.n, event.file, event.line
        origin.function = event.function
        origin.source = self._sources.text(event.file, event.line)
        return origin

    # What the parts of the search ask of each other; each is the work of a module above this one.

    def _read(self, frame: int, n: int, read: Read, parent: Origin, cost: int) -> None:
        """Follow the value of a name, or of a part of it, as it was after event `n`."""
        raise NotImplementedError

    def _variable(
        self,
        frame: int,
        n: int,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow a variable to the statement or the call that gave it its value."""
        raise NotImplementedError

    def _conditions(
        self, site: Site, stmt: ast.stmt, read: Read | None, parent: Origin, cost: int
    ) -> None:
        """Follow what decided that a statement ran."""
        raise NotImplementedError
