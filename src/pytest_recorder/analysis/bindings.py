"""Says of a statement of recorded source which names it binds, and what it stores where."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.expressions import ForNode, WithNode, expressions, loaded


class Binding(NamedTuple):
    """How a statement gives a name its value."""

    how: str
    exprs: tuple[ast.expr, ...]


def binding(stmt: ast.stmt, name: str) -> Binding | None:
    """Say how a statement gives a name its value; None where it does not."""
    if isinstance(stmt, ast.Assign):
        for target in stmt.targets:
            expr = _bound(target, stmt.value, name)
            if expr is not None:
                return Binding("assigned", (expr,))
    elif isinstance(stmt, ast.AugAssign):
        if _is_name(stmt.target, name):
            return Binding("assigned", (loaded(stmt.target), stmt.value))
    elif isinstance(stmt, ast.AnnAssign):
        if stmt.value is not None and _is_name(stmt.target, name):
            return Binding("assigned", (stmt.value,))
    elif isinstance(stmt, ForNode):
        if _names(stmt.target, name):
            return Binding("loop", (stmt.iter,))
    elif isinstance(stmt, WithNode):
        for item in stmt.items:
            if item.optional_vars is not None and _names(item.optional_vars, name):
                return Binding("with", (item.context_expr,))
    elif isinstance(stmt, ast.Try):
        if any(handler.name == name for handler in stmt.handlers):
            return Binding("except", ())
    elif isinstance(stmt, (ast.Import, ast.ImportFrom)):
        if any((a.asname or a.name.partition(".")[0]) == name for a in stmt.names):
            return Binding("imported", ())
    elif isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return Binding("defined", ()) if stmt.name == name else None
    elif isinstance(stmt, ast.Match):
        names = (getattr(node, "name", None) for case in stmt.cases for node in ast.walk(case))
        return Binding("matched", (stmt.subject,)) if name in names else None
    for expr in expressions(stmt):
        for node in ast.walk(expr):
            if isinstance(node, ast.NamedExpr) and node.target.id == name:
                return Binding("assigned", (node.value,))
    return None


def _bound(target: ast.expr, value: ast.expr, name: str) -> ast.expr | None:
    """Give the part of a value that a target gives to a name."""
    stack = [(target, value)]
    while stack:
        target, value = stack.pop()
        if _is_name(target, name):
            return value
        if not isinstance(target, (ast.Tuple, ast.List)):
            continue
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            stack += reversed(list(zip(target.elts, value.elts, strict=True)))
        elif _names(target, name):
            return value
    return None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _names(node: ast.AST, name: str) -> bool:
    return any(_is_name(inner, name) for inner in ast.walk(node))


def stores(stmt: ast.stmt) -> Iterator[tuple[AccessPath, tuple[ast.expr, ...]]]:
    """Give the attributes and items that a statement sets or deletes, with what they get."""
    pairs: list[tuple[ast.expr, tuple[ast.expr, ...]]]
    if isinstance(stmt, ast.Assign):
        pairs = [(target, (stmt.value,)) for target in stmt.targets]
    elif isinstance(stmt, ast.AugAssign):
        pairs = [(stmt.target, (loaded(stmt.target), stmt.value))]
    elif isinstance(stmt, ast.AnnAssign):
        pairs = [(stmt.target, (stmt.value,) if stmt.value is not None else ())]
    elif isinstance(stmt, ast.Delete):
        pairs = [(target, ()) for target in stmt.targets]
    else:
        return
    for target, exprs in pairs:
        for node in _targets(target):
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                found = access_path(node)
                if found is not None:
                    yield found, exprs


def _targets(target: ast.expr) -> Iterator[ast.expr]:
    stack = [target]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Tuple, ast.List)):
            stack += node.elts
        elif isinstance(node, ast.Starred):
            stack.append(node.value)
        else:
            yield node
