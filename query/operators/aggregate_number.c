/* query/operators/aggregate_number.c -- functions of numbers: sum, rate_sum, avg, stddev, quantile,
 * median, histogram, forecast. Rows without a number are skipped. */
#include "query/operators/aggregate.h"

#include "base/json_writer.h"
#include "query/operators/decimal_sum.h"
#include "query/sketch.h"

#include <math.h>

/* ---- sum ---- */

struct sum_state {
    struct decimal_sum sum;
    uint64_t count;
};

static enum status update_sum(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct error *err)
{
    struct aggregate_numbers numbers;
    enum status status = aggregate_numbers(aggregate, view, rows, &numbers, err);

    for (uint32_t i = 0; numbers.values != NULL && i < rows->count; i++) {
        struct sum_state *state = aggregate_state(aggregate, grouped_group(rows, i));

        if (isnan(numbers.values[i]))
            continue;
        state->count++;
        if (numbers.whole != NULL)
            decimal_add_scaled(&state->sum, numbers.whole[rows->rows[i]], 0);
        else
            decimal_add(&state->sum, numbers.values[i]);
    }
    return status;
}

static enum status merge_sum(struct aggregate *aggregate, void *to, const void *from,
                             struct error *err)
{
    struct sum_state *a = to;
    const struct sum_state *b = from;

    (void)aggregate;
    (void)err;
    decimal_merge(&a->sum, &b->sum);
    a->count += b->count;
    return STATUS_OK;
}

enum status sum_item(struct aggregate *aggregate, void *to, const struct rollup_item *item,
                     struct error *err)
{
    struct sum_state *state = to;

    (void)err;
    if (item->sum != NULL) {
        aggregate_see_type(aggregate, VALUE_FLOAT);
        state->count += item->sum->samples;
        decimal_add_scaled(&state->sum, item->sum->sum, item->sum->scale);
    } else if (item->value != NULL) {
        aggregate_see_type(aggregate, (enum value_type)item->type);
        state->count += item->value->values;
        decimal_add_scaled(&state->sum, item->value->sum, 0);
    }
    return STATUS_OK;
}

static enum status result_sum(struct aggregate *aggregate, const void *from, struct cell *out,
                              struct error *err)
{
    const struct sum_state *state = from;
    int64_t whole;

    (void)err;
    if (state->count == 0)
        *out = cell_null();
    else if (!decimal_whole(&state->sum, &whole))
        *out = cell_float(decimal_value(&state->sum),
                          aggregate->type == VALUE_INT ? VALUE_FLOAT : aggregate->type);
    else
        *out = cell_int(whole, aggregate->type == VALUE_FLOAT ? VALUE_INT
                                                                     : aggregate->type);
    return STATUS_OK;
}

static enum status result_rate_sum(struct aggregate *aggregate, const void *from,
                                   struct cell *out, struct error *err)
{
    const struct sum_state *state = from;

    (void)err;
    *out = cell_float(decimal_value(&state->sum) / aggregate->seconds,
                      aggregate->type == VALUE_INT ? VALUE_FLOAT : aggregate->type);
    return STATUS_OK;
}

/* A mean has a fraction; durations and sizes keep their unit. */
static enum value_type mean_type(const struct aggregate *aggregate)
{
    return aggregate->type == VALUE_INT || aggregate->type == VALUE_TEXT ? VALUE_FLOAT
                                                                         : aggregate->type;
}

static enum status result_avg(struct aggregate *aggregate, const void *from, struct cell *out,
                              struct error *err)
{
    const struct sum_state *state = from;

    (void)err;
    *out = state->count == 0 ? cell_null()
                             : cell_float(decimal_value(&state->sum) / (double)state->count,
                                          mean_type(aggregate));
    return STATUS_OK;
}

/* ---- stddev: of the whole group; Welford's update, Chan's merge ---- */

struct spread_state {
    uint64_t count;
    double mean, squares; /* sum of squared distances from the mean */
};

