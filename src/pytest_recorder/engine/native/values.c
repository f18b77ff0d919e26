/* A value is its tag, then what docs/trace-format.md says. The type is defined before what it holds,
 * as in pure Python.
 */

#include "values.h"
#include "definitions.h"
#include "failures.h"
#include "objects.h"
#include "reading.h"
#include "secrets.h"
#include "settings.h"
#include "types.h"

static int
put_answer(Buffer *out, PyObject *bytes)
{
    int is_right = PyBytes_CheckExact(bytes);
    if (is_right) {
        put_bytes(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    else {
        PyErr_SetString(PyExc_TypeError, "a helper gives bytes");
    }
    Py_DECREF(bytes);
    return is_right ? 0 : -1;
}

/* Stands for a value whose helper has failed. */
static int
put_mark(Hot *hot, Buffer *out, PyObject *value)
{
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    uint32_t number;
    int status = reader == NULL ? -1 : type_number(hot, reader->definition, &number);
    Py_DECREF(type);
    if (status == 0) {
        put_byte(out, TAG_OPAQUE);
        put_uv(out, number);
        put_uv(out, 0);
        put_byte(out, REASON_FAILED);
    }
    return status;
}

/* Scalars. */

/* An int of more than 64 bits; the largest are left to Python. */
static int
big_int_encode(Hot *hot, Buffer *out, PyObject *value, int is_negative)
{
    uint8_t bytes[128];
    int status = int_magnitude(value, is_negative, bytes, sizeof(bytes));
    if (status < 0) {
        return -1;
    }
    if (status == 0) {
        /* An item may be borrowed up to here: the look-up of the method can collect garbage. */
        Py_INCREF(value);
        PyObject *answer = PyObject_CallMethod(helpers_asked(hot), "big_int", "O", value);
        status = answer != NULL ? put_answer(out, answer)
                 : helper_failed(hot, "big_int") < 0 ? -1
                                                     : put_mark(hot, out, value);
        Py_DECREF(value);
        return status;
    }
    size_t size = sizeof(bytes);
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    put_byte(out, TAG_BIG_INT);
    put_byte(out, is_negative);
    put_uv(out, size);
    put_bytes(out, bytes, size);
    return 0;
}

int
int_encode(Hot *hot, Buffer *out, PyObject *value)
{
    long long number;
    if (!int_is_small(value, &number)) {
        int overflow;
        number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow) {
            return big_int_encode(hot, out, value, overflow < 0);
        }
    }
    put_byte(out, TAG_INT);
    put_zz(out, number);
    return 0;
}

static void
text_put(Hot *hot, Buffer *out, PyObject *string)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (length <= hot->settings.chars) {
        put_byte(out, TAG_STR);
        put_text(out, string, length);
    }
    else {
        put_byte(out, TAG_STR_CUT);
        put_uv(out, (uint64_t)length);
        put_text(out, string, hot->settings.chars);
    }
}

int
text_encode(Hot *hot, Buffer *out, PyObject *string)
{
    text_put(hot, out, string);
    return buffer_check(out);
}

static void
data_put(Hot *hot, Buffer *out, const char *data, Py_ssize_t size)
{
    if (size <= hot->settings.chars) {
        put_byte(out, TAG_BYTES);
        put_uv(out, (uint64_t)size);
        put_bytes(out, data, (size_t)size);
    }
    else {
        put_byte(out, TAG_BYTES_CUT);
        put_uv(out, (uint64_t)size);
        put_uv(out, (uint64_t)hot->settings.chars);
        put_bytes(out, data, (size_t)hot->settings.chars);
    }
}

static void
complex_put(Buffer *out, PyObject *value)
{
    Py_complex number = ((PyComplexObject *)value)->cval;
    put_byte(out, TAG_COMPLEX);
    put_double(out, number.real);
    put_double(out, number.imag);
}

static void
float_put(Buffer *out, PyObject *value)
{
    put_byte(out, TAG_FLOAT);
    put_double(out, PyFloat_AS_DOUBLE(value));
}

/* 1: done; 0: no scalar; -1: an exception is set. */
static inline int
scalar_encode(Hot *hot, Buffer *out, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        return int_encode(hot, out, value) < 0 ? -1 : 1;
    }
    if (type == &PyUnicode_Type) {
        text_put(hot, out, value);
    }
    else if (value == Py_None) {
        put_byte(out, TAG_NONE);
    }
    else if (type == &PyBool_Type) {
        put_byte(out, value == Py_True ? TAG_TRUE : TAG_FALSE);
    }
    else if (type == &PyFloat_Type) {
        float_put(out, value);
    }
    else if (type == &PyBytes_Type) {
        data_put(hot, out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    }
    else if (type == &PyComplex_Type) {
        complex_put(out, value);
    }
    else {
        return 0;
    }
    return 1;
}

