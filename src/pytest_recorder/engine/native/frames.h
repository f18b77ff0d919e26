/* Which frame is which: the state of a frame by its address, while it lives. */
#ifndef HOT_FRAMES_H
#define HOT_FRAMES_H

#include "hot.h"

/* The state of a frame whose beginning was seen, or NULL. */
FrameState *state_known(Hot *hot, HotFrame *frame, PyCodeObject *object);

/* The state of a frame in scope; one that ran before the recording began is taken in now.
 * 0 and NULL: out of scope. */
int state_of(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
             FrameState **found);

/* The state of a frame that begins; `frames.caller` is what it was called from. */
int state_begin(Hot *hot, PyThreadState *tstate, HotFrame *frame, Code *code,
                FrameState **begun);

/* A frame has ended. */
void state_end(Hot *hot, FrameState *state);

/* The line of a frame at its next event. */
int line_now(Hot *hot, HotFrame *frame, FrameState *state);

/* A trace ends, or another begins. */
void frames_clear(Hot *hot);
void frames_begin(Hot *hot);
void frames_free(Hot *hot);

#endif
