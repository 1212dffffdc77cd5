/* store/rollup_tally.h -- sums by a 64-bit key, for rollup_build.c.
 * Thread safety: one thread at a time per tally. */
#ifndef DENDRO_STORE_ROLLUP_TALLY_H
#define DENDRO_STORE_ROLLUP_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Open addressing; at most half full. Zeroed memory is an empty tally. */
struct rollup_tally {
    uint64_t *keys, *sums; /* key + 1; 0: free */
    uint32_t capacity, count;
    uint64_t last_key;     /* the place of the key that came last */
    uint32_t last_place;
    bool full;             /* too many keys, or no memory: the sums are not complete */
};

void rollup_tally_reset(struct rollup_tally *tally); /* keeps the memory */
void rollup_tally_release(struct rollup_tally *tally);
void rollup_tally_grow(struct rollup_tally *tally);

static inline uint32_t rollup_tally_place(struct rollup_tally *tally, uint64_t key)
{
    uint32_t mask = tally->capacity - 1, at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) & mask;

    while (tally->keys[at] != 0 && tally->keys[at] != key + 1)
        at = (at + 1) & mask;
    return at;
}

static inline void rollup_tally_add(struct rollup_tally *tally, uint64_t key, uint64_t sum)
{
    if (tally->last_key == key + 1) {
        tally->sums[tally->last_place] += sum;
        return;
    }
    if (tally->count * 2 >= tally->capacity)
        rollup_tally_grow(tally);
    if (tally->full)
        return;
    tally->last_place = rollup_tally_place(tally, key);
    tally->last_key = key + 1;
    if (tally->keys[tally->last_place] == 0) {
        tally->keys[tally->last_place] = key + 1;
        tally->count++;
    }
    tally->sums[tally->last_place] += sum;
}

/* Move the keys and sums to the front of their arrays, by ascending key. Only rollup_tally_reset() may
 * follow. `scratch` has room for two words per key. */
void rollup_tally_sort(struct rollup_tally *tally, uint64_t *scratch);

#endif
