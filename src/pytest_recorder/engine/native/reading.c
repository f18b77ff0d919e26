/* A container can be changed by another thread while a helper in Python runs: sizes are looked at
 * again at each step. An item that is NULL, of a tuple or list that is still being made, ends the
 * walk: nobody can see what comes after it either.
 */

#include "reading.h"
#include "classes.h"
#include "names.h"
#include "secrets.h"

PyTypeObject *
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

/* Levels. */

static int
is_open(Hot *hot, const void *value)
{
    for (int i = hot->open.count - 1; i >= 0; i--) {
        if (hot->open.levels[i] == value) {
            return 1;
        }
    }
    return 0;
}

int
reason_of(Hot *hot, const void *value, int depth, Py_ssize_t full, Py_ssize_t most, int why)
{
    if (is_open(hot, value)) {
        return REASON_CYCLE;
    }
    if (depth >= hot->settings.depth) {
        return full > 0 ? REASON_DEPTH : REASON_WHOLE;
    }
    return full > most ? why : REASON_WHOLE;
}

/* Items. */

Py_ssize_t
sequence_length(PyObject *value, int shape)
{
    switch (shape) {
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

int
item_walk_begin(ItemWalk *walk, PyObject *value, int shape)
{
    memset(walk, 0, sizeof(*walk));
    walk->of = value;
    walk->kind = shape;
#ifndef HOT_INTERNALS
    if (shape == SHAPE_SET || shape == SHAPE_FROZENSET) {
        walk->kind = SHAPE_DEQUE; /* by its iterator */
    }
#endif
    if (walk->kind == SHAPE_DEQUE) {
        PyTypeObject *base = shape == SHAPE_SET         ? &PySet_Type
                             : shape == SHAPE_FROZENSET ? &PyFrozenSet_Type
                                                        : built_in_base(Py_TYPE(value));
        walk->iterator = base->tp_iter(value);
        return walk->iterator == NULL ? -1 : 0;
    }
    return 0;
}

static int
iterator_next(ItemWalk *walk, PyObject **item)
{
    Py_XSETREF(walk->item, Py_TYPE(walk->iterator)->tp_iternext(walk->iterator));
    *item = walk->item;
    if (*item != NULL) {
        return 1;
    }
    if (PyErr_Occurred() == NULL) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        return -1;
    }
    PyErr_Clear(); /* changed by another thread */
    return 0;
}

int
item_walk_next(ItemWalk *walk, PyObject **item)
{
    switch (walk->kind) {
    case SHAPE_DEQUE:
        return iterator_next(walk, item);
    case SHAPE_LIST:
        *item = walk->at < PyList_GET_SIZE(walk->of) ? PyList_GET_ITEM(walk->of, walk->at++)
                                                     : NULL;
        return *item != NULL;
#ifdef HOT_INTERNALS
    case SHAPE_SET:
    case SHAPE_FROZENSET:
        return set_next(walk->of, &walk->at, item);
#endif
    default:
        *item = walk->at < PyTuple_GET_SIZE(walk->of) ? PyTuple_GET_ITEM(walk->of, walk->at++)
                                                      : NULL;
        return *item != NULL;
    }
}

void
item_walk_end(ItemWalk *walk)
{
    Py_XDECREF(walk->item);
    Py_XDECREF(walk->iterator);
}

/* Attributes. */

static int
is_hook(Hot *hot, PyObject *value)
{
    PyObject *codes = hot->settings.hook_codes;
    if (!PyFunction_Check(value)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(codes); i++) {
        if (((PyFunctionObject *)value)->func_code == PyTuple_GET_ITEM(codes, i)) {
            return 1;
        }
    }
    return 0;
}

static PyObject *
slot_value(AttributeWalk *walk, int slot)
{
    return *(PyObject **)((char *)walk->object + walk->reader->slot_offsets[slot]);
}

int
attribute_walk_begin(Hot *hot, AttributeWalk *walk, PyObject *object, TypeReader *reader,
                     Py_ssize_t *full)
{
    memset(walk, 0, sizeof(*walk));
    walk->object = object;
    walk->reader = reader;
    walk->is_exception = reader->shape == SHAPE_EXCEPTION;
    *full = walk->is_exception;
    for (int i = 0; i < reader->slots; i++) {
        *full += slot_value(walk, i) != NULL;
    }
    if (!reader->has_dict) {
        return 0;
    }
    if (attributes_begin(&walk->all, object, reader->type) < 0) {
        return -1;
    }
    *full += walk->all.count;
    if (reader->has_dict == DICT_OF_STREAM && walk->all.dict != NULL) {
        /* Our own `write` on a stream is no state of it. */
        PyObject *write;
        if (dict_find(walk->all.dict, "write", &write) < 0) {
            attributes_end(&walk->all);
            return -1;
        }
        *full -= write != NULL && is_hook(hot, write);
        Py_XDECREF(write);
    }
    return 0;
}

int
attribute_walk_next(Hot *hot, AttributeWalk *walk, Name **name, PyObject **string,
                    PyObject **value)
{
    *name = NULL;
    *string = NULL;
    if (walk->is_exception) {
        walk->is_exception = 0;
        PyObject *args = ((PyBaseExceptionObject *)walk->object)->args;
        if (args != NULL && PyTuple_Check(args)) {
            *value = Py_NewRef(args);
            *name = name_of_bytes(&hot->texts.names, "args", 4);
            if (*name == NULL) {
                Py_CLEAR(*value);
                return -1;
            }
            return 1;
        }
    }
    while (walk->slot < walk->reader->slots) {
        int slot = walk->slot++;
        *value = Py_XNewRef(slot_value(walk, slot));
        if (*value != NULL) {
            *name = walk->reader->slot_names[slot];
            return 1;
        }
    }
    while (walk->reader->has_dict && walk->read < hot->settings.attributes &&
           attributes_next(&walk->all, string, value)) {
        walk->read++;
        if (PyUnicode_CheckExact(*string) && !is_hook(hot, *value)) {
            return 1;
        }
        Py_CLEAR(*string);
        Py_CLEAR(*value);
    }
    return 0;
}

void
attribute_walk_end(AttributeWalk *walk)
{
    attributes_end(&walk->all);
}

/* Parts. */

static int
enum_parts(PyObject *value, PyTypeObject *type, Parts *parts)
{
    static const char *const kept[] = {"_name_", "_value_"};
    Attributes all;
    PyObject *name, *item;
    parts->count = 2;
    parts->names[0] = "name";
    parts->names[1] = "value";
    if (attributes_begin(&all, value, type) < 0) {
        return -1;
    }
    while (attributes_next(&all, &name, &item)) {
        for (int i = 0; PyUnicode_CheckExact(name) && i < 2; i++) {
            if (PyUnicode_CompareWithASCIIString(name, kept[i]) == 0) {
                Py_XSETREF(parts->values[i], Py_NewRef(item));
            }
        }
        Py_DECREF(name);
        Py_DECREF(item);
    }
    attributes_end(&all);
    return 0;
}

static int
bounds_parts(PyObject *value, int shape, Parts *parts)
{
    parts->count = 3;
    parts->names[0] = "start";
    parts->names[1] = "stop";
    parts->names[2] = "step";
    if (shape == SHAPE_SLICE) {
        PySliceObject *slice = (PySliceObject *)value;
        parts->values[0] = Py_NewRef(slice->start);
        parts->values[1] = Py_NewRef(slice->stop);
        parts->values[2] = Py_NewRef(slice->step);
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        /* A range has members in C, and no subclass. */
        parts->values[i] = PyObject_GetAttrString(value, parts->names[i]);
        if (parts->values[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static int
function_parts(PyObject *value, Parts *parts)
{
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

static int
method_parts(PyObject *value, Parts *parts)
{
    PyObject *function = PyMethod_GET_FUNCTION(value);
    parts->count = 2;
    parts->names[0] = "qualname";
    parts->names[1] = "self";
    if (PyFunction_Check(function)) {
        parts->values[0] = Py_NewRef(((PyFunctionObject *)function)->func_qualname);
    }
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(PyMethod_GET_SELF(value)));
    parts->values[1] = class_name(type);
    Py_DECREF(type);
    return parts->values[1] == NULL ? -1 : 0;
}

static int
module_parts(PyObject *value, Parts *parts)
{
    PyObject *name = NULL, *namespace = Py_XNewRef(PyModule_GetDict(value));
    parts->count = 1;
    parts->names[0] = "name";
    int status = namespace != NULL ? dict_find(namespace, "__name__", &name) : -1;
    Py_XDECREF(namespace);
    if (name != NULL && PyUnicode_CheckExact(name)) {
        parts->values[0] = Py_NewRef(name);
    }
    Py_XDECREF(name);
    return status < 0 ? -1 : 0;
}

int
parts_of(PyObject *value, PyTypeObject *type, int shape, Parts *parts)
{
    memset(parts, 0, sizeof(*parts));
    switch (shape) {
    case SHAPE_ENUM:
        return enum_parts(value, type, parts);
    case SHAPE_RANGE:
    case SHAPE_SLICE:
        return bounds_parts(value, shape, parts);
    case SHAPE_FUNCTION:
        return function_parts(value, parts);
    case SHAPE_METHOD:
        return method_parts(value, parts);
    case SHAPE_MODULE:
        return module_parts(value, parts);
    case SHAPE_BUILTIN:
        parts->count = 1;
        parts->names[0] = "qualname";
        parts->values[0] = builtin_name(value);
        return parts->values[0] == NULL ? -1 : 0;
    default: /* SHAPE_CLASS */
        parts->count = 1;
        parts->names[0] = "name";
        parts->values[0] = class_name((PyTypeObject *)value);
        return parts->values[0] == NULL ? -1 : 0;
    }
}

void
parts_free(Parts *parts)
{
    for (int i = 0; i < 3; i++) {
        Py_CLEAR(parts->values[i]);
    }
}

/* Secrets. */

int
attribute_is_secret(Hot *hot, Name *name, PyObject *string)
{
    if (string != NULL) {
        return string_is_secret(hot, string);
    }
    if (!hot->settings.has_rules || name->is_secret >= 0) {
        return hot->settings.has_rules ? name->is_secret : HIDES_NOTHING;
    }
    PyObject *asked = PyUnicode_FromString(name->text);
    int level = asked != NULL ? name_is_secret(hot, name, asked) : -1;
    Py_XDECREF(asked);
    return level;
}

Py_ssize_t
object_size(Hot *hot, PyObject *value, TypeReader *reader)
{
    AttributeWalk walk;
    Py_ssize_t full = 0;
    switch (reader->shape) {
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_NAMED_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
        return sequence_length(value, reader->shape);
    case SHAPE_MAPPING:
        return PyDict_GET_SIZE(value);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        if (attribute_walk_begin(hot, &walk, value, reader, &full) < 0) {
            PyErr_Clear();
            return 0;
        }
        attribute_walk_end(&walk);
        return full;
    case SHAPE_ENUM:
    case SHAPE_METHOD:
        return 2;
    case SHAPE_FUNCTION:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
        return 3;
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_BUILTIN:
        return 1;
    default:
        return 0;
    }
}
