/* store/id_pool.c -- number ids in order of first use. */
#include "store/id_pool.h"

#include <stdlib.h>

enum {
    PLACES_FIRST = 4096,
    COUNT_MAX = 1 << 26,
    ID_WORDS_MAX = HEX_BYTES_MAX / 8,
    AHEAD = 12, /* ids whose bytes are fetched before they are compared */
};

void id_pool_init(struct id_pool *pool, struct slot_kind kind)
{
    *pool = (struct id_pool){.kind = kind, .size = slot_id_size(kind)};
}

void id_pool_release(struct id_pool *pool)
{
    free(pool->bytes);
    free(pool->places);
    *pool = (struct id_pool){0};
}

/* Ids are random already; their ends are mixed for those that are not. */
static uint32_t place_of(const struct id_pool *pool, const uint8_t *id)
{
    uint32_t first, last;

    memcpy(&first, id, sizeof(first));
    memcpy(&last, id + pool->size - sizeof(last), sizeof(last));
    return (uint32_t)(((uint64_t)first << 32 | last) * 0x9e3779b97f4a7c15u >> 32) &
           (pool->place_count - 1);
}

static bool grow(struct id_pool *pool)
{
    uint32_t place_count = pool->place_count == 0 ? PLACES_FIRST : pool->place_count * 2;
    uint8_t *bytes = realloc(pool->bytes, (size_t)place_count / 2 * pool->size + ID_SLACK);
    uint32_t *places = malloc(place_count * sizeof(*places));

    if (bytes != NULL)
        pool->bytes = bytes;
    if (bytes == NULL || places == NULL) {
        free(places);
        return false;
    }
    free(pool->places);
    pool->places = places;
    pool->place_count = place_count;
    pool->capacity = place_count / 2;
    memset(places, 0xff, place_count * sizeof(*places));
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t place = place_of(pool, pool->bytes + (size_t)i * pool->size);

        while (places[place] != ID_NONE)
            place = (place + 1) & (place_count - 1);
        places[place] = i;
    }
    return true;
}

/* Those that share a place differ most often in their first bytes. */
static bool is_id(const uint8_t *kept, const uint8_t *id, unsigned size)
{
    uint32_t first, other;

    memcpy(&first, kept, sizeof(first));
    memcpy(&other, id, sizeof(other));
    return first == other && memcmp(kept, id, size) == 0;
}

/* Its number, looked for from `place` on; there is room for a new one. */
static uint32_t number_of(struct id_pool *pool, uint32_t place, const uint8_t *id)
{
    for (; pool->places[place] != ID_NONE; place = (place + 1) & (pool->place_count - 1))
        if (is_id(pool->bytes + (size_t)pool->places[place] * pool->size, id, pool->size))
            return pool->places[place];
    memcpy(pool->bytes + (size_t)pool->count * pool->size, id, pool->size);
    pool->places[place] = pool->count;
    return pool->count++;
}

static bool reserve(struct id_pool *pool, uint32_t count)
{
    while (pool->count + count > pool->capacity)
        if (pool->count >= COUNT_MAX || !grow(pool))
            return false;
    return true;
}

uint32_t id_pool_add(struct id_pool *pool, const uint8_t *id)
{
    return reserve(pool, 1) ? number_of(pool, place_of(pool, id), id) : ID_NONE;
}

bool id_pool_add_many(struct id_pool *pool, const uint64_t *const *words, uint32_t count,
                      int64_t *numbers)
{
    uint64_t ids[ID_BATCH_MAX * ID_WORDS_MAX], *id = ids;
    uint32_t places[ID_BATCH_MAX];
    unsigned word_count = (pool->size + 7) / 8;

    if (!reserve(pool, count))
        return false;
    for (uint32_t i = 0; i < count; i++, id += word_count) {
        for (unsigned word = 0; word < word_count; word++)
            id[word] = words[word][i];
        places[i] = place_of(pool, (const uint8_t *)id);
        __builtin_prefetch(&pool->places[places[i]]);
    }
    id = ids;
    for (uint32_t i = 0; i < count; i++, id += word_count) {
        uint32_t next = i + AHEAD < count ? pool->places[places[i + AHEAD]] : ID_NONE;

        if (next != ID_NONE)
            __builtin_prefetch(pool->bytes + (size_t)next * pool->size);
        numbers[i] = number_of(pool, places[i], (const uint8_t *)id);
    }
    return true;
}
