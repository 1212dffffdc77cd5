/* store/stamp.h -- time stamps inside lines: a table of fixed layouts, read and written exactly.
 *
 * A stamp is read as if it were UTC; the zone, where there is one, stays text beside it. A layout
 * matches only when writing the value gives back the same bytes.
 * Thread safety: pure functions; a stamp_cache belongs to one thread. */
#ifndef DENDRO_STORE_STAMP_H
#define DENDRO_STORE_STAMP_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STAMP_SIZE_MAX = 32,
    STAMP_NONE = 0xff,
    STAMP_LAYOUTS_MAX = 32, /* 17 in use */
};

/* Number of the layout that `text` starts with, longest first, or STAMP_NONE; `len` is its size.
 * The value is in ns. `time_ns` gives the year for layouts without one. */
uint8_t stamp_read(struct slice text, int64_t time_ns, size_t *len, int64_t *value);

/* The day of a stamp that was read: the next one of its layout, which mostly has the same day, is then
 * read from its time on. All zero: none yet. */
struct stamp_day {
    uint64_t head, tail;     /* the eight bytes at 0 and those before the hour, under `mask` */
    uint64_t mask;
    int64_t start_ns;        /* midnight */
    int64_t fraction_unit;   /* ns of the last digit of the fraction */
    uint8_t size;            /* of the stamp; 0: none yet */
    uint8_t tail_at, hour_at;
    uint8_t fraction_digits;
    char point;              /* before the fraction */
    bool has_year;
};

/* Is `layout` what stamp_read() finds at the start of `text`? Then `value` is set and the size given; 0:
 * perhaps not. `alone`: as if `text` ended where the stamp does. `day` is of this layout. */
size_t stamp_expect(struct stamp_day *day, struct slice text, uint8_t layout, bool alone,
                    int64_t time_ns, int64_t *value);
/* False: stamp_read() finds nothing at the start of `text`, nor of a shorter piece of it. */
bool stamp_may_start(struct slice text);

/* Could `text` be a part of a stamp of the layout? False only if it surely is not. `fold`: letters of
 * either case. */
bool stamp_may_contain(uint8_t layout, struct slice text, bool fold);

/* What was written last: a run of stamps costs one calendar computation per day, and of one layout
 * one text per minute and two digits per second. All zero: nothing yet. */
struct stamp_cache {
    int64_t day;
    uint32_t year, month, date; /* month and date from 1 */
    bool valid;
    bool has_text;
    uint8_t layout;             /* of `text`, as all that follows */
    uint8_t size, fraction_end, fraction_digits;
    uint8_t fraction_shift;     /* ns * factor >> shift: units of the last digit */
    uint8_t second_at;
    uint32_t fraction_factor;
    uint64_t minute_ns, second_ns; /* since the epoch */
    uint64_t mask[STAMP_SIZE_MAX / 8]; /* bytes that are not the fraction */
    char text[STAMP_SIZE_MAX];
};

unsigned stamp_layout_count(void);
size_t stamp_size(uint8_t layout);
/* Write stamp_size(layout) bytes. Any value is fine: hostile ones give digits, not overflows. */
void stamp_write(struct stamp_cache *cache, uint8_t layout, int64_t value, char *out);

#endif
