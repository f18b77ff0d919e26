/* A question (`ask_`) of a helper comes from inside a visit: it writes definitions and no events. An
 * order (`do_`) that writes an event goes in like a callback.
 */

#include "methods.h"
#include "callbacks.h"
#include "codes.h"
#include "definitions.h"
#include "losses.h"
#include "names.h"
#include "objects.h"
#include "outputs.h"
#include "segments.h"
#include "settrace.h"
#include "streams.h"
#include "trace.h"
#include "values.h"
#include "visit.h"

/* Leave with the exception, if there is one, that whoever called is to have. */
static void
leave_with_error(Hot *hot, Visit *visit, const char *callback)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (leave(hot, visit, 0, callback) == 0) {
        PyErr_Restore(type, value, traceback);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static PyObject *
ask_meet(Hot *hot, PyObject *args)
{
    PyObject *object, *globals;
    if (!PyArg_ParseTuple(args, "O!O", &PyCode_Type, &object, &globals)) {
        return NULL;
    }
    Visit visit;
    int entered = enter_always(hot, &visit);
    if (entered == 0) {
        Py_RETURN_FALSE;
    }
    Code *code = code_meet(hot, (PyCodeObject *)object, globals);
    PyObject *answer = code == NULL ? NULL : PyBool_FromLong(code->is_in_scope);
    if (entered > 0) {
        leave_with_error(hot, &visit, "meet");
    }
    return answer;
}

/* Whether all that runs in a stack is known and out of scope. Calls no Python: the frames of another
 * thread stay where they are meanwhile. */
static PyObject *
ask_is_outside(Hot *hot, PyObject *object)
{
    if (!PyFrame_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "expected a frame");
        return NULL;
    }
    HotFrame *frame = frame_complete(frame_of((PyFrameObject *)object));
    for (; frame != NULL; frame = frame_back(frame)) {
        int is_outside = code_is_outside(hot, frame_code(frame), frame_globals(frame));
        if (is_outside <= 0) {
            return is_outside < 0 ? NULL : Py_NewRef(Py_False);
        }
    }
    Py_RETURN_TRUE;
}

static PyObject *
ask_has_code(Hot *hot, PyObject *object)
{
    return PyBool_FromLong(table_get(&hot->codes.known, object) != NULL);
}

static PyObject *
list_codes(Hot *hot, int of_trace)
{
    PyObject *codes = PyList_New(0);
    Code *code;
    for (size_t at = 0; codes != NULL && (code = table_next(&hot->codes.known, &at)) != NULL;) {
        if ((!of_trace || code->epoch == hot->numbers.epoch) &&
            PyList_Append(codes, (PyObject *)code->code) < 0) {
            Py_CLEAR(codes);
        }
    }
    return codes;
}

static PyObject *
ask_codes(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    return list_codes(hot, 0);
}

static PyObject *
ask_codes_of_trace(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    return list_codes(hot, 1);
}

static PyObject *
ask_type_number(Hot *hot, PyObject *definition)
{
    uint32_t number;
    if (!PyBytes_Check(definition)) {
        PyErr_SetString(PyExc_TypeError, "a definition is bytes");
        return NULL;
    }
    Name *name = name_of_bytes(&hot->texts.types, PyBytes_AS_STRING(definition),
                               (size_t)PyBytes_GET_SIZE(definition));
    if (name == NULL || type_number(hot, name, &number) < 0) {
        return NULL;
    }
    return PyLong_FromUnsignedLong(number);
}

static PyObject *
ask_name_number(Hot *hot, PyObject *string)
{
    uint32_t number;
    if (!PyUnicode_Check(string)) {
        PyErr_SetString(PyExc_TypeError, "a name is a str");
        return NULL;
    }
    Name *name = name_of(hot, &hot->texts.names, string);
    if (name == NULL || name_number(hot, name, &number) < 0) {
        return NULL;
    }
    return PyLong_FromUnsignedLong(number);
}

/* For tests: what a value is in a record. */

static PyObject *
ask_encode(Hot *hot, PyObject *value)
{
    int status = value_to_scratch(hot, value, 0);
    objects_drop_met(hot);
    if (status < 0) {
        return NULL;
    }
    return PyBytes_FromStringAndSize((char *)hot->values.bytes.data,
                                     (Py_ssize_t)hot->values.bytes.used);
}

/* False: somebody is inside and does not leave. `prepare` is called before events are taken. */
static PyObject *
do_begin(Hot *hot, PyObject *args)
{
    PyObject *prepare = NULL;
    Visit visit;
    if (!PyArg_ParseTuple(args, "|O", &prepare)) {
        return NULL;
    }
    if (enter_always(hot, &visit) <= 0) {
        Py_RETURN_FALSE;
    }
    PyObject *done = prepare != NULL ? PyObject_CallNoArgs(prepare) : Py_NewRef(Py_None);
    int status = done != NULL ? hot_begin(hot) : -1;
    Py_XDECREF(done);
    if (status == 0) {
        entrance_open(hot, 1);
    }
    leave_with_error(hot, &visit, "begin");
    return PyErr_Occurred() != NULL ? NULL : Py_NewRef(Py_True);
}

