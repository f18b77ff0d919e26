/* Reads records by their field strings, and makes rows of those that concern them. */

#include "scan_bytes.h"

/* What a record said, of the fields it has; the others are those of a record before. */
typedef struct {
    uint64_t frame, parent, code, type, dropped;
    int level;
    const uint8_t *message, *message_end;
} Record;

static int
skip_word(Scanner *self, Cursor *cursor, int words)
{
    uint8_t byte = 0;
    if (read_byte(self, cursor, &byte) < 0) {
        return -1;
    }
    return byte < words ? 0 : fail(self, "unknown word %d", byte);
}

static int
read_known(Scanner *self, Cursor *cursor, Table *table, const char *what, uint64_t *number)
{
    return read_uv(self, cursor, number) < 0 ? -1
        : must_know(self, table, *number, what);
}

static int
read_message(Scanner *self, Cursor *cursor, Record *record)
{
    record->message = cursor->at;
    int has_text = scan_check_value(self, cursor, 0);
    record->message_end = cursor->at;
    if (has_text == 0) {
        return fail(self, "the message of an exception is no text");
    }
    return has_text < 0 ? -1 : 0;
}

ALWAYS_INLINE int
read_field(Scanner *self, Cursor *cursor, char letter, Record *record)
{
    uint64_t ignored;
    switch (letter) {
    case 'L':
    case 'T':
        return skip_uv(self, cursor);
    case 'n':
        return read_known(self, cursor, &self->names, "name", &ignored);
    case 'v':
        return scan_skip_value(self, cursor, 0);
    case 'F':
        return read_uv(self, cursor, &record->frame);
    case 'P':
        return read_uv(self, cursor, &record->parent);
    case 'C':
        return read_known(self, cursor, &self->codes, "code", &record->code);
    case 'c':
        if (read_uv(self, cursor, &record->code) < 0) {
            return -1;
        }
        return record->code == 0 ? 0
            : must_know(self, &self->codes, record->code, "code");
    case 'y':
        return read_known(self, cursor, &self->types, "type", &record->type);
    case 'x':
        return read_message(self, cursor, record);
    case 't':
        return scan_check_value(self, cursor, 0) < 0 ? -1 : 0;
    case 'D':
        return read_uv(self, cursor, &record->dropped);
    case 'p':
        return skip_word(self, cursor, PHASE_COUNT);
    case 'e':
        return skip_word(self, cursor, EDGE_COUNT);
    case 'o':
        return skip_word(self, cursor, STREAM_COUNT);
    case 'l':
        record->level = cursor->at < cursor->end ? *cursor->at : 0;
        return skip_word(self, cursor, LEVEL_COUNT);
    case 'r':
        return scan_check_reason(self, cursor, REASON_WHOLE);
    default:
        return skip_plain(self, cursor, letter);
    }
}

/* Read the fields up to a parenthesis or the end. */
ALWAYS_INLINE int
read_run(Scanner *self, Cursor *cursor, const char *field, Record *record)
{
#define STEP                                                            \
    if (*field == '\0' || *field == '(' || *field == ')') {             \
        return 0;                                                       \
    }                                                                   \
    if (read_field(self, cursor, *field, record) < 0) {                 \
        return -1;                                                      \
    }                                                                   \
    field++;

    STEP STEP STEP STEP STEP STEP
    for (;;) {
        STEP
    }
#undef STEP
}

