/* The type that Python sees: life, callbacks for sys.monitoring, and what helpers ask back.
 *
 * A callback never raises but what the program's own signal handlers raised inside it, and leaves a
 * pending exception as it found it.
 */

#include "inject.h"
#include "settrace.h"
#include "visit.h"

static int
has_arguments(Py_ssize_t given, Py_ssize_t wanted, PyObject *code)
{
    if (given != wanted || !PyCode_Check(code)) {
        PyErr_SetString(PyExc_TypeError, "this is a callback for sys.monitoring");
        return 0;
    }
    return 1;
}

/* Callbacks. */

static PyObject *
on_start(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    if (!has_arguments(count, 2, args[0])) {
        return NULL;
    }
    if (!hot->is_open) {
        /* Between two traces the events stay on: to turn them off and on again takes longer. */
        Code *known = table_get(&hot->codes, args[0]);
        return Py_NewRef(known != NULL && !known->is_in_scope ? hot->disable : Py_None);
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        refuse(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    int answer = hot_start(hot, visit.tstate, frame_current(visit.tstate),
                           (PyCodeObject *)args[0]);
    if (leave(hot, &visit, "py_start") < 0) {
        return NULL;
    }
    return Py_NewRef(answer == 0 ? hot->disable : Py_None);
}

static PyObject *
on_resume(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    if (!has_arguments(count, 2, args[0])) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        refuse(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    PyCodeObject *object = (PyCodeObject *)args[0];
    HotFrame *frame = frame_current(visit.tstate);
    Code *code = code_meet(hot, object, frame_globals(frame));
    int is_in_scope = code == NULL || code->is_in_scope;
    if (code != NULL && is_in_scope) {
        hot_resumed(hot, visit.tstate, frame, object);
    }
    if (leave(hot, &visit, "py_resume") < 0) {
        return NULL;
    }
    return Py_NewRef(is_in_scope ? Py_None : hot->disable);
}

static PyObject *
on_line(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    Visit visit;
    if (!has_arguments(count, 2, args[0])) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        refuse(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    hot_line(hot, visit.tstate, frame_current(visit.tstate), (PyCodeObject *)args[0],
             (int)PyLong_AsLong(args[1]));
    if (leave(hot, &visit, "line") < 0) {
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
    if (!has_arguments(count, 3, args[0])) {
        return NULL;
    }
    int entered = enter(hot, &visit);
    if (entered <= 0) {
        refuse(hot, entered, args[0]);
        Py_RETURN_NONE;
    }
    operation(hot, visit.tstate, frame_current(visit.tstate), (PyCodeObject *)args[0], args[2]);
    if (leave(hot, &visit, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
on_return(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_returned, "py_return");
}

static PyObject *
on_yield(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_yielded, "py_yield");
}

static PyObject *
on_unwind(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_unwound, "py_unwind");
}

/* PY_THROW is global, and the first event of a generator that was never started. */
static PyObject *
on_throw(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, hot_thrown, "py_throw");
}

static int
raised(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, PyObject *error)
{
    PyObject *traceback = ((PyBaseExceptionObject *)error)->traceback;
    return hot_raised(hot, tstate, frame, object, error, traceback);
}

static PyObject *
on_raise(Hot *hot, PyObject *const *args, Py_ssize_t count)
{
    return on_value(hot, args, count, raised, "raise");
}

/* What helpers and engines ask. */

static PyObject *
ask_meet(Hot *hot, PyObject *args)
{
    PyObject *object, *globals;
    if (!PyArg_ParseTuple(args, "O!O", &PyCode_Type, &object, &globals)) {
        return NULL;
    }
    Code *code = code_meet(hot, (PyCodeObject *)object, globals);
    return code == NULL ? NULL : PyBool_FromLong(code->is_in_scope);
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
        Code *code = table_get(&hot->codes, frame_code(frame));
        if (code == NULL || code->is_in_scope) {
            Py_RETURN_FALSE;
        }
    }
    Py_RETURN_TRUE;
}

static PyObject *
ask_has_code(Hot *hot, PyObject *object)
{
    Code *code = table_get(&hot->codes, object);
    return PyBool_FromLong(code != NULL && code->is_in_scope);
}

static PyObject *
ask_codes(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    PyObject *codes = PyList_New(0);
    for (size_t i = 0; codes != NULL && hot->codes.places != NULL && i <= hot->codes.mask; i++) {
        Code *code = hot->codes.places[i].value;
        if (code != NULL && code->is_in_scope &&
            PyList_Append(codes, (PyObject *)code->code) < 0) {
            Py_CLEAR(codes);
        }
    }
    return codes;
}

static PyObject *
ask_type_number(Hot *hot, PyObject *definition)
{
    uint32_t number;
    if (!PyBytes_Check(definition)) {
        PyErr_SetString(PyExc_TypeError, "a definition is bytes");
        return NULL;
    }
    Name *name = name_of_bytes(&hot->types, PyBytes_AS_STRING(definition),
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
    Name *name = name_of(hot, &hot->names, string);
    if (name == NULL || name_number(hot, name, &number) < 0) {
        return NULL;
    }
    return PyLong_FromUnsignedLong(number);
}

static PyObject *
ask_object_number(Hot *hot, PyObject *object)
{
    uint32_t number;
    return object_number(hot, object, &number) < 0 ? NULL : PyLong_FromUnsignedLong(number);
}

/* For tests: what a value is in a record, and the fingerprint that stands for it. */

static PyObject *
ask_encode(Hot *hot, PyObject *value)
{
    hot->value.used = 0;
    if (value_encode(hot, &hot->value, value) < 0) {
        return NULL;
    }
    return PyBytes_FromStringAndSize((char *)hot->value.data, (Py_ssize_t)hot->value.used);
}

static PyObject *
ask_fingerprint(Hot *hot, PyObject *value)
{
    uint64_t print = value_print(hot, value);
    return PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(print);
}

/* Operations that come from Python. */

static PyObject *
do_begin(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    if (hot_begin(hot) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
do_end(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    Visit visit;
    if (enter(hot, &visit) > 0) {
        hot_end(hot, visit.tstate);
        if (leave(hot, &visit, "end") < 0) {
            return NULL;
        }
    }
    hot->is_open = 0;
    Py_RETURN_NONE;
}

static PyObject *
do_release(Hot *hot, PyObject *Py_UNUSED(ignored))
{
    hot->is_open = 0;
    hot_release(hot);
    Py_RETURN_NONE;
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
        hot_output(hot, visit.tstate, frame, stream, text);
        if (leave(hot, &visit, "output") < 0) {
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
        hot_message(hot, visit.tstate, frame, level, logger, text);
        if (leave(hot, &visit, "note") < 0) {
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
        hot_span(hot, visit.tstate, phase, edge, name, outcome);
        if (leave(hot, &visit, "span") < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
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
    hot->streams_changed = 1;
    Py_RETURN_NONE;
}

/* Life. */

#if PY_VERSION_HEX >= 0x030C0000
/* One watcher for the process; each recording that lives is told. */
static int watcher = -1;
static Hot *watching[16];

static int
on_sys_change(PyDict_WatchEvent event, PyObject *Py_UNUSED(dict), PyObject *key,
              PyObject *Py_UNUSED(value))
{
    int matters = key == NULL || !PyUnicode_Check(key) ||
                  PyUnicode_CompareWithASCIIString(key, "stdout") == 0 ||
                  PyUnicode_CompareWithASCIIString(key, "stderr") == 0;
    (void)event;
    for (size_t i = 0; matters && i < 16; i++) {
        if (watching[i] != NULL) {
            watching[i]->streams_changed = 1;
        }
    }
    return 0;
}

static void
watch_sys(Hot *hot)
{
    if (watcher < 0) {
        watcher = PyDict_AddWatcher(on_sys_change);
        if (watcher < 0 || PyDict_Watch(watcher, hot->sys) < 0) {
            PyErr_Clear();
            return;
        }
    }
    for (size_t i = 0; i < 16; i++) {
        if (watching[i] == NULL) {
            watching[i] = hot;
            hot->has_watcher = 1;
            return;
        }
    }
}

static void
unwatch_sys(Hot *hot)
{
    int others = 0;
    for (size_t i = 0; i < 16; i++) {
        if (watching[i] == hot) {
            watching[i] = NULL;
        }
        others |= watching[i] != NULL;
    }
    if (!others && watcher >= 0) {
        /* Leave the namespace of `sys` as it was found. */
        if (PyDict_Unwatch(watcher, hot->sys) < 0 || PyDict_ClearWatcher(watcher) < 0) {
            PyErr_Clear();
        }
        watcher = -1;
    }
    hot->has_watcher = 0;
}
#else
static void
watch_sys(Hot *Py_UNUSED(hot))
{
}

static void
unwatch_sys(Hot *Py_UNUSED(hot))
{
}
#endif

static int
hot_init(Hot *hot, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"level",   "depth",   "items",      "chars", "attributes",
                            "has_rules", "helpers", "sink",       "secrets", "log_code",
                            "hook_codes", "loops", "disable", "settle", NULL};
    PyObject *helpers, *sink, *secrets, *log_code, *hook_codes, *disable, *on_fault;
    Py_buffer loops;
    if (hot->helpers != NULL) {
        PyErr_SetString(PyExc_TypeError, "a recording is made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iinnnpOOO!OO!y*OO", names, &hot->level,
                                     &hot->depth, &hot->items, &hot->chars, &hot->attributes,
                                     &hot->has_rules, &helpers, &sink, &PyList_Type, &secrets,
                                     &log_code, &PyTuple_Type, &hook_codes, &loops, &disable,
                                     &on_fault)) {
        return -1;
    }
    int fits = loops.len == 256 && hot->depth <= 100;
    if (fits) {
        memcpy(hot->loops, loops.buf, 256);
    }
    PyBuffer_Release(&loops);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "256 instructions and a depth of at most 100");
        return -1;
    }
    hot->helpers = Py_NewRef(helpers);
    hot->sink = Py_NewRef(sink);
    hot->secrets = Py_NewRef(secrets);
    hot->log_code = Py_NewRef(log_code);
    hot->hook_codes = Py_NewRef(hook_codes);
    hot->disable = Py_NewRef(disable);
    hot->settle = Py_NewRef(on_fault);
    hot->lost = PyDict_New();
    hot->losses = PyDict_New();
    PyObject *module = PyImport_ImportModule("sys");
    if (hot->lost == NULL || hot->losses == NULL || module == NULL) {
        Py_XDECREF(module);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return -1;
    }
    hot->sys = Py_NewRef(PyModule_GetDict(module));
    Py_DECREF(module);
    watch_sys(hot);
    PyObject *string = PyUnicode_FromString("args");
    Name *name = string != NULL ? name_of(hot, &hot->names, string) : NULL;
    int status = name != NULL ? name_is_secret(hot, name, string) : -1;
    Py_XDECREF(string);
    return status < 0 ? -1 : 0;
}

static int
hot_traverse(Hot *hot, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(hot));
    Py_VISIT(hot->helpers);
    Py_VISIT(hot->sink);
    Py_VISIT(hot->clock);
    Py_VISIT(hot->secrets);
    Py_VISIT(hot->disable);
    Py_VISIT(hot->settle);
    Py_VISIT(hot->enable);
    Py_VISIT(hot->injected);
    Py_VISIT(hot->put_back);
    Py_VISIT(hot->lost);
    Py_VISIT(hot->losses);
    return 0;
}

static int
hot_drop_references(Hot *hot)
{
    Py_CLEAR(hot->helpers);
    Py_CLEAR(hot->sink);
    Py_CLEAR(hot->clock);
    Py_CLEAR(hot->secrets);
    Py_CLEAR(hot->log_code);
    Py_CLEAR(hot->hook_codes);
    Py_CLEAR(hot->disable);
    Py_CLEAR(hot->settle);
    Py_CLEAR(hot->enable);
    Py_CLEAR(hot->injected);
    Py_CLEAR(hot->put_back);
    Py_CLEAR(hot->lost);
    Py_CLEAR(hot->losses);
    return 0;
}

static void
hot_dealloc(Hot *hot)
{
    PyTypeObject *type = Py_TYPE(hot);
    PyObject_GC_UnTrack(hot);
    if (hot->sys != NULL) {
        unwatch_sys(hot);
        Py_CLEAR(hot->sys);
    }
    hot->is_open = 0;
    hot_release(hot);
    names_free(&hot->names);
    names_free(&hot->types);
    names_free(&hot->files);
    buffer_free(&hot->value);
    buffer_free(&hot->changes);
    buffer_free(&hot->changed);
    buffer_free(&hot->deleted);
    buffer_free(&hot->body);
    buffer_free(&hot->record);
    buffer_free(&hot->prefix);
    buffer_free(&hot->message);
    hot_drop_references(hot);
    type->tp_free(hot);
    Py_DECREF(type);
}

static PyObject *
get_is_open(Hot *hot, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(hot->is_open);
}

static int
set_is_open(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    hot->is_open = value == Py_True;
    return 0;
}

static PyObject *
get_has_frames(Hot *hot, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(hot->frame_count > 0);
}

static PyObject *
get_redacted(Hot *hot, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(hot->redacted);
}

static int
set_redacted(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    uint64_t count = value == NULL ? 0 : PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        return -1;
    }
    hot->redacted = count;
    return 0;
}

static PyObject *
get_losses(Hot *hot, void *Py_UNUSED(closure))
{
    return PyDict_Copy(hot->losses);
}

static int
set_object(PyObject **place, PyObject *value)
{
    Py_XSETREF(*place, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
get_clock(Hot *hot, void *Py_UNUSED(closure))
{
    return Py_NewRef(hot->clock != NULL ? hot->clock : Py_None);
}

static int
set_clock(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->clock, value);
}

static PyObject *
get_enable(Hot *hot, void *Py_UNUSED(closure))
{
    return Py_NewRef(hot->enable != NULL ? hot->enable : Py_None);
}

static int
set_enable(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->enable, value);
}

static PyObject *
get_put_back(Hot *hot, void *Py_UNUSED(closure))
{
    return Py_NewRef(hot->put_back != NULL ? hot->put_back : Py_None);
}

static int
set_put_back(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    return set_object(&hot->put_back, value);
}

static PyGetSetDef hot_members[] = {
    {"is_open", (getter)get_is_open, (setter)set_is_open, "whether events are taken", NULL},
    {"has_frames", (getter)get_has_frames, NULL, "whether a frame in scope was seen", NULL},
    {"redacted", (getter)get_redacted, (setter)set_redacted, "values hidden in this trace", NULL},
    {"losses", (getter)get_losses, NULL, "events lost in this trace, by reason", NULL},
    {"clock", (getter)get_clock, (setter)set_clock, "gives nanoseconds; None: the system", NULL},
    {"put_back", (getter)get_put_back, (setter)set_put_back, "called after an absence", NULL},
    {"enable_code", (getter)get_enable, (setter)set_enable, "called for code in scope", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define FAST(name, function) \
    {name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL, NULL}
#define PLAIN(name, function, flags) {name, (PyCFunction)(void (*)(void))(function), flags, NULL}

static PyMethodDef hot_methods[] = {
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
    PLAIN("type_number", ask_type_number, METH_O),
    PLAIN("name_number", ask_name_number, METH_O),
    PLAIN("object_number", ask_object_number, METH_O),
    PLAIN("encode", ask_encode, METH_O),
    PLAIN("fingerprint", ask_fingerprint, METH_O),
    PLAIN("begin", do_begin, METH_NOARGS),
    PLAIN("end", do_end, METH_NOARGS),
    PLAIN("release", do_release, METH_NOARGS),
    PLAIN("write_output", do_output, METH_VARARGS),
    PLAIN("write_message", do_message, METH_VARARGS),
    PLAIN("write_span", do_span, METH_VARARGS),
    PLAIN("lose", do_lose, METH_VARARGS),
    PLAIN("is_traced", ask_is_traced, METH_NOARGS),
    PLAIN("join_thread", do_join_thread, METH_VARARGS),
    PLAIN("trace_thread", do_trace_thread, METH_NOARGS),
    PLAIN("untrace_thread", do_untrace_thread, METH_NOARGS),
    PLAIN("forget_streams", do_forget_streams, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot hot_slots[] = {
    {Py_tp_doc, "The state of one recording and the operations on it."},
    {Py_tp_init, hot_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, hot_dealloc},
    {Py_tp_traverse, hot_traverse},
    {Py_tp_clear, hot_drop_references},
    {Py_tp_call, hot_call},
    {Py_tp_methods, hot_methods},
    {Py_tp_getset, hot_members},
    {0, NULL},
};

static PyType_Spec hot_spec = {
    .name = "pytest_recorder.engine.native._native.Core",
    .basicsize = sizeof(Hot),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = hot_slots,
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &hot_spec, NULL);
    if (type == NULL || PyModule_AddObjectRef(module, "Core", type) < 0 ||
        add_injected_core(module, type) < 0) {
        Py_XDECREF(type);
        return -1;
    }
    Py_DECREF(type);
#ifdef HOT_INTERNALS
    const char *build = "internals";
#else
    const char *build = "public";
#endif
    if (PyModule_AddStringConstant(module, "BUILD", build) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "BUILT_FOR", PY_VERSION_HEX >> 16);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.engine.native._native",
    .m_doc = "The hot path in C; pytest_recorder.engine.native.hot_path is its face.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&module_def);
}
