"""Follows why a frame ran: the call that made it, by which name, and what decided that."""

import ast

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Site
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.objects import (
    follow,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.decisions import Decisions
from pytest_recorder.analysis.slice.worklist import (
    CONDITION,
    READ,
)
from pytest_recorder.analysis.slice.written import (
    resolved,
)
from pytest_recorder.format.events import Event

_MOST_BETWEEN = 5_000


class Callers(Decisions):
    """Follows calls to where they were made."""

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
        self._conditions(caller, stmt, None, parent, cost + 1 - CONDITION)
        self._later(cost + READ, lambda: self._called(caller, parent, cost + READ))

    def _holding(self, site: Site, stmt: ast.stmt, call: Event) -> Read | None:
        """Find the variable that held the function which a statement called."""
        values = self._history.values(site.frame, site.start.n)
        for node in expressions.used(expressions.expressions(stmt)).calls:
            read = expressions.chain(node.func)
            if read is None or read.root not in values:
                continue
            steps = resolved(read.steps, values)
            found, taken = follow(values[read.root], steps)
            name = found.get("attributes", {}).get("qualname", {}).get("value")
            if taken == len(read.steps) and name is not None and name == call.function:
                return Read(read.root, steps)
        return None

    def _written(
        self, stmt: ast.stmt | None, call: Event, name: str, start: Event | None = None
    ) -> ast.Call | None:
        """Find the call in the caller's statement that made a frame.

        `start` is where the caller began with it: of several calls it tells which one it is.
        """
        if stmt is None:
            return None
        wanted = name
        if name in ("__init__", "__new__", "__call__"):
            wanted = (call.function or "").rpartition(".")[0].rpartition(".")[2]
        calls = expressions.used(expressions.expressions(stmt)).calls
        found = [c for c in calls if expressions.called_name(c) == wanted]
        if not found and name in ("__init__", "__new__"):
            # A subclass without one of its own.
            made = [c for c in calls if (expressions.called_name(c) or "")[:1].isupper()]
            found = made if len(made) == 1 else []
        if len(found) < 2 or start is None:
            return found[0] if found else None
        # Calls are made in the order in which they end: arguments first, then from the left.
        found.sort(key=lambda c: (c.end_lineno or 0, c.end_col_offset or 0))
        made_before = sum(
            event.kind == "call"
            and event.parent == call.parent
            and event.function == call.function
            for event in self._history.between(max(start.n, call.n - _MOST_BETWEEN), call.n)
        )
        return found[made_before % len(found)]

    def _made_at(self, call: Event, name: str) -> tuple[Event, ast.stmt] | None:
        """Find the line that made a coroutine or generator, which another one then ran."""
        for event in self._history.backwards(call.n, most=5_000):
            if event.kind == "line":
                stmt = self._sources.statement(event.file, event.line)
                if stmt is not None and self._written(stmt, call, name) is not None:
                    return event, stmt
        return None
