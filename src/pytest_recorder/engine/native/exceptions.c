/* A frame keeps the bytes of the exception last seen in it, and its address; never the exception. */

#include "exceptions.h"
#include "clock.h"
#include "codes.h"
#include "definitions.h"
#include "failures.h"
#include "frames.h"
#include "names.h"
#include "positions.h"
#include "records.h"
#include "secrets.h"
#include "settings.h"
#include "threads.h"
#include "types.h"
#include "values.h"
#include "variables.h"

#ifdef HOT_311
#include "opcode.h"
#endif

/* What `str` says of an exception where that takes no helper: nothing, a text, a number, or the
   `repr` of one of these. 1 and a new reference; 0 where it does take one; -1. */
static int
plain_message(PyObject *error, PyObject **message)
{
    reprfunc to_text = Py_TYPE(error)->tp_str;
    int is_key = to_text == ((PyTypeObject *)PyExc_KeyError)->tp_str;
    PyObject *arguments = ((PyBaseExceptionObject *)error)->args;
    *message = NULL;
    if ((!is_key && to_text != ((PyTypeObject *)PyExc_BaseException)->tp_str) ||
        arguments == NULL || PyTuple_GET_SIZE(arguments) > 1) {
        return 0;
    }
    if (PyTuple_GET_SIZE(arguments) == 0) {
        *message = PyUnicode_New(0, 0);
        return *message != NULL ? 1 : -1;
    }
    PyObject *value = PyTuple_GET_ITEM(arguments, 0);
    int overflow = 0;
    if (value == NULL) {
        return 0; /* a tuple that is still being made */
    }
    if (PyLong_CheckExact(value)) {
        /* The digits of a larger one can be more than the interpreter likes to write. */
        PyLong_AsLongLongAndOverflow(value, &overflow);
    }
    else if (!PyUnicode_CheckExact(value) && !PyFloat_CheckExact(value) &&
             !PyBool_Check(value) && value != Py_None) {
        return 0;
    }
    if (overflow != 0) {
        return 0;
    }
    Py_INCREF(value); /* `str` and `repr` run signal handlers */
    *message = is_key ? PyObject_Repr(value) : PyObject_Str(value);
    Py_DECREF(value);
    return *message != NULL ? 1 : -1;
}

static int
put_message(Hot *hot, Buffer *out, PyObject *error)
{
    PyObject *message;
    if (plain_message(error, &message) < 0) {
        return -1;
    }
    if (message == NULL || may_hide(hot, message)) {
        Py_XSETREF(message,
                   PyObject_CallMethod(helpers_asked(hot), "message_of", "O", error));
        if (message != NULL && !PyUnicode_CheckExact(message)) {
            Py_CLEAR(message);
            PyErr_SetString(PyExc_TypeError, "a message is a str");
        }
        if (message == NULL && helper_failed(hot, "message_of") == 0) {
            message = PyUnicode_FromString("[its message could not be read]");
        }
        if (message == NULL) {
            return -1;
        }
    }
    int status = text_encode(hot, out, message);
    Py_DECREF(message);
    return status;
}

int
put_exception(Hot *hot, Buffer *out, PyObject *error)
{
    /* The message first: words of it can define nothing, but the order of numbers is the twin's. */
    Buffer message = {0};
    PyTypeObject *kind = (PyTypeObject *)Py_NewRef(Py_TYPE(error));
    int status = put_message(hot, &message, error);
    TypeReader *reader = status < 0 ? NULL : reader_of(hot, kind);
    uint32_t type, object;
    if (reader == NULL || type_number(hot, reader->definition, &type) < 0 ||
        object_number(hot, error, &object) < 0) {
        status = -1;
    }
    else {
        put_uv(out, type);
        put_uv(out, object);
        put_bytes(out, message.data, message.used);
        status = buffer_check(out);
    }
    Py_DECREF(kind);
    buffer_free(&message);
    return status;
}

/* The line where an exception left the frame, as its traceback says, and the offset; 0 where it does not.
 * The newest entry is the frame's own at an unwinding, also where a `finally` or the end of a `with` ran
 * since. Runs no Python. */
static int
line_in_traceback(PyObject *traceback, HotFrame *frame, int *at)
{
    if (traceback == NULL || !PyTraceBack_Check(traceback)) {
        return 0;
    }
    PyTracebackObject *newest = (PyTracebackObject *)traceback;
    if ((void *)newest->tb_frame != frame_identity(frame)) {
        return 0;
    }
    int line = newest->tb_lineno > 0 ? newest->tb_lineno
                                     : PyCode_Addr2Line(frame_code(frame), newest->tb_lasti);
    *at = newest->tb_lasti;
    return line > 0 ? line : 0;
}

