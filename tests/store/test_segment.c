/* tests/store/test_segment.c -- rows and samples into a segment and back, byte for byte; damage is
 * found. Through segment.h only, so it holds for every version of the file. */
#include "store/chunk.h"
#include "store/segment.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATH "/one.seg"
enum { ROWS_MAX = 40000 };

struct bench {
    struct sim_io *sim;
    struct test_names names;
    struct event_source source[2];
    struct slice formats[2];
    struct event *events;
    struct segment_row *rows;
    struct segment_content content;
};

static struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->sim = sim_io_new(1);
    test_names_init(&bench->names);
    for (uint8_t i = 0; i < 2; i++)
        bench->source[i] = (struct event_source){.id = {.generation = {i}},
                                                 .geo = SLICE_LITERAL("eu"),
                                                 .host = slice_of(i == 0 ? "web1" : "web2"),
                                                 .role = SLICE_LITERAL("web"),
                                                 .path = SLICE_LITERAL("/var/log/x")};
    bench->formats[0] = SLICE_LITERAL("plain");
    bench->formats[1] = SLICE_LITERAL("other");
    bench->events = calloc(ROWS_MAX, sizeof(*bench->events));
    bench->rows = calloc(ROWS_MAX, sizeof(*bench->rows));
    bench->content = (struct segment_content){.rows = bench->rows,
                                              .sources = bench->source,
                                              .formats = bench->formats,
                                              .names = &bench->names.segment,
                                              .source_count = 2,
                                              .format_count = 2};
    return bench;
}

static void bench_free(struct bench *bench)
{
    test_names_release(&bench->names);
    sim_io_free(bench->sim);
    free(bench->events);
    free(bench->rows);
    free(bench);
}

static void add_row(struct bench *bench, struct slice bytes, const struct event_field *fields,
                    uint32_t field_count)
{
    uint64_t at = bench->content.row_count++;

    bench->events[at] = (struct event){
        .time_ns = 1000000000 + (int64_t)at * 1000,
        .bytes = bytes,
        .offset = at * 100,
        .source = (uint32_t)(at & 1),
        .source_len = (uint32_t)bytes.len + 1,
        .format = (uint16_t)(at % 3 == 0),
        .level = (uint8_t)(at % LEVEL_COUNT),
        .flags = (uint8_t)(at % 5),
        .field_count = field_count,
        .fields = fields,
    };
    bench->rows[at] = (struct segment_row){.event = &bench->events[at],
                                           .order_time_ns = bench->events[at].time_ns + (at % 7 == 0),
                                           .sequence = 100 + at};
}

/* Row of the content that stands at this sequence. */
static const struct segment_row *row_of(const struct bench *bench, uint64_t sequence)
{
    assert_true(sequence >= 100 && sequence < 100 + bench->content.row_count);
    return &bench->rows[sequence - 100];
}

static void check_block(const struct bench *bench, struct block *block)
{
    struct error err = {0};
    const uint64_t *sequences = block_sequences(block, &err);
    const int64_t *times = block_times(block, &err), *orders = block_order_times(block, &err);
    const uint64_t *offsets = block_offsets(block, &err);
    const uint8_t *flags = block_flags(block, &err);
    struct column level, host;

    assert_true(sequences && times && orders && offsets && flags);
    assert_int_equal(block_column(block, FIELD_ID_LEVEL, true, &level, &err), STATUS_OK);
    assert_int_equal(block_column(block, FIELD_ID_HOST, true, &host, &err), STATUS_OK);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct segment_row *row = row_of(bench, sequences[i]);
        struct buf text = buf_empty(64 << 20);

        assert_int_equal(block_render(block, i, &text, &err), STATUS_OK);
        assert_int_equal(text.len, row->event->bytes.len);
        if (text.len > 0)
            assert_memory_equal(text.data, row->event->bytes.data, text.len);
        assert_int_equal(times[i], row->event->time_ns);
        assert_int_equal(orders[i], row->order_time_ns);
        assert_int_equal(offsets[i], row->event->offset);
        assert_int_equal(flags[i], row->event->flags);
        assert_true(slice_is(level.dict[level.codes[i]],
                             level_name((enum level)row->event->level)));
        assert_true(slice_equal(host.dict[host.codes[i]],
                                bench->source[row->event->source].host));
        buf_release(&text);
    }
}

