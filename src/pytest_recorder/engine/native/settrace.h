/* The trace function in C, on Python 3.11; on newer ones its methods say that it is not there. */
#ifndef HOT_SETTRACE_H
#define HOT_SETTRACE_H

#include "hot.h"

PyObject *hot_call(Hot *hot, PyObject *args, PyObject *keywords);
PyObject *ask_is_traced(Hot *hot, PyObject *ignored);
PyObject *do_join_thread(Hot *hot, PyObject *args);
PyObject *do_trace_thread(Hot *hot, PyObject *ignored);
PyObject *do_untrace_thread(Hot *hot, PyObject *ignored);

#ifdef HOT_311
int hot_trace(PyObject *self, PyFrameObject *object, int what, PyObject *argument);

/* Install this one instead, from the next time on. */
void trace_by(Hot *hot, Py_tracefunc function);
#endif

#endif
