/* query/execute.c -- scan the store and push what it finds through the chain of operators.
 *
 * A chain that begins with operators that can be split runs on several threads: each takes blocks
 * from the one scan into its own copies of the operators up to the first that merges; then the
 * states are added up, and the rest of the chain runs on the calling thread. Rows that must come
 * in order of time go through a merger on the calling thread instead (ordered_scan.h). */
#include "query/plan.h"

#include "base/memory_budget.h"
#include "query/limits.h"
#include "query/operators/forms.h"
#include "query/operators/merge.h"
#include "query/ordered_scan.h"
#include "query/plan_rollup.h"

#include <stdlib.h>
#include <unistd.h>

/* One thread's part. */
struct worker {
    const struct plan *plan;
    struct scan *scan;
    struct operator *chain; /* its own operators; the first worker's go on to the sink */
    atomic_bool *stop;      /* some worker has failed or has enough */
    bool reports;           /* on the calling thread: may tell of progress */
    uint64_t rows_wanted;   /* of an ordered scan; 0: all */
    pthread_t thread;
    enum status status;
    struct error err;
};

/* All of them. The first works on the calling thread; threads for the others start when the scan turns
 * out to take longer than it takes to start them. */
struct crew {
    struct worker *workers;
    uint32_t count, started;
};

/* The pipes of the chain; offset and limit in `own` stand in for `sort by (_time)`. */
static void make_stages(const struct plan *plan, const struct pipe **stages, uint32_t *count,
                        struct pipe own[2])
{
    *count = 0;
    for (uint32_t i = plan->pipe_first; i < plan->tree->pipe_count; i++) {
        const struct pipe *pipe = &plan->tree->pipes[i];

        if (i > plan->pipe_first || !plan->ordered || !plan_sorts_by_time(pipe)) {
            stages[(*count)++] = pipe;
            continue;
        }
        own[0] = (struct pipe){.kind = PIPE_OFFSET, .count = pipe->offset};
        own[1] = (struct pipe){.kind = PIPE_LIMIT, .count = pipe->count};
        if (pipe->offset > 0)
            stages[(*count)++] = &own[0];
        if (pipe->count > 0)
            stages[(*count)++] = &own[1];
    }
}

static const struct field_set *needed_behind(const struct plan *plan, const struct pipe *pipe)
{
    const struct pipe *pipes = plan->tree->pipes;

    if (pipe >= pipes && pipe < pipes + plan->tree->pipe_count)
        return &plan->needed[pipe - pipes];
    return &plan->needed[plan->pipe_first]; /* stands in for the first pipe */
}

/* Operators for stages [0, count), the last one before `last`. */
static enum status build_chain(const struct plan *plan, const struct pipe *const *stages,
                               uint32_t count, struct operator *last, struct operator **out,
                               struct error *err)
{
    struct operator *chain = last;

    for (uint32_t i = count; i > 0; i--) {
        const struct pipe *pipe = stages[i - 1];
        struct operator base = {.next = chain,
                                .run = plan->run,
                                .plan = plan,
                                .pipe = pipe,
                                .needed = needed_behind(plan, pipe)};
        struct operator *made = NULL;
        operator_make *make = operator_forms[pipe->kind].make;
        enum status status = make == NULL ? error_set(err, STATUS_INVALID, "the pipe \"%s\" is not "
                                                      "built yet", pipe_names[pipe->kind])
                                          : make(&base, &made, err);

        if (status != STATUS_OK) {
            *out = chain;
            return status;
        }
        chain = made;
    }
    *out = chain;
    return STATUS_OK;
}

/* Close the operators before `last`, which is the caller's. */
static void close_chain(struct operator *chain, struct operator *last)
{
    while (chain != NULL && chain != last) {
        struct operator *next = chain->next;

        chain->ops->close(chain);
        chain = next;
    }
}

/* ---- scanning ---- */

/* The end of a scan counts only if the query was not over by then: a regex of a query that is over
 * matches nothing (filter_compile.c). */
static enum status next_block(struct worker *worker, struct block **out)
{
    struct run *run = worker->plan->run;
    enum status late, status = run_check(run, &worker->err);

    if (status == STATUS_OK)
        status = scan_next(worker->scan, out, &worker->err);
    if (status != STATUS_END && status != STATUS_CANCELLED)
        return status;
    late = run_check(run, &worker->err);
    return late != STATUS_OK ? late : status;
}

