/* Code objects: whether one is in scope, and what is read of its frames. */
#ifndef HOT_CODES_H
#define HOT_CODES_H

#include "hot.h"

/* Flags of code whose frames can pause and go on. */
#define SUSPENDABLE (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)

/* What was met before and is in scope, or NULL. */
Code *code_known(Hot *hot, PyCodeObject *object);

/* Ask what there is to know of one. NULL and an exception where that failed. */
Code *code_meet(Hot *hot, PyCodeObject *object, PyObject *globals);

/* Whether it is known to be out of scope. Asks no Python. */
int code_is_outside(Hot *hot, PyCodeObject *object, PyObject *globals);

/* Make `bytecode`. */
int code_bytes(Code *code);

/* The line at which a frame stands, or less than 1. */
int line_at(HotFrame *frame, Code *code);

void codes_free(Hot *hot);

#endif
