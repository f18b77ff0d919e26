/* What Python asks and orders: the helpers, the engines, the recorder, and tests. */
#ifndef HOT_METHODS_H
#define HOT_METHODS_H

#include "hot.h"

#define FAST(name, function) \
    {name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL, NULL}
#define PLAIN(name, function, flags) {name, (PyCFunction)(void (*)(void))(function), flags, NULL}

extern PyMethodDef core_methods[];

#endif
