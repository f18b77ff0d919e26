/* The type that stands in for Core in a process where faults were asked for. */
#ifndef HOT_INJECT_H
#define HOT_INJECT_H

#include "hot.h"

int add_injected_core(PyObject *module, PyObject *core);

#endif
