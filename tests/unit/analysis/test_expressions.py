"""What the expressions of a statement read, told from its source alone."""

import ast

import pytest

from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.expressions import expressions, used


def stmt(source: str) -> ast.stmt:
    return ast.parse(source).body[0]


def reads(source: str) -> list[AccessPath]:
    return list(used(expressions(stmt(source))).reads)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "assert a.b == c[0]",
            [AccessPath("a", (("attr", "b"),)), AccessPath("c", (("key", 0),))],
        ),
        ("x = a[i].n", [AccessPath("a", (("var", "i"), ("attr", "n"))), AccessPath("i")]),
        ("x = f(a, k=b)", [AccessPath("a"), AccessPath("b")]),
        ("x = o.m(a).n", [AccessPath("o"), AccessPath("a")]),
        ("x = [y for y in z if y > t]", [AccessPath("z"), AccessPath("t")]),
        ("x += 1", [AccessPath("x")]),
        ("for i in range(n): pass", [AccessPath("n")]),
        ("x = a[{}]", [AccessPath("a", (("slice", None),))]),
        ("x = f'{a!r:>{w}}'", [AccessPath("a"), AccessPath("w")]),
        ("raise E(a) from b", [AccessPath("a"), AccessPath("b")]),
        ("return lambda p: p + q", [AccessPath("q")]),
    ],
)
def test_names_are_read_with_what_is_taken_from_them(
    source: str, expected: list[AccessPath]
) -> None:
    assert sorted(map(repr, reads(source))) == sorted(map(repr, expected))


def test_an_access_path_begins_with_a_name() -> None:
    assert access_path(ast.parse("f().x", mode="eval").body) is None
