"""Follows values back through a trace: what made them so, and what made that so.

This is a dynamic backward slice over recorded events and the syntax of the recorded source; no
code is run. A value leads to the statement that gave it to its name or changed it in place, whoever
did it; that statement to what it read, to the results of the calls that it made, to the arguments
that its function got, and to the conditions that decided whether it ran.

What is nearest is followed first: each step back has a cost, and the cheapest is next.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.failure import Failure, is_group
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice import edges
from pytest_recorder.analysis.slice.arguments import follow_argument
from pytest_recorder.analysis.slice.callers import follow_call, follow_caller
from pytest_recorder.analysis.slice.decisions import (
    decisions,
    follow_decision,
    follow_handler,
    follow_raise,
)
from pytest_recorder.analysis.slice.edges import CONDITION, READ
from pytest_recorder.analysis.slice.in_place import follow_change, follow_object
from pytest_recorder.analysis.slice.race_notes import follow_stale
from pytest_recorder.analysis.slice.reads import follow_read
from pytest_recorder.analysis.slice.results import follow_result
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.writes import follow_write
from pytest_recorder.analysis.sources import SourceFiles
from pytest_recorder.analysis.surroundings import handled_exceptions

_MOST_PARTS_OF_GROUP = 6

FOLLOW: Mapping[type[edges.Edge], Callable[[Search, Any], None]] = {
    edges.ReadEdge: follow_read,
    edges.WriteEdge: follow_write,
    edges.ArgumentEdge: follow_argument,
    edges.ResultEdge: follow_result,
    edges.ObjectEdge: follow_object,
    edges.ChangeEdge: follow_change,
    edges.StaleEdge: follow_stale,
    edges.CallerEdge: follow_caller,
    edges.CallEdge: follow_call,
    edges.DecisionEdge: follow_decision,
    edges.HandlerEdge: follow_handler,
}
"""The function that follows each kind of edge."""


def origins_of_failure(
    history: History, sources: SourceFiles, failure: Failure
) -> list[Origin]:
    """Follow back everything that the failing line used."""
    frame = failure.stack[-1]
    raised = failure.raised
    end = raised.n if raised is not None and raised.frame == frame.number else frame.n
    start = history.before(frame.number, end)
    if start is None:
        return []
    search = Search(history, sources, failure.end)
    top = Origin("", "used", 0)
    run = StatementRun(frame.number, start, end)
    stmt = sources.statement(frame.file, frame.line)
    if stmt is not None:
        exprs: list[ast.AST] = [*expressions.expressions(stmt)]
        if isinstance(stmt, expressions.WithNode):
            # `with pytest.raises(...)`: what did not fail as it should is in the body.
            exprs += [e for inner in stmt.body for e in expressions.expressions(inner)]
        if isinstance(stmt, ast.Raise):
            decisions(search, run, stmt, None, top, -CONDITION)
        uses(search, run, stmt, exprs, top, 0, failed_at=end)
        if is_group(failure.exception):
            # Its parts were raised elsewhere: where it came together tells little.
            search.worklist.forget()
        if not isinstance(stmt, ast.Raise):
            decisions(search, run, stmt, None, top, READ)
    if is_group(failure.exception):
        for part in handled_exceptions(history, failure, _MOST_PARTS_OF_GROUP):
            if part.went_on is None:
                follow_raise(search, part.raised, top, 1)
    return _follow_all(search, top)


def origins_of_value(
    history: History, sources: SourceFiles, frame: int, n: int, path: AccessPath
) -> list[Origin]:
    """Follow back one value, as it was in a frame after event `n`."""
    search = Search(history, sources, n)
    top = Origin("", "used", 0)
    search.worklist.now(edges.ReadEdge(frame, n, path, top, 0))
    return _follow_all(search, top)


def _follow_all(search: Search, top: Origin) -> list[Origin]:
    while (edge := search.next_edge()) is not None:
        FOLLOW[type(edge)](search, edge)
    return top.below
