"""Gives the records of the last events of a recording that still runs, from its spool."""

from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.masking import Masker
from pytest_recorder.tracefile.spool import Segment, Spool


def last_records(
    spool: Spool, most_events: int, masker: Masker
) -> tuple[list[bytes], list[Segment]]:
    """Give all definitions, and whole segments with about so many of the last events in them.

    The oldest first. Nothing is decoded here; what packing would mask is masked.
    """
    definitions: list[bytes] = []
    segments: list[Segment] = []
    for segment in spool.segments():
        if segment.kind == SegmentKind.DEFINITIONS:
            definitions.append(segment.data)
        else:
            segments.append(segment)
    count = 0
    first = len(segments)
    while first > 0 and count < most_events:
        first -= 1
        count += segments[first].events
    return definitions, masker.segments(definitions, segments[first:])
