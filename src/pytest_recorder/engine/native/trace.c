/* Each struct of the state is cleared by the file that owns it; here is the order. */

#include "trace.h"
#include "clock.h"
#include "codes.h"
#include "contents.h"
#include "definitions.h"
#include "frames.h"
#include "looks.h"
#include "losses.h"
#include "meter.h"
#include "objects.h"
#include "records.h"
#include "secrets.h"
#include "segments.h"
#include "settings.h"
#include "states.h"
#include "streams.h"
#include "threads.h"
#include "types.h"

int
hot_begin(Hot *hot)
{
    frames_begin(hot);
    threads_clear(hot);
    numbers_clear(hot);
    objects_clear(hot);
    losses_clear(hot);
    secrets_begin(hot);
    meter_begin(hot);
    segments_clear(hot);
    streams_forget(hot);
    readers_sweep(hot);
    settings_restore_level(hot);
    return clock_begin(hot);
}

int
hot_end(Hot *hot, PyThreadState *tstate)
{
    int status = write_gaps(hot, tstate);
    hot_forget(hot);
    return status;
}

void
hot_forget(Hot *hot)
{
    frames_clear(hot);
    streams_forget(hot);
}

void
hot_release(Hot *hot)
{
    segments_forget(hot);
    frames_free(hot);
    threads_free(hot);
    states_release(hot);
    codes_free(hot);
    readers_free(hot);
    looks_free(hot);
    contents_free(hot);
    objects_free(hot);
}
