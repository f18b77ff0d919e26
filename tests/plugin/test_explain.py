"""`failure.md` and the questions about a trace, on real runs."""

import json
import py_compile
import re
import shutil
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.render.explanation import MOST_LINES, explain
from pytest_recorder.render.explanation_object import explanation_object
from pytest_recorder.render.sidecar import write_failure
from pytest_recorder.tracefile.naming import folder_name
from tests.plugin.support import index, run, traces

KINDS = """
import asyncio
import functools
import unittest
import pytest


class Box:
    rate = 3

    def __init__(self):
        self.items = []

    @property
    def total(self):
        return sum(self.items) * self.rate


def doubled(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner


@doubled
def add(box, number, *, twice=False):
    box.items.append(number * (2 if twice else 1))
    return box


def test_property():
    box = add(add(Box(), 1), 2, twice=True)
    assert box.total == 9


@pytest.fixture
def broken():
    data = {"a": 1}
    return data["b"]


def test_setup(broken):
    pass


@pytest.fixture
def late():
    log = ["x"]
    yield log
    assert log == ["x"]


def test_teardown(late):
    late.append("y")


def parse(text):
    try:
        return int(text)
    except ValueError as error:
        raise RuntimeError(f"bad {text}") from error


def test_chain():
    for text in ["1", "two"]:
        parse(text)


async def boom(number):
    await asyncio.sleep(0)
    if number > 1:
        raise ValueError(f"number={number}")


async def group():
    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(boom(number))


def test_group():
    asyncio.run(group())


def evens(count):
    for number in range(count):
        yield number * 2


def test_generator():
    got = [number for number in evens(3)]
    last = got[-1]
    assert last == 6


def test_did_not_raise():
    with pytest.raises(KeyError):
        found = {"k": 1}.get("z")


def test_closure():
    count = 0
    def bump():
        nonlocal count
        count += 2
    bump()
    bump()
    assert count == 2


def plus(number):
    return number + 1


def test_two_calls():
    assert plus(1) == plus(2)


@pytest.mark.parametrize("number", [3])
def test_parameter(number):
    more = number + 1
    assert more == 3


class TestUnit(unittest.TestCase):
    def setUp(self):
        self.number = 4

    def test_equal(self):
        self.number += 1
        self.assertEqual(self.number, 4)
"""

# For each test: a part of a line of the explanation, and the source that its place leads to.
EXPECTED = {
    "test_property": [
        ("total() -> 15", "return sum(self.items) * self.rate"),
        ("class: Box.rate", "rate = 3"),
        ("changed: box.items[1] = 4", "box.items.append(number * (2 if twice else 1))"),
        ("called: add() as function()", "return function(*args, **kwargs)"),
    ],
    "test_setup": [("assigned: data = {'a': 1}", 'data = {"a": 1}')],
    "test_teardown": [
        ("changed: late[1] = 'y'", 'late.append("y")'),
        ("fixture: late = ['x']", "yield log"),
    ],
    "test_chain": [
        ("decided by: except ValueError as error:", "except ValueError as error:"),
        ("raised: ValueError: invalid literal", "return int(text)"),
        ("loop: text = 'two'", 'for text in ["1", "two"]:'),
    ],
    "test_group": [
        ("raised: ValueError: number=2", 'raise ValueError(f"number={number}")'),
        ("decided by: if number > 1: (it was true)", "if number > 1:"),
        ("loop: number = 2", "for number in range(3):"),
    ],
    "test_generator": [
        ("yielded: evens() = 4", "yield number * 2"),
        ("argument: count = 3", "got = [number for number in evens(3)]"),
    ],
    "test_closure": [
        ("changed: count = 4", "count += 2"),
        ("changed: count = 2", "count += 2"),
        ("assigned: count = 0", "count = 0"),
    ],
    "test_two_calls": [
        ("argument: number = 1", "assert plus(1) == plus(2)"),
        ("argument: number = 2", "assert plus(1) == plus(2)"),
    ],
    "test_parameter": [
        ("assigned: more = 4", "more = number + 1"),
        ("parameter: number = 3", '@pytest.mark.parametrize("number", [3])'),
    ],
    "test_equal": [
        ("changed: self.number = 5", "self.number += 1"),
        ("changed: self.number = 4", "self.number = 4"),
    ],
}


