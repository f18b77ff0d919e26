/* Walks the event records of a block and keeps what the index of a trace needs: the rows of the
 * call skeleton, the first exceptions, the sum of dropped events. The fast twin of `PureScan` in
 * scan.py, which is the oracle of its tests: same rows, same faults, in the same words.
 *
 * - The bytes are hostile: nothing is read before it is known to be there, counts are checked
 *   against the bytes that are left, nesting is bounded, and the hash is keyed, so that no input
 *   takes more than linear time or more memory than a small multiple of its size.
 * - A fault raises the class that the caller passed in; what came before it has been taken in.
 * - Rows live in C until they are asked for; no Python object is made on the common path.
 * - A scanner owns its tables and borrows nothing: the dicts, the class and the list are held.
 *   They cannot refer back to it, so the type takes no part in garbage collection.
 * - One thread at a time; the caller holds the GIL (or, without one, keeps the scanner to itself).
 */

#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

#include "vocabulary.h"

enum { END_OPEN, END_RETURN, END_UNWIND };

/* Numbers below this are looked up in their dict once, then in a bit. */
#define CACHED_NUMBERS 65536
/* Tables larger than this are given back after the block that needed them. */
#define KEPT_FRAMES 65536

#define NO_ROW_YET (-1)
#define NO_ROW_EVER (-2)

typedef struct {
    PyObject *dict;
    uint8_t known[CACHED_NUMBERS / 8];
} Table;

typedef struct {
    uint64_t number, parent, code, first, last;
    int end;
} Row;

typedef struct {
    uint64_t number, parent, code;
    int32_t row; /* index, NO_ROW_YET or NO_ROW_EVER */
    int32_t has_code;
} Frame;

/* From a number to an index, by open addressing; at most half full. */
typedef struct {
    uint64_t *keys;
    uint32_t *places; /* index + 1; 0 is a free slot */
    size_t slots;     /* a power of two, or 0 */
    size_t used;
} Map;

typedef struct {
    PyObject_HEAD
    Table names, types, codes;
    PyObject *malformed;
    PyObject *raised; /* list of (event, frame, type, message as a value record) */
    PyObject *dropped;
    uint64_t seed;
    size_t most_calls;
    Py_ssize_t most_exceptions;
    int is_cut;
    Row *rows;
    size_t row_count, row_room;
    Map row_of; /* only where the rows are not in the order of their numbers */
    Frame *frames; /* those that the block knows */
    size_t frame_count, frame_room;
    Map frame_of;
} Scanner;

typedef struct {
    const uint8_t *at, *end;
} Cursor;

/* Every function that returns int gives -1 with an exception set, else 0 (or what it says). */

/* A macro, so that compilers see the -1 and know what is initialized after a success. */
#define fail(self, ...) (PyErr_Format((self)->malformed, __VA_ARGS__), -1)

/* Primitives. */

static int
read_long_uv(Scanner *self, Cursor *cursor, uint64_t *number)
{
    const uint8_t *at = cursor->at;
    uint64_t found = 0;
    for (int shift = 0; at < cursor->end && shift < 70; shift += 7) {
        uint8_t byte = *at++;
        if (byte < 0x80) {
            if (shift == 63 && byte > 1) {
                return fail(self, "a number is larger than 64 bits");
            }
            cursor->at = at;
            *number = found | (uint64_t)byte << shift;
            return 0;
        }
        found |= (uint64_t)(byte & 0x7F) << shift;
    }
    return fail(self, "a number has no end");
}

static inline int
read_uv(Scanner *self, Cursor *cursor, uint64_t *number)
{
    if (cursor->at < cursor->end && *cursor->at < 0x80) {
        *number = *cursor->at++;
        return 0;
    }
    return read_long_uv(self, cursor, number);
}

static inline int
skip_uv(Scanner *self, Cursor *cursor)
{
    uint64_t ignored;
    return read_uv(self, cursor, &ignored);
}

static inline int
read_byte(Scanner *self, Cursor *cursor, uint8_t *byte)
{
    if (cursor->at >= cursor->end) {
        return fail(self, "the record is cut");
    }
    *byte = *cursor->at++;
    return 0;
}

