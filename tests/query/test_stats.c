/* tests/query/test_stats.c -- stats, top, uniq and what follows them, against plain loops over the
 * same rows: other code, other data structures, the same answers. */
#include "tests/query/query_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 4000, GROUPS_MAX = 4000 };

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make(&fixture, ROWS, 7, true);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static double seconds(const struct fixture_row *row)
{
    return row->duration_ms / 1000.0;
}

static int64_t minute_of(const struct fixture_row *row)
{
    return (row->time_ns - FIXTURE_TIME_NS + 3600000000000LL) / 60000000000LL - 60;
}

/* ---- groups by host and minute ---- */

struct group {
    unsigned source;
    int64_t minute;
    uint64_t count, errors, bytes, duration_ms;
    unsigned duration_min, duration_max;
    unsigned durations[ROWS];
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;

    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->minute < y->minute ? -1 : x->minute > y->minute;
}

static uint32_t make_groups(struct group **groups)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < fixture.count; i++) {
        const struct fixture_row *row = &fixture.rows[i];
        struct group *group;
        uint32_t at = 0;

        while (at < count && (groups[at]->source != row->source ||
                              groups[at]->minute != minute_of(row)))
            at++;
        if (at == count) {
            groups[count] = calloc(1, sizeof(**groups));
            assert_non_null(groups[count]);
            *groups[count] = (struct group){.source = row->source,
                                            .minute = minute_of(row),
                                            .duration_min = UINT32_MAX};
            count++;
        }
        group = groups[at];
        group->durations[group->count++] = row->duration_ms;
        group->errors += row->status >= 500;
        group->bytes += row->bytes;
        group->duration_ms += row->duration_ms;
        if (row->duration_ms < group->duration_min)
            group->duration_min = row->duration_ms;
        if (row->duration_ms > group->duration_max)
            group->duration_max = row->duration_ms;
    }
    qsort(groups, count, sizeof(struct group *), compare_groups);
    return count;
}

static int compare_unsigned(const void *a, const void *b)
{
    return (*(const unsigned *)a > *(const unsigned *)b) -
           (*(const unsigned *)a < *(const unsigned *)b);
}

/* Nearest rank. */
static double exact_quantile(struct group *group, double phi)
{
    uint64_t rank = (uint64_t)ceil(phi * (double)group->count);

    qsort(group->durations, group->count, sizeof(unsigned), compare_unsigned);
    return group->durations[rank == 0 ? 0 : rank - 1];
}

static void check_groups(const struct answer *answer, struct group **groups, uint32_t count)
{
    assert_int_equal(answer->count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct group *group = groups[i];
        char expected[300], min[32], max[32];
        unsigned long long n, bad, sent;
        double mean = 0, p95 = 0;
        char *at;

        snprintf(expected, sizeof(expected), "host=web%u _time=2026-01-01T%02d:%02d:00.000000000Z ",
                 group->source, (int)((group->minute + 24 * 60) / 60 % 24),
                 (int)((group->minute + 24 * 60) % 60));
        if (group->minute < 0)
            memcpy(expected + strlen("host=web0 _time="), "2025-12-31", 10);
        assert_int_equal(strncmp(answer->rows[i], expected, strlen(expected)), 0);
        at = answer->rows[i] + strlen(expected);
        assert_int_equal(sscanf(at, "n=%llu bad=%llu sent=%llu low=%31s high=%31s mean=%lfms "
                                "p95=%lfms", &n, &bad, &sent, min, max, &mean, &p95) >= 5, 1);
        assert_int_equal(n, group->count);
        assert_int_equal(bad, group->errors);
        assert_int_equal(sent, group->bytes);
    }
}

static void test_groups(void **unused)
{
    static struct group *groups[GROUPS_MAX];
    uint32_t count = make_groups(groups);
    struct query_options one = {.workers = 1}, four = {.workers = 4};
    static const char query[] =
        "* | stats by (host, _time:1m) count() as n, count() if (status:>=500) as bad, "
        "sum(bytes) as sent, min(duration) as low, max(duration) as high, avg(duration) as mean, "
        "quantile(0.95, duration) as p95";
    struct answer first, second;

    (void)unused;
    answer_of(&fixture, query, &one, &first);
    check_groups(&first, groups, count);
    answer_of(&fixture, query, &four, &second); /* the same, to the last digit of the sketches */
    assert_int_equal(second.count, first.count);
    for (uint32_t i = 0; i < first.count; i++) {
        char *a = strstr(first.rows[i], "mean="), *b = strstr(second.rows[i], "mean=");

        assert_int_equal(a - first.rows[i], b - second.rows[i]);
        assert_memory_equal(first.rows[i], second.rows[i], (size_t)(a - first.rows[i]));
        assert_string_equal(strstr(a, "p95="), strstr(b, "p95="));
    }
    answer_free(&first);
    answer_free(&second);
    for (uint32_t i = 0; i < count; i++)
        free(groups[i]);
}

