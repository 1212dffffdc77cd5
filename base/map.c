/* base/map.c -- linear probing on XXH3; no removal, so no tombstones. */
#include "base/map.h"

#include "base/hash.h"

#include <stdlib.h>

enum { MAP_CAPACITY_MIN = 16 };

static struct map_entry *find(const struct map *map, struct slice key, uint64_t hash)
{
    uint32_t mask = map->capacity - 1;
    uint32_t at = (uint32_t)hash & mask;

    while (map->entries[at].value != MAP_NONE &&
           (map->entries[at].hash != hash || !slice_equal(map->entries[at].key, key)))
        at = (at + 1) & mask;
    return &map->entries[at];
}

uint32_t map_get(const struct map *map, struct slice key)
{
    if (map->capacity == 0)
        return MAP_NONE;
    return find(map, key, hash64(key.data, key.len))->value;
}

static bool grow(struct map *map)
{
    struct map larger = *map;

    larger.capacity = map->capacity == 0 ? MAP_CAPACITY_MIN : map->capacity * 2;
    larger.entries = malloc(larger.capacity * sizeof(*larger.entries));
    if (larger.entries == NULL)
        return false;
    for (uint32_t i = 0; i < larger.capacity; i++)
        larger.entries[i].value = MAP_NONE;
    for (uint32_t i = 0; i < map->capacity; i++)
        if (map->entries[i].value != MAP_NONE)
            *find(&larger, map->entries[i].key, map->entries[i].hash) = map->entries[i];
    free(map->entries);
    *map = larger;
    return true;
}

struct map_entry *map_place(struct map *map, struct slice key)
{
    uint64_t hash = hash64(key.data, key.len);
    struct map_entry *entry;

    if ((uint64_t)(map->count + 1) * 10 > (uint64_t)map->capacity * 7 && !grow(map))
        return NULL;
    entry = find(map, key, hash);
    if (entry->value == MAP_NONE) {
        if (map->count >= map->count_max)
            return NULL;
        map->count++;
        entry->hash = hash;
    }
    return entry;
}

bool map_put(struct map *map, struct slice key, uint32_t value)
{
    struct map_entry *entry = map_place(map, key);

    if (entry == NULL)
        return false;
    entry->key = key;
    entry->value = value;
    return true;
}

void map_reset(struct map *map)
{
    for (uint32_t i = 0; i < map->capacity; i++)
        map->entries[i].value = MAP_NONE;
    map->count = 0;
}

void map_release(struct map *map)
{
    free(map->entries);
    *map = map_empty(map->count_max);
}
