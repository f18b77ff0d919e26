"""Follows changes in place: who changed an object, whatever name it was held by."""

import ast

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.bindings import binding, stores
from pytest_recorder.analysis.changes import Change, object_changes
from pytest_recorder.analysis.objects import Difference, PathStep, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.decisions import decisions
from pytest_recorder.analysis.slice.edges import (
    CONDITION,
    READ,
    CallerEdge,
    ChangeEdge,
    ObjectEdge,
)
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.written import is_read_of, line_of, part_in, stored
from pytest_recorder.analysis.value_text import INFERRED, short_type

_MOST_CHANGES_LOOKED_AT = 30
_MOST_LINES = 4
_ALWAYS_EARLIER = 2


def follow_object(search: Search, edge: ObjectEdge) -> None:
    """Show the last changes of an object, one for each line that made some."""
    number, n, parent, cost = edge
    if not search.is_new("in place", number):
        return
    by_line: dict[tuple[str | None, int | None], Origin] = {}
    for at, change in enumerate(object_changes(search.history, number, None, n + 1)):
        if at >= _MOST_CHANGES_LOOKED_AT:
            break
        if change.run is None:
            continue
        latest = by_line.get(line_of(change))
        if latest is not None:
            latest.note = "and earlier"
            continue
        if len(by_line) >= _MOST_LINES:
            break
        target = Difference(number, None, change.old, change.new)
        origin = show_change(search, ChangeEdge(change, target, parent, cost + len(by_line)))
        if origin is not None:
            by_line[line_of(change)] = origin


def follow_change(search: Search, edge: ChangeEdge) -> None:
    """Show who changed an object, and follow what it was changed to."""
    show_change(search, edge)


def show_change(search: Search, edge: ChangeEdge) -> Origin | None:
    """Do as `follow_change`; gives the finding, or None where it is not new."""
    change, target, parent, cost, note = edge
    run = change.run
    if run is None or not search.is_new("changed", run.frame, run.start.n, target.id):
        return None
    name = search.history.path_to(target.id, run.frame, run.end)
    kind = short_type((change.new or {}).get("type", "object"))
    what = path_text(name[0], name[1]) if name is not None else f"{kind} #{target.id}"
    old, new = change.old, change.new
    if target.part is not None and not (new is not None and new.get("id") == target.id):
        what = path_text(what, (target.part,))
        old = part_in(change.old, target)
        new = part_in(change.new, target)
    stmt = search.sources.statement(run.start.file, run.start.line)
    if change.is_doubtful and may_bind(stmt, name):
        note = "; ".join(filter(None, (note, INFERRED)))
    origin = Origin(what, "changed", cost, old=old, new=new, note=note, object=target.id)
    search.add_at(run.start, parent, origin)
    is_entry = change.new is not None and "entries" in change.new
    search.note_write(origin, target.id, target.part, change.shown.n, is_entry=is_entry)
    if stmt is None:
        return origin
    search.worklist.later(CallerEdge(run, origin, cost + CONDITION + 1))
    exprs = stored(stmt, target.part) or expressions.expressions(stmt)
    used = [expr for expr in exprs if not is_read_of(expr, name)]
    uses(search, run, stmt, used, origin, cost + READ)
    decisions(search, run, stmt, None, origin, cost)
    return origin


def may_bind(stmt: ast.stmt | None, name: tuple[str, tuple[PathStep, ...]] | None) -> bool:
    """Whether a statement can have put another object where it held one, at the same address."""
    if stmt is None or name is None:
        return True
    root, steps = name
    if binding(stmt, root) is not None:
        return True
    paths = (path for path, _ in stores(stmt))
    return any(path.root == root and len(path.steps) <= len(steps) for path in paths)


def earlier_changes(
    search: Search, number: int, part: PathStep, last: Change, parent: Origin, cost: int
) -> None:
    """Follow what changed the same part before: the last two times, and from other lines."""
    lines = {line_of(last)}
    found = object_changes(search.history, number, part, last.shown.n)
    for at, change in enumerate(found):
        if at >= _MOST_CHANGES_LOOKED_AT or len(lines) >= _MOST_LINES:
            return
        if change.run is None or (at >= _ALWAYS_EARLIER and line_of(change) in lines):
            continue
        lines.add(line_of(change))
        target = Difference(number, part, change.old, change.new)
        search.worklist.later(ChangeEdge(change, target, parent, cost, "before that"))
