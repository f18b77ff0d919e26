"""Names what a reader gives: events, exceptions and definitions of a trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pytest_recorder.format.parts import ObjectRecord
from pytest_recorder.original_builtins import __builtins__

Value = dict[str, Any]
"""A recorded value in its JSON form, see `docs/json-lines.md`."""


class CodeInfo(NamedTuple):
    """A code object: where it stands and its qualified name, without the module."""

    file: str
    first_line: int
    function: str


class ExceptionInfo(NamedTuple):
    """An exception as an event holds it."""

    type: str
    id: int
    message: str
    length: int
    """True length of the message in characters; more than `len(message)` where it was cut."""


class Position(NamedTuple):
    """The piece of source of one instruction; columns count bytes from 0."""

    line: int
    end_line: int
    column: int
    end_column: int


_NO_VALUES: Final[Mapping[str, Value]] = MappingProxyType({})
"""One for all events: there are a million of them."""


@dataclass(slots=True)
class Event:
    """One event of a trace.

    `n` counts from 0 in the file. `time_us` is microseconds since the start of the recording, None
    for `line` and `gap`. `frame`, `file`, `line` and `function` are None for `span` and `gap`, and
    for output written where nothing of the project was running. Fields that a kind does not have
    are None or empty.
    """

    n: int
    kind: str
    thread: int | None = None
    frame: int | None = None
    file: str | None = None
    line: int | None = None
    function: str | None = None
    time_us: int | None = None
    parent: int | None = None
    args: Mapping[str, Value] | None = None
    value: Value | None = None
    exception: ExceptionInfo | None = None
    changes: Mapping[str, Value] = field(default_factory=lambda: _NO_VALUES)
    deleted: tuple[str, ...] = ()
    stream: str | None = None
    text: Value | None = None
    level: str | None = None
    logger: str | None = None
    phase: str | None = None
    edge: str | None = None
    name: str | None = None
    outcome: str | None = None
    dropped: int | None = None
    reason: str | None = None
    position: Position | None = None
    levels: int | None = None
    """How many levels of its values the event's frame shows; None: as many as the bound on depth
    says. Where it shows fewer, too many objects were in view of it."""
    objects: tuple[ObjectRecord, ...] = ()
    """What the records tell of objects at this event; also of those that are as they were."""
    weight: int = 0
    """How much it holds, in parts of values."""
