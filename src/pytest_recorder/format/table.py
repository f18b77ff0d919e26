"""The vocabulary of a trace, once, as data: records with their fields, headers, words and limits.

Imports nothing but the standard library and is imported by nobody at run time: `just format-table`
writes from it `vocabulary.py` and `layout.py` here, the C header `vocabulary.h`, the TypeScript
`web/src/format/vocabulary.ts` and the tables of `docs/trace-format.md`; `just lint` says where one
of them is not up to date.

The fields of a record are words of `FIELDS`, in order; parentheses stand for a count and as many
of what is in them. Each word has a letter, and the letters of a record are its *field string*:
``"type object true_length reason (value)"`` is ``yuur(v)``. Every reader passes over what it does
not show by walking the field string, so that a new record is a row here, its encoders and its
renderers, and nothing else. What a new row must keep to:

- Numbers are never used again, and leave no hole.
- Parentheses stand at the end of a record, once.
- In a value, values stand at the end of what is before the parentheses, and of what is in them.
- A record that starts with `line` is an event of the current frame; `time` stands first, or next.
"""

from typing import Final, NamedTuple

from pytest_recorder.original_builtins import __builtins__


class Field(NamedTuple):
    """A kind of field: its letter, how it is written, and what it says."""

    letter: str
    encoding: str  # for people: `uv`, `zz`, `str`, byte, value, or the bytes themselves
    text: str


class Record(NamedTuple):
    """A definition, an operation or a tag: its first byte, its name, what it is, its fields."""

    number: int
    name: str
    text: str
    fields: str = ""
    is_event: bool = False  # operations only: it has a number and a kind, which is its name


class Word(NamedTuple):
    """A number that stands for a word."""

    number: int
    name: str
    text: str


class Part(NamedTuple):
    """A part of a header: unsigned and little-endian, or plain bytes."""

    name: str
    size: int
    text: str = ""
    is_number: bool = True


class Header(NamedTuple):
    """A header: its parts follow each other without padding."""

    name: str
    text: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(part.size for part in self.parts)

    def offset(self, name: str) -> int:
        """Give where a part starts, in bytes."""
        names = [part.name for part in self.parts]
        return sum(part.size for part in self.parts[: names.index(name)])


FORMAT_VERSION: Final = 2
OLDEST_VERSION: Final = 1  # of spools too
"""Format 1 is format 2 without objects, positions, levels and excerpts: one reader reads both."""
BYTE_ORDER: Final = "little"

# Limits. Whatever an encoder may write, every reader reads.

MAX_DEPTH: Final = 100
"""Levels of containers and objects that an encoder opens, one inside the other. The encoders
recurse; more would meet the end of the C stack."""

MAX_NESTING: Final = MAX_DEPTH + 1
"""Values inside values that a reader follows: the innermost level may hold a scalar of a subclass,
which holds its value."""

MAX_INT_BYTES: Final = 65_536
"""An int whose magnitude takes more bytes than this keeps its sign and size only."""

MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
MAX_BLOCK_EVENTS: Final = 1 << 18
"""A writer begins another block after at most 256 KiB, and an event takes two bytes."""
MAX_BLOCK_FRAMES: Final = 1 << 17
"""Frames that one block introduces; each takes six bytes."""
MAX_BLOCK_PAIRS: Final = 1 << 19
"""Variables that one block has values of, or deletes."""
"""No honest block is larger; a reader refuses to allocate more."""

MAX_SOURCE_LINES: Final = 1 << 18
"""Lines of a source of which only some are kept: what is left out takes no bytes of the file."""

# Words.

LEVELS: Final = ("calls", "lines", "values")
PHASES: Final = ("setup", "call", "teardown", "fixture")
EDGES: Final = ("begin", "end")
STREAMS: Final = ("stdout", "stderr")

