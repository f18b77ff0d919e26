"""Follows values back through a trace: what made them so, and what made that so.

This is a dynamic backward slice over recorded events and the syntax of the recorded source; no
code is run. A value leads to the statement that gave it to its name or changed it in place, whoever
did it; that statement to what it read, to the results of the calls that it made, to the arguments
that its function got, and to the conditions that decided whether it ran.

What is nearest is followed first: each step back has a cost, and the cheapest is next.
"""

import ast
import heapq
from collections.abc import Callable, Iterable, Sequence

from pytest_recorder.tracefile.events import Event, Value
from pytest_recorder.viewer import syntax
from pytest_recorder.viewer.failure import Failure
from pytest_recorder.viewer.history import History
from pytest_recorder.viewer.objects import (
    Difference,
    Step,
    difference,
    follow,
    is_open,
    mark,
    part_of,
    parts,
    path_text,
    paths_to,
)
from pytest_recorder.viewer.origins import Origin
from pytest_recorder.viewer.sites import (
    Change,
    Site,
    changes,
    object_changes,
    results,
)
from pytest_recorder.viewer.syntax import Read, Sources
from pytest_recorder.viewer.values import render_value

MOST_ORIGINS = 160
_MOST_COST = 40
_MOST_CHANGES_LOOKED_AT = 30
_MOST_PLACES = 4
_MOST_RESULTS = 6
_MOST_LOOP_EVENTS = 5_000
_MOST_SINCE = 50_000
_MOST_SAME = 3
_QUIET_TYPES = frozenset(
    ("function", "method", "builtin_function_or_method", "module", "type", "method-wrapper")
)
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"))

# What one step back costs: the less, the sooner it is followed and the longer it is shown.
_READ, _ARGUMENT, _RESULT, _IN_PLACE, _CONDITION, _FAR = 2, 1, 1, 2, 4, 4
_DECISION = {"except": 1, "passed": 6}