/* Something whose head is written and whose items follow. */
typedef struct {
    size_t reason_at;
    size_t count_at;
    Py_ssize_t planned;
} OpenContainer;

static void
container_open(Hot *hot, Buffer *out, OpenContainer *open, const void *value, Py_ssize_t full,
               int reason, Py_ssize_t planned)
{
    put_uv(out, (uint64_t)full);
    open->reason_at = out->used;
    put_byte(out, reason);
    open->count_at = out->used;
    open->planned = planned;
    put_uv(out, (uint64_t)planned);
    level_open(hot, value);
}

/* `shown` is less than planned only where the container has changed meanwhile, or is being made. */
static void
container_close(Hot *hot, Buffer *out, OpenContainer *open, Py_ssize_t shown)
{
    level_close(hot);
    if (shown == open->planned || out->failed) {
        return;
    }
    uint8_t was[10], now[10];
    size_t old = write_uv(was, (uint64_t)open->planned);
    size_t new = write_uv(now, (uint64_t)shown);
    uint8_t *at = out->data + open->count_at;
    memmove(at + new, at + old, out->used - open->count_at - old);
    memcpy(at, now, new);
    out->used -= old - new;
    out->data[open->reason_at] = REASON_CHANGED;
}

static Py_ssize_t
planned_of(Hot *hot, int reason, int depth, Py_ssize_t full, Py_ssize_t most)
{
    return shows_nothing(hot, reason, depth) ? 0 : full < most ? full : most;
}

/* Any object: it stands here by its number, and is told of elsewhere. */
static int
put_reference(Hot *hot, Buffer *out, PyObject *value)
{
    Object *object;
    if (object_refer(hot, value, &object) < 0) {
        return -1;
    }
    put_byte(out, TAG_REFERENCE);
    put_uv(out, object->number);
    return 0;
}

/* Secrets. */

static int in_place_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth,
                           int level);

/* Whether what stands in such a container stands under its name too. */
static int
is_holding(int shape)
{
    return shape == SHAPE_LIST || shape == SHAPE_TUPLE || shape == SHAPE_SET ||
           shape == SHAPE_FROZENSET || shape == SHAPE_DEQUE || shape == SHAPE_MAPPING;
}

/* What stands under a name that hides so much. None and truth values hide nothing; of what is hidden
 * the type is left; what a built-in container holds is written in place, for elsewhere it is shown. */
static int
hidden_encode(Hot *hot, Buffer *out, PyObject *value, int depth, int level)
{
    if (value == Py_None || value == Py_True || value == Py_False) {
        return scalar_encode(hot, out, value) < 0 ? -1 : 0;
    }
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    uint32_t number;
    int status = -1;
    if (reader != NULL && type_number(hot, reader->definition, &number) == 0) {
        if (is_hidden(reader->shape, level)) {
            status = secret_put(hot, out, value, number);
        }
        else if (is_holding(reader->shape)) {
            status = in_place_encode(hot, out, value, reader, depth, level);
        }
        else {
            int done = scalar_encode(hot, out, value);
            status = done < 0   ? -1
                     : done > 0 ? 0
                                : put_reference(hot, out, value);
        }
    }
    Py_DECREF(type);
    return status;
}

/* An item may be borrowed from its container: here it is owned before anything is called. */
static int
encode_item(Hot *hot, Buffer *out, PyObject *value, int depth, int level)
{
    if (level == HIDES_NOTHING) {
        int done = scalar_encode(hot, out, value);
        if (done != 0) {
            return done < 0 ? -1 : 0;
        }
    }
    Py_INCREF(value);
    int status = level != HIDES_NOTHING ? hidden_encode(hot, out, value, depth, level)
                                        : put_reference(hot, out, value);
    Py_DECREF(value);
    return status;
}

static int
in_place_items(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth, int level,
               OpenContainer *open)
{
    ItemWalk walk;
    PyObject *item;
    Py_ssize_t shown = 0;
    int status = item_walk_begin(&walk, value, reader->shape);
    while (status == 0 && shown < open->planned) {
        int found = item_walk_next(&walk, &item);
        if (found <= 0) {
            status = found;
            break;
        }
        status = encode_item(hot, out, item, depth, level);
        shown++;
    }
    item_walk_end(&walk);
    container_close(hot, out, open, shown);
    return status;
}

