/* How the instances of each type are read, as Python describes it once. */
#ifndef HOT_TYPES_H
#define HOT_TYPES_H

#include "hot.h"
#include "mix.h"

TypeReader *reader_look_up(Hot *hot, PyTypeObject *type);

/* How many types that were described have died, in the whole process: as long as none has, a type at an
 * address is the one that was there. */
extern uint64_t types_dead;

/* Between two traces: forget dead types where there are many. */
void readers_sweep(Hot *hot);
void readers_free(Hot *hot);

static inline int
reader_is_alive(const TypeReader *reader)
{
    return reader->weak == NULL ||
           ((PyWeakReference *)reader->weak)->wr_object == (PyObject *)reader->type;
}

/* NULL and an exception where the type could not be described. The caller owns the type for as long
 * as it uses the reader. */
/* Where the reader of a type is kept that was asked for last. */
static inline size_t
recent_place(const PyTypeObject *type)
{
    return (size_t)mix_pointer(type) % RECENT_READERS;
}

static inline TypeReader *
reader_of(Hot *hot, PyTypeObject *type)
{
    TypeReader *reader = hot->types.recent[recent_place(type)];
    return reader != NULL && reader->type == type && reader_is_alive(reader)
               ? reader
               : reader_look_up(hot, type);
}

#endif
