"""Follows changes in place: who changed an object, whatever name it was held by."""

from functools import partial

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Change, Site, object_changes
from pytest_recorder.analysis.objects import (
    Difference,
    Step,
    path_text,
    paths_to,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.callers import Callers
from pytest_recorder.analysis.slice.worklist import (
    CONDITION,
    READ,
)
from pytest_recorder.analysis.slice.written import (
    is_read_of,
    line_of,
    part_in,
    stored,
)

_MOST_CHANGES_LOOKED_AT = 30
_MOST_PLACES = 4


class InPlace(Callers):
    """Follows objects."""

    def _in_place(self, number: int, n: int, parent: Origin, cost: int) -> None:
        """Show the last changes of an object, one for each place that made some."""
        if not self._is_new("in place", number):
            return
        places: dict[tuple[str | None, int | None], Origin] = {}
        for at, change in enumerate(object_changes(self._history, number, None, n + 1)):
            if at >= _MOST_CHANGES_LOOKED_AT:
                break
            if change.site is None:
                continue
            known = places.get(line_of(change))
            if known is not None:
                known.note = "and earlier"
                continue
            if len(places) >= _MOST_PLACES:
                break
            target = Difference(number, None, change.old, change.new)
            origin = self._changed(change, target, parent, cost + len(places))
            if origin is not None:
                places[line_of(change)] = origin

    def _changed(
        self,
        change: Change,
        target: Difference,
        parent: Origin,
        cost: int,
        *,
        note: str = "",
    ) -> Origin | None:
        """Show who changed an object, and follow what it was changed to."""
        site = change.site
        if site is None or not self._is_new("changed", site.frame, site.start.n, target.id):
            return None
        name = self._name_of(site, target.id)
        what = path_text(name[0], name[1]) if name is not None else "an object"
        old, new = change.old, change.new
        if target.part is not None and not (new is not None and new.get("id") == target.id):
            what = path_text(what, (target.part,))
            old = part_in(change.old, target)
            new = part_in(change.new, target)
        origin = self._place(Origin(what, "changed", cost, old=old, new=new), site.start)
        origin.note = note
        self._add(parent, origin)
        self._writes[id(origin)] = (target.id, target.part, change.shown.n)
        if change.new is not None and "entries" in change.new:
            self._entries.add(id(origin))
        stmt = self._sources.statement(site.start.file, site.start.line)
        if stmt is None:
            return origin
        self._later(
            cost + CONDITION + 1, lambda: self._called(site, origin, cost + CONDITION + 1)
        )
        exprs = stored(stmt, target.part) or expressions.expressions(stmt)
        used = [expr for expr in exprs if not is_read_of(expr, name)]
        self._uses(site, stmt, used, origin, cost + READ)
        self._conditions(site, stmt, None, origin, cost)
        return origin

    def _name_of(self, site: Site, number: int) -> tuple[str, tuple[Step, ...]] | None:
        """Find by which name a frame holds an object; the shortest path."""
        best: tuple[str, tuple[Step, ...]] | None = None
        for name, value in self._history.values(site.frame, site.end).items():
            path = paths_to(value, number)
            if path is not None and (best is None or len(path) < len(best[1])):
                best = (name, path)
        return best

    def _earlier(
        self, number: int, part: Step, last: Change, parent: Origin, cost: int
    ) -> None:
        """Show what changed the same part before: the last two times, and from other lines."""
        places = {line_of(last)}
        found = object_changes(self._history, number, part, last.shown.n)
        for at, change in enumerate(found):
            if at >= _MOST_CHANGES_LOOKED_AT or len(places) >= _MOST_PLACES:
                return
            if change.site is None or (at > 1 and line_of(change) in places):
                continue
            places.add(line_of(change))
            target = Difference(number, part, change.old, change.new)
            self._later(
                cost,
                partial(self._changed, change, target, parent, cost, note="before that"),
            )
