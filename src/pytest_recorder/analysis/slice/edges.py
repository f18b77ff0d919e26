"""Names the kinds of edges that lead back from a finding, each with what it takes to follow it.

Which function follows which kind is said in `slicer`, once. `parent` is the finding that an edge
leads back from, `cost` how far what it leads to lies from the root of the search.
"""

import ast
from typing import Final, NamedTuple, TypeAlias

from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.changes import Change, StatementRun
from pytest_recorder.analysis.objects import Difference, PathStep
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.syntax import Condition
from pytest_recorder.format.events import Event, Value

# What one step back costs: the less, the sooner it is followed and the longer it is shown.
READ: Final = 2
ARGUMENT: Final = 1
RESULT: Final = 1
IN_PLACE: Final = 2
CONDITION: Final = 4
FAR: Final = 4


class ReadEdge(NamedTuple):
    """To the value of a name, or of a part of it, as it was after event `n`."""

    frame: int
    n: int
    path: AccessPath
    parent: Origin
    cost: int


class WriteEdge(NamedTuple):
    """To the statement or the call that gave a variable the value it had after event `n`."""

    frame: int
    n: int
    root: str
    steps: tuple[PathStep, ...]
    parent: Origin
    cost: int


class ArgumentEdge(NamedTuple):
    """To what the caller gave for a parameter."""

    call: Event
    root: str
    steps: tuple[PathStep, ...]
    value: Value | None
    parent: Origin
    cost: int


class ResultEdge(NamedTuple):
    """To what a call returned or a generator yielded."""

    end: Event
    parent: Origin
    cost: int


class ObjectEdge(NamedTuple):
    """To the last changes of an object before event `n`, by whatever name it was held."""

    number: int
    n: int
    parent: Origin
    cost: int


class ChangeEdge(NamedTuple):
    """To the statement that changed an object."""

    change: Change
    target: Difference
    parent: Origin
    cost: int
    note: str = ""


class StaleEdge(NamedTuple):
    """To a change of an object after something made from it was kept."""

    number: int
    part: PathStep | None
    parent: Origin
    cost: int


class CallerEdge(NamedTuple):
    """To the call that made the frame of a statement."""

    run: StatementRun
    parent: Origin
    cost: int


class CallEdge(NamedTuple):
    """To what decided that a call was made, and on to the caller's own call."""

    run: StatementRun
    stmt: ast.stmt
    parent: Origin
    cost: int


class DecisionEdge(NamedTuple):
    """To a condition, a loop or a handler that let a statement run."""

    run: StatementRun
    condition: Condition
    parent: Origin
    cost: int


class HandlerEdge(NamedTuple):
    """To the exception that a handler got."""

    handler: Event
    parent: Origin
    cost: int


Edge: TypeAlias = (
    ReadEdge
    | WriteEdge
    | ArgumentEdge
    | ResultEdge
    | ObjectEdge
    | ChangeEdge
    | StaleEdge
    | CallerEdge
    | CallEdge
    | DecisionEdge
    | HandlerEdge
)
