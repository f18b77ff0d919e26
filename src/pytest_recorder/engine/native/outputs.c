/* Text is masked before it is written: a secret that was seen as a value can be part of it. */

#include "outputs.h"
#include "clock.h"
#include "codes.h"
#include "definitions.h"
#include "failures.h"
#include "frames.h"
#include "names.h"
#include "records.h"
#include "secrets.h"
#include "settings.h"
#include "states.h"
#include "threads.h"
#include "values.h"
#include "variables.h"

static int
nearest(Hot *hot, PyThreadState *tstate, HotFrame *frame, FrameState **state, int *line,
        Looking *looking)
{
    for (; frame != NULL; frame = frame_back(frame)) {
        PyCodeObject *object = frame_code(frame);
        Code *code = code_known(hot, object);
        if (code == NULL) {
            continue;
        }
        if (state_of(hot, tstate, frame, object, state) < 0) {
            return -1;
        }
        if (*state != NULL) {
            int now = frame_line(frame);
            *line = now > 0 ? now : (*state)->line;
            looking->frame = frame; /* in a new segment it is looked at */
            looking->block = (*state)->block;
            return 0;
        }
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    if (thread->nowhere == NULL) {
        thread->nowhere = state_new(hot, NULL, NULL);
        if (thread->nowhere == NULL) {
            return -1;
        }
        thread->nowhere->number = 0;
        thread->nowhere->thread = thread->number;
        thread->nowhere->parent = 0;
    }
    *state = thread->nowhere;
    *line = 0;
    return 0;
}

static int
put_printed(Hot *hot, Buffer *out, PyObject *text)
{
    PyObject *shown = masked(hot, text);
    if (shown == NULL) {
        return -1;
    }
    int status = text_encode(hot, out, shown);
    Py_DECREF(shown);
    return status;
}

int
hot_output(Hot *hot, PyThreadState *tstate, HotFrame *frame, int stream, PyObject *text)
{
    FrameState *state;
    int line;
    Looking looking = {0};
    Buffer *body = event_body(hot);
    begin_event(hot, 0);
    if (nearest(hot, tstate, frame, &state, &line, &looking) < 0 || put_time(hot, body) < 0) {
        return -1;
    }
    put_byte(body, stream);
    if (put_printed(hot, body, text) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_OUTPUT, line, &looking);
}

int
hot_message(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyObject *level, PyObject *logger,
            PyObject *text)
{
    FrameState *state;
    int line;
    Looking looking = {0};
    Buffer *body = event_body(hot);
    begin_event(hot, 0);
    if (nearest(hot, tstate, frame, &state, &line, &looking) < 0 || put_time(hot, body) < 0) {
        return -1;
    }
    Name *level_name = name_of(hot, &hot->texts.names, level);
    Name *logger_name = level_name != NULL ? name_of(hot, &hot->texts.names, logger) : NULL;
    if (logger_name == NULL || put_name(hot, body, level_name) < 0 ||
        put_name(hot, body, logger_name) < 0 || put_printed(hot, body, text) < 0) {
        return -1;
    }
    return write_event(hot, tstate, state, OP_LOG, line, &looking);
}

int
hot_log(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    PyObject *name = PyUnicode_FromString("record");
    if (name == NULL) {
        return -1;
    }
    PyObject *record = frame_variable(frame, object, 1, name);
    Py_DECREF(name);
    if (record == NULL) {
        return FRAME_FAILED(record) ? -1 : 0;
    }
    PyObject *parts = PyObject_CallMethod(helpers_asked(hot), "log_parts", "O", record);
    Py_DECREF(record);
    if (parts == NULL && helper_failed(hot, "log_parts") == 0) {
        parts = Py_BuildValue("sss", "", "", "[this message could not be read]");
    }
    if (parts == NULL) {
        return -1;
    }
    int status = 0;
    if (parts != Py_None) {
        PyObject *level, *logger, *text;
        status = PyTuple_Check(parts) && PyArg_ParseTuple(parts, "UUU", &level, &logger, &text)
                     ? hot_message(hot, tstate, frame_back(frame), level, logger, text)
                     : -1;
        if (status < 0 && PyErr_Occurred() == NULL) {
            PyErr_SetString(PyExc_TypeError, "a helper gives a tuple");
        }
    }
    Py_DECREF(parts);
    return status;
}

int
hot_span(Hot *hot, PyThreadState *tstate, int phase, int edge, PyObject *name,
         PyObject *outcome)
{
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL) {
        return -1;
    }
    if (write_gaps(hot, tstate) < 0) {
        return -1;
    }
    Buffer *record = event_record(hot);
    put_byte(record, OP_SPAN);
    put_uv(record, thread->number);
    if (put_time(hot, record) < 0) {
        return -1;
    }
    put_byte(record, phase);
    put_byte(record, edge);
    put_text(record, name, PyUnicode_GET_LENGTH(name));
    put_text(record, outcome, PyUnicode_GET_LENGTH(outcome));
    return write_record(hot);
}

int
hot_lower_level(Hot *hot, PyThreadState *tstate, int level)
{
    if (level < LEVEL_CALLS || level >= hot->settings.level) {
        return 0;
    }
    Thread *thread = thread_of(hot, tstate);
    if (thread == NULL || write_gaps(hot, tstate) < 0) {
        return -1;
    }
    Buffer *record = event_record(hot);
    put_byte(record, OP_LEVEL);
    if (put_time(hot, record) < 0) {
        return -1;
    }
    put_uv(record, thread->number);
    put_byte(record, level);
    if (write_record(hot) < 0) {
        return -1;
    }
    settings_set_level(hot, level);
    return 1;
}
