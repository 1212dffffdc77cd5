/* How long the oldest bytes of a file have waited to be acked: never more than that, and it goes
 * down when they are. Steps are (at second, file size, acked): the answers are counted by hand. */
#include "shipper/limits.h"
#include "shipper/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct lag_case {
    const char *name;
    struct lag_step {
        int64_t at_s;
        uint64_t size, acked;
        int64_t lag_s;
    } steps[6];
} cases[] = {
    {"all is acked", {{1, 100, 100, 0}, {2, 200, 200, 0}}},
    {"nothing is acked", {{1, 100, 0, 0}, {2, 200, 0, 1}, {9, 300, 0, 8}}},
    {"acks follow two seconds behind a writer that never rests",
     {{1, 100, 0, 0}, {2, 200, 0, 1}, {3, 300, 100, 0}, {4, 400, 200, 1}, {5, 500, 300, 0}}},
    {"then the collector is away",
     {{1, 100, 0, 0}, {2, 200, 100, 0}, {3, 300, 100, 1}, {60, 400, 100, 58}, {61, 400, 400, 0}}},
};

static void test_lag(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct source source = {.size = 0};

        print_message("  %s\n", cases[i].name);
        for (size_t k = 0; k < COUNT_OF(cases[i].steps) && cases[i].steps[k].at_s > 0; k++) {
            const struct lag_step *step = &cases[i].steps[k];
            int64_t now = step->at_s * SECOND_NS;

            source.gen.acked_off = step->acked;
            if (step->size > source.size) {
                source.size = step->size;
                source.grew_ns = now;
                source_note_size(&source, now);
            }
            assert_int_equal(source_lag_ns(&source, now) / SECOND_NS, step->lag_s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
