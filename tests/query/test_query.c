/* tests/query/test_query.c -- whole queries over a store whose rows the test knows; expected
 * answers are counted from those rows by plain loops. */
#include "query/regex.h"
#include "tests/query/query_fixture.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 3000 };

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make(&fixture, ROWS, 42, true);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

/* ---- filters: how many rows pass ---- */

typedef bool row_test(const struct fixture_row *row);

static bool all(const struct fixture_row *row) { (void)row; return true; }
static bool is_500_or_more(const struct fixture_row *row) { return row->status >= 500; }
static bool is_404(const struct fixture_row *row) { return row->status == 404; }
static bool is_not_404(const struct fixture_row *row) { return row->status != 404; }
static bool has_status(const struct fixture_row *row) { return row->status != 0; }
static bool has_no_status(const struct fixture_row *row) { return row->status == 0; }
static bool is_slow(const struct fixture_row *row) { return row->duration_ms > 2000; }
static bool is_middling(const struct fixture_row *row)
{
    return row->duration_ms >= 1000 && row->duration_ms < 2000;
}
static bool is_large(const struct fixture_row *row) { return row->bytes >= 1000000; }
static bool is_error(const struct fixture_row *row) { return row->level == LEVEL_ERROR; }
static bool is_warning_or_worse(const struct fixture_row *row) { return row->level <= LEVEL_WARNING; }
static bool is_milder(const struct fixture_row *row) { return row->level > LEVEL_WARNING; }
static bool is_web1(const struct fixture_row *row) { return row->source == 1; }
static bool is_web_role(const struct fixture_row *row) { return row->source < 2; }
static bool is_proxy_or_task(const struct fixture_row *row) { return row->source >= 2; }
static bool timed_out(const struct fixture_row *row)
{
    return row->note != NULL && strcmp(row->note, "timed out") == 0;
}
static bool timed_out_any_case(const struct fixture_row *row)
{
    return row->note != NULL && (row->note[0] == 't' || row->note[0] == 'T');
}
static bool has_id(const struct fixture_row *row) { return strstr(row->line, "7f3c9a51") != NULL; }
static bool is_clinic1(const struct fixture_row *row) { return row->tenant == 1; }
static bool is_clinic1x(const struct fixture_row *row)
{
    return row->tenant == 1 || (row->tenant >= 10 && row->tenant < 20);
}
static bool is_post_and_404_or_slow(const struct fixture_row *row)
{
    return row->method[0] == 'P' && (row->status == 404 || row->duration_ms > 2000);
}
static bool in_subnet(const struct fixture_row *row) { return row->client / 256 == 1; }
static bool in_minute(const struct fixture_row *row)
{
    int64_t at = row->time_ns - FIXTURE_TIME_NS;

    return at >= 60 * 1000000000LL && at < 120 * 1000000000LL;
}
static bool in_last_of_hour(const struct fixture_row *row)
{
    return row->time_ns >= FIXTURE_TIME_NS + 2400 * 1000000000LL;
}
static bool is_long(const struct fixture_row *row) { return strlen(row->line) >= 60; }
static bool none(const struct fixture_row *row) { (void)row; return false; }

