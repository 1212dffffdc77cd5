/* tests/base/test_slice.c -- numbers and searches on borrowed bytes. */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct number_case {
    const char *name, *text;
    bool ok;
    int64_t value;
} number_cases[] = {
    {"zero", "0", true, 0},
    {"leading zeros", "007", true, 7},
    {"largest", "9223372036854775807", true, INT64_MAX},
    {"one above the largest", "9223372036854775808", false, 0},
    {"smallest", "-9223372036854775808", true, INT64_MIN},
    {"one below the smallest", "-9223372036854775809", false, 0},
    {"sign alone", "-", false, 0},
    {"plus is not accepted", "+1", false, 0},
    {"blank in front", " 1", false, 0},
    {"letter behind", "1s", false, 0},
    {"empty", "", false, 0},
};

static void test_to_i64(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        int64_t got = 0;

        print_message("  %s\n", c->name);
        assert_int_equal(slice_to_i64(slice_of(c->text), &got), c->ok);
        assert_int_equal(got, c->value);
    }
}

static const struct double_case {
    const char *name, *text;
    bool ok;
    double value;
} double_cases[] = {
    {"fraction", "0.25", true, 0.25},
    {"no digit before the point", ".5", true, 0.5},
    {"no digit after the point", "5.", true, 5},
    {"exponent", "6e-05", true, 6e-05},
    {"negative", "-1.5E+3", true, -1500},
    {"hexadecimal is no log number", "0x10", false, 0},
    {"inf", "inf", false, 0},
    {"overflow", "1e999", false, 0},
    {"exponent without digits", "1e", false, 0},
    {"point alone", ".", false, 0},
};

static void test_to_double(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(double_cases); i++) {
        const struct double_case *c = &double_cases[i];
        double got = 0;

        print_message("  %s\n", c->name);
        assert_int_equal(slice_to_double(slice_of(c->text), &got), c->ok);
        assert_true(got == c->value);
    }
}

static void test_find(void **unused)
{
    (void)unused;
    assert_int_equal(slice_find(slice_of("abcabc"), slice_of("ca")), 2);
    assert_int_equal(slice_find(slice_of("abc"), slice_of("")), 0);
    assert_true(slice_find(slice_of("abc"), slice_of("d")) == SIZE_MAX);
    assert_true(slice_find(slice_of(""), slice_of("d")) == SIZE_MAX);
    assert_int_equal(slice_find_last_byte(slice_of("a:b:c"), ':'), 3);
    assert_true(slice_compare(slice_of("ab"), slice_of("abc")) < 0);
    assert_true(slice_compare(slice_of("\xff"), slice_of("a")) > 0);
    assert_true(slice_equal_fold(slice_of("Error"), slice_of("eRROR")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_i64),
        cmocka_unit_test(test_to_double),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
