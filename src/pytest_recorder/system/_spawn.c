/* Starts a process that nobody meets: no SIGCHLD, and no `wait` of the program, tells of it.
 *
 * A thread that blocks SIGCHLD does not keep it from another, so `posix_spawn` cannot do this. Here
 * the first child is cloned with no signal at its end, which plain waits pass over; it clones the
 * second, which executes the program, and ends at once. The first is reaped by its number.
 *
 * - Between clone and exec only system calls are made: other threads of the process may hold any
 *   lock, and handlers of `pthread_atfork` are not run.
 * - What a child needs is put together before; the parent frees it.
 * - Linux only. Where a clone is refused, OSError is raised and nothing is left. */

#include <pyconfig.h>
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __WCLONE
#define __WCLONE 0x80000000
#endif

static const int DEFAULTS[] = {SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGHUP, SIGALRM};

typedef struct {
    char **command;
    char **environ;
    int requests, answers;
} Start;

static long
clone_silently(void)
{
    /* No flag, no stack: as fork, but with no signal at the end. */
    return syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);
}

static void
become(const Start *start)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (size_t i = 0; i < sizeof(DEFAULTS) / sizeof(DEFAULTS[0]); i++) {
        (void)sigaction(DEFAULTS[i], &standard, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || chdir("/") < 0) {
        _exit(127);
    }
    for (int number = 0; number < 3; number++) {
        if (dup2(null, number) < 0) {
            _exit(127);
        }
    }
    /* Both lie above 4. */
    if (dup2(start->requests, 3) < 0 || dup2(start->answers, 4) < 0) {
        _exit(127);
    }
#ifdef SYS_close_range
    /* Where the kernel has none, the program does it. */
    (void)syscall(SYS_close_range, 5U, ~0U, 0U);
#endif
    execve(start->command[0], start->command, start->environ);
    _exit(127);
}

/* Gives a list of bytes objects as C has it; NULL with an exception. The texts are borrowed. */
static char **
texts_of(PyObject *list)
{
    Py_ssize_t size = PyList_Size(list);
    char **texts = size < 0 ? NULL : PyMem_Calloc((size_t)size + 1, sizeof(char *));
    if (texts == NULL) {
        return size < 0 ? NULL : (char **)PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        texts[i] = PyBytes_AsString(PyList_GetItem(list, i));
        if (texts[i] == NULL) {
            PyMem_Free(texts);
            return NULL;
        }
    }
    return texts;
}

PyDoc_STRVAR(spawn_doc,
"spawn(command, environ, requests, answers)\n--\n\n"
"Start a program, given as lists of bytes, whose descriptors 3 and 4 are these two; both must lie\n"
"above 4. Raises OSError.");

static PyObject *
spawn(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *command, *environ;
    Start start;
    if (!PyArg_ParseTuple(arguments, "O!O!ii:spawn", &PyList_Type, &command, &PyList_Type,
                          &environ, &start.requests, &start.answers)) {
        return NULL;
    }
    start.command = texts_of(command);
    if (start.command == NULL) {
        return NULL;
    }
    start.environ = texts_of(environ);
    if (start.environ == NULL) {
        PyMem_Free(start.command);
        return NULL;
    }
    int status = 0, problem = 0;
    long first = clone_silently();
    if (first == 0) {
        long second = clone_silently();
        if (second == 0) {
            become(&start);
        }
        _exit(second < 0);
    }
    if (first < 0) {
        problem = errno;
    }
    else {
        while (waitpid((pid_t)first, &status, (int)__WCLONE) < 0) {
            if (errno != EINTR) {
                problem = errno;
                break;
            }
        }
        if (problem == 0 && status != 0) {
            problem = EAGAIN;
        }
    }
    PyMem_Free(start.command);
    PyMem_Free(start.environ);
    if (problem != 0) {
        errno = problem;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"spawn", spawn, METH_VARARGS, spawn_doc},
    {NULL, NULL, 0, NULL},
};

#else

static PyMethodDef functions[] = {{NULL, NULL, 0, NULL}};

#endif

static PyModuleDef_Slot slots[] = {
#if defined(Py_mod_gil) && !defined(Py_LIMITED_API)
    {Py_mod_gil, Py_MOD_GIL_USED}, /* the lists and their texts are borrowed */
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pytest_recorder.system._spawn",
    .m_doc = "Starts a process that the program does not meet.",
    .m_size = 0,
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__spawn(void)
{
    return PyModuleDef_Init(&definition);
}
