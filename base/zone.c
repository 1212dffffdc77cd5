/* base/zone.c -- TZif files as one sorted list of changes.
 * The rule in the file's footer is unrolled to YEAR_UNROLLED_MAX when the zone is loaded, so that
 * a lookup is one binary search whatever the year. */
#include "base/zone.h"

#include "base/time_stamp.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ZONE_FILE_SIZE_MAX = 256 * 1024, /* the largest in tzdata has 4 KiB */
    ZONE_TYPES_MAX = 256,     /* the index is one byte; RFC 8536, 3.2 */
    ZONE_CHANGES_MAX = 10000,
    TZIF_HEADER_SIZE = 44,
    YEAR_UNROLLED_MAX = 2261, /* the last year of our stamps */
    OFFSET_SECONDS_MAX = 26 * 3600, /* RFC 8536 asks for less than 26 hours */
    DAY_SECONDS = 86400,
};

#define ZONE_FOLDER "/usr/share/zoneinfo/"

struct zone_change {
    int64_t at_s; /* the type holds from this instant on */
    uint8_t type;
};

struct zone_type {
    int32_t offset_s;
    char abbreviation[8];
};

struct zone {
    char name[ZONE_NAME_SIZE_MAX];
    struct zone_type types[ZONE_TYPES_MAX];
    size_t type_count; /* >= 1; type 0 holds before the first change */
    size_t change_count;
    struct zone_change changes[];
};

/* ---- reading TZif ---- */

