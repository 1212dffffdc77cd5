/* query/operators/aggregate_value.c -- functions that keep values: min, max, values, uniq_values,
 * row_any, row_min, row_max. */
#include "query/operators/aggregate.h"

#include "base/json_writer.h"
#include "query/limits.h"

#include <stdlib.h>

/* ---- min and max: of numbers, levels or texts ---- */

static enum status update_extreme(struct aggregate *aggregate, struct view *view,
                                  const struct grouped *rows, int sign, struct error *err)
{
    struct column column;
    enum status status = view_column(view, aggregate->fields[0], false, &column, err);

    if (status != STATUS_OK || column.kind == COLUMN_MISSING)
        return status;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        struct cell *state = aggregate_state(aggregate, grouped_group(rows, i));
        struct cell cell = cell_of(&column, rows->rows[i]);

        if (cell.kind == CELL_NULL ||
            (state->kind != CELL_NULL && cell_compare(&cell, state) * sign <= 0))
            continue;
        status = cell_copy(&cell, &aggregate->pool, state, err);
    }
    return status;
}

static enum status update_min(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct error *err)
{
    return update_extreme(aggregate, view, rows, -1, err);
}

static enum status update_max(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct error *err)
{
    return update_extreme(aggregate, view, rows, 1, err);
}

static enum status merge_extreme(struct aggregate *aggregate, void *to, const void *from,
                                 struct error *err)
{
    int sign = aggregate->call->kind == STATS_MIN ? -1 : 1;
    const struct cell *b = from;
    struct cell *a = to;

    if (b->kind == CELL_NULL || (a->kind != CELL_NULL && cell_compare(b, a) * sign <= 0))
        return STATUS_OK;
    return cell_copy(b, &aggregate->pool, a, err);
}

enum status extreme_item(struct aggregate *aggregate, void *state, const struct rollup_item *item,
                         struct error *err)
{
    bool least = aggregate->call->kind == STATS_MIN;
    struct cell cell;

    if (item->sum != NULL)
        cell = cell_float(sample_value_join(item->sum->scale,
                                               least ? item->sum->min : item->sum->max),
                          VALUE_FLOAT);
    else if (item->value != NULL)
        cell = cell_int(least ? item->value->min : item->value->max, (enum value_type)item->type);
    else
        return STATUS_OK;
    return merge_extreme(aggregate, state, &cell, err);
}

static enum status result_extreme(struct aggregate *aggregate, const void *state,
                                  struct cell *out, struct error *err)
{
    (void)aggregate;
    (void)err;
    *out = *(const struct cell *)state;
    return STATUS_OK;
}

/* ---- JSON of cells ---- */

/* As in all our JSON: durations are seconds, sizes whole numbers, times RFC 3339. */
static void json_cell(struct json_writer *json, const struct cell *cell)
{
    double number = 0;

    if (cell->kind == CELL_NULL) {
        jsonw_null(json);
    } else if (cell->kind == CELL_TEXT) {
        if (cell->type == VALUE_JSON)
            jsonw_raw(json, cell->text);
        else
            jsonw_text(json, cell->text);
    } else if (cell->type == VALUE_DURATION) {
        (void)cell_number(cell, &number);
        jsonw_double(json, number / 1e9);
    } else if (cell->kind == CELL_INT && cell->type == VALUE_TIME) {
        jsonw_time(json, cell->whole);
    } else if (cell->kind == CELL_INT) {
        jsonw_i64(json, cell->whole);
    } else {
        jsonw_double(json, cell->fraction);
    }
}

/* The text becomes a cell in the aggregate's pool; `text` is released. */
static enum status json_result(struct aggregate *aggregate, struct buf *text, struct cell *out,
                               struct error *err)
{
    struct slice own = {0};
    enum status status = buf_check(text, "a list of values", err);

    if (status == STATUS_OK)
        status = pool_copy(&aggregate->pool, buf_slice(text), &own, err);
    buf_release(text);
    *out = cell_text(own, VALUE_JSON);
    return status;
}

/* ---- values, uniq_values ---- */

struct list_state {
    struct cell *cells;
    uint32_t count, capacity;
};

static enum status list_add(struct aggregate *aggregate, struct list_state *list,
                            const struct cell *cell, struct error *err)
{
    enum status status;

    if (list->count >= STATS_VALUES_MAX || cell->kind == CELL_NULL)
        return STATUS_OK;
    if (aggregate->call->kind == STATS_UNIQ_VALUES)
        for (uint32_t i = 0; i < list->count; i++)
            if (list->cells[i].kind == cell->kind && cell_equal(&list->cells[i], cell))
                return STATUS_OK;
    status = memory_grow(&aggregate->run->memory, (void **)&list->cells, &list->capacity,
                         list->count + 1, sizeof(*list->cells), err);
    if (status == STATUS_OK)
        status = cell_copy(cell, &aggregate->pool, &list->cells[list->count], err);
    if (status == STATUS_OK)
        list->count++;
    return status;
}

static enum status update_list(struct aggregate *aggregate, struct view *view,
                               const struct grouped *rows, struct error *err)
{
    struct column column;
    enum status status = view_column(view, aggregate->fields[0], false, &column, err);

    if (status != STATUS_OK || column.kind == COLUMN_MISSING)
        return status;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        struct cell cell = cell_of(&column, rows->rows[i]);

        status = list_add(aggregate, aggregate_state(aggregate, grouped_group(rows, i)), &cell,
                          err);
    }
    return status;
}

static enum status merge_list(struct aggregate *aggregate, void *to, const void *from,
                              struct error *err)
{
    const struct list_state *list = from;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = list_add(aggregate, to, &list->cells[i], err);
    return status;
}

static int compare_cells(const void *a, const void *b)
{
    return cell_compare(a, b);
}

