/* Functions, classes and built-in functions that something holds: what is shown of them changes next to
 * never, and there are many of them. Their holder remembers what tells that each is as it was, so that
 * they need not be looked at one by one.
 */
#ifndef HOT_ATOMS_H
#define HOT_ATOMS_H

#include "hot.h"

/* Whether an object is of a shape that can be an atom. */
static inline int
can_be_atom(const Object *object)
{
    return object->shape == SHAPE_FUNCTION || object->shape == SHAPE_CLASS ||
           object->shape == SHAPE_BUILTIN;
}

/* Remember what tells that an object is as it is. 0: it is to be looked at. */
int atom_see(const Hot *hot, Object *object, PyObject *value, Atom *atom);

/* Whether the atoms in an object that holds what it held, so that they are alive, are as they were. */
int atoms_are_same(const Hot *hot, const Object *object);

#endif