REASONS: Final = (
    Word(0, "WHOLE", ""),
    Word(1, "DEPTH", "depth"),
    Word(2, "ITEMS", "items"),
    Word(3, "ATTRIBUTES", "attributes"),
    Word(4, "CYCLE", "cycle"),
    Word(5, "CHANGED", "changed while it was read"),
    Word(6, "STATELESS", "no state that can be read without running code"),
    Word(7, "CUSTOM", "reading it would run code of the program"),
    Word(8, "FAILED", "the recorder failed to read it"),
)
"""Why a value is not whole; 0 is one that is."""

# Fields.

FIELDS: Final = {
    # Numbers that readers do not look at on their way.
    "thread": Field("u", "uv", "thread"),
    "any_thread": Field("u", "uv", "thread (0: none)"),
    "at_line": Field("u", "uv", "line"),
    "first_line": Field("u", "uv", "first line"),
    "object": Field("u", "uv", "object"),
    "position": Field("u", "uv", "position"),
    "of_frame": Field("u", "uv", "frame"),
    "levels": Field("u", "uv", "levels"),
    "end_line": Field("u", "uv", "last line"),
    "column": Field("u", "uv", "column, in bytes from 0"),
    "end_column": Field("u", "uv", "column behind the end"),
    "first": Field("u", "uv", "parts before the first that differs"),
    "gone": Field("u", "uv", "parts that are gone from there"),
    "doubt": Field("b", "byte", "1 where it may be another object at the same address"),
    "true_length": Field("u", "uv", "true length"),
    "characters": Field("u", "uv", "true length in characters"),
    "true_count": Field("u", "uv", "true count"),
    "bits": Field("u", "uv", "number of bits"),
    "int": Field("u", "zz", ""),
    "sign": Field("b", "byte", "sign"),
    # Numbers that a definition must have given.
    "name": Field("n", "uv", "name"),
    "level": Field("n", "uv", "level"),
    "logger": Field("n", "uv", "logger"),
    "cause": Field("n", "uv", "reason"),
    "type": Field("y", "uv", "type"),
    "file": Field("f", "uv", "file"),
    "code": Field("C", "uv", "code"),
    "any_code": Field("c", "uv", "code (0: none)"),
    # What the index of a trace is made of.
    "frame": Field("F", "uv", "frame"),
    "parent": Field("P", "uv", "parent (0: none)"),
    "line": Field("L", "zz", "line"),
    "time": Field("T", "uv", "time"),
    "dropped": Field("D", "uv", "dropped"),
    # A byte that stands for a word.
    "phase": Field("p", "byte", "phase"),
    "edge": Field("e", "byte", "edge"),
    "stream": Field("o", "byte", "stream"),
    "recorded_level": Field("l", "byte", "level"),
    "reason": Field("r", "byte", "reason"),
    "why": Field("w", "byte", "reason (not 0)"),
    # Bytes.
    "text": Field("s", "str", ""),
    "path": Field("s", "str", "path"),
    "label": Field("s", "str", "name"),
    "outcome": Field("s", "str", "outcome"),
    "qualified_name": Field("s", "str", "qualified name"),
    "type_name": Field("s", "str", "qualified name with module, without `builtins.`"),
    "member": Field("s", "str", "field of a named tuple"),
    "bytes": Field("d", "uv", "length, bytes"),
    "digest": Field("d", "uv", "length and as many bytes: SHA-256 of its source, or nothing"),
    "magnitude": Field("m", "uv", "length, magnitude (little-endian)"),
    "double": Field("8", "8 bytes", ""),
    # Values.
    "value": Field("v", "value", ""),
    "output": Field("t", "value", "(a str)"),
    "message": Field("x", "value", "(a str: its message)"),
}

# Records.

DEFINITIONS: Final = (
    Record(1, "NAME", "a name (variable, attribute, logger, level, reason)", "text"),
    Record(2, "TYPE", "a type", "type_name (member)"),
    Record(3, "FILE", "a file", "path digest"),
    Record(4, "CODE", "a code object", "file first_line qualified_name"),
    Record(5, "THREAD", "a thread", "label"),
    Record(6, "POSITION", "a piece of source", "at_line end_line column end_column"),
)
"""Of the definition stream: the byte, a `uv` number that the record defines, the fields."""