/* Text of the field, whatever the kind of column; NULL data: missing. */
static struct slice column_text(const struct column *column, uint32_t row)
{
    struct slice none = {NULL, 0};

    if (column->kind == COLUMN_DICT)
        return column->codes[row] == COLUMN_NO_CODE ? none : column->dict[column->codes[row]];
    if (column->kind == COLUMN_TEXT &&
        (column->present == NULL || bit_get(column->present, row)))
        return column->texts[row];
    return none;
}

/* Text of a field of an event. */
static struct slice field_text(const struct event *event, const struct event_field *field)
{
    return field->text.data != NULL ? field->text
                                    : slice_sub(event->bytes, field->start, field->len);
}

/* Lines and fields of one row of nine: the others are not made. */
static void check_few(const struct bench *bench, struct block *block)
{
    struct error err = {0};
    const uint64_t *sequences = block_sequences(block, &err);
    uint32_t rows[ROWS_MAX / 9 + 1], count = 0;
    struct column lines;

    for (uint32_t i = 4; i < block_row_count(block); i += 9)
        rows[count++] = i;
    block_narrow(block, rows, count);
    assert_int_equal(block_selected_count(block), count);
    assert_non_null(sequences);
    assert_int_equal(block_column(block, FIELD_ID_MSG, true, &lines, &err), STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        const struct event *event = row_of(bench, sequences[rows[i]])->event;
        struct buf text = buf_empty(64 << 20);

        assert_int_equal(block_render(block, rows[i], &text, &err), STATUS_OK);
        assert_true(slice_equal(buf_slice(&text), event->bytes));
        assert_true(slice_equal(lines.texts[rows[i]], event->bytes));
        for (uint32_t k = 0; k < event->field_count; k++) {
            struct column column;

            assert_int_equal(block_column(block, event->fields[k].field, true, &column, &err),
                             STATUS_OK);
            assert_true(slice_equal(column_text(&column, rows[i]),
                                    field_text(event, &event->fields[k])));
        }
        buf_release(&text);
    }
}

typedef void visit_block(const struct bench *bench, struct block *block);

