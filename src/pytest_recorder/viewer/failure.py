"""Finds the moment at which a reader wants to begin: the raise that made the test fail.

The same choice as `Teller`'s, from events without values: of a long trace that takes a fraction of
the time.
"""

from collections.abc import Iterable

from pytest_recorder.tracefile.events import Event

_QUIET = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit"))


def find_failure(events: Iterable[Event]) -> int | None:
    """Give the number of the event that raised what failed, None where nothing failed.

    The exception that left the outermost frame of a phase that failed; without phases the last one
    that left an outermost frame. Where it was raised outside of the recorded code, its last unwind.
    """
    raised: dict[int, int] = {}
    frames: set[int] = set()
    inner: set[int] = set()
    candidate: int | None = None
    found: int | None = None
    for event in events:
        if event.kind == "span" and event.phase != "fixture":
            if event.edge == "begin":
                raised.clear()
            elif event.outcome == "failed" and found is None:
                found = candidate
            candidate = None
        if event.frame is None:
            continue
        if event.frame not in frames:
            frames.add(event.frame)
            if event.parent in frames:
                inner.add(event.frame)
        error = event.exception
        if event.kind == "raise" and error is not None:
            raised[error.id] = event.n
        if event.kind in ("return", "unwind"):
            has_left = event.frame not in inner
            frames.discard(event.frame)
            inner.discard(event.frame)
            if event.kind == "unwind" and has_left and error and error.type not in _QUIET:
                candidate = raised.get(error.id, event.n)
    return found if found is not None else candidate
