/* base/units.c -- tables of units; numbers are exact integers throughout. */
#include "base/units.h"

#include "base/time_stamp.h"

#include <stdio.h>

struct unit {
    const char *name;
    uint64_t scale;
};

#define NS_PER_WEEK (7 * NS_PER_DAY)
#define NS_PER_YEAR (365 * NS_PER_DAY)
#define KIB         (1ULL << 10)
#define MIB         (1ULL << 20)
#define GIB         (1ULL << 30)
#define TIB         (1ULL << 40)

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"\xc2\xb5s", NS_PER_US}, /* U+00B5 micro sign */
    {"\xce\xbcs", NS_PER_US}, /* U+03BC Greek mu */
    {"ms", NS_PER_MS},
    {"s", NS_PER_SECOND},
    {"m", NS_PER_MINUTE},
    {"h", NS_PER_HOUR},
    {"d", NS_PER_DAY},
    {"w", NS_PER_WEEK},
    {"y", NS_PER_YEAR},
};

static const struct unit size_units[] = {
    {"B", 1},      {"K", 1000},    {"KB", 1000},          {"M", 1000000},
    {"MB", 1000000}, {"G", 1000000000}, {"GB", 1000000000}, {"T", 1000000000000},
    {"TB", 1000000000000}, {"Ki", KIB}, {"KiB", KIB},     {"Mi", MIB},
    {"MiB", MIB},  {"Gi", GIB},    {"GiB", GIB},          {"Ti", TIB},
    {"TiB", TIB},
};

/* ---- numbers with units ---- */

struct number {
    uint64_t whole;
    struct slice fraction; /* its digits */
};

static size_t digits_in(struct slice text)
{
    size_t len = 0;

    if (text.data == NULL)
        return 0;
    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
        len++;
    return len;
}

static bool take_number(struct slice *rest, struct number *out)
{
    size_t len = digits_in(*rest);

    *out = (struct number){0};
    if (len == 0 || !slice_to_u64(slice_first(*rest, len), &out->whole))
        return false;
    *rest = slice_from(*rest, len);
    if (rest->len > 0 && rest->data[0] == '.') {
        len = digits_in(slice_from(*rest, 1));
        if (len == 0)
            return false;
        out->fraction = slice_sub(*rest, 1, len);
        *rest = slice_from(*rest, len + 1);
    }
    return true;
}

/* The unit is what follows up to a digit or the end. */
static struct slice take_unit(struct slice *rest)
{
    size_t len = 0;

    while (len < rest->len && !(rest->data[len] >= '0' && rest->data[len] <= '9'))
        len++;
    *rest = slice_from(*rest, len);
    return slice_make(rest->data - len, len);
}

__extension__ typedef unsigned __int128 wide; /* scale * fraction needs up to 85 bits */

/* number * scale, added to *sum; false on overflow. What is smaller than 1 is cut, and so are
 * digits after the ninth. */
static bool add_scaled(const struct number *number, uint64_t scale, uint64_t *sum)
{
    uint64_t fraction = 0;
    uint64_t places = 1;
    uint64_t part;

    for (size_t i = 0; i < number->fraction.len && i < 9; i++) {
        fraction = fraction * 10 + (uint64_t)(number->fraction.data[i] - '0');
        places *= 10;
    }
    return !__builtin_mul_overflow(number->whole, scale, &part) &&
           !__builtin_add_overflow(part, (uint64_t)((wide)scale * fraction / places), &part) &&
           !__builtin_add_overflow(*sum, part, sum);
}

static const struct unit *find_unit(const struct unit *units, size_t count, struct slice name,
                                    bool fold)
{
    for (size_t i = 0; i < count; i++)
        if (fold ? slice_equal_fold(name, slice_of(units[i].name)) : slice_is(name, units[i].name))
            return &units[i];
    return NULL;
}

/* ---- durations ---- */

