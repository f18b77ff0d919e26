/* What the variables of a frame are, and which of them differ since its last event. */
#ifndef HOT_VARIABLES_H
#define HOT_VARIABLES_H

#include "hot.h"

/* What differs since the frame's last event goes to `changes.found`, which is empty if nothing. */
int find_changes(Hot *hot, HotFrame *frame, FrameState *state);

/* The same of an event that looks at no variables, or at what was found before. */
static inline void
no_changes(Hot *hot)
{
    buffer_begin(&hot->changes.found);
}

void changes_again(Hot *hot, const Buffer *found);

/* The arguments of a frame that begins. */
int put_arguments(Hot *hot, HotFrame *frame, FrameState *state, Buffer *out);

void changes_free(Hot *hot);

#endif
