/* Finds the objects in the records of a block, and what refers to them: the fast twin of `_Scan` in
 * format/object_scan.py, which is the oracle of its tests and says what the columns are.
 *
 * A fault is no error here: what comes before it is given. The columns belong to the call, and go
 * with it.
 */

#include "scan_bytes.h"

#include <stddef.h>

enum { TOLD, CHANGED, IN_VARIABLE, IN_OBJECT, AS_RESULT, AS_EXCEPTION };

typedef struct {
    uint64_t number, holder;
    uint32_t event, place;
    uint8_t how;
} Sighting;

typedef struct {
    uint64_t frame, line; /* the line is signed, and wraps */
    uint8_t kind;
} Happened;

/* What a record says of a frame from an event on. */
typedef struct {
    uint64_t frame, event, levels;
} FrameLevels;

typedef struct {
    Scanner *self;
    Cursor cursor;
    const uint8_t *data;
    uint64_t most_events, most_sightings;
    Happened *events;
    size_t event_count, event_room;
    Sighting *sightings;
    size_t sighting_count, sighting_room;
    FrameLevels *levels;
    size_t level_count, level_room;
    int is_cut;
} Walk;

static int
put(Walk *walk, uint64_t number, uint8_t how, uint64_t holder, size_t place)
{
    if (walk->sighting_count >= walk->most_sightings) {
        walk->is_cut = 1;
        return 0;
    }
    if (scan_make_room((void **)&walk->sightings, &walk->sighting_room, walk->sighting_count,
                       sizeof(Sighting)) < 0) {
        return -1;
    }
    walk->sightings[walk->sighting_count++] =
        (Sighting){number, holder, (uint32_t)walk->event_count, (uint32_t)place, how};
    return 0;
}

static int
is_numbered(uint8_t tag)
{
    return (tag >= TAG_SEQUENCE && tag <= TAG_OBJECT) || tag == TAG_TEXT || tag == TAG_SUBCLASS
        || tag == TAG_OPAQUE;
}

static int walk_parts(Walk *walk, int has_names, int width, uint64_t number, int depth);

/* What a value has behind its type and number. */
static int
walk_inside(Walk *walk, uint8_t tag, uint64_t number, int depth)
{
    Scanner *self = walk->self;
    uint8_t byte;
    if (tag == TAG_TEXT || tag == TAG_SUBCLASS) {
        return scan_skip_value(self, &walk->cursor, depth + 1);
    }
    if (tag == TAG_OPAQUE) {
        return read_byte(self, &walk->cursor, &byte);
    }
    if (skip_uv(self, &walk->cursor) < 0 || read_byte(self, &walk->cursor, &byte) < 0) {
        return -1;
    }
    return walk_parts(walk, tag == TAG_OBJECT, tag == TAG_MAPPING ? 2 : 1, number, depth);
}

/* A value that stands somewhere: an object in it is a sighting. */
static int
walk_value(Walk *walk, uint8_t how, uint64_t holder, int depth)
{
    Scanner *self = walk->self;
    Cursor *cursor = &walk->cursor;
    size_t place = how == IN_OBJECT ? 0 : (size_t)(cursor->at - walk->data);
    uint64_t number;
    uint8_t tag = 0;
    if (read_byte(self, cursor, &tag) < 0) {
        return -1;
    }
    if (tag == TAG_REFERENCE) {
        return read_uv(self, cursor, &number) < 0 ? -1 : put(walk, number, how, holder, 0);
    }
    if (!is_numbered(tag)) {
        cursor->at--;
        return scan_skip_value(self, cursor, depth);
    }
    if (depth > MAX_NESTING) {
        return fail(self, "a value is nested too deep");
    }
    if (skip_uv(self, cursor) < 0 || read_uv(self, cursor, &number) < 0
        || put(walk, number, how, holder, place) < 0) {
        return -1;
    }
    return walk_inside(walk, tag, number, depth);
}

