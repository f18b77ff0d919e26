/* Each callback goes in, calls one operation, and goes out with its status. */

#include "callbacks.h"
#include "codes.h"
#include "events.h"
#include "exceptions.h"
#include "visit.h"

static int
has_arguments(PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given != wanted || !PyCode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "this is a callback for sys.monitoring");
        return 0;
    }
    return 1;
}

/* The frame that an event is of. NULL: whoever calls is not the interpreter, and has no such event. */
static HotFrame *
frame_of_event(PyThreadState *tstate, PyObject *code)
{
    HotFrame *frame = frame_current(tstate);
    return frame != NULL && (PyObject *)frame_code(frame) == code ? frame : NULL;
}

/* The answer to an event: None, or DISABLE where the code is out of scope. */
static PyObject *
answer(Hot *hot, int is_in_scope)
{
    return Py_NewRef(is_in_scope ? Py_None : hot->settings.disable);
}

/* The same at the end of a visit, which may be the end of the recording too. */
static PyObject *
leave_with(Hot *hot, Visit *visit, int status, const char *callback, int is_in_scope)
{
    PyObject *given = answer(hot, is_in_scope);
    if (leave(hot, visit, status, callback) < 0) {
        Py_CLEAR(given);
    }
    return given;
}

PyObject *
on_start(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    if (!has_arguments(args, count, 2)) {
        return NULL;
    }
    if (!hot->entrance.is_open) {
        /* Between two traces the events stay on: to turn them off and on again takes longer. */
        HotFrame *frame = frame_of_event(PyThreadState_Get(), args[0]);
        int is_outside = frame != NULL && args[0] != hot->settings.log_code
                             ? code_is_outside(hot, (PyCodeObject *)args[0], frame_globals(frame))
                             : 0;
        return is_outside < 0 ? NULL : answer(hot, !is_outside);
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        count_reentry(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    HotFrame *frame = frame_of_event(visit.tstate, args[0]);
    int status = frame == NULL ? 1
                               : hot_start(hot, visit.tstate, frame, (PyCodeObject *)args[0]);
    return leave_with(hot, &visit, status, "py_start", status != 0);
}

static int
resumed(Hot *hot, PyThreadState *tstate, PyCodeObject *object, int *is_in_scope)
{
    HotFrame *frame = frame_of_event(tstate, (PyObject *)object);
    *is_in_scope = 1;
    if (frame == NULL) {
        return 0;
    }
    Code *code = code_meet(hot, object, frame_globals(frame));
    *is_in_scope = code == NULL || code->is_in_scope;
    if (code == NULL) {
        return -1;
    }
    return *is_in_scope ? hot_resumed(hot, tstate, frame, object) : 0;
}

PyObject *
on_resume(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    int is_in_scope;
    if (!has_arguments(args, count, 2)) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        count_reentry(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    int status = resumed(hot, visit.tstate, (PyCodeObject *)args[0], &is_in_scope);
    return leave_with(hot, &visit, status, "py_resume", is_in_scope);
}

PyObject *
on_line(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    if (!has_arguments(args, count, 2)) {
        return NULL;
    }
    long line = PyLong_AsLong(args[1]);
    if (line == -1 && PyErr_Occurred()) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        count_reentry(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    HotFrame *frame = frame_of_event(visit.tstate, args[0]);
    int status = frame == NULL ? 0
                               : hot_line(hot, visit.tstate, frame, (PyCodeObject *)args[0],
                                          (int)line);
    if (leave(hot, &visit, status, "line") < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

typedef int (*Operation)(Hot *, PyThreadState *, HotFrame *, PyCodeObject *, PyObject *);

static PyObject *
on_value(Hot *hot, PyObject *const *args, Py_ssize_t count, Operation operation,
         const char *callback)
{
    Visit visit;
    if (!has_arguments(args, count, 3)) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        count_reentry(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    HotFrame *frame = frame_of_event(visit.tstate, args[0]);
    int status = frame == NULL ? 0
                               : operation(hot, visit.tstate, frame, (PyCodeObject *)args[0],
                                           args[2]);
    if (leave(hot, &visit, status, callback) < 0 &&
        leave_closing(Py_IS_TYPE(args[2], (PyTypeObject *)PyExc_GeneratorExit)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
on_return(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_returned, "py_return");
}

PyObject *
on_yield(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_yielded, "py_yield");
}

PyObject *
on_unwind(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_unwound, "py_unwind");
}

/* PY_THROW is global, and the first event of a generator that was never started. */
PyObject *
on_throw(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_thrown, "py_throw");
}

static int
raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, PyObject *error)
{
    return hot_raised(hot, tstate, frame, object, error, NULL);
}

PyObject *
on_raise(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, raised, "raise");
}
