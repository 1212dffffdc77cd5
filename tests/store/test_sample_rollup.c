/* tests/store/test_sample_rollup.c -- cells of samples: what a builder makes of samples counted by hand,
 * the same from a page, and pages that are damaged. */
#include "store/sample_rollup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20, BITS = 255 /* the scale of a value that is no decimal */ };

#define STEP SAMPLE_STEP_SHORT_NS
#define SECOND ((int64_t)1000000000)

struct row {
    uint32_t series;
    struct sample_point point;
};

/* In steps 40, 41 and 43 since the epoch. */
static const struct row rows[] = {
    /* 0: a counter of hundredths that begins again at 0.50 behind 7.25 */
    {0, {40 * STEP + 10 * SECOND, 0, 5}},
    {0, {40 * STEP + 20 * SECOND, 2, 725}},
    {0, {40 * STEP + 30 * SECOND, 1, 5}},
    {0, {41 * STEP, 0, 3}},
    {0, {43 * STEP + STEP - 1, 2, 301}},
    /* 1: a gauge: it falls three times in two cells */
    {1, {40 * STEP, 0, 9}},
    {1, {40 * STEP + 1, 0, -8}},
    {1, {41 * STEP, 0, 9}},
    {1, {41 * STEP + 1, 0, 7}},
    {1, {41 * STEP + 2, 0, 6}},
    /* 2: a value that is no decimal of nine places */
    {2, {40 * STEP, 0, 1}},
    {2, {41 * STEP, BITS, 0x3fd5555555555555}},
    /* 3: two values at one time */
    {3, {40 * STEP, 0, 1}},
    {3, {40 * STEP, 0, 2}},
    /* 4: one scale would be too fine for the other value */
    {4, {40 * STEP, 9, 1}},
    {4, {40 * STEP + 1, 0, (int64_t)1 << 52}},
    /* 5: one sample */
    {5, {43 * STEP + 1, 3, -1500}}, /* -1.5 */
};

static const struct cell_case {
    const char *name;
    uint32_t series, slot; /* steps since the first, 40 */
    uint64_t samples;
    int64_t first, last, min, max, sum, dropped;
    uint8_t scale;
    bool grows;
} cell_cases[] = {
    /* 5.00 + 7.25 + 0.50 = 12.75; it grew 2.25, then 0.50 from 0: 0.50 - 5.00 + 7.25 */
    {"a reset inside a cell", 0, 0, 3, 500, 50, 50, 725, 1275, 725, 2, true},
    {"a whole number in a series of hundredths", 0, 1, 1, 300, 300, 300, 300, 300, 0, 2, true},
    {"the last nanosecond of a step", 0, 3, 1, 301, 301, 301, 301, 301, 0, 2, true},
    {"a gauge", 1, 0, 2, 9, -8, -8, 9, 1, 0, 0, false},
    {"a gauge, the next step", 1, 1, 3, 9, 6, 6, 9, 22, 0, 0, false},
    {"two values at one time", 3, 0, 2, 1, 2, 1, 2, 3, 0, 0, false},
    {"one sample, with more places than it needs", 5, 3, 1, -15, -15, -15, -15, -15, 0, 1, true},
};
static const uint32_t cells_of_series[] = {3, 2, 0, 1, 0, 1};

static void build(struct sample_builder *builder, struct sample_rollups *out)
{
    sample_builder_init(builder, STEP, 40);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sample_builder_add(builder, rows[i].series, &rows[i].point);
    assert_true(sample_builder_end(builder, out));
}

static void test_cells(void **unused)
{
    struct sample_builder builder;
    struct sample_rollups built;

    (void)unused;
    build(&builder, &built);
    assert_int_equal(built.series_count, COUNT_OF(cells_of_series));
    for (uint32_t i = 0; i < built.series_count; i++)
        assert_int_equal(built.series[i].cell_count, cells_of_series[i]);
    assert_int_equal(built.cell_count, COUNT_OF(cell_cases));
    for (uint32_t i = 0; i < COUNT_OF(cell_cases); i++) {
        const struct cell_case *c = &cell_cases[i];
        const struct sample_sum *sum = &built.cells[i].sum;

        print_message("  %s\n", c->name);
        assert_in_range(i, built.series[c->series].first_cell,
                        built.series[c->series].first_cell + built.series[c->series].cell_count - 1);
        assert_int_equal(built.cells[i].slot, c->slot);
        assert_int_equal(sum->samples, c->samples);
        assert_int_equal(sum->first, c->first);
        assert_int_equal(sum->last, c->last);
        assert_int_equal(sum->min, c->min);
        assert_int_equal(sum->max, c->max);
        assert_int_equal(sum->sum, c->sum);
        assert_int_equal(sum->scale, c->scale);
        assert_int_equal(sum->grows, c->grows);
        if (c->grows)
            assert_int_equal(sum->dropped, c->dropped);
    }
    assert_int_equal(built.cells[0].sum.first_ns, 40 * STEP + 10 * SECOND);
    assert_int_equal(built.cells[0].sum.last_ns, 40 * STEP + 30 * SECOND);
    sample_builder_release(&builder);
}

