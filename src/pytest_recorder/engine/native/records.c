/* Writes what happens in frames as packed records: the twin of pure/hot_path.py, which explains the rules. */

#include "records.h"
#include "mix.h"

#include <time.h>

/* Who is inside. */

/* 1: inside. 0: the thread that is inside does not leave. -1: it is this one. */
int
hot_enter_slowly(Hot *hot, PyThreadState *tstate)
{
    struct timespec nap = {0, 200000};
    if (hot->owner == tstate) {
        return -1;
    }
    for (int tries = 0; tries < 5000; tries++) {
        Py_BEGIN_ALLOW_THREADS
        nanosleep(&nap, NULL);
        Py_END_ALLOW_THREADS
        if (hot->owner == NULL) {
            hot->owner = tstate;
            return 1;
        }
    }
    hot_lose(hot, "contended", 1);
    return 0;
}

static int
add_to(PyObject *counts, const char *reason, Py_ssize_t count)
{
    PyObject *old = PyDict_GetItemString(counts, reason);
    PyObject *sum = PyLong_FromSsize_t(count + (old != NULL ? PyLong_AsSsize_t(old) : 0));
    int status = sum == NULL ? -1 : PyDict_SetItemString(counts, reason, sum);
    Py_XDECREF(sum);
    return status;
}

int
hot_lose(Hot *hot, const char *reason, Py_ssize_t count)
{
    int status = add_to(hot->lost, reason, count);
    return status < 0 ? -1 : add_to(hot->losses, reason, count);
}

/* The spool. */

static int
refresh_lane(Hot *hot, Lane *lane, int kind)
{
    PyObject *place = PyObject_CallMethod(hot->sink, "lane", "i", kind);
    if (place == NULL) {
        return -1;
    }
    if (place == Py_None) {
        memset(lane, 0, sizeof(*lane));
        Py_DECREF(place);
        return 0;
    }
    Py_ssize_t start, at, end, events;
    int status = PyArg_ParseTuple(place, "nnnn", &start, &at, &end, &events) ? 0 : -1;
    Py_DECREF(place);
    if (status == 0) {
        lane->start = (size_t)start;
        lane->at = hot->map + at;
        lane->end = hot->map + end;
        lane->events = (uint32_t)events;
    }
    return status;
}

/* Before every call of the sink: a signal handler of the program's may end it halfway, and then
 * nobody knows where records may go. */
void
hot_leave_lanes(Hot *hot)
{
    memset(&hot->events, 0, sizeof(hot->events));
    memset(&hot->definitions, 0, sizeof(hot->definitions));
    hot->current = NULL;
}

/* After every call of the sink: it may have moved the map. */
int
hot_refresh_lanes(Hot *hot)
{
    FrameState *current = hot->current;
    hot_leave_lanes(hot);
    PyObject *map = PyObject_GetAttrString(hot->sink, "map");
    if (map == NULL) {
        return -1;
    }
    Py_buffer view;
    int status = PyObject_GetBuffer(map, &view, PyBUF_WRITABLE);
    Py_DECREF(map);
    if (status < 0) {
        return -1;
    }
    hot->map = view.buf;
    PyBuffer_Release(&view);
    Lane events = {0}, definitions = {0};
    if (refresh_lane(hot, &events, SEGMENT_EVENTS) < 0 ||
        refresh_lane(hot, &definitions, SEGMENT_DEFINITIONS) < 0) {
        return -1;
    }
    hot->events = events;
    hot->definitions = definitions;
    hot->current = current;
    return 0;
}

static inline size_t
room(const Hot *hot)
{
    return (size_t)(hot->events.end - hot->events.at);
}

static int
next_events(Hot *hot, size_t size)
{
    hot_leave_lanes(hot);
    PyObject *done = PyObject_CallMethod(hot->sink, "next_events", "nL", (Py_ssize_t)size,
                                         (long long)hot->written_us);
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    return hot_refresh_lanes(hot);
}

/* The record counts from the moment when the head of its segment covers it. */
static inline void
count_event(Hot *hot, Lane *lane)
{
    lane->events++;
    uint64_t used = (uint64_t)(lane->at - (hot->map + lane->start)) - SEGMENT_HEAD;
    uint64_t progress = used | (uint64_t)lane->events << 32;
    __atomic_store_n((uint64_t *)(hot->map + lane->start + SEGMENT_USED_AT), progress,
                     __ATOMIC_RELEASE);
}

static inline void
append(Hot *hot, const Buffer *prefix, const Buffer *record)
{
    Lane *lane = &hot->events;
    if (prefix->used > 0) {
        memcpy(lane->at, prefix->data, prefix->used);
        lane->at += prefix->used;
    }
    memcpy(lane->at, record->data, record->used);
    lane->at += record->used;
    count_event(hot, lane);
}

/* Time. */

