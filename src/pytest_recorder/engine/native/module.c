/* The module: two types, and what it was built for. */

#include "core.h"
#include "inject.h"

static int
module_exec(PyObject *module)
{
    PyObject *type = core_type(module);
    if (type == NULL || PyModule_AddObjectRef(module, "Core", type) < 0 ||
        add_injected_core(module, type) < 0) {
        Py_XDECREF(type);
        return -1;
    }
    Py_DECREF(type);
#ifdef HOT_INTERNALS
    const char *build = "internals";
#elif defined(HOT_PUBLIC)
    const char *build = "public";
#else
    const char *build = "untried"; /* the public API, for nobody knows the frames of this version */
#endif
    if (PyModule_AddStringConstant(module, "BUILD", build) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "BUILT_FOR", PY_VERSION_HEX >> 16);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.engine.native._native",
    .m_doc = "The hot path in C; pytest_recorder.engine.native.hot_path is its face.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&module_def);
}