static inline int
skip(Scanner *self, Cursor *cursor, uint64_t size)
{
    if (size > (uint64_t)(cursor->end - cursor->at)) {
        return fail(self, "the record is cut");
    }
    cursor->at += size;
    return 0;
}

static int
skip_sized(Scanner *self, Cursor *cursor)
{
    uint64_t size;
    return read_uv(self, cursor, &size) < 0 ? -1 : skip(self, cursor, size);
}

/* A number of things that take at least one byte each. */
static int
read_count(Scanner *self, Cursor *cursor, uint64_t *count)
{
    if (read_uv(self, cursor, count) < 0) {
        return -1;
    }
    if (*count > (uint64_t)(cursor->end - cursor->at)) {
        return fail(self, "a count is larger than its record");
    }
    return 0;
}

/* Whether Python's "utf-8" with "surrogatepass" decodes it. */
static int
is_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (*at < 0x80) {
            uint64_t eight;
            while (end - at >= 8) {
                memcpy(&eight, at, 8);
                if (eight & UINT64_C(0x8080808080808080)) {
                    break;
                }
                at += 8;
            }
            while (at < end && *at < 0x80) {
                at++;
            }
            continue;
        }
        uint8_t lead = *at++;
        int more = lead >= 0xC2 && lead <= 0xDF ? 1 : (lead & 0xF0) == 0xE0 ? 2
            : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
        if (more == 0 || end - at < more) {
            return 0;
        }
        /* No overlong form, nothing past U+10FFFF. */
        uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint8_t most = lead == 0xF4 ? 0x8F : 0xBF;
        if (*at < least || *at > most) {
            return 0;
        }
        at++;
        while (--more > 0) {
            if ((*at++ & 0xC0) != 0x80) {
                return 0;
            }
        }
    }
    return 1;
}

static int
skip_text(Scanner *self, Cursor *cursor)
{
    uint64_t size;
    if (read_uv(self, cursor, &size) < 0 || skip(self, cursor, size) < 0) {
        return -1;
    }
    return is_text(cursor->at - size, cursor->at) ? 0 : fail(self, "a text is not UTF-8");
}

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
ask_table(Scanner *self, Table *table, uint64_t number, const char *what)
{
    PyObject *key = PyLong_FromUnsignedLongLong(number);
    if (key == NULL) {
        return -1;
    }
    int found = PyDict_Contains(table->dict, key);
    Py_DECREF(key);
    if (found < 0) {
        return -1;
    }
    if (!found) {
        return fail(self, "%s %llu is not defined", what, (unsigned long long)number);
    }
    if (number < CACHED_NUMBERS) {
        table->known[number / 8] |= (uint8_t)(1 << number % 8);
    }
    return 0;
}

static inline int
must_know(Scanner *self, Table *table, uint64_t number, const char *what)
{
    /* A definition is never taken back, so a bit that is set stays right. */
    if (number < CACHED_NUMBERS && table->known[number / 8] >> number % 8 & 1) {
        return 0;
    }
    return ask_table(self, table, number, what);
}

static inline int
skip_known(Scanner *self, Cursor *cursor, Table *table, const char *what)
{
    uint64_t number;
    return read_uv(self, cursor, &number) < 0 ? -1 : must_know(self, table, number, what);
}

/* Values. */

/* Skip the body of a scalar. */
static int
skip_scalar(Scanner *self, Cursor *cursor, uint8_t tag)
{
    uint64_t size;
    uint8_t sign;
    switch (tag) {
    case TAG_INT:
        return skip_uv(self, cursor);
    case TAG_BIG_INT:
        if (read_byte(self, cursor, &sign) < 0 || read_uv(self, cursor, &size) < 0) {
            return -1;
        }
        if (size > MAX_INT_BYTES) {
            return fail(self, "an int is larger than any that is recorded");
        }
        return skip(self, cursor, size);
    case TAG_HUGE_INT:
        return read_byte(self, cursor, &sign) < 0 ? -1 : skip_uv(self, cursor);
    case TAG_FLOAT:
        return skip(self, cursor, 8);
    case TAG_COMPLEX:
        return skip(self, cursor, 16);
    case TAG_STR_CUT:
        return skip_uv(self, cursor) < 0 ? -1 : skip_text(self, cursor);
    case TAG_STR:
        return skip_text(self, cursor);
    case TAG_BYTES_CUT:
        return skip_uv(self, cursor) < 0 ? -1 : skip_sized(self, cursor);
    case TAG_BYTES:
        return skip_sized(self, cursor);
    default: /* None, True, False */
        return 0;
    }
}

