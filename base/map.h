/* base/map.h -- open-addressing table from bytes to a u32 index: dictionaries, interning.
 * Keys are borrowed: they must stay in place while they are in the map. At most 70% full.
 * Thread safety: one writer alone, or any number of readers. */
#ifndef DENDRO_BASE_MAP_H
#define DENDRO_BASE_MAP_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map_entry {
    struct slice key;
    uint64_t hash;
    uint32_t value; /* MAP_NONE: free */
};

struct map {
    struct map_entry *entries;
    uint32_t count;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t count_max;
};

static inline struct map map_empty(uint32_t count_max)
{
    return (struct map){.count_max = count_max};
}

/* Value of `key`, or MAP_NONE. */
uint32_t map_get(const struct map *map, struct slice key);
/* Store `value` (not MAP_NONE) under `key`, replacing an earlier one. False: full or no memory. */
bool map_put(struct map *map, struct slice key, uint32_t value);
/* The entry of `key`. If its value is MAP_NONE the key is new and counted: the caller sets `value`, and
 * `key` to a copy that stays, before anything else is done with the map. NULL: full or no memory. */
struct map_entry *map_place(struct map *map, struct slice key);
/* Forget all entries, keep the memory. */
void map_reset(struct map *map);
void map_release(struct map *map);

#endif
