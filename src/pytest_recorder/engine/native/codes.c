/* Asks Python about a code object once; what it says lives as long as the recording. */

#include "codes.h"
#include "failures.h"
#include "losses.h"
#include "names.h"
#include "positions.h"
#include "settings.h"

static void
code_free(Code *code)
{
    for (int i = 0; i < code->variables; i++) {
        Py_XDECREF(code->names[i]);
    }
    PyMem_RawFree(code->places);
    PyMem_RawFree(code->order);
    PyMem_RawFree(code->secrets);
    PyMem_RawFree(code->names);
    PyMem_RawFree(code->texts);
    PyMem_RawFree(code->lines);
    positions_free(code);
    PyMem_RawFree(code->quiet);
    Py_XDECREF(code->bytecode);
    Py_XDECREF(code->code);
    PyMem_RawFree(code);
}

Code *
code_known(Hot *hot, PyCodeObject *object)
{
    Code *last = hot->codes.last;
    if (last != NULL && last->code == object) {
        return last;
    }
    Code *code = table_get(&hot->codes.known, object);
    if (code != NULL) {
        hot->codes.last = code;
    }
    return code;
}

static int
code_fill(Hot *hot, Code *code, PyObject *description)
{
    PyObject *names, *places, *order, *secrets;
    if (!PyTuple_Check(description)) {
        PyErr_SetString(PyExc_TypeError, "a description of code is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(description, "O!O!O!O!ip", &PyTuple_Type, &names, &PyTuple_Type, &places,
                          &PyTuple_Type, &order, &PyTuple_Type, &secrets,
                          &code->result_level, &code->is_namespace)) {
        return -1;
    }
    size_t count = (size_t)PyTuple_GET_SIZE(names);
    if (PyTuple_GET_SIZE(places) != (Py_ssize_t)count ||
        PyTuple_GET_SIZE(secrets) != (Py_ssize_t)count) {
        PyErr_SetString(PyExc_ValueError, "a description of code has tuples of other lengths");
        return -1;
    }
    code->arguments = (int)PyTuple_GET_SIZE(order);
    code->places = PyMem_RawCalloc(count + 1, sizeof(int));
    code->order = PyMem_RawCalloc((size_t)code->arguments + 1, sizeof(int));
    code->secrets = PyMem_RawCalloc(count + 1, 1);
    code->names = PyMem_RawCalloc(count + 1, sizeof(PyObject *));
    code->texts = PyMem_RawCalloc(count + 1, sizeof(Name *));
    if (code->places == NULL || code->order == NULL || code->secrets == NULL ||
        code->names == NULL || code->texts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        code->names[i] = Py_NewRef(PyTuple_GET_ITEM(names, i));
        code->variables = (int)i + 1;
        if (!PyUnicode_CheckExact(code->names[i])) {
            PyErr_SetString(PyExc_TypeError, "the name of a variable is a str");
            return -1;
        }
        code->places[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(places, i));
        if (code->places[i] == -1 && PyErr_Occurred()) {
            return -1;
        }
        long level = PyLong_AsLong(PyTuple_GET_ITEM(secrets, i));
        if (level < 0) {
            return -1;
        }
        code->secrets[i] = (char)level;
        code->texts[i] = name_of(hot, &hot->texts.names, code->names[i]);
        if (code->texts[i] == NULL) {
            return -1;
        }
    }
    for (int i = 0; i < code->arguments; i++) {
        long variable = PyLong_AsLong(PyTuple_GET_ITEM(order, i));
        if (variable < 0 || (size_t)variable >= count) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "an argument is none of the variables");
            }
            return -1;
        }
        code->order[i] = (int)variable;
    }
    return 0;
}

/* Stands for all code out of scope, which is not kept: a program can make such code without end. */
static Code outside;
#define MOST_OUTSIDE 4096 /* files */

/* The name of the module that globals are of, new, or None. NULL where that failed. */
static PyObject *
module_of(Hot *hot, PyObject *globals)
{
    if (hot->codes.dunder_name == NULL) {
        hot->codes.dunder_name = PyUnicode_InternFromString("__name__");
        if (hot->codes.dunder_name == NULL) {
            return NULL;
        }
    }
    /* A subclass of dict as globals is read as the dict that it is. */
    PyObject *module = NULL;
    if (globals != NULL && PyDict_Check(globals) &&
        dict_get(globals, hot->codes.dunder_name, &module) < 0) {
        return NULL;
    }
    if (module == NULL || !PyUnicode_CheckExact(module)) {
        Py_XSETREF(module, Py_NewRef(Py_None));
    }
    return module;
}

/* Whether other code of its file and module was found to be out of scope. */
static int
is_of_outside(Hot *hot, PyCodeObject *object, PyObject *module)
{
    if (hot->codes.outside == NULL || !PyUnicode_CheckExact(object->co_filename)) {
        return 0;
    }
    PyObject *found = PyDict_GetItemWithError(hot->codes.outside, object->co_filename);
    if (found == NULL) {
        return PyErr_Occurred() != NULL ? -1 : 0;
    }
    return found == module ||
           (found != Py_None && module != Py_None && PyUnicode_Compare(found, module) == 0);
}

