/* Each way to compare is chosen by the shape of the object, when it has been read. */

#include "quick.h"
#include "atoms.h"
#include "payloads.h"
#include "reading.h"
#include "types.h"

enum { QUICK_NOT, QUICK_ITEMS, QUICK_SET, QUICK_DICT, QUICK_ATTRIBUTES, QUICK_MEMORY };

#ifdef HOT_INTERNALS

static int
seen_reserve(Object *object, int count)
{
    if (count > object->seen_size) {
        Seen *seen = PyMem_RawRealloc(object->seen, (size_t)count * sizeof(Seen));
        if (seen == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        object->seen = seen;
        object->seen_size = count;
    }
    return 0;
}

static inline void
see_part(const Hot *hot, int is_deep, Seen *seen, PyObject *item)
{
    if (is_deep) {
        see_deep(hot, seen, item);
    }
    else {
        see(hot, seen, item);
    }
}

static PyObject *const *
items_of(PyObject *value)
{
    return PyList_Check(value) ? ((PyListObject *)value)->ob_item
                               : ((PyTupleObject *)value)->ob_item;
}

static int
keep_items(Hot *hot, Object *object, PyObject *value, int is_deep)
{
    Py_ssize_t size = Py_SIZE(value), most = hot->settings.items;
    int count = (int)(size < most ? size : most);
    if (seen_reserve(object, count) < 0) {
        return -1;
    }
    PyObject *const *items = items_of(value);
    for (int i = 0; i < count; i++) {
        see_part(hot, is_deep, &object->seen[i], items[i]);
    }
    object->seen_count = object->pairs_from = count;
    object->quick_size = size;
    object->quick = QUICK_ITEMS;
    return 0;
}

static int
keep_set(Hot *hot, Object *object, PyObject *value, int is_deep)
{
    Py_ssize_t size = PySet_GET_SIZE(value), most = hot->settings.items, at = 0;
    int count = (int)(size < most ? size : most), found = 0;
    PyObject *item;
    if (seen_reserve(object, 2 * count) < 0) {
        return -1;
    }
    while (found < count && set_next(value, &at, &item)) {
        object->seen[count + found].item = (PyObject *)(uintptr_t)(at - 1);
        see_part(hot, is_deep, &object->seen[found++], item);
    }
    object->seen_count = object->pairs_from = found;
    object->quick_size = size;
    object->keys = ((PySetObject *)value)->table;
    object->version = (uint64_t)((PySetObject *)value)->mask;
    object->quick = QUICK_SET;
    return 0;
}

/* A set of which all is seen holds the same where each item is at its place: a table can be much larger
 * than what is in it. */
static int
places_are_same(const Hot *hot, const Object *object, const PySetObject *set)
{
    if (set->table != object->keys || (uint64_t)set->mask != object->version) {
        return 0;
    }
    for (int i = 0; i < object->seen_count; i++) {
        uintptr_t place = (uintptr_t)object->seen[object->seen_count + i].item;
        if (!is_as_seen(hot, &object->seen[i], set->table[place].key)) {
            return 0;
        }
    }
    return 1;
}

static int
set_is_same(const Hot *hot, const Object *object, PyObject *value)
{
    Py_ssize_t at = 0;
    PyObject *item;
    if (PySet_GET_SIZE(value) != object->quick_size) {
        return 0;
    }
    if (object->seen_count == object->quick_size) {
        return places_are_same(hot, object, (const PySetObject *)value);
    }
    for (int i = 0; i < object->seen_count; i++) {
        if (!set_next(value, &at, &item) || !is_as_seen(hot, &object->seen[i], item)) {
            return 0;
        }
    }
    return 1;
}

/* Where the attributes of an object are: NULL and its dictionary, or none; or values that lie inline. */
static PyDictValues *
attributes_of(PyObject *value, PyTypeObject *type, PyObject **dict)
{
    *dict = NULL;
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        return inline_values(value, type, dict);
    }
    PyObject **place = _PyObject_GetDictPtr(value);
    *dict = place != NULL ? *place : NULL;
    return NULL;
}