static const struct count_case {
    const char *filter;
    row_test *test;
} count_cases[] = {
    {"", all},
    {"*", all},
    {"status:>=500", is_500_or_more},
    {"status:404", is_404},
    {"status:=404", is_404},
    {"status:!=404", is_not_404},
    {"not status:404", is_not_404},
    {"status:in(500, 502)", is_500_or_more},
    {"status:range[500, 503)", is_500_or_more},
    {"status:range(499, inf)", is_500_or_more},
    {"status:*", has_status},
    {"status:\"\"", has_no_status},
    {"duration:>2s", is_slow},
    {"duration:>2000ms", is_slow},
    {"duration:range[1s, 2s)", is_middling},
    {"bytes:>=1MB", is_large},
    {"bytes:>=1000000", is_large},
    {"level:error", is_error},
    {"level:ERR", is_error},
    {"level:>=warning", is_warning_or_worse},
    {"level:>=warn", is_warning_or_worse},
    {"level:<warning", is_milder},
    {"level:in(error, warn)", is_warning_or_worse},
    {"level:(error or warning)", is_warning_or_worse},
    {"level:~\"^e\"", is_error},
    {"host:web1", is_web1},
    {"{host=\"web1\"}", is_web1},
    {"{role=~\"web\"}", is_web_role},
    {"{role=~\"we\"}", none},
    {"{role!~\"web\"}", is_proxy_or_task},
    {"{role in (\"proxy\", \"task\")}", is_proxy_or_task},
    {"\"timed out\"", timed_out},
    {"\"timed out\" or nonsense", timed_out},
    {"i(\"TIMED OUT\")", timed_out_any_case},
    {"i(timed*)", timed_out_any_case},
    {"~\"(?i)timed\\\\s+out\"", timed_out_any_case},
    {"~\"[tT]imed [oO]ut\"", timed_out_any_case},
    {"*f3c9a5*", has_id},
    {"7f3c9a51", has_id},
    {"f3c9a5", none},
    {"seq(\"note\", \"timed\", \"out\")", timed_out},
    {"seq(\"out\", \"timed\")", none},
    {"contains_all(\"timed\", \"out\")", timed_out},
    {"contains_any(\"timed\", \"Timed\")", timed_out_any_case},
    {"tenant:=clinic1", is_clinic1},
    {"tenant:clinic1", is_clinic1},
    {"tenant:clinic1*", is_clinic1x},
    {"tenant:=\"clinic1\"*", is_clinic1x},
    {"tenant:*linic1*", is_clinic1x},
    {"tenant:in(clinic1)", is_clinic1},
    {"tenant:in(tenant:=clinic1 | fields tenant)", is_clinic1},
    {"tenant:in(tenant:=clinic1* | uniq by (tenant))", is_clinic1x},
    {"method:POST (status:404 or duration:>2s)", is_post_and_404_or_slow},
    {"client:ipv4_range(\"10.0.1.0/24\")", in_subnet},
    {"_time:[2026-01-01T00:01, 2026-01-01T00:02)", in_minute},
    {"_time:2026-01-01T00:01", in_minute},
    {"_time:20m", in_last_of_hour}, /* now is one hour after the first row */
    {"_time:>=2026-01-01T00:40", in_last_of_hour},
    {"!_time:<2026-01-01T00:40", in_last_of_hour},
    {"len_range(_msg, 60, inf)", is_long},
    {"no_such_field:1", none},
    {"!no_such_field:1", all},
    {"no_such_field:\"\"", all},
    {"no_such_field:*", none},
    {"eq_field(status, bytes)", none},
};

static void test_counts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(count_cases); i++) {
        const struct count_case *c = &count_cases[i];
        char text[300], expected[40];
        struct answer answer;
        unsigned count = 0;

        print_message("  %s\n", c->filter);
        for (uint32_t row = 0; row < fixture.count; row++)
            count += c->test(&fixture.rows[row]);
        snprintf(expected, sizeof(expected), "n=%u", count);
        snprintf(text, sizeof(text), "%s | stats count() as n", c->filter);
        answer_of(&fixture, text, NULL, &answer);
        assert_int_equal(answer.count, 1);
        assert_string_equal(answer.rows[0], expected);
        assert_int_equal(answer.end.rows_matched >= count, 1);
        answer_free(&answer);
        /* The same test on columns of the query: where behind a pipe that keeps all. */
        snprintf(text, sizeof(text), "* | copy status as unused | where %s | stats count() as n",
                 c->filter[0] == '\0' ? "*" : c->filter);
        answer_of(&fixture, text, NULL, &answer);
        assert_string_equal(answer.rows[0], expected);
        answer_free(&answer);
    }
}

/* ---- random filters ---- */

enum { TREE_DEPTH_MAX = 4 };