/* `traceback`, borrowed, is read before anything runs. On 3.11 it may not be the exception's own yet. */
static int
keep_exception(Hot *hot, FrameState *state, PyObject *error, PyObject *traceback)
{
#ifdef HOT_311
    /* The unwinding will not show it. */
    state->exception_line = line_in_traceback(traceback, state->key, &state->exception_at);
#else
    (void)traceback;
#endif
    state->exception_key = NULL; /* what is there is not whole where this fails */
    buffer_begin(&state->exception);
    if (put_exception(hot, &state->exception, error) < 0) {
        return -1;
    }
    state->exception_key = error;
    state->exception_stops = PyErr_GivenExceptionMatches(error, PyExc_StopAsyncIteration) ? 2
                             : PyErr_GivenExceptionMatches(error, PyExc_StopIteration)    ? 1
                                                                                          : 0;
    return 0;
}

#ifdef HOT_311
/* Whether what is raised is not the handled exception yet, as at the end of a `with` in an `except`: the
 * line of that begins before the instruction which makes it so. */
static int
is_not_handled_yet(FrameState *state)
{
    Code *code = state->code;
    if (code_bytes(code) < 0) {
        return -1;
    }
    int at = frame_lasti(state->key);
    return at >= 0 && at < PyBytes_GET_SIZE(code->bytecode) &&
           (uint8_t)PyBytes_AS_STRING(code->bytecode)[at] == PUSH_EXC_INFO;
}
#endif

int
follow_handled(Hot *hot, FrameState *state)
{
#ifdef HOT_311
    int is_early = is_not_handled_yet(state);
    if (is_early != 0) {
        return is_early < 0 ? -1 : 0;
    }
#endif
    PyObject *error = PyErr_GetHandledException();
    int status = 0;
    if (error != NULL && error != Py_None && (void *)error != state->exception_key) {
        status = keep_exception(hot, state, error, ((PyBaseExceptionObject *)error)->traceback);
    }
    Py_XDECREF(error);
    return status;
}

static int
is_in_scope(Hot *hot, PyTracebackObject *traceback)
{
    PyCodeObject *object = PyFrame_GetCode(traceback->tb_frame);
    Code *code = table_get(&hot->codes.known, object);
    Py_DECREF(object);
    return code != NULL;
}

static int
came_through_scope(Hot *hot, PyTracebackObject *traceback)
{
    while (traceback != NULL && !is_in_scope(hot, traceback)) {
        traceback = traceback->tb_next;
    }
    return traceback != NULL;
}

/* Whether the instruction that the frame is at is such a one; -1 with an exception. */
static int
is_raising(Hot *hot, HotFrame *frame, Code *code, Raising how)
{
    int at = frame_lasti(frame);
    if (code_bytes(code) < 0) {
        return -1;
    }
    if (at < 0 || at >= PyBytes_GET_SIZE(code->bytecode)) {
        return 0;
    }
    return hot->settings.raising[(uint8_t)PyBytes_AS_STRING(code->bytecode)[at]] == how;
}

int
ends_a_loop(Hot *hot, HotFrame *frame, Code *code, PyObject *error)
{
    return PyErr_GivenExceptionMatches(error, PyExc_StopIteration)
               ? is_raising(hot, frame, code, ENDS_A_LOOP)
               : 0;
}

/* Whether the exception comes from a frame in scope, which has told of it: 1, 0, or -1. */
static int
is_told_already(Hot *hot, const Thread *thread, HotFrame *frame, Code *code, PyObject *error,
                PyTracebackObject *behind)
{
    if (behind == NULL) {
        return 0;
    }
    if (thread->unwound == NULL || thread->unwound_frame != (void *)behind->tb_frame) {
        /* Of the callee's unwinding nothing is shown where it is out of scope. */
        int has_come = thread->unwound == error ||
                       (hot->settings.shows_scope_only && !is_in_scope(hot, behind));
        int is_new = has_come ? is_raising(hot, frame, code, RAISES_ANEW) : 1;
        if (is_new != 0) {
            return is_new < 0 ? -1 : 0;
        }
    }
    return came_through_scope(hot, behind);
}

