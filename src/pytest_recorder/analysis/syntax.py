"""Knows the statements of a recorded source file, and what decides that each of them runs.

Source is parsed, never imported or run. What cannot be parsed has no statements.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.bindings import binding, stores
from pytest_recorder.analysis.expressions import (
    ForNode,
    FunctionNode,
    children,
    first_line,
    last_line,
)
from pytest_recorder.analysis.parsing import parse_quietly
from pytest_recorder.analysis.source_text import source_lines

_EXITS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Condition(NamedTuple):
    """Something that decided whether a line ran."""

    stmt: ast.AST
    line: int
    exprs: tuple[ast.expr, ...]
    how: str


@dataclass(slots=True)
class Enclosing:
    """The node that holds another one, and in which of its fields."""

    node: ast.AST
    field: str
    is_list: bool


class SourceFile:
    """One source file, parsed once."""

    def __init__(self, source: str) -> None:
        self.lines = source_lines(source)
        self._statements: dict[int, ast.stmt] = {}
        self._above: dict[ast.AST, Enclosing] = {}
        self._bound: dict[FunctionNode, set[str]] = {}
        self.body: list[ast.stmt] = []
        try:
            tree = parse_quietly(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        self.body = tree.body
        stack: list[ast.AST] = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.stmt):
                for line in range(first_line(node), min(last_line(node), len(self.lines)) + 1):
                    self._statements[line] = node
            below: list[ast.AST] = []
            for name, child in children(node):
                is_list = isinstance(getattr(node, name), list)
                self._above[child] = Enclosing(node, name, is_list)
                below.append(child)
            # The order matters: an inner statement takes its lines from those around it.
            stack.extend(reversed(below))

    def text(self, line: int) -> str:
        """Give a line without the space around it."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""

    def statement(self, line: int) -> ast.stmt | None:
        """Give the innermost statement around a line."""
        return self._statements.get(line)

    def above(self, node: ast.AST) -> Iterator[Enclosing]:
        """Give the nodes around a node, from the inside."""
        here = self._above.get(node)
        while here is not None:
            yield here
            here = self._above.get(here.node)

    def function(self, line: int, name: str) -> FunctionNode | None:
        """Give the function of this name around a line (that of its `def` or first decorator)."""
        stmt = self.statement(line)
        if stmt is None:
            return None
        around = (above.node for above in self.above(stmt))
        for node in (stmt, *around):
            if isinstance(node, FunctionNode) and node.name == name:
                return node
        return None

    def is_method(self, function: FunctionNode) -> bool:
        """Whether a function gets the object that it is called on as its first argument."""
        above = self._above.get(function)
        if above is None or not isinstance(above.node, ast.ClassDef):
            return False
        names = (d.id for d in function.decorator_list if isinstance(d, ast.Name))
        return "staticmethod" not in names

    def only_given(self, function: FunctionNode, name: str) -> bool:
        """Whether a name is a parameter that nothing in its function binds again."""
        args = function.args
        if all(arg.arg != name for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)):
            return False
        bound = self._bound.get(function)
        if bound is None:
            bound = self._bound[function] = {
                node.id
                for node in ast.walk(function)
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
            } | {n for node in ast.walk(function) for n in _other_names(node)}
        return name not in bound

    def conditions(self, stmt: ast.stmt) -> Iterator[Condition]:
        """Give what decided that a statement ran, from the inside, within its function."""
        here: ast.AST = stmt
        for above in self.above(stmt):
            yield from self._guards(here, above)
            found = _decides(above, here)
            if found is not None:
                yield found
            if isinstance(above.node, _SCOPES):
                return
            here = above.node

    def _guards(self, here: ast.AST, above: Enclosing) -> Iterator[Condition]:
        """Give the `if ...: return` and the like that stand before a statement in its block."""
        block: list[ast.AST] = getattr(above.node, above.field, None) or []
        # A field with one node is no block.
        before = block[: block.index(here)] if above.is_list else []
        for sibling in reversed(before):
            if isinstance(sibling, ast.If) and isinstance(sibling.body[-1], _EXITS):
                yield Condition(sibling, sibling.lineno, (sibling.test,), "passed")

    def skipped(self, stmt: ast.stmt, read: AccessPath) -> Iterator[Condition]:
        """Give the `if`s before a statement whose body would have changed what it reads."""
        function = next(
            (above.node for above in self.above(stmt) if isinstance(above.node, FunctionNode)),
            None,
        )
        if function is None:
            return
        for node in ast.walk(function):
            if isinstance(node, ast.If) and node.lineno < stmt.lineno:
                inside = [n for part in node.body for n in ast.walk(part)]
                if stmt not in inside and any(_changes(n, read) for n in inside):
                    yield Condition(node, node.lineno, (node.test,), "skipped")

    def global_lines(self, name: str) -> Iterator[int]:
        """Give the lines at module level that bind a name to a value."""
        for stmt in self.body:
            if isinstance(stmt, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and binding(
                stmt, name
            ):
                yield stmt.lineno

    def imported(self, name: str) -> tuple[str, str] | None:
        """Give module and name that a name at module level was imported from."""
        for stmt in self.body:
            if isinstance(stmt, ast.ImportFrom):
                for alias in stmt.names:
                    if (alias.asname or alias.name) == name and stmt.module:
                        return stmt.module, alias.name
        return None


def _other_names(node: ast.AST) -> tuple[str, ...]:
    """Give the names that a node binds without a node for the name, or takes from elsewhere."""
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return (node.name,) if node.name is not None else ()
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return tuple(node.names)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return tuple(alias.asname or alias.name.partition(".")[0] for alias in node.names)
    return ()


def _decides(above: Enclosing, here: ast.AST) -> Condition | None:
    node, name = above.node, above.field
    if isinstance(node, ast.If):
        if name in ("body", "orelse"):
            return Condition(
                node, node.lineno, (node.test,), "if" if name == "body" else "else"
            )
    elif isinstance(node, ast.While):
        if name == "body":
            return Condition(node, node.lineno, (node.test,), "while")
    elif isinstance(node, ForNode):
        if name == "body":
            return Condition(node, node.lineno, (node.iter,), "for")
    elif isinstance(node, ast.ExceptHandler):
        if name == "body":
            return Condition(node, node.lineno, (), "except")
    elif isinstance(node, ast.Match) and isinstance(here, ast.match_case):
        return Condition(node, node.lineno, (node.subject,), "match")
    return None


def _changes(node: ast.AST, read: AccessPath) -> bool:
    if not isinstance(node, ast.stmt):
        return False
    if not read.steps and binding(node, read.root) is not None:
        return True
    return any(
        target.root == read.root and target.steps[:1] == read.steps[:1]
        for target, _ in stores(node)
    )
