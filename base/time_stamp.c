/* base/time_stamp.c -- hand-written parsers: they run on every line that comes in.
 * Digits are read without branches; whether all were digits is asked once per stamp.
 * Calendar: days are counted in 400-year eras that start on March 1st, so that the leap day is the
 * last of its year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#include "base/time_stamp.h"

#include <stdio.h>

enum {
    DAYS_PER_ERA = 146097, /* 400 years */
    DAYS_ERA_TO_EPOCH = 719468, /* 0000-03-01 to 1970-01-01 */
    YEAR_WITHOUT_ONE = 2000,
    FRACTION_DIGITS_MAX = 9,
    OFFSET_HOURS_MAX = 14, /* Line Islands */
    ABBREVIATION_SIZE_MAX = 5,
};

/* ---- calendar ---- */

int64_t days_of_date(struct civil_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_ERA + day_of_era - DAYS_ERA_TO_EPOCH;
}

struct civil_date date_of_days(int64_t days)
{
    int64_t shifted = days + DAYS_ERA_TO_EPOCH;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */

    return (struct civil_date){
        .year = (int32_t)(year_of_era + era * 400 + (month >= 10)),
        .month = (uint8_t)(month < 10 ? month + 3 : month - 9),
        .day = (uint8_t)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

bool date_is_valid(struct civil_date date)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);

    return date.year >= STAMP_YEAR_MIN && date.year <= STAMP_YEAR_MAX && date.month >= 1 &&
           date.month <= 12 && date.day >= 1 &&
           date.day <= lengths[date.month - 1] + (date.month == 2 && leap);
}

/* ---- pieces ---- */

/* What is being read. Nothing is read past `end`; `bad` gathers every digit that was none. */
struct reader {
    const char *at, *end;
    unsigned bad;
};

struct clock {
    struct civil_date date;
    unsigned hour, minute, second;
    unsigned nanosecond, digits;
};

static unsigned digit(const char *at, unsigned *bad)
{
    unsigned value = (unsigned)(unsigned char)*at - '0';

    *bad |= value > 9;
    return value;
}

static unsigned two_digits(const char *at, unsigned *bad)
{
    return digit(at, bad) * 10 + digit(at + 1, bad);
}

static unsigned four_digits(const char *at, unsigned *bad)
{
    return two_digits(at, bad) * 100 + two_digits(at + 2, bad);
}

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool take_char(struct reader *reader, char wanted)
{
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* HH:MM:SS, not yet checked for range. */
static bool take_clock(struct reader *reader, struct clock *clock)
{
    const char *at = reader->at;

    if (left(reader) < 8 || at[2] != ':' || at[5] != ':')
        return false;
    clock->hour = two_digits(at, &reader->bad);
    clock->minute = two_digits(at + 3, &reader->bad);
    clock->second = two_digits(at + 6, &reader->bad);
    reader->at += 8;
    return true;
}

/* [.,]digits, if there is at least one digit; digits after the ninth are eaten and dropped. */
static void take_fraction(struct reader *reader, struct clock *clock)
{
    static const unsigned scale[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                     10000,      1000,      100,      10,      1};
    const char *at = reader->at;
    unsigned value = 0;
    unsigned digits = 0;

    if (left(reader) < 2 || (*at != '.' && *at != ',') || !is_digit(at[1]))
        return;
    for (at++; at < reader->end && is_digit(*at); at++)
        if (digits < FRACTION_DIGITS_MAX) {
            value = value * 10 + (unsigned)(*at - '0');
            digits++;
        }
    reader->at = at;
    clock->nanosecond = value * scale[digits];
    clock->digits = digits;
}

/* Three letters to 1..12, any case; 0: no month. */
static unsigned month_of(const char *at)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    char folded[3];

    for (size_t i = 0; i < sizeof(folded); i++)
        folded[i] = (char)(at[i] | 0x20);
    for (unsigned month = 0; month < 12; month++)
        if (memcmp(names + month * 3UL, folded, sizeof(folded)) == 0)
            return month + 1;
    return 0;
}

static bool take_month(struct reader *reader, struct clock *clock)
{
    unsigned month = left(reader) < 3 ? 0 : month_of(reader->at);

    if (month == 0)
        return false;
    clock->date.month = (uint8_t)month;
    reader->at += 3;
    return true;
}

/* "04", " 4" or "4". */
static bool take_day(struct reader *reader, struct clock *clock)
{
    unsigned day;

    if (left(reader) >= 2 && *reader->at == ' ')
        reader->at++;
    if (left(reader) < 2 || !is_digit(*reader->at))
        return false;
    day = (unsigned)(*reader->at++ - '0');
    if (is_digit(*reader->at))
        day = day * 10 + (unsigned)(*reader->at++ - '0');
    clock->date.day = (uint8_t)day;
    return true;
}

