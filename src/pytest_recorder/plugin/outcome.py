"""Foretells the outcome of a phase: its span ends before pytest makes the report that decides.

It follows pytest's own `makereport`, with one exception: a check that a mark brings along
(`xfail(raises=RaisesGroup(...))`) is code of the program and is not called. Other plugins' wrappers
come later still.
"""

import sys

import pytest
from _pytest.skipping import xfailed_key

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.slots import mro_of


def outcome_of(
    item: pytest.Item | None, phase: str, error: BaseException | None, reported: str | None
) -> str:
    """Give `passed`, `failed` or `skipped`, as the report of this phase will have it.

    `item` is None for a fixture; `reported` is the outcome that a report of the phase, that of a
    subtest, has had already.
    """
    if item is None:
        is_skip = error is not None and _is_a(error, (pytest.skip.Exception,))
        is_xfail = error is not None and _is_a(error, (pytest.xfail.Exception,))
        return "passed" if error is None else "skipped" if is_skip or is_xfail else "failed"
    # A `unittest.TestCase` keeps its exceptions until the report is made.
    gathered = getattr(item, "_excinfo", None)
    if gathered:
        error = gathered[0].value
    if error is not None and _is_a(error, _skips()):
        return "skipped"
    return _after_marks(item, phase, error) or (
        "passed" if error is None and reported != "failed" else "failed"
    )


def _after_marks(item: pytest.Item, phase: str, error: BaseException | None) -> str | None:
    if item.config.getoption("runxfail"):
        return None
    if error is None:
        mark = item.stash.get(xfailed_key, None)
        return "failed" if mark is not None and mark.strict and phase == "call" else None
    if _is_a(error, (KeyboardInterrupt, pytest.exit.Exception)):
        return None
    if _is_a(error, (pytest.xfail.Exception,)):
        return "skipped"
    mark = item.stash.get(xfailed_key, None)
    if mark is None:
        return None
    raises = mark.raises
    kinds = raises if isinstance(raises, tuple) else (raises,)
    return "skipped" if raises is None or _is_a(error, kinds) else "failed"


def _is_a(error: BaseException, kinds: tuple[object, ...]) -> bool:
    """Tell whether an exception is of one of these types, without asking a metaclass."""
    return any(base is kind for base in mro_of(type(error)) for kind in kinds)


def _skips() -> tuple[object, ...]:
    unittest = sys.modules.get("unittest")
    skip_test = getattr(unittest, "SkipTest", pytest.skip.Exception)
    return pytest.skip.Exception, skip_test
