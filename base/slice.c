/* base/slice.c -- searches and number parsing on borrowed bytes. */
#include "base/slice.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool slice_equal_fold(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}

size_t slice_find_byte(struct slice a, char byte)
{
    const char *at = a.len == 0 ? NULL : memchr(a.data, byte, a.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - a.data);
}

size_t slice_find_last_byte(struct slice a, char byte)
{
    const char *at = a.len == 0 ? NULL : memrchr(a.data, byte, a.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - a.data);
}

/* Longer needles are memmem()'s, which stays linear whatever the text; up to here a text that
 * is made to match nearly everywhere costs no more than this many steps per byte. */
enum { SHORT_NEEDLE_MAX = 32 };

/* The needle in a few bytes more than itself. */
static size_t find_slowly(struct slice a, struct slice needle)
{
    for (size_t at = 0; at + needle.len <= a.len; at++)
        if (a.data[at] == needle.data[0] && memcmp(a.data + at, needle.data, needle.len) == 0)
            return at;
    return SIZE_MAX;
}

#ifdef __SSE2__
/* Sixteen places at once by the first and last byte of the needle: in short lines memmem() prepares
 * longer than it searches. The last places are looked at with some that have been. */
static size_t find_short(struct slice a, struct slice needle)
{
    const __m128i first = _mm_set1_epi8(needle.data[0]);
    const __m128i last = _mm_set1_epi8(needle.data[needle.len - 1]);
    size_t end = needle.len - 1 + 16; /* of what is looked at from one place on */

    if (a.len < end)
        return find_slowly(a, needle);
    for (size_t at = 0;; at += 16) {
        const char *text = a.data + (at < a.len - end ? at : a.len - end);
        unsigned both = (unsigned)_mm_movemask_epi8(_mm_and_si128(
            _mm_cmpeq_epi8(_mm_loadu_si128((const void *)text), first),
            _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(text + needle.len - 1)), last)));

        for (; both != 0; both &= both - 1) {
            const char *place = text + __builtin_ctz(both);

            if (memcmp(place, needle.data, needle.len) == 0)
                return (size_t)(place - a.data);
        }
        if (at >= a.len - end)
            return SIZE_MAX;
    }
}
#endif

size_t slice_find(struct slice a, struct slice needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
#ifdef __SSE2__
    if (needle.len <= SHORT_NEEDLE_MAX)
        return find_short(a, needle);
#endif
    at = a.len == 0 ? NULL : memmem(a.data, a.len, needle.data, needle.len);
    return at == NULL ? SIZE_MAX : (size_t)(at - a.data);
}

bool slice_cut(struct slice *rest, char byte, struct slice *head)
{
    size_t at = slice_find_byte(*rest, byte);

    if (at == SIZE_MAX)
        return false;
    *head = slice_first(*rest, at);
    *rest = slice_from(*rest, at + 1);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice a)
{
    while (a.len > 0 && is_blank(a.data[0]))
        a = slice_from(a, 1);
    while (a.len > 0 && is_blank(a.data[a.len - 1]))
        a.len--;
    return a;
}

bool slice_to_u64(struct slice a, uint64_t *out)
{
    uint64_t value = 0;

    if (a.len == 0 || a.len > 20)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned digit = (unsigned)((unsigned char)a.data[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool slice_to_i64(struct slice a, int64_t *out)
{
    bool negative = a.len > 0 && a.data[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1U : 0U);
    uint64_t value;

    if (!slice_to_u64(slice_from(a, negative ? 1 : 0), &value) || value > limit)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* [-]digits[.digits][e[+-]digits]: what strtod also accepts beyond it (hex, inf, blanks) is not
 * a number in a log. */
static bool is_decimal(struct slice a)
{
    size_t i = a.len > 0 && a.data[0] == '-' ? 1 : 0;
    size_t digits = 0;

    for (; i < a.len && (unsigned char)(a.data[i] - '0') <= 9; i++)
        digits++;
    if (i < a.len && a.data[i] == '.')
        for (i++; i < a.len && (unsigned char)(a.data[i] - '0') <= 9; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < a.len && (a.data[i] | 0x20) == 'e') {
        i++;
        if (i < a.len && (a.data[i] == '+' || a.data[i] == '-'))
            i++;
        if (i == a.len)
            return false;
        while (i < a.len && (unsigned char)(a.data[i] - '0') <= 9)
            i++;
    }
    return i == a.len;
}

bool slice_to_double(struct slice a, double *out)
{
    char text[65];
    double value;

    if (a.len > 64 || !is_decimal(a))
        return false;
    memcpy(text, a.data, a.len);
    text[a.len] = '\0';
    value = strtod(text, NULL);
    if (value - value != 0) /* overflowed to infinity */
        return false;
    *out = value;
    return true;
}
