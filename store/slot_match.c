/* store/slot_match.c -- values of more than one part. */
#include "store/slot_match.h"

#include "store/kernels/kernels.h"

enum { UUID_TEXT_SIZE = 36 };

enum { SHORT_DIGITS = 8, SHORT_READABLE = 2 * SHORT_DIGITS, LONG_DIGITS = 16 };

/* Up to eight digits in all, of which `scale` (1 to 7) stand behind the point: they are made once.
 * SHORT_READABLE bytes at `at` may be read. */
static const char *match_short_decimal(const char *at, uint32_t mantissa, unsigned scale)
{
    uint64_t digits = eight_digits(mantissa), first, last;
    unsigned zeros =
        (unsigned)__builtin_ctzll((digits - 0x3030303030303030u) | (uint64_t)1 << 63) / 8;
    unsigned dropped = zeros < 7 - scale ? zeros : 7 - scale,
             whole = SHORT_DIGITS - dropped - scale;

    memcpy(&first, at, sizeof(first));
    memcpy(&last, at + whole + 1, sizeof(last));
    first = (first ^ digits >> 8 * dropped) << (64 - 8 * whole);
    last = (last ^ digits >> (64 - 8 * scale)) << (64 - 8 * scale);
    return (first | last) == 0 && at[whole] == '.' ? at + whole + 1 + scale : NULL;
}

/* Up to sixteen digits in all, of which `scale` (1 to 15) stand behind the point. */
static const char *match_long_decimal(const char *at, const char *end, uint64_t mantissa,
                                      unsigned scale)
{
    const uint64_t words[] = {eight_digits((uint32_t)(mantissa / 100000000)),
                              eight_digits((uint32_t)(mantissa % 100000000))};
    char digits[LONG_DIGITS];
    unsigned begin = 0, point = LONG_DIGITS - scale;

    memcpy(digits, words, sizeof(digits));
    while (begin + 1 < point && digits[begin] == '0')
        begin++;
    if (end - at <= LONG_DIGITS - (ptrdiff_t)begin ||
        memcmp(at, digits + begin, point - begin) != 0)
        return NULL;
    at += point - begin;
    return *at == '.' && memcmp(at + 1, digits + point, scale) == 0 ? at + 1 + scale : NULL;
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
    if (padded == 0 && mantissa < 10000000000000000 && scale - 1 < LONG_DIGITS - 1)
        return match_long_decimal(at, end, mantissa, scale);
    if (scale >= POWERS_OF_TEN_COUNT) /* only in a damaged page */
        return NULL;
    at = padded > 0 ? match_padded(at, end, mantissa / powers_of_ten[scale], padded)
                    : match_digits(at, end, mantissa / powers_of_ten[scale]);
    if (at == NULL || at == end || *at != '.')
        return NULL;
    return match_padded(at + 1, end, mantissa % powers_of_ten[scale], scale);
}

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
const struct octet octets[256] = {OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192)};

bool match_long(const char *a, const char *b, size_t len)
{
    if (len > 64)
        return memcmp(a, b, len) == 0;
    return ((int)match_16(a, b) & (int)match_16(a + 16, b + 16) &
            (int)match_16(a + len - 32, b + len - 32) &
            (int)match_16(a + len - 16, b + len - 16)) != 0;
}

static uint32_t load4(const char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

const char *match_ipv4(const char *at, const char *end, uint32_t value)
{
    char room[ADDRESS_READABLE] = {0};
    const char *from = at, *stop;
    uint64_t difference = 0;

    if (end - at < ADDRESS_READABLE) {
        memcpy(room, at, (size_t)(end - at));
        from = room;
    }
    stop = pass_octets(from, value, &difference);
    return difference != 0 || stop - from > end - at ? NULL : at + (stop - from);
}

/* 8-4-4-4-12 */
static const char *match_uuid(const char *at, const char *end, const char *digits)
{
    uint64_t difference;

    if (end - at < UUID_TEXT_SIZE)
        return NULL;
    difference = load8(at) ^ load8(digits);
    difference |= load4(at + 9) ^ load4(digits + 8);
    difference |= load4(at + 14) ^ load4(digits + 12);
    difference |= load4(at + 19) ^ load4(digits + 16);
    difference |= load8(at + 24) ^ load8(digits + 20);
    difference |= load4(at + 32) ^ load4(digits + 28);
    difference |= (uint64_t)((at[8] ^ '-') | (at[13] ^ '-') | (at[18] ^ '-') | (at[23] ^ '-'));
    return difference == 0 ? at + UUID_TEXT_SIZE : NULL;
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
