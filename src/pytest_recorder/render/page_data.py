"""Prepares what the page of a trace holds, as plain data: facts about it, and its stored blocks.

Events are not decoded for the page: the browser decodes the records of the trace file itself, which
keeps the page at little more than the size of the trace in base64.
"""

from dataclasses import dataclass, field
from typing import Any

from pytest_recorder.analysis.failure import find_failure
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.loops import Loop, find_loops
from pytest_recorder.tracefile.block_reader import StoredBlock
from pytest_recorder.tracefile.reader import Trace

PAGE_VERSION = 1
MOST_STORED_BYTES = 32 * 1024 * 1024
MOST_EVENTS = 4_000_000
_LEAST_SOURCES, _SOURCES_PER_BYTE = 8_000_000, 16
"""Characters of source in which loops are looked for; real ones deflate to a quarter."""
_LOOP_CHARS = 10
_BEFORE_PARTS, _ALL_PARTS = 3, 4
"""Of the blocks that are kept beside the one with the failure, so many come before it."""


@dataclass(slots=True)
class AttemptLink:
    """One attempt of the test; `href` leads to its page, relative to this one."""

    attempt: int
    outcome: str | None = None
    href: str | None = None
    is_this: bool = False


@dataclass(slots=True)
class PageData:
    """What a page holds beside its text. `head` and `attempts` are JSON."""

    head: dict[str, Any]
    blocks: list[StoredBlock]
    attempts: list[AttemptLink] = field(default_factory=list[AttemptLink])


def prepare(
    trace: Trace,
    *,
    attempts: list[AttemptLink] | None = None,
    most_stored_bytes: int = MOST_STORED_BYTES,
    most_events: int = MOST_EVENTS,
) -> PageData:
    """Collect the data of a page.

    A trace of more stored bytes or events than that keeps what is around the failure, or the end
    where nothing failed; `first` and `kept` say what that is.
    """
    failure = _opening(trace)
    first, stop = _window(trace, failure, most_stored_bytes, most_events)
    manifest = trace.manifest
    head = {
        "version": PAGE_VERSION,
        "manifest": manifest.model_dump(mode="json"),
        "trailer": trace.trailer.model_dump(mode="json"),
        "status": trace.status,
        "reason": trace.reason,
        "message": trace.message,
        "events": len(trace),
        "first": first,
        "kept": stop - first,
        "failure": failure,
        "loops": _loops(trace),
        "size_bytes": trace.size_bytes,
    }
    blocks = list(trace.stored_blocks(first, stop))
    this = AttemptLink(manifest.attempt, manifest.outcome, is_this=True)
    return PageData(head, blocks, attempts or [this])


def _opening(trace: Trace) -> int | None:
    """Give the moment of the failure; None where nothing failed, or where no event tells of it."""
    found = find_failure(History(trace))
    if found.exception is None:
        return None
    return found.raised.n if found.raised is not None else found.end


def _loops(trace: Trace) -> dict[str, list[Loop]]:
    """Give the loops of the files, until there is more source than a trace of this size has."""
    found: dict[str, list[Loop]] = {}
    by_digest: dict[bytes, list[Loop]] = {}
    left = _LEAST_SOURCES + _SOURCES_PER_BYTE * trace.size_bytes
    for file in trace.files():
        digest = trace.digest(file)
        if digest is None or left <= 0:
            continue
        if digest not in by_digest:
            source = trace.source(file) or ""
            by_digest[digest] = find_loops(source)
            left -= len(source)
        left -= _LOOP_CHARS * len(by_digest[digest])
        if by_digest[digest]:
            found[file] = by_digest[digest]
    return found


def _window(
    trace: Trace, failure: int | None, most_stored_bytes: int, most_events: int
) -> tuple[int, int]:
    """Give the first event and the one past the last whose blocks fit, around the failure."""
    blocks = trace.event_blocks()
    if not blocks:
        return 0, 0
    at = len(blocks) - 1
    if failure is not None:
        at = max(i for i, (first, _, _) in enumerate(blocks) if first <= failure)
    left = [most_stored_bytes - blocks[at][2], most_events - blocks[at][1]]
    low, high = at, at + 1

    def fits(index: int) -> bool:
        return blocks[index][2] <= left[0] and blocks[index][1] <= left[1]

    can_before = can_after = True
    while can_before or can_after:
        can_before = low > 0 and fits(low - 1)
        can_after = high < len(blocks) and fits(high)
        # What comes before explains the failure; what comes after is worth a quarter.
        is_before_due = (at - low) * (_ALL_PARTS - _BEFORE_PARTS) <= (
            high - at - 1
        ) * _BEFORE_PARTS
        if can_before and (is_before_due or not can_after):
            low -= 1
            taken = low
        elif can_after:
            taken = high
            high += 1
        else:
            break
        left = [left[0] - blocks[taken][2], left[1] - blocks[taken][1]]
    first, count, _ = blocks[high - 1]
    return blocks[low][0], first + count
