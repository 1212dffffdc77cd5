/* store/stamp.c -- the layouts of time stamps.
 *
 * A layout is a pattern of the same length as the stamp: Y M D h m s f stand for digits, "Mon" for
 * the English month, all else for itself. When the table is first used, each pattern becomes a mask
 * and a value of 32 bytes, so that a candidate is refused by four comparisons.
 * Calendar arithmetic: days from civil and back, era of 400 years (Howard Hinnant, "chrono-compatible
 * low-level date algorithms"). */
#include "store/stamp.h"

#include "store/stamp_match.h"

#include <assert.h>
#include <pthread.h>

#define SECOND 1000000000LL
#define MINUTE (60 * SECOND)
#define DAY    (86400 * SECOND)

/* Append only: the index is part of the segment format. Where one pattern starts another, the
 * longer one must be tried first: stamp_order below. */
static const char *const patterns[] = {
    "YYYY-MM-DD hh:mm:ss,fff",       /* python logging, Java */
    "YYYY-MM-DD hh:mm:ss.fff",       /* PostgreSQL, RabbitMQ */
    "YYYY-MM-DDThh:mm:ss,fff",       /* Elasticsearch */
    "YYYY-MM-DDThh:mm:ss.fff",       /* ISO 8601 */
    "YYYY-MM-DDThh:mm:ss.ffffff",    /* rsyslog */
    "YYYY-MM-DD hh:mm:ss.ffffff",    /* CouchDB 3, RabbitMQ 3.9 */
    "YYYY-MM-DDThh:mm:ss.fffffffff", /* docker, CRI */
    "YYYY-MM-DDThh:mm:ss",
    "YYYY-MM-DD hh:mm:ss",           /* gunicorn */
    "DD/Mon/YYYY:hh:mm:ss",          /* common log format */
    "DD/Mon/YYYY hh:mm:ss",          /* Django's development server */
    "DD Mon YYYY hh:mm:ss.fff",      /* Redis 5 and later */
    "YYYY/MM/DD hh:mm:ss",           /* nginx error log */
    "Mon DD hh:mm:ss.ffffff YYYY",   /* Apache error log */
    "Mon DD hh:mm:ss",               /* RFC 3164 */
    "Mon  D hh:mm:ss",               /* RFC 3164, first nine days */
    "DD/Mon/YYYY:hh:mm:ss.fff",      /* HAProxy */
};

enum { LAYOUT_COUNT = COUNT_OF(patterns) };
static_assert((int)LAYOUT_COUNT <= (int)STAMP_LAYOUTS_MAX, "there is a stamp_day for each");

static const uint8_t stamp_order[LAYOUT_COUNT] = {6, 4, 5, 13, 11, 16, 0, 1, 2, 3, 9, 10,
                                                  7, 8, 12, 14, 15};

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct layout {
    uint64_t mask[STAMP_SIZE_MAX / 8], text[STAMP_SIZE_MAX / 8]; /* the bytes that are fixed */
    uint64_t digits[STAMP_SIZE_MAX / 8]; /* 0x80 in the bytes that must be digits */
    uint8_t size, fraction_digits;
    int8_t year, month, day, hour, minute, second, fraction; /* offsets; -1: none */
    bool month_name;
    uint8_t day_digits;
    int64_t fraction_unit; /* ns of the last digit of the fraction */
};

static struct layout layouts[LAYOUT_COUNT];
static pthread_once_t layouts_once = PTHREAD_ONCE_INIT;

static int8_t offset_of(const char *pattern, const char *part)
{
    const char *at = strstr(pattern, part);

    return at == NULL ? -1 : (int8_t)(at - pattern);
}

static void make_layout(const char *pattern, struct layout *out)
{
    char mask[STAMP_SIZE_MAX] = {0}, text[STAMP_SIZE_MAX] = {0}, digits[STAMP_SIZE_MAX] = {0};

    out->size = (uint8_t)strlen(pattern);
    out->month_name = strstr(pattern, "Mon") != NULL;
    out->month = offset_of(pattern, out->month_name ? "Mon" : "MM");
    out->year = offset_of(pattern, "YYYY");
    out->day = offset_of(pattern, "D");
    out->day_digits = strstr(pattern, "DD") != NULL ? 2 : 1;
    out->hour = offset_of(pattern, "hh");
    out->minute = offset_of(pattern, "mm");
    out->second = offset_of(pattern, "ss");
    out->fraction = offset_of(pattern, "f");
    for (uint8_t i = 0; i < out->size; i++) {
        bool name = out->month_name && i >= out->month && i < out->month + 3;

        if (!name && strchr("YMDhmsf", pattern[i]) != NULL) {
            digits[i] = (char)0x80;
            out->fraction_digits = (uint8_t)(out->fraction_digits + (pattern[i] == 'f'));
        } else if (!name) {
            mask[i] = (char)0xff;
            text[i] = pattern[i];
        }
    }
    out->fraction_unit = SECOND;
    for (uint8_t i = 0; i < out->fraction_digits; i++)
        out->fraction_unit /= 10;
    memcpy(out->mask, mask, sizeof(mask));
    memcpy(out->text, text, sizeof(text));
    memcpy(out->digits, digits, sizeof(digits));
}

