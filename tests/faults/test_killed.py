"""A process that is killed at any stage leaves no trace, or one that opens as partial and says why."""

import functools
import signal
import tempfile
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.diagnostics import inject
from pytest_recorder.tracefile.recovery import recover
from tests.faults import table

TESTS = """
def test_dies():
    assert work() == 404550

def test_never_runs():
    pass
"""
# Nothing is raised where events are suppressed; the log is not a stage of a recording.
STAGES = [stage for stage in inject.STAGES if stage not in ("suppress-events", "log-write")]
LATER = {"py_start": ":4", "line": ":9", "return": ":3", "panic": ":12", "write-eio": ":5"}
EMPTY = ("start", "spool-full", "target-args")
"""The stages before the first call was written."""


@functools.cache
def folders() -> dict[str, Path]:
    """Kill a run at each stage; give what it left."""
    temporary = tempfile.TemporaryDirectory()
    # Kept alive by this function, which the cache keeps.
    folders.temporary = temporary  # type: ignore[attr-defined]
    jobs = [
        {
            "inject": stage + LATER.get(stage, ""),
            "module": f"test_killed_{number}",
            "tests": TESTS,
            "args": ["--record-trace", "--record-keep=all"],
        }
        for number, stage in enumerate(STAGES)
    ]
    found = table.ask("killed", jobs, Path(temporary.name))
    assert [result["signal"] for result in found] == [signal.SIGKILL] * len(STAGES)
    return {
        stage: Path(temporary.name) / f"killed-{number}" / "test-traces"
        for number, stage in enumerate(STAGES)
    }


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_killed_process_leaves_opens_as_partial(stage: str) -> None:
    folder = folders()[stage]
    assert [name for name in files(folder) if name.endswith(".pyrec")] == []
    found = recover(folder)
    assert (found.errors, found.alive) == ([], [])
    (entry,) = found.entries
    assert entry.test.endswith("::test_dies")
    assert (entry.status, entry.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
    assert entry.outcome == "died"
    with pytest_recorder.open_trace(folder / str(entry.trace)) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert "the process died" in str(trace.message)
        calls = [e.function for e in trace.events() if e.kind == "call"]
        assert len(trace) == entry.events
    assert calls[:3] == ([] if stage in EMPTY else ["test_dies", "work", "add"])
    assert files(folder) == sorted([".gitignore", "index.json", str(entry.trace)])


def files(folder: Path) -> list[str]:
    """Give all that lies in a folder, and empty folders too."""
    found = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    ]
    return sorted(name for name in found if not name.endswith(".lock"))
