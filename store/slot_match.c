/* store/slot_match.c -- values of more than one part. */
#include "store/slot_match.h"

#include "store/kernels/kernels.h"

enum { UUID_TEXT_SIZE = 36 };

#include <assert.h>

enum { SHORT_DIGITS = 8, SHORT_READABLE = 2 * SHORT_DIGITS };

/* Up to eight digits in all, of which `scale` (1 to 7) stand behind the point: they are made once.
 * SHORT_READABLE bytes at `at` may be read. */
static const char *match_short_decimal(const char *at, uint32_t mantissa, unsigned scale)
{
    uint64_t digits = eight_digits(mantissa), first, last;
    unsigned zeros =
        (unsigned)__builtin_ctzll((digits - 0x3030303030303030u) | (uint64_t)1 << 63) / 8;
    unsigned dropped = zeros < 7 - scale ? zeros : 7 - scale, whole = SHORT_DIGITS - dropped - scale;

    memcpy(&first, at, sizeof(first));
    memcpy(&last, at + whole + 1, sizeof(last));
    first = (first ^ digits >> 8 * dropped) << (64 - 8 * whole);
    last = (last ^ digits >> (64 - 8 * scale)) << (64 - 8 * scale);
    return (first | last) == 0 && at[whole] == '.' ? at + whole + 1 + scale : NULL;
}

const char *match_decimal(const char *at, const char *end, uint64_t value, unsigned padded)
{
    unsigned scale = decimal_scale(value);
    uint64_t mantissa = decimal_mantissa(value);

    if (padded == 0 && mantissa < 100000000 && scale - 1 < 7) {
        char room[SHORT_READABLE] = {0};
        const char *stop;

        if (end - at >= SHORT_READABLE)
            return match_short_decimal(at, (uint32_t)mantissa, scale);
        memcpy(room, at, (size_t)(end - at));
        stop = match_short_decimal(room, (uint32_t)mantissa, scale);
        return stop == NULL || stop - room > end - at ? NULL : at + (stop - room);
    }
    if (scale >= POWERS_OF_TEN_COUNT) /* only in a damaged page */
        return NULL;
    at = padded > 0 ? match_padded(at, end, mantissa / powers_of_ten[scale], padded)
                    : match_digits(at, end, mantissa / powers_of_ten[scale]);
    if (at == NULL || at == end || *at != '.')
        return NULL;
    return match_padded(at + 1, end, mantissa % powers_of_ten[scale], scale);
}

/* One part of an address with the point behind it. */
struct octet {
    char text[4];
    uint32_t len; /* of the digits */
};
/* Casts, since clang also looks at the branch that is not taken. */
#define OCTET(n)                                                                              \
    {                                                                                         \
        {(char)((n) > 99 ? '0' + (n) / 100 : (n) > 9 ? '0' + (n) / 10 : '0' + (n)),           \
         (char)((n) > 99 ? '0' + (n) / 10 % 10 : (n) > 9 ? '0' + (n) % 10 : '.'),             \
         (char)((n) > 99 ? '0' + (n) % 10 : '.'), '.'},                                       \
            (n) > 99 ? 3 : (n) > 9 ? 2 : 1                                                    \
    }
#define OCTETS_4(n)  OCTET(n), OCTET((n) + 1), OCTET((n) + 2), OCTET((n) + 3)
#define OCTETS_16(n) OCTETS_4(n), OCTETS_4((n) + 4), OCTETS_4((n) + 8), OCTETS_4((n) + 12)
#define OCTETS_64(n) OCTETS_16(n), OCTETS_16((n) + 16), OCTETS_16((n) + 32), OCTETS_16((n) + 48)
static const struct octet octets[256] = {OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192)};

const char *match_ipv4(const char *at, const char *end, uint32_t value)
{
    char text[32]; /* an address has 15 bytes; match_bytes() may look at more */
    size_t len = 0;

    for (int shift = 24; shift >= 0; shift -= 8) {
        const struct octet *octet = &octets[value >> shift & 255];

        memcpy(text + len, octet->text, sizeof(octet->text));
        len += octet->len + 1;
    }
    assert(len > 0 && len <= 16); /* else the compiler sees match_bytes() read behind `text` */
    return match_bytes(at, end, text, len - 1);
}

/* 8-4-4-4-12 */
static const char *match_uuid(const char *at, const char *end, const char *digits)
{
    char text[UUID_TEXT_SIZE];

    memcpy(text, digits, 8);
    memcpy(text + 9, digits + 8, 4);
    memcpy(text + 14, digits + 12, 4);
    memcpy(text + 19, digits + 16, 4);
    memcpy(text + 24, digits + 20, 12);
    text[8] = text[13] = text[18] = text[23] = '-';
    return end - at >= UUID_TEXT_SIZE && match_16(at, text) && match_16(at + 16, text + 16) &&
                   match_same(at + 32, text + 32, 4)
               ? at + UUID_TEXT_SIZE
               : NULL;
}

const char *match_id_digits(const char *at, const char *end, struct slot_kind kind,
                            const char *digits)
{
    return kind.type == SLOT_UUID ? match_uuid(at, end, digits)
                                  : match_bytes(at, end, digits, (size_t)2 * slot_id_size(kind));
}

const char *match_id(const char *at, const char *end, struct slot_kind kind, const uint8_t *bytes)
{
    unsigned size = slot_id_size(kind);
    char digits[2 * HEX_BYTES_MAX];

    if (size < HEX_BYTES_MIN || size > HEX_BYTES_MAX)
        return NULL;
    kernels()->hex(bytes, size, (kind.param & SLOT_UPPER) != 0, digits);
    return match_id_digits(at, end, kind, digits);
}