static int
walk_parts(Walk *walk, int has_names, int width, uint64_t number, int depth)
{
    Scanner *self = walk->self;
    uint64_t count;
    if (read_count(self, &walk->cursor, &count) < 0) {
        return -1;
    }
    for (; count > 0; count--) {
        if (has_names && skip_uv(self, &walk->cursor) < 0) {
            return -1;
        }
        for (int left = width; left > 0; left--) {
            if (walk_value(walk, IN_OBJECT, number, depth + 1) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static int
walk_pairs(Walk *walk)
{
    Scanner *self = walk->self;
    uint64_t count, name;
    if (read_count(self, &walk->cursor, &count) < 0) {
        return -1;
    }
    for (; count > 0; count--) {
        if (read_uv(self, &walk->cursor, &name) < 0
            || walk_value(walk, IN_VARIABLE, name, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
walk_whole(Walk *walk, size_t start)
{
    Scanner *self = walk->self;
    uint64_t kind, number;
    uint8_t tag = 0;
    if (read_byte(self, &walk->cursor, &tag) < 0) {
        return -1;
    }
    if (!is_numbered(tag)) {
        return fail(self, "a record of an object holds none");
    }
    if (read_uv(self, &walk->cursor, &kind) < 0 || read_uv(self, &walk->cursor, &number) < 0
        || put(walk, number, TOLD, kind, start) < 0) {
        return -1;
    }
    return walk_inside(walk, tag, number, 0);
}

static int
walk_splice(Walk *walk, int op, size_t start)
{
    Scanner *self = walk->self;
    Cursor *cursor = &walk->cursor;
    uint64_t number;
    uint8_t byte;
    if (read_uv(self, cursor, &number) < 0 || put(walk, number, CHANGED, 0, start) < 0
        || skip_uv(self, cursor) < 0 || read_byte(self, cursor, &byte) < 0
        || read_byte(self, cursor, &byte) < 0 || skip_uv(self, cursor) < 0
        || skip_uv(self, cursor) < 0) {
        return -1;
    }
    return walk_parts(walk, op == OP_ATTRIBUTES, op == OP_ENTRIES ? 2 : 1, number, 0);
}

static int
walk_levels(Walk *walk)
{
    Scanner *self = walk->self;
    uint64_t frame, levels;
    if (read_uv(self, &walk->cursor, &frame) < 0 || read_uv(self, &walk->cursor, &levels) < 0) {
        return -1;
    }
    if (walk->level_count >= MAX_BLOCK_FRAMES) {
        return fail(self, TOO_MANY_LEVELS);
    }
    if (scan_make_room((void **)&walk->levels, &walk->level_room, walk->level_count,
                       sizeof(FrameLevels)) < 0) {
        return -1;
    }
    walk->levels[walk->level_count++] = (FrameLevels){frame, walk->event_count, levels};
    return 0;
}

/* Give the first line of a code object. */
static int
first_line(Scanner *self, PyObject *lines, uint64_t code, uint64_t *line)
{
    PyObject *key = PyLong_FromUnsignedLongLong(code);
    PyObject *found = key == NULL ? NULL : PyDict_GetItemWithError(lines, key);
    Py_XDECREF(key);
    if (found == NULL) {
        return PyErr_Occurred() != NULL ? -1
            : fail(self, "code %llu is not defined", (unsigned long long)code);
    }
    *line = PyLong_AsUnsignedLongLongMask(found);
    return *line == (uint64_t)-1 && PyErr_Occurred() != NULL ? -1 : 0;
}

/* FRAME and CALL, behind their first byte. */
static Frame *
walk_frame(Walk *walk, int op, PyObject *lines)
{
    Scanner *self = walk->self;
    Cursor *cursor = &walk->cursor;
    uint64_t number, code, parent, other; /* a line, or a time */
    if (read_uv(self, cursor, &number) < 0 || read_uv(self, cursor, &code) < 0
        || skip_uv(self, cursor) < 0 || read_uv(self, cursor, &parent) < 0) {
        return NULL;
    }
    Frame *frame = scan_take_frame(self, number);
    if (frame == NULL) {
        return NULL;
    }
    frame->code = code;
    frame->parent = parent;
    if (self->frame_count > MAX_BLOCK_FRAMES) {
        (void)fail(self, "a block has more frames than one may have");
        return NULL;
    }
    if (read_uv(self, cursor, &other) < 0) {
        return NULL;
    }
    if (op == OP_FRAME) {
        frame->line = other;
        return frame;
    }
    if (first_line(self, lines, code, &frame->line) < 0) {
        return NULL;
    }
    return walk_pairs(walk) < 0 ? NULL : frame;
}

static int
skip_rest(Walk *walk, const char *fields)
{
    Scanner *self = walk->self;
    for (const char *field = fields; *field != '\0'; field++) {
        int result = strchr("vtx", *field) != NULL ? scan_skip_value(self, &walk->cursor, 0)
            : skip_plain(self, &walk->cursor, *field);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

#define ROW(name, fields, is_an_event) [OP_##name] = fields,
static const char *const FIELDS[] = {OP_ROWS(ROW)};
#undef ROW
#define ROW(name, fields, is_an_event) [OP_##name] = is_an_event,
static const uint8_t IS_EVENT[] = {OP_ROWS(ROW)};
#undef ROW

/* What an operation has behind its line. */
static int
walk_fields(Walk *walk, int op, int is_here, size_t start)
{
    Scanner *self = walk->self;
    uint64_t number;
    switch (op) {
    case OP_OBJECT:
        return walk_whole(walk, start);
    case OP_ITEMS:
    case OP_ENTRIES:
    case OP_ATTRIBUTES:
        return walk_splice(walk, op, start);
    case OP_LEVELS:
        return walk_levels(walk);
    case OP_RETURN:
    case OP_YIELD:
        return skip_uv(self, &walk->cursor) < 0 ? -1 : walk_value(walk, AS_RESULT, 0, 0);
    case OP_THROW:
    case OP_RAISE:
    case OP_UNWIND:
        if (skip_uv(self, &walk->cursor) < 0 || skip_uv(self, &walk->cursor) < 0
            || read_uv(self, &walk->cursor, &number) < 0
            || put(walk, number, AS_EXCEPTION, 0, 0) < 0) {
            return -1;
        }
        return scan_skip_value(self, &walk->cursor, 0);
    default:
        return skip_rest(walk, FIELDS[op] + is_here);
    }
}

static int
walk_records(Walk *walk, PyObject *lines)
{
    Scanner *self = walk->self;
    Cursor *cursor = &walk->cursor;
    Frame *current = NULL;
    uint64_t number;
    while (cursor->at < cursor->end && walk->event_count < walk->most_events) {
        size_t start = (size_t)(cursor->at - walk->data);
        uint8_t head = *cursor->at++;
        int op = head & OP_MASK;
        if (op >= OP_END || FIELDS[op] == NULL) {
            return fail(self, "unknown record %d", op);
        }
        int is_here = *FIELDS[op] == 'L';
        if ((is_here || op == OP_STATE) && current == NULL) {
            return fail(self, "an event has no frame");
        }
        if (is_here) {
            if (read_uv(self, cursor, &number) < 0) {
                return -1;
            }
            current->line += number >> 1 ^ (0 - (number & 1));
        }
        if (op == OP_FRAME || op == OP_CALL) {
            is_here = op == OP_CALL;
            current = walk_frame(walk, op, lines);
            if (current == NULL) {
                return -1;
            }
        }
        else if (op == OP_SWITCH) {
            if (read_uv(self, cursor, &number) < 0) {
                return -1;
            }
            current = scan_known_frame(self, number);
            if (current == NULL) {
                return fail(self, "frame %llu is not defined", (unsigned long long)number);
            }
        }
        else if (op == OP_STATE ? walk_pairs(walk) < 0
                                : walk_fields(walk, op, is_here, start) < 0) {
            return -1;
        }
        if (!IS_EVENT[op]) {
            continue;
        }
        if (head & OP_CHANGES) {
            if (current == NULL) {
                return fail(self, "an event has no frame");
            }
            if (walk_pairs(walk) < 0 || read_count(self, cursor, &number) < 0) {
                return -1;
            }
            for (; number > 0; number--) {
                if (skip_uv(self, cursor) < 0) {
                    return -1;
                }
            }
        }
        if (scan_make_room((void **)&walk->events, &walk->event_room, walk->event_count,
                           sizeof(Happened)) < 0) {
            return -1;
        }
        walk->events[walk->event_count++] = is_here
            ? (Happened){current->number, current->line, (uint8_t)op}
            : (Happened){0, 0, (uint8_t)op};
    }
    return 0;
}

/* One column of a table, as the bytes of an array. */
static PyObject *
column(const void *rows, size_t count, size_t row_size, size_t offset, size_t size)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * size));
    char *to = made != NULL ? PyBytes_AsString(made) : NULL;
    if (to == NULL) {
        Py_XDECREF(made);
        return NULL;
    }
    const char *from = (const char *)rows + offset;
    for (size_t at = 0; at < count; at++) {
        memcpy(to + at * size, from + at * row_size, size);
    }
    return made;
}

#define COLUMN(rows, count, type, member)                               \
    column((rows), (count), sizeof(type), offsetof(type, member), sizeof((rows)->member))

PyObject *
scan_find_objects(Scanner *self, const uint8_t *data, size_t size, size_t start, PyObject *lines,
                  uint64_t most_events, uint64_t most_sightings)
{
    Walk walk = {.self = self, .cursor = {data + start, data + size}, .data = data,
                 .most_events = most_events, .most_sightings = most_sightings};
    PyObject *found = NULL;
    int result = walk_records(&walk, lines);
    if (result < 0 && PyErr_ExceptionMatches(self->malformed)) {
        PyErr_Clear();
        result = 0;
    }
    size_t kept = walk.sighting_count;
    /* Those of an event that did not come. */
    while (kept > 0 && walk.sightings[kept - 1].event == walk.event_count) {
        kept--;
    }
    if (result == 0) {
        found = Py_BuildValue(
            "(NNNNNNNNNNNNNNO)", COLUMN(walk.events, walk.event_count, Happened, frame),
            COLUMN(walk.events, walk.event_count, Happened, line),
            COLUMN(walk.events, walk.event_count, Happened, kind),
            COLUMN(walk.sightings, kept, Sighting, number),
            COLUMN(walk.sightings, kept, Sighting, event),
            COLUMN(walk.sightings, kept, Sighting, how),
            COLUMN(walk.sightings, kept, Sighting, holder),
            COLUMN(walk.sightings, kept, Sighting, place),
            COLUMN(self->frames, self->frame_count, Frame, number),
            COLUMN(self->frames, self->frame_count, Frame, code),
            COLUMN(self->frames, self->frame_count, Frame, parent),
            COLUMN(walk.levels, walk.level_count, FrameLevels, frame),
            COLUMN(walk.levels, walk.level_count, FrameLevels, event),
            COLUMN(walk.levels, walk.level_count, FrameLevels, levels),
            walk.is_cut ? Py_True : Py_False);
    }
    PyMem_Free(walk.events);
    PyMem_Free(walk.sightings);
    PyMem_Free(walk.levels);
    scan_forget_frames(self);
    return found;
}
