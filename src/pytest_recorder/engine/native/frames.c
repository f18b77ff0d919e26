/* A frame is known by its address; another one there has another code object, or a `start`. */

#include "frames.h"
#include "codes.h"
#include "definitions.h"
#include "segments.h"
#include "states.h"
#include "threads.h"

FrameState *
state_known(Hot *hot, HotFrame *frame, PyCodeObject *object)
{
    FrameState *state = hot->spool.current;
    if (state == NULL || state->key != frame) {
        state = table_get(&hot->frames.alive, frame);
    }
    return state != NULL && state->code->code == object ? state : NULL;
}

/* The number of the nearest recorded frame among these; where it stands goes to `frames.caller`. */
static uint32_t
parent_of(Hot *hot, HotFrame *frame)
{
    for (; frame != NULL; frame = frame_back(frame)) {
        FrameState *state = state_known(hot, frame, frame_code(frame));
        if (state != NULL) {
            hot->frames.caller = state->code;
            hot->frames.caller_at = frame_lasti(frame);
            return state->number;
        }
    }
    hot->frames.caller = NULL;
    return 0;
}

static int
frames_put(Hot *hot, HotFrame *frame, FrameState *state)
{
    FrameState *old = table_pop(&hot->frames.alive, frame);
    if (old != NULL) {
        state_free(hot, old);
    }
    if (table_set(&hot->frames.alive, frame, state) < 0) {
        state_free(hot, state);
        return -1;
    }
    return 0;
}

int
state_begin(Hot *hot, PyThreadState *tstate, HotFrame *frame, Code *code, FrameState **begun)
{
    *begun = NULL;
    uint32_t number = ++hot->frames.count;
    Thread *thread = thread_of(hot, tstate);
    FrameState *state = thread != NULL ? state_new(hot, code, frame) : NULL;
    if (state == NULL) {
        return -1;
    }
    state->number = number;
    state->thread = thread->number;
    state->parent = parent_of(hot, frame_back(frame));
    if (frames_put(hot, frame, state) < 0) {
        return -1;
    }
    *begun = state;
    return 0;
}

int
state_of(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
         FrameState **found)
{
    *found = state_known(hot, frame, object);
    if (*found != NULL) {
        return 0;
    }
    Code *code = code_meet(hot, object, frame_globals(frame));
    if (code == NULL) {
        return -1;
    }
    if (!code->is_in_scope) {
        return 0;
    }
    if (code->epoch != hot->numbers.epoch && code_define(hot, code) < 0) {
        return -1;
    }
    if (state_begin(hot, tstate, frame, code, found) < 0) {
        return -1;
    }
    int line = frame_line(frame);
    (*found)->line = line > 0 ? line : code->first_line;
    return 0;
}

void
state_end(Hot *hot, FrameState *state)
{
    table_pop(&hot->frames.alive, state->key);
    state_free(hot, state);
}

int
line_now(Hot *hot, HotFrame *frame, FrameState *state)
{
    if (hot->settings.level >= LEVEL_LINES) {
        return state->line;
    }
    int line = line_at(frame, state->code);
    return line > 0 ? line : state->line;
}

void
frames_clear(Hot *hot)
{
    FrameState *state;
    for (size_t at = 0; (state = table_next(&hot->frames.alive, &at)) != NULL;) {
        state_free(hot, state);
    }
    table_clear(&hot->frames.alive);
}

void
frames_begin(Hot *hot)
{
    frames_clear(hot);
    hot->frames.count = 0;
}

void
frames_free(Hot *hot)
{
    frames_clear(hot);
    table_free(&hot->frames.alive);
}