static PyObject *
slot_of(const TypeReader *reader, PyObject *value, int slot)
{
    return *(PyObject **)((char *)value + reader->slot_offsets[slot]);
}

/* How many slots have a value, from one on. */
static int
slots_set(const TypeReader *reader, PyObject *value, int from)
{
    int count = 0;
    for (int i = from; i < reader->slots; i++) {
        count += slot_of(reader, value, i) != NULL;
    }
    return count;
}

/* Slots up to the bound: of the others it matters how many have a value. */
static void
keep_slots(Hot *hot, Object *object, PyObject *value, TypeReader *reader, int is_deep)
{
    int shown = 0, i = 0;
    for (; i < reader->slots && shown < hot->settings.attributes; i++) {
        PyObject *item = slot_of(reader, value, i);
        see_part(hot, is_deep, &object->seen[object->seen_count++], item);
        shown += item != NULL;
    }
    object->slots_seen = i;
    object->slots_set = slots_set(reader, value, i);
}

/* Pairs of a key, by its address, and what stands there. */
static int
keep_pairs(Hot *hot, Object *object, PyObject *dict, Py_ssize_t most, int is_deep)
{
    Py_ssize_t size = PyDict_GET_SIZE(dict), at = 0;
    int count = (int)(size < most ? size : most);
    PyObject *key, *item;
    if (seen_reserve(object, object->seen_count + 2 * count) < 0) {
        return -1;
    }
    for (int i = 0; i < count && PyDict_Next(dict, &at, &key, &item); i++) {
        see_part(hot, is_deep, &object->seen[object->seen_count++], key);
        see_part(hot, is_deep, &object->seen[object->seen_count++], item);
    }
    object->quick_size = size;
    object->version = dict_version(dict);
    return 0;
}

static int
pairs_are_same(const Hot *hot, const Object *object, int from, PyObject *dict)
{
    Py_ssize_t at = 0;
    PyObject *key, *item;
    if (!object->is_deep && object->version != 0 && dict_version(dict) == object->version) {
        return 1;
    }
    if (PyDict_GET_SIZE(dict) != object->quick_size) {
        return 0;
    }
    for (int i = from; i < object->seen_count; i += 2) {
        if (!PyDict_Next(dict, &at, &key, &item) || !is_as_seen(hot, &object->seen[i], key) ||
            !is_as_seen(hot, &object->seen[i + 1], item)) {
            return 0;
        }
    }
    return 1;
}

/* Slots, then what an exception was made with; then pairs of what lies inline, or in a dictionary. */
static int
keep_attributes(Hot *hot, Object *object, PyObject *value, TypeReader *reader, int is_deep)
{
    PyObject *dict = NULL;
    PyDictValues *values =
        reader->has_dict ? attributes_of(value, reader->type, &dict) : NULL;
    int count = values != NULL ? (int)inline_count(values) : 0;
    if (seen_reserve(object, reader->slots + 1 + 2 * count) < 0) {
        return -1;
    }
    keep_slots(hot, object, value, reader, is_deep);
    if (reader->shape == SHAPE_EXCEPTION) {
        see_part(hot, is_deep, &object->seen[object->seen_count++], ((PyBaseExceptionObject *)value)->args);
    }
    object->pairs_from = object->seen_count;
    object->keys = dict;
    object->quick_size = count;
    object->quick = QUICK_ATTRIBUTES;
    if (values == NULL) {
        /* A subclass of dict can be the dictionary of an object. */
        return dict != NULL && PyDict_Check(dict)
                   ? keep_pairs(hot, object, dict, hot->settings.attributes, is_deep)
                   : 0;
    }
    PyDictUnicodeEntry *names =
        DK_UNICODE_ENTRIES(((PyHeapTypeObject *)reader->type)->ht_cached_keys);
    for (int i = 0; i < count; i++) {
        int index = inline_index(values, i);
        object->seen[object->seen_count].item = names[index].me_key;
        object->seen[object->seen_count++].payload = 0;
        see_part(hot, is_deep, &object->seen[object->seen_count++], values->values[index]);
    }
    object->keys = values;
    if (count > MOST_INLINE) {
        object->quick = QUICK_NOT;
        return 0;
    }
    memcpy(object->order, inline_order(values, count), (size_t)count);
    return 0;
}

