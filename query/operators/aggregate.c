/* query/operators/aggregate.c -- states by group, the filter of a call, numbers of a column. The
 * functions themselves are in aggregate_count.c, aggregate_number.c and aggregate_value.c, each
 * with rows of one table by kind. */
#include "query/operators/aggregate.h"

#include "store/predicate_eval.h"
#include "store/value.h"

#include <math.h>

static const struct aggregate_form *form_of(enum stats_kind kind)
{
    static const struct aggregate_form *const tables[] = {
        aggregate_counts, aggregate_numeric, aggregate_values, aggregate_increase};

    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (tables[i][kind].update != NULL)
            return &tables[i][kind];
    return NULL;
}

enum status aggregate_init(struct aggregate *aggregate, const struct stats_call *call,
                           struct run *run, struct error *err)
{
    *aggregate = (struct aggregate){.call = call,
                                    .form = form_of(call->kind),
                                    .run = run,
                                    .type = VALUE_INT,
                                    .seconds = 1};
    pool_init(&aggregate->pool, &run->memory);
    if (aggregate->form == NULL)
        return error_set(err, STATUS_INVALID, "the function %s() is not built yet",
                         stats_forms[call->kind].name);
    aggregate->fields = pool_new(&aggregate->pool, field_id, call->fields.count + 1, err);
    if (aggregate->fields == NULL)
        return STATUS_TOO_LARGE;
    for (uint32_t i = 0; i < call->fields.count; i++)
        aggregate->fields[i] = names_id(&run->names, call->fields.items[i]);
    return STATUS_OK;
}

void aggregate_release(struct aggregate *aggregate, uint32_t group_count)
{
    if (aggregate->form == NULL)
        return;
    if (aggregate->form->release != NULL)
        for (uint32_t i = 0; i < group_count && i < aggregate->capacity; i++)
            aggregate->form->release(aggregate, aggregate_state(aggregate, i));
    memory_free(&aggregate->run->memory, (void **)&aggregate->states, &aggregate->capacity,
                aggregate->form->state_size);
    pool_release(&aggregate->pool);
}

enum status aggregate_reserve(struct aggregate *aggregate, uint32_t group_count,
                              struct error *err)
{
    return memory_grow(&aggregate->run->memory, (void **)&aggregate->states, &aggregate->capacity,
                       group_count, aggregate->form->state_size, err);
}

/* The rows that pass the call's filter, with their groups. */
static enum status filter_rows(const struct aggregate *aggregate, struct view *view,
                               const struct grouped *rows, struct grouped *out,
                               struct error *err)
{
    struct arena *arena = view_arena(view);
    size_t words = bit_words(view_row_count(view));
    uint64_t *pass = arena_new(arena, uint64_t, words + 1);
    uint32_t *kept = arena_new(arena, uint32_t, rows->count + 1);
    uint32_t *groups = arena_new(arena, uint32_t, rows->count + 1);
    uint32_t count = 0;
    enum status status;

    if (pass == NULL || kept == NULL || groups == NULL)
        return memory_exceeded(&aggregate->run->memory, err);
    memcpy(pass, view->base.selected, words * sizeof(*pass));
    status = predicate_eval(aggregate->filter, view_block(view), pass, err);
    for (uint32_t i = 0; i < rows->count; i++) {
        if (!bit_get(pass, rows->rows[i]))
            continue;
        kept[count] = rows->rows[i];
        groups[count++] = grouped_group(rows, i);
    }
    *out = (struct grouped){.count = count,
                            .rows = kept,
                            .groups = rows->groups == NULL ? NULL : groups,
                            .single = rows->single};
    return status;
}

enum status aggregate_update(struct aggregate *aggregate, struct view *view,
                             const struct grouped *rows, struct error *err)
{
    struct grouped kept = {0};
    enum status status;

    if (aggregate->filter == NULL)
        return aggregate->form->update(aggregate, view, rows, err);
    status = filter_rows(aggregate, view, rows, &kept, err);
    if (status != STATUS_OK || kept.count == 0)
        return status;
    return aggregate->form->update(aggregate, view, &kept, err);
}

void aggregate_see_type(struct aggregate *aggregate, enum value_type type)
{
    if (type == VALUE_TEXT || type == VALUE_JSON)
        type = VALUE_FLOAT; /* texts that read as numbers */
    if (!aggregate->typed)
        aggregate->type = type;
    else if (aggregate->type != type)
        aggregate->type = VALUE_FLOAT;
    aggregate->typed = true;
}

void aggregate_merge_type(struct aggregate *aggregate, const struct aggregate *other)
{
    if (other->typed)
        aggregate_see_type(aggregate, other->type);
}

