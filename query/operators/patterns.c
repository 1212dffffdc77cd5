/* query/operators/patterns.c -- rows by the template of their line. Rows are counted by the codes of
 * their templates; of each template one line is rendered: its oldest. */
#include "query/operators/forms.h"
#include "query/operators/group.h"

#include "query/limits.h"
#include "query/plan.h"
#include "store/registry.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    PATTERNS_DEFAULT = 50,
    OWN_COLUMNS = 8,          /* beside the keys: see columns[] */
    SYNC_SEGMENTS_MAX = 256,  /* a query reads so many that the worker has not come to: 2 s */
};

static const char *const columns[OWN_COLUMNS] = {
    "template", "pattern", "count", "share", "first_seen", "last_seen", "hosts", "sample",
};

/* What is known of one group: the template is the last of its keys. */
struct tally {
    uint64_t count, hosts;
    int64_t first_ns, last_ns;
    int64_t sample_ns;
    struct slice pattern, sample; /* in the pool */
    int64_t view_ns; /* oldest row of the view that is being pushed */
    uint32_t view_row;
    uint32_t view_number;
};

struct patterns_operator {
    struct operator base;
    struct grouper grouper; /* keys of `by`, then the template */
    struct grouper hosts;   /* the same and the host */
    struct tally *tallies;  /* by group */
    uint32_t tally_capacity, view_number;
    uint64_t total;
    int64_t since_ns; /* INT64_MIN: all */
};

static struct patterns_operator *of(struct operator *op)
{
    return (struct patterns_operator *)op;
}

static enum status reserve(struct patterns_operator *op, struct error *err)
{
    return memory_grow(&op->base.run->memory, (void **)&op->tallies, &op->tally_capacity,
                       op->grouper.group_count, sizeof(*op->tallies), err);
}

static uint32_t group_at(const struct grouped *rows, uint32_t index)
{
    return rows->groups == NULL ? rows->single : rows->groups[index];
}

static void count_row(struct tally *tally, uint32_t view_number, uint32_t row, int64_t time_ns)
{
    if (tally->count == 0 || time_ns < tally->first_ns)
        tally->first_ns = time_ns;
    if (tally->count == 0 || time_ns > tally->last_ns)
        tally->last_ns = time_ns;
    if (tally->view_number != view_number || time_ns < tally->view_ns) {
        tally->view_number = view_number;
        tally->view_ns = time_ns;
        tally->view_row = row;
    }
    tally->count++;
}

/* The older line is the sample; of two of one time the lesser, so that threads agree. */
static bool is_better_sample(const struct tally *tally, int64_t time_ns, struct slice line)
{
    return tally->sample.data == NULL || time_ns < tally->sample_ns ||
           (time_ns == tally->sample_ns && slice_compare(line, tally->sample) < 0);
}

static enum status offer_sample(struct patterns_operator *op, struct tally *tally,
                                int64_t time_ns, struct slice line, struct error *err)
{
    if (line.data == NULL)
        line = SLICE_LITERAL("");
    if (!is_better_sample(tally, time_ns, line))
        return STATUS_OK;
    tally->sample_ns = time_ns;
    return pool_copy(&op->grouper.pool, line, &tally->sample, err);
}

/* Render the oldest line of each group of the view, if it can be the sample. */
static enum status take_samples(struct patterns_operator *op, struct view *view,
                                const struct grouped *rows, struct error *err)
{
    struct buf line = buf_empty(op->base.run->memory.size_max);
    struct column patterns;
    enum status status = view_column(view, FIELD_ID_PATTERN, true, &patterns, err);

    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        struct tally *tally = &op->tallies[group_at(rows, i)];
        struct cell pattern;

        if (tally->view_row != rows->rows[i] ||
            (tally->sample.data != NULL && tally->view_ns > tally->sample_ns))
            continue;
        if (tally->pattern.data == NULL) {
            pattern = cell_of(&patterns, rows->rows[i]);
            status = pool_copy(&op->grouper.pool,
                               pattern.kind == CELL_TEXT ? pattern.text : SLICE_LITERAL(""),
                               &tally->pattern, err);
        }
        buf_reset(&line);
        if (status == STATUS_OK && view->source != NULL)
            status = block_render(view->source, rows->rows[i], &line, err);
        if (status == STATUS_OK)
            status = offer_sample(op, tally, tally->view_ns, buf_slice(&line), err);
    }
    buf_release(&line);
    return status;
}

static enum status drop_rows_without(struct view *view, struct error *err)
{
    struct column templates;
    uint64_t *kept = arena_new(view_arena(view), uint64_t, bit_words(view_row_count(view)) + 1);
    enum status status = view_column(view, FIELD_ID_TEMPLATE, true, &templates, err);

