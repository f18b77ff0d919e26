/* A growing byte buffer and the integers of the record layout (see format/primitives.py).
 *
 * A buffer that could not grow is marked `failed`; whoever uses what was written into it looks at the
 * mark once, at the end, by `buffer_check`.
 */
#ifndef HOT_BUFFER_H
#define HOT_BUFFER_H

#include "internals.h"
#include <stdint.h>
#include <string.h>

typedef struct {
    uint8_t *data;
    size_t used;
    size_t size;
    int failed;
} Buffer;

static inline int
buffer_reserve(Buffer *buffer, size_t more)
{
    if (buffer->size - buffer->used >= more) {
        return 1;
    }
    size_t size = buffer->size < 32 ? 32 : buffer->size;
    while (size - buffer->used < more) {
        size *= 2;
    }
    uint8_t *data = PyMem_RawRealloc(buffer->data, size);
    if (data == NULL) {
        buffer->failed = 1;
        return 0;
    }
    buffer->data = data;
    buffer->size = size;
    return 1;
}

/* Begin anew, whatever became of what was written last. */
static inline void
buffer_begin(Buffer *buffer)
{
    buffer->used = 0;
    buffer->failed = 0;
}

/* Whoever has written it looks here, once. -1: MemoryError; it can be used again. */
static inline int
buffer_check(Buffer *buffer)
{
    if (!buffer->failed) {
        return 0;
    }
    buffer->failed = 0;
    PyErr_NoMemory();
    return -1;
}

static inline void
buffer_free(Buffer *buffer)
{
    PyMem_RawFree(buffer->data);
    memset(buffer, 0, sizeof(*buffer));
}

static inline void
put_bytes(Buffer *buffer, const void *data, size_t size)
{
    if (size > 0 && buffer_reserve(buffer, size)) {
        memcpy(buffer->data + buffer->used, data, size);
        buffer->used += size;
    }
}

static inline void
put_byte(Buffer *buffer, int byte)
{
    if (buffer_reserve(buffer, 1)) {
        buffer->data[buffer->used++] = (uint8_t)byte;
    }
}

/* Unsigned LEB128 at `out`, at most ten bytes; gives how many. */
static inline size_t
write_uv(uint8_t *out, uint64_t number)
{
    size_t size = 0;
    while (number >= 0x80) {
        out[size++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    out[size++] = (uint8_t)number;
    return size;
}

static inline void
put_uv(Buffer *buffer, uint64_t number)
{
    if (number < 0x80 && buffer->used < buffer->size) {
        buffer->data[buffer->used++] = (uint8_t)number;
        return;
    }
    if (buffer_reserve(buffer, 10)) {
        buffer->used += write_uv(buffer->data + buffer->used, number);
    }
}

/* Signed numbers, the small ones of both signs in few bytes. */
static inline uint64_t
zigzag(int64_t number)
{
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static inline size_t
write_zz(uint8_t *out, int64_t number)
{
    return write_uv(out, zigzag(number));
}

static inline void
put_zz(Buffer *buffer, int64_t number)
{
    put_uv(buffer, zigzag(number));
}

/* What lies in memory, and so in the file, as the format has it: little-endian. */
static inline uint64_t
little_64(uint64_t number)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(number);
#else
    return number;
#endif
}

static inline uint32_t
little_32(uint32_t number)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(number);
#else
    return number;
#endif
}

static inline void
put_double(Buffer *buffer, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, 8);
    bits = little_64(bits);
    put_bytes(buffer, &bits, 8);
}

/* UTF-8 of so many characters, lone surrogates passed through as if they were characters. */
void put_utf8(Buffer *buffer, PyObject *string, Py_ssize_t characters);

/* The same with its length in bytes before it. */
void put_text(Buffer *buffer, PyObject *string, Py_ssize_t characters);

static inline void
put_c_text(Buffer *buffer, const char *text)
{
    size_t size = strlen(text);
    put_uv(buffer, size);
    put_bytes(buffer, text, size);
}

#endif
