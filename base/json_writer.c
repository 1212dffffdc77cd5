/* base/json_writer.c -- escape, number and time printing, and the commas between them.
 * Sources: RFC 8259 sections 6 and 7; Unicode 15 table 3-7 (well-formed UTF-8) and section 3.9
 * (one replacement per maximal subpart); days to date after Howard Hinnant's civil_from_days. */
#include "base/json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

bool json_utf8_valid(struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        size_t bad, length = 1;

        if ((unsigned char)text.data[at] >= 0x80)
            length = utf8_length(slice_from(text, at), &bad);
        if (length == 0)
            return false;
        at += length;
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

void json_escape(struct buf *out, struct slice text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t from = at, bad, length;

        while (at < text.len && is_plain((unsigned char)text.data[at]))
            at++;
        if (at > from)
            buf_append(out, text.data + from, at - from);
        if (at == text.len)
            return;
        if ((unsigned char)text.data[at] < 0x80) {
            escape_ascii(out, (unsigned char)text.data[at++]);
            continue;
        }
        length = utf8_length(slice_from(text, at), &bad);
        if (length == 2 && text.data[at] == '\xC2' && (unsigned char)text.data[at + 1] < 0xA0)
            buf_printf(out, "\\u%04x", (unsigned char)text.data[at + 1]); /* C1 control */
        else if (length > 0)
            buf_append(out, text.data + at, length);
        else
            buf_append(out, "\xEF\xBF\xBD", 3);
        at += length > 0 ? length : bad;
    }
}

/* ---- numbers and times ---- */

size_t json_format_double(double value, char out[32])
{
    int length = 0;

    if (!isfinite(value))
        return (size_t)snprintf(out, 32, "null");
    if (value == floor(value) && fabs(value) < 9007199254740992.0 && !(value == 0 && signbit(value)))
        return (size_t)snprintf(out, 32, "%" PRId64, (int64_t)value);
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)length;
}

struct civil_date {
    int64_t year;
    unsigned month, day;
};

static struct civil_date civil_from_days(int64_t days)
{
    int64_t shifted = days + 719468; /* from 0000-03-01: leap days come last in the year */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_index = (5 * day_of_year + 2) / 153;
    unsigned month = month_index < 10 ? month_index + 3 : month_index - 9;

    return (struct civil_date){
        .year = (int64_t)year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_index + 2) / 5 + 1,
    };
}

static char *put_digits(char *out, unsigned value, unsigned width)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + width;
}

size_t json_format_time(int64_t time_ns, char out[40])
{
    const int64_t day_ns = 86400 * INT64_C(1000000000);
    int64_t days = time_ns / day_ns - (time_ns % day_ns < 0);
    int64_t rest = time_ns % day_ns + (time_ns % day_ns < 0 ? day_ns : 0);
    unsigned seconds = (unsigned)(rest / 1000000000), fraction = (unsigned)(rest % 1000000000);
    struct civil_date date = civil_from_days(days);
    char *at = out;

    at = put_digits(at, (unsigned)date.year, 4); /* int64 nanoseconds: years 1677 to 2262 */
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, seconds / 3600, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    if (fraction != 0) {
        unsigned width = fraction % 1000000 == 0 ? 3 : fraction % 1000 == 0 ? 6 : 9;

        *at++ = '.';
        at = put_digits(at, width == 3 ? fraction / 1000000 : width == 6 ? fraction / 1000 : fraction,
                        width);
    }
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - out);
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

void json_object(struct json_writer *writer)
{
    open_level(writer, '{');
}

void json_end_object(struct json_writer *writer)
{
    close_level(writer, '}');
}

void json_array(struct json_writer *writer)
{
    open_level(writer, '[');
}

void json_end_array(struct json_writer *writer)
{
    close_level(writer, ']');
}

void json_key_slice(struct json_writer *writer, struct slice name)
{
    json_text(writer, name);
    buf_append_byte(writer->out, ':');
    writer->after_key = true;
}

void json_key(struct json_writer *writer, const char *name)
{
    json_key_slice(writer, slice_of(name));
}

void json_text(struct json_writer *writer, struct slice text)
{
    before_value(writer);
    buf_append_byte(writer->out, '"');
    json_escape(writer->out, text);
    buf_append_byte(writer->out, '"');
}

void json_string(struct json_writer *writer, const char *text)
{
    if (text == NULL)
        json_null(writer);
    else
        json_text(writer, slice_of(text));
}

void json_base64(struct json_writer *writer, struct slice bytes)
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
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    buf_append(out, digits + at, sizeof(digits) - at);
}

void json_u64(struct json_writer *writer, uint64_t value)
{
    before_value(writer);
    put_u64(writer->out, value);
}

void json_i64(struct json_writer *writer, int64_t value)
{
    before_value(writer);
    if (value < 0)
        buf_append_byte(writer->out, '-');
    put_u64(writer->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_double(struct json_writer *writer, double value)
{
    char text[32];

    before_value(writer);
    buf_append(writer->out, text, json_format_double(value, text));
}

void json_bool(struct json_writer *writer, bool value)
{
    json_raw(writer, slice_of(value ? "true" : "false"));
}

void json_null(struct json_writer *writer)
{
    json_raw(writer, slice_of("null"));
}

void json_time(struct json_writer *writer, int64_t time_ns)
{
    char text[40];

    json_text(writer, slice_make(text, json_format_time(time_ns, text)));
}

void json_raw(struct json_writer *writer, struct slice json)
{
    before_value(writer);
    buf_append_slice(writer->out, json);
}