/* Append a random filter to `text`; `pass` gets which rows it should keep. */
static void random_filter(struct test_random *random, unsigned depth, struct buf *text, bool *pass)
{
    static const char *const joints[] = {" ", " or ", " and ", " && ", " || "};
    static bool others[TREE_DEPTH_MAX + 1][ROWS];
    uint64_t kind = depth == TREE_DEPTH_MAX ? 0 : test_random_below(random, 8);
    bool any = false;

    if (kind < 3) {
        const struct count_case *leaf =
            &count_cases[1 + test_random_below(random, COUNT_OF(count_cases) - 1)];

        assert_true(buf_printf(text, "(%s)", leaf->filter));
        for (uint32_t i = 0; i < ROWS; i++)
            pass[i] = leaf->test(&fixture.rows[i]);
        return;
    }
    assert_true(buf_append_text(text, kind == 3 ? "!(" : "("));
    random_filter(random, depth + 1, text, pass);
    if (kind != 3) {
        uint64_t joint = test_random_below(random, COUNT_OF(joints));

        any = strchr(joints[joint], 'o') != NULL || strchr(joints[joint], '|') != NULL;
        assert_true(buf_append_text(text, joints[joint]));
        random_filter(random, depth + 1, text, others[depth]);
    }
    assert_true(buf_append_text(text, ")"));
    for (uint32_t i = 0; i < ROWS; i++)
        pass[i] = kind == 3 ? !pass[i]
                  : any ? pass[i] || others[depth][i] : pass[i] && others[depth][i];
}

static void test_random_filters(void **unused)
{
    struct test_random random = {2026};
    static bool pass[ROWS];
    unsigned some = 0;

    (void)unused;
    for (int round = 0; round < 150; round++) {
        struct buf text = buf_empty(1 << 20);
        struct answer answer;
        char expected[32];
        unsigned count = 0;

        random_filter(&random, 0, &text, pass);
        for (uint32_t i = 0; i < ROWS; i++)
            count += pass[i];
        some += count > 0 && count < ROWS;
        snprintf(expected, sizeof(expected), "n=%u", count);
        assert_true(buf_append_text(&text, " | stats count() as n"));
        assert_true(buf_append_byte(&text, '\0'));
        answer_of(&fixture, text.data, NULL, &answer);
        if (strcmp(answer.rows[0], expected) != 0)
            fail_msg("%s instead of %s: %s", answer.rows[0], expected, text.data);
        answer_free(&answer);
        buf_release(&text);
    }
    print_message("  %u filters passed some rows and not all\n", some);
    assert_true(some > 50);
}

/* ---- order of rows ---- */

/* Rows by (order time, source, place), as grep shows them. */
static int compare_rows(const void *a, const void *b)
{
    const struct fixture_row *x = *(const struct fixture_row *const *)a;
    const struct fixture_row *y = *(const struct fixture_row *const *)b;

    if (x->order_ns != y->order_ns)
        return x->order_ns < y->order_ns ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x < y ? -1 : x > y;
}

static const struct fixture_row **sorted_rows(row_test *test, uint32_t *count)
{
    const struct fixture_row **rows = calloc(fixture.count, sizeof(const struct fixture_row *));

    assert_non_null(rows);
    *count = 0;
    for (uint32_t i = 0; i < fixture.count; i++)
        if (test(&fixture.rows[i]))
            rows[(*count)++] = &fixture.rows[i];
    qsort(rows, *count, sizeof(const struct fixture_row *), compare_rows);
    return rows;
}

static void check_rows(const char *text, const struct query_options *options, row_test *test,
                       uint32_t from, uint32_t to, bool newest)
{
    uint32_t count;
    const struct fixture_row **rows = sorted_rows(test, &count);
    struct answer answer;

    print_message("  %s\n", text);
    answer_of(&fixture, text, options, &answer);
    if (to > count)
        to = count;
    assert_int_equal(answer.count, to - from);
    for (uint32_t i = from; i < to; i++) {
        const struct fixture_row *row = rows[newest ? count - 1 - i : i];

        assert_string_equal(answer.rows[i - from] + strlen("_msg="), row->line);
    }
    answer_free(&answer);
    free(rows);
}

