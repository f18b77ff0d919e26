/* The numbers of the trace format: see format/vocabulary.py and format/layout.py, which tests compare
 * with these.
 */
#ifndef HOT_VOCABULARY_H
#define HOT_VOCABULARY_H

enum { LEVEL_CALLS, LEVEL_LINES, LEVEL_VALUES };
enum {
    DEFINE_NAME = 1,
    DEFINE_TYPE,
    DEFINE_FILE,
    DEFINE_CODE,
    DEFINE_THREAD
};
enum {
    OP_FRAME = 1,
    OP_SWITCH,
    OP_STATE,
    OP_CALL,
    OP_LINE,
    OP_RETURN,
    OP_YIELD,
    OP_RESUME,
    OP_THROW,
    OP_RAISE,
    OP_UNWIND,
    OP_OUTPUT,
    OP_LOG,
    OP_SPAN,
    OP_GAP,
    OP_CHANGES = 0x80
};
enum {
    TAG_NONE,
    TAG_TRUE,
    TAG_FALSE,
    TAG_INT,
    TAG_BIG_INT,
    TAG_HUGE_INT,
    TAG_FLOAT,
    TAG_COMPLEX,
    TAG_STR,
    TAG_STR_CUT,
    TAG_BYTES,
    TAG_BYTES_CUT,
    TAG_SEQUENCE,
    TAG_MAPPING,
    TAG_OBJECT,
    TAG_TEXT,
    TAG_SUBCLASS,
    TAG_OPAQUE,
    TAG_REDACTED
};
enum {
    REASON_WHOLE,
    REASON_DEPTH,
    REASON_ITEMS,
    REASON_ATTRIBUTES,
    REASON_CYCLE,
    REASON_CHANGED,
    REASON_STATELESS,
    REASON_CUSTOM
};

/* The head of a segment, where in it the bytes used and the events stand, and the kinds of it. */
#define SEGMENT_HEAD 40
#define SEGMENT_USED_AT 8
enum { SEGMENT_DEFINITIONS = 2, SEGMENT_EVENTS = 4 };

#endif