/* Skip a value without a look at what it refers to: `EventDecoder._pass_over`. */
static int
skip_value(Scanner *self, Cursor *cursor, int depth)
{
    if (depth > MAX_NESTING) {
        return fail(self, "a value is nested too deep");
    }
    /* Each count is at most the bytes that are left, 2 ** 26 or so: their sum cannot overflow. */
    uint64_t left = 1, count;
    while (left > 0) {
        uint8_t tag = 0, reason = 0;
        left--;
        if (read_byte(self, cursor, &tag) < 0) {
            return -1;
        }
        if (tag <= TAG_BYTES_CUT) {
            if (skip_scalar(self, cursor, tag) < 0) {
                return -1;
            }
            continue;
        }
        if (skip_uv(self, cursor) < 0) {
            return -1;
        }
        if (tag == TAG_REDACTED) {
            continue;
        }
        if (skip_uv(self, cursor) < 0) {
            return -1;
        }
        switch (tag) {
        case TAG_TEXT:
        case TAG_SUBCLASS:
            left++;
            break;
        case TAG_OPAQUE:
            if (read_byte(self, cursor, &reason) < 0) {
                return -1;
            }
            break;
        case TAG_SEQUENCE:
        case TAG_MAPPING:
        case TAG_OBJECT:
            if (skip_uv(self, cursor) < 0 || read_byte(self, cursor, &reason) < 0
                || read_count(self, cursor, &count) < 0) {
                return -1;
            }
            if (tag != TAG_OBJECT) {
                left += tag == TAG_SEQUENCE ? count : 2 * count;
                break;
            }
            for (; count > 0; count--) {
                if (skip_uv(self, cursor) < 0 || skip_value(self, cursor, depth + 1) < 0) {
                    return -1;
                }
            }
            break;
        default:
            return fail(self, "unknown value %d", tag);
        }
    }
    return 0;
}

static int
check_reason(Scanner *self, uint8_t reason)
{
    return reason >= 1 && reason < REASON_END ? 0 : fail(self, "unknown reason %d", reason);
}

/* Skip a value with all that `EventDecoder.value` checks. Gives 1 if its JSON form has a text as
 * "value", 0 if not. */
static int
check_value(Scanner *self, Cursor *cursor, int depth)
{
    uint8_t tag = 0, reason = 0;
    uint64_t count = 0;
    if (depth > MAX_NESTING) {
        return fail(self, "a value is nested too deep");
    }
    if (read_byte(self, cursor, &tag) < 0) {
        return -1;
    }
    if (tag <= TAG_BYTES_CUT) {
        if (skip_scalar(self, cursor, tag) < 0) {
            return -1;
        }
        if (tag == TAG_FLOAT) {
            /* "nan", "inf" and "-inf" are texts: all bits of the exponent are set. */
            const uint8_t *last = cursor->at - 1;
            return (last[0] & 0x7F) == 0x7F && (last[-1] & 0xF0) == 0xF0;
        }
        return tag >= TAG_COMPLEX;
    }
    if (skip_known(self, cursor, &self->types, "type") < 0) {
        return -1;
    }
    if (tag == TAG_REDACTED) {
        return 0;
    }
    if (skip_uv(self, cursor) < 0) {
        return -1;
    }
    switch (tag) {
    case TAG_TEXT:
    case TAG_SUBCLASS:
        return check_value(self, cursor, depth + 1);
    case TAG_OPAQUE:
        return read_byte(self, cursor, &reason) < 0 ? -1 : check_reason(self, reason);
    case TAG_SEQUENCE:
    case TAG_MAPPING:
    case TAG_OBJECT:
        break;
    default:
        return fail(self, "unknown value %d", tag);
    }
    if (skip_uv(self, cursor) < 0 || read_byte(self, cursor, &reason) < 0
        || read_count(self, cursor, &count) < 0) {
        return -1;
    }
    for (; count > 0; count--) {
        if (tag == TAG_OBJECT && skip_known(self, cursor, &self->names, "name") < 0) {
            return -1;
        }
        if (tag == TAG_MAPPING && check_value(self, cursor, depth + 1) < 0) {
            return -1;
        }
        if (check_value(self, cursor, depth + 1) < 0) {
            return -1;
        }
    }
    return reason == 0 ? 0 : check_reason(self, reason);
}

