/* Each function mixes what it reads into `*fingerprint`, which the caller has begun. */

#include "fingerprints.h"
#include "classes.h"
#include "mix.h"
#include "reading.h"
#include "types.h"
#include "values.h"

/* Scalars. */

static uint64_t
text_fingerprint(Hot *hot, PyObject *string, uint64_t fingerprint)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    Py_hash_t hash = ((PyASCIIObject *)string)->hash;
    fingerprint = mix(fingerprint, (uint64_t)length << 8 | TAG_STR);
    if (hash != -1) {
        return mix(fingerprint, (uint64_t)hash);
    }
    Py_ssize_t shown = length < hot->settings.chars ? length : hot->settings.chars;
    int kind = PyUnicode_KIND(string);
    return mix_bytes(fingerprint ^ (uint64_t)kind, PyUnicode_DATA(string),
                     (size_t)(shown * kind));
}

static uint64_t
data_fingerprint(Hot *hot, const char *data, Py_ssize_t size, uint64_t fingerprint)
{
    Py_ssize_t shown = size < hot->settings.chars ? size : hot->settings.chars;
    return mix_bytes(mix(fingerprint, (uint64_t)size), data, (size_t)shown);
}

static int
mix_scratch(Hot *hot, uint64_t *fingerprint)
{
    Buffer *bytes = &hot->fingerprints.bytes;
    *fingerprint = mix_bytes(*fingerprint, bytes->data, bytes->used);
    return buffer_check(bytes);
}

static int
large_int_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        *fingerprint = mix(*fingerprint ^ TAG_INT, (uint64_t)number);
        return 0;
    }
    buffer_begin(&hot->fingerprints.bytes);
    *fingerprint ^= TAG_BIG_INT;
    return int_encode(hot, &hot->fingerprints.bytes, value) < 0 ? -1
                                                                : mix_scratch(hot, fingerprint);
}

/* A fingerprint stays in a register from one item to the next where no call is given its address:
 * through memory a list of numbers takes a fifth longer. Hence the copies, and what is forced inline. */
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE int
int_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    long long number;
    if (int_is_small(value, &number)) {
        *fingerprint = mix(*fingerprint ^ TAG_INT, (uint64_t)number);
        return 0;
    }
    uint64_t copy = *fingerprint;
    int status = large_int_fingerprint(hot, value, &copy);
    *fingerprint = copy;
    return status;
}

/* 1: done; 0: no scalar; -1: an exception is set. */
INLINE int
scalar_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        return int_fingerprint(hot, value, fingerprint) < 0 ? -1 : 1;
    }
    if (type == &PyUnicode_Type) {
        *fingerprint = text_fingerprint(hot, value, *fingerprint);
    }
    else if (value == Py_None) {
        *fingerprint = mix(*fingerprint, TAG_NONE);
    }
    else if (type == &PyBool_Type) {
        *fingerprint = mix(*fingerprint, value == Py_True ? TAG_TRUE : TAG_FALSE);
    }
    else if (type == &PyFloat_Type) {
        uint64_t bits;
        memcpy(&bits, &((PyFloatObject *)value)->ob_fval, 8);
        *fingerprint = mix(*fingerprint ^ TAG_FLOAT, bits);
    }
    else if (type == &PyBytes_Type) {
        *fingerprint = data_fingerprint(hot, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value),
                                        *fingerprint ^ TAG_BYTES);
    }
    else if (type == &PyComplex_Type) {
        *fingerprint = mix_bytes(*fingerprint ^ TAG_COMPLEX,
                                 &((PyComplexObject *)value)->cval, sizeof(Py_complex));
    }
    else {
        return 0;
    }
    return 1;
}

/* Containers and objects. */

static int any_fingerprint(Hot *hot, PyObject *value, int depth, uint64_t *fingerprint);

/* An item may be borrowed from its container: here it is owned before anything is called. */
INLINE int
item_fingerprint(Hot *hot, PyObject *value, int depth, uint64_t *fingerprint)
{
    int done = scalar_fingerprint(hot, value, fingerprint);
    if (done != 0) {
        return done < 0 ? -1 : 0;
    }
    uint64_t copy = *fingerprint;
    Py_INCREF(value);
    int status = any_fingerprint(hot, value, depth, &copy);
    Py_DECREF(value);
    *fingerprint = copy;
    return status;
}

