/* One visit of the interpreter: the turn of a thread, what was pending, and what went wrong.
 *
 * The visit owns the recording: whoever unregisters our callbacks may have had the last reference.
 */
#ifndef HOT_VISIT_H
#define HOT_VISIT_H

#include "hot.h"
#include "meter.h"

#include <assert.h>

/* At the recursion limit a helper in Python has room of its own. */
#define ROOM_FOR_HELPERS 500

typedef struct {
    PyThreadState *tstate;
    PyObject *type, *value, *traceback; /* what was pending */
    int64_t measured_ns;                /* 0: it is not measured */
} Visit;

/* What `enter` does where somebody is inside already, and gives. */
int enter_slowly(Hot *hot, PyThreadState *tstate);

/* Hand an exception that an operation left to the guard, with the name of the callback. -1: it is
 * the program's own. */
int handle_fault(Hot *hot, const char *callback);

/* Count what could not be taken because this thread was inside. */
void count_reentry(Hot *hot, int entered, PyObject *code);

/* Take no more events, or take them again. */
void entrance_open(Hot *hot, int is_open);

/* 1: inside, `leave` must follow. 0: nothing is taken now. -1: this thread is inside already. */
static inline int
enter(Hot *hot, Visit *visit)
{
    PyThreadState *tstate = PyThreadState_Get();
    visit->tstate = tstate;
    if (hot->entrance.owner == NULL) {
        hot->entrance.owner = tstate;
    }
    else {
        int entered = enter_slowly(hot, tstate);
        if (entered <= 0) {
            return entered;
        }
    }
    if (!hot->entrance.is_open) {
        hot->entrance.owner = NULL;
        return 0;
    }
    Py_INCREF(hot);
    visit->type = NULL;
    if (EXCEPTION_IS_SET(tstate)) {
        PyErr_Fetch(&visit->type, &visit->value, &visit->traceback);
    }
    RECURSION_REMAINING(tstate) += ROOM_FOR_HELPERS;
    visit->measured_ns = meter_enter(hot);
    return 1;
}

/* `status` is that of the operation: below 0 it has left an exception. -1: an exception of the
 * program's own is to go on. */
static inline int
leave(Hot *hot, Visit *visit, int status, const char *callback)
{
    meter_leave(hot, visit->measured_ns);
    hot->entrance.owner = NULL;
    /* An exception that nobody told of would go on into the program: builds with asserts find it. */
    assert(status < 0 || !EXCEPTION_IS_SET(visit->tstate));
    status = status < 0 || EXCEPTION_IS_SET(visit->tstate) ? handle_fault(hot, callback) : 0;
    RECURSION_REMAINING(visit->tstate) -= ROOM_FOR_HELPERS;
    if (visit->type != NULL) {
        if (status < 0) {
            Py_DECREF(visit->type);
            Py_XDECREF(visit->value);
            Py_XDECREF(visit->traceback);
        }
        else {
            PyErr_Restore(visit->type, visit->value, visit->traceback);
        }
    }
    Py_DECREF(hot);
    return status;
}

#endif
