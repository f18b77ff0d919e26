"""Reads the last events of a recording that still runs, from its spool."""

from typing import TYPE_CHECKING

from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.tracefile.spool import Segment, Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_recorder.format.events import Event


def last_events(spool: Spool, most_events: int) -> "Iterator[Event]":
    """Give about so many of the last events, oldest first: whole segments are decoded."""
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
    for segment in segments[first:]:
        yield from EventDecoder(
            definitions, segment.data, first=segment.first, base_us=segment.base_us
        )