static void make_layouts(void)
{
    for (unsigned i = 0; i < LAYOUT_COUNT; i++)
        make_layout(patterns[i], &layouts[i]);
}

static const struct layout *layout_table(void)
{
    (void)pthread_once(&layouts_once, make_layouts);
    return layouts;
}

unsigned stamp_layout_count(void)
{
    return LAYOUT_COUNT;
}

size_t stamp_size(uint8_t layout)
{
    return layout_table()[layout].size;
}

/* Does `c` fit byte `at` of the layout? */
static bool fits_at(const struct layout *layout, unsigned at, char c, bool fold)
{
    const char *digits = (const char *)layout->digits, *mask = (const char *)layout->mask;
    char fixed = ((const char *)layout->text)[at];

    if (digits[at] != 0)
        return (unsigned char)(c - '0') < 10;
    if (mask[at] == 0) /* a letter of a month */
        return (unsigned char)((c | 0x20) - 'a') < 26;
    return c == fixed || (fold && fixed == 'T' && c == 't');
}

bool stamp_may_contain(uint8_t number, struct slice text, bool fold)
{
    const struct layout *layout = &layout_table()[number];

    for (size_t from = 0; from + text.len <= layout->size; from++) {
        size_t i = 0;

        while (i < text.len && fits_at(layout, (unsigned)(from + i), text.data[i], fold))
            i++;
        if (i == text.len)
            return true;
    }
    return false;
}

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t era;
    unsigned year_of_era, day_of_year, day_of_era;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = (unsigned)(year - era * 400);
    day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t day, struct stamp_cache *out)
{
    int64_t shifted = day + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;

    out->date = day_of_year - (153 * month + 2) / 5 + 1;
    out->month = month < 10 ? month + 3 : month - 9;
    out->year = (uint32_t)(year_of_era + era * 400 + (out->month <= 2));
    out->day = day;
    out->valid = true;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (unsigned)(month == 2 && leap);
}

static unsigned two_digits(const char *at)
{
    return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
}

/* 0x80 in each byte that is no digit; bytes >= 0x80 count as none. */
static uint64_t not_digits(uint64_t word)
{
    const uint64_t low = word & 0x7f7f7f7f7f7f7f7fu;

    return (word | (low + 0x4646464646464646u) | ~(low + 0x5050505050505050u)) &
           0x8080808080808080u;
}

static bool layout_matches(const struct layout *layout, const uint64_t *words,
                           const uint64_t *bad)
{
    for (unsigned i = 0; i < STAMP_SIZE_MAX / 8; i++)
        if ((words[i] & layout->mask[i]) != layout->text[i] || (bad[i] & layout->digits[i]) != 0)
            return false;
    return true;
}

static bool read_month(const struct layout *layout, const char *bytes, unsigned *out)
{
    const char *at = bytes + layout->month;

    if (!layout->month_name) {
        *out = two_digits(at);
        return *out >= 1 && *out <= 12;
    }
    for (unsigned i = 0; i < 12; i++)
        if (memcmp(at, month_names[i], 3) == 0) {
            *out = i + 1;
            return true;
        }
    return false;
}

static int64_t floor_day(int64_t ns)
{
    return ns / DAY - (ns % DAY < 0);
}

/* Without a year: that of `time_ns`, or the one beside it that comes closer. */
static bool value_without_year(int64_t time_ns, unsigned month, unsigned day, int64_t in_day,
                               int64_t *value)
{
    struct stamp_cache now;
    int64_t best = INT64_MAX;

    civil_from_days(floor_day(time_ns), &now);
    for (uint32_t year = now.year - 1; year <= now.year + 1; year++) {
        int64_t candidate, distance;

        if (year < 1971 || year > 2260 || day > month_days(year, month))
            continue;
        candidate = days_from_civil(year, month, day) * DAY + in_day;
        distance = candidate > time_ns ? candidate - time_ns : time_ns - candidate;
        if (distance < best) {
            best = distance;
            *value = candidate;
        }
    }
    return best != INT64_MAX;
}

