/* tests/store/test_compact.c -- small segments are joined: every row stays, once and in order, and
 * nothing is joined for ever. */
#include "tests/store/store_fixture.h"

#include "store/store_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 40, LINES = 3 };

static struct store *open_compacting(struct sim_io *sim, uint64_t compact_size)
{
    struct store_options options = fixture_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.compact_size = compact_size;
    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    return store;
}

/* One small segment per round, none of them joined yet. */
static void add_rounds(struct store *store, uint32_t first, uint32_t count)
{
    struct error err = {0};

    for (uint32_t i = first; i < first + count; i++) {
        char text[LINES][32];
        const char *lines[LINES];

        for (uint32_t k = 0; k < LINES; k++) {
            (void)snprintf(text[k], sizeof(text[k]), "200 line %06u", i * LINES + k);
            lines[k] = text[k];
        }
        fixture_append_lines(store, 1, lines, LINES, (uint64_t)i * LINES * 16);
        while (store_seal_one(store, true, &err) == STATUS_OK)
            ;
    }
}

static void check_all(struct store *store, uint32_t rounds)
{
    struct fixture_rows rows = fixture_scan(store, NULL, false);
    char expected[32];

    assert_int_equal(rows.count, rounds * LINES);
    for (uint32_t i = 0; i < rows.count; i++) {
        (void)snprintf(expected, sizeof(expected), "200 line %06u", i);
        assert_string_equal(rows.lines[i], expected);
        assert_int_equal(rows.sequences[i], i + 1);
    }
    fixture_rows_free(&rows);
}

static struct store_stats stats_of(struct store *store)
{
    struct store_stats stats;

    store_stats(store, &stats);
    return stats;
}

/* Time passes between two joins; until there is none left to do. */
static void settle_slowly(struct sim_io *sim, struct store *store)
{
    struct error err = {0};
    enum status status = STATUS_OK;

    while (status == STATUS_OK) {
        sim_io_advance(sim, NS_PER_S);
        status = compact_step(store, &err);
    }
    assert_int_equal(status, STATUS_END);
}

static void test_rows_stay(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_compacting(sim, 1 << 20);
    uint64_t joins;

    (void)unused;
    add_rounds(store, 0, ROUNDS);
    assert_int_equal(stats_of(store).segments, ROUNDS);
    settle_slowly(sim, store);
    check_all(store, ROUNDS);
    assert_true(stats_of(store).segments < 8);
    joins = stats_of(store).compactions;
    store_close(store);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    store = open_compacting(sim, 1 << 20);
    check_all(store, ROUNDS);
    settle_slowly(sim, store); /* levels are kept: nothing is joined again */
    assert_int_equal(stats_of(store).compactions, 0);
    assert_true(joins > 0);
    sim_io_set_wall(sim, FIXTURE_TIME_NS + 3 * NS_PER_DAY); /* the day is over */
    settle_slowly(sim, store);
    assert_int_equal(stats_of(store).segments, 1);
    check_all(store, ROUNDS);
    store_close(store);
    sim_io_free(sim);
}

static void test_bounds(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_compacting(sim, 0);

    (void)unused;
    add_rounds(store, 0, ROUNDS);
    settle_slowly(sim, store); /* off */
    assert_int_equal(stats_of(store).segments, ROUNDS);
    store_close(store);
    store = open_compacting(sim, 10 * LINES * 15); /* ten rounds of 45 bytes fit */
    settle_slowly(sim, store);
    assert_true(stats_of(store).segments >= ROUNDS / 10);
    assert_true(stats_of(store).segments <= ROUNDS / 4);
    check_all(store, ROUNDS);
    store_close(store);
    sim_io_free(sim);
}

/* Not while somebody reads. */
static void test_readers_first(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_compacting(sim, 1 << 20);
    struct scan_options options = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
    struct scan *scan;
    struct error err = {0};

    (void)unused;
    add_rounds(store, 0, ROUNDS);
    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    settle_slowly(sim, store);
    assert_int_equal(stats_of(store).segments, ROUNDS);
    scan_close(scan);
    settle_slowly(sim, store);
    assert_true(stats_of(store).segments < 8);
    store_close(store);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_stay),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_readers_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