enum status aggregate_merge(struct aggregate *aggregate, uint32_t to,
                            const struct aggregate *other, uint32_t from, struct error *err)
{
    return aggregate->form->merge(aggregate, aggregate_state(aggregate, to),
                                  aggregate_state(other, from), err);
}

static aggregate_item *item_form(enum stats_kind kind)
{
    static aggregate_item *const forms[STATS_KIND_COUNT] = {
        [STATS_COUNT] = count_item,      [STATS_RATE] = count_item,
        [STATS_SUM] = sum_item,          [STATS_RATE_SUM] = sum_item,
        [STATS_AVG] = sum_item,          [STATS_MIN] = extreme_item,
        [STATS_MAX] = extreme_item,      [STATS_QUANTILE] = sketch_item,
        [STATS_MEDIAN] = sketch_item,    [STATS_HISTOGRAM] = sketch_item,
        [STATS_INCREASE] = increase_item,
    };

    return forms[kind];
}

bool aggregate_takes_rollups(const struct stats_call *call)
{
    bool counts = call->kind == STATS_COUNT || call->kind == STATS_RATE;

    return call->filter == NULL && item_form(call->kind) != NULL && call->kind != STATS_INCREASE &&
           call->fields.count == (counts ? 0 : 1);
}

bool aggregate_takes_cells(const struct stats_call *call)
{
    aggregate_item *form = item_form(call->kind);

    return call->filter == NULL && form != NULL && form != sketch_item &&
           call->fields.count == (form == count_item ? 0 : 1);
}

bool aggregate_takes_sums(const struct stats_call *call)
{
    aggregate_item *form = item_form(call->kind);

    return form == count_item || form == sum_item;
}

enum status aggregate_add_item(struct aggregate *aggregate, uint32_t group,
                               const struct rollup_item *item, struct error *err)
{
    return item_form(aggregate->call->kind)(aggregate, aggregate_state(aggregate, group), item,
                                            err);
}

bool aggregate_items_fit(const struct aggregate *aggregate, uint32_t group_count)
{
    if (aggregate->call->kind == STATS_INCREASE)
        for (uint32_t i = 0; i < group_count && i < aggregate->capacity; i++)
            if (!increase_items_fit(aggregate_state(aggregate, i)))
                return false;
    return true;
}

enum status aggregate_result(struct aggregate *aggregate, uint32_t group, struct cell *out,
                             struct error *err)
{
    return aggregate->form->result(aggregate, aggregate_state(aggregate, group), out, err);
}

static double number_of_text(struct slice text, enum value_type type)
{
    struct cell cell = cell_text(text, type);
    double number;

    return cell_number(&cell, &number) ? number : (double)NAN;
}

static enum status dict_numbers(struct view *view, const struct grouped *rows,
                                const struct column *column, double *out)
{
    double *by_code = arena_new(view_arena(view), double, (size_t)column->dict_count + 1);

    if (by_code == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t code = 0; code < column->dict_count; code++)
        by_code[code] = number_of_text(column->dict[code], column_type(column));
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t code = column->codes[rows->rows[i]];

        out[i] = code == COLUMN_NO_CODE ? (double)NAN : by_code[code];
    }
    return STATUS_OK;
}

static void plain_numbers(const struct grouped *rows, const struct column *column, double *out)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = rows->rows[i];

        if (column->present != NULL && !bit_get(column->present, row))
            out[i] = (double)NAN;
        else if (column->kind == COLUMN_INT)
            out[i] = (double)column->ints[row];
        else if (column->kind == COLUMN_FLOAT)
            out[i] = isfinite(column->floats[row]) ? column->floats[row] : (double)NAN;
        else
            out[i] = number_of_text(column->texts[row], column_type(column));
    }
}

enum status aggregate_numbers(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct aggregate_numbers *out,
                              struct error *err)
{
    struct column column;
    enum status status = view_column(view, aggregate->fields[0], false, &column, err);
    double *values;

    *out = (struct aggregate_numbers){0};
    if (status != STATUS_OK || column.kind == COLUMN_MISSING)
        return status;
    values = arena_new(view_arena(view), double, rows->count + 1);
    if (values == NULL)
        return memory_exceeded(&aggregate->run->memory, err);
    if (column.kind != COLUMN_DICT)
        plain_numbers(rows, &column, values);
    else if (dict_numbers(view, rows, &column, values) != STATUS_OK)
        return memory_exceeded(&aggregate->run->memory, err);
    aggregate_see_type(aggregate, column_type(&column));
    *out = (struct aggregate_numbers){values, column.kind == COLUMN_INT ? column.ints : NULL};
    return STATUS_OK;
}