/* What most sequences are, without a walk. */
static int
plain_items_fingerprint(Hot *hot, PyObject *value, int shape, int depth, uint64_t *fingerprint)
{
    uint64_t copy = *fingerprint;
    Py_ssize_t most = hot->settings.items;
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < most; i++) {
        PyObject *item = NULL;
        if (shape == SHAPE_LIST) {
            item = i < PyList_GET_SIZE(value) ? PyList_GET_ITEM(value, i) : NULL;
        }
        else if (i < PyTuple_GET_SIZE(value)) {
            item = PyTuple_GET_ITEM(value, i);
        }
        if (item == NULL) {
            break;
        }
        status = item_fingerprint(hot, item, depth, &copy);
    }
    *fingerprint = copy;
    return status;
}

static int
items_fingerprint(Hot *hot, PyObject *value, TypeReader *reader, int depth,
                  uint64_t *fingerprint)
{
    ItemWalk walk;
    PyObject *item;
    int status = item_walk_begin(&walk, value, reader->shape);
    for (Py_ssize_t shown = 0; status == 0 && shown < hot->settings.items; shown++) {
        int found = item_walk_next(&walk, &item);
        if (found <= 0) {
            status = found;
            break;
        }
        status = item_fingerprint(hot, item, depth, fingerprint);
    }
    item_walk_end(&walk);
    return status;
}

static int
sequence_fingerprint(Hot *hot, PyObject *value, TypeReader *reader, int depth,
                     uint64_t *fingerprint)
{
    int shape = reader->shape;
    Py_ssize_t full = sequence_length(value, shape);
    int reason = reason_of(hot, value, depth, full, hot->settings.items, REASON_ITEMS);
    *fingerprint = mix(*fingerprint, (uint64_t)full << 4 | (uint64_t)reason);
    if (full == 0 || shows_nothing(hot, reason, depth)) {
        return 0;
    }
    level_open(hot, value);
    int status = shape == SHAPE_LIST || shape == SHAPE_TUPLE
                     ? plain_items_fingerprint(hot, value, shape, depth + 1, fingerprint)
                     : items_fingerprint(hot, value, reader, depth + 1, fingerprint);
    level_close(hot);
    return status;
}

static int
mapping_fingerprint(Hot *hot, PyObject *value, int depth, uint64_t *fingerprint)
{
    Py_ssize_t full = PyDict_GET_SIZE(value), at = 0;
    uint64_t copy;
    int status = 0, reason = reason_of(hot, value, depth, full, hot->settings.items, REASON_ITEMS);
    *fingerprint = mix(*fingerprint, (uint64_t)full << 4 | (uint64_t)reason);
    if (full == 0 || shows_nothing(hot, reason, depth)) {
        return 0;
    }
    PyObject *key, *item;
    copy = *fingerprint;
    level_open(hot, value);
    for (Py_ssize_t shown = 0; status == 0 && shown < hot->settings.items; shown++) {
        if (!PyDict_Next(value, &at, &key, &item)) {
            break;
        }
        Py_INCREF(key);
        Py_INCREF(item);
        status = item_fingerprint(hot, key, depth + 1, &copy) < 0 ||
                         item_fingerprint(hot, item, depth + 1, &copy) < 0
                     ? -1
                     : 0;
        Py_DECREF(key);
        Py_DECREF(item);
    }
    level_close(hot);
    *fingerprint = copy;
    return status;
}

static int
attribute_fingerprint(Hot *hot, Name *name, PyObject *string, PyObject *value, int depth,
                      uint64_t *fingerprint)
{
    /* The hash of an exact string is its own. */
    uint64_t word =
        string != NULL ? (uint64_t)PyObject_Hash(string) : (uint64_t)(uintptr_t)name;
    *fingerprint = mix(*fingerprint, word);
    return item_fingerprint(hot, value, depth, fingerprint);
}

