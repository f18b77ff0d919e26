/* Looks at the instructions between two events, once per code object. Each line is an event: what has run
 * since the last one is of the line that it stands at.
 *
 * Instructions that make objects are none of the quiet ones: the new one could get the address of one
 * that was let go.
 */

#include "quiet.h"
#include "between.h"
#include "codes.h"
#include "positions.h"

#ifdef HOT_QUIET

/* By instruction: one of its line acts, or all of it is quiet; and one of it waits. */
enum { LINE_ACTS = 1, LINE_IS_QUIET = 2, LINE_WAITS = 4 };

#define MOST_LINES 20000

/* 0: an instruction without a line acts, so that nothing is known of any line. */
static int
read_facts(const Hot *hot, const uint8_t *bytes, const int *lines, int count, int first,
           uint8_t *facts)
{
    for (int i = 0; i < count; i++) {
        int kind = hot->settings.instructions[bytes[2 * i]];
        if (lines[i] < 0 && kind == INSTRUCTION_ACTS) {
            return 0;
        }
        if (lines[i] >= 0) {
            int acts = kind == INSTRUCTION_ACTS || kind == INSTRUCTION_CLEANS_UP;
            facts[lines[i] - first] |= (uint8_t)((acts ? LINE_ACTS : LINE_IS_QUIET) |
                                                 (kind == INSTRUCTION_WAITS ? LINE_WAITS : 0));
        }
    }
    return 1;
}

/* -1: MemoryError. */
static int
find_facts(Hot *hot, Code *code, int *lines, int count)
{
    int first = INT_MAX, last = 0;
    positions_lines(code->code, lines, count);
    for (int i = 0; i < count; i++) {
        if (lines[i] >= 0) {
            first = lines[i] < first ? lines[i] : first;
            last = lines[i] > last ? lines[i] : last;
        }
    }
    if (first > last || last - first >= MOST_LINES) {
        return 0;
    }
    int size = last - first + 1;
    uint8_t *facts = PyMem_RawCalloc((size_t)size, 1);
    if (facts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(code->bytecode);
    int is_known = read_facts(hot, bytes, lines, count, first, facts);
    for (int i = 0; is_known && i < count; i++) {
        code->quiet[i] = lines[i] >= 0 ? facts[lines[i] - first] : 0;
    }
    PyMem_RawFree(facts);
    return 0;
}

/* What is known of the instructions of a code object; NULL where there is no memory for that. */
static const uint8_t *
facts_of(Hot *hot, Code *code)
{
    if (code->quiet == NULL) {
        int count = (int)Py_SIZE(code->code);
        int *lines = PyMem_RawMalloc((size_t)count * sizeof(int));
        code->quiet = PyMem_RawCalloc((size_t)count, 1);
        if (lines == NULL || code->quiet == NULL || code_bytes(code) < 0 ||
            find_facts(hot, code, lines, count) < 0) {
            PyErr_Clear();
            PyMem_RawFree(code->quiet);
            code->quiet = NULL;
        }
        PyMem_RawFree(lines);
    }
    return code->quiet;
}

/* Whether nobody else gets events of this code, who could run between ours. */
static int
is_alone(const PyCodeObject *object)
{
    static const uint8_t shared[] = {PY_MONITORING_EVENT_PY_START, PY_MONITORING_EVENT_PY_RETURN,
                                     PY_MONITORING_EVENT_PY_YIELD, PY_MONITORING_EVENT_LINE};
    static const uint8_t others[] = {PY_MONITORING_EVENT_INSTRUCTION, PY_MONITORING_EVENT_JUMP,
                                     PY_MONITORING_EVENT_BRANCH};
    if (object->_co_monitoring == NULL) {
        return 0;
    }
    const uint8_t *tools = object->_co_monitoring->active_monitors.tools;
    int found = 0;
    for (size_t i = 0; i < sizeof(shared); i++) {
        found |= tools[shared[i]] & (tools[shared[i]] - 1);
    }
    for (size_t i = 0; i < sizeof(others); i++) {
        found |= tools[others[i]];
    }
    return !found;
}

/* Whether no signal has a handler in Python. */
static int
has_no_handlers(void)
{
    for (int i = 1; i < Py_NSIG; i++) {
        PyObject *handler = signal_handler(i);
        if (handler != NULL && handler != Py_None && !PyLong_Check(handler) &&
            !PyCFunction_CheckExact(handler)) {
            return 0;
        }
    }
    return 1;
}

static int
has_switched(const Hot *hot, PyThreadState *tstate)
{
    return hot->quiet.tstate != tstate || hot->quiet.switches != gil_switches(tstate);
}

int
quiet_lasts(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object)
{
    const Quiet *quiet = &hot->quiet;
    /* Nobody was here since then, and this frame is the one that went on. */
    if (quiet->frame != frame || quiet->code != object ||
        quiet->visits + 1 != hot->entrance.visits ||
        quiet->asked != hot->settings.asked || has_switched(hot, tstate) ||
        !is_alone(object)) {
        return 0;
    }
    if (quiet->waits && quiet->without_handlers < quiet->since) {
        if (!has_no_handlers()) {
            return 0;
        }
        hot->quiet.without_handlers = hot->changes.events + 1;
    }
    return 1;
}

static void
remember(Hot *hot, PyThreadState *tstate, HotFrame *frame, PyCodeObject *object, int waits)
{
    hot->quiet.frame = frame;
    hot->quiet.code = object;
    hot->quiet.visits = hot->entrance.visits;
    hot->quiet.tstate = tstate;
    hot->quiet.switches = gil_switches(tstate);
    hot->quiet.waits = waits;
}

void
quiet_goes_on(Hot *hot, PyThreadState *tstate, HotFrame *frame, Code *code)
{
    hot->quiet.frame = NULL;
    if (hot->settings.looks_always || hot->settings.level < LEVEL_VALUES) {
        return;
    }
    const uint8_t *facts = facts_of(hot, code);
    Py_ssize_t at = frame_lasti(frame) / 2;
    if (facts != NULL && at >= 0 && at < Py_SIZE(code->code) &&
        (facts[at] & (LINE_ACTS | LINE_IS_QUIET)) == LINE_IS_QUIET &&
        PyDict_CheckExact(frame->f_globals) && PyDict_CheckExact(frame->f_builtins)) {
        remember(hot, tstate, frame, code->code, facts[at] & LINE_WAITS);
    }
}

#else

int
quiet_lasts(Hot *Py_UNUSED(hot), PyThreadState *Py_UNUSED(tstate), HotFrame *Py_UNUSED(frame),
            PyCodeObject *Py_UNUSED(object))
{
    return 0;
}

void
quiet_goes_on(Hot *Py_UNUSED(hot), PyThreadState *Py_UNUSED(tstate), HotFrame *Py_UNUSED(frame),
              Code *Py_UNUSED(code))
{
}

#endif

void
quiet_begin(Hot *hot)
{
    hot->quiet.since = hot->changes.events;
    hot->quiet.asked = hot->settings.asked;
    hot->quiet.frame = NULL;
}