ALWAYS_INLINE int
read_fields(Scanner *self, Cursor *cursor, const char *fields, Record *record)
{
    if (read_run(self, cursor, fields, record) < 0) {
        return -1;
    }
    const char *group = strchr(fields, '(');
    if (group == NULL) {
        return 0;
    }
    uint64_t count;
    if (read_count(self, cursor, &count) < 0) {
        return -1;
    }
    /* A count is at most the bytes that are left: the sum cannot overflow. */
    self->pairs += count;
    if (self->pairs > MAX_BLOCK_PAIRS) {
        return fail(self, "a block has more variables than one may have");
    }
    for (; count > 0; count--) {
        if (read_run(self, cursor, group + 1, record) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
keep_exception(Scanner *self, uint64_t event, uint64_t frame, const Record *record)
{
    if (PyList_Size(self->raised) >= self->most_exceptions) {
        return 0;
    }
    /* No `y#`: what stands for a `#` depends on the version of Python that this is built with. */
    PyObject *message = PyBytes_FromStringAndSize(
        (const char *)record->message, (Py_ssize_t)(record->message_end - record->message));
    if (message == NULL) {
        return -1;
    }
    PyObject *found = Py_BuildValue("(KKKN)", (unsigned long long)event,
                                    (unsigned long long)frame,
                                    (unsigned long long)record->type, message);
    int result = found == NULL ? -1 : PyList_Append(self->raised, found);
    Py_XDECREF(found);
    return result;
}

static int
add_dropped(Scanner *self, uint64_t dropped)
{
    PyObject *more = PyLong_FromUnsignedLongLong(dropped);
    PyObject *sum = more == NULL ? NULL : PyNumber_Add(self->dropped, more);
    Py_XDECREF(more);
    if (sum == NULL) {
        return -1;
    }
    Py_DECREF(self->dropped);
    self->dropped = sum;
    return 0;
}

static int
take_event(Scanner *self, Frame *frame, int op, uint64_t event, const Record *record)
{
    if (frame->row == NO_ROW_YET && scan_find_row(self, frame, event) < 0) {
        return -1;
    }
    if (frame->row == NO_ROW_EVER) {
        return 0;
    }
    Row *row = &self->rows[frame->row];
    row->last = event;
    if (op == OP_RETURN) {
        row->end = END_RETURN;
    }
    else if (op == OP_UNWIND) {
        row->end = END_UNWIND;
    }
    else if (op == OP_RAISE) {
        return keep_exception(self, event, frame->number, record);
    }
    return 0;
}

/* Make the frame of a record the current one, with what the record says of it. */
static Frame *
enter_frame(Scanner *self, const Record *record, int has_code)
{
    Frame *frame = scan_take_frame(self, record->frame);
    if (frame == NULL) {
        return NULL;
    }
    if (self->frame_count > MAX_BLOCK_FRAMES) {
        (void)fail(self, "a block has more frames than one may have");
        return NULL;
    }
    frame->parent = record->parent;
    frame->code = record->code;
    frame->has_code = has_code;
    return frame;
}

int
scan_walk(Scanner *self, Cursor *cursor, uint64_t *event)
{
    Frame *current = NULL;
    Record record = {0};
    while (cursor->at < cursor->end) {
        uint8_t head = *cursor->at++;
        int op = head & OP_MASK;
        int has_frame = 0, is_event = 0;
        switch (op) {
#define ROW(name, fields, is_an_event)                                  \
        case OP_##name:                                                 \
            has_frame = *fields == 'L';                                 \
            is_event = is_an_event;                                     \
            if (has_frame && current == NULL) {                         \
                return fail(self, "an event has no frame");             \
            }                                                           \
            if (read_fields(self, cursor, fields, &record) < 0) {       \
                return -1;                                              \
            }                                                           \
            break;
        OP_ROWS(ROW)
#undef ROW
        default:
            return fail(self, "unknown record %d", op);
        }
        switch (op) {
        case OP_SWITCH:
            current = scan_known_frame(self, record.frame);
            if (current == NULL) {
                return fail(self, "frame %llu is not defined",
                            (unsigned long long)record.frame);
            }
            break;
        case OP_STATE:
            /* Python evaluates the right side first. */
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            break;
        case OP_LEVELS:
            if (++self->levels > MAX_BLOCK_FRAMES) {
                return fail(self, TOO_MANY_LEVELS);
            }
            break;
        case OP_LEVEL:
        case OP_AT_LEVEL:
            self->level = record.level + 1;
            break;
        case OP_FRAME:
        case OP_CALL:
            has_frame = op == OP_CALL;
            current = enter_frame(self, &record, has_frame || record.code != 0);
            if (current == NULL) {
                return -1;
            }
            break;
        }
        if (!is_event) {
            continue;
        }
        if (head & OP_CHANGES) {
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            if (read_fields(self, cursor, CHANGED_FIELDS, &record) < 0
                || read_fields(self, cursor, DELETED_FIELDS, &record) < 0) {
                return -1;
            }
        }
        /* Only now: an event with a fault anywhere in it has not happened. */
        if (op == OP_GAP && add_dropped(self, record.dropped) < 0) {
            return -1;
        }
        if (has_frame && current->has_code
            && take_event(self, current, op, *event, &record) < 0) {
            return -1;
        }
        ++*event;
    }
    return 0;
}
