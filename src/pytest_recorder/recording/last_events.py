"""Reads the last events of a recording that still runs, from its spool."""

from typing import TYPE_CHECKING

from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.tracefile.masking import Masker
from pytest_recorder.tracefile.scan import make_scan
from pytest_recorder.tracefile.spool import Segment, Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_recorder.format.events import Event


def last_events(spool: Spool, most_events: int, masker: Masker) -> "Iterator[Event]":
    """Give about so many of the last events, oldest first: whole segments are decoded.

    What will be masked when the trace is packed is masked here.
    """
    from pytest_recorder.format.decode import EventDecoder
    from pytest_recorder.format.definition_tables import DefinitionTables

    definitions = DefinitionTables()
    segments: list[Segment] = []
    for segment in spool.segments():
        if segment.kind == SegmentKind.DEFINITIONS:
            definitions.feed(segment.data)
        else:
            segments.append(segment)
    count = 0
    first = len(segments)
    while first > 0 and count < most_events:
        first -= 1
        count += segments[first].events
    scan = make_scan(definitions)
    scan.watch(masker.starts)
    for segment in segments[first:]:
        scan.feed(segment.data, segment.first)
        data = masker.events(segment.data, scan.take_hits())
        yield from EventDecoder(definitions, data, first=segment.first, base_us=segment.base_us)
