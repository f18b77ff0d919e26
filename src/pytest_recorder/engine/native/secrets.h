/* What must not be written: asked of Python once for a name, and remembered. */
#ifndef HOT_SECRETS_H
#define HOT_SECRETS_H

#include "hot.h"

/* 1, 0, or -1 and an exception. `string` is the name as an object. */
int name_is_secret(Hot *hot, Name *name, PyObject *string);
int string_is_secret(Hot *hot, PyObject *string);

/* Hide a value from now on wherever it is part of a text. */
int remember_secret(Hot *hot, PyObject *value);

/* The text with what is secret hidden, a new reference. */
PyObject *masked(Hot *hot, PyObject *text);

/* Whether `masked` could find something to hide. */
int may_hide(Hot *hot, PyObject *text);

/* Values of this trace of which only the type was written. */
void redacted_set(Hot *hot, uint64_t count);

#endif
