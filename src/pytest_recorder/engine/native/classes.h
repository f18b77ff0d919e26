/* What a class is called. */
#ifndef HOT_CLASSES_H
#define HOT_CLASSES_H

#include "hot.h"

/* Each gives a new reference, an exact str, or NULL and an exception. A class without a module that is
 * known gives 0 and NULL. */
int class_module(PyTypeObject *type, PyObject **module);
PyObject *class_qualname(PyTypeObject *type);

/* The name of a class as shapes.type_name gives it. */
PyObject *class_name(PyTypeObject *type);

#endif
