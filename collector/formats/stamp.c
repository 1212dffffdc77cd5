/* collector/formats/stamp.c -- base/time_stamp.h with the settings of the source. */
#include "collector/formats/stamp.h"

#include "base/byteorder.h"
#include "collector/formats/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LOCAL_LEN = sizeof("2026-04-02 09:20:11") - 1 };

/* ---- the same minute again ---- */

/* Bytes in front of the seconds; 0: another form. */
static size_t minute_len_of(stamp_parser *parser)
{
    if (parser == stamp_parse_iso || parser == stamp_parse_slashed)
        return sizeof("2026-04-02 09:20:") - 1;
    if (parser == stamp_parse_redis)
        return sizeof("02 Apr 2026 09:20:") - 1;
    if (parser == stamp_parse_syslog)
        return sizeof("Apr  2 09:20:") - 1;
    return parser == stamp_parse_clf ? sizeof("02/Apr/2026:09:20:") - 1 : 0;
}

/* Is a zone looked for behind the stamp? */
static inline bool may_have_zone(stamp_parser *parser, bool local)
{
    return !local && parser != stamp_parse_redis && parser != stamp_parse_syslog;
}

/* The digits at the front as a fraction, in nanoseconds; gives how many there are. More than nine
 * are counted to the tenth and say nothing. */
