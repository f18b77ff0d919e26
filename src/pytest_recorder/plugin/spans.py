"""Marks the phases of a test and its fixtures in the trace."""

from collections.abc import Generator
from typing import Any

import pytest

from pytest_recorder.plugin.outcome import outcome_of
from pytest_recorder.plugin.recorded_run import RecordedRun


def phase_span(run: RecordedRun, phase: str, item: pytest.Item) -> Generator[None, Any, Any]:
    """Mark what a hook of a phase wraps."""
    name = item.nodeid if run.has_one_trace else ""
    return (yield from span(run, phase, name, item))


def span(
    run: RecordedRun, phase: str, name: str, item: pytest.Item | None = None
) -> Generator[None, Any, Any]:
    """Mark what a hook wraps; `item` is None for a fixture."""
    attempt = run.attempt
    if attempt is None:
        return (yield)
    run.guard("span", _edge, run, phase, "begin", name, "")
    try:
        result = yield
    except BaseException as error:
        run.guard("span", _end, run, phase, name, item, error)
        raise
    run.guard("span", _end, run, phase, name, item, None)
    return result


def _end(
    run: RecordedRun,
    phase: str,
    name: str,
    item: pytest.Item | None,
    error: BaseException | None,
) -> None:
    attempt = run.attempt
    reported = attempt.reported.get(phase) if attempt is not None else None
    # Guarded on its own: a foretelling that fails must not cost the edge.
    outcome = run.guard("outcome", outcome_of, item, phase, error, reported)
    _edge(run, phase, "end", name, outcome or ("passed" if error is None else "failed"))


def _edge(run: RecordedRun, phase: str, edge: str, name: str, outcome: str) -> None:
    if run.recorder is not None:
        run.recorder.span(phase, edge, name=name, outcome=outcome)
