/* tests/store/test_sample_order.c -- samples of many segments in one order, against the C library's sort
 * of the whole key. */
#include "store/sample_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT_MAX = 5000 };

struct keyed {
    uint32_t rank;
    struct segment_sample row;
};

static int compare(const void *a, const void *b)
{
    const struct keyed *left = a, *right = b;
    const int64_t of_left[] = {left->rank, left->row.sample->source, left->row.sample->time_ns,
                               (int64_t)left->row.sequence};
    const int64_t of_right[] = {right->rank, right->row.sample->source, right->row.sample->time_ns,
                                (int64_t)right->row.sequence};

    for (unsigned i = 0; i < 4; i++)
        if (of_left[i] != of_right[i])
            return of_left[i] < of_right[i] ? -1 : 1;
    return 0;
}

static const struct order_case {
    const char *name;
    uint32_t count, ranks, sources, late; /* one of `late` samples comes before others of its series */
} cases[] = {
    {"none", 0, 1, 1, 0},
    {"one", 1, 1, 1, 0},
    {"one series in order", 100, 1, 1, 0},
    {"one series of many sources", COUNT_MAX, 1, 300, 0},
    {"many series of one source", COUNT_MAX, 700, 1, 0},
    {"some come late", COUNT_MAX, 40, 7, 10},
    {"all in any order", COUNT_MAX, 40, 7, 1},
};

static void test_order(void **unused)
{
    static struct sample samples[COUNT_MAX];
    static struct keyed expected[COUNT_MAX];
    static uint32_t ranks[COUNT_MAX];

    (void)unused;
    srand(1);
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        const struct order_case *c = &cases[k];
        struct segment_sample *rows = malloc((c->count + 1) * sizeof(*rows));

        print_message("  %s\n", c->name);
        assert_non_null(rows);
        for (uint32_t i = 0; i < c->count; i++) {
            bool late = c->late > 0 && (uint32_t)rand() % c->late == 0;

            samples[i] = (struct sample){.time_ns = late ? rand() % COUNT_MAX : (int64_t)i,
                                         .source = (uint32_t)rand() % c->sources};
            ranks[i] = (uint32_t)rand() % c->ranks;
            rows[i] = (struct segment_sample){.sample = &samples[i], .sequence = i};
            expected[i] = (struct keyed){ranks[i], rows[i]};
        }
        qsort(expected, c->count, sizeof(*expected), compare);
        assert_true(sample_order(&rows, ranks, c->count, c->ranks, c->sources));
        for (uint32_t i = 0; i < c->count; i++) {
            assert_ptr_equal(rows[i].sample, expected[i].row.sample);
            assert_int_equal(rows[i].sequence, expected[i].row.sequence);
        }
        free(rows);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
