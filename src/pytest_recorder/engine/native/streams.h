/* Whoever replaces sys.stdout or sys.stderr is noticed at the next event. */
#ifndef HOT_STREAMS_H
#define HOT_STREAMS_H

#include "hot.h"

int check_streams(Hot *hot);

/* Look again, whatever the next event is. */
void streams_forget(Hot *hot);

int streams_make(Hot *hot);
void streams_free(Hot *hot);

#endif