static int
object_fingerprint(Hot *hot, PyObject *value, TypeReader *reader, int depth,
                   uint64_t *fingerprint)
{
    AttributeWalk walk;
    Py_ssize_t full;
    if (attribute_walk_begin(hot, &walk, value, reader, &full) < 0) {
        return -1;
    }
    int status = 0, reason = reason_of(hot, value, depth, full, hot->settings.attributes,
                                       REASON_ATTRIBUTES);
    *fingerprint = mix(*fingerprint, (uint64_t)full << 4 | (uint64_t)reason);
    if (!shows_nothing(hot, reason, depth)) {
        Name *name;
        PyObject *string, *item;
        level_open(hot, value);
        for (Py_ssize_t shown = 0; status == 0 && shown < hot->settings.attributes; shown++) {
            int found = attribute_walk_next(hot, &walk, &name, &string, &item);
            if (found <= 0) {
                status = found;
                break;
            }
            status = attribute_fingerprint(hot, name, string, item, depth + 1, fingerprint);
            Py_XDECREF(string);
            Py_DECREF(item);
        }
        level_close(hot);
    }
    attribute_walk_end(&walk);
    return status;
}

/* Objects whose parts are given by name, without the strings that take time to make. */

/* The name of a class can be changed, and its module. */
static int
class_fingerprint(Hot *hot, PyTypeObject *type, uint64_t *fingerprint)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        *fingerprint = mix(*fingerprint, (uint64_t)(uintptr_t)type);
        return 0;
    }
    PyObject *module;
    *fingerprint = text_fingerprint(hot, ((PyHeapTypeObject *)type)->ht_qualname, *fingerprint);
    Py_INCREF(type);
    int status = class_module(type, &module);
    Py_DECREF(type);
    *fingerprint = module != NULL && PyUnicode_CheckExact(module)
                       ? text_fingerprint(hot, module, *fingerprint)
                       : mix(*fingerprint, 1);
    Py_XDECREF(module);
    return status;
}

static int
builtin_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    const char *name = ((PyCFunctionObject *)value)->m_ml->ml_name;
    PyTypeObject *owner = builtin_owner(value);
    *fingerprint = mix_bytes(*fingerprint, name, strlen(name));
    return owner != NULL ? class_fingerprint(hot, owner, fingerprint) : 0;
}

static void
function_fingerprint(Hot *hot, PyObject *value, int depth, uint64_t *fingerprint)
{
    PyFunctionObject *function = (PyFunctionObject *)value;
    PyCodeObject *code = (PyCodeObject *)function->func_code;
    int reason =
        reason_of(hot, value, depth, 3, hot->settings.attributes, REASON_ATTRIBUTES);
    *fingerprint = text_fingerprint(hot, function->func_qualname, *fingerprint);
    *fingerprint = text_fingerprint(hot, code->co_filename, *fingerprint);
    *fingerprint = mix(*fingerprint, (uint64_t)code->co_firstlineno << 4 | (uint64_t)reason);
}

static int
method_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    PyObject *function = PyMethod_GET_FUNCTION(value);
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(PyMethod_GET_SELF(value)));
    TypeReader *owner = reader_of(hot, type);
    if (owner != NULL) {
        if (PyFunction_Check(function)) {
            *fingerprint = text_fingerprint(hot, ((PyFunctionObject *)function)->func_qualname,
                                            *fingerprint);
        }
        *fingerprint = mix(*fingerprint, owner->serial);
    }
    Py_DECREF(type);
    return owner != NULL ? 0 : -1;
}

static int
named_parts_fingerprint(Hot *hot, PyObject *value, TypeReader *reader, int depth,
                        uint64_t *fingerprint)
{
    Parts parts;
    int status = parts_of(value, reader->type, reader->shape, &parts);
    if (status == 0) {
        int reason = reason_of(hot, value, depth, parts.count, hot->settings.attributes,
                               REASON_ATTRIBUTES);
        *fingerprint = mix(*fingerprint, (uint64_t)reason);
        if (!shows_nothing(hot, reason, depth)) {
            level_open(hot, value);
            for (int i = 0; status == 0 && i < parts.count; i++) {
                PyObject *item = parts.values[i] != NULL ? parts.values[i] : Py_None;
                status = item_fingerprint(hot, item, depth + 1, fingerprint);
            }
            level_close(hot);
        }
    }
    parts_free(&parts);
    return status;
}

