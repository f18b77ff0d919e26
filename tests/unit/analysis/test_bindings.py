"""How a statement binds a name, and what it stores where."""

import ast

import pytest

from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.bindings import binding, stores


def stmt(source: str) -> ast.stmt:
    return ast.parse(source).body[0]


@pytest.mark.parametrize(
    ("source", "name", "how", "exprs"),
    [
        ("x = a", "x", "assigned", ["a"]),
        ("x, y = a, b", "y", "assigned", ["b"]),
        ("x, y = p", "y", "assigned", ["p"]),
        ("x, (y, z) = a, (b, c)", "z", "assigned", ["c"]),
        ("x, (y, z) = a, b", "z", "assigned", ["b"]),
        ("x: int = a", "x", "assigned", ["a"]),
        ("x += a", "x", "assigned", ["x", "a"]),
        ("for x, y in a: pass", "y", "loop", ["a"]),
        ("with a as x: pass", "x", "with", ["a"]),
        ("import a.b", "a", "imported", []),
        ("def x(): pass", "x", "defined", []),
        ("if (x := a): pass", "x", "assigned", ["a"]),
        ("try: pass\nexcept E as x: pass", "x", "except", []),
        ("match a:\n    case [x]: pass", "x", "matched", ["a"]),
    ],
)
def test_a_statement_says_how_it_binds_a_name(
    source: str, name: str, how: str, exprs: list[str]
) -> None:
    found = binding(stmt(source), name)
    assert found is not None
    assert (found.how, [ast.unparse(e) for e in found.exprs]) == (how, exprs)
    assert binding(stmt(source), "other") is None


def test_stores_are_attributes_and_items() -> None:
    assert [read for read, _ in stores(stmt("a.b, c[0] = d"))] == [
        AccessPath("c", (("key", 0),)),
        AccessPath("a", (("attr", "b"),)),
    ]
    assert [read for read, _ in stores(stmt("del a[k]"))] == [AccessPath("a", (("var", "k"),))]
