/* The answers of Python, kept by name and by the fingerprint of a string. */

#include "secrets.h"
#include "failures.h"
#include "mix.h"
#include "segments.h"

/* Stands for a text in which secrets could not be looked for. */
#define NOT_SHOWN "[not shown: it could not be searched for secrets]"

static int
ask_level(Hot *hot, PyObject *string)
{
    PyObject *answer = PyObject_CallMethod(helpers_asked(hot), "level_of", "O", string);
    if (answer == NULL) {
        /* What cannot be judged is hidden. */
        return helper_failed(hot, "level_of") < 0 ? -1 : HIDES_TEXTS;
    }
    long level = PyLong_AsLong(answer);
    Py_DECREF(answer);
    if (level < 0 || level > HIDES_EVERYTHING) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "no name hides so much");
        }
        return -1;
    }
    return (int)level;
}

/* A string is known here by a fingerprint of its hash and its length, of 62 bits. */
int
string_is_secret(Hot *hot, PyObject *string)
{
    if (!hot->settings.has_rules) {
        return 0;
    }
    uint64_t fingerprint =
        mix((uint64_t)PyObject_Hash(string), (uint64_t)PyUnicode_GET_LENGTH(string));
    uint64_t *known = &hot->secrecy.answers[(fingerprint >> 2) % SECRET_ANSWERS];
    if ((*known ^ fingerprint) <= 3 && *known != 0) {
        return (int)(*known & 3);
    }
    int level = ask_level(hot, string);
    if (level >= 0) {
        *known = (fingerprint & ~(uint64_t)3) | (uint64_t)level;
    }
    return level;
}

int
name_is_secret(Hot *hot, Name *name, PyObject *string)
{
    if (!hot->settings.has_rules) {
        return 0;
    }
    if (name->is_secret < 0) {
        name->is_secret = PyUnicode_CheckExact(string) ? string_is_secret(hot, string)
                                                       : ask_level(hot, string);
    }
    return name->is_secret;
}

/* Bytes are rare as names: those of headers, and of the environment as the system has it. */
static int
bytes_level(Hot *hot, PyObject *key)
{
    if (!hot->settings.has_rules || PyBytes_GET_SIZE(key) > LONGEST_NAME) {
        return 0;
    }
    PyObject *string =
        PyUnicode_DecodeLatin1(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), NULL);
    if (string == NULL) {
        return -1;
    }
    int level = string_is_secret(hot, string);
    Py_DECREF(string);
    return level;
}

int
key_is_secret(Hot *hot, PyObject *key)
{
    return PyUnicode_CheckExact(key) ? string_is_secret(hot, key)
           : PyBytes_CheckExact(key) ? bytes_level(hot, key)
                                     : 0;
}

int
first_of_pair_is_secret(Hot *hot, PyObject *first)
{
    if (PyUnicode_CheckExact(first)) {
        Py_ssize_t length = PyUnicode_GET_LENGTH(first);
        if (length > LONGEST_NAME || PyUnicode_FindChar(first, ' ', 0, length, 1) >= 0) {
            return 0;
        }
    }
    else if (!PyBytes_CheckExact(first) ||
             memchr(PyBytes_AS_STRING(first), ' ', (size_t)PyBytes_GET_SIZE(first)) != NULL) {
        return 0;
    }
    return key_is_secret(hot, first);
}

/* What is too short to be learned, or was told to Python in this trace already. */
static int
is_told(Hot *hot, PyObject *value)
{
    Py_ssize_t size = PyUnicode_CheckExact(value) ? PyUnicode_GET_LENGTH(value)
                      : PyBytes_CheckExact(value) ? PyBytes_GET_SIZE(value)
                                                  : -1;
    if (size < 0) {
        return 0;
    }
    if (size < SHORTEST_LEARNED) {
        return 1;
    }
    /* Of exact strings and bytes: no code of the program's is asked. */
    uint64_t fingerprint = mix((uint64_t)PyObject_Hash(value), (uint64_t)size);
    uint64_t *told = &hot->secrecy.told[fingerprint % SECRETS_TOLD];
    if (*told == fingerprint) {
        return 1;
    }
    *told = fingerprint;
    return 0;
}

int
remember_secret(Hot *hot, PyObject *value)
{
    if (is_told(hot, value)) {
        return 0;
    }
    PyObject *is_new = PyObject_CallMethod(helpers_asked(hot), "remember", "O", value);
    if (is_new == NULL) {
        return helper_failed(hot, "remember");
    }
    Py_DECREF(is_new);
    if (is_new != Py_True) {
        return 0;
    }
    /* It goes to the spool too, whose map may move. */
    FrameState *current = hot->spool.current;
    segments_forget(hot);
    PyObject *done = PyObject_CallMethod(helpers_asked(hot), "tell_secrets", NULL);
    Py_XDECREF(done);
    if (done == NULL && helper_failed(hot, "tell_secrets") < 0) {
        return -1;
    }
    return segments_refresh(hot, current);
}

int
secret_put(Hot *hot, Buffer *out, PyObject *value, uint32_t type)
{
    if (remember_secret(hot, value) < 0) {
        return -1;
    }
    put_byte(out, TAG_REDACTED);
    put_uv(out, type);
    redacted_set(hot, hot->secrecy.redacted + 1);
    return 0;
}

int
may_hide(Hot *hot, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    return (length > 0 && PyDict_GET_SIZE(hot->settings.secrets) > 0) ||
           (hot->settings.has_rules && (PyUnicode_FindChar(text, '=', 0, length, 1) >= 0 ||
                                        PyUnicode_FindChar(text, ':', 0, length, 1) >= 0));
}

PyObject *
masked(Hot *hot, PyObject *text)
{
    if (!may_hide(hot, text)) {
        return Py_NewRef(text);
    }
    PyObject *shown = PyObject_CallMethod(helpers_asked(hot), "mask", "O", text);
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
secrets_begin(Hot *hot)
{
    memset(hot->secrecy.told, 0, sizeof(hot->secrecy.told));
    hot->secrecy.redacted = 0;
}

void
redacted_set(Hot *hot, uint64_t count)
{
    hot->secrecy.redacted = count;
}

void
count_in_place(Hot *hot)
{
    hot->secrecy.in_place++;
}