    if (status == STATUS_OK && kept == NULL)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++)
        if (bit_get(view->base.selected, row) && cell_of(&templates, row).kind == CELL_TEXT)
            bit_set(kept, row);
    if (status == STATUS_OK)
        view_keep(view, kept);
    return status;
}

static enum status push_patterns(struct operator *base, struct view *view, struct error *err)
{
    struct patterns_operator *op = of(base);
    struct grouped rows, hosts;
    struct column times;
    enum status status = drop_rows_without(view, err);

    if (status != STATUS_OK || view_selected_count(view) == 0)
        return status;
    status = grouper_assign(&op->grouper, view, &rows, err);
    if (status == STATUS_OK)
        status = reserve(op, err);
    if (status == STATUS_OK)
        status = grouper_assign(&op->hosts, view, &hosts, err);
    if (status == STATUS_OK)
        status = view_column(view, FIELD_ID_TIME, false, &times, err);
    if (status != STATUS_OK)
        return status;
    op->total += rows.count;
    op->view_number++;
    for (uint32_t i = 0; i < rows.count; i++)
        count_row(&op->tallies[group_at(&rows, i)], op->view_number, rows.rows[i],
                  times.kind == COLUMN_INT ? times.ints[rows.rows[i]] : 0);
    return take_samples(op, view, &rows, err);
}

static enum status merge_tally(struct patterns_operator *op, struct tally *to,
                               const struct tally *from, struct error *err)
{
    if (to->count == 0 || from->first_ns < to->first_ns)
        to->first_ns = from->first_ns;
    if (to->count == 0 || from->last_ns > to->last_ns)
        to->last_ns = from->last_ns;
    to->count += from->count;
    if (to->pattern.data == NULL && pool_copy(&op->grouper.pool, from->pattern, &to->pattern,
                                              err) != STATUS_OK)
        return STATUS_TOO_LARGE;
    return offer_sample(op, to, from->sample_ns, from->sample, err);
}

static enum status merge_patterns(struct operator *base, struct operator *other_base,
                                  struct error *err)
{
    struct patterns_operator *op = of(base), *other = of(other_base);
    enum status status = STATUS_OK;
    uint32_t to;

    for (uint32_t from = 0; status == STATUS_OK && from < other->grouper.group_count; from++) {
        status = grouper_find(&op->grouper, grouper_cells(&other->grouper, from), &to, err);
        if (status == STATUS_OK)
            status = reserve(op, err);
        if (status == STATUS_OK)
            status = merge_tally(op, &op->tallies[to], &other->tallies[from], err);
    }
    for (uint32_t from = 0; status == STATUS_OK && from < other->hosts.group_count; from++)
        status = grouper_find(&op->hosts, grouper_cells(&other->hosts, from), &to, err);
    op->total += other->total;
    return status;
}

/* ---- the answer ---- */

/* The keys of a group of `hosts` begin with those of the group that it belongs to. */
static enum status count_hosts(struct patterns_operator *op, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t to;

    for (uint32_t i = 0; status == STATUS_OK && i < op->hosts.group_count; i++) {
        status = grouper_find(&op->grouper, grouper_cells(&op->hosts, i), &to, err);
        if (status == STATUS_OK)
            op->tallies[to].hosts++;
    }
    return status;
}

static struct slice template_of(const struct patterns_operator *op, uint32_t group)
{
    return grouper_cells(&op->grouper, group)[op->grouper.key_count - 1].text;
}

/* When the store saw each template first, which may be long before the rows of this query. */
static enum status ask_registry(struct patterns_operator *op, struct error *err)
{
    struct store *store = op->base.run->store;
    uint32_t left;
    enum status status = store_templates_sync(store, SYNC_SEGMENTS_MAX, &left, err);

    if (status != STATUS_OK)
        return status;
    if (left > 0)
        run_warn(op->base.run, "first_seen may be too late: %u segments are not looked at yet",
                 left);
    for (uint32_t i = 0; i < op->grouper.group_count; i++) {
        struct slice digits = template_of(op, i);
        struct template_seen seen;
        uint64_t id = 0;

        for (size_t at = 0; at < digits.len; at++)
            id = id * 16 + (uint64_t)(digits.data[at] <= '9' ? digits.data[at] - '0'
                                                             : digits.data[at] - 'a' + 10);
        if (store_template_seen(store, id, &seen) && seen.first_ns < op->tallies[i].first_ns)
            op->tallies[i].first_ns = seen.first_ns;
    }
    return STATUS_OK;
}

