/* As the getters in C of `type` give them: no metaclass is asked. */

#include "classes.h"

static const char *
static_name(PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');
    return dot != NULL ? dot + 1 : type->tp_name;
}

PyObject *
class_qualname(PyTypeObject *type)
{
    /* An exact str, also where the program has given one of a subclass. */
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE
               ? PyUnicode_FromObject(((PyHeapTypeObject *)type)->ht_qualname)
               : PyUnicode_FromString(static_name(type));
}

int
class_module(PyTypeObject *type, PyObject **module)
{
    *module = NULL;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        const char *name = static_name(type);
        if (name == type->tp_name) {
            return 0;
        }
        *module = PyUnicode_FromStringAndSize(type->tp_name, name - type->tp_name - 1);
        return *module != NULL ? 0 : -1;
    }
    PyObject *namespace = type_namespace(type);
    int status = namespace != NULL ? dict_find(namespace, "__module__", module) : 0;
    Py_XDECREF(namespace);
    return status < 0 ? -1 : 0;
}

PyObject *
class_name(PyTypeObject *type)
{
    PyObject *module, *name = class_qualname(type);
    if (name == NULL) {
        return NULL;
    }
    if (class_module(type, &module) < 0) {
        Py_DECREF(name);
        return NULL;
    }
    if (module != NULL && PyUnicode_CheckExact(module) &&
        PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        Py_SETREF(name, PyUnicode_FromFormat("%U.%U", module, name));
    }
    Py_XDECREF(module);
    return name;
}
