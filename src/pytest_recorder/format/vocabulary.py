"""Defines the vocabulary of a trace: event kinds, value tags and the packed record layout.

PYTEST_DONT_REWRITE

A recording is two streams of records. The *definition* stream gives numbers to files, code
objects, names, types and threads; the *event* stream uses the numbers. Both are made of unsigned
LEB128 integers ("uv"), zig-zag LEB128 integers ("zz") and length-prefixed UTF-8 text ("str",
surrogates passed through). `docs/trace-format.md` describes every record.

An event record belongs to the *current frame* of its block. A block starts without one, so that
it can be read with the definitions alone; ``Op.FRAME`` introduces a frame with all that is needed
to read on, ``Op.SWITCH`` goes back to one that the block knows already, ``Op.STATE`` repeats the
values a frame had, and none of the three is an event.
"""

from typing import Final

LEVELS: Final = ("calls", "lines", "values")


class Define:
    """Records of the definition stream."""

    NAME: Final = 1  # uv id, str
    TYPE: Final = 2  # uv id, str, uv count, str * count (fields of a named tuple)
    FILE: Final = 3  # uv id, str path, uv length + digest (SHA-256 of the source, or empty)
    CODE: Final = 4  # uv id, uv file, uv first line, str qualified name
    THREAD: Final = 5  # uv id, str name


class Op:
    """Records of the event stream: the low six bits of the first byte."""

    FRAME: Final = 1  # uv frame, uv code, uv thread, uv parent, uv line
    SWITCH: Final = 2  # uv frame
    STATE: Final = 3  # uv count, (uv name, value) * count
    CALL: Final = (
        4  # uv frame, uv code, uv thread, uv parent, uv time, uv count, (name, value)*
    )
    LINE: Final = 5  # zz line
    RETURN: Final = 6  # zz line, uv time, value
    YIELD: Final = 7  # zz line, uv time, value
    RESUME: Final = 8  # zz line, uv time
    THROW: Final = 9  # zz line, uv time, exception
    RAISE: Final = 10  # zz line, uv time, exception
    UNWIND: Final = 11  # zz line, uv time, exception
    OUTPUT: Final = 12  # zz line, uv time, byte stream, value (text)
    LOG: Final = 13  # zz line, uv time, uv level name, uv logger name, value (text)
    SPAN: Final = 14  # uv thread, uv time, byte phase, byte edge, str name, str outcome
    GAP: Final = 15  # uv thread (0: none), uv dropped, uv reason name

    MASK: Final = 0x3F
    CHANGES: Final = 0x80  # after the body: uv count, (uv name, value) *, uv count, uv name *


EVENT_KINDS: Final = {
    Op.CALL: "call",
    Op.LINE: "line",
    Op.RETURN: "return",
    Op.YIELD: "yield",
    Op.RESUME: "resume",
    Op.THROW: "throw",
    Op.RAISE: "raise",
    Op.UNWIND: "unwind",
    Op.OUTPUT: "output",
    Op.LOG: "log",
    Op.SPAN: "span",
    Op.GAP: "gap",
}
STREAMS: Final = ("stdout", "stderr")
PHASES: Final = ("setup", "call", "teardown", "fixture")
EDGES: Final = ("begin", "end")


class Tag:
    """First byte of a value."""

    NONE: Final = 0
    TRUE: Final = 1
    FALSE: Final = 2
    INT: Final = 3  # zz, for what fits in 64 bits
    BIG_INT: Final = 4  # byte sign, uv length, little-endian magnitude
    HUGE_INT: Final = 5  # byte sign, uv bits: the digits were left out
    FLOAT: Final = 6  # 8 bytes, little-endian IEEE 754
    COMPLEX: Final = 7  # 16 bytes
    STR: Final = 8  # str
    STR_CUT: Final = 9  # uv true length in characters, str
    BYTES: Final = 10  # uv length, bytes
    BYTES_CUT: Final = 11  # uv true length, uv length, bytes
    SEQUENCE: Final = 12  # uv type, uv id, uv true length, byte reason, uv count, value *
    MAPPING: Final = 13  # the same, (value, value) *
    OBJECT: Final = 14  # uv type, uv id, uv true count, byte reason, uv count, (name, value) *
    TEXT: Final = 15  # uv type, uv id, value: a scalar of the standard library by its text
    SUBCLASS: Final = 16  # uv type, uv id, value: an instance of a subclass of a scalar
    OPAQUE: Final = 17  # uv type, uv id, byte reason
    REDACTED: Final = 18  # uv type


class Reason:
    """Why a value is not whole, as a byte in the record and a word for people."""

    WHOLE: Final = 0
    DEPTH: Final = 1
    ITEMS: Final = 2
    ATTRIBUTES: Final = 3
    CYCLE: Final = 4
    CHANGED: Final = 5
    STATELESS: Final = 6
    CUSTOM: Final = 7


REASONS: Final = {
    Reason.DEPTH: "depth",
    Reason.ITEMS: "items",
    Reason.ATTRIBUTES: "attributes",
    Reason.CYCLE: "cycle",
    Reason.CHANGED: "changed while it was read",
    Reason.STATELESS: "no state that can be read without running code",
    Reason.CUSTOM: "reading it would run code of the program",
}

MAX_INT_BYTES: Final = 65_536
"""An int whose magnitude takes more bytes than this keeps its sign and size only."""


def uv(number: int) -> bytes:
    """Encode a whole number as unsigned LEB128."""
    if number < 0x80:
        return _ONE_BYTE[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zz(number: int) -> bytes:
    """Encode a signed number as zig-zag LEB128."""
    return uv(number << 1 if number >= 0 else (-number << 1) - 1)


def text(string: str) -> bytes:
    """Encode a string with its length in bytes before it; lone surrogates survive."""
    data = string.encode("utf-8", "surrogatepass")
    return uv(len(data)) + data


_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(128))
