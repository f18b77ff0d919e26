/* A watcher on the namespace of `sys` (3.12), or its version (3.11), saves most looks. */

#include "streams.h"
#include "failures.h"
#include "settings.h"

int
look_at_streams(Hot *hot)
{
    /* Only their addresses are looked at. */
    PyObject *out, *err = NULL;
    if (dict_find(hot->streams.sys, "stdout", &out) < 0 ||
        dict_find(hot->streams.sys, "stderr", &err) < 0) {
        Py_XDECREF(out);
        return -1;
    }
    Py_XDECREF(out);
    Py_XDECREF(err);
    uint64_t version = dict_version(hot->streams.sys);
    /* The same address can be another stream; a version of the namespace tells. */
    if (!hot->streams.changed && version == hot->streams.version &&
        (void *)out == hot->streams.stdout_seen && (void *)err == hot->streams.stderr_seen) {
        return 0;
    }
    hot->streams.changed = 0;
    hot->streams.version = version;
    hot->streams.stdout_seen = out;
    hot->streams.stderr_seen = err;
    PyObject *done = PyObject_CallMethod(helpers_asked(hot), "streams_changed", NULL);
    Py_XDECREF(done);
    return done == NULL ? helper_failed(hot, "streams_changed") : 0;
}

void
streams_forget(Hot *hot)
{
    hot->streams.changed = 1;
}

#ifdef HOT_311

static int
watch_sys(Hot *Py_UNUSED(hot))
{
    return 0;
}

static void
unwatch_sys(Hot *Py_UNUSED(hot))
{
}

#else

/* One watcher for the process; each recording that lives is told. */
static int watcher = -1;
static Hot *watching[16];

static int
on_sys_change(PyDict_WatchEvent Py_UNUSED(event), PyObject *Py_UNUSED(dict), PyObject *key,
              PyObject *Py_UNUSED(value))
{
    int matters = key == NULL || !PyUnicode_Check(key) ||
                  PyUnicode_CompareWithASCIIString(key, "stdout") == 0 ||
                  PyUnicode_CompareWithASCIIString(key, "stderr") == 0;
    for (size_t i = 0; matters && i < 16; i++) {
        if (watching[i] != NULL) {
            streams_forget(watching[i]);
        }
    }
    return 0;
}

/* 1 where it was to be had. */
static int
watch_sys(Hot *hot)
{
    if (watcher < 0) {
        watcher = PyDict_AddWatcher(on_sys_change);
        if (watcher < 0 || PyDict_Watch(watcher, hot->streams.sys) < 0) {
            PyErr_Clear(); /* others have taken them all: each event looks for itself */
            return 0;
        }
    }
    for (size_t i = 0; i < 16; i++) {
        if (watching[i] == NULL) {
            watching[i] = hot;
            return 1;
        }
    }
    return 0;
}

static void
unwatch_sys(Hot *hot)
{
    int others = 0;
    for (size_t i = 0; i < 16; i++) {
        if (watching[i] == hot) {
            watching[i] = NULL;
        }
        others |= watching[i] != NULL;
    }
    if (!others && watcher >= 0) {
        /* Leave the namespace of `sys` as it was found. */
        if (PyDict_Unwatch(watcher, hot->streams.sys) < 0 || PyDict_ClearWatcher(watcher) < 0) {
            PyErr_Clear();
        }
        watcher = -1;
    }
}

#endif

int
streams_make(Hot *hot)
{
    /* Not by the `__import__` of the built-ins, which a test may have replaced. */
    PyObject *module = PyImport_ImportModuleLevel("sys", NULL, NULL, NULL, 0);
    if (module == NULL) {
        return -1;
    }
    hot->streams.sys = Py_NewRef(PyModule_GetDict(module));
    Py_DECREF(module);
    hot->streams.has_watcher = watch_sys(hot);
    return 0;
}

void
streams_free(Hot *hot)
{
    if (hot->streams.sys != NULL) {
        unwatch_sys(hot);
        hot->streams.has_watcher = 0;
        Py_CLEAR(hot->streams.sys);
    }
}
