/* Keys are strings of ours and counts are ints: nothing here runs code of the program. */

#include "losses.h"

int
losses_make(Hot *hot)
{
    hot->losses.untold = PyDict_New();
    hot->losses.all = PyDict_New();
    return hot->losses.untold != NULL && hot->losses.all != NULL ? 0 : -1;
}

void
losses_clear(Hot *hot)
{
    PyDict_Clear(hot->losses.untold);
    PyDict_Clear(hot->losses.all);
    hot->losses.uncounted = 0;
}

void
losses_free(Hot *hot)
{
    Py_CLEAR(hot->losses.untold);
    Py_CLEAR(hot->losses.all);
}

static int
add_to(PyObject *counts, const char *reason, Py_ssize_t count)
{
    PyObject *key = PyUnicode_FromString(reason);
    if (key == NULL) {
        return -1;
    }
    PyObject *old = PyDict_GetItemWithError(counts, key);
    PyObject *sum = PyLong_FromSsize_t(count + (old != NULL ? PyLong_AsSsize_t(old) : 0));
    int status = sum == NULL ? -1 : PyDict_SetItem(counts, key, sum);
    Py_XDECREF(sum);
    Py_DECREF(key);
    return status;
}

int
hot_lose(Hot *hot, const char *reason, Py_ssize_t count)
{
    int status = add_to(hot->losses.untold, reason, count);
    return status < 0 ? -1 : add_to(hot->losses.all, reason, count);
}

void
hot_lose_quietly(Hot *hot, const char *reason)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (hot_lose(hot, reason, 1) < 0) {
        PyErr_Clear();
        hot->losses.uncounted++;
    }
    PyErr_Restore(type, value, traceback);
}

PyObject *
losses_take(Hot *hot)
{
    Py_ssize_t uncounted = hot->losses.uncounted;
    hot->losses.uncounted = 0;
    PyObject *empty = PyDict_New();
    if (empty == NULL || (uncounted > 0 && hot_lose(hot, "memory", uncounted) < 0)) {
        hot->losses.uncounted = uncounted;
        Py_XDECREF(empty);
        return NULL;
    }
    PyObject *lost = hot->losses.untold;
    hot->losses.untold = empty;
    return lost;
}
