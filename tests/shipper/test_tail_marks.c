/* Marks of a file that is read for long: how much may be in doubt when it is cut? */
#include "shipper/tail_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { TURN = 62 * 1024 };

static uint64_t last_before(const struct tail_marks *marks, uint64_t size)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < marks->count; i++)
        if (marks->marks[i].offset <= size)
            found = marks->marks[i].offset;
    return found;
}

/* 1 GiB read in turns. Wherever it is cut, no more is in doubt than was cut off: 23 distances that
 * at most double could cover a factor of 8 million, and 17,000 are needed. */
static void test_doubt_grows_with_the_cut(void **unused)
{
    struct tail_marks marks = {0};
    uint64_t end = 0;

    (void)unused;
    while (end < 1 << 30) {
        end += TURN;
        tail_marks_add(&marks, end, end * 3);
        assert_in_range(marks.count, 1, TAIL_MARKS_MAX);
    }
    for (uint32_t i = 0; i < marks.count; i++)
        assert_int_equal(marks.marks[i].tail, marks.marks[i].offset * 3);
    for (uint64_t kept = TURN; kept < end; kept += TURN) {
        uint64_t doubt = kept - last_before(&marks, kept);

        assert_true(doubt <= end - kept || doubt < TURN);
    }
}

static void test_positions_behind_are_ignored(void **unused)
{
    struct tail_marks marks = {0};

    (void)unused;
    tail_marks_add(&marks, 100, 1);
    tail_marks_add(&marks, 100, 2); /* read again after a rewind */
    tail_marks_add(&marks, 50, 3);
    tail_marks_add(&marks, 150, 4);
    assert_int_equal(marks.count, 2);
    assert_int_equal(marks.marks[0].tail, 1);
    assert_int_equal(marks.marks[1].tail, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubt_grows_with_the_cut),
        cmocka_unit_test(test_positions_behind_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