int
put_time(Hot *hot, Buffer *out)
{
    int64_t now;
    if (hot->clock == NULL) {
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
    else {
        PyObject *given = PyObject_CallNoArgs(hot->clock);
        if (given == NULL) {
            return -1;
        }
        now = PyLong_AsLongLong(given);
        Py_DECREF(given);
        if (now == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    int64_t passed = now - hot->started_ns;
    now = passed >= 0 ? passed / 1000 : -((-passed + 999) / 1000);
    int64_t since = now - hot->last_us;
    hot->last_us = now;
    put_uv(out, since > 0 ? (uint64_t)since : 0);
    return 0;
}

/* Threads. */

static int
threads_grow(Hot *hot)
{
    size_t size = hot->threads == NULL ? 16 : 2 * (hot->thread_mask + 1);
    Thread **threads = PyMem_RawCalloc(size, sizeof(Thread *));
    if (threads == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; hot->threads != NULL && i <= hot->thread_mask; i++) {
        Thread *thread = hot->threads[i];
        if (thread != NULL) {
            size_t at = thread->id & (size - 1);
            while (threads[at] != NULL) {
                at = (at + 1) & (size - 1);
            }
            threads[at] = thread;
        }
    }
    PyMem_RawFree(hot->threads);
    hot->threads = threads;
    hot->thread_mask = size - 1;
    return 0;
}

/* The thread if it has left a record in this trace, or NULL. */
Thread *
thread_known(Hot *hot, PyThreadState *tstate)
{
    uint64_t id = tstate->id;
    if (hot->last_thread != NULL && hot->last_thread->id == id) {
        return hot->last_thread;
    }
    if (hot->threads == NULL) {
        return NULL;
    }
    size_t at = id & hot->thread_mask;
    while (hot->threads[at] != NULL && hot->threads[at]->id != id) {
        at = (at + 1) & hot->thread_mask;
    }
    return hot->threads[at];
}

Thread *
thread_of(Hot *hot, PyThreadState *tstate)
{
    uint64_t id = tstate->id;
    if (hot->last_thread != NULL && hot->last_thread->id == id) {
        return hot->last_thread;
    }
    if (hot->threads == NULL || 2 * (hot->thread_count + 1) > hot->thread_mask) {
        if (threads_grow(hot) < 0) {
            return NULL;
        }
    }
    size_t at = id & hot->thread_mask;
    while (hot->threads[at] != NULL && hot->threads[at]->id != id) {
        at = (at + 1) & hot->thread_mask;
    }
    Thread *thread = hot->threads[at];
    if (thread == NULL) {
        thread = PyMem_RawCalloc(1, sizeof(Thread));
        if (thread == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        thread->id = id;
        thread->number = ++hot->thread_count;
        hot->threads[at] = thread;
        if (define_thread(hot, thread->number) < 0) {
            return NULL;
        }
    }
    hot->last_thread = thread;
    return thread;
}

/* The values of a frame. */

static inline uint8_t *
slot_data(Slot *slot)
{
    return slot->size <= SLOT_INLINE ? slot->bytes.here : slot->bytes.there;
}

static int
slot_set(FrameState *state, Slot *slot, const uint8_t *data, size_t size)
{
    if (size > SLOT_INLINE && size > slot->size) {
        uint8_t *there = PyMem_RawMalloc(size + size / 2);
        if (there == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (slot->size > SLOT_INLINE) {
            PyMem_RawFree(slot->bytes.there);
        }
        slot->bytes.there = there;
        slot->size = (uint32_t)(size + size / 2);
    }
    memcpy(slot_data(slot), data, size);
    slot->used = (uint32_t)size;
    if (slot->since == 0) {
        slot->since = ++state->since;
    }
    return 0;
}

/* The states of frames. */

#define FREE_LISTS 65
#define LARGEST_KEPT 4096

static FrameState *
state_new(Hot *hot, Code *code, void *key)
{
    int capacity = code != NULL ? code->variables : 0;
    FrameState *state = capacity < FREE_LISTS ? hot->free_states[capacity] : NULL;
    if (state != NULL) {
        hot->free_states[capacity] = state->next_free;
    }
    else {
        state = PyMem_RawCalloc(1, sizeof(FrameState) + (size_t)capacity * sizeof(Slot));
        if (state == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        state->capacity = capacity;
    }
    state->key = key;
    state->code = code;
    state->line = code != NULL ? code->first_line : 0;
    state->line_seen = -1;
    state->block = 0;
    state->exception_key = NULL;
    state->exception_stops = 0;
    state->exception.used = 0;
    state->since = 0;
    state->raised_at = -1;
    state->is_suspended = 0;
    return state;
}

static void
state_destroy(FrameState *state)
{
    for (int i = 0; i < state->capacity; i++) {
        if (state->slots[i].size > SLOT_INLINE) {
            PyMem_RawFree(state->slots[i].bytes.there);
        }
    }
    buffer_free(&state->exception);
    PyMem_RawFree(state);
}

void
state_free(Hot *hot, FrameState *state)
{
    if (hot->current == state) {
        hot->current = NULL;
    }
    if (state->capacity >= FREE_LISTS) {
        state_destroy(state);
        return;
    }
    for (int i = 0; i < state->capacity; i++) {
        Slot *slot = &state->slots[i];
        slot->since = 0;
        if (slot->size > LARGEST_KEPT) {
            PyMem_RawFree(slot->bytes.there);
            slot->size = 0;
        }
    }
    state->next_free = hot->free_states[state->capacity];
    hot->free_states[state->capacity] = state;
}

static void
states_clear(Hot *hot)
{
    for (size_t i = 0; hot->frames.places != NULL && i <= hot->frames.mask; i++) {
        if (hot->frames.places[i].value != NULL) {
            state_free(hot, hot->frames.places[i].value);
        }
    }
    table_clear(&hot->frames);
    hot->current = NULL;
}

static void
states_release(Hot *hot)
{
    for (int i = 0; i < FREE_LISTS; i++) {
        for (FrameState *state = hot->free_states[i], *next; state != NULL; state = next) {
            next = state->next_free;
            state_destroy(state);
        }
        hot->free_states[i] = NULL;
    }
}

static void
threads_clear(Hot *hot)
{
    for (size_t i = 0; hot->threads != NULL && i <= hot->thread_mask; i++) {
        Thread *thread = hot->threads[i];
        if (thread != NULL) {
            if (thread->nowhere != NULL) {
                state_destroy(thread->nowhere);
            }
            buffer_free(&thread->pending_changes);
            PyMem_RawFree(thread);
            hot->threads[i] = NULL;
        }
    }
    hot->thread_count = 0;
    hot->last_thread = NULL;
}

/* The state of a frame whose beginning was seen, or NULL. */
FrameState *
state_known(Hot *hot, HotFrame *frame, PyCodeObject *object)
{
    FrameState *state = hot->current;
    if (state == NULL || state->key != frame) {
        state = table_get(&hot->frames, frame);
    }
    return state != NULL && state->code->code == object ? state : NULL;
}

static uint32_t
parent_of(Hot *hot, HotFrame *frame)
{
    for (; frame != NULL; frame = frame_back(frame)) {
        FrameState *state = state_known(hot, frame, frame_code(frame));
        if (state != NULL) {
            return state->number;
        }
    }
    return 0;
}

static int
frames_put(Hot *hot, HotFrame *frame, FrameState *state)
{
    FrameState *old = table_pop(&hot->frames, frame);
    if (old != NULL) {
        state_free(hot, old);
    }
    if (table_set(&hot->frames, frame, state) < 0) {
        state_free(hot, state);
        return -1;
    }
    return 0;
}

/* The state of a frame in scope; one that ran before the recording began is taken in now.
 * 0 and NULL: out of scope. */
int
state_of(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
         FrameState **found)
{
    *found = state_known(hot, frame, object);
    if (*found != NULL) {
        return 0;
    }
    Code *code = code_meet(hot, object, frame_globals(frame));
    if (code == NULL) {
        return -1;
    }
    if (!code->is_in_scope) {
        return 0;
    }
    if (code->epoch != hot->epoch && code_define(hot, code) < 0) {
        return -1;
    }
    uint32_t number = ++hot->frame_count;
    Thread *thread = thread_of(hot, tstate);
    FrameState *state = thread != NULL ? state_new(hot, code, frame) : NULL;
    if (state == NULL) {
        return -1;
    }
    state->number = number;
    state->thread = thread->number;
    state->parent = parent_of(hot, frame_back(frame));
    int line = frame_line(frame);
    state->line = line > 0 ? line : code->first_line;
    if (frames_put(hot, frame, state) < 0) {
        return -1;
    }
    *found = state;
    return 0;
}

/* Variables. */

typedef struct {
    PyObject *namespace; /* of a module or class body, or NULL */
    int has_none;
} Variables;

static void
variables_begin(Variables *all, HotFrame *frame, Code *code)
{
    all->namespace = NULL;
    all->has_none = 0;
    if (code->is_namespace) {
        all->namespace = frame_namespace(frame);
        all->has_none = all->namespace == NULL || !PyDict_Check(all->namespace);
    }
}

static PyObject *
variable(Variables *all, HotFrame *frame, Code *code, int i)
{
    if (all->has_none) {
        return NULL;
    }
    if (all->namespace != NULL) {
        PyObject *value = PyDict_GetItemWithError(all->namespace, code->names[i]);
        if (value == NULL) {
            PyErr_Clear();
        }
#ifndef HOT_INTERNALS
        Py_XINCREF(value);
#endif
        return value;
    }
    return frame_variable(frame, code->code, code->places[i], code->names[i]);
}

/* Compare a variable with what it was: 0 as before, 1 changed and encoded in `value`, -1 error. */
static int
variable_changed(Hot *hot, Code *code, int i, Slot *slot, PyObject *value)
{
    int is_secret = code->secrets[i];
    uint64_t print = is_secret ? secret_print(hot, value) : value_print(hot, value);
    if (slot->since != 0 && slot->print == print) {
        return 0;
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    hot->value.used = 0;
    uint64_t redacted = hot->redacted;
    int status = is_secret ? secret_encode(hot, &hot->value, value)
                           : value_encode(hot, &hot->value, value);
    if (status < 0) {
        return -1;
    }
    slot->print = print;
    if (slot->since == 0 || slot->used != hot->value.used ||
        memcmp(slot_data(slot), hot->value.data, slot->used) != 0) {
        return 1;
    }
    hot->redacted = redacted; /* what is not written does not count */
    return 0;
}

/* Without a comparison there is nothing to remember. */
static int
encode_variable(Hot *hot, Code *code, int i, PyObject *value)
{
    hot->value.used = 0;
    return code->secrets[i] ? secret_encode(hot, &hot->value, value)
                            : value_encode(hot, &hot->value, value);
}

static int
take_variable(Hot *hot, FrameState *state, int i, Buffer *out)
{
    uint32_t number;
    if ((hot->level == LEVEL_VALUES &&
         slot_set(state, &state->slots[i], hot->value.data, hot->value.used) < 0) ||
        name_number(hot, state->code->texts[i], &number) < 0) {
        return -1;
    }
    put_uv(out, number);
    put_bytes(out, hot->value.data, hot->value.used);
    return 0;
}

/* What differs since the frame's previous event goes to `changes`, which is empty if nothing. */
int
find_changes(Hot *hot, HotFrame *frame, FrameState *state)
{
    Code *code = state->code;
    Buffer *changed = &hot->changed, *deleted = &hot->deleted, *out = &hot->changes;
    out->used = 0;
    if (code == NULL || hot->level != LEVEL_VALUES || code->variables == 0) {
        return 0;
    }
    changed->used = deleted->used = 0;
    uint64_t changes = 0, deletions = 0;
    Variables all;
    variables_begin(&all, frame, code);
    for (int i = 0; i < code->variables; i++) {
        Slot *slot = &state->slots[i];
        PyObject *value = variable(&all, frame, code, i);
        if (FRAME_FAILED(value)) {
            return -1;
        }
        if (value == NULL) {
            if (slot->since != 0) {
                uint32_t number;
                if (name_number(hot, code->texts[i], &number) < 0) {
                    return -1;
                }
                slot->since = 0;
                put_uv(deleted, number);
                deletions++;
            }
            continue;
        }
        int status = variable_changed(hot, code, i, slot, value);
        FRAME_RELEASE(value);
        if (status > 0) {
            status = take_variable(hot, state, i, changed);
            changes++;
        }
        if (status < 0) {
            return -1;
        }
    }
    if (changes > 0 || deletions > 0) {
        put_uv(out, changes);
        put_bytes(out, changed->data, changed->used);
        put_uv(out, deletions);
        put_bytes(out, deleted->data, deleted->used);
    }
    return 0;
}

static int
put_arguments(Hot *hot, HotFrame *frame, FrameState *state, Buffer *out)
{
    Code *code = state->code;
    Buffer *changed = &hot->changed;
    changed->used = 0;
    uint64_t count = 0;
    for (int at = 0; at < code->arguments; at++) {
        int i = code->order[at];
        PyObject *value = frame_variable(frame, code->code, code->places[i], code->names[i]);
        if (FRAME_FAILED(value)) {
            return -1;
        }
        if (value == NULL) {
            continue;
        }
        int status = hot->level == LEVEL_VALUES
                         ? variable_changed(hot, code, i, &state->slots[i], value)
                         : encode_variable(hot, code, i, value);
        FRAME_RELEASE(value);
        if (status < 0 || take_variable(hot, state, i, changed) < 0) {
            return -1;
        }
        count++;
    }
    put_uv(out, count);
    put_bytes(out, changed->data, changed->used);
    return 0;
}

/* Records go out. */

static int write_bare(Hot *hot, int is_gap);

static int
write_gaps(Hot *hot, PyThreadState *tstate)
{
    Thread *thread = thread_of(hot, tstate);
    PyObject *lost = hot->lost;
    hot->lost = PyDict_New();
    if (thread == NULL || hot->lost == NULL) {
        if (hot->lost == NULL) {
            hot->lost = lost;
        }
        else {
            Py_DECREF(lost);
        }
        return -1;
    }
    Buffer kept = hot->record;
    memset(&hot->record, 0, sizeof(hot->record));
    int status = 0;
    Py_ssize_t at = 0;
    PyObject *reason, *count;
    while (status == 0 && PyDict_Next(lost, &at, &reason, &count)) {
        uint32_t number;
        Name *name = name_of(hot, &hot->names, reason);
        status = name == NULL ? -1 : name_number(hot, name, &number);
        if (status == 0) {
            hot->record.used = 0;
            put_byte(&hot->record, OP_GAP);
            put_uv(&hot->record, thread->number);
            put_uv(&hot->record, (uint64_t)PyLong_AsLongLong(count));
            put_uv(&hot->record, number);
            status = write_bare(hot, 1);
        }
    }
    Py_DECREF(lost);
    buffer_free(&hot->record);
    hot->record = kept;
    return status;
}

static int
check_memory(Hot *hot)
{
    if (hot->record.failed || hot->body.failed || hot->changes.failed || hot->prefix.failed ||
        hot->changed.failed || hot->deleted.failed) {
        hot->record.failed = hot->body.failed = hot->changes.failed = 0;
        hot->prefix.failed = hot->changed.failed = hot->deleted.failed = 0;
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Write `record`, an event that needs no current frame. */
static int
write_bare(Hot *hot, int is_gap)
{
    static const Buffer nothing = {0};
    if (check_memory(hot) < 0) {
        return -1;
    }
    if (hot->record.used > room(hot)) {
        hot->block++;
        hot->current = NULL;
        if (next_events(hot, hot->record.used) < 0) {
            return -1;
        }
    }
    append(hot, &nothing, &hot->record);
    if (!is_gap) {
        hot->written_us = hot->last_us;
    }
    return 0;
}

static int
compare_since(const void *a, const void *b)
{
    uint32_t one = (*(Slot *const *)a)->since, other = (*(Slot *const *)b)->since;
    return one < other ? -1 : one > other;
}

/* All values that a frame has, in the order in which they came. */
static int
put_state(Hot *hot, Buffer *out, FrameState *state)
{
    Slot *few[64], **held = few;
    Code *code = state->code;
    int count = 0;
    if (code->variables > 64) {
        held = PyMem_RawMalloc((size_t)code->variables * sizeof(Slot *));
        if (held == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    for (int i = 0; i < code->variables; i++) {
        if (state->slots[i].since != 0) {
            held[count++] = &state->slots[i];
        }
    }
    int status = 0;
    if (count > 0) {
        qsort(held, (size_t)count, sizeof(Slot *), compare_since);
        put_byte(out, OP_STATE);
        put_uv(out, (uint64_t)count);
        for (int i = 0; status == 0 && i < count; i++) {
            uint32_t number;
            status = name_number(hot, code->texts[held[i] - state->slots], &number);
            put_uv(out, number);
            put_bytes(out, slot_data(held[i]), held[i]->used);
        }
    }
    if (held != few) {
        PyMem_RawFree(held);
    }
    return status;
}

/* Make a frame the current one; in a new block with all that is known of it. */
static int
introduce(Hot *hot, FrameState *state)
{
    Buffer *out = &hot->prefix;
    out->used = 0;
    if (state->block == hot->block) {
        put_byte(out, OP_SWITCH);
        put_uv(out, state->number);
        return 0;
    }
    put_byte(out, OP_FRAME);
    put_uv(out, state->number);
    put_uv(out, state->code != NULL ? state->code->number : 0);
    put_uv(out, state->thread);
    put_uv(out, state->parent);
    put_uv(out, (uint64_t)state->line);
    if (hot->level == LEVEL_VALUES && state->code != NULL) {
        return put_state(hot, out, state);
    }
    return 0;
}

/* Write an event of a frame: `body` and `changes` are its parts. */
int
write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line)
{
    if (PyDict_GET_SIZE(hot->lost) > 0 && write_gaps(hot, tstate) < 0) {
        return -1;
    }
    if (op != OP_RAISE && op != OP_UNWIND) {
        Thread *thread = thread_of(hot, tstate);
        if (thread == NULL) {
            return -1;
        }
        thread->unwound = NULL;
    }
    Buffer *record = &hot->record;
    record->used = 0;
    put_byte(record, hot->changes.used > 0 ? op | OP_CHANGES : op);
    put_zz(record, (int64_t)line - state->line);
    put_bytes(record, hot->body.data, hot->body.used);
    put_bytes(record, hot->changes.data, hot->changes.used);
    hot->prefix.used = 0;
    if (hot->current != state && introduce(hot, state) < 0) {
        return -1;
    }
    if (hot->prefix.used + record->used > room(hot)) {
        hot->block++;
        if (introduce(hot, state) < 0 ||
            next_events(hot, hot->prefix.used + record->used) < 0) {
            return -1;
        }
    }
    if (check_memory(hot) < 0) {
        return -1;
    }
    append(hot, &hot->prefix, record);
    hot->written_us = hot->last_us;
    hot->current = state;
    state->block = hot->block;
    state->line = line;
    return 0;
}

/* To find a line in the table of a code object takes a walk through it: once for each place. */
static int
line_at(HotFrame *frame, Code *code)
{
    Py_ssize_t at = frame_lasti(frame), count = Py_SIZE(code->code);
    if (at < 0 || at / 2 >= count) {
        return frame_line(frame);
    }
    if (code->lines == NULL) {
        code->lines = PyMem_RawCalloc((size_t)count, sizeof(int));
    }
    if (code->lines == NULL) {
        return frame_line(frame);
    }
    at /= 2;
    if (code->lines[at] == 0) {
        code->lines[at] = frame_line(frame);
    }
    return code->lines[at];
}

static int
line_now(Hot *hot, HotFrame *frame, FrameState *state)
{
    if (hot->level >= LEVEL_LINES) {
        return state->line;
    }
    int line = line_at(frame, state->code);
    return line > 0 ? line : state->line;
}

/* Streams: whoever replaces sys.stdout or sys.stderr is noticed at the next event. */

static inline uint64_t
sys_version(Hot *hot)
{
#if defined(HOT_INTERNALS) && defined(HOT_311)
    return ((PyDictObject *)hot->sys)->ma_version_tag;
#else
    (void)hot;
    return 0;
#endif
}

static int
look_at_streams(Hot *hot)
{
    PyObject *out = PySys_GetObject("stdout"), *err = PySys_GetObject("stderr");
    uint64_t version = sys_version(hot);
    /* The same address can be another stream; a version of the namespace tells. */
    if (!hot->streams_changed && version == hot->sys_version &&
        (void *)out == hot->stdout_seen && (void *)err == hot->stderr_seen) {
        return 0;
    }
    hot->streams_changed = 0;
    hot->sys_version = version;
    hot->stdout_seen = out;
    hot->stderr_seen = err;
    PyObject *done = PyObject_CallMethod(hot->helpers, "streams_changed", NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
check_streams(Hot *hot)
{
    /* With a watcher on the namespace of `sys`, or a version of it, most looks are saved. */
    if (!hot->streams_changed &&
        (hot->has_watcher || (hot->sys_version != 0 && hot->sys_version == sys_version(hot)))) {
        return 0;
    }
    return look_at_streams(hot);
}

/* Exceptions. */

/* What `str` says of an exception where that takes no helper: nothing, a text, a number, or the
   `repr` of one of these. NULL without an error where it does take one. */
static PyObject *
plain_message(PyObject *error)
{
    reprfunc to_text = Py_TYPE(error)->tp_str;
    int is_key = to_text == ((PyTypeObject *)PyExc_KeyError)->tp_str;
    PyObject *arguments = ((PyBaseExceptionObject *)error)->args;
    if ((!is_key && to_text != ((PyTypeObject *)PyExc_BaseException)->tp_str) ||
        arguments == NULL || PyTuple_GET_SIZE(arguments) > 1) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(arguments) == 0) {
        return PyUnicode_New(0, 0);
    }
    PyObject *value = PyTuple_GET_ITEM(arguments, 0);
    int overflow = 0;
    if (PyLong_CheckExact(value)) {
        /* The digits of a larger one can be more than the interpreter likes to write. */
        PyLong_AsLongLongAndOverflow(value, &overflow);
    }
    else if (!PyUnicode_CheckExact(value) && !PyFloat_CheckExact(value) &&
             !PyBool_Check(value) && value != Py_None) {
        return NULL;
    }
    return overflow != 0 ? NULL : is_key ? PyObject_Repr(value) : PyObject_Str(value);
}

/* Whether `mask` could find something to hide. */
static int
may_hide(Hot *hot, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    return PyList_GET_SIZE(hot->secrets) > 0 ||
           (hot->has_rules && (PyUnicode_FindChar(text, '=', 0, length, 1) >= 0 ||
                               PyUnicode_FindChar(text, ':', 0, length, 1) >= 0));
}

static int
put_message(Hot *hot, Buffer *out, PyObject *error)
{
    PyObject *message = plain_message(error);
    if (message != NULL && may_hide(hot, message)) {
        Py_CLEAR(message);
    }
    if (message == NULL) {
        if (PyErr_Occurred()) {
            return -1;
        }
        message = PyObject_CallMethod(hot->helpers, "message_of", "O", error);
        if (message == NULL) {
            return -1;
        }
    }
    int status = text_encode(hot, out, message);
    Py_DECREF(message);
    return status < 0 ? -1 : 0;
}

static int
put_exception(Hot *hot, Buffer *out, PyObject *error)
{
    /* The message first: words of it can define nothing, but the order of numbers is the twin's. */
    Buffer message = {0};
    int status = put_message(hot, &message, error);
    uint32_t type, object;
    Plan *plan = status < 0 ? NULL : plan_of(hot, Py_TYPE(error));
    if (plan == NULL || type_number(hot, plan->definition, &type) < 0 ||
        object_number(hot, error, &object) < 0) {
        status = -1;
    }
    else {
        put_uv(out, type);
        put_uv(out, object);
        put_bytes(out, message.data, message.used);
        status = 0;
    }
    buffer_free(&message);
    return status;
}

static int
keep_exception(Hot *hot, FrameState *state, PyObject *error)
{
    state->exception.used = 0;
    if (put_exception(hot, &state->exception, error) < 0) {
        return -1;
    }
    state->exception_key = error;
    state->exception_stops = PyErr_GivenExceptionMatches(error, PyExc_StopAsyncIteration) ? 2
                             : PyErr_GivenExceptionMatches(error, PyExc_StopIteration)    ? 1
                                                                                          : 0;
    return 0;
}

/* Keep up with the exception being handled: a bare `raise` is not reported as an event. */
int
follow_handled(Hot *hot, FrameState *state)
{
    PyObject *error = PyErr_GetHandledException();
    int status = 0;
    if (error != NULL && error != Py_None && (void *)error != state->exception_key) {
        status = keep_exception(hot, state, error);
    }
    Py_XDECREF(error);
    return status;
}

static int
came_through_scope(Hot *hot, PyTracebackObject *traceback)
{
    for (; traceback != NULL; traceback = traceback->tb_next) {
        PyCodeObject *object = PyFrame_GetCode(traceback->tb_frame);
        Code *code = table_get(&hot->codes, object);
        Py_DECREF(object);
        if (code != NULL && code->is_in_scope) {
            return 1;
        }
    }
    return 0;
}

int
code_bytes(Code *code)
{
    if (code->bytecode == NULL) {
        code->bytecode = PyCode_GetCode(code->code);
    }
    return code->bytecode == NULL ? -1 : 0;
}

/* Whether this is the StopIteration that ends a `for` or an `await` in the interpreter. */
int
ends_a_loop(Hot *hot, HotFrame *frame, Code *code, PyObject *error)
{
    if (!PyErr_GivenExceptionMatches(error, PyExc_StopIteration)) {
        return 0;
    }
    int at = frame_lasti(frame);
    if (code_bytes(code) < 0) {
        return -1;
    }
    if (at < 0 || at >= PyBytes_GET_SIZE(code->bytecode)) {
        return 0;
    }
    return hot->loops[(uint8_t)PyBytes_AS_STRING(code->bytecode)[at]];
}

int
hot_raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
           PyObject *error, PyObject *given)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    PyTracebackObject *traceback =
        given != NULL && PyTraceBack_Check(given) ? (PyTracebackObject *)given : NULL;
    PyTracebackObject *behind = traceback != NULL ? traceback->tb_next : NULL;
    int is_repeated = behind != NULL && thread->unwound != NULL &&
                      (thread->unwound == error ||
                       (thread->unwound_frame != NULL &&
                        thread->unwound_frame == (void *)behind->tb_frame));
    int is_known = is_repeated && came_through_scope(hot, behind);
    thread->unwound = NULL;
    Code *code = code_known(hot, object);
    if (code == NULL || !code->is_in_scope) {
        return 0;
    }
    int ends = ends_a_loop(hot, frame, code, error);
    if (ends != 0) {
        return ends < 0 ? -1 : 0;
    }
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    if (keep_exception(hot, state, error) < 0) {
        return -1;
    }
    if (is_known) {
        return 0;
    }
    hot->body.used = 0;
    if (put_time(hot, &hot->body) < 0) {
        return -1;
    }
    put_bytes(&hot->body, state->exception.data, state->exception.used);
    int line = line_now(hot, frame, state);
    if (find_changes(hot, frame, state) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_RAISE, line);
}

/* The exception that left a frame where the engine is not shown it. */
static int
put_unseen(Hot *hot, Buffer *out, FrameState *state)
{
    const char *kind, *type = NULL;
    char message[64] = "";
    int flags = state->code->flags;
    if (state->exception_key == NULL) {
        type = "unknown";
    }
    else if (state->exception_stops != 0 &&
             (flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR))) {
        /* PEP 479: what cannot leave such a frame is replaced on its way out. */
        kind = flags & CO_GENERATOR ? "generator"
               : flags & CO_COROUTINE ? "coroutine"
                                      : "async generator";
        if (state->exception_stops == 1 || flags & CO_ASYNC_GENERATOR) {
            type = "RuntimeError";
            snprintf(message, sizeof(message), "%s raised %s", kind,
                     state->exception_stops == 1 ? "StopIteration" : "StopAsyncIteration");
        }
    }
    if (type == NULL) {
        put_bytes(out, state->exception.data, state->exception.used);
        return 0;
    }
    Buffer text = {0};
    put_c_text(&text, type);
    put_uv(&text, 0);
    uint32_t number = 0;
    Name *definition = text.failed ? NULL
                                   : name_of_bytes(&hot->types, (char *)text.data, text.used);
    int status = definition == NULL ? -1 : type_number(hot, definition, &number);
    buffer_free(&text);
    put_uv(out, number);
    put_byte(out, 0);
    PyObject *words = PyUnicode_FromString(message);
    if (words == NULL || text_encode(hot, out, words) < 0) {
        status = -1;
    }
    Py_XDECREF(words);
    return status;
}

int
hot_unwound(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
            PyObject *error)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    void *unwound = error, *identity = frame_identity(frame);
    Code *code = code_known(hot, object);
    if (code != NULL && code->is_in_scope) {
        FrameState *state;
        if (state_of(hot, tstate, frame, object, &state) < 0) {
            return -1;
        }
        if (state != NULL) {
            if (error == NULL && state->exception_key == NULL &&
                follow_handled(hot, state) < 0) {
                return -1;
            }
            Buffer exception = {0};
            int status = error != NULL ? put_exception(hot, &exception, error)
                                       : put_unseen(hot, &exception, state);
            int line = line_now(hot, frame, state);
            if (status == 0) {
                status = find_changes(hot, frame, state);
            }
            hot->body.used = 0;
            if (status == 0) {
                status = put_time(hot, &hot->body);
            }
            put_bytes(&hot->body, exception.data, exception.used);
            buffer_free(&exception);
            if (status == 0) {
                status = write_event(hot, tstate, state, OP_UNWIND, line);
            }
            if (error == NULL) {
                unwound = state->exception_key;
            }
            table_pop(&hot->frames, frame);
            state_free(hot, state);
            if (status < 0) {
                return -1;
            }
        }
    }
    thread->unwound = unwound;
    thread->unwound_frame = identity;
    return 0;
}

/* Frames begin, go on and end. */

static int hot_log(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);

int
hot_start(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    Code *code = code_known(hot, object);
    if (code == NULL) {
        if ((PyObject *)object == hot->log_code) {
            return hot_log(hot, tstate, frame, object) < 0 ? -1 : 1;
        }
        code = code_meet(hot, object, frame_globals(frame));
        if (code == NULL) {
            return -1;
        }
    }
    if (!code->is_in_scope) {
        return 0;
    }
    if ((code->epoch != hot->epoch && code_define(hot, code) < 0) || check_streams(hot) < 0) {
        return -1;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    thread->unwound = NULL;
    uint32_t number = ++hot->frame_count;
    uint32_t parent = parent_of(hot, frame_back(frame));
    FrameState *state = state_new(hot, code, frame);
    if (state == NULL) {
        return -1;
    }
    state->number = number;
    state->thread = thread->number;
    state->parent = parent;
    if (frames_put(hot, frame, state) < 0) {
        return -1;
    }
    hot->body.used = 0;
    if (put_arguments(hot, frame, state, &hot->body) < 0) {
        return -1;
    }
    Buffer *record = &hot->prefix;
    record->used = 0;
    put_byte(record, OP_CALL);
    put_uv(record, number);
    put_uv(record, code->number);
    put_uv(record, thread->number);
    put_uv(record, parent);
    if (put_time(hot, record) < 0) {
        return -1;
    }
    put_bytes(record, hot->body.data, hot->body.used);
    if (PyDict_GET_SIZE(hot->lost) > 0) {
        /* Gaps need the scratch of their own. */
        Buffer kept = hot->prefix;
        memset(&hot->prefix, 0, sizeof(hot->prefix));
        int status = write_gaps(hot, tstate);
        buffer_free(&hot->prefix);
        hot->prefix = kept;
        if (status < 0) {
            return -1;
        }
    }
    Buffer scratch = hot->record;
    hot->record = hot->prefix;
    hot->prefix = scratch;
    if (write_bare(hot, 0) < 0) {
        return -1;
    }
    state->block = hot->block;
    hot->current = state;
    return 1;
}

/* Most events change nothing but the line: they go straight into the spool. */
static inline int
write_line_at_once(Hot *hot, PyThreadState *tstate, FrameState *state, int line)
{
    Lane *lane = &hot->events;
    Thread *thread = hot->last_thread;
    if (hot->current != state || room(hot) < 12 || PyDict_GET_SIZE(hot->lost) > 0 ||
        thread == NULL || thread->id != tstate->id) {
        return 0;
    }
    thread->unwound = NULL;
    int64_t difference = (int64_t)line - state->line;
    uint8_t *at = lane->at;
    *at++ = OP_LINE;
    at += write_uv(at, ((uint64_t)difference << 1) ^ (uint64_t)(difference >> 63));
    lane->at = at;
    count_event(hot, lane);
    hot->written_us = hot->last_us;
    state->line = line;
    return 1;
}

int
hot_line(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, int line)
{
    FrameState *state = hot->current;
    if (state == NULL || state->key != frame || state->code->code != object) {
        if (state_of(hot, tstate, frame, object, &state) < 0) {
            return -1;
        }
        if (state == NULL) {
            return 0;
        }
    }
    if (check_streams(hot) < 0) {
        return -1;
    }
    if (state->exception_key != NULL && follow_handled(hot, state) < 0) {
        return -1;
    }
    if (line == state->line_seen) {
        return 0;
    }
    state->line_seen = line;
    hot->body.used = hot->changes.used = 0;
    if (hot->level == LEVEL_VALUES && find_changes(hot, frame, state) < 0) {
        return -1;
    }
    if (hot->changes.used == 0 && write_line_at_once(hot, tstate, state, line)) {
        return 0;
    }
    return write_event(hot, tstate, state, OP_LINE, line);
}

static int
write_value(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState *state, int op,
            PyObject *value)
{
    if (find_changes(hot, frame, state) < 0) {
        return -1;
    }
    hot->body.used = 0;
    if (put_time(hot, &hot->body) < 0 || value_encode(hot, &hot->body, value) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, op, line_now(hot, frame, state));
}

int
hot_returned(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
             PyObject *value)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    int status = write_value(hot, tstate, frame, state, OP_RETURN, value);
    table_pop(&hot->frames, frame);
    state_free(hot, state);
    return status;
}

int
hot_yielded(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
            PyObject *value)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    return state == NULL ? 0 : write_value(hot, tstate, frame, state, OP_YIELD, value);
}

int
hot_resumed(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    state->thread = thread->number;
    if (find_changes(hot, frame, state) < 0) {
        return -1;
    }
    hot->body.used = 0;
    if (put_time(hot, &hot->body) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_RESUME, state->line);
}

int
hot_thrown(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
           PyObject *error)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    state->thread = thread->number;
    hot->body.used = 0;
    if (put_time(hot, &hot->body) < 0 || put_exception(hot, &hot->body, error) < 0 ||
        find_changes(hot, frame, state) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_THROW, state->line);
}

/* Output, logs, spans. */

static int
nearest(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState **state, int *line)
{
    for (; frame != NULL; frame = frame_back(frame)) {
        PyCodeObject *object = frame_code(frame);
        Code *code = code_known(hot, object);
        if (code == NULL || !code->is_in_scope) {
            continue;
        }
        if (state_of(hot, tstate, frame, object, state) < 0) {
            return -1;
        }
        if (*state != NULL) {
            int now = frame_line(frame);
            *line = now > 0 ? now : (*state)->line;
            return 0;
        }
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    if (thread->nowhere == NULL) {
        thread->nowhere = state_new(hot, NULL, NULL);
        if (thread->nowhere == NULL) {
            return -1;
        }
        thread->nowhere->number = 0;
        thread->nowhere->thread = thread->number;
        thread->nowhere->parent = 0;
    }
    *state = thread->nowhere;
    *line = 0;
    return 0;
}

static int
put_printed(Hot *hot, Buffer *out, PyObject *text)
{
    if (!may_hide(hot, text)) {
        return text_encode(hot, out, text) < 0 ? -1 : 0;
    }
    PyObject *masked = PyObject_CallMethod(hot->helpers, "mask", "O", text);
    if (masked == NULL) {
        return -1;
    }
    int status = text_encode(hot, out, masked);
    Py_DECREF(masked);
    return status;
}

int
hot_output(Hot *hot, PyThreadState *tstate, HotFrame *frame, int stream, PyObject *text)
{
    FrameState *state;
    int line;
    hot->changes.used = hot->body.used = 0;
    if (nearest(hot, tstate, frame, &state, &line) < 0 || put_time(hot, &hot->body) < 0) {
        return -1;
    }
    put_byte(&hot->body, stream);
    if (put_printed(hot, &hot->body, text) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_OUTPUT, line);
}

int
hot_message(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyObject *level, PyObject *logger,
            PyObject *text)
{
    FrameState *state;
    int line;
    uint32_t level_number, logger_number;
    hot->changes.used = hot->body.used = 0;
    if (nearest(hot, tstate, frame, &state, &line) < 0 || put_time(hot, &hot->body) < 0) {
        return -1;
    }
    Name *level_name = name_of(hot, &hot->names, level);
    Name *logger_name = level_name != NULL ? name_of(hot, &hot->names, logger) : NULL;
    if (logger_name == NULL || name_number(hot, level_name, &level_number) < 0 ||
        name_number(hot, logger_name, &logger_number) < 0) {
        return -1;
    }
    put_uv(&hot->body, level_number);
    put_uv(&hot->body, logger_number);
    if (put_printed(hot, &hot->body, text) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_LOG, line);
}

/* `logging.Logger.callHandlers(self, record)` begins. */
static int
hot_log(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    PyObject *name = PyUnicode_FromString("record");
    if (name == NULL) {
        return -1;
    }
    PyObject *record = frame_variable(frame, object, 1, name);
    Py_DECREF(name);
    if (record == NULL) {
        return FRAME_FAILED(record) ? -1 : 0;
    }
    PyObject *parts = PyObject_CallMethod(hot->helpers, "log_parts", "O", record);
    FRAME_RELEASE(record);
    if (parts == NULL) {
        return -1;
    }
    int status = 0;
    if (parts != Py_None) {
        status = hot_message(hot, tstate, frame_back(frame), PyTuple_GET_ITEM(parts, 0),
                             PyTuple_GET_ITEM(parts, 1), PyTuple_GET_ITEM(parts, 2));
    }
    Py_DECREF(parts);
    return status;
}

int
hot_span(Hot *hot, PyThreadState *tstate, int phase, int edge, PyObject *name,
         PyObject *outcome)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    Buffer *record = &hot->record;
    if (PyDict_GET_SIZE(hot->lost) > 0 && write_gaps(hot, tstate) < 0) {
        return -1;
    }
    record->used = 0;
    put_byte(record, OP_SPAN);
    put_uv(record, thread->number);
    if (put_time(hot, record) < 0) {
        return -1;
    }
    put_byte(record, phase);
    put_byte(record, edge);
    put_text(record, name, PyUnicode_GET_LENGTH(name));
    put_text(record, outcome, PyUnicode_GET_LENGTH(outcome));
    return write_bare(hot, 0);
}

/* The life of a trace. */

void
hot_clear(Hot *hot)
{
    states_clear(hot);
    threads_clear(hot);
    table_clear(&hot->ids);
    PyDict_Clear(hot->lost);
    PyDict_Clear(hot->losses);
    hot->redacted = 0;
    memset(&hot->events, 0, sizeof(hot->events));
    memset(&hot->definitions, 0, sizeof(hot->definitions));
    hot->block = 0;
    hot->frame_count = 0;
    hot->name_count = hot->type_count = hot->file_count = hot->code_count = 0;
    hot->last_us = hot->written_us = 0;
    hot->streams_changed = 1;
    hot->epoch++;
}

int
hot_begin(Hot *hot)
{
    hot_clear(hot);
    plans_sweep(hot);
    hot->started_ns = 0;
    if (hot->clock != NULL) {
        PyObject *now = PyObject_CallNoArgs(hot->clock);
        if (now == NULL) {
            return -1;
        }
        hot->started_ns = PyLong_AsLongLong(now);
        Py_DECREF(now);
    }
    else {
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        hot->started_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
    hot->is_open = 1;
    return 0;
}

int
hot_end(Hot *hot, PyThreadState *tstate)
{
    int status = 0;
    if (PyDict_GET_SIZE(hot->lost) > 0) {
        status = write_gaps(hot, tstate);
    }
    states_clear(hot);
    hot->streams_changed = 1;
    return status;
}

/* Count the frames of this thread that ended unseen: each has lost its last event at least. */
int
hot_lose_ended(Hot *hot, PyThreadState *tstate, HotFrame *frame, const char *reason)
{
    Table alive = {0};
    for (; frame != NULL; frame = frame_back(frame)) {
        if (table_set(&alive, frame, frame) < 0) {
            table_free(&alive);
            return -1;
        }
    }
    Thread *thread = thread_of(hot, tstate);
    Py_ssize_t ended = 0;
    int again = thread != NULL;
    while (again) {
        again = 0;
        for (size_t i = 0; hot->frames.places != NULL && i <= hot->frames.mask; i++) {
            FrameState *state = hot->frames.places[i].value;
            if (state == NULL || state->thread != thread->number ||
                table_get(&alive, state->key) != NULL ||
                (state->code->flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR))) {
                continue;
            }
            table_pop(&hot->frames, state->key);
            state_free(hot, state);
            ended++;
            again = 1; /* popping moves places */
            break;
        }
    }
    table_free(&alive);
    return thread == NULL ? -1 : hot_lose(hot, reason, ended > 0 ? ended : 1);
}

void
hot_release(Hot *hot)
{
    states_clear(hot);
    states_release(hot);
    threads_clear(hot);
    PyMem_RawFree(hot->threads);
    hot->threads = NULL;
    hot->thread_mask = 0;
    hot->last_code = NULL;
    hot->outside_count = 0;
    for (size_t i = 0; hot->codes.places != NULL && i <= hot->codes.mask; i++) {
        if (hot->codes.places[i].value != NULL) {
            code_free(hot->codes.places[i].value);
        }
    }
    table_free(&hot->codes);
    for (size_t i = 0; hot->plans.places != NULL && i <= hot->plans.mask; i++) {
        if (hot->plans.places[i].value != NULL) {
            plan_free(hot->plans.places[i].value);
        }
    }
    table_free(&hot->plans);
    memset(hot->recent_plans, 0, sizeof(hot->recent_plans));
    table_free(&hot->ids);
    table_free(&hot->frames);
    memset(&hot->events, 0, sizeof(hot->events));
    memset(&hot->definitions, 0, sizeof(hot->definitions));
}
