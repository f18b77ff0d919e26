/* The face of the scan to Python: scan.h says what it is. */

#include "scan.h"

PyDoc_STRVAR(feed_doc,
"feed(data, first)\n--\n\n"
"Take in the events of a block, the first of which has the number `first`; give their number.");

static PyObject *
scanner_feed(PyObject *object, PyObject *arguments)
{
    Scanner *self = (Scanner *)object;
    Py_buffer data;
    unsigned long long first;
    if (!PyArg_ParseTuple(arguments, "y*K:feed", &data, &first)) {
        return NULL;
    }
    Cursor cursor = {data.buf, (const uint8_t *)data.buf + data.len};
    uint64_t event = first;
    self->data = cursor.at;
    self->pairs = self->levels = 0;
    int result = scan_walk(self, &cursor, &event);
    scan_forget_frames(self);
    PyBuffer_Release(&data);
    return result < 0 ? NULL : PyLong_FromUnsignedLongLong(event - first);
}

PyDoc_STRVAR(objects_doc,
"objects(data, start, lines, most_events, most_sightings)\n--\n\n"
"Find the objects in the events of a block from byte `start` on, and what refers to them.");

static PyObject *
scanner_objects(PyObject *object, PyObject *arguments)
{
    Scanner *self = (Scanner *)object;
    Py_buffer data;
    PyObject *lines;
    Py_ssize_t start;
    unsigned long long most_events, most_sightings;
    if (!PyArg_ParseTuple(arguments, "y*nO!KK:objects", &data, &start, &PyDict_Type, &lines,
                          &most_events, &most_sightings)) {
        return NULL;
    }
    PyObject *found = NULL;
    if (start < 0 || start > data.len) {
        PyErr_SetString(PyExc_ValueError, "start must be a place in the data");
    }
    else {
        found = scan_find_objects(self, data.buf, (size_t)data.len, (size_t)start, lines,
                                  most_events, most_sightings);
    }
    PyBuffer_Release(&data);
    return found;
}

PyDoc_STRVAR(watch_doc,
"watch(starts)\n--\n\n"
"Look into texts from now on for `starts`: a list of (bytes, whether they need a mark).");

