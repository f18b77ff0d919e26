"""What a call gives to the parameters of a function."""

import ast

import pytest

from pytest_recorder.analysis.signatures import passed


def stmt(source: str) -> ast.stmt:
    return ast.parse(source).body[0]


@pytest.mark.parametrize(
    ("call", "name", "expr", "default"),
    [
        ("f(1, 2)", "b", "2", None),
        ("f(1, b=3)", "b", "3", None),
        ("f(1)", "b", None, "7"),
        ("f(1)", "k", None, "8"),
        ("f(1, 2, 3, 4)", "rest", "(3, 4)", None),
        ("f(1, z=5)", "more", "(5,)", None),
        ("f(*x)", "b", None, None),
    ],
)
def test_a_parameter_leads_to_what_was_given(
    call: str, name: str, expr: str | None, default: str | None
) -> None:
    function = stmt("def f(a, b=7, *rest, k=8, **more): pass")
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    assert isinstance(function, ast.FunctionDef)
    found = passed(node, function, name, is_bound=False, is_made=False)
    if expr is None and default is None:
        assert found is None
        return
    assert found is not None
    assert (found.expr and ast.unparse(found.expr)) == expr
    assert (found.default and ast.unparse(found.default)) == default
