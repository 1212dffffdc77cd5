/* tests/store/test_segment_golden.c -- segments of every released version open in this one, with the
 * same rows and answers; the present writer gives the same bytes for the same rows; a version of the
 * future costs its own rows only, with a sentence.
 *
 * tests/golden/segment/v<N>.seg holds the rows of make_rows(), which must never change; since version 5
 * v<N>_values.seg has them with sizes and durations, so that the segment adds up values, too. After a
 * change of the format: GOLDEN_WRITE=1 test_store_segment_golden writes the files of the present version
 * anew; those of older versions are never written again. */
#include "store/chunk.h"
#include "store/row_set.h"
#include "store/segment.h"
#include "store/segment_format.h"
#include "tests/store/store_fixture.h"
#include "tests/support/segment_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 3000, SAMPLES = 200, LINE_MAX = 160, FIELDS_MAX = 5, VERSION_VALUES = 5 };

struct golden {
    struct test_names names;
    struct event_source source[2];
    struct slice formats[2];
    char lines[ROWS][LINE_MAX];
    struct event_field event_fields[ROWS][FIELDS_MAX];
    struct event events[ROWS];
    struct segment_row rows[ROWS];
    struct segment_sample samples[SAMPLES];
    struct sample_run run;
    struct buf series;
    struct segment_content content;
};

/* Four kinds of lines: a large family with numbers, addresses and ids, with `values` and a duration;
 * one with a text; a small one with a decimal; now and then one that is like no other. */
static void write_line(char *out, uint32_t i, bool values)
{
    uint32_t x = i * 2654435761u; /* spreads small numbers: Knuth, TAOCP 3, 6.4 */

    if (i % 250 == 249)
        (void)snprintf(out, LINE_MAX, "%c%c odd \t one %u \\x%02x", (int)('a' + i % 26),
                       (int)('A' + x % 26), i, x & 255);
    else if (i % 10 == 9)
        (void)snprintf(out, LINE_MAX, "cache hit ratio %u.%02u for node-%u", x % 100, i % 100, i % 7);
    else if (i % 3 == 0)
        (void)snprintf(out, LINE_MAX, "user=name%c%c did \"%s\" in app %u", (int)('a' + x % 26),
                       (int)('a' + i % 5), i % 2 == 0 ? "open form" : "close case", i % 40);
    else {
        int len = snprintf(out, LINE_MAX,
                           "10.%u.%u.%u GET /a/domain%u/item/%08x%08x HTTP/1.1 %u %u", x % 200,
                           i % 250, x % 11, i % 30, x, x ^ i, i % 20 == 0 ? 500 : 200,
                           100 + x % 9000);

        if (values)
            (void)snprintf(out + len, LINE_MAX - (size_t)len, " %u.%03u", x % 3, i % 1000);
    }
}

/* The size and the duration that stand behind the status. */
static uint32_t add_values(const char *line, const char *size, struct event_field *fields)
{
    const char *duration = strchr(size, ' ') + 1;

    fields[0] = (struct event_field){.field = FIELD_ID_BYTES,
                                     .type = FIELD_BYTES,
                                     .unit = UNIT_BYTES,
                                     .start = (uint32_t)(size - line),
                                     .len = (uint32_t)(duration - 1 - size)};
    fields[1] = (struct event_field){.field = FIELD_ID_DURATION,
                                     .type = FIELD_DURATION,
                                     .unit = UNIT_SECONDS,
                                     .start = (uint32_t)(duration - line),
                                     .len = (uint32_t)strlen(duration)};
    return 2;
}

/* The status of a request, the user of an action, and a computed tenant of every third row. */
static uint32_t add_fields(struct golden *golden, uint32_t i, bool values)
{
    struct event_field *fields = golden->event_fields[i];
    const char *line = golden->lines[i], *at = strstr(line, "HTTP/1.1 ");
    uint32_t count = 0;

    if (at != NULL)
        fields[count++] = (struct event_field){.field = FIELD_ID_STATUS, .type = FIELD_INT,
                                               .start = (uint32_t)(at + 9 - line), .len = 3};
    if (at != NULL && values)
        count += add_values(line, at + 13, fields + count);
    else if (strncmp(line, "user=", 5) == 0)
        fields[count++] = (struct event_field){.field = FIELD_ID_USER, .start = 5, .len = 6};
    if (i % 3 == 0)
        fields[count++] = (struct event_field){
            .field = FIELD_ID_TENANT,
            .text = i % 2 == 0 ? SLICE_LITERAL("even") : SLICE_LITERAL("odd")};
    return count;
}

