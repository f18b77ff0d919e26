"""The outline of a source has the functions and classes that `ast` finds in it."""

import ast
import warnings
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.tracefile.outline import Outline, empty_heads, logical_lines

OWN = sorted(Path(pytest_recorder.__file__).parent.rglob("*.py"))
TESTS = sorted(Path(__file__).parents[3].joinpath("tests").rglob("*.py"))

ODD = '''\
"""A docstring with def no(): in it
def no_other():
"""
if True:
    @decorated(
        """
def not_this(): pass
""",
        [
            1,
        ],
    )

    # a comment
    async \tdef f(
        a, b=") :",
    ) -> "dict[str, int]": # (
        text = """
class NoClass:
    QUOTES
"""
        return f"{a["x"]}" + 'it\\'s' + r"\\\\"

    # after it
else:
    def f(): return 1
class  A(B,
    C): x = 1; y = 2
class D:
\tdef g(self):
\t    if x: \\
    return 1
\t    return 2

\tdef h(self): ...
def lambda_(): return (lambda x:
  x)
'''.replace("QUOTES", "'''")


def defined(source: str) -> dict[int, tuple[int, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    found: dict[int, tuple[int, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            found[first] = node.end_lineno or 0, node.name
    return found


def outlined(source: bytes) -> dict[int, tuple[int, str]]:
    found = Outline(source).definitions
    return {line: (one.end, one.name.decode()) for line, one in found.items()}


@pytest.mark.parametrize("files", [OWN, TESTS], ids=["package", "tests"])
def test_functions_and_classes_are_those_that_ast_finds(files: list[Path]) -> None:
    assert len(files) > 100
    for path in files:
        source = path.read_text(encoding="utf-8")
        assert outlined(source.encode()) == defined(source), path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n\n# the end"])
def test_no_string_comment_or_line_end_misleads(end: str, last: str) -> None:
    # Python 3.11 knows no `"x"` in the braces of an f-string of its own kind.
    source = ODD.replace('a["x"]', "a['x']") + last
    assert outlined((source).replace("\n", end).encode()) == defined(source)
    assert outlined(ODD.encode()) == outlined(source.encode())


def test_a_name_outside_ascii_is_a_name() -> None:
    source = "def größe():\n    return 1\nclass Ä:\n    x = 1\n"
    assert outlined(source.encode()) == {1: (2, "größe"), 3: (4, "Ä")}


def test_what_is_no_python_has_no_functions() -> None:
    for text in (
        b"",
        b"<p>(\n def x",
        b"'''",
        b'"\\',
        b"\\",
        b"((((\ndef f():\n  pass",
        b"\0\n\r\r",
    ):
        assert outlined(text) == {}


def test_any_bytes_are_read_to_their_end() -> None:
    text = ODD.encode()
    for start in range(0, len(text), 7):
        lines = list(logical_lines(text[start:]))
        assert all(first <= last for first, last in lines)
        Outline(text[start:])


@pytest.mark.parametrize(
    ("line", "first"),
    [(1, 1), (2, None), (4, 3), (6, 6), (7, 7), (8, 8), (9, 8), (10, None), (0, None)],
)
def test_around_a_line_is_its_function_or_statement(line: int, first: int | None) -> None:
    source = (
        "import os\n\nx = [\n    i for i in os.environ\n]\nclass K:\n    def f(self):\n"
        "        def inner():\n            pass\n"
    )
    one = Outline(source.encode()).around(line)
    assert (one.first if one is not None else None) == first


def test_a_head_without_its_block_is_found_whatever_stands_behind_it() -> None:
    source = (
        "class A(\n    B,\n):  # (\n\n\nif x: y = 1\nelse:\n\ndef f(): return {1:\n2}\n"
        "try:\n\nexcept E:\n\nfinally:\n    pass\nwhile 1:\n"
    )
    assert empty_heads(source) == [(4, " "), (8, " "), (12, " "), (14, " "), (18, " ")]
