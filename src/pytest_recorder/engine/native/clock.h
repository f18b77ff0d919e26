/* Time: microseconds since the trace began, each as the difference to the one before. */
#ifndef HOT_CLOCK_H
#define HOT_CLOCK_H

#include "hot.h"

/* The monotonic clock of the system. Never tried on Windows. */
int64_t monotonic_ns(void);

/* Begin a trace: its time is 0. Calls a clock of Python's where there is one. */
int clock_begin(Hot *hot);

int put_time(Hot *hot, Buffer *out);

#endif
