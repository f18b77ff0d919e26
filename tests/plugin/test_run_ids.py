"""The id of a run is one: in the log, in each trace, in the index and in what a collector gets."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.tracefile.merge import merge
from pytest_recorder.tracefile.reader import open_trace
from tests.collector import Collector
from tests.plugin.support import run, traces

TESTS = """
import pytest

pytest_plugins = ["pytester"]

@pytest.mark.parametrize("number", range(4))
def test_fails(number):
    assert number < 0

def test_runs_another(pytester):
    pytester.makepyfile("def test_inner(): assert 0")
    result = pytester.runpytest_inprocess("-p", "record_trace", "--record-trace")
    result.assert_outcomes(failed=1)
"""


def in_log(folder: Path) -> set[str]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return {json.loads(line)["run_id"] for line in lines}


def in_traces(paths: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        with open_trace(path) as trace:
            found.add(trace.manifest.run_id)
    return found


def in_index(folder: Path) -> set[str]:
    data: dict[str, Any] = json.loads((folder / "index.json").read_text())
    return {entry.get("run_id") or data["run_id"] for entry in data["tests"]} | {data["run_id"]}


@pytest.mark.parametrize("args", [(), ("-n", "2"), ("--record-scope=session",)])
def test_log_traces_index_and_collector_have_one_id(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    pytester.makepyfile(TESTS)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        run(
            pytester,
            *("--record-trace", "--record-keep=all", "--record-metrics-otel"),
            *("--record-log-level=debug", "--record-log-file=log.jsonl", *args),
        )
    found = in_traces(traces(pytester))
    assert len(found) == 1
    assert in_log(pytester.path) == found
    assert in_index(pytester.path / "test-traces") == found
    resource = collector.resource()
    assert {resource["pytest_recorder.run_id"], resource["service.instance.id"]} == found


def test_an_instance_that_the_variables_name_stays(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=shard-3")
        run(pytester, "--record-trace", "--record-metrics-otel")
    resource = collector.resource()
    assert resource["service.instance.id"] == "shard-3"
    assert {resource["pytest_recorder.run_id"]} == in_traces(traces(pytester))


def test_runs_that_share_a_folder_and_merges_keep_their_ids(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one="def test_a(): assert 0", test_two="def test_b(): assert 0")
    run(pytester, "--record-trace", "--record-dir=first", "test_one.py")
    run(pytester, "--record-trace", "--record-dir=second", "test_two.py")
    folders = [pytester.path / "first", pytester.path / "second"]
    ids = [in_traces(folder.rglob("*.pyrec")) for folder in folders]
    assert [in_index(folder) for folder in folders] == ids
    assert len(ids[0] | ids[1]) == 2
    merged = pytester.path / "merged"
    merge(folders, merged)
    data = json.loads((merged / "index.json").read_text())
    for entry in data["tests"]:
        with open_trace(merged / entry["trace"]) as trace:
            assert trace.manifest.run_id == (entry.get("run_id") or data["run_id"])
