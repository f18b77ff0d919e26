"""How many traces stay, which ones, and what is said of the others."""

import json
from pathlib import Path

import pytest

from pytest_recorder.plugin.quota import Quota, Removals, choose
from pytest_recorder.render.quantities import size_text
from pytest_recorder.tracefile.index import Entry
from tests.plugin.support import index, kept, run, traces

SUITE = """
import pytest

def check(number):
    padding = [str(n) for n in range(200)]
    assert number == 0

def test_same_1(): check(1)
def test_same_2(): check(2)
def test_same_3(): check(3)
def test_passes(): check(0)
def test_other(): raise KeyError("other")

@pytest.fixture
def broken(): raise OSError("no such thing")

def test_error(broken): pass
"""


def entry(test: str, attempt: int = 1, place: str | None = "a.py:1", **facts: object) -> Entry:
    defaults: dict[str, object] = {
        "outcome": "failed",
        "status": "complete",
        "trace": f"{test}-{attempt}/trace.pyrec",
        "exception": "AssertionError",
        "size_bytes": 10,
    }
    return Entry.checked(
        {"test": test, "attempt": attempt, "place": place, **defaults, **facts}
    )


def choice(
    entries: list[Entry], kept: int | None, total: int | None, page: int = 0, **attempts: int
) -> Removals:
    return choose(entries, Quota(kept, total), attempts, lambda e: e.size_bytes, lambda _: page)


def stay(
    entries: list[Entry], kept: int | None, total: int | None = None, **attempts: int
) -> list[str]:
    gone = choice(entries, kept, total, **attempts).left_out
    names = {f"{one.was.test}{one.was.attempt}" for one in gone}
    assert {one.entry.status for one in gone} <= {"left_out"}
    return [name for e in entries if (name := f"{e.test}{e.attempt}") not in names]


def test_the_first_trace_of_each_failure_goes_before_all_repeats() -> None:
    entries = [
        entry("a"),
        entry("b"),
        entry("c", place="a.py:2"),
        entry("d", exception="OSError"),
    ]
    assert stay(entries, 3) == ["a1", "c1", "d1"]
    assert stay(entries, 4) == ["a1", "b1", "c1", "d1"]


def test_the_last_attempt_goes_before_earlier_ones() -> None:
    entries = [entry("a"), entry("a", 2), entry("b"), entry("b", 2)]
    assert stay(entries, 1) == ["a2"]
    assert stay(entries, 2) == ["a2", "b2"]
    assert stay(entries, 3) == ["a1", "a2", "b2"]


def test_an_attempt_counts_as_early_where_only_a_later_one_is_known_to_have_been() -> None:
    assert stay([entry("a"), entry("b", place="a.py:2")], 1, a=2) == ["b1"]


def test_the_only_trace_of_a_failure_goes_before_a_repeat_of_another_one() -> None:
    entries = [entry("a"), entry("b"), entry("flaky", place="a.py:2")]
    assert stay(entries, 2, flaky=2) == ["a1", "flaky1"]


def test_what_did_not_fail_comes_last() -> None:
    entries = [entry("a", outcome="passed", place=None), entry("b"), entry("c")]
    assert stay(entries, 2) == ["b1", "c1"]


def test_processes_that_died_are_each_a_failure_of_their_own() -> None:
    died = {"outcome": "died", "place": None, "exception": None}
    assert stay([entry("a"), entry("b"), entry("c", **died), entry("d", **died)], 3) == [
        "a1",
        "c1",
        "d1",
    ]


def test_processes_that_died_at_one_line_are_one_failure_and_not_that_of_a_test() -> None:
    died = {"outcome": "died", "exception": None}
    marked = {"exception": None}
    entries = [entry("a", **died), entry("b", **died), entry("c", **marked), entry("d")]
    assert stay(entries, 3) == ["a1", "c1", "d1"]


def test_the_first_trace_stays_however_large_it_is() -> None:
    assert stay([entry("a", size_bytes=99), entry("b", size_bytes=1)], None, 50) == ["a1"]


def test_one_that_is_too_large_leaves_its_room_to_the_next_of_the_same_failure() -> None:
    entries = [
        entry("a", place="a.py:2"),
        entry("big", size_bytes=99),
        entry("small", size_bytes=20),
        entry("again", place="a.py:2", size_bytes=20),
    ]
    assert stay(entries, None, 35) == ["a1", "small1"]


def test_what_has_no_trace_takes_no_room() -> None:
    entries = [entry("a", trace=None, status="missing"), entry("b", place="a.py:2")]
    assert stay(entries, 1) == ["a1", "b1"]


def test_pages_go_before_any_trace_and_the_last_in_rank_goes_first() -> None:
    entries = [entry("x"), entry("repeat"), entry("y", place="a.py:2")]
    gone = {
        total: choice(entries, None, total, page=100)
        for total in (330, 329, 230, 229, 130, 129, 29)
    }
    assert {total: [e.test for e in found.without_page] for total, found in gone.items()} == {
        330: [],
        329: ["repeat"],
        230: ["repeat"],
        229: ["repeat", "y"],
        130: ["repeat", "y"],
        129: ["repeat", "y", "x"],
        29: ["y", "x"],
    }
    assert [len(found.left_out) for found in gone.values()] == [0, 0, 0, 0, 0, 0, 1]
    assert gone[29].left_out[0].size_bytes == 110
    assert choice(entries, 1, None, page=100).without_page == []


@pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_run_keeps_one_trace_of_each_failure_and_says_what_it_left_out(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(SUITE)
    result = run(pytester, "--record-trace", "--record-max-kept=3", *extra)
    names = {e["test"].partition("::")[2]: e for e in index(pytester)}
    assert len(names) == 5
    there = [name for name in names if names[name]["trace"]]
    assert {"test_other", "test_error"} < set(there)
    assert len(there) == len(traces(pytester)) == 3
    gone = [entry for entry in names.values() if entry["trace"] is None]
    assert {(e["status"], e["reason"]) for e in gone} == {("left_out", "max_kept")}
    assert all(e["size_bytes"] > 0 and e["exception"] == "AssertionError" for e in gone)
    result.stdout.re_match_lines(
        [
            r"kept 3 of 6 traces \(.*\) in test-traces$",
            r"left out 2 traces \(.* KiB\), .*: a larger --record-max-kept keeps more; .*$",
        ]
    )
    folders = [p.name for p in (pytester.path / "test-traces").iterdir() if p.is_dir()]
    assert len(folders) == 3  # nothing is left of the others


def test_what_stands_in_the_index_of_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    run(pytester, "--record-trace")
    facts = {
        e["test"].partition("::")[2]: tuple(e[k] for k in ("phase", "exception", "place"))
        for e in index(pytester)
    }
    assert facts == {
        "test_same_1": ("call", "AssertionError", "test_it.py:5"),
        "test_same_2": ("call", "AssertionError", "test_it.py:5"),
        "test_same_3": ("call", "AssertionError", "test_it.py:5"),
        "test_other": ("call", "KeyError", "test_it.py:11"),
        "test_error": ("setup", "OSError", "test_it.py:14"),
    }


def test_the_place_of_a_failure_in_a_library_is_the_line_that_called_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it="import json\ndef test_a():\n    json.loads('{')\n")
    run(pytester, "--record-trace")
    (found,) = index(pytester)
    assert (found["exception"], found["place"]) == ("JSONDecodeError", "test_it.py:3")


def test_secrets_are_masked_in_the_message_of_the_index(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_a():\n    api_key = 'sekrit' + '-value1984'\n    raise ValueError('with ' + api_key)\n"
    )
    run(pytester, "--record-trace")
    (found,) = index(pytester)
    assert found["message"] == "ValueError: with [redacted]"


@pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_last_attempt_of_a_rerun_test_stays(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile("def test_a():\n    assert 0\n")
    run(pytester, "--record-trace", "--record-max-kept=1", "--reruns=2", *extra)
    assert kept(pytester) == ["test_a#3"]


def test_a_bound_on_the_size_counts_what_lies_beside_the_traces(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import random
        import pytest
        @pytest.mark.parametrize("n", range(4))
        def test_a(n):
            noise = [random.randbytes(250) for _ in range(20)]
            for k in range(150):
                noise[k % 20] = random.randbytes(250)
            raise [KeyError, OSError, ValueError, TypeError][n](n)
        """
    )
    run(pytester, "--record-trace", "--record-max-total=128KiB")
    files = [
        p for p in (pytester.path / "test-traces").rglob("*") if p.parent.name != "test-traces"
    ]
    assert sum(p.stat().st_size for p in files) <= 128 * 1024
    assert 1 <= len(traces(pytester)) < 4
    assert {e["reason"] for e in index(pytester) if e["trace"] is None} == {"max_total"}


def beside(pytester: pytest.Pytester) -> list[Path]:
    return [
        path
        for path in (pytester.path / "test-traces").rglob("*")
        if path.is_file() and path.parent.name != "test-traces"
    ]


@pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_bound_on_the_size_costs_pages_and_no_trace_as_long_as_that_is_enough(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(SUITE)
    args = ("--record-trace", "--record-html=on", *extra)
    result = run(pytester, *args)
    sizes = [path.stat().st_size for path in beside(pytester)]
    assert len(sizes) == 15
    assert sum(sizes) > 400 * 1024
    result.stdout.fnmatch_lines(
        [f"kept 5 of 6 traces ({size_text(sum(sizes))}) in test-traces"]
    )
    result = run(pytester, *args, "--record-max-total=300KiB")
    assert len(traces(pytester)) == 5
    assert all(e["status"] == "complete" for e in index(pytester))
    pages = [p.parent.name for p in beside(pytester) if p.name == "trace.html"]
    assert len(pages) == 2
    assert all("test_same" in name or "test_other" in name for name in pages) or extra
    total = sum(path.stat().st_size for path in beside(pytester))
    assert total <= 300 * 1024
    result.stdout.fnmatch_lines(
        [
            f"kept 5 of 6 traces ({size_text(total)}) in test-traces",
            "left out 3 pages (* KiB) of traces that are kept: a larger --record-max-total *",
        ]
    )
    result.stdout.no_fnmatch_line("left out * trace*, the least informative*")


def test_without_a_bound_all_stays_and_nothing_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = run(pytester, "--record-trace")
    result.stdout.no_fnmatch_line("left out*")
    assert len(traces(pytester)) == 5


def test_a_run_in_a_folder_with_another_one_lists_what_it_left_out_once(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(SUITE)
    run(pytester, "--record-trace", "--record-max-kept=1")
    first = [e["test"] for e in index(pytester)]
    assert len(first) == len(set(first)) == 5
    run(pytester, "--record-trace", "--record-max-kept=2")
    assert [e["test"] for e in index(pytester)] == first
    assert len(traces(pytester)) == 2
    content = json.loads(Path(pytester.path, "test-traces", "index.json").read_text())
    assert content["schema"] == 1
