/* store/code_table.h -- the codes of the strings of one column while a segment is made, by text_hash().
 *
 * Open addressing, at most half full. Zeroed memory is an empty table.
 * Thread safety: one thread at a time per table. */
#ifndef DENDRO_STORE_CODE_TABLE_H
#define DENDRO_STORE_CODE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct code_place {
    uint64_t hash;
    uint32_t code; /* + 1; 0: free */
};

struct code_table {
    struct code_place *places;
    uint32_t capacity; /* of places, a power of two */
    uint32_t count;
};

/* Empty it; places for a few strings are kept. False without memory. */
bool code_table_reset(struct code_table *table);
void code_table_release(struct code_table *table);
/* `place` as code_table_find() gave it, free: the next code, which is the count so far, goes there.
 * False without memory. */
bool code_table_put(struct code_table *table, struct code_place *place, uint64_t hash);

static inline struct code_place *code_table_find(const struct code_table *table, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (table->capacity - 1);

    while (table->places[at].code != 0 && table->places[at].hash != hash)
        at = (at + 1) & (table->capacity - 1);
    return &table->places[at];
}

static inline void code_table_prefetch(const struct code_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->places[(uint32_t)hash & (table->capacity - 1)]);
}

#endif
