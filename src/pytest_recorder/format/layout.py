"""Fixes the bytes around the records: magic numbers, headers and block kinds of both files.

PYTEST_DONT_REWRITE

Written by `just format-table` from `table.py`, which says what they mean.
"""

from struct import Struct
from typing import Final

from pytest_recorder.original_builtins import __builtins__

FORMAT_VERSION: Final = 2
OLDEST_VERSION: Final = 1
MAGIC: Final = b"PYREC\r\n\x02"
SPOOL_MAGIC: Final = b"PYSPOOL\x02"
SPOOL_HEAD_BYTES: Final = 4096
MAX_BLOCK_BYTES: Final = 67_108_864
FLAG_DEFLATED: Final = 1

BLOCK: Final = Struct("<BBHII")
"""Kind, flags, zero, stored, plain."""
CHECKSUM: Final = Struct("<I")
"""Checksum."""
EVENTS_HEAD: Final = Struct("<QQI")
"""First, time, count."""
SPOOL_HEAD: Final = Struct("<8sIII")
"""Magic, unit, process, zero."""
SEGMENT: Final = Struct("<BBHIIIIIQQ")
"""Kind, zero, more zeros, units, used, events, sequence, trace, first, time."""
SEGMENT_PROGRESS: Final = Struct("<II")
"""The two parts that change while a segment fills: used and events."""
SEGMENT_PROGRESS_AT: Final = 8


class BlockKind:
    """What a block of a `*.pyrec` file holds."""

    MANIFEST: Final = 1
    DEFINITIONS: Final = 2
    SOURCE: Final = 3
    EVENTS: Final = 4
    INDEX: Final = 5
    TRAILER: Final = 6
    EXCERPT: Final = 7


class SegmentKind:
    """What a segment of a `*.pyspool` file holds."""

    FREE: Final = 0
    MANIFEST: Final = 1
    DEFINITIONS: Final = 2
    SOURCE: Final = 3
    EVENTS: Final = 4
    SECRETS: Final = 5
