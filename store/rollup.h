/* store/rollup.h -- what the rows of a segment add up to: numbers of rows by minute, and sums and
 * sketches of durations and sizes by five minutes.
 *
 * Rows are told apart by family, origin (the first source of the segment with the same geo, host and
 * role), format and level; values by family and origin. So every filter that a scan decides for
 * whole families, origins, formats or levels, and every group by them, is answered without rows.
 *
 * A builder takes the rows of one family after the other and makes two kinds of pages:
 *
 *   counts    varints: units, cells, zigzag first minute; then by unit: zigzag family - the one
 *             before, zigzag origin - the one before, format, level, cells; then by cell: minutes
 *             since the cell before it in its unit (of the first one: since the first minute), rows
 *   values    of one field; varints: families, cells, buckets, zigzag first five minutes; by family:
 *             zigzag number - the one before, then cells; since version 5 of the segment instead, by
 *             family: the same number, then 1 if it belongs to the bunch of the family before it, else
 *             0, and by bunch: cells (rollup_merge.h); by cell: zigzag origin - the one before, slot,
 *             values, sum, smallest, largest - smallest, buckets; then by bucket: bucket - the one
 *             before it in its cell, values. Bucket 0 counts zeros; others: sketch_bucket.h
 *
 * each as a varint size and a zstd frame. Since version 4 of the segment buckets are bytes, in streams
 * of their own (rollup_page.h), behind the rest of the page, which has the first bucket of each cell as
 * zigzag distance to that of the cell before instead, then what the bytes have no room for: step - 8,
 * values - 32. Rest and streams are each the raw size, the stored size and a zstd frame. All values of one kind stand together, since that
 * compresses better. What would be too large, or has a negative value, is not kept: absence is an
 * answer ("look at the rows"), a wrong number never is.
 *
 * Thread safety: decoded pages are read-only data. */
#ifndef DENDRO_STORE_ROLLUP_H
#define DENDRO_STORE_ROLLUP_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/event.h"

#define ROLLUP_COUNT_NS ((int64_t)60 * 1000000000)
#define ROLLUP_VALUE_NS (5 * ROLLUP_COUNT_NS)
#define ROLLUP_SUM_NS (15 * ROLLUP_COUNT_NS) /* by tenant: rollup_sums.h */

enum {
    ROLLUP_SLOTS_MAX = 1 << 16,   /* minutes of a segment: 45 days, where one has a day */
    ROLLUP_ORIGINS_MAX = 1 << 20, /* sources of a segment */
    ROLLUP_FIELDS_MAX = 8,        /* durations and sizes of one family */
    ROLLUP_NAMES_MAX = 32,        /* of one segment */
    ROLLUP_BUCKETS_MAX = 1 << 16, /* numbers of buckets: SKETCH_BUCKET_COUNT */
    ROLLUP_PAGE_MAX = 8 << 20,    /* raw */
};

/* ---- pages in memory ---- */

struct rollup_unit {
    uint32_t family, origin, format, level;
    uint32_t first_cell, cell_count;
};

struct rollup_cell {
    uint32_t slot; /* minutes since rollup_counts.first_slot; ascending in a unit */
    uint32_t rows;
};

struct rollup_counts {
    int64_t first_slot; /* minutes since the Unix epoch */
    const struct rollup_unit *units;
    const struct rollup_cell *cells;
    uint32_t unit_count, cell_count;
};

struct rollup_bucket {
    uint32_t bucket, values; /* ascending; bucket 0: zeros */
};

struct rollup_value {
    uint32_t family; /* the first of its bunch */
    uint32_t origin, slot; /* five minutes since rollup_values.first_slot */
    uint32_t first_bucket, bucket_count;
    uint64_t values;
    int64_t sum, min, max;
    uint64_t print; /* instead of buckets, if rollup_values.prints */
};

struct rollup_values {
    int64_t first_slot; /* in units of five minutes since the Unix epoch */
    const uint32_t *families; /* those that are rolled up, bunch by bunch */
    const uint32_t *leaders;  /* of each of them: the first of its bunch; NULL: each is its own */
    const struct rollup_value *cells; /* by bunch */
    const struct rollup_bucket *buckets;
    uint32_t family_count, cell_count, bucket_count;
    bool prints; /* of buckets in the cells: there are no buckets */
};

/* A value's part in the print of its cell, which is the sum of them: buckets with other numbers of
 * values add up to another print, but for one time in 2^64. */
static inline uint64_t rollup_bucket_print(uint32_t bucket)
{
    uint64_t mixed = (bucket + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */

    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xd6e8feb86659fd93); /* an odd number */
    return mixed ^ mixed >> 32;
}

/* What numbers of a page must stay below. */
struct rollup_bounds {
    uint32_t families, origins, formats;
    bool streams; /* buckets are in streams */
    bool bunches; /* values are kept by bunches of families */
};

/* False: damaged, or no memory (`arena` has failed). Arrays live in `arena`. */
bool rollup_counts_decode(struct slice page, const struct rollup_bounds *bounds,
                          struct arena *arena, struct rollup_counts *out);
bool rollup_values_decode(struct slice page, const struct rollup_bounds *bounds,
                          struct arena *arena, struct rollup_values *out);

/* Slot of a time, in steps of `step_ns` since the Unix epoch. */
static inline int64_t rollup_slot(int64_t time_ns, int64_t step_ns)
{
    return time_ns / step_ns - (time_ns % step_ns < 0);
}

#endif
