"""Fixes the bytes around the records: magic numbers, headers and block kinds of both files.

A `*.pyrec` file is `MAGIC`, then blocks. A block is `BLOCK`, `CHECKSUM` and the stored bytes.
A `*.pyspool` file is `SPOOL_HEAD`, padded to `SPOOL_HEAD_BYTES`, then segments. A
segment is one or more units: `SEGMENT`, then records. `docs/trace-format.md` says it for people.
"""

import struct
from typing import Final

FORMAT_VERSION: Final = 1

MAGIC: Final = b"PYREC\r\n" + bytes((FORMAT_VERSION,))

BLOCK: Final = struct.Struct("<BBHII")
"""Kind, flags, zero, stored bytes, plain bytes."""

CHECKSUM: Final = struct.Struct("<I")
"""CRC-32 of what `BLOCK` packed and of the stored bytes; stands between the two."""

FLAG_DEFLATED: Final = 1


class BlockKind:
    """What a block of a `*.pyrec` file holds."""

    MANIFEST: Final = 1  # JSON
    DEFINITIONS: Final = 2  # definition records
    SOURCE: Final = 3  # 32 bytes SHA-256, then the text
    EVENTS: Final = 4  # EVENTS_HEAD, then event records
    INDEX: Final = 5  # JSON: blocks, call skeleton, exceptions
    TRAILER: Final = 6  # JSON: status, reason, counts


EVENTS_HEAD: Final = struct.Struct("<QQI")
"""Number of the first event, time in microseconds before it, number of events."""

MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
"""No honest block is larger; a reader refuses to allocate more."""

SPOOL_HEAD: Final = struct.Struct("<8sIII")
"""Magic, unit size in bytes, process id, zero."""
SPOOL_MAGIC: Final = b"PYSPOOL\x01"
SPOOL_HEAD_BYTES: Final = 4096

SEGMENT: Final = struct.Struct("<BBHIIIIIQQ")
"""Kind, zero, zero, units, used bytes, events, sequence, trace, first event, time before it."""
SEGMENT_PROGRESS: Final = struct.Struct("<II")
"""The two fields that change while a segment fills: used bytes and events."""
SEGMENT_PROGRESS_AT: Final = 8


class SegmentKind:
    """What a segment of a `*.pyspool` file holds."""

    FREE: Final = 0
    MANIFEST: Final = 1
    DEFINITIONS: Final = 2
    SOURCE: Final = 3  # belongs to the process, not to one trace
    EVENTS: Final = 4
