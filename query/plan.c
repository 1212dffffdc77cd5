/* query/plan.c -- from tree to plan: range of time, filter of the store, order, columns. */
#include "query/plan.h"

#include "query/limits.h"
#include "query/operators/values_sink.h"
#include "query/query_impl.h"
#include "store/store.h"

enum { SUBQUERY_DEPTH_MAX = 16 };

static enum status no_memory(struct run *run)
{
    return problem_set(run->problem, "query_limit", 0, 0, "the query is too large to plan");
}

/* ---- the parts of the filter that are ANDed ---- */

/* The i-th of the filters that all rows must pass, NULL behind the last. */
static const struct filter *conjunct(const struct filter *filter, uint32_t i)
{
    if (filter->kind == FILTER_AND)
        return i < filter->child_count ? filter->children[i] : NULL;
    return i == 0 ? filter : NULL;
}

static enum status narrow_range(struct plan *plan, const struct filter *filter)
{
    struct run *run = plan->run;
    struct time_range outer = plan->range;
    int64_t end_ns = outer.max_ns == INT64_MAX ? run->now_ns : outer.max_ns;
    const struct filter *part;
    bool own = false;

    if (run->range_fixed) { /* the same query over a shifted range */
        run->range_fixed = false;
        return STATUS_OK;
    }
    for (uint32_t i = 0; (part = conjunct(filter, i)) != NULL; i++) {
        struct time_range range;

        if (part->kind != FILTER_TIME)
            continue;
        range = time_filter_range(&part->time, run->zone, end_ns);
        if (time_filter_check(part, range, run->problem) != STATUS_OK)
            return STATUS_INVALID;
        /* A subquery's own _time replaces the outer range. */
        plan->range = own || run->depth == 0 ? time_range_and(plan->range, range) : range;
        own = true;
    }
    return STATUS_OK;
}

static bool tests_metric(const struct filter *filter)
{
    return (filter->kind == FILTER_TEXT || filter->kind == FILTER_REGEX ||
            filter->kind == FILTER_IN || filter->kind == FILTER_EXISTS) &&
           slice_is(filter->field, "metric");
}

static void choose_table(struct plan *plan, const struct filter *filter)
{
    const struct filter *part;

    plan->table = SCAN_EVENTS;
    for (uint32_t i = 0; (part = conjunct(filter, i)) != NULL; i++)
        if (tests_metric(part))
            plan->table = SCAN_SAMPLES;
}

static enum status add_filter(struct plan *plan, const struct filter *filter)
{
    struct run *run = plan->run;
    const struct predicate *predicate;
    const struct filter *part;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && (part = conjunct(filter, i)) != NULL; i++) {
        if (part->kind == FILTER_TIME || part->kind == FILTER_ALL)
            continue;
        status = filter_compile(&run->compiler, part, &predicate);
        if (status != STATUS_OK)
            break;
        plan->filter = predicate_and(&run->arena, plan->filter, predicate);
        if (plan->filter == NULL)
            status = no_memory(run);
    }
    return status;
}

/* `where` directly behind the filters is one of them. A time in it stays a test of rows. */
static enum status fold_where(struct plan *plan)
{
    const struct query_tree *tree = plan->tree;
    const struct predicate *predicate;

    for (; plan->pipe_first < tree->pipe_count; plan->pipe_first++) {
        const struct pipe *pipe = &tree->pipes[plan->pipe_first];
        enum status status;

        if (pipe->kind != PIPE_WHERE)
            break;
        status = filter_compile(&plan->run->compiler, pipe->filter, &predicate);
        if (status != STATUS_OK)
            return status;
        plan->filter = predicate_and(&plan->run->arena, plan->filter, predicate);
        if (plan->filter == NULL)
            return no_memory(plan->run);
    }
    return STATUS_OK;
}

/* ---- unknown fields ---- */

static const char *nearest_field(struct slice field)
{
    return nearest_name(field, well_known_field_names, FIELD_ID_WELL_KNOWN_COUNT);
}

static void warn_of_field(struct run *run, struct slice field)
{
    const char *near = nearest_field(field);

    run_warn(run, "no row has a field \"%.*s\"%s%s%s", SLICE_ARG(slice_first(field, 64)),
             near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
             near == NULL ? "" : "\"?");
}

static enum status unknown_field(void *user, const struct filter *filter)
{
    struct run *run = user;
    const char *near = nearest_field(filter->field);

