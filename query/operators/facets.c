/* query/operators/facets.c -- facets (the most frequent values of each field) and field_names. A
 * field with more than FACET_VALUES_MAX values is an id or a text, and no facet. */
#include "query/operators/forms.h"
#include "query/operators/value_counts.h"

#include <stdlib.h>

enum { FACETS_DEFAULT = 10 };

struct facets_operator {
    struct operator base;
    struct value_counts counts; /* one side */
};

static struct facets_operator *of(struct operator *op)
{
    return (struct facets_operator *)op;
}

static enum status push_facets(struct operator *base, struct view *view, struct error *err)
{
    return value_counts_add(&of(base)->counts, view, 0, err);
}

/* ---- the answer ---- */

static int compare_names(const struct value_counts *counts, uint32_t a, uint32_t b)
{
    return slice_compare(names_text(&counts->run->names, counts->fields[a].field),
                         names_text(&counts->run->names, counts->fields[b].field));
}

/* By name of the field, then most hits first, then by value. */
static int compare_groups(const void *a, const void *b, void *user)
{
    const struct value_counts *counts = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (counts->field_of[x] != counts->field_of[y])
        return compare_names(counts, counts->field_of[x], counts->field_of[y]);
    if (counts->hits[x][0] != counts->hits[y][0])
        return counts->hits[x][0] > counts->hits[y][0] ? -1 : 1;
    return cell_compare(value_counts_value(counts, x), value_counts_value(counts, y));
}

static enum status push_values(struct facets_operator *op, struct error *err)
{
    struct value_counts *counts = &op->counts;
    struct names *names = &op->base.run->names;
    uint64_t shown_max = op->base.pipe->count == 0 ? FACETS_DEFAULT : op->base.pipe->count;
    field_id fields[4] = {names_id(names, SLICE_LITERAL("field")),
                          names_id(names, SLICE_LITERAL("value")),
                          names_id(names, SLICE_LITERAL("hits")),
                          names_id(names, SLICE_LITERAL("share"))};
    uint32_t count = counts->grouper.group_count, row_count = 0, *order;
    uint64_t shown = 0;
    struct cell *cells;
    enum status status = grouper_sorted(&counts->grouper, &order, err);

    if (status != STATUS_OK)
        return status;
    cells = pool_new(&counts->grouper.pool, struct cell, (size_t)count * 4 + 1, err);
    if (cells == NULL)
        return STATUS_TOO_LARGE;
    qsort_r(order, count, sizeof(*order), compare_groups, counts);
    for (uint32_t i = 0; i < count; i++) {
        const struct counted_field *field = &counts->fields[counts->field_of[order[i]]];
        struct cell *row = &cells[(size_t)row_count * 4];

        shown = i > 0 && counts->field_of[order[i]] == counts->field_of[order[i - 1]] ? shown + 1
                                                                                      : 0;
        if (field->dropped || shown >= shown_max)
            continue;
        row[0] = cell_text(names_text(names, field->field), VALUE_TEXT);
        row[1] = *value_counts_value(counts, order[i]);
        row[2] = cell_int((int64_t)counts->hits[order[i]][0], VALUE_INT);
        row[3] = cell_float((double)counts->hits[order[i]][0] / (double)counts->total[0],
                            VALUE_FLOAT);
        row_count++;
    }
    return push_cells(op->base.next, op->base.run,
                      &(struct cell_table){fields, 4, cells, row_count}, err);
}

static int compare_fields(const void *a, const void *b, void *user)
{
    const struct counted_field *x = a, *y = b;
    struct names *names = user;

    if (x->rows[0] != y->rows[0])
        return x->rows[0] > y->rows[0] ? -1 : 1;
    return slice_compare(names_text(names, x->field), names_text(names, y->field));
}

static enum status push_names(struct facets_operator *op, struct error *err)
{
    struct value_counts *counts = &op->counts;
    struct names *names = &op->base.run->names;
    field_id fields[2] = {names_id(names, SLICE_LITERAL("name")),
                          names_id(names, SLICE_LITERAL("hits"))};
    uint32_t row_count = 0;
    struct cell *cells =
        pool_new(&counts->grouper.pool, struct cell, (size_t)counts->field_count * 2 + 1, err);

    if (cells == NULL)
        return STATUS_TOO_LARGE;
    if (counts->field_count > 0)
        qsort_r(counts->fields, counts->field_count, sizeof(*counts->fields), compare_fields,
                names);
    for (uint32_t i = 0; i < counts->field_count; i++) {
        struct cell *row;

        if (counts->fields[i].rows[0] == 0)
            continue;
        row = &cells[(size_t)row_count * 2];
        row[0] = cell_text(names_text(names, counts->fields[i].field), VALUE_TEXT);
        row[1] = cell_int((int64_t)counts->fields[i].rows[0], VALUE_INT);
        row_count++;
    }
    return push_cells(op->base.next, op->base.run,
                      &(struct cell_table){fields, 2, cells, row_count}, err);
}

static enum status finish_facets(struct operator *base, struct error *err)
{
    enum status status = base->pipe->kind == PIPE_FIELD_NAMES ? push_names(of(base), err)
                                                              : push_values(of(base), err);

    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(base->next, err) : status;
}

static void close_facets(struct operator *base)
{
    value_counts_release(&of(base)->counts);
    free(base);
}

enum status facets_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_facets, .finish = finish_facets, .close = close_facets};
    struct facets_operator *op = operator_new(base, &ops, sizeof(*op));
    enum status status;

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = value_counts_init(&op->counts, base->run, base->pipe->kind == PIPE_FIELD_NAMES, err);
    if (status != STATUS_OK)
        close_facets(&op->base);
    else
        *out = &op->base;
    return status;
}

enum status field_names_make(const struct operator *base, struct operator **out,
                             struct error *err)
{
    return facets_make(base, out, err);
}
