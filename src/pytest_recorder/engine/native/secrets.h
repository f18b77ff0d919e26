/* What must not be written: asked of Python once for a name, and remembered. */
#ifndef HOT_SECRETS_H
#define HOT_SECRETS_H

#include "hot.h"

/* How much of what stands under a name is hidden: `redaction/names.py`. */
enum { HIDES_NOTHING, HIDES_TEXTS, HIDES_NUMBERS, HIDES_EVERYTHING };

/* Whether a value of this shape is hidden then. */
static inline int
is_hidden(int shape, int level)
{
    return shape == SHAPE_SUB_STR || shape == SHAPE_SUB_BYTES || shape == SHAPE_BYTEARRAY ||
           level == HIDES_EVERYTHING || (level == HIDES_NUMBERS && shape == SHAPE_SUB_INT);
}

/* How much is hidden, or -1 and an exception. `string` is the name as an object. */
int name_is_secret(Hot *hot, Name *name, PyObject *string);
int string_is_secret(Hot *hot, PyObject *string);

/* The same of a key of a dict, and of the first of two items where that can name the other. The
 * caller owns it. */
int key_is_secret(Hot *hot, PyObject *key);
int first_of_pair_is_secret(Hot *hot, PyObject *first);

/* Hide a string or bytes from now on wherever it is part of a text. The caller owns it. */
int remember_secret(Hot *hot, PyObject *value);

/* Put a value that must not be written: its type, whose number is given. */
int secret_put(Hot *hot, Buffer *out, PyObject *value, uint32_t type);

/* The text with what is secret hidden, a new reference. */
PyObject *masked(Hot *hot, PyObject *text);

/* Whether `masked` could find something to hide. */
int may_hide(Hot *hot, PyObject *text);

/* Start the next trace. */
void secrets_begin(Hot *hot);

/* A container is written where it stands. */
void count_in_place(Hot *hot);

/* Values of this trace of which only the type was written. */
void redacted_set(Hot *hot, uint64_t count);

#endif
