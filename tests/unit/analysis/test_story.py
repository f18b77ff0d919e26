"""The story of a failure: which raise it was, what changed where, what the failing line used."""

from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.failure import last_failure_point
from pytest_recorder.analysis.past import LatestEvents
from pytest_recorder.analysis.source_text import source_lines
from pytest_recorder.analysis.story import names_read, tell, tell_failure
from pytest_recorder.format.events import Event
from pytest_recorder.render.steps import failure_lines
from tests.plugin.support import run, traces

ROOT = Path("/p")


def story(pytester: pytest.Pytester, level: str = "values") -> list[str]:
    run(pytester, "--record-trace", f"--record-level={level}")
    (path,) = traces(pytester)
    with pytest_recorder.open_trace(path) as trace:
        root = Path(trace.manifest.root)
        return failure_lines(trace.events(), trace.source, root=root, level=level)


@pytest.mark.slow
def test_a_raise_that_teardown_handles_is_not_the_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def resource():
            yield 1
            try:
                {}["cleanup"]
            except KeyError:
                pass
        def test_a(resource):
            try:
                {}["first"]
            except KeyError:
                pass
            got = resource + 1
            assert got == 8
        """
    )
    lines = story(pytester)
    assert "AssertionError: assert 2 == 8" in lines[-3]
    assert lines[-2:] == ["values used by the failing line:", "  got = 2"]
    assert not any("cleanup" in line for line in lines)


@pytest.mark.slow
def test_a_value_that_was_not_followed_is_not_claimed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def add(x):
            x = x + 10
            assert x == 5
        def test_a():
            add(1)
        """
    )
    assert not any("values used" in line for line in story(pytester, "lines"))
    assert "  x = 11" in story(pytester, "values")


def test_a_change_stands_beside_the_line_that_made_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def fill(bag):
            bag["x"] = [1]
            bag["x"].append(2)
        def test_a():
            bag = {}
            fill(bag)
            assert not bag
        """
    )
    lines = story(pytester)
    for source, effect in (
        ('bag["x"] = [1]', "bag['x'] = [1]"),
        ('bag["x"].append(2)', "bag['x'][1] = 2"),
        ("fill(bag)", "bag['x'] = [1, 2]"),
    ):
        (line,) = [line for line in lines if f"  {source}  #" in line]
        assert line.endswith(f"# {effect}")


def test_source_lines_are_counted_as_python_counts_them() -> None:
    assert source_lines("\fa = 1\r\nb = '\x1c\u2028'\n") == ["\fa = 1", "b = '\x1c\u2028'", ""]


def test_names_read_are_those_of_the_innermost_statement() -> None:
    source = (
        "if a:\n    x = b + c(d)\n    assert (\n        e\n        == f.g\n    ), h\n"
        "for i in j:\n    k\n"
    )
    assert names_read(source, 2) == ["b", "c", "d"]
    assert names_read(source, 5) == ["e", "f", "h"]
    assert names_read(source, 7) == ["j"]
    assert names_read(source, 1) == ["a"]
    assert names_read("this is no Python", 1) == []


def test_a_generator_that_is_closed_is_no_failure() -> None:
    place = {"thread": 1, "frame": 1, "file": "/p/m.py", "line": 1, "function": "g"}
    from pytest_recorder.format.events import ExceptionInfo

    closed = ExceptionInfo("GeneratorExit", 1, "", 0)
    events = [
        Event(0, "call", args={}, **place),
        Event(1, "raise", exception=closed, **place),
        Event(2, "unwind", exception=closed, **place),
    ]
    point = last_failure_point(LatestEvents(events), is_of_run=False)
    assert tell_failure(events, 5, point).failure is None


def test_what_a_later_line_changes_does_not_stand_beside_the_last_one_that_is_told() -> None:
    place = {"thread": 1, "frame": 1, "file": "/p/m.py", "function": "f"}
    events = [
        Event(0, "call", args={}, line=1, **place),
        Event(1, "line", line=2, **place),
        Event(2, "line", line=3, changes={"x": INT}, **place),
        Event(3, "line", line=4, changes={"y": INT}, **place),
    ]
    steps = tell(events, 5, until=1)
    assert [(step.line, step.changes) for step in steps] == [(1, []), (2, ["x = 1"])]


INT = {"type": "int", "value": 1}
OTHER = {"type": "int", "value": 2}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, INT, ["x = 1"]),
        (INT, OTHER, ["x = 2"]),
        (
            {"type": "list", "id": 1, "length": 1, "items": [INT]},
            {"type": "list", "id": 1, "length": 2, "items": [INT, OTHER]},
            ["x[1] = 2"],
        ),
        (
            {"type": "list", "id": 1, "length": 1, "items": [INT]},
            {"type": "list", "id": 2, "length": 2, "items": [INT, OTHER]},
            ["x = [1, 2]"],
        ),
        (
            {"type": "list", "id": 1, "length": 2, "items": [INT, OTHER]},
            {"type": "list", "id": 1, "length": 1, "items": [INT]},
            ["x = [1]"],
        ),
        (
            {"type": "m.C", "id": 1, "attributes": {"a": INT, "b": INT}},
            {"type": "m.C", "id": 1, "attributes": {"a": OTHER}},
            ["x.a = 2", "del x.b"],
        ),
    ],
)
def test_a_change_is_worded_as_what_changed(
    old: dict[str, object] | None, new: dict[str, object], expected: list[str]
) -> None:
    assert describe_change("x", old, new) == expected
