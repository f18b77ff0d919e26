/* A table by the id of the thread state, which is never used again; the last one is kept apart. */

#include "threads.h"
#include "definitions.h"
#include "states.h"

static int
threads_grow(Hot *hot)
{
    size_t size = hot->threads.slots == NULL ? 16 : 2 * (hot->threads.mask + 1);
    Thread **threads = PyMem_RawCalloc(size, sizeof(Thread *));
    if (threads == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; hot->threads.slots != NULL && i <= hot->threads.mask; i++) {
        Thread *thread = hot->threads.slots[i];
        if (thread != NULL) {
            size_t at = thread->id & (size - 1);
            while (threads[at] != NULL) {
                at = (at + 1) & (size - 1);
            }
            threads[at] = thread;
        }
    }
    PyMem_RawFree(hot->threads.slots);
    hot->threads.slots = threads;
    hot->threads.mask = size - 1;
    return 0;
}

Thread *
thread_known(Hot *hot, PyThreadState *tstate)
{
    uint64_t id = tstate->id;
    if (hot->threads.last != NULL && hot->threads.last->id == id) {
        return hot->threads.last;
    }
    if (hot->threads.slots == NULL) {
        return NULL;
    }
    size_t at = id & hot->threads.mask;
    while (hot->threads.slots[at] != NULL && hot->threads.slots[at]->id != id) {
        at = (at + 1) & hot->threads.mask;
    }
    return hot->threads.slots[at];
}

Thread *
thread_of(Hot *hot, PyThreadState *tstate)
{
    uint64_t id = tstate->id;
    if (hot->threads.last != NULL && hot->threads.last->id == id) {
        return hot->threads.last;
    }
    if (hot->threads.slots == NULL || 2 * (hot->threads.count + 1) > hot->threads.mask) {
        if (threads_grow(hot) < 0) {
            return NULL;
        }
    }
    size_t at = id & hot->threads.mask;
    while (hot->threads.slots[at] != NULL && hot->threads.slots[at]->id != id) {
        at = (at + 1) & hot->threads.mask;
    }
    Thread *thread = hot->threads.slots[at];
    if (thread == NULL) {
        thread = PyMem_RawCalloc(1, sizeof(Thread));
        if (thread == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        thread->id = id;
        thread->number = hot->threads.count + 1;
        if (define_thread(hot, thread->number) < 0) {
            /* It is not known before its definition is there. */
            PyMem_RawFree(thread);
            return NULL;
        }
        hot->threads.slots[at] = thread;
        hot->threads.count++;
    }
    hot->threads.last = thread;
    return thread;
}

void
threads_clear(Hot *hot)
{
    for (size_t i = 0; hot->threads.slots != NULL && i <= hot->threads.mask; i++) {
        Thread *thread = hot->threads.slots[i];
        if (thread != NULL) {
            if (thread->nowhere != NULL) {
                state_free(hot, thread->nowhere);
            }
            buffer_free(&thread->pending_changes);
            PyMem_RawFree(thread);
            hot->threads.slots[i] = NULL;
        }
    }
    hot->threads.count = 0;
    hot->threads.last = NULL;
}

void
threads_free(Hot *hot)
{
    threads_clear(hot);
    PyMem_RawFree(hot->threads.slots);
    hot->threads.slots = NULL;
    hot->threads.mask = 0;
}