class Slicer:
    """Follows values back from one moment."""

    def __init__(
        self, history: History, sources: Sources, *, most: int = MOST_ORIGINS
    ) -> None:
        self._history = history
        self._sources = sources
        self._left = most
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._seen: set[object] = set()
        self._counts: dict[object, int] = {}
        self._arguments: dict[int, Origin] = {}
        self._kept: list[Origin] = []  # so that no two of them have one id()
        self._above: dict[int, Origin] = {}
        self._writes: dict[int, tuple[int, Step | None, int]] = {}
        self._entries: set[int] = set()  # those of them that put an entry into a mapping
        self._suspended: dict[tuple[str | None, str | None], bool] = {}
        self._end = 0

    # Where to begin.

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
            exprs: list[ast.AST] = [*syntax.expressions(stmt)]
            if isinstance(stmt, syntax.With):
                # `with pytest.raises(...)`: what did not fail as it should is in the body.
                exprs += [e for inner in stmt.body for e in syntax.expressions(inner)]
            if isinstance(stmt, ast.Raise):
                self._conditions(site, stmt, None, top, -_CONDITION)
            self._uses(site, stmt, exprs, top, 0, moment=end)
            if not isinstance(stmt, ast.Raise):
                self._conditions(site, stmt, None, top, _READ)
        self._run()
        return top.below

    def value(self, frame: int, n: int, read: Read) -> list[Origin]:
        """Follow back one value, as it was in a frame after event `n`."""
        top = Origin("", "used", 0)
        self._end = n
        self._read(frame, n, read, top, 0)
        self._run()
        return top.below

    # The queue.

    def _later(self, cost: int, task: Callable[[], None]) -> None:
        if cost <= _MOST_COST:
            self._order += 1
            heapq.heappush(self._queue, (cost, self._order, task))

    def _run(self) -> None:
        while self._queue and self._left > 0:
            heapq.heappop(self._queue)[2]()

    def _add(self, parent: Origin, origin: Origin) -> Origin:
        """Put an origin into the tree; one of too many of a kind is followed but not shown."""
        key = ("at", origin.how, origin.file, origin.line, origin.function)
        self._counts[key] = self._counts.get(key, 0) + 1
        if origin.file is None or self._counts[key] <= _MOST_SAME:
            parent.below.append(origin)
            self._left -= 1
        self._above[id(origin)] = parent
        self._kept.append(origin)
        return origin

    def _is_new(self, *key: object) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    # What a statement used.

    def _uses(
        self,
        site: Site,
        stmt: ast.stmt | None,
        exprs: Sequence[ast.AST],
        parent: Origin,
        cost: int,
        *,
        moment: int | None = None,
        steps: tuple[Step, ...] = (),
        kinds: tuple[str, ...] = ("return", "yield"),
    ) -> None:
        """Follow what expressions of a statement read and what the calls in it gave.

        `steps` lead from the value of the only expression to the part that is asked for.
        """
        used = syntax.used(exprs)
        n = site.start.n if moment is None else moment
        start = self._start(site, stmt)
        ends = [e for e in results(self._history, site, start, self._is_suspended) if e.kind in kinds]
        followed = self._results(ends, used.calls, parent, cost, site)
        receivers = {
            read
            for call in followed
            if isinstance(call.func, ast.Attribute)
            and (read := syntax.chain(call.func.value)) is not None
        }
        arguments = {
            read
            for call in followed
            for read in syntax.used([*call.args, *(k.value for k in call.keywords)]).reads
        }
        only = syntax.chain(exprs[0]) if len(exprs) == 1 and _is_expr(exprs[0]) else None
        for read in used.reads:
            # What a recorded call got is followed from inside of it, as far as it was used there.
            extra = 2 * _FAR if read in receivers or read in arguments else 0
            whole = Read(read.root, (*read.steps, *steps)) if steps and read == only else read
            self._later(
                cost + extra,
                lambda whole=whole, extra=extra: self._read(
                    site.frame, n, whole, parent, cost + extra
                ),
            )

    def _start(self, site: Site, stmt: ast.stmt | None) -> int:
        """Give the event at which a frame began with a statement of several lines."""
        if stmt is None or isinstance(stmt, (*syntax.LOOPS, ast.While)):
            return site.start.n
        span = syntax.span_of(stmt)
        start = site.start.n
        for at, event in enumerate(self._history.of_frame(site.frame, site.start.n)):
            if at > 50 or event.line not in span or event.kind == "call":
                break
            start = event.n
            if event.kind == "line" and len(span) == 1:
                break
        return start

    def _results(
        self,
        ends: list[Event],
        calls: Iterable[ast.Call],
        parent: Origin,
        cost: int,
        site: Site,
    ) -> list[ast.Call]:
        """Follow the results of calls; gives the calls in the source whose results these are."""
        by_name: dict[str, list[ast.Call]] = {}
        for call in calls:
            by_name.setdefault(syntax.called_name(call) or "", []).append(call)
        matched: list[ast.Call] = []
        shown: dict[str, int] = {}
        generators = {event.frame for event in ends if event.kind == "yield"}
        for event in reversed(ends):
            name = (event.function or "?").rpartition(".")[2]
            is_known = name in by_name
            if is_known:
                matched += by_name[name]
            if event.kind == "yield" and not self._is_generator(event):
                continue
            if event.kind == "return" and event.frame in generators and _is_none(event.value):
                continue
            if event.value is None or (_is_none(event.value) and not is_known):
                continue
            if name == "__init__" or self._is_body_of(name, site):
                continue
            shown[name] = shown.get(name, 0) + 1
            if shown[name] > _MOST_SAME or sum(shown.values()) > _MOST_RESULTS:
                continue
            extra = _RESULT if is_known or name in _COMPREHENSIONS else _RESULT + 2
            self._later(
                cost + extra,
                lambda event=event, extra=extra: self._result(event, parent, cost + extra),
            )
        return matched

    def _is_suspended(self, event: Event) -> bool:
        """Whether a function is a generator or a coroutine."""
        key = (event.file, event.function)
        if key not in self._suspended:
            file = self._sources.file(event.file)
            name = (event.function or "").rpartition(".")[2]
            function = file.function(event.line or 0, name) if file is not None else None
            self._suspended[key] = function is None or syntax.is_suspended(function)
        return self._suspended[key]

    def _is_generator(self, event: Event) -> bool:
        """Whether a `yield` event gives a value, and is not an `await`."""
        stmt = self._sources.statement(event.file, event.line)
        return stmt is not None and any(
            isinstance(node, (ast.Yield, ast.YieldFrom))
            for expr in syntax.expressions(stmt)
            for node in ast.walk(expr)
        ) or (event.function or "").endswith("<genexpr>")

    def _is_body_of(self, name: str, site: Site) -> bool:
        return name == "<module>" or not site.frame

    def _result(
        self, event: Event, parent: Origin, cost: int, steps: tuple[Step, ...] = ()
    ) -> None:
        """Follow what a call returned or a generator yielded."""
        frame = event.frame or 0
        if not self._is_new("result", event.n):
            return
        stmt = self._sources.statement(event.file, event.line)
        origin = self._place(
            Origin(
                f"{(event.function or '?').rpartition('.')[2]}()",
                "returned" if event.kind == "return" else "yielded",
                cost,
                new=event.value,
            ),
            event,
        )
        self._add(parent, origin)
        site = Site(frame, event, event.n)
        if stmt is None:
            return
        exprs = _yielded(stmt) if event.kind == "yield" else _returned(stmt)
        self._uses(site, stmt, exprs, origin, cost + _READ, steps=steps)
        self._conditions(site, stmt, _only_read(exprs), origin, cost)

    def _place(self, origin: Origin, event: Event) -> Origin:
        """Say of an origin where it was: at the line of an event."""
        origin.n, origin.file, origin.line = event.n, event.file, event.line
        origin.function = event.function
        origin.source = self._sources.text(event.file, event.line)
        return origin

    # One value.

    def _read(self, frame: int, n: int, read: Read, parent: Origin, cost: int) -> None:
        """Follow the value of a name, or of a part of it, as it was after event `n`."""
        values = self._history.values(frame, n)
        held = values.get(read.root)
        if held is None:
            if self._history.has_changes or self._is_module_variable(frame, n, read.root):
                self._variable_of_module(frame, n, read.root, parent, cost + _READ)
            else:
                self._by_syntax(frame, n, read.root, parent, cost)
            return
        if held.get("type") in _QUIET_TYPES:
            return
        steps = resolved(read.steps, values)
        value, taken = follow(held, steps)
        if taken < len(steps):
            self._unrecorded_part(value, steps[taken], parent, cost + _READ)
            if taken == 0 and not value.get("truncated"):
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
                cost + _READ, lambda: self._changed_since(value["id"], None, shown, cost + _READ)
            )
            # Of an object with attributes it is one of them that matters, and that is read by name.
            extra = _FAR + _READ if "attributes" in value else _IN_PLACE
            self._later(
                cost + extra, lambda: self._in_place(value["id"], n, shown, cost + extra)
            )
            if len(steps) < len(read.steps):
                # The item that was taken is not known: it may be in any of the containers inside.
                for number in _containers(value):
                    self._later(
                        cost + extra,
                        lambda number=number: self._in_place(number, n, shown, cost + extra),
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
                cost + _READ,
                lambda: self._changed_since(holder["id"], steps[-1], parent, cost + _READ),
            )
            found = next(
                object_changes(self._history, holder["id"], steps[-1], n + 1), None
            )
            if steps[-1][0] == "key":
                self._in_place(holder["id"], n, parent, cost + _IN_PLACE)
        if found is not None and found.site is not None:
            target = Difference(holder["id"], steps[-1], found.old, found.new)
            self._changed(found, target, parent, cost)
            self._earlier(holder["id"], steps[-1], found, parent, cost + _READ)
            return
        self._variable(frame, n, root, steps, parent, cost)

    def _earlier(
        self, number: int, part: Step, last: Change, parent: Origin, cost: int
    ) -> None:
        """Show what changed the same part before: the last two times, and from other lines."""
        places = {_line_of(last)}
        found = object_changes(self._history, number, part, last.shown.n)
        for at, change in enumerate(found):
            if at >= _MOST_CHANGES_LOOKED_AT or len(places) >= _MOST_PLACES:
                return
            if change.site is None or (at > 1 and _line_of(change) in places):
                continue
            places.add(_line_of(change))
            target = Difference(number, part, change.old, change.new)
            self._later(
                cost,
                lambda change=change, target=target: self._changed(
                    change, target, parent, cost, note="before that"
                ),
            )

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
        if not steps and self._never_bound(frame, n, root):
            call = self._history.call_of(frame, n + 1)
            if call is not None and root in (call.args or {}):
                held = (call.args or {})[root]
                self._argument(call, root, (), held, parent, cost + _ARGUMENT)
                return
        for change in changes(self._history, frame, n, root, steps):
            if change.shown.kind == "call":
                self._argument(change.shown, root, steps, change.new, parent, cost + _ARGUMENT)
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
        if self._is_new("before", frame, root, steps):
            note = "its frame ran before the recording or before what was searched"
            origin = Origin(path_text(root, steps), "before", cost, note=note)
            if not self._history.is_exhausted:
                return
            self._add(parent, origin)

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
        stmt = self._sources.statement(start.file, start.line)
        bound = syntax.binding(stmt, root) if stmt is not None else None
        is_same_object = (
            not steps
            and change.old is not None
            and "id" in change.old
            and change.new is not None
            and change.old.get("id") == change.new.get("id")
            and "value" not in change.new
        )
        if stmt is None or bound is None or is_same_object:
            self._effect(change, root, steps, stmt, parent, cost)
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
        exprs, rest, kinds = bound.exprs, steps, ("return", "yield")
        if bound.how == "loop":
            # What is looped over was worked out when the loop began, not in this round of it.
            begun = self._loop_begun(site, stmt)
            self._uses(site, stmt, [], origin, cost + _READ, kinds=("yield",))
            kinds = ("return",)
            item = self._item(site, root, exprs)
            if item is not None:
                whole = Read(item.root, (*item.steps, *steps))
                self._later(
                    cost + _READ,
                    lambda: self._read(site.frame, site.start.n, whole, origin, cost + _READ),
                )
            rest, site = (), begun
        self._lost_update(site, exprs, origin)
        self._uses(site, stmt, exprs, origin, cost + _READ, steps=rest, kinds=kinds)
        if bound.how == "except":
            self._later(cost + 1, lambda: self._handled(site.start, origin, cost + 1))
        self._conditions(site, stmt, None, origin, cost)

    def _loop_begun(self, site: Site, stmt: ast.stmt) -> Site:
        """Give the first round of the loop that a frame is in."""
        inside = range(stmt.lineno, syntax.last_line(stmt) + 1)
        begun, after = site.start, site.end
        following = site.start
        for at, event in enumerate(self._history.of_frame(site.frame, site.start.n)):
            if at > _MOST_LOOP_EVENTS or event.line not in inside or event.kind == "call":
                break
            if event.kind == "line" and event.line == stmt.lineno:
                begun, after = event, following.n
            following = event
        return site if begun is site.start else Site(site.frame, begun, after)

    def _item(self, site: Site, root: str, exprs: Sequence[ast.expr]) -> Read | None:
        """Find which item of a sequence a loop gave to its variable."""
        read = syntax.chain(exprs[0]) if exprs else None
        before = self._history.values(site.frame, site.start.n)
        value = self._history.values(site.frame, site.end).get(root)
        if read is None or value is None or read.root not in before:
            return None
        held, taken = follow(before[read.root], resolved(read.steps, before))
        if taken < len(read.steps):
            return None
        for at, item in enumerate(held.get("items", ())):
            if "id" in value and mark(item) == mark(value):
                return Read(read.root, (*read.steps, ("key", ("int", at))))
        return None

    def _lost_update(self, site: Site, exprs: Sequence[ast.expr], origin: Origin) -> None:
        """Remark where a part of an object was read, changed by somebody else, and then written.

        The writing was followed before: what it was written from is what this statement read.
        """
        read = syntax.chain(exprs[0]) if len(exprs) == 1 else None
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
        became = _part_in(other.new, Difference(holder["id"], steps[-1], None, None))
        if other.site.frame != site.frame and became is not None:
            origin.note = (
                f"{path_text(read.root, steps)} became {render_value(became, width=40)}"
                f" after this was read, by line {other.site.start.line}; what was written"
                " from the old value replaced it"
            )

    def _changed_since(
        self, number: int, part: Step | None, parent: Origin, cost: int
    ) -> None:
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

    def _written_from(self, origin: Origin, number: int, part: Step) -> int | None:
        """Give the event of the change of a part that an origin led to."""
        here: Origin | None = origin
        while here is not None:
            written = self._writes.get(id(here))
            if written is not None and written[:2] == (number, part):
                return written[2]
            here = self._above.get(id(here))
        return None

    def _effect(
        self,
        change: Change,
        root: str,
        steps: tuple[Step, ...],
        stmt: ast.stmt | None,
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow a change that the frame's own line did not make by binding the name."""
        site = change.site
        if site is None:
            return
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
            exprs = syntax.expressions(where)
            self._uses(here, where, exprs, origin, cost + _READ)

    def _by_name(self, site: Site, root: str, new: Value | None) -> Site | None:
        """Find a callee that shares the variable (`nonlocal`) and gave it this value."""
        for event in self._history.backwards(site.end, most=2_000):
            if event.n <= site.start.n:
                return None
            if event.frame not in (None, site.frame) and event.changes.get(root) == new:
                start = self._history.before(event.frame or 0, event.n)
                return Site(event.frame or 0, start, event.n) if start is not None else None
        return None

    # Changes in place.

    def _in_place(
        self, number: int, n: int, parent: Origin, cost: int
    ) -> None:
        """Show the last changes of an object, one for each place that made some."""
        if not self._is_new("in place", number):
            return
        places: dict[tuple[str | None, int | None], Origin] = {}
        for at, change in enumerate(object_changes(self._history, number, None, n + 1)):
            if at >= _MOST_CHANGES_LOOKED_AT:
                break
            if change.site is None:
                continue
            known = places.get(_line_of(change))
            if known is not None:
                known.note = "and earlier"
                continue
            if len(places) >= _MOST_PLACES:
                break
            target = Difference(number, None, change.old, change.new)
            origin = self._changed(change, target, parent, cost + len(places))
            if origin is not None:
                places[_line_of(change)] = origin

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
            old = _part_in(change.old, target)
            new = _part_in(change.new, target)
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
            cost + _CONDITION + 1, lambda: self._called(site, origin, cost + _CONDITION + 1)
        )
        exprs: Sequence[ast.AST] = _stored(stmt, target.part) or syntax.expressions(stmt)
        used = [expr for expr in exprs if not _is_read_of(expr, name)]
        self._uses(site, stmt, used, origin, cost + _READ)
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

    # Arguments.

    def _argument(
        self,
        call: Event,
        root: str,
        steps: tuple[Step, ...],
        value: Value | None,
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow a parameter to what the caller gave, or to its default."""
        caller = call.parent
        if caller is None:
            self._from_pytest(call, root, steps, value, parent, cost)
            return
        start = self._history.before(caller, call.n)
        name = (call.function or "").rpartition(".")[2]
        file = self._sources.file(call.file)
        function = file.function(call.line or 0, name) if file is not None else None
        if start is None:
            return
        site = Site(caller, start, call.n)
        stmt = self._sources.statement(start.file, start.line)
        written = self._written(stmt, call, name)
        if written is None and function is not None and syntax.is_suspended(function):
            made = self._made_at(call, name)
            if made is not None:
                start, stmt = made
                site = Site(start.frame or 0, start, call.n)
                written = self._written(stmt, call, name)
        given: syntax.Passed | None = None
        if written is not None and function is not None and file is not None:
            is_made = name == "__init__"
            is_bound = file.is_method(function) and (
                is_made or isinstance(written.func, ast.Attribute)
            )
            given = syntax.passed(written, function, root, is_bound=is_bound, is_made=is_made)
        if given is not None and given.default is not None:
            self._default(call, root, steps, value, given.default, parent, cost)
            return
        exprs: list[ast.AST] = [given.expr] if given is not None and given.expr else []
        if not exprs and stmt is not None:
            exprs = self._by_value(site, stmt, (call.args or {}).get(root))
        read = syntax.chain(exprs[0]) if len(exprs) == 1 and _is_expr(exprs[0]) else None
        if _is_super(exprs):
            read = self._first_parameter(start)
        is_plain = read is not None and (root in ("self", "cls") or read.root == root)
        if is_plain and read is not None:
            whole = Read(read.root, (*read.steps, *steps))
            self._read(site.frame, start.n, whole, parent, cost)
            return
        what = path_text(root, steps)
        if not self._is_new("argument", call.n, what):
            return
        origin = self._arguments.get(call.n)
        if origin is not None:
            origin.also.append((what, value))
        else:
            origin = self._place(Origin(what, "argument", cost, new=value), start)
            origin.note = f"given to {name}()"
            self._arguments[call.n] = self._add(parent, origin)
        self._uses(site, stmt, exprs, origin, cost + _READ, steps=steps)
        if stmt is not None:
            self._conditions(site, stmt, None, origin, cost)

    def _called(self, site: Site, parent: Origin, cost: int) -> None:
        """Follow why a frame ran at all: what decided its call, and which function it was."""
        call = self._history.call_of(site.frame, site.start.n + 1)
        if call is None or call.parent is None or not self._is_new("called", call.n):
            return
        start = self._history.before(call.parent, call.n)
        stmt = self._sources.statement(start.file, start.line) if start is not None else None
        if start is None or stmt is None:
            return
        name = (call.function or "").rpartition(".")[2]
        caller = Site(call.parent, start, call.n)
        if self._written(stmt, call, name) is None:
            variable = self._holding(caller, stmt, call)
            if variable is not None:
                text = path_text(variable.root, variable.steps)
                origin = self._place(Origin(f"{name}() as {text}()", "called", cost), start)
                self._add(parent, origin)
                parent = origin
                self._variable(
                    caller.frame, start.n, variable.root, variable.steps, origin, cost + 1
                )
        self._conditions(caller, stmt, None, parent, cost + 1 - _CONDITION)
        self._later(cost + _READ, lambda: self._called(caller, parent, cost + _READ))

    def _holding(self, site: Site, stmt: ast.stmt, call: Event) -> Read | None:
        """Find the variable that held the function which a statement called."""
        values = self._history.values(site.frame, site.start.n)
        for node in syntax.used(syntax.expressions(stmt)).calls:
            read = syntax.chain(node.func)
            if read is None or read.root not in values:
                continue
            steps = resolved(read.steps, values)
            found, taken = follow(values[read.root], steps)
            name = found.get("attributes", {}).get("qualname", {}).get("value")
            if taken == len(read.steps) and name is not None and name == call.function:
                return Read(read.root, steps)
        return None

    def _written(self, stmt: ast.stmt | None, call: Event, name: str) -> ast.Call | None:
        """Find the call in the caller's statement that made a frame."""
        if stmt is None:
            return None
        wanted = {name}
        if name in ("__init__", "__new__", "__call__"):
            wanted = {(call.function or "").split(".")[-2]} if "." in (call.function or "") else set()
        calls = syntax.used(syntax.expressions(stmt)).calls
        if isinstance(stmt, syntax.With):
            calls = syntax.used([item.context_expr for item in stmt.items]).calls
        found = [c for c in calls if syntax.called_name(c) in wanted]
        if not found and name in ("__init__", "__new__"):
            # A subclass without one of its own.
            made = [c for c in calls if (syntax.called_name(c) or "")[:1].isupper()]
            found = made if len(made) == 1 else []
        return found[0] if found else None

    def _made_at(self, call: Event, name: str) -> tuple[Event, ast.stmt] | None:
        """Find the line that made a coroutine or generator, which another one then ran."""
        for event in self._history.backwards(call.n, most=5_000):
            if event.kind == "line":
                stmt = self._sources.statement(event.file, event.line)
                if stmt is not None and self._written(stmt, call, name) is not None:
                    return event, stmt
        return None

    def _by_value(self, site: Site, stmt: ast.stmt, value: Value | None) -> list[ast.AST]:
        """Find what a statement reads that has the value of an argument."""
        exprs = syntax.expressions(stmt)
        if value is None:
            return list(exprs)
        values = self._history.values(site.frame, site.start.n)
        for expr in exprs:
            for node in ast.walk(expr):
                if isinstance(node, (ast.Name, ast.Attribute)):
                    read = syntax.chain(node)
                    if read is None or read.root not in values:
                        continue
                    steps = resolved(read.steps, values)
                    found, taken = follow(values[read.root], steps)
                    if taken == len(read.steps) and mark(found) == mark(value):
                        return [node]
        return list(exprs)

    def _first_parameter(self, start: Event) -> Read | None:
        file = self._sources.file(start.file)
        name = (start.function or "").rpartition(".")[2]
        function = file.function(start.line or 0, name) if file is not None else None
        if function is None:
            return None
        args = [*function.args.posonlyargs, *function.args.args]
        return Read(args[0].arg) if args else None

    def _default(
        self,
        call: Event,
        root: str,
        steps: tuple[Step, ...],
        value: Value | None,
        default: ast.expr,
        parent: Origin,
        cost: int,
    ) -> None:
        if not self._is_new("default", call.n, root):
            return
        origin = Origin(path_text(root, steps), "default", cost, call.n, new=value)
        origin.file, origin.line = call.file, default.lineno
        origin.function = call.function
        origin.source = self._sources.text(call.file, default.lineno)
        if call.parent is not None:
            start = self._history.before(call.parent, call.n)
            if start is not None:
                origin.note = f"nothing was given at line {start.line} of its caller"
        self._add(parent, origin)

    def _from_pytest(
        self,
        call: Event,
        root: str,
        steps: tuple[Step, ...],
        value: Value | None,
        parent: Origin,
        cost: int,
    ) -> None:
        """Follow an argument that no recorded code gave: a fixture's value, or a parameter."""
        made = self._fixture(call, root, (call.args or {}).get(root))
        if made is not None:
            if not self._is_new("fixture", made.n, path_text(root, steps)):
                return
            origin = self._place(
                Origin(path_text(root, steps), "fixture", cost, new=made.value), made
            )
            self._add(parent, origin)
            stmt = self._sources.statement(made.file, made.line)
            if stmt is not None:
                exprs = _yielded(stmt) if made.kind == "yield" else _returned(stmt)
                site = Site(made.frame or 0, made, made.n)
                self._uses(site, stmt, exprs, origin, cost + _READ, steps=steps)
            return
        if root in ("self", "cls") or not self._is_new("parameter", call.n, root, steps):
            return
        origin = self._place(Origin(path_text(root, steps), "parameter", cost, new=value), call)
        origin.note = "given by code that is not recorded, such as a mark of the test"
        self._add(parent, origin)

    def _fixture(self, call: Event, root: str, value: Value | None) -> Event | None:
        for event in self._history.backwards(call.n, most=20_000):
            if event.kind in ("return", "yield") and event.value is not None:
                name = (event.function or "").rpartition(".")[2]
                if name == root and (value is None or mark(event.value) == mark(value)):
                    return event
            if event.kind == "span" and event.phase == "setup" and event.edge == "begin":
                return None
        return None

    # What stands outside of functions, and what decided.

    def _is_module_variable(self, frame: int, n: int, name: str) -> bool:
        event = self._history.before(frame, n + 1)
        file = self._sources.file(event.file) if event is not None else None
        return file is not None and any(True for _ in file.global_lines(name))

    def _variable_of_module(
        self, frame: int, n: int, name: str, parent: Origin, cost: int
    ) -> None:
        event = self._history.before(frame, n + 1)
        path = event.file if event is not None else None
        file = self._sources.file(path)
        for _ in range(3):
            if file is None or path is None:
                return
            for line in file.global_lines(name):
                if self._is_new("module", path, line):
                    origin = Origin(name, "module", cost, file=path, line=line)
                    origin.source = file.text(line)
                    self._add(parent, origin)
                return
            imported = file.imported(name)
            if imported is None:
                return
            path = self._sources.of_module(imported[0])
            name = imported[1]
            file = self._sources.file(path)

    def _unrecorded_part(self, holder: Value, step: Step, parent: Origin, cost: int) -> None:
        """Show where a class gives an attribute that its instance does not have."""
        if step[0] != "attr":
            return
        wanted = str(holder.get("type", "")).rpartition(".")[2]
        for path, line, text in self._sources.class_attributes(wanted, str(step[1])):
            if self._is_new("class", path, line):
                what = f"{wanted}.{step[1]}"
                origin = Origin(what, "class", cost, file=path, line=line, source=text)
                self._add(parent, origin)

    def _by_syntax(self, frame: int, n: int, name: str, parent: Origin, cost: int) -> None:
        """Follow a variable whose changes were not recorded: the last line that binds it."""
        for event in self._history.of_frame(frame, n + 1):
            if event.kind == "call":
                return
            if event.n == n or event.kind != "line":
                continue
            stmt = self._sources.statement(event.file, event.line)
            bound = syntax.binding(stmt, name) if stmt is not None else None
            if stmt is None or bound is None:
                continue
            if not self._is_new("bound", frame, event.n, name):
                return
            origin = self._place(Origin(name, bound.how, cost), event)
            self._add(parent, origin)
            after = self._history.after(frame, event.n)
            site = Site(frame, event, after.n if after is not None else n)
            self._uses(site, stmt, bound.exprs, origin, cost + _READ)
            return

    def _conditions(
        self, site: Site, stmt: ast.stmt, read: Read | None, parent: Origin, cost: int
    ) -> None:
        """Follow what decided that a statement ran."""
        file = self._sources.file(site.start.file)
        if file is None:
            return
        found = list(file.conditions(stmt))[:3]
        if read is not None:
            found += list(file.skipped(stmt, read))[:2]
        for condition in found:
            extra = max(0, cost + _DECISION.get(condition.how, _CONDITION))
            self._later(
                extra,
                lambda condition=condition, extra=extra: self._condition(
                    site, condition, parent, extra
                ),
            )

    def _condition(
        self, site: Site, condition: syntax.Condition, parent: Origin, cost: int
    ) -> None:
        if condition.how == "for" and ("loop", site.frame, condition.line) in self._seen:
            return
        start = end = None
        for at, event in enumerate(self._history.of_frame(site.frame, site.start.n + 1)):
            if at > 2_000 or event.kind == "call":
                break
            if event.line == condition.line and event.kind == "line":
                start = event
                break
            end = event
        if start is None or ("condition", site.frame, start.line) in self._seen:
            return
        note = ""
        if isinstance(condition.stmt, (ast.If, ast.While)):
            is_true = self._came_true(site.frame, start, condition.stmt)
            if is_true and condition.how == "skipped":
                return
            note = f"it was {'true' if is_true else 'false'}"
            if condition.how == "skipped":
                note += ", so what stands in it did not run"
        self._is_new("condition", site.frame, start.line)
        text = self._sources.text(start.file, condition.line)
        origin = Origin(f"decided by: {text}", "condition", cost, note=note)
        self._place(origin, start)
        self._add(parent, origin)
        if condition.how == "except":
            self._handled(start, origin, cost + 1)
            return
        here = Site(site.frame, start, end.n if end is not None else site.start.n)
        stmt = self._sources.statement(start.file, condition.line)
        kinds: tuple[str, ...] = ("return", "yield")
        if stmt is not None and condition.how == "for":
            here, kinds = self._loop_begun(here, stmt), ("return",)
        self._uses(here, stmt, condition.exprs, origin, cost + _READ, kinds=kinds)

    def _came_true(self, frame: int, start: Event, stmt: ast.If | ast.While) -> bool:
        """Whether the frame went on inside of an `if` or `while`."""
        head = syntax.span_of(stmt)
        n = start.n
        for _ in range(20):
            event = self._history.after(frame, n)
            if event is None:
                return False
            if event.kind == "line" and event.line not in head:
                return stmt.body[0].lineno <= (event.line or 0) <= syntax.last_line(stmt.body[-1])
            n = event.n
        return False

    def _handled(self, before: Event, parent: Origin, cost: int) -> None:
        """Show the exception that a handler got, and why it was raised."""
        for event in self._history.backwards(before.n, most=5_000):
            if event.kind != "raise" or event.exception is None:
                continue
            if not self._is_new("handled", event.n):
                return
            first = event.exception.message.partition("\n")[0]
            origin = self._place(
                Origin(f"raised: {event.exception.type}: {first}", "handled", cost), event
            )
            self._add(parent, origin)
            stmt = self._sources.statement(event.file, event.line)
            if stmt is not None and event.frame is not None:
                start = self._history.before(event.frame, event.n)
                if start is not None:
                    site = Site(event.frame, start, event.n)
                    self._uses(site, stmt, syntax.expressions(stmt), origin, cost + _READ)
                    self._conditions(site, stmt, None, origin, cost - _CONDITION)
            return


def _is_none(value: Value | None) -> bool:
    return value is not None and value.get("type") == "NoneType"


def _is_expr(node: ast.AST) -> bool:
    return isinstance(node, ast.expr)


def _containers(value: Value) -> list[int]:
    """Give the lists and the like inside of one, each once."""
    found: dict[int, None] = {}
    for _, item in parts(value):
        if "id" in item and ("items" in item or "entries" in item):
            found[item["id"]] = None
    return list(found)[:_MOST_PLACES]


def resolved(steps: tuple[Step, ...], values: dict[str, Value]) -> tuple[Step, ...]:
    """Put the values of variables into a path; it ends before what cannot be told."""
    found: list[Step] = []
    for kind, key in steps:
        if kind == "slice":
            break
        if kind == "var":
            value = values.get(key)
            if value is None:
                break
            found.append(("key", mark(value)))
        else:
            found.append((kind, key))
    return tuple(found)


def _returned(stmt: ast.stmt) -> list[ast.AST]:
    if isinstance(stmt, ast.Return):
        return [stmt.value] if stmt.value is not None else []
    return list(syntax.expressions(stmt))


def _yielded(stmt: ast.stmt) -> list[ast.AST]:
    found = [
        node.value
        for expr in syntax.expressions(stmt)
        for node in ast.walk(expr)
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value is not None
    ]
    return [*found] if found else list(syntax.expressions(stmt))


def _only_read(exprs: Sequence[ast.AST]) -> Read | None:
    if len(exprs) == 1 and isinstance(exprs[0], ast.expr):
        return syntax.chain(exprs[0])
    return None


def _stored(stmt: ast.stmt, part: Step | None) -> list[ast.AST]:
    """Give what a statement stores in an attribute or item; all of it where it is not clear."""
    found = list(syntax.stores(stmt))
    named = [exprs for read, exprs in found if part is not None and read.steps[-1:] == (part,)]
    chosen = named or [exprs for _, exprs in found]
    return [expr for exprs in chosen for expr in exprs]


def _is_read_of(expr: ast.AST, name: tuple[str, tuple[Step, ...]] | None) -> bool:
    if name is None or not isinstance(expr, ast.expr):
        return False
    read = syntax.chain(expr)
    return read is not None and (read.root, read.steps) == name


def _is_super(exprs: Sequence[ast.AST]) -> bool:
    return len(exprs) == 1 and isinstance(exprs[0], ast.Call) and (
        syntax.called_name(exprs[0]) == "super"
    )


def _line_of(change: Change) -> tuple[str | None, int | None]:
    start = change.site.start if change.site is not None else change.shown
    return start.file, start.line


def _part_in(value: Value | None, target: Difference) -> Value | None:
    """Give the part that changed, where the whole object is at hand."""
    if value is None or target.part is None:
        return value
    if value.get("id") == target.id and is_open(value):
        return part_of(value, target.part)
    return value
