/* Whether an object still holds what it held, by a comparison of memory: nothing here runs code, and
 * what it reads is reached from an object that is alive.
 */
#ifndef HOT_QUICK_H
#define HOT_QUICK_H

#include "hot.h"

/* The parts of an object that has any, in all; 0 for a leaf, or where it is to be looked at to know. */
Py_ssize_t object_size(Hot *hot, PyObject *value, TypeReader *reader);

/* Remember what an object holds; it has just been read. -1: MemoryError. */
int quick_keep(Hot *hot, Object *object, PyObject *value, TypeReader *reader);

/* 1: it holds the same. 0: nobody knows. */
int quick_is_same(const Hot *hot, const Object *object, PyObject *value);

/* Whether an object at the bound on depth has as many parts as it had: 0 too where nobody knows. */
int quick_has_size(Hot *hot, const Object *object, PyObject *value);

/* Whether the object at an address has anything in common with what was there: 1 too where nobody
 * knows. */
int quick_shares(Hot *hot, const Object *object, PyObject *value);

/* Whether an object is of the type that was seen at its address. */
static inline int
has_type_as_seen(const Hot *hot, const Object *object, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    TypeReader *reader = hot->types.recent[((uintptr_t)type >> 6) % RECENT_READERS];
    return type == object->type && reader != NULL && reader->serial == object->serial &&
           (reader->weak == NULL ||
            ((PyWeakReference *)reader->weak)->wr_object == (PyObject *)type);
}

#endif
