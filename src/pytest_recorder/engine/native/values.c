/* Reads live objects within bounds and without running their code: to bytes, or to a fingerprint.
 *
 * The twin of pure/values.py, which says what a value is. The fingerprint goes the same way as the
 * encoder and mixes what the encoder would write, so that equal fingerprints mean equal bytes. It
 * looks at content, never at addresses alone: an object can have the address of a dead one. A
 * different fingerprint proves nothing; the caller then compares the bytes.
 *
 * A container can be changed by another thread while a helper in Python runs. Items are held while
 * they are read, and sizes are looked at again at each step.
 */

#include "hot.h"
#include "mix.h"

/* Parts of objects. */

/* `type.__qualname__` and `type.__module__` as the getters in C of `type` give them: no metaclass is
 * asked. Owned; the module of a class of Python's own is NULL. */

static const char *
static_name(PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');
    return dot != NULL ? dot + 1 : type->tp_name;
}

static PyObject *
class_qualname(PyTypeObject *type)
{
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE
               ? Py_NewRef(((PyHeapTypeObject *)type)->ht_qualname)
               : PyUnicode_FromString(static_name(type));
}

static PyObject *
class_module(PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        const char *name = static_name(type);
        return name == type->tp_name
                   ? NULL
                   : PyUnicode_FromStringAndSize(type->tp_name, name - type->tp_name - 1);
    }
#if defined(HOT_INTERNALS) || !defined(HOT_313)
    PyObject *namespace = Py_XNewRef(type->tp_dict);
#else
    PyObject *namespace = PyType_GetDict(type);
#endif
    PyObject *module =
        namespace != NULL ? PyDict_GetItemString(namespace, "__module__") : NULL;
    Py_XINCREF(module);
    Py_XDECREF(namespace);
    return module;
}

/* The name of a class as values.type_name gives it. */
static PyObject *
class_name(PyTypeObject *type)
{
    PyObject *name = class_qualname(type);
    PyObject *module = name != NULL ? class_module(type) : NULL;
    if (module != NULL && PyUnicode_CheckExact(module) &&
        PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        Py_SETREF(name, PyUnicode_FromFormat("%U.%U", module, name));
    }
    Py_XDECREF(module);
    return name;
}

/* Whose method a function in C is: NULL for a function of a module. Borrowed. */
static PyTypeObject *
builtin_owner(PyObject *function)
{
    PyObject *owner = PyCFunction_GET_SELF(function);
    if (owner == NULL || owner == Py_None || PyModule_Check(owner)) {
        return NULL;
    }
    return PyType_Check(owner) ? (PyTypeObject *)owner : Py_TYPE(owner);
}

static PyObject *
builtin_name(PyObject *function)
{
    const char *name = ((PyCFunctionObject *)function)->m_ml->ml_name;
    PyTypeObject *owner = builtin_owner(function);
    if (owner == NULL) {
        return PyUnicode_FromString(name);
    }
    PyObject *kind = class_qualname(owner);
    if (kind == NULL) {
        return NULL;
    }
    PyObject *whole = PyUnicode_FromFormat("%U.%s", kind, name);
    Py_DECREF(kind);
    return whole;
}

static int
is_whole(PyObject *args)
{
    return args != NULL && PyTuple_Check(args);
}

/* Numbers. */

int
object_number(Hot *hot, const void *address, uint32_t *number)
{
    uintptr_t known = (uintptr_t)table_get(&hot->ids, address);
    if (known == 0) {
        known = hot->ids.count + 1;
        if (table_set(&hot->ids, (void *)address, (void *)known) < 0) {
            return -1;
        }
    }
    *number = (uint32_t)known;
    return 0;
}

static int
put_name(Hot *hot, Buffer *out, Name *name)
{
    uint32_t number;
    if (name_number(hot, name, &number) < 0) {
        return -1;
    }
    put_uv(out, number);
    return 0;
}

static int
put_type_and_object(Hot *hot, Buffer *out, int tag, Plan *plan, PyObject *value)
{
    uint32_t type, object;
    if (type_number(hot, plan->definition, &type) < 0 ||
        object_number(hot, value, &object) < 0) {
        return -1;
    }
    put_byte(out, tag);
    put_uv(out, type);
    put_uv(out, object);
    return 0;
}

