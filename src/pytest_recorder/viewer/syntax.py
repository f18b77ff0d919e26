"""Reads recorded source: what a statement uses, binds and calls, and what decides that it runs.

Source is parsed, never imported or run. What cannot be parsed has no statements.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_recorder.viewer.objects import Step
from pytest_recorder.viewer.steps import source_lines

_MOST_SOURCE = 4_000_000
_MOST_FILES = 200
Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor
LOOPS = (ast.For, ast.AsyncFor)
With = ast.With | ast.AsyncWith
_EXITS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Read(NamedTuple):
    """A name that an expression reads, with the attributes and items taken from it.

    A step `("var", name)` takes an item whose key is the value of another variable.
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


class Condition(NamedTuple):
    """Something that decided whether a line ran."""

    stmt: ast.AST
    line: int
    exprs: tuple[ast.expr, ...]
    how: str


@dataclass(slots=True)
class Above:
    """The node that holds another one, and in which of its fields."""

    node: ast.AST
    field: str


class File:
    """One source file, parsed once."""

    def __init__(self, source: str) -> None:
        self.lines = source_lines(source)
        self._statements: dict[int, ast.stmt] = {}
        self._above: dict[ast.AST, Above] = {}
        self._bound: dict[Function, set[str]] = {}
        self.body: list[ast.stmt] = []
        try:
            tree = ast.parse(source) if len(source) <= _MOST_SOURCE else ast.Module([], [])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        self.body = tree.body
        stack: list[ast.AST] = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.stmt):
                for line in range(_first_line(node), min(last_line(node), len(self.lines)) + 1):
                    self._statements[line] = node
            below: list[ast.AST] = []
            for name, child in _children(node):
                self._above[child] = Above(node, name)
                below.append(child)
            # The order matters: a statement is seen after those around it.
            stack.extend(reversed(below))

    def text(self, line: int) -> str:
        """Give a line without the space around it."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""

    def statement(self, line: int) -> ast.stmt | None:
        """Give the innermost statement around a line."""
        return self._statements.get(line)

    def above(self, node: ast.AST) -> Iterator[Above]:
        """Give the nodes around a node, from the inside."""
        here = self._above.get(node)
        while here is not None:
            yield here
            here = self._above.get(here.node)

    def function(self, line: int, name: str) -> Function | None:
        """Give the function of this name around a line (that of its `def` or first decorator)."""
        stmt = self.statement(line)
        if stmt is None:
            return None
        around = (above.node for above in self.above(stmt))
        for node in (stmt, *around):
            if isinstance(node, Function) and node.name == name:
                return node
        return None

    def is_method(self, function: Function) -> bool:
        """Whether a function gets the object that it is called on as its first argument."""
        above = self._above.get(function)
        if above is None or not isinstance(above.node, ast.ClassDef):
            return False
        names = (d.id for d in function.decorator_list if isinstance(d, ast.Name))
        return "staticmethod" not in names

    def only_given(self, function: Function, name: str) -> bool:
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

    def _guards(self, here: ast.AST, above: Above) -> Iterator[Condition]:
        """Give the `if ...: return` and the like that stand before a statement in its block."""
        block: object = getattr(above.node, above.field, None)
        if not isinstance(block, list):
            return
        for sibling in reversed(block[: block.index(here)] if here in block else []):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            if isinstance(sibling, ast.If) and isinstance(sibling.body[-1], _EXITS):
                yield Condition(sibling, sibling.lineno, (sibling.test,), "passed")

    def skipped(self, stmt: ast.stmt, read: Read) -> Iterator[Condition]:
        """Give the `if`s before a statement whose body would have changed what it reads."""
        function = next(
            (above.node for above in self.above(stmt) if isinstance(above.node, Function)), None
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


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name in node._fields:
        found: object = getattr(node, name, None)
        if isinstance(found, ast.AST):
            yield name, found
        elif isinstance(found, list):
            for item in found:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(item, ast.AST):
                    yield name, item


def _first_line(stmt: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(stmt, "decorator_list", [])
    return min([stmt.lineno, *(d.lineno for d in decorators)])


def last_line(stmt: ast.stmt) -> int:
    """Give the line at which a statement ends."""
    return stmt.end_lineno or stmt.lineno


def span_of(stmt: ast.stmt) -> range:
    """Give the lines of a statement; of one with a body only those of its head."""
    body: list[ast.stmt] = getattr(stmt, "body", [])
    end = last_line(stmt) if not body else max(stmt.lineno, _first_line(body[0]) - 1)
    return range(_first_line(stmt), end + 1)


def _decides(above: Above, here: ast.AST) -> Condition | None:
    node, name = above.node, above.field
    if isinstance(node, ast.If):
        if name in ("body", "orelse"):
            return Condition(node, node.lineno, (node.test,), "if" if name == "body" else "else")
    elif isinstance(node, ast.While):
        if name == "body":
            return Condition(node, node.lineno, (node.test,), "while")
    elif isinstance(node, Loop):
        if name == "body":
            return Condition(node, node.lineno, (node.iter,), "for")
    elif isinstance(node, ast.ExceptHandler):
        if name == "body":
            return Condition(node, node.lineno, (), "except")
    elif isinstance(node, ast.Match):
        if isinstance(here, ast.match_case):
            return Condition(node, node.lineno, (node.subject,), "match")
    return None


def _changes(node: ast.AST, read: Read) -> bool:
    if not isinstance(node, ast.stmt):
        return False
    if not read.steps and binding(node, read.root) is not None:
        return True
    return any(
        target.root == read.root and target.steps[:1] == read.steps[:1]
        for target, _ in stores(node)
    )


# Statements.


def expressions(stmt: ast.stmt) -> list[ast.expr]:
    """Give the expressions that a statement evaluates itself, without those of its body."""
    if isinstance(stmt, ast.AugAssign):
        return [stmt.target, stmt.value]
    if isinstance(stmt, ast.AnnAssign):
        return [e for e in (stmt.target, stmt.value) if e is not None]
    if isinstance(stmt, ast.Assert):
        return [stmt.test]
    if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return list(stmt.decorator_list)
    found: list[ast.expr] = []
    for _, child in _children(stmt):
        if isinstance(child, ast.expr):
            found.append(child)
        elif isinstance(child, ast.withitem):
            found.append(child.context_expr)
    return found


def binding(stmt: ast.stmt, name: str) -> Binding | None:
    """Say how a statement gives a name its value; None where it does not."""
    if isinstance(stmt, ast.Assign):
        for target in stmt.targets:
            expr = _bound(target, stmt.value, name)
            if expr is not None:
                return Binding("assigned", (expr,))
    elif isinstance(stmt, ast.AugAssign):
        if _is_name(stmt.target, name):
            return Binding("assigned", (stmt.target, stmt.value))
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
    if isinstance(stmt, ast.Assign):
        pairs = [(target, (stmt.value,)) for target in stmt.targets]
    elif isinstance(stmt, ast.AugAssign):
        pairs = [(stmt.target, (stmt.target, stmt.value))]
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


# Expressions.


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
        return ("key", ast.literal_eval(node))
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
        stack += reversed([child for _, child in _children(node)])
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


class Sources:
    """The files of a trace, each parsed when it is first asked for."""

    def __init__(self, source_of: Callable[[str], str | None], files: Sequence[str]) -> None:
        self._source_of = source_of
        self._names = files
        self._files: dict[str, File | None] = {}

    def file(self, path: str | None) -> File | None:
        """Give a file; None where its source was not recorded."""
        if path is None:
            return None
        if path not in self._files:
            source = self._source_of(path)
            self._files[path] = File(source) if source is not None else None
        return self._files[path]

    def text(self, path: str | None, line: int | None) -> str:
        """Give a line of source, or an empty text."""
        file = self.file(path)
        return file.text(line) if file is not None and line is not None else ""

    def statement(self, path: str | None, line: int | None) -> ast.stmt | None:
        """Give the innermost statement around a line."""
        file = self.file(path)
        return file.statement(line) if file is not None and line is not None else None

    def class_attributes(self, name: str, attribute: str) -> Iterator[tuple[str, int, str]]:
        """Give the lines at which a class of this name binds an attribute: path, line, text."""
        for path in self._names[:_MOST_FILES]:
            file = self.file(path)
            for stmt in file.body if file is not None else ():
                if not isinstance(stmt, ast.ClassDef) or stmt.name != name:
                    continue
                for inner in stmt.body:
                    if isinstance(inner, (ast.Assign, ast.AnnAssign)) and binding(
                        inner, attribute
                    ):
                        yield path, inner.lineno, self.text(path, inner.lineno)

    def of_module(self, module: str) -> str | None:
        """Give the path of a recorded module by its dotted name."""
        tail = "/" + module.replace(".", "/")
        for path in self._names:
            normal = path.replace("\\", "/")
            if normal.endswith((tail + ".py", tail + "/__init__.py")):
                return path
        return None
