/* The life of a trace: begin, end, and what is left of all of them at the end of a recording. */
#ifndef HOT_TRACE_H
#define HOT_TRACE_H

#include "hot.h"

int hot_begin(Hot *hot);
int hot_end(Hot *hot, PyThreadState *tstate);

/* What an end does besides what it writes. */
void hot_forget(Hot *hot);
void hot_release(Hot *hot);

#endif
