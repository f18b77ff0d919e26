/* What is written beside the frames: output, log messages, the phases of a test, a change of level. */
#ifndef HOT_OUTPUTS_H
#define HOT_OUTPUTS_H

#include "hot.h"

/* At the nearest frame in scope, from `frame` on; NULL: at none. */
int hot_output(Hot *hot, PyThreadState *tstate, HotFrame *frame, int stream, PyObject *text);
int hot_message(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyObject *level,
                PyObject *logger, PyObject *text);

/* Record no more than this until the trace ends, and say so. 1; 0: it was no more. */
int hot_lower_level(Hot *hot, PyThreadState *tstate, int level);

/* `logging.Logger.callHandlers(self, record)` begins. */
int hot_log(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);

int hot_span(Hot *hot, PyThreadState *tstate, int phase, int edge, PyObject *name,
             PyObject *outcome);

#endif
