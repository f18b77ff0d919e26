/* Writes a definition where a number is new. */

#include "definitions.h"
#include "failures.h"
#include "names.h"
#include "segments.h"
#include "settings.h"

static int
define(Hot *hot, int kind, uint32_t number, const void *body, size_t size)
{
    uint8_t here[512], *data = here;
    if (size + 16 > sizeof(here)) {
        data = PyMem_RawMalloc(size + 16);
        if (data == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    size_t used = 0;
    data[used++] = (uint8_t)kind;
    used += write_uv(data + used, number);
    memcpy(data + used, body, size);
    int status = segments_write_definition(hot, data, used + size);
    if (data != here) {
        PyMem_RawFree(data);
    }
    return status;
}

static int
define_and_free(Hot *hot, int kind, uint32_t number, Buffer *body)
{
    int status = buffer_check(body);
    if (status == 0) {
        status = define(hot, kind, number, body->data, body->used);
    }
    buffer_free(body);
    return status;
}

int
name_number(Hot *hot, Name *name, uint32_t *number)
{
    if (name->epoch != hot->numbers.epoch) {
        uint32_t next = hot->numbers.names + 1;
        uint8_t here[512], *body = here;
        if (name->size + 10 > sizeof(here)) {
            body = PyMem_RawMalloc(name->size + 10);
            if (body == NULL) {
                PyErr_NoMemory();
                return -1;
            }
        }
        size_t used = write_uv(body, name->size);
        memcpy(body + used, name->text, name->size);
        int status = define(hot, DEFINE_NAME, next, body, used + name->size);
        if (body != here) {
            PyMem_RawFree(body);
        }
        if (status < 0) {
            return -1;
        }
        hot->numbers.names = name->number = next;
        name->epoch = hot->numbers.epoch;
    }
    *number = name->number;
    return 0;
}

int
type_number(Hot *hot, Name *definition, uint32_t *number)
{
    if (definition->epoch != hot->numbers.epoch) {
        uint32_t next = hot->numbers.types + 1;
        if (define(hot, DEFINE_TYPE, next, definition->text, definition->size) < 0) {
            return -1;
        }
        hot->numbers.types = definition->number = next;
        definition->epoch = hot->numbers.epoch;
    }
    *number = definition->number;
    return 0;
}

int
define_thread(Hot *hot, uint32_t number)
{
    PyObject *name = PyObject_CallMethod(helpers_asked(hot), "thread_name", NULL);
    if (name != NULL && !PyUnicode_CheckExact(name)) {
        Py_CLEAR(name);
        PyErr_SetString(PyExc_TypeError, "the name of a thread is a str");
    }
    if (name == NULL && helper_failed(hot, "thread_name") == 0) {
        name = PyUnicode_FromString("thread");
    }
    if (name == NULL) {
        return -1;
    }
    Buffer body = {0};
    put_text(&body, name, PyUnicode_GET_LENGTH(name));
    Py_DECREF(name);
    return define_and_free(hot, DEFINE_THREAD, number, &body);
}

static int
ask_digest(Hot *hot, Name *file, PyObject *path)
{
    FrameState *current = hot->spool.current;
    segments_forget(hot); /* the text of the file goes to the spool too */
    PyObject *digest = PyObject_CallMethod(helpers_asked(hot), "source_digest", "O", path);
    if (digest != NULL && !PyBytes_CheckExact(digest)) {
        Py_CLEAR(digest);
        PyErr_SetString(PyExc_TypeError, "a digest is bytes");
    }
    if (digest == NULL && helper_failed(hot, "source_digest") == 0) {
        digest = PyBytes_FromStringAndSize("", 0);
    }
    if (digest == NULL) {
        return -1;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(digest);
    file->digest_size = size <= 32 ? (int)size : 0;
    memcpy(file->digest, PyBytes_AS_STRING(digest), (size_t)file->digest_size);
    Py_DECREF(digest);
    return segments_refresh(hot, current);
}

static int
file_number(Hot *hot, PyCodeObject *object, uint32_t *number)
{
    Name *file = name_of(hot, &hot->texts.files, object->co_filename);
    if (file == NULL) {
        return -1;
    }
    if (file->epoch != hot->numbers.epoch) {
        if (file->digest_size < 0 && ask_digest(hot, file, object->co_filename) < 0) {
            return -1;
        }
        Buffer body = {0};
        put_uv(&body, file->size);
        put_bytes(&body, file->text, file->size);
        put_uv(&body, (uint64_t)file->digest_size);
        put_bytes(&body, file->digest, (size_t)file->digest_size);
        uint32_t next = hot->numbers.files + 1;
        if (define_and_free(hot, DEFINE_FILE, next, &body) < 0) {
            return -1;
        }
        hot->numbers.files = file->number = next;
        file->epoch = hot->numbers.epoch;
    }
    *number = file->number;
    return 0;
}

int
code_define(Hot *hot, Code *code)
{
    uint32_t file, ignored;
    if (file_number(hot, code->code, &file) < 0) {
        return -1;
    }
    Buffer body = {0};
    put_uv(&body, file);
    put_uv(&body, (uint64_t)(code->first_line > 0 ? code->first_line : 0));
    PyObject *function = code->code->co_qualname;
    put_text(&body, function, PyUnicode_GET_LENGTH(function));
    uint32_t next = hot->numbers.codes + 1;
    if (define_and_free(hot, DEFINE_CODE, next, &body) < 0) {
        return -1;
    }
    hot->numbers.codes = next;
    /* The same order as in pure Python: arguments, then the others. */
    for (int i = 0; i < code->arguments; i++) {
        if (name_number(hot, code->texts[code->order[i]], &ignored) < 0) {
            return -1;
        }
    }
    for (int i = 0; i < code->variables; i++) {
        if (name_number(hot, code->texts[i], &ignored) < 0) {
            return -1;
        }
    }
    code->levels = hot->settings.depth;
    code->number = next;
    code->epoch = hot->numbers.epoch;
    return 0;
}

int
position_define(Hot *hot, Position *position)
{
    uint8_t body[40];
    size_t used = write_uv(body, (uint64_t)position->line);
    used += write_uv(body + used, (uint64_t)position->end_line);
    used += write_uv(body + used, (uint64_t)position->column);
    used += write_uv(body + used, (uint64_t)position->end_column);
    uint32_t next = hot->numbers.positions + 1;
    if (define(hot, DEFINE_POSITION, next, body, used) < 0) {
        return -1;
    }
    hot->numbers.positions = position->number = next;
    position->epoch = hot->numbers.epoch;
    return 0;
}

void
numbers_clear(Hot *hot)
{
    hot->numbers.names = hot->numbers.types = hot->numbers.files = hot->numbers.codes = 0;
    hot->numbers.positions = 0;
    hot->numbers.epoch++;
}
