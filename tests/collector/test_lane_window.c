/* The window of a lane against a model: `depth` frames of the window wait while one is served. */
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
    unsigned least, most; /* where the window must settle */
} window_cases[] = {
    /* 20 ms of queue hold 20 frames of 1 ms: it swings between three quarters and 9/8 of that. */
    { "1 ms a frame", 1000, 14, 25 },
    { "fast: 0.1 ms a frame never fills the queue", 100, LANE_FRAMES_MAX, LANE_FRAMES_MAX },
    { "slow: 30 ms a frame", 30000, LANE_FRAMES_MIN, LANE_FRAMES_MIN + 1 },
};

static void test_settles(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(window_cases); i++) {
        const struct window_case *c = &window_cases[i];
        struct lane_window window = lane_window_start();

        print_message("  %s\n", c->name);
        for (unsigned n = 0; n < 5000; n++) {
            lane_window_take(&window, window.frames * c->serve_us * 1000);
            if (n > 2500) {
                assert_true(window.frames >= c->least);
                assert_true(window.frames <= c->most);
            }
        }
    }
}

/* One frame in a window that found no queue is enough: a slow commit is not a standing queue. */
static void test_single_stalls_do_not_shrink_it(void **unused)
{
    struct lane_window window = lane_window_start();

    (void)unused;
    for (unsigned n = 0; n < 5000; n++)
        lane_window_take(&window, n % 4 == 0 ? 1000000 : 500 * 1000000LL);
    assert_int_equal(window.frames, LANE_FRAMES_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settles),
        cmocka_unit_test(test_single_stalls_do_not_shrink_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
