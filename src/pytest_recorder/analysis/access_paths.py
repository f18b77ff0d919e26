"""Reads names with what is taken from them, `order.lines[0]`, in recorded source."""

import ast
from typing import NamedTuple

from pytest_recorder.analysis.objects import PathStep


class AccessPath(NamedTuple):
    """A name that an expression reads, with the attributes and items taken from it.

    A step `("key", constant)` takes an item, `("var", name)` one whose key is the value of another
    variable, `("slice", None)` one whose key takes more to work out.
    """

    root: str
    steps: tuple[PathStep, ...] = ()


def access_path(node: ast.expr) -> AccessPath | None:
    """Give `a.b[0].c` as one path; None for what does not begin with a name."""
    steps: list[PathStep] = []
    here: ast.expr = node
    while True:
        if isinstance(here, ast.Name):
            return AccessPath(here.id, tuple(reversed(steps)))
        if isinstance(here, ast.Attribute):
            steps.append(("attr", here.attr))
            here = here.value
        elif isinstance(here, ast.Subscript):
            steps.append(_key(here.slice))
            here = here.value
        else:
            return None


def _key(node: ast.expr) -> PathStep:
    try:
        key = ast.literal_eval(node)
        hash(key)
        return ("key", key)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Name):
        return ("var", node.id)
    return ("slice", None)
