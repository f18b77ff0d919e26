/* What of the interpreter tells what can have run between two events. */
#ifndef HOT_BETWEEN_H
#define HOT_BETWEEN_H

#include "internals.h"

#ifdef HOT_QUIET

/* How often threads have taken turns. */
static inline uint64_t
gil_switches(PyThreadState *tstate)
{
    return tstate->interp->ceval.gil->switch_number;
}

/* What is called when a signal comes; NULL: nothing. */
static inline PyObject *
signal_handler(int number)
{
#ifdef HOT_313
    return _PyRuntime.signals.handlers[number].func;
#else
    return (PyObject *)_Py_atomic_load_relaxed(&_PyRuntime.signals.handlers[number].func);
#endif
}

#endif

#endif
