/* tests/store/test_segment_cache.c -- which segments stay open, and what a scan keeps open. */
#include "store/segment_cache.h"

#include "base/memory_budget.h"
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
enum { SEGMENTS = 12, NS_SEGMENT = 1000 };

static struct sim_io *sim;
static struct store *store;

/* One segment per line, a line per 1000 s. */
static int make(void **unused)
{
    struct error err = {0};
    uint64_t offset = 0;

    (void)unused;
    sim = sim_io_new(1);
    store = fixture_open(sim);
    for (int i = 0; i < SEGMENTS; i++) {
        char text[40];
        const char *line = text;
        int64_t time = FIXTURE_TIME_NS + (int64_t)i * NS_SEGMENT * 1000000000;
        struct fixture_batch batch = {
            .source = 1, .lines = &line, .times = &time, .count = 1, .offset = offset};

        offset += (uint64_t)snprintf(text, sizeof(text), "200 line %d", i) + 1;
        assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    memory_budget_set(0);
    return 0;
}

static int drop(void **unused)
{
    struct segment_cache_stats stats;
    struct memory_class_state state;

    (void)unused;
    store_close(store);
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
    segment_cache_stats(&stats);
    assert_int_equal(stats.cached, 0);
    memory_budget_state(MEMORY_CATALOG, &state);
    assert_int_equal(state.used, 0);
    return 0;
}

/* Rows of segments [from, to). */
static uint64_t count_rows(int from, int to)
{
    struct scan_options options = {
        .time_min_ns = FIXTURE_TIME_NS + (int64_t)from * NS_SEGMENT * 1000000000,
        .time_max_ns = FIXTURE_TIME_NS + (int64_t)to * NS_SEGMENT * 1000000000,
    };
    struct error err = {0};
    struct scan_cost cost;
    struct scan *scan;
    struct block *block;
    enum status status;

    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    while ((status = scan_next(scan, &block, &err)) == STATUS_OK)
        block_release(block);
    assert_int_equal(status, STATUS_END);
    scan_cost(scan, &cost);
    scan_close(scan);
    return cost.rows_selected;
}

static struct segment_cache_stats stats_now(void)
{
    struct segment_cache_stats stats;

    segment_cache_stats(&stats);
    return stats;
}

/* Of the limit of directories, which have about the same size here; gives what was taken. */
static uint64_t leave_room_for(unsigned segments)
{
    struct memory_class_state state;
    uint64_t filler;

    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS);
    memory_budget_state(MEMORY_CATALOG, &state);
    memory_budget_set(512 * MIB);
    filler = 48 * MIB - state.used / SEGMENTS * segments - state.used / SEGMENTS / 2;
    memory_budget_charge(MEMORY_CATALOG, filler);
    return filler;
}

static void test_used_again(void **unused)
{
    uint64_t hits;

    (void)unused;
    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS);
    assert_int_equal(stats_now().cached, SEGMENTS);
    assert_int_equal(stats_now().protected, 0);
    hits = stats_now().hits;
    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS);
    assert_int_equal(stats_now().hits - hits, SEGMENTS);
    assert_int_equal(stats_now().cached, SEGMENTS);
    assert_in_range(stats_now().protected, 1, SEGMENTS / 4 * 3 + 3);
}

/* The process has no memory left: whoever asks for some gets what the cache held. */
static void test_memory_is_given_back(void **unused)
{
    uint64_t taken;

    (void)unused;
    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS);
    memory_budget_set(512 * MIB);
    taken = 432 * MIB - memory_budget_used();
    memory_budget_charge(MEMORY_HEADS, taken);
    assert_true(memory_budget_try(MEMORY_QUERIES, 1));
    assert_int_equal(stats_now().cached, SEGMENTS - 1); /* one was enough */
    (void)memory_budget_try(MEMORY_QUERIES, 16 * MIB);
    assert_int_equal(stats_now().cached, 0);
    memory_budget_charge(MEMORY_HEADS, 16 * MIB);
    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS); /* scans go on, opening and closing */
    assert_int_equal(stats_now().cached, 0);
    memory_budget_discharge(MEMORY_HEADS, taken + 16 * MIB);
    memory_budget_discharge(MEMORY_QUERIES, 1);
    memory_budget_set(0);
}

static void test_the_class_has_a_limit(void **unused)
{
    uint64_t filler;

    (void)unused;
    filler = leave_room_for(4);
    assert_int_equal(count_rows(0, SEGMENTS), SEGMENTS);
    assert_int_equal(stats_now().cached, 4);
    memory_budget_discharge(MEMORY_CATALOG, filler);
    memory_budget_set(0);
}

static void test_one_scan_takes_no_place_from_the_wanted(void **unused)
{
    uint64_t evicted, hits, filler = leave_room_for(4);

    (void)unused;
    assert_int_equal(count_rows(0, 2), 2);
    assert_int_equal(count_rows(0, 2), 2);
    evicted = stats_now().evicted;
    assert_int_equal(count_rows(2, SEGMENTS), SEGMENTS - 2);
    assert_true(stats_now().evicted > evicted);
    hits = stats_now().hits;
    assert_int_equal(count_rows(0, 2), 2);
    assert_int_equal(stats_now().hits - hits, 2);
    memory_budget_discharge(MEMORY_CATALOG, filler);
    memory_budget_set(0);
}

static void test_a_scan_keeps_open_what_it_works_on(void **unused)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .order = SCAN_OLDEST};
    size_t before = sim_io_open_count(sim);
    struct error err = {0};
    struct block *blocks[SEGMENTS];
    struct scan *scan;

    (void)unused;
    memory_budget_set(512 * MIB);
    memory_budget_charge(MEMORY_CATALOG, 48 * MIB + 1); /* nothing is cached */
    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    for (int i = 0; i < SEGMENTS; i++) {
        assert_int_equal(scan_next(scan, &blocks[i], &err), STATUS_OK);
        assert_in_range(sim_io_open_count(sim) - before, i + 1, i + 2);
    }
    scan_close(scan);
    for (int i = 0; i < SEGMENTS; i++) { /* they outlive the scan, and still can be read */
        struct buf line = buf_empty(1000);

        assert_int_equal(block_render(blocks[i], 0, &line, &err), STATUS_OK);
        block_release(blocks[i]);
        buf_release(&line);
    }
    assert_int_equal(sim_io_open_count(sim), before);
    memory_budget_discharge(MEMORY_CATALOG, 48 * MIB + 1);
    memory_budget_set(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_used_again, make, drop),
        cmocka_unit_test_setup_teardown(test_memory_is_given_back, make, drop),
        cmocka_unit_test_setup_teardown(test_the_class_has_a_limit, make, drop),
        cmocka_unit_test_setup_teardown(test_one_scan_takes_no_place_from_the_wanted, make, drop),
        cmocka_unit_test_setup_teardown(test_a_scan_keeps_open_what_it_works_on, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
