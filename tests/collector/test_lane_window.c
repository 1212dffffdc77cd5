/* The window of a lane against a model: the frames of the window wait here while one is served, but for
 * those on the link. */
#include "collector/inputs/lane_window.h"

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct window_case {
    const char *name;
    int64_t serve_us; /* time that one frame costs; the queue is as long as the window */
    int64_t store_us; /* and how long the store has it, besides */
    unsigned on_link;     /* frames of the window, at most */
    unsigned least, most; /* where the window must settle */
} window_cases[] = {
    /* 10 ms of queue hold 10 frames of 1 ms: it swings between three quarters and 9/8 of that. */
    { "1 ms a frame", 1000, 0, 0, 7, 13 },
    { "1 ms a frame, and a slow disk", 1000, 20000, 0, 7, 13 },
    { "fast: 0.1 ms a frame, all here", 100, 0, 0, LANE_HERE_MAX, LANE_HERE_MAX },
    { "fast, and a very slow disk", 100, 500000, 0, LANE_HERE_MAX, LANE_HERE_MAX },
    { "fast, 20 frames on the link", 100, 0, 20, LANE_HERE_MAX + 20, LANE_HERE_MAX + 23 },
    { "fast, a distant shipper", 100, 0, 60, LANE_FRAMES_MAX, LANE_FRAMES_MAX },
    { "slow: 30 ms a frame", 30000, 0, 0, LANE_FRAMES_MIN, LANE_FRAMES_MIN + 1 },
};

static void test_settles(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(window_cases); i++) {
        const struct window_case *c = &window_cases[i];
        struct lane_window window = lane_window_start();

        print_message("  %s\n", c->name);
        for (unsigned n = 0; n < 5000; n++) {
            int64_t store_ns = c->store_us * 1000;
            unsigned here = window.frames > c->on_link ? window.frames - c->on_link : 1;

            lane_window_take(&window, here, here * c->serve_us * 1000 + store_ns, store_ns);
            if (n > 2500) {
                assert_true(window.frames >= c->least);
                assert_true(window.frames <= c->most);
            }
        }
    }
}

/* One frame in a window that found no queue is enough: it is not a standing one. But neither does the
 * window grow while others wait. */
static void test_single_stalls_keep_it(void **unused)
{
    struct lane_window window = lane_window_start();

    (void)unused;
    for (unsigned n = 0; n < 5000; n++)
        lane_window_take(&window, 1, n % 4 == 0 ? 1000000 : 500 * 1000000LL, 0);
    assert_int_equal(window.frames, LANE_FRAMES_START);
}

/* The batch behind a commit waits as long as that takes, however slow the disk: no reason to stay. */
static void test_waiting_for_one_commit_is_no_queue(void **unused)
{
    struct lane_window window = lane_window_start();

    (void)unused;
    for (unsigned n = 0; n < 5000; n++)
        lane_window_take(&window, 1, n % 4 == 0 ? 101 * 1000000LL : 200 * 1000000LL,
                         100 * 1000000LL);
    assert_int_equal(window.frames, LANE_FRAMES_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settles),
        cmocka_unit_test(test_single_stalls_keep_it),
        cmocka_unit_test(test_waiting_for_one_commit_is_no_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
