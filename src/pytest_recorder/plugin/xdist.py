"""Speaks with pytest-xdist: plain data between the controller and its workers."""

from typing import Any

import pytest

from pytest_recorder.errors import ErrorCode, TargetError, bug
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import SHARED as _KEY
from pytest_recorder.tracefile.index import Entry

_COUNTS_KEY = "record_trace_counts"
FIRST_WORKER = "gw0"


def worker_of(config: pytest.Config) -> str | None:
    """Give the id of the worker that this process is, None where it is none."""
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    return workerinput.get("workerid", "worker") if workerinput is not None else None


def is_controller(config: pytest.Config) -> bool:
    """Tell whether this process only hands tests to workers."""
    return config.pluginmanager.hasplugin("dsession")


def shared_input(config: pytest.Config) -> dict[str, Any] | None:
    """Read in a worker what the controller said."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    return workerinput.get(_KEY)


def give_output(config: pytest.Config, output: dict[str, Any]) -> None:
    """Say at the end of a worker what it recorded."""
    workeroutput: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput[_KEY] = output


def output_of(node: Any) -> dict[str, Any] | None:
    """Read in the controller what a worker said; one that was killed said nothing."""
    output: dict[str, Any] = getattr(node, "workeroutput", None) or {}
    return output.get(_KEY)


def pid_of(node: Any) -> int | None:
    """Give the process id of a worker; xdist asks for it before it starts one."""
    found = getattr(getattr(node.gateway, "_cache_rinfo", None), "pid", None)
    return found if isinstance(found, int) else None


def worker_that_sent(report: Any) -> str | None:
    """Give the id of the worker that a report came from, None where it came from none."""
    node = getattr(report, "node", None)
    found = getattr(getattr(node, "gateway", None), "id", None)
    return found if isinstance(found, str) else None


def attach_entry(report: pytest.TestReport, entry: Entry) -> None:
    """Let an entry travel with a report, as JSON-like data."""
    setattr(report, _KEY, entry.plain())


def attach_counts(report: pytest.TestReport, counts: dict[str, Any]) -> None:
    """Let the counts of a worker travel with a report: one that dies later gives no output."""
    setattr(report, _COUNTS_KEY, counts)


def counts_of(report: pytest.TestReport) -> dict[str, Any] | None:
    """Read the counts that travel with a report."""
    return getattr(report, _COUNTS_KEY, None)


def entry_of(report: pytest.TestReport) -> Entry | None:
    """Read the entry that travels with a report."""
    raw = getattr(report, _KEY, None)
    try:
        return Entry.checked(raw) if raw is not None else None
    except TargetError as error:
        # It comes from us: no fault of the program.
        raise bug(ErrorCode.UNKNOWN, "a report has an entry that is none") from error
