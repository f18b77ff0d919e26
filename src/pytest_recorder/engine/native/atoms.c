/* An atom is told by what its payload in memory would be made of, compared word by word. */

#include "atoms.h"
#include "payloads.h"
#include "reading.h"

#ifdef HOT_INTERNALS

/* The hash of a name that Python keeps; -1 of what is no plain text, or has none yet. */
static inline Py_hash_t
hash_of_name(PyObject *name)
{
    return PyUnicode_CheckExact(name) ? ((PyASCIIObject *)name)->hash : -1;
}

static inline uint64_t
function_tells(PyFunctionObject *function)
{
    uint64_t line = (uint64_t)((PyCodeObject *)function->func_code)->co_firstlineno;
    return (uint64_t)hash_of_name(function->func_qualname) + (line << 1);
}

static inline uint64_t
class_tells(const Hot *hot, PyTypeObject *type)
{
    return (uint64_t)hash_of_name(((PyHeapTypeObject *)type)->ht_qualname) +
           namespace_tells(hot, type);
}

int
atom_see(const Hot *hot, Object *object, PyObject *value, Atom *atom)
{
    PyTypeObject *type = Py_TYPE(value);
    if (hot->settings.looks_always) {
        return 0;
    }
    memset(atom, 0, sizeof(*atom));
    atom->object = object;
    atom->value = value;
    atom->type = type;
    if (type == &PyFunction_Type) {
        PyFunctionObject *function = (PyFunctionObject *)value;
        scalar_payload(hot, function->func_qualname); /* so that Python keeps its hash */
        atom->name = function->func_qualname;
        atom->rest = function->func_code;
        atom->tells = function_tells(function);
        return hash_of_name(function->func_qualname) != -1;
    }
    if (type == &PyCFunction_Type) {
        PyTypeObject *owner = builtin_owner(value);
        atom->name = ((PyCFunctionObject *)value)->m_ml;
        atom->rest = owner;
        return owner == NULL || !(owner->tp_flags & Py_TPFLAGS_HEAPTYPE);
    }
    if (type != &PyType_Type) {
        return 0; /* of a class of classes nothing is known */
    }
    if (!(((PyTypeObject *)value)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return 1;
    }
    PyObject *name = ((PyHeapTypeObject *)value)->ht_qualname;
    scalar_payload(hot, name);
    atom->name = name;
    atom->rest = ((PyTypeObject *)value)->tp_dict;
    atom->tells = class_tells(hot, (PyTypeObject *)value);
    return hash_of_name(name) != -1;
}

static inline int
atom_is_same(const Hot *hot, const Atom *atom)
{
    PyObject *value = atom->value;
    PyTypeObject *type = Py_TYPE(value);
    if (type != atom->type) {
        return 0;
    }
    if (type == &PyFunction_Type) {
        PyFunctionObject *function = (PyFunctionObject *)value;
        return function->func_qualname == atom->name && function->func_code == atom->rest &&
               function_tells(function) == atom->tells;
    }
    if (type == &PyCFunction_Type) {
        return ((PyCFunctionObject *)value)->m_ml == atom->name &&
               builtin_owner(value) == atom->rest;
    }
    int is_heap = (((PyTypeObject *)value)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    if (atom->name == NULL) {
        return !is_heap;
    }
    return is_heap && ((PyHeapTypeObject *)value)->ht_qualname == atom->name &&
           ((PyTypeObject *)value)->tp_dict == atom->rest &&
           class_tells(hot, (PyTypeObject *)value) == atom->tells;
}

int
atoms_are_same(const Hot *hot, const Object *object)
{
    for (int i = 0; i < object->atom_count; i++) {
        const Atom *atom = &object->atoms[i];
        if (!atom_is_same(hot, atom) ||
            (object->atoms_gone != hot->objects.atoms_gone && atom->object->is_gone)) {
            return 0;
        }
    }
    return 1;
}

#else

int
atom_see(const Hot *Py_UNUSED(hot), Object *Py_UNUSED(object), PyObject *Py_UNUSED(value),
         Atom *Py_UNUSED(atom))
{
    return 0;
}

int
atoms_are_same(const Hot *Py_UNUSED(hot), const Object *Py_UNUSED(object))
{
    return 1;
}

#endif
