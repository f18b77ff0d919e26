"""Marks the phases of a test and its fixtures in the trace.

By hook wrappers of the older style: they are given the outcome, where an exception that passes
through a newer one gets a step of its generator into its traceback.
"""

from collections.abc import Generator
from typing import Any

import pluggy
import pytest

from pytest_recorder.diagnostics.guard import passing_through
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.outcome import outcome_of
from pytest_recorder.plugin.recorded_run import RecordedRun

Wrapper = Generator[None, pluggy.Result[Any], None]


def phase_span(run: RecordedRun, phase: str, item: pytest.Item) -> Wrapper:
    """Mark what a hook of a phase wraps."""
    name = item.nodeid if run.has_one_trace else ""
    return span(run, phase, name, item)


def span(run: RecordedRun, phase: str, name: str, item: pytest.Item | None = None) -> Wrapper:
    """Mark what a hook wraps; `item` is None for a fixture."""
    if run.attempt is None:
        yield
        return
    run.guard("span", _edge, run, phase, "begin", name, "")
    result = yield
    error = result.exception
    raised = passing_through(lambda: run.guard("span", _end, run, phase, name, item, error))
    if raised is not None:
        # Ctrl-C or an alarm: what is raised here is a warning of pluggy's, too.
        result.force_exception(raised)


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