static uint64_t each_block(struct bench *bench, enum scan_table table, visit_block *visit)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .table = table};
    struct segment *segment;
    struct segment_plan *plan;
    struct scan_cost cost = {0};
    struct error err = {0};
    uint64_t rows = 0;

    if (segment_open(sim_io_table(bench->sim), PATH, &bench->names.segment, &segment, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    assert_int_equal(segment_plan_make(segment, &options, &plan, &err), STATUS_OK);
    for (uint32_t i = 0; i < segment_block_count(segment); i++) {
        struct block *block;
        enum status status = segment_block(segment, plan, i, &cost, &block, &err);

        if (status == STATUS_END)
            continue;
        assert_int_equal(status, STATUS_OK);
        rows += block_row_count(block);
        visit(bench, block);
        block_release(block);
    }
    segment_plan_free(plan);
    segment_close(segment);
    return rows;
}

static void write_and_check(struct bench *bench)
{
    struct segment_summary summary;
    struct error err = {0};

    if (segment_write(sim_io_table(bench->sim), PATH, &bench->content, &summary, &err) !=
        STATUS_OK)
        fail_msg("write: %s", err.message);
    assert_int_equal(summary.rows, bench->content.row_count);
    assert_int_equal(summary.samples, bench->content.sample_count);
    assert_int_equal(each_block(bench, SCAN_EVENTS, check_block), bench->content.row_count);
    assert_int_equal(each_block(bench, SCAN_EVENTS, check_few), bench->content.row_count);
}

static void test_all_bytes(void **unused)
{
    struct bench *bench = bench_new();
    static char bytes[256][256];

    (void)unused;
    for (int i = 0; i < 256; i++) { /* lines of every length, with every byte at every place */
        for (int k = 0; k < 256; k++)
            bytes[i][k] = (char)(i + k);
        add_row(bench, slice_make(bytes[i], (size_t)i), NULL, 0);
    }
    write_and_check(bench);
    bench_free(bench);
}

static const struct line_case {
    const char *name;
    struct slice line;
} line_cases[] = {
    {"empty", {"", 0}},
    {"one NUL", {"\0", 1}},
    {"NULs inside", {"a\0b\0\0c", 6}},
    {"CR at the end", {"abc\r", 4}},
    {"newline inside", {"Traceback\n  File \"x\"\nError: y", 30}},
    {"leading zeros", {"007 0.50 -0 1e5 00", 18}},
    {"upper hex", {"DEADBEEF deadbeef DeadBeef", 26}},
    {"invalid UTF-8", {"\xff\xfe\xc3\x28", 4}},
    {"blanks at both ends", {"  x  ", 5}},
    {"uuid", {"123e4567-e89b-12d3-a456-426614174000", 36}},
    {"addresses", {"10.0.0.1 010.0.0.1 256.1.1.1 1.2.3.4.5", 38}},
    {"large numbers", {"18446744073709551616 -9223372036854775808 999999999999999999", 61}},
};

static void test_lines(void **unused)
{
    struct bench *bench = bench_new();
    char *big = malloc(1 << 20);

    (void)unused;
    assert_non_null(big);
    for (int repeat = 0; repeat < 3; repeat++)
        for (size_t i = 0; i < COUNT_OF(line_cases); i++)
            add_row(bench, line_cases[i].line, NULL, 0);
    for (int i = 0; i < 1 << 20; i++) /* 1 MiB that does not compress well */
        big[i] = (char)(((unsigned)i * 2654435761u) >> 13);
    add_row(bench, slice_make(big, 1 << 20), NULL, 0);
    write_and_check(bench);
    free(big);
    bench_free(bench);
}

static void test_many_rows(void **unused)
{
    static char lines[ROWS_MAX][48];
    struct bench *bench = bench_new();

    (void)unused;
    for (int i = 0; i < ROWS_MAX; i++) {
        int len = snprintf(lines[i], sizeof(lines[i]), "GET /a/tenant-%d/x %d %08x", i % 400,
                           200 + i % 5, (unsigned)i * 2654435761u);

        add_row(bench, slice_make(lines[i], (size_t)len), NULL, 0);
    }
    write_and_check(bench);
    bench_free(bench);
}

static void check_fields(const struct bench *bench, struct block *block)
{
    struct error err = {0};
    const uint64_t *sequences = block_sequences(block, &err);
    struct column duration, status;

    assert_non_null(sequences);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct event *event = row_of(bench, sequences[i])->event;

        for (uint32_t k = 0; k < event->field_count; k++) {
            struct column column;

            assert_int_equal(block_column(block, event->fields[k].field, true, &column, &err),
                             STATUS_OK);
            assert_true(slice_equal(column_text(&column, i), field_text(event, &event->fields[k])));
        }
    }
    assert_int_equal(block_column(block, FIELD_ID_DURATION, false, &duration, &err), STATUS_OK);
    assert_int_equal(block_column(block, FIELD_ID_STATUS, false, &status, &err), STATUS_OK);
    assert_int_equal(status.kind, COLUMN_INT);
    assert_int_equal(duration.kind, COLUMN_INT);
    assert_int_equal(duration.type, FIELD_DURATION);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        uint64_t number = sequences[i] - 100;

        if (number % 4 == 0) /* see test_fields */
            assert_false(status.present == NULL || bit_get(status.present, i));
        else
            assert_int_equal(status.ints[i], 200 + (int64_t)number % 3);
        assert_int_equal(duration.ints[i], (int64_t)number * 1000); /* microseconds */
    }
}

