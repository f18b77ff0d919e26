/* Reads the primitives of records, and looks up what they refer to; nothing is read before it is
 * known to be there. */
#ifndef SCAN_BYTES_H
#define SCAN_BYTES_H

#include "scan.h"

static inline int
read_uv(Scanner *self, Cursor *cursor, uint64_t *number)
{
    if (cursor->at < cursor->end && *cursor->at < 0x80) {
        *number = *cursor->at++;
        return 0;
    }
    return scan_read_long_uv(self, cursor, number);
}

static inline int
skip_uv(Scanner *self, Cursor *cursor)
{
    uint64_t ignored;
    return read_uv(self, cursor, &ignored);
}

static inline int
read_byte(Scanner *self, Cursor *cursor, uint8_t *byte)
{
    if (cursor->at >= cursor->end) {
        return fail(self, "the record is cut");
    }
    *byte = *cursor->at++;
    return 0;
}

static inline int
skip(Scanner *self, Cursor *cursor, uint64_t size)
{
    if (size > (uint64_t)(cursor->end - cursor->at)) {
        return fail(self, "the record is cut");
    }
    cursor->at += size;
    return 0;
}

static inline int
skip_sized(Scanner *self, Cursor *cursor)
{
    uint64_t size;
    return read_uv(self, cursor, &size) < 0 ? -1 : skip(self, cursor, size);
}

/* A number of things that take at least one byte each. */
static inline int
read_count(Scanner *self, Cursor *cursor, uint64_t *count)
{
    if (read_uv(self, cursor, count) < 0) {
        return -1;
    }
    if (*count > (uint64_t)(cursor->end - cursor->at)) {
        return fail(self, "a count is larger than its record");
    }
    return 0;
}

static inline int
skip_text(Scanner *self, Cursor *cursor)
{
    uint64_t size;
    if (read_uv(self, cursor, &size) < 0 || skip(self, cursor, size) < 0) {
        return -1;
    }
    return scan_is_text(cursor->at - size, cursor->at) ? 0 : fail(self, "a text is not UTF-8");
}

/* The digits of a large int. */
static inline int
skip_magnitude(Scanner *self, Cursor *cursor)
{
    uint64_t size;
    if (read_uv(self, cursor, &size) < 0) {
        return -1;
    }
    if (size > MAX_INT_BYTES) {
        return fail(self, "an int is larger than any that is recorded");
    }
    return skip(self, cursor, size);
}

/* Pass over a field that is no value, whatever it refers to. */
ALWAYS_INLINE int
skip_plain(Scanner *self, Cursor *cursor, char letter)
{
    uint8_t byte;
    switch (letter) {
    case 'b':
    case 'e':
    case 'l':
    case 'o':
    case 'p':
    case 'r':
    case 'w':
        return read_byte(self, cursor, &byte);
    case 's':
        return skip_text(self, cursor);
    case 'd':
        return skip_sized(self, cursor);
    case 'm':
        return skip_magnitude(self, cursor);
    case '8':
        return skip(self, cursor, 8);
    default: /* every other letter is a number */
        return skip_uv(self, cursor);
    }
}

/* Definitions: names, types and code. */
static inline int
must_know(Scanner *self, Table *table, uint64_t number, const char *what)
{
    /* A definition is never taken back, so a bit that is set stays right. */
    if (number < CACHED_NUMBERS && table->known[number / 8] >> number % 8 & 1) {
        return 0;
    }
    return scan_ask_table(self, table, number, what);
}

#endif
