/* A text is told by its hash, which Python keeps with it. */

#include "payloads.h"

static uint64_t
int_payload(PyObject *value)
{
    Py_ssize_t count;
    const digit *digits = int_digits(value, &count);
    size_t size = (size_t)(count < 0 ? -count : count);
    uint64_t payload = mix(TAG_BIG_INT, (uint64_t)count);
    /* Of one whose digits are not shown the size in bits is, which the first ones tell. */
    if (size / 8 * PyLong_SHIFT > MAX_INT_BYTES) {
        return mix(payload, digits[size - 1]);
    }
    return mix_bytes(payload, digits, size * sizeof(digit));
}

uint64_t
large_payload(const Hot *hot, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    Py_ssize_t most = hot->settings.chars;
    uint64_t payload;
    if (type == &PyLong_Type) {
        payload = int_payload(value);
    }
    else if (type == &PyUnicode_Type) {
        /* Python keeps it, and asks for it itself where a text is a key. */
        payload = mix(TAG_STR, (uint64_t)PyUnicode_Type.tp_hash(value));
    }
    else if (type == &PyBytes_Type) {
        Py_ssize_t size = PyBytes_GET_SIZE(value);
        payload = mix_bytes(mix(TAG_BYTES, (uint64_t)size), PyBytes_AS_STRING(value),
                            (size_t)(size < most ? size : most));
    }
    else {
        payload = mix_bytes(TAG_COMPLEX, &((PyComplexObject *)value)->cval, sizeof(Py_complex));
    }
    return payload | 1;
}

/* Containers. */

static uint64_t item_payload(const Hot *hot, PyObject *item, int depth);

static uint64_t
container_payload(const Hot *hot, PyObject *value, int depth)
{
    Py_ssize_t most = hot->settings.items, at = 0;
    PyObject *key, *item;
    uint64_t payload = 0;
    if (PyDict_Check(value)) {
        payload = mix(TAG_MAPPING, (uint64_t)PyDict_GET_SIZE(value));
        for (Py_ssize_t i = 0; i < most && PyDict_Next(value, &at, &key, &item); i++) {
            payload = mix(payload, item_payload(hot, key, depth));
            payload = mix(payload, item_payload(hot, item, depth));
        }
    }
    else if (PyList_Check(value) || PyTuple_Check(value)) {
        int is_list = PyList_Check(value);
        Py_ssize_t size = Py_SIZE(value);
        payload = mix(TAG_SEQUENCE, (uint64_t)size);
        for (; at < size && at < most; at++) {
            item = is_list ? PyList_GET_ITEM(value, at) : PyTuple_GET_ITEM(value, at);
            payload = mix(payload, item != NULL ? item_payload(hot, item, depth) : 0);
        }
    }
#ifdef HOT_INTERNALS
    else if (PyAnySet_Check(value)) {
        payload = mix(TAG_SEQUENCE, (uint64_t)PySet_GET_SIZE(value));
        for (Py_ssize_t i = 0; i < most && set_next(value, &at, &item); i++) {
            payload = mix(payload, item_payload(hot, item, depth));
        }
    }
#endif
    return payload;
}

static uint64_t
item_payload(const Hot *hot, PyObject *item, int depth)
{
    uint64_t payload = scalar_payload(hot, item);
    if (payload == 0 && depth < hot->settings.depth) {
        payload = container_payload(hot, item, depth + 1);
    }
    return mix(payload, (uint64_t)(uintptr_t)item);
}

uint64_t
deep_payload(const Hot *hot, PyObject *value)
{
    uint64_t payload = container_payload(hot, value, 0) & ~(uint64_t)1;
    return payload;
}
