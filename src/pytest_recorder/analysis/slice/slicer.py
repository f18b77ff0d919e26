"""Follows values back through a trace: what made them so, and what made that so.

This is a dynamic backward slice over recorded events and the syntax of the recorded source; no
code is run. A value leads to the statement that gave it to its name or changed it in place, whoever
did it; that statement to what it read, to the results of the calls that it made, to the arguments
that its function got, and to the conditions that decided whether it ran.

What is nearest is followed first: each step back has a cost, and the cheapest is next.
"""

import ast
from collections.abc import Sequence
from functools import partial

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Change, Site, changes, object_changes
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.failure import Failure, handled_exceptions, is_group
from pytest_recorder.analysis.objects import (
    Difference,
    Step,
    difference,
    follow,
    is_open,
    mark,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.outside import Outside
from pytest_recorder.analysis.slice.worklist import (
    ARGUMENT,
    CONDITION,
    FAR,
    IN_PLACE,
    READ,
)
from pytest_recorder.analysis.slice.written import (
    containers,
    resolved,
)
from pytest_recorder.format.events import Value

_MOST_SAME = 3
_MOST_BACK = 5_000
_QUIET_TYPES = frozenset(
    ("function", "method", "builtin_function_or_method", "module", "type", "method-wrapper")
)


class Slicer(Outside):
    """Follows values back from one moment."""

    def failure(self, failure: Failure) -> list[Origin]:
        """Follow back everything that the failing line used."""
        call = failure.calls[-1]
        raised = failure.raised
        top = Origin("", "used", 0, below=[])
        end = raised.n if raised is not None and raised.frame == call.frame else call.n
        start = self._history.before(call.frame, end)
        if start is None:
            return []
        site = Site(call.frame, start, end)
        self._end = failure.end
        stmt = self._sources.statement(call.file, call.line)
        if stmt is not None:
            exprs: list[ast.AST] = [*expressions.expressions(stmt)]
            if isinstance(stmt, expressions.With):
                # `with pytest.raises(...)`: what did not fail as it should is in the body.
                exprs += [e for inner in stmt.body for e in expressions.expressions(inner)]
            if isinstance(stmt, ast.Raise):
                self._conditions(site, stmt, None, top, -CONDITION)
            self._uses(site, stmt, exprs, top, 0, moment=end)
            if is_group(failure.exception):
                # Its parts were raised elsewhere: where it came together tells little.
                self._queue.clear()
            if not isinstance(stmt, ast.Raise):
                self._conditions(site, stmt, None, top, READ)
        if is_group(failure.exception):
            for part in handled_exceptions(self._history, failure, _MOST_SAME * 2):
                if part.went_on is None:
                    self._raised(part.raised, top, 1)
        self._run()
        return top.below

    def value(self, frame: int, n: int, read: Read) -> list[Origin]:
        """Follow back one value, as it was in a frame after event `n`."""
        top = Origin("", "used", 0)
        self._end = n
        self._read(frame, n, read, top, 0)
        self._run()
        return top.below

    def _read(self, frame: int, n: int, read: Read, parent: Origin, cost: int) -> None:
        """Follow the value of a name, or of a part of it, as it was after event `n`."""
        values = self._history.values(frame, n)
        held = values.get(read.root)
        if held is None:
            if not self._history.has_changes and self._never_bound(frame, n, read.root):
                self._given(frame, n, read.root, parent, cost)
            elif self._history.has_changes or self._is_module_variable(frame, n, read.root):
                self._variable_of_module(frame, n, read.root, parent, cost + READ)
            else:
                self._by_syntax(frame, n, read.root, parent, cost)
            return
        if held.get("type") in _QUIET_TYPES:
            return
        steps = resolved(read.steps, values)
        value, taken = follow(held, steps)
        if taken < len(steps):
            self._unrecorded_part(value, steps[taken], parent, cost + READ)
            is_asked = parent.how == "used" and not parent.what
            if taken == 0 and not value.get("truncated") and not is_asked:
                return
            cost += 2
        steps = steps[:taken]
        if value.get("type") in _QUIET_TYPES:
            return
        shown = parent
        if parent.how == "used" and not parent.what:
            if not self._is_new("root", frame, n, read.root, steps):
                return
            shown = self._add(
                parent, Origin(path_text(read.root, steps), "used", cost, new=value)
            )
        if is_open(value):
            self._later(
                cost + READ, lambda: self._changed_since(value["id"], None, shown, cost + READ)
            )
            # Of an object with attributes it is one of them that matters, and that is read by name.
            extra = FAR + READ if "attributes" in value else IN_PLACE
            self._later(
                cost + extra, lambda: self._in_place(value["id"], n, shown, cost + extra)
            )
            if len(steps) < len(read.steps):
                # The item that was taken is not known: it may be in any of the containers inside.
                for number in containers(value):
                    self._later(
                        cost + extra,
                        partial(self._in_place, number, n, shown, cost + extra),
                    )
        if steps:
            self._part(held, frame, n, read.root, steps, shown, cost)
        else:
            self._variable(frame, n, read.root, (), shown, cost)

    def _part(
        self,
        held: Value,
        frame: int,
        n: int,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow an attribute or item: who put it there, and what else was done to its holder."""
        holder, _ = follow(held, steps[:-1])
        found: Change | None = None
        if is_open(holder):
            self._later(
                cost + READ,
                lambda: self._changed_since(holder["id"], steps[-1], parent, cost + READ),
            )
            found = next(object_changes(self._history, holder["id"], steps[-1], n + 1), None)
            if steps[-1][0] == "item":
                self._in_place(holder["id"], n, parent, cost + IN_PLACE)
        if found is not None and found.site is not None:
            target = Difference(holder["id"], steps[-1], found.old, found.new)
            self._changed(found, target, parent, cost)
            self._earlier(holder["id"], steps[-1], found, parent, cost + READ)
            return
        self._variable(frame, n, root, steps, parent, cost)

    def _variable(
        self,
        frame: int,
        n: int,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow a variable to the statement or the call that gave it its value."""
        if (
            not steps
            and self._never_bound(frame, n, root)
            and self._given(frame, n, root, parent, cost)
        ):
            return
        for change in changes(self._history, frame, n, root, steps):
            if change.shown.kind == "call":
                self._argument(change.shown, root, steps, change.new, parent, cost + ARGUMENT)
                return
            if change.site is None:
                break
            start = change.site.start
            key = ("times", frame, root, steps, start.line)
            self._counts[key] = self._counts.get(key, 0) + 1
            if self._counts[key] > _MOST_SAME:
                # A loop went by here again and again: what was before it tells more.
                continue
            self._assigned(change, root, steps, parent, cost)
            return
        else:
            if not self._history.has_changes:
                self._by_syntax(frame, n, root, parent, cost)
                return
        if self._history.is_exhausted and self._is_new("before", frame, root, steps):
            note = "this is as far back as was searched"
            self._add(parent, Origin(path_text(root, steps), "before", cost, note=note))

    def _given(self, frame: int, n: int, root: str, parent: Origin, cost: int) -> bool:
        """Follow a parameter that has its first value still; tells whether its call was found."""
        call = self._history.call_of(frame, n + 1)
        held = (call.args or {}).get(root) if call is not None else None
        if call is None or held is None:
            return False
        self._argument(call, root, (), held, parent, cost + ARGUMENT)
        return True

    def _never_bound(self, frame: int, n: int, name: str) -> bool:
        """Whether a name is a parameter that its function never gives another value."""
        event = self._history.before(frame, n + 1)
        file = self._sources.file(event.file) if event is not None else None
        if event is None or file is None:
            return False
        function = file.function(event.line or 0, (event.function or "").rpartition(".")[2])
        return function is not None and file.only_given(function, name)

    def _assigned(
        self,
        change: Change,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> None:
        site = change.site
        if site is None:
            return
        start = site.start
        if start.kind == "call" and self._enclosing(change, site, root, steps, parent, cost):
            return
        stmt, bound = self._sources.binder(start.file, start.line, root)
        is_same_object = (
            not steps
            and change.old is not None
            and "id" in change.old
            and change.new is not None
            and change.old.get("id") == change.new.get("id")
            and "value" not in change.new
        )
        if stmt is None or bound is None or is_same_object:
            self._effect(change, site, root, steps, parent, cost)
            return
        what = path_text(root, steps)
        if not self._is_new("assigned", site.frame, start.n, site.end, what):
            return
        origin = self._place(
            Origin(what, bound.how, cost, old=change.old, new=change.new), start
        )
        self._add(parent, origin)
        if bound.how == "loop":
            self._is_new("loop", site.frame, start.line)
        if bound.how == "loop":
            self._looped(site, stmt, root, bound.exprs, steps, origin)
        else:
            self._lost_update(site, bound.exprs, origin)
            self._uses(site, stmt, bound.exprs, origin, cost + READ, steps=steps)
        if bound.how == "except":
            self._later(cost + 1, partial(self._handled, start, origin, cost + 1))
        self._conditions(site, stmt, None, origin, cost)

    def _looped(
        self,
        site: Site,
        stmt: ast.stmt,
        root: str,
        exprs: Sequence[ast.expr],
        steps: tuple[Step, ...],
        origin: Origin,
    ) -> None:
        """Follow what a loop gave to its variable in one round."""
        cost = origin.cost + READ
        self._uses(site, stmt, [], origin, cost, kinds=("yield",))
        item = self._item(site, root, exprs)
        if item is not None:
            whole = Read(item.root, (*item.steps, *steps))
            self._later(
                cost, partial(self._read, site.frame, site.start.n, whole, origin, cost)
            )
        # What is looped over was worked out when the loop began, not in this round of it.
        begun = self._loop_begun(site, stmt)
        self._uses(begun, stmt, exprs, origin, cost, kinds=("return",))

    def _item(self, site: Site, root: str, exprs: Sequence[ast.expr]) -> Read | None:
        """Find which item of a sequence a loop gave to its variable."""
        read = expressions.chain(exprs[0]) if exprs else None
        before = self._history.values(site.frame, site.start.n)
        value = self._history.values(site.frame, site.end).get(root)
        if read is None or value is None or read.root not in before:
            return None
        held, taken = follow(before[read.root], resolved(read.steps, before))
        if taken < len(read.steps):
            return None
        for at, item in enumerate(held.get("items", ())):
            if "id" in value and mark(item) == mark(value):
                return Read(read.root, (*read.steps, ("item", ("int", at))))
        return None

    def _effect(
        self,
        change: Change,
        site: Site,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow a change that the frame's own line did not make by binding the name."""
        if change.old is not None and change.new is not None:
            found = difference(change.old, change.new)
            if found is not None:
                inner = next(
                    object_changes(self._history, found.id, found.part, site.end + 1), None
                )
                if inner is not None and inner.site is not None:
                    self._changed(inner, found, parent, cost)
                    return
        other = self._by_name(site, root, change.new)
        origin = self._place(
            Origin(path_text(root, steps), "changed", cost, old=change.old, new=change.new),
            other.start if other is not None else site.start,
        )
        if not self._is_new("changed", origin.n, origin.what):
            return
        self._add(parent, origin)
        here = other if other is not None else site
        where = self._sources.statement(here.start.file, here.start.line)
        if where is not None:
            exprs = expressions.expressions(where)
            self._uses(here, where, exprs, origin, cost + READ)

    def _enclosing(
        self,
        change: Change,
        site: Site,
        root: str,
        steps: tuple[Step, ...],
        parent: Origin,
        cost: int,
    ) -> bool:
        """Follow a variable that a function shares with those around it, to who wrote it last."""
        around = (site.start.function or "").rpartition(".<locals>.")[0]
        if not around or steps:
            return False
        for event in self._history.backwards(site.start.n, most=_MOST_BACK):
            is_of_family = (
                f"{event.function}.".startswith(f"{around}.") and event.frame is not None
            )
            if is_of_family and event.changes.get(root) == change.new:
                self._variable(event.frame or 0, event.n, root, steps, parent, cost)
                return True
        return False

    def _by_name(self, site: Site, root: str, new: Value | None) -> Site | None:
        """Find a callee that shares the variable (`nonlocal`) and gave it this value."""
        for event in self._history.backwards(site.end, most=2_000):
            if event.n <= site.start.n:
                return None
            if event.frame not in (None, site.frame) and event.changes.get(root) == new:
                start = self._history.before(event.frame or 0, event.n)
                return Site(event.frame or 0, start, event.n) if start is not None else None
        return None
