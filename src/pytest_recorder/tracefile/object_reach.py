"""Finds in view of which objects one object was, and at which events: its holders, theirs, and on.

The way upwards goes by length, as a value is shown: what a way of two steps leads to at some events
and one of three at others is in view at both.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.object_paths import PathStep, steps_from
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Splice
from pytest_recorder.original_builtins import __builtins__

MOST_HOLDERS: Final = 300
"""Objects on the ways to an object that are looked at."""
MOST_WORK: Final = 1 << 18
"""Parts of records that are read for the ways to an object, and spans that are compared."""

_END: Final = 1 << 62

Path = tuple[PathStep, ...]


class Span(NamedTuple):
    """The events, from `start` up to but without `stop`, in which a path led to an object."""

    start: int
    stop: int
    path: Path


class Spans:
    """Spans of which no two share an event, in order."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def at(self, n: int) -> Span | None:
        """Give the span that covers an event."""
        at = self._place(n)
        return self._spans[at] if at >= 0 and n < self._spans[at].stop else None

    def since(self, n: int) -> Iterator[Span]:
        """Give the spans that do not end before an event."""
        at = self._place(n)
        if at < 0 or self._spans[at].stop <= n:
            at += 1
        for place in range(at, len(self._spans)):
            yield self._spans[place]

    def add(self, spans: Iterable[Span]) -> "Spans":
        """Take in what no span covers so far; give that."""
        new = Spans()
        for first, stop, path in sorted(spans):
            start, came = first, list[Span]()
            for known in self.since(first):
                if known.start >= stop:
                    break
                if start < known.start:
                    came.append(Span(start, known.start, path))
                start = known.stop
            if start < stop:
                came.append(Span(start, stop, path))
            for span in came:
                self._spans.insert(self._place(span.start) + 1, span)
            new._spans += came
        return new

    def _place(self, n: int) -> int:
        return bisect_right(self._spans, n, key=_start) - 1


class ObjectReach:
    """The objects in view of which an object was: `spans` by their number, its own with them.

    `depth` is the bound of the recording: a path has no more steps. `holders` gives the objects
    that have ever had another one in them, `told` an object's records with their events, `written`
    what events show of it in place.
    """

    def __init__(
        self,
        number: int,
        depth: int,
        holders: Callable[[int], Iterable[int]],
        told: Callable[[int], Iterator[tuple[int, ObjectRecord]]],
        written: Callable[[int], Iterator[tuple[int, Container]]],
    ) -> None:
        self.number = number
        self.spans: dict[int, Spans] = {}
        self.is_cut = False
        """Whether something was left out: there was more than a reader looks through."""
        self._holders = holders
        self._told = told
        self._written = written
        self._left = MOST_WORK
        self._known: dict[tuple[int, int], Spans] = {}
        self._above: dict[int, list[int]] = {}
        with contextlib.suppress(Malformed):
            self._climb(number, depth)

    def _climb(self, number: int, depth: int) -> None:
        """Find the ways by their length; a longer one counts where no shorter one leads."""
        found: list[dict[int, list[Span]]] = [{} for _ in range(depth + 1)]
        found[0][number] = [Span(0, _END, ())]
        met = {number}
        for length, level in enumerate(found):
            for held, spans in level.items():
                new = self.spans.setdefault(held, Spans()).add(spans)
                if not len(new) or length == depth:
                    continue
                if held not in self._above:
                    self._above[held] = list(self._holders(held))
                for holder in self._above[held]:
                    if holder not in met and len(met) > MOST_HOLDERS:
                        self.is_cut = True
                        continue
                    met.add(holder)
                    for span in self._cross(self._held_by(holder, held), new):
                        if len(span.path) <= depth:
                            found[len(span.path)].setdefault(holder, []).append(span)
                    if self._left < 0:
                        self.is_cut = True
                        return

    def _cross(self, outer: Spans, inner: Spans) -> Iterator[Span]:
        """Give the spans in which one thing held another while that held a third."""
        for span in outer:
            for other in inner.since(span.start):
                self._left -= 1
                if other.start >= span.stop or self._left < 0:
                    break
                start, stop = max(span.start, other.start), min(span.stop, other.stop)
                yield Span(start, stop, (*span.path, *other.path))

    def _held_by(self, holder: int, held: int) -> Spans:
        found = self._known.get((holder, held))
        if found is None:
            found = self._known[holder, held] = Spans()
            found.add(self._read(holder, held))
            found.add(self._read_in_place(holder, held))
        return found

    def _read(self, holder: int, held: int) -> Iterator[Span]:
        """Give the spans of events in which an object itself held another."""
        content = _Content(held)
        since, path = 0, None
        for n, (_, told) in self._told(holder):
            self._left -= content.take(told)
            if path != content.path or self._left < 0:
                if path is not None and since < n:
                    yield Span(since, n, path)
                since, path = n, content.path
            if self._left < 0:
                return
        if path is not None:
            yield Span(since, _END, path)

    def _read_in_place(self, holder: int, held: int) -> Iterator[Span]:
        """Give the events that show it in place with the other in it: it is told anew at each."""
        for n, whole in self._written(holder):
            content = _Content(held)
            content.take(whole)
            self._left -= _weight(whole)
            if self._left < 0:
                return
            if content.path is not None:
                yield Span(n, n + 1, content.path)


class _Content:
    """What an object holds while its records pass; `path` leads from it to the one wanted."""

    __slots__ = ("_at", "_head", "_parts", "_wanted", "path")

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._head: Container | None = None
        self._parts: list[tuple[Part | str, ...]] = []
        self._at = -1
        self.path: Path | None = None

    def take(self, told: Part | Splice) -> int:
        """Take in a record; gives how many parts were looked through."""
        if not isinstance(told, Splice):
            self._head = told if isinstance(told, Container) else None
            self._parts = list(told.parts) if isinstance(told, Container) else []
            return self._find(0, len(self._parts))
        if self._head is None:
            return 0
        first, end, came = told.first, told.first + told.gone, len(told.came)
        self._parts[first:end] = told.came
        if self.path is None:
            return self._find(first, first + came)
        # One step is the shortest way there is: it stays where nothing came in its place.
        if len(self.path) > 1 or first <= self._at < end:
            return self._find(0, len(self._parts))
        if self._at >= end and came != told.gone:
            at = self._at + came - told.gone
            return self._find(at, at + 1)
        return 1

    def _find(self, start: int, stop: int) -> int:
        self._at, self.path = -1, None
        if self._head is None:
            return 1
        for at in range(start, min(stop, len(self._parts))):
            path = steps_from(self._head, at, self._parts[at], self._wanted)
            if path is not None and (self.path is None or len(path) < len(self.path)):
                self._at, self.path = at, path
                if len(path) == 1:
                    return 1 + at - start
        return 1 + max(stop - start, 0)


def _weight(whole: Container) -> int:
    """Count the parts of a value, at all depths."""
    inner = (piece for part in whole.parts for piece in part if isinstance(piece, Container))
    return 1 + len(whole.parts) + sum(map(_weight, inner))


def _start(span: Span) -> int:
    return span.start
