"""The shape of the package, as far as import-linter cannot say it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_recorder

PACKAGE = Path(pytest_recorder.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HOT = [
    *(PACKAGE / "engine").rglob("*.py"),
    PACKAGE / "format/vocabulary.py",
    PACKAGE / "tracefile/spool.py",
]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            is_root = node.module == "pytest_recorder"
            modules = [a.name for a in node.names if (PACKAGE / f"{a.name}.py").is_file()]
            if not is_root or len(modules) < len(node.names):
                found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_inside_imports_the_package_root(path: Path) -> None:
    assert "pytest_recorder" not in imports(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_its_reason_first(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_assert_stands_in_the_package(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text()))
    assert [node.lineno for node in nodes if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("path", HOT, ids=lambda path: path.name)
def test_hot_modules_are_not_rewritten_by_pytest(path: Path) -> None:
    if path.name not in ("__init__.py", "base.py", "select.py", "scope.py"):
        assert "PYTEST_DONT_REWRITE" in (ast.get_docstring(ast.parse(path.read_text())) or "")


def test_an_idle_plugin_imports_four_modules_of_ours_and_none_of_others() -> None:
    # Under a millisecond, measured by `python -X importtime -c 'import pytest_recorder.plugin'`.
    # Here stands what keeps it there: what a time in a test would only say by chance.
    script = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import pytest_recorder.plugin\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert result.stdout.split() == [
        "pytest_recorder",
        "pytest_recorder.plugin",
        "pytest_recorder.plugin.options",
        "pytest_recorder.settings",
    ]
