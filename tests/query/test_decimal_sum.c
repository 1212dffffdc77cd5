/* tests/query/test_decimal_sum.c -- sums of decimals: exact, whatever their order and parts. */
#include "query/operators/decimal_sum.h"
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NUMBERS_MAX = 12 };

static const struct sum_case {
    const char *name;
    double numbers[NUMBERS_MAX]; /* to the first 0 */
    double sum;
    bool whole;
} sum_cases[] = {
    {"tenths", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 1, true},
    {"two places", {0.1, 0.2}, 0.3, false}, /* 0.30000000000000004 in doubles */
    {"billionths carry", {0.999999999, 0.000000001}, 1, true},
    {"below zero", {-0.25, 0.75, -1}, -0.5, false},
    {"large and small", {9007199254740992, 0.5, -9007199254740992}, 0.5, false},
    {"seconds of a processor", {27925.74, 0.26, 1e-9}, 27926.000000001, false},
    {"no decimals", {1.0 / 3, 2.0 / 3}, 1, false},
    {"lost in doubles", {1e100, 1.0 / 3, -1e100}, 1.0 / 3, false},
};

static void add_all(struct decimal_sum *sum, const struct sum_case *c, int step)
{
    int count = 0;

    while (count < NUMBERS_MAX && c->numbers[count] != 0)
        count++;
    for (int i = 0; i < count; i++)
        decimal_add(sum, c->numbers[step > 0 ? i : count - 1 - i]);
}

static void test_sums(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(sum_cases); i++) {
        const struct sum_case *c = &sum_cases[i];
        struct decimal_sum forth = {0}, back = {0}, parts = {0};
        int64_t whole;

        print_message("  %s\n", c->name);
        add_all(&forth, c, 1);
        add_all(&back, c, -1);
        assert_true(decimal_value(&forth) == c->sum);
        assert_true(decimal_value(&back) == c->sum);
        assert_int_equal(decimal_whole(&forth, &whole), c->whole);
        assert_true(!c->whole || (double)whole == c->sum);
        decimal_merge(&parts, &forth);
        decimal_merge(&parts, &back);
        assert_true(decimal_value(&parts) == 2 * c->sum);
    }
}

static const struct split_case {
    double value;
    bool fine;
    int64_t number;
    unsigned scale;
} split_cases[] = {
    {0, true, 0, 0},
    {-3, true, -3, 0},
    {9007199254740992.0, true, 9007199254740992, 0}, /* 2^53 */
    {1e300, false, 0, 0},
    {0.5, true, 500000000, 9},
    {1210.168, true, 1210168000000, 9},
    {1210.1680000000001, false, 0, 0}, /* its neighbour: 1210168 * 0.001 in doubles */
    {12345678.92, true, 1234567892000000, 8}, /* nine places would be above 2^51 */
    {2251799813685249.5, false, 0, 0},        /* above 2^51 without any place */
};

static void test_splits(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(split_cases); i++) {
        int64_t number;
        unsigned scale;

        print_message("  %.17g\n", split_cases[i].value);
        assert_int_equal(decimal_of(split_cases[i].value, &number, &scale), split_cases[i].fine);
        if (!split_cases[i].fine)
            continue;
        assert_int_equal(number, split_cases[i].number);
        assert_int_equal(scale, split_cases[i].scale);
    }
}

/* Sums that 64 bits have no room for, and back. */
static void test_large(void **unused)
{
    struct decimal_sum sum = {0};
    int64_t whole;

    (void)unused;
    for (unsigned i = 0; i < 3; i++)
        decimal_add_scaled(&sum, INT64_MIN, 0);
    assert_false(decimal_whole(&sum, &whole));
    assert_true(decimal_value(&sum) == -3 * 9223372036854775808.0);
    for (unsigned i = 0; i < 3; i++)
        decimal_add_scaled(&sum, INT64_MAX, 0);
    assert_true(decimal_whole(&sum, &whole));
    assert_int_equal(whole, -3);
    decimal_add_scaled(&sum, INT64_MIN, 9); /* -9223372036.854775808: nine places are what it has */
    assert_false(decimal_whole(&sum, &whole));
    assert_true(decimal_value(&sum) == -9223372039.854775808);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