static int
parts_fingerprint(Hot *hot, PyObject *value, TypeReader *reader, int depth,
                  uint64_t *fingerprint)
{
    switch (reader->shape) {
    case SHAPE_CLASS:
        return class_fingerprint(hot, (PyTypeObject *)value, fingerprint);
    case SHAPE_BUILTIN:
        return builtin_fingerprint(hot, value, fingerprint);
    case SHAPE_FUNCTION:
        function_fingerprint(hot, value, depth, fingerprint);
        return 0;
    case SHAPE_METHOD:
        return method_fingerprint(hot, value, fingerprint);
    default:
        return named_parts_fingerprint(hot, value, reader, depth, fingerprint);
    }
}

static int
scalar_subclass_fingerprint(Hot *hot, PyObject *value, TypeReader *reader,
                            uint64_t *fingerprint)
{
    switch (reader->shape) {
    case SHAPE_SUB_INT:
        return int_fingerprint(hot, value, fingerprint);
    case SHAPE_SUB_FLOAT:
        *fingerprint = mix_bytes(*fingerprint, &((PyFloatObject *)value)->ob_fval, 8);
        return 0;
    case SHAPE_SUB_COMPLEX:
        *fingerprint = mix_bytes(*fingerprint, &((PyComplexObject *)value)->cval,
                                 sizeof(Py_complex));
        return 0;
    case SHAPE_SUB_STR:
        *fingerprint = text_fingerprint(hot, value, *fingerprint);
        return 0;
    case SHAPE_BYTEARRAY:
        *fingerprint = data_fingerprint(hot, PyByteArray_AS_STRING(value),
                                        PyByteArray_GET_SIZE(value), *fingerprint);
        return 0;
    default:
        *fingerprint = data_fingerprint(hot, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value),
                                        *fingerprint);
        return 0;
    }
}

/* Any object. */

static int
fingerprint_by(Hot *hot, PyObject *value, TypeReader *reader, int depth, uint64_t *fingerprint)
{
    *fingerprint = mix(mix(*fingerprint, reader->serial), (uint64_t)(uintptr_t)value);
    switch (reader->shape) {
    case SHAPE_OTHER:
        /* Its content as bytes tells; it is short. */
        buffer_begin(&hot->fingerprints.bytes);
        return other_encode(hot, &hot->fingerprints.bytes, "content_of_other", value, depth) < 0
                   ? -1
                   : mix_scratch(hot, fingerprint);
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
    case SHAPE_NAMED_TUPLE:
        return sequence_fingerprint(hot, value, reader, depth, fingerprint);
    case SHAPE_MAPPING:
        return mapping_fingerprint(hot, value, depth, fingerprint);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return object_fingerprint(hot, value, reader, depth, fingerprint);
    case SHAPE_ENUM:
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_FUNCTION:
    case SHAPE_METHOD:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
    case SHAPE_BUILTIN:
        return parts_fingerprint(hot, value, reader, depth, fingerprint);
    case SHAPE_STATELESS:
        return 0;
    default:
        return scalar_subclass_fingerprint(hot, value, reader, fingerprint);
    }
}

static int
any_fingerprint(Hot *hot, PyObject *value, int depth, uint64_t *fingerprint)
{
    /* Another thread can give the object another class meanwhile. */
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    int status = reader != NULL ? fingerprint_by(hot, value, reader, depth, fingerprint) : -1;
    Py_DECREF(type);
    return status;
}

int
value_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint)
{
    uint64_t copy = 1;
    int done = scalar_fingerprint(hot, value, &copy);
    *fingerprint = copy;
    if (done == 0) {
        levels_reset(hot);
        done = any_fingerprint(hot, value, 0, fingerprint);
    }
    return done < 0 ? -1 : 0;
}

void
fingerprint_scratch_free(Hot *hot)
{
    buffer_free(&hot->fingerprints.bytes);
}
