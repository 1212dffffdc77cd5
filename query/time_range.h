/* query/time_range.h -- what `_time:` filters mean once the request's end and zone are known.
 * Thread safety: pure functions. */
#ifndef DENDRO_QUERY_TIME_RANGE_H
#define DENDRO_QUERY_TIME_RANGE_H

#include "base/zone.h"
#include "query/ast.h"
#include "query/problem.h"

#include <stdint.h>

struct time_range {
    int64_t min_ns, max_ns; /* min <= _time < max */
};

#define TIME_RANGE_ALL ((struct time_range){INT64_MIN, INT64_MAX})

/* The range of a `_time` filter. Durations count back from `end_ns`; `zone` NULL is UTC.
 *   5m             the last five minutes        2026-03-02     that day
 *   > I            after the period I           >= I           from its beginning
 *   > 1d           older than a day             < 1d           younger than a day
 *   [A, B]         B's period is inside         [A, B)         ends where B begins */
struct time_range time_filter_range(const struct time_filter *filter, const struct zone *zone,
                                    int64_t end_ns);

/* INVALID if `range`, which is that of the filter, is an interval that holds nothing: [B, A]. */
enum status time_filter_check(const struct filter *filter, struct time_range range,
                              struct query_problem *problem) WARN_UNUSED;

/* What both hold; an empty range has max <= min. */
struct time_range time_range_and(struct time_range a, struct time_range b);

#endif
