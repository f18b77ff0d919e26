"""Finds the places in a trace where something changed: of a name, of an object, of a call."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytest_recorder.analysis.history import History, Telling
from pytest_recorder.analysis.objects import (
    PathStep,
    content,
    differ,
    follow,
    is_at_depth,
    is_open,
    mark,
    parts,
    paths_to,
)
from pytest_recorder.format.events import Event, Value

_MOST_STEP_EVENTS = 20_000
_MOST_SIGHTS_BACK = 100_000


class StatementRun(NamedTuple):
    """What ran: `start` is the frame's event before it, `end` the one that shows its effect."""

    frame: int
    start: Event
    end: int


class Change(NamedTuple):
    """A change: where it was made, and the value before and after."""

    run: StatementRun | None
    """None where it cannot be told: the frame ran before the recording, or came by a call."""
    shown: Event
    """The event that shows it."""
    old: Value | None
    new: Value | None
    is_doubtful: bool = False
    """Whether it may be another object, which got the address of the one before."""


def variable_changes(
    history: History, frame: int, n: int, root: str, steps: tuple[PathStep, ...] = ()
) -> Iterator[Change]:
    """Give the changes of a variable, or of a part of it, up to event `n`, the latest first.

    The last one has no old value; where a `call` shows it, it is an argument.
    """
    shown: Event | None = None
    newer: Value | None = None
    is_unseen = False
    for event in history.of_frame(frame, n + 1):
        held = event.changes.get(root) or (event.args or {}).get(root)
        if held is None and root not in event.deleted:
            continue
        here, is_deeper = _at(held, steps)
        if is_deeper:
            is_unseen = shown is not None
            continue
        if shown is not None and differ(here, newer):
            yield _change(history, frame, shown, here, newer, is_unseen=is_unseen)
        if shown is None or differ(here, newer):
            newer = here
        shown, is_unseen = event, False
    if shown is not None and newer is not None:
        yield _change(history, frame, shown, None, newer, is_unseen=is_unseen)


def _at(value: Value | None, steps: tuple[PathStep, ...]) -> tuple[Value | None, bool]:
    """Give what stands at a path; or tell that it lies deeper than what was recorded."""
    if value is None:
        return None, False
    found, walked = follow(value, steps)
    if walked == len(steps):
        return found, False
    return None, is_at_depth(found)


def _change(
    history: History,
    frame: int,
    shown: Event,
    old: Value | None,
    new: Value | None,
    *,
    is_unseen: bool,
) -> Change:
    # It may have changed at an event before, which shows too few levels to tell.
    if shown.kind == "call" or is_unseen:
        return Change(None, shown, old, new)
    start = history.before(frame, shown.n)
    run = StatementRun(frame, start, shown.n) if start is not None else None
    return Change(run, shown, old, new)


def object_changes(
    history: History, number: int, part: PathStep | None, before: int
) -> Iterator[Change]:
    """Give the changes of an object, or of one part of it, by anyone, the latest first.

    A change is shown first by the innermost frame that holds the object: that one made it.
    """
    if history.has_records_of_objects:
        return _told_changes(history, number, part, before)
    return _seen_changes(history, number, part, before)


def _told_changes(
    history: History, number: int, part: PathStep | None, before: int
) -> Iterator[Change]:
    newer: Telling | None = None
    for told in history.tellings(number, before):
        if not is_open(told.value):
            continue  # at the bound on depth: nothing is known of what it held
        if newer is not None:
            old = history.value_before(number, told.event, newer.event.n)
            old = old if old is not None and is_open(old) else told.value
            if content(old, part) != content(newer.value, part):
                run = run_of(history, newer.event)
                # One that is told whole in a new block says nothing of doubt.
                is_certain = newer.is_change and not newer.is_doubtful
                if not is_certain and (
                    run is None or not _is_same(history, run, number, old, newer.value)
                ):
                    return
                yield Change(run, newer.event, old, newer.value, newer.is_doubtful)
        newer = told


def _seen_changes(
    history: History, number: int, part: PathStep | None, before: int
) -> Iterator[Change]:
    newer: Value | None = None
    first: Event | None = None
    last_found = before
    for event, value in history.sights(number, before):
        if last_found - event.n > _MOST_SIGHTS_BACK:
            return
        if newer is not None and first is not None:
            if newer.get("type") != value.get("type"):
                return
            if content(value, part) != content(newer, part):
                run = run_of(history, first)
                if run is None or not _is_same(history, run, number, value, newer):
                    return
                yield Change(run, first, value, newer)
                last_found = first.n
        newer, first = value, event


def _is_same(history: History, run: StatementRun, number: int, old: Value, new: Value) -> bool:
    """Whether an object is the same one, and not a later one that got its number.

    It is where the frame that changed it held it before. Where it did not, it may have come by a
    way that is not recorded: then most of its content is still there.
    """
    values = history.values(run.frame, run.start.n).values()
    if any(paths_to(value, number) is not None for value in values):
        return True
    before = {repr(mark(child)) for _, child in parts(old)}
    after = {repr(mark(child)) for _, child in parts(new)}
    return len(before & after) * 2 > len(before)


def run_of(history: History, shown: Event) -> StatementRun | None:
    """Give what ran in the frame that shows a change; before a `call` that is its caller."""
    frame = shown.frame
    if frame is None:
        return None
    if shown.kind == "call":
        frame = shown.parent
        if frame is None:
            return None
    start = history.before(frame, shown.n)
    return StatementRun(frame, start, shown.n) if start is not None else None


def results(
    history: History, run: StatementRun, start: int, is_suspended: Callable[[Event], bool]
) -> list[Event]:
    """Give the ends of the calls that a frame made while it ran a statement, in order.

    They are `return` events, and `yield`s of generators that it asked for a value. `is_suspended`
    tells of the `return` of a function whether it may have yielded before.
    """
    found: list[Event] = []
    n = run.end - 1
    for _ in range(_MOST_STEP_EVENTS):
        if n <= start:
            break
        event = history.event(n)
        if event is None:
            break
        n -= 1
        if event.kind not in ("return", "yield") or event.frame in (None, run.frame):
            continue
        if history.parent_of(event.frame or 0, event.n) == run.frame:
            found.append(event)
            if event.kind == "return" and not is_suspended(event):
                call = history.start_of(event.frame or 0)
                n = n if call is None else max(start, min(n, call))
    return found[::-1]
