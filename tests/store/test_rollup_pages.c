/* tests/store/test_rollup_pages.c -- pages of rollups: what was written is read, and damage is
 * found; what two families have is added up; values are counted by bucket. */
#include "store/rollup_buckets.h"
#include "store/rollup_encode.h"
#include "store/rollup_merge.h"
#include "store/rollup_sums.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20 };

static const struct rollup_bounds bounds = {
    .families = 8, .origins = 8, .formats = 8, .streams = true, .bunches = true};

/* Steps and values on both sides of what one byte has room for: 7 and 31. */
static const struct rollup_bucket buckets[] = {
    {0, 5},       {40, 1},   {41, 31},   {42, 32},  {43, 33},   {50, 1},
    {58, 100000}, {66, 2},   {67, 2},    {68, 3},   {20000, 1}, {65535, 1}, /* the first cell */
    {1000, 1},                                                              /* the second */
    {999, 1},     {1007, 4}, {1015, 31}, {1023, 1},                         /* the third */
};

static const struct rollup_value cells[] = {
    {.family = 2,
     .origin = 1,
     .slot = 0,
     .first_bucket = 0,
     .bucket_count = 12,
     .values = 100112,
     .sum = 1000000000000,
     .min = 0,
     .max = INT64_MAX},
    {.family = 2,
     .origin = 7,
     .slot = 3,
     .first_bucket = 12,
     .bucket_count = 1,
     .values = 1,
     .sum = 7,
     .min = 7,
     .max = 7},
    {.family = 5,
     .origin = 0,
     .slot = 65535,
     .first_bucket = 13,
     .bucket_count = 4,
     .values = 37,
     .sum = 0,
     .min = 0,
     .max = 0},
};
static const uint32_t families[] = {2, 7, 1, 5};
static const uint32_t leaders[] = {2, 2, 2, 5};

static const struct rollup_values values = {.first_slot = -3,
                                            .families = families,
                                            .leaders = leaders,
                                            .cells = cells,
                                            .buckets = buckets,
                                            .family_count = 4,
                                            .cell_count = 3,
                                            .bucket_count = 17};

static void test_values(void **unused)
{
    struct buf page = buf_empty(ARENA_MAX);
    struct arena arena = arena_empty(ARENA_MAX);
    struct rollup_values got;

    (void)unused;
    assert_true(rollup_values_encode(&values, &page));
    assert_true(rollup_values_decode(buf_slice(&page), &bounds, &arena, &got));
    assert_int_equal(got.first_slot, values.first_slot);
    assert_int_equal(got.cell_count, values.cell_count);
    assert_int_equal(got.bucket_count, values.bucket_count);
    assert_memory_equal(got.families, families, sizeof(families));
    assert_memory_equal(got.leaders, leaders, sizeof(leaders));
    assert_memory_equal(got.buckets, buckets, sizeof(buckets));
    for (uint32_t i = 0; i < got.cell_count; i++) {
        assert_int_equal(got.cells[i].family, cells[i].family);
        assert_int_equal(got.cells[i].origin, cells[i].origin);
        assert_int_equal(got.cells[i].slot, cells[i].slot);
        assert_int_equal(got.cells[i].values, cells[i].values);
        assert_int_equal(got.cells[i].sum, cells[i].sum);
        assert_int_equal(got.cells[i].min, cells[i].min);
        assert_int_equal(got.cells[i].max, cells[i].max);
        assert_int_equal(got.cells[i].first_bucket, cells[i].first_bucket);
        assert_int_equal(got.cells[i].bucket_count, cells[i].bucket_count);
    }
    buf_release(&page);
    arena_release(&arena);
}

/* A page that is cut anywhere is refused; one with a changed byte is refused or read to its end. */
static void test_damaged_values(void **unused)
{
    struct buf page = buf_empty(ARENA_MAX);
    struct rollup_values got;

    (void)unused;
    assert_true(rollup_values_encode(&values, &page));
    for (size_t len = 0; len < page.len; len++) {
        struct arena arena = arena_empty(ARENA_MAX);

        assert_false(rollup_values_decode(slice_make(page.data, len), &bounds, &arena, &got));
        page.data[len] ^= 0x15;
        (void)rollup_values_decode(buf_slice(&page), &bounds, &arena, &got);
        page.data[len] ^= 0x15;
        arena_release(&arena);
    }
    buf_release(&page);
}

