"""Tells the rounds of a loop apart: where it began, and what one round of it got."""

import ast
from collections.abc import Sequence

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import PathStep, follow, mark
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import READ, ReadEdge
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.written import resolved

_MOST_LOOP_EVENTS = 5_000


def first_round(history: History, run: StatementRun, stmt: ast.stmt) -> StatementRun:
    """Give the first round of the loop that a frame is in."""
    inside = range(stmt.lineno, expressions.last_line(stmt) + 1)
    begun, end = run.start, run.end
    following = run.start
    for at, event in enumerate(history.of_frame(run.frame, run.start.n)):
        if at > _MOST_LOOP_EVENTS or event.line not in inside or event.kind == "call":
            break
        if event.kind == "line" and event.line == stmt.lineno:
            begun, end = event, following.n
        following = event
    return run if begun is run.start else StatementRun(run.frame, begun, end)


def uses_of_round(
    search: Search,
    run: StatementRun,
    stmt: ast.stmt,
    root: str,
    exprs: Sequence[ast.expr],
    steps: tuple[PathStep, ...],
    origin: Origin,
) -> None:
    """Follow what a loop gave to its variable in one round."""
    cost = origin.cost + READ
    uses(search, run, stmt, [], origin, cost, kinds=("yield",))
    item = _item(search.history, run, root, exprs)
    if item is not None:
        whole = AccessPath(item.root, (*item.steps, *steps))
        search.worklist.later(ReadEdge(run.frame, run.start.n, whole, origin, cost))
    # What is looped over was worked out when the loop began, not in this round of it.
    begun = first_round(search.history, run, stmt)
    uses(search, begun, stmt, exprs, origin, cost, kinds=("return",))


def _item(
    history: History, run: StatementRun, root: str, exprs: Sequence[ast.expr]
) -> AccessPath | None:
    """Find which item of a sequence a loop gave to its variable."""
    path = access_path(exprs[0]) if exprs else None
    before = history.values(run.frame, run.start.n)
    value = history.values(run.frame, run.end).get(root)
    if path is None or value is None or path.root not in before:
        return None
    held, walked = follow(before[path.root], resolved(path.steps, before))
    if walked < len(path.steps):
        return None
    for at, item in enumerate(held.get("items", ())):
        if "id" in value and mark(item) == mark(value):
            return AccessPath(path.root, (*path.steps, ("item", ("int", at))))
    return None
