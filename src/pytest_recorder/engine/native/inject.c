/* Entry points that fail on purpose: InjectedCore, for `PYTEST_RECORDER_INJECT`.
 *
 * Each first asks the Python object that counts the hits, inside a visit of its own, so that a fault
 * raised there goes the way of every error in C: out of the operation, into the guard. Then the plain
 * entry point has its turn.
 *
 * It is in every build and costs nothing where it was not asked for: Core's methods are the plain ones,
 * and its trace function is the plain one, so no event tests whether it could fail. Only a process with
 * PYTEST_RECORDER_INJECT makes an InjectedCore, whose methods of the same names are those below.
 */

#include "inject.h"
#include "callbacks.h"
#include "codes.h"
#include "losses.h"
#include "methods.h"
#include "settings.h"
#include "settrace.h"
#include "visit.h"

static int
ask_injected(Hot *hot, const char *stage)
{
    PyObject *asked = Py_NewRef(hot->settings.injected);
    PyObject *is_taken = PyObject_CallFunction(asked, "s", stage);
    Py_DECREF(asked);
    if (is_taken == NULL) {
        return -1;
    }
    int answer = is_taken == Py_True;
    Py_DECREF(is_taken);
    return !answer && hot_lose(hot, "suppressed", 1) < 0 ? -1 : answer;
}

/* 1: take the event. 0: leave it out, as after a fault. -1: the program's own exception is to go on. */
static int
passes(Hot *hot, HotFrame *frame, PyCodeObject *object, const char *stage, const char *callback)
{
    Visit visit;
    if (hot->settings.injected == NULL || enter(hot, &visit) <= 0) {
        return 1;
    }
    int answer = -1;
    Code *code = code_meet(hot, object, frame_globals(frame));
    if (code != NULL) {
        int is_asked = code->is_in_scope || (PyObject *)object == hot->settings.log_code;
        answer = is_asked ? ask_injected(hot, stage) : 1;
    }
    return leave(hot, &visit, answer, callback) < 0 ? -1 : answer > 0;
}

#if PY_VERSION_HEX >= 0x030C0000

static PyObject *
injected(Hot *hot, PyObject *const *args, Py_ssize_t count, const char *stage,
         const char *callback, Callback plain)
{
    if (count > 0 && PyCode_Check(args[0])) {
        HotFrame *frame = frame_current(PyThreadState_Get());
        int answer = passes(hot, frame, (PyCodeObject *)args[0], stage, callback);
        if (answer <= 0) {
            return answer < 0 ? NULL : Py_NewRef(Py_None);
        }
    }
    return plain(hot, args, count);
}

#define INJECTED(name, stage, callback) \
    static PyObject * \
    injected_##name(Hot *hot, PyObject *const *args, Py_ssize_t count) \
    { \
        return injected(hot, args, count, stage, callback, name); \
    }

INJECTED(on_start, "py_start", "py_start")
INJECTED(on_line, "line", "line")
INJECTED(on_return, "return", "py_return")
INJECTED(on_resume, "", "py_resume")
INJECTED(on_yield, "", "py_yield")
INJECTED(on_throw, "", "py_throw")
INJECTED(on_raise, "", "raise")
INJECTED(on_unwind, "", "py_unwind")

static PyMethodDef injected_methods[] = {
    FAST("on_start", injected_on_start),
    FAST("on_line", injected_on_line),
    FAST("on_return", injected_on_return),
    FAST("on_resume", injected_on_resume),
    FAST("on_yield", injected_on_yield),
    FAST("on_throw", injected_on_throw),
    FAST("on_raise", injected_on_raise),
    FAST("on_unwind", injected_on_unwind),
    {NULL, NULL, 0, NULL},
};

#else

static PyMethodDef injected_methods[] = {
    {NULL, NULL, 0, NULL},
};

#endif

#ifdef HOT_311

/* Which instruction a suspendable frame stands at, and its argument; 0 where that is unknown. */
static int
standing_at(HotFrame *frame, PyCodeObject *object, int *argument)
{
    int at = frame_lasti(frame), operation = 0;
    PyObject *bytecode = PyCode_GetCode(object);
    if (bytecode == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (at >= 0 && at + 1 < PyBytes_GET_SIZE(bytecode)) {
        operation = (uint8_t)PyBytes_AS_STRING(bytecode)[at];
        *argument = (uint8_t)PyBytes_AS_STRING(bytecode)[at + 1];
    }
    Py_DECREF(bytecode);
    return operation;
}

static const char *
stage_of(Hot *hot, HotFrame *frame, PyCodeObject *object, int what, PyObject *value)
{
    int is_suspendable = (object->co_flags & SUSPENDABLE) != 0, argument = 0;
    if (what == PyTrace_LINE) {
        return hot->settings.level >= LEVEL_LINES ? "line" : "";
    }
    if (what == PyTrace_CALL) {
        /* A generator that goes on begins no frame. */
        int begins = !is_suspendable || (standing_at(frame, object, &argument) == RESUME &&
                                         (argument & 3) == 0);
        return begins ? "py_start" : "";
    }
    if (what != PyTrace_RETURN || value == NULL) {
        return "";
    }
    int yields = is_suspendable && standing_at(frame, object, &argument) != RETURN_VALUE;
    return yields ? "" : "return";
}

static int
injected_trace(PyObject *self, PyFrameObject *object, int what, PyObject *argument)
{
    Hot *hot = (Hot *)self;
    HotFrame *frame = frame_of(object);
    PyCodeObject *running = frame_code(frame);
    if (hot->tracing.is_on) {
        const char *stage = stage_of(hot, frame, running, what, argument);
        int answer = passes(hot, frame, running, stage, "trace");
        if (answer <= 0) {
            return answer;
        }
    }
    return hot_trace(self, object, what, argument);
}

#endif

static int
set_injected_too(Hot *hot, PyObject *value, void *closure)
{
#ifdef HOT_311
    trace_by(hot, injected_trace);
#endif
    return set_injected(hot, value, closure);
}

static PyGetSetDef injected_members[] = {
    {"injected", (getter)get_injected, (setter)set_injected_too,
     "called with a stage: raises a fault, or tells whether the event is taken", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot injected_slots[] = {
    {Py_tp_doc, "A Core whose events can fail on purpose."},
    {Py_tp_methods, injected_methods},
    {Py_tp_getset, injected_members},
    {0, NULL},
};

static PyType_Spec injected_spec = {
    .name = "pytest_recorder.engine.native._native.InjectedCore",
    .basicsize = sizeof(Hot),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = injected_slots,
};

int
add_injected_core(PyObject *module, PyObject *core)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &injected_spec, core);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, "InjectedCore", type);
    Py_XDECREF(type);
    return status;
}
