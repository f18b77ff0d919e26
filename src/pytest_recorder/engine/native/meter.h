/* Measures, of visits chosen by chance, the CPU time that they take: about one of 512. */
#ifndef HOT_METER_H
#define HOT_METER_H

#include "hot.h"

/* Begin anew, for a trace. */
void meter_begin(Hot *hot);

/* The clock at the begin of a visit that was chosen, and what its end does. */
int64_t meter_start(Hot *hot);
void meter_stop(Hot *hot, int64_t started_ns);

/* What was measured: visits, samples, the sum of their nanoseconds, and of the squares. */
PyObject *meter_told(Hot *hot);

/* 0 for a visit that is not chosen. */
static inline int64_t
meter_enter(Hot *hot)
{
    return --hot->meter.left > 0 ? 0 : meter_start(hot);
}

static inline void
meter_leave(Hot *hot, int64_t started_ns)
{
    if (started_ns != 0) {
        meter_stop(hot, started_ns);
    }
}

#endif
