/* The operations on a recording, one for each kind of event. Called between `hot_enter` and
 * `hot_leave`; each gives -1 with a Python exception where it failed.
 */
#ifndef HOT_RECORDS_H
#define HOT_RECORDS_H

#include "hot.h"

int hot_enter_slowly(Hot *hot, PyThreadState *tstate);

Thread *thread_known(Hot *hot, PyThreadState *tstate);
int check_streams(Hot *hot);
Thread *thread_of(Hot *hot, PyThreadState *tstate);
FrameState *state_known(Hot *hot, HotFrame *frame, PyCodeObject *object);
int state_of(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
             FrameState **found);
void state_free(Hot *hot, FrameState *state);
int find_changes(Hot *hot, HotFrame *frame, FrameState *state);
int write_event(Hot *hot, PyThreadState *tstate, FrameState *state, int op, int line);
int follow_handled(Hot *hot, FrameState *state);
int put_time(Hot *hot, Buffer *out);
int code_bytes(Code *code);
int ends_a_loop(Hot *hot, HotFrame *frame, Code *code, PyObject *error);

/* 1 in scope, 0 out of it. */
int hot_start(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);
int hot_line(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, int line);
int hot_returned(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
                 PyObject *value);
int hot_yielded(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
                PyObject *value);
int hot_resumed(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);
int hot_thrown(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
               PyObject *error);
int hot_raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
               PyObject *error, PyObject *traceback);
/* `error` NULL: the one last seen in the frame. */
int hot_unwound(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
                PyObject *error);
int hot_output(Hot *hot, PyThreadState *tstate, HotFrame *frame, int stream, PyObject *text);
int hot_message(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyObject *level,
                PyObject *logger, PyObject *text);
int hot_span(Hot *hot, PyThreadState *tstate, int phase, int edge, PyObject *name,
             PyObject *outcome);

int hot_begin(Hot *hot);
int hot_end(Hot *hot, PyThreadState *tstate);
int hot_lose_ended(Hot *hot, PyThreadState *tstate, HotFrame *frame, const char *reason);
void hot_clear(Hot *hot);
void hot_release(Hot *hot);

#endif