static int
attributes_are_same(const Hot *hot, const Object *object, PyObject *value)
{
    PyTypeObject *type = object->type;
    TypeReader *reader = reader_as_seen(hot, object, value);
    int at = 0;
    for (; reader != NULL && at < object->slots_seen; at++) {
        if (!is_as_seen(hot, &object->seen[at], slot_of(reader, value, at))) {
            return 0;
        }
    }
    if (reader == NULL || slots_set(reader, value, at) != object->slots_set ||
        (reader->shape == SHAPE_EXCEPTION &&
         !is_as_seen(hot, &object->seen[at++], ((PyBaseExceptionObject *)value)->args))) {
        return 0;
    }
    if (!reader->has_dict) {
        return 1;
    }
    PyObject *dict;
    PyDictValues *values = attributes_of(value, type, &dict);
    if (values == NULL) {
        return object->keys == dict && (dict == NULL || pairs_are_same(hot, object, at, dict));
    }
    int count = (int)object->quick_size;
    if (object->keys != values || inline_count(values) != count) {
        return 0;
    }
    /* A name stays where it is in the keys that the instances of a type share. */
    if (memcmp(object->order, inline_order(values, count), (size_t)count) != 0) {
        return 0;
    }
    const Seen *seen = &object->seen[at + 1];
    for (int i = 0; i < count; i++, seen += 2) {
        if (!is_as_seen(hot, seen, values->values[inline_index(values, i)])) {
            return 0;
        }
    }
    return 1;
}

int
quick_keep(Hot *hot, Object *object, PyObject *value, TypeReader *reader, int is_deep)
{
    object->types_dead = types_dead; /* the reader was found alive */
    object->quick = QUICK_NOT;
    object->seen_count = 0;
    object->is_deep = is_deep;
    switch (reader->shape) {
    case SHAPE_LIST:
    case SHAPE_TUPLE:
    case SHAPE_NAMED_TUPLE:
        return keep_items(hot, object, value, is_deep);
    case SHAPE_SET:
    case SHAPE_FROZENSET:
        return keep_set(hot, object, value, is_deep);
    case SHAPE_MAPPING:
        object->quick = QUICK_DICT;
        object->pairs_from = 0;
        return keep_pairs(hot, object, value, hot->settings.items, is_deep);
    case SHAPE_OBJECT:
    case SHAPE_EXCEPTION:
        return keep_attributes(hot, object, value, reader, is_deep);
    default:
        object->version = memory_payload(hot, value, reader->shape);
        object->quick = object->version != 0 && !is_deep ? QUICK_MEMORY : QUICK_NOT;
        return 0;
    }
}

static int
holds_the_same(const Hot *hot, const Object *object, PyObject *value)
{
    switch (object->quick) {
    case QUICK_ITEMS: {
        if (Py_SIZE(value) != object->quick_size) {
            return 0;
        }
        PyObject *const *items = items_of(value);
        for (int i = 0; i < object->seen_count; i++) {
            if (!is_as_seen(hot, &object->seen[i], items[i])) {
                return 0;
            }
        }
        return 1;
    }
    case QUICK_SET:
        return set_is_same(hot, object, value);
    case QUICK_DICT:
        return pairs_are_same(hot, object, 0, value);
    case QUICK_ATTRIBUTES:
        return attributes_are_same(hot, object, value);
    case QUICK_MEMORY:
        return memory_payload(hot, value, object->shape) == object->version;
    default:
        return 0;
    }
}