static enum status scan_unordered(struct worker *worker)
{
    struct run *run = worker->plan->run;
    struct block *block = NULL;
    struct view view;
    enum status status = STATUS_OK;

    view_init(&view, run->memory.size_max);
    while (status == STATUS_OK && !atomic_load(worker->stop)) {
        status = next_block(worker, &block);
        if (status != STATUS_OK)
            break;
        status = view_show(&view, block, &worker->err);
        if (status == STATUS_OK)
            status = operator_push(worker->chain, &view, &worker->err);
        block_release(block);
        if (worker->reports)
            run_report(run, worker->scan);
    }
    view_release(&view);
    if (status != STATUS_OK)
        atomic_store(worker->stop, true);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status scan_ordered(struct worker *worker)
{
    const struct ordered_scan ordered = {.plan = worker->plan,
                                         .chain = worker->chain,
                                         .scan = worker->scan,
                                         .rows_wanted = worker->rows_wanted};

    return ordered_scan_run(&ordered, &worker->err);
}

static void *worker_main(void *user)
{
    struct worker *worker = user;

    (void)memory_budget_enter(MEMORY_QUERIES);
    worker->status = scan_unordered(worker);
    return NULL;
}

/* Called once: at the beginning, or by the scan, on the thread of the first worker. */
static void start_crew(void *user)
{
    struct crew *crew = user;

    while (crew->started < crew->count &&
           pthread_create(&crew->workers[crew->started].thread, NULL, worker_main,
                          &crew->workers[crew->started]) == 0)
        crew->started++; /* fewer threads only make it slower */
}

/* Operators up to the first that merges, if all before it have no state; 0: cannot be split. */
static uint32_t split_at(const struct pipe *const *stages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        unsigned traits = operator_forms[stages[i]->kind].traits;

        if (traits & OPERATOR_MERGES)
            return i + 1;
        if (!(traits & OPERATOR_STATELESS))
            return 0;
    }
    return 0;
}

/* Rows after which the chain has enough, if every one counts; 0: not known. */
static uint64_t rows_wanted(const struct plan *plan, const struct pipe *const *stages,
                            uint32_t count)
{
    uint64_t skipped = 0, limit = plan->run->options->limit;

    for (uint32_t i = 0; i < count; i++)
        switch (stages[i]->kind) {
        case PIPE_FIELDS:
        case PIPE_DELETE:
        case PIPE_RENAME:
        case PIPE_COPY:
            break;
        case PIPE_OFFSET:
            if (stages[i]->count > MERGER_WANTED_MAX - skipped)
                return 0;
            skipped += stages[i]->count;
            break;
        case PIPE_LIMIT:
            return stages[i]->count > MERGER_WANTED_MAX ? 0 : skipped + stages[i]->count;
        default:
            return 0;
        }
    if (plan->run->depth > 0 || plan->inner || limit == 0 || limit > MERGER_WANTED_MAX)
        return 0;
    return skipped + limit + 1; /* one more tells of the cut */
}

static uint32_t choose_workers(const struct plan *plan, uint32_t split)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = plan->run->options->workers;

    if (plan->ordered || split == 0)
        return 1;
    if (wanted == 0)
        wanted = processors < 1 ? 1 : (unsigned)processors;
    return wanted < QUERY_WORKERS_MAX ? wanted : QUERY_WORKERS_MAX;
}

/* Add the state of `other`'s last operator to that of the first worker's. */
static enum status merge_chains(struct operator *first, struct operator *other, uint32_t split,
                                struct error *err)
{
    for (uint32_t i = 1; i < split; i++) {
        first = first->next;
        other = other->next;
    }
    return first->ops->merge(first, other, err);
}

static enum status run_workers(struct crew *crew, uint32_t split, struct error *err)
{
    struct worker *workers = crew->workers;
    uint32_t started;
    enum status status;

    if (workers[0].plan->run->options->workers > 0)
        start_crew(crew); /* who asks for a number of threads gets it */
    workers[0].status = workers[0].plan->ordered ? scan_ordered(&workers[0])
                                                 : scan_unordered(&workers[0]);
    started = crew->started;
    for (uint32_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    status = workers[0].status;
    *err = workers[0].err;
    for (uint32_t i = 1; i < started && status == STATUS_OK; i++) {
        status = workers[i].status;
        *err = workers[i].err;
    }
    for (uint32_t i = 1; i < started && status == STATUS_OK; i++)
        status = merge_chains(workers[0].chain, workers[i].chain, split, err);
    return status;
}

static enum status open_scan(const struct plan *plan, const struct rollup_wish *wish,
                             struct crew *crew, struct scan **out, struct error *err)
{
    struct scan_options options;

