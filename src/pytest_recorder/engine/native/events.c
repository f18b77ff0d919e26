/* Each operation finds the state of the frame, looks at what has changed, and writes one event. */

#include "events.h"
#include "clock.h"
#include "codes.h"
#include "definitions.h"
#include "exceptions.h"
#include "frames.h"
#include "outputs.h"
#include "positions.h"
#include "quiet.h"
#include "records.h"
#include "segments.h"
#include "streams.h"
#include "threads.h"
#include "values.h"
#include "variables.h"

int
hot_start(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    Code *code = code_known(hot, object);
    if (code == NULL) {
        if ((PyObject *)object == hot->settings.log_code) {
            return hot_log(hot, tstate, frame, object) < 0 ? -1 : 1;
        }
        code = code_meet(hot, object, frame_globals(frame));
        if (code == NULL) {
            return -1;
        }
        if (!code->is_in_scope) {
            return 0;
        }
    }
    if ((code->epoch != hot->numbers.epoch && code_define(hot, code) < 0) ||
        check_streams(hot) < 0) {
        return -1;
    }
    FrameState *state;
    if (state_begin(hot, tstate, frame, code, &state) < 0) {
        return -1;
    }
    if (hot->frames.caller == NULL) {
        place_clear(hot);
    }
    else if (place_set(hot, hot->frames.caller, hot->frames.caller_at) < 0) {
        return -1;
    }
    if (write_call(hot, tstate, frame, state) < 0) {
        return -1;
    }
    quiet_goes_on(hot, tstate, frame, code);
    return 1;
}

int
hot_line(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, int line)
{
    if (hot->settings.level < LEVEL_LINES) {
        return check_streams(hot); /* such a line tells of no more */
    }
    FrameState *state = hot->spool.current;
    if (state == NULL || state->key != frame || state->code->code != object) {
        if (state_of(hot, tstate, frame, object, &state) < 0) {
            return -1;
        }
        if (state == NULL) {
            return 0;
        }
    }
    if (check_streams(hot) < 0) {
        return -1;
    }
    if (state->exception_key != NULL && follow_handled(hot, state) < 0) {
        return -1;
    }
    if (line == state->line_seen) {
        return 0;
    }
    int has_values = hot->settings.level == LEVEL_VALUES;
    begin_event(hot, quiet_lasts(hot, tstate, frame, object));
    int is_same = !has_values || is_as_before(hot, frame, state);
    if (!is_same || !write_line_at_once(hot, tstate, state, line)) {
        Looking looking = {frame, NULL, NULL, is_same ? state->block : 0, 0};
        event_body(hot);
        if (write_event(hot, tstate, state, OP_LINE, line, &looking) < 0) {
            return -1;
        }
    }
    state->line_seen = line; /* not before it is told */
    quiet_goes_on(hot, tstate, frame, state->code);
    return 0;
}

static int
write_value(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState *state, int op,
            PyObject *value)
{
    Looking looking = {frame, value, NULL, 0, 0};
    begin_event(hot, quiet_lasts(hot, tstate, frame, state->code->code));
    if (put_time(hot, event_body(hot)) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, op, line_now(hot, frame, state), &looking);
}

int
hot_returned(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
             PyObject *value)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    int status = write_value(hot, tstate, frame, state, OP_RETURN, value);
    state_end(hot, state);
    return status;
}

int
hot_yielded(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
            PyObject *value)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    return state == NULL ? 0 : write_value(hot, tstate, frame, state, OP_YIELD, value);
}

int
hot_resumed(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    state->thread = thread->number;
    Looking looking = {frame, NULL, NULL, 0, 0};
    begin_event(hot, 0);
    if (put_time(hot, event_body(hot)) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_RESUME, state->line, &looking);
}

int
hot_thrown(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
           PyObject *error)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    state->thread = thread->number;
    Looking looking = {frame, NULL, error, 0, 0};
    Buffer *body = event_body(hot);
    begin_event(hot, 0);
    if (put_time(hot, body) < 0 || put_exception(hot, body, error) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_THROW, state->line, &looking);
}