/* What a helper in Python gives, as bytes. */
static int
put_helped(Hot *hot, Buffer *out, const char *helper, PyObject *value)
{
    PyObject *bytes = PyObject_CallMethod(hot->helpers, helper, "O", value);
    if (bytes == NULL) {
        return -1;
    }
    put_bytes(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 0;
}

/* A value whose shape is not known here, below so many open levels. */
static int
put_other(Hot *hot, Buffer *out, const char *helper, PyObject *value, int depth)
{
    PyObject *bytes = PyObject_CallMethod(hot->helpers, helper, "Oi", value, depth);
    if (bytes == NULL) {
        return -1;
    }
    put_bytes(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 0;
}

/* Scalars. */

/* An int of more than 64 bits; the largest are left to Python. */
static int
big_int_encode(Hot *hot, Buffer *out, PyObject *value, int is_negative)
{
    uint8_t bytes[128];
    int status = int_magnitude(value, is_negative, bytes, sizeof(bytes));
    if (status <= 0) {
        return status < 0 ? -1 : put_helped(hot, out, "big_int", value);
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

static int
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

int
text_encode(Hot *hot, Buffer *out, PyObject *string)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (length <= hot->chars) {
        put_byte(out, TAG_STR);
        put_text(out, string, length);
    }
    else {
        put_byte(out, TAG_STR_CUT);
        put_uv(out, (uint64_t)length);
        put_text(out, string, hot->chars);
    }
    return 0;
}

static void
data_encode(Hot *hot, Buffer *out, const char *data, Py_ssize_t size)
{
    if (size <= hot->chars) {
        put_byte(out, TAG_BYTES);
        put_uv(out, (uint64_t)size);
        put_bytes(out, data, (size_t)size);
    }
    else {
        put_byte(out, TAG_BYTES_CUT);
        put_uv(out, (uint64_t)size);
        put_uv(out, (uint64_t)hot->chars);
        put_bytes(out, data, (size_t)hot->chars);
    }
}

static void
doubles_encode(Buffer *out, int tag, const double *numbers, int count)
{
    put_byte(out, tag);
    for (int i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &numbers[i], 8);
        for (int shift = 0; shift < 64; shift += 8) {
            put_byte(out, (int)(bits >> shift) & 0xFF);
        }
    }
}

/* 1: done; 0: no scalar; -1: error. */
static inline int
scalar_encode(Hot *hot, Buffer *out, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        return int_encode(hot, out, value) < 0 ? -1 : 1;
    }
    if (type == &PyUnicode_Type) {
        return text_encode(hot, out, value) < 0 ? -1 : 1;
    }
    if (value == Py_None) {
        put_byte(out, TAG_NONE);
        return 1;
    }
    if (type == &PyBool_Type) {
        put_byte(out, value == Py_True ? TAG_TRUE : TAG_FALSE);
        return 1;
    }
    if (type == &PyFloat_Type) {
        double number = PyFloat_AS_DOUBLE(value);
        doubles_encode(out, TAG_FLOAT, &number, 1);
        return 1;
    }
    if (type == &PyBytes_Type) {
        data_encode(hot, out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        return 1;
    }
    if (type == &PyComplex_Type) {
        Py_complex number = ((PyComplexObject *)value)->cval;
        double parts[2] = {number.real, number.imag};
        doubles_encode(out, TAG_COMPLEX, parts, 2);
        return 1;
    }
    return 0;
}

static uint64_t
text_print(Hot *hot, PyObject *string, uint64_t print)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    Py_hash_t hash = ((PyASCIIObject *)string)->hash;
    print = mix(print, (uint64_t)length << 8 | TAG_STR);
    if (hash != -1) {
        return mix(print, (uint64_t)hash);
    }
    Py_ssize_t seen = length < hot->chars ? length : hot->chars;
    int kind = PyUnicode_KIND(string);
    return mix_bytes(print ^ (uint64_t)kind, PyUnicode_DATA(string), (size_t)(seen * kind));
}

static uint64_t
int_print(Hot *hot, PyObject *value, uint64_t print)
{
    long long number;
    if (int_is_small(value, &number)) {
        return mix(print ^ TAG_INT, (uint64_t)number);
    }
    int overflow;
    number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        return mix(print ^ TAG_INT, (uint64_t)number);
    }
    size_t used = hot->value.used;
    if (big_int_encode(hot, &hot->value, value, overflow < 0) < 0) {
        return 0;
    }
    print = mix_bytes(print ^ TAG_BIG_INT, hot->value.data + used, hot->value.used - used);
    hot->value.used = used;
    return print;
}

static inline int
scalar_print(Hot *hot, PyObject *value, uint64_t *print)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        *print = int_print(hot, value, *print);
        return 1;
    }
    if (type == &PyUnicode_Type) {
        *print = text_print(hot, value, *print);
        return 1;
    }
    if (value == Py_None) {
        *print = mix(*print, TAG_NONE);
        return 1;
    }
    if (type == &PyBool_Type) {
        *print = mix(*print, value == Py_True ? TAG_TRUE : TAG_FALSE);
        return 1;
    }
    if (type == &PyFloat_Type) {
        uint64_t bits;
        memcpy(&bits, &((PyFloatObject *)value)->ob_fval, 8);
        *print = mix(*print ^ TAG_FLOAT, bits);
        return 1;
    }
    if (type == &PyBytes_Type) {
        Py_ssize_t size = PyBytes_GET_SIZE(value);
        Py_ssize_t seen = size < hot->chars ? size : hot->chars;
        *print = mix(*print ^ TAG_BYTES, (uint64_t)size);
        *print = mix_bytes(*print, PyBytes_AS_STRING(value), (size_t)seen);
        return 1;
    }
    if (type == &PyComplex_Type) {
        *print = mix_bytes(*print ^ TAG_COMPLEX, &((PyComplexObject *)value)->cval,
                           sizeof(Py_complex));
        return 1;
    }
    return 0;
}

/* Secrets: None and truth values hide nothing. */

