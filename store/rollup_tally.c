/* store/rollup_tally.c -- sums by key, and their order. */
#include "store/rollup_tally.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256, CAPACITY_MAX = 1 << 18 /* 4 MB: more keys are no summary any more */ };

void rollup_tally_reset(struct rollup_tally *tally)
{
    if (tally->count > 0) {
        memset(tally->keys, 0, tally->capacity * sizeof(*tally->keys));
        memset(tally->sums, 0, tally->capacity * sizeof(*tally->sums));
    }
    tally->count = 0;
    tally->last_key = 0;
    tally->full = false;
}

void rollup_tally_release(struct rollup_tally *tally)
{
    free(tally->keys);
    free(tally->sums);
    *tally = (struct rollup_tally){0};
}

void rollup_tally_grow(struct rollup_tally *tally)
{
    struct rollup_tally grown = {.capacity = tally->capacity == 0 ? (uint32_t)CAPACITY_MIN
                                                                  : tally->capacity * 2};

    tally->last_key = 0;
    if (grown.capacity <= CAPACITY_MAX) {
        grown.keys = calloc(grown.capacity, sizeof(*grown.keys));
        grown.sums = calloc(grown.capacity, sizeof(*grown.sums));
    }
    if (grown.keys == NULL || grown.sums == NULL) {
        rollup_tally_release(&grown);
        tally->full = true;
        return;
    }
    for (uint32_t i = 0; i < tally->capacity; i++) {
        uint32_t at;

        if (tally->keys[i] == 0)
            continue;
        at = rollup_tally_place(&grown, tally->keys[i] - 1);
        grown.keys[at] = tally->keys[i];
        grown.sums[at] = tally->sums[i];
    }
    grown.count = tally->count;
    free(tally->keys);
    free(tally->sums);
    *tally = grown;
}

/* One pass of a radix sort, by the byte at `shift`; false if all keys agree in it. */
static bool sort_pass(const uint64_t *keys, const uint64_t *sums, uint32_t count, unsigned shift,
                      uint64_t *keys_out, uint64_t *sums_out)
{
    uint32_t starts[257] = {0};

    for (uint32_t i = 0; i < count; i++)
        starts[(keys[i] >> shift & 255) + 1]++;
    if (starts[(keys[0] >> shift & 255) + 1] == count)
        return false;
    for (unsigned byte = 1; byte < 256; byte++)
        starts[byte] += starts[byte - 1];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = starts[keys[i] >> shift & 255]++;

        keys_out[at] = keys[i];
        sums_out[at] = sums[i];
    }
    return true;
}

void rollup_tally_sort(struct rollup_tally *tally, uint64_t *scratch)
{
    uint64_t *keys = tally->keys, *sums = tally->sums, *keys_out, *sums_out;
    uint32_t count = 0;

    for (uint32_t i = 0; i < tally->capacity; i++)
        if (keys[i] != 0) {
            keys[count] = keys[i] - 1;
            sums[count++] = sums[i];
        }
    if (count == 0)
        return;
    keys_out = scratch;
    sums_out = scratch + count;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t *keys_in = keys, *sums_in = sums;

        if (!sort_pass(keys_in, sums_in, count, shift, keys_out, sums_out))
            continue;
        keys = keys_out;
        sums = sums_out;
        keys_out = keys_in;
        sums_out = sums_in;
    }
    if (keys != tally->keys) {
        memcpy(tally->keys, keys, count * sizeof(*keys));
        memcpy(tally->sums, sums, count * sizeof(*sums));
    }
}
