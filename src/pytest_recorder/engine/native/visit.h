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

/* Hand an exception that an operation left to the guard, with the name of the callback. -1: it is
 * the program's own. */
int handle_fault(Hot *hot, const char *callback);

/* Count what could not be taken because this thread was inside. */
void count_reentry(Hot *hot, int entered, PyObject *code);

/* Take no more events, or take them again. */
void entrance_open(Hot *hot, int is_open);

/* The trace, or the recording, is over while somebody is inside, who does the rest when it leaves. */
enum { DUE_END = 1, DUE_RELEASE = 2 };
void entrance_due(Hot *hot, int what);

static inline void
visit_begin(Hot *hot, Visit *visit)
{
    hot->entrance.visits++;
    visit->type = NULL;
    if (EXCEPTION_IS_SET(visit->tstate)) {
        PyErr_Fetch(&visit->type, &visit->value, &visit->traceback);
    }
    RECURSION_REMAINING(visit->tstate) += ROOM_FOR_HELPERS;
    visit->measured_ns = meter_enter(hot);
}

/* Go in whether events are taken or not. 1: inside, `leave` must follow. 0: another thread is inside
 * and does not leave. -1: this thread is inside already. */
int enter_always(Hot *hot, Visit *visit);

/* What `enter` does where somebody is inside already, and gives. */
int enter_slowly(Hot *hot, Visit *visit);

/* 1: inside, `leave` must follow. 0: nothing is taken now. -1: this thread is inside already. */
static inline int
enter(Hot *hot, Visit *visit)
{
    visit->tstate = PyThreadState_Get();
    if (hot->entrance.owner != NULL) {
        return enter_slowly(hot, visit);
    }
    if (!hot->entrance.is_open) {
        return 0;
    }
    hot->entrance.owner = visit->tstate;
    Py_INCREF(hot);
    visit_begin(hot, visit);
    return 1;
}

/* What `leave` does where the trace has ended meanwhile. */
void leave_late(Hot *hot);

/* After `leave` gave -1 in an event that may be of a generator that is closed: whoever closes it may
 * be the end of it, where Python drops what is raised. 0: it was Ctrl-C, which the program gets as
 * soon as it runs on. */
int leave_closing(int is_closing);

/* What `leave` does with an operation that has failed, and gives. */
int leave_failed(Hot *hot, const char *callback);

/* `status` is that of the operation: below 0 it has left an exception. -1: an exception of the
 * program's own is to go on. */
static inline int
leave(Hot *hot, Visit *visit, int status, const char *callback)
{
    meter_leave(hot, visit->measured_ns);
    /* An exception that nobody told of would go on into the program: builds with asserts find it. */
    assert(status < 0 || !EXCEPTION_IS_SET(visit->tstate));
    if (hot->entrance.due) {
        leave_late(hot);
    }
    hot->entrance.owner = NULL;
    status = status < 0 || EXCEPTION_IS_SET(visit->tstate) ? leave_failed(hot, callback) : 0;
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