static size_t read_long_fraction(struct slice text, int64_t *out)
{
    static const int32_t scale[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
    size_t digits = 0;
    int64_t fraction = 0;

    for (; digits < text.len && digits < COUNT_OF(scale) && is_digit(text.data[digits]); digits++)
        fraction = fraction * 10 + (text.data[digits] - '0');
    if (digits < COUNT_OF(scale))
        *out = fraction * scale[digits];
    return digits;
}

/* The same of up to seven digits, as most are, at once: nothing foresees how often a loop goes round.
 * What is behind the digits becomes zeros; then neighbours are added up to numbers of two, of four
 * and of eight digits. The first byte is the lowest of the word. */
static inline size_t read_fraction(struct slice text, int64_t *out)
{
    const uint64_t high = UINT64_C(0x8080808080808080), nine = UINT64_C(0x7676767676767676);
    uint64_t bytes, others;
    size_t digits;

    if (text.len < sizeof(bytes))
        return read_long_fraction(text, out);
    bytes = get_le64(text.data) ^ UINT64_C(0x3030303030303030);
    others = ((bytes + nine) | bytes) & high; /* right up to the first one: sums carry upwards */
    if (others == 0)
        return read_long_fraction(text, out);
    digits = (size_t)__builtin_ctzll(others) / 8;
    bytes &= (UINT64_C(1) << 8 * digits) - 1;
    bytes = (bytes * 10 + (bytes >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes * 100 + (bytes >> 16)) & UINT64_C(0x0000ffff0000ffff);
    bytes = (bytes * 10000 + (bytes >> 32)) & UINT32_MAX;
    *out = (int64_t)bytes * 10;
    return digits;
}

/* SS[.,fraction] in nanoseconds, and the bytes eaten; 0 if it is anything unusual. */
static inline size_t read_seconds(struct slice text, int64_t *out)
{
    int64_t fraction_ns = 0;
    size_t digits;

    if (text.len < 2 || (unsigned char)(text.data[0] - '0') > 5 || !is_digit(text.data[1]))
        return 0;
    *out = ((text.data[0] - '0') * 10 + (text.data[1] - '0')) * NS_PER_SECOND;
    if (text.len < 4 || (text.data[2] != '.' && text.data[2] != ','))
        return 2;
    digits = read_fraction(slice_from(text, 3), &fraction_ns);
    if (digits == 0)
        return 2;
    *out += fraction_ns;
    return digits > 9 ? 0 : 3 + digits;
}

/* Can no zone begin here, attached or after a blank? */
static inline bool is_no_zone(struct slice text)
{
    size_t blank = text.len > 0 && text.data[0] == ' ' ? 1 : 0;
    char first;

    if (text.len <= blank)
        return true;
    first = text.data[blank];
    return !is_upper(first) && first != '+' && first != '-' && (blank > 0 || first != 'z');
}

/* Both begin with the same `len` bytes, 8 to 24. */
static inline bool same_minute(const char *a, const char *b, size_t len)
{
    size_t middle = len < 16 ? 0 : 8;

    return get_le64(a) == get_le64(b) && get_le64(a + middle) == get_le64(b + middle) &&
           get_le64(a + len - 8) == get_le64(b + len - 8);
}

/* How many bytes behind the seconds are kept, and these; there are more than eight in front. */
static inline size_t behind_len_of(struct slice behind)
{
    return behind.len < 8 ? behind.len : 8;
}

static inline uint64_t behind_of(struct slice behind)
{
    if (behind.len >= 8)
        return get_le64(behind.data);
    return behind.len == 0 ? 0 : get_le64(behind.data + behind.len - 8) >> (8 * (8 - behind.len));
}

/* Does the same zone stand here, or none as before? */
static inline bool same_zone(const struct stamp_minute *memory, struct slice behind)
{
    return (behind_of(behind) == memory->behind && behind_len_of(behind) == memory->behind_len) ||
           (memory->zone_len == 0 && is_no_zone(behind));
}

static inline struct stamp_minute *minute_of(struct stamp_memory *memory, stamp_parser *parser)
{
    return &memory->minutes[parser == stamp_parse_syslog];
}

/* The stamp from what is remembered; the bytes eaten, or 0: it must be read. */
static inline size_t recall(const struct stamp_minute *memory, const struct format_context *context,
                            stamp_parser *parser, bool local, struct slice text, int64_t *out)
{
    size_t len = memory->minute_len, seconds_len;
    int64_t seconds_ns;

    if (memory->parser != parser || memory->local != local || text.len <= len ||
        !same_minute(text.data, memory->minute, len) ||
        (!memory->has_year && memory->receive_ns != context->receive_ns))
        return 0;
    seconds_len = read_seconds(slice_from(text, len), &seconds_ns);
    if (seconds_len == 0)
        return 0;
    if (memory->may_have_zone && !same_zone(memory, slice_from(text, len + seconds_len)))
        return 0;
    *out = memory->minute_ns + seconds_ns;
    return len + seconds_len + memory->zone_len;
}

/* Have all seconds of the minute the year that was given to one of them? Certain if the time is far
 * from a day behind the receipt, and from a year before that. */
static bool has_sure_year(int64_t minute_ns, int64_t receive_ns)
{
    static const int64_t past_max = 300 * NS_PER_DAY, future_max = 23 * 60 * NS_PER_MINUTE;

    return minute_ns > receive_ns - past_max && minute_ns < receive_ns + future_max;
}

/* Is the whole minute at one distance from UTC? */
static bool is_even(const struct zone *zone, int64_t local_ns, int64_t utc_ns)
{
    int64_t last_ns = NS_PER_MINUTE - 1;

    return zone_to_utc(zone, local_ns) == utc_ns &&
           zone_to_utc(zone, local_ns + last_ns) == utc_ns + last_ns;
}

/* Remember a stamp of `eaten` bytes that was resolved to `time_ns`. */
static void remember(struct stamp_minute *memory, const struct format_context *context,
                     stamp_parser *parser, bool local, struct slice text, const struct stamp *stamp,
                     size_t eaten, int64_t time_ns)
{
    size_t len = minute_len_of(parser), seconds_len;
    struct slice behind;
    int64_t seconds_ns;

    memory->parser = NULL;
    if (len == 0 || stamp->zone_name.len > 0 || stamp->has_year != (parser != stamp_parse_syslog))
        return;
    seconds_len = read_seconds(slice_from(text, len), &seconds_ns);
    if (seconds_len == 0 || eaten < len + seconds_len ||
        (!stamp->has_zone && context->zone != NULL &&
         (!stamp->has_year ||
          !is_even(context->zone, stamp->time_ns - seconds_ns, time_ns - seconds_ns))) ||
        (!stamp->has_year && !has_sure_year(time_ns - seconds_ns, context->receive_ns)))
        return;
    if (eaten > len + seconds_len && !may_have_zone(parser, local))
        return;
    behind = slice_from(text, len + seconds_len);
    memory->parser = parser;
    memory->local = local;
    memory->may_have_zone = may_have_zone(parser, local);
    memory->has_year = stamp->has_year;
    memory->minute_len = (uint8_t)len;
    memory->zone_len = (uint8_t)(eaten - len - seconds_len);
    memcpy(memory->minute, text.data, len);
    memory->behind = behind_of(behind);
    memory->behind_len = (uint8_t)behind_len_of(behind);
    memory->minute_ns = time_ns - seconds_ns;
    memory->receive_ns = context->receive_ns;
}

/* ---- eat ---- */

/* The bytes of a stamp that is not remembered; 0: it is none. */
static __attribute__((noinline)) size_t read_stamp(const struct format_context *context,
                                                   stamp_parser *parser, bool local,
                                                   struct slice text, int64_t *out)
{
    struct stamp stamp;
    size_t len = parser(text, &stamp);

    if (len == 0)
        return 0;
    *out = stamp_resolve(&stamp, context->zone, context->receive_ns);
    if (context->stamps != NULL)
        remember(minute_of(context->stamps, parser), context, parser, local, text, &stamp, len,
                 *out);
    return len;
}

static inline bool take(const struct format_context *context, stamp_parser *parser, bool local,
                        struct slice *rest, int64_t *out)
{
    size_t len = 0;

    if (context->stamps != NULL)
        len = recall(minute_of(context->stamps, parser), context, parser, local, *rest, out);
    if (len == 0)
        len = read_stamp(context, parser, local, *rest, out);
    if (len == 0)
        return false;
    *rest = slice_from(*rest, len);
    return true;
}

bool stamp_take(const struct format_context *context, stamp_parser *parser, struct slice *rest,
                int64_t *out)
{
    return take(context, parser, false, rest, out);
}

bool stamp_take_local(const struct format_context *context, struct slice *rest, int64_t *out)
{
    struct slice stamp = *rest;
    size_t len = 0;

    if (context->stamps != NULL) /* what may follow the seconds is not looked at */
        len = recall(&context->stamps->minutes[0], context, stamp_parse_iso, true, stamp, out);
    if (len > 0) {
        *rest = slice_from(stamp, len);
        return true;
    }
    len = LOCAL_LEN;
    if (len < stamp.len && (stamp.data[len] == ',' || stamp.data[len] == '.'))
        len += 1 + count_digits(slice_from(stamp, len + 1));
    stamp = slice_first(stamp, len);
    if (!take(context, stamp_parse_iso, true, &stamp, out))
        return false;
    *rest = slice_from(*rest, len - stamp.len);
    return true;
}

/* ---- shapes ---- */

static bool has_shape(char byte, char pattern)
{
    return pattern == '0' ? is_digit(byte) : pattern == '#' || pattern == byte;
}

#ifdef __SSE2__
/* Sixteen bytes at once: the lines of every format pass here. */
static inline bool have_shape(__m128i text, __m128i shape)
{
    const __m128i value = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    const __m128i fits = _mm_or_si128(
        _mm_and_si128(digit, _mm_cmpeq_epi8(shape, _mm_set1_epi8('0'))),
        _mm_or_si128(_mm_cmpeq_epi8(shape, _mm_set1_epi8('#')), _mm_cmpeq_epi8(shape, text)));

    return _mm_movemask_epi8(fits) == 0xffff;
}

static inline bool have_shape_at(const char *bytes, const char *pattern)
{
    return have_shape(_mm_loadu_si128((const void *)bytes), _mm_loadu_si128((const void *)pattern));
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
            if (!have_shape_at(text.data + at, pattern.data + at))
                return false;
        return have_shape_at(text.data + last, pattern.data + last);
    }
    if (pattern.len >= 8)
        return have_shape(load_ends(text.data, pattern.len),
                          load_ends(pattern.data, pattern.len));
#endif
    for (; at < pattern.len; at++)
        if (!has_shape(text.data[at], pattern.data[at]))
            return false;
    return true;
}