def explanations(pytester: pytest.Pytester, folder: str = "test-traces") -> dict[str, str]:
    """The kept explanations by the name of their test."""
    found = {}
    for path in pytester.path.glob(f"{folder}/*/failure.md"):
        text = path.read_text(encoding="utf-8")
        named = re.search(r"^# .*::(\w+)", text)
        assert named is not None
        found[named[1]] = text
    return found


def test_every_kind_of_failure_leads_to_where_its_values_came_from(
    pytester: pytest.Pytester,
) -> None:
    path = pytester.makepyfile(test_kinds=KINDS)
    lines = path.read_text().splitlines()
    run(pytester, "--record-trace").assert_outcomes(failed=9, errors=2, passed=1)
    found = explanations(pytester)
    assert set(EXPECTED) <= set(found)
    for test, expected in EXPECTED.items():
        text = found[test]
        assert len(text.splitlines()) <= MOST_LINES
        for said, source in expected:
            places = [
                f"[test_kinds.py:{n} " for n, at in enumerate(lines, 1) if at.strip() == source
            ]
            places += [place.strip() + "]" for place in places]
            assert any(
                said in line and any(place in line for place in places)
                for line in text.splitlines()
            ), f"{said!r} at {source!r} is not in\n{text}"
    assert "failed` in setup" in found["test_setup"]
    assert "failed` in teardown" in found["test_teardown"]
    assert "DID NOT RAISE" in found["test_did_not_raise"]


@pytest.mark.parametrize(
    ("level", "said", "not_said"),
    [
        ("calls", ["the level was `calls`", "total() -> 15"], ["assigned:", "changed:"]),
        (
            "lines",
            ["the level was `lines`", "assigned: box  [", "total() -> 15", "inner() -> Box("],
            ["changed:"],
        ),
    ],
)
def test_a_lower_level_says_what_it_does_not_know(
    pytester: pytest.Pytester, level: str, said: list[str], not_said: list[str]
) -> None:
    pytester.makepyfile(test_kinds=KINDS)
    run(pytester, "--record-trace", f"--record-level={level}")
    found = explanations(pytester)
    assert len(found) == 11
    text = found["test_property"]
    for part in said:
        assert part in text
    for part in not_said:
        assert part not in text
    assert "test_kinds.py" in found["test_chain"]


HOSTILE = (
    "`` ``` ````` </script><!-- [x](javascript:alert(1)) <img src=x> \\x1b[31m \\u2028 \\u202e \\r"
    "\\n# heading\\n```\\n<b>out</b>\\n~~~"
)


