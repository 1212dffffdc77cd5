/* store/slot_match.c -- values of more than one part. */
#include "store/slot_match.h"

#include <assert.h>

const char *match_decimal(const char *at, const char *end, uint64_t value, unsigned padded)
{
    unsigned scale = decimal_scale(value);
    uint64_t mantissa = decimal_mantissa(value);

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

/* Eight hex digits of four bytes: each nibble to a byte of its own, letters 39 (or 7) higher. */
static void write_hex8(const uint8_t *bytes, uint64_t letter, char *out)
{
    uint32_t four;
    uint64_t word;

    memcpy(&four, bytes, sizeof(four));
    word = (four | (uint64_t)four << 16) & 0x0000ffff0000ffffu;
    word = (word | word << 8) & 0x00ff00ff00ff00ffu;
    word = (word >> 4 | word << 8) & 0x0f0f0f0f0f0f0f0fu;
    word += 0x3030303030303030u + ((word + 0x0606060606060606u) >> 4 & 0x0101010101010101u) * letter;
    memcpy(out, &word, sizeof(word));
}

static const char *match_uuid(const char *at, const char *end, uint64_t letter,
                              const uint8_t *bytes)
{
    char digits[32], text[36];

    for (unsigned i = 0; i < 4; i++)
        write_hex8(bytes + 4 * i, letter, digits + 8 * i);
    memcpy(text, digits, 8); /* 8-4-4-4-12 */
    memcpy(text + 9, digits + 8, 4);
    memcpy(text + 14, digits + 12, 4);
    memcpy(text + 19, digits + 16, 4);
    memcpy(text + 24, digits + 20, 12);
    text[8] = text[13] = text[18] = text[23] = '-';
    return match_bytes(at, end, text, sizeof(text));
}

const char *match_id(const char *at, const char *end, struct slot_kind kind, const uint8_t *bytes)
{
    uint64_t letter = kind.param & SLOT_UPPER ? 'A' - '0' - 10 : 'a' - '0' - 10;
    unsigned size = slot_id_size(kind);
    char text[2 * HEX_BYTES_MAX];

    if (kind.type == SLOT_UUID)
        return match_uuid(at, end, letter, bytes);
    if (size < HEX_BYTES_MIN || size > HEX_BYTES_MAX)
        return NULL;
    for (unsigned i = 0; i + 4 < size; i += 4)
        write_hex8(bytes + i, letter, text + (size_t)2 * i);
    write_hex8(bytes + size - 4, letter, text + 2 * (size - 4)); /* may overlap the one before */
    return match_bytes(at, end, text, (size_t)2 * size);
}
