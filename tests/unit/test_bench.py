"""The parts of the benchmark that only compute; nothing is measured here."""

import argparse
import dataclasses
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "bench"))

import compare  # noqa: E402
import outcomes  # noqa: E402
import plugin_probes  # noqa: E402
import plugins  # noqa: E402
import pypi_suites  # noqa: E402
import real_suites  # noqa: E402
from comparison import figures, report, table, targets, tools, workloads  # noqa: E402
from comparison.figures import Cell, Sample, choose_scale, multiple  # noqa: E402
from comparison.suites import Kept, SuiteRun, summary_of  # noqa: E402

DOCUMENT = ROOT / "docs/performance.md"


def sample(run_s: float, *, around_s: float = 0.0, peak: int = 0, **facts: int) -> Sample:
    return Sample(around_s / 2, run_s, around_s / 2, peak, **facts)


def cell(*ratios: float, **facts: int) -> Cell:
    made = Cell(1.0)
    for ratio in ratios:
        made.add(sample(ratio, **facts), sample(1.0))
    return made


def test_a_ratio_is_the_median_of_ratios_within_rounds() -> None:
    made = Cell(1.0)
    # A slow machine in one round changes both of its numbers.
    for traced, plain in ((2.0, 1.0), (20.0, 10.0), (9.0, 3.0)):
        made.add(sample(traced), sample(plain))
    assert made.ratio == 2.0
    assert made.spread == (2.0, 3.0)


def test_starting_and_stopping_count_but_for_the_running_ratio() -> None:
    made = Cell(1.0)
    made.add(sample(2.0, around_s=4.0, peak=7), sample(1.0, peak=5))
    assert (made.ratio, made.ratio_running, made.memory_bytes) == (6.0, 2.0, 2)


def test_events_give_bytes_and_nanoseconds_for_one() -> None:
    made = Cell(1.0)
    made.add(sample(3.0, events=100, written_bytes=250), sample(1.0))
    assert made.bytes_per_event == 2.5
    assert made.ns_per_event == pytest.approx(2e7)


def test_a_cell_without_samples_has_no_figures() -> None:
    empty = Cell()
    assert (empty.ratio, empty.spread, empty.memory_bytes, empty.dropped) == (
        None,
        None,
        None,
        0,
    )


def test_a_multiple_compares_overheads() -> None:
    assert multiple(3.0, 1.5) == 4.0


@pytest.mark.parametrize("other", [None, 1.0, 0.9, 1.0 + figures.LEAST_OVERHEAD / 2])
def test_there_is_no_multiple_of_an_overhead_that_is_noise(other: float | None) -> None:
    assert multiple(3.0, other) is None


@pytest.mark.parametrize(
    "fixed, linear, expected",
    [(0.0, 0.001, 1.0), (0.0, 0.05, 0.1), (0.9, 0.005, 0.1), (5.0, 5.0, 0.01)],
)
def test_the_scale_is_the_largest_within_the_budget(
    fixed: float, linear: float, expected: float
) -> None:
    assert choose_scale(fixed, linear, 0.01, [1.0, 0.1, 0.01], 1.0) == expected


def test_a_table_has_as_many_cells_as_columns() -> None:
    expected = "| tool | ratio |\n|---|--:|\n| a\\|b | 2.00 |\n"
    assert table.render(["tool", "ratio"], [["a|b", "2.00"]]) == expected
    with pytest.raises(ValueError, match="1 cells in a row of 2 columns"):
        table.render(["tool", "ratio"], [["a"]])


