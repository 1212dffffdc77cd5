/* query/operators/aggregate_increase.c -- increase(value): how much counters grew. Each series (rows
 * whose text fields are all equal) is followed in order of time; where a value is below the one
 * before it the counter began again at 0. The increases of the series of a group are added up.
 * Nothing is extrapolated: what lies before the first and behind the last value is not counted. A rollup
 * gives a stretch of a series at once: it takes its place among the values, if no other lies inside. */
#include "query/operators/aggregate.h"

#include "base/hash.h"
#include "query/operators/decimal_sum.h"

#include <math.h>
#include <stdlib.h>

struct point {
    uint64_t series;
    int64_t time_ns;
    double value;
};

struct stretch {
    uint64_t series;
    struct sample_sum sum;
};

struct increase_state {
    struct point *points;
    struct stretch *stretches;
    uint32_t count, capacity, stretch_count, stretch_capacity;
};

static uint64_t hash_text(struct slice text, field_id field)
{
    return hash64_seed(text.data, text.len, field + UINT64_C(1));
}

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
                series[rows->rows[k]] += hash_text(cell.text, fields[i]);
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
    struct aggregate_numbers numbers;
    struct column times;
    const uint64_t *series;
    enum status status = aggregate_numbers(aggregate, view, rows, &numbers, err);

    if (status == STATUS_OK)
        status = view_column(view, FIELD_ID_TIME, false, &times, err);
    if (status != STATUS_OK || numbers.values == NULL || times.kind != COLUMN_INT)
        return status;
    series = hash_series(aggregate, view, rows, err);
    if (series == NULL)
        return err->status;
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++)
        if (!isnan(numbers.values[i]))
            status = add_point(aggregate, aggregate_state(aggregate, grouped_group(rows, i)),
                               (struct point){series[rows->rows[i]],
                                              times.ints[rows->rows[i]], numbers.values[i]},
                               err);
    return status;
}

static enum status add_stretch(struct aggregate *aggregate, struct increase_state *state,
                               const struct stretch *stretch, struct error *err)
{
    enum status status = memory_grow(&aggregate->run->memory, (void **)&state->stretches,
                                     &state->stretch_capacity, state->stretch_count + 1,
                                     sizeof(*state->stretches), err);

    if (status == STATUS_OK)
        state->stretches[state->stretch_count++] = *stretch;
    return status;
}

static enum status merge_increase(struct aggregate *aggregate, void *to, const void *from,
                                  struct error *err)
{
    const struct increase_state *other = from;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < other->count; i++)
        status = add_point(aggregate, to, other->points[i], err);
    for (uint32_t i = 0; status == STATUS_OK && i < other->stretch_count; i++)
        status = add_stretch(aggregate, to, &other->stretches[i], err);
    return status;
}

/* ---- items ---- */

/* What hash_series() says of the samples of the series. */
static uint64_t hash_item(struct aggregate *aggregate, const struct rollup_item *item)
{
    uint64_t series = hash_text(item->source->geo, FIELD_ID_GEO) +
                      hash_text(item->source->host, FIELD_ID_HOST) +
                      hash_text(item->source->role, FIELD_ID_ROLE) +
                      hash_text(item->source->path, FIELD_ID_SOURCE) +
                      hash_text(item->metric, FIELD_ID_METRIC);

    for (uint32_t i = 0; i < item->label_count; i++) {
        field_id field = names_id(&aggregate->run->names, item->labels[i].name);

        if (field >= FIELD_ID_FIRST_SPAN) /* others are hidden by fields of all samples */
            series += hash_text(item->labels[i].value, field);
    }
    return series;
}

enum status increase_item(struct aggregate *aggregate, void *state, const struct rollup_item *item,
                          struct error *err)
{
    struct stretch stretch;

    if (item->sum == NULL)
        return STATUS_OK;
    stretch = (struct stretch){hash_item(aggregate, item), *item->sum};
    return add_stretch(aggregate, state, &stretch, err);
}

/* ---- the way along the series ---- */

