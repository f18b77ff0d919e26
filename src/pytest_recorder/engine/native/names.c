/* Chains by the hash of the bytes; the table grows, and nothing leaves it. */

#include "names.h"
#include "mix.h"

Name *
name_of_bytes(Names *names, const char *text, size_t size)
{
    uint64_t hash = mix_bytes(0, text, size);
    if (names->chains == NULL || names->count > 2 * names->mask) {
        size_t length = names->chains == NULL ? 256 : 4 * (names->mask + 1);
        Name **chains = PyMem_RawCalloc(length, sizeof(Name *));
        if (chains == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        for (size_t i = 0; names->chains != NULL && i <= names->mask; i++) {
            for (Name *name = names->chains[i], *next; name != NULL; name = next) {
                next = name->next;
                name->next = chains[name->hash & (length - 1)];
                chains[name->hash & (length - 1)] = name;
            }
        }
        PyMem_RawFree(names->chains);
        names->chains = chains;
        names->mask = length - 1;
    }
    Name **chain = &names->chains[hash & names->mask];
    for (Name *name = *chain; name != NULL; name = name->next) {
        if (name->hash == hash && name->size == size && memcmp(name->text, text, size) == 0) {
            return name;
        }
    }
    Name *name = PyMem_RawCalloc(1, sizeof(Name) + size + 1);
    if (name == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    name->hash = hash;
    name->size = size;
    name->is_secret = name->digest_size = -1;
    memcpy(name->text, text, size);
    name->next = *chain;
    *chain = name;
    names->count++;
    return name;
}

static Name *
name_made_of(Hot *hot, Names *names, PyObject *string)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (PyUnicode_IS_ASCII(string)) {
        return name_of_bytes(names, (const char *)PyUnicode_1BYTE_DATA(string), (size_t)length);
    }
    buffer_begin(&hot->texts.utf8);
    put_utf8(&hot->texts.utf8, string, length);
    if (buffer_check(&hot->texts.utf8) < 0) {
        return NULL;
    }
    return name_of_bytes(names, (const char *)hot->texts.utf8.data, hot->texts.utf8.used);
}

Name *
name_of(Hot *hot, Names *names, PyObject *string)
{
    Py_hash_t hash = ((PyASCIIObject *)string)->hash;
    size_t place = ((uintptr_t)string >> 4) % RECENT_NAMES;
    const RecentName *recent = &hot->texts.recent[place];
    if (names != &hot->texts.names || hash == -1) {
        return name_made_of(hot, names, string);
    }
    if (recent->string == string && recent->hash == hash) {
        return recent->name;
    }
    Name *name = name_made_of(hot, names, string);
    if (name != NULL) {
        RecentName now = {string, hash, name};
        hot->texts.recent[place] = now;
    }
    return name;
}

static void
names_free(Names *names)
{
    for (size_t i = 0; names->chains != NULL && i <= names->mask; i++) {
        for (Name *name = names->chains[i], *next; name != NULL; name = next) {
            next = name->next;
            PyMem_RawFree(name);
        }
    }
    PyMem_RawFree(names->chains);
    memset(names, 0, sizeof(*names));
}

void
texts_free(Hot *hot)
{
    memset(hot->texts.recent, 0, sizeof(hot->texts.recent));
    names_free(&hot->texts.names);
    names_free(&hot->texts.types);
    names_free(&hot->texts.files);
    buffer_free(&hot->texts.utf8);
}