static int compare_counts(const void *a, const void *b, void *user)
{
    const struct patterns_operator *op = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (op->tallies[x].count != op->tallies[y].count)
        return op->tallies[x].count > op->tallies[y].count ? -1 : 1;
    for (uint32_t i = 0; i < op->grouper.key_count; i++) {
        int order = cell_compare(&grouper_cells(&op->grouper, x)[i],
                                 &grouper_cells(&op->grouper, y)[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

static void put_row(const struct patterns_operator *op, uint32_t group, struct cell *row)
{
    const struct tally *tally = &op->tallies[group];
    uint32_t by = op->grouper.key_count - 1;

    memcpy(row, grouper_cells(&op->grouper, group), op->grouper.key_count * sizeof(*row));
    row += by + 1;
    *row++ = cell_text(tally->pattern, VALUE_TEXT);
    *row++ = cell_int((int64_t)tally->count, VALUE_INT);
    *row++ = cell_float((double)tally->count / (double)op->total, VALUE_FLOAT);
    *row++ = cell_int(tally->first_ns, VALUE_TIME);
    *row++ = cell_int(tally->last_ns, VALUE_TIME);
    *row++ = cell_int((int64_t)tally->hosts, VALUE_INT);
    *row = cell_text(tally->sample, VALUE_TEXT);
}

static enum status push_rows(struct patterns_operator *op, const uint32_t *order, uint32_t count,
                             struct error *err)
{
    struct pool *pool = &op->grouper.pool;
    uint32_t by = op->grouper.key_count - 1, width = by + OWN_COLUMNS;
    field_id *fields = pool_new(pool, field_id, width, err);
    struct cell *cells = fields == NULL
                             ? NULL : pool_new(pool, struct cell, (size_t)count * width + 1, err);

    if (cells == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < by; i++)
        fields[i] = op->grouper.fields[i];
    for (uint32_t i = 0; i < OWN_COLUMNS; i++)
        fields[by + i] = names_id(&op->base.run->names, slice_of(columns[i]));
    for (uint32_t i = 0; i < count; i++)
        put_row(op, order[i], &cells[(size_t)i * width]);
    return push_cells(op->base.next, op->base.run,
                      &(struct cell_table){fields, width, cells, count}, err);
}

static enum status finish_patterns(struct operator *base, struct error *err)
{
    struct patterns_operator *op = of(base);
    uint64_t limit = base->pipe->count == 0 ? PATTERNS_DEFAULT : base->pipe->count;
    uint32_t kept = 0, *order;
    enum status status = count_hosts(op, err);

    if (status == STATUS_OK)
        status = grouper_sorted(&op->grouper, &order, err);
    if (status == STATUS_OK)
        status = ask_registry(op, err);
    if (status != STATUS_OK)
        return status;
    qsort_r(order, op->grouper.group_count, sizeof(*order), compare_counts, op);
    for (uint32_t i = 0; i < op->grouper.group_count; i++)
        if (op->tallies[order[i]].first_ns >= op->since_ns)
            order[kept++] = order[i];
    if (kept > limit) {
        run_warn(base->run, "patterns: %" PRIu64 " of %u are shown; ask for more with patterns N",
                 limit, kept);
        kept = (uint32_t)limit;
    }
    status = push_rows(op, order, kept, err);
    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(base->next, err) : status;
}

static void close_patterns(struct operator *base)
{
    struct patterns_operator *op = of(base);

    memory_free(&base->run->memory, (void **)&op->tallies, &op->tally_capacity,
                sizeof(*op->tallies));
    grouper_release(&op->grouper);
    grouper_release(&op->hosts);
    free(op);
}

static enum status init_groupers(struct patterns_operator *op, struct error *err)
{
    const struct name_list *by = &op->base.pipe->fields;
    struct slice names[QUERY_NAMES_MAX + 2];
    struct name_list list = {names, by->count + 1};
    enum status status;

    for (uint32_t i = 0; i < by->count; i++)
        names[i] = by->items[i];
    names[by->count] = SLICE_LITERAL("_template");
    names[by->count + 1] = SLICE_LITERAL("host");
    status = grouper_init_names(&op->grouper, op->base.run, &list, err);
    list.count++;
    if (status == STATUS_OK)
        status = grouper_init_names(&op->hosts, op->base.run, &list, err);
    return status;
}

enum status patterns_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_patterns,
                                            .finish = finish_patterns,
                                            .merge = merge_patterns,
                                            .close = close_patterns};
    struct patterns_operator *op = operator_new(base, &ops, sizeof(*op));
    enum status status;

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->since_ns = INT64_MIN;
    if (base->pipe->since != NULL)
        op->since_ns = time_filter_range(base->pipe->since, base->run->zone,
                                         base->plan->resolved.max_ns).min_ns;
    status = init_groupers(op, err);
    if (status != STATUS_OK)
        close_patterns(&op->base);
    else
        *out = &op->base;
    return status;
}
