/* Exceptions: raised, handled, and leaving a frame. */
#ifndef HOT_EXCEPTIONS_H
#define HOT_EXCEPTIONS_H

#include "hot.h"

/* Type, object and message. The caller owns the exception. */
int put_exception(Hot *hot, Buffer *out, PyObject *error);

/* Keep up with the exception being handled: a bare `raise` is not reported as an event. */
int follow_handled(Hot *hot, FrameState *state);

/* Whether this is the StopIteration that ends a `for` or an `await` in the interpreter: 1, 0, or -1. */
int ends_a_loop(Hot *hot, HotFrame *frame, Code *code, PyObject *error);

/* `given` is the traceback where the interpreter tells it, NULL: that of the exception. */
int hot_raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
               PyObject *error, PyObject *given);

/* `error` NULL: the one last seen in the frame. */
int hot_unwound(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
                PyObject *error);

#endif
