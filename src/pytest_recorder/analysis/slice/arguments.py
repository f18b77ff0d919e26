"""Follows parameters to what the caller gave, to a default, or to a fixture."""

import ast
from typing import NamedTuple

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import follow, mark, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.signatures import Passed, is_suspended, passed
from pytest_recorder.analysis.slice.callers import made_at, written_call
from pytest_recorder.analysis.slice.decisions import decisions
from pytest_recorder.analysis.slice.edges import READ, ArgumentEdge, ReadEdge
from pytest_recorder.analysis.slice.fixtures import follow_from_pytest
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.written import is_super, only_read, resolved
from pytest_recorder.format.events import Event, Value


class _CallSite(NamedTuple):
    """Where a call was made, and how it is written there as far as that can be told."""

    run: StatementRun
    stmt: ast.stmt | None
    written: ast.Call | None


def follow_argument(search: Search, edge: ArgumentEdge) -> None:
    """Follow a parameter to what the caller gave, or to its default."""
    call, root, steps, value, parent, cost = edge
    if call.parent is None:
        follow_from_pytest(search, edge)
        return
    site = _call_site(search, call, call.parent)
    if site is None:
        return
    given = _given(search, call, root, site.written)
    if given is not None and given.default is not None:
        _show_default(search, edge, given.default)
        return
    exprs: list[ast.AST] = [given.expr] if given is not None and given.expr else []
    if not exprs and site.stmt is not None:
        exprs = _by_value(search.history, site.run, site.stmt, (call.args or {}).get(root))
    path = only_read(exprs)
    start = site.run.start
    if path is not None:
        known = _where_it_shows(search.history, site.run, path, (call.args or {}).get(root))
        if known is None:
            path, exprs = None, []
        else:
            start = known
    if is_super(exprs):
        path = _first_parameter(search, start)
    if path is not None and (root in ("self", "cls") or path.root == root):
        # It was only handed on.
        whole = AccessPath(path.root, (*path.steps, *steps))
        search.worklist.now(ReadEdge(site.run.frame, start.n, whole, parent, cost))
        return
    what = path_text(root, steps)
    if not search.is_new("argument", call.n, what):
        return
    origin = search.arguments.get(call.n)
    if origin is not None:
        origin.also.append((what, value))
    else:
        name = (call.function or "").rpartition(".")[2]
        origin = Origin(what, "argument", cost, new=value, note=f"given to {name}()")
        search.arguments[call.n] = search.add_at(site.run.start, parent, origin)
    uses(
        search,
        site.run._replace(start=start),
        site.stmt,
        exprs,
        origin,
        cost + READ,
        steps=steps,
    )
    if site.stmt is not None:
        decisions(search, site.run, site.stmt, None, origin, cost)


def _where_it_shows(
    history: History, run: StatementRun, path: AccessPath, value: Value | None
) -> Event | None:
    """Give the event of the caller at which what was read has the value of an argument.

    That is the one before the call; but what the rounds of a comprehension change on one line
    stands in the event after them. None where another value stands at both: a round between.
    """
    known = False
    for event in (run.start, history.after(run.frame, run.end)):
        if event is None or value is None:
            continue
        values = history.values(run.frame, event.n)
        held = values.get(path.root)
        found, walked = follow(held, resolved(path.steps, values)) if held else (None, 0)
        if found is None or walked < len(path.steps):
            continue
        if mark(found) == mark(value):
            return event
        known = True
    return None if known else run.start


def _call_site(search: Search, call: Event, caller: int) -> _CallSite | None:
    start = search.history.before(caller, call.n)
    if start is None:
        return None
    name = (call.function or "").rpartition(".")[2]
    stmt = search.sources.statement(start.file, start.line)
    written = written_call(search.history, stmt, call, name, start)
    if written is None:
        function = search.sources.function(call)
        is_run_later = function is not None and is_suspended(function)
        made = made_at(search, call, name) if is_run_later else None
        if made is not None:
            start, stmt = made
            written = written_call(search.history, stmt, call, name)
            return _CallSite(StatementRun(start.frame or 0, start, call.n), stmt, written)
    return _CallSite(StatementRun(caller, start, call.n), stmt, written)


def _given(search: Search, call: Event, root: str, written: ast.Call | None) -> Passed | None:
    file = search.sources.file(call.file)
    function = search.sources.function(call)
    if written is None or function is None or file is None:
        return None
    is_made = (call.function or "").rpartition(".")[2] == "__init__"
    is_bound = file.is_method(function) and (is_made or isinstance(written.func, ast.Attribute))
    return passed(written, function, root, is_bound=is_bound, is_made=is_made)


def _by_value(
    history: History, run: StatementRun, stmt: ast.stmt, value: Value | None
) -> list[ast.AST]:
    """Find what a statement reads that has the value of an argument."""
    exprs = expressions.expressions(stmt)
    if value is None:
        return list(exprs)
    values = history.values(run.frame, run.start.n)
    for expr in exprs:
        for node in ast.walk(expr):
            if isinstance(node, (ast.Name, ast.Attribute)):
                path = access_path(node)
                if path is None or path.root not in values:
                    continue
                found, walked = follow(values[path.root], resolved(path.steps, values))
                if walked == len(path.steps) and mark(found) == mark(value):
                    return [node]
    return list(exprs)


def _first_parameter(search: Search, start: Event) -> AccessPath | None:
    function = search.sources.function(start)
    if function is None:
        return None
    args = [*function.args.posonlyargs, *function.args.args]
    return AccessPath(args[0].arg) if args else None


def _show_default(search: Search, edge: ArgumentEdge, default: ast.expr) -> None:
    call = edge.call
    if not search.is_new("default", call.n, edge.root):
        return
    origin = Origin(
        path_text(edge.root, edge.steps),
        "default",
        edge.cost,
        call.n,
        file=call.file,
        line=default.lineno,
        function=call.function,
        source=search.sources.text(call.file, default.lineno),
        new=edge.value,
    )
    start = search.history.before(call.parent, call.n) if call.parent is not None else None
    if start is not None:
        origin.note = f"nothing was given at line {start.line} of its caller"
    search.add(edge.parent, origin)
