/* query/operators/decimal_sum.c -- whole numbers and billionths, carried; doubles by Neumaier's form of
 * compensated summation (A. Neumaier, ZAMM 54, 1974). */
#include "query/operators/decimal_sum.h"

#include <math.h>

enum { SCALE_MAX = 9, WHOLE_BITS = 62 };
#define BILLION   INT64_C(1000000000)
#define WHOLE_MAX 9007199254740992.0 /* 2^53: whole numbers up to it are exact in a double */
/* 2^51: up to it decimals are more than two doubles apart, so only one is rounded to a double. */
#define DECIMAL_MAX 2251799813685248.0

static const int64_t powers[SCALE_MAX + 1] = {1,      10,      100,      1000,      10000,
                                              100000, 1000000, 10000000, 100000000, BILLION};

bool decimal_of(double value, int64_t *number, unsigned *scale)
{
    unsigned places = SCALE_MAX;

    if (value == floor(value)) {
        *scale = 0;
        *number = fabs(value) <= WHOLE_MAX ? (int64_t)value : 0;
        return fabs(value) <= WHOLE_MAX;
    }
    /* A decimal of fewer places is one of more: the most that are possible are enough to try. */
    while (places > 0 && fabs(value) * (double)powers[places] > DECIMAL_MAX)
        places--;
    if (places == 0)
        return false;
    *scale = places;
    *number = llround(value * (double)powers[places]);
    return (double)*number / (double)powers[places] == value;
}

void decimal_add_double(struct decimal_sum *sum, double value)
{
    double total = sum->rest + value;

    sum->lost += fabs(sum->rest) >= fabs(value) ? sum->rest - total + value
                                                : value - total + sum->rest;
    sum->rest = total;
    sum->has_rest = true;
}

static void add_whole(struct decimal_sum *sum, int64_t value)
{
    const int64_t mask = (INT64_C(1) << WHOLE_BITS) - 1;
    int64_t whole = sum->whole + (value & mask);

    sum->high += (value >> WHOLE_BITS) + (whole >> WHOLE_BITS);
    sum->whole = whole & mask;
}

void decimal_add_scaled(struct decimal_sum *sum, int64_t number, unsigned scale)
{
    int64_t power = powers[scale], whole = number / power, part = number % power;

    if (part < 0) { /* towards minus infinity, so that one sum has one form */
        part += power;
        whole--;
    }
    part = part * (BILLION / power) + sum->billionths;
    sum->billionths = part % BILLION;
    add_whole(sum, whole);
    add_whole(sum, part / BILLION);
}

void decimal_add(struct decimal_sum *sum, double value)
{
    int64_t number;
    unsigned scale;

    if (decimal_of(value, &number, &scale))
        decimal_add_scaled(sum, number, scale);
    else
        decimal_add_double(sum, value);
}

void decimal_merge(struct decimal_sum *sum, const struct decimal_sum *other)
{
    sum->high += other->high;
    add_whole(sum, other->whole);
    decimal_add_scaled(sum, other->billionths, SCALE_MAX);
    if (!other->has_rest)
        return;
    decimal_add_double(sum, other->rest);
    sum->lost += other->lost;
}

static bool fits(const struct decimal_sum *sum)
{
    return sum->high >= -2 && sum->high <= 1;
}

/* Modulo 2^64. */
static int64_t whole_of(const struct decimal_sum *sum)
{
    return (int64_t)(((uint64_t)sum->high << WHOLE_BITS) + (uint64_t)sum->whole);
}

bool decimal_whole(const struct decimal_sum *sum, int64_t *out)
{
    *out = whole_of(sum);
    return fits(sum) && sum->billionths == 0 && !sum->has_rest;
}

double decimal_value(const struct decimal_sum *sum)
{
    double value = (double)whole_of(sum);

    /* As long as all billionths are exact in a double, one rounding gives the nearest one. */
    if (fits(sum) && fabs(value) <= WHOLE_MAX / 2 / (double)BILLION)
        value = (double)(whole_of(sum) * BILLION + sum->billionths) / (double)BILLION;
    else if (fits(sum))
        value += (double)sum->billionths / (double)BILLION;
    else
        value = ldexp((double)sum->high, WHOLE_BITS) + (double)sum->whole;
    return sum->has_rest ? value + (sum->rest + sum->lost) : value;
}
