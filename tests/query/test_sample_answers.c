/* tests/query/test_sample_answers.c -- answers from cells of samples against answers from the samples: the
 * same query with `value:*` beside its filter, which nothing but the sample itself can answer.
 *
 * Six hours of samples every ten seconds in three segments, which end inside a step, and a head. Counters
 * begin again now and then, also where two cells or segments meet; one host is late: a part of its
 * samples is in the segment behind; one series has numbers that are no decimals. */
#include "query/kept_filter.h"
#include "store/erase.h"
#include "tests/query/query_fixture.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HOSTS = 3, KINDS = 7, SERIES = HOSTS * KINDS, SCRAPES = 2160, BATCH = 30, ROUNDS = 300 };

#define SCRAPE_NS ((int64_t)10 * 1000000000)
#define MINUTE_NS ((int64_t)60 * 1000000000)

static struct fixture fixture;
static uint64_t total;

static const char *const hosts[HOSTS] = {"db1", "db2", "late"};
static const struct kind {
    const char *metric, *label; /* of `mode`; NULL: none */
} kinds[KINDS] = {
    {"cpu_seconds_total", "idle"}, {"cpu_seconds_total", "user"}, {"bytes_total", NULL},
    {"load", NULL},                {"size_bytes", NULL},          {"ratio", ""},
    {"restarts_total", NULL},
};

static int64_t hundredths[SERIES];

static double next_value(struct test_random *random, uint32_t series, uint32_t scrape)
{
    int64_t *number = &hundredths[series];

    switch (series % KINDS) {
    case 3: /* a gauge of hundredths, also below 0 */
        *number += (int64_t)test_random_below(random, 201) - 100;
        return (double)*number / 100;
    case 4: /* constant, and large */
        return 9.0e15 - 1;
    case 5: /* no decimals */
        return (double)test_random_below(random, 1000) / 7;
    case 2: /* whole */
        *number = test_random_chance(random, 1) ? 0 : *number + (int64_t)test_random_below(random, 1e6);
        return (double)*number;
    case 6: /* begins again in the first scrape of every quarter of an hour */
        *number = scrape % 90 == 0 ? 0 : *number + 1;
        return (double)*number;
    default:
        *number = test_random_below(random, 500) == 0 ? 5 : *number + (int64_t)test_random_below(random, 90);
        return (double)*number / 100;
    }
}

static void on_durable(void *user, enum status status, const struct error *err)
{
    (void)err;
    *(enum status *)user = status;
}

