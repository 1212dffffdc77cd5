/* store/gram_filter.c -- a bitmap of the 4-byte grams of a page of text. */
#include "store/gram_filter.h"

#define GRAM_MULTIPLIER 0x9e3779b1u /* 2^32 / golden ratio, odd */

/* Setting bit 5 of every byte folds letters, and maps a few others together: no harm in a filter
 * that may say yes too often. */
static uint32_t gram_at(const char *text)
{
    uint32_t gram;

    memcpy(&gram, text, sizeof(gram));
    return gram | 0x20202020u;
}

static size_t bit_of(uint32_t gram, size_t size)
{
    uint32_t hash = gram * GRAM_MULTIPLIER;

    hash ^= hash >> 15;
    return (size_t)(((uint64_t)(hash * GRAM_MULTIPLIER) * (size * 8)) >> 32);
}

void gram_filter_add(uint8_t *filter, size_t size, struct slice text)
{
    for (size_t i = 0; i + GRAM_SIZE <= text.len; i++) {
        size_t bit = bit_of(gram_at(text.data + i), size);

        filter[bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
}

bool gram_filter_may_have(const uint8_t *filter, size_t size, struct slice needle)
{
    for (size_t i = 0; i + GRAM_SIZE <= needle.len; i++) {
        size_t bit = bit_of(gram_at(needle.data + i), size);

        if ((filter[bit / 8] >> (bit % 8) & 1) == 0)
            return false;
    }
    return true;
}