    plan_scan_options(plan, &options);
    options.busy = plan->run->options->workers == 0 ? start_crew : NULL;
    options.busy_user = crew;
    options.wish = wish;
    return scan_open(plan->run->store, &options, out, err);
}

/* What the store counted without rows goes to the stats at the head of the chain. */
static enum status add_items(const struct scan *scan, struct operator *chain, struct error *err)
{
    const struct rollup_item *items;
    enum status status = STATUS_OK;
    uint32_t at = 0, count;

    while (status == STATUS_OK && scan_items(scan, &at, &items, &count))
        for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
            status = stats_add_item(chain, &items[i], err);
    return status == STATUS_OK && !stats_items_fit(chain) ? STATUS_AGAIN : status;
}

/* With a wish: AGAIN, and nothing in `sink`, if the store's answer to it does not fit its rows. */
static enum status run_chain(const struct plan *plan, const struct pipe *const *stages,
                             uint32_t stage_count, const struct rollup_wish *wish,
                             struct operator *sink, struct error *err)
{
    uint32_t split = split_at(stages, stage_count), count = choose_workers(plan, split);
    struct worker *workers = calloc(count, sizeof(*workers));
    atomic_bool stop;
    struct scan *scan = NULL;
    struct crew crew = {workers, count, 1};
    enum status status;

    if (workers == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    atomic_init(&stop, false);
    status = build_chain(plan, stages, stage_count, sink, &workers[0].chain, err);
    for (uint32_t i = 1; status == STATUS_OK && i < count; i++)
        status = build_chain(plan, stages, split, NULL, &workers[i].chain, err);
    if (status == STATUS_OK)
        status = open_scan(plan, wish, &crew, &scan, err);
    for (uint32_t i = 0; i < count; i++) {
        workers[i].plan = plan;
        workers[i].scan = scan;
        workers[i].stop = &stop;
        workers[i].reports = i == 0;
        workers[i].rows_wanted = plan->ordered ? rows_wanted(plan, stages, stage_count) : 0;
    }
    if (status == STATUS_OK) {
        status = run_workers(&crew, split, err);
        if (status == STATUS_OK && wish != NULL)
            status = add_items(scan, workers[0].chain, err);
        if (status != STATUS_AGAIN)
            run_add_cost(plan->run, scan, false);
    }
    scan_close(scan);
    if (status == STATUS_OK && workers[0].chain != sink)
        status = operator_finish(workers[0].chain, err);
    for (uint32_t i = 0; i < count; i++)
        close_chain(workers[i].chain, i == 0 ? sink : NULL);
    free(workers);
    return status;
}

enum status plan_run(const struct plan *plan, struct operator *sink, struct error *err)
{
    const struct pipe *stages[QUERY_PIPES_MAX + 1];
    struct pipe own[2];
    struct rollup_wish wish;
    uint32_t count;
    enum status status = STATUS_AGAIN;

    make_stages(plan, stages, &count, own);
    if (plan_rollup(plan, &wish))
        status = run_chain(plan, stages, count, &wish, sink, err);
    return status == STATUS_AGAIN ? run_chain(plan, stages, count, NULL, sink, err) : status;
}

enum status plan_run_sub(const struct plan *outer, const struct query_tree *tree, int64_t shift_ns,
                         struct operator *sink, struct error *err)
{
    struct run *run = outer->run;
    struct time_range range = outer->range;
    struct plan *plan;
    enum status status;

    if (shift_ns != 0 || run->depth == 0)
        range = outer->resolved;
    range.min_ns -= shift_ns;
    range.max_ns -= shift_ns;
    run->depth++;
    run->range_fixed = shift_ns != 0;
    status = plan_make(run, tree, range, QUERY_ANY, &plan);
    if (status == STATUS_OK)
        status = plan_run(plan, sink, err);
    else
        (void)error_set(err, status, "%s", run->problem->message);
    run->depth--;
    return status;
}
