/* What the hot path reads of the interpreter, a line or two per Python version.
 *
 * With HOT_INTERNALS a frame is the interpreter's own record of it (`_PyInterpreterFrame`): no frame
 * object is made and no reference is taken. Without, it is a frame object and everything goes
 * through the public API; that is what versions nobody has tried get, and PYTEST_RECORDER_BUILD=public.
 *
 * Frames and code objects given here are borrowed and live until the traced thread runs on; values
 * are new references. Nothing fails but where it says so. */
#ifndef HOT_INTERNALS_H
#define HOT_INTERNALS_H

#define PY_SSIZE_T_CLEAN
#include <patchlevel.h>
#include <pyconfig.h>

#if !defined(HOT_PUBLIC) && PY_MINOR_VERSION >= 11 && PY_MINOR_VERSION <= 15 && \
    !defined(Py_GIL_DISABLED)
#define HOT_INTERNALS 1
#define Py_BUILD_CORE 1
#endif

#include <Python.h>

#if PY_VERSION_HEX >= 0x030E0000
#define HOT_314 1 /* and 3.15 */
#define HOT_313 1
#elif PY_VERSION_HEX >= 0x030D0000
#define HOT_313 1 /* and newer */
#elif PY_VERSION_HEX >= 0x030C0000
#define HOT_312 1
#else
#define HOT_311 1
#endif

#if !defined(HOT_INTERNALS) && defined(HOT_311)
#error "PyFrame_GetVar came with Python 3.12"
#endif

#include <frameobject.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

#ifdef __GNUC__
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif

/* Whether an object is never freed. */
#ifdef HOT_311
#define IS_IMMORTAL(object) 0
#else
#define IS_IMMORTAL(object) _Py_IsImmortal(object)
#endif