static void test_order(void **unused)
{
    struct query_options newest = {.order = QUERY_NEWEST};
    struct query_options limited = {.order = QUERY_NEWEST, .limit = 10};
    struct query_options alone = {.order = QUERY_NEWEST, .workers = 1}; /* nobody reads ahead */

    (void)unused;
    check_rows("* | fields _msg", NULL, all, 0, UINT32_MAX, false);
    check_rows("* | fields _msg", &newest, all, 0, UINT32_MAX, true);
    check_rows("* | fields _msg", &alone, all, 0, UINT32_MAX, true);
    check_rows("* | fields _msg", &limited, all, 0, 10, true);
    check_rows("level:error | sort by (_time) | fields _msg", &newest, is_error, 0, UINT32_MAX,
               false);
    check_rows("level:error | sort by (_time desc) limit 5 offset 2 | fields _msg", NULL, is_error,
               2, 7, true);
    check_rows("level:error | limit 7 | fields _msg", NULL, is_error, 0, 7, false);
    check_rows("level:error | offset 5 | limit 7 | fields _msg", NULL, is_error, 5, 12, false);
    check_rows("* | where level:error | fields _msg | limit 3", NULL, is_error, 0, 3, false);
    check_rows("status:404 | where duration:>0 | fields _msg", NULL, is_404, 0, UINT32_MAX, false);
}

static void test_truncated(void **unused)
{
    struct query_options ten = {.order = QUERY_OLDEST, .limit = 10};
    struct query_options exact = {.order = QUERY_OLDEST, .limit = ROWS};
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "*", &ten, &answer);
    assert_int_equal(answer.count, 10);
    assert_string_equal(answer.end.truncated, "limit");
    assert_false(answer.end.complete);
    answer_free(&answer);
    answer_of(&fixture, "*", &exact, &answer);
    assert_int_equal(answer.count, ROWS);
    assert_null(answer.end.truncated);
    assert_true(answer.end.complete);
    answer_free(&answer);
}

static void test_head(void **unused)
{
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | fields _time, host, status, duration, bytes, level, _msg | limit 1",
              NULL, &answer);
    assert_string_equal(answer.head.data,
                        "_time:time host:text status:int duration:duration bytes:bytes level:level "
                        "_msg:text");
    answer_free(&answer);
    answer_of(&fixture, "nothing_like_this | fields _time, host", NULL, &answer);
    assert_string_equal(answer.head.data, "_time:time host:text");
    answer_free(&answer);
    answer_of(&fixture, "* | stats by (host, _time:1h) count() as n, quantile(0.5, duration) as q",
              NULL, &answer);
    assert_string_equal(answer.head.data, "host:text _time:time n:int q:duration");
    answer_free(&answer);
    answer_of(&fixture, "* | limit 1", NULL, &answer);
    assert_non_null(strstr(answer.head.data, "_time:time geo:text host:text role:text"));
    assert_non_null(strstr(answer.head.data, "..."));
    answer_free(&answer);
}

/* Fields of few values travel as a dictionary, also when rows of many blocks are merged. */
static enum status check_dict(void *user, const struct result_chunk *chunk)
{
    *(unsigned *)user += chunk->row_count;
    assert_int_equal(chunk->column_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(chunk->columns[i].kind, RESULT_DICT);
        assert_in_range(chunk->columns[i].dict_count, 1, FIXTURE_SOURCES);
    }
    return STATUS_OK;
}

static void test_dictionaries(void **unused)
{
    struct query_options options = {.order = QUERY_OLDEST};
    struct query_problem problem = {0};
    struct query_receiver receiver = {.chunk = check_dict};
    struct query *query;
    unsigned rows = 0;

    (void)unused;
    receiver.user = &rows;
    assert_int_equal(query_parse(slice_of("* | fields host, level"), &query, &problem), STATUS_OK);
    assert_int_equal(query_run(query, fixture.store, &options, &receiver, &problem), STATUS_OK);
    assert_int_equal(rows, ROWS);
    query_free(query);
}