static enum status update_stddev(struct aggregate *aggregate, struct view *view,
                                 const struct grouped *rows, struct error *err)
{
    struct aggregate_numbers numbers;
    enum status status = aggregate_numbers(aggregate, view, rows, &numbers, err);

    for (uint32_t i = 0; numbers.values != NULL && i < rows->count; i++) {
        struct spread_state *state = aggregate_state(aggregate, grouped_group(rows, i));
        double distance;

        if (isnan(numbers.values[i]))
            continue;
        state->count++;
        distance = numbers.values[i] - state->mean;
        state->mean += distance / (double)state->count;
        state->squares += distance * (numbers.values[i] - state->mean);
    }
    return status;
}

static enum status merge_stddev(struct aggregate *aggregate, void *to, const void *from,
                                struct error *err)
{
    struct spread_state *a = to;
    const struct spread_state *b = from;
    double distance = b->mean - a->mean;
    double total = (double)a->count + (double)b->count;

    (void)aggregate;
    (void)err;
    if (b->count == 0)
        return STATUS_OK;
    a->mean += distance * (double)b->count / total;
    a->squares += b->squares + distance * distance * (double)a->count * (double)b->count / total;
    a->count += b->count;
    return STATUS_OK;
}

static enum status result_stddev(struct aggregate *aggregate, const void *from, struct cell *out,
                                 struct error *err)
{
    const struct spread_state *state = from;

    (void)err;
    *out = state->count == 0 ? cell_null()
                             : cell_float(sqrt(state->squares / (double)state->count),
                                          mean_type(aggregate));
    return STATUS_OK;
}

/* ---- sketches ---- */

static enum status update_sketch(struct aggregate *aggregate, struct view *view,
                                 const struct grouped *rows, struct error *err)
{
    struct aggregate_numbers numbers;
    enum status status = aggregate_numbers(aggregate, view, rows, &numbers, err);

    for (uint32_t i = 0; status == STATUS_OK && numbers.values != NULL && i < rows->count; i++)
        if (!isnan(numbers.values[i]))
            status = sketch_add(aggregate_state(aggregate, grouped_group(rows, i)),
                                numbers.values[i], 1, &aggregate->run->memory, err);
    return status;
}

static enum status merge_sketch(struct aggregate *aggregate, void *to, const void *from,
                                struct error *err)
{
    return sketch_merge(to, from, &aggregate->run->memory, err);
}

enum status sketch_item(struct aggregate *aggregate, void *state, const struct rollup_item *item,
                        struct error *err)
{
    const struct rollup_value *value = item->value;
    enum status status = STATUS_OK;

    if (value == NULL)
        return STATUS_OK;
    aggregate_see_type(aggregate, (enum value_type)item->type);
    sketch_see_range(state, (double)value->min, (double)value->max);
    for (uint32_t i = 0; i < value->bucket_count && status == STATUS_OK; i++)
        status = sketch_add_bucket(state, (int32_t)item->buckets[i].bucket,
                                   item->buckets[i].values, &aggregate->run->memory, err);
    return status;
}

static void release_sketch(struct aggregate *aggregate, void *state)
{
    sketch_release(state, &aggregate->run->memory);
}

static struct cell quantile_cell(const struct aggregate *aggregate, const struct sketch *sketch,
                                 double phi)
{
    double value = sketch_quantile(sketch, phi);

    if (sketch->total == 0)
        return cell_null();
    if ((aggregate->type == VALUE_DURATION || aggregate->type == VALUE_BYTES ||
         aggregate->type == VALUE_TIME) && fabs(value) < 9.2e18)
        return cell_int(llround(value), aggregate->type); /* whole units, as the values were */
    return cell_float(value, mean_type(aggregate));
}

static enum status result_quantile(struct aggregate *aggregate, const void *state,
                                   struct cell *out, struct error *err)
{
    (void)err;
    *out = quantile_cell(aggregate, state, aggregate->call->number.number);
    return STATUS_OK;
}

static enum status result_median(struct aggregate *aggregate, const void *state, struct cell *out,
                                 struct error *err)
{
    (void)err;
    *out = quantile_cell(aggregate, state, 0.5);
    return STATUS_OK;
}

/* [{"low":1,"high":1.03125,"hits":5},...], durations in seconds as everywhere in JSON. */
struct histogram_text {
    struct json_writer json;
    double unit;
};

static void print_bucket(void *user, double low, double high, uint64_t count)
{
    struct histogram_text *text = user;

    jsonw_object(&text->json);
    jsonw_key(&text->json, "low");
    jsonw_double(&text->json, low * text->unit);
    jsonw_key(&text->json, "high");
    jsonw_double(&text->json, high * text->unit);
    jsonw_key(&text->json, "hits");
    jsonw_u64(&text->json, count);
    jsonw_end_object(&text->json);
}

