/* tests/store/test_rewrite.c -- rows of segments come back as the events that were written, and go
 * into one segment again, once each, without those that a mask names. */
#include "store/rewrite.h"
#include "store/row_set.h"
#include "tests/store/segment_rows.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PARTS = 3 };

static const char *const paths[PARTS] = {"/a.seg", "/b.seg", "/c.seg"};
#define OUTPUT "/out.seg"

struct bench {
    struct sim_io *sim;
    struct io *io;
    struct segment_rows rows;
};

/* The rows in parts, one segment each. */
static void bench_init(struct bench *bench, const struct segment_rows_options *options)
{
    struct segment_content content;
    struct segment_summary summary;
    struct error err = {0};
    uint64_t count = options->count;

    bench->sim = sim_io_new(1);
    bench->io = sim_io_table(bench->sim);
    segment_rows_init(&bench->rows, options);
    for (uint64_t i = 0; i < PARTS; i++) {
        content = bench->rows.content;
        content.rows += count * i / PARTS;
        content.row_count = count * (i + 1) / PARTS - count * i / PARTS;
        if (segment_write(bench->io, paths[i], &content, &summary, &err) != STATUS_OK)
            fail_msg("%s", err.message);
    }
}

static void bench_release(struct bench *bench)
{
    segment_rows_release(&bench->rows);
    sim_io_free(bench->sim);
}

static void check_field(const struct event_field *got, const struct event_field *expected)
{
    assert_int_equal(got->field, expected->field);
    assert_int_equal(got->type, expected->type);
    assert_int_equal(got->unit, expected->unit);
    assert_true((got->text.data == NULL) == (expected->text.data == NULL));
    if (expected->text.data != NULL) {
        assert_true(slice_equal(got->text, expected->text));
    } else {
        assert_int_equal(got->start, expected->start);
        assert_int_equal(got->len, expected->len);
    }
}

static void check_row(const struct bench *bench, const struct row_set *set,
                      const struct segment_row *got, const struct segment_row *expected)
{
    const struct event *a = got->event, *b = expected->event;

    assert_int_equal(got->sequence, expected->sequence);
    assert_int_equal(got->order_time_ns, expected->order_time_ns);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_true(slice_equal(a->bytes, b->bytes));
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->level, b->level);
    assert_int_equal(a->flags, b->flags);
    assert_true(source_id_equal(&set->sources[a->source].id, &bench->rows.source[b->source].id));
    assert_true(slice_equal(set->sources[a->source].host, bench->rows.source[b->source].host));
    assert_true(slice_equal(set->formats[a->format], bench->rows.formats[b->format]));
    assert_int_equal(a->field_count, b->field_count);
    for (uint32_t i = 0; i < a->field_count; i++)
        check_field(&a->fields[i], &b->fields[i]);
}

static int compare_sequences(const void *a, const void *b)
{
    uint64_t left = ((const struct segment_row *)a)->sequence;
    uint64_t right = ((const struct segment_row *)b)->sequence;

    return left < right ? -1 : left > right;
}

static bool has_text(const struct event *event, const char *text)
{
    return text != NULL && slice_find(event->bytes, slice_of(text)) != SIZE_MAX;
}

/* The set holds exactly the rows whose bytes do not have `without` in them. */
static void check_rows(const struct bench *bench, struct row_set *set, const char *without)
{
    struct segment_row *expected = malloc((bench->rows.content.row_count + 1) * sizeof(*expected));
    uint64_t count = 0;

    for (uint64_t i = 0; i < bench->rows.content.row_count; i++)
        if (!has_text(bench->rows.content.rows[i].event, without))
            expected[count++] = bench->rows.content.rows[i];
    assert_int_equal(set->row_count, count);
    qsort(expected, count, sizeof(*expected), compare_sequences);
    qsort(set->rows, set->row_count, sizeof(*set->rows), compare_sequences);
    for (uint64_t i = 0; i < count; i++)
        check_row(bench, set, &set->rows[i], &expected[i]);
    free(expected);
}

