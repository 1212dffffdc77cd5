/* query/ordered_scan.c -- see ordered_scan.h. */
#include "query/ordered_scan.h"

#include "query/operators/merge.h"
#include "query/read_ahead.h"

/* A slice is first this part of what was open when memory ran out; one that still needs too much is
 * cut to this part, one that did not is followed by one of twice the time. */
enum { SLICE_PARTS = 8 };
#define SLICE_NS_MIN 1000 /* more blocks than memory in a microsecond: given up */

/* Who may look at the offsets of rows: the receiver, and `sample`, which chooses by them. */
static bool needs_offsets(const struct plan *plan)
{
    const struct query_options *options = plan->run->options;

    for (uint32_t i = plan->pipe_first; i < plan->tree->pipe_count; i++)
        if (plan->tree->pipes[i].kind == PIPE_SAMPLE)
            return true;
    return options->positions && !options->no_offsets;
}

static enum status merge_blocks(struct run *run, struct scan *scan, struct read_ahead *ahead,
                                struct merger *merger, struct error *err)
{
    struct block *block;
    int64_t bound;
    enum status status;

    while ((status = read_ahead_next(ahead, &block, &bound, err)) == STATUS_OK) {
        status = merger_add(merger, block, err);
        if (status == STATUS_OK)
            status = merger_push(merger, bound, err);
        if (status != STATUS_OK)
            return status; /* an error, or the chain has enough */
        run_report(run, scan);
    }
    if (status == STATUS_TOO_LARGE || status == STATUS_NO_MEMORY)
        merger_overflow(merger);
    return status == STATUS_END ? merger_finish(merger, err) : status;
}

/* `lines`: what lines are made of is read ahead, too. */
static enum status merge_scan(const struct ordered_scan *ordered, struct scan *scan, bool lines,
                              struct merger *merger, struct error *err)
{
    const struct plan *plan = ordered->plan;
    struct read_ahead_options options = {.run = plan->run,
                                         .scan = scan,
                                         .lines = lines,
                                         .times_only = ordered->rows_wanted > 0,
                                         .alone = plan->brief || plan->run->options->workers == 1};
    struct read_ahead *ahead;
    enum status status = read_ahead_open(&options, &ahead, err);

    if (status != STATUS_OK)
        return status;
    status = merge_blocks(plan->run, scan, ahead, merger, err);
    read_ahead_close(ahead);
    return status;
}

/* ---- slices ---- */

static enum status merge_slice(const struct ordered_scan *ordered, int64_t at_ns, int64_t to_ns,
                               struct merger *merger, struct error *err)
{
    const struct plan *plan = ordered->plan;
    struct scan_options options;
    struct scan *scan;
    enum status status;

    plan_scan_options(plan, &options);
    options.order_bounded = true;
    options.order_first_ns = plan->newest_first ? to_ns : at_ns;
    options.order_last_ns = plan->newest_first ? at_ns : to_ns;
    merger_bound(merger, options.order_first_ns, options.order_last_ns);
    status = scan_open(plan->run->store, &options, &scan, err);
    if (status != STATUS_OK)
        return status;
    status = merge_scan(ordered, scan, false, merger, err);
    run_add_cost(plan->run, scan, true);
    scan_close(scan);
    return status;
}

/* `by` further in the order of the answer, but not behind `end_ns`. */
static int64_t further(const struct plan *plan, int64_t at_ns, uint64_t by, int64_t end_ns)
{
    uint64_t left = plan->newest_first ? (uint64_t)at_ns - (uint64_t)end_ns
                                       : (uint64_t)end_ns - (uint64_t)at_ns;

    if (by >= left)
        return end_ns;
    return (int64_t)(plan->newest_first ? (uint64_t)at_ns - by : (uint64_t)at_ns + by);
}

/* The first scan has not seen all rows that match, the others have seen many more than once. */
static void correct_matched(const struct ordered_scan *ordered, const struct merger *merger)
{
    struct run *run = ordered->plan->run;
    struct scan_cost first;

    scan_cost(ordered->scan, &first);
    pthread_mutex_lock(&run->lock);
    run->cost.rows_selected +=
        merger_picked(merger) - first.rows_selected; /* may go below 0 until that is added */
    pthread_mutex_unlock(&run->lock);
}

/* After the merger had too much open: from where it came to. */
static enum status merge_slices(const struct ordered_scan *ordered, struct merger *merger,
                                struct error *err)
{
    const struct plan *plan = ordered->plan;
    int64_t first_ns = plan->order_bounded ? plan->order_first_ns : INT64_MIN;
    int64_t last_ns = plan->order_bounded ? plan->order_last_ns : INT64_MAX;
    int64_t end_ns = plan->newest_first ? first_ns : last_ns, at_ns, reach_ns;
    const struct error no_room = *err;
    uint64_t length;
    enum status status = merger_cut(merger, &at_ns, &reach_ns, err);

    length = (plan->newest_first ? (uint64_t)at_ns - (uint64_t)reach_ns
                                 : (uint64_t)reach_ns - (uint64_t)at_ns) /
             SLICE_PARTS;
    while (status == STATUS_OK && length >= SLICE_NS_MIN) {
        int64_t begun_ns = at_ns, to_ns = further(plan, at_ns, length, end_ns);

        status = merge_slice(ordered, at_ns, to_ns, merger, err);
        if (status == STATUS_OK && to_ns == end_ns)
            return STATUS_OK;
        if (status == STATUS_OK) {
            at_ns = further(plan, to_ns, 1, end_ns);
            length = length > UINT64_MAX / 2 ? UINT64_MAX : length * 2;
        } else if (status != STATUS_END && merger_overflowed(merger)) {
            status = merger_cut(merger, &at_ns, &reach_ns, err);
            length /= at_ns == begun_ns ? SLICE_PARTS : 2;
        }
    }
    if (status != STATUS_OK)
        return status;
    *err = no_room;
    return STATUS_TOO_LARGE;
}

enum status ordered_scan_run(const struct ordered_scan *ordered, struct error *err)
{
    const struct plan *plan = ordered->plan;
    bool lines = ordered->rows_wanted == 0 &&
                 (plan->scanned.all || field_set_has(&plan->scanned, FIELD_ID_MSG));
    struct merger *merger;
    enum status status =
        merger_new(plan->run, &plan->scanned, plan->newest_first, ordered->chain, &merger, err);

    if (status != STATUS_OK)
        return status;
    if (!needs_offsets(plan))
        merger_without_offsets(merger);
    if (plan->order_bounded)
        merger_bound(merger, plan->order_first_ns, plan->order_last_ns);
    status = merger_want(merger, ordered->rows_wanted, err);
    if (status == STATUS_OK)
        status = merge_scan(ordered, ordered->scan, lines, merger, err);
    if (status != STATUS_OK && merger_overflowed(merger)) {
        status = merge_slices(ordered, merger, err);
        correct_matched(ordered, merger);
    }
    merger_free(merger);
    return status == STATUS_END ? STATUS_OK : status;
}
