"""Follows what decided that a line ran: conditions, loops and handled exceptions."""

import ast
from functools import partial

from pytest_recorder.analysis import expressions, syntax
from pytest_recorder.analysis.changes import Site
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.uses import Uses
from pytest_recorder.analysis.slice.worklist import (
    CONDITION,
    READ,
)
from pytest_recorder.format.events import Event

_DECISION = {"except": 1, "passed": 6}
_MOST_LOOP_EVENTS = 5_000


class Decisions(Uses):
    """Follows conditions."""

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
            extra = max(0, cost + _DECISION.get(condition.how, CONDITION))
            self._later(
                extra,
                partial(self._condition, site, condition, parent, extra),
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
        self._uses(here, stmt, condition.exprs, origin, cost + READ, kinds=kinds)

    def _came_true(self, frame: int, start: Event, stmt: ast.If | ast.While) -> bool:
        """Whether the frame went on inside of an `if` or `while`."""
        head = expressions.span_of(stmt)
        n = start.n
        for _ in range(20):
            event = self._history.after(frame, n)
            if event is None:
                return False
            if event.kind == "line" and event.line not in head:
                return (
                    stmt.body[0].lineno
                    <= (event.line or 0)
                    <= expressions.last_line(stmt.body[-1])
                )
            n = event.n
        return False

    def _handled(self, before: Event, parent: Origin, cost: int) -> None:
        """Show the exception that a handler got, and why it was raised."""
        for event in self._history.backwards(before.n, most=5_000):
            if event.kind != "raise" or event.exception is None:
                continue
            self._raised(event, parent, cost)
            return

    def _raised(self, event: Event, parent: Origin, cost: int) -> None:
        """Show an exception where it began, and follow why it was raised."""
        if event.exception is None or not self._is_new("raised", event.n):
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
                self._uses(site, stmt, expressions.expressions(stmt), origin, cost + READ)
                self._conditions(site, stmt, None, origin, cost - CONDITION)

    def _loop_begun(self, site: Site, stmt: ast.stmt) -> Site:
        """Give the first round of the loop that a frame is in."""
        inside = range(stmt.lineno, expressions.last_line(stmt) + 1)
        begun, after = site.start, site.end
        following = site.start
        for at, event in enumerate(self._history.of_frame(site.frame, site.start.n)):
            if at > _MOST_LOOP_EVENTS or event.line not in inside or event.kind == "call":
                break
            if event.kind == "line" and event.line == stmt.lineno:
                begun, after = event, following.n
            following = event
        return site if begun is site.start else Site(site.frame, begun, after)
