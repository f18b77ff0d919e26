/* Counts what could not be recorded, by reason, until a gap in the trace tells it. */
#ifndef HOT_LOSSES_H
#define HOT_LOSSES_H

#include "hot.h"

int losses_make(Hot *hot);
void losses_clear(Hot *hot);
void losses_free(Hot *hot);

/* -1: an exception is set. */
int hot_lose(Hot *hot, const char *reason, Py_ssize_t count);

/* The same where an exception may be pending, which stays as it is; without memory it has the reason `memory`. */
void hot_lose_quietly(Hot *hot, const char *reason);

/* What no gap has told yet, for the caller to tell: a new reference, or NULL and an exception. */
PyObject *losses_take(Hot *hot);

static inline int
has_untold_losses(const Hot *hot)
{
    return PyDict_GET_SIZE(hot->losses.untold) > 0 || hot->losses.uncounted > 0;
}

#endif
