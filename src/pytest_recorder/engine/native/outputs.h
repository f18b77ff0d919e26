/* What is written beside the frames: output, log messages, and the phases of a test. */
#ifndef HOT_OUTPUTS_H
#define HOT_OUTPUTS_H

#include "hot.h"

/* At the nearest frame in scope, from `frame` on; NULL: at none. */
int hot_output(Hot *hot, PyThreadState *tstate, HotFrame *frame, int stream, PyObject *text);
int hot_message(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyObject *level,
                PyObject *logger, PyObject *text);

/* `logging.Logger.callHandlers(self, record)` begins. */
int hot_log(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object);

int hot_span(Hot *hot, PyThreadState *tstate, int phase, int edge, PyObject *name,
             PyObject *outcome);

#endif
