/* query/operators/kept_rows.c -- rows in a pool. */
#include "query/operators/kept_rows.h"

#include <stdlib.h>

void kept_rows_init(struct kept_rows *rows, struct run *run, uint32_t key_count)
{
    *rows = (struct kept_rows){.run = run, .key_count = key_count};
    pool_init(&rows->pool, &run->memory);
}

void kept_rows_release(struct kept_rows *rows)
{
    pool_release(&rows->pool);
}

enum status kept_columns_make(struct view *view, const struct field_set *needed,
                              struct kept_columns *out, struct error *err)
{
    const field_id *fields = needed->fields;
    uint32_t count = needed->count;
    enum status status = STATUS_OK;

    if (needed->all)
        status = view_fields(view, &fields, &count, err);
    if (status != STATUS_OK)
        return status;
    *out = (struct kept_columns){.fields = fields, .count = count};
    out->columns = arena_new(view_arena(view), struct column, count + 1);
    if (out->columns == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = view_column(view, fields[i], false, &out->columns[i], err);
    return status;
}

static uint32_t count_cells(const struct kept_columns *columns, uint32_t row)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < columns->count; i++)
        count += cell_of(&columns->columns[i], row).kind != CELL_NULL;
    return count;
}

static enum status copy_cells(struct kept_rows *rows, const struct kept_columns *columns,
                              uint32_t row, struct kept_row *out, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < columns->count; i++) {
        struct cell cell = cell_of(&columns->columns[i], row);
        struct kept_cell *kept = &out->cells[out->cell_count];

        if (cell.kind == CELL_NULL)
            continue;
        kept->field = columns->fields[i];
        status = cell_copy(&cell, &rows->pool, &kept->cell, err);
        out->cell_count++;
    }
    return status;
}

enum status kept_rows_add(struct kept_rows *rows, const struct kept_columns *columns, uint32_t row,
                          const struct cell *keys, struct kept_row **out, struct error *err)
{
    struct kept_row *made = pool_new(&rows->pool, struct kept_row, 1, err);
    enum status status = STATUS_OK;

    if (made == NULL)
        return STATUS_TOO_LARGE;
    made->arrival = rows->arrivals++;
    made->keys = pool_new(&rows->pool, struct cell, rows->key_count + 1, err);
    made->cells = pool_new(&rows->pool, struct kept_cell, count_cells(columns, row) + 1, err);
    if (made->keys == NULL || made->cells == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->key_count; i++)
        status = cell_copy(&keys[i], &rows->pool, &made->keys[i], err);
    if (status == STATUS_OK)
        status = copy_cells(rows, columns, row, made, err);
    *out = made;
    return status;
}

static enum status copy_row(struct kept_rows *rows, struct pool *pool, struct kept_row **row,
                            struct error *err)
{
    const struct kept_row *old = *row;
    struct kept_row *made = pool_new(pool, struct kept_row, 1, err);
    enum status status = STATUS_OK;

    if (made == NULL)
        return STATUS_TOO_LARGE;
    *made = *old;
    made->keys = pool_new(pool, struct cell, rows->key_count + 1, err);
    made->cells = pool_new(pool, struct kept_cell, old->cell_count + 1, err);
    if (made->keys == NULL || made->cells == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->key_count; i++)
        status = cell_copy(&old->keys[i], pool, &made->keys[i], err);
    for (uint32_t i = 0; status == STATUS_OK && i < old->cell_count; i++) {
        made->cells[i].field = old->cells[i].field;
        status = cell_copy(&old->cells[i].cell, pool, &made->cells[i].cell, err);
    }
    *row = made;
    return status;
}

enum status kept_rows_compact(struct kept_rows *rows, struct kept_row **live, size_t count,
                              struct error *err)
{
    struct pool fresh;
    enum status status = STATUS_OK;

    pool_init(&fresh, &rows->run->memory);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = copy_row(rows, &fresh, &live[i], err);
    if (status != STATUS_OK) { /* `live` may point into both: the caller gives up */
        pool_release(&fresh);
        return status;
    }
    pool_release(&rows->pool);
    rows->pool = fresh;
    return STATUS_OK;
}

/* The fields of some rows, each once, as columns of one view. */
struct column_list {
    field_id *fields;
    uint32_t count, capacity;
};

static uint32_t column_at(struct column_list *list, field_id field, uint32_t guess)
{
    if (guess < list->count && list->fields[guess] == field)
        return guess;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->fields[i] == field)
            return i;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        field_id *grown = realloc(list->fields, capacity * sizeof(*grown));

        if (grown == NULL)
            return UINT32_MAX;
        list->fields = grown;
        list->capacity = capacity;
    }
    list->fields[list->count] = field;
    return list->count++;
}

static enum status push_part(struct run *run, struct kept_row *const *rows, uint32_t count,
                             struct operator *next, struct error *err)
{
    struct column_list list = {0};
    struct cell *cells = NULL;
    enum status status = STATUS_OK;
    bool ok = true;

    for (uint32_t i = 0; ok && i < count; i++)
        for (uint32_t at = 0; ok && at < rows[i]->cell_count; at++)
            ok = column_at(&list, rows[i]->cells[at].field, at) != UINT32_MAX;
    if (ok)
        cells = calloc((size_t)count * list.count + 1, sizeof(*cells));
    if (cells == NULL)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; cells != NULL && i < count; i++)
        for (uint32_t at = 0; at < rows[i]->cell_count; at++)
            cells[(size_t)i * list.count + column_at(&list, rows[i]->cells[at].field, at)] =
                rows[i]->cells[at].cell;
    if (status == STATUS_OK)
        status = push_cells(next, run,
                            &(struct cell_table){list.fields, list.count, cells, count}, err);
    free(cells);
    free(list.fields);
    return status;
}

enum status kept_rows_push(struct run *run, struct kept_row *const *rows, size_t count,
                           struct operator *next, struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t from = 0; status == STATUS_OK && from < count; from += RESULT_CHUNK_ROWS_MAX) {
        size_t part = count - from;

        if (part > RESULT_CHUNK_ROWS_MAX)
            part = RESULT_CHUNK_ROWS_MAX;
        status = push_part(run, rows + from, (uint32_t)part, next, err);
    }
    return status;
}
