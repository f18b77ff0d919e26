/* Sees what is written to `sys.stdout` and `sys.stderr`, and leaves nothing on them.
 *
 * `io.TextIOWrapper.write` and `io.StringIO.write` are functions in C, whose addresses stand in the
 * tables of methods of `_io`. While a tap is installed, ours stand there: they call the original,
 * and then tell the report. So streams, their types and their methods are the same objects with the
 * same attributes, and an error that `write` raises has no frame of ours.
 *
 * - The tables are written with the GIL held, by the one interpreter that installs the tap; calls
 *   from another interpreter go to the original alone.
 * - `report` is owned while it is set; a call of it owns it for itself.
 * - What stands in a table that is not ours is left alone.
 * - A method of another calling convention than METH_O is not tapped: `install` says so. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef struct {
    const char *type;
    PyCFunction ours;
    PyMethodDef *method;  /* of the type, which lives as long as the process; NULL without a tap */
    PyCFunction original; /* stays, for a call that is under way when the tap goes */
} Tap;

static PyObject *report;
static PyInterpreterState *home;

static PyObject *
written(PyCFunction original, PyObject *self, PyObject *text)
{
    PyObject *result = original(self, text);
    if (result == NULL || report == NULL || PyInterpreterState_Get() != home) {
        return result;
    }
    int stream = 0;
    if (self != PySys_GetObject("stdout")) {
        if (self != PySys_GetObject("stderr")) {
            return result;
        }
        stream = 1;
    }
    PyObject *callee = Py_NewRef(report);
    /* No frame: the interpreter itself prints, when the program is over. */
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    PyObject *done =
        PyObject_CallFunction(callee, "OiO", frame != NULL ? frame : Py_None, stream, text);
    Py_DECREF(callee);
    if (done == NULL) {
        Py_DECREF(result);
        return NULL;
    }
    Py_DECREF(done);
    return result;
}

static PyObject *text_write(PyObject *self, PyObject *text);
static PyObject *string_write(PyObject *self, PyObject *text);

static Tap taps[] = {
    {"TextIOWrapper", text_write, NULL, NULL},
    {"StringIO", string_write, NULL, NULL},
};
#define TAPS (sizeof(taps) / sizeof(taps[0]))

static PyObject *
text_write(PyObject *self, PyObject *text)
{
    return written(taps[0].original, self, text);
}

static PyObject *
string_write(PyObject *self, PyObject *text)
{
    return written(taps[1].original, self, text);
}

static void
take_out(void)
{
    for (size_t i = 0; i < TAPS; i++) {
        if (taps[i].method != NULL && taps[i].method->ml_meth == taps[i].ours) {
            taps[i].method->ml_meth = taps[i].original;
        }
        taps[i].method = NULL;
    }
    home = NULL;
    Py_CLEAR(report);
}

/* Gives 1, 0 for a method that cannot be tapped, -1 with an exception. */
static int
put_in(PyObject *module, Tap *tap)
{
    PyObject *type = PyObject_GetAttrString(module, tap->type);
    PyObject *method = type != NULL ? PyObject_GetAttrString(type, "write") : NULL;
    Py_XDECREF(type);
    if (method == NULL) {
        return -1;
    }
    int is_known = 0;
    if (Py_IS_TYPE(method, &PyMethodDescr_Type)) {
        PyMethodDef *def = ((PyMethodDescrObject *)method)->d_method;
        is_known = def->ml_flags == METH_O && def->ml_meth != tap->ours;
        if (is_known) {
            tap->original = def->ml_meth;
            tap->method = def;
            def->ml_meth = tap->ours;
        }
    }
    Py_DECREF(method);
    return is_known;
}

/* Taken when this is imported: to import it later would call the `__import__` of a test. */
static PyObject *io_module;

PyDoc_STRVAR(install_doc,
"install(report)\n--\n\n"
"Call `report(frame, stream, text)` after each write to `sys.stdout` (0) or `sys.stderr` (1) from\n"
"now on; False where this interpreter has other methods. None takes the tap out.");

static PyObject *
install(PyObject *Py_UNUSED(module), PyObject *callee)
{
    take_out();
    if (callee == Py_None) {
        Py_RETURN_TRUE;
    }
    int status = 1;
    for (size_t i = 0; i < TAPS && status == 1; i++) {
        status = put_in(io_module, &taps[i]);
    }
    if (status != 1) {
        take_out();
        return status < 0 ? NULL : Py_NewRef(Py_False);
    }
    home = PyInterpreterState_Get();
    report = Py_NewRef(callee);
    Py_RETURN_TRUE;
}

static PyMethodDef functions[] = {
    {"install", install, METH_O, install_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.engine._taps",
    .m_doc = "Sees what is written to the standard streams.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__taps(void)
{
    if (io_module == NULL) {
        io_module = PyImport_ImportModule("_io");
        if (io_module == NULL) {
            return NULL;
        }
    }
    PyObject *module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    if (module != NULL && PyUnstable_Module_SetGIL(module, Py_MOD_GIL_USED) < 0) {
        Py_CLEAR(module);
    }
#endif
    return module;
}
