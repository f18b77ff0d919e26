"""Follows what a statement used: what it read, and what the calls in it gave."""

import ast
from collections.abc import Iterable, Sequence
from functools import partial

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Site, results
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.objects import (
    Step,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.worklist import (
    FAR,
    READ,
    RESULT,
    Agenda,
)
from pytest_recorder.analysis.slice.written import (
    is_none,
    only_read,
    returned,
    yielded,
)
from pytest_recorder.format.events import Event

_MOST_RESULTS = 6
_MOST_SAME = 3
_OWN = frozenset((Read("self"), Read("cls")))
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"))


class Uses(Agenda):
    """Follows statements."""

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
        used = expressions.used(exprs)
        n = site.start.n if moment is None else moment
        start = self._start(site, stmt)
        ends = [
            e
            for e in results(self._history, site, start, self._is_suspended)
            if e.kind in kinds
        ]
        followed = self._results(ends, used.calls, parent, cost)
        receivers = {
            read
            for call in followed
            if isinstance(call.func, ast.Attribute)
            and (read := expressions.chain(call.func.value)) is not None
        }
        arguments = {
            read
            for call in followed
            for read in expressions.used([*call.args, *(k.value for k in call.keywords)]).reads
        }
        only = only_read(exprs)
        for read in used.reads:
            if read in _OWN and site.frame and moment is not None:
                # Methods that are not recorded are called on it: of `assertEqual` it tells nothing.
                continue
            # What a recorded call got is followed from inside of it, as far as it was used there.
            extra = 2 * FAR if read in receivers or read in arguments else 0
            whole = Read(read.root, (*read.steps, *steps)) if steps and read == only else read
            self._later(
                cost + extra,
                partial(self._read, site.frame, n, whole, parent, cost + extra),
            )

    def _start(self, site: Site, stmt: ast.stmt | None) -> int:
        """Give the event at which a frame began with a statement of several lines."""
        if stmt is None or isinstance(stmt, (*expressions.LOOPS, ast.While)):
            return site.start.n
        span = expressions.span_of(stmt)
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
    ) -> list[ast.Call]:
        """Follow the results of calls; gives the calls in the source whose results these are."""
        by_name: dict[str, list[ast.Call]] = {}
        for call in calls:
            by_name.setdefault(expressions.called_name(call) or "", []).append(call)
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
            if event.kind == "return" and event.frame in generators and is_none(event.value):
                continue
            if event.value is None or (is_none(event.value) and not is_known):
                continue
            if name in ("__init__", "<module>"):
                continue
            shown[name] = shown.get(name, 0) + 1
            if shown[name] > _MOST_SAME or sum(shown.values()) > _MOST_RESULTS:
                continue
            extra = RESULT if is_known or name in _COMPREHENSIONS else RESULT + 2
            self._later(
                cost + extra,
                partial(self._result, event, parent, cost + extra),
            )
        return matched

    def _is_suspended(self, event: Event) -> bool:
        """Whether a function is a generator or a coroutine."""
        key = (event.file, event.function)
        if key not in self._suspended:
            file = self._sources.file(event.file)
            name = (event.function or "").rpartition(".")[2]
            function = file.function(event.line or 0, name) if file is not None else None
            self._suspended[key] = function is None or expressions.is_suspended(function)
        return self._suspended[key]

    def _is_generator(self, event: Event) -> bool:
        """Whether a `yield` event gives a value, and is not an `await`."""
        stmt = self._sources.statement(event.file, event.line)
        if stmt is None or (event.function or "").endswith("<genexpr>"):
            return stmt is not None
        return any(
            isinstance(node, (ast.Yield, ast.YieldFrom))
            for expr in expressions.expressions(stmt)
            for node in ast.walk(expr)
        )

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
        exprs = yielded(stmt) if event.kind == "yield" else returned(stmt)
        self._uses(site, stmt, exprs, origin, cost + READ, steps=steps)
        self._conditions(site, stmt, only_read(exprs), origin, cost)
