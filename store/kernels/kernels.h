/* store/kernels/kernels.h -- the inner loops of the store: one table of functions, chosen once.
 *
 * The scalar form of each kernel defines its meaning; the vector form must agree with it on every
 * input (tests/store/test_kernels.c). Bitmaps have bit i of word i / 64 for element i, and bits
 * past the count are 0.
 * Thread safety: kernels are pure functions; kernels() may be called from any thread. */
#ifndef DENDRO_STORE_KERNELS_H
#define DENDRO_STORE_KERNELS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes behind its input that unpack() may read. */
enum { UNPACK_SLACK = 8, UNPACK_WIDTH_MAX = 56 };

/* Zeros that byte_masks() puts behind a copy. */
enum { BYTE_MASKS_SLACK = 64 };

/* Bitmaps over the bytes of a line, (len + 63) / 64 words each. */
struct byte_masks {
    uint64_t *token;   /* [A-Za-z0-9_.-] and bytes >= 0x80 */
    uint64_t *trigger; /* digits, and token bytes behind '=' or '@'; NULL: not wanted */
    uint64_t *digit;   /* [0-9] */
    uint64_t *hex;     /* [0-9A-Fa-f] */
    char *copy;        /* the bytes, and BYTE_MASKS_SLACK zeros behind them; NULL: not wanted */
};

/* Which of 32 hex digits are letters, and which of these are lower case: bit i for digit i. */
struct hex_letters {
    uint32_t all, lower;
};

/* The smallest and largest of some numbers and, if there are two or more, of their differences, each
 * to the one before it, modulo 2^64. */
struct number_range {
    int64_t low, high, delta_low, delta_high;
};

struct kernels {
    const char *name;
    void (*byte_masks)(const char *data, size_t len, const struct byte_masks *out);
    /* The 16 bytes that 32 hex digits of either case stand for. */
    struct hex_letters (*read_hex32)(const char *digits, uint8_t *out);
    /* Index of the first occurrence of needle (1 byte or more) at or after `from`; SIZE_MAX: none. */
    size_t (*find)(struct slice text, struct slice needle, size_t from);
    /* The same with ASCII letters folded; the needle is in lower case already. */
    size_t (*find_fold)(struct slice text, struct slice needle, size_t from);
    /* `count` numbers of `width` bits (0..56), little-endian, from bit 0 of `packed`. */
    void (*unpack)(const uint8_t *packed, unsigned width, size_t count, uint64_t *out);
    void (*unpack32)(const uint8_t *packed, unsigned width, size_t count, uint32_t *out);
    /* Of `count` (1 or more) numbers. */
    void (*range_of)(const int64_t *values, size_t count, struct number_range *out);
    /* out[i] = values[i] - base, and for differences out[i] = values[i + 1] - values[i] - base, which
     * are one less. */
    void (*subtract)(const int64_t *values, size_t count, int64_t base, uint64_t *out);
    void (*differences)(const int64_t *values, size_t count, int64_t base, uint64_t *out);
    /* Two hex digits for each byte. */
    void (*hex)(const uint8_t *bytes, size_t count, bool upper, char *out);
    /* Eight decimal digits of each number, as values 0 to 9, the first in the lowest byte. False: not all
     * numbers are from 0 to 10^8 - 1, and `out` says nothing. */
    bool (*digits8)(const int64_t *values, size_t count, uint64_t *out);
    /* Bits 8 * byte .. 8 * byte + 7 of each number; and back: byte 0 sets the numbers, the others
     * add to them. */
    void (*take_plane)(const uint64_t *values, size_t count, unsigned byte, uint8_t *plane);
    void (*put_plane)(const uint8_t *plane, size_t count, unsigned byte, uint64_t *values);
    /* Bits of the elements equal to `value`; with low <= element <= high; with pass[element],
     * which is 0 or 1. */
    void (*equal32)(const uint32_t *values, size_t count, uint32_t value, uint64_t *bits);
    void (*range64)(const int64_t *values, size_t count, int64_t low, int64_t high, uint64_t *bits);
    void (*table32)(const uint32_t *values, size_t count, const uint8_t *pass, uint64_t *bits);
};

extern const struct kernels kernels_scalar;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512; /* but for these, those of kernels_avx2: */
void byte_masks_avx512(const char *data, size_t len, const struct byte_masks *out);
void range_of_avx512(const int64_t *values, size_t count, struct number_range *out);
#endif

/* The best form that this processor has. */
const struct kernels *kernels(void);

static inline char fold_byte(char c)
{
    return (unsigned char)(c - 'A') < 26 ? (char)(c | 0x20) : c;
}

static inline bool is_token_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x80 || (unsigned char)((u | 0x20) - 'a') < 26 || (unsigned char)(u - '0') < 10 ||
           u == '_' || u == '.' || u == '-';
}

static inline bool is_hex_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return (unsigned char)((u | 0x20) - 'a') < 6 || (unsigned char)(u - '0') < 10;
}

static inline bool is_digit_byte(char c)
{
    return (unsigned char)(c - '0') < 10;
}

#endif