int
remember_secret(Hot *hot, PyObject *value)
{
    if (!PyUnicode_CheckExact(value)) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod(hot->helpers, "remember", "O", value);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
secret_encode(Hot *hot, Buffer *out, PyObject *value)
{
    if (value == Py_None || value == Py_True || value == Py_False) {
        return scalar_encode(hot, out, value) < 0 ? -1 : 0;
    }
    uint32_t number;
    Plan *plan = plan_of(hot, Py_TYPE(value));
    if (remember_secret(hot, value) < 0 || plan == NULL ||
        type_number(hot, plan->definition, &number) < 0) {
        return -1;
    }
    put_byte(out, TAG_REDACTED);
    put_uv(out, number);
    hot->redacted++;
    return 0;
}

uint64_t
secret_print(Hot *hot, PyObject *value)
{
    uint64_t print = TAG_REDACTED;
    if (value == Py_None || value == Py_True || value == Py_False ||
        PyUnicode_CheckExact(value)) {
        /* The content counts: each secret text is to be remembered. */
        scalar_print(hot, value, &print);
        return print;
    }
    Plan *plan = plan_of(hot, Py_TYPE(value));
    return plan != NULL ? mix(print, plan->serial) : 0;
}

/* Containers and objects. `depth` is the number of levels that are open above. */

static int encode(Hot *hot, Buffer *out, PyObject *value, int depth);
static uint64_t print_of(Hot *hot, PyObject *value, int depth, uint64_t print);

static int
is_open(Hot *hot, const void *value)
{
    for (int i = hot->open_count - 1; i >= 0; i--) {
        if (hot->open[i] == value) {
            return 1;
        }
    }
    return 0;
}

/* Why not all is shown. */
static int
reason_of(Hot *hot, const void *value, int depth, Py_ssize_t full, Py_ssize_t most, int why)
{
    if (is_open(hot, value)) {
        return REASON_CYCLE;
    }
    if (depth >= hot->depth) {
        return full > 0 ? REASON_DEPTH : REASON_WHOLE;
    }
    return full > most ? why : REASON_WHOLE;
}

static int
shows_nothing(Hot *hot, int reason, int depth)
{
    return reason == REASON_CYCLE || reason == REASON_DEPTH || depth >= hot->depth;
}

/* Something whose head is written; `at` is where the reason stands. */
typedef struct {
    size_t reason_at;
    size_t count_at;
    Py_ssize_t planned;
} Level;

static void
level_open(Hot *hot, Buffer *out, Level *level, const void *value, Py_ssize_t full, int reason,
           Py_ssize_t planned)
{
    put_uv(out, (uint64_t)full);
    level->reason_at = out->used;
    put_byte(out, reason);
    level->count_at = out->used;
    level->planned = planned;
    put_uv(out, (uint64_t)planned);
    hot->open[hot->open_count++] = (void *)value;
}

/* `shown` is less than planned only where another thread has changed the container. */
static void
level_close(Hot *hot, Buffer *out, Level *level, Py_ssize_t shown)
{
    hot->open_count--;
    if (shown == level->planned || out->failed) {
        return;
    }
    uint8_t was[10], now[10];
    size_t old = write_uv(was, (uint64_t)level->planned);
    size_t new = write_uv(now, (uint64_t)shown);
    uint8_t *at = out->data + level->count_at;
    memmove(at + new, at + old, out->used - level->count_at - old);
    memcpy(at, now, new);
    out->used -= old - new;
    out->data[level->reason_at] = REASON_CHANGED;
}

static int
encode_item(Hot *hot, Buffer *out, PyObject *value, int depth, int is_secret)
{
    if (is_secret) {
        return secret_encode(hot, out, value);
    }
    int done = scalar_encode(hot, out, value);
    if (done != 0) {
        return done < 0 ? -1 : 0;
    }
    Py_INCREF(value);
    int status = encode(hot, out, value, depth);
    Py_DECREF(value);
    return status;
}

static uint64_t
print_item(Hot *hot, PyObject *value, int depth, uint64_t print, int is_secret)
{
    if (is_secret) {
        return mix(print, secret_print(hot, value));
    }
    if (scalar_print(hot, value, &print)) {
        return print;
    }
    Py_INCREF(value);
    print = print_of(hot, value, depth, print);
    Py_DECREF(value);
    return print;
}

/* A walk over the items of a sequence or set, by the built-in type and not by a subclass. */
typedef struct {
    PyObject *of;
    int kind;
    Py_ssize_t at;
    PyObject *iterator; /* owned, for what has no other way */
    PyObject *item;     /* owned, of the iterator */
} Walk;

static Py_ssize_t
sequence_length(PyObject *value, int kind)
{
    switch (kind) {
    case SHAPE_LIST:
        return PyList_GET_SIZE(value);
    case SHAPE_SET:
    case SHAPE_FROZENSET:
        return PySet_GET_SIZE(value);
    case SHAPE_DEQUE:
        return Py_SIZE(value);
    default:
        return PyTuple_GET_SIZE(value);
    }
}

static PyTypeObject *
built_in_base(PyTypeObject *type)
{
    while (type != NULL && (type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_base != NULL &&
           !(type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) {
        type = type->tp_base;
    }
    return type;
}

static int
walk_begin(Walk *walk, PyObject *value, int kind)
{
    memset(walk, 0, sizeof(*walk));
    walk->of = value;
    walk->kind = kind;
#ifndef HOT_INTERNALS
    if (kind == SHAPE_SET || kind == SHAPE_FROZENSET) {
        walk->kind = SHAPE_DEQUE; /* by its iterator */
    }
#endif
    if (walk->kind == SHAPE_DEQUE) {
        PyTypeObject *base = kind == SHAPE_SET         ? &PySet_Type
                              : kind == SHAPE_FROZENSET ? &PyFrozenSet_Type
                                                        : built_in_base(Py_TYPE(value));
        walk->iterator = base->tp_iter(value);
        return walk->iterator == NULL ? -1 : 0;
    }
    return 0;
}

static PyObject *
walk_next(Walk *walk)
{
    switch (walk->kind) {
    case SHAPE_LIST:
        return walk->at < PyList_GET_SIZE(walk->of) ? PyList_GET_ITEM(walk->of, walk->at++)
                                                    : NULL;
    case SHAPE_DEQUE:
        Py_XDECREF(walk->item);
        walk->item = Py_TYPE(walk->iterator)->tp_iternext(walk->iterator);
        if (walk->item == NULL && PyErr_Occurred()) {
            PyErr_Clear(); /* changed by another thread */
        }
        return walk->item;
#ifdef HOT_INTERNALS
    case SHAPE_SET:
    case SHAPE_FROZENSET: {
        PyObject *key;
        Py_hash_t hash;
        return _PySet_NextEntry(walk->of, &walk->at, &key, &hash) ? key : NULL;
    }
#endif
    default:
        return walk->at < PyTuple_GET_SIZE(walk->of) ? PyTuple_GET_ITEM(walk->of, walk->at++)
                                                     : NULL;
    }
}

static void
walk_end(Walk *walk)
{
    Py_XDECREF(walk->item);
    Py_XDECREF(walk->iterator);
}

static int
sequence_encode(Hot *hot, Buffer *out, PyObject *value, Plan *plan, int depth)
{
    Py_ssize_t full = sequence_length(value, plan->shape);
    int reason = reason_of(hot, value, depth, full, hot->items, REASON_ITEMS);
    Py_ssize_t planned = shows_nothing(hot, reason, depth) ? 0
                         : full < hot->items               ? full
                                                           : hot->items;
    if (put_type_and_object(hot, out, TAG_SEQUENCE, plan, value) < 0) {
        return -1;
    }
    Level level;
    Walk walk;
    level_open(hot, out, &level, value, full, reason, planned);
    Py_ssize_t shown = 0;
    int status = 0;
    if (planned > 0) {
        status = walk_begin(&walk, value, plan->shape);
        while (status == 0 && shown < planned) {
            PyObject *item = walk_next(&walk);
            if (item == NULL) {
                break;
            }
            int is_secret = shown < plan->fields && plan->field_secrets[shown];
            status = encode_item(hot, out, item, depth + 1, is_secret);
            shown++;
        }
        walk_end(&walk);
    }
    level_close(hot, out, &level, shown);
    return status;
}

static uint64_t
sequence_print(Hot *hot, PyObject *value, Plan *plan, int depth, uint64_t print)
{
    Py_ssize_t full = sequence_length(value, plan->shape);
    int reason = reason_of(hot, value, depth, full, hot->items, REASON_ITEMS);
    print = mix(print, (uint64_t)full << 4 | (uint64_t)reason);
    if (full == 0 || shows_nothing(hot, reason, depth)) {
        return print;
    }
    hot->open[hot->open_count++] = value;
    if (plan->shape == SHAPE_LIST) {
        for (Py_ssize_t i = 0; i < hot->items && i < PyList_GET_SIZE(value); i++) {
            print = print_item(hot, PyList_GET_ITEM(value, i), depth + 1, print, 0);
        }
    }
    else if (plan->shape == SHAPE_TUPLE) {
        Py_ssize_t most = full < hot->items ? full : hot->items;
        for (Py_ssize_t i = 0; i < most; i++) {
            print = print_item(hot, PyTuple_GET_ITEM(value, i), depth + 1, print, 0);
        }
    }
    else {
        Walk walk;
        int status = walk_begin(&walk, value, plan->shape);
        for (Py_ssize_t shown = 0; status == 0 && shown < hot->items; shown++) {
            PyObject *item = walk_next(&walk);
            if (item == NULL) {
                break;
            }
            int is_secret = shown < plan->fields && plan->field_secrets[shown];
            print = print_item(hot, item, depth + 1, print, is_secret);
        }
        walk_end(&walk);
    }
    hot->open_count--;
    return print;
}

static int
key_is_secret(Hot *hot, PyObject *key)
{
    return PyUnicode_CheckExact(key) ? string_is_secret(hot, key) : 0;
}

static int
mapping_encode(Hot *hot, Buffer *out, PyObject *value, Plan *plan, int depth)
{
    Py_ssize_t full = PyDict_GET_SIZE(value);
    int reason = reason_of(hot, value, depth, full, hot->items, REASON_ITEMS);
    Py_ssize_t planned = shows_nothing(hot, reason, depth) ? 0
                         : full < hot->items               ? full
                                                           : hot->items;
    if (put_type_and_object(hot, out, TAG_MAPPING, plan, value) < 0) {
        return -1;
    }
    Level level;
    level_open(hot, out, &level, value, full, reason, planned);
    Py_ssize_t shown = 0, at = 0;
    int status = 0;
    PyObject *key, *item;
    while (status == 0 && shown < planned && PyDict_Next(value, &at, &key, &item)) {
        Py_INCREF(key);
        Py_INCREF(item);
        int is_secret = key_is_secret(hot, key);
        status = is_secret < 0 ? -1 : encode_item(hot, out, key, depth + 1, 0);
        if (status == 0) {
            status = encode_item(hot, out, item, depth + 1, is_secret);
        }
        Py_DECREF(key);
        Py_DECREF(item);
        shown++;
    }
    level_close(hot, out, &level, shown);
    return status;
}

static uint64_t
mapping_print(Hot *hot, PyObject *value, int depth, uint64_t print)
{
    Py_ssize_t full = PyDict_GET_SIZE(value);
    int reason = reason_of(hot, value, depth, full, hot->items, REASON_ITEMS);
    print = mix(print, (uint64_t)full << 4 | (uint64_t)reason);
    if (full == 0 || shows_nothing(hot, reason, depth)) {
        return print;
    }
    Py_ssize_t at = 0;
    PyObject *key, *item;
    hot->open[hot->open_count++] = value;
    for (Py_ssize_t shown = 0; shown < hot->items; shown++) {
        if (!PyDict_Next(value, &at, &key, &item)) {
            break;
        }
        Py_INCREF(key);
        Py_INCREF(item);
        int is_secret = key_is_secret(hot, key);
        print = print_item(hot, key, depth + 1, print, 0);
        print = print_item(hot, item, depth + 1, print, is_secret > 0);
        Py_DECREF(key);
        Py_DECREF(item);
    }
    hot->open_count--;
    return print;
}

/* Attributes: slots first, then the instance dictionary. */

static int
is_hook(Hot *hot, PyObject *value)
{
    if (!PyFunction_Check(value) || !PyTuple_Check(hot->hook_codes)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(hot->hook_codes); i++) {
        if (((PyFunctionObject *)value)->func_code == PyTuple_GET_ITEM(hot->hook_codes, i)) {
            return 1;
        }
    }
    return 0;
}

typedef struct {
    PyObject *object;
    Plan *plan;
    int slot;
    int is_exception; /* `args` comes first */
    int in_dict;
    Py_ssize_t read; /* of the dictionary */
    Attributes all;
} State;

static Py_ssize_t
state_begin(Hot *hot, State *state, PyObject *object, Plan *plan)
{
    Py_ssize_t full = 0;
    memset(state, 0, sizeof(*state));
    state->object = object;
    state->plan = plan;
    state->is_exception = plan->shape == SHAPE_EXCEPTION;
    full += state->is_exception;
    for (int i = 0; i < plan->slots; i++) {
        full += *(PyObject **)((char *)object + plan->slot_offsets[i]) != NULL;
    }
    if (plan->has_dict) {
        state->in_dict = 1;
        attributes_begin(&state->all, object);
        full += state->all.count;
        /* Our own `write` on a stream is no state of it. */
        if (plan->has_dict == DICT_OF_STREAM && state->all.dict != NULL) {
            PyObject *write = PyDict_GetItemString(state->all.dict, "write");
            full -= write != NULL && is_hook(hot, write);
        }
    }
    return full;
}

/* 1 with a borrowed value and its name; `string` is the name where it is one of a dictionary. */
static int
state_next(Hot *hot, State *state, Name **name, PyObject **string, PyObject **value)
{
    *name = NULL;
    *string = NULL;
    if (state->is_exception) {
        state->is_exception = 0;
        *name = name_of_bytes(&hot->names, "args", 4);
        *value = ((PyBaseExceptionObject *)state->object)->args;
        if (is_whole(*value)) {
            return 1;
        }
    }
    while (state->slot < state->plan->slots) {
        int i = state->slot++;
        *value = *(PyObject **)((char *)state->object + state->plan->slot_offsets[i]);
        if (*value != NULL) {
            *name = state->plan->slot_names[i];
            return 1;
        }
    }
    while (state->in_dict && state->read < hot->attributes &&
           attributes_next(&state->all, string, value)) {
        state->read++;
        if (PyUnicode_CheckExact(*string) && !is_hook(hot, *value)) {
            return 1;
        }
    }
    return 0;
}

static int
attribute_is_secret(Hot *hot, Name *name, PyObject *string)
{
    if (string != NULL) {
        return string_is_secret(hot, string);
    }
    return name->is_secret > 0 && hot->has_rules;
}

static int
object_encode(Hot *hot, Buffer *out, PyObject *value, Plan *plan, int depth)
{
    State state;
    Py_ssize_t full = state_begin(hot, &state, value, plan);
    int reason = reason_of(hot, value, depth, full, hot->attributes, REASON_ATTRIBUTES);
    Py_ssize_t most = shows_nothing(hot, reason, depth) ? 0 : hot->attributes;
    if (put_type_and_object(hot, out, TAG_OBJECT, plan, value) < 0) {
        attributes_end(&state.all);
        return -1;
    }
    put_uv(out, (uint64_t)full);
    put_byte(out, reason);
    /* How many there are is known at the end: some names of a dictionary are no names. */
    size_t start = out->used;
    Py_ssize_t shown = 0;
    int status = 0;
    Name *name;
    PyObject *string, *item;
    hot->open[hot->open_count++] = value;
    while (status == 0 && shown < most && state_next(hot, &state, &name, &string, &item)) {
        Py_INCREF(item);
        Py_XINCREF(string);
        int is_secret = attribute_is_secret(hot, name, string);
        if (name == NULL && is_secret >= 0) {
            name = name_of(hot, &hot->names, string);
        }
        if (name == NULL || is_secret < 0 || put_name(hot, out, name) < 0 ||
            encode_item(hot, out, item, depth + 1, is_secret) < 0) {
            status = -1;
        }
        Py_XDECREF(string);
        Py_DECREF(item);
        shown++;
    }
    hot->open_count--;
    attributes_end(&state.all);
    uint8_t count[10];
    size_t size = write_uv(count, (uint64_t)shown);
    size_t body = out->used - start;
    if (status == 0 && buffer_reserve(out, size)) {
        memmove(out->data + start + size, out->data + start, body);
        memcpy(out->data + start, count, size);
        out->used += size;
    }
    return status;
}

static uint64_t
object_print(Hot *hot, PyObject *value, Plan *plan, int depth, uint64_t print)
{
    State state;
    Py_ssize_t full = state_begin(hot, &state, value, plan);
    int reason = reason_of(hot, value, depth, full, hot->attributes, REASON_ATTRIBUTES);
    print = mix(print, (uint64_t)full << 4 | (uint64_t)reason);
    if (!shows_nothing(hot, reason, depth)) {
        Py_ssize_t shown = 0;
        Name *name;
        PyObject *string, *item;
        hot->open[hot->open_count++] = value;
        while (shown < hot->attributes && state_next(hot, &state, &name, &string, &item)) {
            int is_secret = attribute_is_secret(hot, name, string);
            print = mix(print, string != NULL ? (uint64_t)PyObject_Hash(string)
                                              : (uint64_t)(uintptr_t)name);
            print = print_item(hot, item, depth + 1, print, is_secret > 0);
            shown++;
        }
        hot->open_count--;
    }
    attributes_end(&state.all);
    return print;
}

/* Objects whose parts are given by name: enum members, slices, functions, classes, modules. */

typedef struct {
    int count;
    const char *names[3];
    PyObject *values[3]; /* owned; NULL stands for None */
} Parts;

static int
parts_of(PyObject *value, int kind, Parts *parts)
{
    memset(parts, 0, sizeof(*parts));
    switch (kind) {
    case SHAPE_ENUM: {
        Attributes all;
        PyObject *name, *item;
        parts->count = 2;
        parts->names[0] = "name";
        parts->names[1] = "value";
        attributes_begin(&all, value);
        while (attributes_next(&all, &name, &item)) {
            if (!PyUnicode_CheckExact(name)) {
                continue;
            }
            int at = PyUnicode_CompareWithASCIIString(name, "_name_") == 0    ? 0
                     : PyUnicode_CompareWithASCIIString(name, "_value_") == 0 ? 1
                                                                            : -1;
            if (at >= 0) {
                Py_XSETREF(parts->values[at], Py_NewRef(item));
            }
        }
        attributes_end(&all);
        return 0;
    }
    case SHAPE_BUILTIN:
        parts->count = 1;
        parts->names[0] = "qualname";
        parts->values[0] = builtin_name(value);
        return parts->values[0] == NULL ? -1 : 0;
    case SHAPE_RANGE:
        parts->count = 3;
        parts->names[0] = "start";
        parts->names[1] = "stop";
        parts->names[2] = "step";
        for (int i = 0; i < 3; i++) {
            parts->values[i] = PyObject_GetAttrString(value, parts->names[i]);
            if (parts->values[i] == NULL) {
                return -1;
            }
        }
        return 0;
    case SHAPE_SLICE: {
        PySliceObject *slice = (PySliceObject *)value;
        parts->count = 3;
        parts->names[0] = "start";
        parts->names[1] = "stop";
        parts->names[2] = "step";
        parts->values[0] = Py_NewRef(slice->start);
        parts->values[1] = Py_NewRef(slice->stop);
        parts->values[2] = Py_NewRef(slice->step);
        return 0;
    }
    case SHAPE_FUNCTION: {
        PyFunctionObject *function = (PyFunctionObject *)value;
        PyCodeObject *code = (PyCodeObject *)function->func_code;
        parts->count = 3;
        parts->names[0] = "qualname";
        parts->names[1] = "file";
        parts->names[2] = "line";
        parts->values[0] = Py_NewRef(function->func_qualname);
        parts->values[1] = Py_NewRef(code->co_filename);
        parts->values[2] = PyLong_FromLong(code->co_firstlineno);
        return parts->values[2] == NULL ? -1 : 0;
    }
    case SHAPE_METHOD: {
        PyObject *function = PyMethod_GET_FUNCTION(value);
        parts->count = 2;
        parts->names[0] = "qualname";
        parts->names[1] = "self";
        if (PyFunction_Check(function)) {
            parts->values[0] = Py_NewRef(((PyFunctionObject *)function)->func_qualname);
        }
        parts->values[1] = class_name(Py_TYPE(PyMethod_GET_SELF(value)));
        return parts->values[1] == NULL ? -1 : 0;
    }
    case SHAPE_MODULE: {
        PyObject *namespace = PyModule_GetDict(value);
        PyObject *name =
            namespace != NULL ? PyDict_GetItemString(namespace, "__name__") : NULL;
        parts->count = 1;
        parts->names[0] = "name";
        if (name != NULL && PyUnicode_CheckExact(name)) {
            parts->values[0] = Py_NewRef(name);
        }
        return 0;
    }
    default: /* SHAPE_CLASS */
        parts->count = 1;
        parts->names[0] = "name";
        parts->values[0] = class_name((PyTypeObject *)value);
        return parts->values[0] == NULL ? -1 : 0;
    }
}

static void
parts_free(Parts *parts)
{
    for (int i = 0; i < 3; i++) {
        Py_CLEAR(parts->values[i]);
    }
}

static int
part_is_secret(Hot *hot, Name *name)
{
    if (!hot->has_rules || name->is_secret >= 0) {
        return hot->has_rules && name->is_secret;
    }
    PyObject *string = PyUnicode_FromString(name->text);
    int is_secret = string != NULL ? name_is_secret(hot, name, string) : -1;
    Py_XDECREF(string);
    return is_secret;
}

static int
parts_encode(Hot *hot, Buffer *out, PyObject *value, Plan *plan, int depth)
{
    Parts parts;
    if (parts_of(value, plan->shape, &parts) < 0 ||
        put_type_and_object(hot, out, TAG_OBJECT, plan, value) < 0) {
        parts_free(&parts);
        return -1;
    }
    int reason =
        reason_of(hot, value, depth, parts.count, hot->attributes, REASON_ATTRIBUTES);
    Py_ssize_t planned = shows_nothing(hot, reason, depth)   ? 0
                         : parts.count < hot->attributes ? parts.count
                                                         : hot->attributes;
    Level level;
    level_open(hot, out, &level, value, parts.count, reason, planned);
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < planned; i++) {
        PyObject *item = parts.values[i] != NULL ? parts.values[i] : Py_None;
        Name *name = name_of_bytes(&hot->names, parts.names[i], strlen(parts.names[i]));
        int is_secret = name != NULL ? part_is_secret(hot, name) : -1;
        if (is_secret < 0 || put_name(hot, out, name) < 0 ||
            encode_item(hot, out, item, depth + 1, is_secret) < 0) {
            status = -1;
        }
    }
    level_close(hot, out, &level, planned);
    parts_free(&parts);
    return status;
}

/* The name of a class can be changed, and its module. */
static uint64_t
class_print(Hot *hot, PyTypeObject *type, uint64_t print)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return mix(print, (uint64_t)(uintptr_t)type);
    }
    PyObject *module = class_module(type);
    print = text_print(hot, ((PyHeapTypeObject *)type)->ht_qualname, print);
    print = module != NULL && PyUnicode_CheckExact(module) ? text_print(hot, module, print)
                                                           : mix(print, 1);
    Py_XDECREF(module);
    return print;
}