/* False: somebody is inside and does not leave. It writes no more, and what it uses stays meanwhile. */
static PyObject *
do_end(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    Visit visit;
    if (enter_always(hot, &visit) <= 0) {
        entrance_open(hot, 0);
        entrance_due(hot, DUE_END);
        segments_forget(hot);
        Py_RETURN_FALSE;
    }
    int status = 0;
    if (hot->entrance.is_open) {
        status = hot_end(hot, visit.tstate);
    }
    else {
        hot_forget(hot); /* a fault has ended it before */
    }
    entrance_open(hot, 0);
    if (leave(hot, &visit, status, "end") < 0) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

static PyObject *
do_release(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    Visit visit;
    entrance_open(hot, 0);
    if (enter_always(hot, &visit) <= 0) {
        entrance_due(hot, DUE_END | DUE_RELEASE);
        segments_forget(hot);
        Py_RETURN_NONE;
    }
    hot_release(hot);
    leave_with_error(hot, &visit, "release");
    return PyErr_Occurred() != NULL ? NULL : Py_NewRef(Py_None);
}

static int
frame_argument(PyObject *object, HotFrame **frame)
{
    *frame = NULL;
    if (object == Py_None) {
        return 0;
    }
    if (!PyFrame_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a frame was expected");
        return -1;
    }
    *frame = frame_of((PyFrameObject *)object);
    return 0;
}

static PyObject *
do_output(Hot *hot, PyObject *args)
{
    PyObject *object, *text;
    HotFrame *frame;
    int stream;
    Visit visit;
    if (!PyArg_ParseTuple(args, "OiU", &object, &stream, &text) ||
        frame_argument(object, &frame) < 0) {
        return NULL;
    }
    if (enter(hot, &visit) > 0) {
        int status = hot_output(hot, visit.tstate, frame, stream, text);
        if (leave(hot, &visit, status, "output") < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
do_message(Hot *hot, PyObject *args)
{
    PyObject *object, *level, *logger, *text;
    HotFrame *frame;
    Visit visit;
    if (!PyArg_ParseTuple(args, "OUUU", &object, &level, &logger, &text) ||
        frame_argument(object, &frame) < 0) {
        return NULL;
    }
    if (enter(hot, &visit) > 0) {
        int status = hot_message(hot, visit.tstate, frame, level, logger, text);
        if (leave(hot, &visit, status, "note") < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
do_span(Hot *hot, PyObject *args)
{
    int phase, edge;
    PyObject *name, *outcome;
    Visit visit;
    if (!PyArg_ParseTuple(args, "iiUU", &phase, &edge, &name, &outcome)) {
        return NULL;
    }
    if (enter(hot, &visit) > 0) {
        int status = hot_span(hot, visit.tstate, phase, edge, name, outcome);
        if (leave(hot, &visit, status, "span") < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
do_lower_level(Hot *hot, PyObject *args)
{
    int level, is_lower = 0;
    Visit visit;
    if (!PyArg_ParseTuple(args, "i", &level)) {
        return NULL;
    }
    if (enter(hot, &visit) > 0) {
        int status = hot_lower_level(hot, visit.tstate, level);
        is_lower = status > 0;
        if (leave(hot, &visit, status < 0 ? -1 : 0, "level") < 0) {
            return NULL;
        }
    }
    return PyBool_FromLong(is_lower);
}

static PyObject *
do_lose(Hot *hot, PyObject *args)
{
    const char *reason;
    Py_ssize_t count = 1;
    if (!PyArg_ParseTuple(args, "s|n", &reason, &count) || hot_lose(hot, reason, count) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
do_forget_streams(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    streams_forget(hot);
    Py_RETURN_NONE;
}

PyMethodDef core_methods[] = {
    FAST("on_start", on_start),
    FAST("on_resume", on_resume),
    FAST("on_line", on_line),
    FAST("on_return", on_return),
    FAST("on_yield", on_yield),
    FAST("on_throw", on_throw),
    FAST("on_raise", on_raise),
    FAST("on_unwind", on_unwind),
    PLAIN("meet", ask_meet, METH_VARARGS),
    PLAIN("is_outside", ask_is_outside, METH_O),
    PLAIN("has_code", ask_has_code, METH_O),
    PLAIN("codes", ask_codes, METH_NOARGS),
    PLAIN("codes_of_trace", ask_codes_of_trace, METH_NOARGS),
    PLAIN("type_number", ask_type_number, METH_O),
    PLAIN("name_number", ask_name_number, METH_O),
    PLAIN("encode", ask_encode, METH_O),
    PLAIN("begin", do_begin, METH_VARARGS),
    PLAIN("end", do_end, METH_NOARGS),
    PLAIN("release", do_release, METH_NOARGS),
    PLAIN("write_output", do_output, METH_VARARGS),
    PLAIN("write_message", do_message, METH_VARARGS),
    PLAIN("write_span", do_span, METH_VARARGS),
    PLAIN("write_level", do_lower_level, METH_VARARGS),
    PLAIN("lose", do_lose, METH_VARARGS),
    PLAIN("is_traced", ask_is_traced, METH_NOARGS),
    PLAIN("join_thread", do_join_thread, METH_VARARGS),
    PLAIN("trace_thread", do_trace_thread, METH_NOARGS),
    PLAIN("untrace_thread", do_untrace_thread, METH_NOARGS),
    PLAIN("forget_streams", do_forget_streams, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};
