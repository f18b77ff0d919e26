/* Walks the event records of a block and keeps what the index of a trace needs: the rows of the
 * call skeleton, the first exceptions, the sum of dropped events. The fast twin of `PureScan` in
 * scan.py, which is the oracle of its tests: same rows, same faults, in the same words.
 *
 * - The bytes are hostile: nothing is read before it is known to be there, counts are checked
 *   against the bytes that are left, nesting is bounded, and the hash is keyed, so that no input
 *   takes more than linear time or more memory than a small multiple of its size.
 * - A fault raises the class that the caller passed in; what came before it has been taken in.
 * - What a record holds is told by its field string (vocabulary.h). Only the operations that make
 *   up the rows are known here by name; all others are passed over.
 * - Rows live in C until they are asked for; no Python object is made on the common path.
 * - A scanner owns its tables and borrows nothing: the dicts, the class and the list are held.
 *   They cannot refer back to it, so the type takes no part in garbage collection.
 * - One thread at a time; the caller holds the GIL.
 *
 * Calls go one way: _scan.c (the face to Python) > scan_records.c, scan_objects.c > scan_rows.c,
 * scan_fields.c > scan_texts.c > scan_bytes.c. Every function that returns int gives -1 with an exception set, else 0 or what it
 * says.
 */
#ifndef SCAN_H
#define SCAN_H

#include <pyconfig.h>
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

#include "vocabulary.h"

enum { END_OPEN, END_RETURN, END_UNWIND };

/* Numbers below this are looked up in their dict once, then in a bit. */
#define CACHED_NUMBERS 65536
/* Tables larger than this are given back after the block that needed them. */
#define KEPT_FRAMES 65536

#define NO_ROW_YET (-1)
#define NO_ROW_EVER (-2)

typedef struct {
    PyObject *dict;
    uint8_t known[CACHED_NUMBERS / 8];
} Table;

typedef struct {
    uint64_t number, parent, code, first, last;
    int end;
} Row;

typedef struct {
    uint64_t number, parent, code;
    int32_t row; /* index, NO_ROW_YET or NO_ROW_EVER */
    int32_t has_code;
    uint64_t line; /* of scan_objects.c only */
} Frame;

/* From a number to an index, by open addressing; at most half full. */
typedef struct {
    uint64_t *keys;
    uint32_t *places; /* index + 1; 0 is a free slot */
    size_t slots;     /* a power of two, or 0 */
    size_t used;
} Map;

typedef struct Finder Finder; /* scan_texts.c */

typedef struct {
    PyObject_HEAD
    Table names, types, codes;
    PyObject *malformed;
    PyObject *raised; /* list of (event, frame, type, message as a value record) */
    PyObject *dropped;
    int level; /* 1 more than the last that is told; 0: none */
    uint64_t seed;
    size_t most_calls;
    Py_ssize_t most_exceptions;
    int is_cut;
    Row *rows;
    size_t row_count, row_room;
    Map row_of; /* only where the rows are not in the order of their numbers */
    Frame *frames; /* those that the block knows */
    size_t frame_count, frame_room;
    Map frame_of;
    Finder *finder;      /* NULL where no text is looked into */
    const uint8_t *data; /* the block that is walked */
    uint64_t pairs, levels; /* variables, and records of levels, of the block */
} Scanner;

typedef struct {
    const uint8_t *at, *end;
} Cursor;

/* A field string is a constant wherever it is walked, and what walks it is written out instead of
 * looped, so that compilers leave nothing of it but the fields: a loop took twice the time of the
 * whole scan. `strchr` and `strspn` of a constant cost nothing either. */
#if defined(_MSC_VER)
#define ALWAYS_INLINE static __forceinline
#else
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

#define TOO_MANY_LEVELS "a block says more of levels than one may"

/* A macro, so that compilers see the -1 and know what is initialized after a success. */
#define fail(self, ...) (PyErr_Format((self)->malformed, __VA_ARGS__), -1)

/* scan_bytes.c */
int scan_read_long_uv(Scanner *self, Cursor *cursor, uint64_t *number);
/* Whether Python's "utf-8" with "surrogatepass" decodes it. */
int scan_is_text(const uint8_t *at, const uint8_t *end);

/* Look into the dict of a table; what is there is remembered. */
int scan_ask_table(Scanner *self, Table *table, uint64_t number, const char *what);

/* scan_texts.c */
/* Look into texts for what secrets start with from now on, a list of (bytes, whether a mark of a name
 * and its value must stand beside it); not where it is empty. */
int scan_watch(Scanner *self, PyObject *starts);
/* Look into the text of a value whose fields were passed over. */
int scan_look(Scanner *self, int is_cut, const uint8_t *fields, const uint8_t *end);
/* Give a list of where in the block values start that may hold a secret, and forget it. */
PyObject *scan_take_hits(Scanner *self);
void scan_free_finder(Scanner *self);

/* scan_fields.c */
/* Pass over a value without a look at what it refers to: `skip_value` of format/skip.py. */
int scan_skip_value(Scanner *self, Cursor *cursor, int depth);
/* Pass over a value with all that `ValueDecoder.value` checks. Gives 1 if its JSON form has a text
 * as "value", 0 if not. */
int scan_check_value(Scanner *self, Cursor *cursor, int depth);
int scan_check_reason(Scanner *self, Cursor *cursor, int least);

/* scan_rows.c */
/* Make room for one more item; a table never holds more than 2 ** 30 of them. */
int scan_make_room(void **items, size_t *room, size_t count, size_t size);
/* Give a frame of the block, made where the block does not know it; NULL with an exception set. */
Frame *scan_take_frame(Scanner *self, uint64_t number);
/* Give a frame that the block knows, or NULL; no exception is set. */
Frame *scan_known_frame(Scanner *self, uint64_t number);
/* Find or make the row of a frame whose row is not known yet. */
int scan_find_row(Scanner *self, Frame *frame, uint64_t event);
void scan_forget_frames(Scanner *self);
void scan_free_rows(Scanner *self);

/* scan_objects.c */
/* Walk the records of a block from a byte on for the objects in them; gives the columns of
 * `BlockSightings` as bytes: those of events, of sightings, of frames, and whether it is cut. `lines`
 * has the first line of each code object. */
PyObject *scan_find_objects(Scanner *self, const uint8_t *data, size_t size, size_t start,
                            PyObject *lines, uint64_t most_events, uint64_t most_sightings);

/* scan_records.c */
/* Walk the records of a block; `*event` is the number of the next event. */
int scan_walk(Scanner *self, Cursor *cursor, uint64_t *event);

#endif
