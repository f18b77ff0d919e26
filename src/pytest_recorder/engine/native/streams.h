/* Whoever replaces sys.stdout or sys.stderr is noticed at the next event. */
#ifndef HOT_STREAMS_H
#define HOT_STREAMS_H

#include "hot.h"

int look_at_streams(Hot *hot);

static inline int
check_streams(Hot *hot)
{
    if (!hot->streams.changed &&
        (hot->streams.has_watcher ||
         (hot->streams.version != 0 &&
          hot->streams.version == dict_version(hot->streams.sys)))) {
        return 0;
    }
    return look_at_streams(hot);
}

/* Look again, whatever the next event is. */
void streams_forget(Hot *hot);

int streams_make(Hot *hot);
void streams_free(Hot *hot);

#endif
