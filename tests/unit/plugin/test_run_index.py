"""The index of a run, without a run."""

from pathlib import Path

from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.plugin.explainer import Explainer
from pytest_recorder.plugin.quota import Quota
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.tracefile.index import Entry


def entry(test: str, attempt: int) -> Entry:
    trace = f"{test}-{attempt}/trace.pyrec"
    return Entry(test=test, attempt=attempt, outcome="failed", trace=trace, status="complete")


def test_the_entries_of_a_test_are_found_without_those_of_others(tmp_path: Path) -> None:
    journal = Journal()
    run_index = RunIndex(tmp_path, journal, Explainer(journal), owns_folder=True)
    run_index.prepare()
    taken = [entry("a", 1), entry("b", 1), entry("a", 2), entry("a", 1)]
    for each in taken:
        run_index.take(each)
    assert run_index.entries_of("a") == [taken[0], taken[2]]
    assert run_index.entries_of("b") == [taken[1]]
    assert run_index.entries_of("c") == []
    run_index.limit(Quota(kept=1, total=None))
    by_test = [*run_index.entries_of("a"), *run_index.entries_of("b")]
    assert sorted(e.status for e in by_test) == ["complete", "left_out", "left_out"]
    assert sorted(by_test, key=str) == sorted(run_index.entries, key=str)
