/* query/ordered_scan.h -- the rows of a scan in order of time, pushed through a chain of operators.
 *
 * Blocks that overlap in time are open together. In a store that was filled with old files at once
 * these can be more than there is memory for: then the rest is read in slices of time, each by a
 * scan of its own that opens what lies in it. A row has gone out before the cut between two slices
 * or comes behind it, so none is missing and none comes twice. Rows that arrive between two slices
 * may be seen. Thread safety: one thread at a time. */
#ifndef DENDRO_QUERY_ORDERED_SCAN_H
#define DENDRO_QUERY_ORDERED_SCAN_H

#include "query/plan.h"

struct ordered_scan {
    const struct plan *plan;
    struct operator* chain;
    struct scan *scan;    /* of the whole plan; the caller's */
    uint64_t rows_wanted; /* 0: all */
};

/* Errors: those of scans and of the chain; TOO_LARGE when even the shortest slice needs too much.
 */
enum status ordered_scan_run(const struct ordered_scan *ordered, struct error *err) WARN_UNUSED;

#endif
