"""Says of a statement of recorded source which expressions it evaluates, and what they use."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_recorder.analysis.access_paths import AccessPath, access_path

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ForNode = ast.For | ast.AsyncFor
WithNode = ast.With | ast.AsyncWith


class Used(NamedTuple):
    """What expressions use: the names that they read and the calls that they make."""

    reads: tuple[AccessPath, ...]
    calls: tuple[ast.Call, ...]


def children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give the nodes right below a node, each with the field it stands in."""
    for name in node._fields:
        found: object = getattr(node, name, None)
        if isinstance(found, ast.AST):
            yield name, found
        elif isinstance(found, list):
            for item in found:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(item, ast.AST):
                    yield name, item


def first_line(stmt: ast.stmt) -> int:
    """Give the line at which a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(stmt, "decorator_list", [])
    return min([stmt.lineno, *(d.lineno for d in decorators)])


def last_line(stmt: ast.stmt) -> int:
    """Give the line at which a statement ends."""
    return stmt.end_lineno or stmt.lineno


def span_of(stmt: ast.stmt) -> range:
    """Give the lines of a statement; of one with a body only those of its head."""
    body: list[ast.stmt] = getattr(stmt, "body", [])
    end = last_line(stmt) if not body else max(stmt.lineno, first_line(body[0]) - 1)
    return range(first_line(stmt), end + 1)


def expressions(stmt: ast.stmt) -> list[ast.expr]:
    """Give the expressions that a statement evaluates itself, without those of its body."""
    if isinstance(stmt, ast.AugAssign):
        return [loaded(stmt.target), stmt.value]
    if isinstance(stmt, ast.AnnAssign):
        return [e for e in (stmt.target, stmt.value) if e is not None]
    if isinstance(stmt, ast.Assert):
        return [stmt.test]
    if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return list(stmt.decorator_list)
    found: list[ast.expr] = []
    for _, child in children(stmt):
        if isinstance(child, ast.expr):
            found.append(child)
        elif isinstance(child, ast.withitem):
            found.append(child.context_expr)
    return found


def loaded(target: ast.Name | ast.Attribute | ast.Subscript) -> ast.expr:
    """Give the target of `x += 1` as the expression that is read there."""
    if isinstance(target, ast.Name):
        node: ast.expr = ast.Name(target.id, ast.Load())
    elif isinstance(target, ast.Attribute):
        node = ast.Attribute(target.value, target.attr, ast.Load())
    else:
        node = ast.Subscript(target.value, target.slice, ast.Load())
    return ast.copy_location(node, target)


def used(nodes: Sequence[ast.AST]) -> Used:
    """Give what expressions read and call, in the order in which they stand."""
    reads: dict[AccessPath, None] = {}
    calls: list[ast.Call] = []
    bound: set[str] = set()
    stack: list[ast.AST] = list(reversed(nodes))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.comprehension):
            bound |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
            stack += [*reversed(node.ifs), node.iter]
            continue
        if isinstance(node, ast.Lambda):
            bound |= {arg.arg for arg in node.args.args}
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Name)):
            if not isinstance(node.ctx, ast.Load):
                # What is stored to is not read; what holds it is.
                stack += [child for _, child in children(node)]
                continue
            found = access_path(node)
            if found is not None:
                reads[found] = None
            stack.extend(_inside(node, is_chain=found is not None))
            continue
        if isinstance(node, ast.Call):
            calls.append(node)
            arguments = [*node.args, *(k.value for k in node.keywords)]
            if isinstance(node.func, ast.Attribute):
                arguments.insert(0, node.func.value)
            elif not isinstance(node.func, ast.Name):
                arguments.insert(0, node.func)
            stack += reversed(arguments)
            continue
        stack += reversed([child for _, child in children(node)])
    return Used(tuple(read for read in reads if read.root not in bound), tuple(calls))


def _inside(node: ast.expr, *, is_chain: bool) -> Iterator[ast.AST]:
    """Give what stands in the keys of a chain, and what it begins with where that is no name."""
    here = node
    while isinstance(here, (ast.Attribute, ast.Subscript)):
        if isinstance(here, ast.Subscript):
            yield here.slice
        here = here.value
    if not is_chain:
        yield here


def called_name(call: ast.Call) -> str | None:
    """Give the last part of the name that a call is written with."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else None
