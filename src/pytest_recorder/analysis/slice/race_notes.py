"""Remarks what two findings together mean: a lost update, a stale copy."""

import ast
from collections.abc import Sequence

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Site, object_changes
from pytest_recorder.analysis.objects import (
    Difference,
    Step,
    follow,
    path_text,
    paths_to,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.in_place import InPlace
from pytest_recorder.analysis.slice.written import (
    part_in,
    resolved,
)
from pytest_recorder.analysis.value_text import render_value

_MOST_SINCE = 50_000


class Remarks(InPlace):
    """Compares the times of what was read, kept and changed."""

    def _lost_update(self, site: Site, exprs: Sequence[ast.expr], origin: Origin) -> None:
        """Remark where a part of an object was read, changed by somebody else, and then written.

        The writing was followed before: what it was written from is what this statement read.
        """
        read = expressions.chain(exprs[0]) if len(exprs) == 1 else None
        values = self._history.values(site.frame, site.start.n) if read is not None else {}
        if read is None or not read.steps or read.root not in values:
            return
        steps = resolved(read.steps, values)
        holder, taken = follow(values[read.root], steps[:-1])
        if taken < len(read.steps) - 1 or not steps or "id" not in holder:
            return
        written = self._written_from(origin, holder["id"], steps[-1])
        if written is None:
            return
        other = next(object_changes(self._history, holder["id"], steps[-1], written), None)
        if other is None or other.site is None or other.shown.n <= site.end:
            return
        became = part_in(other.new, Difference(holder["id"], steps[-1], None, None))
        if other.site.frame != site.frame and became is not None:
            origin.note = (
                f"{path_text(read.root, steps)} became {render_value(became, width=40)}"
                f" after this was read, by line {other.site.start.line}; what was written"
                " from the old value replaced it"
            )

    def _written_from(self, origin: Origin, number: int, part: Step) -> int | None:
        """Give the event of the change of a part that an origin led to."""
        here: Origin | None = origin
        while here is not None:
            written = self._writes.get(id(here))
            if written is not None and written[:2] == (number, part):
                return written[2]
            here = self._above.get(id(here))
        return None

    def _changed_since(self, number: int, part: Step | None, parent: Origin, cost: int) -> None:
        """Show that something changed after a value made from it was kept in a mapping.

        That is what a stale cache looks like.
        """
        kept = self._kept_at(parent, number)
        if kept is None or self._end - kept > _MOST_SINCE:
            return
        later = next(object_changes(self._history, number, part, self._end + 1), None)
        if later is None or later.shown.n <= kept:
            return
        target = Difference(number, part, later.old, later.new)
        note = "after the value above was kept, which was made from what it was before"
        self._changed(later, target, parent, cost, note=note)

    def _kept_at(self, origin: Origin, number: int) -> int | None:
        """Give the event at which what came from an origin was put into a mapping.

        Not where it was put there with the object itself, which then shows its changes.
        """
        here: Origin | None = origin
        while here is not None:
            if id(here) in self._entries:
                is_in_it = here.new is not None and paths_to(here.new, number) is not None
                return None if is_in_it else self._writes[id(here)][2]
            here = self._above.get(id(here))
        return None
