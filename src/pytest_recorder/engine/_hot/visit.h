/* One visit of the interpreter: the turn of a thread, what was pending, and what went wrong. */
#ifndef HOT_VISIT_H
#define HOT_VISIT_H

#include "records.h"

typedef struct {
    PyThreadState *tstate;
    PyObject *type, *value, *traceback; /* what was pending */
} Visit;

/* 1: inside, `leave` must follow. 0: nothing is taken now. -1: this thread is inside already. */
int enter(Hot *hot, Visit *visit);

/* -1: an exception of the program's own is to go on. */
int leave(Hot *hot, Visit *visit);

/* Count what could not be taken because this thread was inside. */
void refuse(Hot *hot, int entered, PyObject *code);

#endif