static const struct rollup_bunch bunches[] = {
    {.format = 3,
     .tenants = true,
     .first_family = 0,
     .family_count = 2,
     .first_field = 0,
     .field_count = 2,
     .first_cell = 0,
     .cell_count = 3,
     .first_sum = 0},
    {.format = 1,
     .tenants = false,
     .first_family = 2,
     .family_count = 1,
     .first_field = 2,
     .field_count = 0,
     .first_cell = 3,
     .cell_count = 1,
     .first_sum = 6},
};
static const uint32_t sum_families[] = {7, 0, 4};
static const field_id sum_fields[] = {5, 2};
static const struct rollup_sum_cell sum_cells[] = {
    {.group = 0, .slot = 0, .tenant = 2, .rows = 3},
    {.group = 0, .slot = 1, .tenant = 1, .rows = 4000000000},
    {.group = 6, .slot = 0, .tenant = 9, .rows = 1},
    {.group = 2, .slot = 95, .tenant = ROLLUP_NO_TENANT, .rows = 12},
};
static const struct rollup_sum sum_values[] = {
    {3, 5000000},   {3999999999, 9223372036854000000},
    {0, 0}, /* all divide by 10^6 */
    {2, 17},        {0, 0},
    {1, INT64_MAX},
};

static const struct rollup_sums sums = {.first_slot = 1967000,
                                        .bunches = bunches,
                                        .families = sum_families,
                                        .fields = sum_fields,
                                        .cells = sum_cells,
                                        .sums = sum_values,
                                        .bunch_count = 2,
                                        .family_count = 3,
                                        .field_count = 2,
                                        .cell_count = 4,
                                        .sum_count = 6};

static const struct rollup_sums_bounds sums_bounds = {
    .families = 8, .groups = 8, .formats = 8, .fields = 8, .tenants = 9};

static void test_sums(void **unused)
{
    struct buf page = buf_empty(ARENA_MAX);
    struct arena arena = arena_empty(ARENA_MAX);
    struct rollup_sums got;

    (void)unused;
    assert_true(rollup_sums_encode(&sums, &page));
    assert_true(rollup_sums_decode(buf_slice(&page), &sums_bounds, &arena, &got));
    assert_int_equal(got.first_slot, sums.first_slot);
    assert_int_equal(got.bunch_count, sums.bunch_count);
    assert_int_equal(got.sum_count, sums.sum_count);
    for (uint32_t i = 0; i < got.bunch_count; i++) {
        assert_int_equal(got.bunches[i].format, bunches[i].format);
        assert_int_equal(got.bunches[i].tenants, bunches[i].tenants);
        assert_int_equal(got.bunches[i].family_count, bunches[i].family_count);
        assert_int_equal(got.bunches[i].first_sum, bunches[i].first_sum);
    }
    assert_memory_equal(got.families, sum_families, sizeof(sum_families));
    assert_memory_equal(got.fields, sum_fields, sizeof(sum_fields));
    assert_memory_equal(got.cells, sum_cells, sizeof(sum_cells));
    assert_memory_equal(got.sums, sum_values, sizeof(sum_values));
    buf_release(&page);
    arena_release(&arena);
}

/* Every number of a page is held against what it counts or points to. */
static void test_bounds_of_sums(void **unused)
{
    static const struct rollup_sums_bounds smaller[] = {
        {.families = 7, .groups = 8, .formats = 8, .fields = 8, .tenants = 9},
        {.families = 8, .groups = 6, .formats = 8, .fields = 8, .tenants = 9},
        {.families = 8, .groups = 8, .formats = 3, .fields = 8, .tenants = 9},
        {.families = 8, .groups = 8, .formats = 8, .fields = 5, .tenants = 9},
        {.families = 8, .groups = 8, .formats = 8, .fields = 8, .tenants = 8},
    };
    struct buf page = buf_empty(ARENA_MAX);
    struct rollup_sums got;

    (void)unused;
    assert_true(rollup_sums_encode(&sums, &page));
    for (size_t i = 0; i < COUNT_OF(smaller); i++) {
        struct arena arena = arena_empty(ARENA_MAX);

        assert_false(rollup_sums_decode(buf_slice(&page), &smaller[i], &arena, &got));
        arena_release(&arena);
    }
    buf_release(&page);
}

/* Buckets of two families, one behind the other, and of both. */
enum { MERGED_MAX = 5 };

static const struct merge_case {
    const char *name;
    struct rollup_bucket parts[MERGED_MAX], sum[MERGED_MAX];
    uint32_t first_count, second_count, sum_count;
} merge_cases[] = {
    {"none", {{0, 0}}, {{0, 0}}, 0, 0, 0},
    {"zeros only", {{0, 5}, {0, 7}}, {{0, 12}}, 1, 1, 1},
    {"one has none", {{32736, 3}}, {{32736, 3}}, 0, 1, 1},
    {"zeros in the first",
     {{0, 5}, {32736, 2}, {32740, 1}, {32737, 4}, {32740, 6}},
     {{0, 5}, {32736, 2}, {32737, 4}, {32740, 7}},
     3, 2, 4},
    {"zeros in the second",
     {{32740, 1}, {0, 9}, {32738, 2}},
     {{0, 9}, {32738, 2}, {32740, 1}},
     1, 2, 3},
    {"the lowest and the highest",
     {{1, 5}, {65535, 1}, {0, 1}, {1, 1}, {65535, 2}},
     {{0, 1}, {1, 6}, {65535, 3}},
     2, 3, 3},
};

