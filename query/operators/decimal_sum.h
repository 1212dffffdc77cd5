/* query/operators/decimal_sum.h -- a sum of numbers that does not depend on their order.
 *
 * Most numbers that people measure are decimals of a few places, which doubles hold but do not add up
 * exactly. Those of up to nine places are added as whole billionths: ten times 0.1 is 1, and the sums of
 * parts (blocks, threads, rollups) make the same sum as all numbers. Others are added as doubles,
 * with what rounding loses beside them: of theirs the order is seen in the last place, if at all.
 * Thread safety: one thread at a time per sum. */
#ifndef DENDRO_QUERY_OPERATORS_DECIMAL_SUM_H
#define DENDRO_QUERY_OPERATORS_DECIMAL_SUM_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed memory is 0. The sum is high * 2^62 + whole + billionths / 10^9 + rest + lost. */
struct decimal_sum {
    int64_t high, whole, billionths; /* whole: 0 .. 2^62 - 1; billionths: 0 .. 10^9 - 1 */
    double rest, lost;               /* of numbers that are no such decimals */
    bool has_rest;
};

/* A finite number as number / 10^scale with a scale of up to 9; false: it is none. */
bool decimal_of(double value, int64_t *number, unsigned *scale);

void decimal_add(struct decimal_sum *sum, double value); /* finite */
void decimal_add_scaled(struct decimal_sum *sum, int64_t number, unsigned scale);
void decimal_add_double(struct decimal_sum *sum, double value); /* to the rest */
void decimal_merge(struct decimal_sum *sum, const struct decimal_sum *other);

/* Is it a whole number that fits? */
bool decimal_whole(const struct decimal_sum *sum, int64_t *out);
double decimal_value(const struct decimal_sum *sum);

#endif
