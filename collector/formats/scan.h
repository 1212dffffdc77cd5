/* collector/formats/scan.h -- small readers that eat from the front of a slice.
 * They answer false, and leave `rest` as it was, when the text is not as expected. */
#ifndef DENDRO_COLLECTOR_FORMATS_SCAN_H
#define DENDRO_COLLECTOR_FORMATS_SCAN_H

#include "base/byteorder.h"
#include "base/slice.h"
#include "collector/format.h"

#include <stdbool.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A slice in a static table. */
#define SLICE_INIT(text)                                                                           \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline bool is_upper(char c)
{
    return (unsigned char)(c - 'A') <= 25;
}

static inline bool is_lower(char c)
{
    return (unsigned char)(c - 'a') <= 25;
}

static inline bool is_hex(char c)
{
    return is_digit(c) || (unsigned char)((c | 0x20) - 'a') <= 5;
}

#ifdef __SSE2__
/* Bit i: byte i of sixteen is `byte`. */
static inline unsigned byte_mask(const char *text, char byte)
{
    const __m128i bytes = _mm_loadu_si128((const void *)text);

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

/* Bit i: byte i of sixteen is a digit. */
static inline unsigned digit_mask(const char *text)
{
    const __m128i above =
        _mm_sub_epi8(_mm_loadu_si128((const void *)text), _mm_set1_epi8('0'));

    return (unsigned)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(9)), above));
}

/* The first and the last eight of `len` bytes, 8 to 16. */
static inline __m128i load_ends(const char *bytes, size_t len)
{
    return _mm_set_epi64x((long long)get_le64(bytes + len - 8), (long long)get_le64(bytes));
}

/* Bytes from `first` to `first` + `span`. */
static inline __m128i in_range(__m128i bytes, char first, char span)
{
    const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));

    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(span)), above);
}
#endif

/* slice_find_byte() and slice_cut() without a call: several per line and field, and most of what is
 * looked for stands in the next thirty-two bytes. */
static inline size_t find_byte(struct slice text, char byte)
{
    size_t from = 0;
    const char *at;

#ifdef __SSE2__
    if (text.len >= 16) {
        unsigned mask = byte_mask(text.data, byte);

        if (mask != 0)
            return (unsigned)__builtin_ctz(mask);
        from = text.len < 32 ? text.len - 16 : 16; /* some bytes are looked at again */
        mask = byte_mask(text.data + from, byte);
        if (mask != 0)
            return from + (unsigned)__builtin_ctz(mask);
        from += 16;
    }
#endif
    at = text.len == from ? NULL : memchr(text.data + from, byte, text.len - from);
    return at == NULL ? SIZE_MAX : (size_t)(at - text.data);
}

/* slice_find_last_byte() in the same way. */
static inline size_t find_last_byte(struct slice text, char byte)
{
#ifdef __SSE2__
    if (text.len >= 16) {
        const __m128i bytes = _mm_loadu_si128((const void *)(text.data + text.len - 16));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));

        if (mask != 0)
            return text.len - 16 + (31 - (unsigned)__builtin_clz(mask));
    }
#endif
    return slice_find_last_byte(text, byte);
}

/* Where `needle` begins, found by its byte at index `rare`, which seldom stands elsewhere: for a few
 * bytes in a short line memmem() prepares longer than it searches. */
static inline size_t find_by(struct slice text, struct slice needle, size_t rare)
{
    size_t from = rare;

    while (from < text.len) {
        size_t at = find_byte(slice_from(text, from), needle.data[rare]);

        if (at == SIZE_MAX || text.len - (from + at - rare) < needle.len)
            return SIZE_MAX;
        from += at;
        if (memcmp(text.data + from - rare, needle.data, needle.len) == 0)
            return from - rare;
        from++;
    }
    return SIZE_MAX;
}

static inline bool cut(struct slice *rest, char byte, struct slice *head)
{
    size_t at = find_byte(*rest, byte);

    if (at == SIZE_MAX)
        return false;
    *head = slice_make(rest->data, at);
    *rest = slice_make(rest->data + at + 1, rest->len - at - 1);
    return true;
}