static enum status result_list(struct aggregate *aggregate, const void *state, struct cell *out,
                               struct error *err)
{
    const struct list_state *list = state;
    struct buf text = buf_empty(aggregate->run->memory.size_max);
    struct json_writer json;

    if (aggregate->call->kind == STATS_UNIQ_VALUES && list->count > 1)
        qsort(list->cells, list->count, sizeof(*list->cells), compare_cells);
    jsonw_begin(&json, &text);
    jsonw_array(&json);
    for (uint32_t i = 0; i < list->count; i++)
        json_cell(&json, &list->cells[i]);
    jsonw_end_array(&json);
    if (list->count == STATS_VALUES_MAX)
        run_warn(aggregate->run, "%s() keeps %u values of a group; there may be more",
                 stats_forms[aggregate->call->kind].name, STATS_VALUES_MAX);
    return json_result(aggregate, &text, out, err);
}

static void release_list(struct aggregate *aggregate, void *state)
{
    struct list_state *list = state;

    memory_free(&aggregate->run->memory, (void **)&list->cells, &list->capacity,
                sizeof(*list->cells));
}

/* ---- row_any, row_min, row_max ---- */

struct row_state {
    struct cell *cells; /* the deciding value, then one per shown field; NULL: no row yet */
};

static uint32_t shown_from(const struct aggregate *aggregate)
{
    return aggregate->call->kind == STATS_ROW_ANY ? 0 : 1;
}

static bool row_wins(const struct aggregate *aggregate, const struct row_state *state,
                     const struct cell *by)
{
    int order;

    if (aggregate->call->kind == STATS_ROW_ANY)
        return state->cells == NULL;
    if (by->kind == CELL_NULL)
        return false;
    if (state->cells == NULL)
        return true;
    order = cell_compare(by, &state->cells[0]);
    return aggregate->call->kind == STATS_ROW_MIN ? order < 0 : order > 0;
}

static enum status keep_row(struct aggregate *aggregate, struct row_state *state,
                            const struct cell *by, const struct cell *shown, struct error *err)
{
    uint32_t from = shown_from(aggregate), count = aggregate->call->fields.count - from;
    enum status status;

    if (state->cells == NULL) {
        state->cells = pool_new(&aggregate->pool, struct cell, count + 1, err);
        if (state->cells == NULL)
            return STATUS_TOO_LARGE;
    }
    status = cell_copy(by, &aggregate->pool, &state->cells[0], err);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = cell_copy(&shown[i], &aggregate->pool, &state->cells[i + 1], err);
    return status;
}

static enum status update_row(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct error *err)
{
    uint32_t from = shown_from(aggregate), field_count = aggregate->call->fields.count;
    struct column *columns = arena_new(view_arena(view), struct column, field_count + 1);
    struct cell *shown = arena_new(view_arena(view), struct cell, field_count + 1);
    enum status status = STATUS_OK;

    if (columns == NULL || shown == NULL)
        return memory_exceeded(&aggregate->run->memory, err);
    for (uint32_t at = 0; status == STATUS_OK && at < field_count; at++)
        status = view_column(view, aggregate->fields[at], false, &columns[at], err);
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        struct row_state *state = aggregate_state(aggregate, grouped_group(rows, i));
        struct cell by = from == 0 ? cell_null() : cell_of(&columns[0], rows->rows[i]);

        if (!row_wins(aggregate, state, &by))
            continue;
        for (uint32_t at = from; at < field_count; at++)
            shown[at - from] = cell_of(&columns[at], rows->rows[i]);
        status = keep_row(aggregate, state, &by, shown, err);
    }
    return status;
}

static enum status merge_row(struct aggregate *aggregate, void *to, const void *from,
                             struct error *err)
{
    const struct row_state *b = from;

    if (b->cells == NULL || !row_wins(aggregate, to, &b->cells[0]))
        return STATUS_OK;
    return keep_row(aggregate, to, &b->cells[0], b->cells + 1, err);
}

/* One shown field is the value itself, several are an object. */
static enum status result_row(struct aggregate *aggregate, const void *from, struct cell *out,
                              struct error *err)
{
    const struct row_state *state = from;
    uint32_t first = shown_from(aggregate), count = aggregate->call->fields.count;
    struct buf text = buf_empty(aggregate->run->memory.size_max);
    struct json_writer json;

    if (state->cells == NULL || count - first == 1) {
        *out = state->cells == NULL ? cell_null() : state->cells[1];
        return STATUS_OK;
    }
    jsonw_begin(&json, &text);
    jsonw_object(&json);
    for (uint32_t i = first; i < count; i++) {
        jsonw_key_slice(&json, aggregate->call->fields.items[i]);
        json_cell(&json, &state->cells[i - first + 1]);
    }
    jsonw_end_object(&json);
    return json_result(aggregate, &text, out, err);
}

const struct aggregate_form aggregate_values[STATS_KIND_COUNT] = {
    [STATS_MIN] = {sizeof(struct cell), update_min, merge_extreme, result_extreme, NULL},
    [STATS_MAX] = {sizeof(struct cell), update_max, merge_extreme, result_extreme, NULL},
    [STATS_VALUES] = {sizeof(struct list_state), update_list, merge_list, result_list,
                      release_list},
    [STATS_UNIQ_VALUES] = {sizeof(struct list_state), update_list, merge_list, result_list,
                           release_list},
    [STATS_ROW_ANY] = {sizeof(struct row_state), update_row, merge_row, result_row, NULL},
    [STATS_ROW_MIN] = {sizeof(struct row_state), update_row, merge_row, result_row, NULL},
    [STATS_ROW_MAX] = {sizeof(struct row_state), update_row, merge_row, result_row, NULL},
};
