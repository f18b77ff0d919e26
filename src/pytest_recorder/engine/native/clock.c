/* Asks the system for the time, or the clock that a test has given. */

#include "clock.h"
#include "settings.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif

int64_t
monotonic_ns(void)
{
#ifdef _WIN32
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (int64_t)((double)count.QuadPart * 1e9 / (double)frequency.QuadPart);
#else
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
#endif
}

static int
now_ns(Hot *hot, int64_t *now)
{
    if (hot->settings.clock == NULL) {
        *now = monotonic_ns();
        return 0;
    }
    PyObject *clock = Py_NewRef(clock_asked(hot));
    PyObject *given = PyObject_CallNoArgs(clock);
    Py_DECREF(clock);
    if (given == NULL) {
        return -1;
    }
    *now = PyLong_AsLongLong(given);
    Py_DECREF(given);
    return *now == -1 && PyErr_Occurred() ? -1 : 0;
}

int
clock_begin(Hot *hot)
{
    hot->clock.last_us = 0;
    return now_ns(hot, &hot->clock.started_ns);
}

int
put_time(Hot *hot, Buffer *out)
{
    int64_t now;
    if (now_ns(hot, &now) < 0) {
        return -1;
    }
    int64_t passed = now - hot->clock.started_ns;
    now = passed >= 0 ? passed / 1000 : -((-passed + 999) / 1000);
    int64_t since = now - hot->clock.last_us;
    hot->clock.last_us = now;
    put_uv(out, since > 0 ? (uint64_t)since : 0);
    return 0;
}