static inline bool take_byte(struct slice *rest, char byte)
{
    if (rest->len == 0 || rest->data[0] != byte)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

static inline bool take_prefix(struct slice *rest, struct slice prefix)
{
    if (!slice_starts(*rest, prefix))
        return false;
    *rest = slice_from(*rest, prefix.len);
    return true;
}
#define take_literal(rest, text)    take_prefix((rest), SLICE_LITERAL(text))
#define starts_with(text, literal)  slice_starts((text), SLICE_LITERAL(literal))
#define ends_with(text, literal)    slice_ends((text), SLICE_LITERAL(literal))
#define find_literal(text, literal) slice_find((text), SLICE_LITERAL(literal))

static inline void skip_blanks(struct slice *rest)
{
    size_t at = 0;

    while (at < rest->len && rest->data[at] == ' ')
        at++;
    *rest = slice_from(*rest, at);
}

static inline size_t count_digits(struct slice text)
{
    size_t at = 0;

    while (at < text.len && is_digit(text.data[at]))
        at++;
    return at;
}

#ifdef __SSE2__
/* May the sixteen bytes that end with the part be read, and are all of its own among them? */
static inline bool ends_sixteen(struct slice event, struct slice part)
{
    uintptr_t end = (uintptr_t)part.data - (uintptr_t)event.data + part.len;

    return part.len <= 16 && end >= 16 && end <= event.len;
}

/* The part's own bits of a mask of these sixteen bytes, from bit 0 on. */
static inline unsigned own_bits(unsigned mask, struct slice part)
{
    return mask >> (16 - part.len);
}
#endif

/* Is every byte a digit? A part of an event, as most are, is looked at as a whole: how many digits a
 * number has, nothing foresees. */
static inline bool all_digits(struct slice event, struct slice part)
{
#ifdef __SSE2__
    if (ends_sixteen(event, part))
        return own_bits(digit_mask(part.data + part.len - 16) ^ 0xffff, part) == 0;
#endif
    return count_digits(part) == part.len;
}

/* Is every byte a hexadecimal digit or a dash? In ids, digits and letters take turns at random. */
static inline bool is_hex_or_dashes(struct slice text)
{
    size_t at = 0;

#ifdef __SSE2__
    if (text.len >= 8 && text.len <= 16) {
        const __m128i bytes = load_ends(text.data, text.len);
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i hex = _mm_or_si128(in_range(bytes, '0', 9), in_range(folded, 'a', 5));

        return _mm_movemask_epi8(_mm_or_si128(
                   hex, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')))) == 0xffff;
    }
#endif
    while (at < text.len && (is_hex(text.data[at]) || text.data[at] == '-'))
        at++;
    return at == text.len;
}

/* One or more digits. */
static inline bool take_digits(struct slice *rest, struct slice *out)
{
    size_t len = count_digits(*rest);

    if (len == 0)
        return false;
    *out = slice_first(*rest, len);
    *rest = slice_from(*rest, len);
    return true;
}

/* Up to a blank, which is eaten too, or the end; false if nothing is left. */
static inline bool take_word(struct slice *rest, struct slice *out)
{
    if (rest->len == 0)
        return false;
    if (!cut(rest, ' ', out)) {
        *out = *rest;
        *rest = slice_from(*rest, rest->len);
    }
    return true;
}

/* `[text]`; the text holds no `]`. */
static inline bool take_bracketed(struct slice *rest, struct slice *out)
{
    struct slice at = *rest;

    if (!take_byte(&at, '[') || !cut(&at, ']', out))
        return false;
    *rest = at;
    return true;
}

/* The first line of `text`; `rest` (may be NULL) gets what follows its newline. */
static inline struct slice first_line(struct slice text, struct slice *rest)
{
    size_t end = find_byte(text, '\n');

    if (end == SIZE_MAX) {
        if (rest != NULL)
            *rest = slice_from(text, text.len);
        return text;
    }
    if (rest != NULL)
        *rest = slice_from(text, end + 1);
    return slice_first(text, end);
}

/* digits[.digits] or .digits: an unsigned number as logs print it. */
static inline bool is_number(struct slice text, bool *fraction)
{
    size_t whole = count_digits(text);
    size_t part;

    *fraction = whole < text.len && text.data[whole] == '.';
    if (!*fraction)
        return whole > 0 && whole == text.len;
    part = count_digits(slice_from(text, whole + 1));
    return part > 0 && whole + 1 + part == text.len;
}

/* The same of a part of an event, in the way of all_digits(). */
static inline bool is_number_in(struct slice event, struct slice part, bool *fraction)
{
#ifdef __SSE2__
    if (part.len > 0 && ends_sixteen(event, part)) {
        const char *bytes = part.data + part.len - 16;
        unsigned digits = own_bits(digit_mask(bytes), part);
        unsigned points = own_bits(byte_mask(bytes, '.'), part);
        unsigned last = 1U << (part.len - 1);

        *fraction = points != 0;
        return (digits | points) == 2 * last - 1 && (points & (points - 1)) == 0 &&
               (digits & last) != 0;
    }
#endif
    return is_number(part, fraction);
}

static inline void add_text(struct parsed_event *out, field_id field, struct slice event,
                            struct slice part)
{
    parsed_span(out, field, FIELD_TEXT, UNIT_NONE, event, part);
}

/* A run of digits, perhaps with a sign; other text ("None", "aborted") is not added. */
static inline void add_int(struct parsed_event *out, field_id field, struct slice event,
                           struct slice part)
{
    size_t sign = part.len > 0 && part.data[0] == '-' ? 1 : 0;

    if (part.len > sign && all_digits(event, slice_from(part, sign)))
        parsed_span(out, field, FIELD_INT, UNIT_NONE, event, part);
}

static inline void add_bytes(struct parsed_event *out, field_id field, struct slice event,
                             struct slice part)
{
    if (part.len > 0 && all_digits(event, part))
        parsed_span(out, field, FIELD_BYTES, UNIT_BYTES, event, part);
}

/* A plain number in `unit`; other text is not added. */
static inline void add_duration(struct parsed_event *out, field_id field, enum field_unit unit,
                                struct slice event, struct slice part)
{
    bool fraction;

    if (is_number_in(event, part, &fraction))
        parsed_span(out, field, FIELD_DURATION, unit, event, part);
}

static inline void add_address(struct parsed_event *out, field_id field, struct slice event,
                               struct slice part)
{
    parsed_span(out, field, FIELD_IPV4, UNIT_NONE, event, part);
}

/* For formats without levels of their own: 5xx error, 4xx warning, else info. */
static inline enum level level_of_status(struct slice status)
{
    if (status.len == 3 && status.data[0] == '5')
        return LEVEL_ERROR;
    if (status.len == 3 && status.data[0] == '4')
        return LEVEL_WARNING;
    return LEVEL_INFO;
}

#endif