static int
in_place_entries(Hot *hot, Buffer *out, PyObject *value, int depth, int level,
                 OpenContainer *open)
{
    Py_ssize_t shown = 0, at = 0;
    int status = 0;
    PyObject *key, *item;
    while (status == 0 && shown < open->planned && PyDict_Next(value, &at, &key, &item)) {
        Py_INCREF(key);
        Py_INCREF(item);
        status = encode_item(hot, out, key, depth, HIDES_NOTHING);
        if (status == 0) {
            status = encode_item(hot, out, item, depth, level);
        }
        Py_DECREF(key);
        Py_DECREF(item);
        shown++;
    }
    container_close(hot, out, open, shown);
    return status;
}

static int
in_place_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth, int level)
{
    int is_mapping = reader->shape == SHAPE_MAPPING;
    count_in_place(hot);
    Py_ssize_t most = hot->settings.items;
    Py_ssize_t full = is_mapping ? PyDict_GET_SIZE(value) : sequence_length(value, reader->shape);
    int reason = reason_of(hot, value, depth, full, most, REASON_ITEMS);
    uint32_t type, number;
    if (type_number(hot, reader->definition, &type) < 0 ||
        object_number(hot, value, &number) < 0) {
        return -1;
    }
    put_byte(out, is_mapping ? TAG_MAPPING : TAG_SEQUENCE);
    put_uv(out, type);
    put_uv(out, number);
    OpenContainer open;
    container_open(hot, out, &open, value, full, reason,
                   planned_of(hot, reason, depth, full, most));
    return is_mapping ? in_place_entries(hot, out, value, depth + 1, level, &open)
                      : in_place_items(hot, out, value, reader, depth + 1, level, &open);
}

/* What an object holds, for looks.c. */

int
part_encode(Hot *hot, Buffer *out, PyObject *value, int level)
{
    return encode_item(hot, out, value, 1, level);
}

static void
scalar_subclass_put(Hot *hot, Buffer *out, PyObject *value, int shape)
{
    switch (shape) {
    case SHAPE_SUB_FLOAT:
        float_put(out, value);
        break;
    case SHAPE_SUB_COMPLEX:
        complex_put(out, value);
        break;
    case SHAPE_SUB_STR:
        text_put(hot, out, value);
        break;
    case SHAPE_BYTEARRAY:
        data_put(hot, out, PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value));
        break;
    default:
        data_put(hot, out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    }
}

int
leaf_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int *tag)
{
    if (reader->shape == SHAPE_STATELESS) {
        *tag = TAG_OPAQUE;
        put_byte(out, reader->why);
        return 0;
    }
    if (reader->shape != SHAPE_OTHER) {
        /* The plain value of an instance of a subclass of a scalar. */
        *tag = TAG_SUBCLASS;
        if (reader->shape == SHAPE_SUB_INT) {
            return int_encode(hot, out, value);
        }
        scalar_subclass_put(hot, out, value, reader->shape);
        return 0;
    }
    PyObject *bytes = PyObject_CallMethod(helpers_asked(hot), "leaf_of_other", "O", value);
    if (bytes == NULL) {
        *tag = TAG_OPAQUE;
        put_byte(out, REASON_FAILED);
        return helper_failed(hot, "leaf_of_other");
    }
    if (!PyBytes_CheckExact(bytes) || PyBytes_GET_SIZE(bytes) == 0) {
        PyErr_SetString(PyExc_TypeError, "a helper gives a tag and bytes");
        Py_DECREF(bytes);
        return -1;
    }
    *tag = (uint8_t)PyBytes_AS_STRING(bytes)[0];
    put_bytes(out, PyBytes_AS_STRING(bytes) + 1, (size_t)PyBytes_GET_SIZE(bytes) - 1);
    Py_DECREF(bytes);
    return 0;
}

int
value_encode(Hot *hot, Buffer *out, PyObject *value, int level)
{
    levels_reset(hot);
    if (encode_item(hot, out, value, 0, level) < 0) {
        out->failed = 0;
        return -1;
    }
    return buffer_check(out);
}

int
value_to_scratch(Hot *hot, PyObject *value, int level)
{
    Buffer *out = &hot->values.bytes;
    buffer_begin(out);
    return value_encode(hot, out, value, level);
}

void
value_scratch_free(Hot *hot)
{
    buffer_free(&hot->values.bytes);
}
