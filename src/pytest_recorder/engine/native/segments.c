/* Asks the sink for segments, and writes definitions. */

#include "segments.h"
#include "failures.h"
#include "settings.h"

static int
ask_segment(Hot *hot, Segment *segment, int kind)
{
    PyObject *found = PyObject_CallMethod(sink_asked(hot), "segment_position", "i", kind);
    if (found == NULL) {
        return -1;
    }
    memset(segment, 0, sizeof(*segment));
    if (found == Py_None) {
        Py_DECREF(found);
        return 0;
    }
    Py_ssize_t start, at, end, events;
    int status = PyArg_ParseTuple(found, "nnnn", &start, &at, &end, &events) ? 0 : -1;
    Py_DECREF(found);
    if (status == 0) {
        segment->start = (size_t)start;
        segment->at = hot->spool.map + at;
        segment->end = hot->spool.map + end;
        segment->events = (uint32_t)events;
    }
    return status;
}

void
segments_forget(Hot *hot)
{
    memset(&hot->spool.events, 0, sizeof(hot->spool.events));
    memset(&hot->spool.definitions, 0, sizeof(hot->spool.definitions));
    hot->spool.current = NULL;
}

int
segments_refresh(Hot *hot, FrameState *current)
{
    segments_forget(hot);
    if (trace_is_over(hot) < 0) {
        return -1;
    }
    PyObject *map = PyObject_GetAttrString(sink_asked(hot), "map");
    if (map == NULL) {
        return -1;
    }
    Py_buffer view;
    int status = PyObject_GetBuffer(map, &view, PyBUF_WRITABLE);
    Py_DECREF(map);
    if (status < 0) {
        return -1;
    }
    /* Given back at once: while it is taken the map could not grow. The sink keeps it where it is
     * until its next call. */
    hot->spool.map = view.buf;
    PyBuffer_Release(&view);
    Segment events = {0}, definitions = {0};
    if (ask_segment(hot, &events, SEGMENT_EVENTS) < 0 ||
        ask_segment(hot, &definitions, SEGMENT_DEFINITIONS) < 0) {
        return -1;
    }
    if (trace_is_over(hot) < 0) {
        return -1;
    }
    hot->spool.events = events;
    hot->spool.definitions = definitions;
    hot->spool.current = current;
    return 0;
}

void
segments_clear(Hot *hot)
{
    segments_forget(hot);
    hot->spool.block = 0;
    hot->spool.written_us = 0;
}

void
segments_turn_over(Hot *hot)
{
    hot->spool.block++;
    hot->spool.current = NULL;
}

int
segments_next_events(Hot *hot, size_t size)
{
    segments_forget(hot);
    if (trace_is_over(hot) < 0) {
        return -1;
    }
    int has_fallen = hot->settings.level < hot->settings.level_asked;
    PyObject *done = PyObject_CallMethod(sink_asked(hot), "next_events", "nL",
                                         (Py_ssize_t)size + (has_fallen ? 2 : 0),
                                         (long long)hot->spool.written_us);
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    if (segments_refresh(hot, NULL) < 0) {
        return -1;
    }
    if (has_fallen && segments_room(hot) >= 2) {
        *hot->spool.events.at++ = OP_AT_LEVEL; /* a block is read alone */
        *hot->spool.events.at++ = (uint8_t)hot->settings.level;
    }
    return 0;
}

int
segments_write_definition(Hot *hot, const uint8_t *data, size_t size)
{
    Segment *segment = &hot->spool.definitions;
    if (segment->at == NULL || (size_t)(segment->end - segment->at) < size) {
        FrameState *current = hot->spool.current;
        segments_forget(hot);
        if (trace_is_over(hot) < 0) {
            return -1;
        }
        PyObject *done = PyObject_CallMethod(sink_asked(hot), "next_definitions", "n",
                                             (Py_ssize_t)size);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
        if (segments_refresh(hot, current) < 0) {
            return -1;
        }
    }
    memcpy(segment->at, data, size);
    segment->at += size;
    uint32_t used =
        little_32((uint32_t)(segment->at - hot->spool.map - segment->start - SEGMENT_HEAD));
    memcpy(hot->spool.map + segment->start + SEGMENT_USED_AT, &used, 4);
    return 0;
}

void
segments_forget_frame(Hot *hot, const FrameState *state)
{
    if (hot->spool.current == state) {
        hot->spool.current = NULL;
    }
}
