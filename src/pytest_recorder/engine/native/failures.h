/* What fails in here is for the recorder's guard to decide: nobody else says what is raised. */
#ifndef HOT_FAILURES_H
#define HOT_FAILURES_H

#include "hot.h"

/* Hand the exception that is set to a handler of the guard's, with the name of what has failed; without
 * a handler it is dropped. 0: contained. -1: an exception is set. */
int tell_guard(PyObject *handler, const char *name);

/* A helper has failed. 0: the guard has contained it and counts it; the caller goes on with a mark.
 * -1: it is the program's own, or one after which nothing can go on. */
int helper_failed(Hot *hot, const char *helper);

/* Whether the trace has ended under whoever is inside: it must not write any more. -1 and an
 * exception that goes no further than `leave`. */
int trace_is_over(Hot *hot);
int is_over_error(const Hot *hot, PyObject *value);

#endif
