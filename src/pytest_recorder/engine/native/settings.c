/* An object that is replaced while it is being called lives on: whoever calls it owns a reference. */

#include "settings.h"

#include <stdlib.h>

/* PYTEST_RECORDER_LOOK=always: all is read at each event, which must give the same trace. */
static int
looks_always(void)
{
    const char *look = getenv("PYTEST_RECORDER_LOOK");
    return look != NULL && strcmp(look, "always") == 0;
}

int
settings_take(Hot *hot, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"level",   "depth",    "items",      "chars", "attributes", "objects",
                            "has_rules", "helpers",  "sink",       "secrets", "log_code",
                            "hook_codes", "raising", "instructions", "disable", "handle_fault", "handle_failure",
                            NULL};
    Settings given;
    Py_buffer raising, instructions;
    if (hot->settings.helpers != NULL) {
        PyErr_SetString(PyExc_TypeError, "a recording is made once");
        return -1;
    }
    memset(&given, 0, sizeof(given));
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "iinnnnpOOO!OO!y*y*OO|O", names, &given.level, &given.depth, &given.items,
            &given.chars, &given.attributes, &given.objects, &given.has_rules, &given.helpers, &given.sink,
            &PyDict_Type, &given.secrets, &given.log_code, &PyTuple_Type, &given.hook_codes,
            &raising, &instructions, &given.disable, &given.handle_fault, &given.handle_failure)) {
        return -1;
    }
    given.level_asked = given.level;
    given.looks_always = looks_always();
    int fits = raising.len == (Py_ssize_t)sizeof(given.raising) &&
               instructions.len == (Py_ssize_t)sizeof(given.instructions) && given.depth <= 100;
    if (fits) {
        memcpy(given.raising, raising.buf, sizeof(given.raising));
        given.shows_scope_only = memchr(given.raising, RAISES_ANEW, sizeof(given.raising)) != NULL;
        memcpy(given.instructions, instructions.buf, sizeof(given.instructions));
    }
    PyBuffer_Release(&raising);
    PyBuffer_Release(&instructions);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "256 instructions and a depth of at most 100");
        return -1;
    }
    given.dunder_module = PyUnicode_InternFromString("__module__");
    if (given.dunder_module == NULL) {
        return -1;
    }
    Py_INCREF(given.helpers);
    Py_INCREF(given.sink);
    Py_INCREF(given.secrets);
    Py_INCREF(given.log_code);
    Py_INCREF(given.hook_codes);
    Py_INCREF(given.disable);
    Py_INCREF(given.handle_fault);
    given.handle_failure = given.handle_failure == Py_None ? NULL : given.handle_failure;
    Py_XINCREF(given.handle_failure);
    hot->settings = given;
    return 0;
}

PyObject *
helpers_asked(Hot *hot)
{
    hot->settings.asked++;
    return hot->settings.helpers;
}

PyObject *
sink_asked(Hot *hot)
{
    hot->settings.asked++;
    return hot->settings.sink;
}

PyObject *
clock_asked(Hot *hot)
{
    hot->settings.asked++;
    return hot->settings.clock;
}

void
settings_restore_level(Hot *hot)
{
    hot->settings.level = hot->settings.level_asked;
}

void
settings_set_level(Hot *hot, int level)
{
    hot->settings.level = level;
}

PyObject *
get_level(Hot *hot, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(hot->settings.level);
}

int
settings_traverse(Hot *hot, visitproc visit, void *arg)
{
    Py_VISIT(hot->settings.helpers);
    Py_VISIT(hot->settings.sink);
    Py_VISIT(hot->settings.clock);
    Py_VISIT(hot->settings.secrets);
    Py_VISIT(hot->settings.log_code);
    Py_VISIT(hot->settings.hook_codes);
    Py_VISIT(hot->settings.disable);
    Py_VISIT(hot->settings.dunder_module);
    Py_VISIT(hot->settings.handle_fault);
    Py_VISIT(hot->settings.handle_failure);
    Py_VISIT(hot->settings.enable);
    Py_VISIT(hot->settings.put_back);
    Py_VISIT(hot->settings.injected);
    return 0;
}

void
settings_clear(Hot *hot)
{
    Py_CLEAR(hot->settings.helpers);
    Py_CLEAR(hot->settings.sink);
    Py_CLEAR(hot->settings.clock);
    Py_CLEAR(hot->settings.secrets);
    Py_CLEAR(hot->settings.log_code);
    Py_CLEAR(hot->settings.hook_codes);
    Py_CLEAR(hot->settings.disable);
    Py_CLEAR(hot->settings.dunder_module);
    Py_CLEAR(hot->settings.handle_fault);
    Py_CLEAR(hot->settings.handle_failure);
    Py_CLEAR(hot->settings.enable);
    Py_CLEAR(hot->settings.put_back);
    Py_CLEAR(hot->settings.injected);
}

static PyObject *
get_object(PyObject *object)
{
    return Py_NewRef(object != NULL ? object : Py_None);
}

static int
set_object(PyObject **object, PyObject *value)
{
    Py_XSETREF(*object, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

PyObject *
get_clock(Hot *hot, void *Py_UNUSED(closure))
{
    return get_object(hot->settings.clock);
}

int
set_clock(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->settings.clock, value);
}

PyObject *
get_enable(Hot *hot, void *Py_UNUSED(closure))
{
    return get_object(hot->settings.enable);
}

int
set_enable(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->settings.enable, value);
}

PyObject *
get_put_back(Hot *hot, void *Py_UNUSED(closure))
{
    return get_object(hot->settings.put_back);
}

int
set_put_back(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->settings.put_back, value);
}

PyObject *
get_injected(Hot *hot, void *Py_UNUSED(closure))
{
    return get_object(hot->settings.injected);
}

int
set_injected(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->settings.injected, value);
}
