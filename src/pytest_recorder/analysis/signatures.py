"""Says of a function of recorded source what a call gives to its parameters."""

import ast
from typing import NamedTuple

from pytest_recorder.analysis.expressions import FunctionNode


def is_suspended(function: FunctionNode) -> bool:
    """Whether a call of a function only makes an object that runs it later."""
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)
    )


class Passed(NamedTuple):
    """How a parameter got its value: by an expression of the caller, or by default."""

    expr: ast.expr | None
    default: ast.expr | None


def passed(
    call: ast.Call, function: FunctionNode, name: str, *, is_bound: bool, is_made: bool
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
