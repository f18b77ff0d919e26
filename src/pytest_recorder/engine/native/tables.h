/* Hash tables by address: open addressing, linear probing. Keys and values are borrowed. */
#ifndef HOT_TABLES_H
#define HOT_TABLES_H

#include "internals.h"

typedef struct {
    void *key; /* NULL: free */
    void *value;
} TableSlot;

typedef struct {
    TableSlot *slots; /* NULL while nothing was ever set */
    size_t mask;
    size_t count;
} Table;

void *table_get(const Table *table, const void *key);
int table_set(Table *table, void *key, void *value); /* -1 and MemoryError */
void *table_pop(Table *table, const void *key);
void table_clear(Table *table);
void table_free(Table *table);

/* The values one by one, NULL at the end. `at` begins with 0; the table stays as it is meanwhile. */
static inline void *
table_next(const Table *table, size_t *at)
{
    while (table->slots != NULL && *at <= table->mask) {
        void *value = table->slots[(*at)++].value;
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

#endif