static void append(struct sample *samples, uint32_t count)
{
    struct event_source sources[HOSTS];
    struct batch batch = {.sources = sources, .source_count = HOSTS, .samples = samples,
                          .sample_count = count};
    enum status status = STATUS_AGAIN;
    struct error err = {0};

    for (uint8_t i = 0; i < HOSTS; i++)
        sources[i] = (struct event_source){.id = {.shipper = {i}, .generation = {9}},
                                           .geo = SLICE_LITERAL("eu"),
                                           .host = slice_of(hosts[i]),
                                           .role = slice_of(i == 0 ? "postgres" : "web"),
                                           .path = SLICE_LITERAL("host_metrics")};
    if (store_append(fixture.store, 0, &batch, on_durable, &status, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
    while (status == STATUS_AGAIN && store_step(fixture.store, &err) == STATUS_OK)
        continue;
    assert_int_equal(status, STATUS_OK);
    total += count;
}

static void seal(void)
{
    struct error err = {0};

    if (store_seal(fixture.store, &err) != STATUS_OK)
        fail_msg("seal: %s", err.message);
}

static struct sample make_sample(struct test_random *random, uint32_t series, uint32_t scrape)
{
    static struct label labels[KINDS];
    const struct kind *kind = &kinds[series % KINDS];

    if (kind->label != NULL)
        labels[series % KINDS] =
            (struct label){SLICE_LITERAL("mode"), slice_of(kind->label)};
    return (struct sample){
        .time_ns = FIXTURE_TIME_NS + scrape * SCRAPE_NS + (int64_t)test_random_below(random, 2) * 777,
        .value = next_value(random, series, scrape),
        .source = series / KINDS,
        .metric = slice_of(kind->metric),
        .labels = &labels[series % KINDS],
        .label_count = kind->label != NULL,
    };
}

static void fill(struct test_random *random)
{
    static struct sample samples[SERIES * BATCH], held[SERIES * BATCH];
    uint32_t held_count = 0;

    for (uint32_t from = 0; from < SCRAPES; from += BATCH) {
        uint32_t count = 0;

        for (uint32_t scrape = from; scrape < from + BATCH; scrape++)
            for (uint32_t series = 0; series < SERIES; series++) {
                struct sample sample = make_sample(random, series, scrape);

                /* Every other sample of the late host comes an hour later. */
                if (from == 12 * BATCH && sample.source == 2 && scrape % 2 == 0)
                    held[held_count++] = sample;
                else if (test_random_below(random, 50) > 0)
                    samples[count++] = sample;
            }
        append(samples, count);
        if (from == 24 * BATCH)
            append(held, held_count);
        if (from == 20 * BATCH || from == 43 * BATCH || from == 61 * BATCH)
            seal();
    }
}

static int make(void **unused)
{
    struct store_options options = {.dir = "/store", .shard_count = 1, .manual = true,
                                    .free_bytes_min = 4096, .make_filter = kept_filter_make};
    struct test_random random = {3};
    struct error err = {0};

    (void)unused;
    fixture = (struct fixture){.sim = sim_io_new(3)};
    options.io = sim_io_table(fixture.sim);
    if (store_open(&options, &fixture.store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    fill(&random);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static const char *const filters[] = {
    "metric:*", "metric:=cpu_seconds_total", "metric:=cpu_seconds_total mode:=idle", "metric:=load",
    "metric:=bytes_total host:=db1", "metric:=ratio", "metric:=size_bytes", "metric:=restarts_total",
    "metric:=bytes_total !host:=late", "{metric=~\"load|bytes_total\",host!=\"db2\"}",
    "metric:~\"total$\" role:=web", "metric:=cpu_seconds_total !mode:=idle", "metric:* mode:*",
    "metric:=load level:info", "metric:=none", "metric:=load value:>0", "metric:=load geo:=us",
};
static const char *const keys[] = {
    "", "by (host) ", "by (metric) ", "by (_time:15m) ", "by (_time:1h, host) ", "by (mode) ",
    "by (_time:30m, metric, mode) ", "by (role, _time:2h) ", "by (_time:10m) ", "by (_time:1m) ",
    "by (_time:1h offset 15m) ", "by (_time:1d) ", "by (source, level) ", "by (geo, nothing) ",
};
static const char *const calls[] = {
    "avg(value) as a", "min(value) as i, max(value) as m", "sum(value) as s, count() as n",
    "increase(value) as g", "rate() as r", "rate_sum(value) as r, increase(value) as g",
    "count() as n", "quantile(0.9, value) as q", "avg(value) if (host:=db1) as a",
};

static const char *pick(struct test_random *random, const char *const *texts, size_t count)
{
    return texts[test_random_below(random, count)];
}

static bool compare(const char *filter, const char *by, const char *call,
                    const struct query_options *options)
{
    char with[512], without[512];
    struct answer cells, samples;
    bool fewer;

    (void)snprintf(with, sizeof(with), "%s | stats %s%s", filter, by, call);
    (void)snprintf(without, sizeof(without), "(%s) value:* | stats %s%s", filter, by, call);
    answer_of(&fixture, with, options, &cells);
    answer_of(&fixture, without, options, &samples);
    if (cells.count != samples.count)
        fail_msg("%s: %u groups, of samples %u", with, cells.count, samples.count);
    for (uint32_t i = 0; i < samples.count; i++)
        if (strcmp(cells.rows[i], samples.rows[i]) != 0)
            fail_msg("%s: \"%s\", of samples \"%s\"", with, cells.rows[i], samples.rows[i]);
    assert_int_equal(cells.end.rows_matched, samples.end.rows_matched);
    fewer = cells.end.rows_scanned < samples.end.rows_scanned;
    answer_free(&cells);
    answer_free(&samples);
    return fewer;
}

static void pick_range(struct test_random *random, struct query_options *options)
{
    int64_t length = SCRAPES * SCRAPE_NS;

    options->start_ns = FIXTURE_TIME_NS + (int64_t)test_random_below(random, (uint64_t)length);
    options->end_ns = options->start_ns + (int64_t)test_random_below(random, (uint64_t)length) + 1;
    if (test_random_below(random, 2) == 0)
        options->start_ns -= options->start_ns % (15 * MINUTE_NS);
    if (test_random_below(random, 2) == 0)
        options->end_ns += 30 * MINUTE_NS - options->end_ns % (30 * MINUTE_NS);
}

/* How many of the queries read fewer rows. */
static unsigned compare_some(unsigned rounds)
{
    static const char *const zones[] = {"", "", "Asia/Kolkata", "America/New_York"};
    struct test_random random = {8};
    unsigned used = 0;

    for (unsigned i = 0; i < rounds; i++) {
        struct query_options options = {.now_ns = FIXTURE_TIME_NS + 2 * SCRAPES * SCRAPE_NS,
                                        .order = QUERY_ANY};
        const char *filter = pick(&random, filters, COUNT_OF(filters));
        const char *by = pick(&random, keys, COUNT_OF(keys));
        const char *call = pick(&random, calls, COUNT_OF(calls));

        options.tz = slice_of(pick(&random, zones, COUNT_OF(zones)));
        if (test_random_below(&random, 2) > 0)
            pick_range(&random, &options);
        used += compare(filter, by, call, &options);
    }
    print_message("  cells saved samples in %u of %u queries\n", used, rounds);
    return used;
}

static void test_random_queries(void **unused)
{
    (void)unused;
    assert_true(compare_some(ROUNDS) > ROUNDS / 4); /* or this test compares samples with samples */
}

static const struct scanned_case {
    const char *query;
    uint64_t scanned_max; /* the head is 10 of 72 batches; a block has 16,384 samples of 15,000 each */
} scanned_cases[] = {
    {"metric:=cpu_seconds_total | stats by (_time:15m, host) avg(value) as a", 10 * SERIES * BATCH},
    {"metric:=load | stats by (_time:1h) min(value) as i, max(value) as m", 10 * SERIES * BATCH},
    {"metric:=bytes_total host:=db1 | stats by (_time:1h) increase(value) as g", 10 * SERIES * BATCH},
    {"metric:=ratio | stats by (_time:1h) avg(value) as a", 10 * SERIES * BATCH + 3 * 16384},
};

/* Only the head is read, and blocks with series that have no cells. */
static void test_scanned(void **unused)
{
    struct query_options options = {.now_ns = FIXTURE_TIME_NS + 2 * SCRAPES * SCRAPE_NS,
                                    .order = QUERY_ANY};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(scanned_cases); i++) {
        struct answer answer;

        print_message("  %s\n", scanned_cases[i].query);
        answer_of(&fixture, scanned_cases[i].query, &options, &answer);
        assert_in_range(answer.end.rows_scanned, 1, scanned_cases[i].scanned_max);
        answer_free(&answer);
    }
}

/* From the order on the samples of db2 are hidden by a mask, which no cell knows of. */
static void test_erased(void **unused)
{
    struct query_options options = {.now_ns = FIXTURE_TIME_NS + 2 * SCRAPES * SCRAPE_NS,
                                    .order = QUERY_ANY};
    struct erase_request request = {.filter = SLICE_LITERAL("host:=db2"),
                                    .by = SLICE_LITERAL("test"),
                                    .time_min_ns = INT64_MIN,
                                    .time_max_ns = INT64_MAX};
    struct answer answer;
    struct error err = {0};
    uint64_t number;

    (void)unused;
    if (store_erase(fixture.store, &request, &number, &err) != STATUS_OK)
        fail_msg("erase: %s", err.message);
    answer_of(&fixture, "metric:* host:=db2 | stats by (host) count() as n", &options, &answer);
    assert_int_equal(answer.count, 0);
    answer_free(&answer);
    (void)compare_some(40); /* masked */
    while (store_step(fixture.store, &err) == STATUS_OK)
        continue;
    assert_true(compare_some(40) > 0); /* written again */
    answer_of(&fixture, "metric:* | stats by (host) count() as n", &options, &answer);
    assert_int_equal(answer.count, 2);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_queries),
        cmocka_unit_test(test_scanned),
        cmocka_unit_test(test_erased),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
