/* tests/store/test_scrub.c -- the weekly check: what it finds, when it runs, how it goes on. */
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEGMENTS = 4 };
#define DAY_NS (86400LL * 1000000000LL)

static struct store *open_with_scrub(struct sim_io *sim)
{
    struct store_options options = fixture_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.scrub_rate = 1;
    assert_int_equal(store_open(&options, &store, &err), STATUS_OK);
    return store;
}

static void fill(struct store *store)
{
    static const char *const lines[] = {"200 one line"};
    struct error err = {0};

    for (uint64_t i = 0; i < SEGMENTS; i++) {
        struct fixture_batch batch = {.source = 1, .lines = lines, .count = 1, .offset = i * 13};

        assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
}

static struct scrub_stats stats_of(struct store *store)
{
    struct store_stats stats;

    store_stats(store, &stats);
    return stats.scrub;
}

static void path_of(char out[80], unsigned segment)
{
    (void)snprintf(out, 80, "/store/segments/20260101/%016u.seg", segment);
}

static void test_what_it_finds(void **unused)
{
    static const struct finding {
        const char *name;
        unsigned segment;   /* 1.. */
        enum { FLIP, CUT, REMOVE, SECTOR } harm;
        uint64_t damaged;
    } cases[] = {
        {"nothing", 0, FLIP, 0},
        {"a flipped bit of a page", 2, FLIP, 1},
        {"a file that is cut short", 1, CUT, 1},
        {"a file that is gone", 4, REMOVE, 1},
        {"a sector that cannot be read", 3, SECTOR, 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = open_with_scrub(sim);
        struct error err = {0};
        char path[80];

        print_message("  %s\n", cases[i].name);
        fill(store);
        path_of(path, cases[i].segment);
        if (cases[i].segment > 0 && cases[i].harm == FLIP)
            assert_true(sim_io_flip(sim, path, 20, 1));
        else if (cases[i].harm == CUT)
            assert_true(sim_io_cut(sim, path, 30));
        else if (cases[i].harm == REMOVE)
            assert_int_equal(io_remove(sim_io_table(sim), path, &err), STATUS_OK);
        sim_io_faults(sim)->bad_path = cases[i].harm == SECTOR ? path : NULL;
        sim_io_faults(sim)->bad_offset = 20;
        fixture_settle(store);
        assert_int_equal(stats_of(store).passes, 1);
        assert_int_equal(stats_of(store).damaged, cases[i].damaged);
        assert_int_equal(stats_of(store).finished_ns, io_wall_ns(sim_io_table(sim)));
        assert_int_equal(stats_of(store).started_ns, 0);
        store_close(store);
        sim_io_free(sim);
    }
}

/* Once a week, also over restarts; a restart in between goes on where it was. */
static void test_when_it_runs(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_with_scrub(sim);
    uint64_t pages;

    (void)unused;
    fill(store);
    fixture_settle(store);
    pages = stats_of(store).pages;
    assert_true(pages > SEGMENTS);
    sim_io_advance(sim, 6 * DAY_NS);
    fixture_settle(store);
    assert_int_equal(stats_of(store).passes, 1);
    store_close(store);
    store = open_with_scrub(sim);
    fixture_settle(store);
    assert_int_equal(stats_of(store).passes, 0); /* since the start */
    assert_true(stats_of(store).finished_ns > 0);
    sim_io_advance(sim, DAY_NS);
    fixture_settle(store);
    assert_int_equal(stats_of(store).passes, 1);
    assert_int_equal(stats_of(store).pages, pages);
    sim_io_set_wall(sim, 1000); /* a clock that was set back starts a pass, which ends */
    fixture_settle(store);
    assert_int_equal(stats_of(store).passes, 2);
    store_close(store);
    sim_io_free(sim);
}

static void test_it_goes_on_after_a_restart(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_with_scrub(sim);
    struct error err = {0};
    uint64_t pages, before;

    (void)unused;
    fill(store);
    fixture_settle(store);
    pages = stats_of(store).pages;
    sim_io_advance(sim, 8 * DAY_NS);
    before = stats_of(store).pages;
    while (stats_of(store).pages - before < pages / 2) { /* saved each minute */
        sim_io_advance(sim, 61LL * 1000000000LL);
        assert_int_equal(store_step(store, &err), STATUS_OK);
    }
    assert_true(stats_of(store).started_ns > 0);
    store_close(store);
    store = open_with_scrub(sim);
    fixture_settle(store);
    assert_int_equal(stats_of(store).passes, 1);
    assert_in_range(stats_of(store).pages, 1, pages - 1);
    store_close(store);
    sim_io_free(sim);
}

static void test_a_state_that_makes_no_sense(void **unused)
{
    static const char *const states[] = {"", "1 ", "2 1 2 3 4\n", "garbage\n", "1 -5 9223372036854775807 7 99\n"};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = open_with_scrub(sim);
        struct error err = {0};

        print_message("  \"%s\"\n", states[i]);
        fill(store);
        store_close(store);
        assert_int_equal(io_replace_file(sim_io_table(sim), "/store/scrub", slice_of(states[i]), &err),
                         STATUS_OK);
        store = open_with_scrub(sim);
        fixture_settle(store);
        assert_int_equal(stats_of(store).passes, 1);
        store_close(store);
        sim_io_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_finds),
        cmocka_unit_test(test_when_it_runs),
        cmocka_unit_test(test_it_goes_on_after_a_restart),
        cmocka_unit_test(test_a_state_that_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
