/* What a recording was made with, and what an engine sets later. All references are owned. */
#ifndef HOT_SETTINGS_H
#define HOT_SETTINGS_H

#include "hot.h"

/* From the arguments of the constructor. */
int settings_take(Hot *hot, PyObject *args, PyObject *keywords);
int settings_traverse(Hot *hot, visitproc visit, void *arg);
void settings_clear(Hot *hot);

/* Whom Python is asked of: what runs there can change any object, so it is counted. Borrowed. */
PyObject *helpers_asked(Hot *hot);
PyObject *sink_asked(Hot *hot);
PyObject *clock_asked(Hot *hot);

/* What is recorded now: what was asked for, or this. */
void settings_restore_level(Hot *hot);
void settings_set_level(Hot *hot, int level);
PyObject *get_level(Hot *hot, void *closure);

/* What can be set later; None takes it away. */
PyObject *get_clock(Hot *hot, void *closure);
int set_clock(Hot *hot, PyObject *value, void *closure);
PyObject *get_enable(Hot *hot, void *closure);
int set_enable(Hot *hot, PyObject *value, void *closure);
PyObject *get_put_back(Hot *hot, void *closure);
int set_put_back(Hot *hot, PyObject *value, void *closure);
PyObject *get_injected(Hot *hot, void *closure);
int set_injected(Hot *hot, PyObject *value, void *closure);

#endif
