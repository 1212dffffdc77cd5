/* store/rollup_answer.h -- which rows of a segment its rollups stand for, and what they add up to.
 *
 * A scan that only counts and sums says so by a wish. For each segment the families whose filter is
 * settled without rows (all of them pass or none, by family, origin, format and level) are answered
 * by items, in the part of the time range that whole steps of the rollup cover; the scan gives
 * the rows of all others as blocks. So items and blocks together are each row once. A scan of samples is
 * answered the same way, series by series.
 *
 * Thread safety: made by one thread, read-only afterwards. */
#ifndef DENDRO_STORE_ROLLUP_ANSWER_H
#define DENDRO_STORE_ROLLUP_ANSWER_H

#include "store/rollup.h"
#include "store/sample_rollup.h"

enum { ROLLUP_WISH_VALUES_MAX = 4 };

/* What groups depend on, and whose values are asked for. */
struct rollup_wish {
    bool by_origin;   /* geo, host or role */
    bool by_host;     /* then also by_origin */
    bool by_format, by_level, by_time;
    bool by_tenant;   /* of values only their number and sum are wanted */
    bool increase;    /* of samples: how much counters grew. By what else, their items say anyway */
    int64_t step_ns;  /* by_time: groups begin at anchor + n * step; see rollup_wish_fits() */
    int64_t anchor_ns;
    field_id values[ROLLUP_WISH_VALUES_MAX]; /* durations and sizes */
    uint32_t value_count;
};

/* Do whole steps of the rollup make the groups of time that are wished, and are rows told apart by
 * all that they are to be grouped by? */
bool rollup_wish_fits(const struct rollup_wish *wish);

/* A number of rows, or values of one field, or by tenant both. What the wish does not ask for is not
 * set. */
struct rollup_item {
    const struct event_source *source; /* its geo, host and role */
    struct slice format;
    struct slice tenant;               /* NULL data: none */
    uint32_t level;
    int64_t time_ns;                   /* begin of a group of time */
    uint64_t rows; /* 0: only values */
    /* NULL: only rows. By tenant: no buckets, smallest or largest value. */
    const struct rollup_value *value;
    const struct rollup_bucket *buckets; /* value->bucket_count of them */
    field_id field;                    /* whose values they are */
    uint8_t type;                      /* FIELD_DURATION or FIELD_BYTES */
    /* Of samples: one series with its metric and labels. NULL: events. */
    const struct sample_sum *sum;
    struct slice metric;
    const struct label *labels;
    uint32_t label_count;
};

struct segment_plan;

struct rollup_answer {
    const struct rollup_item *items;
    uint32_t item_count;
    uint64_t row_count;
    const uint8_t *families;       /* 1: answered, by family; of samples: by series */
    int64_t time_min_ns, time_max_ns; /* where: [min, max) */
};

/* *out is NULL if nothing is answered; it lives as long as the plan, which then gives no rows of it.
 * Errors: NO_MEMORY. A damaged rollup answers nothing. */
enum status rollup_answer_make(struct segment_plan *plan, const struct rollup_wish *wish,
                               struct error *err) WARN_UNUSED;

#endif