/* Each number alone, as plain numbers through math, so that the test reads them back. */
static void test_numbers(void **unused)
{
    static struct group group;
    double sum = 0, squares = 0, mean, got[8];
    struct answer answer;
    static const char query[] =
        "* | stats avg(duration) as a, quantile(0.5, duration) as q, quantile(0.95, duration) as r, "
        "quantile(0, duration) as s, quantile(1, duration) as t, stddev(duration) as d, "
        "median(duration) as m, sum(duration) as u "
        "| math a / 1s as a, q / 1s as q, r / 1s as r, s / 1s as s, t / 1s as t, d / 1s as d, "
        "m / 1s as m, u / 1s as u";

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++) {
        group.durations[group.count++] = fixture.rows[i].duration_ms;
        sum += seconds(&fixture.rows[i]);
    }
    mean = sum / fixture.count;
    for (uint32_t i = 0; i < fixture.count; i++)
        squares += (seconds(&fixture.rows[i]) - mean) * (seconds(&fixture.rows[i]) - mean);
    answer_of(&fixture, query, NULL, &answer);
    assert_int_equal(answer.count, 1);
    assert_int_equal(sscanf(answer.rows[0], "a=%lf q=%lf r=%lf s=%lf t=%lf d=%lf m=%lf u=%lf",
                            &got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &got[6],
                            &got[7]), 8);
    assert_true(fabs(got[0] - mean) < 1e-6);
    assert_true(fabs(got[1] / (exact_quantile(&group, 0.5) / 1000) - 1) <= 0.016);
    assert_true(fabs(got[2] / (exact_quantile(&group, 0.95) / 1000) - 1) <= 0.016);
    assert_true(fabs(got[3] - exact_quantile(&group, 0) / 1000) < 1e-9);  /* exact at the ends */
    assert_true(fabs(got[4] - exact_quantile(&group, 1) / 1000) < 1e-9);
    assert_true(fabs(got[5] - sqrt(squares / fixture.count)) < 1e-6);
    assert_true(got[6] == got[1]);
    assert_true(fabs(got[7] - sum) < 1e-6);
    answer_free(&answer);
}

/* ---- single answers ---- */

static unsigned distinct_clients(void)
{
    static bool seen[1000];
    unsigned count = 0;

    for (uint32_t i = 0; i < fixture.count; i++) {
        count += !seen[fixture.rows[i].client];
        seen[fixture.rows[i].client] = true;
    }
    return count;
}

static void expect(const char *query, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void expect(const char *query, const char *format, ...)
{
    char expected[4000];
    struct answer answer;
    struct buf all = buf_empty(1 << 20);
    va_list args;

    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    print_message("  %s\n", query);
    answer_of(&fixture, query, NULL, &answer);
    for (uint32_t i = 0; i < answer.count; i++)
        assert_true(buf_printf(&all, "%s%s", i == 0 ? "" : "\n", answer.rows[i]));
    assert_true(buf_append_byte(&all, '\0'));
    assert_string_equal(all.data, expected);
    buf_release(&all);
    answer_free(&answer);
}

static void test_counts(void **unused)
{
    unsigned no_tenant = 0, no_status = 0, errors = 0, length = 0;

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++) {
        no_tenant += fixture.rows[i].tenant == 0;
        no_status += fixture.rows[i].status == 0;
        errors += fixture.rows[i].status >= 500;
        length += (unsigned)strlen(fixture.rows[i].line);
    }
    expect("* | count() n", "n=%d", ROWS);
    expect("* | count(tenant) n, count_empty(tenant) e", "n=%u e=%u", ROWS - no_tenant, no_tenant);
    expect("* | count(tenant, host) n, count_empty(status) e", "n=%d e=%u", ROWS, no_status);
    expect("* | count_uniq(client) n", "n=%u", distinct_clients());
    expect("* | count_uniq(host, role) n", "n=4");
    expect("* | count_uniq(nothing) n", "n=0");
    expect("* | sum_len(_msg) n", "n=%u", length);
    expect("level:error | count() n | where n:>0 | math n * 2 as n", "n=%u", errors * 2);
    expect("no_such_word | count() n, sum(bytes) s, max(host) h", "n=0");
    expect("no_such_word | stats by (host) count() n", "%s", "");
    expect("* | stats max(level) a, min(level) b, max(host) c, min(host) d",
           "a=error b=info c=web3 d=web0");
    expect("* | stats by (level) count() if (level:error) as bad | where bad:>0 | fields level",
           "level=error");
    expect("* | stats uniq_values(role) r", "r=[\"proxy\",\"task\",\"web\"]");
    expect("* | stats by (host) row_any(role) r | fields host, r | limit 2",
           "host=web0 r=web\nhost=web1 r=web");
    expect("* | count() n | rename n as m | copy m as k | delete m | format \"<k>!\" as t",
           "k=%d t=%d!", ROWS, ROWS);
}