static bool read_value(const struct layout *layout, const char *bytes, int64_t time_ns,
                       int64_t *value)
{
    unsigned month, day, year;
    unsigned hour = two_digits(bytes + layout->hour), minute = two_digits(bytes + layout->minute);
    unsigned second = two_digits(bytes + layout->second);
    int64_t fraction = 0, in_day;

    if (!read_month(layout, bytes, &month) || hour > 23 || minute > 59 || second > 59)
        return false;
    day = layout->day_digits == 2 ? two_digits(bytes + layout->day)
                                  : (unsigned)(bytes[layout->day] - '0');
    for (unsigned i = 0; i < layout->fraction_digits; i++)
        fraction = fraction * 10 + (bytes[layout->fraction + (int)i] - '0');
    fraction *= layout->fraction_unit;
    in_day = (int64_t)(hour * 3600 + minute * 60 + second) * SECOND + fraction;
    if (day == 0)
        return false;
    if (layout->year < 0) /* a year of 1970 to 2261 keeps all in range of int64 */
        return time_ns >= 0 && value_without_year(time_ns, month, day, in_day, value);
    year = two_digits(bytes + layout->year) * 100 + two_digits(bytes + layout->year + 2);
    if (year < 1970 || year > 2261 || day > month_days(year, month))
        return false;
    *value = days_from_civil(year, month, day) * DAY + in_day;
    return true;
}

/* The start of a text, and which bytes of it are no digits. */
struct candidate {
    char room[STAMP_SIZE_MAX];
    const char *bytes; /* STAMP_SIZE_MAX of them, zeros behind the text */
    uint64_t words[STAMP_SIZE_MAX / 8], bad[STAMP_SIZE_MAX / 8];
};

static void take_candidate(struct slice text, struct candidate *out)
{
    out->bytes = text.data;
    if (text.len < sizeof(out->room)) {
        memset(out->room, 0, sizeof(out->room));
        memcpy(out->room, text.data, text.len);
        out->bytes = out->room;
    }
    memcpy(out->words, out->bytes, sizeof(out->words));
    for (unsigned i = 0; i < COUNT_OF(out->words); i++)
        out->bad[i] = not_digits(out->words[i]);
}

static bool reads_as(const struct layout *layout, const struct candidate *candidate,
                     int64_t time_ns, int64_t *value)
{
    return layout_matches(layout, candidate->words, candidate->bad) &&
           read_value(layout, candidate->bytes, time_ns, value) &&
           !(layout->day_digits == 1 && candidate->bytes[layout->day] == '0');
}

uint8_t stamp_read(struct slice text, int64_t time_ns, size_t *len, int64_t *value)
{
    const struct layout *table = layout_table();
    struct candidate candidate;

    take_candidate(text, &candidate);
    for (unsigned i = 0; i < LAYOUT_COUNT; i++) {
        const struct layout *layout = &table[stamp_order[i]];

        if (text.len < layout->size)
            continue;
        if (text.len > layout->size && (unsigned char)(text.data[layout->size] - '0') < 10)
            continue; /* more digits than this layout knows */
        if (!reads_as(layout, &candidate, time_ns, value))
            continue;
        *len = layout->size;
        return stamp_order[i];
    }
    return STAMP_NONE;
}

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* "hh:mm:ss" of an existing time as ns. The digits, less '0', by pairs: 10 * first + second. */
static inline bool read_time(const char *at, int64_t *out)
{
    const uint64_t above = 0x76767f76767f7676u; /* carries into bit 7: digits above 9, colons above 0 */
    uint64_t word = load8(at) ^ 0x30303a30303a3030u, pairs;
    unsigned hour, minute, second;

    if (((word + above) | word) & 0x8080808080808080u)
        return false;
    pairs = word * 10 + (word >> 8);
    hour = pairs & 0xff;
    minute = pairs >> 24 & 0xff;
    second = pairs >> 48 & 0xff;
    *out = (int64_t)(hour * 3600 + minute * 60 + second) * SECOND;
    return hour <= 23 && minute <= 59 && second <= 59;
}

/* The fraction, of three or six digits, and the point before it; `end` is behind them. */
static inline bool read_fraction(const struct stamp_day *day, const char *end, int64_t *out)
{
    unsigned unused = 64 - 8u * day->fraction_digits;
    uint64_t word = (load8(end - 8) ^ 0x3030303030303030u) >> unused;
    const uint64_t above = 0x7676767676767676u;

    if (((word + above) | word) & 0x8080808080808080u ||
        end[-1 - day->fraction_digits] != day->point)
        return false;
    *out = (int64_t)number_of_8(word << unused) * day->fraction_unit;
    return true;
}