static enum status bad_duration(struct slice text, struct error *err)
{
    return error_set(err, STATUS_INVALID,
                     "\"%.*s\" is not a duration: expected a number and a unit (ns us ms s m h d w "
                     "y), such as 90s or 1h30m",
                     SLICE_ARG(slice_first(text, 64)));
}

enum status duration_parse(struct slice text, int64_t *out_ns, struct error *err)
{
    struct slice rest = text;
    bool negative = rest.len > 0 && rest.data[0] == '-';
    uint64_t sum = 0;

    rest = slice_from(rest, negative);
    if (slice_is(rest, "0")) {
        *out_ns = 0;
        return STATUS_OK;
    }
    if (rest.len == 0)
        return bad_duration(text, err);
    while (rest.len > 0) {
        struct number number;
        const struct unit *unit;

        if (!take_number(&rest, &number))
            return bad_duration(text, err);
        unit = find_unit(duration_units, COUNT_OF(duration_units), take_unit(&rest), false);
        if (unit == NULL)
            return bad_duration(text, err);
        if (!add_scaled(&number, unit->scale, &sum) || sum > INT64_MAX)
            return error_set(err, STATUS_INVALID, "\"%.*s\" is longer than 292 years",
                             SLICE_ARG(slice_first(text, 64)));
    }
    *out_ns = negative ? -(int64_t)sum : (int64_t)sum;
    return STATUS_OK;
}

size_t duration_print(int64_t ns, char out[UNITS_TEXT_SIZE])
{
    static const struct unit parts[] = {
        {"d", NS_PER_DAY},   {"h", NS_PER_HOUR}, {"m", NS_PER_MINUTE}, {"s", NS_PER_SECOND},
        {"ms", NS_PER_MS},   {"us", NS_PER_US},  {"ns", 1},
    };
    uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    size_t len = 0;

    if (ns == 0)
        return (size_t)snprintf(out, UNITS_TEXT_SIZE, "0s");
    if (ns < 0)
        out[len++] = '-';
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        uint64_t count = left / parts[i].scale;

        if (count == 0)
            continue;
        left -= count * parts[i].scale;
        len += (size_t)snprintf(out + len, UNITS_TEXT_SIZE - len, "%llu%s",
                                (unsigned long long)count, parts[i].name);
    }
    return len;
}

/* ---- sizes ---- */

enum status size_parse(struct slice text, uint64_t *out, struct error *err)
{
    struct slice rest = text;
    struct slice name;
    struct number number;
    const struct unit *unit = &size_units[0];
    uint64_t sum = 0;

    if (!take_number(&rest, &number))
        unit = NULL;
    name = slice_trim(rest);
    if (unit != NULL && name.len > 0)
        unit = find_unit(size_units, COUNT_OF(size_units), name, true);
    if (unit == NULL)
        return error_set(err, STATUS_INVALID,
                         "\"%.*s\" is not a size: expected bytes, or a number and a unit (KB MB GB "
                         "TB, KiB MiB GiB TiB), such as 64MiB",
                         SLICE_ARG(slice_first(text, 64)));
    if (!add_scaled(&number, unit->scale, &sum) || sum > INT64_MAX)
        return error_set(err, STATUS_INVALID, "\"%.*s\" is larger than 2^63 bytes",
                         SLICE_ARG(slice_first(text, 64)));
    *out = sum;
    return STATUS_OK;
}

size_t size_print(uint64_t size, char out[UNITS_TEXT_SIZE])
{
    static const struct unit units[] = {
        {"TiB", TIB}, {"TB", 1000000000000}, {"GiB", GIB}, {"GB", 1000000000}, {"MiB", MIB},
        {"MB", 1000000}, {"KiB", KIB}, {"KB", 1000}, {"B", 1},
    };
    size_t i = 0;

    while (size % units[i].scale != 0 || (size == 0 && units[i].scale > 1))
        i++;
    return (size_t)snprintf(out, UNITS_TEXT_SIZE, "%llu%s",
                            (unsigned long long)(size / units[i].scale), units[i].name);
}

/* ---- instants ---- */

