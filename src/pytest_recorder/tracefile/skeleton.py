"""Builds the skeleton of a trace from its events: which frame called which, and the exceptions."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pytest_recorder.format.decode import Frame
from pytest_recorder.format.events import CodeInfo, Event
from pytest_recorder.original_builtins import __builtins__

End = Literal["open", "return", "unwind"]
_ENDS: tuple[End, ...] = ("open", "return", "unwind")
MOST_CALLS = 50_000
MOST_EXCEPTIONS = 1_000


@dataclass(slots=True)
class Call:
    """One frame of the call tree, without values: `first` and `last` lead to its events.

    `first` is the number of its `call` event, or of its first event where the recording began
    later than the frame. `end` is `open` for a frame that was still running at the end.
    """

    frame: int
    parent: int | None
    code: CodeInfo
    first: int
    last: int
    end: End
    children: list["Call"] = field(default_factory=list["Call"])


class Outline(NamedTuple):
    """What the index tells without a look at the events; empty where there is none."""

    starts: dict[int, int]
    """The first event of each frame; of the first frames only where there are very many."""
    parents: dict[int, int]
    raises: list[int] | None
    """The events at which exceptions began; None where they are too many to be listed."""


class Skeleton:
    """Collects rows `[frame, parent, code, first, last, end]` and exceptions while events pass."""

    def __init__(
        self, *, most_calls: int = MOST_CALLS, most_exceptions: int = MOST_EXCEPTIONS
    ) -> None:
        self._most_calls = most_calls
        self._most_exceptions = most_exceptions
        self._rows: dict[int, list[int]] = {}
        self.is_cut = False
        self.exceptions: list[list[Any]] = []

    def feed(self, event: Event, frames: dict[int, Frame]) -> None:
        """Take in the next event."""
        number = event.frame
        if number is None:
            return
        row = self._rows.get(number)
        if row is None:
            if len(self._rows) >= self._most_calls:
                self.is_cut = True
                return
            frame = frames[number]
            row = self._rows[number] = [
                number,
                frame.parent,
                frame.code_id,
                event.n,
                event.n,
                0,
            ]
        row[4] = event.n
        if event.kind in ("return", "unwind"):
            row[5] = 1 if event.kind == "return" else 2
        has_room = len(self.exceptions) < self._most_exceptions
        if event.kind == "raise" and event.exception and has_room:
            where = [event.n, number, event.exception.type, event.exception.message]
            self.exceptions.append(where)

    def rows(self) -> list[list[int]]:
        """Give the rows in the order in which the frames appeared."""
        return list(self._rows.values())


def steps_of(rows: list[list[int]]) -> list[list[int]]:
    """Give rows as the index holds them: small numbers, which deflate to a seventh.

    `[frame - frame before, frame - parent, code, first - first before, last - first, end]`, each
    as a signed number of 64 bits.
    """
    steps: list[list[int]] = []
    frame_before = first_before = 0
    for frame, parent, code, first, last, end in rows:
        step = (frame - frame_before, frame - parent, code, first - first_before, last - first)
        steps.append([*map(_signed, step), end])
        frame_before, first_before = frame, first
    return steps


def rows_of(steps: list[list[int]]) -> list[list[int]]:
    """Undo `steps_of`. Raises ValueError or TypeError for what are no steps."""
    rows: list[list[int]] = []
    frame = first = 0
    for step, above, code, ahead, length, end in steps:
        frame = (frame + step) & _BITS
        first = (first + ahead) & _BITS
        parent, last = (frame - above) & _BITS, (first + length) & _BITS
        rows.append([frame, parent, code & _BITS, first, last, end])
    return rows


_BITS = 2**64 - 1


def _signed(number: int) -> int:
    """Only bytes that are no recording of ours hold numbers for which this does anything."""
    return (number + 2**63 & _BITS) - 2**63


def tree_of(rows: list[list[int]], codes: dict[int, CodeInfo]) -> list[Call]:
    """Link rows to call trees; gives the roots. Raises KeyError, ValueError, IndexError or
    TypeError for rows that are none."""
    calls: dict[int, Call] = {}
    roots: list[Call] = []
    for number, parent, code, first, last, end in rows:
        call = Call(number, parent or None, codes[code], first, last, _ENDS[end])
        calls[number] = call
        above = calls.get(parent)
        (above.children if above is not None and above is not call else roots).append(call)
    return roots