static bool take_year(struct reader *reader, struct clock *clock)
{
    if (left(reader) < 4)
        return false;
    clock->date.year = (int32_t)four_digits(reader->at, &reader->bad);
    reader->at += 4;
    return true;
}

static bool word_ends(const struct reader *reader, const char *at)
{
    return at == reader->end ||
           !(is_digit(*at) || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') || *at == '_');
}

/* +hhmm, +hh:mm, +hh at `at`: the bytes eaten, or 0. */
static size_t offset_at(const struct reader *reader, const char *at, int32_t *offset_s)
{
    size_t room = (size_t)(reader->end - at);
    unsigned bad = 0;
    unsigned hours;
    unsigned minutes = 0;
    size_t len = 3;

    if (room < 3 || (*at != '+' && *at != '-'))
        return 0;
    hours = two_digits(at + 1, &bad);
    if (room >= 5 && is_digit(at[3])) {
        minutes = two_digits(at + 3, &bad);
        len = 5;
    } else if (room >= 6 && at[3] == ':' && is_digit(at[4])) {
        minutes = two_digits(at + 4, &bad);
        len = 6;
    }
    if (bad || hours > OFFSET_HOURS_MAX || minutes > 59 || !word_ends(reader, at + len))
        return 0;
    *offset_s = (int32_t)(hours * 3600 + minutes * 60) * (*at == '-' ? -1 : 1);
    return len;
}

/* An abbreviation of the table at `at`, in capitals: the bytes eaten, or 0. */
static size_t name_at(const struct reader *reader, const char *at, struct stamp *out)
{
    size_t len = 0;
    bool ambiguous;
    struct slice name;

    while (len <= ABBREVIATION_SIZE_MAX && at + len < reader->end && at[len] >= 'A' &&
           at[len] <= 'Z')
        len++;
    name = slice_make(at, len);
    if (len == 0 || !word_ends(reader, at + len) ||
        !zone_name_offset(name, &out->offset_s, &ambiguous))
        return 0;
    if (ambiguous)
        out->zone_name = name;
    return len;
}

/* The zone, attached or after one blank; none is fine. */
static void take_zone(struct reader *reader, struct stamp *out)
{
    const char *at = reader->at;
    size_t len;

    if (at == reader->end)
        return;
    if (*at == 'Z' || *at == 'z') {
        out->has_zone = word_ends(reader, at + 1);
        reader->at += out->has_zone;
        return;
    }
    if (*at == ' ')
        at++;
    len = at == reader->end ? 0
          : *at == '+' || *at == '-' ? offset_at(reader, at, &out->offset_s)
                                     : name_at(reader, at, out);
    out->has_zone = len > 0;
    if (len > 0)
        reader->at = at + len;
}

/* Check all parts and give the bytes eaten. `out` has its zone already. */
static size_t finish(const struct reader *reader, const char *start, const struct clock *clock,
                     struct stamp *out)
{
    int64_t seconds;

    if (reader->bad || !date_is_valid(clock->date) || clock->hour > 23 || clock->minute > 59 ||
        clock->second > 60)
        return 0;
    seconds = days_of_date(clock->date) * 86400 + clock->hour * 3600L + clock->minute * 60L +
              clock->second;
    out->time_ns = (seconds - out->offset_s) * NS_PER_SECOND + clock->nanosecond;
    out->digits = (uint8_t)clock->digits;
    return (size_t)(reader->at - start);
}

static struct reader reader_of(struct slice text)
{
    return (struct reader){.at = text.data, .end = text.len > 0 ? text.data + text.len : text.data};
}

/* ---- the forms ---- */

static size_t parse_numeric(struct slice text, char separator, struct stamp *out)
{
    struct reader reader = reader_of(text);
    const char *at = text.data;
    struct clock clock = {0};

    *out = (struct stamp){.has_year = true};
    if (text.len < 19 || at[4] != separator || at[7] != separator ||
        (at[10] != ' ' && at[10] != 'T' && at[10] != 't'))
        return 0;
    clock.date.year = (int32_t)four_digits(at, &reader.bad);
    clock.date.month = (uint8_t)two_digits(at + 5, &reader.bad);
    clock.date.day = (uint8_t)two_digits(at + 8, &reader.bad);
    reader.at += 11;
    if (!take_clock(&reader, &clock) || reader.bad)
        return 0;
    take_fraction(&reader, &clock);
    take_zone(&reader, out);
    return finish(&reader, text.data, &clock, out);
}

size_t stamp_parse_iso(struct slice text, struct stamp *out)
{
    return parse_numeric(text, '-', out);
}

size_t stamp_parse_slashed(struct slice text, struct stamp *out)
{
    return parse_numeric(text, '/', out);
}

size_t stamp_parse_clf(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    const char *at = text.data;
    struct clock clock = {0};

    *out = (struct stamp){.has_year = true};
    if (text.len < 20 || at[2] != '/' || at[6] != '/' || (at[11] != ':' && at[11] != ' '))
        return 0;
    clock.date.day = (uint8_t)two_digits(at, &reader.bad);
    clock.date.month = (uint8_t)month_of(at + 3);
    clock.date.year = (int32_t)four_digits(at + 7, &reader.bad);
    reader.at += 12;
    if (!take_clock(&reader, &clock))
        return 0;
    take_fraction(&reader, &clock);
    take_zone(&reader, out);
    return finish(&reader, text.data, &clock, out);
}

/* Behind day and month: a year if one stands there, then the time of day. */
static size_t finish_after_day(struct reader *reader, const char *start, struct clock *clock,
                               struct stamp *out)
{
    if (left(reader) >= 5 && reader->at[2] != ':') {
        out->has_year = true;
        if (!take_year(reader, clock) || !take_char(reader, ' '))
            return 0;
    }
    if (!take_clock(reader, clock))
        return 0;
    take_fraction(reader, clock);
    return finish(reader, start, clock, out);
}

size_t stamp_parse_syslog(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    struct clock clock = {.date.year = YEAR_WITHOUT_ONE};

    *out = (struct stamp){0};
    if (!take_month(&reader, &clock) || !take_char(&reader, ' ') || !take_day(&reader, &clock) ||
        !take_char(&reader, ' '))
        return 0;
    return finish_after_day(&reader, text.data, &clock, out);
}

size_t stamp_parse_redis(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    struct clock clock = {.date.year = YEAR_WITHOUT_ONE};

    *out = (struct stamp){0};
    if (!take_day(&reader, &clock) || !take_char(&reader, ' ') || !take_month(&reader, &clock) ||
        !take_char(&reader, ' '))
        return 0;
    return finish_after_day(&reader, text.data, &clock, out);
}

/* "Wed": any three letters; a wrong weekday is the writer's business. */
static bool take_weekday(struct reader *reader)
{
    if (left(reader) < 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if ((reader->at[i] | 0x20) < 'a' || (reader->at[i] | 0x20) > 'z')
            return false;
    reader->at += 3;
    return true;
}

size_t stamp_parse_http(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    struct clock clock = {0};

    *out = (struct stamp){.has_year = true};
    if (!take_weekday(&reader) || !take_char(&reader, ',') || !take_char(&reader, ' ') ||
        !take_day(&reader, &clock) || !take_char(&reader, ' ') || !take_month(&reader, &clock) ||
        !take_char(&reader, ' ') || !take_year(&reader, &clock) || !take_char(&reader, ' ') ||
        !take_clock(&reader, &clock))
        return 0;
    take_zone(&reader, out);
    return finish(&reader, text.data, &clock, out);
}

size_t stamp_parse_asctime(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    struct clock clock = {0};

    *out = (struct stamp){.has_year = true};
    if (!take_weekday(&reader) || !take_char(&reader, ' ') || !take_month(&reader, &clock) ||
        !take_char(&reader, ' ') || !take_day(&reader, &clock) || !take_char(&reader, ' ') ||
        !take_clock(&reader, &clock))
        return 0;
    take_fraction(&reader, &clock);
    if (!take_char(&reader, ' ') || !take_year(&reader, &clock))
        return 0;
    return finish(&reader, text.data, &clock, out);
}

size_t stamp_parse_erlang(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    struct clock clock = {0};

    *out = (struct stamp){.has_year = true};
    if (!take_day(&reader, &clock) || !take_char(&reader, '-') || !take_month(&reader, &clock) ||
        !take_char(&reader, '-') || !take_year(&reader, &clock) || !take_char(&reader, ':') ||
        !take_char(&reader, ':') || !take_clock(&reader, &clock))
        return 0;
    take_fraction(&reader, &clock);
    return finish(&reader, text.data, &clock, out);
}

/* Seconds stay below 10^11 until the year 5138, milliseconds below 10^14, and so on: the number of
 * digits tells the unit for every instant after 1973. */
static const struct epoch_unit {
    uint64_t limit;
    int64_t ns;
    uint8_t digits;
} epoch_units[] = {
    {100000000000U, NS_PER_SECOND, 0},
    {100000000000000U, NS_PER_MS, 3},
    {100000000000000000U, NS_PER_US, 6},
    {INT64_MAX, 1, 9},
};

size_t stamp_parse_epoch(struct slice text, struct stamp *out)
{
    struct reader reader = reader_of(text);
    const struct epoch_unit *unit = epoch_units;
    struct clock clock = {0};
    uint64_t value = 0;

    *out = (struct stamp){.has_year = true, .has_zone = true};
    for (; reader.at < reader.end && is_digit(*reader.at); reader.at++)
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*reader.at - '0'), &value))
            return 0;
    if (reader.at == text.data || value >= INT64_MAX)
        return 0;
    if (left(&reader) > 0 && *reader.at == '.')
        take_fraction(&reader, &clock);
    while (value >= unit->limit)
        unit++;
    /* The fraction is one of the unit: 1772619342118.5 is half a millisecond more. */
    if (__builtin_mul_overflow((int64_t)value, unit->ns, &out->time_ns) ||
        __builtin_add_overflow(out->time_ns,
                               (int64_t)clock.nanosecond / (NS_PER_SECOND / unit->ns),
                               &out->time_ns))
        return 0;
    out->digits = (uint8_t)(unit->digits + clock.digits > 9 ? 9 : unit->digits + clock.digits);
    return (size_t)(reader.at - text.data);
}