static int
remember_outside(Hot *hot, PyCodeObject *object, PyObject *module)
{
    if (!PyUnicode_CheckExact(object->co_filename)) {
        return 0;
    }
    if (hot->codes.outside == NULL) {
        hot->codes.outside = PyDict_New();
        if (hot->codes.outside == NULL) {
            return -1;
        }
    }
    if (PyDict_GET_SIZE(hot->codes.outside) >= MOST_OUTSIDE) {
        PyDict_Clear(hot->codes.outside);
    }
    return PyDict_SetItem(hot->codes.outside, object->co_filename, module);
}

int
code_is_outside(Hot *hot, PyCodeObject *object, PyObject *globals)
{
    PyObject *module = module_of(hot, globals);
    int answer = module != NULL ? is_of_outside(hot, object, module) : -1;
    Py_XDECREF(module);
    return answer;
}

/* New: what there is to know of code in scope, else None. */
static PyObject *
ask_description(Hot *hot, PyCodeObject *object, PyObject *module)
{
    PyObject *description =
        PyObject_CallMethod(helpers_asked(hot), "describe_code", "OO", object, module);
    if (description == NULL && helper_failed(hot, "describe_code") == 0 &&
        hot_lose(hot, "refused", 1) == 0) {
        /* Nobody can say whether it is in scope. */
        return Py_NewRef(Py_None);
    }
    if (description == Py_False) {
        Py_SETREF(description, Py_NewRef(Py_None));
        if (remember_outside(hot, object, module) < 0) {
            Py_CLEAR(description);
        }
    }
    return description;
}

static Code *
code_make(Hot *hot, PyCodeObject *object, PyObject *description)
{
    Code *code = PyMem_RawCalloc(1, sizeof(Code));
    if (code == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    code->code = (PyCodeObject *)Py_NewRef(object);
    code->first_line = object->co_firstlineno;
    code->flags = object->co_flags;
    code->is_in_scope = 1;
    if (code_fill(hot, code, description) < 0) {
        code_free(code);
        return NULL;
    }
    return code;
}

/* Tell the engine of code in scope. */
static int
enable(Hot *hot, PyCodeObject *object)
{
    PyObject *told = Py_XNewRef(hot->settings.enable);
    PyObject *done = told != NULL ? PyObject_CallOneArg(told, (PyObject *)object) : NULL;
    int status = told != NULL && done == NULL ? -1 : 0;
    Py_XDECREF(done);
    Py_XDECREF(told);
    return status;
}

Code *
code_meet(Hot *hot, PyCodeObject *object, PyObject *globals)
{
    Code *code = code_known(hot, object);
    if (code != NULL) {
        return code;
    }
    PyObject *module = module_of(hot, globals);
    int is_outside = module != NULL ? is_of_outside(hot, object, module) : -1;
    PyObject *description = is_outside == 0 ? ask_description(hot, object, module) : NULL;
    Py_XDECREF(module);
    if (description == NULL || description == Py_None) {
        Py_XDECREF(description);
        return description != NULL || is_outside > 0 ? &outside : NULL;
    }
    code = code_make(hot, object, description);
    Py_DECREF(description);
    if (code == NULL) {
        return NULL;
    }
    Code *meanwhile = table_get(&hot->codes.known, object);
    if (meanwhile != NULL) {
        code_free(code);
        return meanwhile;
    }
    if (table_set(&hot->codes.known, object, code) < 0) {
        code_free(code);
        return NULL;
    }
    if (enable(hot, object) < 0) {
        /* It is met again at its next event: known and not enabled it would be lost. */
        table_pop(&hot->codes.known, object);
        if (hot->codes.last == code) {
            hot->codes.last = NULL;
        }
        code_free(code);
        return NULL;
    }
    return code;
}

int
code_bytes(Code *code)
{
    if (code->bytecode == NULL) {
        code->bytecode = PyCode_GetCode(code->code);
    }
    return code->bytecode == NULL ? -1 : 0;
}

/* To find a line in the table of a code object takes a walk through it: once for each place. */
int
line_at(HotFrame *frame, Code *code)
{
    Py_ssize_t at = frame_lasti(frame), count = Py_SIZE(code->code);
    if (at < 0 || at / 2 >= count) {
        return frame_line(frame);
    }
    if (code->lines == NULL) {
        code->lines = PyMem_RawCalloc((size_t)count, sizeof(int));
        if (code->lines == NULL) {
            return frame_line(frame);
        }
    }
    at /= 2;
    if (code->lines[at] == 0) {
        code->lines[at] = frame_line(frame);
    }
    return code->lines[at];
}

void
codes_free(Hot *hot)
{
    Code *code;
    /* The end of a code object can run code of the program, which finds none of it here. */
    Table known = hot->codes.known;
    memset(&hot->codes.known, 0, sizeof(hot->codes.known));
    hot->codes.last = NULL;
    Py_CLEAR(hot->codes.outside);
    Py_CLEAR(hot->codes.dunder_name);
    for (size_t at = 0; (code = table_next(&known, &at)) != NULL;) {
        code_free(code);
    }
    table_free(&known);
}
