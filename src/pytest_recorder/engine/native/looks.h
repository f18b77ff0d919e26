/* Looks at all that is in view of some values, and tells what is new: the twin of `Objects.end`. */
#ifndef HOT_LOOKS_H
#define HOT_LOOKS_H

#include "hot.h"

/* Begin a look: `looks.records` is empty. -1: an exception is set, here and below. */
int look_begin(Hot *hot, const FrameState *state);

/* What comes is looked at and counted for itself, whatever is in view already. */
void look_further(Hot *hot);

/* What the last value that was encoded refers to is in view, too. */
int look_take_met(Hot *hot);

/* Own what is in view, before anything runs. */
void look_own(Hot *hot);

/* Look at one object, which the caller owns: only scalars in it have changed. */
int look_again(Hot *hot, Object *object, PyObject *value);

/* An object is in view that holds what it held. */
void look_passes(Hot *hot, const Object *object);

/* What a variable refers to is in view, and where it was. */
int look_take_roots(Hot *hot, const KnownValue *known);

/* Look at what is in view, and put the records of what is new. */
int look_run(Hot *hot);

/* Let go of what was looked at. */
void look_end(Hot *hot);

/* Remember for a frame what is in view now. */
int look_keep_view(Hot *hot, FrameState *state);

void looks_free(Hot *hot);

#endif
