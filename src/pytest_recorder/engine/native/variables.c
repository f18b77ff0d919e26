/* A variable is compared by its address and payload, then by its bytes, with what the state of the frame
 * knows. It is owned meanwhile: another thread can give a cell, or a name in a namespace, another value.
 */

#include "variables.h"
#include "definitions.h"
#include "looks.h"
#include "objects.h"
#include "payloads.h"
#include "quick.h"
#include "quiet.h"
#include "secrets.h"
#include "states.h"
#include "values.h"

typedef struct {
    HotFrame *frame;
    Code *code;
    PyObject *namespace; /* of a module or class body; owned, or NULL */
} Variables;

static int
variables_begin(Variables *all, HotFrame *frame, Code *code)
{
    all->frame = frame;
    all->code = code;
    all->namespace = NULL;
    if (code->is_namespace) {
        all->namespace = frame_namespace(frame);
        if (FRAME_FAILED(all->namespace)) {
            return -1;
        }
    }
    return 0;
}

static void
variables_end(Variables *all)
{
    Py_XDECREF(all->namespace);
}

/* 1 and a new reference; 0 and NULL where it has no value; -1. */
static int
variable(Variables *all, int i, PyObject **value)
{
    Code *code = all->code;
    *value = NULL;
    if (!code->is_namespace) {
        *value = frame_variable(all->frame, code->code, code->places[i], code->names[i]);
        return *value != NULL ? 1 : FRAME_FAILED(*value) ? -1 : 0;
    }
    if (all->namespace == NULL || !PyDict_Check(all->namespace)) {
        return 0;
    }
    return dict_get(all->namespace, code->names[i], value);
}

/* Whether nothing in view of a frame has changed since it was looked at: a comparison of memory, from
 * what holds to what is held, so that each address is reached from a live frame. */

#ifdef HOT_INTERNALS

static int
variables_are_same(const Hot *hot, HotFrame *frame, const FrameState *state)
{
    const Code *code = state->code;
    for (int i = 0; i < code->variables; i++) {
        const Seen *seen = &state->values[i].seen;
        PyObject *value = frame_variable_borrowed(frame, code->code, code->places[i]);
        if (!is_as_seen(hot, seen, value)) {
            return 0;
        }
    }
    return 1;
}

/* Whether what was seen at the bound on depth has the size that it had. */
static int
is_bound_same(Hot *hot, const FrameState *state, const Object *object)
{
    PyObject *value = object->address;
    return has_type_as_seen(hot, object, value) && object->resized <= state->looked &&
           quick_has_size(hot, object, value);
}

/* Whether a look at another frame has found a change in an object, or in an atom. */
static inline int
has_changed_since(const Hot *hot, const Object *object, const FrameState *state)
{
    return object->changed > state->looked ||
           (object->atom_count > 0 && hot->looks.atoms_changed > state->looked);
}

/* Whether an object in view holds what it held, as far as it shows that where it is. */
static inline int
viewed_is_same(Hot *hot, Object *object, uintptr_t flags)
{
    return quick_check(hot, object, object->address, !(flags & VIEW_ABOVE_BOUND));
}

static int
view_is_same(Hot *hot, const FrameState *state)
{
    for (int i = 0; i < state->view_count; i++) {
        uintptr_t flags = state->view[i] & VIEW_FLAGS;
        Object *object = (Object *)(state->view[i] - flags);
        if (object->is_gone ||
            (flags & VIEW_AT_BOUND
                 ? !is_bound_same(hot, state, object)
                 : has_changed_since(hot, object, state) ||
                       (!is_checked(hot, object) && !viewed_is_same(hot, object, flags)))) {
            return 0;
        }
    }
    return 1;
}

/* Whether what was in view of a frame is known, and all that it shows now. */
static int
is_view_known(const Hot *hot, const FrameState *state)
{
    return state->view_block == hot->spool.block && state->view_depth == state->code->levels &&
           !state->code->is_namespace && !hot->settings.looks_always;
}

int
is_as_before(Hot *hot, HotFrame *frame, FrameState *state)
{
    if (state->block != hot->spool.block || !is_view_known(hot, state) ||
        !variables_are_same(hot, frame, state)) {
        return 0;
    }
    if (!is_view_checked(hot, state) && !view_is_same(hot, state)) {
        return 0;
    }
    state->view_checked = hot->changes.event;
    state->looked = hot->looks.number;
    return 1;
}

#else

int
is_as_before(Hot *Py_UNUSED(hot), HotFrame *Py_UNUSED(frame), FrameState *Py_UNUSED(state))
{
    return 0;
}

#endif

/* Looks. */

