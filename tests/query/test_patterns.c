/* tests/query/test_patterns.c -- rows by template: the expected patterns are written from the rows
 * that the fixture made, half of which are sealed and half in the head. */
#include "store/registry.h"
#include "tests/query/query_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 3000, KINDS_MAX = 100, TEXT_MAX = 200 };

static struct fixture fixture;

/* All rows of one pattern. */
struct kind {
    char pattern[TEXT_MAX];
    uint32_t count, hosts;
    int64_t first_ns, last_ns;
};

static struct kind kinds[KINDS_MAX];
static uint32_t kind_count;

/* What stands behind note=: the word behind '=' varies, digits are numbers, 7f3c9a51 is hex. */
static const struct { const char *note, *pattern; } note_patterns[] = {
    {"timed out", "<*> out"}, {"Timed Out", "<*> Out"}, {"deadlock found", "<*> found"},
    {"id=7f3c9a51", "<*>=<hex>"}, {"x=1 y=2", "<*>=<num> y=<num>"},
};

static void pattern_of(const struct fixture_row *row, char out[TEXT_MAX])
{
    int len = snprintf(out, TEXT_MAX, "<method> <path> %s <duration> <bytes> %s <client>",
                       row->status == 0 ? "-" : "<status>", level_name((enum level)row->level));

    for (size_t i = 0; row->note != NULL && i < COUNT_OF(note_patterns); i++)
        if (strcmp(row->note, note_patterns[i].note) == 0)
            snprintf(out + len, TEXT_MAX - (size_t)len, " note=%s", note_patterns[i].pattern);
}

static void count_kinds(int64_t from_ns, int64_t to_ns)
{
    kind_count = 0;
    for (uint32_t i = 0; i < fixture.count; i++) {
        const struct fixture_row *row = &fixture.rows[i];
        char pattern[TEXT_MAX];
        uint32_t at = 0;

        if (row->time_ns < from_ns || row->time_ns >= to_ns)
            continue;
        pattern_of(row, pattern);
        while (at < kind_count && strcmp(kinds[at].pattern, pattern) != 0)
            at++;
        if (at == kind_count) {
            assert_true(kind_count < KINDS_MAX);
            kinds[kind_count++] = (struct kind){.first_ns = INT64_MAX, .last_ns = INT64_MIN};
            snprintf(kinds[at].pattern, TEXT_MAX, "%s", pattern);
        }
        kinds[at].count++;
        kinds[at].hosts |= 1u << row->source;
        kinds[at].first_ns = row->time_ns < kinds[at].first_ns ? row->time_ns : kinds[at].first_ns;
        kinds[at].last_ns = row->time_ns > kinds[at].last_ns ? row->time_ns : kinds[at].last_ns;
    }
}

static const struct kind *kind_of(const char *pattern, size_t len)
{
    for (uint32_t i = 0; i < kind_count; i++)
        if (strlen(kinds[i].pattern) == len && memcmp(kinds[i].pattern, pattern, len) == 0)
            return &kinds[i];
    fail_msg("unexpected pattern %.*s", (int)len, pattern);
    return NULL;
}

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

/* The value of `name` in a row "name=value name=value": up to the next name that is given. */
static struct slice value_of(const char *row, const char *name, const char *next)
{
    char mark[40];
    const char *start, *end;

    snprintf(mark, sizeof(mark), "%s=", name);
    start = strstr(row, mark);
    assert_non_null(start);
    start += strlen(mark);
    snprintf(mark, sizeof(mark), " %s=", next);
    end = strstr(start, mark);
    assert_non_null(end);
    return (struct slice){start, (size_t)(end - start)};
}

/* Segments (templates) and head (shaped on demand) name the same patterns. */
static void test_stats_by_pattern(void **unused)
{
    struct answer answer;
    uint64_t total = 0;

    (void)unused;
    count_kinds(INT64_MIN, INT64_MAX);
    answer_of(&fixture, "* | stats by (_pattern) count() as n", NULL, &answer);
    assert_int_equal(answer.count, kind_count);
    for (uint32_t i = 0; i < answer.count; i++) {
        const char *behind = strstr(answer.rows[i], " n=");
        const char *text = answer.rows[i] + strlen("_pattern=");
        const struct kind *kind = kind_of(text, (size_t)(behind - text));

        assert_int_equal(strtoull(behind + 3, NULL, 10), kind->count);
        total += kind->count;
    }
    assert_int_equal(total, ROWS);
    answer_free(&answer);
}

/* Bits set in `bits`. */
static uint32_t ones(uint32_t bits)
{
    return (uint32_t)__builtin_popcount(bits);
}

