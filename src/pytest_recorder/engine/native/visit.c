/* Waits for a turn, and hands on what went wrong. */

#include "visit.h"
#include "clock.h"
#include "codes.h"
#include "failures.h"
#include "losses.h"
#include "segments.h"
#include "trace.h"

#include <pythread.h>

/* A helper that takes longer waits for something: perhaps for what this thread holds. */
#define LONGEST_WAIT_NS 1000000000
#define NAP_US 200

void
entrance_open(Hot *hot, int is_open)
{
    hot->entrance.is_open = is_open;
}

void
entrance_due(Hot *hot, int what)
{
    hot->entrance.due |= what;
}

/* By time and not by naps: where many threads want the GIL, each nap ends late. */
static int
wait_for_turn(Hot *hot, PyThreadState *tstate)
{
    PyThread_type_lock nobody = PyThread_allocate_lock();
    int64_t until = monotonic_ns() + LONGEST_WAIT_NS;
    if (nobody != NULL) {
        PyThread_acquire_lock(nobody, NOWAIT_LOCK);
    }
    while (hot->entrance.owner != NULL) {
        /* Whoever is waited for in vain once is so by one thread, for one event. */
        if (nobody == NULL || hot->entrance.overdue == hot->entrance.visits ||
            monotonic_ns() > until) {
            hot->entrance.overdue = hot->entrance.visits;
            break;
        }
        Py_BEGIN_ALLOW_THREADS
        PyThread_acquire_lock_timed(nobody, NAP_US, 0);
        Py_END_ALLOW_THREADS
    }
    if (nobody != NULL) {
        PyThread_release_lock(nobody);
        PyThread_free_lock(nobody);
    }
    if (hot->entrance.owner != NULL) {
        return 0;
    }
    hot->entrance.owner = tstate;
    return 1;
}

int
enter_always(Hot *hot, Visit *visit)
{
    visit->tstate = PyThreadState_Get();
    if (hot->entrance.owner == visit->tstate) {
        return -1;
    }
    Py_INCREF(hot);
    if (!wait_for_turn(hot, visit->tstate)) {
        Py_DECREF(hot);
        return 0;
    }
    visit_begin(hot, visit);
    return 1;
}

int
enter_slowly(Hot *hot, Visit *visit)
{
    if (hot->entrance.owner == visit->tstate) {
        return -1;
    }
    if (!hot->entrance.is_open) {
        return 0;
    }
    Py_INCREF(hot);
    int is_in = wait_for_turn(hot, visit->tstate);
    if (is_in && hot->entrance.is_open) {
        visit_begin(hot, visit);
        return 1;
    }
    if (is_in) {
        hot->entrance.owner = NULL;
    }
    else {
        hot_lose_quietly(hot, "contended");
    }
    Py_DECREF(hot);
    return 0;
}

int
handle_fault(Hot *hot, const char *callback)
{
    if (tell_guard(hot->settings.handle_fault, callback) == 0) {
        return 0;
    }
    /* What was not recorded because the program's own exception went through us. */
    hot_lose_quietly(hot, "interrupted");
    return -1;
}

int
leave_failed(Hot *hot, const char *callback)
{
    /* What is known of a frame may be ahead of what was written: each is introduced anew. */
    segments_turn_over(hot);
    return PyErr_Occurred() != NULL ? handle_fault(hot, callback) : 0;
}

int
leave_closing(int is_closing)
{
    if (!is_closing || !PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        return -1;
    }
    PyErr_Clear();
    PyErr_SetInterrupt();
    return 0;
}

void
leave_late(Hot *hot)
{
    PyObject *type, *value, *traceback;
    int due = hot->entrance.due;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (is_over_error(hot, value)) {
        Py_CLEAR(type);
        Py_CLEAR(value);
        Py_CLEAR(traceback);
    }
    hot_forget(hot);
    if (due & DUE_RELEASE) {
        hot_release(hot);
    }
    hot->entrance.due = 0;
    PyErr_Restore(type, value, traceback);
}

/* Code of the program that runs inside ours, by the garbage collector or a signal handler. */
void
count_reentry(Hot *hot, int entered, PyObject *code)
{
    if (entered < 0) {
        if (table_get(&hot->codes.known, code) != NULL) {
            hot_lose_quietly(hot, "reentrant");
        }
    }
}
