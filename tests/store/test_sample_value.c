/* tests/store/test_sample_value.c -- decimals of doubles, against the definition: one scale after the other. */
#include "store/sample_value.h"

#include "base/slice.h"
#include "tests/support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RANDOM_COUNT = 300000 };

static const struct value_case {
    const char *name;
    double value;
    int64_t scale, number;
} cases[] = {
    {"zero", 0.0, 0, 0},
    {"a whole number", 42, 0, 42},
    {"two places", -12.75, 2, -1275},
    {"a zero at the end is none", 0.50, 1, 5},
    {"nine places", 0.000000001, 9, 1},
    {"the largest whole number", 9007199254740992.0, 0, INT64_C(9007199254740992)},
    {"above where one try is enough", 562949953421312.5, 1, INT64_C(5629499534213125)}, /* 2^49 + 1/2 */
};

/* The smallest scale whose whole number, up to 2^53, has the same bits. */
static void define(double value, int64_t *scale, int64_t *number)
{
    for (*scale = 0; *scale <= SAMPLE_SCALE_MAX; ++*scale) {
        double scaled = value * sample_powers[*scale], again;

        if (!(fabs(scaled) <= 9007199254740992.0))
            break;
        *number = llround(scaled);
        again = sample_value_join(*scale, *number);
        if (memcmp(&again, &value, sizeof(value)) == 0)
            return;
    }
    *scale = SAMPLE_SCALE_BITS;
    memcpy(number, &value, sizeof(*number));
}

static void check(double value, int64_t likely)
{
    int64_t scale, number, wanted_scale, wanted;
    double again;

    define(value, &wanted_scale, &wanted);
    sample_value_split(value, likely, &scale, &number);
    if (scale != wanted_scale || number != wanted)
        fail_msg("%.17g: %lld of scale %lld", value, (long long)number, (long long)scale);
    again = sample_value_join(scale, number);
    assert_memory_equal(&again, &value, sizeof(value));
}

static void test_cases(void **unused)
{
    static const double no_decimals[] = {-0.0, NAN, INFINITY, -INFINITY, 1e300, 5e-324, 1.0 / 3,
                                         9007199254740994.0 /* 2^53 + 2 */, 0.0000000001};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int64_t likely = 0; likely <= SAMPLE_SCALE_MAX; likely++) {
            int64_t scale, number;

            print_message("  %s, %d\n", cases[i].name, (int)likely);
            sample_value_split(cases[i].value, likely, &scale, &number);
            assert_int_equal(scale, cases[i].scale);
            assert_int_equal(number, cases[i].number);
        }
    for (size_t i = 0; i < COUNT_OF(no_decimals); i++) {
        int64_t scale, number;

        sample_value_split(no_decimals[i], 2, &scale, &number);
        assert_int_equal(scale, SAMPLE_SCALE_BITS);
        assert_memory_equal(&number, &no_decimals[i], sizeof(number));
    }
}

/* Any bits, decimals of all sizes, and what is next to them. */
static void test_random(void **unused)
{
    struct test_random random = {1};

    (void)unused;
    for (uint32_t i = 0; i < RANDOM_COUNT; i++) {
        int64_t likely = (int64_t)test_random_below(&random, SAMPLE_SCALE_MAX + 1);
        int64_t whole = (int64_t)(test_random_next(&random) >> (1 + test_random_below(&random, 63)));
        double value = (double)whole / sample_powers[test_random_below(&random, SAMPLE_SCALE_MAX + 1)];
        uint64_t bits = test_random_next(&random);

        check(value, likely);
        check(-value, likely);
        check(nextafter(value, INFINITY), likely);
        memcpy(&value, &bits, sizeof(value));
        check(value, likely);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
