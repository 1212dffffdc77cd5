/* query/query.c -- the facade: parse, print, run. */
#include "query/query.h"

#include "base/io.h"
#include "base/memory_budget.h"
#include "base/time_stamp.h"
#include "query/grammar.h"
#include "query/limits.h"
#include "query/operators/result_sink.h"
#include "query/plan.h"
#include "query/query_impl.h"
#include "store/store.h"

#include <stdlib.h>

static enum status no_memory(struct query_problem *problem)
{
    problem_set(problem, "query_limit", 0, 0, "out of memory");
    return STATUS_NO_MEMORY;
}

enum status query_parse(struct slice text, struct query **out, struct query_problem *problem)
{
    struct query *query = calloc(1, sizeof(*query));
    struct slice own;
    enum status status;

    if (query == NULL)
        return no_memory(problem);
    query->arena = arena_empty(QUERY_TREE_SIZE_MAX);
    own = arena_copy(&query->arena, slice_first(text, QUERY_TEXT_SIZE_MAX + 1));
    status = own.data == NULL ? no_memory(problem)
                              : grammar_query(own, &query->arena, &query->tree, problem);
    if (status != STATUS_OK)
        query_free(query);
    else
        *out = query;
    return status;
}

enum status query_add_pipes(struct query *query, struct slice pipes,
                            struct query_problem *problem)
{
    struct slice own = arena_copy(&query->arena, slice_first(pipes, QUERY_TEXT_SIZE_MAX + 1));
    struct query_tree more;
    struct pipe *all;
    uint32_t count;
    enum status status = own.data == NULL ? no_memory(problem)
                                          : grammar_pipes(own, &query->arena, &more, problem);

    if (status != STATUS_OK)
        return status;
    count = query->tree.pipe_count + more.pipe_count;
    if (count > QUERY_PIPES_MAX)
        return problem_set(problem, "query_limit", 0, pipes.len, "more than %u pipes",
                           QUERY_PIPES_MAX);
    all = arena_new(&query->arena, struct pipe, count);
    if (all == NULL)
        return no_memory(problem);
    for (uint32_t i = 0; i < count; i++)
        all[i] = i < query->tree.pipe_count ? query->tree.pipes[i]
                                            : more.pipes[i - query->tree.pipe_count];
    query->tree.pipes = all;
    query->tree.pipe_count = count;
    return STATUS_OK;
}

void query_free(struct query *query)
{
    if (query == NULL)
        return;
    arena_release(&query->arena);
    free(query);
}

bool query_print(const struct query *query, struct buf *out)
{
    return tree_print(&query->tree, out);
}

bool query_gives_rows(const struct query *query)
{
    for (uint32_t i = 0; i < query->tree.pipe_count; i++)
        if (!(operator_forms[query->tree.pipes[i].kind].traits & OPERATOR_KEEPS_ROWS))
            return false;
    return true;
}

bool query_can_tail(const struct query *query, struct query_problem *problem)
{
    for (uint32_t i = 0; i < query->tree.pipe_count; i++) {
        const struct pipe *pipe = &query->tree.pipes[i];

        if (operator_forms[pipe->kind].traits & OPERATOR_TAILS)
            continue;
        problem_set(problem, "query_type", pipe->at, pipe->length,
                    "live tail cannot wait for the end that \"%s\" needs", pipe_names[pipe->kind]);
        return false;
    }
    return true;
}

/* ---- the end record ---- */

struct gap_list {
    struct run *run;
    struct query_gap gaps[QUERY_GAPS_MAX];
    uint64_t count;
};

static void add_gap(void *user, const struct event_source *source, const struct loss *loss)
{
    struct gap_list *list = user;
    struct query_gap *gap;

    list->count++;
    /* What a token with a filter may see is not known of a gap: it learns their number only. */
    if (list->run->options->scope != NULL || list->count > QUERY_GAPS_MAX)
        return;
    gap = &list->gaps[list->count - 1];
    *gap = (struct query_gap){.geo = source->geo,
                              .host = source->host,
                              .role = source->role,
                              .source = source->path,
                              .from_offset = loss->from_offset,
                              .to_offset = loss->to_offset,
                              .time_ns = loss->time_ns};
    gap->reason = arena_copy(&list->run->arena, loss->reason); /* lent for this call only */
}

static const char *code_of(const struct run *run, enum status status)
{
    struct query_problem problem;
    struct error err = {.status = status};

    if (status == STATUS_OK)
        return NULL;
    if (status == STATUS_CANCELLED && atomic_load((atomic_bool *)&run->timed_out))
        return "timeout";
    (void)problem_from_error(&problem, &err);
    return problem.code;
}

static void send_end(struct run *run, const struct plan *plan, enum status status,
                     const struct error *err)
{
    struct gap_list *gaps = calloc(1, sizeof(*gaps));
    const char *warnings[QUERY_WARNINGS_MAX];
    struct query_end end = {
        .status = status,
        .code = code_of(run, status),
        .message = status == STATUS_OK ? NULL : err->message,
        .rows = run->rows_sent,
        .rows_matched = run->cost.rows_selected,
        .rows_scanned = run->cost.rows_scanned,
        .rows_covered = run->cost.rows_total,
        .bytes_read = run->cost.bytes_read,
        .blocks_read = run->cost.blocks_read,
        .blocks_skipped = run->cost.blocks_skipped,
        .elapsed_ns = (uint64_t)(io_mono_ns(io_system()) - run->start_mono_ns),
        .memory_peak = atomic_load(&run->memory.peak),
        .regex_over_limit = atomic_load(&run->regex_over_limit),
        .truncated = run->limited ? "limit" : NULL,
        .sampled = run->sampled,
    };

    if (gaps != NULL) {
        gaps->run = run;
        store_losses(run->store, plan->resolved.min_ns, plan->resolved.max_ns, add_gap, gaps);
        end.gap_count = gaps->count;
        end.gaps = gaps->gaps;
    }
    if (end.regex_over_limit > 0)
        run_warn(run, "a regex gave up on %llu values; they count as no match",
                 (unsigned long long)end.regex_over_limit);
    for (; end.warning_count < run->warning_count; end.warning_count++)
        warnings[end.warning_count] = run->warnings[end.warning_count];
    end.warnings = warnings;
    end.complete = status == STATUS_OK && !run->limited && run->sampled == 0 &&
                   run->cost.pages_damaged == 0 && end.gap_count == 0 && gaps != NULL &&
                   end.regex_over_limit == 0;
    if (run->receiver->end != NULL)
        run->receiver->end(run->receiver->user, &end);
    free(gaps);
}