/* Whether the value is one that was seen, by what costs nothing. */
static int
is_known(Hot *hot, const KnownValue *known, PyObject *value)
{
    if (!known->has_value || !is_as_seen(hot, &known->seen, value)) {
        return 0;
    }
    /* What it refers to may be another object at the same address. */
    for (int i = 0; i < known->root_count; i++) {
        const Object *root = known->roots[i];
        if (root->is_gone || !has_type_as_seen(hot, root, root->address)) {
            return 0;
        }
    }
    const Object *root = known->root;
    return root != NULL ? !root->is_gone && has_type_as_seen(hot, root, root->address)
                        : known->seen.payload != 0 || known->is_singleton;
}

/* What stands in a variable: its bytes go to `values.bytes`, what it refers to is in view. */
static int
look_at_value(Hot *hot, KnownValue *known, PyObject *value, int level)
{
    Buffer *bytes = &hot->values.bytes;
    uint64_t redacted = hot->secrecy.redacted, asked = hot->settings.asked;
    look_own(hot);
    objects_held_by(hot, NULL, known);
    int status = value_to_scratch(hot, value, level);
    objects_held_by(hot, NULL, NULL);
    known->redacted = (uint32_t)(hot->secrecy.redacted - redacted);
    redacted_set(hot, redacted);
    if (status < 0) {
        return -1;
    }
    if (!known->has_value || known->used != bytes->used ||
        memcmp(known_data(known), bytes->data, bytes->used) != 0) {
        known->changed_at = hot->changes.event;
        if (known_set(known, bytes->data, bytes->used) < 0) {
            return -1;
        }
    }
    if (known_set_roots(known, hot->objects.met, hot->objects.met_count) < 0) {
        return -1;
    }
    known->has_value = 1;
    int tag = bytes->data[0];
    see(hot, &known->seen, value);
    known->is_singleton = tag <= TAG_FALSE;
    known->is_in_place = tag == TAG_SEQUENCE || tag == TAG_MAPPING;
    if (tag != TAG_REFERENCE && !known->is_singleton && known->seen.payload == 0) {
        known->seen.payload = deep_payload(hot, value);
        if (known->seen.payload == 0 || hot->settings.asked != asked) {
            /* No address of a value: it is read each time. So is what Python may have changed since. */
            known->seen.item = (PyObject *)known;
        }
    }
    return look_take_met(hot);
}

/* Where no other object is in view, and only scalars have changed, what is in view is walked in the
 * order of the last look. */

#ifdef HOT_INTERNALS

#define MOST_AGAIN 16

/* Whether the variables refer to the objects that they referred to. */
static int
has_same_roots(const Hot *hot, HotFrame *frame, const FrameState *state)
{
    const Code *code = state->code;
    for (int i = 0; i < code->variables; i++) {
        const KnownValue *known = &state->values[i];
        PyObject *value = frame_variable_borrowed(frame, code->code, code->places[i]);
        if (known->root != NULL || known->is_in_place) {
            if (!is_as_seen(hot, &known->seen, value)) {
                return 0;
            }
        }
        else if (value != NULL && scalar_payload(hot, value) == 0 && !is_singleton(value)) {
            return 0;
        }
    }
    return 1;
}

/* 1: all was looked at; 0: another object may be in view. */
static int
walk_view(Hot *hot, const FrameState *state)
{
    Object *again[MOST_AGAIN];
    int count = 0, status = 1;
    for (int i = 0; i < state->view_count; i++) {
        uintptr_t flags = state->view[i] & VIEW_FLAGS;
        Object *object = (Object *)(state->view[i] - flags);
        if (object->is_gone) {
            return 0;
        }
        if (flags & VIEW_AT_BOUND) {
            if (!is_checked(hot, object) && !is_bound_same(hot, state, object)) {
                return 0;
            }
            look_passes(hot, object);
            continue;
        }
        if (object->relinked > state->looked) {
            return 0;
        }
        if (is_checked(hot, object) || viewed_is_same(hot, object, flags)) {
            look_passes(hot, object);
        }
        else if (count < MOST_AGAIN && quick_has_links(hot, object, object->address)) {
            again[count++] = object;
        }
        else {
            return 0;
        }
    }
    for (int i = 0; i < count; i++) {
        Py_INCREF((PyObject *)again[i]->address);
    }
    for (int i = 0; i < count; i++) {
        PyObject *value = again[i]->address;
        if (status >= 0 && look_again(hot, again[i], value) < 0) {
            status = -1;
        }
        else if (status > 0 && again[i]->relinked == hot->looks.number) {
            status = 0;
        }
        Py_DECREF(value);
    }
    return status;
}

