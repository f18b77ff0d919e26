"""The line that failed is named where the recording ended before it, and in doctests."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.support import run, traces

EARLY = """
def helper(value):
    doubled = value * 2
    return doubled

def test_it():
    first = helper(1)
    second = helper(2)
    third = helper(3)
    assert second == 5, "not what was expected"
"""
DOCTEST = '''
def add(a, b):
    """Add.

    >>> add(1, 1)
    2
    >>> add(1, 2)
    4
    """
    total = a + b
    return total

def divide(a, b):
    """Divide.

    >>> divide(1, 0)
    Traceback (most recent call last):
    ZeroDivisionError: division by zero
    >>> divide(4, 2)
    3.0
    """
    return a / b

def breaks(a):
    """Break.

    >>> breaks(0)
    1
    """
    return 1 / a
'''


def explanation(path: Path) -> str:
    return path.with_name("failure.md").read_text()


def explained(pytester: pytest.Pytester, path: Path) -> Any:
    told = pytester.run(sys.executable, "-m", "pytest_recorder", "explain", "--json", path)
    return json.loads(told.stdout.str())


@pytest.mark.parametrize("pure", ["", "1"], ids=["native", "python"])
def test_a_recording_that_ended_early_names_the_line_that_failed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, pure: str
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", pure)
    monkeypatch.setenv("PYTEST_RECORDER_INJECT", "panic:6")
    monkeypatch.setenv("PYTEST_RECORDER_STRICT", "0")
    pytester.makepyfile(test_early=EARLY)
    result = run(pytester, "--record-trace")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "last steps before the failure:",
            "test_early.py:*first = helper(1)*",
            "(not recorded, says pytest:)",
            "test_early.py:9*assert second == 5*",
            "test_early.py:9*!! AssertionError: not what was expected*",
        ]
    )
    (path,) = traces(pytester)
    text = explanation(path)
    assert "- exception: `AssertionError`, as pytest says" in text
    assert "- failed at: `test_early.py:9`, which was not recorded" in text
    assert "## Failing source: `test_early.py:9`" in text
    assert '>    9      assert second == 5, "not what was expected"' in text
    assert "- last line recorded: `test_early.py:" in text
    failed_at = explained(pytester, path)["failed_at"]
    assert (failed_at["line"], failed_at["exception"]) == (9, "AssertionError")


@pytest.mark.parametrize(
    ("name", "line", "source", "words"),
    [
        ("add", 6, ">>> add(1, 2)", "DocTestFailure: Expected: 4 Got: 3"),
        ("divide", 18, ">>> divide(4, 2)", "DocTestFailure: Expected: 3.0 Got: 2.0"),
    ],
)
def test_a_doctest_names_the_example_that_failed(
    pytester: pytest.Pytester, name: str, line: int, source: str, words: str
) -> None:
    pytester.makepyfile(sums=DOCTEST)
    result = run(pytester, "--record-trace", "--doctest-modules", "sums.py")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines([f"sums.py:{line}*{source}", f"sums.py:{line}*!! {words}"])
    (path,) = [path for path in traces(pytester) if f"sums.{name}" in str(path)]
    text = explanation(path)
    assert f"- failed at: `sums.py:{line}`, which was not recorded" in text
    assert f"## Failing source: `sums.py:{line}`" in text
    assert f">   {line:>2}      {source}" in text
    assert text.count("\n> ") == 1
    index = json.loads((pytester.path / "test-traces/index.json").read_text())
    (entry,) = [e for e in index["tests"] if e["test"].endswith(f"sums.{name}")]
    assert (entry["place"], entry["message"]) == (f"sums.py:{line}", words.partition(": ")[2])


def test_an_example_that_raises_is_explained_by_the_line_that_raised(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(sums=DOCTEST)
    run(pytester, "--record-trace", "--doctest-modules", "sums.py")
    (path,) = [path for path in traces(pytester) if "sums.breaks" in str(path)]
    text = explanation(path)
    assert "- failed at: `sums.py:29` in `breaks`" in text
    assert "as pytest says" not in text


def test_a_failure_that_was_recorded_is_told_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_early=EARLY)
    result = run(pytester, "--record-trace")
    assert "says pytest" not in result.stdout.str()
    (path,) = traces(pytester)
    assert "as pytest says" not in explanation(path)
    assert explained(pytester, path)["failed_at"] is None
