/* query/operators/diff_against.c -- what sets these rows apart from others: fields ranked by how much the
 * shares of their values differ. The other query runs in the same range; the difference of a field is
 * the total variation distance of the two distributions, 0 (alike) to 1 (no value in common), where
 * "has no value" counts as a value. Beside it stands the value whose share differs most. */
#include "query/operators/forms.h"
#include "query/operators/value_counts.h"
#include "query/plan.h"

#include <math.h>
#include <stdlib.h>

enum { OWN, OTHERS, COLUMN_COUNT = 5 };

struct against_operator {
    struct operator base;
    struct operator sink; /* of the other query */
    struct value_counts counts;
};

/* What is said of one field. */
struct difference {
    double sum;           /* of differences of shares; twice the distance */
    double largest;       /* difference of the value shown */
    double shares[COUNT_SIDES];
    struct cell value;    /* null: that it has none */
};

static struct against_operator *of(struct operator *op)
{
    return (struct against_operator *)op;
}

static enum status push_own(struct operator *op, struct view *view, struct error *err)
{
    return value_counts_add(&of(op)->counts, view, OWN, err);
}

/* ---- the other rows ---- */

static enum status push_others(struct operator *sink, struct view *view, struct error *err)
{
    struct against_operator *op =
        (struct against_operator *)((char *)sink - offsetof(struct against_operator, sink));

    return value_counts_add(&op->counts, view, OTHERS, err);
}

/* ---- the answer ---- */

static void consider(struct difference *difference, const struct value_counts *counts,
                     const uint64_t *hits, const struct cell *value)
{
    double own = (double)hits[OWN] / (double)counts->total[OWN];
    double others = (double)hits[OTHERS] / (double)counts->total[OTHERS];

    difference->sum += fabs(own - others);
    if (fabs(own - others) <= difference->largest)
        return;
    difference->largest = fabs(own - others);
    difference->shares[OWN] = own;
    difference->shares[OTHERS] = others;
    difference->value = *value;
}

/* By index of the field. Groups in their order, so that the first of equal values is shown. */
static enum status compare_sides(struct value_counts *counts, struct difference *out,
                                 struct error *err)
{
    uint32_t *order;
    enum status status = grouper_sorted(&counts->grouper, &order, err);

    for (uint32_t i = 0; status == STATUS_OK && i < counts->grouper.group_count; i++)
        consider(&out[counts->field_of[order[i]]], counts, counts->hits[order[i]],
                 value_counts_value(counts, order[i]));
    for (uint32_t i = 0; status == STATUS_OK && i < counts->field_count; i++) {
        const struct counted_field *field = &counts->fields[i];
        const struct cell none = cell_null();
        const uint64_t without[COUNT_SIDES] = {counts->total[OWN] - field->rows[OWN],
                                               counts->total[OTHERS] - field->rows[OTHERS]};

        consider(&out[i], counts, without, &none);
    }
    return status;
}

struct ranking {
    const struct value_counts *counts;
    const struct difference *differences;
};

static int compare_fields(const void *a, const void *b, void *user)
{
    const struct ranking *ranking = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    struct names *names = &ranking->counts->run->names;

    if (ranking->differences[x].sum != ranking->differences[y].sum)
        return ranking->differences[x].sum > ranking->differences[y].sum ? -1 : 1;
    return slice_compare(names_text(names, ranking->counts->fields[x].field),
                         names_text(names, ranking->counts->fields[y].field));
}

static enum status push_ranked(struct against_operator *op, struct error *err)
{
    static const char *const columns[COLUMN_COUNT] = {"field", "difference", "value", "share",
                                                      "share_against"};
    struct value_counts *counts = &op->counts;
    struct pool *pool = &counts->grouper.pool;
    struct names *names = &op->base.run->names;
    struct difference *differences =
        pool_new(pool, struct difference, (size_t)counts->field_count + 1, err);
    uint32_t *order = pool_new(pool, uint32_t, (size_t)counts->field_count + 1, err), count = 0;
    struct cell *cells =
        pool_new(pool, struct cell, (size_t)counts->field_count * COLUMN_COUNT + 1, err);
    struct ranking ranking = {counts, differences};
    field_id fields[COLUMN_COUNT];
    enum status status;

    if (differences == NULL || order == NULL || cells == NULL)
        return STATUS_TOO_LARGE;
    status = compare_sides(counts, differences, err);
    for (uint32_t i = 0; status == STATUS_OK && i < counts->field_count; i++)
        if (!counts->fields[i].dropped && differences[i].sum > 0)
            order[count++] = i;
    if (status == STATUS_OK && count > 0)
        qsort_r(order, count, sizeof(*order), compare_fields, &ranking);
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        fields[i] = names_id(names, slice_of(columns[i]));
    for (uint32_t i = 0; i < count; i++) {
        const struct difference *difference = &differences[order[i]];
        struct cell *row = &cells[(size_t)i * COLUMN_COUNT];

        row[0] = cell_text(names_text(names, counts->fields[order[i]].field), VALUE_TEXT);
        row[1] = cell_float(difference->sum / 2, VALUE_FLOAT);
        row[2] = difference->value;
        row[3] = cell_float(difference->shares[OWN], VALUE_FLOAT);
        row[4] = cell_float(difference->shares[OTHERS], VALUE_FLOAT);
    }
    if (status != STATUS_OK)
        return status;
    return push_cells(op->base.next, op->base.run,
                      &(struct cell_table){fields, COLUMN_COUNT, cells, count}, err);
}

static enum status finish_against(struct operator *base, struct error *err)
{
    struct against_operator *op = of(base);
    enum status status = plan_run_sub(base->plan, base->pipe->query, 0, &op->sink, err);

    if (status == STATUS_OK && op->counts.total[OWN] > 0 && op->counts.total[OTHERS] > 0)
        status = push_ranked(op, err);
    else if (status == STATUS_OK)
        run_warn(base->run, "diff against: there are no rows on %s",
                 op->counts.total[OWN] == 0 ? "this side" : "the other side");
    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(base->next, err) : status;
}

static void close_against(struct operator *base)
{
    value_counts_release(&of(base)->counts);
    free(base);
}

enum status diff_against_make(const struct operator *base, struct operator **out,
                              struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_own, .finish = finish_against, .close = close_against};
    static const struct operator_ops sink_ops = {
        .push = push_others, .finish = operator_part_finish, .close = operator_part_close};
    struct against_operator *op = operator_new(base, &ops, sizeof(*op));
    enum status status;

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->sink = (struct operator){.ops = &sink_ops, .run = base->run, .pipe = base->pipe};
    status = value_counts_init(&op->counts, base->run, false, err);
    if (status != STATUS_OK)
        close_against(&op->base);
    else
        *out = &op->base;
    return status;
}