    if (!run->options->strict) {
        warn_of_field(run, filter->field);
        return STATUS_OK;
    }
    problem_set(run->problem, "unknown_field", filter->at, filter->length,
                "no row has a field \"%.*s\"", SLICE_ARG(slice_first(filter->field, 64)));
    if (near != NULL)
        problem_hint(run->problem, "%s", near);
    return STATUS_INVALID;
}

/* ---- values of subqueries ---- */

static enum status subquery_values(void *user, const struct query_tree *query,
                                   struct arena *arena, const struct slice **out, uint32_t *count,
                                   struct query_problem *problem)
{
    const struct plan *outer = user;
    struct operator *sink;
    struct error err = {0};
    enum status status = values_sink_new(outer->run, &sink, &err);

    if (status == STATUS_OK)
        status = plan_run_sub(outer, query, 0, sink, &err);
    if (status == STATUS_OK)
        status = values_sink_take(sink, arena, out, count, &err);
    if (sink != NULL)
        operator_close_all(sink);
    return status == STATUS_OK ? STATUS_OK : problem_from_error(problem, &err);
}

static enum status compile_filters(struct plan *plan)
{
    struct run *run = plan->run;
    struct filter_compiler outer = run->compiler;
    const struct query *scope = run->options->scope;
    enum status status;

    run->compiler.end_ns = plan->range.max_ns == INT64_MAX ? run->now_ns : plan->range.max_ns;
    run->compiler.values = subquery_values;
    run->compiler.values_user = plan;
    run->compiler.unknown_field = unknown_field;
    run->compiler.unknown_user = run;
    run->compiler.for_store = true;
    run->compiler.depth = 0;
    status = add_filter(plan, plan->tree->filter);
    if (status == STATUS_OK)
        status = fold_where(plan);
    run->compiler.unknown_field = NULL; /* what a token may see is not the user's text */
    if (status == STATUS_OK && scope != NULL) {
        const struct predicate *predicate;

        status = filter_compile(&run->compiler, query_tree_of(scope)->filter, &predicate);
        if (status == STATUS_OK) {
            plan->scope = predicate;
            plan->filter = predicate_and(&run->arena, plan->filter, predicate);
        }
        if (status == STATUS_OK && plan->filter == NULL)
            status = no_memory(run);
    }
    outer.calls = run->compiler.calls; /* a subquery compiles while its outer filter does */
    run->compiler = outer;
    return status;
}

enum status plan_pipe_filter(const struct plan *plan, const struct filter *filter,
                             const struct predicate **out, struct error *err)
{
    struct run *run = plan->run;
    enum status status;

    run->compiler.end_ns = plan->resolved.max_ns;
    run->compiler.values = subquery_values;
    run->compiler.values_user = (void *)plan;
    run->compiler.for_store = false;
    status = filter_compile(&run->compiler, filter, out);
    return status == STATUS_OK ? STATUS_OK : error_set(err, status, "%s", run->problem->message);
}

/* ---- order and columns ---- */

/* `sort by (_time)` first of all is the order in which files are merged: a file whose own stamps
 * run backwards keeps its order. */
bool plan_sorts_by_time(const struct pipe *pipe)
{
    return pipe->kind == PIPE_SORT && pipe->sort_key_count == 1 && pipe->others.count == 0 &&
           slice_is(pipe->sort_keys[0].field, "_time");
}

static bool order_matters(const struct plan *plan)
{
    const struct query_tree *tree = plan->tree;

    for (uint32_t i = plan->pipe_first; i < tree->pipe_count; i++) {
        unsigned traits = operator_forms[tree->pipes[i].kind].traits;

        if (traits & OPERATOR_NEEDS_ORDER)
            return true;
        if (!(traits & OPERATOR_KEEPS_ORDER))
            return false;
    }
    return true;
}

static void choose_order(struct plan *plan, enum query_order order)
{
    const struct query_tree *tree = plan->tree;
    const struct pipe *first = plan->pipe_first < tree->pipe_count
                                   ? &tree->pipes[plan->pipe_first] : NULL;

    plan->newest_first = order == QUERY_NEWEST;
    plan->ordered = order != QUERY_ANY && order_matters(plan);
    if (first != NULL && plan_sorts_by_time(first)) {
        plan->ordered = true;
        plan->newest_first = first->sort_keys[0].descending;
    }
    if (first != NULL && first->kind == PIPE_STATS && first->key_count == 0) {
        plan->count_only = true;
        for (uint32_t i = 0; i < first->call_count; i++)
            plan->count_only &= first->calls[i].kind == STATS_COUNT &&
                                first->calls[i].fields.count == 0 && first->calls[i].filter == NULL;
    }
}

