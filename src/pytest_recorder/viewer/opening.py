"""Finds the moment at which a reader wants to begin: the raise that made the test fail.

The same choice as `Teller`'s, but without reading the whole of a long trace: the manifest knows
which phase failed, the calls know which frames are outermost, and a failure lies near the end.
"""

from collections.abc import Iterable

from pytest_recorder.tracefile.events import Event
from pytest_recorder.tracefile.reader import Trace

_QUIET = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit"))
_FIRST_BLOCKS = 2
_PHASES = ("setup", "call", "teardown")
_UNWIND = 2


def find_opening(trace: Trace) -> int | None:
    """Give the number of the event that raised what failed, None where nothing failed.

    The exception that left the outermost frame of the first phase that failed; without phases the
    last one that left an outermost frame. Where it was raised outside of the recorded code, its
    last unwind.
    """
    phases = trace.manifest.phases
    failed = [phase for phase in _PHASES if phases.get(phase) == "failed"]
    if phases and not failed:
        return None
    rows = {row[0]: row for row in trace.call_rows()}
    outermost = {
        frame: last
        for frame, parent, _, first, last, end in rows.values()
        if end == _UNWIND and (parent not in rows or rows[parent][4] < first)
    }
    if not outermost:
        return None
    blocks = trace.event_blocks()
    is_single = trace.manifest.scope == "test"
    count = _FIRST_BLOCKS if is_single else len(blocks)
    while count < len(blocks):
        start = blocks[-count][0]
        found = _search(
            trace.events(start, has_values=False), outermost, failed[0] if failed else None
        )
        if found is not None and found[1]:
            return found[0]
        count *= 4
    found = _search(trace.events(has_values=False), outermost, None)
    return found[0] if found is not None else None


def _search(
    events: Iterable[Event], outermost: dict[int, int], phase: str | None
) -> tuple[int, bool] | None:
    """Give the event, and whether it is the raise itself; `phase` is the one that must fail."""
    raised: dict[int, int] = {}
    candidate: tuple[int, bool] | None = None
    for event in events:
        if event.kind == "span" and event.phase != "fixture":
            if event.edge == "begin":
                raised.clear()
            elif event.outcome == "failed" and candidate and phase in (None, event.phase):
                return candidate
            candidate = None
        error = event.exception
        if error is None or event.frame is None:
            continue
        if event.kind == "raise":
            raised[error.id] = event.n
        is_last = event.kind == "unwind" and outermost.get(event.frame) == event.n
        if is_last and error.type not in _QUIET:
            at = raised.get(error.id)
            candidate = (event.n, False) if at is None else (at, True)
    return candidate if phase is None else None
