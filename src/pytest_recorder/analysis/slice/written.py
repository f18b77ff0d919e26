"""Says what statements and recorded values mean for the search: small facts without state."""

import ast
from collections.abc import Sequence

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.bindings import stores
from pytest_recorder.analysis.changes import Change
from pytest_recorder.analysis.objects import (
    Difference,
    PathStep,
    is_open,
    literal_mark,
    mark,
    part_of,
    parts,
)
from pytest_recorder.format.events import Value

_MOST_PLACES = 4


def is_none(value: Value | None) -> bool:
    return value is not None and value.get("type") == "NoneType"


def containers(value: Value) -> list[int]:
    """Give the lists and the like inside of one, each once."""
    found: dict[int, None] = {}
    for _, item in parts(value):
        if "id" in item and ("items" in item or "entries" in item):
            found[item["id"]] = None
    return list(found)[:_MOST_PLACES]


def resolved(steps: tuple[PathStep, ...], values: dict[str, Value]) -> tuple[PathStep, ...]:
    """Put the values of variables into a path; it ends before what cannot be told."""
    found: list[PathStep] = []
    for kind, key in steps:
        if kind == "slice":
            break
        if kind == "var":
            value = values.get(key)
            if value is None:
                break
            found.append(("item", mark(value)))
        elif kind == "key":
            found.append(("item", literal_mark(key)))
        else:
            found.append((kind, key))
    return tuple(found)


def returned(stmt: ast.stmt) -> list[ast.AST]:
    """Give what a statement returns; all of it where it does not end its function."""
    if isinstance(stmt, ast.Return):
        return [stmt.value] if stmt.value is not None else []
    return list(expressions.expressions(stmt))


def yielded(stmt: ast.stmt) -> list[ast.AST]:
    """Give what a statement yields; all of it where no `yield` stands in it."""
    found = [
        node.value
        for expr in expressions.expressions(stmt)
        for node in ast.walk(expr)
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value is not None
    ]
    return [*found] if found else list(expressions.expressions(stmt))


def only_read(exprs: Sequence[ast.AST]) -> AccessPath | None:
    """Give what is read where that is all that there is."""
    if len(exprs) == 1 and isinstance(exprs[0], ast.expr):
        return access_path(exprs[0])
    return None


def stored(stmt: ast.stmt, part: PathStep | None) -> list[ast.AST]:
    """Give what a statement stores in an attribute or item; all of it where it is not clear."""
    found = list(stores(stmt))
    named = [exprs for path, exprs in found if part is not None and path.steps[-1:] == (part,)]
    chosen = named or [exprs for _, exprs in found]
    return [expr for exprs in chosen for expr in exprs]


def is_read_of(expr: ast.AST, name: tuple[str, tuple[PathStep, ...]] | None) -> bool:
    if name is None or not isinstance(expr, ast.expr):
        return False
    read = access_path(expr)
    return read is not None and (read.root, read.steps) == name


def is_super(exprs: Sequence[ast.AST]) -> bool:
    return (
        len(exprs) == 1
        and isinstance(exprs[0], ast.Call)
        and (expressions.called_name(exprs[0]) == "super")
    )


def line_of(change: Change) -> tuple[str | None, int | None]:
    start = change.run.start if change.run is not None else change.shown
    return start.file, start.line


def part_in(value: Value | None, target: Difference) -> Value | None:
    """Give the part that changed, where the whole object is at hand."""
    if value is None or target.part is None:
        return value
    if value.get("id") == target.id and is_open(value):
        return part_of(value, target.part)
    return value