enum { DAYS_SURELY_NEAREST = 180 }; /* the same date of another year is more than this away */

/* A stamp of the day that was read last. False: perhaps one of another day. */
static inline bool expect_day(const struct stamp_day *day, const char *at, int64_t time_ns,
                              int64_t *value)
{
    int64_t in_day, fraction = 0, distance;

    if ((load8(at) & day->mask) != day->head ||
        (load8(at + day->tail_at) & day->mask) != day->tail ||
        !read_time(at + day->hour_at, &in_day) ||
        (day->fraction_digits > 0 && !read_fraction(day, at + day->size, &fraction)))
        return false;
    *value = day->start_ns + in_day + fraction;
    if (day->has_year)
        return true;
    if (time_ns < 0)
        return false;
    distance = *value > time_ns ? *value - time_ns : time_ns - *value;
    return distance < DAYS_SURELY_NEAREST * DAY;
}

/* Keep the day of a stamp. Not of layouts whose date is not what comes before the hour. */
static void keep_day(struct stamp_day *day, const struct layout *layout, const char *at,
                     int64_t value)
{
    if (layout->year > layout->hour || layout->fraction_digits > 6)
        return;
    *day = (struct stamp_day){
        .mask = layout->hour >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * (unsigned)layout->hour)) - 1,
        .start_ns = floor_day(value) * DAY,
        .fraction_unit = layout->fraction_unit,
        .size = layout->size,
        .tail_at = (uint8_t)(layout->hour >= 8 ? layout->hour - 8 : 0),
        .hour_at = (uint8_t)layout->hour,
        .fraction_digits = layout->fraction_digits,
        .has_year = layout->year >= 0,
    };
    if (layout->fraction_digits > 0)
        day->point = at[layout->fraction - 1];
    day->head = load8(at) & day->mask;
    day->tail = load8(at + day->tail_at) & day->mask;
}

/* One layout starts another only where a fraction follows, and no layout is read before more digits. */
static inline bool may_go_on(struct slice text, size_t size)
{
    char next;

    if (text.len == size)
        return false;
    next = text.data[size];
    return (unsigned char)(next - '0') < 10 || next == '.' || next == ',';
}

/* A call of its own: its room on the stack is not wanted for stamps of the same day. */
static __attribute__((noinline)) size_t expect_any_day(struct stamp_day *day, struct slice text,
                                                       const struct layout *layout, int64_t time_ns,
                                                       int64_t *value)
{
    struct candidate candidate;

    take_candidate(text, &candidate);
    if (!reads_as(layout, &candidate, time_ns, value))
        return 0;
    keep_day(day, layout, text.data, *value);
    return layout->size;
}

size_t stamp_expect(struct stamp_day *day, struct slice text, uint8_t number, bool alone,
                    int64_t time_ns, int64_t *value)
{
    const struct layout *layout;

    if (day->size > 0 && text.len >= day->size && (alone || !may_go_on(text, day->size)) &&
        expect_day(day, text.data, time_ns, value))
        return day->size;
    layout = &layout_table()[number];
    if (text.len < layout->size || (!alone && may_go_on(text, layout->size)))
        return 0;
    return expect_any_day(day, text, layout, time_ns, value);
}

bool stamp_may_start(struct slice text)
{
    const struct layout *table = layout_table();
    struct candidate candidate;

    take_candidate(text, &candidate);
    for (unsigned i = 0; i < LAYOUT_COUNT; i++)
        if (layout_matches(&table[i], candidate.words, candidate.bad))
            return true;
    return false;
}

