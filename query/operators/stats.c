/* query/operators/stats.c -- stats: a grouper and one aggregate per function. */
#include "query/operators/aggregate.h"
#include "query/operators/forms.h"
#include "query/operators/group.h"
#include "query/operators/group_codes.h"
#include "query/plan.h"
#include "query/plan_rollup.h"

#include <stdlib.h>

struct stats_operator {
    struct operator base;
    struct grouper grouper;
    struct aggregate *aggregates;
    uint32_t aggregate_count;
    bool counts_only; /* no keys, and nothing but count(): no row needs to be looked at */
};

static struct stats_operator *of(struct operator *op)
{
    return (struct stats_operator *)op;
}

static enum status reserve(struct stats_operator *stats, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < stats->aggregate_count; i++)
        status = aggregate_reserve(&stats->aggregates[i], stats->grouper.group_count, err);
    return status;
}

/* The one group of a stats without keys. */
static enum status only_group(struct stats_operator *stats, struct error *err)
{
    uint32_t group;
    enum status status = grouper_find(&stats->grouper, NULL, &group, err);

    return status == STATUS_OK ? reserve(stats, err) : status;
}

static enum status push_stats(struct operator *op, struct view *view, struct error *err)
{
    struct stats_operator *stats = of(op);
    struct grouped rows = {.count = view_selected_count(view)};
    enum status status = stats->counts_only ? only_group(stats, err)
                                            : grouper_assign(&stats->grouper, view, &rows, err);

    if (status == STATUS_OK)
        status = reserve(stats, err);
    for (uint32_t i = 0; status == STATUS_OK && i < stats->aggregate_count; i++)
        status = aggregate_update(&stats->aggregates[i], view, &rows, err);
    return status;
}

/* A field of a series of samples. */
static struct cell series_cell(const struct stats_operator *stats, uint32_t key,
                               const struct rollup_item *item)
{
    struct slice name = stats->grouper.keys[key].field;

    if (stats->grouper.fields[key] == FIELD_ID_SOURCE)
        return cell_text(item->source->path, VALUE_TEXT);
    if (stats->grouper.fields[key] == FIELD_ID_METRIC)
        return cell_text(item->metric, VALUE_TEXT);
    if (stats->grouper.fields[key] < FIELD_ID_FIRST_SPAN)
        return cell_null();
    for (uint32_t i = 0; i < item->label_count; i++)
        if (slice_equal(item->labels[i].name, name))
            return cell_text(item->labels[i].value, VALUE_TEXT);
    return cell_null();
}

static struct cell item_cell(const struct stats_operator *stats, uint32_t key,
                             const struct rollup_item *item)
{
    switch (stats->grouper.fields[key]) {
    case FIELD_ID_TIME:
        return time_bucket_cell(&stats->grouper.keys[key], stats->base.run, item->time_ns);
    case FIELD_ID_GEO:
        return cell_text(item->source->geo, VALUE_TEXT);
    case FIELD_ID_HOST:
        return cell_text(item->source->host, VALUE_TEXT);
    case FIELD_ID_ROLE:
        return cell_text(item->source->role, VALUE_TEXT);
    default:
        break;
    }
    if (item->sum != NULL)
        return series_cell(stats, key, item);
    switch (stats->grouper.fields[key]) {
    case FIELD_ID_FORMAT:
        return cell_text(item->format, VALUE_TEXT);
    case FIELD_ID_TENANT:
        return item->tenant.data == NULL ? cell_null() : cell_text(item->tenant, VALUE_TEXT);
    default:
        return cell_text(slice_of(level_name((enum level)item->level)), VALUE_LEVEL);
    }
}

enum status stats_add_item(struct operator *op, const struct rollup_item *item, struct error *err)
{
    struct stats_operator *stats = of(op);
    struct cell cells[ROLLUP_KEYS_MAX];
    uint32_t group;
    enum status status;

    for (uint32_t i = 0; i < stats->grouper.key_count; i++)
        cells[i] = item_cell(stats, i, item);
    status = grouper_find(&stats->grouper, cells, &group, err);
    if (status == STATUS_OK)
        status = reserve(stats, err);
    for (uint32_t i = 0; status == STATUS_OK && i < stats->aggregate_count; i++) {
        struct aggregate *aggregate = &stats->aggregates[i];

        if (item->value == NULL || aggregate->call->fields.count == 0 ||
            aggregate->fields[0] == item->field)
            status = aggregate_add_item(aggregate, group, item, err);
    }
    return status;
}

bool stats_items_fit(struct operator *op)
{
    struct stats_operator *stats = of(op);

    for (uint32_t i = 0; i < stats->aggregate_count; i++)
        if (!aggregate_items_fit(&stats->aggregates[i], stats->grouper.group_count))
            return false;
    return true;
}

static enum status merge_stats(struct operator *op, struct operator *other_op, struct error *err)
{
    struct stats_operator *stats = of(op), *other = of(other_op);
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < stats->aggregate_count; i++)
        aggregate_merge_type(&stats->aggregates[i], &other->aggregates[i]);
    for (uint32_t from = 0; status == STATUS_OK && from < other->grouper.group_count; from++) {
        uint32_t to;

        status = grouper_find(&stats->grouper, grouper_cells(&other->grouper, from), &to, err);
        if (status == STATUS_OK)
            status = reserve(stats, err);
        for (uint32_t i = 0; status == STATUS_OK && i < stats->aggregate_count; i++)
            status = aggregate_merge(&stats->aggregates[i], to, &other->aggregates[i], from, err);
    }
    return status;
}

