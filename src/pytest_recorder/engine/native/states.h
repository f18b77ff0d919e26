/* What is known of a live frame, and the memory of it, which is used again. */
#ifndef HOT_STATES_H
#define HOT_STATES_H

#include "hot.h"

/* `code` NULL: for what runs nowhere. */
FrameState *state_new(Hot *hot, Code *code, void *key);
void state_free(Hot *hot, FrameState *state);

/* What `state_free` has kept for later. */
void states_release(Hot *hot);

/* Keep the bytes of a value, and the objects that it refers to. */
int known_set(KnownValue *known, const uint8_t *data, size_t size);
int known_set_roots(KnownValue *known, const Met *met, int count);

/* How many levels of its values a frame shows. */
static inline int
levels_of(const Hot *hot, const FrameState *state)
{
    return state->code != NULL ? state->code->levels : hot->settings.depth;
}

/* It has no value. */
static inline void
known_forget(KnownValue *known)
{
    known->has_value = 0;
    known->seen.item = NULL;
    known->seen.payload = 0;
}

static inline uint8_t *
known_data(KnownValue *known)
{
    return known->size <= KNOWN_INLINE ? known->bytes.here : known->bytes.there;
}

#endif
