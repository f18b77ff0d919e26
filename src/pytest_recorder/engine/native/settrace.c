/* Takes what the interpreter tells a trace function, on Python 3.11.
 *
 * It is told less than what happened, and the rest is found out here:
 * - `call` is also a generator going on, or getting an exception thrown into it. Which of the two
 *   shows only at the next event, so a resumption is held back until then.
 * - `return` is also a yield, which the instruction tells, and an exception leaving the frame, which
 *   has no value.
 */

#include "settrace.h"
#include "clock.h"
#include "codes.h"
#include "events.h"
#include "exceptions.h"
#include "frames.h"
#include "records.h"
#include "streams.h"
#include "threads.h"
#include "variables.h"
#include "visit.h"

#ifdef HOT_311

#include "opcode.h"

static int
instruction(Code *code, int at)
{
    if (code_bytes(code) < 0) {
        return -1;
    }
    if (at < 0 || at + 1 >= PyBytes_GET_SIZE(code->bytecode)) {
        return 0;
    }
    return (uint8_t)PyBytes_AS_STRING(code->bytecode)[at];
}

/* Whether a generator's frame is at its first RESUME, which has the argument 0. */
static int
is_at_start(Code *code, int at)
{
    int operation = instruction(code, at);
    if (operation < 0) {
        return -1;
    }
    return operation == RESUME && (PyBytes_AS_STRING(code->bytecode)[at + 1] & 3) == 0;
}

static int
flush(Hot *hot, PyThreadState *tstate, Thread *thread)
{
    FrameState *state = thread != NULL ? thread->pending : NULL;
    if (state == NULL) {
        return 0;
    }
    Looking looking = {thread->pending_frame, NULL, NULL, thread->pending_block, thread->pending_look};
    thread->pending = NULL;
    if (hot->settings.level < LEVEL_VALUES) {
        thread->pending_changes.used = 0; /* the level has fallen since */
    }
    event_again(hot, thread->pending_event, &thread->pending_changes);
    if (put_time(hot, event_body(hot)) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_RESUME, state->line, &looking);
}

static int
hold_back(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    FrameState *state;
    if (state_of(hot, tstate, frame, object, &state) < 0) {
        return -1;
    }
    if (state == NULL) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    state->thread = thread->number;
    state->is_suspended = 0;
    Looking looking = {frame, NULL, NULL, 0, 0};
    begin_event(hot, 0);
    if (look_at_frame(hot, state, &looking) < 0) {
        return -1;
    }
    thread->pending_block = write_objects(hot) ? hot->spool.block : 0;
    thread->pending_event = hot->changes.event;
    thread->pending_look = hot->looks.number;
    thread->pending = state;
    thread->pending_frame = frame;
    thread->pending_at = frame_lasti(frame);
    thread->pending_changes.used = 0;
    put_bytes(&thread->pending_changes, hot->changes.found.data, hot->changes.found.used);
    return buffer_check(&thread->pending_changes);
}

static int
called(Hot *hot, PyThreadState *tstate, Thread *thread, HotFrame *frame, PyCodeObject *object)
{
    if (flush(hot, tstate, thread) < 0) {
        return -1;
    }
    Code *code = code_known(hot, object);
    if (code == NULL && (PyObject *)object != hot->settings.log_code) {
        code = code_meet(hot, object, frame_globals(frame));
        if (code == NULL) {
            return -1;
        }
        if (!code->is_in_scope) {
            return 0;
        }
    }
    if (code != NULL && (object->co_flags & SUSPENDABLE)) {
        int starts = is_at_start(code, frame_lasti(frame));
        if (starts <= 0) {
            return starts < 0 ? -1 : hold_back(hot, tstate, frame, object);
        }
    }
    return hot_start(hot, tstate, frame, object) < 0 ? -1 : 0;
}

