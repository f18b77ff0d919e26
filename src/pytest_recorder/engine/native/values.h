/* Encodes live objects to bytes, within limits and without running their code: the twin of
 * pure/values.py, which says what a value is.
 *
 * The caller owns the value. -1: an exception is set, and what was put into the buffer means nothing.
 */
#ifndef HOT_VALUES_H
#define HOT_VALUES_H

#include "hot.h"

int value_encode(Hot *hot, Buffer *out, PyObject *value);

/* What stands under a name that hides so much (secrets.h). */
int value_encode_under(Hot *hot, Buffer *out, PyObject *value, int level);

/* A text that is no value of the program's: what was printed, the message of an exception. */
int text_encode(Hot *hot, Buffer *out, PyObject *string);

/* Encode into `values.bytes`, in place of what was there. */
int value_to_scratch(Hot *hot, PyObject *value, int level);

/* For fingerprints of what is known by its bytes: an int, and what the helper of this name says of a
 * value whose shape C does not know, below so many open levels. */
int int_encode(Hot *hot, Buffer *out, PyObject *value);
int other_encode(Hot *hot, Buffer *out, const char *helper, PyObject *value, int depth);

void value_scratch_free(Hot *hot);

#endif
