"""The check that what runs while tests run calls nothing that a test can replace."""

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def load() -> Any:
    spec = importlib.util.spec_from_file_location(
        "original_calls", ROOT / "tools/original_calls.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOOL = load()


def findings(
    tmp_path: Path, source: str, path: str = "engine/new.py", **options: Any
) -> list[str]:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(source))
    found = TOOL.findings_in(tmp_path, exceptions=options.pop("exceptions", {}), **options)
    return [finding.what for finding in found]


def test_the_package_calls_nothing_that_a_test_can_replace() -> None:
    assert TOOL.findings_in(TOOL.PACKAGE, TOOL.PENDING) == []


def test_each_module_looks_up_the_built_in_names_of_before_the_tests() -> None:
    assert TOOL.with_the_builtins_of_all(TOOL.PACKAGE) == []


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("from pytest_recorder.original_builtins import __builtins__\ndef f(): pass", False),
        ("A = 1", False),
        ("def f(): pass", True),
        ("f = lambda: 1", True),
        ("class A: pass\nfrom pytest_recorder.original_builtins import __builtins__", True),
    ],
)
def test_a_module_that_takes_them_late_or_not_at_all_is_found(
    tmp_path: Path, source: str, is_found: bool
) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine/new.py").write_text(source)
    assert bool(TOOL.with_the_builtins_of_all(tmp_path)) is is_found


def test_every_exception_has_a_reason_and_every_excluded_module_is_there() -> None:
    assert all(TOOL.EXCEPTIONS.values())
    assert all(TOOL.NOT_WHILE_TESTS_RUN.values())
    assert [p for p in TOOL.NOT_WHILE_TESTS_RUN if not (TOOL.PACKAGE / p).is_file()] == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import os", "import of os"),
        ("import os.path", "import of os.path"),
        ("from os import path", "import of os.path"),
        ("from time import perf_counter_ns", "import of time.perf_counter_ns"),
        ("from pathlib import Path", "import of pathlib.Path"),
        ("import zlib", "import of zlib"),
        ("from hashlib import md5", "import of hashlib.md5"),
        ("import concurrent.futures", "import of concurrent.futures"),
        ("def f():\n    import sys", "import of sys in a function"),
        ("async def f():\n    from a import b", "import of a.b in a function"),
        ("class C:\n    def f(self):\n        return open('x')", "call of open"),
        ("def f():\n    print()", "call of print"),
        ("f = lambda: __import__('x')", "call of __import__"),
        ("def f(path):\n    return path.exists()", "call of .exists"),
        ("def f(path):\n    return (path / 'a').read_text()", "call of .read_text"),
        ("def f():\n    return sys.gettrace()", "call of sys.gettrace"),
        ("def f():\n    return sys.monitoring.events", "sys.monitoring"),
    ],
)
def test_what_a_test_can_replace_is_found(tmp_path: Path, source: str, what: str) -> None:
    assert what in findings(tmp_path, source)


@pytest.mark.parametrize(
    "source",
    [
        "from zlib import compress, crc32",
        "from hashlib import sha256",
        "import sys",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os",
        "def f(): return sys.stdout",
        "def f(text): return text.replace('a', 'b')",
        "def f(path): return OS.stat(path), files.exists(path), files.read_bytes(path)",
        "WORDS = open",  # a name alone calls nothing
    ],
)
def test_what_is_an_original_or_harmless_is_not(tmp_path: Path, source: str) -> None:
    assert findings(tmp_path, source) == []


def test_system_may_import_what_it_takes_but_not_in_a_function(tmp_path: Path) -> None:
    assert findings(tmp_path, "import os, time", "system/new.py") == []
    assert findings(tmp_path, "def f():\n    import os", "system/new.py") == [
        "import of os in a function"
    ]


def test_what_does_not_run_while_tests_run_is_not_looked_at(tmp_path: Path) -> None:
    assert findings(tmp_path, "import os", "tracefile/reader.py") == []
    assert findings(tmp_path, "import os", "cli/new.py") == []


def test_an_exception_excuses_its_place_alone_and_must_be_needed(tmp_path: Path) -> None:
    excused = {("engine/new.py", "import of os"): "it must"}
    assert findings(tmp_path, "import os", exceptions=excused) == []
    assert findings(tmp_path, "import time", exceptions=excused) == [
        "import of time",
        "import of os",
    ]


def test_what_is_pending_is_left_out(tmp_path: Path) -> None:
    assert findings(tmp_path, "import os", "plugin/new.py", pending=("plugin/",)) == []