def test_nothing_that_was_recorded_is_markup(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import logging
        import pytest
        EVIL = "{HOSTILE}"
        class Weird(Exception):
            pass
        class Holder:
            def __init__(self, password, note):
                self.password = password
                self.note = note
        @pytest.mark.parametrize("evil", [EVIL])
        def test_evil(evil):
            print(evil)
            holder = Holder("hunter" + "2secret", evil)
            both = {{evil: holder}}
            try:
                raise Weird(evil)
            except Weird:
                pass
            logging.getLogger(evil).warning(evil)
            assert holder.note + evil == both, evil
        """
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (path,) = pytester.path.glob("test-traces/*/failure.md")
    text = path.read_bytes().decode("utf-8")
    assert "hunter2secret" not in text
    assert all(char == "\n" or unicodedata.category(char)[0] != "C" for char in text)
    outside = outside_of_code(text)
    for mark in ("<", "javascript", "heading", "[x]", "~~~"):
        assert mark not in outside, outside


def outside_of_code(text: str) -> str:
    """What CommonMark would read as markup: all but fences and code spans."""
    kept = []
    fence = None
    for line in text.split("\n"):
        opened = re.match(r" {0,3}(`{3,})", line)
        if fence is None and opened is not None and "`" not in line[len(opened[0]) :]:
            fence = opened[1]
        elif fence is not None:
            if re.fullmatch(rf" {{0,3}}`{{{len(fence)},}}\s*", line):
                fence = None
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line))
    assert fence is None
    return "\n".join(kept)


def test_a_trace_of_the_whole_run_explains_the_test_that_is_asked_for(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    pytester.makepyfile(
        test_run="""
        def test_one():
            first = 1
            assert first == 2
        def test_two():
            second = [1]
            second.append(2)
            assert second == [1]
        def test_three():
            pass
        """
    )
    run(pytester, "--record-trace", "--record-scope=session")
    (trace,) = traces(pytester)
    written = (trace.parent / "failure.md").read_text()
    assert "assigned: first = 1" in written
    assert "`test_run.py::test_two`" in written
    assert main(["explain", str(trace), "--test", "test_run.py::test_two"]) == 0
    assert "changed: second[1] = 2" in capsys.readouterr().out
    assert main(["why", str(trace), "second", "--test", "test_run.py::test_two"]) == 0
    assert "second.append(2)" in capsys.readouterr().out
    assert main(["explain", str(trace), "--test", "test_run.py::test_three"]) == 2
    assert "ERR_QUERY" in capsys.readouterr().err


SIMPLE = """
def test_a():
    x = 1
    assert x == 2
"""


@pytest.mark.parametrize("action", ["warn", "fail"])
def test_an_explanation_that_cannot_be_written_follows_the_policy(
    pytester: pytest.Pytester, action: str
) -> None:
    pytester.makepyfile(test_it=SIMPLE)
    blocked = (
        pytester.path / "test-traces" / folder_name("test_it.py::test_a", 1) / "failure.md"
    )
    (blocked / "full").mkdir(parents=True)
    result = run(pytester, "--record-trace", f"--record-errors=environment={action}")
    result.assert_outcomes(failed=1, errors=1 if action == "fail" else 0)
    result.stdout.fnmatch_lines("*cannot write the explanation*")
    (entry,) = index(pytester)
    with pytest_recorder.open_trace(pytester.path / "test-traces" / entry["trace"]) as trace:
        assert trace.status == "complete"


def test_failure_md_lies_beside_what_failed_or_was_cut_off_and_goes_with_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="""
        import os
        def test_good():
            pass
        def test_bad():
            x = 1
            assert x == 2
        def test_dies():
            y = 1
            os._exit(3)
        """
    )
    run(pytester, "--record-trace", "--record-keep=all")
    assert main(["recover", str(pytester.path / "test-traces")]) == 0
    found = explanations(pytester)
    assert sorted(found) == ["test_bad", "test_dies"]
    assert found["test_dies"].startswith("# Last moments of ")
    assert "os._exit(3)" in found["test_dies"]
    assert "The trace is partial" in found["test_dies"]
    # What a run did not live to tell of stays; what this one told of goes with the next.
    pytester.makepyfile(test_it=SIMPLE)
    run(pytester, "--record-trace", "--record-dir=other", "--record-html=off")
    assert sorted(path.name for path in pytester.path.glob("other/*/*")) == [
        "failure.md",
        "trace.pyrec",
    ]
    pytester.makepyfile(test_it="def test_good(): pass")
    run(pytester, "--record-trace", "--record-dir=other")
    assert not list(pytester.path.glob("other/*/*"))


PROGRAM = """
class Basket:
    def __init__(self):
        self.prices = []

    def put(self, price, count=2):
        for _ in range(count):
            self.prices.append(price)

    def total(self):
        return sum(self.prices)

def test_basket():
    basket = Basket()
    basket.put(5)
    basket.put(1, 1)
    total = basket.total()
    assert total == 6
"""


@pytest.fixture
def trace(pytester: pytest.Pytester) -> Path:
    pytester.makepyfile(test_it=PROGRAM)
    run(pytester, "--record-trace")
    return traces(pytester)[0]


def asked(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    assert main([str(arg) for arg in args]) == 0
    return capsys.readouterr().out


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_questions_are_answered(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, "explain", trace)
    assert text == (trace.parent / "failure.md").read_text()
    assert re.search(r"changed: self.prices\[2\] = 1 \(and earlier\), object #\d+  \[", text)
    assert asked(capsys, "explain", trace.parents[1]) == text
    (whole,) = objects(asked(capsys, "explain", trace, "--json"))
    assert whole["exception"]["type"] == "AssertionError"
    assert [origin["what"] for origin in whole["origins"]] == ["total"]

    why = asked(capsys, "why", trace, "total").splitlines()
    assert why[0] == "total = 11  [test_it.py:17 test_basket]"
    assert why[1].startswith("  assigned: total = 11  [test_it.py:16 test_basket]")
    assert "returned: total() -> 11" in why[2]
    assert asked(capsys, "why", trace, "count@test_it.py:6").startswith("count = 1  [")
    assert asked(capsys, "why", trace, "basket.prices[0]@16").startswith("basket.prices[0] = 5")
    (answer,) = objects(asked(capsys, "why", trace, "total@17", "--json"))
    assert answer["value"] == {"type": "int", "value": 11}
    assert answer["origins"][0]["line"] == 16
    assert answer["origins"][0]["below"][0]["how"] == "returned"

    history = objects(asked(capsys, "values", trace, "basket.prices", "--json"))
    assert [len(change["new"]["items"]) for change in history] == [0, 2, 3]
    assert [change["line"] for change in history] == [13, 14, 15]
    assert history[1]["by"]["line"] == 7
    assert (history[1]["through"], history[1]["is_doubtful"]) == ("self.prices", False)
    number = history[1]["object"]
    assert number == history[1]["new"]["id"]
    assert f" through self.prices, object #{number}" in asked(
        capsys, "values", trace, "basket.prices"
    )
    lines = asked(capsys, "values", trace, "self.prices", "--at", "test_it.py:7").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["argument: self.prices = [5, 5]"]
    assert len(asked(capsys, "values", trace, "basket", "--at", "failure").splitlines()) == 3

    called = objects(asked(capsys, "calls", trace, "put", "--json"))
    assert [call["args"]["count"]["value"] for call in called] == [2, 1]
    assert [call["caller"]["line"] for call in called] == [14, 15]
    assert [call["end"] for call in called] == ["return", "return"]
    assert all(call["duration_us"] >= 0 for call in called)
    assert "Basket.total(self=" in asked(capsys, "calls", trace, "Basket.t*")
    assert "-> 11" in asked(capsys, "calls", trace, "total")

    told = asked(capsys, "object", trace, f"#{number}")
    assert told == asked(capsys, "object", trace, "basket.prices@16")
    lines = told.splitlines()
    assert lines[0].startswith(f"list #{number}: first met at event ")
    assert "appended [2] = 1 through self.prices  [test_it.py:7 Basket.put]" in told
    assert "  basket.prices in test_basket (test_it.py)" in told
    life, *rest = objects(asked(capsys, "object", trace, number, "--json"))
    assert (life["kind"], life["object"], life["type"]) == ("life", number, "list")
    changes = [answer for answer in rest if answer["kind"] == "object"]
    assert [change["how"] for change in changes] == ["met", "changed", "changed", "changed"]
    assert [change["by"]["line"] for change in changes[1:]] == [7, 7, 7]
    assert {answer["path"] for answer in rest if answer["kind"] == "holder"} >= {
        "self.prices",
        "basket.prices",
    }

    there = objects(asked(capsys, "at", trace, "test_it.py:7", "--json"))
    assert [len(at["locals"]["self"]["attributes"]["prices"]["items"]) for at in there] == [
        0,
        1,
        2,
    ]
    assert len(asked(capsys, "at", trace, "test_it.py:7").splitlines()) == 3


def test_of_format_1_a_reader_is_told_what_is_not_known_of_an_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    golden = Path(__file__).parents[1] / "golden" / "format-1-mutation.pyrec"
    lines = asked(capsys, "object", golden, "#2").splitlines()
    assert "  table in changes_dict (mutation.py)" in lines[4]
    assert lines[-1].startswith("a trace of format 1 tells of no changes")


@pytest.mark.parametrize(
    "args",
    [
        ("why", "nothing"),
        ("why", "a b"),
        ("why", "total.part"),
        ("why", "total@99"),
        ("why", "total@other.py:1"),
        ("why", "total@x"),
        ("values", "total", "--at", "999999"),
        ("values", "f()"),
        ("object", "#99999"),
        ("object", "99999999999999999999"),
        ("object", "total"),
        ("object", "nothing"),
        ("at", "12"),
        ("at", "test_it.py"),
    ],
)
def test_a_question_without_an_answer_is_a_usage_error(
    trace: Path, args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([args[0], str(trace), *args[1:]]) == 2
    assert capsys.readouterr().err.startswith("[ERR_QUERY]")


def test_a_cut_trace_is_explained_as_far_as_it_goes(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = trace.read_bytes()
    for size in range(len(data) - 1, 0, -97):
        cut = tmp_path / "cut.pyrec"
        cut.write_bytes(data[:size])
        status = main(["explain", str(cut)])
        out, err = capsys.readouterr()
        assert status == 20
        assert "ERR_TRACE" in err
        assert not out or "The trace is partial" in out


def test_the_same_trace_gives_the_same_text_wherever_it_lies(
    trace: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(trace, tmp_path / "elsewhere.pyrec")
    texts = []
    for path in (trace, trace, copy):
        with pytest_recorder.open_trace(path) as opened:
            texts.append((explain(opened), json.dumps(explanation_object(opened))))
    assert texts[0] == texts[1] == texts[2]
    assert write_failure(Path(copy)) == tmp_path / "failure.md"
    assert (tmp_path / "failure.md").read_text() == texts[0][0]


def test_a_large_trace_is_searched_from_the_failure_back_and_no_further_than_is_allowed(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="""
        class Sum:
            def __init__(self):
                self.total = 0
                self.early = [1]
            def add(self, number):
                self.total += number
        def work(sums, count):
            for number in range(count):
                sums.add(number)
        def test_a():
            sums = Sum()
            work(sums, 20000)
            early = sums.early
            assert sums.total == early
        """
    )
    run(pytester, "--record-trace")
    (path,) = traces(pytester)
    read = []
    with pytest_recorder.open_trace(path) as opened:
        blocks = opened.block_ranges()
        assert len(blocks) > 3
        whole = opened.read_block
        opened.read_block = lambda at: read.append(at) or whole(at)  # type: ignore[method-assign,func-returns-value]
        text = explain(opened, most_events=len(blocks[-1]) + 1)
    assert len(set(read)) <= 4
    assert "The trace is large" in text
    assert "changed: self.total = 199990000" in text
    assert "loop: number = 19999" in text


def test_a_required_trace_is_there_where_only_its_explanation_could_not_be_written(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=SIMPLE)
    blocked = (
        pytester.path / "test-traces" / folder_name("test_it.py::test_a", 1) / "failure.md"
    )
    (blocked / "full").mkdir(parents=True)
    result = run(pytester, "--record-trace", "--record-require-trace")
    result.assert_outcomes(failed=1)
    assert len(traces(pytester)) == 1
    assert "ERR_TRACE_MISSING" not in str(result.stdout)
    assert "ERR_IO" in str(result.stdout)


@pytest.mark.parametrize("options", [("--max-warnings", "0"), ("-W", "error")])
def test_what_python_warned_of_when_it_compiled_a_source_is_not_said_again(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    if options[0] == "--max-warnings" and pytest.version_tuple < (9, 1):
        pytest.skip("pytest has --max-warnings since 9.1")
    pytester.makepyfile(
        helper='PATTERN = "\\d"\n\n\ndef price():\n    found = 1\n    return found + 1\n',
        test_it="import helper\n\n\ndef test_bad():\n    got = helper.price()\n    assert got == 3\n",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        py_compile.compile(str(pytester.path / "helper.py"), doraise=True)
    result = run(pytester, "--record-trace", "--record-html=on", *options)
    result.assert_outcomes(failed=1, warnings=0)
    assert "Warning" not in result.stdout.str() + result.stderr.str()
    (trace,) = traces(pytester)
    assert (
        "assigned: found = 1  [helper.py:5 price]" in trace.with_name("failure.md").read_text()
    )