/* stats by (tennant): one group of nothing, which nobody wanted. Only of the first pipe: those behind it
 * may look at what it makes. Names with _ are ours. */
static enum status warn_of_columns(struct plan *plan)
{
    struct run *run = plan->run;
    struct field_set behind = {0}, columns;

    if (plan->pipe_first == plan->tree->pipe_count)
        return STATUS_OK;
    if (!pipe_needs(&plan->tree->pipes[plan->pipe_first], &run->names, &run->arena, &behind,
                    &columns))
        return no_memory(run);
    for (uint32_t i = 0; i < columns.count; i++) {
        struct slice name = names_text(&run->names, columns.fields[i]);

        if (names_is_local(columns.fields[i]) && !slice_starts(name, slice_of("_")))
            warn_of_field(run, name);
    }
    return STATUS_OK;
}

/* From the end to the front: what each pipe must still be given. */
static enum status find_needed(struct plan *plan)
{
    struct run *run = plan->run;
    uint32_t count = plan->tree->pipe_count;
    struct field_set behind = {.all = true};

    plan->needed = arena_new(&run->arena, struct field_set, count + 1);
    if (plan->needed == NULL)
        return no_memory(run);
    for (uint32_t i = count; i > plan->pipe_first; i--) {
        struct field_set before;

        plan->needed[i - 1] = behind;
        if (!pipe_needs(&plan->tree->pipes[i - 1], &run->names, &run->arena, &behind, &before))
            return no_memory(run);
        behind = before;
    }
    plan->scanned = behind;
    return warn_of_columns(plan);
}

static void resolve_range(struct plan *plan)
{
    struct store_stats stats;

    store_stats(plan->run->store, &stats);
    plan->resolved = plan->range;
    if (plan->range.min_ns == INT64_MIN)
        plan->resolved.min_ns = stats.time_min_ns;
    if (plan->range.max_ns == INT64_MAX)
        plan->resolved.max_ns = stats.time_max_ns >= plan->run->now_ns ? stats.time_max_ns + 1
                                                                       : plan->run->now_ns;
    if (plan->resolved.max_ns < plan->resolved.min_ns)
        plan->resolved.max_ns = plan->resolved.min_ns;
}

enum status plan_make(struct run *run, const struct query_tree *tree, struct time_range range,
                      enum query_order order, struct plan **out)
{
    struct plan *plan = arena_new(&run->arena, struct plan, 1);
    enum status status;

    if (plan == NULL)
        return no_memory(run);
    if (run->depth > SUBQUERY_DEPTH_MAX)
        return problem_set(run->problem, "query_limit", 0, 0, "subqueries nested more than %d deep",
                           SUBQUERY_DEPTH_MAX);
    *plan = (struct plan){.run = run, .tree = tree, .range = range};
    status = narrow_range(plan, tree->filter);
    if (status != STATUS_OK)
        return status;
    choose_table(plan, tree->filter);
    resolve_range(plan);
    status = compile_filters(plan);
    if (status != STATUS_OK)
        return status;
    choose_order(plan, order);
    *out = plan;
    return find_needed(plan);
}

enum status plan_columns(const struct plan *plan, struct field_set *out)
{
    struct run *run = plan->run;
    struct field_set columns = {.all = true};

    for (uint32_t i = plan->pipe_first; i < plan->tree->pipe_count; i++) {
        struct field_set behind;

        if (!pipe_gives(&plan->tree->pipes[i], &run->names, &run->arena, &columns, &behind))
            return no_memory(run);
        columns = behind;
    }
    *out = columns;
    return STATUS_OK;
}

void plan_scan_options(const struct plan *plan, struct scan_options *out)
{
    const struct query_options *options = plan->run->options;

    *out = (struct scan_options){
        .time_min_ns = plan->range.min_ns,
        .time_max_ns = plan->range.max_ns,
        .filter = plan->filter,
        .table = plan->table,
        .order = !plan->ordered ? SCAN_ANY : plan->newest_first ? SCAN_NEWEST : SCAN_OLDEST,
        .order_bounded = plan->order_bounded,
        .order_first_ns = plan->order_first_ns,
        .order_last_ns = plan->order_last_ns,
        .open_events = options->open_events,
        .count_only = plan->count_only,
        .after_sequence = options->after_sequence,
        .cancel = options->cancel,
        .deadline_ns = run_block_deadline(options),
    };
}