OP_MASK: Final = 0x3F
OP_CHANGES: Final = 0x80

OPERATIONS: Final = (
    Record(
        1,
        "FRAME",
        "make a frame current, with all that is known of it",
        "frame any_code thread parent at_line",
    ),
    Record(2, "SWITCH", "make a frame current that this block knows", "frame"),
    Record(3, "STATE", "all values of the current frame", "(name value)"),
    Record(4, "CALL", "`call`", "frame code thread parent time (name value)", is_event=True),
    Record(5, "LINE", "`line`", "line", is_event=True),
    Record(6, "RETURN", "`return`", "line time value", is_event=True),
    Record(7, "YIELD", "`yield`", "line time value", is_event=True),
    Record(8, "RESUME", "`resume`", "line time", is_event=True),
    Record(9, "THROW", "`throw`", "line time type object message", is_event=True),
    Record(10, "RAISE", "`raise`", "line time type object message", is_event=True),
    Record(11, "UNWIND", "`unwind`", "line time type object message", is_event=True),
    Record(12, "OUTPUT", "`output`", "line time stream output", is_event=True),
    Record(13, "LOG", "`log`", "line time level logger output", is_event=True),
    Record(14, "SPAN", "`span`", "thread time phase edge label outcome", is_event=True),
    Record(15, "GAP", "`gap`", "any_thread dropped cause", is_event=True),
    Record(16, "OBJECT", "what an object holds, whole", "value"),
    Record(
        17,
        "ITEMS",
        "what changed in a sequence or set",
        "object true_length reason doubt first gone (value)",
    ),
    Record(
        18,
        "ENTRIES",
        "what changed in a dict",
        "object true_length reason doubt first gone (value value)",
    ),
    Record(
        19,
        "ATTRIBUTES",
        "what changed in an object",
        "object true_count reason doubt first gone (name value)",
    ),
    Record(20, "PLACE", "the piece of source that the next event comes from", "position"),
    Record(21, "LEVEL", "`level`", "time any_thread recorded_level", is_event=True),
    Record(
        22, "AT_LEVEL", "the level of a block, where it has fallen before", "recorded_level"
    ),
    Record(23, "LEVELS", "how many levels of its values a frame shows", "of_frame levels"),
)
"""Of the event stream: the low six bits of the byte, the fields. With `OP_CHANGES` the changes
follow."""

CHANGES: Final = ("(name value)", "(name)")
"""What differs from the frame's event before, then what is gone."""

TAGS: Final = (
    Record(0, "NONE", "None"),
    Record(1, "TRUE", "True"),
    Record(2, "FALSE", "False"),
    Record(3, "INT", "int of at most 64 bits", "int"),
    Record(4, "BIG_INT", "larger int", "sign magnitude"),
    Record(5, "HUGE_INT", "int of more than 64 KiB", "sign bits"),
    Record(6, "FLOAT", "float", "double"),
    Record(7, "COMPLEX", "complex", "double double"),
    Record(8, "STR", "str", "text"),
    Record(9, "STR_CUT", "str, cut", "characters text"),
    Record(10, "BYTES", "bytes", "bytes"),
    Record(11, "BYTES_CUT", "bytes, cut", "true_length bytes"),
    Record(12, "SEQUENCE", "sequence or set", "type object true_length reason (value)"),
    Record(13, "MAPPING", "dict", "type object true_length reason (value value)"),
    Record(14, "OBJECT", "object", "type object true_count reason (name value)"),
    Record(
        15,
        "TEXT",
        "scalar of the standard library (`Decimal`, `datetime`, ...), as its text",
        "type object value",
    ),
    Record(16, "SUBCLASS", "instance of a subclass of a scalar", "type object value"),
    Record(17, "OPAQUE", "anything else", "type object why"),
    Record(18, "REDACTED", "a secret", "type"),
    Record(19, "REFERENCE", "an object that a record tells of", "object"),
)
"""A value: the byte, the fields."""