static uint32_t be32(const char *at)
{
    const uint8_t *byte = (const uint8_t *)at;

    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static int64_t be64(const char *at)
{
    return (int64_t)((uint64_t)be32(at) << 32 | be32(at + 4));
}

struct tzif_header {
    uint32_t utc_count, standard_count, leap_count, change_count, type_count, text_size;
    uint8_t version;
};

static bool take_header(struct slice *rest, struct tzif_header *out)
{
    const char *at = rest->data;

    if (rest->len < TZIF_HEADER_SIZE || memcmp(at, "TZif", 4) != 0)
        return false;
    *out = (struct tzif_header){
        .version = (uint8_t)at[4],
        .utc_count = be32(at + 20),
        .standard_count = be32(at + 24),
        .leap_count = be32(at + 28),
        .change_count = be32(at + 32),
        .type_count = be32(at + 36),
        .text_size = be32(at + 40),
    };
    *rest = slice_from(*rest, TZIF_HEADER_SIZE);
    return true;
}

/* Bytes of the data block behind a header; the times have `time_size` bytes each. */
static uint64_t block_size(const struct tzif_header *header, unsigned time_size)
{
    return (uint64_t)header->change_count * (time_size + 1) + (uint64_t)header->type_count * 6 +
           header->text_size + (uint64_t)header->leap_count * (time_size + 4) +
           header->standard_count + header->utc_count;
}

static bool header_is_sane(const struct tzif_header *header, uint64_t room, unsigned time_size)
{
    return header->type_count >= 1 && header->type_count <= ZONE_TYPES_MAX &&
           header->change_count <= ZONE_CHANGES_MAX && block_size(header, time_size) <= room;
}

static bool read_types(struct zone *zone, const struct tzif_header *header, const char *types)
{
    const char *text = types + (size_t)header->type_count * 6;

    for (size_t i = 0; i < header->type_count; i++) {
        struct zone_type *type = &zone->types[i];
        size_t start = (uint8_t)types[i * 6 + 5];
        size_t len = start < header->text_size ? strnlen(text + start, header->text_size - start)
                                               : SIZE_MAX;

        type->offset_s = (int32_t)be32(types + i * 6);
        if (len == SIZE_MAX || type->offset_s > OFFSET_SECONDS_MAX ||
            type->offset_s < -OFFSET_SECONDS_MAX)
            return false;
        (void)snprintf(type->abbreviation, sizeof(type->abbreviation), "%.*s", (int)len,
                       text + start);
    }
    zone->type_count = header->type_count;
    return true;
}

static bool read_changes(struct zone *zone, const struct tzif_header *header, const char *times,
                         unsigned time_size)
{
    const char *indexes = times + (size_t)header->change_count * time_size;

    for (size_t i = 0; i < header->change_count; i++) {
        struct zone_change *change = &zone->changes[i];

        change->at_s = time_size == 8 ? be64(times + i * 8) : (int32_t)be32(times + i * 4);
        change->type = (uint8_t)indexes[i];
        if (change->type >= header->type_count ||
            (i > 0 && change->at_s <= zone->changes[i - 1].at_s))
            return false;
    }
    zone->change_count = header->change_count;
    return true;
}

/* ---- the footer: a POSIX TZ string such as CET-1CEST,M3.5.0,M10.5.0/3 ---- */

struct rule_day {
    char kind; /* 'M' month.week.day, 'J' day 1..365 without Feb 29, '0' day 0..365 */
    int month, week, day;
    int time_s; /* local, of the day; may be negative or beyond 24 h */
};

struct rule {
    struct zone_type standard, summer;
    struct rule_day begins, ends; /* of summer time */
    bool has_summer;
};

static bool take_number(struct slice *rest, int limit, int *out)
{
    int value = 0;
    size_t len = 0;

    while (len < rest->len && rest->data[len] >= '0' && rest->data[len] <= '9' && value <= limit)
        value = value * 10 + (rest->data[len++] - '0');
    if (len == 0 || value > limit)
        return false;
    *out = value;
    *rest = slice_from(*rest, len);
    return true;
}

static bool take_byte(struct slice *rest, char wanted)
{
    if (rest->len == 0 || rest->data[0] != wanted)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_hms(struct slice *rest, int *out)
{
    int sign = take_byte(rest, '-') ? -1 : 1;
    int hours;
    int minutes = 0;
    int seconds = 0;

    if (sign == 1)
        (void)take_byte(rest, '+');
    if (!take_number(rest, 167, &hours)) /* RFC 8536, 3.3.1: a week */
        return false;
    if (take_byte(rest, ':') && !take_number(rest, 59, &minutes))
        return false;
    if (take_byte(rest, ':') && !take_number(rest, 59, &seconds))
        return false;
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

/* CET or <-03>, and nothing of the offset behind it. */
static bool take_rule_name(struct slice *rest, struct zone_type *type)
{
    bool quoted = take_byte(rest, '<');
    size_t len = 0;

    while (len < rest->len && (quoted ? rest->data[len] != '>'
                                      : (rest->data[len] | 0x20) >= 'a' &&
                                            (rest->data[len] | 0x20) <= 'z'))
        len++;
    if (len < 1 || len >= sizeof(type->abbreviation))
        return false;
    memcpy(type->abbreviation, rest->data, len);
    type->abbreviation[len] = '\0';
    *rest = slice_from(*rest, len);
    return !quoted || take_byte(rest, '>');
}

static bool take_rule_day(struct slice *rest, struct rule_day *out)
{
    out->kind = '0';
    if (!take_byte(rest, ','))
        return false;
    if (take_byte(rest, 'M')) {
        out->kind = 'M';
        if (!take_number(rest, 12, &out->month) || !take_byte(rest, '.') ||
            !take_number(rest, 5, &out->week) || !take_byte(rest, '.') ||
            !take_number(rest, 6, &out->day) || out->month < 1 || out->week < 1)
            return false;
    } else {
        if (take_byte(rest, 'J'))
            out->kind = 'J';
        if (!take_number(rest, 365, &out->day) || (out->kind == 'J' && out->day < 1))
            return false;
    }
    out->time_s = 2 * 3600;
    return !take_byte(rest, '/') || take_hms(rest, &out->time_s);
}

static bool parse_rule(struct slice text, struct rule *out)
{
    int west_s;

    *out = (struct rule){0};
    if (!take_rule_name(&text, &out->standard) || !take_hms(&text, &west_s))
        return false;
    out->standard.offset_s = -west_s;
    if (text.len == 0)
        return true;
    if (!take_rule_name(&text, &out->summer))
        return false;
    out->summer.offset_s = out->standard.offset_s + 3600;
    if (text.len > 0 && text.data[0] != ',') {
        if (!take_hms(&text, &west_s))
            return false;
        out->summer.offset_s = -west_s;
    }
    out->has_summer = true;
    return take_rule_day(&text, &out->begins) && take_rule_day(&text, &out->ends) &&
           text.len == 0;
}

static int64_t first_day(int year, int month)
{
    return days_of_date((struct civil_date){year, (uint8_t)month, 1});
}

/* Midnight of the rule's day, plus its time: a local clock reading in seconds. */
static int64_t rule_local_s(const struct rule_day *rule, int year)
{
    bool leap = first_day(year, 3) - first_day(year, 2) == 29;
    int64_t day;

    if (rule->kind == 'M') {
        int64_t next = rule->month == 12 ? first_day(year + 1, 1)
                                         : first_day(year, rule->month + 1);
        int64_t first = first_day(year, rule->month);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

        day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7L;
        if (day >= next)
            day -= 7; /* week 5 is the last one */
    } else {
        day = first_day(year, 1) + rule->day - (rule->kind == 'J');
        if (rule->kind == 'J' && leap && rule->day >= 60)
            day++;
    }
    return day * DAY_SECONDS + rule->time_s;
}

static size_t type_of(struct zone *zone, const struct zone_type *wanted)
{
    size_t i = 0;

    while (i < zone->type_count && (zone->types[i].offset_s != wanted->offset_s ||
                                    strcmp(zone->types[i].abbreviation, wanted->abbreviation) != 0))
        i++;
    if (i < zone->type_count || i == ZONE_TYPES_MAX)
        return i;
    zone->types[zone->type_count++] = *wanted;
    return i;
}

static void append_change(struct zone *zone, int64_t at_s, size_t type)
{
    if (zone->change_count > 0 && at_s <= zone->changes[zone->change_count - 1].at_s)
        return; /* the table of the file already has it */
    zone->changes[zone->change_count++] = (struct zone_change){at_s, (uint8_t)type};
}

/* Two changes a year from the last one of the file on; zone->changes has the room. */
static bool unroll_rule(struct zone *zone, const struct rule *rule)
{
    size_t standard = type_of(zone, &rule->standard);
    size_t summer = rule->has_summer ? type_of(zone, &rule->summer) : standard;

    if (standard >= ZONE_TYPES_MAX || summer >= ZONE_TYPES_MAX)
        return false;
    if (!rule->has_summer) {
        if (zone->change_count == 0)
            append_change(zone, INT64_MIN, standard);
        return true;
    }
    for (int year = 1970; year <= YEAR_UNROLLED_MAX; year++) {
        int64_t begins = rule_local_s(&rule->begins, year) - rule->standard.offset_s;
        int64_t ends = rule_local_s(&rule->ends, year) - rule->summer.offset_s;

        if (begins < ends) {
            append_change(zone, begins, summer);
            append_change(zone, ends, standard);
        } else { /* the southern half: the year begins in summer */
            append_change(zone, ends, standard);
            append_change(zone, begins, summer);
        }
    }
    return true;
}

/* ---- loading ---- */

static struct zone *zone_new(const char *name, size_t change_count)
{
    struct zone *zone = calloc(1, sizeof(*zone) + change_count * sizeof(zone->changes[0]));

    if (zone != NULL) {
        (void)snprintf(zone->name, sizeof(zone->name), "%s", name);
        zone->type_count = 1;
    }
    return zone;
}

/* The footer stands between two newlines behind the second block; empty: no rule. */
static bool read_footer(struct zone *zone, struct slice rest)
{
    struct rule rule;
    struct slice line;

    if (!take_byte(&rest, '\n') || !slice_cut(&rest, '\n', &line))
        return false;
    return line.len == 0 || (parse_rule(line, &rule) && unroll_rule(zone, &rule));
}

/* The same contents twice: for 32-bit readers, then with 64-bit times (RFC 8536, 3.1). */
static enum status parse_tzif(struct slice text, const char *name, struct zone **out,
                              struct error *err)
{
    struct tzif_header header;
    unsigned time_size = 4;
    struct zone *zone;
    bool sane;

    sane = take_header(&text, &header) && header_is_sane(&header, text.len, 4);
    if (sane && header.version >= '2') {
        text = slice_from(text, (size_t)block_size(&header, 4));
        time_size = 8;
        sane = take_header(&text, &header) && header_is_sane(&header, text.len, 8);
    }
    if (!sane)
        return error_set(err, STATUS_CORRUPT, "zone %s: not a TZif file", name);
    zone = zone_new(name, header.change_count + 2UL * (YEAR_UNROLLED_MAX - 1970 + 1));
    if (zone == NULL)
        return error_set(err, STATUS_NO_MEMORY, "zone %s: no memory", name);
    if (!read_changes(zone, &header, text.data, time_size) ||
        !read_types(zone, &header, text.data + (size_t)header.change_count * (time_size + 1)) ||
        (time_size == 8 &&
         !read_footer(zone, slice_from(text, (size_t)block_size(&header, 8))))) {
        zone_free(zone);
        return error_set(err, STATUS_CORRUPT, "zone %s: damaged TZif file", name);
    }
    *out = zone;
    return STATUS_OK;
}

/* "+05:30", "-0300", "+02"; false: not of this form. */
static bool fixed_offset(struct slice name, int32_t *offset_s)
{
    int sign = name.len > 0 && name.data[0] == '-' ? -1 : 1;
    uint64_t hours;
    uint64_t minutes = 0;

    if (name.len < 3 || (name.data[0] != '+' && name.data[0] != '-') ||
        !slice_to_u64(slice_sub(name, 1, 2), &hours))
        return false;
    name = slice_from(name, 3);
    if (name.len == 3 && name.data[0] == ':')
        name = slice_from(name, 1);
    if (name.len != 0 && (name.len != 2 || !slice_to_u64(name, &minutes)))
        return false;
    *offset_s = sign * (int32_t)(hours * 3600 + minutes * 60);
    return hours <= 14 && minutes <= 59;
}

/* Names become paths: letters, digits and a few marks; no "..", no leading '/'. */
static bool name_is_safe(struct slice name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+-/";

    if (name.len == 0 || name.len >= ZONE_NAME_SIZE_MAX || name.data[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (memchr(allowed, name.data[i], sizeof(allowed) - 1) == NULL)
            return false;
    return true;
}

static enum status unknown_name(struct io *io, const char *name, struct error *err)
{
    char near[ZONE_NAME_SIZE_MAX];

    if (zone_nearest(io, slice_of(name), near, NULL) != STATUS_OK)
        return error_set(err, STATUS_NOT_FOUND,
                         "no time zone \"%s\" on this system (is tzdata installed?)", name);
    return error_set(err, STATUS_INVALID, "no time zone \"%s\"%s%s%s", name,
                     near[0] == '\0' ? "" : "; did you mean \"", near,
                     near[0] == '\0' ? "" : "\"?");
}

static enum status load_file(struct io *io, const char *name, struct zone **out,
                             struct error *err)
{
    char path[sizeof(ZONE_FOLDER) + ZONE_NAME_SIZE_MAX];
    struct buf text = buf_empty(ZONE_FILE_SIZE_MAX);
    enum status status;

    (void)snprintf(path, sizeof(path), ZONE_FOLDER "%s", name);
    status = io_read_file(io, path, &text, err);
    if (status == STATUS_OK)
        status = parse_tzif(buf_slice(&text), name, out, err);
    else if (status == STATUS_NOT_FOUND)
        status = unknown_name(io, name, err);
    buf_release(&text);
    return status;
}

enum status zone_load(struct io *io, const char *name, struct zone **out, struct error *err)
{
    int32_t offset_s = 0;
    bool utc = strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0;
    struct zone *zone;

    if (!utc && !fixed_offset(slice_of(name), &offset_s)) {
        if (!name_is_safe(slice_of(name)))
            return error_set(err, STATUS_INVALID,
                             "\"%.64s\" is not a time zone: expected a name such as "
                             "Europe/Berlin, UTC, or an offset such as +05:30",
                             name);
        return load_file(io, name, out, err);
    }
    zone = zone_new(name, 0);
    if (zone == NULL)
        return error_set(err, STATUS_NO_MEMORY, "zone %s: no memory", name);
    zone->types[0].offset_s = offset_s;
    (void)snprintf(zone->types[0].abbreviation, sizeof(zone->types[0].abbreviation), "%.7s",
                   utc ? "UTC" : name);
    *out = zone;
    return STATUS_OK;
}

void zone_free(struct zone *zone)
{
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone == NULL ? "UTC" : zone->name;
}

/* ---- lookup ---- */

/* The number of changes at or before `utc_s`. */
static size_t changes_before(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0;
    size_t high = zone->change_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->changes[middle].at_s <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct zone_type *type_at(const struct zone *zone, int64_t utc_s)
{
    size_t before = changes_before(zone, utc_s);

    return &zone->types[before == 0 ? 0 : zone->changes[before - 1].type];
}

int32_t zone_offset_at(const struct zone *zone, int64_t utc_s, const char **abbreviation)
{
    const struct zone_type *type = zone == NULL ? NULL : type_at(zone, utc_s);

    if (abbreviation != NULL)
        *abbreviation = type == NULL ? "UTC" : type->abbreviation;
    return type == NULL ? 0 : type->offset_s;
}

/* The offset to take from a local time. `before` and `after` are those of a day earlier and later;
 * no zone has ever changed twice within two days. */
static int32_t local_offset(const struct zone *zone, int64_t local_s)
{
    int32_t before = type_at(zone, local_s - DAY_SECONDS)->offset_s;
    int32_t after = type_at(zone, local_s + DAY_SECONDS)->offset_s;

    if (before == after || type_at(zone, local_s - before)->offset_s == before)
        return before; /* also the first occurrence of a repeated hour */
    if (type_at(zone, local_s - after)->offset_s == after)
        return after;
    return before; /* the skipped hour */
}

static int64_t floor_seconds(int64_t ns)
{
    return ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0);
}

/* Saturates in the last hours of 64-bit time. */
static int64_t minus(int64_t local_ns, int64_t offset_ns)
{
    int64_t result;

    return __builtin_sub_overflow(local_ns, offset_ns, &result) ? local_ns : result;
}

int64_t zone_to_utc(const struct zone *zone, int64_t local_ns)
{
    if (zone == NULL)
        return local_ns;
    return minus(local_ns, local_offset(zone, floor_seconds(local_ns)) * NS_PER_SECOND);
}

bool zone_offset_of_name(const struct zone *zone, struct slice abbreviation, int32_t *offset_s)
{
    if (zone == NULL)
        return false;
    for (size_t i = zone->type_count; i > 0; i--) /* the newest meaning first */
        if (slice_is(abbreviation, zone->types[i - 1].abbreviation)) {
            *offset_s = zone->types[i - 1].offset_s;
            return true;
        }
    return false;
}
