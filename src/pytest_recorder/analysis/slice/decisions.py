"""Follows what decided that a statement ran: conditions, loops and handled exceptions."""

import ast

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import CONDITION, READ, DecisionEdge, HandlerEdge
from pytest_recorder.analysis.slice.rounds import first_round
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.format.events import Event

_COSTS = {"except": 1, "passed": 6}
_MOST_AROUND = 3
_MOST_SKIPPED = 2
_MOST_EVENTS_BACK = 2_000
_MOST_RAISES_BACK = 5_000
_MOST_LINES_OF_HEAD = 20


def decisions(
    search: Search,
    run: StatementRun,
    stmt: ast.stmt,
    path: AccessPath | None,
    parent: Origin,
    cost: int,
) -> None:
    """Follow what decided that a statement ran, or that what it reads was not changed before."""
    file = search.sources.file(run.start.file)
    if file is None:
        return
    found = list(file.conditions(stmt))[:_MOST_AROUND]
    if path is not None:
        found += list(file.skipped(stmt, path))[:_MOST_SKIPPED]
    for condition in found:
        below = max(0, cost + _COSTS.get(condition.how, CONDITION))
        search.worklist.later(DecisionEdge(run, condition, parent, below))


def follow_decision(search: Search, edge: DecisionEdge) -> None:
    """Show what decided, and follow what it was decided by."""
    run, condition, parent, cost = edge
    if condition.how == "for" and search.was_followed("loop", run.frame, condition.line):
        return
    start = end = None
    for at, event in enumerate(search.history.of_frame(run.frame, run.start.n + 1)):
        if at > _MOST_EVENTS_BACK or event.kind == "call":
            break
        if event.line == condition.line and event.kind == "line":
            start = event
            break
        end = event
    if start is None or search.was_followed("condition", run.frame, start.line):
        return
    note = ""
    if isinstance(condition.stmt, (ast.If, ast.While)):
        is_true = _came_true(search.history, run.frame, start, condition.stmt)
        if is_true and condition.how == "skipped":
            return
        note = f"it was {'true' if is_true else 'false'}"
        if condition.how == "skipped":
            note += ", so what stands in it did not run"
    search.is_new("condition", run.frame, start.line)
    text = search.sources.text(start.file, condition.line)
    origin = Origin(f"decided by: {text}", "condition", cost, note=note)
    search.add_at(start, parent, origin)
    if condition.how == "except":
        follow_handler(search, HandlerEdge(start, origin, cost + 1))
        return
    here = StatementRun(run.frame, start, end.n if end is not None else run.start.n)
    stmt = search.sources.statement(start.file, condition.line)
    kinds: tuple[str, ...] = ("return", "yield")
    if stmt is not None and condition.how == "for":
        here, kinds = first_round(search.history, here, stmt), ("return",)
    uses(search, here, stmt, condition.exprs, origin, cost + READ, kinds=kinds)


def _came_true(history: History, frame: int, start: Event, stmt: ast.If | ast.While) -> bool:
    """Whether the frame went on inside of an `if` or `while`."""
    head = expressions.span_of(stmt)
    body = range(stmt.body[0].lineno, expressions.last_line(stmt.body[-1]) + 1)
    n = start.n
    for _ in range(_MOST_LINES_OF_HEAD):
        event = history.after(frame, n)
        if event is None:
            return False
        if event.kind == "line" and event.line not in head:
            return event.line in body
        n = event.n
    return False


def follow_handler(search: Search, edge: HandlerEdge) -> None:
    """Show the exception that a handler got, and why it was raised."""
    for event in search.history.backwards(edge.handler.n, most=_MOST_RAISES_BACK):
        if event.kind == "raise" and event.exception is not None:
            follow_raise(search, event, edge.parent, edge.cost)
            return


def follow_raise(search: Search, raised: Event, parent: Origin, cost: int) -> None:
    """Show an exception where it began, and follow why it was raised."""
    if raised.exception is None or not search.is_new("raised", raised.n):
        return
    first = raised.exception.message.partition("\n")[0]
    origin = Origin(f"raised: {raised.exception.type}: {first}", "handled", cost)
    search.add_at(raised, parent, origin)
    stmt = search.sources.statement(raised.file, raised.line)
    if stmt is None or raised.frame is None:
        return
    start = search.history.before(raised.frame, raised.n)
    if start is not None:
        run = StatementRun(raised.frame, start, raised.n)
        uses(search, run, stmt, expressions.expressions(stmt), origin, cost + READ)
        decisions(search, run, stmt, None, origin, cost - CONDITION)
