/* Where records go: the two segments of the spool that are being filled.
 *
 * The sink in Python starts a segment, and moves the map for it; C writes the records and the head of
 * a segment itself. Whoever calls Python that may call the sink says so: `segments_forget` before,
 * for a signal handler of the program's may end the call halfway, and then nobody knows where
 * records may go; `segments_refresh` after.
 */
#ifndef HOT_SEGMENTS_H
#define HOT_SEGMENTS_H

#include "hot.h"

/* No record goes anywhere, and no frame is the current one. */
void segments_forget(Hot *hot);

/* Where the records go now; `current` is the frame that is the current one again, or NULL. */
int segments_refresh(Hot *hot, FrameState *current);

/* A new trace. */
void segments_clear(Hot *hot);

/* From now on events are for the next segment, in which no frame is introduced yet. */
void segments_turn_over(Hot *hot);

/* Start that segment, with room for so many bytes. */
int segments_next_events(Hot *hot, size_t size);

int segments_write_definition(Hot *hot, const uint8_t *data, size_t size);

/* A frame is no more. */
void segments_forget_frame(Hot *hot, const FrameState *state);

static inline size_t
segments_room(const Hot *hot)
{
    return (size_t)(hot->spool.events.end - hot->spool.events.at);
}

/* The record counts from the moment when the head of its segment covers it: bytes and events stand
 * there side by side, little-endian. */
static inline void
segments_count_event(Hot *hot)
{
    Segment *segment = &hot->spool.events;
    segment->events++;
    uint64_t used = (uint64_t)(segment->at - (hot->spool.map + segment->start)) - SEGMENT_HEAD;
    uint64_t progress = little_64(used | (uint64_t)segment->events << 32);
    __atomic_store_n((uint64_t *)(hot->spool.map + segment->start + SEGMENT_USED_AT), progress,
                     __ATOMIC_RELEASE);
}

/* Append an event for which there is room: what introduces its frame, then the record. */
static inline void
segments_append(Hot *hot, const Buffer *prefix, const Buffer *record)
{
    Segment *segment = &hot->spool.events;
    if (prefix != NULL && prefix->used > 0) {
        memcpy(segment->at, prefix->data, prefix->used);
        segment->at += prefix->used;
    }
    memcpy(segment->at, record->data, record->used);
    segment->at += record->used;
    segments_count_event(hot);
}

/* Append records that are no event, for which there is room. They count with the next event. */
static inline void
segments_append_objects(Hot *hot, const Buffer *records)
{
    if (records->used > 0) {
        memcpy(hot->spool.events.at, records->data, records->used);
        hot->spool.events.at += records->used;
    }
}

/* The frame whose event was written last, at the time of the last record. */
static inline void
segments_set_current(Hot *hot, FrameState *state)
{
    hot->spool.current = state;
}

static inline void
segments_set_written(Hot *hot, int64_t written_us)
{
    hot->spool.written_us = written_us;
}

/* Append an event that is its operation and a number, if there is room for any such. */
static inline int
segments_append_short(Hot *hot, int op, int64_t number)
{
    if (segments_room(hot) < 12) {
        return 0;
    }
    uint8_t *at = hot->spool.events.at;
    *at++ = (uint8_t)op;
    at += write_zz(at, number);
    hot->spool.events.at = at;
    segments_count_event(hot);
    return 1;
}

#endif
