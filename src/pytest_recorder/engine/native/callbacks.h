/* What sys.monitoring calls. A callback never raises but what the program's own signal handlers
 * raised inside it, and leaves a pending exception as it found it.
 */
#ifndef HOT_CALLBACKS_H
#define HOT_CALLBACKS_H

#include "hot.h"

typedef PyObject *(*Callback)(Hot *, PyObject *const *, Py_ssize_t);

PyObject *on_start(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_resume(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_line(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_return(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_yield(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_throw(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_raise(Hot *hot, PyObject *const *args, Py_ssize_t count);
PyObject *on_unwind(Hot *hot, PyObject *const *args, Py_ssize_t count);

#endif
