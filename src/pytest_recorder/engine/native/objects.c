/* What is known of an object is kept for the next trace, empty; no object of the program's is. */

#include "objects.h"
#include "atoms.h"
#include "definitions.h"
#include "quick.h"
#include "types.h"

/* Frames that are asked whether they still hold an object. */
#define MOST_CALLERS 16

static Object *
object_new(Hot *hot)
{
    ObjectTable *all = &hot->objects;
    if (all->free != NULL) {
        Object *object = all->free;
        hot->objects.free = object->next_free;
        return object;
    }
    if (all->used == all->size) {
        size_t size = all->size == 0 ? 256 : all->size * 2;
        Object **grown = PyMem_RawRealloc(all->all, size * sizeof(Object *));
        if (grown == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        memset(grown + all->size, 0, (size - all->size) * sizeof(Object *));
        hot->objects.all = grown;
        hot->objects.size = size;
    }
    if (all->all[all->used] == NULL) {
        Object *made = PyMem_RawCalloc(1, sizeof(Object));
        if (made == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        hot->objects.all[all->used] = made;
    }
    return all->all[hot->objects.used++];
}

static void
object_begin(Object *object, void *address, TypeReader *reader, uint32_t number)
{
    object->address = address;
    object->type = reader->type;
    object->types_dead = types_dead;
    object->serial = reader->serial;
    object->shape = reader->shape;
    object->number = number;
    object->block = object->told_whole = 0;
    object->looked = object->linked = object->changed = object->resized = object->relinked = 0;
    object->walked = 0;
    object->checked = 0;
    object->looked_depth = 0;
    object->is_gone = 0;
    object->size = -1;
    object->has_content = 0;
    object->child_count = object->atom_count = object->link_count = 0;
    object->bytes.used = 0;
    object->quick = 0;
    object->seen_count = 0;
}

void
objects_held_by(Hot *hot, const Object *of, const KnownValue *where)
{
    hot->objects.of = of;
    hot->objects.where = where;
}

void
objects_look(Hot *hot, uint64_t look)
{
    hot->objects.look = look;
    objects_held_by(hot, NULL, NULL);
}

static int
is_held(const Hot *hot, const Object *object)
{
    const Object *of = hot->objects.of;
    const KnownValue *where = hot->objects.where;
    for (int i = 0; of != NULL && i < of->child_count; i++) {
        if (of->children[i] == object) {
            return 1;
        }
    }
    for (int i = 0; where != NULL && i < where->root_count; i++) {
        if (where->roots[i] == object) {
            return 1;
        }
    }
    return where != NULL && where->root == object;
}

/* Whether a variable of a frame that runs still refers to the object that it was seen to refer to. */
static int
has_variable(const FrameState *state, HotFrame *frame, const Object *object, PyObject *value)
{
    const Code *code = state->code;
    for (int i = 0; state->has_values && !code->is_namespace && i < code->variables; i++) {
        const KnownValue *known = &state->values[i];
        if (known->has_value && known->root == object) {
            PyObject *now = frame_variable(frame, code->code, code->places[i], code->names[i]);
            int is_it = now == value;
            Py_XDECREF(now); /* the frame holds it */
            if (is_it) {
                return 1;
            }
            PyErr_Clear();
        }
    }
    return 0;
}

static int
is_in_variable(const Hot *hot, const Object *object, PyObject *value)
{
    HotFrame *frame = frame_current(PyThreadState_Get());
    for (int found = 0; frame != NULL && found < MOST_CALLERS; frame = frame_back(frame)) {
        const FrameState *state = table_get(&hot->frames.alive, frame);
        if (state != NULL && state->code->code == frame_code(frame)) {
            found++;
            if (has_variable(state, frame, object, value)) {
                return 1;
            }
        }
    }
    return 0;
}

/* Whether there is another object at an address that something refers to anew. */
static int
is_another(Hot *hot, const Object *object, PyObject *value)
{
    return object->has_content && object->looked != hot->objects.look &&
           !is_held(hot, object) && !quick_shares(hot, object, value) &&
           !is_in_variable(hot, object, value);
}

static int
object_of(Hot *hot, PyObject *value, Object **found)
{
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    uint32_t ignored;
    int status = reader == NULL || type_number(hot, reader->definition, &ignored) < 0 ? -1 : 0;
    if (status == 0) {
        Object *object = table_get(&hot->objects.known, value);
        if (object == NULL || object->serial != reader->serial ||
            is_another(hot, object, value)) {
            Object *old = object;
            object = object_new(hot);
            status = object == NULL || table_set(&hot->objects.known, value, object) < 0 ? -1 : 0;
            if (status == 0) {
                object_begin(object, value, reader, ++hot->objects.numbers);
                if (old != NULL) {
                    old->is_gone = 1;
                    hot->objects.atoms_gone += (uint64_t)can_be_atom(old);
                }
            }
        }
        *found = object;
    }
    Py_DECREF(type);
    return status;
}

int
object_number(Hot *hot, PyObject *value, uint32_t *number)
{
    Object *object;
    *number = 0;
    int status = object_of(hot, value, &object);
    if (status == 0) {
        *number = object->number;
    }
    return status;
}

int
object_refer(Hot *hot, PyObject *value, Object **found)
{
    if (object_of(hot, value, found) < 0) {
        return -1;
    }
    ObjectTable *all = &hot->objects;
    if (all->met_count == all->met_size) {
        int size = all->met_size == 0 ? 64 : all->met_size * 2;
        Met *grown = PyMem_RawRealloc(all->met, (size_t)size * sizeof(Met));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        hot->objects.met = grown;
        hot->objects.met_size = size;
    }
    Met met = {*found, Py_NewRef(value), 0};
    hot->objects.met[hot->objects.met_count++] = met;
    return 0;
}

void
objects_drop_met(Hot *hot)
{
    while (hot->objects.met_count > 0) {
        Py_DECREF(hot->objects.met[--hot->objects.met_count].value);
    }
}

/* Walks, level by level. */

static int
level_add(Hot *hot, size_t *count, Object *object)
{
    if (*count == hot->objects.level_size) {
        size_t size = hot->objects.level_size == 0 ? 256 : hot->objects.level_size * 2;
        Object **grown = PyMem_RawRealloc(hot->objects.level, size * sizeof(Object *));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        hot->objects.level = grown;
        hot->objects.level_size = size;
    }
    object->walked = hot->objects.walks;
    hot->objects.level[(*count)++] = object;
    return 0;
}

static int
level_add_new(Hot *hot, size_t *count, Object *object)
{
    return object->walked == hot->objects.walks ? 0 : level_add(hot, count, object);
}

static int
add_children(Hot *hot, size_t *count, const Object *object, int with_atoms)
{
    Object *const *children = with_atoms ? object->children : object->links;
    int most = with_atoms ? object->child_count : object->link_count;
    for (int i = 0; i < most; i++) {
        if (level_add_new(hot, count, children[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int
objects_newest(Hot *hot, Object *const *roots, int root_count, uint64_t *newest)
{
    size_t count = 0, at = 0;
    hot->objects.walks++;
    for (int i = 0; i < root_count; i++) {
        if (level_add_new(hot, &count, roots[i]) < 0) {
            return -1;
        }
    }
    *newest = 0;
    for (int depth = 0; depth < hot->looks.depth; depth++) {
        for (size_t end = count; at < end; at++) {
            const Object *object = hot->objects.level[at];
            *newest = object->changed > *newest ? object->changed : *newest;
            if (add_children(hot, &count, object, hot->looks.atoms_changed > *newest) < 0) {
                return -1;
            }
        }
    }
    for (; at < count; at++) {
        uint64_t resized = hot->objects.level[at]->resized;
        *newest = resized > *newest ? resized : *newest;
    }
    return 0;
}

static void
object_forget_content(Object *object)
{
    object->has_content = 0;
    object->child_count = object->atom_count = object->link_count = 0;
    object->told_whole = 0;
    object->quick = 0;
}

/* Give the roots of live frames a place in the first level. */
static int
add_roots(Hot *hot, size_t *count)
{
    FrameState *state;
    for (size_t at = 0; (state = table_next(&hot->frames.alive, &at)) != NULL;) {
        state->view_block = 0;
        for (int i = 0; i < state->code->variables; i++) {
            KnownValue *known = &state->values[i];
            if (known->has_value && known->root != NULL &&
                level_add_new(hot, count, known->root) < 0) {
                return -1;
            }
            for (int j = 0; known->has_value && j < known->root_count; j++) {
                if (level_add_new(hot, count, known->roots[j]) < 0) {
                    return -1;
                }
            }
        }
    }
    return 0;
}

/* How many may come until room is made again. */
static uint32_t
room_for_more(size_t kept)
{
    if (kept > MOST_OBJECTS) {
        return MOST_OBJECTS;
    }
    return (uint32_t)(kept > MOST_OBJECTS / 2 ? MOST_OBJECTS / 2 : MOST_OBJECTS - kept);
}

int
objects_make_room(Hot *hot)
{
    if (hot->objects.numbers <= hot->objects.full_at) {
        return 0;
    }
    size_t count = 0, at = 0;
    hot->objects.walks++;
    if (add_roots(hot, &count) < 0) {
        return -1;
    }
    for (int depth = 0; depth < hot->settings.depth; depth++) {
        for (size_t end = count; at < end; at++) {
            if (add_children(hot, &count, hot->objects.level[at], 1) < 0) {
                return -1;
            }
        }
    }
    for (; at < count; at++) {
        object_forget_content(hot->objects.level[at]);
    }
    hot->objects.free = NULL;
    for (at = 0; at < hot->objects.used; at++) {
        Object *object = hot->objects.all[at];
        if (object->walked != hot->objects.walks) {
            object->next_free = hot->objects.free;
            hot->objects.free = object;
        }
    }
    Table kept = {0};
    for (at = 0; at < count; at++) {
        Object *object = hot->objects.level[at];
        object->atoms_block = 0; /* what lies at the bound is told anew */
        object->is_gone = object->is_gone || count > MOST_OBJECTS;
        if (!object->is_gone && table_get(&hot->objects.known, object->address) == object &&
            table_set(&kept, object->address, object) < 0) {
            table_free(&kept);
            return -1;
        }
    }
    table_free(&hot->objects.known);
    hot->objects.known = kept;
    hot->objects.full_at = hot->objects.numbers + room_for_more(count);
    return 0;
}

void
objects_clear(Hot *hot)
{
    objects_drop_met(hot);
    table_clear(&hot->objects.known);
    hot->objects.used = 0;
    hot->objects.free = NULL;
    hot->objects.numbers = 0;
    hot->objects.full_at = MOST_OBJECTS;
    hot->objects.look = 0;
    objects_held_by(hot, NULL, NULL);
}

void
objects_free(Hot *hot)
{
    objects_clear(hot);
    for (size_t i = 0; i < hot->objects.size && hot->objects.all[i] != NULL; i++) {
        Object *object = hot->objects.all[i];
        buffer_free(&object->bytes);
        PyMem_RawFree(object->ends);
        PyMem_RawFree(object->children);
        PyMem_RawFree(object->links);
        PyMem_RawFree(object->atoms);
        PyMem_RawFree(object->seen);
        PyMem_RawFree(object);
    }
    table_free(&hot->objects.known);
    PyMem_RawFree(hot->objects.all);
    PyMem_RawFree(hot->objects.level);
    PyMem_RawFree(hot->objects.met);
    memset(&hot->objects, 0, sizeof(hot->objects));
}