/* ---- what the stamp does not say ---- */

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t floor_mod(int64_t value, int64_t by)
{
    return value % by + (value % by < 0 ? by : 0);
}

/* The same date and time in another year; false if that year has no such date. */
static bool in_year(int64_t time_ns, int32_t year, int64_t *out)
{
    struct civil_date date = date_of_days(floor_div(time_ns, NS_PER_DAY));

    date.year = year;
    if (!date_is_valid(date))
        return false;
    *out = days_of_date(date) * NS_PER_DAY + floor_mod(time_ns, NS_PER_DAY);
    return true;
}

static int64_t with_zone(const struct stamp *stamp, int64_t time_ns, const struct zone *zone)
{
    int32_t offset_s;

    if (!stamp->has_zone)
        return zone_to_utc(zone, time_ns);
    if (stamp->zone_name.len > 0 && zone_offset_of_name(zone, stamp->zone_name, &offset_s))
        return time_ns + (stamp->offset_s - offset_s) * NS_PER_SECOND;
    return time_ns;
}

int64_t stamp_resolve(const struct stamp *stamp, const struct zone *zone, int64_t reference_ns)
{
    enum { LEAP_SEARCH_YEARS = 9 }; /* 1896 to 1904: the longest way between leap years */
    int32_t year;

    if (stamp->has_year)
        return with_zone(stamp, stamp->time_ns, zone);
    year = date_of_days(floor_div(reference_ns, NS_PER_DAY)).year + 1;
    for (int i = 0; i < LEAP_SEARCH_YEARS; i++) {
        int64_t moved;

        if (!in_year(stamp->time_ns, year - i, &moved))
            continue;
        moved = with_zone(stamp, moved, zone);
        if (moved - NS_PER_DAY <= reference_ns)
            return moved;
    }
    return with_zone(stamp, stamp->time_ns, zone); /* the reference is outside all years */
}

