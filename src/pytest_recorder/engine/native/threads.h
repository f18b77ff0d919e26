/* What is known of a thread in one trace; its first record defines it. */
#ifndef HOT_THREADS_H
#define HOT_THREADS_H

#include "hot.h"

/* The thread if it has left a record in this trace, or NULL. */
Thread *thread_known(Hot *hot, PyThreadState *tstate);

/* NULL and an exception where it could not be defined. */
Thread *thread_of(Hot *hot, PyThreadState *tstate);

void threads_clear(Hot *hot);
void threads_free(Hot *hot);

#endif
