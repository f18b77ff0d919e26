"""Follows parameters to what the caller gave, to a default, or to a fixture."""

import ast

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Site
from pytest_recorder.analysis.expressions import Read
from pytest_recorder.analysis.objects import (
    Step,
    follow,
    mark,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.race_notes import Remarks
from pytest_recorder.analysis.slice.worklist import (
    READ,
)
from pytest_recorder.analysis.slice.written import (
    is_super,
    only_read,
    resolved,
    returned,
    yielded,
)
from pytest_recorder.format.events import Event, Value


class Arguments(Remarks):
    """Follows arguments."""

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
        written = self._written(stmt, call, name, start)
        if written is None and function is not None and expressions.is_suspended(function):
            made = self._made_at(call, name)
            if made is not None:
                start, stmt = made
                site = Site(start.frame or 0, start, call.n)
                written = self._written(stmt, call, name)
        given: expressions.Passed | None = None
        if written is not None and function is not None and file is not None:
            is_made = name == "__init__"
            is_bound = file.is_method(function) and (
                is_made or isinstance(written.func, ast.Attribute)
            )
            given = expressions.passed(
                written, function, root, is_bound=is_bound, is_made=is_made
            )
        if given is not None and given.default is not None:
            self._default(call, root, steps, value, given.default, parent, cost)
            return
        exprs: list[ast.AST] = [given.expr] if given is not None and given.expr else []
        if not exprs and stmt is not None:
            exprs = self._by_value(site, stmt, (call.args or {}).get(root))
        read = only_read(exprs)
        if is_super(exprs):
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
        self._uses(site, stmt, exprs, origin, cost + READ, steps=steps)
        if stmt is not None:
            self._conditions(site, stmt, None, origin, cost)

    def _by_value(self, site: Site, stmt: ast.stmt, value: Value | None) -> list[ast.AST]:
        """Find what a statement reads that has the value of an argument."""
        exprs = expressions.expressions(stmt)
        if value is None:
            return list(exprs)
        values = self._history.values(site.frame, site.start.n)
        for expr in exprs:
            for node in ast.walk(expr):
                if isinstance(node, (ast.Name, ast.Attribute)):
                    read = expressions.chain(node)
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
                exprs = yielded(stmt) if made.kind == "yield" else returned(stmt)
                site = Site(made.frame or 0, made, made.n)
                self._uses(site, stmt, exprs, origin, cost + READ, steps=steps)
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
