/* query/operators/operator.c -- what all operators share. */
#include "query/operator.h"

#include "query/limits.h"

#include <stdlib.h>

void *operator_new(const struct operator *base, const struct operator_ops *ops, size_t size)
{
    struct operator *op = calloc(1, size);

    if (op == NULL)
        return NULL;
    *op = *base;
    op->ops = ops;
    return op;
}

void operator_close_all(struct operator *op)
{
    while (op != NULL) {
        struct operator *next = op->next;

        op->ops->close(op);
        op = next;
    }
}

enum status operator_part_finish(struct operator *op, struct error *err)
{
    (void)op;
    (void)err;
    return STATUS_OK;
}

void operator_part_close(struct operator *op)
{
    (void)op;
}

/* `count` rows of the table, from row `from` on. */
static enum status fill_view(struct view *view, const struct cell_table *table, uint32_t from,
                             uint32_t count, struct error *err)
{
    const struct cell *cells = table->cells + (size_t)from * table->column_count;
    enum status status = view_begin(view, count, err);
    struct cell *one = NULL;

    if (status == STATUS_OK) {
        one = arena_new(view_arena(view), struct cell, count);
        if (one == NULL)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for rows of the answer");
    }
    for (uint32_t at = 0; status == STATUS_OK && at < table->column_count; at++) {
        struct column column;

        for (uint32_t row = 0; row < count; row++)
            one[row] = cells[(size_t)row * table->column_count + at];
        status = column_of_cells(one, count, view_arena(view), &column, err);
        if (status == STATUS_OK)
            status = view_set(view, table->fields[at], &column, err);
    }
    return status;
}

enum status push_cells(struct operator *next, struct run *run, const struct cell_table *table,
                       struct error *err)
{
    struct view view;
    enum status status = STATUS_OK;

    view_init(&view, run->memory.size_max);
    for (uint32_t from = 0, count; status == STATUS_OK && from < table->row_count; from += count) {
        count = table->row_count - from;
        if (count > RESULT_CHUNK_ROWS_MAX)
            count = RESULT_CHUNK_ROWS_MAX;
        status = run_check(run, err);
        if (status == STATUS_OK)
            status = fill_view(&view, table, from, count, err);
        if (status == STATUS_OK)
            status = operator_push(next, &view, err);
    }
    view_release(&view);
    return status;
}