/* ---- context ---- */

/* The row of the fixture that is alone with its bytes, and what finds it. */
static const struct fixture_row *the_row;

static bool is_the_row(const struct fixture_row *row)
{
    return row->bytes == the_row->bytes;
}

/* Rows of each file around its matches: marked by a second pass over the rows of one source. */
static void check_context(const char *filter, bool (*matches)(const struct fixture_row *row),
                          unsigned before, unsigned after, uint64_t limit)
{
    struct query_options options = {.order = QUERY_OLDEST, .limit = limit};
    char text[200];
    struct answer answer;
    uint32_t at = 0;

    snprintf(text, sizeof(text), "%s | context before %u after %u window 1d | fields _msg, _match",
             filter, before, after);
    print_message("  %s\n", text);
    answer_of(&fixture, text, &options, &answer);
    for (uint32_t source = 0; source < FIXTURE_SOURCES; source++) {
        static const struct fixture_row *rows[ROWS];
        static bool shown[ROWS];
        uint32_t count = 0;

        for (uint32_t i = 0; i < fixture.count; i++)
            if (fixture.rows[i].source == source)
                rows[count++] = &fixture.rows[i];
        memset(shown, 0, sizeof(shown));
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = i > before ? i - before : 0;
                 matches(rows[i]) && k <= i + after && k < count; k++)
                shown[k] = true;
        for (uint32_t i = 0; i < count && (limit == 0 || at < limit); i++) {
            char expected[300];

            if (!shown[i])
                continue;
            snprintf(expected, sizeof(expected), "_msg=%s%s", rows[i]->line,
                     matches(rows[i]) ? " _match=true" : "");
            assert_true(at < answer.count);
            assert_string_equal(answer.rows[at++], expected);
        }
    }
    assert_int_equal(at, answer.count);
    answer_free(&answer);
}

static void test_context(void **unused)
{
    static const unsigned around[][2] = {{0, 0}, {2, 0}, {0, 3}, {2, 5}, {20, 20}, {1000, 1}};
    static const uint32_t rows[] = {0, 7, ROWS / 2 - 1, ROWS / 2, ROWS - 2};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(around); i++)
        check_context("*7f3c9a51*", has_id, around[i][0], around[i][1], 0);
    check_context("*7f3c9a51*", has_id, 2, 5, 10);
    for (size_t i = 0; i < COUNT_OF(rows); i++) { /* in the segment, in the head, at the ends */
        char filter[64];

        the_row = &fixture.rows[rows[i]];
        snprintf(filter, sizeof(filter), "bytes:>=%u bytes:<=%u", the_row->bytes, the_row->bytes);
        for (size_t k = 0; k < COUNT_OF(around); k++)
            check_context(filter, is_the_row, around[k][0], around[k][1], 0);
        check_context(filter, is_the_row, 500, 500, 10); /* a limit is that of the answer */
    }
}

/* ---- regexes: what templates decide must be what each line says ---- */

static const char *const patterns[] = {
    "GET.*ms", "ms.*10\\.0\\.", "ms .* 10", "(GET|POST).*ms.*note=", "ms.+error", "m.s", "G.T",
    "ms .{1,9} ", "\\bms", "ms\\b", "^GET.*ms", "ms.*1$", "(?i)get.*NOTE", "(?i)MS.*10.0", "ms.*?note",
    "ms.*+note", "(?s)G.*e", "/.*/", "[0-9]ms .*error", "ms.* [a-z]+ 10", "1.*2.*3", "(m|n).*(s|o)",
    "(ms.*10)+", "(ms.*)?10", "ms(.*) 10", ".*ms.*", ".*", "ms.*zzz", "note=.* .*", " .* .* .* ",
    "ms  *10", "ms.*\\.0\\..*\\.", "-.*ms", "T.*m?s", "ms.*\n", "\x01", "s.*\x01", "G[E].*ms", "\\dms",
};

