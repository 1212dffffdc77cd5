/* store/rollup_tally.c -- sums by key, and their order. */
#include "store/rollup_tally.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_MIN = 256,
    CAPACITY_MAX = 1 << 19, /* 4 MB: more keys are no summary any more */
    INSERTION_MAX = 32,     /* keys that a simple sort orders faster */
};

void rollup_tally_reset(struct rollup_tally *tally)
{
    if (tally->capacity > CAPACITY_MIN)
        tally->capacity = CAPACITY_MIN; /* most families have few keys: little to clear */
    if (tally->capacity > 0)
        memset(tally->places, 0, tally->capacity * sizeof(*tally->places));
    tally->count = 0;
    tally->full = false;
}

void rollup_tally_release(struct rollup_tally *tally)
{
    free(tally->keys);
    free(tally->sums);
    free(tally->places);
    *tally = (struct rollup_tally){0};
}

static bool allocate(struct rollup_tally *tally, uint32_t capacity)
{
    uint64_t *keys = realloc(tally->keys, capacity / 4 * sizeof(*keys)), *sums;
    uint32_t *places;

    if (keys == NULL)
        return false;
    tally->keys = keys;
    sums = realloc(tally->sums, capacity / 4 * sizeof(*sums));
    if (sums == NULL)
        return false;
    tally->sums = sums;
    places = realloc(tally->places, capacity * sizeof(*places));
    if (places == NULL)
        return false;
    tally->places = places;
    tally->allocated = capacity;
    return true;
}

void rollup_tally_grow(struct rollup_tally *tally)
{
    uint32_t capacity = tally->capacity == 0 ? (uint32_t)CAPACITY_MIN : tally->capacity * 2;

    if (tally->full || capacity > CAPACITY_MAX ||
        (capacity > tally->allocated && !allocate(tally, capacity))) {
        tally->full = true;
        return;
    }
    tally->capacity = capacity;
    memset(tally->places, 0, capacity * sizeof(*tally->places));
    for (uint32_t i = 0; i < tally->count; i++)
        *rollup_tally_place(tally, tally->keys[i]) = i + 1;
}

/* ---- order ---- */

static void sort_few(uint64_t *keys, uint64_t *sums, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i], sum = sums[i];
        uint32_t at = i;

        for (; at > 0 && keys[at - 1] > key; at--) {
            keys[at] = keys[at - 1];
            sums[at] = sums[at - 1];
        }
        keys[at] = key;
        sums[at] = sum;
    }
}

/* One pass of a radix sort, by the byte at `shift`. */
static void sort_pass(const uint64_t *keys, const uint64_t *sums, uint32_t count, unsigned shift,
                      uint64_t *keys_out, uint64_t *sums_out)
{
    uint32_t starts[257] = {0};

    for (uint32_t i = 0; i < count; i++)
        starts[(keys[i] >> shift & 255) + 1]++;
    for (unsigned byte = 1; byte < 256; byte++)
        starts[byte] += starts[byte - 1];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = starts[keys[i] >> shift & 255]++;

        keys_out[at] = keys[i];
        sums_out[at] = sums[i];
    }
}

/* Bits in which not all keys agree; 0 also where they are in order already. */
static uint64_t bits_to_sort(const uint64_t *keys, uint32_t count)
{
    uint64_t bits = 0;
    bool sorted = true;

    for (uint32_t i = 1; i < count; i++) {
        bits |= keys[i] ^ keys[0];
        sorted = sorted && keys[i - 1] < keys[i];
    }
    return sorted ? 0 : bits;
}

void rollup_tally_sort(struct rollup_tally *tally, uint64_t *scratch)
{
    uint64_t *keys = tally->keys, *sums = tally->sums;
    uint64_t *keys_out = scratch, *sums_out = scratch + tally->count;
    uint64_t bits;

    if (tally->count <= INSERTION_MAX) {
        sort_few(keys, sums, tally->count);
        return;
    }
    bits = bits_to_sort(keys, tally->count);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t *keys_in = keys, *sums_in = sums;

        if ((bits >> shift & 255) == 0)
            continue;
        sort_pass(keys_in, sums_in, tally->count, shift, keys_out, sums_out);
        keys = keys_out;
        sums = sums_out;
        keys_out = keys_in;
        sums_out = sums_in;
    }
    if (keys != tally->keys) {
        memcpy(tally->keys, keys, tally->count * sizeof(*keys));
        memcpy(tally->sums, sums, tally->count * sizeof(*sums));
    }
}
