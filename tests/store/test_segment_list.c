/* tests/store/test_segment_list.c -- entries are found by number, changed and dropped, like in a plain array. */
#include "store/segment_list.h"

#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NUMBERS = 3000, STEPS = 20000 };

static void test_dropped_and_added_again(void **unused)
{
    struct segment_list list = {0};
    struct manifest_segment entry = {.number = 7, .day = 1};

    (void)unused;
    assert_null(segment_list_find(&list, 7));
    segment_list_drop(&list, 7);
    assert_true(segment_list_add(&list, &entry));
    assert_int_equal(segment_list_find(&list, 7)->day, 1);
    segment_list_drop(&list, 7);
    assert_null(segment_list_find(&list, 7));
    assert_true(list.segments[0].dropped);
    entry.day = 2;
    assert_true(segment_list_add(&list, &entry));
    assert_int_equal(segment_list_find(&list, 7)->day, 2);
    assert_int_equal(list.count, 1); /* a number stands for one segment, also in a manifest that lies */
    segment_list_release(&list);
}

/* Days of numbers in a random order of adds and drops; -1: not there. */
static void test_like_an_array(void **unused)
{
    struct segment_list list = {0};
    struct test_random random = {3};
    int64_t days[NUMBERS];

    (void)unused;
    for (uint32_t i = 0; i < NUMBERS; i++)
        days[i] = -1;
    for (int64_t step = 0; step < STEPS; step++) {
        uint64_t number = test_random_below(&random, NUMBERS);
        struct manifest_segment entry = {.number = number << 40 | number, .day = step};

        if (test_random_chance(&random, 30)) {
            segment_list_drop(&list, entry.number);
            days[number] = -1;
            continue;
        }
        assert_true(segment_list_add(&list, &entry));
        days[number] = step;
    }
    for (uint64_t i = 0; i < NUMBERS; i++) {
        const struct manifest_segment *found = segment_list_find(&list, i << 40 | i);

        assert_int_equal(found == NULL ? -1 : found->day, days[i]);
    }
    segment_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped_and_added_again),
        cmocka_unit_test(test_like_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