static void make_rows(struct golden *golden, bool values)
{
    uint64_t offsets[2] = {0, 0};

    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t source = i % 5 == 0;

        write_line(golden->lines[i], i, values);
        golden->events[i] = (struct event){
            .time_ns = FIXTURE_TIME_NS + (int64_t)i * 20000000 + i % 7,
            .bytes = slice_of(golden->lines[i]),
            .offset = offsets[source],
            .source = source,
            .source_len = (uint32_t)strlen(golden->lines[i]) + 1,
            .format = (uint16_t)(i % 3 == 0),
            .level = (uint8_t)(i % 20 == 0 ? LEVEL_ERROR : LEVEL_INFO),
            .flags = (uint8_t)(i % 500 == 0 ? EVENT_TIME_GUESSED : 0),
            .field_count = add_fields(golden, i, values),
            .fields = golden->event_fields[i],
        };
        offsets[source] += golden->events[i].source_len;
        golden->rows[i] = (struct segment_row){
            .event = &golden->events[i],
            .order_time_ns = golden->events[i].time_ns + (i % 100 == 1),
            .sequence = 100 + i};
    }
}

static void make_samples(struct golden *golden)
{
    const struct label label = {SLICE_LITERAL("cpu"), SLICE_LITERAL("0")};
    const struct sample series = {
        .label_count = 1, .metric = SLICE_LITERAL("node_load1"), .labels = &label};

    golden->series = buf_empty(100);
    assert_true(series_append(&golden->series, &series));
    golden->run = (struct sample_run){.encoded = buf_slice(&golden->series), .count = SAMPLES};
    for (uint32_t i = 0; i < SAMPLES; i++)
        golden->samples[i] =
            (struct segment_sample){.time_ns = FIXTURE_TIME_NS + (int64_t)i * 10000000000,
                                    .value = i * 1.5,
                                    .sequence = 100 + ROWS + i};
}

static struct golden *golden_new(bool values)
{
    struct golden *golden = calloc(1, sizeof(*golden));

    assert_non_null(golden);
    test_names_init(&golden->names);
    for (uint8_t i = 0; i < 2; i++) {
        golden->source[i] = fixture_source((uint8_t)(i + 1));
        golden->source[i].role = i == 0 ? SLICE_LITERAL("web") : SLICE_LITERAL("task");
    }
    golden->formats[0] = SLICE_LITERAL("one");
    golden->formats[1] = SLICE_LITERAL("two");
    make_rows(golden, values);
    make_samples(golden);
    golden->content = (struct segment_content){.rows = golden->rows,
                                               .runs = &golden->run,
                                               .samples = golden->samples,
                                               .sources = golden->source,
                                               .formats = golden->formats,
                                               .names = &golden->names.segment,
                                               .row_count = ROWS,
                                               .sample_count = SAMPLES,
                                               .run_count = 1,
                                               .source_count = 2,
                                               .format_count = 2};
    return golden;
}

static void golden_free(struct golden *golden)
{
    test_names_release(&golden->names);
    buf_release(&golden->series);
    free(golden);
}

static void golden_path(char out[1024], unsigned version, bool values)
{
    (void)snprintf(out, 1024, GOLDEN_DIR "/segment/v%u%s.seg", version, values ? "_values" : "");
}

/* ---- what is asked of each version, counted by hand on the lines ---- */

static bool has_text(const struct event *event, const char *text)
{
    return slice_find(event->bytes, slice_of(text)) != SIZE_MAX;
}

static bool is_error(const struct event *event)
{
    return event->level <= LEVEL_ERROR;
}

static bool has_closed(const struct event *event)
{
    return has_text(event, "close case");
}

static bool has_node(const struct event *event)
{
    return has_text(event, "node-3");
}

static bool is_failure(const struct event *event)
{
    return has_text(event, "HTTP/1.1 500");
}

