/* Each shape has its way to be read; the values in it are encoded by values.c. */

#include "contents.h"
#include "definitions.h"
#include "names.h"
#include "reading.h"
#include "secrets.h"
#include "values.h"

static int
part_end(Hot *hot)
{
    if (hot->contents.parts == hot->contents.ends_size) {
        int size = hot->contents.ends_size == 0 ? 64 : hot->contents.ends_size * 2;
        uint64_t *hidden = PyMem_RawRealloc(hot->contents.hidden, (size_t)size * sizeof(uint64_t));
        hot->contents.hidden = hidden != NULL ? hidden : hot->contents.hidden;
        uint32_t *grown = PyMem_RawRealloc(hot->contents.ends, (size_t)size * sizeof(uint32_t));
        hot->contents.ends = grown != NULL ? grown : hot->contents.ends;
        if (hidden == NULL || grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        hot->contents.ends_size = size;
    }
    hot->contents.hidden[hot->contents.parts] = hot->secrecy.redacted;
    hot->contents.ends[hot->contents.parts++] = (uint32_t)hot->contents.bytes.used;
    return 0;
}

static int
read_items(Hot *hot, PyObject *value, TypeReader *reader, Content *content)
{
    Buffer *out = &hot->contents.bytes;
    Py_ssize_t most = hot->settings.items, full = sequence_length(value, reader->shape);
    Py_ssize_t planned = full < most ? full : most, shown = 0;
    int is_pair = planned == 2 && full == 2 &&
                  (reader->shape == SHAPE_LIST || reader->shape == SHAPE_TUPLE);
    int level = HIDES_NOTHING;
    content->tag = TAG_SEQUENCE;
    content->full = full;
    ItemWalk walk;
    PyObject *item;
    int status = item_walk_begin(&walk, value, reader->shape);
    while (status == 0 && shown < planned) {
        int found = item_walk_next(&walk, &item);
        if (found <= 0) {
            status = found;
            break;
        }
        Py_INCREF(item);
        int of_next = is_pair && shown == 0 ? first_of_pair_is_secret(hot, item) : level;
        status = of_next < 0 ? -1
                             : part_encode(hot, out, item, shown < reader->fields
                                                               ? reader->field_secrets[shown]
                                                               : level);
        Py_DECREF(item);
        level = of_next;
        shown++;
        if (status == 0) {
            status = part_end(hot);
        }
    }
    item_walk_end(&walk);
    content->reason = shown < planned ? REASON_CHANGED : full > most ? REASON_ITEMS : REASON_WHOLE;
    return status;
}

static int
read_entries(Hot *hot, PyObject *value, Content *content)
{
    Buffer *out = &hot->contents.bytes;
    Py_ssize_t full = PyDict_GET_SIZE(value), most = hot->settings.items, at = 0, shown = 0;
    Py_ssize_t planned = full < most ? full : most;
    int status = 0;
    PyObject *key, *item;
    content->tag = TAG_MAPPING;
    content->full = full;
    while (status == 0 && shown < planned && PyDict_Next(value, &at, &key, &item)) {
        Py_INCREF(key);
        Py_INCREF(item);
        int level = key_is_secret(hot, key);
        status = level < 0 || part_encode(hot, out, key, HIDES_NOTHING) < 0 ||
                         part_encode(hot, out, item, level) < 0
                     ? -1
                     : part_end(hot);
        Py_DECREF(key);
        Py_DECREF(item);
        shown++;
    }
    content->reason = shown < planned ? REASON_CHANGED : full > most ? REASON_ITEMS : REASON_WHOLE;
    return status;
}

static int
read_attribute(Hot *hot, Name *name, PyObject *string, PyObject *value)
{
    Buffer *out = &hot->contents.bytes;
    int level = attribute_is_secret(hot, name, string);
    if (level < 0) {
        return -1;
    }
    if (name == NULL) {
        name = name_of(hot, &hot->texts.names, string);
    }
    return name == NULL || put_name(hot, out, name) < 0 || part_encode(hot, out, value, level) < 0
               ? -1
               : part_end(hot);
}

static int
read_attributes(Hot *hot, PyObject *value, TypeReader *reader, Content *content)
{
    AttributeWalk walk;
    Py_ssize_t most = hot->settings.attributes;
    content->tag = TAG_OBJECT;
    if (attribute_walk_begin(hot, &walk, value, reader, &content->full) < 0) {
        return -1;
    }
    int status = 0;
    Name *name;
    PyObject *string, *item;
    for (Py_ssize_t shown = 0; status == 0 && shown < most; shown++) {
        int found = attribute_walk_next(hot, &walk, &name, &string, &item);
        if (found <= 0) {
            status = found;
            break;
        }
        status = read_attribute(hot, name, string, item);
        Py_XDECREF(string);
        Py_DECREF(item);
    }
    attribute_walk_end(&walk);
    content->reason = content->full > most ? REASON_ATTRIBUTES : REASON_WHOLE;
    return status;
}

static int
read_parts(Hot *hot, PyObject *value, TypeReader *reader, Content *content)
{
    Parts parts;
    Py_ssize_t most = hot->settings.attributes;
    int status = parts_of(value, reader->type, reader->shape, &parts);
    content->tag = TAG_OBJECT;
    content->full = parts.count;
    content->reason = parts.count > most ? REASON_ATTRIBUTES : REASON_WHOLE;
    for (int i = 0; status == 0 && i < parts.count && i < most; i++) {
        PyObject *item = parts.values[i] != NULL ? parts.values[i] : Py_None;
        Name *name = name_of_bytes(&hot->texts.names, parts.names[i], strlen(parts.names[i]));
        status = name == NULL ? -1 : read_attribute(hot, name, NULL, item);
    }
    parts_free(&parts);
    return status;
}

int
content_read(Hot *hot, PyObject *value, TypeReader *reader, Content *content)
{
    buffer_begin(&hot->contents.bytes);
    hot->contents.parts = 0;
    memset(content, 0, sizeof(*content));
    switch (reader->shape) {
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_SET:
    case SHAPE_FROZENSET:
    case SHAPE_DEQUE:
    case SHAPE_NAMED_TUPLE:
        return read_items(hot, value, reader, content);
    case SHAPE_MAPPING:
        return read_entries(hot, value, content);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return read_attributes(hot, value, reader, content);
    case SHAPE_ENUM:
    case SHAPE_CLASS:
    case SHAPE_MODULE:
    case SHAPE_FUNCTION:
    case SHAPE_METHOD:
    case SHAPE_SLICE:
    case SHAPE_RANGE:
    case SHAPE_BUILTIN:
        return read_parts(hot, value, reader, content);
    default:
        content->is_leaf = 1;
        return leaf_encode(hot, &hot->contents.bytes, value, reader, &content->tag);
    }
}

void
contents_free(Hot *hot)
{
    buffer_free(&hot->contents.bytes);
    PyMem_RawFree(hot->contents.ends);
    PyMem_RawFree(hot->contents.hidden);
    memset(&hot->contents, 0, sizeof(hot->contents));
}
