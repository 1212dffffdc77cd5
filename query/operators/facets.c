/* query/operators/facets.c -- facets (the most frequent values of each field) and field_names. A
 * field with more than FACET_VALUES_MAX values is an id or a text, and no facet. */
#include "query/operators/forms.h"
#include "query/operators/group.h"

#include "query/limits.h"

#include <stdlib.h>

enum { FACETS_DEFAULT = 10 };

/* What was seen of one field. */
struct facet {
    field_id field;
    uint64_t hits;
    uint32_t value_count;
    bool dropped; /* too many values */
};

struct facets_operator {
    struct operator base;
    struct facet *facets;
    uint32_t facet_count, facet_capacity;
    struct grouper grouper; /* of (name, value) */
    uint64_t *hits;         /* by group */
    uint32_t *facet_of;     /* by group */
    uint32_t hit_capacity, facet_of_capacity;
    uint64_t total;
};

static struct facets_operator *of(struct operator *op)
{
    return (struct facets_operator *)op;
}

static enum status find_facet(struct facets_operator *op, field_id field, uint32_t *out,
                              struct error *err)
{
    enum status status;

    for (*out = 0; *out < op->facet_count; (*out)++)
        if (op->facets[*out].field == field)
            return STATUS_OK;
    status = memory_grow(&op->base.run->memory, (void **)&op->facets, &op->facet_capacity,
                         op->facet_count + 1, sizeof(*op->facets), err);
    if (status == STATUS_OK)
        op->facets[op->facet_count++] = (struct facet){.field = field};
    return status;
}

/* `hits` rows have this value. */
static enum status add_value(struct facets_operator *op, uint32_t facet, const struct cell *value,
                             uint64_t hits, struct error *err)
{
    struct memory *memory = &op->base.run->memory;
    uint32_t before = op->grouper.group_count, group;
    struct cell cells[2] = {cell_int(facet, VALUE_INT), *value};
    enum status status = grouper_find(&op->grouper, cells, &group, err);

    if (status == STATUS_OK)
        status = memory_grow(memory, (void **)&op->hits, &op->hit_capacity, group + 1,
                             sizeof(*op->hits), err);
    if (status == STATUS_OK)
        status = memory_grow(memory, (void **)&op->facet_of, &op->facet_of_capacity, group + 1,
                             sizeof(*op->facet_of), err);
    if (status != STATUS_OK)
        return status;
    op->hits[group] += hits;
    op->facet_of[group] = facet;
    if (op->grouper.group_count > before &&
        ++op->facets[facet].value_count > FACET_VALUES_MAX)
        op->facets[facet].dropped = true;
    return STATUS_OK;
}

static enum status add_dict(struct facets_operator *op, struct view *view, uint32_t facet,
                            const struct column *column, const uint32_t *rows, struct error *err)
{
    uint64_t *hits = arena_new(view_arena(view), uint64_t, (size_t)column->dict_count + 1);
    enum status status = hits == NULL ? memory_exceeded(&op->base.run->memory, err) : STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(view); i++)
        if (column->codes[rows[i]] != COLUMN_NO_CODE)
            hits[column->codes[rows[i]]]++;
    for (uint32_t code = 0; status == STATUS_OK && code < column->dict_count; code++) {
        struct cell cell = cell_text(column->dict[code], column_type(column));

        if (hits[code] > 0 && !op->facets[facet].dropped)
            status = add_value(op, facet, &cell, hits[code], err);
        op->facets[facet].hits += hits[code];
    }
    return status;
}

static enum status add_rows(struct facets_operator *op, struct view *view, uint32_t facet,
                            const struct column *column, const uint32_t *rows, struct error *err)
{
    bool names_only = op->base.pipe->kind == PIPE_FIELD_NAMES;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(view); i++) {
        struct cell cell = cell_of(column, rows[i]);

        if (cell.kind == CELL_NULL)
            continue;
        op->facets[facet].hits++;
        if (!names_only && !op->facets[facet].dropped)
            status = add_value(op, facet, &cell, 1, err);
    }
    return status;
}

static enum status add_field(struct facets_operator *op, struct view *view, field_id field,
                             const uint32_t *rows, struct error *err)
{
    bool names_only = op->base.pipe->kind == PIPE_FIELD_NAMES;
    struct column column;
    uint32_t facet;
    enum status status = find_facet(op, field, &facet, err);

    if (status != STATUS_OK)
        return status;
    if (field == FIELD_ID_MSG || field == FIELD_ID_TIME) { /* every row has them; no facets */
        op->facets[facet].dropped = true;
        op->facets[facet].hits += view_selected_count(view);
        return STATUS_OK;
    }
    status = view_column(view, field, false, &column, err);
    if (status != STATUS_OK || column.kind == COLUMN_MISSING)
        return status;
    return column.kind == COLUMN_DICT && !names_only
               ? add_dict(op, view, facet, &column, rows, err)
               : add_rows(op, view, facet, &column, rows, err);
}

