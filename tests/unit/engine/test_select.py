"""Which hot path is chosen, and the reason that is given."""

import pytest

from pytest_recorder import compat
from pytest_recorder.engine.select import NATIVE_MODULE, select
from pytest_recorder.errors import ErrorCode, UsageError
from tests.engines.support import HAS_NATIVE

needs_native = pytest.mark.skipif(not HAS_NATIVE, reason="installed without the parts in C")


@needs_native
def test_the_part_in_c_is_used_where_it_was_built() -> None:
    choice = select()
    assert choice.hot_path == "native"
    assert choice.hot_path_reason.startswith("the part in C is there")


def test_a_variable_chooses_pure_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_PURE", "1")
    choice = select()
    assert choice.hot_path == "python"
    assert "PYTEST_RECORDER_PURE" in choice.hot_path_reason


def test_a_free_threaded_python_gets_pure_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "IS_FREE_THREADED", True)
    choice = select()
    assert choice.hot_path == "python"
    assert "free-threaded" in choice.hot_path_reason
    with pytest.raises(UsageError, match="never run on a free-threaded Python") as caught:
        select(hot_path="native")
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


@needs_native
def test_a_part_that_was_built_for_another_python_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{NATIVE_MODULE}.BUILT_FOR", 0x030A)
    choice = select()
    assert choice.hot_path == "python"
    assert "another version" in choice.hot_path_reason


def test_settrace_from_3_12_on_is_pure_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "HAS_MONITORING", True)
    choice = select("settrace")
    assert (choice.engine, choice.hot_path) == ("settrace", "python")
    assert "sys.monitoring only" in choice.hot_path_reason
