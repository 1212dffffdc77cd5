/* tests/store/test_retention.c -- rows leave by the rule that counts for them: from sight at once,
 * from the disk when their segment is past it. */
#include "tests/store/erase_fixture.h"

#include "store/store_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DAY NS_PER_DAY

static const char *const lines[] = {"200 debug one", "200 audit two", "200 plain three",
                                    "200 debug audit four"};

static struct store *open_with(struct sim_io *sim, const struct retention_rule *rules,
                               uint32_t count, int64_t keep_ns)
{
    struct store_options options = fixture_erase_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.rules = rules;
    options.rule_count = count;
    options.retention_ns = keep_ns;
    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    return store;
}

/* All lines, one second apart, `days` after the start. */
static void add_day(struct store *store, uint8_t source, int64_t days)
{
    int64_t times[4];
    struct fixture_batch batch = {.source = source, .lines = lines, .times = times, .count = 4};
    struct error err = {0};

    for (int i = 0; i < 4; i++)
        times[i] = FIXTURE_TIME_NS + days * DAY + i * NS_PER_S;
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
    while (store_seal_one(store, true, &err) == STATUS_OK)
        ;
}

static void check(struct store *store, const char *expected)
{
    struct fixture_rows rows = fixture_scan(store, NULL, false);
    char got[400] = "";

    for (uint32_t i = 0; i < rows.count; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s;", rows.lines[i] + 4);
    assert_string_equal(got, expected);
    fixture_rows_free(&rows);
}

static void retain(struct store *store)
{
    struct error err = {0};
    enum status status = store_retain(store, &err);

    assert_true(status == STATUS_OK || status == STATUS_END);
}

static const struct retention_rule rules[] = {
    {.filter = "has audit", .keep_ns = 10 * DAY},
    {.filter = "has debug", .keep_ns = 1 * DAY},
};

static const struct age_case {
    const char *name;
    int64_t age_ns;
    const char *seen;
    uint64_t stored; /* rows, when the background has settled */
} age_cases[] = {
    {"fresh", DAY / 2, "debug one;audit two;plain three;debug audit four;", 4},
    {"debug is past its day", DAY + 10 * NS_PER_S, "audit two;plain three;debug audit four;", 3},
    {"one of them is, the other not yet", DAY + NS_PER_S / 2,
     "audit two;plain three;debug audit four;", 4},
    {"plain rows are past the store's time", 3 * DAY + 10 * NS_PER_S,
     "audit two;debug audit four;", 2},
    {"all are", 10 * DAY + 10 * NS_PER_S, "", 0},
};

/* The clock is that of the newest row and the time since: a second source tells it. */
static void test_ages(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(age_cases); i++) {
        const struct age_case *c = &age_cases[i];
        struct sim_io *sim = sim_io_new(1);
        struct store *store = open_with(sim, rules, COUNT_OF(rules), 3 * DAY);
        struct store_stats stats;

        print_message("  %s\n", c->name);
        add_day(store, 1, 0);
        sim_io_advance(sim, c->age_ns);
        sim_io_set_wall(sim, FIXTURE_TIME_NS + c->age_ns);
        retain(store);
        check(store, c->seen);
        fixture_settle(store);
        check(store, c->seen);
        store_stats(store, &stats);
        assert_int_equal(stats.rows, c->stored);
        store_close(store);
        sim_io_free(sim);
    }
}

/* Bytes: the oldest rows of the rule go, no others. */
static void test_bytes(void **unused)
{
    static struct retention_rule by_bytes[] = {{.filter = "has debug", .keep_ns = 0}};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_with(sim, NULL, 0, 0);
    struct store_stats stats;

    (void)unused;
    for (int day = 0; day < 3; day++)
        add_day(store, (uint8_t)(day + 1), day);
    store_stats(store, &stats);
    assert_int_equal(stats.segments, 3);
    by_bytes[0].bytes_max = stats.segment_bytes * 2 / 5; /* two halves of three segments, not three */
    store_close(store);
    store = open_with(sim, by_bytes, 1, 0);
    retain(store);
    check(store, "audit two;plain three;debug one;audit two;plain three;debug audit four;"
                 "debug one;audit two;plain three;debug audit four;");
    fixture_settle(store);
    store_stats(store, &stats);
    assert_int_equal(stats.rows, 10);
    store_close(store);
    sim_io_free(sim);
}

static void test_bad_rule(void **unused)
{
    static const struct retention_rule bad[] = {{.filter = "nonsense", .keep_ns = DAY}};
    struct sim_io *sim = sim_io_new(1);
    struct store_options options = fixture_erase_options(sim);
    struct store *store;
    struct error err = {0};

    (void)unused;
    options.rules = bad;
    options.rule_count = 1;
    assert_int_equal(store_open(&options, &store, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "retention rule 1"));
    sim_io_free(sim);
}

/* A reader keeps a segment that retention has dropped: an erasure of its rows is not over before. */
static void test_erasure_waits_for_dropped(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_with(sim, NULL, 0, DAY);
    struct scan_options options = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
    struct store_stats stats;
    struct scan *scan;
    struct error err = {0};

    (void)unused;
    add_day(store, 1, 0);
    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    (void)fixture_erase(store, "has debug");
    sim_io_advance(sim, 3 * DAY);
    retain(store);
    store_stats(store, &stats);
    assert_int_equal(stats.segments, 0);
    fixture_settle(store);
    assert_int_equal(fixture_last_erasure(store).state, ERASE_WAITING);
    scan_close(scan);
    fixture_settle(store);
    assert_int_equal(fixture_last_erasure(store).state, ERASE_FINISHED);
    store_close(store);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bad_rule),
        cmocka_unit_test(test_erasure_waits_for_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
