/* Tells scalars apart that had the same address one after the other. */
#ifndef HOT_PAYLOADS_H
#define HOT_PAYLOADS_H

#include "hot.h"
#include "mix.h"

/* Of an int of more than one digit, and of a text or bytes longer than the bound: what is shown. */
uint64_t large_payload(const Hot *hot, PyObject *value);

/* Not 0 for a scalar that is not one of a kind: equal ones have equal payloads, and others (but for one
 * in 2 ** 63) do not, within the bound on characters. Calls nothing. */
static inline uint64_t
scalar_payload(const Hot *hot, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        long long number;
        return int_is_small(value, &number) ? mix(TAG_INT, (uint64_t)number) | 1
                                            : large_payload(hot, value);
    }
    if (type == &PyUnicode_Type) {
        Py_hash_t hash = ((PyASCIIObject *)value)->hash;
        if (hash == -1 || PyUnicode_GET_LENGTH(value) > hot->settings.chars) {
            return large_payload(hot, value);
        }
        return mix(TAG_STR, (uint64_t)hash) | 1;
    }
    if (type == &PyFloat_Type) {
        uint64_t bits;
        memcpy(&bits, &((PyFloatObject *)value)->ob_fval, 8);
        return mix(TAG_FLOAT, bits) | 1;
    }
    if (type == &PyBytes_Type || type == &PyComplex_Type) {
        return large_payload(hot, value);
    }
    return 0;
}

/* Whether a scalar, or nothing but an address, is what was seen. */
static inline int
is_as_seen(const Hot *hot, const Seen *seen, PyObject *item)
{
    return seen->item == item &&
           (seen->payload == 0 || scalar_payload(hot, item) == seen->payload);
}

static inline void
see(const Hot *hot, Seen *seen, PyObject *item)
{
    seen->item = item;
    seen->payload = item != NULL ? scalar_payload(hot, item) : 0;
}

#endif
