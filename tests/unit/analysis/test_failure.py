"""What the failure is: one definition, for a trace as for the last events of a recording."""

import pytest

from pytest_recorder.analysis.failure import CANCELLED, last_failure_point
from pytest_recorder.analysis.past import LatestEvents
from pytest_recorder.format.events import Event, ExceptionInfo


def span(phase: str, edge: str, outcome: str | None = None, name: str = "test_a") -> Event:
    return Event(0, "span", phase=phase, edge=edge, outcome=outcome, name=name)


def frame(kind: str, number: int, error: str | None = None, parent: int | None = None) -> Event:
    exception = ExceptionInfo(error, hash(error), "", 0) if error is not None else None
    return Event(
        0, kind, frame=number, file="/p/m.py", line=1, exception=exception, parent=parent
    )


def fails(number: int, error: str, parent: int | None = None) -> list[Event]:
    return [
        frame("call", number, parent=parent),
        frame("raise", number, error),
        frame("unwind", number, error),
    ]


def phase(
    name: str, *events: Event, outcome: str = "passed", test: str = "test_a"
) -> list[Event]:
    return [span(name, "begin", name=test), *events, span(name, "end", outcome, test)]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (phase("call", *fails(1, "ValueError"), outcome="failed"), ("call", "ValueError")),
        (
            [
                *phase("call", *fails(1, "ValueError"), outcome="failed"),
                *phase("teardown", *fails(2, "KeyError"), outcome="failed"),
            ],
            ("call", "ValueError"),
        ),
        (
            phase(
                "call",
                frame("call", 1),
                *fails(2, "KeyError", parent=1),
                frame("raise", 1, "ValueError"),
                frame("unwind", 1, "ValueError"),
                outcome="failed",
            ),
            ("call", "ValueError"),
        ),
        # A recorded frame handled it: the test failed by something else.
        (
            phase(
                "call",
                frame("call", 1),
                *fails(2, "KeyError", parent=1),
                frame("return", 1),
                outcome="failed",
            ),
            ("call", None),
        ),
        # What ended a task that was cancelled later is not why the test failed.
        (
            phase("call", *fails(1, "ValueError"), *fails(2, CANCELLED), outcome="failed"),
            ("call", "ValueError"),
        ),
        (phase("call", *fails(1, CANCELLED), outcome="failed"), ("call", CANCELLED)),
        (phase("call", *fails(1, "GeneratorExit"), outcome="failed"), ("call", None)),
        (phase("teardown", *fails(1, "KeyError")), (None, None)),
        (fails(1, "KeyError") + fails(2, "ValueError"), (None, "ValueError")),
        ([span("call", "begin"), *fails(1, "ValueError")], (None, "ValueError")),
    ],
)
def test_the_failure_left_the_outermost_frame_of_the_first_phase_that_failed(
    events: list[Event], found: tuple[str | None, str | None]
) -> None:
    for n, event in enumerate(events):
        event.n = n
    point = last_failure_point(LatestEvents(events), is_of_run=False)
    error = point.left.exception.type if point.left and point.left.exception else None
    assert (point.phase, error) == found
    if point.left is not None:
        assert point.raised is not None
        assert point.raised.exception == point.left.exception
        assert point.end == point.left.n


@pytest.mark.parametrize(("is_of_run", "found"), [(True, "KeyError"), (False, None)])
def test_in_a_trace_of_a_run_the_failure_is_that_of_the_last_test_that_failed(
    is_of_run: bool, found: str | None
) -> None:
    events = [
        *phase("call", *fails(1, "ValueError"), outcome="failed"),
        *phase("setup", test="test_b"),
        *phase("call", *fails(2, "KeyError"), outcome="failed", test="test_b"),
        *phase("setup", test="test_c"),
        *phase("call", frame("call", 3), frame("return", 3), test="test_c"),
    ]
    for n, event in enumerate(events):
        event.n = n
    left = last_failure_point(LatestEvents(events), is_of_run=is_of_run).left
    assert (left.exception.type if left and left.exception else None) == found
