/* Hash tables by address. Deleting moves later places back, so that no graves are left. */

#include "hot.h"
#include "mix.h"

static size_t
home_of(const Table *table, const void *key)
{
    return (size_t)mix_pointer(key) & table->mask;
}

void *
table_get(const Table *table, const void *key)
{
    if (table->places == NULL) {
        return NULL;
    }
    for (size_t i = home_of(table, key);; i = (i + 1) & table->mask) {
        Place *place = &table->places[i];
        if (place->key == key) {
            return place->value;
        }
        if (place->key == NULL) {
            return NULL;
        }
    }
}

static int
table_grow(Table *table)
{
    size_t size = table->places == NULL ? 64 : 2 * (table->mask + 1);
    Place *places = PyMem_RawCalloc(size, sizeof(Place));
    if (places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Table grown = {places, size - 1, table->count};
    if (table->places != NULL) {
        for (size_t i = 0; i <= table->mask; i++) {
            Place *place = &table->places[i];
            if (place->key != NULL) {
                size_t at = home_of(&grown, place->key);
                while (places[at].key != NULL) {
                    at = (at + 1) & grown.mask;
                }
                places[at] = *place;
            }
        }
        PyMem_RawFree(table->places);
    }
    *table = grown;
    return 0;
}

int
table_set(Table *table, void *key, void *value)
{
    if (table->places == NULL || 3 * (table->count + 1) > 2 * (table->mask + 1)) {
        if (table_grow(table) < 0) {
            return -1;
        }
    }
    size_t i = home_of(table, key);
    while (table->places[i].key != NULL && table->places[i].key != key) {
        i = (i + 1) & table->mask;
    }
    if (table->places[i].key == NULL) {
        table->places[i].key = key;
        table->count++;
    }
    table->places[i].value = value;
    return 0;
}

void *
table_pop(Table *table, const void *key)
{
    if (table->places == NULL) {
        return NULL;
    }
    size_t i = home_of(table, key);
    while (table->places[i].key != key) {
        if (table->places[i].key == NULL) {
            return NULL;
        }
        i = (i + 1) & table->mask;
    }
    void *value = table->places[i].value;
    table->count--;
    for (size_t j = i;;) {
        j = (j + 1) & table->mask;
        if (table->places[j].key == NULL) {
            break;
        }
        size_t home = home_of(table, table->places[j].key);
        /* The one at j may move to i if its home does not lie between them. */
        if (((j - home) & table->mask) >= ((j - i) & table->mask)) {
            table->places[i] = table->places[j];
            i = j;
        }
    }
    table->places[i].key = NULL;
    table->places[i].value = NULL;
    return value;
}

void
table_clear(Table *table)
{
    if (table->places == NULL) {
        return;
    }
    if (table->mask > 4095) {
        /* A long trace must not make every later start slow. */
        table_free(table);
        return;
    }
    memset(table->places, 0, (table->mask + 1) * sizeof(Place));
    table->count = 0;
}

void
table_free(Table *table)
{
    PyMem_RawFree(table->places);
    memset(table, 0, sizeof(*table));
}