static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static int compare_stretches(const void *a, const void *b)
{
    const struct stretch *x = a, *y = b;

    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    return (x->sum.first_ns > y->sum.first_ns) - (x->sum.first_ns < y->sum.first_ns);
}

static void sort(const struct increase_state *state)
{
    if (state->count > 0)
        qsort(state->points, state->count, sizeof(*state->points), compare_points);
    if (state->stretch_count > 0)
        qsort(state->stretches, state->stretch_count, sizeof(*state->stretches),
              compare_stretches);
}

/* A value, or a stretch of them. */
struct part {
    struct point first, last;
    const struct sample_sum *sum; /* NULL: a value */
};

/* Both lists as one, in order. False: no more. */
static bool next_part(const struct increase_state *state, uint32_t *point, uint32_t *stretch,
                      struct part *out)
{
    *out = (struct part){0};
    if (*stretch < state->stretch_count) {
        const struct stretch *at = &state->stretches[*stretch];
        struct point first = (struct point){at->series, at->sum.first_ns,
                               sample_value_join(at->sum.scale, at->sum.first)};
        if (*point == state->count || compare_points(&first, &state->points[*point]) < 0) {
            ++*stretch;
            out->sum = &at->sum;
            out->first = out->last = first;
            out->last.time_ns = at->sum.last_ns;
            out->last.value = sample_value_join(at->sum.scale, at->sum.last);
            return true;
        }
    }
    if (*point == state->count)
        return false;
    out->first = out->last = state->points[(*point)++];
    return true;
}

bool increase_items_fit(const void *from)
{
    const struct increase_state *state = from;
    struct part before = {0}, now;
    uint32_t point = 0, stretch = 0;

    if (state->stretch_count == 0)
        return true;
    sort(state);
    while (next_part(state, &point, &stretch, &now)) {
        if ((before.sum != NULL || now.sum != NULL) && before.last.series == now.first.series &&
            point + stretch > 1 && now.first.time_ns <= before.last.time_ns)
            return false;
        before = now;
    }
    return true;
}

static void add_step(struct decimal_sum *sum, double before, double now)
{
    int64_t from, to;
    unsigned from_scale, to_scale;

    if (now < before)
        before = 0; /* the counter began again */
    if (decimal_of(before, &from, &from_scale) && decimal_of(now, &to, &to_scale)) {
        decimal_add_scaled(sum, to, to_scale);
        decimal_add_scaled(sum, -from, from_scale);
    } else {
        decimal_add_double(sum, now - before);
    }
}

/* Null without any series of two values: nothing is known to have grown, or not. */
static enum status result_increase(struct aggregate *aggregate, const void *from,
                                   struct cell *out, struct error *err)
{
    const struct increase_state *state = from;
    struct decimal_sum sum = {0};
    struct part before = {0}, now;
    uint32_t point = 0, stretch = 0;
    bool any = false;

    (void)aggregate;
    (void)err;
    sort(state);
    for (; next_part(state, &point, &stretch, &now); before = now) {
        if (now.sum != NULL) {
            any = any || now.sum->samples > 1;
            decimal_add_scaled(&sum, now.sum->last, now.sum->scale);
            decimal_add_scaled(&sum, -now.sum->first, now.sum->scale);
            decimal_add_scaled(&sum, now.sum->dropped, now.sum->scale);
        }
        if (point + stretch == 1 || before.last.series != now.first.series)
            continue;
        any = true;
        add_step(&sum, before.last.value, now.first.value);
    }
    *out = any ? cell_float(decimal_value(&sum), VALUE_FLOAT) : cell_null();
    return STATUS_OK;
}

static void release_increase(struct aggregate *aggregate, void *from)
{
    struct increase_state *state = from;

    memory_free(&aggregate->run->memory, (void **)&state->points, &state->capacity,
                sizeof(*state->points));
    memory_free(&aggregate->run->memory, (void **)&state->stretches, &state->stretch_capacity,
                sizeof(*state->stretches));
}

const struct aggregate_form aggregate_increase[STATS_KIND_COUNT] = {
    [STATS_INCREASE] = {sizeof(struct increase_state), update_increase, merge_increase,
                        result_increase, release_increase},
};
