/* tests/store/test_inspect.c -- every byte of a file is in exactly one part. */
#include "store/inspect.h"

#include "tests/store/segment_rows.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t sum_of(const struct inspection *in, enum inspect_group first,
                       enum inspect_group last)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < in->part_count; i++)
        if (in->parts[i].group >= first && in->parts[i].group <= last)
            sum += in->parts[i].bytes;
    return sum;
}

static const struct inspect_case {
    const char *name;
    struct segment_rows_options options;
} inspect_cases[] = {
    {"one kind", {.seed = 1, .count = 5000, .kind_count = 1}},
    {"all kinds, damaged lines", {.seed = 2, .count = 9000, .kind_count = 20, .faults = true}},
    {"lines kept as text", {.seed = 3, .count = 7, .kind_count = 9}},
};

static void test_every_byte(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(inspect_cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct segment_rows rows;
        struct segment_summary summary;
        struct inspection in;
        struct error err = {0};

        print_message("  %s\n", inspect_cases[i].name);
        segment_rows_init(&rows, &inspect_cases[i].options);
        assert_int_equal(segment_write(sim_io_table(sim), "/one.seg", &rows.content, &summary, &err),
                         STATUS_OK);
        assert_int_equal(store_inspect(sim_io_table(sim), "/one.seg", &in, &err), STATUS_OK);
        assert_int_equal(in.segments, 1);
        assert_int_equal(in.rows, inspect_cases[i].options.count);
        assert_int_equal(in.raw_bytes, summary.raw_bytes);
        assert_int_equal(in.file_bytes, summary.file_bytes);
        assert_int_equal(sum_of(&in, INSPECT_ROWS, INSPECT_SHARED), summary.file_bytes);
        assert_int_equal(sum_of(&in, INSPECT_FIELD, INSPECT_FIELD),
                         sum_of(&in, INSPECT_FORMAT, INSPECT_FORMAT));
        inspection_release(&in);
        segment_rows_release(&rows);
        sim_io_free(sim);
    }
}

static void test_damage(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct inspection in;
    struct error err = {0};

    (void)unused;
    assert_int_equal(store_inspect(sim_io_table(sim), "/none.seg", &in, &err), STATUS_NOT_FOUND);
    inspection_release(&in);
    assert_int_equal(store_inspect(sim_io_table(sim), "/none", &in, &err), STATUS_NOT_FOUND);
    inspection_release(&in);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