static bool is_even(const struct event *event)
{
    for (uint32_t i = 0; i < event->field_count; i++)
        if (slice_is(event->fields[i].text, "even"))
            return true;
    return false;
}

static bool is_nothing(const struct event *event)
{
    return has_text(event, "absent needle");
}

static const struct answer_case {
    const char *name;
    struct predicate filter;
    bool (*passes)(const struct event *event);
} answer_cases[] = {
    {"all", {.kind = PRED_ALL}, NULL},
    {"level", {.kind = PRED_RANGE, .field = FIELD_ID_LEVEL, .low = 0, .high = LEVEL_ERROR}, is_error},
    {"words of a text", {.kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_PHRASE,
     .text = {"close case", 10}}, has_closed},
    {"part of a token", {.kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_SUBSTRING,
     .text = {"node-3", 6}}, has_node},
    {"number of a field", {.kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 500, .high = 599},
     is_failure},
    {"computed field", {.kind = PRED_TEXT, .field = FIELD_ID_TENANT, .match = TEXT_EXACT,
     .text = {"even", 4}}, is_even},
    {"absent", {.kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_SUBSTRING,
     .text = {"absent needle", 13}}, is_nothing},
};

static uint64_t count_rows(struct segment *segment, const struct predicate *filter)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = filter};
    struct scan_cost cost = {0};
    struct segment_plan *plan;
    struct error err = {0};
    uint64_t count = 0;

    if (segment_plan_make(segment, &options, &plan, &err) != STATUS_OK)
        return 0;
    for (uint32_t i = 0; i < segment_block_count(segment); i++) {
        struct segment_block_info info;
        struct block *block;

        segment_block_info(segment, i, &info);
        if (info.samples || segment_block(segment, plan, i, &cost, &block, &err) != STATUS_OK)
            continue;
        count += block_selected_count(block);
        block_release(block);
    }
    segment_plan_free(plan);
    return count;
}

static void check_answers(const struct golden *golden, struct segment *segment)
{
    for (size_t i = 0; i < COUNT_OF(answer_cases); i++) {
        uint64_t expected = 0;

        print_message("    %s\n", answer_cases[i].name);
        for (uint32_t row = 0; row < ROWS; row++)
            expected += answer_cases[i].passes == NULL ||
                        answer_cases[i].passes(&golden->events[row]);
        assert_int_equal(count_rows(segment, &answer_cases[i].filter), expected);
    }
}

