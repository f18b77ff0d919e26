import importlib.util
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "errors_audit.py"
_spec = importlib.util.spec_from_file_location("errors_audit", TOOL)
assert _spec is not None
assert _spec.loader is not None
errors_audit = importlib.util.module_from_spec(_spec)
sys.modules["errors_audit"] = errors_audit
_spec.loader.exec_module(errors_audit)

OURS = "from pytest_recorder.errors import EnvironmentError, usage\n"

FOUND = {
    "a built-in exception": ("raise ValueError('x')", "engine/a.py", "raise"),
    "its class alone": ("raise RuntimeError", "a.py", "raise"),
    "under another name": ("from builtins import OSError as E\nraise E()", "a.py", "raise"),
    "with its module": ("import builtins as b\nraise b.KeyError(1)", "a.py", "raise"),
    "the built-in EnvironmentError": ("raise EnvironmentError('x')", "a.py", "raise"),
    "a KeyError outside a protocol": ("def find(k):\n raise KeyError(k)", "a.py", "raise"),
    "a function inside a protocol method": (
        "class A:\n def __getitem__(self, k):\n  def find():\n   raise KeyError(k)\n  find()",
        "a.py",
        "raise",
    ),
    "a ValueError outside a validator": (
        "@cache\ndef f(v):\n raise ValueError",
        "a.py",
        "raise",
    ),
    "an AttributeError elsewhere": ("def get():\n raise AttributeError('x')", "a.py", "raise"),
    "a StopIteration elsewhere": ("def f():\n raise StopIteration", "a.py", "raise"),
    "SystemExit": ("raise SystemExit(2)", "cli/a.py", "raise"),
    "AssertionError": ("raise AssertionError('never')", "a.py", "raise"),
    "pytest's error outside the plugin": (
        "import pytest\nraise pytest.UsageError",
        "a.py",
        "raise",
    ),
    "another of pytest's": ("import pytest\nraise pytest.Exit('x')", "plugin/a.py", "raise"),
    "imported from pytest": ("from pytest import fail\nraise fail.Exception", "a.py", "raise"),
    "a class of a built-in kind": ("class Bad(ValueError): ...", "tracefile/a.py", "class"),
    "a bare except": ("try: f()\nexcept: g()", "diagnostics/guard.py", "except"),
    "except Exception": ("try: f()\nexcept Exception as e: raise", "a.py", "except"),
    "in a tuple": ("try: f()\nexcept (OSError, Exception): g()", "plugin/a.py", "except"),
    "a guard that is not ours": (
        "try: f()\nexcept Exception: g()",
        "plugin/guard.py",
        "except",
    ),
    "a swallowed BaseException": ("try: f()\nexcept BaseException: g()", "a.py", "except"),
    "suppress": (
        "import contextlib\nwith contextlib.suppress(Exception): f()",
        "a.py",
        "except",
    ),
    "assert": ("def f(x):\n assert x", "cli/a.py", "assert"),
    "print": ("print('x')", "engine/a.py", "print"),
    "print on stderr": ("import sys\nprint('x', file=sys.stderr)", "plugin/a.py", "print"),
    "a write to stdout": ("import sys\nsys.stdout.write('x')", "session.py", "stdout"),
    "a write of lines": (
        "from sys import stdout\nstdout.writelines(a)",
        "session.py",
        "stdout",
    ),
    "the real stdout": ("import sys as s\ns.__stdout__.write('x')", "session.py", "stdout"),
    "the descriptor of stdout": ("import os\nos.write(1, b'x')", "session.py", "stdout"),
    "sys.exit": ("import sys\nsys.exit(1)", "plugin/a.py", "exit"),
    "exit": ("exit()", "recorder.py", "exit"),
}

ALLOWED = {
    "ours": (OURS + "raise usage(1, 'x')", "a.py"),
    "the EnvironmentError of ours": (OURS + "raise EnvironmentError(1, 'x')", "a.py"),
    "the module of errors": (
        "class EnvironmentError(Exception): ...\nraise EnvironmentError(1, 'x')",
        "errors.py",
    ),
    "raising again": ("try: f()\nexcept OSError: raise", "a.py"),
    "raising what was caught": ("try: f()\nexcept OSError as e: raise e", "a.py"),
    "AttributeError in __getattr__": (
        "def __getattr__(n):\n raise AttributeError(n)",
        "__init__.py",
    ),
    "KeyError in __getitem__": (
        "class A:\n def __getitem__(self, k):\n  raise KeyError(k) from None",
        "a.py",
    ),
    "IndexError in __getitem__": (
        "class A:\n def __getitem__(self, k):\n  raise IndexError(k)",
        "a.py",
    ),
    "StopIteration in __next__": (
        "class A:\n def __next__(self):\n  raise StopIteration",
        "a.py",
    ),
    "ValueError in a validator": (
        "import pydantic\n@pydantic.field_validator('x')\ndef f(cls, v):\n raise ValueError(v)",
        "a.py",
    ),
    "NotImplementedError": ("def f():\n raise NotImplementedError", "a.py"),
    "pytest.UsageError in the plugin": (
        "import pytest\nraise pytest.UsageError('x')",
        "plugin/a.py",
    ),
    "except Exception in the guard": (
        "try: f()\nexcept Exception: g()",
        "diagnostics/guard.py",
    ),
    "a BaseException that goes on": ("try: f()\nexcept BaseException: g(); raise", "a.py"),
    "a BaseException that is kept": ("try: f()\nexcept BaseException as e: keep(e)", "a.py"),
    "print in the command line": ("print('x')", "cli/show.py"),
    "stdout in the command line": ("import sys\nsys.stdout.write('x')", "cli/show.py"),
    "sys.exit in __main__": ("import sys\nsys.exit(main())", "__main__.py"),
    "stderr": ("import sys\nsys.stderr.write('x')", "plugin/a.py"),
    "a look at stdout": ("import sys\nx = sys.stdout is None", "engine/a.py"),
    "another descriptor": ("import os\nos.write(fd, b'x'); os.write(2, b'x')", "a.py"),
    "a method of these names": ("report.print('x'); session.exit()", "a.py"),
}


@pytest.mark.parametrize("case", FOUND)
def test_each_rule_is_found_once(case: str) -> None:
    source, path, rule = FOUND[case]
    assert [finding.rule for finding in errors_audit.audit(source, path)] == [rule]


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_allowed_by_its_place_is_no_finding(case: str) -> None:
    assert errors_audit.audit(*ALLOWED[case]) == []


def test_the_command_names_the_line_and_fails(tmp_path: Path) -> None:
    module = tmp_path / "engine" / "fast.py"
    module.parent.mkdir()
    module.write_text(
        dedent("""
        def fast(x):
            assert x
            raise ValueError(x)
    """)
    )
    command = [sys.executable, str(TOOL), str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    place = str(Path("engine") / "fast.py")
    assert done.stdout.splitlines() == [
        f"{place}:3: assert: python -O leaves it out",
        f"{place}:4: raise: ValueError is no RecorderError",
    ]
    module.write_text("x = 1\n")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
