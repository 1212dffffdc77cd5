/* tests/query/test_rollup.c -- answers of rollups against answers of rows: the same query with a test on
 * the length of every line beside its filter, which nothing but the row itself can answer. */
#include "tests/query/query_fixture.h"

#include "base/time_stamp.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60000, SECONDS = 400, ROUNDS = 300 };

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make_every(&fixture, SECONDS * NS_PER_SECOND / ROWS, ROWS, 11, true);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static const char *const filters[] = {
    "*", "duration:*", "bytes:*", "{role=\"web\"}", "{role=~\"web|proxy\"}", "{role=\"none\"}",
    "level:>=warning", "level:error", "!level:info", "format:=nginx_timing", "!format:=nginx_timing",
    "{role=\"task\"} level:error", "level:error or {role=\"web\"}", "GET", "note", "ms",
    "status:>=500", "host:=web1", "!{role=\"web\"}", "note or level:info",
};
static const char *const keys[] = {
    "", "by (role) ", "by (_time:1m) ", "by (_time:5m, role) ", "by (_time:1m, host) ",
    "by (level) ", "by (format, level) ", "by (_time:10m, level) ", "by (_time:90s) ",
    "by (_time:5m offset 1m) ", "by (_time:1h, geo, role) ", "by (_time:1d) ", "by (tenant) ",
};
static const char *const calls[] = {
    "count() as n", "quantile(0.95, duration) as p", "sum(bytes) as s, count() as n",
    "avg(duration) as a, min(duration) as i, max(duration) as m", "histogram(bytes) as h",
    "median(duration) as d, sum(duration) as s, sum(bytes) as b", "rate() as r",
    "count() if (level:error) as n", "rate_sum(bytes) as r",
};

static const char *pick(struct test_random *random, const char *const *texts, size_t count)
{
    return texts[test_random_below(random, count)];
}

/* A range that begins and ends anywhere, or at whole minutes. */
static void pick_range(struct test_random *random, struct query_options *options)
{
    int64_t start = (int64_t)test_random_below(random, SECONDS) * NS_PER_SECOND;
    int64_t length = (int64_t)test_random_below(random, 2 * SECONDS) * NS_PER_SECOND + 1;

    options->start_ns = FIXTURE_TIME_NS + start - 60 * NS_PER_SECOND;
    options->end_ns = options->start_ns + length;
    if (test_random_below(random, 2) == 0)
        options->start_ns -= options->start_ns % (60 * NS_PER_SECOND);
    if (test_random_below(random, 2) == 0)
        options->end_ns += 300 * NS_PER_SECOND - options->end_ns % (300 * NS_PER_SECOND);
}

static bool compare(const char *filter, const char *by, const char *call,
                    const struct query_options *options)
{
    char with[512], without[512];
    struct answer rolled, rows;
    bool fewer;

    (void)snprintf(with, sizeof(with), "%s | stats %s%s", filter, by, call);
    (void)snprintf(without, sizeof(without), "(%s) len_range(_msg, 0, inf) | stats %s%s", filter, by,
                   call);
    answer_of(&fixture, with, options, &rolled);
    answer_of(&fixture, without, options, &rows);
    if (rolled.count != rows.count)
        fail_msg("%s: %u groups, of rows %u", with, rolled.count, rows.count);
    for (uint32_t i = 0; i < rows.count; i++)
        if (strcmp(rolled.rows[i], rows.rows[i]) != 0)
            fail_msg("%s: \"%s\", of rows \"%s\"", with, rolled.rows[i], rows.rows[i]);
    assert_int_equal(rolled.end.rows_matched, rows.end.rows_matched);
    fewer = rolled.end.rows_scanned < rows.end.rows_scanned;
    answer_free(&rolled);
    answer_free(&rows);
    return fewer;
}

static void test_random_stats(void **unused)
{
    static const char *const zones[] = {"", "", "Asia/Kolkata", "America/New_York"};
    struct test_random random = {5};
    unsigned used = 0;

    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct query_options options = {.now_ns = FIXTURE_TIME_NS + SECONDS * 2 * NS_PER_SECOND,
                                        .order = QUERY_ANY};
        const char *filter = pick(&random, filters, COUNT_OF(filters));
        const char *by = pick(&random, keys, COUNT_OF(keys));
        const char *call = pick(&random, calls, COUNT_OF(calls));

        options.tz = slice_of(pick(&random, zones, COUNT_OF(zones)));
        if (test_random_below(&random, 2) > 0)
            pick_range(&random, &options);
        used += compare(filter, by, call, &options);
    }
    print_message("  rollups saved rows in %u of %d queries\n", used, ROUNDS);
    assert_true(used > ROUNDS / 12); /* or this test compares rows with rows */
}

/* The whole store, without a filter: no sealed row is looked at. */
static void test_no_rows(void **unused)
{
    struct query_options options = {.now_ns = FIXTURE_TIME_NS + SECONDS * 2 * NS_PER_SECOND,
                                    .order = QUERY_ANY};
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | stats by (_time:5m, role) count() as n", &options, &answer);
    assert_true(answer.end.rows_scanned <= ROWS / 2 + 512); /* the head, to a batch */
    assert_int_equal(answer.end.rows_matched, ROWS);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_stats),
        cmocka_unit_test(test_no_rows),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
