/* States of one size wait in a list of their own; the values of a frame go with it. */

#include "states.h"
#include "segments.h"

int
known_set(KnownValue *known, const uint8_t *data, size_t size)
{
    if (size > KNOWN_INLINE && size > known->size) {
        uint8_t *there = PyMem_RawMalloc(size + size / 2);
        if (there == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (known->size > KNOWN_INLINE) {
            PyMem_RawFree(known->bytes.there);
        }
        known->bytes.there = there;
        known->size = (uint32_t)(size + size / 2);
    }
    memcpy(known_data(known), data, size);
    known->used = (uint32_t)size;
    return 0;
}

int
known_set_roots(KnownValue *known, const Met *met, int count)
{
    known->root = count == 1 ? met[0].object : NULL;
    known->root_count = 0;
    if (count <= 1) {
        return 0;
    }
    Object **roots = PyMem_RawRealloc(known->roots, (size_t)count * sizeof(Object *));
    if (roots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < count; i++) {
        roots[i] = met[i].object;
    }
    known->roots = roots;
    known->root_count = count;
    return 0;
}

/* Of a value, in bytes. */
#define LARGEST_KEPT 4096

FrameState *
state_new(Hot *hot, Code *code, void *key)
{
    int capacity = code != NULL ? code->variables : 0;
    FrameState *state = capacity < FREE_LISTS ? hot->states.free[capacity] : NULL;
    if (state != NULL) {
        hot->states.free[capacity] = state->next_free;
    }
    else {
        state = PyMem_RawCalloc(1, sizeof(FrameState) + (size_t)capacity * sizeof(KnownValue));
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
    state->exception_line = 0;
    state->exception.used = 0;
    state->is_suspended = 0;
    state->looked = 0;
    state->view_block = 0;
    state->has_values = 0;
    return state;
}

static void
state_destroy(FrameState *state)
{
    for (int i = 0; i < state->capacity; i++) {
        if (state->values[i].size > KNOWN_INLINE) {
            PyMem_RawFree(state->values[i].bytes.there);
        }
        PyMem_RawFree(state->values[i].roots);
    }
    PyMem_RawFree(state->view);
    buffer_free(&state->exception);
    PyMem_RawFree(state);
}

void
state_free(Hot *hot, FrameState *state)
{
    segments_forget_frame(hot, state);
    if (state->capacity >= FREE_LISTS) {
        state_destroy(state);
        return;
    }
    for (int i = 0; state->has_values && i < state->capacity; i++) {
        KnownValue *known = &state->values[i];
        known_forget(known);
        known->changed_at = 0;
        if (known->size > LARGEST_KEPT) {
            PyMem_RawFree(known->bytes.there);
            known->size = 0;
        }
    }
    state->next_free = hot->states.free[state->capacity];
    hot->states.free[state->capacity] = state;
}

void
states_release(Hot *hot)
{
    for (int i = 0; i < FREE_LISTS; i++) {
        for (FrameState *state = hot->states.free[i], *next; state != NULL; state = next) {
            next = state->next_free;
            state_destroy(state);
        }
        hot->states.free[i] = NULL;
    }
}
