/* store/slot_match.h -- does a text begin with the text of a value? The inner loop of the check at
 * seal: nothing is written, eight bytes are compared at a time. It agrees with slot_write() and
 * slot_id_write() on every value (tests/store/test_slot.c).
 *
 * Each function gives the place behind the value's text in [at, end), or NULL if it differs.
 * Numbers become digits without a loop: Paul Khuong, "How to print integers really fast" (2017).
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SLOT_MATCH_H
#define DENDRO_STORE_SLOT_MATCH_H

#include "store/slot.h"

#include <string.h>

static inline bool match_16(const char *a, const char *b)
{
    uint64_t left[2], right[2];

    memcpy(left, a, sizeof(left));
    memcpy(right, b, sizeof(right));
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

/* Equality of `len` bytes, more than 32. */
bool match_long(const char *a, const char *b, size_t len);

/* Equality of `len` bytes, most often few. */
static inline bool match_same(const char *a, const char *b, size_t len)
{
    uint64_t first, second, last, other;
    uint32_t begin, start, tail, rest;

    if (len > 32)
        return match_long(a, b, len);
    if (len > 16)
        return ((int)match_16(a, b) & (int)match_16(a + len - 16, b + len - 16)) != 0;
    if (len >= 8) {
        memcpy(&first, a, 8);
        memcpy(&second, b, 8);
        memcpy(&last, a + len - 8, 8);
        memcpy(&other, b + len - 8, 8);
        return ((first ^ second) | (last ^ other)) == 0;
    }
    if (len >= 4) {
        memcpy(&begin, a, 4);
        memcpy(&start, b, 4);
        memcpy(&tail, a + len - 4, 4);
        memcpy(&rest, b + len - 4, 4);
        return ((begin ^ start) | (tail ^ rest)) == 0;
    }
    return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}

static inline const char *match_bytes(const char *at, const char *end, const char *bytes,
                                      size_t len)
{
    return (size_t)(end - at) >= len && match_same(at, bytes, len) ? at + len : NULL;
}

/* The low `len` (1..8) bytes of `word`. */
static inline const char *match_word(const char *at, const char *end, uint64_t word, unsigned len)
{
    uint64_t got = 0;

    if (end - at >= 8) {
        memcpy(&got, at, 8);
        return (got ^ word) << (64 - 8 * len) == 0 ? at + len : NULL;
    }
    if (end - at < (ptrdiff_t)len)
        return NULL;
    for (unsigned i = 0; i < len; i++)
        got |= (uint64_t)(unsigned char)at[i] << 8 * i;
    return (got ^ word) << (64 - 8 * len) == 0 ? at + len : NULL;
}

/* The eight decimal digits of a value below 10^8, the first in the lowest byte. */
static inline uint64_t eight_digits(uint32_t value)
{
    uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007fu; /* each / 100 */
    uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000fu; /* each / 10 */

    return (tens | (pairs - tens * 10) << 8) + 0x3030303030303030u;
}

static inline const char *match_small(const char *at, const char *end, uint32_t value)
{
    uint64_t digits = eight_digits(value);
    unsigned zeros = value == 0 ? 7 : (unsigned)__builtin_ctzll(digits - 0x3030303030303030u) / 8;

    return match_word(at, end, digits >> 8 * zeros, 8 - zeros);
}

/* The last `digits` (up to 18) decimal digits of a value. */
static inline const char *match_padded(const char *at, const char *end, uint64_t value,
                                       unsigned digits)
{
    if (digits > 8) {
        at = match_padded(at, end, value / 100000000, digits - 8);
        digits = 8;
    }
    if (at == NULL || digits == 0)
        return at;
    return match_word(at, end, eight_digits((uint32_t)(value % 100000000)) >> 8 * (8 - digits),
                      digits);
}

static inline const char *match_digits(const char *at, const char *end, uint64_t value)
{
    if (value < 100000000)
        return match_small(at, end, (uint32_t)value);
    at = match_digits(at, end, value / 100000000);
    return at == NULL ? NULL : match_padded(at, end, value, 8);
}

static inline const char *match_int(const char *at, const char *end, int64_t value)
{
    if ((uint64_t)value < 100000000) /* most */
        return match_small(at, end, (uint32_t)value);
    if (value >= 0)
        return match_digits(at, end, (uint64_t)value);
    return at < end && *at == '-' ? match_digits(at + 1, end, -(uint64_t)value) : NULL;
}

/* One part of an address with the point behind it. */
struct octet {
    char text[4];
    uint32_t len; /* of the digits */
};
extern const struct octet octets[256];
enum { ADDRESS_READABLE = 16 };

/* Behind an address. Bits that differ are added; ADDRESS_READABLE bytes at `at` may be read. */
static inline const char *pass_octets(const char *at, uint32_t value, uint64_t *difference)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        const struct octet *octet = &octets[value >> shift & 255];
        unsigned size = octet->len + (shift > 0); /* no point behind the last */
        uint32_t got, text;

        memcpy(&got, at, sizeof(got));
        memcpy(&text, octet->text, sizeof(text));
        *difference |= (uint64_t)(got ^ text) << (64 - 8 * size);
        at += size;
    }
    return at;
}

const char *match_decimal(const char *at, const char *end, uint64_t value, unsigned padded);
const char *match_ipv4(const char *at, const char *end, uint32_t value);
/* UUID and HEX, from the bytes of the id or from its hex digits. */
const char *match_id_digits(const char *at, const char *end, struct slot_kind kind,
                            const char *digits);
const char *match_id(const char *at, const char *end, struct slot_kind kind, const uint8_t *bytes);

#endif