static void check_rows(const struct golden *golden, struct segment *segment)
{
    struct row_set set;
    struct error err = {0};

    row_set_init(&set, (size_t)1 << 30);
    if (row_set_add(&set, segment, NULL, 0, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(set.row_count, ROWS);
    assert_int_equal(set.sample_count, SAMPLES);
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct segment_row *got = &set.rows[i];
        const struct event *expected = &golden->events[got->sequence - 100];

        assert_true(slice_equal(got->event->bytes, expected->bytes));
        assert_int_equal(got->event->time_ns, expected->time_ns);
        assert_int_equal(got->event->offset, expected->offset);
        assert_int_equal(got->event->level, expected->level);
        assert_int_equal(got->event->flags, expected->flags);
        assert_int_equal(got->event->field_count, expected->field_count);
        assert_int_equal(got->order_time_ns, golden->rows[got->sequence - 100].order_time_ns);
    }
    row_set_release(&set);
}

static void check_version(const struct golden *golden, unsigned version, bool values)
{
    struct segment *segment;
    struct error err = {0};
    uint64_t problems = 0;
    char path[1024];

    print_message("  version %u%s\n", version, values ? " with values" : "");
    golden_path(path, version, values);
    if (segment_open(io_system(), path, &golden->names.segment, &segment, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(segment->version, version);
    assert_int_equal(segment->rollups.field_count, values ? 2 : 0);
    assert_true(segment->rollups.samples.size > 0 || version < 5);
    assert_int_equal(segment_verify(segment, NULL, NULL, &problems, &err), STATUS_OK);
    assert_int_equal(problems, 0);
    check_rows(golden, segment);
    check_answers(golden, segment);
    segment_close(segment);
}

static void test_versions(void **unused)
{
    (void)unused;
    for (int values = 0; values < 2; values++) {
        struct golden *golden = golden_new(values);
        unsigned first = values ? VERSION_VALUES : SEGMENT_VERSION_MIN;

        for (unsigned version = first; version <= SEGMENT_VERSION; version++)
            check_version(golden, version, values);
        golden_free(golden);
    }
}

/* Pages of rollups as version 3 had them: their numbers are those that the rows count to. The lines are
 * 900 each of two formats of the bench's corpus, one with durations, the other with clocks. */
static void test_rollups_of_version_3(void **unused)
{
    struct golden *golden = golden_new(false);
    struct segment *segment;
    struct error err = {0};
    uint64_t problems = 0;

    (void)unused;
    if (segment_open(io_system(), GOLDEN_DIR "/segment/v3_rollups.seg", &golden->names.segment, &segment,
                     &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(segment->version, 3);
    assert_true(segment->rollups.counts.size > 0 && segment->rollups.field_count > 0);
    assert_int_equal(segment_verify(segment, NULL, NULL, &problems, &err), STATUS_OK);
    assert_int_equal(problems, 0);
    segment_close(segment);
    golden_free(golden);
}

static void check_same_bytes(bool values)
{
    struct golden *golden = golden_new(values);
    struct sim_io *sim = sim_io_new(1);
    struct buf expected = buf_empty(16 << 20), got = buf_empty(16 << 20);
    struct segment_summary summary;
    struct error err = {0};
    char path[1024];

    golden_path(path, SEGMENT_VERSION, values);
    assert_int_equal(segment_write(sim_io_table(sim), "/a.seg", &golden->content, &summary, &err),
                     STATUS_OK);
    assert_int_equal(io_read_file(sim_io_table(sim), "/a.seg", &got, &err), STATUS_OK);
    if (io_read_file(io_system(), path, &expected, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    if (!slice_equal(buf_slice(&got), buf_slice(&expected)))
        fail_msg("the writer gives other bytes than %s: if that is meant, see the head of this test",
                 path);
    buf_release(&got);
    buf_release(&expected);
    sim_io_free(sim);
    golden_free(golden);
}

static void test_same_bytes(void **unused)
{
    (void)unused;
    check_same_bytes(false);
    check_same_bytes(true);
}

/* ---- versions that this program does not know ---- */

static const struct version_case {
    const char *name;
    uint8_t version;
    const char *says;
} version_cases[] = {
    {"of the future", SEGMENT_VERSION + 6, "has version"},
    {"never released", 1, "has version 1"},
};

/* The rest is served, the answer says that it is partial, and why. */
static void test_other_versions(void **unused)
{
    static const char path[] = FIXTURE_DIR "/segments/20260101/0000000000000001.seg";

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(version_cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_open(sim);
        uint8_t mask = (uint8_t)(SEGMENT_VERSION ^ version_cases[i].version);
        struct fixture_rows rows;
        struct io_info info;
        struct error err = {0};

        print_message("  %s\n", version_cases[i].name);
        fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        store_close(store);
        assert_int_equal(io_info_of(sim_io_table(sim), path, &info, &err), STATUS_OK);
        assert_true(sim_io_flip(sim, path, 8, mask));
        assert_true(sim_io_flip(sim, path, info.size - 16, mask));
        store = fixture_open(sim);
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, 2);
        assert_int_equal(rows.cost.pages_damaged, 1);
        assert_non_null(strstr(rows.cost.damage, version_cases[i].says));
        assert_non_null(strstr(rows.cost.damage, path));
        assert_null(strstr(rows.cost.damage, "damaged"));
        fixture_rows_free(&rows);
        store_close(store);
        sim_io_free(sim);
    }
}

static void write_golden(bool values)
{
    struct golden *golden = golden_new(values);
    struct segment_summary summary;
    struct error err = {0};
    char path[1024];

    golden_path(path, SEGMENT_VERSION, values);
    if (segment_write(io_system(), path, &golden->content, &summary, &err) != STATUS_OK)
        (void)fprintf(stderr, "%s\n", err.message);
    golden_free(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_rollups_of_version_3),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_other_versions),
    };

    if (getenv("GOLDEN_WRITE") != NULL) {
        write_golden(false);
        write_golden(true);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