static uint64_t
parts_print(Hot *hot, PyObject *value, Plan *plan, int depth, uint64_t print)
{
    /* Without the strings that take time to make. */
    switch (plan->shape) {
    case SHAPE_CLASS:
        return class_print(hot, (PyTypeObject *)value, print);
    case SHAPE_BUILTIN: {
        const char *name = ((PyCFunctionObject *)value)->m_ml->ml_name;
        PyTypeObject *owner = builtin_owner(value);
        print = mix_bytes(print, name, strlen(name));
        return owner != NULL ? class_print(hot, owner, print) : print;
    }
    case SHAPE_FUNCTION: {
        PyFunctionObject *function = (PyFunctionObject *)value;
        PyCodeObject *code = (PyCodeObject *)function->func_code;
        print = text_print(hot, function->func_qualname, print);
        print = text_print(hot, code->co_filename, print);
        return mix(print, (uint64_t)code->co_firstlineno << 4 |
                              (uint64_t)reason_of(hot, value, depth, 3, hot->attributes,
                                                  REASON_ATTRIBUTES));
    }
    case SHAPE_METHOD: {
        PyObject *function = PyMethod_GET_FUNCTION(value);
        Plan *owner = plan_of(hot, Py_TYPE(PyMethod_GET_SELF(value)));
        if (PyFunction_Check(function)) {
            print = text_print(hot, ((PyFunctionObject *)function)->func_qualname, print);
        }
        return owner != NULL ? mix(print, owner->serial) : print;
    }
    default:
        break;
    }
    Parts parts;
    if (parts_of(value, plan->shape, &parts) == 0) {
        int reason =
            reason_of(hot, value, depth, parts.count, hot->attributes, REASON_ATTRIBUTES);
        print = mix(print, (uint64_t)reason);
        if (!shows_nothing(hot, reason, depth)) {
            hot->open[hot->open_count++] = value;
            for (int i = 0; i < parts.count; i++) {
                PyObject *item = parts.values[i] != NULL ? parts.values[i] : Py_None;
                print = print_item(hot, item, depth + 1, print, 0);
            }
            hot->open_count--;
        }
    }
    else {
        PyErr_Clear(); /* out of memory: what then is encoded will say it */
    }
    parts_free(&parts);
    return print;
}

