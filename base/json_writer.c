/* base/json_writer.c -- escape, number and time printing, and the commas between them.
 * Sources: RFC 8259 sections 6 and 7; Unicode 15 table 3-7 (well-formed UTF-8) and section 3.9
 * (one replacement per maximal subpart). */
#include "base/json_writer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { COPY_SLACK = 16 }; /* bytes behind a text that is copied in steps */

/* ---- UTF-8 ---- */

/* Second bytes allowed after a first byte; the bytes behind it are always 80..BF. */
static const struct utf8_row {
    unsigned char first_low, first_high, second_low, second_high, length;
} utf8_rows[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* Length of the well-formed sequence at the start of `text`, or 0; `bad_length` is then that of
 * the maximal subpart that one U+FFFD stands for. */
static size_t utf8_length(struct slice text, size_t *bad_length)
{
    const unsigned char *bytes = (const unsigned char *)text.data;

    *bad_length = 1;
    for (size_t i = 0; i < COUNT_OF(utf8_rows); i++) {
        const struct utf8_row *row = &utf8_rows[i];
        size_t at = 1;

        if (bytes[0] < row->first_low || bytes[0] > row->first_high)
            continue;
        while (at < row->length && at < text.len) {
            unsigned char low = at == 1 ? row->second_low : 0x80;
            unsigned char high = at == 1 ? row->second_high : 0xBF;

            if (bytes[at] < low || bytes[at] > high)
                break;
            at++;
        }
        *bad_length = at;
        return at == row->length ? at : 0;
    }
    return 0;
}

/* Length of the ASCII bytes at the start, in steps of eight. */
static size_t ascii_length(struct slice text)
{
    size_t at = 0;
    uint64_t word;

    for (; at + sizeof(word) <= text.len; at += sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool jsonw_utf8_valid(struct slice text)
{
    struct slice rest = slice_from(text, ascii_length(text));

    while (rest.len > 0) {
        size_t bad, length = 1;

        if ((unsigned char)rest.data[0] >= 0x80)
            length = utf8_length(rest, &bad);
        if (length == 0)
            return false;
        rest = slice_from(rest, length);
    }
    return true;
}

/* ---- text ---- */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static void escape_ascii(struct buf *out, unsigned char c)
{
    static const char short_forms[][2] = {
        {'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'},
    };

    for (size_t i = 0; i < COUNT_OF(short_forms); i++)
        if ((unsigned char)short_forms[i][0] == c) {
            buf_append(out, (const char[2]){'\\', short_forms[i][1]}, 2);
            return;
        }
    buf_printf(out, "\\u%04x", c);
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that has to be escaped, or is not ASCII. */
static unsigned special_bytes(__m128i bytes)
{
    __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: also 0x80 and above */
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));

    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(_mm_or_si128(below, quote), _mm_or_si128(backslash, del)));
}
#endif

/* Has any of the eight bytes to be escaped, or is it not ASCII? (Bit tricks: "Determine if a word
 * has a zero byte", S. E. Anderson; a false alarm only costs the slow way.) */
static bool has_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\', del = word ^ ones * 0x7F;
    uint64_t below_blank = word - ones * 0x20;

    return ((below_blank | (quote - ones) | (backslash - ones) | (del - ones) | word) & highs) != 0;
}

/* Copy the bytes at the start that stand for themselves; gives their number. COPY_SLACK bytes behind
 * text.len may be overwritten. */
static size_t copy_plain(char *out, struct slice text)
{
    size_t at = 0;
    uint64_t word;

#ifdef __SSE2__
    for (; at + 16 <= text.len; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.data + at));
        unsigned special = special_bytes(bytes);

        _mm_storeu_si128((__m128i *)(void *)(out + at), bytes);
        if (special != 0)
            return at + (size_t)__builtin_ctz(special);
    }
#endif
    for (; at + sizeof(word) <= text.len; at += sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        memcpy(out + at, &word, sizeof(word));
        if (has_special(word))
            break;
    }
    for (; at < text.len && is_plain((unsigned char)text.data[at]); at++)
        out[at] = text.data[at];
    return at;
}

/* The character at the start, which is not plain; gives its length in bytes. */
static size_t escape_one(struct buf *out, struct slice text)
{
    unsigned char first = (unsigned char)text.data[0];
    size_t bad, length;

    if (first < 0x80) {
        escape_ascii(out, first);
        return 1;
    }
    length = utf8_length(text, &bad);
    if (length == 0) {
        buf_append(out, "\xEF\xBF\xBD", 3);
        return bad;
    }
    if (length == 2 && first == 0xC2 && (unsigned char)text.data[1] < 0xA0) /* C1 control */
        buf_printf(out, "\\u%04x", (unsigned char)text.data[1]);
    else
        buf_append(out, text.data, length);
    return length;
}

void jsonw_escape(struct buf *out, struct slice text)
{
    struct slice rest = text;

    while (rest.len > 0) {
        size_t plain;

        if (!buf_reserve(out, rest.len + COPY_SLACK))
            return;
        plain = copy_plain(out->data + out->len, rest);
        out->len += plain;
        rest = slice_from(rest, plain);
        if (rest.len == 0)
            return;
        if (rest.data[0] == '"') { /* most of what is no plain byte */
            memcpy(out->data + out->len, "\\\"", 2);
            out->len += 2;
            rest = slice_from(rest, 1);
        } else {
            rest = slice_from(rest, escape_one(out, rest));
        }
    }
}

