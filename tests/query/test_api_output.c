/* tests/query/test_api_output.c -- each output format on the same two rows. Expected texts are
 * written by hand after docs/api.md ("Formats", "Streaming NDJSON", "Columns"), RFC 4180. */
#include "query/api/output.h"
#include "query/api/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Row 0 has everything; row 1 lacks numbers, is no UTF-8, and would run in a spreadsheet. */
static const uint64_t first_only[] = {1};
static const int64_t times[] = {INT64_C(1772459998104000000), INT64_C(1772459998104051000)};
static const struct slice levels[] = {{"error", 5}, {"info", 4}, {"debug", 5}};
static const uint32_t level_codes[] = {1, 0};
static const int64_t statuses[] = {200, 0};
static const int64_t durations[] = {216000000, 0};
static const double shares[] = {0.5, 12.25};
static const struct slice lines[] = {{"GET /a \"x\"", 10}, {"=1+1\xFF", 5}};
static const struct slice lists[] = {{"[1,\"b\"]", 7}, {NULL, 0}};

static const struct result_column columns[] = {
    {.name = {"_time", 5}, .type = VALUE_TIME, .kind = RESULT_INT, .ints = times},
    {.name = {"level", 5},
     .type = VALUE_LEVEL,
     .kind = RESULT_DICT,
     .codes = level_codes,
     .dict = levels,
     .dict_count = COUNT_OF(levels)},
    {.name = {"status", 6},
     .type = VALUE_INT,
     .kind = RESULT_INT,
     .present = first_only,
     .ints = statuses},
    {.name = {"duration", 8},
     .type = VALUE_DURATION,
     .kind = RESULT_INT,
     .present = first_only,
     .ints = durations},
    {.name = {"pct", 3}, .type = VALUE_FLOAT, .kind = RESULT_FLOAT, .floats = shares},
    {.name = {"_msg", 4}, .type = VALUE_TEXT, .kind = RESULT_TEXT, .texts = lines},
    {.name = {"list", 4},
     .type = VALUE_JSON,
     .kind = RESULT_TEXT,
     .present = first_only,
     .texts = lists},
};
static const struct result_chunk chunk = {
    .row_count = 2, .column_count = COUNT_OF(columns), .columns = columns};

static const struct result_head_column head_columns[] = {
    {{"_time", 5}, VALUE_TIME},
    {{"_msg", 4}, VALUE_TEXT},
};
static const struct query_head head = {.start_ns = INT64_C(1772456400000000000),
                                       .end_ns = INT64_C(1772460000000000000),
                                       .column_count = COUNT_OF(head_columns),
                                       .columns = head_columns,
                                       .open = true};
static const struct query_gap gap = {.geo = {"in", 2},
                                     .host = {"web1", 4},
                                     .role = {"web", 3},
                                     .source = {"/x.log", 6},
                                     .reason = {"TRUNCATED", 9},
                                     .from_offset = 8192,
                                     .to_offset = 9216,
                                     .time_ns = INT64_C(1772456400000000000)};
static const char *const warnings[] = {"field \"statsu\" is in no row; status?"};
static const struct query_end end = {.rows = 2,
                                     .rows_matched = 2,
                                     .rows_scanned = 1200000,
                                     .rows_covered = 8400000000,
                                     .bytes_read = 51380224,
                                     .blocks_read = 3,
                                     .blocks_skipped = 99812,
                                     .elapsed_ns = 83999999,
                                     .complete = false,
                                     .gap_count = 1,
                                     .gaps = &gap,
                                     .warning_count = 1,
                                     .warnings = warnings};

#define HEAD                                                                                       \
    "\"id\":\"q-1f2e\",\"start\":\"2026-03-02T13:00:00Z\",\"end\":\"2026-03-02T14:00:00Z\","       \
    "\"geos_asked\":[\"in\",\"eu\"],\"columns\":[{\"name\":\"_time\",\"type\":\"time\"},"          \
    "{\"name\":\"_msg\",\"type\":\"text\"}],\"open\":true"
