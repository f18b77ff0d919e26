"""Holds the state of one search: what waits, the tree of findings, and what was followed before."""

from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import PathStep
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.signatures import is_suspended
from pytest_recorder.analysis.slice.edges import Edge
from pytest_recorder.analysis.slice.worklist import Worklist
from pytest_recorder.analysis.sources import SourceFiles
from pytest_recorder.format.events import Event

MOST_ORIGINS = 160
_MOST_FROM_ONE_LINE = 3


class Search:
    """One search through a trace, from event `end` back. The functions that follow edges use it."""

    def __init__(
        self, history: History, sources: SourceFiles, end: int, *, most: int = MOST_ORIGINS
    ) -> None:
        self.history = history
        self.sources = sources
        self.end = end
        self.worklist = Worklist()
        self.arguments: dict[int, Origin] = {}
        """The finding for the arguments of a call, by the number of its event."""
        self._room = most
        self._followed: set[object] = set()
        self._counts: dict[object, int] = {}
        self._parents: dict[Origin, Origin] = {}
        self._writes: dict[Origin, tuple[int, PathStep | None, int]] = {}
        self._entries: set[Origin] = set()
        self._suspended: dict[tuple[str | None, str | None], bool] = {}

    def next_edge(self) -> Edge | None:
        """Give what to follow next; None where the search is over."""
        return self.worklist.take(is_full=self._room <= 0)

    # The tree of findings.

    def add(self, parent: Origin, origin: Origin) -> Origin:
        """Put a finding into the tree; one of too many of a kind is followed but not shown."""
        key = ("at", origin.how, origin.file, origin.line, origin.function)
        if self.count(*key) <= _MOST_FROM_ONE_LINE or origin.file is None:
            parent.below.append(origin)
            self._room -= 1
        self._parents[origin] = parent
        return origin

    def add_at(self, event: Event, parent: Origin, origin: Origin) -> Origin:
        """Put a finding into the tree that stands at the line of an event."""
        return self.add(parent, self.placed(origin, event))

    def placed(self, origin: Origin, event: Event) -> Origin:
        """Say of a finding where it was: at the line of an event."""
        origin.n, origin.file, origin.line = event.n, event.file, event.line
        origin.function = event.function
        origin.source = self.sources.text(event.file, event.line)
        return origin

    def parent_of(self, origin: Origin) -> Origin | None:
        """Give the finding that another one was found from."""
        return self._parents.get(origin)

    # What was followed before.

    def is_new(self, *key: object) -> bool:
        """Tell whether this is followed for the first time, and note that it is."""
        if key in self._followed:
            return False
        self._followed.add(key)
        return True

    def was_followed(self, *key: object) -> bool:
        """Tell whether `is_new` was asked of this before."""
        return key in self._followed

    def count(self, *key: object) -> int:
        """Count one more of a kind; gives how many there are."""
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key]

    # What findings stand for.

    def note_write(
        self, origin: Origin, number: int, part: PathStep | None, n: int, *, is_entry: bool
    ) -> None:
        """Note that a finding is a write to an object, which event `n` shows.

        `is_entry`: it may have put an entry into a mapping.
        """
        self._writes[origin] = (number, part, n)
        if is_entry:
            self._entries.add(origin)

    def write_of(self, origin: Origin) -> tuple[int, PathStep | None, int] | None:
        """Give object, part and event of the write that a finding is; None where it is none."""
        return self._writes.get(origin)

    def entry_of(self, origin: Origin) -> int | None:
        """Give the event at which a finding put an entry into a mapping; None where it did not."""
        return self._writes[origin][2] if origin in self._entries else None

    def is_suspended(self, end: Event) -> bool:
        """Tell of the end of a call whether it is one of a generator or a coroutine."""
        key = (end.file, end.function)
        if key not in self._suspended:
            function = self.sources.function(end)
            self._suspended[key] = function is None or is_suspended(function)
        return self._suspended[key]
