"""Names the numbers, words and field strings of a trace.

PYTEST_DONT_REWRITE

Written by `just format-table` from `table.py`, which says what they mean.
"""

from typing import Final

from pytest_recorder.original_builtins import __builtins__

LEVELS: Final = ("calls", "lines", "values")
PHASES: Final = ("setup", "call", "teardown", "fixture")
EDGES: Final = ("begin", "end")
STREAMS: Final = ("stdout", "stderr")

MAX_DEPTH: Final = 100
MAX_NESTING: Final = 101
MAX_INT_BYTES: Final = 65_536
MAX_BLOCK_EVENTS: Final = 262_144
MAX_BLOCK_FRAMES: Final = 131_072
MAX_BLOCK_PAIRS: Final = 524_288
MAX_SOURCE_LINES: Final = 262_144


class Define:
    """Records of the definition stream."""

    NAME: Final = 1
    TYPE: Final = 2
    FILE: Final = 3
    CODE: Final = 4
    THREAD: Final = 5
    POSITION: Final = 6


class Op:
    """Records of the event stream: the low six bits of the first byte."""

    FRAME: Final = 1
    SWITCH: Final = 2
    STATE: Final = 3
    CALL: Final = 4
    LINE: Final = 5
    RETURN: Final = 6
    YIELD: Final = 7
    RESUME: Final = 8
    THROW: Final = 9
    RAISE: Final = 10
    UNWIND: Final = 11
    OUTPUT: Final = 12
    LOG: Final = 13
    SPAN: Final = 14
    GAP: Final = 15
    OBJECT: Final = 16
    ITEMS: Final = 17
    ENTRIES: Final = 18
    ATTRIBUTES: Final = 19
    PLACE: Final = 20
    LEVEL: Final = 21
    AT_LEVEL: Final = 22
    LEVELS: Final = 23
    MASK: Final = 0x3F
    CHANGES: Final = 0x80


class Tag:
    """First byte of a value."""

    NONE: Final = 0
    TRUE: Final = 1
    FALSE: Final = 2
    INT: Final = 3
    BIG_INT: Final = 4
    HUGE_INT: Final = 5
    FLOAT: Final = 6
    COMPLEX: Final = 7
    STR: Final = 8
    STR_CUT: Final = 9
    BYTES: Final = 10
    BYTES_CUT: Final = 11
    SEQUENCE: Final = 12
    MAPPING: Final = 13
    OBJECT: Final = 14
    TEXT: Final = 15
    SUBCLASS: Final = 16
    OPAQUE: Final = 17
    REDACTED: Final = 18
    REFERENCE: Final = 19


class Reason:
    """Why a value is not whole."""

    WHOLE: Final = 0
    DEPTH: Final = 1
    ITEMS: Final = 2
    ATTRIBUTES: Final = 3
    CYCLE: Final = 4
    CHANGED: Final = 5
    STATELESS: Final = 6
    CUSTOM: Final = 7
    FAILED: Final = 8


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
    Op.LEVEL: "level",
}

REASONS: Final = {
    Reason.DEPTH: "depth",
    Reason.ITEMS: "items",
    Reason.ATTRIBUTES: "attributes",
    Reason.CYCLE: "cycle",
    Reason.CHANGED: "changed while it was read",
    Reason.STATELESS: "no state that can be read without running code",
    Reason.CUSTOM: "reading it would run code of the program",
    Reason.FAILED: "the recorder failed to read it",
}

DEFINE_FIELDS: Final = {
    Define.NAME: "s",
    Define.TYPE: "s(s)",
    Define.FILE: "sd",
    Define.CODE: "fus",
    Define.THREAD: "s",
    Define.POSITION: "uuuu",
}

OP_FIELDS: Final = {
    Op.FRAME: "FcuPu",
    Op.SWITCH: "F",
    Op.STATE: "(nv)",
    Op.CALL: "FCuPT(nv)",
    Op.LINE: "L",
    Op.RETURN: "LTv",
    Op.YIELD: "LTv",
    Op.RESUME: "LT",
    Op.THROW: "LTyux",
    Op.RAISE: "LTyux",
    Op.UNWIND: "LTyux",
    Op.OUTPUT: "LTot",
    Op.LOG: "LTnnt",
    Op.SPAN: "uTpess",
    Op.GAP: "uDn",
    Op.OBJECT: "v",
    Op.ITEMS: "uurbuu(v)",
    Op.ENTRIES: "uurbuu(vv)",
    Op.ATTRIBUTES: "uurbuu(nv)",
    Op.PLACE: "u",
    Op.LEVEL: "Tul",
    Op.AT_LEVEL: "l",
    Op.LEVELS: "uu",
}

TAG_FIELDS: Final = {
    Tag.NONE: "",
    Tag.TRUE: "",
    Tag.FALSE: "",
    Tag.INT: "u",
    Tag.BIG_INT: "bm",
    Tag.HUGE_INT: "bu",
    Tag.FLOAT: "8",
    Tag.COMPLEX: "88",
    Tag.STR: "s",
    Tag.STR_CUT: "us",
    Tag.BYTES: "d",
    Tag.BYTES_CUT: "ud",
    Tag.SEQUENCE: "yuur(v)",
    Tag.MAPPING: "yuur(vv)",
    Tag.OBJECT: "yuur(nv)",
    Tag.TEXT: "yuv",
    Tag.SUBCLASS: "yuv",
    Tag.OPAQUE: "yuw",
    Tag.REDACTED: "y",
    Tag.REFERENCE: "u",
}
