"""Chooses which traces of a run stay when not all may: the most informative ones.

What a trace is worth is what would be unknown without it. So the first trace of each failure goes
before all that repeat one; within both, the attempt that decided a test goes before earlier ones.
A failure is the same where the same type of exception came from the same place. What did not fail
and is kept all the same comes last. Equals stand in the order of the run.

A page tells nothing that its trace does not, and can be made anew: pages go before any trace does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.index import HARMLESS, LEFT_OUT, Entry

MAX_KEPT = "max_kept"
MAX_TOTAL = "max_total"


class Quota(NamedTuple):
    """How many traces may stay, and how many bytes in all; None is no bound."""

    kept: int | None
    total: int | None

    @property
    def is_set(self) -> bool:
        """Whether anything is bounded."""
        return self != (None, None)


class LeftOut(NamedTuple):
    """A trace that may not stay: its entry as it was, and as it is without the trace."""

    was: Entry
    entry: Entry
    size_bytes: int
    """With its sidecars."""


class Removals(NamedTuple):
    """What has to go: traces with their sidecars, and pages alone."""

    left_out: list[LeftOut]
    without_page: list[Entry]


class _Room:
    """What has been let in so far, and what not."""

    def __init__(self, quota: Quota, size_of: Callable[[Entry], int]) -> None:
        self._quota = quota
        self._size_of = size_of
        self._total = 0
        self.let_in: list[Entry] = []
        self.left_out: list[LeftOut] = []

    def takes(self, entry: Entry) -> bool:
        """Let a trace in if there is room for it."""
        size = self._size_of(entry)
        kept, total = self._quota
        reason = None
        if kept is not None and len(self.let_in) >= kept:
            reason = MAX_KEPT
        elif total is not None and self.let_in and self._total + size > total:
            reason = MAX_TOTAL
        if reason is None:
            self.let_in.append(entry)
            self._total += size
            return True
        without = entry.but(trace=None, status=LEFT_OUT, reason=reason)
        self.left_out.append(LeftOut(entry, without, size))
        return False

    def without_page(self, page_size_of: Callable[[Entry], int]) -> list[Entry]:
        """Give what was let in whose page has to go, the last one first."""
        total = self._quota.total
        pages = [(entry, size) for entry in self.let_in if (size := page_size_of(entry))]
        over = self._total + sum(size for _, size in pages) - total if total is not None else 0
        found: list[Entry] = []
        while over > 0 and pages:
            entry, size = pages.pop()
            found.append(entry)
            over -= size
        return found


def choose(
    entries: Sequence[Entry],
    quota: Quota,
    attempts: Mapping[str, int],
    size_of: Callable[[Entry], int],
    page_size_of: Callable[[Entry], int],
) -> Removals:
    """Give what has to go. `attempts` says how many each test had, where that is known.

    `size_of` gives the bytes of a trace with its sidecars but the page.

    One that is too large leaves its room to others, of the same failure first. The first trace
    stays however large it is: a bound that is too small must not cost the only evidence.
    """
    there = [entry for entry in entries if entry.trace is not None]
    last = dict(attempts)
    for entry in there:
        last[entry.test] = max(last.get(entry.test, 0), entry.attempt)
    failed = [entry for entry in there if entry.outcome not in HARMLESS]
    room = _Room(quota, size_of)
    repeats: list[Entry] = []
    shown: set[tuple[str, ...]] = set()
    for entry in sorted(failed, key=lambda entry: entry.attempt < last[entry.test]):
        failure = failure_key(entry)
        if failure in shown:
            repeats.append(entry)
        elif room.takes(entry):
            shown.add(failure)
    for entry in (*repeats, *(e for e in there if e.outcome in HARMLESS)):
        room.takes(entry)
    left_out = [
        gone._replace(size_bytes=gone.size_bytes + page_size_of(gone.was))
        for gone in room.left_out
    ]
    return Removals(left_out, room.without_page(page_size_of))


def failure_key(entry: Entry) -> tuple[str, ...]:
    """Name the failure. One that has no place is like no other.

    Processes that died at the same line died of the same thing.
    """
    if entry.place is None:
        return entry.test, str(entry.attempt), entry.trace or ""
    return entry.exception or entry.outcome or "", entry.place
