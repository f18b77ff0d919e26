/* From the values of a frame to all that is within the bound on depth, level by level. What holds what it
 * held, by a comparison of memory, is not read again, nor are those in it encoded. */

#include "looks.h"
#include "atoms.h"
#include "contents.h"
#include "definitions.h"
#include "objects.h"
#include "quick.h"
#include "quiet.h"
#include "secrets.h"
#include "states.h"
#include "types.h"

#define MOST_IN_VIEW 4096

void
look_further(Hot *hot)
{
    objects_look(hot, ++hot->looks.number);
    hot->looks.level = 0;
    hot->looks.holders = 0;
}

int
look_begin(Hot *hot, const FrameState *state)
{
    look_end(hot);
    objects_drop_met(hot);
    if (objects_make_room(hot) < 0) {
        return -1;
    }
    hot->looks.newest = 0;
    hot->looks.depth = levels_of(hot, state);
    hot->looks.most = state->code != NULL ? hot->settings.objects : PY_SSIZE_T_MAX;
    look_further(hot);
    buffer_begin(&hot->looks.records);
    return 0;
}

void
look_end(Hot *hot)
{
    while (hot->looks.count > 0) {
        PyObject *value = hot->looks.queue[--hot->looks.count].value;
        if (hot->looks.is_owning) {
            Py_DECREF(value);
        }
    }
    hot->looks.is_owning = 0;
    hot->looks.at = 0;
}

void
look_own(Hot *hot)
{
    for (int i = 0; !hot->looks.is_owning && i < hot->looks.count; i++) {
        Py_INCREF(hot->looks.queue[i].value);
    }
    hot->looks.is_owning = 1;
}

void
look_passes(Hot *hot, const Object *object)
{
    uint64_t newest = object->changed > object->resized ? object->changed : object->resized;
    if (object->atom_count > 0 && hot->looks.atoms_changed > newest) {
        newest = hot->looks.atoms_changed; /* it may have been one of these */
    }
    if (newest > hot->looks.newest) {
        hot->looks.newest = newest;
    }
}

static int
queue_grow(Hot *hot)
{
    int size = hot->looks.size == 0 ? 64 : hot->looks.size * 2;
    Met *grown = PyMem_RawRealloc(hot->looks.queue, (size_t)size * sizeof(Met));
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    hot->looks.queue = grown;
    hot->looks.size = size;
    return 0;
}

static inline int
queue_add(Hot *hot, Object *object, PyObject *value, int depth, int is_atom)
{
    if (!is_atom) {
        object->linked = hot->looks.number;
    }
    if (object->looked == hot->looks.number && object->looked_depth <= depth) {
        return 0;
    }
    if (hot->looks.count == hot->looks.size && queue_grow(hot) < 0) {
        return -1;
    }
    object->looked = hot->looks.number;
    object->looked_depth = depth;
    Met met = {object, value, depth};
    hot->looks.queue[hot->looks.count++] = met;
    hot->looks.holders += is_counted(object);
    if (hot->looks.is_owning) {
        Py_INCREF(value);
    }
    return 0;
}

int
look_take_met(Hot *hot)
{
    int status = 0;
    if (hot->objects.met_count == 0) {
        return 0;
    }
    look_own(hot);
    for (int i = 0; status == 0 && i < hot->objects.met_count; i++) {
        const Met *met = &hot->objects.met[i];
        status = queue_add(hot, met->object, met->value, 0, 0);
    }
    objects_drop_met(hot);
    return status;
}