/* A dictionary that nobody has written to holds the very objects that it held. */
static inline int
holds_the_very_same(const Hot *hot, const Object *object, PyObject *value)
{
    return object->quick == QUICK_DICT && object->version != 0 &&
           dict_version(value) == object->version &&
           object->atoms_gone == hot->objects.atoms_gone;
}

int
quick_is_same(const Hot *hot, const Object *object, PyObject *value, int shows_atoms)
{
    return has_type_as_seen(hot, object, value) && holds_the_same(hot, object, value) &&
           (object->atom_count == 0 ||
            (!shows_atoms && holds_the_very_same(hot, object, value)) ||
            atoms_are_same(hot, object));
}

static int
is_seen_alike(const Seen *one, const Seen *other)
{
    return one->payload != 0 ? one->payload == other->payload
                             : other->payload == 0 && one->item == other->item;
}

/* Of the same shape, for its type is the same: part by part, at the same places. */
static int
share_a_part(const Object *old, const Object *new)
{
    int least = old->seen_count < new->seen_count ? old->seen_count : new->seen_count;
    int i = 0;
    for (; i < old->pairs_from && i < least; i++) {
        if (old->seen[i].item != NULL && is_seen_alike(&old->seen[i], &new->seen[i])) {
            return 1;
        }
    }
    for (; i + 1 < least; i += 2) {
        if (is_seen_alike(&old->seen[i], &new->seen[i]) &&
            is_seen_alike(&old->seen[i + 1], &new->seen[i + 1])) {
            return 1;
        }
    }
    return 0;
}

int
quick_shares(Hot *hot, const Object *object, PyObject *value)
{
    Object now = {0};
    if (object->quick == QUICK_NOT || quick_is_same(hot, object, value, 1)) {
        return 1;
    }
    TypeReader *reader = reader_of(hot, Py_TYPE(value));
    if (reader == NULL || quick_keep(hot, &now, value, reader, 0) < 0) {
        PyErr_Clear();
        PyMem_RawFree(now.seen);
        return 1;
    }
    int shares = object->quick != QUICK_MEMORY && share_a_part(object, &now);
    PyMem_RawFree(now.seen);
    return shares;
}

static inline int
is_link(const Hot *hot, PyObject *item)
{
    return item != NULL && !is_singleton(item) && scalar_payload(hot, item) == 0;
}

static inline int
was_link(const Seen *seen)
{
    return seen->item != NULL && seen->payload == 0 && !is_singleton(seen->item);
}

/* One place in an object, as it was and as it is. */
static inline int
links_alike(const Hot *hot, const Seen *seen, PyObject *item)
{
    return was_link(seen) ? seen->item == item : !is_link(hot, item);
}

static int
items_have_links(const Hot *hot, const Object *object, PyObject *const *items, Py_ssize_t size)
{
    Py_ssize_t most = hot->settings.items, now = size < most ? size : most;
    int was = object->seen_count;
    for (int i = 0; i < was || i < now; i++) {
        static const Seen nothing = {NULL, 0};
        const Seen *seen = i < was ? &object->seen[i] : &nothing;
        if (!links_alike(hot, seen, i < now ? items[i] : NULL)) {
            return 0;
        }
    }
    return 1;
}

static int
pairs_have_links(const Hot *hot, const Object *object, int from, PyObject *dict, Py_ssize_t most)
{
    static const Seen nothing = {NULL, 0};
    Py_ssize_t at = 0;
    PyObject *key, *item;
    for (int i = from, shown = 0; i < object->seen_count || shown < most; i += 2, shown++) {
        int is_there = shown < most && PyDict_Next(dict, &at, &key, &item);
        if (!is_there && i >= object->seen_count) {
            break;
        }
        const Seen *seen = i < object->seen_count ? &object->seen[i] : NULL;
        if (!links_alike(hot, seen != NULL ? seen : &nothing, is_there ? key : NULL) ||
            !links_alike(hot, seen != NULL ? seen + 1 : &nothing, is_there ? item : NULL)) {
            return 0;
        }
    }
    return 1;
}

