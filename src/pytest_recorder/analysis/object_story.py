"""Tells what became of one object: when it was in view, who changed it, and what held it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_recorder.analysis.history import ALL_EVENTS, History
from pytest_recorder.analysis.objects import follow, path_text
from pytest_recorder.analysis.position import find_position, split_question
from pytest_recorder.analysis.slice.written import resolved
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.format.object_changes import ObjectChange
from pytest_recorder.tracefile.object_index import Holder, Life, Place
from pytest_recorder.tracefile.reader import Trace


@dataclass(slots=True)
class Changed:
    """How an object came into view, or a change of it; by which line, and through what."""

    change: ObjectChange
    by: Place | None
    """The line that made it, in the frame that shows it first; None where that is not known."""
    through: list[str]
    """The variables of that frame that show it, with the way from there; shortest first."""


@dataclass(slots=True)
class ObjectStory:
    """What became of an object.

    `changes` are told in order while they are asked for. `is_cut` says after that whether something
    was left out: there was more than a reader holds at once.
    """

    life: Life
    first: Place
    last: Place
    changes: Iterator[Changed]
    holders: list[Holder] = field(default_factory=list[Holder])


def object_story(trace: Trace, question: str, test: str | None = None) -> ObjectStory:
    """Tell of an object: by its number, `#17`, or as `NAME[@[FILE:]LINE]` holds it.

    No event is decoded where it is asked by its number. Raises UsageError (ERR_QUERY).
    """
    number = _number(question)
    if number is None:
        number = _number_held(trace, question, test)
    objects = trace.objects
    life = objects.life(number)
    if life is None:
        raise usage(ErrorCode.QUERY, f"no object #{number} in the trace")
    first, last = objects.place(life.first), objects.place(life.last)
    return ObjectStory(life, first, last, _changes(trace, number), objects.holders(number))


def holder_text(holder: Holder) -> str:
    """Give the name that held an object, with the way from there to it."""
    return path_text(holder.name or "?", holder.path)


def _changes(trace: Trace, number: int) -> Iterator[Changed]:
    objects = trace.objects
    for change in objects.changes(number):
        names = objects.names_at(number, change.n)
        through = [path_text(name, path) for name, path in names]
        yield Changed(change, objects.maker(change.n), through)


def _number(question: str) -> int | None:
    digits = question.strip().removeprefix("#")
    return int(digits) if digits.isdecimal() and len(digits) < 19 else None


def _number_held(trace: Trace, question: str, test: str | None) -> int:
    history = History(trace, most_events=ALL_EVENTS)
    path, location = split_question(question)
    position = find_position(history, path, location, test)
    values = history.values(position.frame, position.n)
    held: Any = values.get(path.root)
    steps = resolved(path.steps, values)
    if held is not None:
        held, walked = follow(held, steps)
        held = held if walked == len(path.steps) else None
    if held is None or "id" not in held:
        what = "is no object there" if held is not None else "was not recorded there"
        raise usage(ErrorCode.QUERY, f"{path_text(path.root, steps)} {what}")
    number: int = held["id"]
    return number
