/* What the variables of a frame are, and which of them differ since its last event. */
#ifndef HOT_VARIABLES_H
#define HOT_VARIABLES_H

#include "hot.h"

/* What an event looks at: the variables of a frame, and what it gives away. All borrowed, or NULL. */
typedef struct {
    HotFrame *frame;
    PyObject *value; /* a result */
    PyObject *error;
    uint64_t block; /* in that segment nothing more is looked at; 0: in none */
    uint64_t look; /* that has found it out; 0: none */
} Looking;

/* Begin an event: it has found nothing yet. */
void begin_event(Hot *hot, int is_quiet);

/* Go on with one that was begun, and has found so much. */
void event_again(Hot *hot, uint64_t event, const Buffer *found);

/* Look for an event: what is new of objects goes to `looks.records`, what differs since the frame's last
 * event to `changes.found`, the bytes of the result to `changes.value`. An event can look again, in
 * another segment, and finds the same. */
int look_at_frame(Hot *hot, FrameState *state, const Looking *looking);

/* The same of a frame that begins: its arguments go to `changes.found`. */
int look_at_arguments(Hot *hot, HotFrame *frame, FrameState *state);

/* 1: nothing in view of a frame has changed since. 0: nobody knows. */
int is_as_before(Hot *hot, HotFrame *frame, FrameState *state);

void changes_free(Hot *hot);

#endif
