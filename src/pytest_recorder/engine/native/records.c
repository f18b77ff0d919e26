/* An event is made whole in scratch before anything of it goes into the segment. */

#include "records.h"
#include "clock.h"
#include "definitions.h"
#include "looks.h"
#include "losses.h"
#include "names.h"
#include "positions.h"
#include "secrets.h"
#include "segments.h"
#include "states.h"
#include "threads.h"

Buffer *
event_body(Hot *hot)
{
    buffer_begin(&hot->event.body);
    return &hot->event.body;
}

Buffer *
event_record(Hot *hot)
{
    buffer_begin(&hot->event.record);
    return &hot->event.record;
}

void
event_free(Hot *hot)
{
    buffer_free(&hot->event.prefix);
    buffer_free(&hot->event.record);
    buffer_free(&hot->event.body);
}

/* Write an event that needs no current frame. */
static int
write_bare(Hot *hot, Buffer *record)
{
    if (buffer_check(record) < 0) {
        return -1;
    }
    if (record->used > segments_room(hot)) {
        segments_turn_over(hot);
        if (segments_next_events(hot, record->used) < 0) {
            return -1;
        }
    }
    segments_append(hot, NULL, record);
    return 0;
}

int
write_record(Hot *hot)
{
    if (write_bare(hot, &hot->event.record) < 0) {
        return -1;
    }
    segments_set_written(hot, hot->clock.last_us);
    return 0;
}

static int
write_gap(Hot *hot, Thread *thread, PyObject *reason, PyObject *count, Buffer *record)
{
    Name *name = name_of(hot, &hot->texts.names, reason);
    uint32_t number;
    if (name == NULL || name_number(hot, name, &number) < 0) {
        return -1;
    }
    record->used = 0;
    put_byte(record, OP_GAP);
    put_uv(record, thread->number);
    put_uv(record, (uint64_t)PyLong_AsLongLong(count));
    put_uv(record, number);
    return write_bare(hot, record);
}

int
tell_losses(Hot *hot, PyThreadState *tstate)
{
    Thread *thread = thread_of(hot, tstate);
    PyObject *lost = thread != NULL ? losses_take(hot) : NULL;
    if (lost == NULL) {
        return -1;
    }
    Buffer record = {0}; /* the scratch is in use: an event waits there */
    PyObject *reason, *count;
    Py_ssize_t at = 0;
    int status = 0;
    while (status == 0 && PyDict_Next(lost, &at, &reason, &count)) {
        status = write_gap(hot, thread, reason, count, &record);
    }
    Py_DECREF(lost);
    buffer_free(&record);
    return status;
}

/* All values that a frame has; also none, where it may have had some. */
static int
put_state(Hot *hot, Buffer *out, FrameState *state)
{
    Code *code = state->code;
    int count = 0;
    for (int i = 0; i < code->variables; i++) {
        count += state->values[i].has_value;
    }
    if (count == 0 && (state->block == 0 || code->variables == 0)) {
        return 0;
    }
    put_byte(out, OP_STATE);
    put_uv(out, (uint64_t)count);
    for (int i = 0; i < code->variables; i++) {
        KnownValue *known = &state->values[i];
        if (known->has_value) {
            if (put_name(hot, out, code->texts[i]) < 0) {
                return -1;
            }
            put_bytes(out, known_data(known), known->used);
        }
    }
    return 0;
}

/* Where a frame shows another number of levels than the segment says. */
static void
put_levels(const Hot *hot, Buffer *out, const FrameState *state, int told)
{
    int levels = levels_of(hot, state);
    if (levels != told) {
        put_byte(out, OP_LEVELS);
        put_uv(out, state->number);
        put_uv(out, (uint64_t)levels);
    }
}

/* Make a frame the current one; in a new segment with all that is known of it, and in the same one where
 * another thread goes on with it. */
static int
introduce(Hot *hot, FrameState *state)
{
    Buffer *out = &hot->event.prefix;
    buffer_begin(out);
    int is_known = state->block == hot->spool.block;
    put_levels(hot, out, state, is_known ? state->levels_told : hot->settings.depth);
    if (is_known && state->thread == state->thread_told) {
        if (hot->spool.current != state) {
            put_byte(out, OP_SWITCH);
            put_uv(out, state->number);
        }
        return buffer_check(out);
    }
    put_byte(out, OP_FRAME);
    put_uv(out, state->number);
    put_uv(out, state->code != NULL ? state->code->number : 0);
    put_uv(out, state->thread);
    put_uv(out, state->parent);
    put_uv(out, (uint64_t)state->line);
    if (!is_known && hot->settings.level == LEVEL_VALUES && state->code != NULL &&
        put_state(hot, out, state) < 0) {
        return -1;
    }
    return buffer_check(out);
}

