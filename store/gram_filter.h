/* store/gram_filter.h -- which pages of text may hold a needle: a bitmap of 4-byte grams.
 *
 * Grams are taken over folded text (ASCII lower case), within each string, so that one filter
 * serves both case modes. One hash, about two bits per byte of text: a gram that is absent passes
 * with at most 40%, so a needle with five of them passes 1% of the pages.
 * Thread safety: pure functions on the caller's bytes. */
#ifndef DENDRO_STORE_GRAM_FILTER_H
#define DENDRO_STORE_GRAM_FILTER_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { GRAM_SIZE = 4, GRAM_BITS_PER_BYTE = 2 };

/* Bytes of the filter over `text_size` bytes of text; a multiple of 8, at least 8. */
static inline size_t gram_filter_size(size_t text_size)
{
    return (text_size * GRAM_BITS_PER_BYTE / 64 + 1) * 8;
}

/* Add the grams of one string to a filter that started as zeros. */
void gram_filter_add(uint8_t *filter, size_t size, struct slice text);
/* False: no string with `needle` (of either case) was added. Needles under 4 bytes always pass. */
bool gram_filter_may_have(const uint8_t *filter, size_t size, struct slice needle);

#endif
