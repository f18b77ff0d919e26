/* Whether nothing that can change an object has run since the last event: then what was found the same at
 * that event, or at one before it in the same quiet time, need not be compared again.
 */
#ifndef HOT_QUIET_H
#define HOT_QUIET_H

#include "hot.h"

/* How an instruction is, by its number. */
enum {
    INSTRUCTION_ACTS,     /* it can run code, or change or make an object */
    INSTRUCTION_IS_QUIET, /* it does none of that */
    INSTRUCTION_WAITS,    /* the same, but the interpreter may run handlers of signals there */
    INSTRUCTION_CLEANS_UP /* it is quiet in what the compiler adds, which has no line */
};

/* The event that comes now is this frame's. 1: it belongs to the quiet time of the last one. */
int quiet_lasts(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);

/* Whether an object was seen at this event to hold what it held, and nothing has run since. What it
 * refers to can be followed: at an earlier event, a finalizer could have taken that away. */
static inline int
is_checked(const Hot *hot, const Object *object)
{
    return object->checked == hot->changes.event && hot->quiet.asked == hot->settings.asked;
}

/* Whether all in view of a frame was seen the same when nothing could have changed it since: then none of
 * it is followed. */
static inline int
is_view_checked(const Hot *hot, const FrameState *state)
{
    return state->view_checked >= hot->quiet.since && hot->quiet.asked == hot->settings.asked;
}

/* The event that comes begins anew. */
void quiet_begin(Hot *hot);

/* An event of a frame is written, which goes on with the line that it stands at. */
void quiet_goes_on(Hot *hot, PyThreadState *tstate, HotFrame *frame, Code *code);

#endif