/* ---- printing ---- */

static char *put_digits(char *to, uint64_t value, unsigned count)
{
    for (unsigned i = count; i > 0; i--) {
        to[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + count;
}

static char *put_clock(char *to, int64_t local_ns, unsigned digits)
{
    struct civil_date date = date_of_days(floor_div(local_ns, NS_PER_DAY));
    uint64_t ns = (uint64_t)floor_mod(local_ns, NS_PER_DAY);
    uint64_t seconds = ns / NS_PER_SECOND;
    uint64_t fraction = ns % NS_PER_SECOND;

    to = put_digits(to, (uint64_t)date.year, 4);
    *to++ = '-';
    to = put_digits(to, date.month, 2);
    *to++ = '-';
    to = put_digits(to, date.day, 2);
    *to++ = 'T';
    to = put_digits(to, seconds / 3600, 2);
    *to++ = ':';
    to = put_digits(to, seconds / 60 % 60, 2);
    *to++ = ':';
    to = put_digits(to, seconds % 60, 2);
    if (digits == 0)
        return to;
    *to++ = '.';
    for (unsigned i = digits; i < FRACTION_DIGITS_MAX; i++)
        fraction /= 10;
    return put_digits(to, fraction, digits);
}

size_t stamp_print(int64_t time_ns, unsigned digits, char out[STAMP_TEXT_SIZE])
{
    char *to = put_clock(out, time_ns, digits > FRACTION_DIGITS_MAX ? FRACTION_DIGITS_MAX : digits);

    *to++ = 'Z';
    *to = '\0';
    return (size_t)(to - out);
}