static int
excepted(Hot *hot, PyThreadState *tstate, Thread *thread, HotFrame *frame, Code *code,
         PyObject *argument)
{
    PyObject *error = PyTuple_GET_ITEM(argument, 1);
    if (!PyExceptionInstance_Check(error)) {
        return flush(hot, tstate, thread);
    }
    if (thread != NULL && thread->pending != NULL && thread->pending_frame == frame &&
        thread->pending_at == frame_lasti(frame)) {
        thread->pending = NULL;
        if (hot_thrown(hot, tstate, frame, code->code, error) < 0) {
            return -1;
        }
    }
    if (flush(hot, tstate, thread) < 0) {
        return -1;
    }
    int ends = ends_a_loop(hot, frame, code, error);
    if (ends != 0) {
        return ends < 0 ? -1 : 0;
    }
    return hot_raised(hot, tstate, frame, code->code, error, PyTuple_GET_ITEM(argument, 2));
}

static int
ended(Hot *hot, PyThreadState *tstate, HotFrame *frame, Code *code, PyObject *value)
{
    if (value == NULL) {
        return hot_unwound(hot, tstate, frame, code->code, NULL);
    }
    if (code->flags & SUSPENDABLE) {
        int operation = instruction(code, frame_lasti(frame));
        if (operation < 0) {
            return -1;
        }
        if (operation != RETURN_VALUE) {
            if (hot_yielded(hot, tstate, frame, code->code, value) < 0) {
                return -1;
            }
            FrameState *state = state_known(hot, frame, code->code);
            if (state != NULL) {
                state->is_suspended = 1;
            }
            return 0;
        }
    }
    return hot_returned(hot, tstate, frame, code->code, value);
}

static int
event(Hot *hot, PyThreadState *tstate, PyFrameObject *object, int what, PyObject *argument)
{
    HotFrame *frame = frame_of(object);
    PyCodeObject *running = frame_code(frame);
    /* A thread is defined by its first record, not by an event that leaves none. */
    Thread *thread = thread_known(hot, tstate);
    if (thread != NULL) {
        thread->is_traced = 1;
    }
    if (what == PyTrace_CALL) {
        return called(hot, tstate, thread, frame, running);
    }
    Code *code = code_known(hot, running);
    if (code == NULL) {
        return 0;
    }
    FrameState *state = state_known(hot, frame, running);
    if (state != NULL && state->is_suspended) {
        /* No `call` when what it awaited ends by an exception thrown into the latter. */
        state->is_suspended = 0;
        if (flush(hot, tstate, thread) < 0 ||
            hot_resumed(hot, tstate, frame, running) < 0) {
            return -1;
        }
    }
    if (what == PyTrace_EXCEPTION) {
        return excepted(hot, tstate, thread, frame, code, argument);
    }
    if (flush(hot, tstate, thread) < 0) {
        return -1;
    }
    if (what == PyTrace_RETURN) {
        return ended(hot, tstate, frame, code, argument);
    }
    if (what != PyTrace_LINE) {
        return 0;
    }
    if (hot->settings.level >= LEVEL_LINES) {
        return hot_line(hot, tstate, frame, running, frame_line(frame));
    }
    /* Below the level of lines a line only tells of replaced streams and handled exceptions. */
    if (check_streams(hot) < 0) {
        return -1;
    }
    state = state_known(hot, frame, running);
    if (state != NULL && state->exception_key != NULL) {
        return follow_handled(hot, state);
    }
    return 0;
}

/* Whether a generator is perhaps being closed: its frame ends by an exception, or sees that one. */
static int
may_be_closing(PyFrameObject *object, int what, PyObject *argument)
{
    if (what == PyTrace_EXCEPTION) {
        return Py_IS_TYPE(PyTuple_GET_ITEM(argument, 1), (PyTypeObject *)PyExc_GeneratorExit);
    }
    return what == PyTrace_RETURN && argument == NULL &&
           (frame_code(frame_of(object))->co_flags & SUSPENDABLE) != 0;
}

int
hot_trace(PyObject *self, PyFrameObject *object, int what, PyObject *argument)
{
    Hot *hot = (Hot *)self;
    Visit visit;
    if (!hot->tracing.is_on) {
        /* The recording has ended; this thread, or whoever put us back, finds it out now. */
        PyEval_SetTrace(NULL, NULL);
        return 0;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        count_reentry(hot, entered, (PyObject *)frame_code(frame_of(object)));
        return 0;
    }
    int status = event(hot, visit.tstate, object, what, argument);
    status = leave(hot, &visit, status, "trace");
    return status < 0 ? leave_closing(may_be_closing(object, what, argument)) : 0;
}

