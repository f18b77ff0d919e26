/* Puts the parts of an event together and into the spool, with what a segment must know before. */
#ifndef HOT_RECORDS_H
#define HOT_RECORDS_H

#include "hot.h"
#include "losses.h"
#include "segments.h"
#include "states.h"
#include "variables.h"

/* `event.body`, emptied: what an event tells besides its line and its changes. */
Buffer *event_body(Hot *hot);

/* `event.record`, emptied: for an event that is of no frame, or begins one. */
Buffer *event_record(Hot *hot);

/* Write an event of a frame from `event.body`, with what a look finds; NULL: nobody looks. A raise or an
 * unwinding says where it was, by `place`. */
int write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line,
                const Looking *looking);

/* Write the event that begins a frame; `place` says where it was called from. */
int write_call(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState *state);

/* Write what a look has found of objects, before its event is. 1; 0 where there is no room for it. */
int write_objects(Hot *hot);

/* Write `event.record`. */
int write_record(Hot *hot);

/* Tell what was lost. */
int tell_losses(Hot *hot, PyThreadState *tstate);

/* The same, if anything was. */
static inline int
write_gaps(Hot *hot, PyThreadState *tstate)
{
    return has_untold_losses(hot) ? tell_losses(hot, tstate) : 0;
}

void event_free(Hot *hot);

/* The event was written: what comes next is of the same frame, where nothing says otherwise. */
static inline void
event_written(Hot *hot, FrameState *state, int line)
{
    segments_set_written(hot, hot->clock.last_us);
    segments_set_current(hot, state);
    state->block = hot->spool.block;
    state->thread_told = state->thread;
    state->levels_told = levels_of(hot, state);
    state->line = line;
}

/* A line event without changes, if it can go straight into the segment, as most do: 1 then. */
static inline int
write_line_at_once(Hot *hot, PyThreadState *tstate, FrameState *state, int line)
{
    Thread *thread = hot->threads.last;
    if (hot->spool.current != state || state->code->levels != state->levels_told || has_untold_losses(hot) || thread == NULL ||
        thread->id != tstate->id ||
        !segments_append_short(hot, OP_LINE, (int64_t)line - state->line)) {
        return 0;
    }
    thread->unwound = NULL;
    event_written(hot, state, line);
    return 1;
}

#endif
