/* query/sketch.c -- logarithmic buckets in two arrays that grow to the range of the values. */
#include "query/sketch.h"

#include "store/sketch_bucket.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Make room for buckets [first, last], in whole octaves. */
static enum status side_reserve(struct sketch_side *side, int32_t first, int32_t last,
                                struct memory *memory, struct error *err)
{
    uint64_t *grown;
    uint32_t count;
    enum status status;

    if (side->count > 0) {
        int32_t old_last = side->first + (int32_t)side->count - 1;

        if (first >= side->first && last <= old_last)
            return STATUS_OK;
        first = first < side->first ? first : side->first;
        last = last > old_last ? last : old_last;
    }
    first &= ~(SKETCH_BUCKETS_PER_OCTAVE - 1);
    last |= SKETCH_BUCKETS_PER_OCTAVE - 1;
    count = (uint32_t)(last - first + 1);
    status = memory_take(memory, (size_t)(count - side->count) * sizeof(*grown), err);
    if (status != STATUS_OK)
        return status;
    grown = calloc(count, sizeof(*grown));
    if (grown == NULL) {
        memory_give(memory, (size_t)(count - side->count) * sizeof(*grown));
        return error_set(err, STATUS_NO_MEMORY, "no memory for a quantile");
    }
    if (side->count > 0)
        memcpy(grown + (side->first - first), side->buckets, side->count * sizeof(*grown));
    free(side->buckets);
    *side = (struct sketch_side){grown, first, count};
    return STATUS_OK;
}

static enum status side_add(struct sketch_side *side, double magnitude, uint64_t count,
                            struct memory *memory, struct error *err)
{
    int32_t index = sketch_bucket_of(magnitude);
    uint32_t at = (uint32_t)(index - side->first);

    if (side->count == 0 || index < side->first || at >= side->count) {
        enum status status = side_reserve(side, index, index, memory, err);

        if (status != STATUS_OK)
            return status;
    }
    side->buckets[index - side->first] += count;
    return STATUS_OK;
}

enum status sketch_add(struct sketch *sketch, double value, uint64_t count, struct memory *memory,
                       struct error *err)
{
    enum status status = STATUS_OK;

    assert(isfinite(value));
    if (value >= SKETCH_MAGNITUDE_MIN)
        status = side_add(&sketch->positive, value, count, memory, err);
    else if (value <= -SKETCH_MAGNITUDE_MIN)
        status = side_add(&sketch->negative, -value, count, memory, err);
    else
        sketch->zero_count += count;
    if (status != STATUS_OK)
        return status;
    if (sketch->total == 0 || value < sketch->min)
        sketch->min = value;
    if (sketch->total == 0 || value > sketch->max)
        sketch->max = value;
    sketch->total += count;
    return STATUS_OK;
}

void sketch_see_range(struct sketch *sketch, double min, double max)
{
    if (sketch->total == 0 || min < sketch->min)
        sketch->min = min;
    if (sketch->total == 0 || max > sketch->max)
        sketch->max = max;
}

enum status sketch_add_bucket(struct sketch *sketch, int32_t bucket, uint64_t values,
                              struct memory *memory, struct error *err)
{
    enum status status = STATUS_OK;

    if (bucket == 0)
        sketch->zero_count += values;
    else
        status = side_reserve(&sketch->positive, bucket, bucket, memory, err);
    if (status != STATUS_OK)
        return status;
    if (bucket != 0)
        sketch->positive.buckets[bucket - sketch->positive.first] += values;
    sketch->total += values;
    return STATUS_OK;
}

static enum status side_merge(struct sketch_side *to, const struct sketch_side *from,
                              struct memory *memory, struct error *err)
{
    enum status status;

    if (from->count == 0)
        return STATUS_OK;
    status = side_reserve(to, from->first, from->first + (int32_t)from->count - 1, memory, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < from->count; i++)
        to->buckets[from->first - to->first + (int32_t)i] += from->buckets[i];
    return STATUS_OK;
}

enum status sketch_merge(struct sketch *to, const struct sketch *from, struct memory *memory,
                         struct error *err)
{
    enum status status = side_merge(&to->positive, &from->positive, memory, err);

    if (status == STATUS_OK)
        status = side_merge(&to->negative, &from->negative, memory, err);
    if (status != STATUS_OK || from->total == 0)
        return status;
    if (to->total == 0 || from->min < to->min)
        to->min = from->min;
    if (to->total == 0 || from->max > to->max)
        to->max = from->max;
    to->zero_count += from->zero_count;
    to->total += from->total;
    return STATUS_OK;
}

static double clamp(const struct sketch *sketch, double value)
{
    if (value < sketch->min)
        return sketch->min;
    return value > sketch->max ? sketch->max : value;
}

double sketch_quantile(const struct sketch *sketch, double phi)
{
    uint64_t rank = (uint64_t)ceil(phi * (double)sketch->total), seen = 0;

    if (sketch->total == 0)
        return 0;
    if (rank <= 1)
        return sketch->min;
    if (rank >= sketch->total)
        return sketch->max;
    for (uint32_t i = sketch->negative.count; i > 0; i--) {
        seen += sketch->negative.buckets[i - 1];
        if (seen >= rank)
            return clamp(sketch, -sketch_bucket_middle(sketch->negative.first + (int32_t)i - 1));
    }
    seen += sketch->zero_count;
    if (seen >= rank)
        return 0;
    for (uint32_t i = 0; i < sketch->positive.count; i++) {
        seen += sketch->positive.buckets[i];
        if (seen >= rank)
            return clamp(sketch, sketch_bucket_middle(sketch->positive.first + (int32_t)i));
    }
    return sketch->max;
}

void sketch_buckets(const struct sketch *sketch, sketch_visit *visit, void *user)
{
    const struct sketch_side *side = &sketch->negative;

    for (uint32_t i = side->count; i > 0; i--)
        if (side->buckets[i - 1] > 0)
            visit(user, -sketch_bucket_low(side->first + (int32_t)i),
                  -sketch_bucket_low(side->first + (int32_t)i - 1), side->buckets[i - 1]);
    if (sketch->zero_count > 0)
        visit(user, 0, 0, sketch->zero_count);
    side = &sketch->positive;
    for (uint32_t i = 0; i < side->count; i++)
        if (side->buckets[i] > 0)
            visit(user, sketch_bucket_low(side->first + (int32_t)i),
                  sketch_bucket_low(side->first + (int32_t)i + 1), side->buckets[i]);
}

void sketch_release(struct sketch *sketch, struct memory *memory)
{
    memory_give(memory, (sketch->positive.count + (size_t)sketch->negative.count) *
                            sizeof(*sketch->positive.buckets));
    free(sketch->positive.buckets);
    free(sketch->negative.buckets);
    *sketch = (struct sketch){0};
}