static int
attributes_have_links(const Hot *hot, const Object *object, PyObject *value)
{
    static const Seen nothing = {NULL, 0};
    PyTypeObject *type = object->type;
    TypeReader *reader = reader_as_seen(hot, object, value);
    int at = 0;
    if (reader == NULL || object->slots_seen < reader->slots) {
        return 0; /* one that was beyond the bound can come into view */
    }
    for (int i = 0; i < reader->slots; i++) {
        if (!links_alike(hot, &object->seen[at++], slot_of(reader, value, i))) {
            return 0;
        }
    }
    if (reader->shape == SHAPE_EXCEPTION &&
        !links_alike(hot, &object->seen[at++], ((PyBaseExceptionObject *)value)->args)) {
        return 0;
    }
    PyObject *dict = NULL;
    PyDictValues *values = reader->has_dict ? attributes_of(value, type, &dict) : NULL;
    if (values == NULL) {
        return object->keys == dict && dict != NULL &&
               pairs_have_links(hot, object, at, dict, hot->settings.attributes);
    }
    if (object->keys != values) {
        return 0;
    }
    Py_ssize_t count = inline_count(values);
    for (int i = 0; at < object->seen_count || i < count; i++, at += 2) {
        const Seen *seen = at < object->seen_count ? &object->seen[at + 1] : &nothing;
        PyObject *item = i < count ? values->values[inline_index(values, i)] : NULL;
        if (!links_alike(hot, seen, item)) {
            return 0;
        }
    }
    return 1;
}

int
quick_has_links(const Hot *hot, const Object *object, PyObject *value)
{
    if (object->is_deep || !has_type_as_seen(hot, object, value)) {
        return 0;
    }
    switch (object->quick) {
    case QUICK_ITEMS:
        return items_have_links(hot, object, items_of(value), Py_SIZE(value)) &&
               atoms_are_same(hot, object);
    case QUICK_DICT:
        return pairs_have_links(hot, object, 0, value, hot->settings.items) &&
               atoms_are_same(hot, object);
    case QUICK_ATTRIBUTES:
        return attributes_have_links(hot, object, value) && atoms_are_same(hot, object);
    case QUICK_MEMORY:
        return object->child_count == 0; /* a name can be an object, too */
    default:
        return 0;
    }
}

int
quick_has_size(Hot *hot, const Object *object, PyObject *value)
{
    TypeReader *reader = reader_as_seen(hot, object, value);
    if (reader == NULL) {
        return 0;
    }
    Py_ssize_t size = object_size(hot, value, reader);
    return size > 0 ? size == object->size
                    : object->has_content && quick_is_same(hot, object, value, 1);
}

#else /* the public API: each look reads the object, and compares bytes */

int
quick_keep(Hot *Py_UNUSED(hot), Object *object, PyObject *Py_UNUSED(value),
           TypeReader *Py_UNUSED(reader), int Py_UNUSED(is_deep))
{
    object->quick = QUICK_NOT;
    return 0;
}

int
quick_is_same(const Hot *Py_UNUSED(hot), const Object *Py_UNUSED(object),
              PyObject *Py_UNUSED(value), int Py_UNUSED(shows_atoms))
{
    return 0;
}

int
quick_shares(Hot *Py_UNUSED(hot), const Object *Py_UNUSED(object), PyObject *Py_UNUSED(value))
{
    return 1;
}

int
quick_has_links(const Hot *Py_UNUSED(hot), const Object *Py_UNUSED(object),
                PyObject *Py_UNUSED(value))
{
    return 0;
}

int
quick_has_size(Hot *Py_UNUSED(hot), const Object *Py_UNUSED(object), PyObject *Py_UNUSED(value))
{
    return 0;
}

#endif
