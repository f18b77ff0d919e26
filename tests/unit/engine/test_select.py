"""Which hot path is chosen, and the reason that is given."""

import re
import sys
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder import compat
from pytest_recorder.engine.base import Capabilities
from pytest_recorder.engine.select import (
    CAPABILITIES,
    DIRECT,
    FREE_THREADED_VARIABLE,
    NATIVE_MODULE,
    UNTRIED,
    refuse_untried,
    select,
    why_refused,
)
from pytest_recorder.errors import EnvironmentError, ErrorCode, UsageError
from pytest_recorder.system import compiled
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


@pytest.mark.parametrize(
    ("version", "is_free"),
    [
        ("3.13.0 experimental free-threading build (main, Oct  7 2024) [GCC 13]", True),
        ("3.14.2 free-threading build (main, Dec  5 2025, 16:49:16) [Clang 21.1.4 ]", True),
        ("3.14.2 (main, Dec  5 2025, 16:49:16) [Clang 21.1.4 ]", False),
    ],
)
def test_a_free_threaded_build_is_known_by_its_version(version: str, is_free: bool) -> None:
    assert compat.is_free_threaded(version) is is_free


def test_a_free_threaded_python_is_refused_and_says_how_to_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(FREE_THREADED_VARIABLE, raising=False)
    assert why_refused() is None
    refuse_untried()
    monkeypatch.setattr(compat, "IS_FREE_THREADED", True)
    with pytest.raises(
        EnvironmentError, match=r"never tried on .*THREADED=1 records"
    ) as caught:
        refuse_untried()
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


@pytest.mark.parametrize(("word", "is_asked"), [("1", True), ("on", True), ("0", False)])
def test_a_variable_asks_for_the_untried_path(
    monkeypatch: pytest.MonkeyPatch, word: str, is_asked: bool
) -> None:
    monkeypatch.setattr(compat, "IS_FREE_THREADED", True)
    monkeypatch.setenv(FREE_THREADED_VARIABLE, word)
    assert (why_refused() is None) is is_asked


def test_no_part_in_c_is_loaded_on_a_free_threaded_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(compiled.PURE_VARIABLE, raising=False)
    monkeypatch.setattr(compat, "IS_FREE_THREADED", True)
    choice = select()
    assert choice.hot_path == "python"
    assert choice.slower is not None
    assert "need the GIL" in choice.slower
    with pytest.raises(UsageError, match=r"no native hot path: .* need the GIL") as caught:
        select(hot_path="native")
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


# What is said where the part in C could be faster, or is not there.


def failures(monkeypatch: pytest.MonkeyPatch, **causes: str) -> None:
    found = {f"{NATIVE_MODULE}{name}": cause for name, cause in causes.items()}
    monkeypatch.setattr(compiled, "build_failures", lambda: dict(found))


@needs_native
@pytest.mark.parametrize(
    ("build", "causes", "said"),
    [
        ("internals", {}, None),
        ("public", {}, None),
        (
            "public",
            {f" {DIRECT}": "x.h: no such file"},
            "on the public API, slower: what reads the frames of the interpreter was not built: x.h: no such file",
        ),
        # Of a build that is no longer there.
        ("internals", {f" {DIRECT}": "x.h: no such file"}, None),
        (
            UNTRIED,
            {},
            f"on the public API, slower: the frames of Python {compat.PYTHON_VERSION} are not known to it",
        ),
        ("internals", {"": "no room"}, None),
        ("internals", {"2": "no room"}, f"{NATIVE_MODULE}2 was not built: no room"),
    ],
)
def test_why_a_part_in_c_is_slower_is_said(
    monkeypatch: pytest.MonkeyPatch, build: str, causes: dict[str, str], said: str | None
) -> None:
    monkeypatch.delenv(compiled.PURE_VARIABLE, raising=False)
    monkeypatch.setattr(f"{NATIVE_MODULE}.BUILD", build)
    failures(monkeypatch, **causes)
    choice = select()
    assert (choice.hot_path, choice.slower) == ("native", said)
    assert choice.reasons == (choice.reason if said is None else f"{choice.reason}; {said}")


def test_a_known_version_is_not_called_untried() -> None:
    module = compiled.load(NATIVE_MODULE).module
    if module is None:
        pytest.skip("installed without the parts in C")
    internals = Path(pytest_recorder.__file__).parent / "engine" / "native" / "internals.h"
    if not internals.is_file():
        pytest.skip("the sources are not there")
    newest = re.search(r"PY_MINOR_VERSION <= (\d+)", internals.read_text())
    assert newest is not None
    assert (module.BUILD == UNTRIED) == (sys.version_info[1] > int(newest[1]))


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
