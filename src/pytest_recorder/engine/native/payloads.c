/* A text is told by its hash, which Python keeps with it. */

#include "payloads.h"
#include "reading.h"
#include "types.h"

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

/* Objects without parts that are objects. */

#ifdef HOT_INTERNALS

uint64_t
namespace_tells(const Hot *hot, PyTypeObject *type)
{
    uint64_t version = dict_version(type->tp_dict);
    PyObject *module = NULL;
    if (version != 0) {
        return version;
    }
    /* From 3.14 on a dictionary has no version. */
    if (dict_get(type->tp_dict, hot->settings.dunder_module, &module) < 0) {
        PyErr_Clear();
    }
    version = module != NULL ? mix((uint64_t)(uintptr_t)module, scalar_payload(hot, module)) : 1;
    Py_XDECREF(module);
    return version;
}

/* What a class is called: its name, and the module in its namespace. */
static uint64_t
class_payload(const Hot *hot, PyTypeObject *type)
{
    uint64_t payload = mix(1, (uint64_t)(uintptr_t)type);
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        payload = mix(payload, scalar_payload(hot, ((PyHeapTypeObject *)type)->ht_qualname));
        payload = mix(payload, namespace_tells(hot, type));
    }
    return payload | 1;
}

/* Of a name that can be of a subclass of str, which is an object of its own. */
static uint64_t
name_payload(const Hot *hot, PyObject *name)
{
    return mix((uint64_t)(uintptr_t)name, scalar_payload(hot, name));
}

/* Dates, times and numbers of the standard library. A naive datetime has no memory for its zone, and
 * pointers tell nothing of what lies there: of that the memory is looked at, or it is read each time. */

#define BEHIND_HASH (sizeof(PyObject) + sizeof(Py_hash_t))
#define IN_DATE 5      /* bytes: one that tells of a zone, and the date */
#define IN_DATETIME 12 /* bytes: the same, the time, and which of two it is */
#define IN_TIME 8
#define IN_TIMEDELTA (3 * sizeof(int))

static int
is_named(const PyObject *value, const char *name)
{
    return strcmp(Py_TYPE(value)->tp_name, name) == 0;
}

static uint64_t
zone_payload(const Hot *hot, PyObject *zone)
{
    PyObject *parts[2]; /* the offset, and a name or NULL */
    uint64_t payload = mix(1, (uint64_t)(uintptr_t)Py_TYPE(zone));
    if (!is_named(zone, "datetime.timezone")) {
        return payload | 1;
    }
    memcpy(parts, (char *)zone + sizeof(PyObject), sizeof(parts));
    if (!is_named(parts[0], "datetime.timedelta") ||
        (parts[1] != NULL && !PyUnicode_CheckExact(parts[1]))) {
        return 0;
    }
    payload = mix_bytes(payload, (char *)parts[0] + BEHIND_HASH, IN_TIMEDELTA);
    return mix(payload, parts[1] != NULL ? scalar_payload(hot, parts[1]) : 0) | 1;
}

static uint64_t
moment_payload(const Hot *hot, PyObject *value, size_t size)
{
    PyObject *zone;
    uint64_t payload = mix_bytes(1, (char *)value + BEHIND_HASH, size), of_zone = 1;
    if (((char *)value)[BEHIND_HASH]) {
        memcpy(&zone, (char *)value + Py_TYPE(value)->tp_basicsize - sizeof(zone), sizeof(zone));
        of_zone = zone_payload(hot, zone);
    }
    return of_zone != 0 ? mix(payload, of_zone) | 1 : 0;
}

static uint64_t
decimal_payload(PyObject *value)
{
    struct {
        uint8_t flags;
        Py_ssize_t numbers[4];
        void *digits;
        uint64_t here[4];
    } number;
    if (Py_TYPE(value)->tp_basicsize != (Py_ssize_t)(BEHIND_HASH + sizeof(number))) {
        return 0;
    }
    memcpy(&number, (char *)value + BEHIND_HASH, sizeof(number));
    const char *here = (char *)value + Py_TYPE(value)->tp_basicsize - sizeof(number.here);
    if (number.digits != here || number.numbers[2] < 0 || number.numbers[2] > 4) {
        return 0; /* it is long */
    }
    uint64_t payload = mix_bytes(number.flags & 0x0F, number.numbers, 2 * sizeof(Py_ssize_t));
    return mix_bytes(payload, here, (size_t)number.numbers[2] * sizeof(uint64_t)) | 1;
}

static uint64_t
other_payload(const Hot *hot, PyObject *value)
{
    if (is_named(value, "decimal.Decimal")) {
        return decimal_payload(value);
    }
    if (is_named(value, "datetime.datetime")) {
        return moment_payload(hot, value, IN_DATETIME);
    }
    if (is_named(value, "datetime.time")) {
        return moment_payload(hot, value, IN_TIME);
    }
    if (is_named(value, "datetime.date")) {
        return mix_bytes(1, (char *)value + BEHIND_HASH, IN_DATE) | 1;
    }
    if (is_named(value, "datetime.timedelta")) {
        return mix_bytes(1, (char *)value + BEHIND_HASH, IN_TIMEDELTA) | 1;
    }
    return is_named(value, "datetime.timezone") ? zone_payload(hot, value) : 0;
}

/* Of a member of an enumeration: all that its dictionary holds, or its inline values. */
static uint64_t
member_payload(const Hot *hot, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    PyObject *dict = NULL;
    PyDictValues *values = NULL;
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        values = inline_values(value, type, &dict);
    }
    else {
        PyObject **place = _PyObject_GetDictPtr(value);
        dict = place != NULL ? *place : NULL;
    }
    if (values == NULL) {
        uint64_t version = dict != NULL && PyDict_CheckExact(dict) ? dict_version(dict) : 0;
        return version != 0 ? mix((uint64_t)(uintptr_t)dict, version) | 1 : 0;
    }
    uint64_t payload = mix(1, (uint64_t)(uintptr_t)values);
    for (int i = 0, count = (int)inline_count(values); i < count; i++) {
        PyObject *item = values->values[inline_index(values, i)];
        payload = mix(payload, item != NULL ? item_payload(hot, item, hot->settings.depth) : 0);
    }
    return payload | 1;
}

/* Of a module its name is shown, which can change only with its dictionary. */
static uint64_t
module_payload(PyObject *value)
{
    PyObject *dict = PyModule_GetDict(value);
    uint64_t version = dict != NULL ? dict_version(dict) : 0;
    return version != 0 ? mix((uint64_t)(uintptr_t)dict, version) | 1 : 0;
}

/* What tells all of an object that is small and has no parts of its own. 0: it is to be read each time. */
uint64_t
memory_payload(const Hot *hot, PyObject *value, int shape)
{
    switch (shape) {
    case SHAPE_FUNCTION: {
        PyFunctionObject *function = (PyFunctionObject *)value;
        PyCodeObject *code = (PyCodeObject *)function->func_code;
        uint64_t payload = name_payload(hot, function->func_qualname);
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
                   ? mix(payload, name_payload(hot, ((PyFunctionObject *)function)->func_qualname)) | 1
                   : payload;
    }
    case SHAPE_STATELESS:
        return 1;
    case SHAPE_ENUM:
        return member_payload(hot, value);
    case SHAPE_MODULE:
        return module_payload(value);
    case SHAPE_SUB_STR:
        /* That of the text, whatever the class says; Python keeps it. */
        return mix(TAG_STR, (uint64_t)PyUnicode_Type.tp_hash(value)) | 1;
    case SHAPE_OTHER:
        return other_payload(hot, value);
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
