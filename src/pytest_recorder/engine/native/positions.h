/* The pieces of source that instructions come from: what a call, a raise or an unwinding says of it. */
#ifndef HOT_POSITIONS_H
#define HOT_POSITIONS_H

#include "hot.h"

/* Find the position of an instruction, by its offset in bytes, and define it where it is new in this
 * trace; none where nobody knows its columns. */
int place_find(Hot *hot, Code *code, int at);

/* Give the line of each instruction; -1 where it has none. */
void positions_lines(PyCodeObject *object, int *lines, int count);

void positions_free(Code *code);

/* The next call, raise or unwinding says nothing of its place. */
static inline void
place_clear(Hot *hot)
{
    hot->place.number = 0;
}

/* It says where this code stands. */
static inline int
place_set(Hot *hot, Code *code, int at)
{
    const Positions *positions = &code->positions;
    if (at >= 0 && positions->of != NULL && at / 2 < Py_SIZE(code->code)) {
        uint32_t of = positions->of[at / 2];
        if (of >= 2 && positions->all[of - 2].epoch == hot->numbers.epoch) {
            hot->place.number = positions->all[of - 2].number;
            return 0;
        }
    }
    return place_find(hot, code, at);
}

static inline void
put_place(const Hot *hot, Buffer *out)
{
    if (hot->place.number != 0) {
        put_byte(out, OP_PLACE);
        put_uv(out, hot->place.number);
    }
}

#endif
