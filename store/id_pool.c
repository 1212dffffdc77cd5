/* store/id_pool.c -- number ids in order of first use.
 *
 * Half of all ids are new: those that come to a place of another one are mostly told from it by the bits of
 * the hash that are kept there, without reading its bytes, which lie anywhere. */
#include "store/id_pool.h"

#include "base/byteorder.h"
#include "base/spare.h"
#include "store/text_hash.h"

enum {
    PLACES_FIRST = 4096,
    MARK_SHIFT = 26, /* below it the number, above it a mark: bits of the hash */
    NUMBER_MASK = (1 << MARK_SHIFT) - 1,
    COUNT_MAX = NUMBER_MASK,
    AHEAD = 12, /* ids whose bytes are fetched before they are compared */
};

void id_pool_init(struct id_pool *pool, struct slot_kind kind)
{
    unsigned size = slot_id_size(kind);

    *pool = (struct id_pool){.kind = kind, .size = size, .word_count = (size + 7) / 8};
}

void id_pool_release(struct id_pool *pool)
{
    spare_give(pool->bytes);
    spare_give(pool->places);
    *pool = (struct id_pool){0};
}

/* Ids are random already; their ends are mixed for those that are not. */
static inline uint32_t hash_of(const struct id_pool *pool, uint64_t first, uint64_t last)
{
    return (uint32_t)text_hash_words(first, last, pool->size);
}

static inline uint8_t *bytes_of(const struct id_pool *pool, uint32_t number)
{
    return pool->bytes + (size_t)number * pool->size;
}

/* Bits of the last word that are behind the id. */
static inline unsigned bits_behind(const struct id_pool *pool)
{
    return 8 * (8 * pool->word_count - pool->size);
}

static inline uint32_t place_with(uint32_t hash, uint32_t number)
{
    return (hash & ~(uint32_t)NUMBER_MASK) | (number + 1);
}

static uint32_t hash_kept(const struct id_pool *pool, uint32_t number)
{
    const uint8_t *id = bytes_of(pool, number);
    unsigned behind = bits_behind(pool);
    uint64_t last = get_le64(id + 8 * (pool->word_count - 1)) << behind >> behind;

    return hash_of(pool, pool->word_count == 1 ? last : get_le64(id), last);
}

static void place_all(struct id_pool *pool)
{
    memset(pool->places, 0, pool->place_count * sizeof(*pool->places));
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t hash = hash_kept(pool, i), place = hash & (pool->place_count - 1);

        while (pool->places[place] != 0)
            place = (place + 1) & (pool->place_count - 1);
        pool->places[place] = place_with(hash, i);
    }
}

static bool grow(struct id_pool *pool)
{
    uint32_t place_count = pool->place_count == 0 ? PLACES_FIRST : pool->place_count * 2;
    uint8_t *bytes = spare_take((size_t)place_count / 2 * pool->size + ID_SLACK);
    uint32_t *places = spare_take(place_count * sizeof(*places));

    if (bytes == NULL || places == NULL) {
        spare_give(bytes);
        spare_give(places);
        return false;
    }
    if (pool->count > 0)
        memcpy(bytes, pool->bytes, (size_t)pool->count * pool->size);
    spare_give(pool->bytes);
    spare_give(pool->places);
    pool->bytes = bytes;
    pool->places = places;
    pool->place_count = place_count;
    pool->capacity = place_count / 2;
    place_all(pool);
    return true;
}

static bool reserve(struct id_pool *pool, uint32_t count)
{
    if (count > COUNT_MAX - pool->count)
        return false;
    while (pool->count + count > pool->capacity)
        if (!grow(pool))
            return false;
    return true;
}

static inline bool is_id(const struct id_pool *pool, uint32_t number, const uint64_t *const *words,
                         uint32_t i)
{
    const uint8_t *kept = bytes_of(pool, number);
    unsigned last = pool->word_count - 1;
    uint64_t differ = (get_le64(kept + 8 * last) ^ words[last][i]) << bits_behind(pool);

    for (unsigned word = 0; word < last; word++)
        differ |= get_le64(kept + 8 * word) ^ words[word][i];
    return differ == 0;
}

/* Id `i` of the words is a new one. What is too much of its last word, the next id overwrites. */
static inline void keep(struct id_pool *pool, const uint64_t *const *words, uint32_t i)
{
    uint8_t *to = bytes_of(pool, pool->count++);

    for (unsigned word = 0; word < pool->word_count; word++)
        put_le64(to + 8 * word, words[word][i]);
}

static inline uint32_t number_of(struct id_pool *pool, uint32_t hash, const uint64_t *const *words,
                                 uint32_t i)
{
    uint32_t place = hash & (pool->place_count - 1);

    for (; pool->places[place] != 0; place = (place + 1) & (pool->place_count - 1)) {
        uint32_t number = (pool->places[place] & NUMBER_MASK) - 1;

        if (pool->places[place] == place_with(hash, number) && is_id(pool, number, words, i))
            return number;
    }
    pool->places[place] = place_with(hash, pool->count);
    keep(pool, words, i);
    return pool->count - 1;
}

bool id_pool_add(struct id_pool *pool, const uint64_t *const *words, uint32_t count,
                 int64_t *numbers)
{
    const uint64_t *first = words[0], *last = words[pool->word_count - 1];
    uint32_t hashes[ID_BATCH_MAX];

    if (!reserve(pool, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = hash_of(pool, first[i], last[i]);
        __builtin_prefetch(&pool->places[hashes[i] & (pool->place_count - 1)]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            uint32_t place = hashes[i + AHEAD] & (pool->place_count - 1);
            uint32_t next = pool->places[place] & NUMBER_MASK;

            __builtin_prefetch(bytes_of(pool, next - (next > 0)));
        }
        numbers[i] = number_of(pool, hashes[i], words, i);
    }
    return true;
}