void
trace_by(Hot *hot, Py_tracefunc function)
{
    hot->tracing.function = function;
}

static Py_tracefunc
trace_function(Hot *hot)
{
    if (hot->tracing.function == NULL) {
        hot->tracing.function = hot_trace;
    }
    return hot->tracing.function;
}

/* Tell the engine where this thread was traced before: what came in between is lost. */
static int
report_absence(Hot *hot)
{
    Visit visit;
    if (hot->settings.put_back == NULL || enter(hot, &visit) <= 0) {
        return 0;
    }
    Thread *thread = thread_known(hot, visit.tstate);
    int was_traced = thread != NULL && thread->is_traced;
    PyObject *told = Py_XNewRef(hot->settings.put_back);
    int status = leave(hot, &visit, 0, "trace");
    if (status == 0 && was_traced && told != NULL) {
        PyObject *done = PyObject_CallNoArgs(told);
        status = done == NULL ? handle_fault(hot, "trace") : 0;
        Py_XDECREF(done);
    }
    Py_XDECREF(told);
    return status;
}

/* Called as a trace function in Python is: become one in C. */
static PyObject *
take_over(Hot *hot, PyObject *args, int is_back)
{
    PyObject *object, *name, *argument;
    if (!PyArg_ParseTuple(args, "O!UO", &PyFrame_Type, &object, &name, &argument)) {
        return NULL;
    }
    if (hot->tracing.is_on && is_back && report_absence(hot) < 0) {
        return NULL;
    }
    Py_tracefunc function = trace_function(hot);
    PyEval_SetTrace(hot->tracing.is_on ? function : NULL,
                    hot->tracing.is_on ? (PyObject *)hot : NULL);
    if (hot->tracing.is_on && PyUnicode_CompareWithASCIIString(name, "call") == 0 &&
        function((PyObject *)hot, (PyFrameObject *)object, PyTrace_CALL, argument) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Whoever saves and restores `sys.gettrace()` installs us as a Python callable. */
PyObject *
hot_call(Hot *hot, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    return take_over(hot, args, 1);
}

/* What `threading` installs where a thread begins: it is no absence that this one was traced before.
 * gevent begins its threads in one of the system, and traces each task of a pool anew. */
PyObject *
do_join_thread(Hot *hot, PyObject *args)
{
    return take_over(hot, args, 0);
}

PyObject *
do_trace_thread(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    hot->tracing.is_on = 1;
    PyEval_SetTrace(trace_function(hot), (PyObject *)hot);
    Py_RETURN_NONE;
}

static int
is_traced_here(Hot *hot)
{
    PyThreadState *tstate = PyThreadState_Get();
    return tstate->c_tracefunc == hot->tracing.function && tstate->c_traceobj == (PyObject *)hot;
}

PyObject *
ask_is_traced(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(is_traced_here(hot));
}

PyObject *
do_untrace_thread(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    hot->tracing.is_on = 0;
    /* Also as a Python callable that the program has put back. */
    if (PyThreadState_Get()->c_traceobj == (PyObject *)hot) {
        PyEval_SetTrace(NULL, NULL);
    }
    Py_RETURN_NONE;
}

#else

PyObject *
hot_call(Hot *Py_UNUSED(hot), PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    PyErr_SetString(PyExc_TypeError, "this is a trace function on Python 3.11 only");
    return NULL;
}

PyObject *
do_trace_thread(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    return hot_call(hot, NULL, NULL);
}

PyObject *
do_join_thread(Hot *hot, PyObject *args)
{
    return hot_call(hot, args, NULL);
}

PyObject *
ask_is_traced(Hot *Py_UNUSED(hot), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_FALSE;
}

PyObject *
do_untrace_thread(Hot *Py_UNUSED(hot), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_NONE;
}

#endif
