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

/* As memmem() says, for needles of all lengths at all places of texts of few different bytes. */
static void test_find_as_memmem(void **unused)
{
    uint32_t state = 1;

    (void)unused;
    for (unsigned round = 0; round < 20000; round++) {
        char text[80], needle[40];
        size_t text_len, needle_len;
        const char *at;

        state = state * 1664525u + 1013904223u;
        text_len = (state >> 8) % sizeof(text);
        needle_len = 1 + (state >> 16) % (round % 2 == 0 ? 3 : sizeof(needle));
        for (size_t i = 0; i < text_len; i++) {
            state = state * 1664525u + 1013904223u;
            text[i] = "abc"[(state >> 24) % (round % 3 == 0 ? 3 : 2)];
        }
        for (size_t i = 0; i < needle_len; i++) {
            state = state * 1664525u + 1013904223u;
            needle[i] = "abc"[(state >> 24) % 2];
        }
        if (round % 4 == 1 && text_len > needle_len) /* one that is there, at the end */
            memcpy(needle, text + text_len - needle_len, needle_len);
        at = memmem(text, text_len, needle, needle_len);
        assert_true(slice_find(slice_make(text, text_len), slice_make(needle, needle_len)) ==
                    (at == NULL ? SIZE_MAX : (size_t)(at - text)));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_i64),
        cmocka_unit_test(test_to_double),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_as_memmem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