static int
walk_known_view(Hot *hot, HotFrame *frame, const FrameState *state)
{
    if (!is_view_known(hot, state) || !has_same_roots(hot, frame, state)) {
        return 0;
    }
    return is_view_checked(hot, state) ? 1 : walk_view(hot, state);
}

#else

static int
walk_known_view(Hot *Py_UNUSED(hot), HotFrame *Py_UNUSED(frame), const FrameState *Py_UNUSED(state))
{
    return 0;
}

#endif

static int
look_at_variable(Hot *hot, Variables *all, FrameState *state, int i)
{
    KnownValue *known = &state->values[i];
    PyObject *value;
    int status = variable(all, i, &value);
    if (status <= 0) {
        if (status == 0 && known->has_value) {
            known_forget(known);
            known->changed_at = hot->changes.event;
        }
        return status;
    }
    if (is_known(hot, known, value)) {
        status = look_take_roots(hot, known);
    }
    else {
        status = look_at_value(hot, known, value, all->code->secrets[i]);
    }
    Py_DECREF(value);
    return status;
}

static int
look_at_each(Hot *hot, Variables *all, FrameState *state, int has_roots)
{
    int status = 0;
    for (int i = 0; status >= 0 && i < state->code->variables; i++) {
        KnownValue *known = &state->values[i];
        if (has_roots || (known->root == NULL && !known->is_in_place)) {
            status = look_at_variable(hot, all, state, i);
        }
    }
    return status;
}

/* All variables of a frame that is at an event. */
static int
look_at_variables(Hot *hot, HotFrame *frame, FrameState *state)
{
    Variables all;
    uint64_t view_block = state->view_block;
    state->has_values = 1;
    if (variables_begin(&all, frame, state->code) < 0) {
        return -1;
    }
    int found = walk_known_view(hot, frame, state);
    state->view_block = 0;
    int status = found < 0 ? -1 : look_at_each(hot, &all, state, !found);
    variables_end(&all);
    if (status < 0) {
        return -1;
    }
    if (found) {
        state->view_block = view_block;
        return buffer_check(&hot->looks.records);
    }
    return look_run(hot) < 0 ? -1 : look_keep_view(hot, state);
}

/* The look may have come to fewer levels than it began with. */
static void
shows_levels(const Hot *hot, const FrameState *state)
{
    if (state->code != NULL) {
        state->code->levels = hot->looks.depth;
    }
}

/* What a frame gives away: its bytes go to `changes.value`. */
static int
look_at_given(Hot *hot, const FrameState *state, const Looking *looking)
{
    Buffer *out = &hot->changes.value;
    buffer_begin(out);
    if (looking->value == NULL && looking->error == NULL) {
        return 0;
    }
    if (looking->value != Py_None) {
        look_own(hot); /* to encode it can run Python */
    }
    look_further(hot);
    if (looking->value != NULL &&
        (value_encode(hot, out, looking->value,
                      state->code != NULL ? state->code->result_level : 0) < 0 ||
         look_take_met(hot) < 0)) {
        return -1;
    }
    if (looking->error != NULL && hot->settings.level == LEVEL_VALUES) {
        Object *object;
        if (object_refer(hot, looking->error, &object) < 0 || look_take_met(hot) < 0) {
            return -1;
        }
    }
    return look_run(hot);
}

static int
has_changed(Hot *hot, const FrameState *state, const KnownValue *known)
{
    uint64_t newest = 0;
    if (known->changed_at == hot->changes.event) {
        return 1;
    }
    if (hot->looks.newest <= state->looked) {
        return 0; /* nothing in view of any has changed */
    }
    if (known->root != NULL && objects_newest(hot, &known->root, 1, &newest) < 0) {
        return -1;
    }
    if (known->root_count > 0 &&
        objects_newest(hot, known->roots, known->root_count, &newest) < 0) {
        return -1;
    }
    return newest > state->looked;
}

