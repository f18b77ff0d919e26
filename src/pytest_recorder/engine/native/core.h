/* The type that Python sees: its life and its attributes. */
#ifndef HOT_CORE_H
#define HOT_CORE_H

#include "hot.h"

/* A new reference. */
PyObject *core_type(PyObject *module);

#endif