/* Put an event together from `event.body` and what a look has found. */
static int
put_event(Hot *hot, FrameState *state, int op, int line)
{
    Buffer *record = event_record(hot);
    const Buffer *changes = &hot->changes.found, *value = &hot->changes.value;
    if (introduce(hot, state) < 0) {
        return -1;
    }
    put_bytes(&hot->event.prefix, hot->looks.records.data, hot->looks.records.used);
    if (op == OP_RAISE || op == OP_UNWIND) {
        put_place(hot, record);
    }
    put_byte(record, changes->used > 0 ? op | OP_CHANGES : op);
    put_zz(record, (int64_t)line - state->line);
    put_bytes(record, hot->event.body.data, hot->event.body.used);
    put_bytes(record, value->data, value->used);
    put_bytes(record, changes->data, changes->used);
    return buffer_check(&hot->event.prefix) < 0 || buffer_check(record) < 0 ? -1 : 0;
}

/* Whether an event fits; else begin a segment for it, in which all is told anew: 0 then, or -1. */
static int
has_room(Hot *hot, int *is_new, size_t size)
{
    if (*is_new) {
        return segments_next_events(hot, size) < 0 ? -1 : 1;
    }
    if (size <= segments_room(hot)) {
        return 1;
    }
    segments_turn_over(hot);
    *is_new = 1;
    return 0;
}

int
write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line,
            const Looking *looking)
{
    int is_new = 0, found = 0;
    uint64_t redacted = hot->secrecy.redacted, looked = 0;
    if (write_gaps(hot, tstate) < 0 || buffer_check(&hot->event.body) < 0) {
        return -1;
    }
    if (op != OP_RAISE && op != OP_UNWIND) {
        Thread *thread = thread_of(hot, tstate);
        if (thread == NULL) {
            return -1;
        }
        thread->unwound = NULL;
    }
    while (found == 0) {
        redacted_set(hot, redacted);
        buffer_begin(&hot->looks.records);
        if (looking != NULL && looking->block != 0 && looking->block == hot->spool.block) {
            looked = looking->look;
        }
        else if (looking != NULL) {
            if (look_at_frame(hot, state, looking) < 0) {
                return -1;
            }
            looked = hot->looks.number;
        }
        if (put_event(hot, state, op, line) < 0) {
            return -1;
        }
        found = has_room(hot, &is_new, hot->event.prefix.used + hot->event.record.used);
    }
    if (found < 0) {
        return -1;
    }
    segments_append(hot, &hot->event.prefix, &hot->event.record);
    if (looked != 0) {
        state->looked = looked;
    }
    event_written(hot, state, line);
    return 0;
}

int
write_call(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState *state)
{
    int is_new = 0, found = 0;
    uint64_t redacted = hot->secrecy.redacted;
    Buffer *body = event_body(hot), *prefix = &hot->event.prefix;
    begin_event(hot, 0);
    if (put_time(hot, body) < 0 || buffer_check(body) < 0 || write_gaps(hot, tstate) < 0) {
        return -1;
    }
    while (found == 0) {
        redacted_set(hot, redacted);
        if (look_at_arguments(hot, frame, state) < 0) {
            return -1;
        }
        buffer_begin(prefix);
        put_levels(hot, prefix, state, hot->settings.depth);
        put_bytes(prefix, hot->looks.records.data, hot->looks.records.used);
        Buffer *record = event_record(hot);
        put_place(hot, record);
        put_byte(record, OP_CALL);
        put_uv(record, state->number);
        put_uv(record, state->code->number);
        put_uv(record, state->thread);
        put_uv(record, state->parent);
        put_bytes(record, hot->event.body.data, hot->event.body.used);
        put_bytes(record, hot->changes.found.data, hot->changes.found.used);
        if (buffer_check(prefix) < 0 || buffer_check(record) < 0) {
            return -1;
        }
        found = has_room(hot, &is_new, prefix->used + record->used);
    }
    if (found < 0) {
        return -1;
    }
    segments_append(hot, prefix, &hot->event.record);
    state->looked = hot->looks.number;
    event_written(hot, state, state->line);
    return 0;
}

int
write_objects(Hot *hot)
{
    if (hot->looks.records.used > segments_room(hot)) {
        return 0;
    }
    segments_append_objects(hot, &hot->looks.records);
    return 1;
}
