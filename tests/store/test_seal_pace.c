/* How much of a seal is left, by a clock of the test's own. */
#include "store/seal_pace.h"

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { KIB = 1024, HEAD = 900 * KIB };

/* A head of 900 KiB at 100 ns per KiB: an eighth more is allowed, so 112 ns give 1 KiB free. */
static const struct left_case {
    const char *name;
    int64_t used_ns;
    uint64_t left;
} left_cases[] = {
    { "at its begin", 0, HEAD },
    { "before the first KiB", 111, HEAD },
    { "the first KiB", 112, HEAD - KIB },
    { "half of it", 450 * 112, 450 * KIB },
    { "as long as the one before", 900 * 100, (900 - 803) * KIB }, /* 90,000 / 112 = 803.6 */
    { "an eighth later", 900 * 112, 0 },
    { "much later", 1000000, 0 },
    { "a clock that went back", -500, HEAD },
};

static void test_left(void **unused)
{
    struct seal_pace pace = {0};

    (void)unused;
    seal_pace_begin_at(&pace, HEAD, 1000);
    seal_pace_end_at(&pace, true, 1000 + 900 * 100);
    for (size_t i = 0; i < COUNT_OF(left_cases); i++) {
        print_message("  %s\n", left_cases[i].name);
        seal_pace_begin_at(&pace, HEAD, 5000);
        assert_int_equal(seal_pace_left_at(&pace, 5000 + left_cases[i].used_ns),
                         left_cases[i].left);
    }
}

/* Each seal counts for a quarter; one that failed does not count. */
static void test_rate(void **unused)
{
    struct seal_pace pace = {0};

    (void)unused;
    seal_pace_begin_at(&pace, HEAD, 0);
    seal_pace_end_at(&pace, true, 900 * 100);
    assert_int_equal(pace.kib_ns, 100);
    seal_pace_begin_at(&pace, HEAD, 0);
    seal_pace_end_at(&pace, true, 900 * 200);
    assert_int_equal(pace.kib_ns, 125);
    seal_pace_begin_at(&pace, HEAD, 0);
    seal_pace_end_at(&pace, false, 900 * 1000);
    assert_int_equal(pace.kib_ns, 125);
    assert_int_equal(pace.size, 0);
}

static void test_nothing_is_sealed(void **unused)
{
    struct seal_pace pace = {0};

    (void)unused;
    assert_int_equal(seal_pace_left(&pace), 0);
    seal_pace_begin(&pace, HEAD);
    assert_in_range(seal_pace_left(&pace), 0, HEAD);
    seal_pace_end(&pace, true);
    assert_int_equal(seal_pace_left(&pace), 0);
    assert_true(pace.kib_ns > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_nothing_is_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