# The bytes around the records.

MAGIC: Final = b"PYREC\r\n" + bytes((FORMAT_VERSION,))
SPOOL_MAGIC: Final = b"PYSPOOL\x02"
SPOOL_HEAD_BYTES: Final = 4096

BLOCK: Final = Header(
    "BLOCK",
    "starts a block of a `*.pyrec` file; the checksum and the stored bytes follow",
    (
        Part("kind", 1, "see below; a reader skips kinds that it does not know"),
        Part("flags", 1, "bit 0: the payload is deflated (zlib)"),
        Part("zero", 2),
        Part("stored", 4, "bytes of the payload in the file"),
        Part("plain", 4, "bytes of the payload when inflated, at most 64 MiB"),
    ),
)
CHECKSUM: Final = Header(
    "CHECKSUM",
    "stands between the header of a block and its stored bytes",
    (Part("checksum", 4, "CRC-32 of the twelve bytes above and of the payload as stored"),),
)
FLAG_DEFLATED: Final = 1

BLOCK_KINDS: Final = (
    Word(1, "MANIFEST", "JSON; always the first block, never deflated"),
    Word(2, "DEFINITIONS", "definition records"),
    Word(
        3,
        "SOURCE",
        "a whole file: SHA-256 of its text (32 bytes), then the text as it was in it",
    ),
    Word(
        4,
        "EVENTS",
        "number of the first event (8), time in microseconds before it (8), number of events (4), "
        "then event records",
    ),
    Word(
        5,
        "INDEX",
        "JSON: `blocks` (`[offset, first, count]`), `steps` (the calls, see below), `fell_to` (the "
        "level at the end, where that has fallen), `calls_cut`, "
        "`exceptions` (`[event, frame, type, message]`)",
    ),
    Word(
        6,
        "TRAILER",
        "JSON: `status`, `reason`, `message`, `events`, `dropped`, `duration_us`, "
        "`recording_cpu_us`, `counters`, `errors`",
    ),
    Word(
        7,
        "EXCERPT",
        "lines of a file: SHA-256 of its whole text (32), `uv` count, (`uv` lines left out, `uv` "
        "lines kept), then the lines that are kept as they were in it",
    ),
)

EVENTS_HEAD: Final = Header(
    "EVENTS_HEAD",
    "starts a block of events",
    (
        Part("first", 8, "number of the first event"),
        Part("time", 8, "time in microseconds before it"),
        Part("count", 4, "number of events"),
    ),
)

SPOOL_HEAD: Final = Header(
    "SPOOL_HEAD",
    "starts a `*.pyspool` file, padded to `SPOOL_HEAD_BYTES`",
    (
        Part(
            "magic",
            8,
            "`PYSPOOL` and the number of the format; what has 1 has no objects",
            is_number=False,
        ),
        Part("unit", 4, "size of a unit in bytes"),
        Part("process", 4, "id of the process"),
        Part("zero", 4),
    ),
)
SEGMENT: Final = Header(
    "SEGMENT",
    "starts a segment of a `*.pyspool` file; records follow",
    (
        Part("kind", 1),
        Part("zero", 1),
        Part("more_zeros", 2),
        Part("units", 4),
        Part("used", 4, "bytes of records"),
        Part("events", 4),
        Part("sequence", 4),
        Part("trace", 4),
        Part("first", 8, "number of the first event"),
        Part("time", 8, "time in microseconds before it"),
    ),
)
SEGMENT_PROGRESS: Final = ("used", "events")
"""The two parts that change while a segment fills, in one store of eight bytes."""

SEGMENT_KINDS: Final = (
    Word(0, "FREE", "free"),
    Word(1, "MANIFEST", "manifest"),
    Word(2, "DEFINITIONS", "definitions"),
    Word(3, "SOURCE", "source: belongs to the process, not to one trace"),
    Word(4, "EVENTS", "events"),
    Word(5, "SECRETS", "rules and learned texts: belongs to the process, is never packed"),
)