static void test_regexes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct answer answer;
        struct regex *regex;
        char query[120], expected[40];
        uint32_t count = 0;

        print_message("  %s\n", patterns[i]);
        assert_int_equal(regex_new(slice_of(patterns[i]), 0, &regex, NULL, NULL), STATUS_OK);
        for (uint32_t k = 0; k < fixture.count; k++)
            count += regex_match(regex, slice_of(fixture.rows[k].line));
        regex_free(regex);
        snprintf(query, sizeof(query), "~`%s` | stats count() as n", patterns[i]);
        snprintf(expected, sizeof(expected), "n=%u", count);
        answer_of(&fixture, query, NULL, &answer);
        assert_string_equal(answer.rows[0], expected);
        answer_free(&answer);
    }
}

/* ---- errors and limits of a run ---- */

static void test_problems(void **unused)
{
    struct query_options strict = {.strict = true};
    struct query_options small = {.memory_max = 1 << 20};
    struct query_options late = {.deadline_ns = 1};
    atomic_bool cancel;
    struct query_options cancelled = {.cancel = &cancel};
    struct query_problem problem = {0};
    struct answer answer;

    (void)unused;
    assert_int_equal(answer_try(&fixture, "tenat:x", &strict, &answer, &problem), STATUS_INVALID);
    assert_string_equal(problem.code, "unknown_field");
    assert_string_equal(problem.hint, "tenant");
    assert_int_equal(problem.at, 0);
    answer_free(&answer);
    answer_of(&fixture, "tenat:x", NULL, &answer);
    assert_string_equal(answer.warning, "no row has a field \"tenat\"; did you mean \"tenant\"?");
    answer_free(&answer);
    answer_of(&fixture, "* | stats by (tennant) count() as n", NULL, &answer);
    assert_string_equal(answer.warning,
                        "no row has a field \"tennant\"; did you mean \"tenant\"?");
    answer_free(&answer);
    answer_of(&fixture, "* | stats by (tenant) count() as made | where made:>0 | sort by (made)", NULL,
              &answer);
    assert_string_equal(answer.warning, "");
    answer_free(&answer);
    assert_int_equal(answer_try(&fixture, "a _time:[2026-03-02, 2026-03-01]", NULL, &answer, &problem),
                     STATUS_INVALID);
    assert_int_equal(problem.at, 2);
    assert_string_equal(problem.hint, "_time:[2026-03-01, 2026-03-02)");
    answer_free(&answer);
    assert_int_equal(answer_try(&fixture, "a or _time:[5m, 1h]", NULL, &answer, &problem),
                     STATUS_INVALID);
    answer_free(&answer);
    answer_of(&fixture, "_time:[2026-03-02, 2026-03-02] _time:[1h, 5m]", NULL, &answer);
    answer_free(&answer);
    assert_int_equal(answer_try(&fixture, "* | stats by (_msg, bytes) count() n, values(path) v",
                                &small, &answer, &problem), STATUS_TOO_LARGE);
    assert_string_equal(problem.code, "query_limit");
    assert_non_null(strstr(problem.message, "1 MiB"));
    assert_non_null(strstr(problem.message, "as much as one query may use"));
    answer_free(&answer);
    assert_int_equal(answer_try(&fixture, "*", &late, &answer, &problem), STATUS_CANCELLED);
    assert_string_equal(problem.code, "timeout");
    answer_free(&answer);
    atomic_init(&cancel, true);
    assert_int_equal(answer_try(&fixture, "*", &cancelled, &answer, &problem), STATUS_CANCELLED);
    assert_string_equal(problem.code, "cancelled");
    answer_free(&answer);
}

/* Each text costs the regex its whole match limit, a few ms at least: all of them would take minutes, and
 * the rest of a block seconds. So few can have been tried, however slow the machine is. */
