/* Encodes live objects to bytes, within limits and without running their code: the twin of
 * pure/values.py, which says what a value is.
 *
 * The caller owns the value. -1: an exception is set, and what was put into the buffer means nothing.
 */
#ifndef HOT_VALUES_H
#define HOT_VALUES_H

#include "hot.h"

/* What stands under a name that hides so much (secrets.h). Objects stand in it by their numbers. */
int value_encode(Hot *hot, Buffer *out, PyObject *value, int level);

/* A part of what an object holds. */
int part_encode(Hot *hot, Buffer *out, PyObject *value, int level);

/* All that an object without parts holds, and the tag of a value that tells of it. */
int leaf_encode(Hot *hot, Buffer *out, PyObject *value, TypeReader *reader, int *tag);

/* A text that is no value of the program's: what was printed, the message of an exception. */
int text_encode(Hot *hot, Buffer *out, PyObject *string);

/* Encode into `values.bytes`, in place of what was there. */
int value_to_scratch(Hot *hot, PyObject *value, int level);

void value_scratch_free(Hot *hot);

#endif
