/* query/sketch.h -- quantiles of a stream by logarithmic buckets: 32 per power of two.
 *
 * A bucket spans 1/32 of the power of two it lies in, so its middle is at most 1/64 (1.57%) from
 * every value in it. Adding up two sketches adds counts: the answer does not depend on how rows
 * were split over threads, nodes or geos. Source: the idea of DDSketch (Masson, Rim, Lee 2019),
 * with the exponent and five mantissa bits of the double as index, as HdrHistogram does.
 * Thread safety: one thread at a time per sketch. */
#ifndef DENDRO_QUERY_SKETCH_H
#define DENDRO_QUERY_SKETCH_H

#include "query/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* Counts of one sign: buckets[i] counts index first + i. */
struct sketch_side {
    uint64_t *buckets;
    int32_t first;
    uint32_t count;
};

struct sketch {
    struct sketch_side positive, negative; /* of value, and of -value */
    uint64_t zero_count, total;
    double min, max; /* exact; valid if total > 0 */
};

/* Zeroed memory is an empty sketch. Values must be finite. */
enum status sketch_add(struct sketch *sketch, double value, uint64_t count, struct memory *memory,
                       struct error *err) WARN_UNUSED;
enum status sketch_merge(struct sketch *to, const struct sketch *from, struct memory *memory,
                         struct error *err) WARN_UNUSED;
/* `values` of bucket `bucket` of sketch_bucket.h (0: zeros), of values that are not negative. */
enum status sketch_add_bucket(struct sketch *sketch, int32_t bucket, uint64_t values,
                              struct memory *memory, struct error *err) WARN_UNUSED;
/* The extremes of what sketch_add_bucket() has added: once before its first buckets. */
void sketch_see_range(struct sketch *sketch, double min, double max);
/* Value of rank ceil(phi * total), at least the first: 0 <= phi <= 1. 0 if empty. */
double sketch_quantile(const struct sketch *sketch, double phi);
/* Calls visit for each bucket that is not empty, ascending: values in [low, high). */
typedef void sketch_visit(void *user, double low, double high, uint64_t count);
void sketch_buckets(const struct sketch *sketch, sketch_visit *visit, void *user);
void sketch_release(struct sketch *sketch, struct memory *memory);

#endif