int
look_take_roots(Hot *hot, const KnownValue *known)
{
    if (known->root != NULL) {
        return queue_add(hot, known->root, known->root->address, 0, 0);
    }
    for (int i = 0; i < known->root_count; i++) {
        if (queue_add(hot, known->roots[i], known->roots[i]->address, 0, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What is told. */

static int
part_count(const Hot *hot, const Content *content)
{
    return content->is_leaf ? -1 : hot->contents.parts;
}

static int
is_as_told(const Hot *hot, const Object *object, const Content *content)
{
    const Buffer *bytes = &hot->contents.bytes;
    int parts = part_count(hot, content);
    return object->parts == parts && object->tag == content->tag &&
           object->reason == content->reason && object->size == content->full &&
           object->bytes.used == bytes->used &&
           (bytes->used == 0 ||
            memcmp(object->bytes.data, bytes->data, bytes->used) == 0) &&
           (parts <= 0 ||
            memcmp(object->ends, hot->contents.ends, (size_t)parts * sizeof(uint32_t)) == 0);
}

static int
put_head(Hot *hot, Object *object, TypeReader *reader, int tag)
{
    Buffer *out = &hot->looks.records;
    uint32_t type;
    if (type_number(hot, reader->definition, &type) < 0) {
        return -1;
    }
    put_byte(out, OP_OBJECT);
    put_byte(out, tag);
    put_uv(out, type);
    put_uv(out, object->number);
    return 0;
}

static void
put_whole(Hot *hot, const Content *content)
{
    Buffer *out = &hot->looks.records;
    if (!content->is_leaf) {
        put_uv(out, (uint64_t)content->full);
        put_byte(out, content->reason);
        put_uv(out, (uint64_t)hot->contents.parts);
    }
    put_bytes(out, hot->contents.bytes.data, hot->contents.bytes.used);
}

typedef struct {
    const uint8_t *data;
    const uint32_t *ends;
    int count;
} Pieces;

static int
is_same_piece(const Pieces *one, int i, const Pieces *other, int j)
{
    uint32_t from = i > 0 ? one->ends[i - 1] : 0, begin = j > 0 ? other->ends[j - 1] : 0;
    uint32_t size = one->ends[i] - from;
    return size == other->ends[j] - begin &&
           memcmp(one->data + from, other->data + begin, size) == 0;
}

static void
put_change(Hot *hot, const Object *object, const Content *content)
{
    static const uint8_t operations[] = {
        [TAG_SEQUENCE] = OP_ITEMS, [TAG_MAPPING] = OP_ENTRIES, [TAG_OBJECT] = OP_ATTRIBUTES};
    Pieces old = {object->bytes.data, object->ends, object->parts};
    Pieces new = {hot->contents.bytes.data, hot->contents.ends, hot->contents.parts};
    int least = old.count < new.count ? old.count : new.count, first = 0, end = 0, same = 0;
    while (first < least && is_same_piece(&old, first, &new, first)) {
        first++;
    }
    while (end < least - first &&
           is_same_piece(&old, old.count - 1 - end, &new, new.count - 1 - end)) {
        end++;
    }
    for (int i = 0; i < least && !same; i++) {
        same = is_same_piece(&old, i, &new, i);
    }
    Buffer *out = &hot->looks.records;
    put_byte(out, operations[content->tag]);
    put_uv(out, object->number);
    put_uv(out, (uint64_t)content->full);
    put_byte(out, content->reason);
    /* Where nothing is as it was, it can be another object that got the address of the old one. */
    put_byte(out, least > 0 && !same);
    put_uv(out, (uint64_t)first);
    put_uv(out, (uint64_t)(old.count - first - end));
    put_uv(out, (uint64_t)(new.count - first - end));
    uint32_t from = first > 0 ? new.ends[first - 1] : 0;
    uint32_t to = new.count - end > 0 ? new.ends[new.count - end - 1] : 0;
    put_bytes(out, new.data + from, to > from ? to - from : 0);
    if (new.count - end > first) {
        uint64_t before = first > 0 ? hot->contents.hidden[first - 1] : hot->secrecy.redacted;
        uint64_t hidden = hot->contents.hidden[new.count - end - 1] - before;
        redacted_set(hot, hot->secrecy.redacted + hidden);
    }
}

static int
children_reserve(Object *object, int count)
{
    if (count > object->child_size) {
        Object **children = PyMem_RawRealloc(object->children, (size_t)count * sizeof(Object *));
        object->children = children != NULL ? children : object->children;
        Object **links = PyMem_RawRealloc(object->links, (size_t)count * sizeof(Object *));
        object->links = links != NULL ? links : object->links;
        if (children == NULL || links == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        object->child_size = count;
    }
    return 0;
}

static int
keep_atoms(Hot *hot, Object *object)
{
    int count = 0, can_be = 0;
    object->atom_count = object->link_count = 0;
    object->atoms_gone = hot->objects.atoms_gone;
    for (int i = 0; is_holder(object) && i < hot->objects.met_count; i++) {
        can_be += can_be_atom(object->children[i]);
    }
    if (can_be > object->atom_size) {
        Atom *grown = PyMem_RawRealloc(object->atoms, (size_t)can_be * sizeof(Atom));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        object->atoms = grown;
        object->atom_size = can_be;
    }
    for (int i = 0; i < hot->objects.met_count; i++) {
        Object *child = object->children[i];
        if (can_be > 0 && can_be_atom(child) &&
            atom_see(hot, child, hot->objects.met[i].value, &object->atoms[count])) {
            count++;
        }
        else {
            object->links[object->link_count++] = child;
        }
    }
    object->atom_count = count;
    return 0;
}

static int
keep_children(Hot *hot, Object *object)
{
    int count = hot->objects.met_count, is_same = count == object->child_count;
    if (children_reserve(object, count) < 0) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        is_same = is_same && object->children[i] == hot->objects.met[i].object;
        object->children[i] = hot->objects.met[i].object;
    }
    object->child_count = count;
    if (!is_same) {
        object->relinked = hot->looks.number;
        object->atoms_block = 0;
    }
    return keep_atoms(hot, object);
}

static int
keep_content(Hot *hot, Object *object, const Content *content)
{
    int parts = part_count(hot, content);
    object->has_content = 0;
    if (parts > object->ends_size) {
        uint32_t *grown = PyMem_RawRealloc(object->ends, (size_t)parts * sizeof(uint32_t));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        object->ends = grown;
        object->ends_size = parts;
    }
    if (parts > 0) {
        memcpy(object->ends, hot->contents.ends, (size_t)parts * sizeof(uint32_t));
    }
    object->parts = parts;
    object->tag = content->tag;
    object->reason = content->reason;
    buffer_begin(&object->bytes);
    put_bytes(&object->bytes, hot->contents.bytes.data, hot->contents.bytes.used);
    if (buffer_check(&object->bytes) < 0) {
        return -1;
    }
    object->has_content = 1;
    return 0;
}

static void
resize(Hot *hot, Object *object, Py_ssize_t size)
{
    if (object->size != -1 && object->size != size) {
        object->resized = hot->looks.number;
    }
    object->size = size;
}

/* The content was read: tell what is new of it. */
static int
tell_content(Hot *hot, Object *object, TypeReader *reader, const Content *content,
             uint64_t redacted)
{
    int is_same = object->has_content && is_as_told(hot, object, content);
    int is_told = object->told_whole == hot->spool.block;
    if (object->has_content && !is_same) {
        object->changed = hot->looks.number;
        if (can_be_atom(object)) {
            hot->looks.atoms_changed = hot->looks.number;
        }
        if (content->is_leaf) {
            object->resized = hot->looks.number; /* all of it is shown at the bound too */
        }
    }
    resize(hot, object, content->full);
    object->told_whole = object->block = hot->spool.block;
    if (is_told && is_same) {
        return 0;
    }
    if (is_told && object->has_content && object->parts >= 0 && !content->is_leaf &&
        object->tag == content->tag) {
        put_change(hot, object, content);
    }
    else {
        if (put_head(hot, object, reader, content->tag) < 0) {
            return -1;
        }
        put_whole(hot, content);
        redacted_set(hot, hot->secrecy.redacted + redacted);
    }
    return is_same ? 0 : keep_content(hot, object, content);
}

/* Look at what an object holds; what it refers to is met. */
static int
look_at(Hot *hot, Object *object, PyObject *value, TypeReader *reader)
{
    Content content;
    uint64_t redacted = hot->secrecy.redacted, in_place = hot->secrecy.in_place;
    uint64_t asked = hot->settings.asked;
    objects_held_by(hot, object, NULL);
    int status = content_read(hot, value, reader, &content);
    objects_held_by(hot, NULL, NULL);
    uint64_t found = hot->secrecy.redacted - redacted;
    redacted_set(hot, redacted);
    object->quick = 0;
    if (status < 0 || buffer_check(&hot->contents.bytes) < 0) {
        object->has_content = 0;
        object->child_count = object->atom_count = object->link_count = 0;
        return -1;
    }
    if (keep_children(hot, object) < 0 || tell_content(hot, object, reader, &content, found) < 0) {
        return -1;
    }
    if (hot->settings.asked != asked) {
        return 0; /* Python ran: it may hold something else by now, and is read again */
    }
    return quick_keep(hot, object, value, reader, hot->secrecy.in_place != in_place);
}

static int
look_at_size(Hot *hot, Object *object, TypeReader *reader, Py_ssize_t size)
{
    if (object->block == hot->spool.block && object->size == size) {
        return 0;
    }
    static const uint8_t tags[] = {
        [SHAPE_LIST] = TAG_SEQUENCE,      [SHAPE_TUPLE] = TAG_SEQUENCE,
        [SHAPE_SET] = TAG_SEQUENCE,       [SHAPE_FROZENSET] = TAG_SEQUENCE,
        [SHAPE_DEQUE] = TAG_SEQUENCE,     [SHAPE_NAMED_TUPLE] = TAG_SEQUENCE,
        [SHAPE_MAPPING] = TAG_MAPPING,    [SHAPE_BUILTIN] = 0,
    };
    resize(hot, object, size);
    object->block = hot->spool.block;
    int tag = tags[reader->shape];
    if (put_head(hot, object, reader, tag != 0 ? tag : TAG_OBJECT) < 0) {
        return -1;
    }
    put_uv(&hot->looks.records, (uint64_t)size);
    put_byte(&hot->looks.records, REASON_DEPTH);
    put_uv(&hot->looks.records, 0);
    return 0;
}

/* 1: what it refers to is met; 0; -1. */
static int
look_at_one(Hot *hot, Object *object, PyObject *value, TypeReader *reader, int depth)
{
    if (depth >= hot->looks.depth) {
        Py_ssize_t size = object_size(hot, value, reader);
        int is_told_whole = object->told_whole == hot->spool.block;
        if (size > 0 && !(is_told_whole && object->size != size)) {
            return look_at_size(hot, object, reader, size);
        }
    }
    return look_at(hot, object, value, reader) < 0 ? -1 : 1;
}

/* Whether the objects in one that holds what it held are those that were there: an address tells nothing
 * of that. What lies below the bound on depth is not in view. */
static int
has_its_links(const Hot *hot, const Object *object, int depth)
{
    for (int i = 0; depth < hot->looks.depth && i < object->link_count; i++) {
        const Object *child = object->links[i];
        if (child->is_gone || !has_type_as_seen(hot, child, child->address)) {
            return 0;
        }
    }
    return 1;
}

static int
take_children(Hot *hot, Object *object, int depth)
{
    for (int i = 0, at = 0; i < object->child_count; i++) {
        Object *child = object->children[i];
        int is_atom = at < object->atom_count && object->atoms[at].object == child;
        at += is_atom;
        if (queue_add(hot, child, child->address, depth, is_atom) < 0) {
            return -1;
        }
    }
    object->atoms_block = hot->spool.block;
    object->atoms_room = hot->looks.depth - depth;
    return 0;
}

/* Atoms that are as they were need a look only where this block does not tell of them yet. */
static int
take_links(Hot *hot, Object *object, int depth)
{
    if (object->atom_count > 0 &&
        (object->atoms_block != hot->spool.block || object->atoms_room < hot->looks.depth - depth)) {
        return take_children(hot, object, depth);
    }
    for (int i = 0; i < object->link_count; i++) {
        if (queue_add(hot, object->links[i], object->links[i]->address, depth, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What is in view down to this level is known now: where it is too much, a later look ends above. */
static void
come_to_level(Hot *hot, int level)
{
    hot->looks.level = level;
    if (level > 1 && level <= hot->looks.depth && hot->looks.holders > hot->looks.most) {
        hot->looks.depth = level - 1;
        for (int i = 0; i < hot->looks.count; i++) {
            hot->looks.queue[i].object->atoms_block = 0; /* only their size is told now */
        }
    }
}

int
look_run(Hot *hot)
{
    while (hot->looks.at < hot->looks.count) {
        Met met = hot->looks.queue[hot->looks.at++];
        Object *object = met.object;
        if (met.depth != hot->looks.level && is_counted(object)) {
            come_to_level(hot, met.depth);
        }
        int is_known = object->has_content && object->told_whole == hot->spool.block &&
                       !hot->settings.looks_always;
        if (is_known &&
            (is_checked(hot, object) ||
             quick_check(hot, object, met.value, met.depth + 1 < hot->looks.depth)) &&
            has_its_links(hot, object, met.depth)) {
            look_passes(hot, object);
            if (met.depth < hot->looks.depth &&
                take_links(hot, object, met.depth + 1) < 0) {
                return -1;
            }
            continue;
        }
        look_own(hot);
        PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(met.value));
        TypeReader *reader = reader_of(hot, type);
        int found = reader == NULL ? -1 : look_at_one(hot, object, met.value, reader, met.depth);
        Py_DECREF(type);
        int status = found > 0 ? take_children(hot, object, met.depth + 1) : found;
        objects_drop_met(hot);
        if (status < 0) {
            return -1;
        }
        look_passes(hot, object);
    }
    return buffer_check(&hot->looks.records);
}

int
look_again(Hot *hot, Object *object, PyObject *value)
{
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(value));
    TypeReader *reader = reader_of(hot, type);
    int status = reader == NULL ? -1 : look_at(hot, object, value, reader);
    Py_DECREF(type);
    objects_drop_met(hot);
    look_passes(hot, object);
    return status;
}

int
look_keep_view(Hot *hot, FrameState *state)
{
    int count = hot->looks.count;
    state->view_block = 0;
    if (count > MOST_IN_VIEW) {
        return 0;
    }
    if (count > state->view_size) {
        uintptr_t *grown = PyMem_RawRealloc(state->view, (size_t)count * sizeof(uintptr_t));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        state->view = grown;
        state->view_size = count;
    }
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const Met *met = &hot->looks.queue[i];
        if (met->depth <= hot->looks.depth && met->object->linked == hot->looks.number) {
            state->view[kept++] = (uintptr_t)met->object |
                                  (met->depth == hot->looks.depth ? VIEW_AT_BOUND : 0) |
                                  (met->depth + 1 == hot->looks.depth ? VIEW_ABOVE_BOUND : 0);
        }
    }
    state->view_count = kept;
    state->view_depth = hot->looks.depth;
    state->view_block = hot->spool.block;
    state->view_checked = hot->changes.event;
    return 0;
}

void
looks_free(Hot *hot)
{
    look_end(hot);
    buffer_free(&hot->looks.records);
    PyMem_RawFree(hot->looks.queue);
    memset(&hot->looks, 0, sizeof(hot->looks));
}
