/* Waits for a turn, and hands on what went wrong. */

#include "visit.h"
#include "losses.h"

#include <time.h>

void
entrance_open(Hot *hot, int is_open)
{
    hot->entrance.is_open = is_open;
}

int
enter_slowly(Hot *hot, PyThreadState *tstate)
{
    struct timespec nap = {0, 200000};
    if (hot->entrance.owner == tstate) {
        return -1;
    }
    for (int tries = 0; tries < 5000; tries++) {
        Py_BEGIN_ALLOW_THREADS
        nanosleep(&nap, NULL);
        Py_END_ALLOW_THREADS
        if (hot->entrance.owner == NULL) {
            hot->entrance.owner = tstate;
            return 1;
        }
    }
    /* The thread that is inside does not leave. */
    hot_lose_quietly(hot, "contended");
    return 0;
}

int
handle_fault(Hot *hot, const char *callback)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    PyObject *handler = Py_XNewRef(hot->settings.handle_fault);
    if (value != NULL && handler != NULL) {
        PyObject *name = PyUnicode_InternFromString(callback);
        if (name == NULL) {
            PyErr_Clear(); /* out of memory, as the fault itself may be: it goes without a name */
        }
        Py_XDECREF(PyObject_CallFunctionObjArgs(handler, value, name, NULL));
    }
    Py_XDECREF(handler);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    if (PyErr_Occurred() == NULL) {
        return 0;
    }
    /* What was not recorded because the program's own exception went through us. */
    hot_lose_quietly(hot, "interrupted");
    return -1;
}

/* Code of the program that runs inside ours, by the garbage collector or a signal handler. */
void
count_reentry(Hot *hot, int entered, PyObject *code)
{
    if (entered < 0) {
        Code *known = table_get(&hot->codes.known, code);
        if (known != NULL && known->is_in_scope) {
            hot_lose_quietly(hot, "reentrant");
        }
    }
}
