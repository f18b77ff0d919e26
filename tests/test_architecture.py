"""The shape of the package, as far as import-linter cannot say it; each test names all offenders."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest_recorder

PACKAGE = Path(pytest_recorder.__file__).parent
IS_HOT = ("engine/", "format/primitives.py", "format/vocabulary.py", "tracefile/spool.py")
# In the folder of the hot modules, and run once: when an engine is chosen and a file looked at.
RUN_ONCE = ("__init__.py", "base.py", "select.py", "scope.py")
MOST_LINES = 400
# Longer than that today. A ceiling may only fall.
CEILINGS = {
    "settings/__init__.py": 463,  # data, row after row
    "engine/pure/hot_path.py": 745,
    "engine/pure/values.py": 485,
    "tracefile/reader.py": 416,
}


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Give each module of the package, by its path in it."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text())
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            is_root = node.module == "pytest_recorder"
            modules = [a.name for a in node.names if (PACKAGE / f"{a.name}.py").is_file()]
            if not is_root or len(modules) < len(node.names):
                found.add(node.module or "")
    return found


def test_the_modules_are_there_to_look_at() -> None:
    assert {"__init__.py", "plugin/__init__.py", "engine/select.py"} <= set(trees())


def test_nobody_inside_imports_the_package_root() -> None:
    assert [name for name, tree in trees().items() if "pytest_recorder" in imports(tree)] == []


def test_every_module_says_its_reason_first() -> None:
    firsts = {n: (ast.get_docstring(t) or "").partition("\n")[0] for n, t in trees().items()}
    assert [name for name, first in firsts.items() if not first.endswith((".", ":"))] == []


def test_no_assert_stands_in_the_package() -> None:
    assert [
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ] == []


def test_hot_modules_are_not_rewritten_by_pytest() -> None:
    assert [
        name
        for name, tree in trees().items()
        if name.startswith(IS_HOT)
        and Path(name).name not in RUN_ONCE
        and "PYTEST_DONT_REWRITE" not in (ast.get_docstring(tree) or "")
    ] == []


def test_no_module_is_longer_than_a_reader_likes() -> None:
    lengths = {name: len((PACKAGE / name).read_text().splitlines()) for name in trees()}
    assert {n: k for n, k in lengths.items() if k > CEILINGS.get(n, MOST_LINES)} == {}
    # Who shortens a module lowers its ceiling, or takes it off the list.
    assert [name for name in CEILINGS if lengths.get(name, 0) <= MOST_LINES] == []


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
        "pytest_recorder.settings",
    ]


def test_no_format_in_c_of_the_limited_api_holds_a_hash() -> None:
    # What stands for it depends on the version of Python that the part is built with: built with
    # 3.13, and imported by 3.12, it is a SystemError.
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{number}"
        for folder in ("tracefile", "system")
        for path in sorted((PACKAGE / folder).glob("*.c"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r'"[^"]*[syzu]#[^"]*"', line)
    ]
    assert found == []
