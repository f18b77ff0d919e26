/* Hash tables by address. Deleting moves later slots back, so that no graves are left. */

#include "tables.h"
#include "mix.h"

static size_t
home_of(const Table *table, const void *key)
{
    return (size_t)mix_pointer(key) & table->mask;
}

void *
table_get(const Table *table, const void *key)
{
    if (table->slots == NULL) {
        return NULL;
    }
    for (size_t i = home_of(table, key);; i = (i + 1) & table->mask) {
        TableSlot *slot = &table->slots[i];
        if (slot->key == key) {
            return slot->value;
        }
        if (slot->key == NULL) {
            return NULL;
        }
    }
}

static int
table_grow(Table *table)
{
    size_t size = table->slots == NULL ? 64 : 2 * (table->mask + 1);
    TableSlot *slots = PyMem_RawCalloc(size, sizeof(TableSlot));
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Table grown = {slots, size - 1, table->count};
    if (table->slots != NULL) {
        for (size_t i = 0; i <= table->mask; i++) {
            TableSlot *slot = &table->slots[i];
            if (slot->key != NULL) {
                size_t at = home_of(&grown, slot->key);
                while (slots[at].key != NULL) {
                    at = (at + 1) & grown.mask;
                }
                slots[at] = *slot;
            }
        }
        PyMem_RawFree(table->slots);
    }
    *table = grown;
    return 0;
}

int
table_set(Table *table, void *key, void *value)
{
    if (table->slots == NULL || 3 * (table->count + 1) > 2 * (table->mask + 1)) {
        if (table_grow(table) < 0) {
            return -1;
        }
    }
    size_t i = home_of(table, key);
    while (table->slots[i].key != NULL && table->slots[i].key != key) {
        i = (i + 1) & table->mask;
    }
    if (table->slots[i].key == NULL) {
        table->slots[i].key = key;
        table->count++;
    }
    table->slots[i].value = value;
    return 0;
}

void *
table_pop(Table *table, const void *key)
{
    if (table->slots == NULL) {
        return NULL;
    }
    size_t i = home_of(table, key);
    while (table->slots[i].key != key) {
        if (table->slots[i].key == NULL) {
            return NULL;
        }
        i = (i + 1) & table->mask;
    }
    void *value = table->slots[i].value;
    table->count--;
    for (size_t j = i;;) {
        j = (j + 1) & table->mask;
        if (table->slots[j].key == NULL) {
            break;
        }
        size_t home = home_of(table, table->slots[j].key);
        /* The one at j may move to i if its home does not lie between them. */
        if (((j - home) & table->mask) >= ((j - i) & table->mask)) {
            table->slots[i] = table->slots[j];
            i = j;
        }
    }
    table->slots[i].key = NULL;
    table->slots[i].value = NULL;
    return value;
}

void
table_clear(Table *table)
{
    if (table->slots == NULL) {
        return;
    }
    if (table->mask > 4095) {
        /* A long trace must not make every later start slow. */
        table_free(table);
        return;
    }
    memset(table->slots, 0, (table->mask + 1) * sizeof(TableSlot));
    table->count = 0;
}

void
table_free(Table *table)
{
    PyMem_RawFree(table->slots);
    memset(table, 0, sizeof(*table));
}