@pytest.mark.parametrize(
    "value, text", [(None, "-"), (1.0, "1.00"), (12.34, "12.3"), (1751.2, "1,751")]
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert table.number(value) == text


@pytest.mark.parametrize(
    "total, running, text",
    [(None, None, "-"), (2.0, 1.95, "2.00"), (4.54, 2.03, "4.54 (2.03)"), (2.0, None, "2.00")],
)
def test_the_running_ratio_shows_only_where_it_differs(
    total: float | None, running: float | None, text: str
) -> None:
    assert table.ratio(total, running) == text


def test_a_reason_is_listed_once_for_each_tool() -> None:
    text = table.listed([("kolo", "gone"), ("kolo", "gone"), ("hunter", "gone")])
    assert text == "Not measured:\n\n- kolo: gone\n- hunter: gone\n"
    assert table.listed([]) == ""


def test_a_section_is_replaced_and_its_neighbours_are_not() -> None:
    document = "".join(
        f"<!-- bench: {name} -->\nold {name}\n<!-- bench: end of {name} -->\n" for name in "ab"
    )
    changed = table.replace(document, "a", "new")
    assert "new" in changed
    assert "old a" not in changed
    assert "old b" in changed
    assert table.replace(changed, "a", "new") == changed
    with pytest.raises(table.MarkError, match="no section 'c'"):
        table.replace(document, "c", "new")


@pytest.mark.parametrize("section", ["targets", *compare.GROUPS])
def test_the_document_has_a_place_for_every_section(section: str) -> None:
    assert "new text" in table.replace(
        DOCUMENT.read_text(encoding="utf-8"), section, "new text"
    )


def test_the_document_says_of_every_tool_what_it_records() -> None:
    rows = re.findall(r"^\| ([a-z][\w, ]*?)[ `(|]", DOCUMENT.read_text(), re.MULTILINE)
    for tool in tools.TOOLS.values():
        if tool is not tools.UNTRACED:
            assert any(tool.name.startswith(row.strip()) for row in rows), tool.name


@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_a_workload_gives_the_same_twice_and_grows(name: str) -> None:
    run = workloads.WORKLOADS[name]
    assert run(0.003) == run(0.003)
    assert run(0.01) != run(0.003)


def test_a_report_compares_with_the_limit_and_with_peers_of_the_same_level() -> None:
    names = ["strings"]
    keys = ("limit-lines", "ours-lines", "coverage-ctrace-lines", "coverage-sysmon-lines")
    chosen = [tools.TOOLS[key] for key in keys]
    ratios = dict(zip(keys, (1.2, 1.4, 2.6, 1.1), strict=True))
    cells = {(key, "strings"): cell(ratio) for key, ratio in ratios.items()}
    text = report.workloads(cells, chosen, names)
    assert "| ours | lines | 2.00 | 2.00 |" in text
    assert "| coverage ctrace | lines | 4.00 | 4.00 |" in text
    assert "| coverage sysmon | lines | 0.25 | not counted |" in text
    reached = targets.of_workloads(cells, chosen, names)
    assert {name: round(value, 6) for name, value in reached.items()} == {
        "limit": 2,
        "peers": 4,
    }


def test_a_report_gives_the_reason_of_what_failed_and_what_was_left_out() -> None:
    chosen = [tools.TOOLS["ours-values"], tools.TOOLS["kolo-values"]]
    failed = Cell(problem="cannot be installed: none")
    cells = {
        ("ours-values", "strings"): cell(3.0, dropped=1234),
        ("kolo-values", "strings"): failed,
    }
    text = report.workloads(cells, chosen, ["strings"])
    assert "| kolo | values | failed | - |" in text
    assert "- kolo values (strings): cannot be installed: none" in text
    assert "left out 1,234 events of strings" in text


def test_a_suite_shows_the_spread_what_was_written_and_other_outcomes() -> None:
    chosen = [tools.TOOLS["limit-lines"], tools.TOOLS["ours-lines"]]
    run = SuiteRun("boltons", "26.2.0", False, (), tools=chosen, outcome="519 passed")
    run.cells = {
        "limit-lines": cell(1.1),
        "ours-lines": cell(1.2, 1.3, 1.2, written_bytes=7_000_000),
    }
    run.notes = ["ours lines: 518 passed, 1 failed; untraced: 519 passed"]
    kept = Kept("boltons", "lines", events=1000, dropped=0, size_bytes=2500, wall_ratio=1.7)
    text = report.suite([run], [kept])
    assert "boltons 26.2.0, the suite (519 passed):" in text
    assert "| **ours** | lines | 1.20 | 1.20 to 1.30 | 2.00 | 0 | 7 |" in text
    assert "- ours lines: 518 passed, 1 failed; untraced: 519 passed" in text
    assert "| lines | 1,000 | 0 | 2,500 | 2.50 | 1.70 |" in text
    assert targets.of_suite([run], [kept]) == {"lines on boltons": 1.2}


def test_what_an_event_costs_is_the_time_of_runs_that_drop_by_the_events_of_one_that_keeps() -> (
    None
):
    run = SuiteRun("jinja2", "3.1.6", False, (), tools=[tools.TOOLS["ours-values"]])
    # A slow machine in one round changes both of its numbers.
    run.cells = {"ours-values": Cell(1.0)}
    for traced, plain in ((2.5, 1.0), (3.0, 1.0), (40.0, 10.0)):
        run.cells["ours-values"].add(sample(traced), sample(plain))
    kept = [
        Kept("jinja2", "lines", events=10, dropped=0, size_bytes=10, wall_ratio=9.0),
        Kept("jinja2", "values", events=10**7, dropped=0, size_bytes=10**7, wall_ratio=3.5),
    ]
    found = targets.of_suite([run], kept)
    assert found["event on jinja2"] == pytest.approx(200)
    assert (found["size on jinja2"], found["keeping on jinja2"]) == (1.0, 3.5)
    assert found.keys() <= targets.TARGETS.keys()


def test_the_cache_of_a_pytest_run_by_hand_is_no_source(tmp_path: Path) -> None:
    suite = pypi_suites.TIMED_ONLY["jinja2"]
    for name in ("jinja2-3.1.6", ".pytest_cache"):
        (tmp_path / "source" / name).mkdir(parents=True)
    found = pypi_suites.fetch(suite, sys.executable, tmp_path)
    assert found == tmp_path / "source/jinja2-3.1.6"


@pytest.mark.parametrize(
    "chosen, what",
    [
        ((), "the suite"),
        (("a.py", "b.py"), "2 of its files"),
        (("a.py::test_b",), "its `test_b`"),
    ],
)
def test_what_was_run_of_a_suite_is_said(chosen: tuple[str, ...], what: str) -> None:
    run = SuiteRun("greenlet", "3.5.6", False, chosen, tools=[], outcome="1 passed")
    assert f"greenlet 3.5.6, {what} (1 passed):" in report.suite([run], [])


def test_a_suite_that_was_not_measured_has_the_reason() -> None:
    run = SuiteRun("boltons", "", False, (), tools=[], problem="cannot fetch boltons")
    assert report.suite([run], []) == "Not measured:\n\n- boltons: cannot fetch boltons\n"


@pytest.mark.parametrize(
    "line, summary",
    [
        ("519 passed in 1.95s", "519 passed"),
        ("=== 1 failed, 518 passed, 3 skipped in 2.00s ===", "1 failed, 518 passed, 3 skipped"),
        ("64204 passed, 446 deselected in 370.15s (0:06:10)", "64204 passed, 446 deselected"),
        ("5 passed, 2 subtests passed in 1.02s", "5 passed, 2 subtests passed"),
        ("Segmentation fault", "no summary"),
    ],
)
def test_the_summary_of_pytest_is_read_without_its_time(line: str, summary: str) -> None:
    assert summary_of(f"....\n{line}\n") == summary


@pytest.mark.parametrize(
    "name, value, word",
    [
        ("cycle", 0.05, "aim"),
        ("cycle", 0.3, "must"),
        ("cycle", 0.6, "missed"),
        ("packing", 1.1, "aim"),
        ("packing", 1.4, "must"),
        ("packing", 1.6, "missed"),
        ("peers", 4.0, "aim"),
        ("peers", 2.0, "must"),
        ("peers", 0.5, "missed"),
    ],
)
def test_a_target_is_reached_from_its_side(name: str, value: float, word: str) -> None:
    assert targets.TARGETS[name].met(value) == word


def test_starting_does_not_hide_growth() -> None:
    chosen = tools.TOOLS["ours-values"]
    small, large = Cell(0.1), Cell(1.0)
    small.add(Sample(5.0, 2.0, 0.0, 0), sample(1.0))
    large.add(Sample(5.0, 30.0, 0.0, 0), sample(10.0))
    assert targets.of_growth([(chosen, "strings", small, large)])["growth"] == 1.5


def test_a_target_that_was_not_measured_stays_open() -> None:
    lines = targets.render({"cycle": 0.3}).splitlines()
    assert sum(line.endswith("| - | - |") for line in lines) == len(targets.TARGETS) - 1


@pytest.mark.parametrize(
    "group, narrowed, counts",
    [
        ("costs", {}, True),
        ("workloads", {"tool": ["ours-values"]}, False),
        ("growth", {"workload": ["strings"]}, False),
        ("boltons", {"tool": ["ours-values"]}, True),
        ("packaging", {"suite_files": 1}, False),
        ("costs", {"scale": 0.1}, False),
    ],
)
def test_what_is_narrowed_gives_no_figure_for_a_target(
    group: str, narrowed: dict[str, object], counts: bool
) -> None:
    everything = {"tool": None, "workload": None, "suite_files": None, "scale": 1.0}
    assert compare.is_whole(argparse.Namespace(**everything | narrowed), group) is counts


def test_the_figures_of_earlier_commands_in_a_work_folder_are_found_again(
    tmp_path: Path,
) -> None:
    assert compare.known_figures(tmp_path) == {}
    (tmp_path / compare.FIGURES).write_text('{"cycle": 0.3}')
    assert compare.known_figures(tmp_path) == {"cycle": 0.3}
    assert list(compare.SECTIONS) == list(compare.GROUPS)


def said(**phases: str) -> outcomes.Outcomes:
    return outcomes.Outcomes(
        {test: text.split() for test, text in phases.items()},
        dict.fromkeys(phases, "0"),
        {},
        process_s=0.0,
    )


def test_a_test_whose_plain_runs_agree_must_do_the_same_when_recorded() -> None:
    plain = said(a="call:passed", b="call:passed")
    found = outcomes.compare(plain, said(a="call:passed", b="call:failed"), plain)
    assert (found.tests, found.passed, found.flaky) == (2, 2, ())
    assert found.different == ("b: call:passed plain, call:failed recorded",)


def test_a_test_whose_plain_runs_differ_is_flaky_whatever_the_recorded_run_says() -> None:
    found = outcomes.compare(
        said(a="call:passed"), said(a="call:failed"), said(a="call:failed")
    )
    assert (found.flaky, found.different) == (("a",), ())


def test_a_test_that_only_one_run_has_is_different() -> None:
    found = outcomes.compare(said(a="call:passed"), said(), said(a="call:passed"))
    assert found.different == ("a: call:passed plain, not run recorded",)


def test_a_file_that_is_not_collected_is_no_test() -> None:
    plain = said(**{"test_x.py": outcomes.NOT_COLLECTED, "a": "call:passed"})
    found = outcomes.compare(plain, plain, plain)
    assert (found.tests, found.passed, found.not_collected) == (1, 1, ("test_x.py",))


@pytest.mark.parametrize("field", ["details", "warnings"])
def test_output_and_warnings_count_where_the_plain_runs_agree(field: str) -> None:
    plain = said(a="call:passed")
    other = dataclasses.replace(plain, **{field: {"a": "1"}})
    same = dataclasses.replace(plain, **{field: {"a": "0"}})
    (found,) = getattr(outcomes.compare(same, other, same), field)
    assert found.startswith("a")
    assert getattr(outcomes.compare(same, other, other), field) == ()
    assert getattr(outcomes.compare(other, other, other), field) == ()


def test_our_warnings_are_counted_and_are_no_difference_of_the_suite() -> None:
    plain = said(a="call:passed")
    ours = dataclasses.replace(plain, warnings={"RecorderWarning a": 2, "UserWarning a": 1})
    assert ours.our_warnings == 2
    assert outcomes.compare(plain, ours, plain).warnings == ("UserWarning a",)


def test_metrics_of_a_run_become_a_row(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.prom"
    metrics.write_text(
        "# TYPE pytest_recorder_traces_total counter\n"
        'pytest_recorder_traces_total{result="dropped",status="complete"} 7.0\n'
        'pytest_recorder_traces_total{result="kept",status="partial"} 1.0\n'
        "pytest_recorder_recorded_events_total 1500.0\n"
        'pytest_recorder_dropped_events_total{reason="limit"} 40.0\n'
        'pytest_recorder_dropped_events_total{reason="reentrant"} 2.0\n'
        'pytest_recorder_detaches_total{reason="internal",code="ERR_UNKNOWN"} 1.0\n'
    )
    result = real_suites.Result(pypi_suites.SUITES["attrs"], "1.0")
    real_suites.take_metrics(result, metrics, tmp_path / "no.log")
    assert (result.recordings, result.partial) == (8, 1)
    assert (result.events, result.dropped) == (1500, 40)
    assert result.problems == ["1 recordings are not complete"]
    assert 'dropped_events_total{reason="reentrant"}: 2' in result.notes
    assert 'detaches_total{reason="internal",code="ERR_UNKNOWN"}: 1' in result.notes


@pytest.mark.parametrize("compared", [True, False])
def test_what_was_found_of_a_suite_is_saved_and_becomes_rows(
    compared: bool, tmp_path: Path
) -> None:
    result = real_suites.Result(pypi_suites.SUITES["aiohttp"], "1.0", "Python 3")
    result.problems.append("bad")
    if compared:
        plain = said(a="call:passed")
        result.comparison = outcomes.compare(plain, plain, plain)
        result.ratio = 2.0
    real_suites.save(result, tmp_path / "aiohttp")
    found = [one for one in real_suites.saved(tmp_path) if one.suite is result.suite]
    assert real_suites.render(found) == real_suites.render([result])
    assert real_suites.outcome_cells(found[0])[0] == "aiohttp, in part"
    assert "- aiohttp: bad" in real_suites.render(found)


def test_a_suite_that_nobody_has_measured_says_so(tmp_path: Path) -> None:
    found = real_suites.saved(tmp_path)
    assert [one.suite for one in found] == list(pypi_suites.SUITES.values())
    assert "- trio: not measured" in real_suites.render(found)


def test_a_part_of_a_suite_names_files_that_must_exist(tmp_path: Path) -> None:
    suite = pypi_suites.Suite("x", "x", "tests", part=("test_a.py", "sub"))
    (tmp_path / "tests/sub").mkdir(parents=True)
    with pytest.raises(pypi_suites.SuiteError, match=r"x has no .*test_a\.py"):
        pypi_suites.test_targets(suite, tmp_path, None)
    for name in ("test_a.py", "sub/test_b.py", "sub/c_test.py", "sub/d.py", "test_e.py"):
        (tmp_path / "tests" / name).touch()
    whole = [str(Path("tests", name)) for name in ("test_a.py", "sub")]
    assert pypi_suites.test_targets(suite, tmp_path, None) == whole
    first = [str(Path("tests/sub", name)) for name in ("c_test.py", "test_b.py")]
    assert pypi_suites.test_targets(suite, tmp_path, 2) == first


OUTPUT = """\
============================= test session starts ==============================
record-trace: values per test, keep failed
plugins: record-trace-0.1.0, html-4.2.0
test_a.py::test_a FAILED                                                 [100%]
=================================== FAILURES ===================================
E   assert <object at 0x7f00deadbeef>
-------------------------------- Recorded trace --------------------------------
trace: test-traces/a/trace.pyrec (12 events)

last steps before the failure:
test_a.py:1  -> test_a()
----------------------------- Captured stdout call -----------------------------
said 17 words
------------------------------- recorded traces --------------------------------
kept 1 of 1 traces (3.2 KiB) in test-traces
test_a.py::test_a -> test-traces/a/trace.pyrec
=========================== short test summary info ============================
FAILED test_a.py::test_a
============================== 1 failed in 0.12s ===============================
"""


def test_lines_of_ours_and_what_varies_are_no_output_of_a_plugin() -> None:
    plain = OUTPUT.replace("0x7f00deadbeef", "0x1").replace("0.12s", "3.4s")
    plain = plain.replace("record-trace-0.1.0, ", "")
    without = re.sub(
        r"record-trace:.*\n|-+ (Recorded trace|recorded traces) -+\n(?:(?![-=]{4}).*\n)*",
        "",
        plain,
    )
    assert "pyrec" not in without
    section = OUTPUT.partition("Recorded trace")[2].partition("Captured stdout")[0]
    lines = frozenset(line.strip() for line in section.splitlines()[1:-1])
    shown = list(plugins.stable_lines(OUTPUT, lines))
    assert shown == list(plugins.stable_lines(without))
    assert "said 17 words" in shown


@pytest.mark.parametrize(
    "ours, last, word",
    [
        ("a b c", "a b c", "equal"),
        ("a c", "a b c", "differs"),
        ("a b x c", "a b c", "differs"),
        ("a x c", "a y c", "equal but for lines that vary"),
        ("a x", "a y c", "differs"),
    ],
)
def test_output_is_compared_with_what_both_plain_runs_printed(
    ours: str, last: str, word: str
) -> None:
    result = plugins.Result("x")
    runs = [plugins.Run(0, said(), "\n".join(text.split())) for text in ("a b c", ours, last)]
    plugins.take_output(result, plugins.Probe("x"), *runs)
    assert result.output == word
    assert bool(result.problems) == (word == "differs")


def test_lines_that_come_in_any_order_are_compared_without_it() -> None:
    result = plugins.Result("x")
    runs = [plugins.Run(0, said(), "\n".join(text)) for text in ("abc", "cab", "bca")]
    plugins.take_output(result, plugins.Probe("x", ordered=False), *runs)
    assert result.output == "equal"


def test_a_run_of_more_than_a_minute_prints_another_line_only_by_its_time() -> None:
    lines = ("1 passed in 57.22s", "1 passed in 62.89s (0:01:02)")
    assert len({*map(str, map(list, map(plugins.stable_lines, lines)))}) == 1


def test_a_list_of_plugins_that_names_only_us_is_no_output() -> None:
    assert list(plugins.stable_lines("plugins: record-trace-0.1.0\n")) == []


def test_a_plugin_that_does_not_run_without_us_fails_by_itself() -> None:
    log = "Traceback:\nE   ModuleNotFoundError: No module named 'distutils'\nshort summary\n"
    result = plugins.Result("x", fails_by_itself=plugins.last_line(log))
    assert plugins.verdict(result).startswith("fails by itself: `E   ModuleNotFoundError")
    assert plugins.cells(result)[2:6] == ["-"] * 4


@pytest.mark.parametrize("name", plugin_probes.PROBES)
def test_a_probe_is_a_project_in_python(name: str, tmp_path: Path) -> None:
    plugins.write_project(plugin_probes.PROBES[name], tmp_path)
    for path in tmp_path.rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


@pytest.mark.parametrize("name", [plugins.TOGETHER_NAME, plugins.TOGETHER_WORKERS])
def test_the_run_with_all_plugins_has_the_tests_of_each(name: str, tmp_path: Path) -> None:
    probe, names = plugins.probe_of(name)
    assert len(names) >= 20
    plugins.write_project(probe, tmp_path)
    for each in names:
        if plugin_probes.PROBES[each].test:
            assert (
                tmp_path / f"test_{plugins.module_of(plugin_probes.PROBES[each])}.py"
            ).is_file()
    assert (tmp_path / "pytest.ini").read_text().count("[pytest]") == 1


def first_column(document: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)


def test_the_documents_have_a_row_for_every_suite_and_plugin() -> None:
    suites = {row.removesuffix(", in part") for row in first_column("real-suites.md")}
    assert pypi_suites.SUITES.keys() <= suites
    assert len(pypi_suites.SUITES) >= 20
    tried = set(first_column("compatibility.md"))
    assert plugin_probes.PROBES.keys() <= tried
    assert {plugins.TOGETHER_NAME, plugins.TOGETHER_WORKERS} <= tried
