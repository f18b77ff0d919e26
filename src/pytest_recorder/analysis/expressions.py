"""Says of a statement of recorded source what it reads, binds, stores and calls."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_recorder.analysis.objects import Step

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor
LOOPS = (ast.For, ast.AsyncFor)
With = ast.With | ast.AsyncWith


class Read(NamedTuple):
    """A name that an expression reads, with the attributes and items taken from it.

    A step `("key", constant)` takes an item, `("var", name)` one whose key is the value of another
    variable, `("slice", None)` one whose key takes more to work out.
    """

    root: str
    steps: tuple[Step, ...] = ()


class Used(NamedTuple):
    """What expressions use: the names that they read and the calls that they make."""

    reads: tuple[Read, ...]
    calls: tuple[ast.Call, ...]


class Binding(NamedTuple):
    """How a statement gives a name its value."""

    how: str
    exprs: tuple[ast.expr, ...]


def children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name in node._fields:
        found: object = getattr(node, name, None)
        if isinstance(found, ast.AST):
            yield name, found
        elif isinstance(found, list):
            for item in found:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(item, ast.AST):
                    yield name, item


def first_line(stmt: ast.stmt) -> int:
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
        return [_loaded(stmt.target), stmt.value]
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


def _loaded(target: ast.Name | ast.Attribute | ast.Subscript) -> ast.expr:
    """Give the target of `x += 1` as the expression that is read there."""
    if isinstance(target, ast.Name):
        loaded: ast.expr = ast.Name(target.id, ast.Load())
    elif isinstance(target, ast.Attribute):
        loaded = ast.Attribute(target.value, target.attr, ast.Load())
    else:
        loaded = ast.Subscript(target.value, target.slice, ast.Load())
    return ast.copy_location(loaded, target)


def binding(stmt: ast.stmt, name: str) -> Binding | None:
    """Say how a statement gives a name its value; None where it does not."""
    if isinstance(stmt, ast.Assign):
        for target in stmt.targets:
            expr = _bound(target, stmt.value, name)
            if expr is not None:
                return Binding("assigned", (expr,))
    elif isinstance(stmt, ast.AugAssign):
        if _is_name(stmt.target, name):
            return Binding("assigned", (_loaded(stmt.target), stmt.value))
    elif isinstance(stmt, ast.AnnAssign):
        if stmt.value is not None and _is_name(stmt.target, name):
            return Binding("assigned", (stmt.value,))
    elif isinstance(stmt, Loop):
        if _names(stmt.target, name):
            return Binding("loop", (stmt.iter,))
    elif isinstance(stmt, With):
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
    if _is_name(target, name):
        return value
    if not isinstance(target, (ast.Tuple, ast.List)):
        return None
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
        for left, right in zip(target.elts, value.elts, strict=True):
            found = _bound(left, right, name)
            if found is not None:
                return found
        return None
    return value if _names(target, name) else None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _names(node: ast.AST, name: str) -> bool:
    return any(_is_name(inner, name) for inner in ast.walk(node))


def stores(stmt: ast.stmt) -> Iterator[tuple[Read, tuple[ast.expr, ...]]]:
    """Give the attributes and items that a statement sets or deletes, with what they get."""
    pairs: list[tuple[ast.expr, tuple[ast.expr, ...]]]
    if isinstance(stmt, ast.Assign):
        pairs = [(target, (stmt.value,)) for target in stmt.targets]
    elif isinstance(stmt, ast.AugAssign):
        pairs = [(stmt.target, (_loaded(stmt.target), stmt.value))]
    elif isinstance(stmt, ast.AnnAssign):
        pairs = [(stmt.target, (stmt.value,) if stmt.value is not None else ())]
    elif isinstance(stmt, ast.Delete):
        pairs = [(target, ()) for target in stmt.targets]
    else:
        return
    for target, exprs in pairs:
        for node in _targets(target):
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                found = chain(node)
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


def chain(node: ast.expr) -> Read | None:
    """Give `a.b[0].c` as one read; None for what does not begin with a name."""
    steps: list[Step] = []
    here: ast.expr = node
    while True:
        if isinstance(here, ast.Name):
            return Read(here.id, tuple(reversed(steps)))
        if isinstance(here, ast.Attribute):
            steps.append(("attr", here.attr))
            here = here.value
        elif isinstance(here, ast.Subscript):
            steps.append(_key(here.slice))
            here = here.value
        else:
            return None


def _key(node: ast.expr) -> Step:
    try:
        key = ast.literal_eval(node)
        hash(key)
        return ("key", key)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Name):
        return ("var", node.id)
    return ("slice", None)


def used(nodes: Sequence[ast.AST]) -> Used:
    """Give what expressions read and call, in the order in which they stand."""
    reads: dict[Read, None] = {}
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
            found = chain(node)
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


def is_suspended(function: Function) -> bool:
    """Whether a call of a function only makes an object that runs it later."""
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)
    )


class Passed(NamedTuple):
    """How a parameter got its value: by an expression of the caller, or by default."""

    expr: ast.expr | None
    default: ast.expr | None


def passed(
    call: ast.Call, function: Function, name: str, *, is_bound: bool, is_made: bool
) -> Passed | None:
    """Find what a call gives to a parameter.

    `is_bound`: the first parameter is the object that the function is called on; `is_made`: the
    call makes that object. None where it cannot be told.
    """
    args = function.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    for keyword in call.keywords:
        if keyword.arg == name:
            return Passed(keyword.value, None)
    has_stars = any(isinstance(arg, ast.Starred) for arg in call.args) or any(
        keyword.arg is None for keyword in call.keywords
    )
    shift = 1 if is_bound else 0
    if name in names:
        at = names.index(name)
        if is_bound and at == 0:
            if is_made or not isinstance(call.func, ast.Attribute):
                return None
            return Passed(call.func.value, None)
        given = call.args[at - shift : at - shift + 1]
        if has_stars:
            return None
        if given:
            return Passed(given[0], None)
        first = len(names) - len(args.defaults)
        return Passed(None, args.defaults[at - first]) if at >= first else None
    if args.vararg is not None and args.vararg.arg == name:
        rest = call.args[len(names) - shift :]
        return Passed(ast.Tuple(rest, ast.Load()), None) if rest else None
    if args.kwarg is not None and args.kwarg.arg == name:
        values = [keyword.value for keyword in call.keywords]
        return Passed(ast.Tuple(values, ast.Load()), None) if values else None
    if has_stars:
        return None
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if arg.arg == name and default is not None:
            return Passed(None, default)
    return None