static enum status result_row(struct stats_operator *stats, uint32_t group, struct cell *row,
                              struct error *err)
{
    uint32_t key_count = stats->grouper.key_count;
    const struct cell *keys = grouper_cells(&stats->grouper, group);
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < key_count; i++)
        row[i] = keys[i];
    for (uint32_t i = 0; status == STATUS_OK && i < stats->aggregate_count; i++)
        status = aggregate_result(&stats->aggregates[i], group, &row[key_count + i], err);
    return status;
}

/* How sure an answer is belongs to the answer. */
static void warn_of_estimates(struct stats_operator *stats)
{
    for (uint32_t i = 0; i < stats->aggregate_count; i++) {
        const struct aggregate *aggregate = &stats->aggregates[i];

        if (aggregate->estimates > 0)
            run_warn(stats->base.run,
                     "%.*s is an estimate in %llu groups (standard error 1.6%%)",
                     SLICE_ARG(slice_first(aggregate->call->as, 60)),
                     (unsigned long long)aggregate->estimates);
    }
}

/* A part of the groups at a time, so that the cells of all need not exist at once. */
enum { RESULT_ROWS = RESULT_CHUNK_ROWS_MAX };

static enum status push_results(struct stats_operator *stats, const field_id *fields,
                                const uint32_t *order, struct error *err)
{
    uint32_t columns = stats->grouper.key_count + stats->aggregate_count;
    uint32_t group_count = stats->grouper.group_count;
    struct cell *cells = calloc((size_t)RESULT_ROWS * columns + 1, sizeof(*cells));
    enum status status = cells == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory")
                                       : STATUS_OK;

    for (uint32_t from = 0; status == STATUS_OK && from < group_count; from += RESULT_ROWS) {
        uint32_t count = group_count - from < (uint32_t)RESULT_ROWS ? group_count - from
                                                                    : (uint32_t)RESULT_ROWS;

        for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
            status = result_row(stats, order[from + i], &cells[(size_t)i * columns], err);
        if (status == STATUS_OK)
            status = push_cells(stats->base.next, stats->base.run,
                                &(struct cell_table){fields, columns, cells, count}, err);
    }
    free(cells);
    return status == STATUS_END ? STATUS_OK : status;
}

static field_id *result_fields(struct stats_operator *stats, struct error *err)
{
    uint32_t key_count = stats->grouper.key_count;
    field_id *fields = pool_new(&stats->grouper.pool, field_id,
                                key_count + stats->aggregate_count + 1, err);

    for (uint32_t i = 0; fields != NULL && i < key_count; i++)
        fields[i] = stats->grouper.fields[i];
    for (uint32_t i = 0; fields != NULL && i < stats->aggregate_count; i++)
        fields[key_count + i] =
            names_id(&stats->base.run->names, stats->aggregates[i].call->as);
    return fields;
}

static enum status finish_stats(struct operator *op, struct error *err)
{
    struct stats_operator *stats = of(op);
    enum status status = STATUS_OK;
    uint32_t *order;
    field_id *fields;

    if (stats->grouper.key_count == 0) /* nothing at all has a count of 0 */
        status = only_group(stats, err);
    if (status == STATUS_OK)
        status = grouper_sorted(&stats->grouper, &order, err);
    if (status != STATUS_OK)
        return status;
    fields = result_fields(stats, err);
    status = fields == NULL ? STATUS_TOO_LARGE : push_results(stats, fields, order, err);
    warn_of_estimates(stats);
    return status == STATUS_OK ? operator_finish(op->next, err) : status;
}

static void close_stats(struct operator *op)
{
    struct stats_operator *stats = of(op);

    for (uint32_t i = 0; i < stats->aggregate_count; i++)
        aggregate_release(&stats->aggregates[i], stats->grouper.group_count);
    free(stats->aggregates);
    grouper_release(&stats->grouper);
    free(stats);
}

static double bucket_seconds(const struct operator *base)
{
    const struct pipe *pipe = base->pipe;
    struct time_range range = base->plan->resolved;

    for (uint32_t i = 0; i < pipe->key_count; i++)
        if (pipe->keys[i].bucket == BUCKET_TIME)
            return pipe->keys[i].step.number / 1e9;
    return range.max_ns > range.min_ns ? ((double)range.max_ns - (double)range.min_ns) / 1e9 : 1;
}

static enum status init_aggregates(struct stats_operator *stats, struct error *err)
{
    const struct operator *base = &stats->base;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < base->pipe->call_count; i++) {
        const struct stats_call *call = &base->pipe->calls[i];
        struct aggregate *aggregate = &stats->aggregates[i];

        stats->aggregate_count++;
        status = aggregate_init(aggregate, call, base->run, err);
        aggregate->seconds = bucket_seconds(base);
        aggregate->range_end_ns = base->plan->resolved.max_ns;
        if (status == STATUS_OK && call->filter != NULL)
            status = plan_pipe_filter(base->plan, call->filter, &aggregate->filter, err);
        stats->counts_only &= call->kind == STATS_COUNT && call->fields.count == 0 &&
                              call->filter == NULL;
    }
    return status;
}

enum status stats_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_stats,
                                            .finish = finish_stats,
                                            .merge = merge_stats,
                                            .close = close_stats};
    struct stats_operator *stats = operator_new(base, &ops, sizeof(*stats));
    enum status status;

    if (stats == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    stats->counts_only = base->pipe->key_count == 0;
    stats->aggregates = calloc(base->pipe->call_count + 1, sizeof(*stats->aggregates));
    if (stats->aggregates == NULL) {
        close_stats(&stats->base);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    status = grouper_init(&stats->grouper, base->run, base->pipe->keys, base->pipe->key_count,
                          err);
    if (status == STATUS_OK)
        status = init_aggregates(stats, err);
    if (status != STATUS_OK)
        close_stats(&stats->base);
    else
        *out = &stats->base;
    return status;
}
