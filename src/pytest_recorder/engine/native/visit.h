/* One visit of the interpreter: the turn of a thread, what was pending, and what went wrong. */
#ifndef HOT_VISIT_H
#define HOT_VISIT_H

#include "records.h"

/* At the recursion limit a helper in Python has room of its own. */

#define ROOM_FOR_HELPERS 500
#if PY_VERSION_HEX >= 0x030C0000
#define RECURSION_REMAINING(tstate) ((tstate)->py_recursion_remaining)
#define EXCEPTION_IS_SET(tstate) ((tstate)->current_exception != NULL)
#else
#define RECURSION_REMAINING(tstate) ((tstate)->recursion_remaining)
#define EXCEPTION_IS_SET(tstate) ((tstate)->curexc_type != NULL)
#endif

typedef struct {
    PyThreadState *tstate;
    PyObject *type, *value, *traceback; /* what was pending */
} Visit;

/* Count what was not recorded because the program's own exception went through us. */
void note_interruption(Hot *hot);

/* Hand an exception that an operation left to the guard, with the name of the callback. -1: it is
 * the program's own. */
int settle(Hot *hot, const char *callback);

/* Count what could not be taken because this thread was inside. */
void refuse(Hot *hot, int entered, PyObject *code);

/* 1: inside, `leave` must follow. 0: nothing is taken now. -1: this thread is inside already. */
static inline int
enter(Hot *hot, Visit *visit)
{
    PyThreadState *tstate = PyThreadState_Get();
    visit->tstate = tstate;
    if (hot->owner == NULL) {
        hot->owner = tstate;
    }
    else {
        int entered = hot_enter_slowly(hot, tstate);
        if (entered <= 0) {
            return entered;
        }
    }
    visit->type = NULL;
    if (EXCEPTION_IS_SET(tstate)) {
        PyErr_Fetch(&visit->type, &visit->value, &visit->traceback);
    }
    if (!hot->is_open) {
        hot->owner = NULL;
        if (visit->type != NULL) {
            PyErr_Restore(visit->type, visit->value, visit->traceback);
        }
        return 0;
    }
    RECURSION_REMAINING(tstate) += ROOM_FOR_HELPERS;
    return 1;
}

/* -1: an exception of the program's own is to go on. */
static inline int
leave(Hot *hot, Visit *visit, const char *callback)
{
    int status = 0;
    hot->owner = NULL;
    if (EXCEPTION_IS_SET(visit->tstate)) {
        status = settle(hot, callback);
        if (status < 0) {
            note_interruption(hot);
        }
    }
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
    return status;
}

#endif