/* 5.00 .. 0.50, 3.00, 3.01: a fall at 7.25 is inside, none between. */
static void test_append(void **unused)
{
    struct sample_builder builder;
    struct sample_rollups built;
    struct sample_sum sum;

    (void)unused;
    build(&builder, &built);
    sum = built.cells[0].sum;
    assert_true(sample_sum_append(&sum, &built.cells[1].sum));
    assert_true(sample_sum_append(&sum, &built.cells[2].sum));
    assert_int_equal(sum.samples, 5);
    assert_int_equal(sum.sum, 1275 + 300 + 301);
    assert_int_equal(sum.last - sum.first + sum.dropped, 225 + 50 + 250 + 1);
    /* The other way round 3.01 falls to 3.00. */
    sum = built.cells[2].sum;
    assert_true(sample_sum_append(&sum, &built.cells[1].sum));
    assert_int_equal(sum.last - sum.first + sum.dropped, 300);
    sum.sum = INT64_MAX;
    assert_false(sample_sum_append(&sum, &built.cells[1].sum));
    sample_builder_release(&builder);
}

static bool read_page(struct slice page, uint32_t series_count, struct arena *arena,
                      struct sample_rollups *out)
{
    struct sample_page opened;

    return sample_page_open(page, series_count, arena, &opened) &&
           sample_page_all(&opened, arena, out);
}

static void test_page(void **unused)
{
    struct sample_builder builder;
    struct sample_rollups built, read;
    struct buf page = buf_empty(ARENA_MAX);
    struct arena arena = arena_empty(ARENA_MAX);

    (void)unused;
    build(&builder, &built);
    assert_true(sample_rollups_encode(&built, &page));
    assert_true(read_page(buf_slice(&page), built.series_count, &arena, &read));
    assert_true(sample_rollups_equal(&built, &read));
    assert_false(read_page(buf_slice(&page), built.series_count - 1, &arena, &read));
    buf_release(&page);
    arena_release(&arena);
    sample_builder_release(&builder);
}

/* A page that is cut anywhere is refused; one with a changed byte is refused or read to its end. */
static void test_damage(void **unused)
{
    struct sample_builder builder;
    struct sample_rollups built, read;
    struct buf page = buf_empty(ARENA_MAX);

    (void)unused;
    build(&builder, &built);
    assert_true(sample_rollups_encode(&built, &page));
    for (size_t len = 0; len < page.len; len++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct arena arena = arena_empty(ARENA_MAX);

            page.data[len] = (char)(page.data[len] ^ 1 << bit);
            (void)read_page(buf_slice(&page), built.series_count, &arena, &read);
            page.data[len] = (char)(page.data[len] ^ 1 << bit);
            assert_false(read_page(slice_make(page.data, len), built.series_count, &arena, &read));
            arena_release(&arena);
        }
    }
    buf_release(&page);
    sample_builder_release(&builder);
}

/* 100 series of 20 cells: four chunks of 26 series, the first that have 512 cells or more. */
static void test_chunks(void **unused)
{
    struct sample_builder builder;
    struct sample_rollups built, read;
    struct sample_page opened;
    struct buf page = buf_empty(ARENA_MAX);
    struct arena arena = arena_empty(ARENA_MAX);

    (void)unused;
    sample_builder_init(&builder, STEP, 40);
    for (uint32_t series = 0; series < 100; series++)
        for (int64_t cell = 0; cell < 20; cell++) {
            struct sample_point point = {(40 + cell) * STEP, 0, series * cell};

            sample_builder_add(&builder, series, &point);
        }
    assert_true(sample_builder_end(&builder, &built));
    assert_true(sample_rollups_encode(&built, &page));
    assert_true(sample_page_open(buf_slice(&page), 100, &arena, &opened));
    assert_int_equal(opened.chunk_count, 4);
    assert_true(sample_page_all(&opened, &arena, &read));
    assert_true(sample_rollups_equal(&built, &read));
    assert_true(sample_page_chunk(&opened, &opened.chunks[1], &arena, &read));
    assert_int_equal(opened.chunks[1].first_series, 26);
    assert_int_equal(read.cells[read.series[3].first_cell + 7].sum.first, 29 * 7);
    buf_release(&page);
    arena_release(&arena);
    sample_builder_release(&builder);
}

static const struct order_case {
    const char *name;
    struct row rows[2];
} order_cases[] = {
    {"a series left out", {{0, {40 * STEP, 0, 1}}, {2, {40 * STEP, 0, 1}}}},
    {"a series that comes back", {{1, {40 * STEP, 0, 1}}, {0, {40 * STEP, 0, 1}}}},
    {"times that run back", {{0, {40 * STEP + 1, 0, 1}}, {0, {40 * STEP, 0, 1}}}},
};

static void test_order(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(order_cases); i++) {
        struct sample_builder builder;
        struct sample_rollups built;

        print_message("  %s\n", order_cases[i].name);
        sample_builder_init(&builder, STEP, 40);
        for (size_t k = 0; k < 2; k++)
            sample_builder_add(&builder, order_cases[i].rows[k].series,
                               &order_cases[i].rows[k].point);
        assert_false(sample_builder_end(&builder, &built));
        sample_builder_release(&builder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),  cmocka_unit_test(test_append), cmocka_unit_test(test_page),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_order), cmocka_unit_test(test_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
