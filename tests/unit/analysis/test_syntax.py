"""What decides that a line of a source file runs."""

import pytest

from pytest_recorder.analysis.access_paths import AccessPath
from pytest_recorder.analysis.syntax import SourceFile

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
