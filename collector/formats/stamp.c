/* collector/formats/stamp.c -- base/time_stamp.h with the settings of the source. */
#include "collector/formats/stamp.h"

#include "collector/formats/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LOCAL_LEN = sizeof("2026-04-02 09:20:11") - 1 };

bool stamp_take(const struct format_context *context, stamp_parser *parser, struct slice *rest,
                int64_t *out)
{
    struct stamp stamp;
    size_t len = parser(*rest, &stamp);

    if (len == 0)
        return false;
    *out = stamp_resolve(&stamp, context->zone, context->receive_ns);
    *rest = slice_from(*rest, len);
    return true;
}

bool stamp_take_local(const struct format_context *context, struct slice *rest, int64_t *out)
{
    struct slice stamp = *rest;
    size_t len = LOCAL_LEN;

    if (len < stamp.len && (stamp.data[len] == ',' || stamp.data[len] == '.'))
        len += 1 + count_digits(slice_from(stamp, len + 1));
    stamp = slice_first(stamp, len);
    if (!stamp_take(context, stamp_parse_iso, &stamp, out))
        return false;
    *rest = slice_from(*rest, len - stamp.len);
    return true;
}

static bool has_shape(char byte, char pattern)
{
    return pattern == '0' ? is_digit(byte) : pattern == '#' || pattern == byte;
}

#ifdef __SSE2__
/* Sixteen bytes at once: the lines of every format pass here. */
static bool have_shape(const char *bytes, const char *pattern)
{
    const __m128i text = _mm_loadu_si128((const void *)bytes);
    const __m128i shape = _mm_loadu_si128((const void *)pattern);
    const __m128i value = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    const __m128i fits = _mm_or_si128(
        _mm_and_si128(digit, _mm_cmpeq_epi8(shape, _mm_set1_epi8('0'))),
        _mm_or_si128(_mm_cmpeq_epi8(shape, _mm_set1_epi8('#')), _mm_cmpeq_epi8(shape, text)));

    return _mm_movemask_epi8(fits) == 0xffff;
}
#endif

bool stamp_has_shape(struct slice text, struct slice pattern)
{
    size_t at = 0;

    if (text.len < pattern.len)
        return false;
#ifdef __SSE2__
    if (pattern.len >= sizeof(__m128i)) {
        size_t last = pattern.len - sizeof(__m128i);

        for (; at < last; at += sizeof(__m128i))
            if (!have_shape(text.data + at, pattern.data + at))
                return false;
        return have_shape(text.data + last, pattern.data + last);
    }
#endif
    for (; at < pattern.len; at++)
        if (!has_shape(text.data[at], pattern.data[at]))
            return false;
    return true;
}
