/* Asks Python for the shape, the fields and the slots of a type. */

#include "types.h"
#include "classes.h"
#include "failures.h"
#include "names.h"
#include "secrets.h"
#include "settings.h"

uint64_t types_dead = 0;

static PyObject *
count_death(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(weak))
{
    types_dead++;
    Py_RETURN_NONE;
}

static PyMethodDef death_counter = {"count_death", count_death, METH_O, NULL};

static PyObject *
watch_type(PyTypeObject *type)
{
    PyObject *counter = PyCFunction_New(&death_counter, NULL);
    PyObject *weak = counter != NULL ? PyWeakref_NewRef((PyObject *)type, counter) : NULL;
    Py_XDECREF(counter);
    return weak;
}

static void
reader_free(TypeReader *reader)
{
    Py_XDECREF(reader->weak);
    PyMem_RawFree(reader->slot_names);
    PyMem_RawFree(reader->slot_offsets);
    PyMem_RawFree(reader->field_secrets);
    PyMem_RawFree(reader);
}

static int
reader_fill(Hot *hot, TypeReader *reader, PyObject *description)
{
    PyObject *definition, *slots, *secrets;
    if (!PyTuple_Check(description) ||
        !PyArg_ParseTuple(description, "iSiO!O!", &reader->shape, &definition, &reader->has_dict,
                          &PyTuple_Type, &slots, &PyTuple_Type, &secrets)) {
        return -1;
    }
    if (reader->shape <= SHAPE_OTHER || reader->shape > SHAPE_BUILTIN) {
        reader->shape = SHAPE_OTHER;
    }
    reader->definition = name_of_bytes(&hot->texts.types, PyBytes_AS_STRING(definition),
                                       (size_t)PyBytes_GET_SIZE(definition));
    if (reader->definition == NULL) {
        return -1;
    }
    reader->slots = (int)PyTuple_GET_SIZE(slots);
    reader->fields = (int)PyTuple_GET_SIZE(secrets);
    reader->slot_names = PyMem_RawCalloc((size_t)reader->slots + 1, sizeof(Name *));
    reader->slot_offsets = PyMem_RawCalloc((size_t)reader->slots + 1, sizeof(Py_ssize_t));
    reader->field_secrets = PyMem_RawCalloc((size_t)reader->fields + 1, 1);
    if (reader->slot_names == NULL || reader->slot_offsets == NULL ||
        reader->field_secrets == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int found = 0;
    for (int i = 0; i < reader->slots; i++) {
        PyObject *name, *member;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(slots, i), "UO!", &name, &PyMemberDescr_Type,
                              &member)) {
            return -1;
        }
        PyMemberDef *place = ((PyMemberDescrObject *)member)->d_member;
        /* A descriptor of another class under a name in this one would read elsewhere. */
        if (place->type != T_OBJECT_EX ||
            !PyType_IsSubtype(reader->type, ((PyDescrObject *)member)->d_type)) {
            continue;
        }
        reader->slot_names[found] = name_of(hot, &hot->texts.names, name);
        if (reader->slot_names[found] == NULL ||
            name_is_secret(hot, reader->slot_names[found], name) < 0) {
            return -1;
        }
        reader->slot_offsets[found++] = place->offset;
    }
    reader->slots = found;
    for (int i = 0; i < reader->fields; i++) {
        long level = PyLong_AsLong(PyTuple_GET_ITEM(secrets, i));
        if (level < 0) {
            return -1;
        }
        reader->field_secrets[i] = (char)level;
    }
    return 0;
}

/* What is left where a helper has failed: the name of the type. */
static int
reader_mark(Hot *hot, TypeReader *reader)
{
    PyObject *name = class_name(reader->type);
    if (name == NULL) {
        return -1;
    }
    Buffer text = {0};
    put_text(&text, name, PyUnicode_GET_LENGTH(name));
    put_uv(&text, 0);
    Py_DECREF(name);
    int status = buffer_check(&text);
    if (status == 0) {
        reader->definition = name_of_bytes(&hot->texts.types, (char *)text.data, text.used);
        status = reader->definition == NULL ? -1 : 0;
    }
    buffer_free(&text);
    reader->shape = SHAPE_STATELESS;
    reader->why = REASON_FAILED;
    reader->has_dict = reader->slots = reader->fields = 0;
    return status;
}

/* The caller owns the type. */
static TypeReader *
reader_make(Hot *hot, PyTypeObject *type)
{
    TypeReader *reader = PyMem_RawCalloc(1, sizeof(TypeReader));
    if (reader == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    reader->type = type;
    reader->serial = ++hot->types.serials;
    reader->why = REASON_STATELESS;
    PyObject *description = PyObject_CallMethod(helpers_asked(hot), "describe_type", "O", type);
    int status = -1;
    if (description != NULL) {
        status = reader_fill(hot, reader, description);
        Py_DECREF(description);
    }
    if (status < 0 && helper_failed(hot, "describe_type") == 0) {
        status = reader_mark(hot, reader);
    }
    if (status == 0 && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        reader->weak = watch_type(type);
        status = reader->weak == NULL ? -1 : 0;
    }
    if (status == 0) {
        TypeReader *old = table_get(&hot->types.readers, type);
        status = table_set(&hot->types.readers, type, reader);
        if (status == 0 && old != NULL) {
            memset(hot->types.recent, 0, sizeof(hot->types.recent));
            reader_free(old);
        }
    }
    if (status < 0) {
        reader_free(reader);
        return NULL;
    }
    return reader;
}

TypeReader *
reader_look_up(Hot *hot, PyTypeObject *type)
{
    TypeReader *reader = table_get(&hot->types.readers, type);
    if (reader == NULL || !reader_is_alive(reader)) {
        Py_INCREF(type);
        reader = reader_make(hot, type);
        Py_DECREF(type);
    }
    if (reader != NULL) {
        hot->types.recent[recent_place(type)] = reader;
    }
    return reader;
}

void
readers_sweep(Hot *hot)
{
    if (hot->types.readers.count < 2048) {
        return;
    }
    Table kept = {0};
    memset(hot->types.recent, 0, sizeof(hot->types.recent));
    TypeReader *reader;
    for (size_t at = 0; (reader = table_next(&hot->types.readers, &at)) != NULL;) {
        if (!reader_is_alive(reader) || table_set(&kept, reader->type, reader) < 0) {
            PyErr_Clear(); /* without memory to keep it, it is described again */
            reader_free(reader);
        }
    }
    table_free(&hot->types.readers);
    hot->types.readers = kept;
}

void
readers_free(Hot *hot)
{
    TypeReader *reader;
    for (size_t at = 0; (reader = table_next(&hot->types.readers, &at)) != NULL;) {
        reader_free(reader);
    }
    table_free(&hot->types.readers);
    memset(hot->types.recent, 0, sizeof(hot->types.recent));
}