static PyObject *
scanner_watch(PyObject *object, PyObject *starts)
{
    if (!PyList_Check(starts)) {
        PyErr_SetString(PyExc_TypeError, "watch() takes a list");
        return NULL;
    }
    return scan_watch((Scanner *)object, starts) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(take_hits_doc,
"take_hits()\n--\n\n"
"Give where in the last block values start that may hold a secret.");

static PyObject *
scanner_take_hits(PyObject *object, PyObject *Py_UNUSED(none))
{
    return scan_take_hits((Scanner *)object);
}

PyDoc_STRVAR(rows_doc,
"rows()\n--\n\n"
"Give the rows as lists.");

static PyObject *
scanner_rows(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    PyObject *rows = PyList_New((Py_ssize_t)self->row_count);
    if (rows == NULL) {
        return NULL;
    }
    for (size_t at = 0; at < self->row_count; at++) {
        const Row *row = &self->rows[at];
        PyObject *made = Py_BuildValue(
            "[KKKKKi]", (unsigned long long)row->number, (unsigned long long)row->parent,
            (unsigned long long)row->code, (unsigned long long)row->first,
            (unsigned long long)row->last, row->end);
        if (made == NULL || PyList_SetItem(rows, (Py_ssize_t)at, made) < 0) {
            Py_DECREF(rows);
            return NULL;
        }
    }
    return rows;
}

/* Six numbers of at most 20 characters, and what stands between them. */
#define MOST_STEP_CHARS 136

static char *
write_number(char *at, uint64_t bits)
{
    char digits[20];
    int count = 0;
    if (bits >> 63) {
        *at++ = '-';
        bits = 0 - bits;
    }
    do {
        digits[count++] = (char)('0' + bits % 10);
        bits /= 10;
    } while (bits > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

PyDoc_STRVAR(steps_doc,
"steps()\n--\n\n"
"Give the rows as JSON, each as its difference to the row before: `skeleton.steps_of`.");

static PyObject *
scanner_steps(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    if (self->row_count > (size_t)PY_SSIZE_T_MAX / MOST_STEP_CHARS - 1) {
        return PyErr_NoMemory();
    }
    char *text = PyMem_Malloc(self->row_count * MOST_STEP_CHARS + 3);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    char *at = text;
    uint64_t frame = 0, first = 0;
    *at++ = '[';
    for (size_t index = 0; index < self->row_count; index++) {
        const Row *row = &self->rows[index];
        /* Modulo 2 ** 64; what is honest is small. */
        uint64_t numbers[] = {
            row->number - frame, row->number - row->parent, row->code, row->first - first,
            row->last - row->first, (uint64_t)row->end,
        };
        for (int column = 0; column < 6; column++) {
            *at++ = column == 0 ? '[' : ',';
            at = write_number(at, numbers[column]);
        }
        *at++ = ']';
        *at++ = ',';
        frame = row->number;
        first = row->first;
    }
    if (self->row_count > 0) {
        at--;
    }
    *at++ = ']';
    PyObject *steps = PyBytes_FromStringAndSize(text, at - text);
    PyMem_Free(text);
    return steps;
}

PyDoc_STRVAR(found_doc,
"found()\n--\n\n"
"Give exceptions as (event, frame, type, message as a value record), whether rows were left out,\n"
"the sum of dropped events, and the level to which the recording has fallen, -1 where it has not.");

static PyObject *
scanner_found(PyObject *object, PyObject *Py_UNUSED(none))
{
    Scanner *self = (Scanner *)object;
    return Py_BuildValue("(OOOi)", self->raised, self->is_cut ? Py_True : Py_False,
                         self->dropped, self->level - 1);
}

static PyObject *
scanner_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *names, *types, *codes, *malformed;
    Py_ssize_t most_calls, most_exceptions;
    if (keywords != NULL && PyDict_Size(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "Scanner takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "O!O!O!Onn:Scanner", &PyDict_Type, &names, &PyDict_Type,
                          &types, &PyDict_Type, &codes, &malformed, &most_calls,
                          &most_exceptions)) {
        return NULL;
    }
    if (!PyExceptionClass_Check(malformed)) {
        PyErr_SetString(PyExc_TypeError, "malformed must be an exception class");
        return NULL;
    }
    if (most_calls < 0 || most_calls > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "most_calls must be from 0 to 2 ** 31 - 1");
        return NULL;
    }
    /* Strings are hashed with a key of the process: nobody can foretell which numbers collide. */
    PyObject *word = PyUnicode_FromString("pytest_recorder.tracefile._scan");
    Py_hash_t seed = word == NULL ? -1 : PyObject_Hash(word);
    Py_XDECREF(word);
    if (seed == -1) {
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Scanner *self = (Scanner *)allocate(type, 0); /* all zero */
    if (self == NULL) {
        return NULL;
    }
    self->names.dict = Py_NewRef(names);
    self->types.dict = Py_NewRef(types);
    self->codes.dict = Py_NewRef(codes);
    self->malformed = Py_NewRef(malformed);
    self->seed = (uint64_t)seed;
    self->most_calls = (size_t)most_calls;
    self->most_exceptions = most_exceptions;
    self->raised = PyList_New(0);
    self->dropped = PyLong_FromLong(0);
    if (self->raised == NULL || self->dropped == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
scanner_dealloc(PyObject *object)
{
    Scanner *self = (Scanner *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->names.dict);
    Py_XDECREF(self->types.dict);
    Py_XDECREF(self->codes.dict);
    Py_XDECREF(self->malformed);
    Py_XDECREF(self->raised);
    Py_XDECREF(self->dropped);
    scan_free_rows(self);
    scan_free_finder(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef scanner_methods[] = {
    {"feed", scanner_feed, METH_VARARGS, feed_doc},
    {"objects", scanner_objects, METH_VARARGS, objects_doc},
    {"watch", scanner_watch, METH_O, watch_doc},
    {"take_hits", scanner_take_hits, METH_NOARGS, take_hits_doc},
    {"rows", scanner_rows, METH_NOARGS, rows_doc},
    {"steps", scanner_steps, METH_NOARGS, steps_doc},
    {"found", scanner_found, METH_NOARGS, found_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(scanner_doc,
"Scanner(names, types, codes, malformed, most_calls, most_exceptions, /)\n--\n\n"
"Collects the call skeleton of a trace; `malformed` is raised for bytes that are no records.");

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, (void *)scanner_doc},
    {Py_tp_new, (void *)scanner_new},
    {Py_tp_dealloc, (void *)scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {0, NULL},
};

static PyType_Spec scanner_spec = {
    .name = "pytest_recorder.tracefile._scan.Scanner",
    .basicsize = sizeof(Scanner),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = scanner_slots,
};

static int
scan_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &scanner_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot scan_slots[] = {
    {Py_mod_exec, (void *)scan_exec},
#if defined(Py_mod_gil) && !defined(Py_LIMITED_API)
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef scan_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.tracefile._scan",
    .m_doc = "Walks event records in C; `scan.py` says what for.",
    .m_size = 0,
    .m_slots = scan_slots,
};

PyMODINIT_FUNC
PyInit__scan(void)
{
    return PyModuleDef_Init(&scan_module);
}