/* Instances of subclasses of scalars: the plain value beside the type. */

static int
scalar_subclass_encode(Hot *hot, Buffer *out, PyObject *value, Plan *plan)
{
    if (put_type_and_object(hot, out, TAG_SUBCLASS, plan, value) < 0) {
        return -1;
    }
    switch (plan->shape) {
    case SHAPE_SUB_INT:
        return int_encode(hot, out, value);
    case SHAPE_SUB_FLOAT: {
        double number = PyFloat_AS_DOUBLE(value);
        doubles_encode(out, TAG_FLOAT, &number, 1);
        return 0;
    }
    case SHAPE_SUB_COMPLEX: {
        Py_complex number = ((PyComplexObject *)value)->cval;
        double parts[2] = {number.real, number.imag};
        doubles_encode(out, TAG_COMPLEX, parts, 2);
        return 0;
    }
    case SHAPE_SUB_STR:
        return text_encode(hot, out, value);
    case SHAPE_BYTEARRAY:
        data_encode(hot, out, PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value));
        return 0;
    default:
        data_encode(hot, out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        return 0;
    }
}

static uint64_t
scalar_subclass_print(Hot *hot, PyObject *value, Plan *plan, uint64_t print)
{
    switch (plan->shape) {
    case SHAPE_SUB_INT:
        return int_print(hot, value, print);
    case SHAPE_SUB_FLOAT:
        return mix_bytes(print, &((PyFloatObject *)value)->ob_fval, 8);
    case SHAPE_SUB_COMPLEX:
        return mix_bytes(print, &((PyComplexObject *)value)->cval, sizeof(Py_complex));
    case SHAPE_SUB_STR:
        return text_print(hot, value, print);
    default: {
        int is_array = plan->shape == SHAPE_BYTEARRAY;
        Py_ssize_t size = is_array ? PyByteArray_GET_SIZE(value) : PyBytes_GET_SIZE(value);
        const char *data = is_array ? PyByteArray_AS_STRING(value) : PyBytes_AS_STRING(value);
        print = mix(print, (uint64_t)size);
        return mix_bytes(print, data, (size_t)(size < hot->chars ? size : hot->chars));
    }
    }
}