/* A value below 100. */
static void put_two(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

static void put_date(const struct layout *layout, const struct stamp_cache *date, char *out)
{
    if (layout->year >= 0) {
        put_two(out + layout->year, date->year / 100);
        put_two(out + layout->year + 2, date->year % 100);
    }
    if (layout->month_name)
        memcpy(out + layout->month, month_names[date->month - 1], 3);
    else
        put_two(out + layout->month, date->month);
    if (layout->day_digits == 2)
        put_two(out + layout->day, date->date);
    else
        out[layout->day] = (char)('0' + date->date % 10);
}

/* All of a stamp but its seconds; the date only if it is another one, or `anew`. */
static void put_minute(struct stamp_cache *cache, const struct layout *layout, int64_t value,
                       bool anew)
{
    int64_t day = floor_day(value);
    unsigned minute = (unsigned)(((uint64_t)value - (uint64_t)day * DAY) / MINUTE);
    bool same_day = cache->valid && cache->day == day;

    if (!same_day)
        civil_from_days(day, cache);
    if (!same_day || anew) {
        memcpy(cache->text, layout->text, sizeof(cache->text));
        put_date(layout, cache, cache->text);
    }
    put_two(cache->text + layout->hour, minute / 60);
    put_two(cache->text + layout->minute, minute % 60);
    cache->minute_ns = (uint64_t)day * DAY + (uint64_t)minute * MINUTE;
}

/* Bytes of a stamp that are not its fraction. */
static void mask_text(struct stamp_cache *cache, const struct layout *layout)
{
    char mask[STAMP_SIZE_MAX] = {0};

    memset(mask, 0xff, layout->size);
    if (layout->fraction_digits > 0)
        memset(mask + layout->fraction, 0, layout->fraction_digits);
    memcpy(cache->mask, mask, sizeof(mask));
}

/* Division by multiplication: exact below 10^9, since the factor is less than 1 too large and unit * 10^9
 * less than 2^shift (Granlund and Montgomery, 1994). */
static void set_factor(struct stamp_cache *cache, int64_t unit)
{
    cache->fraction_shift = unit == 1 ? 0 : unit == 1000 ? 40 : 50;
    cache->fraction_factor = (uint32_t)(((uint64_t)1 << cache->fraction_shift) / (uint64_t)unit) +
                             (unit > 1);
}

static void take_layout(struct stamp_cache *cache, uint8_t number, const struct layout *layout)
{
    mask_text(cache, layout);
    set_factor(cache, layout->fraction_unit);
    cache->layout = number;
    cache->size = layout->size;
    cache->second_at = (uint8_t)layout->second;
    cache->fraction_digits = layout->fraction_digits;
    cache->fraction_end = layout->fraction_digits > 0
                              ? (uint8_t)(layout->fraction + layout->fraction_digits)
                              : STAMP_SIZE_MAX;
}

static __attribute__((noinline)) void renew_minute(struct stamp_cache *cache, uint8_t number,
                                                   int64_t value)
{
    const struct layout *layout = &layout_table()[number];
    bool anew = !cache->has_text || cache->layout != number;

    put_minute(cache, layout, value, anew);
    if (anew)
        take_layout(cache, number, layout);
    cache->has_text = true;
}

static uint32_t renew_second(struct stamp_cache *cache, uint8_t layout_number, int64_t value)
{
    unsigned second;

    if (!cache->has_text || cache->layout != layout_number ||
        (uint64_t)value - cache->minute_ns >= MINUTE)
        renew_minute(cache, layout_number, value);
    second = (unsigned)(((uint64_t)value - cache->minute_ns) / SECOND);
    put_two(cache->text + cache->second_at, second);
    cache->second_ns = cache->minute_ns + (uint64_t)second * SECOND;
    return (uint32_t)((uint64_t)value - cache->second_ns);
}

/* The text of the second of `value` to the cache; gives the nanoseconds that are left. */
static inline uint32_t cache_second(struct stamp_cache *cache, uint8_t layout_number, int64_t value)
{
    uint64_t within = (uint64_t)value - cache->second_ns;

    if (cache->has_text && cache->layout == layout_number && within < SECOND)
        return (uint32_t)within;
    return renew_second(cache, layout_number, value);
}

void stamp_write(struct stamp_cache *cache, uint8_t layout_number, int64_t value, char *out)
{
    const struct layout *layout = &layout_table()[layout_number];
    uint32_t fraction = cache_second(cache, layout_number, value);

    memcpy(out, cache->text, layout->size);
    if (layout->fraction_digits == 0)
        return;
    fraction /= (uint32_t)layout->fraction_unit;
    for (unsigned i = layout->fraction_digits; i > 0; i--, fraction /= 10)
        out[layout->fraction + (int)i - 1] = (char)('0' + fraction % 10);
}

const char *stamp_match_any(struct stamp_cache *cache, uint8_t layout_number, int64_t value,
                            const char *at, const char *end)
{
    char room[STAMP_SIZE_MAX] = {0};

    (void)cache_second(cache, layout_number, value);
    if (end - at >= STAMP_SIZE_MAX)
        return stamp_begins(cache, value, at) ? at + cache->size : NULL;
    if (end - at < cache->size)
        return NULL;
    memcpy(room, at, cache->size);
    return stamp_begins(cache, value, room) ? at + cache->size : NULL;
}
