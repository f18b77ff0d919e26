/* What the hot path reads of the interpreter, a line or two per Python version.
 *
 * With HOT_INTERNALS a frame is the interpreter's own record of it (`_PyInterpreterFrame`): no frame
 * object is made and no reference is taken. Without, it is a frame object and everything goes
 * through the public API; that is what versions nobody has tried get, and PYTEST_RECORDER_BUILD=public.
 *
 * All pointers given here are borrowed and live until the traced thread runs on. Nothing fails but
 * where it says so.
 */
#ifndef HOT_INTERNALS_H
#define HOT_INTERNALS_H

#define PY_SSIZE_T_CLEAN
#include <patchlevel.h>

#if !defined(HOT_PUBLIC) && PY_MINOR_VERSION >= 11 && PY_MINOR_VERSION <= 13
#define HOT_INTERNALS 1
#define Py_BUILD_CORE 1
#endif

#include <Python.h>

#if PY_VERSION_HEX >= 0x030D0000
#define HOT_313 1
#elif PY_VERSION_HEX >= 0x030C0000
#define HOT_312 1
#else
#define HOT_311 1
#endif

#if !defined(HOT_INTERNALS) && defined(HOT_311)
#error "PyFrame_GetVar came with Python 3.12"
#endif

#include <frameobject.h>
#include <structmember.h>

#ifdef HOT_INTERNALS
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_object.h"
#ifdef HOT_313
#include "internal/pycore_setobject.h"
#endif
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

typedef _PyInterpreterFrame HotFrame;

static inline PyCodeObject *
frame_code(HotFrame *frame)
{
#ifdef HOT_313
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

static inline HotFrame *
frame_complete(HotFrame *frame)
{
#ifdef HOT_311
    while (frame != NULL && _PyFrame_IsIncomplete(frame)) {
#else
    while (frame != NULL &&
           (frame->owner == FRAME_OWNED_BY_CSTACK || _PyFrame_IsIncomplete(frame))) {
#endif
        frame = frame->previous;
    }
    return frame;
}

static inline HotFrame *
frame_current(PyThreadState *tstate)
{
#ifdef HOT_313
    return frame_complete(tstate->current_frame);
#else
    return frame_complete(tstate->cframe->current_frame);
#endif
}

static inline HotFrame *
frame_of(PyFrameObject *object)
{
    return object->f_frame;
}

static inline HotFrame *
frame_back(HotFrame *frame)
{
    return frame_complete(frame->previous);
}

/* The frame object if there is one: only then can a traceback name the frame. */
static inline void *
frame_identity(HotFrame *frame)
{
    return frame->frame_obj;
}

static inline int
frame_lasti(HotFrame *frame)
{
    return _PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT);
}

static inline int
frame_line(HotFrame *frame)
{
    PyFrameObject *object = frame->frame_obj;
    if (object != NULL && object->f_lineno > 0) {
        return object->f_lineno;
    }
    return PyCode_Addr2Line(frame_code(frame), frame_lasti(frame));
}

static inline PyObject *
frame_globals(HotFrame *frame)
{
    return frame->f_globals;
}

/* The namespace of a module or class body, or NULL. */
static inline PyObject *
frame_namespace(HotFrame *frame)
{
    return frame->f_locals;
}

/* One variable of a function, NULL where it has no value. */
static inline PyObject *
frame_variable(HotFrame *frame, PyCodeObject *code, int place, PyObject *Py_UNUSED(name))
{
    PyObject *value = frame->localsplus[place];
    if (value != NULL && Py_IS_TYPE(value, &PyCell_Type)) {
        unsigned char kind =
            (unsigned char)PyBytes_AS_STRING(code->co_localspluskinds)[place];
        /* A local that holds a cell of the program's is no variable of this kind. */
        if (kind & (CO_FAST_CELL | CO_FAST_FREE)) {
            value = PyCell_GET(value);
        }
    }
    return value;
}

#define FRAME_RELEASE(value) ((void)0)
#define FRAME_FAILED(value) 0

/* The magnitude of an int, little-endian. 1: written; 0: larger than `size`, or no way to tell. */
static inline int
int_magnitude(PyObject *value, int is_negative, uint8_t *bytes, size_t size)
{
    PyObject *magnitude = is_negative ? PyLong_Type.tp_as_number->nb_negative(value)
                                      : Py_NewRef(value);
    if (magnitude == NULL) {
        return -1;
    }
    int is_small = _PyLong_NumBits(magnitude) <= size * 8;
#ifdef HOT_313
    int status = is_small ? _PyLong_AsByteArray((PyLongObject *)magnitude, bytes, size, 1, 0, 1) : 0;
#else
    int status = is_small ? _PyLong_AsByteArray((PyLongObject *)magnitude, bytes, size, 1, 0) : 0;
#endif
    Py_DECREF(magnitude);
    return status < 0 ? -1 : is_small;
}

#else /* the public API */

typedef PyFrameObject HotFrame;

static inline PyCodeObject *
frame_code(HotFrame *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    Py_DECREF(code); /* the frame holds it */
    return code;
}

static inline HotFrame *
frame_complete(HotFrame *frame)
{
    return frame;
}

static inline HotFrame *
frame_current(PyThreadState *Py_UNUSED(tstate))
{
    return PyEval_GetFrame();
}

static inline HotFrame *
frame_of(PyFrameObject *object)
{
    return object;
}

static inline HotFrame *
frame_back(HotFrame *frame)
{
    PyFrameObject *back = PyFrame_GetBack(frame);
    Py_XDECREF(back); /* a frame that runs holds its frame object */
    return back;
}

static inline void *
frame_identity(HotFrame *frame)
{
    return frame;
}

static inline int
frame_lasti(HotFrame *frame)
{
    return PyFrame_GetLasti(frame);
}

static inline int
frame_line(HotFrame *frame)
{
    return PyFrame_GetLineNumber(frame);
}

static inline PyObject *
frame_globals(HotFrame *frame)
{
    PyObject *globals = PyFrame_GetGlobals(frame);
    Py_XDECREF(globals);
    return globals;
}

static inline PyObject *
frame_namespace(HotFrame *frame)
{
    PyObject *namespace = PyFrame_GetLocals(frame);
    if (namespace == NULL) {
        PyErr_Clear();
        return NULL;
    }
    Py_DECREF(namespace);
    return namespace;
}

/* A new reference, for FRAME_RELEASE to give back. NULL: it has no value, or FRAME_FAILED. */
static inline PyObject *
frame_variable(HotFrame *frame, PyCodeObject *Py_UNUSED(code), int Py_UNUSED(place),
               PyObject *name)
{
    PyObject *value = PyFrame_GetVar(frame, name);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_NameError)) {
        PyErr_Clear();
    }
    return value;
}

