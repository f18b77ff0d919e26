/* A variable is compared by its fingerprint, then by its bytes, with what the state of the frame knows.
 * It is owned meanwhile: another thread can give a cell, or a name in a namespace, another value.
 */

#include "variables.h"
#include "definitions.h"
#include "fingerprints.h"
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

/* Compare a variable with what it was: 0 as before, 1 changed and in `values.bytes`, or -1. */
static int
variable_changed(Hot *hot, KnownValue *known, PyObject *value, int level, uint64_t *found)
{
    uint64_t fingerprint;
    if (value_fingerprint(hot, value, &fingerprint) < 0) {
        return -1;
    }
    if (known->since != 0 && known->fingerprint == fingerprint) {
        return 0;
    }
    uint64_t redacted = hot->secrecy.redacted;
    if (value_to_scratch(hot, value, level) < 0) {
        return -1;
    }
    const Buffer *bytes = &hot->values.bytes;
    if (known->since == 0 || known->used != bytes->used ||
        memcmp(known_data(known), bytes->data, known->used) != 0) {
        *found = fingerprint;
        return 1;
    }
    known->fingerprint = fingerprint;
    redacted_set(hot, redacted); /* what is not written does not count */
    return 0;
}

/* Put what is in `values.bytes`. */
static int
take_variable(Hot *hot, FrameState *state, int i, Buffer *out, uint64_t fingerprint)
{
    const Buffer *bytes = &hot->values.bytes;
    if (hot->settings.level == LEVEL_VALUES) {
        KnownValue *known = &state->values[i];
        if (known_set(state, known, bytes->data, bytes->used) < 0) {
            return -1;
        }
        known->fingerprint = fingerprint; /* not before its bytes are kept */
    }
    if (put_name(hot, out, state->code->texts[i]) < 0) {
        return -1;
    }
    put_bytes(out, bytes->data, bytes->used);
    return 0;
}

/* 1 where it went to `changed`, 2 where to `deleted`; 0; -1. */
static int
find_change(Hot *hot, Variables *all, FrameState *state, int i)
{
    KnownValue *known = &state->values[i];
    PyObject *value;
    uint64_t fingerprint;
    int status = variable(all, i, &value);
    if (status < 0) {
        return -1;
    }
    if (status == 0) {
        if (known->since == 0) {
            return 0;
        }
        known->since = 0;
        return put_name(hot, &hot->changes.deleted, all->code->texts[i]) < 0 ? -1 : 2;
    }
    status = variable_changed(hot, known, value, all->code->secrets[i], &fingerprint);
    Py_DECREF(value);
    if (status > 0 &&
        take_variable(hot, state, i, &hot->changes.changed, fingerprint) < 0) {
        return -1;
    }
    return status;
}

int
find_changes(Hot *hot, HotFrame *frame, FrameState *state)
{
    Code *code = state->code;
    Buffer *changed = &hot->changes.changed, *deleted = &hot->changes.deleted;
    Buffer *out = &hot->changes.found;
    buffer_begin(out);
    if (code == NULL || hot->settings.level != LEVEL_VALUES || code->variables == 0) {
        return 0;
    }
    buffer_begin(changed);
    buffer_begin(deleted);
    uint64_t changes = 0, deletions = 0;
    Variables all;
    int status = variables_begin(&all, frame, code);
    for (int i = 0; status >= 0 && i < code->variables; i++) {
        status = find_change(hot, &all, state, i);
        changes += status == 1;
        deletions += status == 2;
    }
    variables_end(&all);
    if (status < 0 || buffer_check(changed) < 0 || buffer_check(deleted) < 0) {
        return -1;
    }
    if (changes > 0 || deletions > 0) {
        put_uv(out, changes);
        put_bytes(out, changed->data, changed->used);
        put_uv(out, deletions);
        put_bytes(out, deleted->data, deleted->used);
    }
    return buffer_check(out);
}

void
changes_again(Hot *hot, const Buffer *found)
{
    buffer_begin(&hot->changes.found);
    put_bytes(&hot->changes.found, found->data, found->used);
}

int
put_arguments(Hot *hot, HotFrame *frame, FrameState *state, Buffer *out)
{
    Code *code = state->code;
    Buffer *changed = &hot->changes.changed;
    buffer_begin(changed);
    uint64_t count = 0, fingerprint = 0;
    for (int at = 0; at < code->arguments; at++) {
        int i = code->order[at];
        PyObject *value = frame_variable(frame, code->code, code->places[i], code->names[i]);
        if (value == NULL) {
            if (FRAME_FAILED(value)) {
                return -1;
            }
            continue;
        }
        /* Without a comparison later there is nothing to remember. */
        int status = hot->settings.level == LEVEL_VALUES
                         ? variable_changed(hot, &state->values[i], value, code->secrets[i],
                                            &fingerprint)
                         : value_to_scratch(hot, value, code->secrets[i]);
        Py_DECREF(value);
        if (status < 0 || take_variable(hot, state, i, changed, fingerprint) < 0) {
            return -1;
        }
        count++;
    }
    put_uv(out, count);
    put_bytes(out, changed->data, changed->used);
    return buffer_check(changed);
}

void
changes_free(Hot *hot)
{
    buffer_free(&hot->changes.found);
    buffer_free(&hot->changes.changed);
    buffer_free(&hot->changes.deleted);
}
