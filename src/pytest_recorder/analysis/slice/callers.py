"""Follows why a frame ran: the call that made it, by which name, and what decided that."""

import ast

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import follow, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.decisions import decisions
from pytest_recorder.analysis.slice.edges import (
    CONDITION,
    READ,
    CallEdge,
    CallerEdge,
    WriteEdge,
)
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.written import resolved
from pytest_recorder.format.events import Event

_MOST_BETWEEN = 5_000


def follow_caller(search: Search, edge: CallerEdge) -> None:
    """Follow why a frame ran at all: what decided its call, and which function it was."""
    run, parent, cost = edge
    call = search.history.call_of(run.frame, run.start.n + 1)
    if call is None or call.parent is None or not search.is_new("called", call.n):
        return
    start = search.history.before(call.parent, call.n)
    stmt = search.sources.statement(start.file, start.line) if start is not None else None
    if start is None or stmt is None:
        return
    name = (call.function or "").rpartition(".")[2]
    caller = StatementRun(call.parent, start, call.n)
    variable = None
    if written_call(search.history, stmt, call, name) is None:
        variable = _variable_with(search.history, caller, stmt, call)
    if variable is None:
        follow_call(search, CallEdge(caller, stmt, parent, cost))
        return
    text = path_text(variable.root, variable.steps)
    origin = Origin(f"{name}() as {text}()", "called", cost)
    search.add_at(start, parent, origin)
    search.worklist.now(
        WriteEdge(caller.frame, start.n, variable.root, variable.steps, origin, cost + 1),
        CallEdge(caller, stmt, origin, cost),
    )


def follow_call(search: Search, edge: CallEdge) -> None:
    """Follow what decided that a call was made, and then why the caller ran."""
    run, stmt, parent, cost = edge
    decisions(search, run, stmt, None, parent, cost + 1 - CONDITION)
    search.worklist.later(CallerEdge(run, parent, cost + READ))


def _variable_with(
    history: History, run: StatementRun, stmt: ast.stmt, call: Event
) -> AccessPath | None:
    """Find the variable that held the function which a statement called."""
    values = history.values(run.frame, run.start.n)
    for node in expressions.used(expressions.expressions(stmt)).calls:
        path = access_path(node.func)
        if path is None or path.root not in values:
            continue
        steps = resolved(path.steps, values)
        found, walked = follow(values[path.root], steps)
        name = found.get("attributes", {}).get("qualname", {}).get("value")
        if walked == len(path.steps) and name is not None and name == call.function:
            return AccessPath(path.root, steps)
    return None


def written_call(
    history: History,
    stmt: ast.stmt | None,
    call: Event,
    name: str,
    start: Event | None = None,
) -> ast.Call | None:
    """Find the call in the caller's statement that made a frame.

    `start` is where the caller began with it: of several calls it tells which one it is.
    """
    if stmt is None:
        return None
    wanted = name
    if name in ("__init__", "__new__", "__call__"):
        wanted = (call.function or "").rpartition(".")[0].rpartition(".")[2]
    calls = expressions.used(expressions.expressions(stmt)).calls
    found = [c for c in calls if expressions.called_name(c) == wanted]
    if not found and name in ("__init__", "__new__"):
        # A subclass without one of its own.
        made = [c for c in calls if (expressions.called_name(c) or "")[:1].isupper()]
        found = made if len(made) == 1 else []
    if len(found) < 2 or start is None:
        return found[0] if found else None
    # Calls are made in the order in which they end: arguments first, then from the left.
    found.sort(key=lambda c: (c.end_lineno or 0, c.end_col_offset or 0))
    made_before = sum(
        event.kind == "call" and event.parent == call.parent and event.function == call.function
        for event in history.between(max(start.n, call.n - _MOST_BETWEEN), call.n)
    )
    return found[made_before % len(found)]


def made_at(search: Search, call: Event, name: str) -> tuple[Event, ast.stmt] | None:
    """Find the line that made a coroutine or generator, which another one then ran."""
    for event in search.history.backwards(call.n, most=_MOST_BETWEEN):
        if event.kind == "line":
            stmt = search.sources.statement(event.file, event.line)
            if stmt is not None and written_call(search.history, stmt, call, name) is not None:
                return event, stmt
    return None