#define FRAME_RELEASE(value) Py_DECREF(value)
/* Python words a NameError with `repr(name)`, which runs the program's signal handlers: what such a
 * handler raised is the program's, and must not be taken for a variable that has no value. */
#define FRAME_FAILED(value) ((value) == NULL && PyErr_Occurred() != NULL)

static inline int
int_magnitude(PyObject *Py_UNUSED(value), int Py_UNUSED(is_negative), uint8_t *Py_UNUSED(bytes),
              size_t Py_UNUSED(size))
{
    return 0;
}

#endif

/* The number of an int of one digit, which most are, without a call. 1: it is one. */
static inline int
int_is_small(PyObject *value, long long *number)
{
#ifdef HOT_311
    Py_ssize_t size = Py_SIZE(value);
    if (size < -1 || size > 1) {
        return 0;
    }
    *number = (long long)size * ((PyLongObject *)value)->ob_digit[0];
    return 1;
#else
    if (!PyUnstable_Long_IsCompact((PyLongObject *)value)) {
        return 0;
    }
    *number = PyUnstable_Long_CompactValue((PyLongObject *)value);
    return 1;
#endif
}

/* The attributes that an object has of its own, in the order of their making. */
typedef struct {
    PyObject *dict; /* or NULL; owned */
    Py_ssize_t at;
    Py_ssize_t count;
#ifdef HOT_INTERNALS
    PyDictValues *values;
    PyDictKeysObject *keys;
#endif
} Attributes;

#ifdef HOT_INTERNALS
static inline PyDictValues *
inline_values(PyObject *object, PyTypeObject *type, PyObject **dict)
{
#if defined(HOT_313)
    if (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        PyDictValues *values = _PyObject_InlineValues(object);
        if (values->valid && _PyObject_GetManagedDict(object) == NULL) {
            return values;
        }
    }
    *dict = (PyObject *)_PyObject_GetManagedDict(object);
    return NULL;
#elif defined(HOT_312)
    PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
    (void)type;
    if (_PyDictOrValues_IsValues(either)) {
        return _PyDictOrValues_GetValues(either);
    }
    *dict = _PyDictOrValues_GetDict(either);
    return NULL;
#else
    (void)type;
    PyDictValues *values = *_PyObject_ValuesPointer(object);
    if (values != NULL) {
        return values;
    }
    *dict = *_PyObject_ManagedDictPointer(object);
    return NULL;
#endif
}
#endif

/* Begin with the attributes of an object whose type has a `__dict__`. */
static inline void
attributes_begin(Attributes *all, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    all->dict = NULL;
    all->at = all->count = 0;
#ifdef HOT_INTERNALS
    all->values = NULL;
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        all->values = inline_values(object, type, &all->dict);
        if (all->values != NULL) {
            all->keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
#ifdef HOT_313
            all->count = all->values->size;
#else
            all->count = ((uint8_t *)all->values)[-2];
#endif
            return;
        }
    }
    else {
        PyObject **place = _PyObject_GetDictPtr(object);
        all->dict = place != NULL ? *place : NULL;
    }
    Py_XINCREF(all->dict);
#else
    if (type->tp_dictoffset != 0) {
        all->dict = PyObject_GenericGetDict(object, NULL);
        if (all->dict == NULL) {
            PyErr_Clear();
        }
    }
#endif
    if (all->dict != NULL && !PyDict_Check(all->dict)) {
        Py_CLEAR(all->dict);
    }
    if (all->dict != NULL) {
        all->count = PyDict_GET_SIZE(all->dict);
    }
}

/* Give the next one, both borrowed; 0 at the end. */
static inline int
attributes_next(Attributes *all, PyObject **name, PyObject **value)
{
#ifdef HOT_INTERNALS
    if (all->values != NULL) {
        while (all->at < all->count) {
            Py_ssize_t i = all->at++;
#ifdef HOT_313
            int at = get_insertion_order_array(all->values)[i];
#else
            int at = ((uint8_t *)all->values)[-3 - i];
#endif
            *value = all->values->values[at];
            *name = DK_UNICODE_ENTRIES(all->keys)[at].me_key;
            if (*value != NULL && *name != NULL) {
                return 1;
            }
        }
        return 0;
    }
#endif
    return all->dict != NULL && PyDict_Next(all->dict, &all->at, name, value);
}

static inline void
attributes_end(Attributes *all)
{
    Py_CLEAR(all->dict);
}

#endif