static enum status push_facets(struct operator *base, struct view *view, struct error *err)
{
    const field_id *fields;
    const uint32_t *rows;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status == STATUS_OK)
        status = view_rows(view, &rows, err);
    of(base)->total += view_selected_count(view);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = add_field(of(base), view, fields[i], rows, err);
    return status;
}

/* ---- the answer ---- */

static int compare_names(const struct facets_operator *op, uint32_t a, uint32_t b)
{
    return slice_compare(names_text(&op->base.run->names, op->facets[a].field),
                         names_text(&op->base.run->names, op->facets[b].field));
}

/* By name of the field, then most hits first, then by value. */
static int compare_groups(const void *a, const void *b, void *user)
{
    const struct facets_operator *op = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (op->facet_of[x] != op->facet_of[y])
        return compare_names(op, op->facet_of[x], op->facet_of[y]);
    if (op->hits[x] != op->hits[y])
        return op->hits[x] > op->hits[y] ? -1 : 1;
    return cell_compare(&grouper_cells(&op->grouper, x)[1], &grouper_cells(&op->grouper, y)[1]);
}

static enum status push_values(struct facets_operator *op, struct error *err)
{
    struct names *names = &op->base.run->names;
    uint64_t shown_max = op->base.pipe->count == 0 ? FACETS_DEFAULT : op->base.pipe->count;
    field_id fields[4] = {names_id(names, SLICE_LITERAL("field")),
                          names_id(names, SLICE_LITERAL("value")),
                          names_id(names, SLICE_LITERAL("hits")),
                          names_id(names, SLICE_LITERAL("share"))};
    uint32_t count = op->grouper.group_count, row_count = 0, *order;
    uint64_t shown = 0;
    struct cell *cells;
    enum status status = grouper_sorted(&op->grouper, &order, err);

    if (status != STATUS_OK)
        return status;
    cells = pool_new(&op->grouper.pool, struct cell, (size_t)count * 4 + 1, err);
    if (cells == NULL)
        return STATUS_TOO_LARGE;
    qsort_r(order, count, sizeof(*order), compare_groups, op);
    for (uint32_t i = 0; i < count; i++) {
        const struct facet *facet = &op->facets[op->facet_of[order[i]]];
        struct cell *row = &cells[(size_t)row_count * 4];

        shown = i > 0 && op->facet_of[order[i]] == op->facet_of[order[i - 1]] ? shown + 1 : 0;
        if (facet->dropped || shown >= shown_max)
            continue;
        row[0] = cell_text(names_text(names, facet->field), VALUE_TEXT);
        row[1] = grouper_cells(&op->grouper, order[i])[1];
        row[2] = cell_int((int64_t)op->hits[order[i]], VALUE_INT);
        row[3] = cell_float((double)op->hits[order[i]] / (double)op->total, VALUE_FLOAT);
        row_count++;
    }
    return push_cells(op->base.next, op->base.run, fields, 4, cells, row_count, err);
}

static int compare_facets(const void *a, const void *b, void *user)
{
    const struct facet *x = a, *y = b;
    struct names *names = user;

    if (x->hits != y->hits)
        return x->hits > y->hits ? -1 : 1;
    return slice_compare(names_text(names, x->field), names_text(names, y->field));
}

static enum status push_names(struct facets_operator *op, struct error *err)
{
    struct names *names = &op->base.run->names;
    field_id fields[2] = {names_id(names, SLICE_LITERAL("name")),
                          names_id(names, SLICE_LITERAL("hits"))};
    uint32_t row_count = 0;
    struct cell *cells =
        pool_new(&op->grouper.pool, struct cell, (size_t)op->facet_count * 2 + 1, err);

    if (cells == NULL)
        return STATUS_TOO_LARGE;
    if (op->facet_count > 0)
        qsort_r(op->facets, op->facet_count, sizeof(*op->facets), compare_facets, names);
    for (uint32_t i = 0; i < op->facet_count; i++) {
        struct cell *row;

        if (op->facets[i].hits == 0)
            continue;
        row = &cells[(size_t)row_count * 2];
        row[0] = cell_text(names_text(names, op->facets[i].field), VALUE_TEXT);
        row[1] = cell_int((int64_t)op->facets[i].hits, VALUE_INT);
        row_count++;
    }
    return push_cells(op->base.next, op->base.run, fields, 2, cells, row_count, err);
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
    struct facets_operator *op = of(base);
    struct memory *memory = &base->run->memory;

    memory_free(memory, (void **)&op->facets, &op->facet_capacity, sizeof(*op->facets));
    memory_free(memory, (void **)&op->hits, &op->hit_capacity, sizeof(*op->hits));
    memory_free(memory, (void **)&op->facet_of, &op->facet_of_capacity, sizeof(*op->facet_of));
    grouper_release(&op->grouper);
    free(op);
}

enum status facets_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_facets, .finish = finish_facets, .close = close_facets};
    static const struct slice keys[2] = {{"field", 5}, {"value", 5}};
    static const struct name_list names = {keys, 2};
    struct facets_operator *op = operator_new(base, &ops, sizeof(*op));
    enum status status;

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = grouper_init_names(&op->grouper, base->run, &names, err);
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
