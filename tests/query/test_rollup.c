/* tests/query/test_rollup.c -- answers of rollups against answers of rows: the same query with a test on
 * the length of every line beside its filter, which nothing but the row itself can answer. */
#include "tests/query/query_fixture.h"

#include "base/time_stamp.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60000, SECONDS_FEW = 400, SECONDS_MANY = 5000 };
/* Sanitizers of threads make a round many times as long. DENDRO_ROUNDS in the environment sets the dose. */
#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 12 };
#else
enum { ROUNDS = 150 };
#endif

static struct fixture fixture;
static unsigned seconds; /* that the rows lie in */

static int make(unsigned wanted)
{
    seconds = wanted;
    fixture_make_every(&fixture, seconds * NS_PER_SECOND / ROWS, ROWS, 11, true);
    return 0;
}

/* A few steps of minutes. */
static int make_few(void **unused)
{
    (void)unused;
    return make(SECONDS_FEW);
}

/* A few steps of quarters of an hour. */
static int make_many(void **unused)
{
    (void)unused;
    return make(SECONDS_MANY);
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
    "by (_time:5m offset 1m) ", "by (_time:1h, geo, role) ", "by (_time:1d) ",
};
static const char *const tenant_keys[] = {
    "by (tenant) ", "by (tenant, role) ", "by (_time:1h, tenant) ", "by (_time:15m, tenant) ",
    "by (tenant, format) ", "by (role, tenant, geo, _time:30m) ", "by (tenant, host) ",
    "by (tenant, level) ", "by (_time:1h offset 15m, tenant) ", "by (_time:5m, tenant) ",
};
static const char *const calls[] = {
    "count() as n", "quantile(0.95, duration) as p", "sum(bytes) as s, count() as n",
    "avg(duration) as a, min(duration) as i, max(duration) as m", "histogram(bytes) as h",
    "median(duration) as d, sum(duration) as s, sum(bytes) as b", "rate() as r",
    "count() if (level:error) as n", "rate_sum(bytes) as r",
};

static const char *const tenant_filters[] = {
    "*", "bytes:*", "duration:*", "{role=\"web\"}", "!{role=\"web\"}", "{role=~\"web|proxy\"}",
    "format:=nginx_timing", "!format:=nginx_timing", "level:error", "host:=web1", "GET",
};
static const char *const sums[] = {
    "count() as n", "sum(bytes) as s, count() as n", "avg(duration) as a, sum(bytes) as b",
    "rate_sum(bytes) as r", "sum(status) as s", "max(bytes) as m, count() as n",
};

/* What a query may be made of. Rollups can decide the first SIMPLE filters of each. */
enum { SIMPLE = 5 };
static const struct kinds {
    const char *const *filters, *const *keys, *const *calls;
    size_t filter_count, key_count, call_count;
} all_kinds = {filters, keys, calls, COUNT_OF(filters), COUNT_OF(keys), COUNT_OF(calls)},
  tenant_kinds = {tenant_filters,           tenant_keys,           sums,
                  COUNT_OF(tenant_filters), COUNT_OF(tenant_keys), COUNT_OF(sums)};

static const char *pick(struct test_random *random, const char *const *texts, size_t count)
{
    return texts[test_random_below(random, count)];
}

/* A range that begins and ends anywhere, or at whole minutes. */
static void pick_range(struct test_random *random, struct query_options *options)
{
    int64_t start = (int64_t)test_random_below(random, seconds) * NS_PER_SECOND;
    int64_t length = (int64_t)test_random_below(random, 2 * seconds) * NS_PER_SECOND + 1;

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

static void compare_some(const struct kinds *kinds)
{
    static const char *const zones[] = {"", "", "Asia/Kolkata", "America/New_York"};
    const char *dose = getenv("DENDRO_ROUNDS");
    unsigned rounds = dose == NULL ? ROUNDS : (unsigned)atoi(dose), used = 0;
    struct test_random random = {5};

    for (unsigned i = 0; i < rounds; i++) {
        struct query_options options = {.now_ns = FIXTURE_TIME_NS + seconds * 2 * NS_PER_SECOND,
                                        .order = QUERY_ANY};
        bool simple = i % 2 == 0; /* and of all time: few of the others are answered by rollups */
        const char *filter = pick(&random, kinds->filters, simple ? SIMPLE : kinds->filter_count);
        const char *by = pick(&random, kinds->keys, kinds->key_count);
        const char *call = pick(&random, kinds->calls, kinds->call_count);

        options.tz = slice_of(pick(&random, zones, COUNT_OF(zones)));
        if (!simple && test_random_below(&random, 2) > 0)
            pick_range(&random, &options);
        used += compare(filter, by, call, &options);
    }
    print_message("  rollups saved rows in %u of %u queries\n", used, rounds);
    if (rounds >= ROUNDS)
        assert_true(used > rounds / 15); /* or this test compares rows with rows */
}

static void test_random_stats(void **unused)
{
    (void)unused;
    compare_some(&all_kinds);
}

static void test_random_tenants(void **unused)
{
    (void)unused;
    compare_some(&tenant_kinds);
}

/* The whole store, without a filter: no sealed row is looked at. */
static void test_no_rows(void **unused)
{
    static const char *const queries[] = {
        "* | stats by (_time:5m, role) count() as n",
        "{role=\"web\"} | stats by (tenant) count() as n",
        "* | stats by (tenant) count() as n, sum(bytes) as b, avg(duration) as d",
        "* | stats by (tenant, role, _time:1h) sum(bytes) as b",
        "bytes:* | stats by (tenant) sum(bytes) as sent | sort by (sent desc) limit 10",
    };
    struct query_options options = {.now_ns = FIXTURE_TIME_NS + seconds * 2 * NS_PER_SECOND,
                                    .order = QUERY_ANY};

    (void)unused;
    /* Over many minutes too few rows are in a minute for it to be kept. */
    for (size_t i = seconds == SECONDS_FEW ? 0 : 2; i < COUNT_OF(queries); i++) {
        struct answer answer;

        print_message("  %s\n", queries[i]);
        answer_of(&fixture, queries[i], &options, &answer);
        assert_true(answer.end.rows_scanned <= ROWS / 2 + 512); /* the head, to a batch */
        assert_true(queries[i][0] != '*' || answer.end.rows_matched == ROWS);
        answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_stats),
        cmocka_unit_test(test_random_tenants),
        cmocka_unit_test(test_no_rows),
    };

    return cmocka_run_group_tests_name("few minutes", tests, make_few, drop) +
           cmocka_run_group_tests_name("many minutes", tests, make_many, drop);
}