/* ---- numbers and times ---- */

/* Digits at the end of `out`; gives where they start. */
static size_t digits_of(uint64_t value, char out[24])
{
    size_t at = 24;

    do
        out[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    return at;
}

size_t jsonw_format_i64(int64_t value, char out[24])
{
    char text[24];
    size_t from = digits_of(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, text);

    if (value < 0)
        text[--from] = '-';
    memcpy(out, text + from, sizeof(text) - from); /* 20 digits and a sign at most */
    out[sizeof(text) - from] = '\0';
    return sizeof(text) - from;
}

size_t jsonw_format_double(double value, char out[32])
{
    int length = 0;

    if (!isfinite(value))
        return (size_t)snprintf(out, 32, "null");
    if (value == floor(value) && fabs(value) < 9007199254740992.0 &&
        !(value == 0 && signbit(value)))
        return jsonw_format_i64((int64_t)value, out);
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)length;
}

size_t jsonw_format_time(int64_t time_ns, char out[STAMP_TEXT_SIZE])
{
    unsigned digits = time_ns % NS_PER_SECOND == 0 ? 0
                      : time_ns % NS_PER_MS == 0   ? 3
                      : time_ns % NS_PER_US == 0   ? 6
                                                   : 9;

    return stamp_print(time_ns, digits, out);
}

/* ---- structure ---- */

static void before_value(struct json_writer *writer)
{
    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    if (writer->filled >> writer->depth & 1)
        buf_append_byte(writer->out, ',');
    writer->filled |= UINT64_C(1) << writer->depth;
}

static void open_level(struct json_writer *writer, char bracket)
{
    before_value(writer);
    assert(writer->depth < JSON_DEPTH_MAX);
    writer->depth++;
    writer->filled &= ~(UINT64_C(1) << writer->depth);
    buf_append_byte(writer->out, bracket);
}

static void close_level(struct json_writer *writer, char bracket)
{
    assert(writer->depth > 0 && !writer->after_key);
    writer->depth--;
    buf_append_byte(writer->out, bracket);
}

void jsonw_object(struct json_writer *writer)
{
    open_level(writer, '{');
}

void jsonw_end_object(struct json_writer *writer)
{
    close_level(writer, '}');
}

void jsonw_array(struct json_writer *writer)
{
    open_level(writer, '[');
}

void jsonw_end_array(struct json_writer *writer)
{
    close_level(writer, ']');
}

void jsonw_key_slice(struct json_writer *writer, struct slice name)
{
    jsonw_text(writer, name);
    buf_append_byte(writer->out, ':');
    writer->after_key = true;
}

void jsonw_key(struct json_writer *writer, const char *name)
{
    jsonw_key_slice(writer, slice_of(name));
}

void jsonw_text(struct json_writer *writer, struct slice text)
{
    before_value(writer);
    buf_append_byte(writer->out, '"');
    jsonw_escape(writer->out, text);
    buf_append_byte(writer->out, '"');
}

void jsonw_string(struct json_writer *writer, const char *text)
{
    if (text == NULL)
        jsonw_null(writer);
    else
        jsonw_text(writer, slice_of(text));
}

void jsonw_base64(struct json_writer *writer, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.data;

    before_value(writer);
    buf_append_byte(writer->out, '"');
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = (uint32_t)in[at] << 16 | (left > 1 ? (uint32_t)in[at + 1] << 8 : 0) |
                         (left > 2 ? in[at + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};

        buf_append(writer->out, four, 4);
    }
    buf_append_byte(writer->out, '"');
}

static void put_u64(struct buf *out, uint64_t value)
{
    char text[24];
    size_t from = digits_of(value, text);

    buf_append(out, text + from, sizeof(text) - from);
}

void jsonw_u64(struct json_writer *writer, uint64_t value)
{
    before_value(writer);
    put_u64(writer->out, value);
}

void jsonw_i64(struct json_writer *writer, int64_t value)
{
    before_value(writer);
    if (value < 0)
        buf_append_byte(writer->out, '-');
    put_u64(writer->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jsonw_double(struct json_writer *writer, double value)
{
    char text[32];

    before_value(writer);
    buf_append(writer->out, text, jsonw_format_double(value, text));
}

void jsonw_bool(struct json_writer *writer, bool value)
{
    jsonw_raw(writer, slice_of(value ? "true" : "false"));
}

void jsonw_null(struct json_writer *writer)
{
    jsonw_raw(writer, slice_of("null"));
}

void jsonw_time(struct json_writer *writer, int64_t time_ns)
{
    char text[STAMP_TEXT_SIZE];

    jsonw_text(writer, slice_make(text, jsonw_format_time(time_ns, text)));
}

void jsonw_raw(struct json_writer *writer, struct slice json)
{
    before_value(writer);
    buf_append_slice(writer->out, json);
}

void jsonw_numbers(struct json_writer *writer, const struct json_number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jsonw_key(writer, numbers[i].name);
        jsonw_u64(writer, numbers[i].value);
    }
}
