/* The numbers, limits and field strings of a trace.
 *
 * Written by `just format-table` from table.py, which says what they mean.
 */
#ifndef FORMAT_VOCABULARY_H
#define FORMAT_VOCABULARY_H

enum {
    LEVEL_CALLS = 0,
    LEVEL_LINES = 1,
    LEVEL_VALUES = 2,
};

enum {
    DEFINE_NAME = 1,
    DEFINE_TYPE = 2,
    DEFINE_FILE = 3,
    DEFINE_CODE = 4,
    DEFINE_THREAD = 5,
    DEFINE_POSITION = 6,
};

enum {
    OP_FRAME = 1,
    OP_SWITCH = 2,
    OP_STATE = 3,
    OP_CALL = 4,
    OP_LINE = 5,
    OP_RETURN = 6,
    OP_YIELD = 7,
    OP_RESUME = 8,
    OP_THROW = 9,
    OP_RAISE = 10,
    OP_UNWIND = 11,
    OP_OUTPUT = 12,
    OP_LOG = 13,
    OP_SPAN = 14,
    OP_GAP = 15,
    OP_OBJECT = 16,
    OP_ITEMS = 17,
    OP_ENTRIES = 18,
    OP_ATTRIBUTES = 19,
    OP_PLACE = 20,
    OP_LEVEL = 21,
    OP_AT_LEVEL = 22,
    OP_LEVELS = 23,
    OP_MASK = 0x3F,
    OP_CHANGES = 0x80,
};

enum {
    TAG_NONE = 0,
    TAG_TRUE = 1,
    TAG_FALSE = 2,
    TAG_INT = 3,
    TAG_BIG_INT = 4,
    TAG_HUGE_INT = 5,
    TAG_FLOAT = 6,
    TAG_COMPLEX = 7,
    TAG_STR = 8,
    TAG_STR_CUT = 9,
    TAG_BYTES = 10,
    TAG_BYTES_CUT = 11,
    TAG_SEQUENCE = 12,
    TAG_MAPPING = 13,
    TAG_OBJECT = 14,
    TAG_TEXT = 15,
    TAG_SUBCLASS = 16,
    TAG_OPAQUE = 17,
    TAG_REDACTED = 18,
    TAG_REFERENCE = 19,
};

enum {
    REASON_WHOLE = 0,
    REASON_DEPTH = 1,
    REASON_ITEMS = 2,
    REASON_ATTRIBUTES = 3,
    REASON_CYCLE = 4,
    REASON_CHANGED = 5,
    REASON_STATELESS = 6,
    REASON_CUSTOM = 7,
    REASON_FAILED = 8,
};

enum {
    SEGMENT_FREE = 0,
    SEGMENT_MANIFEST = 1,
    SEGMENT_DEFINITIONS = 2,
    SEGMENT_SOURCE = 3,
    SEGMENT_EVENTS = 4,
    SEGMENT_SECRETS = 5,
};

#define MAX_DEPTH 100
#define MAX_NESTING 101
#define MAX_INT_BYTES 65536
#define MAX_BLOCK_FRAMES 131072
#define MAX_BLOCK_PAIRS 524288
#define OP_END 24 /* one more than the last */
#define TAG_END 20 /* one more than the last */
#define REASON_END 9 /* one more than the last */
#define PHASE_COUNT 4
#define EDGE_COUNT 2
#define STREAM_COUNT 2
#define LEVEL_COUNT 3
#define SEGMENT_HEAD 40 /* bytes before the records of a segment */
#define SEGMENT_USED_AT 8 /* of the two numbers of 32 bits that change: used, events */

/* Numbers in headers are little-endian. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_32(number) __builtin_bswap32(number)
#define LITTLE_64(number) __builtin_bswap64(number)
#else
#define LITTLE_32(number) (number)
#define LITTLE_64(number) (number)
#endif

/* Operations: name, fields, whether it is an event. */
#define OP_ROWS(ROW) \
    ROW(FRAME, "FcuPu", 0) \
    ROW(SWITCH, "F", 0) \
    ROW(STATE, "(nv)", 0) \
    ROW(CALL, "FCuPT(nv)", 1) \
    ROW(LINE, "L", 1) \
    ROW(RETURN, "LTv", 1) \
    ROW(YIELD, "LTv", 1) \
    ROW(RESUME, "LT", 1) \
    ROW(THROW, "LTyux", 1) \
    ROW(RAISE, "LTyux", 1) \
    ROW(UNWIND, "LTyux", 1) \
    ROW(OUTPUT, "LTot", 1) \
    ROW(LOG, "LTnnt", 1) \
    ROW(SPAN, "uTpess", 1) \
    ROW(GAP, "uDn", 1) \
    ROW(OBJECT, "v", 0) \
    ROW(ITEMS, "uurbuu(v)", 0) \
    ROW(ENTRIES, "uurbuu(vv)", 0) \
    ROW(ATTRIBUTES, "uurbuu(nv)", 0) \
    ROW(PLACE, "u", 0) \
    ROW(LEVEL, "Tul", 1) \
    ROW(AT_LEVEL, "l", 0) \
    ROW(LEVELS, "uu", 0)

/* Tags: name, fields. */
#define TAG_ROWS(ROW) \
    ROW(NONE, "") \
    ROW(TRUE, "") \
    ROW(FALSE, "") \
    ROW(INT, "u") \
    ROW(BIG_INT, "bm") \
    ROW(HUGE_INT, "bu") \
    ROW(FLOAT, "8") \
    ROW(COMPLEX, "88") \
    ROW(STR, "s") \
    ROW(STR_CUT, "us") \
    ROW(BYTES, "d") \
    ROW(BYTES_CUT, "ud") \
    ROW(SEQUENCE, "yuur(v)") \
    ROW(MAPPING, "yuur(vv)") \
    ROW(OBJECT, "yuur(nv)") \
    ROW(TEXT, "yuv") \
    ROW(SUBCLASS, "yuv") \
    ROW(OPAQUE, "yuw") \
    ROW(REDACTED, "y") \
    ROW(REFERENCE, "u")

/* What follows a record with OP_CHANGES. */
#define CHANGED_FIELDS "(nv)"
#define DELETED_FIELDS "(n)"

#endif
