/* A value is its tag, then what docs/trace-format.md says. The type is defined before what it holds,
 * as in pure Python.
 */

#include "values.h"
#include "definitions.h"
#include "failures.h"
#include "names.h"
#include "reading.h"
#include "secrets.h"
#include "types.h"

static int
put_type_and_object(Hot *hot, Buffer *out, int tag, TypeReader *reader, PyObject *value)
{
    uint32_t type, object;
    if (type_number(hot, reader->definition, &type) < 0 ||
        object_number(hot, value, &object) < 0) {
        return -1;
    }
    put_byte(out, tag);
    put_uv(out, type);
    put_uv(out, object);
    return 0;
}

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
    int status = reader == NULL ? -1 : put_type_and_object(hot, out, TAG_OPAQUE, reader, value);
    Py_DECREF(type);
    put_byte(out, REASON_FAILED);
    return status;
}

int
other_encode(Hot *hot, Buffer *out, const char *helper, PyObject *value, int depth)
{
    PyObject *bytes = PyObject_CallMethod(hot->settings.helpers, helper, "Oi", value, depth);
    if (bytes != NULL) {
        return put_answer(out, bytes);
    }
    return helper_failed(hot, helper) < 0 ? -1 : put_mark(hot, out, value);
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
        PyObject *answer = PyObject_CallMethod(hot->settings.helpers, "big_int", "O", value);
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

/* Containers and objects. */

static int encode(Hot *hot, Buffer *out, PyObject *value, int depth);

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

/* Secrets. */

static int encode_by(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth,
                     int level);

/* What stands under a name that hides so much. None and truth values hide nothing; of what is hidden
 * the type is left; what a built-in container holds stands under its name too. */
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
        else {
            int done = scalar_encode(hot, out, value);
            status = done < 0   ? -1
                     : done > 0 ? 0
                                : encode_by(hot, out, value, reader, depth, level);
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
                                        : encode(hot, out, value, depth);
    Py_DECREF(value);
    return status;
}

/* One of two items: the first can be the name of the second. */
static int
encode_of_pair(Hot *hot, Buffer *out, PyObject *item, int depth, int *level)
{
    int own = *level;
    Py_INCREF(item);
    *level = own != HIDES_NOTHING ? own : first_of_pair_is_secret(hot, item);
    int status = *level < 0 ? -1 : encode_item(hot, out, item, depth, own);
    Py_DECREF(item);
    return status;
}

static int
sequence_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth,
                int level)
{
    Py_ssize_t full = sequence_length(value, reader->shape);
    Py_ssize_t most = hot->settings.items;
    int reason = reason_of(hot, value, depth, full, most, REASON_ITEMS);
    Py_ssize_t planned = planned_of(hot, reason, depth, full, most);
    if (put_type_and_object(hot, out, TAG_SEQUENCE, reader, value) < 0) {
        return -1;
    }
    OpenContainer open;
    container_open(hot, out, &open, value, full, reason, planned);
    Py_ssize_t shown = 0;
    int status = 0;
    if (planned > 0) {
        int is_pair = planned == 2 && full == 2 &&
                      (reader->shape == SHAPE_LIST || reader->shape == SHAPE_TUPLE);
        ItemWalk walk;
        PyObject *item;
        status = item_walk_begin(&walk, value, reader->shape);
        while (status == 0 && shown < planned) {
            int found = item_walk_next(&walk, &item);
            if (found <= 0) {
                status = found;
                break;
            }
            status = is_pair && shown == 0
                         ? encode_of_pair(hot, out, item, depth + 1, &level)
                         : encode_item(hot, out, item, depth + 1,
                                       shown < reader->fields ? reader->field_secrets[shown]
                                                              : level);
            shown++;
        }
        item_walk_end(&walk);
    }
    container_close(hot, out, &open, shown);
    return status;
}

static int
mapping_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth, int level)
{
    Py_ssize_t full = PyDict_GET_SIZE(value), most = hot->settings.items;
    int reason = reason_of(hot, value, depth, full, most, REASON_ITEMS);
    Py_ssize_t planned = planned_of(hot, reason, depth, full, most);
    if (put_type_and_object(hot, out, TAG_MAPPING, reader, value) < 0) {
        return -1;
    }
    OpenContainer open;
    container_open(hot, out, &open, value, full, reason, planned);
    Py_ssize_t shown = 0, at = 0;
    int status = 0;
    PyObject *key, *item;
    while (status == 0 && shown < planned && PyDict_Next(value, &at, &key, &item)) {
        Py_INCREF(key);
        Py_INCREF(item);
        int of_item = level != HIDES_NOTHING ? level : key_is_secret(hot, key);
        status = of_item < 0 ? -1 : encode_item(hot, out, key, depth + 1, HIDES_NOTHING);
        if (status == 0) {
            status = encode_item(hot, out, item, depth + 1, of_item);
        }
        Py_DECREF(key);
        Py_DECREF(item);
        shown++;
    }
    container_close(hot, out, &open, shown);
    return status;
}

static int
attribute_encode(Hot *hot, Buffer *out, Name *name, PyObject *string, PyObject *value, int depth)
{
    int level = attribute_is_secret(hot, name, string);
    if (level < 0) {
        return -1;
    }
    if (name == NULL) {
        name = name_of(hot, &hot->texts.names, string);
    }
    return name == NULL || put_name(hot, out, name) < 0
               ? -1
               : encode_item(hot, out, value, depth, level);
}