static void test_fields(void **unused)
{
    enum { COUNT = 500, KINDS = 5 };
    static char lines[COUNT][64];
    static struct event_field fields[COUNT][KINDS];
    struct bench *bench = bench_new();

    (void)unused;
    for (uint32_t i = 0; i < COUNT; i++) {
        int len = snprintf(lines[i], sizeof(lines[i]), "%u %06u/x%u", 200 + i % 3, i, i);
        uint32_t count = 0;

        if (i % 4 != 0)
            fields[i][count++] =
                (struct event_field){.field = FIELD_ID_STATUS, .type = FIELD_INT, .len = 3};
        fields[i][count++] = (struct event_field){.field = FIELD_ID_DURATION, /* leading zeros */
                                                  .type = FIELD_DURATION,
                                                  .unit = UNIT_MICROSECONDS,
                                                  .start = 4,
                                                  .len = 6};
        fields[i][count++] = (struct event_field){
            .field = FIELD_ID_PATH, .start = 10, .len = (uint32_t)len - 10};
        fields[i][count++] = (struct event_field){
            .field = FIELD_ID_TENANT, .text = slice_of(i % 2 ? "north" : "south")};
        if (i % 5 == 0) /* a value that is there and empty */
            fields[i][count++] = (struct event_field){.field = FIELD_ID_USER, .text = {"", 0}};
        add_row(bench, slice_make(lines[i], (size_t)len), fields[i], count);
    }
    write_and_check(bench);
    assert_int_equal(each_block(bench, SCAN_EVENTS, check_fields), COUNT);
    bench_free(bench);
}

/* cpu idle and cpu user of both sources, load of the first: in the order of series. */
static const struct series_case {
    const char *metric, *mode; /* NULL: no label */
    uint32_t source;
} series_cases[] = {
    {"cpu", "idle", 0}, {"cpu", "idle", 1}, {"cpu", "user", 0}, {"cpu", "user", 1}, {"load", NULL, 0},
};
static const double sample_values[] = {0.0, -0.0, 1.5, 1e300, -3};

enum { SAMPLES_EACH = COUNT_OF(sample_values) };

static int64_t time_of_sample(uint32_t i)
{
    return 5 + (int64_t)(i % SAMPLES_EACH) * 15;
}

static void check_samples(const struct bench *bench, struct block *block)
{
    struct error err = {0};
    struct column metric, value, mode, host;
    field_id mode_field =
        name_table_get((struct name_table *)(uintptr_t)&bench->names.fields, slice_of("mode"));

    assert_true(block_is_samples(block));
    assert_int_equal(block_column(block, FIELD_ID_METRIC, true, &metric, &err), STATUS_OK);
    assert_int_equal(block_column(block, FIELD_ID_VALUE, false, &value, &err), STATUS_OK);
    assert_int_equal(block_column(block, mode_field, true, &mode, &err), STATUS_OK);
    assert_int_equal(block_column(block, FIELD_ID_HOST, true, &host, &err), STATUS_OK);
    assert_int_equal(value.kind, COLUMN_FLOAT);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct series_case *series = &series_cases[i / SAMPLES_EACH];

        assert_int_equal(block_times(block, &err)[i], time_of_sample(i));
        assert_memory_equal(&value.floats[i], &sample_values[i % SAMPLES_EACH],
                            sizeof(double)); /* NaN, -0 too */
        assert_true(slice_is(column_text(&metric, i), series->metric));
        assert_true(slice_equal(column_text(&host, i), bench->source[series->source].host));
        if (series->mode != NULL)
            assert_true(slice_is(column_text(&mode, i), series->mode));
        else
            assert_null(column_text(&mode, i).data);
    }
}

