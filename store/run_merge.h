/* store/run_merge.h -- indexes of rows that arrived, by (order time, source).
 *
 * The rows of one source arrive in their order, mostly some of them one behind the other: a run. So sorting
 * is a merge of as many lists of runs as there are sources.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_RUN_MERGE_H
#define DENDRO_STORE_RUN_MERGE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct row_run {
    uint32_t first, end;
    uint32_t next; /* run of that source; RUN_NONE: the last one */
};
#define RUN_NONE UINT32_MAX

/* The rows of one source that are not merged yet: of the run at hand, and the runs behind it. */
struct source_runs {
    uint32_t next, end;
    uint32_t next_run, last_run;
    int64_t last_order_ns;
    uint64_t last_sequence; /* of the first row of the last run */
};

struct run_merge {
    int64_t *order_ns; /* of each row */
    uint32_t row_count;
    struct row_run *runs;
    uint32_t run_count, run_capacity;
    struct source_runs *sources;
    uint32_t source_count;
    uint32_t source; /* of the last row */
    bool in_order;   /* each source's rows arrived in their order */
};

/* Room for so many rows, of sources with indexes below `source_max`. False without memory. */
bool run_merge_init(struct run_merge *merge, uint64_t row_max, uint32_t source_max);
void run_merge_release(struct run_merge *merge);

/* The next row is of `source`, unlike the one before it or in another chunk. */
bool run_merge_begin(struct run_merge *merge, uint32_t source, uint64_t sequence);

/* The next row, of the run at hand. */
static inline void run_merge_add(struct run_merge *merge, int64_t order_ns)
{
    struct source_runs *source = &merge->sources[merge->source];

    merge->in_order = merge->in_order && order_ns >= source->last_order_ns;
    source->last_order_ns = order_ns;
    merge->order_ns[merge->row_count++] = order_ns;
    merge->runs[merge->run_count - 1].end = merge->row_count;
}

/* The indexes of all rows in their order to `out`. Errors: NO_MEMORY, INVALID (those of a source did not
 * arrive in their order, or times lie further apart than keys can say: years). */
enum status run_merge_finish(struct run_merge *merge, uint32_t *out) WARN_UNUSED;

#endif
