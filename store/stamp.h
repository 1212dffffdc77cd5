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

enum { STAMP_SIZE_MAX = 32, STAMP_NONE = 0xff };

/* Number of the layout that `text` starts with, longest first, or STAMP_NONE; `len` is its size.
 * The value is in ns. `time_ns` gives the year for layouts without one. */
uint8_t stamp_read(struct slice text, int64_t time_ns, size_t *len, int64_t *value);

/* Is `layout` what stamp_read() finds at the start of `text`? False: perhaps not. Then `value` is set.
 * `alone`: as if `text` ended where the stamp does. */
bool stamp_expect(struct slice text, uint8_t layout, bool alone, int64_t time_ns, int64_t *value);
/* False: stamp_read() finds nothing at the start of `text`, nor of a shorter piece of it. */
bool stamp_may_start(struct slice text);

/* Could `text` be a part of a stamp of the layout? False only if it surely is not. `fold`: letters of
 * either case. */
bool stamp_may_contain(uint8_t layout, struct slice text, bool fold);

/* What was written last: a run of stamps costs one calendar computation per day, and of one layout
 * one text per second. All zero: nothing yet. */
struct stamp_cache {
    int64_t day;
    uint32_t year, month, date; /* month and date from 1 */
    bool valid;
    bool has_text;
    uint8_t layout;             /* of `text` */
    int64_t second;             /* since the epoch, of `text` */
    char text[STAMP_SIZE_MAX];
};

unsigned stamp_layout_count(void);
size_t stamp_size(uint8_t layout);
/* Write stamp_size(layout) bytes. Any value is fine: hostile ones give digits, not overflows. */
void stamp_write(struct stamp_cache *cache, uint8_t layout, int64_t value, char *out);

#endif
