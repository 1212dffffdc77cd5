/* query/plan.h -- what a tree means for one store, range and zone: the filter that the store
 * evaluates, the range of time, the order of rows, and which columns each pipe still needs.
 *
 * A plan is made on the calling thread and then only read.
 * Thread safety: read-only once made. */
#ifndef DENDRO_QUERY_PLAN_H
#define DENDRO_QUERY_PLAN_H

#include "query/operator.h"
#include "query/run.h"

struct plan {
    struct run *run;
    const struct query_tree *tree;
    struct time_range range;           /* given to the scan; open ends are INT64_MIN, _MAX */
    struct time_range resolved;        /* with the ends of the store where it is open */
    const struct predicate *filter;    /* NULL: every row */
    const struct predicate *scope;     /* the part of it that the token asks for, or NULL */
    enum scan_table table;
    uint32_t pipe_first;               /* pipes before it went into `filter` */
    bool ordered, newest_first;        /* rows must come in order of time */
    bool inner;                        /* run by an operator: the answer's limit is not its own */
    bool brief;                        /* a few blocks will do: none is read ahead */
    bool order_bounded;                /* only rows with these order times, see store/scan.h */
    int64_t order_first_ns, order_last_ns;
    bool count_only;                   /* only numbers of rows are looked at */
    struct field_set *needed;          /* [i]: what the pipes behind pipe i look at */
    struct field_set scanned;          /* what the first pipe gets */
};

/* Plan `tree` for rows in `range` (ends may be open). `order` is that of the request. The
 * problem is in run->problem. */
enum status plan_make(struct run *run, const struct query_tree *tree, struct time_range range,
                      enum query_order order, struct plan **out) WARN_UNUSED;

/* Columns of the answer as far as they are known before it. */
enum status plan_columns(const struct plan *plan, struct field_set *out) WARN_UNUSED;

/* What the plan asks of a scan; nobody waits for `busy`, nothing is wished. */
void plan_scan_options(const struct plan *plan, struct scan_options *out);

/* Is it `sort by (_time)`: the order in which rows are merged anyway? */
bool plan_sorts_by_time(const struct pipe *pipe);

/* Filters inside pipes: `where`, `if (...)`. */
enum status plan_pipe_filter(const struct plan *plan, const struct filter *filter,
                             const struct predicate **out, struct error *err) WARN_UNUSED;

/* Run a tree that is planned: its rows go to `sink`, which is not finished. */
enum status plan_run(const struct plan *plan, struct operator *sink, struct error *err) WARN_UNUSED;
/* Plan and run a subquery in the range of `outer`; `shift_ns` moves it back. */
enum status plan_run_sub(const struct plan *outer, const struct query_tree *tree, int64_t shift_ns,
                         struct operator *sink, struct error *err) WARN_UNUSED;

#endif
