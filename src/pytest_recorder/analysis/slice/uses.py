"""Finds what a statement used: what it read, and what the calls in it gave."""

import ast
from collections.abc import Iterable, Sequence

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.changes import StatementRun, results
from pytest_recorder.analysis.objects import PathStep
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import FAR, RESULT, ReadEdge, ResultEdge
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.written import is_none, only_read
from pytest_recorder.format.events import Event

_MOST_RESULTS = 6
_MOST_OF_ONE_NAME = 3
_MOST_LINES_BACK = 50
_OWN = frozenset((AccessPath("self"), AccessPath("cls")))
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"))


def uses(
    search: Search,
    run: StatementRun,
    stmt: ast.stmt | None,
    exprs: Sequence[ast.AST],
    parent: Origin,
    cost: int,
    *,
    failed_at: int | None = None,
    steps: tuple[PathStep, ...] = (),
    kinds: tuple[str, ...] = ("return", "yield"),
) -> None:
    """Follow what expressions of a statement read and what the calls in it gave.

    `failed_at` is the event at which the statement failed; without it, what it read is looked up
    as it was when it began. `steps` lead from the value of the only expression to the part that is
    asked for.
    """
    used = expressions.used(exprs)
    n = run.start.n if failed_at is None else failed_at
    begun = _begun(search, run, stmt)
    ends = [
        end
        for end in results(search.history, run, begun, search.is_suspended)
        if end.kind in kinds
    ]
    followed = _results(search, ends, used.calls, parent, cost)
    receivers = {
        path
        for call in followed
        if isinstance(call.func, ast.Attribute)
        and (path := access_path(call.func.value)) is not None
    }
    arguments = {
        path
        for call in followed
        for path in expressions.used([*call.args, *(k.value for k in call.keywords)]).reads
    }
    only = only_read(exprs)
    for path in used.reads:
        if path in _OWN and run.frame and failed_at is not None:
            # Methods that are not recorded are called on it: of `assertEqual` it tells nothing.
            continue
        # What a recorded call got is followed from inside of it, as far as it was used there.
        extra = 2 * FAR if path in receivers or path in arguments else 0
        whole = AccessPath(path.root, (*path.steps, *steps)) if steps and path == only else path
        search.worklist.later(ReadEdge(run.frame, n, whole, parent, cost + extra))


def _begun(search: Search, run: StatementRun, stmt: ast.stmt | None) -> int:
    """Give the event at which a frame began with a statement of several lines."""
    if stmt is None or isinstance(stmt, (expressions.ForNode, ast.While)):
        return run.start.n
    span = expressions.span_of(stmt)
    begun = run.start.n
    for at, event in enumerate(search.history.of_frame(run.frame, run.start.n)):
        if at > _MOST_LINES_BACK or event.line not in span or event.kind == "call":
            break
        begun = event.n
        if event.kind == "line" and len(span) == 1:
            break
    return begun


def _results(
    search: Search,
    ends: Sequence[Event],
    calls: Iterable[ast.Call],
    parent: Origin,
    cost: int,
) -> list[ast.Call]:
    """Follow the results of calls; gives the calls in the source whose results these are."""
    by_name: dict[str, list[ast.Call]] = {}
    for call in calls:
        by_name.setdefault(expressions.called_name(call) or "", []).append(call)
    matched: list[ast.Call] = []
    shown: dict[str, int] = {}
    generators = {end.frame for end in ends if end.kind == "yield"}
    for end in reversed(ends):
        name = (end.function or "?").rpartition(".")[2]
        is_written = name in by_name
        if is_written:
            matched += by_name[name]
        if end.kind == "yield" and not _is_of_generator(search, end):
            continue
        if end.kind == "return" and end.frame in generators and is_none(end.value):
            continue
        if end.value is None or (is_none(end.value) and not is_written):
            continue
        if name in ("__init__", "<module>"):
            continue
        shown[name] = shown.get(name, 0) + 1
        if shown[name] > _MOST_OF_ONE_NAME or sum(shown.values()) > _MOST_RESULTS:
            continue
        extra = RESULT if is_written or name in _COMPREHENSIONS else RESULT + 2
        search.worklist.later(ResultEdge(end, parent, cost + extra))
    return matched


def _is_of_generator(search: Search, end: Event) -> bool:
    """Whether a `yield` event gives a value, and is not an `await`."""
    stmt = search.sources.statement(end.file, end.line)
    if stmt is None or (end.function or "").endswith("<genexpr>"):
        return stmt is not None
    return any(
        isinstance(node, (ast.Yield, ast.YieldFrom))
        for expr in expressions.expressions(stmt)
        for node in ast.walk(expr)
    )
