#ifndef HOT_SETTRACE_H
#define HOT_SETTRACE_H

#include "visit.h"

PyObject *hot_call(Hot *hot, PyObject *args, PyObject *keywords);
PyObject *ask_is_traced(Hot *hot, PyObject *ignored);
PyObject *do_join_thread(Hot *hot, PyObject *args);
PyObject *do_trace_thread(Hot *hot, PyObject *ignored);
PyObject *do_untrace_thread(Hot *hot, PyObject *ignored);

#endif