#define ROW_0                                                                                      \
    "{\"_time\":\"2026-03-02T13:59:58.104Z\",\"level\":\"info\",\"status\":200,"                   \
    "\"duration\":0.216,\"pct\":0.5,\"_msg\":\"GET /a \\\"x\\\"\",\"list\":[1,\"b\"]}"
#define ROW_1                                                                                      \
    "{\"_time\":\"2026-03-02T13:59:58.104051Z\",\"level\":\"error\",\"pct\":12.25,"                \
    "\"_msg\":\"=1+1\xEF\xBF\xBD\",\"_msg_b64\":\"PTErMf8=\"}"
#define ANSWER                                                                                     \
    "\"rows\":2,\"rows_matched\":2,\"rows_scanned\":1200000,\"rows_covered\":8400000000,"          \
    "\"bytes_read\":51380224,\"blocks_read\":3,\"blocks_skipped\":99812,\"memory_peak\":0,"        \
    "\"regex_over_limit\":0,\"elapsed_ms\":83,\"complete\":false,\"truncated\":null,"              \
    "\"sampled\":null,\"geos\":{\"in\":{\"state\":\"partial\",\"rows\":2,\"ms\":83},"              \
    "\"eu\":{\"state\":\"missing\",\"reason\":\"no collector of this geo is known here\"}},"       \
    "\"gaps\":[{\"geo\":\"in\",\"host\":\"web1\",\"role\":\"web\",\"source\":\"/x.log\","          \
    "\"from\":8192,\"to\":9216,\"time\":\"2026-03-02T13:00:00Z\",\"reason\":\"TRUNCATED\"}],"      \
    "\"gap_count\":1,\"late\":[],"                                                                 \
    "\"warnings\":[\"field \\\"statsu\\\" is in no row; status?\"]"
#define CHUNK                                                                                      \
    "{\"n\":2,\"c\":{\"_time\":{\"base\":\"1772459998104000000\",\"unit\":\"us\",\"d\":[0,51]},"   \
    "\"level\":{\"dict\":[\"info\",\"error\"],\"i\":[0,1]},\"status\":[200,null],"                 \
    "\"duration\":[0.216,null],\"pct\":[0.5,12.25],"                                               \
    "\"_msg\":[\"GET /a \\\"x\\\"\",\"=1+1\xEF\xBF\xBD\"],\"_msg_b64\":[null,\"PTErMf8=\"],"       \
    "\"list\":[[1,\"b\"],null]}}"

static const struct format_case {
    const struct output_format *format;
    const char *text;
} format_cases[] = {
    {&output_ndjson, "{\"_head\":{" HEAD "}}\n" ROW_0 "\n" ROW_1 "\n{\"_end\":{" ANSWER "}}\n"},
    {&output_columns, "{\"_head\":{" HEAD "}}\n" CHUNK "\n{\"_end\":{" ANSWER "}}\n"},
    {&output_json,
     "{\"head\":{" HEAD "},\"rows\":[\n" ROW_0 ",\n" ROW_1 "],\n\"answer\":{" ANSWER "}}\n"},
    {&output_csv,
     "\"_time\",\"_msg\",\"level\",\"status\",\"duration\",\"pct\",\"list\"\r\n"
     "\"2026-03-02T13:59:58.104Z\",\"GET /a \"\"x\"\"\",\"info\",\"200\",\"0.216\",\"0.5\","
     "\"[1,\"\"b\"\"]\"\r\n"
     "\"2026-03-02T13:59:58.104051Z\",\"'=1+1\xFF\",\"error\",\"\",\"\",\"12.25\",\"\"\r\n"},
    {&output_tsv,
     "\"_time\"\t\"_msg\"\t\"level\"\t\"status\"\t\"duration\"\t\"pct\"\t\"list\"\r\n"
     "\"2026-03-02T13:59:58.104Z\"\t\"GET /a \"\"x\"\"\"\t\"info\"\t\"200\"\t\"0.216\"\t\"0.5\"\t"
     "\"[1,\"\"b\"\"]\"\r\n"
     "\"2026-03-02T13:59:58.104051Z\"\t\"'=1+1\xFF\"\t\"error\"\t\"\"\t\"\"\t\"12.25\"\t\"\"\r\n"},
    {&output_logfmt,
     "_time=2026-03-02T13:59:58.104Z level=info status=200 duration=0.216 pct=0.5 "
     "_msg=\"GET /a \\\"x\\\"\" list=\"[1,\\\"b\\\"]\"\n"
     "_time=2026-03-02T13:59:58.104051Z level=error pct=12.25 _msg=\"=1+1\xEF\xBF\xBD\"\n"},
    {&output_raw, "GET /a \"x\"\n=1+1\xFF\n"},
};

