/* Numbers files, code objects, positions, names, types and threads, and defines each before its first use.
 *
 * What is known of a text, a type or a code object lives as long as the recording; its number
 * belongs to one trace, which `epoch` tells.
 */
#ifndef HOT_DEFINITIONS_H
#define HOT_DEFINITIONS_H

#include "hot.h"

int name_number(Hot *hot, Name *name, uint32_t *number);
int type_number(Hot *hot, Name *definition, uint32_t *number);
int code_define(Hot *hot, Code *code);
int define_thread(Hot *hot, uint32_t number);

/* Give a piece of source a number in this trace. */
int position_define(Hot *hot, Position *position);

/* A new trace: all numbers begin anew. */
void numbers_clear(Hot *hot);

/* The number goes out; its definition before it, where this is the first use. */
static inline int
put_name(Hot *hot, Buffer *out, Name *name)
{
    uint32_t number;
    if (name_number(hot, name, &number) < 0) {
        return -1;
    }
    put_uv(out, number);
    return 0;
}

#endif