static enum status bad_instant(struct slice text, struct error *err)
{
    return error_set(err, STATUS_INVALID,
                     "\"%.*s\" is not a time: expected RFC 3339 or the start of it "
                     "(2026-03-02T14:05), Unix time, or now-1h",
                     SLICE_ARG(slice_first(text, 64)));
}

/* `5`: what would be understood, and what was meant. */
static enum status small_number(struct slice text, struct error *err)
{
    struct slice shown = slice_first(text, 20);

    return error_set(err, STATUS_INVALID,
                     "\"%.*s\" would be a Unix time in 1970: a duration needs its unit "
                     "(%.*ss, %.*sm), a date its dashes (2026-03-02)",
                     SLICE_ARG(shown), SLICE_ARG(shown), SLICE_ARG(shown));
}

/* Nanoseconds that one unit of the last of `digits` fraction digits covers. */
static int64_t precision_ns(unsigned digits)
{
    int64_t ns = NS_PER_SECOND;

    for (unsigned i = 0; i < digits; i++)
        ns /= 10;
    return ns;
}

static bool parse_unix(struct slice text, struct instant *out)
{
    struct stamp stamp;

    if (text.len == 0 || stamp_parse_epoch(text, &stamp) != text.len)
        return false;
    out->from_ns = stamp.time_ns;
    return !__builtin_add_overflow(stamp.time_ns, precision_ns(stamp.digits), &out->until_ns);
}

/* "now", "now-1h", "-1h", "1h". */
static enum status parse_relative(struct slice text, int64_t now_ns, struct instant *out,
                                  struct error *err)
{
    bool from_now = slice_starts(text, SLICE_LITERAL("now"));
    struct slice rest = slice_from(text, from_now ? 3 : 0);
    int64_t distance_ns = 0;
    bool ahead = from_now && slice_starts(rest, SLICE_LITERAL("+"));
    bool marked = ahead || slice_starts(rest, SLICE_LITERAL("-"));

    if (from_now && rest.len > 0 && !marked)
        return bad_instant(text, err);
    rest = slice_from(rest, marked);
    if ((!from_now || marked) &&
        (duration_parse(rest, &distance_ns, NULL) != STATUS_OK || distance_ns < 0))
        return bad_instant(text, err);
    if (__builtin_add_overflow(now_ns, ahead ? distance_ns : -distance_ns, &out->from_ns))
        return error_set(err, STATUS_INVALID, "\"%.*s\" is beyond the years 1678 to 2261",
                         SLICE_ARG(slice_first(text, 64)));
    out->until_ns = out->from_ns;
    return STATUS_OK;
}

/* The parts of 2026-03-02T14:05:11 in order; a prefix may end behind any of them. */
enum { PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MINUTE, PART_SECOND, PART_COUNT };

static const struct { char before; uint8_t digits; } parts[PART_COUNT] = {
    {'\0', 4}, {'-', 2}, {'-', 2}, {'T', 2}, {':', 2}, {':', 2},
};

/* Read as many parts as there are; gives their number. */
static size_t take_parts(struct slice *rest, int64_t values[PART_COUNT])
{
    size_t count = 0;

    for (; count < PART_COUNT; count++) {
        size_t skip = parts[count].before != '\0';
        struct slice digits = slice_sub(*rest, skip, parts[count].digits);
        uint64_t value;

        if (skip > 0 && !slice_starts(*rest, slice_make(&parts[count].before, 1)) &&
            !(count == PART_HOUR && slice_starts(*rest, SLICE_LITERAL(" "))))
            break;
        if (digits.len != parts[count].digits || !slice_to_u64(digits, &value))
            break;
        values[count] = (int64_t)value;
        *rest = slice_from(*rest, skip + digits.len);
    }
    return count;
}