static enum status no_spill(struct output *output)
{
    (void)output;
    fail_msg("nothing here is large");
    return STATUS_OK;
}

static void test_formats(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(format_cases); i++) {
        const struct output_format *format = format_cases[i].format;
        struct buf out = buf_empty(1024 * 1024);
        struct answer answer = {.id = "q-1f2e", .geo = {"in", 2}};
        struct output output = {.format = format,
                                .out = &out,
                                .answer = &answer,
                                .spill = no_spill,
                                .arena = arena_empty(1024 * 1024)};

        print_message("  %s\n", format->name);
        assert_true(answer_ask_geos(&answer, SLICE_LITERAL("in, eu,")));
        format->head(&output, &head);
        assert_int_equal(format->chunk(&output, &chunk), STATUS_OK);
        if (format->end != NULL)
            format->end(&output, &end);
        buf_append_byte(&out, '\0');
        assert_string_equal(out.data, format_cases[i].text);
        output_release(&output);
        buf_release(&out);
    }
}

/* In place of a real store: output.c asks it only for ids. */
static void test_failed_run_says_so(void **unused)
{
    struct buf out = buf_empty(1024 * 1024);
    struct answer answer = {.id = "q-1", .geo = {"in", 2}, .own_asked = true};
    struct output output = {.out = &out, .answer = &answer, .arena = arena_empty(1024 * 1024)};
    struct query_end failed = end;

    (void)unused;
    failed.status = STATUS_CANCELLED;
    failed.code = "timeout";
    failed.message = "the time limit of 60 s was reached";
    failed.complete = true; /* a failed run is not complete, whatever it says */
    output_ndjson.end(&output, &failed);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr(out.data, "\"complete\":false"));
    assert_non_null(strstr(out.data, "\"error\":{\"code\":\"timeout\",\"message\":\"the time limit "
                                     "of 60 s was reached\"}}}\n"));
    output_release(&output);
    buf_release(&out);
}

static const struct {
    const char *text, *csv;
} formula_cases[] = {
    {"=cmd", "\"'=cmd\""},
    {"+1", "\"'+1\""},
    {"-1", "\"'-1\""},
    {"@SUM(A1)", "\"'@SUM(A1)\""},
    {"\t=1", "\"'\t=1\""},
    {"\r=1", "\"'\r=1\""},
    {"\xEF\xBC\x9D"
     "1",
     "\"'\xEF\xBC\x9D"
     "1\""}, /* full-width = */
    {"\xEF\xBC\xA0"
     "x",
     "\"'\xEF\xBC\xA0"
     "x\""}, /* full-width @ */
    {"a=1", "\"a=1\""},
    {"\"=1\"", "\"\"\"=1\"\"\""},
    {"", "\"\""},
};

