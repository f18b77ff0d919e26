/* A sample is measured by three looks at the clock, of which the last two tell what a look takes. What is
 * done with the sums, and why, stands in `../pure/meter.py`, the twin. */

#include "meter.h"

#include "clock.h"

#define MEAN_INTERVAL 512
#define MOST_MEANS 4
#define FIRST_SAMPLES ((int)(sizeof(((Meter *)0)->first) / sizeof(double)))

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
    hot->meter.first_count = 0;
    hot->meter.random ^= (uint32_t)((uintptr_t)hot >> 4) + 1;
    choose_next(hot);
}

int64_t
meter_start(Hot *hot)
{
    hot->meter.visits += (uint64_t)hot->meter.interval;
    choose_next(hot);
    return monotonic_ns();
}

static void
add(Hot *hot, double took, double usual)
{
    double most = MOST_MEANS * (usual > 1.0 ? usual : 1.0);
    took = took < 0.0 ? 0.0 : took > most ? most : took;
    hot->meter.samples++;
    hot->meter.total_ns += took;
    hot->meter.squares += took * took;
}

static int
compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

void
meter_stop(Hot *hot, int64_t started_ns)
{
    int64_t ended_ns = monotonic_ns();
    double took = (double)(ended_ns - started_ns - (monotonic_ns() - ended_ns));
    if (hot->meter.samples > 0) {
        add(hot, took, hot->meter.total_ns / (double)hot->meter.samples);
        return;
    }
    hot->meter.first[hot->meter.first_count++] = took;
    if (hot->meter.first_count == FIRST_SAMPLES) {
        qsort(hot->meter.first, (size_t)FIRST_SAMPLES, sizeof(double), compare);
        double usual = hot->meter.first[FIRST_SAMPLES / 2];
        for (int i = 0; i < FIRST_SAMPLES; i++) {
            add(hot, hot->meter.first[i], usual);
        }
    }
}

PyObject *
meter_told(Hot *hot)
{
    uint64_t visits = hot->meter.visits + (uint64_t)(hot->meter.interval - hot->meter.left);
    return Py_BuildValue("KKdd", (unsigned long long)visits, (unsigned long long)hot->meter.samples,
                         hot->meter.total_ns, hot->meter.squares);
}
