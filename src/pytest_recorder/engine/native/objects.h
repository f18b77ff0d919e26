/* The objects of a trace by their addresses, and their numbers: the twin of pure/objects.py. */
#ifndef HOT_OBJECTS_H
#define HOT_OBJECTS_H

#include "hot.h"

/* Objects that are known at once. When there are more, those out of view are forgotten. */
#define MOST_OBJECTS (1 << 14)

/* What is known of an object; it counts as met. `found` lives until the trace ends. -1: an exception. */
int object_refer(Hot *hot, PyObject *value, Object **found);

/* Its number alone. */
int object_number(Hot *hot, PyObject *value, uint32_t *number);

/* What held the value that is encoded next, the last time: an object, a variable, or nothing. */
void objects_held_by(Hot *hot, const Object *of, const KnownValue *where);

/* A look begins. */
void objects_look(Hot *hot, uint64_t look);

/* What was met is let go. */
void objects_drop_met(Hot *hot);

/* The last look that found a change in view of these objects. -1: MemoryError. */
int objects_newest(Hot *hot, Object *const *roots, int count, uint64_t *newest);

/* Forget those out of view of live frames, if there are too many. */
int objects_make_room(Hot *hot);

void objects_clear(Hot *hot);
void objects_free(Hot *hot);

/* Whether the objects in an object are compared with those that it held. */
static inline int
is_holder(const Object *object)
{
    return object->shape < SHAPE_ENUM || object->shape == SHAPE_FROZENSET;
}

/* Whether it counts towards the bound on what is in view. */
static inline int
is_counted(const Object *object)
{
    return object->shape != SHAPE_OTHER && is_holder(object);
}

#endif