static int
object_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth)
{
    AttributeWalk walk;
    Py_ssize_t full, shown = 0;
    if (attribute_walk_begin(hot, &walk, value, reader, &full) < 0) {
        return -1;
    }
    int reason =
        reason_of(hot, value, depth, full, hot->settings.attributes, REASON_ATTRIBUTES);
    Py_ssize_t most = shows_nothing(hot, reason, depth) ? 0 : hot->settings.attributes;
    if (put_type_and_object(hot, out, TAG_OBJECT, reader, value) < 0) {
        attribute_walk_end(&walk);
        return -1;
    }
    put_uv(out, (uint64_t)full);
    put_byte(out, reason);
    /* How many there are is known at the end: some names of a dictionary are no names. */
    size_t start = out->used;
    int status = 0;
    Name *name;
    PyObject *string, *item;
    level_open(hot, value);
    while (status == 0 && shown < most) {
        int found = attribute_walk_next(hot, &walk, &name, &string, &item);
        if (found <= 0) {
            status = found;
            break;
        }
        status = attribute_encode(hot, out, name, string, item, depth + 1);
        Py_XDECREF(string);
        Py_DECREF(item);
        shown++;
    }
    level_close(hot);
    attribute_walk_end(&walk);
    uint8_t count[10];
    size_t size = write_uv(count, (uint64_t)shown);
    if (status == 0 && buffer_reserve(out, size)) {
        memmove(out->data + start + size, out->data + start, out->used - start);
        memcpy(out->data + start, count, size);
        out->used += size;
    }
    return status;
}

static int
part_encode(Hot *hot, Buffer *out, const char *text, PyObject *value, int depth)
{
    Name *name = name_of_bytes(&hot->texts.names, text, strlen(text));
    int is_secret = name != NULL ? attribute_is_secret(hot, name, NULL) : -1;
    return is_secret < 0 || put_name(hot, out, name) < 0
               ? -1
               : encode_item(hot, out, value, depth, is_secret);
}

static int
parts_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth)
{
    Parts parts;
    if (parts_of(value, reader->type, reader->shape, &parts) < 0 ||
        put_type_and_object(hot, out, TAG_OBJECT, reader, value) < 0) {
        parts_free(&parts);
        return -1;
    }
    Py_ssize_t most = hot->settings.attributes;
    int reason = reason_of(hot, value, depth, parts.count, most, REASON_ATTRIBUTES);
    Py_ssize_t planned = planned_of(hot, reason, depth, parts.count, most);
    OpenContainer open;
    container_open(hot, out, &open, value, parts.count, reason, planned);
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < planned; i++) {
        PyObject *item = parts.values[i] != NULL ? parts.values[i] : Py_None;
        status = part_encode(hot, out, parts.names[i], item, depth + 1);
    }
    container_close(hot, out, &open, planned);
    parts_free(&parts);
    return status;
}

/* Instances of subclasses of scalars: the plain value beside the type. */
static int
scalar_subclass_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader)
{
    if (put_type_and_object(hot, out, TAG_SUBCLASS, reader, value) < 0) {
        return -1;
    }
    switch (reader->shape) {
    case SHAPE_SUB_INT:
        return int_encode(hot, out, value);
    case SHAPE_SUB_FLOAT:
        float_put(out, value);
        return 0;
    case SHAPE_SUB_COMPLEX:
        complex_put(out, value);
        return 0;
    case SHAPE_SUB_STR:
        text_put(hot, out, value);
        return 0;
    case SHAPE_BYTEARRAY:
        data_put(hot, out, PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value));
        return 0;
    default:
        data_put(hot, out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        return 0;
    }
}

/* Any object. */

static int
encode_by(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int depth, int level)
{
    uint32_t number;
    if (type_number(hot, reader->definition, &number) < 0) {
        return -1;
    }
    switch (reader->shape) {
    case SHAPE_OTHER:
        return other_encode(hot, out, "encode_other", value, depth);
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
        return sequence_encode(hot, out, value, reader, depth, level);
    case SHAPE_NAMED_TUPLE:
        return sequence_encode(hot, out, value, reader, depth, HIDES_NOTHING);
    case SHAPE_MAPPING:
        return mapping_encode(hot, out, value, reader, depth, level);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return object_encode(hot, out, value, reader, depth);
    case SHAPE_ENUM:
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_FUNCTION:
    case SHAPE_METHOD:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
    case SHAPE_BUILTIN:
        return parts_encode(hot, out, value, reader, depth);
    case SHAPE_STATELESS:
        if (put_type_and_object(hot, out, TAG_OPAQUE, reader, value) < 0) {
            return -1;
        }
        put_byte(out, reader->why);
        return 0;
    default:
        return scalar_subclass_encode(hot, out, value, reader);
    }
}

static int
encode(Hot *hot, Buffer *out, PyObject *value, int depth)
{
    /* Another thread can give the object another class meanwhile. */
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    int status = reader != NULL ? encode_by(hot, out, value, reader, depth, HIDES_NOTHING) : -1;
    Py_DECREF(type);
    return status;
}

int
value_encode(Hot *hot, Buffer *out, PyObject *value)
{
    int done = scalar_encode(hot, out, value);
    if (done == 0) {
        levels_reset(hot);
        done = encode(hot, out, value, 0);
    }
    if (done < 0) {
        out->failed = 0;
        return -1;
    }
    return buffer_check(out);
}

int
value_encode_under(Hot *hot, Buffer *out, PyObject *value, int level)
{
    if (level == HIDES_NOTHING) {
        return value_encode(hot, out, value);
    }
    levels_reset(hot);
    if (hidden_encode(hot, out, value, 0, level) < 0) {
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
    return value_encode_under(hot, out, value, level);
}

void
value_scratch_free(Hot *hot)
{
    buffer_free(&hot->values.bytes);
}