/* Any object. */

static int
encode(Hot *hot, Buffer *out, PyObject *value, int depth)
{
    Plan *plan = plan_of(hot, Py_TYPE(value));
    uint32_t number;
    /* The type is defined before what it holds, as in pure Python. */
    if (plan == NULL || type_number(hot, plan->definition, &number) < 0) {
        return -1;
    }
    switch (plan->shape) {
    case SHAPE_OTHER:
        return put_other(hot, out, "encode_other", value, depth);
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
    case SHAPE_NAMED_TUPLE:
        return sequence_encode(hot, out, value, plan, depth);
    case SHAPE_MAPPING:
        return mapping_encode(hot, out, value, plan, depth);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return object_encode(hot, out, value, plan, depth);
    case SHAPE_ENUM:
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_FUNCTION:
    case SHAPE_METHOD:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
    case SHAPE_BUILTIN:
        return parts_encode(hot, out, value, plan, depth);
    case SHAPE_STATELESS:
        if (put_type_and_object(hot, out, TAG_OPAQUE, plan, value) < 0) {
            return -1;
        }
        put_byte(out, REASON_STATELESS);
        return 0;
    default:
        return scalar_subclass_encode(hot, out, value, plan);
    }
}

static uint64_t
print_of(Hot *hot, PyObject *value, int depth, uint64_t print)
{
    Plan *plan = plan_of(hot, Py_TYPE(value));
    if (plan == NULL) {
        return print;
    }
    print = mix(mix(print, plan->serial), (uint64_t)(uintptr_t)value);
    switch (plan->shape) {
    case SHAPE_OTHER: {
        /* Its content as bytes tells; it is short. */
        size_t used = hot->value.used;
        if (put_other(hot, &hot->value, "content_of_other", value, depth) == 0) {
            print = mix_bytes(print, hot->value.data + used, hot->value.used - used);
            hot->value.used = used;
        }
        return print;
    }
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
    case SHAPE_NAMED_TUPLE:
        return sequence_print(hot, value, plan, depth, print);
    case SHAPE_MAPPING:
        return mapping_print(hot, value, depth, print);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return object_print(hot, value, plan, depth, print);
    case SHAPE_ENUM:
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_FUNCTION:
    case SHAPE_METHOD:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
    case SHAPE_BUILTIN:
        return parts_print(hot, value, plan, depth, print);
    case SHAPE_STATELESS:
        return print;
    default:
        return scalar_subclass_print(hot, value, plan, print);
    }
}

int
value_encode(Hot *hot, Buffer *out, PyObject *value)
{
    int done = scalar_encode(hot, out, value);
    if (done == 0) {
        hot->open_count = 0;
        Py_INCREF(value);
        done = encode(hot, out, value, 0);
        Py_DECREF(value);
    }
    if (out->failed && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return done < 0 || out->failed ? -1 : 0;
}

uint64_t
value_print(Hot *hot, PyObject *value)
{
    uint64_t print = 1;
    if (!scalar_print(hot, value, &print)) {
        hot->open_count = 0;
        Py_INCREF(value);
        print = print_of(hot, value, 0, print);
        Py_DECREF(value);
    }
    return print;
}
