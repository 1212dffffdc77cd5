/* store/sample_value.c -- from the bits of a double to the decimal that somebody wrote.
 *
 * What makes one try enough: let w be a whole number below 2^50 and v the double next to w / 10^s. Then
 * v * 10^s, rounded, is less than 1/2 away from w, so rounding it to a whole number gives w; and w / 10^s
 * is w * 10^k / 10^(s + k). So a value that is no whole number at a scale where it stays below 2^50 is none
 * at any smaller scale, and one that is has its smallest scale where w loses its last zero. */
#include "store/sample_value.h"

#include <math.h>
#include <stdbool.h>

#define SURE_MAX ((double)((int64_t)1 << 50))

const double sample_powers[SAMPLE_SCALE_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* Also tells -0 from 0. */
static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Is it a whole number below SURE_MAX at this scale? */
static inline bool is_whole_at(double value, int64_t scale, int64_t *number)
{
    double scaled = value * sample_powers[scale];

    if (!(fabs(scaled) < SURE_MAX))
        return false;
    *number = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    return same_bits(sample_value_join(scale, *number), value);
}

static void drop_zeros(int64_t *scale, int64_t *number)
{
    while (*scale > 0 && *number % 10 == 0) {
        *number /= 10;
        --*scale;
    }
}

/* The largest scale at which the value is below SURE_MAX; -1: at none. */
static int64_t sure_scale(double value)
{
    int64_t scale = SAMPLE_SCALE_MAX;

    while (scale >= 0 && !(fabs(value * sample_powers[scale]) < SURE_MAX))
        scale--;
    return scale;
}

/* One scale after the other from `scale` on. */
static bool search(double value, int64_t *scale, int64_t *number)
{
    for (; *scale <= SAMPLE_SCALE_MAX; ++*scale) {
        double scaled = value * sample_powers[*scale];

        if (!(fabs(scaled) <= (double)SAMPLE_WHOLE_MAX))
            return false;
        *number = llround(scaled);
        if (same_bits(sample_value_join(*scale, *number), value))
            return true;
    }
    return false;
}

void sample_value_split(double value, int64_t likely, int64_t *scale, int64_t *number)
{
    *scale = likely;
    if (!is_whole_at(value, *scale, number)) {
        *scale = sure_scale(value);
        if (*scale < 0 || !is_whole_at(value, *scale, number)) {
            ++*scale;
            if (search(value, scale, number))
                return;
            *scale = SAMPLE_SCALE_BITS;
            memcpy(number, &value, sizeof(*number));
            return;
        }
    }
    drop_zeros(scale, number);
}
