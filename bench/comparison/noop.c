/* The limit: a callback of sys.monitoring that does nothing but count.
 *
 * Whatever a recorder does per event comes on top of what the interpreter takes to call this. The counter is
 * read under the GIL, as it is written; it can not fail and allocates nothing.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static unsigned long long events;

static PyObject *
noop(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    events++;
    Py_RETURN_NONE;
}

static PyObject *
counted(PyObject *module, PyObject *ignored)
{
    return PyLong_FromUnsignedLongLong(events);
}

static PyMethodDef methods[] = {
    {"noop", (PyCFunction)(void (*)(void))noop, METH_FASTCALL, "Count the event."},
    {"counted", counted, METH_NOARGS, "Return the number of events."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "bench_noop", NULL, -1, methods};

PyMODINIT_FUNC
PyInit_bench_noop(void)
{
    return PyModule_Create(&definition);
}