/* The clock reading of the parts, in nanoseconds; false if there is no such date. */
static bool local_of_parts(const int64_t values[PART_COUNT], int64_t *out)
{
    struct civil_date date = {(int32_t)values[PART_YEAR], (uint8_t)values[PART_MONTH],
                              (uint8_t)values[PART_DAY]};

    if (!date_is_valid(date) || values[PART_HOUR] > 23 || values[PART_MINUTE] > 59 ||
        values[PART_SECOND] > 60)
        return false;
    *out = days_of_date(date) * NS_PER_DAY + values[PART_HOUR] * NS_PER_HOUR +
           values[PART_MINUTE] * NS_PER_MINUTE + values[PART_SECOND] * NS_PER_SECOND;
    return true;
}

/* The clock reading at which the last part given is one more. */
static int64_t local_after_parts(int64_t values[PART_COUNT], size_t count, int64_t local_ns)
{
    static const int64_t spans[PART_COUNT] = {
        [PART_DAY] = NS_PER_DAY,
        [PART_HOUR] = NS_PER_HOUR,
        [PART_MINUTE] = NS_PER_MINUTE,
        [PART_SECOND] = NS_PER_SECOND,
    };
    struct civil_date date = {(int32_t)values[PART_YEAR], (uint8_t)values[PART_MONTH], 1};

    if (spans[count - 1] > 0)
        return local_ns + spans[count - 1];
    if (count - 1 == PART_YEAR || date.month == 12) {
        date.year++;
        date.month = 1;
    } else {
        date.month++;
    }
    return days_of_date(date) * NS_PER_DAY;
}

/* A whole stamp with a fraction or a zone of its own. */
static bool parse_full(struct slice text, const struct zone *zone, struct instant *out)
{
    struct stamp stamp;

    if (text.len == 0 || stamp_parse_iso(text, &stamp) != text.len)
        return false;
    out->from_ns = stamp_resolve(&stamp, zone, 0);
    out->until_ns = out->from_ns + precision_ns(stamp.digits);
    return true;
}

/* A prefix; 2026-03-02T14:05Z and 2026-03-02T14:05+01:00 as well. */
static bool parse_prefix(struct slice text, const struct zone *zone, struct instant *out)
{
    int64_t values[PART_COUNT] = {[PART_MONTH] = 1, [PART_DAY] = 1};
    struct slice rest = text;
    size_t count = take_parts(&rest, values);
    int64_t from_ns;
    int64_t until_ns;
    int64_t offset_ns = 0;
    char whole[64];
    struct stamp stamp;

    if (count == 0 || !local_of_parts(values, &from_ns))
        return false;
    until_ns = local_after_parts(values, count, from_ns);
    if (rest.len == 0) {
        out->from_ns = zone_to_utc(zone, from_ns);
        out->until_ns = zone_to_utc(zone, until_ns);
        return true;
    }
    /* What is left must be a zone: let the stamp parser read it behind a whole clock. */
    if (count <= PART_HOUR || rest.len > 8)
        return false;
    (void)snprintf(whole, sizeof(whole), "2000-01-01T00:00:00%.*s", SLICE_ARG(rest));
    if (stamp_parse_iso(slice_of(whole), &stamp) != strlen(whole) || !stamp.has_zone)
        return false;
    offset_ns = stamp.offset_s * NS_PER_SECOND;
    out->from_ns = from_ns - offset_ns;
    out->until_ns = until_ns - offset_ns;
    return true;
}

enum status instant_parse(struct slice text, const struct zone *zone, int64_t now_ns,
                          struct instant *out, struct error *err)
{
    enum { YEAR_DIGITS = 4 };

    if (text.data == NULL)
        return bad_instant(text, err);
    /* Four digits are a year, any other number is Unix time; in 1970 it was not meant as one. */
    if (text.len != YEAR_DIGITS && parse_unix(text, out))
        return out->from_ns > 0 && out->from_ns < NS_PER_YEAR ? small_number(text, err)
                                                                   : STATUS_OK;
    if (parse_full(text, zone, out) || parse_prefix(text, zone, out))
        return STATUS_OK;
    return parse_relative(text, now_ns, out, err);
}