int
hot_raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
           PyObject *error, PyObject *given)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    Code *code = code_known(hot, object);
    if (code == NULL) {
        thread->unwound = NULL;
        return 0;
    }
    /* Another thread can give the exception another traceback, or cut this one. */
    PyObject *own = Py_XNewRef(given != NULL ? given : ((PyBaseExceptionObject *)error)->traceback);
    int is_known = own == NULL || !PyTraceBack_Check(own)
                       ? 0
                       : is_told_already(hot, thread, frame, code, error,
                                         ((PyTracebackObject *)own)->tb_next);
    Py_XDECREF(own);
    thread->unwound = NULL;
    if (is_known < 0) {
        return -1;
    }
    int ends = ends_a_loop(hot, frame, code, error);
    if (ends != 0) {
        return ends < 0 ? -1 : 0;
    }
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    if (keep_exception(hot, state, error,
                       given != NULL ? given : ((PyBaseExceptionObject *)error)->traceback) < 0) {
        return -1;
    }
    if (is_known) {
        return 0;
    }
    Buffer *body = event_body(hot);
    if (put_time(hot, body) < 0) {
        return -1;
    }
    put_bytes(body, state->exception.data, state->exception.used);
    if (place_set(hot, code, frame_lasti(frame)) < 0) {
        return -1;
    }
    Looking looking = {frame, NULL, error, 0, 0};
    begin_event(hot, 0);
    return write_event(hot, tstate, state, OP_RAISE, line_now(hot, frame, state), &looking);
}

/* An exception of which only the name of its type and its message are known. */
static int
put_worded(Hot *hot, Buffer *out, const char *type, const char *message)
{
    Buffer text = {0};
    put_c_text(&text, type);
    put_uv(&text, 0);
    int status = buffer_check(&text);
    Name *definition = status < 0 ? NULL
                                  : name_of_bytes(&hot->texts.types, (char *)text.data, text.used);
    buffer_free(&text);
    uint32_t number;
    if (definition == NULL || type_number(hot, definition, &number) < 0) {
        return -1;
    }
    PyObject *words = PyUnicode_FromString(message);
    if (words == NULL) {
        return -1;
    }
    put_uv(out, number);
    put_byte(out, 0);
    status = text_encode(hot, out, words);
    Py_DECREF(words);
    return status;
}

/* The exception that left a frame where the engine is not shown it. */
static int
put_unseen(Hot *hot, Buffer *out, FrameState *state)
{
    const char *kind, *type = NULL;
    char message[64] = "";
    int flags = state->code->flags;
    if (state->exception_key == NULL) {
        type = "unknown";
    }
    else if (state->exception_stops != 0 && (flags & SUSPENDABLE)) {
        /* PEP 479: what cannot leave such a frame is replaced on its way out. */
        kind = flags & CO_GENERATOR ? "generator"
               : flags & CO_COROUTINE ? "coroutine"
                                      : "async generator";
        if (state->exception_stops == 1 || flags & CO_ASYNC_GENERATOR) {
            type = "RuntimeError";
            snprintf(message, sizeof(message), "%s raised %s", kind,
                     state->exception_stops == 1 ? "StopIteration" : "StopAsyncIteration");
        }
    }
    if (type == NULL) {
        put_bytes(out, state->exception.data, state->exception.used);
        return 0;
    }
    return put_worded(hot, out, type, message);
}

static int
write_unwound(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState *state,
              PyObject *error)
{
    if (error == NULL && state->exception_key == NULL && follow_handled(hot, state) < 0) {
        return -1;
    }
    /* Read before anything runs, for the traceback can be replaced. */
    int at = state->exception_at;
    int line = error != NULL
                   ? line_in_traceback(((PyBaseExceptionObject *)error)->traceback, frame, &at)
                   : state->exception_line;
    if (line == 0) {
        line = line_now(hot, frame, state);
        at = frame_lasti(frame);
    }
    Buffer exception = {0};
    int status = error != NULL ? put_exception(hot, &exception, error)
                               : put_unseen(hot, &exception, state);
    if (status == 0) {
        status = place_set(hot, state->code, at);
    }
    Looking looking = {frame, NULL, NULL, 0, 0};
    begin_event(hot, 0);
    Buffer *body = event_body(hot);
    if (status == 0) {
        status = put_time(hot, body);
    }
    put_bytes(body, exception.data, exception.used);
    buffer_free(&exception);
    return status < 0 ? -1 : write_event(hot, tstate, state, OP_UNWIND, line, &looking);
}

int
hot_unwound(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object,
            PyObject *error)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    int status = 0;
    void *unwound = error, *identity = frame_identity(frame);
    Code *code = code_known(hot, object);
    if (code != NULL) {
        FrameState *state;
        status = state_of(hot, tstate, frame, object, &state);
        if (state != NULL) {
            status = write_unwound(hot, tstate, frame, state, error);
            if (error == NULL) {
                unwound = state->exception_key;
            }
            state_end(hot, state);
        }
    }
    thread->unwound = unwound;
    thread->unwound_frame = identity;
    return status;
}