/* Put into `changes.found` what differs since the frame's last event. */
static int
put_changes(Hot *hot, const FrameState *state)
{
    Code *code = state->code;
    Buffer *changed = &hot->changes.changed, *deleted = &hot->changes.deleted;
    uint64_t changes = 0, deletions = 0;
    buffer_begin(changed);
    buffer_begin(deleted);
    for (int i = 0; i < code->variables; i++) {
        const KnownValue *known = &state->values[i];
        if (!known->has_value) {
            if (known->changed_at == hot->changes.event) {
                deletions++;
                if (put_name(hot, deleted, code->texts[i]) < 0) {
                    return -1;
                }
            }
            continue;
        }
        int is_changed = has_changed(hot, state, known);
        if (is_changed < 0 || (is_changed && put_name(hot, changed, code->texts[i]) < 0)) {
            return -1;
        }
        if (is_changed) {
            changes++;
            redacted_set(hot, hot->secrecy.redacted + known->redacted);
            put_bytes(changed, known_data((KnownValue *)known), known->used);
        }
    }
    if (buffer_check(changed) < 0 || buffer_check(deleted) < 0) {
        return -1;
    }
    Buffer *out = &hot->changes.found;
    if (changes > 0 || deletions > 0) {
        put_uv(out, changes);
        put_bytes(out, changed->data, changed->used);
        put_uv(out, deletions);
        put_bytes(out, deleted->data, deleted->used);
    }
    return buffer_check(out);
}

void
begin_event(Hot *hot, int is_quiet)
{
    hot->changes.event = ++hot->changes.events;
    if (!is_quiet) {
        quiet_begin(hot);
    }
    buffer_begin(&hot->changes.found);
    buffer_begin(&hot->changes.value);
}

void
event_again(Hot *hot, uint64_t event, const Buffer *found)
{
    begin_event(hot, 0); /* nothing was seen since it begins */
    hot->changes.event = event;
    put_bytes(&hot->changes.found, found->data, found->used);
}

static int
look(Hot *hot, FrameState *state, const Looking *looking)
{
    int has_values = hot->settings.level == LEVEL_VALUES && state->code != NULL &&
                     state->code->variables > 0 && looking->frame != NULL;
    buffer_begin(&hot->changes.found);
    if (look_begin(hot, state) < 0 || (has_values && look_at_variables(hot, looking->frame, state) < 0) ||
        look_at_given(hot, state, looking) < 0) {
        return -1;
    }
    shows_levels(hot, state);
    return has_values ? put_changes(hot, state) : 0;
}

int
look_at_frame(Hot *hot, FrameState *state, const Looking *looking)
{
    uint64_t redacted = hot->secrecy.redacted;
    int status = look(hot, state, looking);
    look_end(hot);
    objects_drop_met(hot);
    if (status < 0) {
        redacted_set(hot, redacted);
        state->view_block = 0;
    }
    return status;
}

/* Arguments. */

static int
look_at_argument(Hot *hot, HotFrame *frame, FrameState *state, int i, uint64_t *count)
{
    Code *code = state->code;
    KnownValue *known = &state->values[i];
    PyObject *value = frame_variable(frame, code->code, code->places[i], code->names[i]);
    if (value == NULL) {
        return FRAME_FAILED(value) ? -1 : 0;
    }
    /* A second look, in a new segment, is of the same event. */
    int status = look_at_value(hot, known, value, code->secrets[i]);
    Py_DECREF(value);
    *count += 1;
    return status;
}

static int
put_arguments(Hot *hot, FrameState *state, uint64_t count)
{
    Code *code = state->code;
    Buffer *out = &hot->changes.found;
    buffer_begin(out);
    put_uv(out, count);
    for (int at = 0; at < code->arguments; at++) {
        int i = code->order[at];
        KnownValue *known = &state->values[i];
        if (known->has_value) {
            if (put_name(hot, out, code->texts[i]) < 0) {
                return -1;
            }
            redacted_set(hot, hot->secrecy.redacted + known->redacted);
            put_bytes(out, known_data(known), known->used);
        }
    }
    return buffer_check(out);
}

static int
look_at_all_arguments(Hot *hot, HotFrame *frame, FrameState *state)
{
    uint64_t count = 0;
    state->has_values = 1;
    if (look_begin(hot, state) < 0) {
        return -1;
    }
    for (int at = 0; at < state->code->arguments; at++) {
        if (look_at_argument(hot, frame, state, state->code->order[at], &count) < 0) {
            return -1;
        }
    }
    if (look_run(hot) < 0 || put_arguments(hot, state, count) < 0) {
        return -1;
    }
    shows_levels(hot, state);
    return hot->settings.level == LEVEL_VALUES ? look_keep_view(hot, state) : 0;
}

int
look_at_arguments(Hot *hot, HotFrame *frame, FrameState *state)
{
    uint64_t redacted = hot->secrecy.redacted;
    int status = look_at_all_arguments(hot, frame, state);
    look_end(hot);
    objects_drop_met(hot);
    if (status < 0) {
        redacted_set(hot, redacted);
    }
    return status;
}

void
changes_free(Hot *hot)
{
    buffer_free(&hot->changes.value);
    buffer_free(&hot->changes.found);
    buffer_free(&hot->changes.changed);
    buffer_free(&hot->changes.deleted);
}
