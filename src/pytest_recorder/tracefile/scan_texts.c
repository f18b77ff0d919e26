/* Looks for what secrets begin with in the texts and bytes that values are, while the scan passes over
 * them: in any case of the letters, with no more than a bit looked up for most bytes. What is found
 * here may be a secret; Python decides (masking.py). */

#include "scan_bytes.h"

#define LEAST_START 3
#define MOST_START 16
#define MOST_STARTS 32767
#define SLOTS 4096 /* 32 - 20 bits of a hash */

typedef struct {
    uint8_t text[MOST_START]; /* folded */
    uint8_t size;
    uint8_t needs_mark; /* of a name and its value: there is a mark between them */
    int16_t next;       /* in its slot, -1 at the end */
} Start;

struct Finder {
    uint8_t pairs[65536 / 8]; /* of the first three bytes, folded: the first two, the last two */
    int16_t slots[SLOTS];     /* by all three */
    Start *starts;
    uint64_t *hits; /* where the value starts whose text it is */
    size_t hit_count, hit_room;
};

static inline uint8_t
folded(uint8_t byte)
{
    return byte | 0x20;
}

static inline uint32_t
pair_of(const uint8_t *at)
{
    return (uint32_t)folded(at[0]) << 8 | folded(at[1]);
}

static inline uint32_t
home_of(const uint8_t *at)
{
    return (pair_of(at) << 8 | folded(at[2])) * UINT32_C(2654435761) >> 20;
}

static int
matches(const Start *start, const uint8_t *at, const uint8_t *end)
{
    if (end - at < start->size) {
        return 0;
    }
    for (int i = 0; i < start->size; i++) {
        if (folded(at[i]) != start->text[i]) {
            return 0;
        }
    }
    return 1;
}

static int
has_mark(const uint8_t *at, const uint8_t *end)
{
    size_t size = (size_t)(end - at);
    return memchr(at, '=', size) != NULL || memchr(at, ':', size) != NULL ||
           memchr(at, ',', size) != NULL || memchr(at, '>', size) != NULL;
}

/* 1 where a start stands at a place that needs no mark, or has one; `*mark` is -1 until looked for. */
static int
starts_at(const Finder *finder, const uint8_t *at, const uint8_t *text, const uint8_t *end, int *mark)
{
    if (end - at < LEAST_START) {
        return 0;
    }
    for (int i = finder->slots[home_of(at)]; i >= 0; i = finder->starts[i].next) {
        const Start *start = &finder->starts[i];
        if (!matches(start, at, end)) {
            continue;
        }
        if (start->needs_mark && *mark < 0) {
            *mark = has_mark(text, end);
        }
        if (!start->needs_mark || *mark) {
            return 1;
        }
    }
    return 0;
}

/* Of a start, two bytes that follow each other stand at an even place, wherever it begins. */
static int
may_hold_secret(const Finder *finder, const uint8_t *text, const uint8_t *end)
{
    int mark = -1;
    for (const uint8_t *at = text; end - at >= 2; at += 2) {
        uint32_t pair = pair_of(at);
        if (!(finder->pairs[pair / 8] >> pair % 8 & 1)) {
            continue;
        }
        if (starts_at(finder, at, text, end, &mark) ||
            (at > text && starts_at(finder, at - 1, text, end, &mark))) {
            return 1;
        }
    }
    return 0;
}

int
scan_look(Scanner *self, int is_cut, const uint8_t *fields, const uint8_t *end)
{
    Finder *finder = self->finder;
    Cursor cursor = {fields, end};
    /* They were passed over before: there is nothing that could fail. */
    if ((is_cut && skip_uv(self, &cursor) < 0) || skip_uv(self, &cursor) < 0) {
        return -1;
    }
    if (!may_hold_secret(finder, cursor.at, end)) {
        return 0;
    }
    if (finder->hit_count == finder->hit_room) {
        size_t room = finder->hit_room > 0 ? 2 * finder->hit_room : 64;
        uint64_t *hits = PyMem_Realloc(finder->hits, room * sizeof(uint64_t));
        if (hits == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        finder->hits = hits;
        finder->hit_room = room;
    }
    finder->hits[finder->hit_count++] = (uint64_t)(fields - 1 - self->data);
    return 0;
}

static int
take_start(Finder *finder, int number, PyObject *given)
{
    Start *start = &finder->starts[number];
    PyObject *wanted;
    char *text;
    Py_ssize_t size;
    int needs_mark;
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "what a secret starts with stands in a tuple");
        return -1;
    }
    /* No `y#`: what stands for a `#` depends on the version of Python that this is built with. */
    if (!PyArg_ParseTuple(given, "Sp", &wanted, &needs_mark)
        || PyBytes_AsStringAndSize(wanted, &text, &size) < 0) {
        return -1;
    }
    if (size < LEAST_START || size > MOST_START) {
        PyErr_Format(PyExc_ValueError, "what a secret starts with has %d to %d bytes",
                     LEAST_START, MOST_START);
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        start->text[i] = folded((uint8_t)text[i]);
    }
    start->size = (uint8_t)size;
    start->needs_mark = (uint8_t)needs_mark;
    for (int i = 0; i < 2; i++) {
        uint32_t pair = pair_of(start->text + i);
        finder->pairs[pair / 8] |= (uint8_t)(1 << pair % 8);
    }
    uint32_t home = home_of(start->text);
    start->next = finder->slots[home];
    finder->slots[home] = (int16_t)number;
    return 0;
}

void
scan_free_finder(Scanner *self)
{
    if (self->finder != NULL) {
        PyMem_Free(self->finder->starts);
        PyMem_Free(self->finder->hits);
        PyMem_Free(self->finder);
        self->finder = NULL;
    }
}

int
scan_watch(Scanner *self, PyObject *starts)
{
    Py_ssize_t count = PyList_Size(starts);
    if (count > MOST_STARTS) {
        PyErr_Format(PyExc_ValueError, "more than %d starts", MOST_STARTS);
    }
    if (count < 0 || count > MOST_STARTS) {
        return -1;
    }
    scan_free_finder(self);
    if (count == 0) {
        return 0;
    }
    Finder *finder = self->finder = PyMem_Calloc(1, sizeof(Finder));
    if (finder != NULL) {
        finder->starts = PyMem_Calloc((size_t)count, sizeof(Start));
    }
    if (finder == NULL || finder->starts == NULL) {
        scan_free_finder(self);
        PyErr_NoMemory();
        return -1;
    }
    memset(finder->slots, 0xFF, sizeof(finder->slots));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *given = PyList_GetItem(starts, i);
        if (given == NULL || take_start(finder, (int)i, given) < 0) {
            scan_free_finder(self);
            return -1;
        }
    }
    return 0;
}

PyObject *
scan_take_hits(Scanner *self)
{
    size_t count = self->finder != NULL ? self->finder->hit_count : 0;
    PyObject *hits = PyList_New((Py_ssize_t)count);
    if (hits == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        PyObject *at = PyLong_FromUnsignedLongLong(self->finder->hits[i]);
        if (at == NULL || PyList_SetItem(hits, (Py_ssize_t)i, at) < 0) {
            Py_DECREF(hits);
            return NULL;
        }
    }
    if (count > 0) {
        self->finder->hit_count = 0;
    }
    return hits;
}
