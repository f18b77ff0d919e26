/* A text of no more characters than are shown is told by its hash, which Python keeps with it. */

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
        Py_ssize_t length = PyUnicode_GET_LENGTH(value);
        if (length <= most) {
            payload = mix(TAG_STR, (uint64_t)PyUnicode_Type.tp_hash(value));
        }
        else {
            int kind = PyUnicode_KIND(value);
            payload = mix_bytes(mix(TAG_STR_CUT, (uint64_t)length) ^ (uint64_t)kind,
                                PyUnicode_DATA(value), (size_t)(most * kind));
        }
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
