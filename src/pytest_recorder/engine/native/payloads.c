/* A text is told by its hash, which Python keeps with it. */

#include "payloads.h"
#include "reading.h"
#include "types.h"

#define MOST_DIGITS 64

static uint64_t
int_payload(PyObject *value)
{
    Py_ssize_t count;
    const digit *digits = int_digits(value, &count);
    size_t size = (size_t)(count < 0 ? -count : count);
    uint64_t payload = mix(TAG_BIG_INT, (uint64_t)count);
    size_t shown = size < MOST_DIGITS ? size : MOST_DIGITS;
    payload = mix_bytes(payload, digits, shown * sizeof(digit));
    return mix_bytes(payload, digits + size - shown, shown * sizeof(digit));
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

/* Objects without parts that are objects. */

#ifdef HOT_INTERNALS

/* What a class is called: its name, and the module in its namespace. */
static uint64_t
class_payload(const Hot *hot, PyTypeObject *type)
{
    uint64_t payload = mix(1, (uint64_t)(uintptr_t)type);
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        payload = mix(payload, scalar_payload(hot, ((PyHeapTypeObject *)type)->ht_qualname));
        payload = mix(payload, dict_version(type->tp_dict));
    }
    return payload | 1;
}

/* What tells all of an object that is small and has no parts of its own: the memory behind its head, of
 * types in C that nobody can make a subclass of here. 0: it is to be read each time. */
uint64_t
memory_payload(const Hot *hot, PyObject *value, int shape)
{
    PyTypeObject *type = Py_TYPE(value);
    switch (shape) {
    case SHAPE_FUNCTION: {
        PyFunctionObject *function = (PyFunctionObject *)value;
        PyCodeObject *code = (PyCodeObject *)function->func_code;
        uint64_t payload = scalar_payload(hot, function->func_qualname);
        return mix(mix(payload, (uint64_t)(uintptr_t)code), (uint64_t)code->co_firstlineno) | 1;
    }
    case SHAPE_SLICE: {
        PySliceObject *slice = (PySliceObject *)value;
        PyObject *const bounds[] = {slice->start, slice->stop, slice->step};
        uint64_t payload = 1;
        for (int i = 0; i < 3; i++) {
            payload = mix(mix(payload, (uint64_t)(uintptr_t)bounds[i]), scalar_payload(hot, bounds[i]));
        }
        return payload | 1;
    }
    case SHAPE_BUILTIN: {
        PyTypeObject *owner = builtin_owner(value);
        return mix((uint64_t)(uintptr_t)((PyCFunctionObject *)value)->m_ml,
                   owner != NULL ? class_payload(hot, owner) : 1) | 1;
    }
    case SHAPE_CLASS:
        return class_payload(hot, (PyTypeObject *)value);
    case SHAPE_METHOD: {
        PyObject *function = PyMethod_GET_FUNCTION(value);
        uint64_t payload = class_payload(hot, Py_TYPE(PyMethod_GET_SELF(value)));
        return PyFunction_Check(function)
                   ? mix(payload, scalar_payload(hot, ((PyFunctionObject *)function)->func_qualname)) | 1
                   : payload;
    }
    case SHAPE_STATELESS:
        return 1;
    case SHAPE_OTHER:
        /* Decimal, datetime and their like. */
        return mix_bytes(1, (char *)value + sizeof(PyObject),
                         (size_t)type->tp_basicsize - sizeof(PyObject)) | 1;
    case SHAPE_BYTEARRAY: {
        Py_ssize_t size = PyByteArray_GET_SIZE(value), most = hot->settings.chars;
        return mix_bytes(mix(TAG_BYTES, (uint64_t)size), PyByteArray_AS_STRING(value),
                         (size_t)(size < most ? size : most)) | 1;
    }
    default:
        return 0;
    }
}

#endif
