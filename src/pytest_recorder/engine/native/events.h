/* The operations on a recording, one for each kind of event of a frame.
 *
 * Called between `enter` and `leave`; each gives -1 with an exception where it failed. What the
 * interpreter hands over (frame, code, value, exception) it holds until the callback returns.
 */
#ifndef HOT_EVENTS_H
#define HOT_EVENTS_H

#include "hot.h"

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

#endif
