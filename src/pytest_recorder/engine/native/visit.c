#include "visit.h"

int
settle(Hot *hot, const char *callback)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    PyObject *done = NULL;
    if (value != NULL && hot->settle != NULL) {
        PyObject *name = PyUnicode_InternFromString(callback);
        if (name == NULL) {
            PyErr_Clear(); /* out of memory, as the fault itself may be: it goes without a name */
        }
        done = PyObject_CallFunctionObjArgs(hot->settle, value, name, NULL);
        Py_XDECREF(name);
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    Py_XDECREF(done);
    return PyErr_Occurred() ? -1 : 0;
}

void
note_interruption(Hot *hot)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (hot_lose(hot, "interrupted", 1) < 0) {
        PyErr_Clear();
    }
    PyErr_Restore(type, value, traceback);
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