/* ---- run ---- */

static struct time_range request_range(const struct query_options *options)
{
    if (options->start_ns == 0 && options->end_ns == 0)
        return TIME_RANGE_ALL;
    return (struct time_range){options->start_ns,
                               options->end_ns == 0 ? INT64_MAX : options->end_ns};
}

static enum status fail_before_head(struct run *run, enum status status, struct error *err)
{
    err->status = status;
    if (run->problem->code == NULL)
        (void)problem_from_error(run->problem, err);
    if (status == STATUS_CANCELLED)
        run->problem->code = code_of(run, status);
    return status;
}

static enum status run_plan(struct run *run, const struct plan *plan, struct error *err)
{
    struct operator *sink;
    enum status status = result_sink_new(plan, &sink, err);

    if (status != STATUS_OK)
        return fail_before_head(run, status, err);
    status = plan_run(plan, sink, err);
    if (status == STATUS_END)
        status = STATUS_OK;
    if (status == STATUS_OK && atomic_load(&run->timed_out)) /* in the last block */
        status = run_check(run, err);
    if (status == STATUS_OK)
        status = result_sink_finish(sink, err);
    status = run_explain_error(run, status, err);
    if (result_sink_has_head(sink))
        send_end(run, plan, status, err);
    if (status != STATUS_OK)
        (void)fail_before_head(run, status, err);
    operator_close_all(sink);
    return status;
}

enum status query_run(const struct query *query, struct store *store,
                      const struct query_options *options, const struct query_receiver *receiver,
                      struct query_problem *problem)
{
    enum memory_class before = memory_budget_enter(MEMORY_QUERIES);
    struct run run;
    struct plan *plan;
    struct error err = {0};
    enum status status;

    *problem = (struct query_problem){.line = 1};
    status = run_init(&run, store, options, receiver, problem, &err);
    if (status != STATUS_OK) {
        (void)memory_budget_enter(before);
        return problem_from_error(problem, &err);
    }
    status = run_admit(&run, &err);
    if (status != STATUS_OK)
        (void)fail_before_head(&run, status, &err);
    if (status == STATUS_OK)
        status = plan_make(&run, &query->tree, request_range(options), options->order, &plan);
    if (status == STATUS_OK)
        status = run_plan(&run, plan, &err);
    run_release(&run);
    (void)memory_budget_enter(before);
    return status;
}

/* ---- explain ---- */

static void explain_plan(struct run *run, const struct plan *plan, struct buf *out)
{
    char start[STAMP_TEXT_SIZE], end[STAMP_TEXT_SIZE];

    (void)stamp_print(plan->resolved.min_ns, 3, start);
    (void)stamp_print(plan->resolved.max_ns, 3, end);
    buf_printf(out, "range    %s .. %s%s\n", start, end,
               plan->range.min_ns == INT64_MIN ? " (all that is retained)" : "");
    buf_printf(out, "table    %s\n", plan->table == SCAN_SAMPLES ? "samples" : "events");
    buf_append_text(out, "filter   ");
    (void)filter_print(plan->tree->filter, out);
    for (uint32_t i = 0; i < plan->pipe_first; i++) {
        buf_append_text(out, " ");
        (void)filter_print(plan->tree->pipes[i].filter, out);
    }
    buf_printf(out, "\norder    %s\n", !plan->ordered ? "any" : plan->newest_first ? "newest first"
                                                                                : "oldest first");
    buf_append_text(out, "columns  ");
    for (uint32_t i = 0; i < plan->scanned.count; i++)
        buf_printf(out, "%s%.*s", i == 0 ? "" : ", ",
                   SLICE_ARG(names_text(&run->names, plan->scanned.fields[i])));
    buf_printf(out, "%s\n", plan->scanned.all ? " (all)" : plan->count_only ? "none: counts only"
                                                                           : "");
    for (uint32_t i = plan->pipe_first; i < plan->tree->pipe_count; i++) {
        buf_append_text(out, "pipe     ");
        (void)pipe_print(&plan->tree->pipes[i], out);
        buf_append_text(out, "\n");
    }
}

enum status query_explain(const struct query *query, struct store *store,
                          const struct query_options *options, struct buf *out,
                          struct query_problem *problem)
{
    static const struct query_receiver nobody = {0};
    struct run run;
    struct plan *plan;
    struct error err = {0};
    enum status status;

    *problem = (struct query_problem){.line = 1};
    status = run_init(&run, store, options, &nobody, problem, &err);
    if (status != STATUS_OK)
        return problem_from_error(problem, &err);
    status = plan_make(&run, &query->tree, request_range(options), options->order, &plan);
    if (status == STATUS_OK)
        explain_plan(&run, plan, out);
    run_release(&run);
    if (status == STATUS_OK && buf_check(out, "the plan", &err) != STATUS_OK)
        return problem_from_error(problem, &err);
    return status;
}