static void add_file(const struct bench *bench, struct row_set *set, const char *path)
{
    struct segment *segment;
    struct error err = {0};

    if (segment_open(bench->io, path, &bench->rows.names.segment, &segment, &err) != STATUS_OK ||
        row_set_add(set, segment, NULL, 0, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    segment_close(segment);
}

static const struct rows_case {
    const char *name;
    struct segment_rows_options options;
    const char *erased;
} rows_cases[] = {
    {"one kind", {.seed = 1, .count = 6000, .first_kind = 0, .kind_count = 1}, "GET"},
    {"all kinds", {.seed = 2, .count = 12000, .first_kind = 0, .kind_count = 20}, "1"},
    {"damaged lines, fields anywhere", {.seed = 3, .count = 9000, .first_kind = 0,
     .kind_count = 20, .faults = true}, "e"},
    {"a few rows: all kept as text", {.seed = 4, .count = 40, .first_kind = 3, .kind_count = 9,
     .faults = true}, "1.1"},
};

static void test_events_come_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(rows_cases); i++) {
        struct bench bench;
        struct row_set set;

        print_message("  %s\n", rows_cases[i].name);
        bench_init(&bench, &rows_cases[i].options);
        row_set_init(&set, (size_t)1 << 30);
        for (size_t part = 0; part < PARTS; part++)
            add_file(&bench, &set, paths[part]);
        check_rows(&bench, &set, NULL);
        row_set_release(&set);
        bench_release(&bench);
    }
}

static bool file_holds(struct io *io, const char *path, const char *text)
{
    struct buf bytes = buf_empty(64 << 20);
    struct error err = {0};
    bool found;

    assert_int_equal(io_read_file(io, path, &bytes, &err), STATUS_OK);
    found = slice_find(buf_slice(&bytes), slice_of(text)) != SIZE_MAX;
    buf_release(&bytes);
    return found;
}

/* Several inputs, one output: every row once; the inputs are untouched. */
static void test_merge_and_mask(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(rows_cases); i++)
        for (int erase = 0; erase < 2; erase++) {
            struct predicate filter = {.kind = PRED_TEXT,
                                       .field = FIELD_ID_MSG,
                                       .match = TEXT_SUBSTRING,
                                       .text = slice_of(rows_cases[i].erased)};
            struct mask mask = {&filter, INT64_MIN, INT64_MAX, UINT64_MAX};
            struct bench bench;
            struct rewrite rewrite;
            struct rewrite_result result;
            struct row_set set;
            struct error err = {0};

            print_message("  %s%s\n", rows_cases[i].name, erase ? ", masked" : "");
            bench_init(&bench, &rows_cases[i].options);
            rewrite = (struct rewrite){.inputs = paths,
                                       .input_count = PARTS,
                                       .names = &bench.rows.names.segment,
                                       .masks = &mask,
                                       .mask_count = (uint32_t)erase,
                                       .output = OUTPUT};
            if (rewrite_segments(bench.io, &rewrite, &result, &err) != STATUS_OK)
                fail_msg("%s", err.message);
            assert_int_equal(result.summary.rows + result.rows_masked,
                             rows_cases[i].options.count);
            row_set_init(&set, (size_t)1 << 30);
            add_file(&bench, &set, OUTPUT);
            check_rows(&bench, &set, erase ? rows_cases[i].erased : NULL);
            row_set_release(&set);
            bench_release(&bench);
        }
}