/* Rates divide by the bucket, or by the range of the query. */
static void test_rates(void **unused)
{
    unsigned in_minute = 0;

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++)
        in_minute += minute_of(&fixture.rows[i]) == 2;
    expect("_time:[2026-01-01T00:02, 2026-01-01T00:03) | rate() r | math round(r * 60) as n "
           "| fields n", "n=%u", in_minute);
    expect("_time:[2026-01-01T00:02, 2026-01-01T00:03) | stats by (_time:30s) rate() as r, "
           "count() as c | math round(r * 30) - c as zero | stats sum(zero) as z", "z=0");
}

static void test_buckets(void **unused)
{
    unsigned large = 0, subnet = 0;

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++) {
        large += fixture.rows[i].bytes / 1000000 == 4;
        subnet += fixture.rows[i].client / 256 == 2;
    }
    expect("* | stats by (bytes:1MB) count() n | last 1 by (bytes)", "bytes=4000000 n=%u", large);
    expect("* | stats by (client:/24) count() n | where client:=\"10.0.2.0/24\"",
           "client=10.0.2.0/24 n=%u", subnet);
    expect("* | stats by (client:/16) count() n", "client=10.0.0.0/16 n=%d", ROWS);
    expect("status:200 | stats by (status:100) count() n | fields status", "status=200");
}

/* 2026-01-01T00:00Z is 05:30 in Kolkata: the day there began at 18:30Z of the day before. */
static void test_zone(void **unused)
{
    struct query_options kolkata = {.tz = SLICE_LITERAL("Asia/Kolkata")};
    struct answer answer;
    char expected[100];

    (void)unused;
    snprintf(expected, sizeof(expected), "_time=2025-12-31T18:30:00.000000000Z n=%d", ROWS);
    answer_of(&fixture, "* | stats by (_time:1d) count() as n", &kolkata, &answer);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.rows[0], expected);
    answer_free(&answer);
    /* Thursday 2026-01-01: its week began on Monday, 2025-12-29. */
    snprintf(expected, sizeof(expected), "_time=2025-12-29T00:00:00.000000000Z n=%d", ROWS);
    answer_of(&fixture, "* | stats by (_time:1w) count() as n", NULL, &answer);
    assert_string_equal(answer.rows[0], expected);
    answer_free(&answer);
}

/* ---- top, uniq, sort ---- */

struct tally {
    unsigned tenant, count;
};

static int compare_tallies(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->tenant < y->tenant ? -1 : x->tenant > y->tenant; /* natural order of clinic<n> */
}

static void test_top(void **unused)
{
    struct tally tallies[30] = {0};
    unsigned rest = ROWS;
    char expected[1000] = "";
    size_t len = 0;

    (void)unused;
    for (unsigned i = 0; i < 30; i++)
        tallies[i].tenant = i;
    for (uint32_t i = 0; i < fixture.count; i++)
        tallies[fixture.rows[i].tenant].count++;
    rest -= tallies[0].count; /* rows without a tenant */
    qsort(tallies + 1, 29, sizeof(struct tally), compare_tallies);
    for (unsigned i = 1; i <= 3; i++) {
        len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%stenant=clinic%u n=%u",
                                i == 1 ? "" : "\n", tallies[i].tenant, tallies[i].count);
        rest -= tallies[i].count;
    }
    expect("tenant:* | top 3 by (tenant) hits as n | fields tenant, n", "%s", expected);
    expect("tenant:* | top 3 by (tenant) hits as n with other | fields tenant, n",
           "%s\ntenant=other n=%u", expected, rest);
    expect("tenant:* | stats by (tenant) count() as n | sort by (n desc, tenant) limit 3", "%s",
           expected);
    expect("tenant:* | field_values tenant limit 1 | fields value", "value=clinic%u",
           tallies[1].tenant);
    expect("* | uniq by (role)", "role=proxy\nrole=task\nrole=web");
    expect("* | uniq by (role, geo) limit 2", "role=proxy geo=in\nrole=task geo=in");
    expect("* | top 10 by (method) | stats sum(share) as s", "s=1");
}