#ifdef HOT_INTERNALS
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_object.h"
#ifdef HOT_314
#include "internal/pycore_interpframe.h"
#include "internal/pycore_stackref.h"
#endif
#if !defined(HOT_311) && !defined(HOT_314)
#define HOT_QUIET 1 /* what stands between two events can be known */
#include "internal/pycore_instruments.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
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
#if defined(HOT_314)
    return (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif defined(HOT_313)
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

static inline HotFrame *
frame_complete(HotFrame *frame)
{
#if defined(HOT_311) || defined(HOT_314)
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

/* The namespace of a module or class body, a new reference. NULL: there is none, or FRAME_FAILED. */
static inline PyObject *
frame_namespace(HotFrame *frame)
{
    return Py_XNewRef(frame->f_locals);
}

/* One variable of a function, borrowed. NULL: it has no value. */
static inline PyObject *
frame_variable_borrowed(HotFrame *frame, PyCodeObject *code, int place)
{
#ifdef HOT_314
    _PyStackRef held = frame->localsplus[place];
    PyObject *value = PyStackRef_IsNullOrInt(held) ? NULL : PyStackRef_AsPyObjectBorrow(held);
#else
    PyObject *value = frame->localsplus[place];
#endif
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

/* The same, a new reference. NULL: it has no value, or FRAME_FAILED. */
static inline PyObject *
frame_variable(HotFrame *frame, PyCodeObject *code, int place, PyObject *Py_UNUSED(name))
{
    return Py_XNewRef(frame_variable_borrowed(frame, code, place));
}

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
    int is_small = (size_t)_PyLong_NumBits(magnitude) <= size * 8;
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
    return PyFrame_GetLocals(frame);
}

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

/* The digits of an int, and how many; below 0 for a negative one. */
static inline const digit *
int_digits(PyObject *value, Py_ssize_t *count)
{
    PyLongObject *number = (PyLongObject *)value;
#ifdef HOT_311
    *count = Py_SIZE(value);
    return number->ob_digit;
#else
    /* The lowest bits of the tag are the sign, as CPython 3.12 and 3.13 have it. */
    Py_ssize_t size = (Py_ssize_t)(number->long_value.lv_tag >> 3);
    *count = (number->long_value.lv_tag & 3) == 2 ? -size : size;
    return number->long_value.ob_digit;
#endif
}

/* A thread: how deep it may still call, and whether an exception is set in it. */
#ifdef HOT_311
#define RECURSION_REMAINING(tstate) ((tstate)->recursion_remaining)
#define EXCEPTION_IS_SET(tstate) ((tstate)->curexc_type != NULL)
#else
#define RECURSION_REMAINING(tstate) ((tstate)->py_recursion_remaining)
#define EXCEPTION_IS_SET(tstate) ((tstate)->current_exception != NULL)
#endif

/* Whether all keys of a dictionary are exact strings: only these are compared without a call. */
static inline int
dict_is_plain(PyObject *dict)
{
#ifdef HOT_INTERNALS
    return ((PyDictObject *)dict)->ma_keys->dk_kind != DICT_KEYS_GENERAL;
#else
    Py_ssize_t at = 0;
    PyObject *key;
    while (PyDict_Next(dict, &at, &key, NULL)) {
        if (!PyUnicode_CheckExact(key)) {
            return 0;
        }
    }
    return 1;
#endif
}

/* What a dictionary has under a name: 1 and a new reference, 0 and NULL, or -1 and an exception. A key
 * of the program's can have a comparison in Python (one of a subclass of str, with the hash of the
 * name): it is passed over. */
static inline int
dict_get(PyObject *dict, PyObject *name, PyObject **value)
{
    if (dict_is_plain(dict)) {
        *value = Py_XNewRef(PyDict_GetItemWithError(dict, name));
        return *value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
    }
    Py_ssize_t at = 0;
    PyObject *key, *item;
    while (PyDict_Next(dict, &at, &key, &item)) {
        if (PyUnicode_CheckExact(key) && (key == name || PyUnicode_Compare(key, name) == 0)) {
            *value = Py_NewRef(item);
            return 1;
        }
    }
    *value = NULL;
    return 0;
}

static inline int
dict_find(PyObject *dict, const char *name, PyObject **value)
{
    PyObject *string = PyUnicode_FromString(name);
    *value = NULL;
    int status = string != NULL ? dict_get(dict, string, value) : -1;
    Py_XDECREF(string);
    return status;
}

/* A number that changes with a dictionary, and that no other one has had; 0 where there is none, as
 * from 3.14 on. In 3.13 one that shares the inline values of an object keeps it when one is set. */
static inline uint64_t
dict_version(PyObject *dict)
{
#if !defined(HOT_INTERNALS) || defined(HOT_314)
    (void)dict;
    return 0;
#elif defined(HOT_313)
    PyDictObject *all = (PyDictObject *)dict;
    return all->ma_values == NULL ? all->ma_version_tag : 0;
#else
    return ((PyDictObject *)dict)->ma_version_tag;
#endif
}

/* The namespace of a class, a new reference or NULL. */
static inline PyObject *
type_namespace(PyTypeObject *type)
{
#if defined(HOT_INTERNALS) || !defined(HOT_313)
    return Py_XNewRef(type->tp_dict);
#else
    return PyType_GetDict(type);
#endif
}

#ifdef HOT_INTERNALS
/* The next item of a set, borrowed; 0 at the end. The set may have changed since the one before. */
static inline int
set_next(PyObject *set, Py_ssize_t *at, PyObject **item)
{
    Py_hash_t hash;
    return _PySet_NextEntry(set, at, item, &hash);
}
#endif

/* The attributes that an object has of its own, in the order of their making. Values that lie inline
 * are looked up again at each step: once another thread has asked for the dictionary of the object
 * they are there, and may be freed. The caller owns the object and its type. */
typedef struct {
    PyObject *object;
    PyTypeObject *type;
    PyObject *dict; /* or NULL; owned */
    Py_ssize_t at;
    Py_ssize_t count; /* at the beginning */
    int is_inline;
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

static inline Py_ssize_t
inline_count(PyDictValues *values)
{
#ifdef HOT_313
    return values->size;
#else
    return ((uint8_t *)values)[-2];
#endif
}

/* In which order they came: bytes whose first is at the end before Python 3.13. */
static inline const uint8_t *
inline_order(PyDictValues *values, Py_ssize_t count)
{
#ifdef HOT_313
    (void)count;
    return get_insertion_order_array(values);
#else
    return (const uint8_t *)values - 2 - count;
#endif
}

/* Which of the values was the i-th to come. */
static inline int
inline_index(PyDictValues *values, Py_ssize_t i)
{
#ifdef HOT_313
    return get_insertion_order_array(values)[i];
#else
    return ((uint8_t *)values)[-3 - i];
#endif
}

static inline int
inline_next(Attributes *all, PyObject **name, PyObject **value)
{
    PyObject *dict = NULL;
    PyDictValues *values = inline_values(all->object, all->type, &dict);
    PyDictKeysObject *keys = ((PyHeapTypeObject *)all->type)->ht_cached_keys;
    while (values != NULL && all->at < inline_count(values)) {
        int at = inline_index(values, all->at++);
        *value = values->values[at];
        *name = DK_UNICODE_ENTRIES(keys)[at].me_key;
        if (*value != NULL && *name != NULL) {
            return 1;
        }
    }
    return 0;
}
#endif

/* Begin with the attributes of an object whose type has a `__dict__`. -1: an exception is set. */
static inline int
attributes_begin(Attributes *all, PyObject *object, PyTypeObject *type)
{
    memset(all, 0, sizeof(*all));
    all->object = object;
    all->type = type;
#ifdef HOT_INTERNALS
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        PyDictValues *values = inline_values(object, type, &all->dict);
        if (values != NULL) {
            all->is_inline = 1;
            all->count = inline_count(values);
            return 0;
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
            return -1;
        }
    }
#endif
    if (all->dict != NULL && !PyDict_Check(all->dict)) {
        Py_CLEAR(all->dict);
    }
    if (all->dict != NULL) {
        all->count = PyDict_GET_SIZE(all->dict);
    }
    return 0;
}

/* Give the next one, both new references; 0 at the end. */
static inline int
attributes_next(Attributes *all, PyObject **name, PyObject **value)
{
#ifdef HOT_INTERNALS
    int found = all->is_inline ? inline_next(all, name, value)
                               : all->dict != NULL &&
                                     PyDict_Next(all->dict, &all->at, name, value);
#else
    int found = all->dict != NULL && PyDict_Next(all->dict, &all->at, name, value);
#endif
    if (found) {
        Py_INCREF(*name);
        Py_INCREF(*value);
    }
    return found;
}

static inline void
attributes_end(Attributes *all)
{
    Py_CLEAR(all->dict);
}

#endif
