/* An event is made whole in scratch before anything of it goes into the segment. */

#include "records.h"
#include "definitions.h"
#include "losses.h"
#include "names.h"
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

static int
compare_since(const void *a, const void *b)
{
    uint32_t one = (*(KnownValue *const *)a)->since, other = (*(KnownValue *const *)b)->since;
    return one < other ? -1 : one > other;
}

/* All values that a frame has, in the order in which they came; also none, where it may have had some. */
static int
put_state(Hot *hot, Buffer *out, FrameState *state)
{
    KnownValue *few[64], **held = few;
    Code *code = state->code;
    int count = 0, status = 0;
    if (code->variables > 64) {
        held = PyMem_RawMalloc((size_t)code->variables * sizeof(KnownValue *));
        if (held == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    for (int i = 0; i < code->variables; i++) {
        if (state->values[i].since != 0) {
            held[count++] = &state->values[i];
        }
    }
    if (count > 0 || (state->block != 0 && code->variables > 0)) {
        qsort(held, (size_t)count, sizeof(KnownValue *), compare_since);
        put_byte(out, OP_STATE);
        put_uv(out, (uint64_t)count);
    }
    for (int i = 0; status == 0 && i < count; i++) {
        status = put_name(hot, out, code->texts[held[i] - state->values]);
        put_bytes(out, known_data(held[i]), held[i]->used);
    }
    if (held != few) {
        PyMem_RawFree(held);
    }
    return status;
}

/* Make a frame the current one; in a new segment with all that is known of it. */
static int
introduce(Hot *hot, FrameState *state)
{
    Buffer *out = &hot->event.prefix;
    buffer_begin(out);
    if (state->block == hot->spool.block) {
        put_byte(out, OP_SWITCH);
        put_uv(out, state->number);
        return buffer_check(out);
    }
    put_byte(out, OP_FRAME);
    put_uv(out, state->number);
    put_uv(out, state->code != NULL ? state->code->number : 0);
    put_uv(out, state->thread);
    put_uv(out, state->parent);
    put_uv(out, (uint64_t)state->line);
    if (hot->settings.level == LEVEL_VALUES && state->code != NULL &&
        put_state(hot, out, state) < 0) {
        return -1;
    }
    return buffer_check(out);
}

int
write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line)
{
    Buffer *prefix = &hot->event.prefix, *record = event_record(hot);
    const Buffer *changes = &hot->changes.found;
    if (write_gaps(hot, tstate) < 0) {
        return -1;
    }
    if (op != OP_RAISE && op != OP_UNWIND) {
        Thread *thread = thread_of(hot, tstate);
        if (thread == NULL) {
            return -1;
        }
        thread->unwound = NULL;
    }
    put_byte(record, changes->used > 0 ? op | OP_CHANGES : op);
    put_zz(record, (int64_t)line - state->line);
    put_bytes(record, hot->event.body.data, hot->event.body.used);
    put_bytes(record, changes->data, changes->used);
    buffer_begin(&hot->event.prefix);
    if (buffer_check(&hot->event.body) < 0 || buffer_check(record) < 0 ||
        (hot->spool.current != state && introduce(hot, state) < 0)) {
        return -1;
    }
    if (prefix->used + record->used > segments_room(hot)) {
        segments_turn_over(hot);
        if (introduce(hot, state) < 0 ||
            segments_next_events(hot, prefix->used + record->used) < 0) {
            return -1;
        }
    }
    segments_append(hot, prefix, record);
    event_written(hot, state, line);
    return 0;
}
