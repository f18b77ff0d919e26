/* Whether an object still holds what it held, by a comparison of memory: nothing here runs code, and
 * what it reads is reached from an object that is alive.
 */
#ifndef HOT_QUICK_H
#define HOT_QUICK_H

#include "hot.h"
#include "types.h"

/* Remember what an object holds; it has just been read. `is_deep`: a container in it may have been
 * written in place. -1: MemoryError. */
int quick_keep(Hot *hot, Object *object, PyObject *value, TypeReader *reader, int is_deep);

/* 1: it holds the same. 0: nobody knows. `shows_atoms`: also the atoms in it are as they were, which
 * is not to be seen of those at the bound on depth. */
int quick_is_same(const Hot *hot, const Object *object, PyObject *value, int shows_atoms);

/* The same; it is remembered for this event where that tells of all that the object holds. */
static inline int
quick_check(Hot *hot, Object *object, PyObject *value, int shows_atoms)
{
    if (!quick_is_same(hot, object, value, shows_atoms)) {
        return 0;
    }
    if (shows_atoms || object->atom_count == 0) {
        object->checked = hot->changes.event;
    }
    return 1;
}

/* Whether an object that holds something else still holds the same objects: then only scalars have come,
 * changed or gone. 0 too where nobody knows. */
int quick_has_links(const Hot *hot, const Object *object, PyObject *value);

/* Whether an object at the bound on depth has as many parts as it had: 0 too where nobody knows. */
int quick_has_size(Hot *hot, const Object *object, PyObject *value);

/* Whether the object at an address has anything in common with what was there: 1 too where nobody
 * knows. */
int quick_shares(Hot *hot, const Object *object, PyObject *value);

/* The reader of the type of an object, if it is the one that was seen at its address. */
static inline TypeReader *
reader_as_seen(const Hot *hot, const Object *object, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    TypeReader *reader = hot->types.recent[recent_place(type)];
    int is_it = type == object->type && reader != NULL && reader->serial == object->serial &&
                reader_is_alive(reader);
    return is_it ? reader : NULL;
}

/* Whether an object is of the type that was seen at its address. */
static inline int
has_type_as_seen(const Hot *hot, const Object *object, PyObject *value)
{
    return Py_TYPE(value) == object->type &&
           (object->types_dead == types_dead || reader_as_seen(hot, object, value) != NULL);
}

#endif
