"""Follows a variable to what wrote it: a statement that bound it, a call, or another frame."""

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import (
    Change,
    StatementRun,
    object_changes,
    variable_changes,
)
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import difference, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.decisions import decisions
from pytest_recorder.analysis.slice.edges import (
    ARGUMENT,
    READ,
    ArgumentEdge,
    ChangeEdge,
    HandlerEdge,
    WriteEdge,
)
from pytest_recorder.analysis.slice.in_place import follow_change
from pytest_recorder.analysis.slice.outside import show_last_binding
from pytest_recorder.analysis.slice.race_notes import note_lost_update
from pytest_recorder.analysis.slice.rounds import uses_of_round
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.format.events import Event, Value
from pytest_recorder.format.object_states import HeldValues

_MOST_ROUNDS = 3
_MOST_BACK = 5_000
_MOST_BACK_IN_STATEMENT = 2_000


def follow_write(search: Search, edge: WriteEdge) -> None:
    """Follow a variable to the statement or the call that gave it its value."""
    frame, n, root, steps, parent, cost = edge
    if (
        not steps
        and is_never_bound(search, frame, n, root)
        and follow_first_value(search, edge)
    ):
        return
    for change in variable_changes(search.history, frame, n, root, steps):
        if change.shown.kind == "call":
            search.worklist.now(
                ArgumentEdge(change.shown, root, steps, change.new, parent, cost + ARGUMENT)
            )
            return
        if change.run is None:
            break
        if search.count("times", frame, root, steps, change.run.start.line) > _MOST_ROUNDS:
            # A loop went by here again and again: what was before it tells more.
            continue
        _follow_assignment(search, change, change.run, edge)
        return
    else:
        if not search.history.has_changes:
            show_last_binding(search, frame, n, root, parent, cost)
            return
    if search.history.is_exhausted and search.is_new("before", frame, root, steps):
        note = "this is as far back as was searched"
        search.add(parent, Origin(path_text(root, steps), "before", cost, note=note))


def follow_first_value(search: Search, edge: WriteEdge) -> bool:
    """Follow a parameter that has its first value still; tells whether its call was found."""
    call = search.history.call_of(edge.frame, edge.n + 1)
    held = (call.args or {}).get(edge.root) if call is not None else None
    if call is None or held is None:
        return False
    search.worklist.now(
        ArgumentEdge(call, edge.root, (), held, edge.parent, edge.cost + ARGUMENT)
    )
    return True


def is_never_bound(search: Search, frame: int, n: int, name: str) -> bool:
    """Whether a name is a parameter that its function never gives another value."""
    event = search.history.before(frame, n + 1)
    file = search.sources.file(event.file) if event is not None else None
    function = search.sources.function(event) if event is not None else None
    return file is not None and function is not None and file.only_given(function, name)


def _follow_assignment(
    search: Search, change: Change, run: StatementRun, edge: WriteEdge
) -> None:
    _, _, root, steps, parent, cost = edge
    start = run.start
    if start.kind == "call" and _follow_enclosing(search, change, run, edge):
        return
    stmt, bound = search.sources.binder(start.file, start.line, root)
    if stmt is None or bound is None or (not steps and _is_same_object(change)):
        _follow_effect(search, change, run, edge)
        return
    what = path_text(root, steps)
    if not search.is_new("assigned", run.frame, start.n, run.end, what):
        return
    origin = Origin(what, bound.how, cost, old=change.old, new=change.new)
    search.add_at(start, parent, origin)
    if bound.how == "loop":
        search.is_new("loop", run.frame, start.line)
        uses_of_round(search, run, stmt, root, bound.exprs, steps, origin)
    else:
        note_lost_update(search, run, bound.exprs, origin)
        uses(search, run, stmt, bound.exprs, origin, cost + READ, steps=steps)
    if bound.how == "except":
        search.worklist.later(HandlerEdge(start, origin, cost + 1))
    decisions(search, run, stmt, None, origin, cost)


def _is_same_object(change: Change) -> bool:
    """Whether a change was made in the object that was held before."""
    old, new = change.old, change.new
    return (
        old is not None
        and "id" in old
        and new is not None
        and old.get("id") == new.get("id")
        and "value" not in new
    )


def _follow_effect(search: Search, change: Change, run: StatementRun, edge: WriteEdge) -> None:
    """Follow a change that the frame's own line did not make by binding the name."""
    _, _, root, steps, parent, cost = edge
    if change.old is not None and change.new is not None:
        found = difference(change.old, change.new)
        if found is not None:
            inner = next(
                object_changes(search.history, found.id, found.part, run.end + 1), None
            )
            if inner is not None and inner.run is not None:
                follow_change(search, ChangeEdge(inner, found, parent, cost))
                return
    here = _run_of_sharer(search.history, run, root, change.new) or run
    origin = search.placed(
        Origin(path_text(root, steps), "changed", cost, old=change.old, new=change.new),
        here.start,
    )
    if not search.is_new("changed", origin.n, origin.what):
        return
    search.add(parent, origin)
    where = search.sources.statement(here.start.file, here.start.line)
    if where is not None:
        uses(search, here, where, expressions.expressions(where), origin, cost + READ)


def _follow_enclosing(
    search: Search, change: Change, run: StatementRun, edge: WriteEdge
) -> bool:
    """Follow a variable that a function shares with those around it, to who wrote it last."""
    around = (run.start.function or "").rpartition(".<locals>.")[0]
    if not around or edge.steps:
        return False
    for event in search.history.backwards(run.start.n, most=_MOST_BACK):
        is_of_family = f"{event.function}.".startswith(f"{around}.") and event.frame is not None
        if is_of_family and _gives(event, edge.root, change.new):
            search.worklist.now(edge._replace(frame=event.frame or 0, n=event.n))
            return True
    return False


def _run_of_sharer(
    history: History, run: StatementRun, root: str, new: Value | None
) -> StatementRun | None:
    """Find a callee that shares the variable (`nonlocal`) and gave it this value."""
    for event in history.backwards(run.end, most=_MOST_BACK_IN_STATEMENT):
        if event.n <= run.start.n:
            return None
        if event.frame not in (None, run.frame) and _gives(event, root, new):
            frame = event.frame or 0
            start = history.before(frame, event.n)
            return StatementRun(frame, start, event.n) if start is not None else None
    return None


def _gives(event: Event, name: str, value: Value | None) -> bool:
    """Whether a name got this value, as an event shows it."""
    changes = event.changes
    return (
        value is not None and isinstance(changes, HeldValues) and changes.is_held(name, value)
    )
