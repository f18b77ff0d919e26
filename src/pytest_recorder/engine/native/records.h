/* Puts the parts of an event together and into the spool, with what a segment must know before. */
#ifndef HOT_RECORDS_H
#define HOT_RECORDS_H

#include "hot.h"

/* `event.body`, emptied: what an event tells besides its line and its changes. */
Buffer *event_body(Hot *hot);

/* `event.record`, emptied: for an event that is of no frame, or begins one. */
Buffer *event_record(Hot *hot);

/* Write an event of a frame from `event.body` and `changes.found`. */
int write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line);

/* Write `event.record`. */
int write_record(Hot *hot);

/* A line event without changes, if it can go straight into the segment: most do. */
int write_line_at_once(Hot *hot, PyThreadState *tstate, FrameState *state, int line);

/* Tell what was lost, if anything was. */
int write_gaps(Hot *hot, PyThreadState *tstate);

void event_free(Hot *hot);

#endif
