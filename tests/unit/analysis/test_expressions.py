"""What statements read, bind, store and call, told from their source alone."""

import ast

import pytest

from pytest_recorder.analysis.access_paths import AccessPath, access_path
from pytest_recorder.analysis.bindings import binding, stores
from pytest_recorder.analysis.expressions import expressions, used
from pytest_recorder.analysis.signatures import passed
from pytest_recorder.analysis.syntax import SourceFile


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


@pytest.mark.parametrize(
    ("source", "name", "how", "exprs"),
    [
        ("x = a", "x", "assigned", ["a"]),
        ("x, y = a, b", "y", "assigned", ["b"]),
        ("x, y = p", "y", "assigned", ["p"]),
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


def test_an_access_path_begins_with_a_name() -> None:
    assert access_path(ast.parse("f().x", mode="eval").body) is None


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


SOURCE = """\
def f(a, b):
    if a:
        return 1
    for c in b:
        if c:
            x = 1
        else:
            x = 2
    try:
        y = g()
    except E:
        y = 0
    return x
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (3, [("if", 2)]),
        (6, [("if", 5), ("for", 4), ("passed", 2)]),
        (8, [("else", 5), ("for", 4), ("passed", 2)]),
        (12, [("except", 11), ("passed", 2)]),
        (13, [("passed", 2)]),
    ],
)
def test_what_decides_that_a_line_runs(line: int, expected: list[tuple[str, int]]) -> None:
    file = SourceFile(SOURCE)
    found = file.statement(line)
    assert found is not None
    assert [(c.how, c.line) for c in file.conditions(found)] == expected


def test_an_if_that_would_have_changed_the_value_is_found() -> None:
    file = SourceFile("def f(k):\n    if k not in d:\n        d[k] = 1\n    return d[k]\n")
    found = file.statement(4)
    assert found is not None
    (condition,) = file.skipped(found, AccessPath("d", (("var", "k"),)))
    assert (condition.how, condition.line) == ("skipped", 2)


@pytest.mark.parametrize(
    "source", ["this is no Python", "\0", "(" * 5000, "x = " + "-" * 100_000 + "1"]
)
def test_what_cannot_be_parsed_has_no_statements(source: str) -> None:
    assert SourceFile(source).statement(1) is None
