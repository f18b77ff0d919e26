#include "visit.h"

/* Around every operation. At the recursion limit a helper in Python has room of its own. */

#define ROOM_FOR_HELPERS 500
#if PY_VERSION_HEX >= 0x030C0000
#define RECURSION_REMAINING(tstate) ((tstate)->py_recursion_remaining)
#else
#define RECURSION_REMAINING(tstate) ((tstate)->recursion_remaining)
#endif

int
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
    if (PyErr_Occurred()) {
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

/* Hand an exception that an operation left to the guard. -1: it is the program's own. */
static int
settle(Hot *hot)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    PyObject *done = NULL;
    if (value != NULL && hot->settle != NULL) {
        done = PyObject_CallOneArg(hot->settle, value);
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    Py_XDECREF(done);
    return PyErr_Occurred() ? -1 : 0;
}

int
leave(Hot *hot, Visit *visit)
{
    int status = 0;
    hot->owner = NULL;
    if (PyErr_Occurred()) {
        status = settle(hot);
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

/* Code of the program that runs inside ours, by the garbage collector or a signal handler. */
void
refuse(Hot *hot, int entered, PyObject *code)
{
    if (entered < 0) {
        Code *known = table_get(&hot->codes, code);
        if (known != NULL && known->is_in_scope) {
            hot_lose(hot, "reentrant", 1);
        }
    }
}
