/* A sample is measured by three looks at a clock, of which the last two tell what a look takes. What
 * is done with the sums stands in `../pure/meter.py`, the twin, with the reasons.
 *
 * The clock is not that of the thread's CPU: to ask for that one goes through the kernel, and made the
 * visits that were measured a tenth dearer than others. What another thread or process has run
 * meanwhile is cut off: a visit counts as no more than four times the mean so far. */

#include "meter.h"

#include <time.h>

#define MEAN_INTERVAL 512
#define MOST_MEANS 4
#define FIRST_SAMPLES 8

static int64_t
clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Chosen by chance: a program can do what is dear at every 512th event. */
static void
choose_next(Hot *hot)
{
    hot->meter.random = hot->meter.random * 1664525u + 1013904223u;
    hot->meter.interval = (int32_t)(hot->meter.random >> 16) % (2 * MEAN_INTERVAL - 1) + 1;
    hot->meter.left = hot->meter.interval;
}

void
meter_begin(Hot *hot)
{
    hot->meter.visits = hot->meter.samples = 0;
    hot->meter.total_ns = hot->meter.squares = 0.0;
    hot->meter.random ^= (uint32_t)((uintptr_t)hot >> 4) + 1;
    choose_next(hot);
}

int64_t
meter_start(Hot *hot)
{
    hot->meter.visits += (uint64_t)hot->meter.interval;
    choose_next(hot);
    return clock_ns();
}

void
meter_stop(Hot *hot, int64_t started_ns)
{
    int64_t ended_ns = clock_ns();
    double took = (double)(ended_ns - started_ns - (clock_ns() - ended_ns));
    if (hot->meter.samples >= FIRST_SAMPLES) {
        double most = MOST_MEANS * hot->meter.total_ns / (double)hot->meter.samples;
        took = took > most ? most : took;
    }
    hot->meter.samples++;
    hot->meter.total_ns += took;
    hot->meter.squares += took * took;
}

PyObject *
meter_told(Hot *hot)
{
    uint64_t visits = hot->meter.visits + (uint64_t)(hot->meter.interval - hot->meter.left);
    return Py_BuildValue("KKdd", (unsigned long long)visits, (unsigned long long)hot->meter.samples,
                         hot->meter.total_ns, hot->meter.squares);
}
