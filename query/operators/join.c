/* query/operators/join.c -- left join: the subquery runs first and is kept in memory, one row per
 * key; rows of the left side then find theirs by a group-by on the same keys. */
#include "query/operators/join.h"

#include "query/operators/forms.h"
#include "query/plan.h"

#include <stdlib.h>

/* ---- the right side ---- */

static enum status note_columns(struct right_side *side, const struct kept_row *row,
                                struct error *err)
{
    for (uint32_t i = 0; i < row->cell_count; i++) {
        bool key = false;

        for (uint32_t k = 0; k < side->grouper.key_count; k++)
            key |= side->grouper.fields[k] == row->cells[i].field;
        if (!key && !field_set_add(&side->columns, &side->arena, row->cells[i].field))
            return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    return STATUS_OK;
}

static enum status push_right(struct operator *op, struct view *view, struct error *err)
{
    static const struct field_set everything = {.all = true};
    struct right_side *side = (struct right_side *)op;
    struct kept_columns columns;
    struct grouped rows;
    enum status status = kept_columns_make(view, &everything, &columns, err);

    if (status == STATUS_OK)
        status = grouper_assign(&side->grouper, view, &rows, err);
    if (status == STATUS_OK)
        status = memory_grow(&op->run->memory, (void **)&side->first, &side->first_capacity,
                             side->grouper.group_count, sizeof(struct kept_row *), err);
    for (uint32_t i = 0; status == STATUS_OK && i < rows.count; i++) {
        struct kept_row **first =
            &side->first[rows.groups == NULL ? rows.single : rows.groups[i]];

        if (*first != NULL) {
            side->repeated++;
            continue;
        }
        status = kept_rows_add(&side->rows, &columns, rows.rows[i], NULL, first, err);
        if (status == STATUS_OK)
            status = note_columns(side, *first, err);
    }
    return status;
}

enum status right_side_init(struct right_side *side, struct run *run, const struct name_list *keys,
                            struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_right, .finish = operator_part_finish, .close = operator_part_close};

    *side = (struct right_side){.sink = {.ops = &ops, .run = run},
                                .arena = arena_empty(1 << 20)};
    kept_rows_init(&side->rows, run, 0);
    return grouper_init_names(&side->grouper, run, keys, err);
}

void right_side_release(struct right_side *side)
{
    if (side->sink.run == NULL)
        return;
    memory_free(&side->sink.run->memory, (void **)&side->first, &side->first_capacity,
                sizeof(struct kept_row *));
    grouper_release(&side->grouper);
    kept_rows_release(&side->rows);
    arena_release(&side->arena);
}

const struct kept_row *right_side_row(const struct right_side *side, uint32_t group)
{
    return group < side->first_capacity ? side->first[group] : NULL;
}

struct cell kept_row_cell(const struct kept_row *row, field_id field)
{
    for (uint32_t i = 0; row != NULL && i < row->cell_count; i++)
        if (row->cells[i].field == field)
            return row->cells[i].cell;
    return cell_null();
}

/* ---- the left side ---- */

struct join_operator {
    struct operator base;
    struct right_side right;
    field_id *names; /* of the right side's columns, with the prefix */
    bool ready;      /* the right side has run */
};

static struct join_operator *of(struct operator *op)
{
    return (struct join_operator *)op;
}

static enum status name_columns(struct join_operator *join, struct error *err)
{
    const struct field_set *columns = &join->right.columns;
    struct names *names = &join->base.run->names;
    struct buf name = buf_empty(1 << 16);
    bool ok;

    join->names = calloc(columns->count + 1, sizeof(*join->names));
    ok = join->names != NULL;
    for (uint32_t i = 0; ok && i < columns->count; i++) {
        buf_reset(&name);
        ok = buf_append_slice(&name, join->base.pipe->text) &&
             buf_append_slice(&name, names_text(names, columns->fields[i]));
        join->names[i] = names_id(names, buf_slice(&name));
    }
    buf_release(&name);
    return ok ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory");
}

static enum status run_right(struct join_operator *join, struct error *err)
{
    struct operator *op = &join->base;
    enum status status;

    join->ready = true;
    status = plan_run_sub(op->plan, op->pipe->query, 0, &join->right.sink, err);
    if (status == STATUS_OK)
        status = name_columns(join, err);
    if (join->right.repeated > 0)
        run_warn(op->run, "join: %llu rows of the right side repeat a key and were left out",
                 (unsigned long long)join->right.repeated);
    return status;
}

/* Lay one column of the right side over the rows. */
static enum status add_column(struct join_operator *join, struct view *view,
                              const struct grouped *rows, uint32_t at, struct cell *cells,
                              struct error *err)
{
    field_id field = join->right.columns.fields[at];
    struct column column;
    enum status status;

    memset(cells, 0, view_row_count(view) * sizeof(*cells));
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t group = rows->groups == NULL ? rows->single : rows->groups[i];

        cells[rows->rows[i]] = kept_row_cell(right_side_row(&join->right, group), field);
    }
    status = column_of_cells(cells, view_row_count(view), view_arena(view), &column, err);
    return status == STATUS_OK ? view_set(view, join->names[at], &column, err) : status;
}

static enum status keep_joined(struct join_operator *join, struct view *view,
                               const struct grouped *rows, struct error *err)
{
    uint64_t *kept = arena_new(view_arena(view), uint64_t, bit_words(view_row_count(view)) + 1);

    if (kept == NULL)
        return memory_exceeded(&join->base.run->memory, err);
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t group = rows->groups == NULL ? rows->single : rows->groups[i];

        if (right_side_row(&join->right, group) != NULL)
            bit_set(kept, rows->rows[i]);
    }
    view_keep(view, kept);
    return STATUS_OK;
}

static enum status push_join(struct operator *op, struct view *view, struct error *err)
{
    struct join_operator *join = of(op);
    struct cell *cells;
    struct grouped rows = {0};
    enum status status = join->ready ? STATUS_OK : run_right(join, err);

    if (status != STATUS_OK)
        return status;
    cells = arena_new(view_arena(view), struct cell, view_row_count(view) + 1);
    status = cells == NULL ? memory_exceeded(&op->run->memory, err)
                           : grouper_assign(&join->right.grouper, view, &rows, err);
    for (uint32_t i = 0; status == STATUS_OK && i < join->right.columns.count; i++)
        status = add_column(join, view, &rows, i, cells, err);
    if (status == STATUS_OK && op->pipe->flag)
        status = keep_joined(join, view, &rows, err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static void close_join(struct operator *op)
{
    right_side_release(&of(op)->right);
    free(of(op)->names);
    free(op);
}

enum status join_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_join, .close = close_join};
    struct join_operator *join = operator_new(base, &ops, sizeof(*join));
    enum status status;

    if (join == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = right_side_init(&join->right, base->run, &base->pipe->fields, err);
    if (status != STATUS_OK)
        close_join(&join->base);
    else
        *out = &join->base;
    return status;
}