static void check_patterns(const char *query, int64_t from_ns, int64_t to_ns)
{
    struct answer answer;
    uint32_t last = UINT32_MAX, rows = 0;

    print_message("  %s\n", query);
    count_kinds(from_ns, to_ns);
    for (uint32_t i = 0; i < kind_count; i++)
        rows += kinds[i].count;
    answer_of(&fixture, query, NULL, &answer);
    assert_string_equal(answer.head.data,
                        "template:text pattern:text count:int share:float first_seen:time "
                        "last_seen:time hosts:int sample:text");
    assert_int_equal(answer.count, kind_count);
    for (uint32_t i = 0; i < answer.count; i++) {
        struct slice pattern = value_of(answer.rows[i], "pattern", "count");
        const struct kind *kind = kind_of(pattern.data, pattern.len);
        uint32_t count = (uint32_t)strtoul(value_of(answer.rows[i], "count", "share").data, NULL, 10);
        double share = strtod(value_of(answer.rows[i], "share", "first_seen").data, NULL);

        assert_int_equal(count, kind->count);
        assert_true(count <= last); /* most rows first */
        assert_true(share > (double)count / rows - 1e-6 && share < (double)count / rows + 1e-6);
        assert_int_equal(strtoul(value_of(answer.rows[i], "hosts", "sample").data, NULL, 10),
                         ones(kind->hosts));
        last = count;
    }
    answer_free(&answer);
}

static void test_patterns(void **unused)
{
    (void)unused;
    check_patterns("* | patterns 100", INT64_MIN, INT64_MAX);
    /* Edges of the range lie inside blocks; the last one is in the head. */
    check_patterns("_time:[2026-01-01T00:01, 2026-01-01T00:02) | patterns 100",
                   FIXTURE_TIME_NS + 60000000000, FIXTURE_TIME_NS + 120000000000);
    check_patterns("_time:[2026-01-01T00:40, 2026-01-01T00:41) | patterns limit 100",
                   FIXTURE_TIME_NS + 2400000000000, FIXTURE_TIME_NS + 2460000000000);
}

/* Each id that is shown finds its rows, and no others. */
static void test_filter(void **unused)
{
    static const char *const forms[] = {"template:", "template:=", "* | where template:",
                                        "_template:="};
    struct answer answer, found;
    char query[200], expected[40];

    (void)unused;
    count_kinds(INT64_MIN, INT64_MAX);
    answer_of(&fixture, "* | patterns 100", NULL, &answer);
    assert_int_equal(answer.count, kind_count);
    for (uint32_t i = 0; i < answer.count; i++) {
        struct slice id = value_of(answer.rows[i], "template", "pattern");
        struct slice pattern = value_of(answer.rows[i], "pattern", "count");

        assert_int_equal(id.len, 16);
        snprintf(expected, sizeof(expected), "n=%u", kind_of(pattern.data, pattern.len)->count);
        for (size_t form = 0; form < COUNT_OF(forms); form++) {
            snprintf(query, sizeof(query), "%s%.*s | stats count() as n", forms[form],
                     SLICE_ARG(id));
            answer_of(&fixture, query, NULL, &found);
            assert_int_equal(found.count, 1);
            assert_string_equal(found.rows[0], expected);
            answer_free(&found);
        }
    }
    answer_free(&answer);
    answer_of(&fixture, "!template:1f93 | stats count() as n", NULL, &found);
    snprintf(expected, sizeof(expected), "n=%u", ROWS);
    assert_string_equal(found.rows[0], expected);
    answer_free(&found);
}

/* first_seen is of all rows that were sealed, not of those in the range; `since` compares it. */
static void test_since(void **unused)
{
    struct answer answer;
    int64_t since_ns = FIXTURE_TIME_NS + 60000000000;
    uint32_t news = 0;

    (void)unused;
    count_kinds(INT64_MIN, INT64_MAX);
    for (uint32_t i = 0; i < kind_count; i++)
        news += kinds[i].first_ns >= since_ns;
    answer_of(&fixture, "_time:[2026-01-01T00:10, 2026-01-01T01:00) | patterns 100 "
                        "since 2026-01-01T00:01", NULL, &answer);
    assert_in_range(answer.count, 1, news);
    for (uint32_t i = 0; i < answer.count; i++) {
        struct slice pattern = value_of(answer.rows[i], "pattern", "count");

        assert_true(kind_of(pattern.data, pattern.len)->first_ns >= since_ns);
    }
    answer_free(&answer);
    for (uint32_t i = news = 0; i < kind_count; i++) /* now is an hour after the fixture's time */
        news += kinds[i].first_ns >= FIXTURE_TIME_NS;
    answer_of(&fixture, "* | patterns 100 new since 1h", NULL, &answer);
    assert_int_equal(answer.count, news);
    answer_free(&answer);
}

static void test_by(void **unused)
{
    struct answer answer, counts;
    uint64_t total = 0;

    (void)unused;
    answer_of(&fixture, "* | patterns 1000 by (role, level)", NULL, &answer);
    answer_of(&fixture, "* | stats by (role, level, _template) count() as n", NULL, &counts);
    assert_int_equal(answer.count, counts.count);
    for (uint32_t i = 0; i < answer.count; i++)
        total += strtoull(value_of(answer.rows[i], "count", "share").data, NULL, 10);
    assert_int_equal(total, ROWS);
    answer_free(&answer);
    answer_free(&counts);
}

static void test_limit_is_told(void **unused)
{
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | patterns 3", NULL, &answer);
    assert_int_equal(answer.count, 3);
    assert_non_null(strstr(answer.warning, "patterns: 3 of "));
    answer_free(&answer);
    answer_of(&fixture, "* | stats count() | patterns", NULL, &answer); /* no rows of the store */
    assert_int_equal(answer.count, 0);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_by_pattern), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_filter),           cmocka_unit_test(test_since),
        cmocka_unit_test(test_by),               cmocka_unit_test(test_limit_is_told),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
