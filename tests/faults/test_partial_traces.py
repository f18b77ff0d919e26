"""A trace that is not whole says so everywhere: why, how much it holds, what was lost."""

import functools
import json
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.cli import main
from pytest_recorder.tracefile.recovery import recover
from tests.faults import table

FAILS = """
def test_a():
    total = work()
    assert total == 0
"""
ARGS = ["--record-trace", "--junitxml=out.xml", "--show-capture=no", "-vv"]


@functools.cache
def folder() -> Path:
    """Run what ends early or dies; the folder lives as long as the cache."""
    temporary = tempfile.TemporaryDirectory()
    folder.temporary = temporary  # type: ignore[attr-defined]
    return Path(temporary.name)


@functools.cache
def runs() -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a failing test whose recording ends early: kept, and removed."""
    job = {"inject": "line:2000", "tests": FAILS}
    kept = {**job, "module": "test_kept", "args": ARGS}
    removed = {**job, "module": "test_removed", "args": [*ARGS, "--no-record-keep-partial"]}
    first, second = table.ask("pytest", [kept, removed], folder())
    return first, second


def facts() -> tuple[int, int]:
    trace = runs()[0]["traces"]["a"]
    return trace["events"], trace["dropped"]


def joined(text: str) -> str:
    return " ".join(text.split())


def test_the_section_and_the_summary_of_a_partial_trace_say_all() -> None:
    (run, _), (events, dropped) = runs(), facts()
    assert events > 3000
    held = f"{events:,} events, {dropped:,} dropped"
    why = "ERR_TRACE_INCOMPLETE: injected failure at stage 'line'"
    assert f"partial: {why} ({held})" in run["output"]
    assert f"[partial: ERR_TRACE_INCOMPLETE, {held}] -> test-traces" in run["output"]
    assert "open it: pytest-recorder show --at failure" in run["output"]


def test_the_properties_of_a_partial_trace_stand_in_junit() -> None:
    events, dropped = facts()
    runs()
    tree = ET.parse(folder() / "pytest-0" / "out.xml")
    found = {each.get("name"): each.get("value") for each in tree.iter("property")}
    assert found["record_trace_status"] == "partial"
    assert found["record_trace_reason"] == "ERR_TRACE_INCOMPLETE"
    assert found["record_trace_events"] == str(events)
    assert found["record_trace_dropped"] == str(dropped)
    assert str(found["record_trace"]).endswith("trace.pyrec")
    failure = tree.find(".//failure")
    assert failure is not None
    assert "partial: ERR_TRACE_INCOMPLETE" in str(failure.text)


def test_show_and_info_say_all_of_a_partial_trace(capsys: pytest.CaptureFixture[str]) -> None:
    events, dropped = facts()
    traces = str(folder() / "pytest-0" / "test-traces")
    assert main(["show", traces]) == 0
    shown = capsys.readouterr().out
    assert f"| partial, {events:,} events |" in shown
    assert f"({events:,} events, {dropped:,} dropped)" in shown
    assert "partial: ERR_TRACE_INCOMPLETE: injected failure at stage 'line'" in shown
    (trace,) = Path(traces).rglob("*.pyrec")
    assert main(["info", "--json", str(trace)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["reason"]) == ("partial", "ERR_TRACE_INCOMPLETE")
    assert (told["events"], told["dropped"]) == (events, dropped)
    assert main(["info", str(trace)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert (lines["status"], lines["reason"]) == ("partial", "ERR_TRACE_INCOMPLETE")
    assert (lines["events"], lines["dropped"]) == (str(events), str(dropped))


def test_a_removed_partial_trace_is_said_to_be_removed_and_how_to_keep_it() -> None:
    _, run = runs()
    assert run["traces"]["a"]["disk"] is None
    assert run["traces"]["a"]["status"] == "partial"
    how = "keep it with --record-keep-partial"
    assert f"trace: partial trace removed ({how})" in run["output"]
    assert f"]: partial trace removed ({how})" in run["output"]
    assert "open it" not in run["output"]
    properties = run["tests"]["a"]["properties"]
    assert properties["record_trace_removed"] == how
    assert properties["record_trace_status"] == "partial"
    assert "record_trace" not in properties
    assert not list((folder() / "pytest-1").rglob("*.pyrec"))


DEATHS = {
    "timeout": (
        """
@pytest.mark.timeout(0.2, method='thread')
def test_a():
    work()
    import threading
    threading.Event().wait()
""",
        1,
    ),
    "exit": ("def test_a():\n    work()\n    import os\n    os._exit(3)", 3),
}


@functools.cache
def deaths() -> dict[str, tuple[int, Path]]:
    """Let tests end their process."""
    where = folder() / "deaths"
    where.mkdir()
    options = ["--record-trace", "-p", "timeout"]
    jobs = [
        {"inject": "", "module": f"test_{name}", "tests": tests, "args": options}
        for name, (tests, _) in DEATHS.items()
    ]
    found = table.ask("forked", jobs, where)
    folders = [where / f"forked-{number}" / "test-traces" for number in range(len(jobs))]
    return {
        name: (result["status"], traces)
        for name, result, traces in zip(DEATHS, found, folders, strict=True)
    }


@pytest.mark.parametrize("name", DEATHS)
def test_a_test_that_ends_its_process_leaves_a_partial_trace_that_says_so(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, traces = deaths()[name]
    assert status == DEATHS[name][1]
    (entry,) = recover(traces).entries
    assert (entry.status, entry.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
    assert (entry.outcome, entry.dropped) == ("died", 0)
    assert main(["show", str(traces)]) == 0
    shown = capsys.readouterr().out
    assert "the process died" in shown
    assert f"({entry.events:,} events, 0 dropped)" in shown
    assert main(["ls", str(traces)]) == 0
    assert "partial" in capsys.readouterr().out


def test_a_fault_in_a_hook_of_ours_follows_the_policy(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_recorder.plugin import spans

        def outcome_of(*_):
            raise ZeroDivisionError("ours")

        spans.outcome_of = outcome_of
        """
    )
    pytester.makepyfile("def test_a(): pass")
    options = ("-p", "no:cacheprovider", "--record-trace")
    warned = pytester.runpytest_subprocess(*options)
    warned.assert_outcomes(passed=1)
    warned.stdout.fnmatch_lines(["RecorderWarning: *::test_a: [[]ERR_UNKNOWN[]]*ours*"])
    failed = pytester.runpytest_subprocess(*options, "--record-on-error=abort")
    failed.assert_outcomes(passed=1, errors=1)