static void test_samples(void **unused)
{
    static struct segment_sample samples[COUNT_OF(series_cases) * SAMPLES_EACH];
    static struct sample_run runs[COUNT_OF(series_cases)];
    struct buf texts[COUNT_OF(series_cases)];
    struct bench *bench = bench_new();

    (void)unused;
    for (uint32_t i = 0; i < COUNT_OF(series_cases); i++) {
        const struct series_case *c = &series_cases[i];
        const struct label label = {SLICE_LITERAL("mode"), slice_of(c->mode == NULL ? "" : c->mode)};
        const struct sample sample = {
            .metric = slice_of(c->metric), .label_count = c->mode != NULL, .labels = &label};

        texts[i] = buf_empty(100);
        assert_true(series_append(&texts[i], &sample));
        runs[i] = (struct sample_run){buf_slice(&texts[i]), SAMPLES_EACH, c->source};
    }
    for (uint32_t i = 0; i < COUNT_OF(samples); i++)
        samples[i] = (struct segment_sample){.time_ns = time_of_sample(i),
                                             .value = sample_values[i % SAMPLES_EACH],
                                             .sequence = 1 + i};
    add_row(bench, SLICE_LITERAL("an event beside them"), NULL, 0);
    bench->content.runs = runs;
    bench->content.run_count = COUNT_OF(runs);
    bench->content.samples = samples;
    bench->content.sample_count = COUNT_OF(samples);
    write_and_check(bench);
    assert_int_equal(each_block(bench, SCAN_SAMPLES, check_samples), COUNT_OF(samples));
    for (uint32_t i = 0; i < COUNT_OF(texts); i++)
        buf_release(&texts[i]);
    bench_free(bench);
}

static void count_problem(void *user, const char *line)
{
    (void)line;
    (*(uint32_t *)user)++;
}

/* Any flipped bit of the file is found: by segment_open() or by segment_verify(). */
static void test_every_flip_is_found(void **unused)
{
    struct bench *bench = bench_new();
    struct segment_summary summary;
    struct error err = {0};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(line_cases); i++)
        add_row(bench, line_cases[i].line, NULL, 0);
    assert_int_equal(segment_write(sim_io_table(bench->sim), PATH, &bench->content, &summary, &err),
                     STATUS_OK);
    for (uint64_t at = 0; at < summary.file_bytes; at++) {
        struct segment *segment = NULL;
        uint32_t lines = 0;
        uint64_t problems = 0;

        assert_true(sim_io_flip(bench->sim, PATH, at, (uint8_t)(1 << at % 8)));
        if (segment_open(sim_io_table(bench->sim), PATH, &bench->names.segment, &segment, &err) ==
            STATUS_OK) {
            assert_int_equal(segment_verify(segment, count_problem, &lines, &problems, &err),
                             STATUS_OK);
            /* Reserved bytes of header and footer are in no sum. */
            assert_true(problems > 0 || at < 16 || at >= summary.file_bytes - 80);
            segment_close(segment);
        }
        assert_true(sim_io_flip(bench->sim, PATH, at, (uint8_t)(1 << at % 8)));
    }
    bench_free(bench);
}

/* The same content gives the same bytes. */
static void test_is_deterministic(void **unused)
{
    struct hash128 hashes[2];

    (void)unused;
    for (int run = 0; run < 2; run++) {
        struct bench *bench = bench_new();
        struct segment_summary summary;
        struct error err = {0};

        for (size_t i = 0; i < COUNT_OF(line_cases); i++)
            add_row(bench, line_cases[i].line, NULL, 0);
        assert_int_equal(
            segment_write(sim_io_table(bench->sim), PATH, &bench->content, &summary, &err),
            STATUS_OK);
        hashes[run] = summary.footer_hash;
        bench_free(bench);
    }
    assert_true(hash128_equal(hashes[0], hashes[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_bytes),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_every_flip_is_found),
        cmocka_unit_test(test_is_deterministic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
