/* What a value is made of, within the limits that were set: the walks that the encoder and the
 * fingerprint share.
 *
 * The caller owns the value and its type, and a reader of that type. A walk gives its items without
 * running code of the program; what the caller does with one can.
 */
#ifndef HOT_READING_H
#define HOT_READING_H

#include "hot.h"

/* Whose method a function in C is: NULL for a function of a module. Borrowed from it. */
PyTypeObject *builtin_owner(PyObject *function);

/* Levels. `depth` is the number of levels that are open above a value. */

static inline void
levels_reset(Hot *hot)
{
    hot->open.count = 0;
}

static inline void
level_open(Hot *hot, const void *value)
{
    hot->open.levels[hot->open.count++] = value;
}

static inline void
level_close(Hot *hot)
{
    hot->open.count--;
}

/* Why not all is shown of a container of `full` items; `why` where there are more than `most`. */
int reason_of(Hot *hot, const void *value, int depth, Py_ssize_t full, Py_ssize_t most, int why);

static inline int
shows_nothing(const Hot *hot, int reason, int depth)
{
    return reason == REASON_CYCLE || reason == REASON_DEPTH || depth >= hot->settings.depth;
}

/* The items of a sequence or set, by the built-in type and not by a subclass. */
typedef struct {
    PyObject *of;
    int kind;
    Py_ssize_t at;
    PyObject *iterator; /* owned, for what has no other way */
    PyObject *item;     /* owned, of the iterator */
} ItemWalk;

Py_ssize_t sequence_length(PyObject *value, int shape);
int item_walk_begin(ItemWalk *walk, PyObject *value, int shape);

/* 1 and an item, borrowed from what is walked over; 0 at the end; -1. */
int item_walk_next(ItemWalk *walk, PyObject **item);
void item_walk_end(ItemWalk *walk);

/* The attributes of an object: those in slots first, then those of its dictionary. */
typedef struct {
    PyObject *object;
    TypeReader *reader;
    int slot;
    int is_exception; /* `args` comes first */
    Py_ssize_t read;  /* of the dictionary */
    Attributes all;
} AttributeWalk;

/* 1 with a value and its name, new references; `name` is set where the name is no string of a
 * dictionary, `string` where it is one. 0 at the end; -1. */
int attribute_walk_begin(Hot *hot, AttributeWalk *walk, PyObject *object, TypeReader *reader,
                         Py_ssize_t *full);
int attribute_walk_next(Hot *hot, AttributeWalk *walk, Name **name, PyObject **string,
                        PyObject **value);
void attribute_walk_end(AttributeWalk *walk);

/* Objects whose parts are given by name: enum members, slices, functions, classes, modules. */
typedef struct {
    int count;
    const char *names[3];
    PyObject *values[3]; /* owned; NULL stands for None */
} Parts;

/* `parts_free` must follow, also after -1. */
int parts_of(PyObject *value, PyTypeObject *type, int shape, Parts *parts);
void parts_free(Parts *parts);

/* How much of what stands in an attribute is hidden, or -1. */
int attribute_is_secret(Hot *hot, Name *name, PyObject *string);

/* The parts of an object that has any, in all; 0 for a leaf, or where it is to be looked at to know. */
Py_ssize_t object_size(Hot *hot, PyObject *value, TypeReader *reader);

#endif