static void test_formulas(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(formula_cases); i++) {
        struct slice text = slice_of(formula_cases[i].text);
        const struct result_column column = {
            .name = {"v", 1}, .type = VALUE_TEXT, .kind = RESULT_TEXT, .texts = &text};
        const struct result_chunk one = {.row_count = 1, .column_count = 1, .columns = &column};
        const struct result_head_column name = {{"v", 1}, VALUE_TEXT};
        struct buf out = buf_empty(1024), want = buf_empty(1024);
        struct output output = {
            .format = &output_csv, .out = &out, .arena = arena_empty(1024 * 1024)};

        print_message("  %s\n", formula_cases[i].text);
        output_csv.head(&output, &(struct query_head){.column_count = 1, .columns = &name});
        assert_int_equal(output_csv.chunk(&output, &one), STATUS_OK);
        buf_printf(&want, "\"v\"\r\n%s\r\n", formula_cases[i].csv);
        assert_true(slice_equal(buf_slice(&out), buf_slice(&want)));
        output_release(&output);
        buf_release(&out);
        buf_release(&want);
    }
}

/* Stamps further apart than 64 bits of ns: no deltas, and no overflow. */
static void test_far_times(void **unused)
{
    static const int64_t far[] = {INT64_C(-9214560000000000000), INT64_C(9214646400000000000)};
    const struct result_column column = {
        .name = {"t", 1}, .type = VALUE_TIME, .kind = RESULT_INT, .ints = far};
    const struct result_chunk two = {.row_count = 2, .column_count = 1, .columns = &column};
    struct buf out = buf_empty(4096);
    struct output output = {.out = &out, .arena = arena_empty(1024 * 1024)};

    (void)unused;
    output_columns_rows(&output, &two, 0, 2);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, "{\"n\":2,\"c\":{\"t\":[\"1678-01-01T00:00:00Z\","
                                  "\"2262-01-01T00:00:00Z\"]}}");
    output_release(&output);
    buf_release(&out);
}

static void test_pick(void **unused)
{
    static const uint32_t second[] = {1}, turned[] = {1, 0};
    struct arena arena = arena_empty(1024 * 1024);
    struct result_chunk picked;

    (void)unused;
    assert_true(result_pick(&chunk, second, 1, &arena, &picked));
    assert_int_equal(picked.column_count, 4); /* status, duration, list are null there */
    assert_null(output_column(&picked, "status"));
    assert_true(output_column(&picked, "_time")->ints[0] == times[1]);
    assert_true(slice_is(output_text(output_column(&picked, "level"), 0), "error"));
    assert_true(result_pick_copy(&chunk, turned, 2, &arena, &picked));
    assert_int_equal(picked.column_count, COUNT_OF(columns));
    assert_true(result_is_null(output_column(&picked, "status"), 0));
    assert_int_equal(output_column(&picked, "status")->ints[1], 200);
    assert_true(slice_is(output_text(output_column(&picked, "_msg"), 1), "GET /a \"x\""));
    arena_release(&arena);
}

static const struct {
    const char *accept;
    const struct output_format *format;
} accept_cases[] = {
    {"", &output_ndjson},
    {"*/*", &output_ndjson},
    {"text/csv", &output_csv},
    {"text/html, application/json;q=0.9", &output_json},
    {"APPLICATION/X-NDJSON", &output_ndjson},
    {"text/plain; charset=utf-8", &output_raw},
};

static void test_accept(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(accept_cases); i++)
        assert_ptr_equal(output_by_accept(slice_of(accept_cases[i].accept)),
                         accept_cases[i].format);
    for (size_t i = 0; i < output_format_count; i++)
        assert_ptr_equal(output_by_name(slice_of(output_formats[i]->name)), output_formats[i]);
    assert_null(output_by_name(SLICE_LITERAL("xml")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),  cmocka_unit_test(test_failed_run_says_so),
        cmocka_unit_test(test_formulas), cmocka_unit_test(test_far_times),
        cmocka_unit_test(test_pick),     cmocka_unit_test(test_accept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
