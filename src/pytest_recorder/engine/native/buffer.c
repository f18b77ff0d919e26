#include "buffer.h"

void
put_utf8(Buffer *buffer, PyObject *string, Py_ssize_t characters)
{
    if (PyUnicode_IS_ASCII(string)) {
        put_bytes(buffer, PyUnicode_1BYTE_DATA(string), (size_t)characters);
        return;
    }
    int kind = PyUnicode_KIND(string);
    const void *data = PyUnicode_DATA(string);
    if (!buffer_reserve(buffer, 4 * (size_t)characters)) {
        return;
    }
    uint8_t *out = buffer->data + buffer->used;
    for (Py_ssize_t i = 0; i < characters; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c < 0x80) {
            *out++ = (uint8_t)c;
        }
        else if (c < 0x800) {
            *out++ = (uint8_t)(0xC0 | (c >> 6));
            *out++ = (uint8_t)(0x80 | (c & 0x3F));
        }
        else if (c < 0x10000) {
            *out++ = (uint8_t)(0xE0 | (c >> 12));
            *out++ = (uint8_t)(0x80 | ((c >> 6) & 0x3F));
            *out++ = (uint8_t)(0x80 | (c & 0x3F));
        }
        else {
            *out++ = (uint8_t)(0xF0 | (c >> 18));
            *out++ = (uint8_t)(0x80 | ((c >> 12) & 0x3F));
            *out++ = (uint8_t)(0x80 | ((c >> 6) & 0x3F));
            *out++ = (uint8_t)(0x80 | (c & 0x3F));
        }
    }
    buffer->used = (size_t)(out - buffer->data);
}

void
put_text(Buffer *buffer, PyObject *string, Py_ssize_t characters)
{
    if (PyUnicode_IS_ASCII(string)) {
        put_uv(buffer, (uint64_t)characters);
        put_utf8(buffer, string, characters);
        return;
    }
    /* The length comes first and is known last: leave room for the longest, then close up. */
    size_t start = buffer->used;
    put_bytes(buffer, "\0\0\0\0\0\0\0\0\0", 10);
    put_utf8(buffer, string, characters);
    if (buffer->failed) {
        return;
    }
    size_t size = buffer->used - start - 10;
    size_t head = write_uv(buffer->data + start, size);
    memmove(buffer->data + start + head, buffer->data + start + 10, size);
    buffer->used = start + head + size;
}
