/* An exception goes to the guard normalized and with its traceback, by which it is judged. */

#include "failures.h"

int
tell_guard(PyObject *handler, const char *name)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XINCREF(handler);
    if (value != NULL && handler != NULL) {
        PyObject *string = PyUnicode_InternFromString(name);
        if (string == NULL) {
            PyErr_Clear(); /* out of memory, as the fault itself may be: it goes without a name */
        }
        Py_XDECREF(PyObject_CallFunctionObjArgs(handler, value, string, NULL));
        Py_XDECREF(string);
    }
    Py_XDECREF(handler);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return PyErr_Occurred() == NULL ? 0 : -1;
}

int
helper_failed(Hot *hot, const char *helper)
{
    if (hot->entrance.due || hot->settings.handle_failure == NULL) {
        return -1;
    }
    return tell_guard(hot->settings.handle_failure, helper);
}

int
trace_is_over(Hot *hot)
{
    if (!hot->entrance.due) {
        return 0;
    }
    PyErr_SetObject(PyExc_RuntimeError, (PyObject *)hot);
    return -1;
}

int
is_over_error(const Hot *hot, PyObject *value)
{
    if (value == NULL || !Py_IS_TYPE(value, (PyTypeObject *)PyExc_RuntimeError)) {
        return 0;
    }
    PyObject *args = ((PyBaseExceptionObject *)value)->args;
    return args != NULL && PyTuple_GET_SIZE(args) == 1 &&
           PyTuple_GET_ITEM(args, 0) == (const PyObject *)hot;
}