static void test_merge(void **unused)
{
    static const uint32_t kinds[] = {3, 3}, both[] = {0, 1};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(merge_cases); i++) {
        const struct merge_case *c = &merge_cases[i];
        const struct rollup_value parts[] = {
            {.family = 0, .bucket_count = c->first_count, .values = 1},
            {.family = 1,
             .first_bucket = c->first_count,
             .bucket_count = c->second_count,
             .values = 1},
        };
        struct rollup_values from = {.families = both,
                                     .cells = parts,
                                     .buckets = c->parts,
                                     .family_count = 2,
                                     .cell_count = 2,
                                     .bucket_count = c->first_count + c->second_count};
        struct arena arena = arena_empty(4 * ARENA_MAX);
        struct rollup_values got;

        print_message("  %s\n", c->name);
        assert_true(rollup_values_merge(&from, kinds, true, &arena, &got));
        assert_int_equal(got.cell_count, 1);
        assert_int_equal(got.cells[0].bucket_count, c->sum_count);
        assert_int_equal(got.bucket_count, c->sum_count);
        assert_memory_equal(got.buckets, c->sum, c->sum_count * sizeof(*c->sum));
        arena_release(&arena);
    }
}

/* Counted in the order of values, taken in that of cells and buckets; twice, as two families are. */
static void test_buckets(void **state)
{
    enum { CELL_COUNT = 60, NEAR = 90, VALUE_COUNT = 60000 };
    static uint16_t expected[CELL_COUNT][ROLLUP_BUCKETS_MAX];
    static struct rollup_bucket got[ROLLUP_BUCKETS_MAX];
    static uint64_t scratch[2 * VALUE_COUNT];
    struct test_random random = {.state = 3};
    struct rollup_buckets counted = {0};

    (void)state;
    for (int family = 0; family < 2; family++) {
        uint32_t at = 0, distinct = 0;

        memset(expected, 0, sizeof(expected));
        rollup_buckets_reset(&counted);
        for (int i = 0; i < VALUE_COUNT; i++) {
            uint32_t cell = (uint32_t)test_random_below(&random, CELL_COUNT), bucket;

            bucket = cell * 1080 + (uint32_t)test_random_below(&random, NEAR);
            if (i % 64 == 0)
                bucket = i % 128 == 0 ? 0 : ROLLUP_BUCKETS_MAX - 1;
            distinct += expected[cell][bucket]++ == 0;
            rollup_buckets_add(&counted, (uint64_t)cell << 16 | 7, bucket);
        }
        assert_int_equal(counted.count, distinct);
        assert_false(rollup_buckets_full(&counted));
        rollup_buckets_sort(&counted, scratch);
        for (uint32_t cell = 0; cell < CELL_COUNT; cell++) {
            uint32_t count = rollup_buckets_take(&counted, (uint64_t)cell << 16 | 7, &at, got);

            for (uint32_t bucket = 0, next = 0; bucket < ROLLUP_BUCKETS_MAX; bucket++)
                if (expected[cell][bucket] != 0) {
                    assert_true(next < count);
                    assert_int_equal(got[next].bucket, bucket);
                    assert_int_equal(got[next++].values, expected[cell][bucket]);
                }
            for (uint32_t i = 0; i < count; i++)
                assert_int_not_equal(expected[cell][got[i].bucket], 0);
            distinct -= count;
        }
        assert_int_equal(distinct, 0);
    }
    rollup_buckets_release(&counted);
}

/* Each bucket of a few cells: one more than are kept. */
static void test_too_many_buckets(void **state)
{
    struct rollup_buckets counted = {0};

    (void)state;
    for (uint32_t i = 0; i < ROLLUP_BUCKETS_KEPT_MAX; i++)
        rollup_buckets_add(&counted, i / ROLLUP_BUCKETS_MAX, i % ROLLUP_BUCKETS_MAX);
    assert_false(rollup_buckets_full(&counted));
    rollup_buckets_add(&counted, 9, 0);
    assert_true(rollup_buckets_full(&counted));
    rollup_buckets_reset(&counted);
    assert_false(rollup_buckets_full(&counted));
    rollup_buckets_release(&counted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_damaged_values),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_bounds_of_sums),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_too_many_buckets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
