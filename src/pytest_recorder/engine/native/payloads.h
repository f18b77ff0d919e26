/* Tells scalars apart that had the same address one after the other. */
#ifndef HOT_PAYLOADS_H
#define HOT_PAYLOADS_H

#include "hot.h"
#include "mix.h"

/* Of an int of more than one digit, and of a text or bytes longer than the bound: what is shown. */
uint64_t large_payload(const Hot *hot, PyObject *value);

#define IMMORTAL_BIT ((uintptr_t)1)

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
        return hash != -1 ? mix(TAG_STR, (uint64_t)hash) | 1 : large_payload(hot, value);
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

/* Of a built-in container: all that is in it and in containers in it, within the bounds; even. 0 of
 * anything else. Calls nothing. */
uint64_t deep_payload(const Hot *hot, PyObject *value);

#ifdef HOT_INTERNALS
/* A number that changes with the module that the namespace of a class names. */
uint64_t namespace_tells(const Hot *hot, PyTypeObject *type);
#endif

/* Of an object that has no objects in it, by its memory; odd. 0: of no such shape. Calls nothing. */
uint64_t memory_payload(const Hot *hot, PyObject *value, int shape);

/* What is one of a kind: the address tells all. */
static inline int
is_singleton(PyObject *value)
{
    return value == Py_None || value == Py_True || value == Py_False;
}

/* Whether what stands at the address that was seen has the payload that it had. */
static inline int
has_payload_as_seen(const Hot *hot, const Seen *seen, PyObject *item)
{
    return (seen->payload & 1 ? scalar_payload(hot, item) : deep_payload(hot, item)) == seen->payload;
}

/* Whether something is what was seen. */
static ALWAYS_INLINE int
is_as_seen(const Hot *hot, const Seen *seen, PyObject *item)
{
    uintptr_t differs = (uintptr_t)seen->item ^ (uintptr_t)item;
    return differs == IMMORTAL_BIT ||
           (differs == 0 && (seen->payload == 0 || has_payload_as_seen(hot, seen, item)));
}

static inline void
see(const Hot *hot, Seen *seen, PyObject *item)
{
    seen->item = item;
    seen->payload = item != NULL ? scalar_payload(hot, item) : 0;
    if (seen->payload != 0 && IS_IMMORTAL(item)) {
        seen->item = (PyObject *)((uintptr_t)item | IMMORTAL_BIT);
    }
}

/* The same of what may be written in place. */
static inline void
see_deep(const Hot *hot, Seen *seen, PyObject *item)
{
    see(hot, seen, item);
    if (item != NULL && seen->payload == 0) {
        seen->payload = deep_payload(hot, item);
    }
}

#endif
