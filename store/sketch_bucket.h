/* store/sketch_bucket.h -- the logarithmic buckets of quantiles: 32 per power of two.
 *
 * The bucket of a double is its exponent and the first five bits of its mantissa, so it spans 1/32 of
 * the power of two that it lies in, and its middle is at most 1/64 from every value in it. Rollups of
 * segments and sketches of queries count in the same buckets: adding up either is exact.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SKETCH_BUCKET_H
#define DENDRO_STORE_SKETCH_BUCKET_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    SKETCH_MANTISSA_BITS = 5,
    SKETCH_BUCKETS_PER_OCTAVE = 1 << SKETCH_MANTISSA_BITS,
    SKETCH_DOUBLE_MANTISSA_BITS = 52,
    SKETCH_BUCKET_COUNT = 1 << (11 + SKETCH_MANTISSA_BITS), /* of one sign */
};

/* Smaller magnitudes count as zero: a subnormal has no leading one to take bits from. */
#define SKETCH_MAGNITUDE_MIN 2.2250738585072014e-308

/* Of a magnitude from SKETCH_MAGNITUDE_MIN on; at least SKETCH_BUCKETS_PER_OCTAVE. */
static inline int32_t sketch_bucket_of(double magnitude)
{
    uint64_t bits;

    memcpy(&bits, &magnitude, sizeof(bits));
    return (int32_t)(bits >> (SKETCH_DOUBLE_MANTISSA_BITS - SKETCH_MANTISSA_BITS));
}

static inline double sketch_bucket_low(int32_t bucket)
{
    uint64_t bits = (uint64_t)bucket << (SKETCH_DOUBLE_MANTISSA_BITS - SKETCH_MANTISSA_BITS);
    double edge;

    memcpy(&edge, &bits, sizeof(edge));
    return edge;
}

static inline double sketch_bucket_middle(int32_t bucket)
{
    double low = sketch_bucket_low(bucket), high = sketch_bucket_low(bucket + 1);

    return isfinite(high) ? low + (high - low) / 2 : low;
}

#endif
