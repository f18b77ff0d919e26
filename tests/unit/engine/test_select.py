"""Which hot path is chosen, and the reason that is given."""

from pathlib import Path

import pytest

from pytest_recorder import compat
from pytest_recorder.engine.base import Capabilities
from pytest_recorder.engine.select import CAPABILITIES, NATIVE_MODULE, select
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


def test_settrace_is_refused_where_there_is_monitoring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compat, "HAS_MONITORING", True)
    match = "engine 'settrace' is for Python 3.11, this is .*, expected 'auto' or 'monitoring'"
    with pytest.raises(UsageError, match=match) as caught:
        select("settrace")
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


def test_monitoring_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "HAS_MONITORING", False)
    with pytest.raises(UsageError, match=r"engine 'monitoring' needs Python 3\.12") as caught:
        select("monitoring")
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


def test_the_table_of_the_docs_is_what_the_engines_say() -> None:
    text = (Path(__file__).parents[3] / "docs" / "engines.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text[text.index("| | monitoring, C ") :].splitlines()
        if line.startswith("| ")
    ]
    combinations = [
        (engine, {"C": "native", "Python": "python"}[hot_path.split()[0]])
        for engine, hot_path in (head.split(", ") for head in rows[0][1:])
    ]
    assert set(combinations) == set(CAPABILITIES)
    said = {row[0]: [cell.startswith("yes") for cell in row[1:]] for row in rows[1:]}
    words = {
        "reads_locals_undisturbed": "reads locals without a trace in the program",
        "leaves_gettrace_alone": "leaves `sys.gettrace()` alone",
        "sees_running_threads": "records threads that ran before",
        "survives_recursion_limit": "events at the recursion limit",
    }
    assert set(words) == set(Capabilities._fields)
    for name, row in words.items():
        able = [getattr(CAPABILITIES[combination], name) for combination in combinations]
        assert said[row] == able