static void test_late_inside_a_block(void **unused)
{
    static const char *const queries[] = {
        "~\"^(.*.)*(.*.)*(.*.)*[~^]$\"",
        "* | extract_regexp \"^(?P<x>(.*.)*(.*.)*(.*.)*)[~^]$\"",
        "* | replace_regexp (\"^(.*.)*(.*.)*(.*.)*[~^]$\", \"\")",
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        struct query_pause pause;
        struct query_options late = {.deadline_ns = io_mono_ns(io_system()) + 100000000,
                                     .pause = &pause,
                                     .workers = 1};
        struct query_problem problem = {0};
        struct answer answer;

        print_message("  %s\n", queries[i]);
        atomic_init(&pause.total_ns, 0);
        atomic_init(&pause.since_ns, 0);
        assert_int_equal(answer_try(&fixture, queries[i], &late, &answer, &problem),
                         STATUS_CANCELLED);
        assert_string_equal(problem.code, "timeout");
        assert_in_range(answer.end.regex_over_limit, 0, 100);
        answer_free(&answer);
    }
}

static void test_scope(void **unused)
{
    struct query_problem problem = {0};
    struct query *scope;
    struct query_options options = {.order = QUERY_ANY};
    struct answer answer;
    char expected[40];
    unsigned count = 0;

    (void)unused;
    assert_int_equal(query_parse(slice_of("{role=\"web\"}"), &scope, &problem), STATUS_OK);
    options.scope = scope;
    for (uint32_t i = 0; i < fixture.count; i++)
        count += is_web_role(&fixture.rows[i]);
    snprintf(expected, sizeof(expected), "n=%u", count);
    answer_of(&fixture, "host:web1 or host:web0 or * | stats count() as n", &options, &answer);
    assert_string_equal(answer.rows[0], expected);
    answer_free(&answer);
    /* A subquery sees no more. */
    answer_of(&fixture, "role:in(* | uniq by (role)) | uniq by (role)", &options, &answer);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.rows[0], "role=web");
    answer_free(&answer);
    query_free(scope);
}

/* `sort | limit n` keeps as little as `sort limit n`, and gives the same row. */
static void test_sort_before_limit(void **unused)
{
    struct answer one, two;

    (void)unused;
    answer_of(&fixture, "* | sort by (_msg) limit 1 | fields _msg", NULL, &one);
    answer_of(&fixture, "* | sort by (_msg) | limit 1 | fields _msg", NULL, &two);
    assert_int_equal(one.count, 1);
    assert_int_equal(two.count, 1);
    assert_string_equal(two.rows[0], one.rows[0]);
    assert_in_range(two.end.memory_peak, 1, one.end.memory_peak);
    answer_free(&one);
    answer_free(&two);
}

/* Every match is its own context, also without the field, and where the field is a number. */
static void test_context_by_field(void **unused)
{
    static const char *const fields[] = {"tenant", "status", "client", "nothing"};
    char query[100], expected[20];

    (void)unused;
    snprintf(expected, sizeof(expected), "n=%u", fixture.count);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct answer answer;

        print_message("  %s\n", fields[i]);
        snprintf(query, sizeof(query), "* | context before 1 after 1 by %s | stats count() as n",
                 fields[i]);
        answer_of(&fixture, query, NULL, &answer);
        assert_string_equal(answer.rows[0], expected);
        answer_free(&answer);
    }
}

/* A caller's notice is a warning of the answer. */
static void test_notice(void **unused)
{
    struct query_options options = {.order = QUERY_OLDEST,
                                    .now_ns = FIXTURE_TIME_NS + 3600000000000,
                                    .notice = "be quick"};
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | stats count()", &options, &answer);
    assert_string_equal(answer.warning, "be quick");
    answer_free(&answer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_random_filters),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sort_before_limit),
        cmocka_unit_test(test_context_by_field),
        cmocka_unit_test(test_notice),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_dictionaries),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_regexes),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_late_inside_a_block),
        cmocka_unit_test(test_scope),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
