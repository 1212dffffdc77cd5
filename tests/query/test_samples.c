/* tests/query/test_samples.c -- queries that read samples instead of events, and plans as text. */
#include "tests/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 60 };

static struct fixture fixture;

static void on_durable(void *user, enum status status, const struct error *err)
{
    (void)err;
    *(enum status *)user = status;
}

/* One value per minute for an hour: disk / loses 10 a minute from 1000, /data stays at 500. */
static int make(void **unused)
{
    static struct sample samples[2 * SAMPLES];
    struct label labels[2] = {{SLICE_LITERAL("mountpoint"), SLICE_LITERAL("/")},
                              {SLICE_LITERAL("mountpoint"), SLICE_LITERAL("/data")}};
    struct event_source source = {.id = {.shipper = {9}, .generation = {9}},
                                  .geo = SLICE_LITERAL("eu"),
                                  .host = SLICE_LITERAL("db1"),
                                  .role = SLICE_LITERAL("postgres"),
                                  .path = SLICE_LITERAL("host_metrics")};
    struct batch batch = {.sources = &source, .source_count = 1, .samples = samples,
                          .sample_count = 2 * SAMPLES};
    enum status status = STATUS_AGAIN;
    struct error err = {0};

    (void)unused;
    fixture_make(&fixture, 100, 3, false);
    for (uint32_t i = 0; i < 2 * SAMPLES; i++)
        samples[i] = (struct sample){.time_ns = FIXTURE_TIME_NS + i / 2 * 60000000000LL,
                                     .value = i % 2 == 0 ? 1000 - 10.0 * (i / 2) : 500,
                                     .metric = SLICE_LITERAL("disk_avail_bytes"),
                                     .labels = &labels[i % 2],
                                     .label_count = 1};
    if (store_append(fixture.store, 0, &batch, on_durable, &status, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
    while (status == STATUS_AGAIN && store_step(fixture.store, &err) == STATUS_OK)
        continue;
    assert_int_equal(status, STATUS_OK);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static const struct sample_case {
    const char *query, *answer; /* rows separated by newlines */
} sample_cases[] = {
    {"metric:=disk_avail_bytes | count() n", "n=120"},
    {"metric:* | uniq by (metric, host, mountpoint)",
     "metric=disk_avail_bytes host=db1 mountpoint=/\n"
     "metric=disk_avail_bytes host=db1 mountpoint=/data"},
    {"{metric=\"disk_avail_bytes\",mountpoint=\"/data\"} | stats min(value) a, max(value) b",
     "a=500 b=500"},
    {"metric:=disk_avail_bytes mountpoint:=/ | last 1 by (_time) partition by (host) "
     "| fields host, value", "host=db1 value=410"}, /* 1000 - 59 * 10 */
    {"metric:=disk_avail_bytes value:<420 | count() n", "n=1"},
    {"metric:=disk_avail_bytes mountpoint:=/ | sort by (_time desc) limit 2 | fields value",
     "value=410\nvalue=420"},
    /* The end of the range is one hour after the first value: 400 there, and 10 less each minute. */
    {"metric:=disk_avail_bytes _time:<2026-01-01T01:00 | stats by (mountpoint) "
     "forecast(value, 30m) as left | math round(left) as left | where mountpoint:=/",
     "mountpoint=/ left=100"},
    {"metric:=disk_avail_bytes _time:<2026-01-01T01:00 | stats by (mountpoint) "
     "forecast(value, 1h) as left | where left:<0 | fields mountpoint", "mountpoint=/"},
    /* 0, 10, ... 590, and a constant; what falls began again at 0: 990 + 980 + ... + 410. */
    {"metric:=disk_avail_bytes | math 1000 - value as up | stats by (mountpoint) increase(up) as n",
     "mountpoint=/ n=590\nmountpoint=/data n=0"},
    {"metric:=disk_avail_bytes | stats increase(value) as n", "n=41300"},
    {"metric:=disk_avail_bytes mountpoint:=/ | math 1000 - value as up | stats by (_time:30m) "
     "increase(up) as n", "_time=2026-01-01T00:00:00.000000000Z n=290\n"
     "_time=2026-01-01T00:30:00.000000000Z n=290"},
    {"metric:=disk_avail_bytes _time:<2026-01-01T00:01 | stats increase(value) as n", ""},
    {"metric:=no_such_metric | count() n", "n=0"},
    {"no_such_word | count() n", "n=0"}, /* events: no samples among them */
    {"* | stats by (host) count() n | where host:=db1", ""},
};

static void test_samples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(sample_cases); i++) {
        struct buf all = buf_empty(1 << 20);
        struct answer answer;

        print_message("  %s\n", sample_cases[i].query);
        answer_of(&fixture, sample_cases[i].query, NULL, &answer);
        for (uint32_t row = 0; row < answer.count; row++)
            assert_true(buf_printf(&all, "%s%s", row == 0 ? "" : "\n", answer.rows[row]));
        assert_true(buf_append_byte(&all, '\0'));
        assert_string_equal(all.data, sample_cases[i].answer);
        buf_release(&all);
        answer_free(&answer);
    }
}

static const struct plan_case {
    const char *query, *part; /* of the plan */
} plan_cases[] = {
    {"_time:[2026-01-01T00:00, 2026-01-01T01:00) x",
     "range    2026-01-01T00:00:00.000Z .. 2026-01-01T01:00:00.000Z\n"},
    {"_time:>=2026-01-01 _time:<2026-01-02 _time:>=2026-01-01T12:00",
     "range    2026-01-01T12:00:00.000Z .. 2026-01-02T00:00:00.000Z\n"},
    {"_time:30m", "range    2026-01-01T00:30:00.000Z .. 2026-01-01T01:00:00.000Z\n"},
    {"_time:30m offset 10m", "range    2026-01-01T00:20:00.000Z .. 2026-01-01T00:50:00.000Z\n"},
    {"metric:=x", "table    samples\n"},
    {"not metric:=x", "table    events\n"},
    {"* | where level:error | where status:500 | fields host", "filter   * level:error status:500\n"},
    {"* | stats by (host) sum(bytes) if (level:error) s", "columns  host, bytes, level\n"},
    {"* | sort by (bytes) | fields host", "columns  bytes, host\n"},
    {"* | math bytes * 2 as b | fields b", "columns  bytes, b\n"},
    {"* | stats count() n", "columns  none: counts only\n"},
    {"* | limit 5", "columns   (all)\n"},
    {"*", "order    oldest first\n"},
    {"* | stats count() n", "order    any\n"},
    {"* | sort by (_time desc)", "order    newest first\n"},
    {"* | limit 5 | stats count() n", "order    oldest first\n"}, /* the limit needs it */
    {"* | sort by (bytes)", "order    any\n"},
};

static void test_plans(void **unused)
{
    struct query_options options = {.order = QUERY_OLDEST,
                                    .now_ns = FIXTURE_TIME_NS + 3600000000000};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(plan_cases); i++) {
        struct query_problem problem = {0};
        struct buf out = buf_empty(1 << 20);
        struct query *query;

        print_message("  %s\n", plan_cases[i].query);
        assert_int_equal(query_parse(slice_of(plan_cases[i].query), &query, &problem), STATUS_OK);
        assert_int_equal(query_explain(query, fixture.store, &options, &out, &problem), STATUS_OK);
        assert_true(buf_append_byte(&out, '\0'));
        if (strstr(out.data, plan_cases[i].part) == NULL)
            fail_msg("%s", out.data);
        buf_release(&out);
        query_free(query);
    }
}

static void test_kinds(void **unused)
{
    static const struct {
        const char *query;
        bool rows, tail;
    } cases[] = {
        {"a", true, true},
        {"a | fields x | where y", true, true},
        {"a | limit 5", true, false},
        {"a | sort by (x)", true, false},
        {"a | stats count() n", false, false},
        {"a | top 5 by (x)", false, false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct query_problem problem = {0};
        struct query *query;

        print_message("  %s\n", cases[i].query);
        assert_int_equal(query_parse(slice_of(cases[i].query), &query, &problem), STATUS_OK);
        assert_int_equal(query_gives_rows(query), cases[i].rows);
        assert_int_equal(query_can_tail(query, &problem), cases[i].tail);
        assert_int_equal(query_add_pipes(query, slice_of("fields z"), &problem), STATUS_OK);
        assert_int_equal(query_add_pipes(query, slice_of("fields | z"), &problem), STATUS_INVALID);
        assert_int_equal(problem.at, 7); /* the bar */
        query_free(query);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