static int
skip_pairs(Scanner *self, Cursor *cursor)
{
    uint64_t count;
    if (read_count(self, cursor, &count) < 0) {
        return -1;
    }
    for (; count > 0; count--) {
        if (skip_known(self, cursor, &self->names, "name") < 0
            || skip_value(self, cursor, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Frames and rows. */

static inline uint64_t
mix(uint64_t key)
{
    /* The finalizer of splitmix64. */
    key = (key ^ key >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    key = (key ^ key >> 27) * UINT64_C(0x94D049BB133111EB);
    return key ^ key >> 31;
}

static inline uint32_t *
map_slot(const Scanner *self, const Map *map, uint64_t key)
{
    size_t at = (size_t)mix(key ^ self->seed) & (map->slots - 1);
    while (map->places[at] != 0 && map->keys[at] != key) {
        at = (at + 1) & (map->slots - 1);
    }
    return &map->places[at];
}

static void
map_release(Map *map)
{
    PyMem_Free(map->keys);
    PyMem_Free(map->places);
    memset(map, 0, sizeof *map);
}

static int
map_grow(Scanner *self, Map *map)
{
    Map larger = {NULL, NULL, map->slots ? map->slots * 2 : 256, map->used};
    larger.keys = PyMem_Calloc(larger.slots, sizeof *larger.keys);
    larger.places = PyMem_Calloc(larger.slots, sizeof *larger.places);
    if (larger.keys == NULL || larger.places == NULL) {
        map_release(&larger);
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < map->slots; at++) {
        if (map->places[at] != 0) {
            uint32_t *place = map_slot(self, &larger, map->keys[at]);
            *place = map->places[at];
            larger.keys[place - larger.places] = map->keys[at];
        }
    }
    map_release(map);
    *map = larger;
    return 0;
}

/* Give the index of a key, or -1 where there is none; no exception is set. */
static int64_t
map_get(const Scanner *self, const Map *map, uint64_t key)
{
    return map->slots ? (int64_t)*map_slot(self, map, key) - 1 : -1;
}

static int
map_put(Scanner *self, Map *map, uint64_t key, size_t index)
{
    if (2 * (map->used + 1) > map->slots && map_grow(self, map) < 0) {
        return -1;
    }
    uint32_t *place = map_slot(self, map, key);
    map->keys[place - map->places] = key;
    *place = (uint32_t)index + 1;
    map->used++;
    return 0;
}

/* Make room for one more item; a table never holds more than 2 ** 30 of them. */
static int
make_room(void **items, size_t *room, size_t count, size_t size)
{
    if (count < *room) {
        return 0;
    }
    size_t wanted = *room ? *room * 2 : 128;
    void *larger = wanted <= (size_t)1 << 30 ? PyMem_Realloc(*items, wanted * size) : NULL;
    if (larger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *items = larger;
    *room = wanted;
    return 0;
}

static void
forget_frames(Scanner *self)
{
    self->frame_count = 0;
    if (self->frame_of.used > KEPT_FRAMES) {
        PyMem_Free(self->frames);
        self->frames = NULL;
        self->frame_room = 0;
        map_release(&self->frame_of);
    }
    else if (self->frame_of.used > 0) {
        memset(self->frame_of.places, 0, self->frame_of.slots * sizeof(uint32_t));
        self->frame_of.used = 0;
    }
}

/* Give a frame of the block, made where the block does not know it; NULL with an exception set. */
static Frame *
take_frame(Scanner *self, uint64_t number)
{
    int64_t index = map_get(self, &self->frame_of, number);
    if (index < 0) {
        index = (int64_t)self->frame_count;
        if (make_room((void **)&self->frames, &self->frame_room, self->frame_count,
                      sizeof(Frame)) < 0
            || map_put(self, &self->frame_of, number, (size_t)index) < 0) {
            return NULL;
        }
        self->frame_count++;
        self->frames[index].number = number;
        self->frames[index].row = NO_ROW_YET;
    }
    return &self->frames[index];
}

/* Frames begin in the order of their numbers: then the rows are in that order too, and nothing is
   hashed. From the first one that is not on, `row_of` holds all of them. */
static int64_t
row_with(const Scanner *self, uint64_t number)
{
    if (self->row_of.slots != 0) {
        return map_get(self, &self->row_of, number);
    }
    size_t low = 0, high = self->row_count;
    if (high == 0 || number > self->rows[high - 1].number) {
        return -1;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->rows[middle].number < number) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return self->rows[low].number == number ? (int64_t)low : -1;
}

/* What `row_with` needs for the row that comes next. */
static int
prepare_row(Scanner *self, uint64_t number)
{
    if (self->row_of.slots == 0) {
        if (self->row_count == 0 || number > self->rows[self->row_count - 1].number) {
            return 0;
        }
        for (size_t at = 0; at < self->row_count; at++) {
            if (map_put(self, &self->row_of, self->rows[at].number, at) < 0) {
                return -1;
            }
        }
    }
    return map_put(self, &self->row_of, number, self->row_count);
}

static int
find_row(Scanner *self, Frame *frame, uint64_t event)
{
    int64_t found = row_with(self, frame->number);
    if (found < 0) {
        if (self->row_count >= self->most_calls) {
            self->is_cut = 1;
            frame->row = NO_ROW_EVER;
            return 0;
        }
        if (make_room((void **)&self->rows, &self->row_room, self->row_count, sizeof(Row)) < 0
            || prepare_row(self, frame->number) < 0) {
            return -1;
        }
        found = (int64_t)self->row_count++;
        Row *row = &self->rows[found];
        row->number = frame->number;
        row->parent = frame->parent;
        row->code = frame->code;
        row->first = event;
        row->end = END_OPEN;
    }
    frame->row = (int32_t)found;
    return 0;
}

/* Records. */

typedef struct {
    uint64_t type;
    const uint8_t *message, *end;
} Exception;

static int
read_exception(Scanner *self, Cursor *cursor, Exception *exception)
{
    if (read_uv(self, cursor, &exception->type) < 0
        || must_know(self, &self->types, exception->type, "type") < 0
        || skip_uv(self, cursor) < 0) {
        return -1;
    }
    exception->message = cursor->at;
    int has_text = check_value(self, cursor, 0);
    exception->end = cursor->at;
    if (has_text == 0) {
        return fail(self, "the message of an exception is no text");
    }
    return has_text < 0 ? -1 : 0;
}

static int
keep_exception(Scanner *self, uint64_t event, uint64_t frame, const Exception *exception)
{
    if (PyList_Size(self->raised) >= self->most_exceptions) {
        return 0;
    }
    /* No `y#`: what stands for a `#` depends on the version of Python that this is built with. */
    PyObject *message = PyBytes_FromStringAndSize(
        (const char *)exception->message, (Py_ssize_t)(exception->end - exception->message));
    if (message == NULL) {
        return -1;
    }
    PyObject *found = Py_BuildValue("(KKKN)", (unsigned long long)event,
                                    (unsigned long long)frame,
                                    (unsigned long long)exception->type, message);
    int result = found == NULL ? -1 : PyList_Append(self->raised, found);
    Py_XDECREF(found);
    return result;
}

static int
read_gap(Scanner *self, Cursor *cursor, uint64_t *dropped)
{
    if (skip_uv(self, cursor) < 0 || read_uv(self, cursor, dropped) < 0) {
        return -1;
    }
    return skip_known(self, cursor, &self->names, "name");
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
skip_span(Scanner *self, Cursor *cursor)
{
    if (skip_uv(self, cursor) < 0 || skip_uv(self, cursor) < 0
        || skip_word(self, cursor, PHASE_COUNT) < 0 || skip_word(self, cursor, EDGE_COUNT) < 0
        || skip_text(self, cursor) < 0) {
        return -1;
    }
    return skip_text(self, cursor);
}

static Frame *
take_call(Scanner *self, Cursor *cursor)
{
    uint64_t number, code, parent;
    if (read_uv(self, cursor, &number) < 0 || read_uv(self, cursor, &code) < 0
        || skip_uv(self, cursor) < 0 || read_uv(self, cursor, &parent) < 0
        || must_know(self, &self->codes, code, "code") < 0 || skip_uv(self, cursor) < 0) {
        return NULL;
    }
    Frame *frame = take_frame(self, number);
    if (frame != NULL) {
        frame->parent = parent;
        frame->code = code;
        frame->has_code = 1;
    }
    return frame != NULL && skip_pairs(self, cursor) == 0 ? frame : NULL;
}

static Frame *
take_introduction(Scanner *self, Cursor *cursor)
{
    uint64_t number, code, parent;
    if (read_uv(self, cursor, &number) < 0 || read_uv(self, cursor, &code) < 0
        || skip_uv(self, cursor) < 0 || read_uv(self, cursor, &parent) < 0
        || skip_uv(self, cursor) < 0
        || (code != 0 && must_know(self, &self->codes, code, "code") < 0)) {
        return NULL;
    }
    Frame *frame = take_frame(self, number);
    if (frame != NULL) {
        frame->parent = parent;
        frame->code = code;
        frame->has_code = code != 0;
    }
    return frame;
}

/* Skip the body of an event that belongs to the current frame, after its line. */
static int
skip_body(Scanner *self, Cursor *cursor, int op, Exception *exception)
{
    if (op == OP_LINE) {
        return 0;
    }
    if (skip_uv(self, cursor) < 0) {
        return -1;
    }
    switch (op) {
    case OP_RETURN:
    case OP_YIELD:
        return skip_value(self, cursor, 0);
    case OP_THROW:
    case OP_RAISE:
    case OP_UNWIND:
        return read_exception(self, cursor, exception);
    case OP_OUTPUT:
        if (skip_word(self, cursor, STREAM_COUNT) < 0) {
            return -1;
        }
        return check_value(self, cursor, 0) < 0 ? -1 : 0;
    case OP_LOG:
        if (skip_known(self, cursor, &self->names, "name") < 0
            || skip_known(self, cursor, &self->names, "name") < 0) {
            return -1;
        }
        return check_value(self, cursor, 0) < 0 ? -1 : 0;
    default: /* resume */
        return 0;
    }
}

static int
skip_changes(Scanner *self, Cursor *cursor)
{
    uint64_t count;
    if (skip_pairs(self, cursor) < 0 || read_count(self, cursor, &count) < 0) {
        return -1;
    }
    for (; count > 0; count--) {
        if (skip_known(self, cursor, &self->names, "name") < 0) {
            return -1;
        }
    }
    return 0;
}

static int
take_event(Scanner *self, Frame *frame, int op, uint64_t event, const Exception *exception)
{
    if (frame->row == NO_ROW_YET && find_row(self, frame, event) < 0) {
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
        return keep_exception(self, event, frame->number, exception);
    }
    return 0;
}

/* Walk the records of a block; `*event` is the number of the next event. */
static int
walk(Scanner *self, Cursor *cursor, uint64_t *event)
{
    Frame *current = NULL;
    Exception exception = {0, NULL, NULL};
    uint64_t number, dropped = 0;
    int64_t index;
    while (cursor->at < cursor->end) {
        uint8_t head = *cursor->at++;
        int op = head & OP_MASK;
        int has_frame = 0;
        switch (op) {
        case OP_SWITCH:
            if (read_uv(self, cursor, &number) < 0) {
                return -1;
            }
            index = map_get(self, &self->frame_of, number);
            if (index < 0) {
                return fail(self, "frame %llu is not defined", (unsigned long long)number);
            }
            current = &self->frames[index];
            continue;
        case OP_FRAME:
            current = take_introduction(self, cursor);
            if (current == NULL) {
                return -1;
            }
            continue;
        case OP_STATE:
            /* Python evaluates the right side first. */
            if (skip_pairs(self, cursor) < 0) {
                return -1;
            }
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            continue;
        case OP_CALL:
            current = take_call(self, cursor);
            if (current == NULL) {
                return -1;
            }
            has_frame = 1;
            break;
        case OP_SPAN:
            if (skip_span(self, cursor) < 0) {
                return -1;
            }
            break;
        case OP_GAP:
            if (read_gap(self, cursor, &dropped) < 0) {
                return -1;
            }
            break;
        case OP_LINE:
        case OP_RETURN:
        case OP_YIELD:
        case OP_RESUME:
        case OP_THROW:
        case OP_RAISE:
        case OP_UNWIND:
        case OP_OUTPUT:
        case OP_LOG:
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            if (skip_uv(self, cursor) < 0 || skip_body(self, cursor, op, &exception) < 0) {
                return -1;
            }
            has_frame = 1;
            break;
        default:
            return fail(self, "unknown record %d", op);
        }
        if (head & OP_CHANGES) {
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            if (skip_changes(self, cursor) < 0) {
                return -1;
            }
        }
        /* Only now: an event with a fault anywhere in it has not happened. */
        if (op == OP_GAP && add_dropped(self, dropped) < 0) {
            return -1;
        }
        if (has_frame && current->has_code
            && take_event(self, current, op, *event, &exception) < 0) {
            return -1;
        }
        ++*event;
    }
    return 0;
}

/* The type. */

PyDoc_STRVAR(feed_doc,
"feed(data, first)\n--\n\n"
"Take in the events of a block, the first of which has the number `first`; give their number.");

static PyObject *
scanner_feed(PyObject *object, PyObject *arguments)
{
    Scanner *self = (Scanner *)object;
    Py_buffer data;
    unsigned long long first;
    if (!PyArg_ParseTuple(arguments, "y*K:feed", &data, &first)) {
        return NULL;
    }
    Cursor cursor = {data.buf, (const uint8_t *)data.buf + data.len};
    uint64_t event = first;
    int result = walk(self, &cursor, &event);
    forget_frames(self);
    PyBuffer_Release(&data);
    return result < 0 ? NULL : PyLong_FromUnsignedLongLong(event - first);
}

PyDoc_STRVAR(rows_doc,
"rows()\n--\n\n"
"Give the rows as lists.");

static PyObject *
scanner_rows(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    PyObject *rows = PyList_New((Py_ssize_t)self->row_count);
    if (rows == NULL) {
        return NULL;
    }
    for (size_t at = 0; at < self->row_count; at++) {
        const Row *row = &self->rows[at];
        PyObject *made = Py_BuildValue(
            "[KKKKKi]", (unsigned long long)row->number, (unsigned long long)row->parent,
            (unsigned long long)row->code, (unsigned long long)row->first,
            (unsigned long long)row->last, row->end);
        if (made == NULL || PyList_SetItem(rows, (Py_ssize_t)at, made) < 0) {
            Py_DECREF(rows);
            return NULL;
        }
    }
    return rows;
}

/* Six numbers of at most 20 characters, and what stands between them. */
#define MOST_STEP_CHARS 136

static char *
write_number(char *at, uint64_t bits)
{
    char digits[20];
    int count = 0;
    if (bits >> 63) {
        *at++ = '-';
        bits = 0 - bits;
    }
    do {
        digits[count++] = (char)('0' + bits % 10);
        bits /= 10;
    } while (bits > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

PyDoc_STRVAR(steps_doc,
"steps()\n--\n\n"
"Give the rows as JSON, each as its difference to the row before: `skeleton.steps_of`.");

static PyObject *
scanner_steps(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    if (self->row_count > (size_t)PY_SSIZE_T_MAX / MOST_STEP_CHARS - 1) {
        return PyErr_NoMemory();
    }
    char *text = PyMem_Malloc(self->row_count * MOST_STEP_CHARS + 3);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    char *at = text;
    uint64_t frame = 0, first = 0;
    *at++ = '[';
    for (size_t index = 0; index < self->row_count; index++) {
        const Row *row = &self->rows[index];
        /* Modulo 2 ** 64; what is honest is small. */
        uint64_t numbers[] = {
            row->number - frame, row->number - row->parent, row->code, row->first - first,
            row->last - row->first, (uint64_t)row->end,
        };
        for (int column = 0; column < 6; column++) {
            *at++ = column == 0 ? '[' : ',';
            at = write_number(at, numbers[column]);
        }
        *at++ = ']';
        *at++ = ',';
        frame = row->number;
        first = row->first;
    }
    if (self->row_count > 0) {
        at--;
    }
    *at++ = ']';
    PyObject *steps = PyBytes_FromStringAndSize(text, at - text);
    PyMem_Free(text);
    return steps;
}

PyDoc_STRVAR(found_doc,
"found()\n--\n\n"
"Give exceptions as (event, frame, type, message as a value record), whether rows were left out,\n"
"and the sum of dropped events.");

static PyObject *
scanner_found(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    return Py_BuildValue("(OOO)", self->raised, self->is_cut ? Py_True : Py_False,
                         self->dropped);
}

static PyObject *
scanner_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *names, *types, *codes, *malformed;
    Py_ssize_t most_calls, most_exceptions;
    if (keywords != NULL && PyDict_Size(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "Scanner takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "O!O!O!Onn:Scanner", &PyDict_Type, &names, &PyDict_Type,
                          &types, &PyDict_Type, &codes, &malformed, &most_calls,
                          &most_exceptions)) {
        return NULL;
    }
    if (!PyExceptionClass_Check(malformed)) {
        PyErr_SetString(PyExc_TypeError, "malformed must be an exception class");
        return NULL;
    }
    if (most_calls < 0 || most_calls > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "most_calls must be from 0 to 2 ** 31 - 1");
        return NULL;
    }
    /* Strings are hashed with a key of the process: nobody can foretell which numbers collide. */
    PyObject *word = PyUnicode_FromString("pytest_recorder.tracefile._scan");
    Py_hash_t seed = word == NULL ? -1 : PyObject_Hash(word);
    Py_XDECREF(word);
    if (seed == -1) {
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Scanner *self = (Scanner *)allocate(type, 0); /* all zero */
    if (self == NULL) {
        return NULL;
    }
    self->names.dict = Py_NewRef(names);
    self->types.dict = Py_NewRef(types);
    self->codes.dict = Py_NewRef(codes);
    self->malformed = Py_NewRef(malformed);
    self->seed = (uint64_t)seed;
    self->most_calls = (size_t)most_calls;
    self->most_exceptions = most_exceptions;
    self->raised = PyList_New(0);
    self->dropped = PyLong_FromLong(0);
    if (self->raised == NULL || self->dropped == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
scanner_dealloc(PyObject *object)
{
    Scanner *self = (Scanner *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->names.dict);
    Py_XDECREF(self->types.dict);
    Py_XDECREF(self->codes.dict);
    Py_XDECREF(self->malformed);
    Py_XDECREF(self->raised);
    Py_XDECREF(self->dropped);
    PyMem_Free(self->rows);
    PyMem_Free(self->frames);
    map_release(&self->row_of);
    map_release(&self->frame_of);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef scanner_methods[] = {
    {"feed", scanner_feed, METH_VARARGS, feed_doc},
    {"rows", scanner_rows, METH_NOARGS, rows_doc},
    {"steps", scanner_steps, METH_NOARGS, steps_doc},
    {"found", scanner_found, METH_NOARGS, found_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(scanner_doc,
"Scanner(names, types, codes, malformed, most_calls, most_exceptions, /)\n--\n\n"
"Collects the call skeleton of a trace; `malformed` is raised for bytes that are no records.");

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, (void *)scanner_doc},
    {Py_tp_new, (void *)scanner_new},
    {Py_tp_dealloc, (void *)scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {0, NULL},
};

static PyType_Spec scanner_spec = {
    .name = "pytest_recorder.tracefile._scan.Scanner",
    .basicsize = sizeof(Scanner),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = scanner_slots,
};

static int
scan_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &scanner_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot scan_slots[] = {
    {Py_mod_exec, (void *)scan_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef scan_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.tracefile._scan",
    .m_doc = "Walks event records in C; `scan.py` says what for.",
    .m_size = 0,
    .m_slots = scan_slots,
};

PyMODINIT_FUNC
PyInit__scan(void)
{
    return PyModuleDef_Init(&scan_module);
}
