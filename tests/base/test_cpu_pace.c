/* tests/base/test_cpu_pace.c -- how long a thread rests, on clocks of the test; and once on real ones. */
#include "base/cpu_pace.h"

#include "base/error.h"
#include "base/slice.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

/* Full bucket: 10 ms. Each case uses CPU for a while, and asks. */
static const struct owed_case {
    const char *name;
    unsigned percent;
    int64_t cpu_ns, wall_ns; /* that pass before the question */
    int64_t owed_ns;
} owed_cases[] = {
    {"no pace", 0, 1000 * MS, 1000 * MS, 0},
    {"nothing used", 50, 0, 100 * MS, 0},
    {"within the burst", 50, 10 * MS, 10 * MS, 0},
    {"exactly the share and the burst", 50, 20 * MS, 20 * MS, 0},           /* 10 + 10 - 20 = 0 */
    {"too little owed to rest", 50, 20 * MS + MS / 4, 20 * MS, 0},          /* -0.25: rest 0.5 */
    {"a millisecond over", 50, 22 * MS, 22 * MS, 2 * MS},                   /* 10 + 11 - 22 = -1 */
    {"busy all of the time", 50, 120 * MS, 120 * MS, 100 * MS},             /* 10 + 60 - 120 = -50 */
    {"a tenth", 10, 30 * MS, 30 * MS, 170 * MS},                            /* 10 + 3 - 30 = -17 */
    {"waiting for a disk gives credit", 50, 60 * MS, 120 * MS, 0},          /* 10 + 60 - 60 = 10 */
    {"a rest has an end", 50, 10000 * MS, 10000 * MS, 250 * MS},
    {"years of idle time", 50, 0, INT64_C(4000000000000000000), 0},
};

static void test_owed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(owed_cases); i++) {
        const struct owed_case *c = &owed_cases[i];
        struct cpu_pace pace;

        print_message("  %s\n", c->name);
        cpu_pace_begin(&pace, c->percent, 7 * MS, 1000 * MS);
        assert_int_equal(cpu_pace_owed(&pace, 7 * MS + c->cpu_ns, 1000 * MS + c->wall_ns),
                         c->owed_ns);
    }
}

/* Idle time before does not add up, and what is owed is not forgotten. */
static void test_bucket(void **unused)
{
    struct cpu_pace pace;

    (void)unused;
    cpu_pace_begin(&pace, 50, 0, 0);
    assert_int_equal(cpu_pace_owed(&pace, 0, 60000 * MS), 0);           /* a minute of nothing */
    assert_int_equal(cpu_pace_owed(&pace, 120 * MS, 60120 * MS), 100 * MS); /* as above: -50 */
    assert_int_equal(cpu_pace_owed(&pace, 120 * MS, 60160 * MS), 60 * MS);  /* woken after 40 */
    assert_int_equal(cpu_pace_owed(&pace, 120 * MS, 60220 * MS), 0);
}

/* Pieces of 1 to 37 ms, back to back, for ten simulated seconds: half of it is worked, no more than the
 * burst and the last piece above, and no more than one rest below. */
static void test_share(void **unused)
{
    struct cpu_pace pace;
    int64_t cpu_ns = 0, wall_ns = 0;

    (void)unused;
    cpu_pace_begin(&pace, 50, 0, 0);
    for (int piece = 0; wall_ns < 10000 * MS; piece++) {
        cpu_ns += (piece * 7 % 37 + 1) * MS;
        wall_ns += (piece * 7 % 37 + 1) * MS;
        wall_ns += cpu_pace_owed(&pace, cpu_ns, wall_ns);
    }
    assert_in_range(cpu_ns, 4900 * MS, 5060 * MS);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    assert_int_equal(clock_gettime(clock, &now), 0);
    return now.tv_sec * 1000 * MS + now.tv_nsec;
}

struct spin {
    int64_t cpu_ns, wall_ns;
};

/* Pieces of a millisecond for a fifth of a second. */
static void *spin(void *user)
{
    struct spin *spin = user;
    int64_t from_ns = clock_ns(CLOCK_MONOTONIC), piece_ns;

    cpu_pace_thread(50);
    while (clock_ns(CLOCK_MONOTONIC) - from_ns < 200 * MS) {
        piece_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - piece_ns < MS)
            ;
        (void)cpu_pace_rest();
    }
    while (cpu_pace_rest())
        ;
    spin->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    spin->wall_ns = clock_ns(CLOCK_MONOTONIC) - from_ns;
    return NULL;
}

static void test_thread(void **unused)
{
    struct spin result = {0};
    pthread_t thread;

    (void)unused;
    assert_false(cpu_pace_rest()); /* this thread has no pace */
    assert_int_equal(pthread_create(&thread, NULL, spin, &result), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(result.cpu_ns <= result.wall_ns / 2 + CPU_PACE_BURST_NS + 2 * MS);
    assert_true(result.cpu_ns > 10 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owed),
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
