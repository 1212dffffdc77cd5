/* store/rollup_tally.h -- sums by a 64-bit key, for rollup_build.c and rollup_answer.c.
 * Thread safety: one thread at a time per tally. */
#ifndef DENDRO_STORE_ROLLUP_TALLY_H
#define DENDRO_STORE_ROLLUP_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Keys and sums in the order of first use, found by open addressing that is at most a quarter
 * full: a key that stands elsewhere than expected is a wrong guess of the processor.
 * Zeroed memory is an empty tally. */
struct rollup_tally {
    uint64_t *keys, *sums; /* `count` of them; room for capacity / 4 */
    uint32_t *places;      /* number of the key + 1; 0: free */
    uint32_t capacity;     /* of places in use */
    uint32_t allocated;    /* of places at all */
    uint32_t count;
    bool full; /* too many keys, or no memory: the sums are not complete */
};

#define ROLLUP_TALLY_FULL UINT32_MAX

void rollup_tally_reset(struct rollup_tally *tally); /* keeps the memory */
void rollup_tally_release(struct rollup_tally *tally);
void rollup_tally_grow(struct rollup_tally *tally);

static inline uint32_t *rollup_tally_place(const struct rollup_tally *tally, uint64_t key)
{
    uint32_t mask = tally->capacity - 1, at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) & mask;

    while (tally->places[at] != 0 && tally->keys[tally->places[at] - 1] != key)
        at = (at + 1) & mask;
    return &tally->places[at];
}

/* Number of the key, new keys with a sum of 0; ROLLUP_TALLY_FULL: there is no room. */
static inline uint32_t rollup_tally_find(struct rollup_tally *tally, uint64_t key)
{
    uint32_t *place;

    if (tally->count * 4 >= tally->capacity)
        rollup_tally_grow(tally);
    if (tally->full)
        return ROLLUP_TALLY_FULL;
    place = rollup_tally_place(tally, key);
    if (*place == 0) {
        tally->keys[tally->count] = key;
        tally->sums[tally->count] = 0;
        *place = ++tally->count;
    }
    return *place - 1;
}

static inline void rollup_tally_add(struct rollup_tally *tally, uint64_t key, uint64_t sum)
{
    uint32_t number = rollup_tally_find(tally, key);

    if (number != ROLLUP_TALLY_FULL)
        tally->sums[number] += sum;
}

/* Order keys and sums by ascending key. Only rollup_tally_reset() may follow. `scratch` has room
 * for two words per key. */
void rollup_tally_sort(struct rollup_tally *tally, uint64_t *scratch);

#endif
