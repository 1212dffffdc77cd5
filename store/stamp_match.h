/* store/stamp_match.h -- does a text begin with the text of a stamp? As slot_match.h does for other values:
 * it agrees with stamp_write() (tests/store/test_slot.c).
 * Thread safety: a stamp_cache belongs to one thread. */
#ifndef DENDRO_STORE_STAMP_MATCH_H
#define DENDRO_STORE_STAMP_MATCH_H

#include "store/slot_match.h"

enum { NS_PER_SECOND = 1000000000 };

static inline uint64_t stamp_word(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* The bits that are not those of the text of the cache, in eight bytes at `at`. */
static inline uint64_t stamp_differs(const struct stamp_cache *cache, const char *text, unsigned at)
{
    return (stamp_word(text + at) ^ stamp_word(cache->text + at)) & cache->mask[at / 8];
}

/* The three digits of a value below 1000. */
static inline uint32_t three_digits(uint32_t value)
{
    uint32_t hundreds = value * 41 >> 12, below = value - hundreds * 100, tens = below * 103 >> 10;

    return (hundreds | tens << 8 | (below - tens * 10) << 16) + 0x303030;
}

/* The fraction is what stands before `end`. */
static inline bool stamp_fraction_is(const char *end, uint32_t value, unsigned digits)
{
    if (digits == 3)
        return stamp_word(end - 8) >> 40 == three_digits(value);
    if (digits <= 8)
        return digits == 0 || (stamp_word(end - 8) ^ eight_digits(value)) >> (64 - 8 * digits) == 0;
    return match_padded(end - digits, end, value, digits) != NULL;
}

/* Does `text`, of which STAMP_SIZE_MAX bytes may be read, begin with the stamp of a value that is of the
 * second that the cache has? */
static inline bool stamp_begins(const struct stamp_cache *cache, int64_t value, const char *text)
{
    uint64_t within_ns = (uint64_t)value - cache->second_ns;
    uint64_t difference = stamp_differs(cache, text, 0) | stamp_differs(cache, text, 8) |
                          stamp_differs(cache, text, 16) | stamp_differs(cache, text, 24);
    uint32_t fraction = (uint32_t)(within_ns * cache->fraction_factor >> cache->fraction_shift);

    return difference == 0 &&
           stamp_fraction_is(text + cache->fraction_end, fraction, cache->fraction_digits);
}

/* Of another second, or near the end of a text. */
const char *stamp_match_any(struct stamp_cache *cache, uint8_t layout, int64_t value,
                            const char *at, const char *end);

/* The place behind the stamp with which [at, end) begins; NULL: it does not. */
static inline const char *stamp_match(struct stamp_cache *cache, uint8_t layout, int64_t value,
                                      const char *at, const char *end)
{
    if (end - at < STAMP_SIZE_MAX || cache->layout != layout || !cache->has_text ||
        (uint64_t)value - cache->second_ns >= NS_PER_SECOND)
        return stamp_match_any(cache, layout, value, at, end);
    return stamp_begins(cache, value, at) ? at + cache->size : NULL;
}

#endif
