/* store/sample_value.h -- values of samples as two numbers: decimal places and a whole number.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SAMPLE_VALUE_H
#define DENDRO_STORE_SAMPLE_VALUE_H

#include <stdint.h>
#include <string.h>

enum {
    SAMPLE_SCALE_MAX = 9,    /* decimal places */
    SAMPLE_SCALE_BITS = 255, /* instead: the number is the bits of the value */
};
#define SAMPLE_WHOLE_MAX ((int64_t)1 << 53) /* whole numbers up to it are exact in a double */

extern const double sample_powers[SAMPLE_SCALE_MAX + 1]; /* of ten */

static inline double sample_value_join(int64_t scale, int64_t number)
{
    double value;

    if (scale >= 0 && scale <= SAMPLE_SCALE_MAX)
        return (double)number / sample_powers[scale];
    memcpy(&value, &number, sizeof(value));
    return value;
}

/* The smallest scale at which the value is a whole number, up to SAMPLE_WHOLE_MAX, that joins to the same
 * bits; SAMPLE_SCALE_BITS if there is none. `likely` is a scale that is worth to be tried first. */
void sample_value_split(double value, int64_t likely, int64_t *scale, int64_t *number);

#endif