static int compare_bytes(const void *a, const void *b)
{
    const struct fixture_row *x = *(const struct fixture_row *const *)a;
    const struct fixture_row *y = *(const struct fixture_row *const *)b;

    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void test_sort(void **unused)
{
    static const struct fixture_row *rows[ROWS];
    struct answer answer;
    char expected[32];

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++)
        rows[i] = &fixture.rows[i];
    qsort(rows, ROWS, sizeof(rows[0]), compare_bytes);
    answer_of(&fixture, "* | sort by (bytes desc) limit 20 offset 5 | fields bytes", NULL, &answer);
    assert_int_equal(answer.count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(expected, sizeof(expected), "bytes=%u", rows[ROWS - 6 - i]->bytes);
        assert_string_equal(answer.rows[i], expected);
    }
    answer_free(&answer);
    answer_of(&fixture, "* | sort by (bytes) | fields bytes", NULL, &answer);
    assert_int_equal(answer.count, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        snprintf(expected, sizeof(expected), "bytes=%u", rows[i]->bytes);
        assert_string_equal(answer.rows[i], expected);
    }
    answer_free(&answer);
    answer_of(&fixture, "* | first 2 by (bytes) partition by (host) | fields host, bytes", NULL,
              &answer);
    assert_int_equal(answer.count, 2 * FIXTURE_SOURCES);
    assert_int_equal(strncmp(answer.rows[7], "host=web3 ", 10), 0);
    answer_free(&answer);
}

/* ---- pipes that make fields ---- */

static void test_fields(void **unused)
{
    unsigned with_id = 0, slow = 0;

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++) {
        with_id += strstr(fixture.rows[i].line, "id=7f3c9a51") != NULL;
        slow += fixture.rows[i].duration_ms >= 2000;
    }
    expect("* | extract \"note=id=<id>\" | count(id) n", "n=%u", with_id);
    expect("* | extract_regexp \"id=(?P<id>\\\\w{8})\" | stats by (id) count() as n | where id:*",
           "id=7f3c9a51 n=%u", with_id);
    expect("* | math duration / 1s as s | where s:>=2 | count() n", "n=%u", slow);
    expect("* | replace (\"web\", \"node\") at host | uniq by (host) | limit 1", "host=node0");
    expect("* | unpack_logfmt from _msg prefix \"l.\" | stats by (l.note, l.y) count() "
           "as n | where l.note:=\"x=1\" | fields l.y", "l.y=2");
    expect("* | stats by (role) count() as n | format '{\"a\":{\"b\":<n>},\"c\":\"<role>\"}' as j "
           "| unpack_json from j | where c:=task | math a.b - n as d | fields d", "d=0");
    expect("* | limit 1 | math 1 / 0 as x, default(x, 7) as y, 2 ^ 3 ^ 2 as z, now() as t "
           "| fields x, y, z", "y=7 z=512");
    expect("* | field_names | where name:in(status, host) | fields name",
           "name=host\nname=status"); /* by hits: all rows have a host */
}

static void test_two_queries(void **unused)
{
    unsigned web = 0, proxy = 0, now_count = 0, before_count = 0;

    (void)unused;
    for (uint32_t i = 0; i < fixture.count; i++) {
        web += fixture.rows[i].source == 0;
        proxy += fixture.rows[i].source == 2;
        now_count += minute_of(&fixture.rows[i]) == 20 && fixture.rows[i].source == 0;
        before_count += minute_of(&fixture.rows[i]) == 10 && fixture.rows[i].source == 0;
    }
    expect("host:web0 | count() n | union (host:web2 | count() n)", "n=%u\nn=%u", web, proxy);
    expect("host:web0 | stats by (host) count() n | join by (host) (* | stats by (host) count() m)",
           "host=web0 n=%u m=%u", web, web);
    expect("host:web0 or host:web2 | stats by (host) count() n | join by (host) (host:web2 | stats "
           "by (host) count() n) inner prefix \"r.\"", "host=web2 n=%u r.n=%u", proxy, proxy);
    expect("_time:2026-01-01T00:20 host:web0 | stats by (host, _time:1m) count() n | diff offset "
           "10m | fields n, n_prev, n_delta", "n=%u n_prev=%u n_delta=%d", now_count, before_count,
           (int)now_count - (int)before_count);
    expect("host:web0 | facets 1 | where field:in(role, geo) | fields field, value, share",
           "field=geo value=eu share=1\nfield=role value=web share=1");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_rates),
        cmocka_unit_test(test_buckets), cmocka_unit_test(test_zone),
        cmocka_unit_test(test_top),     cmocka_unit_test(test_sort),
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_two_queries),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