static enum status result_histogram(struct aggregate *aggregate, const void *state,
                                    struct cell *out, struct error *err)
{
    struct buf buf = buf_empty(aggregate->run->memory.size_max);
    struct histogram_text text = {.unit = aggregate->type == VALUE_DURATION ? 1e-9 : 1};
    struct slice own = {0};
    enum status status;

    jsonw_begin(&text.json, &buf);
    jsonw_array(&text.json);
    sketch_buckets(state, print_bucket, &text);
    jsonw_end_array(&text.json);
    status = buf_check(&buf, "a histogram", err);
    if (status == STATUS_OK)
        status = pool_copy(&aggregate->pool, buf_slice(&buf), &own, err);
    buf_release(&buf);
    *out = cell_text(own, VALUE_JSON);
    return status;
}

/* ---- forecast: least-squares line of value over time ---- */

struct line_state {
    double count, t, tt, v, tv; /* sums; t in seconds from the end of the range */
};

static enum status update_forecast(struct aggregate *aggregate, struct view *view,
                                   const struct grouped *rows, struct error *err)
{
    struct aggregate_numbers numbers;
    struct column times;
    enum status status = aggregate_numbers(aggregate, view, rows, &numbers, err);

    if (status == STATUS_OK)
        status = view_column(view, FIELD_ID_TIME, false, &times, err);
    if (status != STATUS_OK || numbers.values == NULL || times.kind != COLUMN_INT)
        return status;
    for (uint32_t i = 0; i < rows->count; i++) {
        struct line_state *state = aggregate_state(aggregate, grouped_group(rows, i));
        double t = (double)(times.ints[rows->rows[i]] - aggregate->range_end_ns) / 1e9;

        if (isnan(numbers.values[i]))
            continue;
        state->count++;
        state->t += t;
        state->tt += t * t;
        state->v += numbers.values[i];
        state->tv += t * numbers.values[i];
    }
    return STATUS_OK;
}

static enum status merge_forecast(struct aggregate *aggregate, void *to, const void *from,
                                  struct error *err)
{
    struct line_state *a = to;
    const struct line_state *b = from;

    (void)aggregate;
    (void)err;
    a->count += b->count;
    a->t += b->t;
    a->tt += b->tt;
    a->v += b->v;
    a->tv += b->tv;
    return STATUS_OK;
}

/* One point, or all at one time, has no slope: no forecast. */
static enum status result_forecast(struct aggregate *aggregate, const void *from,
                                   struct cell *out, struct error *err)
{
    const struct line_state *s = from;
    double ahead = aggregate->call->number.number / 1e9;
    double spread = s->count * s->tt - s->t * s->t;
    double slope = (s->count * s->tv - s->t * s->v) / spread;

    (void)err;
    *out = s->count < 2 || !(spread > 0)
               ? cell_null()
               : cell_float((s->v - slope * s->t) / s->count + slope * ahead,
                            mean_type(aggregate));
    return STATUS_OK;
}

const struct aggregate_form aggregate_numeric[STATS_KIND_COUNT] = {
    [STATS_SUM] = {sizeof(struct sum_state), update_sum, merge_sum, result_sum, NULL},
    [STATS_RATE_SUM] = {sizeof(struct sum_state), update_sum, merge_sum, result_rate_sum, NULL},
    [STATS_AVG] = {sizeof(struct sum_state), update_sum, merge_sum, result_avg, NULL},
    [STATS_STDDEV] = {sizeof(struct spread_state), update_stddev, merge_stddev, result_stddev,
                      NULL},
    [STATS_QUANTILE] = {sizeof(struct sketch), update_sketch, merge_sketch, result_quantile,
                        release_sketch},
    [STATS_MEDIAN] = {sizeof(struct sketch), update_sketch, merge_sketch, result_median,
                      release_sketch},
    [STATS_HISTOGRAM] = {sizeof(struct sketch), update_sketch, merge_sketch, result_histogram,
                         release_sketch},
    [STATS_FORECAST] = {sizeof(struct line_state), update_forecast, merge_forecast,
                        result_forecast, NULL},
};
