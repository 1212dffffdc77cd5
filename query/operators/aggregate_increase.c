/* query/operators/aggregate_increase.c -- increase(value): how much counters grew. Each series (rows
 * whose text fields are all equal) is followed in order of time; where a value is below the one
 * before it the counter began again at 0. The increases of the series of a group are added up.
 * Nothing is extrapolated: what lies before the first and behind the last value is not counted. */
#include "query/operators/aggregate.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>

struct point {
    uint64_t series;
    int64_t time_ns;
    double value;
};

struct increase_state {
    struct point *points;
    uint32_t count, capacity;
};

/* Hash of each row's text fields, by row of the view; NULL: no memory. */
static uint64_t *hash_series(struct aggregate *aggregate, struct view *view,
                             const struct grouped *rows, struct error *err)
{
    uint64_t *series = arena_new(view_arena(view), uint64_t, (size_t)view_row_count(view) + 1);
    const field_id *fields;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status == STATUS_OK && series == NULL)
        status = memory_exceeded(&aggregate->run->memory, err);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        struct column column;

        if (fields[i] == FIELD_ID_MSG)
            continue;
        status = view_column(view, fields[i], false, &column, err);
        if (column.kind != COLUMN_DICT && column.kind != COLUMN_TEXT)
            continue;
        for (uint32_t k = 0; status == STATUS_OK && k < rows->count; k++) {
            struct cell cell = cell_of(&column, rows->rows[k]);

            if (cell.kind == CELL_TEXT) /* the order of fields may differ from block to block */
                series[rows->rows[k]] +=
                    hash64_seed(cell.text.data, cell.text.len, fields[i] + UINT64_C(1));
        }
    }
    return status == STATUS_OK ? series : NULL;
}

static enum status add_point(struct aggregate *aggregate, struct increase_state *state,
                             struct point point, struct error *err)
{
    enum status status =
        memory_grow(&aggregate->run->memory, (void **)&state->points, &state->capacity,
                    state->count + 1, sizeof(*state->points), err);

    if (status == STATUS_OK)
        state->points[state->count++] = point;
    return status;
}

static enum status update_increase(struct aggregate *aggregate, struct view *view,
                                   const struct grouped *rows, struct error *err)
{
    struct column column, times;
    const double *numbers;
    const uint64_t *series;
    enum status status =
        aggregate_numbers(aggregate, aggregate->fields[0], view, rows, &numbers, &column, err);

    if (status == STATUS_OK)
        status = view_column(view, FIELD_ID_TIME, false, &times, err);
    if (status != STATUS_OK || numbers == NULL || times.kind != COLUMN_INT)
        return status;
    series = hash_series(aggregate, view, rows, err);
    if (series == NULL)
        return err->status;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++)
        if (!isnan(numbers[i]))
            status = add_point(aggregate, aggregate_state(aggregate, grouped_group(rows, i)),
                               (struct point){series[rows->rows[i]],
                                              times.ints[rows->rows[i]], numbers[i]},
                               err);
    return status;
}

static enum status merge_increase(struct aggregate *aggregate, void *to, const void *from,
                                  struct error *err)
{
    const struct increase_state *other = from;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < other->count; i++)
        status = add_point(aggregate, to, other->points[i], err);
    return status;
}

static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Null without any series of two values: nothing is known to have grown, or not. */
static enum status result_increase(struct aggregate *aggregate, const void *from,
                                   struct cell *out, struct error *err)
{
    const struct increase_state *state = from;
    bool any = false;
    double sum = 0;

    (void)aggregate;
    (void)err;
    if (state->count > 0)
        qsort(state->points, state->count, sizeof(*state->points), compare_points);
    for (uint32_t i = 1; i < state->count; i++) {
        const struct point *before = &state->points[i - 1], *now = &state->points[i];

        if (before->series != now->series)
            continue;
        any = true;
        sum += now->value >= before->value ? now->value - before->value : now->value;
    }
    *out = any ? cell_float(sum, VALUE_FLOAT) : cell_null();
    return STATUS_OK;
}

static void release_increase(struct aggregate *aggregate, void *from)
{
    struct increase_state *state = from;

    memory_free(&aggregate->run->memory, (void **)&state->points, &state->capacity,
                sizeof(*state->points));
}

const struct aggregate_form aggregate_increase[STATS_KIND_COUNT] = {
    [STATS_INCREASE] = {sizeof(struct increase_state), update_increase, merge_increase,
                        result_increase, release_increase},
};