/* Only rows in time and that arrived in time are masked. */
static void test_mask_bounds(void **unused)
{
    struct segment_rows_options options = {.seed = 5, .count = 3000, .kind_count = 4};
    struct predicate all = {.kind = PRED_ALL};
    const char *const *one = paths;
    struct bench bench;
    const struct segment_row *rows;

    (void)unused;
    bench_init(&bench, &options);
    rows = bench.rows.content.rows; /* the first third is in paths[0] */
    {
        struct mask masks[] = {
            {&all, rows[100].event->time_ns, rows[200].event->time_ns, UINT64_MAX},
            {&all, INT64_MIN, INT64_MAX, rows[0].sequence - 1},
            {&all, rows[2999].event->time_ns, INT64_MAX, UINT64_MAX},
        };
        struct rewrite rewrite = {.inputs = one,
                                  .input_count = 1,
                                  .names = &bench.rows.names.segment,
                                  .masks = masks,
                                  .mask_count = COUNT_OF(masks),
                                  .output = OUTPUT};
        struct rewrite_result result;
        struct error err = {0};
        uint64_t expected = 0;

        for (uint64_t i = 0; i < 1000; i++)
            expected += rows[i].event->time_ns >= masks[0].time_min_ns &&
                        rows[i].event->time_ns < masks[0].time_max_ns;
        assert_int_equal(rewrite_segments(bench.io, &rewrite, &result, &err), STATUS_OK);
        assert_int_equal(result.rows_masked, expected);
        assert_int_equal(result.summary.rows, 1000 - expected);
        rewrite.mask_count = 2;
        rewrite.masks = masks + 1; /* neither meets a row of this segment */
        assert_int_equal(rewrite_segments(bench.io, &rewrite, &result, &err), STATUS_OK);
        assert_true(result.unchanged);
        masks[1].sequence_max = UINT64_MAX;
        assert_int_equal(rewrite_segments(bench.io, &rewrite, &result, &err), STATUS_OK);
        assert_int_equal(result.rows_masked, 1000);
        assert_int_equal(result.summary.rows, 0); /* nothing is left, so there is no file */
    }
    bench_release(&bench);
}

/* No string of an erased row stays behind, in no page, list or name. */
static void test_no_orphans(void **unused)
{
    struct segment_rows_options options = {.seed = 6, .count = 4000, .kind_count = 3};
    static const char canary[] = "canaryXQZ";
    struct predicate filter = {.kind = PRED_TEXT,
                               .field = FIELD_ID_MSG,
                               .match = TEXT_SUBSTRING,
                               .text = SLICE_LITERAL(canary)};
    struct mask mask = {&filter, INT64_MIN, INT64_MAX, UINT64_MAX};
    struct bench bench;
    struct rewrite rewrite;
    struct rewrite_result result;
    struct segment_summary summary;
    struct error err = {0};
    uint64_t planted = 0;

    (void)unused;
    bench_init(&bench, &options);
    for (uint64_t i = 0; i < options.count; i += 37, planted++) {
        struct event *event = &bench.rows.events[i];

        event->bytes = SLICE_LITERAL("user=canaryXQZ did it");
        event->field_count = 0;
    }
    assert_int_equal(
        segment_write(bench.io, "/whole.seg", &bench.rows.content, &summary, &err), STATUS_OK);
    rewrite = (struct rewrite){.inputs = (const char *const[]){"/whole.seg"},
                               .input_count = 1,
                               .names = &bench.rows.names.segment,
                               .masks = &mask,
                               .mask_count = 1,
                               .output = OUTPUT};
    assert_int_equal(rewrite_segments(bench.io, &rewrite, &result, &err), STATUS_OK);
    assert_int_equal(result.rows_masked, planted);
    assert_false(file_holds(bench.io, OUTPUT, canary));
    {
        struct row_set set; /* decoded: */

        row_set_init(&set, (size_t)1 << 30);
        add_file(&bench, &set, OUTPUT);
        check_rows(&bench, &set, canary);
        row_set_release(&set);
    }
    bench_release(&bench);
}

/* A damaged input stays as it is. */
static void test_damaged_input(void **unused)
{
    struct segment_rows_options options = {.seed = 7, .count = 3000, .kind_count = 4};
    struct bench bench;
    struct rewrite rewrite;
    struct rewrite_result result;
    struct error err = {0};
    struct io_info info;

    (void)unused;
    bench_init(&bench, &options);
    assert_true(sim_io_flip(bench.sim, paths[1], 200, 0x10));
    rewrite = (struct rewrite){.inputs = paths,
                               .input_count = PARTS,
                               .names = &bench.rows.names.segment,
                               .output = OUTPUT};
    assert_int_equal(rewrite_segments(bench.io, &rewrite, &result, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, paths[1]));
    assert_int_equal(io_info_of(bench.io, OUTPUT, &info, &err), STATUS_NOT_FOUND);
    bench_release(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_back), cmocka_unit_test(test_merge_and_mask),
        cmocka_unit_test(test_mask_bounds),      cmocka_unit_test(test_no_orphans),
        cmocka_unit_test(test_damaged_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
