/* An object that is collected takes no more events: what it needs for one may be gone. */

#include "core.h"
#include "losses.h"
#include "methods.h"
#include "names.h"
#include "records.h"
#include "secrets.h"
#include "settings.h"
#include "settrace.h"
#include "streams.h"
#include "trace.h"
#include "values.h"
#include "variables.h"
#include "visit.h"

static int
core_init(Hot *hot, PyObject *args, PyObject *keywords)
{
    if (settings_take(hot, args, keywords) < 0 || losses_make(hot) < 0 ||
        streams_make(hot) < 0) {
        return -1;
    }
    /* Exceptions have `args` beside their attributes. */
    PyObject *string = PyUnicode_FromString("args");
    Name *name = string != NULL ? name_of(hot, &hot->texts.names, string) : NULL;
    int status = name != NULL ? name_is_secret(hot, name, string) : -1;
    Py_XDECREF(string);
    return status < 0 ? -1 : 0;
}

static int
core_traverse(Hot *hot, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(hot));
    return settings_traverse(hot, visit, arg);
}

static int
core_clear(Hot *hot)
{
    entrance_open(hot, 0);
    settings_clear(hot);
    return 0;
}

static void
core_dealloc(Hot *hot)
{
    PyTypeObject *type = Py_TYPE(hot);
    PyObject_GC_UnTrack(hot);
    streams_free(hot);
    entrance_open(hot, 0);
    hot_release(hot);
    texts_free(hot);
    changes_free(hot);
    event_free(hot);
    value_scratch_free(hot);
    losses_free(hot);
    settings_clear(hot);
    type->tp_free(hot);
    Py_DECREF(type);
}

static PyObject *
get_is_open(Hot *hot, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(hot->entrance.is_open);
}

static int
set_is_open(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    entrance_open(hot, value == Py_True);
    return 0;
}

static PyObject *
get_has_frames(Hot *hot, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(hot->frames.count > 0);
}

static PyObject *
get_redacted(Hot *hot, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(hot->secrecy.redacted);
}

static int
set_redacted(Hot *hot, PyObject *value, void *Py_UNUSED(closure))
{
    uint64_t count = value == NULL ? 0 : PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        return -1;
    }
    redacted_set(hot, count);
    return 0;
}

static PyObject *
get_losses(Hot *hot, void *Py_UNUSED(closure))
{
    return PyDict_Copy(hot->losses.all);
}

static PyObject *
get_meter(Hot *hot, void *Py_UNUSED(closure))
{
    return meter_told(hot);
}

static PyGetSetDef core_members[] = {
    {"is_open", (getter)get_is_open, (setter)set_is_open, "whether events are taken", NULL},
    {"has_frames", (getter)get_has_frames, NULL, "whether a frame in scope was seen", NULL},
    {"recorded_level", (getter)get_level, NULL, "what is recorded now", NULL},
    {"redacted", (getter)get_redacted, (setter)set_redacted, "values hidden in this trace", NULL},
    {"losses", (getter)get_losses, NULL, "events lost in this trace, by reason", NULL},
    {"meter", (getter)get_meter, NULL, "visits, samples, their sum and squares", NULL},
    {"clock", (getter)get_clock, (setter)set_clock, "gives nanoseconds; None: the system", NULL},
    {"put_back", (getter)get_put_back, (setter)set_put_back, "called after an absence", NULL},
    {"enable_code", (getter)get_enable, (setter)set_enable, "called for code in scope", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot core_slots[] = {
    {Py_tp_doc, "The state of one recording and the operations on it."},
    {Py_tp_init, core_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, core_dealloc},
    {Py_tp_traverse, core_traverse},
    {Py_tp_clear, core_clear},
    {Py_tp_call, hot_call},
    {Py_tp_methods, core_methods},
    {Py_tp_getset, core_members},
    {0, NULL},
};

static PyType_Spec core_spec = {
    .name = "pytest_recorder.engine.native._native.Core",
    .basicsize = sizeof(Hot),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = core_slots,
};

PyObject *
core_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &core_spec, NULL);
}
