"""Notes what the times of two findings mean together: a lost update, a stale copy."""

import ast
from collections.abc import Sequence

from pytest_recorder.analysis.access_paths import access_path
from pytest_recorder.analysis.changes import StatementRun, object_changes
from pytest_recorder.analysis.objects import Difference, PathStep, follow, path_text, paths_to
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import ChangeEdge, StaleEdge
from pytest_recorder.analysis.slice.in_place import follow_change
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.written import part_in, resolved
from pytest_recorder.analysis.value_text import render_value

_MOST_SINCE = 50_000


def note_lost_update(
    search: Search, run: StatementRun, exprs: Sequence[ast.expr], origin: Origin
) -> None:
    """Note where a part of an object was read, changed by somebody else, and then written.

    The writing was followed before: what it was written from is what this statement read.
    """
    path = access_path(exprs[0]) if len(exprs) == 1 else None
    values = search.history.values(run.frame, run.start.n) if path is not None else {}
    if path is None or not path.steps or path.root not in values:
        return
    steps = resolved(path.steps, values)
    holder, walked = follow(values[path.root], steps[:-1])
    if walked < len(path.steps) - 1 or not steps or "id" not in holder:
        return
    written = _written_from(search, origin, holder["id"], steps[-1])
    if written is None:
        return
    other = next(object_changes(search.history, holder["id"], steps[-1], written), None)
    if other is None or other.run is None or other.shown.n <= run.end:
        return
    became = part_in(other.new, Difference(holder["id"], steps[-1], None, None))
    if other.run.frame != run.frame and became is not None:
        origin.note = (
            f"{path_text(path.root, steps)} became {render_value(became, width=40)}"
            f" after this was read, by line {other.run.start.line}; what was written"
            " from the old value replaced it"
        )


def _written_from(search: Search, origin: Origin, number: int, part: PathStep) -> int | None:
    """Give the event of the change of a part that an origin led to."""
    here: Origin | None = origin
    while here is not None:
        written = search.write_of(here)
        if written is not None and written[:2] == (number, part):
            return written[2]
        here = search.parent_of(here)
    return None


def follow_stale(search: Search, edge: StaleEdge) -> None:
    """Show that something changed after a value made from it was kept in a mapping.

    That is what a stale cache looks like.
    """
    number, part, parent, cost = edge
    kept = _kept_at(search, parent, number)
    if kept is None or search.end - kept > _MOST_SINCE:
        return
    later = next(object_changes(search.history, number, part, search.end + 1), None)
    if later is None or later.shown.n <= kept:
        return
    target = Difference(number, part, later.old, later.new)
    note = "after the value above was kept, which was made from what it was before"
    follow_change(search, ChangeEdge(later, target, parent, cost, note))


def _kept_at(search: Search, origin: Origin, number: int) -> int | None:
    """Give the event at which what came from an origin was put into a mapping.

    Not where it was put there with the object itself, which then shows its changes.
    """
    here: Origin | None = origin
    while here is not None:
        entry = search.entry_of(here)
        if entry is not None:
            is_in_it = here.new is not None and paths_to(here.new, number) is not None
            return None if is_in_it else entry
        here = search.parent_of(here)
    return None
