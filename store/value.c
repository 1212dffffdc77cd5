/* store/value.c -- numbers in the texts of fields.
 * Whole numbers stay exact over the whole range of int64; fractions go through a double, which is
 * exact for the digits that log lines carry (15 or fewer). */
#include "store/value.h"

#include "store/slot.h"

#include <math.h>

enum { NUMBER_TEXT_MAX = 64 };

static const int64_t unit_scales[] = {
    [UNIT_NONE] = 1,
    [UNIT_NANOSECONDS] = 1,
    [UNIT_MICROSECONDS] = 1000,
    [UNIT_MILLISECONDS] = 1000000,
    [UNIT_SECONDS] = 1000000000,
    [UNIT_MINUTES] = 60000000000,
    [UNIT_BYTES] = 1,
    [UNIT_KIBIBYTES] = 1024,
};

int64_t unit_scale(unsigned unit)
{
    return unit < COUNT_OF(unit_scales) ? unit_scales[unit] : 1;
}

/* "0.120": up to 15 digits and a power of ten are exact in a double, so one division gives what strtod()
 * would, at a tenth of its time. */
static bool plain_decimal(struct slice number, double *out)
{
    uint64_t mantissa = 0;
    size_t point = number.len;

    if (number.len > 16)
        return false;
    for (size_t i = 0; i < number.len; i++) {
        unsigned digit = (unsigned char)number.data[i] - (unsigned)'0';

        if (digit < 10)
            mantissa = mantissa * 10 + digit;
        else if (number.data[i] == '.' && point == number.len && i > 0)
            point = i;
        else
            return false;
    }
    if (point + 1 >= number.len)
        return false;
    *out = (double)mantissa / (double)powers_of_ten[number.len - 1 - point];
    return true;
}

static bool scaled(struct slice number, int64_t scale, struct value *out)
{
    int64_t whole;
    double fraction;

    if (slice_to_i64(number, &whole) && !__builtin_mul_overflow(whole, scale, &whole)) {
        *out = (struct value){.whole = whole, .fraction = (double)whole};
        return true;
    }
    if (!plain_decimal(number, &fraction) &&
        (number.len > NUMBER_TEXT_MAX || !slice_to_double(number, &fraction)))
        return false;
    fraction *= (double)scale;
    *out = (struct value){.is_float = true, .fraction = fraction};
    return true;
}

/* Base units are whole numbers: 0.0015 ms are 1500 ns. */
static bool rounded(struct value *value)
{
    if (!value->is_float)
        return true;
    if (!(fabs(value->fraction) < 9.2e18))
        return false;
    value->whole = llround(value->fraction);
    value->fraction = (double)value->whole;
    value->is_float = false;
    return true;
}

/* "0:00:01.5", "12:03": fields of 60 before the seconds. */
static bool clock_duration(struct slice text, struct value *out)
{
    struct slice part;
    double seconds = 0, last;
    uint64_t number;
    unsigned parts = 0;

    while (slice_cut(&text, ':', &part)) {
        if (++parts > 3 || !slice_to_u64(part, &number))
            return false;
        seconds = (seconds + (double)number) * 60;
    }
    if (parts == 0 || text.len > NUMBER_TEXT_MAX || !slice_to_double(text, &last) || last < 0)
        return false;
    *out = (struct value){.is_float = true, .fraction = (seconds + last) * 1e9};
    return true;
}

static const struct { const char *name; int64_t scale; } duration_suffixes[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign, U+00B5 */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60000000000},
    {"min", 60000000000},
    {"h", 3600000000000},
    {"d", 86400000000000},
};

bool duration_suffix_scale(struct slice suffix, int64_t *scale)
{
    suffix = slice_trim(suffix);
    for (size_t i = 0; i < COUNT_OF(duration_suffixes); i++)
        if (slice_is(suffix, duration_suffixes[i].name)) {
            *scale = duration_suffixes[i].scale;
            return true;
        }
    return false;
}

/* "1.2s", "1h30m": numbers, each with its unit. */
static bool suffixed_duration(struct slice text, struct value *out)
{
    double sum = 0;

    if (text.len == 0)
        return false;
    while (text.len > 0) {
        size_t digits = 0, letters;
        struct value part;
        int64_t scale;

        while (digits < text.len && (text.data[digits] == '.' || text.data[digits] == '-' ||
                                     (unsigned char)(text.data[digits] - '0') < 10))
            digits++;
        letters = digits;
        while (letters < text.len && text.data[letters] != '.' && text.data[letters] != '-' &&
               (unsigned char)(text.data[letters] - '0') >= 10)
            letters++;
        if (!duration_suffix_scale(slice_sub(text, digits, letters - digits), &scale) ||
            !scaled(slice_first(text, digits), scale, &part))
            return false;
        sum += part.fraction;
        text = slice_from(text, letters);
    }
    *out = (struct value){.is_float = true, .fraction = sum};
    return true;
}

bool ipv4_of_text(struct slice text, uint32_t *out)
{
    uint32_t address = 0;

    for (int part = 0; part < 4; part++) {
        struct slice digits = text;
        uint64_t number;

        if (part < 3 ? !slice_cut(&text, '.', &digits) : false)
            return false;
        if (digits.len == 0 || digits.len > 3 || !slice_to_u64(digits, &number) || number > 255)
            return false;
        address = address << 8 | (uint32_t)number;
    }
    *out = address;
    return true;
}

bool value_of_text(struct slice text, unsigned type, unsigned unit, struct value *out)
{
    uint32_t address;
    enum level level;

    switch (type) {
    case FIELD_DURATION:
        return (scaled(text, unit_scale(unit), out) || suffixed_duration(text, out) ||
                clock_duration(text, out)) &&
               rounded(out);
    case FIELD_BYTES:
        return scaled(text, unit_scale(unit), out) && rounded(out);
    case FIELD_IPV4:
        if (!ipv4_of_text(text, &address))
            return false;
        *out = (struct value){.whole = address, .fraction = address};
        return true;
    case FIELD_LEVEL:
        level = level_of(text);
        *out = (struct value){.whole = level, .fraction = level};
        return level != LEVEL_COUNT;
    default:
        return scaled(text, 1, out);
    }
}
