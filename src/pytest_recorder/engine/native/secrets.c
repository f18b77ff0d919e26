/* The answers of Python, kept by name and by the fingerprint of a string. */

#include "secrets.h"
#include "failures.h"
#include "mix.h"

/* Stands for a text in which secrets could not be looked for. */
#define NOT_SHOWN "[not shown: it could not be searched for secrets]"

static int
ask_is_secret(Hot *hot, PyObject *string)
{
    PyObject *answer = PyObject_CallMethod(hot->settings.helpers, "is_secret", "O", string);
    if (answer == NULL) {
        /* What cannot be judged is hidden. */
        return helper_failed(hot, "is_secret") < 0 ? -1 : 1;
    }
    int is_secret = answer == Py_True;
    Py_DECREF(answer);
    return is_secret;
}

int
name_is_secret(Hot *hot, Name *name, PyObject *string)
{
    if (!hot->settings.has_rules) {
        return 0;
    }
    if (name->is_secret < 0) {
        name->is_secret = ask_is_secret(hot, string);
    }
    return name->is_secret;
}

/* A string is known here by a fingerprint of its hash and its length, of 63 bits. */
int
string_is_secret(Hot *hot, PyObject *string)
{
    if (!hot->settings.has_rules) {
        return 0;
    }
    uint64_t fingerprint =
        mix((uint64_t)PyObject_Hash(string), (uint64_t)PyUnicode_GET_LENGTH(string));
    uint64_t *known = &hot->secrecy.answers[(fingerprint >> 1) % SECRET_ANSWERS];
    if ((*known ^ fingerprint) <= 1 && *known != 0) {
        return (int)(*known & 1);
    }
    int is_secret = ask_is_secret(hot, string);
    if (is_secret >= 0) {
        *known = (fingerprint & ~(uint64_t)1) | (uint64_t)is_secret;
    }
    return is_secret;
}

int
remember_secret(Hot *hot, PyObject *value)
{
    if (!PyUnicode_CheckExact(value)) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod(hot->settings.helpers, "remember", "O", value);
    Py_XDECREF(done);
    return done == NULL ? helper_failed(hot, "remember") : 0;
}

int
may_hide(Hot *hot, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    return PyList_GET_SIZE(hot->settings.secrets) > 0 ||
           (hot->settings.has_rules && (PyUnicode_FindChar(text, '=', 0, length, 1) >= 0 ||
                                        PyUnicode_FindChar(text, ':', 0, length, 1) >= 0));
}

PyObject *
masked(Hot *hot, PyObject *text)
{
    if (!may_hide(hot, text)) {
        return Py_NewRef(text);
    }
    PyObject *shown = PyObject_CallMethod(hot->settings.helpers, "mask", "O", text);
    if (shown != NULL && !PyUnicode_CheckExact(shown)) {
        Py_CLEAR(shown);
        PyErr_SetString(PyExc_TypeError, "a helper gives a str");
    }
    if (shown == NULL && helper_failed(hot, "mask") == 0) {
        shown = PyUnicode_FromString(NOT_SHOWN);
    }
    return shown;
}

void
redacted_set(Hot *hot, uint64_t count)
{
    hot->secrecy.redacted = count;
}
