/* base/time_stamp.h -- read and print the time stamps that log files carry.
 *
 * A parser takes the text from the stamp's first byte on, eats the stamp and leaves the rest: it
 * knows nothing of brackets around it. Most stamps lack something: a zone, or even the year. What
 * was there is in struct stamp; stamp_resolve() adds the rest from the source's settings.
 * Dates are checked (Feb 30 is no stamp); a leap second, :60, is the first second of the next
 * minute, as POSIX time has it. Years 1678..2261, so that nanoseconds fit.
 * Thread safety: pure functions. */
#ifndef DENDRO_BASE_TIME_STAMP_H
#define DENDRO_BASE_TIME_STAMP_H

#include "base/slice.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US     1000LL
#define NS_PER_MS     1000000LL
#define NS_PER_SECOND 1000000000LL
#define NS_PER_MINUTE (60 * NS_PER_SECOND)
#define NS_PER_HOUR   (60 * NS_PER_MINUTE)
#define NS_PER_DAY    (24 * NS_PER_HOUR)

enum { STAMP_YEAR_MIN = 1678, STAMP_YEAR_MAX = 2261, STAMP_TEXT_SIZE = 40 };

struct stamp {
    int64_t time_ns;  /* since the epoch, UTC with a zone; without one, the clock read as UTC */
    int32_t offset_s; /* that the stamp names, east of UTC; 0 without a zone */
    uint8_t digits;   /* of the fraction of a second, 0..9: the precision */
    bool has_zone;
    bool has_year;         /* false: `time_ns` is in the year 2000, which has a Feb 29 */
    struct slice zone_name; /* if an ambiguous abbreviation (IST, CST) named the zone; borrowed */
};

/* Each gives the number of bytes eaten, or 0 if the text does not start with such a stamp. */
typedef size_t stamp_parser(struct slice text, struct stamp *out);

/* 2026-03-04T10:15:42.118Z  2026-03-04 10:15:42,118  ...+0100  ...+01:00  ... UTC  ...-03
 * ISO 8601, RFC 3339 and their relatives: 'T', 't' or a blank, '.' or ',', up to 9 digits (more are
 * eaten and cut), the zone attached or after one blank, or none. */
stamp_parser stamp_parse_iso;
/* 2026/03/04 10:15:42, otherwise as above: nginx error log, Go's standard logger. */
stamp_parser stamp_parse_slashed;
/* 04/Mar/2026:10:15:42 +0100 (common log format), 04/Mar/2026 10:15:42 (Django's development
 * server), 04/Mar/2026:10:15:42.118 (HAProxy). */
stamp_parser stamp_parse_clf;
/* Mar  4 10:15:42[.118] (RFC 3164), Mar  4 2026 10:15:42 (Cisco). */
stamp_parser stamp_parse_syslog;
/* 04 Mar 2026 10:15:42.118, or without the year, or without the fraction: Redis. */
stamp_parser stamp_parse_redis;
/* Wed, 04 Mar 2026 10:15:42 GMT: RFC 1123, HTTP, CouchDB 1. */
stamp_parser stamp_parse_http;
/* Wed Mar 04 10:15:42[.118203] 2026: C's asctime, Apache error log. */
stamp_parser stamp_parse_asctime;
/* 4-Mar-2026::10:15:42: RabbitMQ before 3.7, Erlang reports. A padding blank is eaten. */
stamp_parser stamp_parse_erlang;
/* Unix time by size: 1772619342 s, 1772619342118 ms, ... us, ... ns; with a fraction of up to 9
 * digits (1772619342.118). A sign is refused. Always has a zone. */
stamp_parser stamp_parse_epoch;

/* The instant of a stamp. `zone` says what a stamp without zone (or with an ambiguous name that
 * this zone uses) means; NULL is UTC. A missing year becomes the last one that puts the stamp at
 * most one day after `reference_ns` (the file's mtime, or the arrival). */
int64_t stamp_resolve(const struct stamp *stamp, const struct zone *zone, int64_t reference_ns);

/* RFC 3339 with `digits` (0..9) digits, further ones cut: 2026-03-04T10:15:42.118Z. Gives the
 * length; NUL-terminated. */
size_t stamp_print(int64_t time_ns, unsigned digits, char out[STAMP_TEXT_SIZE]);

/* ---- calendar ---- */

struct civil_date {
    int32_t year;
    uint8_t month, day; /* 1..12, 1..31 */
};

/* Days since 1970-01-01 of the Gregorian calendar, extended to before its invention. */
int64_t days_of_date(struct civil_date date);
struct civil_date date_of_days(int64_t days);
bool date_is_valid(struct civil_date date); /* and its year is STAMP_YEAR_MIN..MAX */

#endif
