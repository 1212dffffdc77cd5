/* tests/store/test_field_number.c -- durations written in other ways than as one number: their
 * column says what was written, whether it is read from numbers of slots or from texts. */
#include "store/field_number.h"
#include "store/segment.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATH "/one.seg"
enum { ROWS = 300 };

/* ---- ways to write a duration; each gives its nanoseconds, -1: none ---- */

static int64_t write_clock(uint32_t i, char *out, size_t size)
{
    uint32_t hours = i % 30, minutes = i * 7 % 60, seconds = i * 11 % 60,
             micros = i * 7919 % 1000000;

    (void)snprintf(out, size, "%u:%02u:%02u.%06u", hours, minutes, seconds, micros);
    return (int64_t)((hours * 60 + minutes) * 60 + seconds) * 1000000000 + (int64_t)micros * 1000;
}

static int64_t write_minutes(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%u:%02u", i, i * 13 % 60);
    return (int64_t)(i * 60 + i * 13 % 60) * 1000000000;
}

/* The fraction of a second is there or not: slots of two kinds. */
static int64_t write_mixed_clock(uint32_t i, char *out, size_t size)
{
    if (i % 3 == 0)
        return write_clock(i, out, size);
    (void)snprintf(out, size, "%u:%02u:%02u", i % 10, i % 60, i * 3 % 60);
    return (int64_t)((i % 10 * 60 + i % 60) * 60 + i * 3 % 60) * 1000000000;
}

static int64_t write_seconds(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%u.%03us", i % 40, i * 31 % 1000);
    return (int64_t)(i % 40) * 1000000000 + (int64_t)(i * 31 % 1000) * 1000000;
}

static int64_t write_apart(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%u.%u ms", i % 900, i % 10);
    return (int64_t)(i % 900) * 1000000 + (int64_t)(i % 10) * 100000;
}

static int64_t write_whole(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%uus", i * 17);
    return (int64_t)i * 17000;
}

/* Templates of one family that disagree in the unit. */
static int64_t write_two_units(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, i % 2 == 0 ? "%ums" : "%us", i);
    return (int64_t)i * (i % 2 == 0 ? 1000000 : 1000000000);
}

static int64_t write_unit_sometimes(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, i % 2 == 0 ? "%u" : "%us", i);
    return (int64_t)i * (i % 2 == 0 ? 1000000 : 1000000000); /* the field's own unit: ms */
}

static int64_t write_no_unit(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%uxy", i);
    return -1;
}

static int64_t write_below_zero(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, i % 2 == 0 ? "-%u:%02u" : "%u:%02u", i + 1, i % 60);
    return i % 2 == 0 ? -1 : (int64_t)((i + 1) * 60 + i % 60) * 1000000000;
}

static int64_t write_many_parts(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%u:%02u:%02u:%02u:%02u", i, i % 60, i % 60, i % 60, i % 60);
    return -1;
}

static int64_t write_sum(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%um%us", i % 50, i % 60);
    return (int64_t)(i % 50 * 60 + i % 60) * 1000000000;
}

/* More seconds than 292 years have: no nanoseconds in 64 bits. */
static int64_t write_too_long(uint32_t i, char *out, size_t size)
{
    (void)snprintf(out, size, "%u00000000:00:00", i + 1);
    return -1;
}

static const struct way {
    const char *name;
    int64_t (*write)(uint32_t i, char *out, size_t size);
} ways[] = {
    {"clock", write_clock},
    {"minutes and seconds", write_minutes},
    {"clock, fraction or not", write_mixed_clock},
    {"seconds", write_seconds},
    {"a blank before the unit", write_apart},
    {"whole microseconds", write_whole},
    {"two units", write_two_units},
    {"a unit or none", write_unit_sometimes},
    {"no unit", write_no_unit},
    {"below zero", write_below_zero},
    {"too many parts", write_many_parts},
    {"sum of units", write_sum},
    {"too long", write_too_long},
};

/* ---- into a segment and back ---- */

struct written {
    char lines[ROWS][96];
    struct event_field fields[ROWS];
    struct event events[ROWS];
    struct segment_row rows[ROWS];
    int64_t expected[ROWS];
};

static void fill(struct written *written, const struct way *way)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        char *line = written->lines[i], text[48];

        written->expected[i] = way->write(i, text, sizeof(text));
        (void)snprintf(line, sizeof(written->lines[i]), "task ended in %s rows=%u", text, i);
        written->fields[i] = (struct event_field){.field = FIELD_ID_DURATION,
                                                  .type = FIELD_DURATION,
                                                  .unit = UNIT_MILLISECONDS,
                                                  .start = 14,
                                                  .len = (uint32_t)strlen(text)};
        written->events[i] = (struct event){.time_ns = (int64_t)i * 1000000000,
                                            .bytes = slice_of(line),
                                            .offset = i * 100u,
                                            .source_len = (uint32_t)strlen(line) + 1,
                                            .field_count = 1,
                                            .fields = &written->fields[i]};
        written->rows[i] = (struct segment_row){.event = &written->events[i],
                                                .order_time_ns = written->events[i].time_ns,
                                                .sequence = i};
    }
}

static void check_block(const struct written *written, struct block *block)
{
    struct error err = {0};
    const uint64_t *sequences = block_sequences(block, &err);
    struct column column;

    assert_non_null(sequences);
    assert_int_equal(block_column(block, FIELD_ID_DURATION, false, &column, &err), STATUS_OK);
    assert_int_equal(column.kind, COLUMN_INT);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        bool there = column.present == NULL || bit_get(column.present, i);
        int64_t expected = written->expected[sequences[i]];

        assert_int_equal(there, expected >= 0);
        if (there)
            assert_int_equal(column.ints[i], expected);
    }
}

static uint32_t check_segment(const struct written *written, struct io *io,
                              struct segment_names *names)
{
    struct scan_options options = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
    struct scan_cost cost = {0};
    struct error err = {0};
    struct segment *segment;
    struct segment_plan *plan;
    uint32_t rows = 0;

    assert_int_equal(segment_open(io, PATH, names, &segment, &err), STATUS_OK);
    assert_int_equal(segment_plan_make(segment, &options, &plan, &err), STATUS_OK);
    for (uint32_t i = 0; i < segment_block_count(segment); i++) {
        struct block *block;

        assert_int_equal(segment_block(segment, plan, i, &cost, &block, &err), STATUS_OK);
        check_block(written, block);
        rows += block_row_count(block);
        block_release(block);
    }
    segment_plan_free(plan);
    segment_close(segment);
    return rows;
}

static void check_way(const struct way *way, struct segment_names *names)
{
    const struct event_source source = {.geo = SLICE_LITERAL("eu"),
                                        .host = SLICE_LITERAL("web1"),
                                        .role = SLICE_LITERAL("task"),
                                        .path = SLICE_LITERAL("/var/log/x")};
    const struct slice format = SLICE_LITERAL("celery");
    static struct written written;
    struct sim_io *sim = sim_io_new(1);
    struct segment_content content = {.rows = written.rows,
                                      .row_count = ROWS,
                                      .sources = &source,
                                      .source_count = 1,
                                      .formats = &format,
                                      .format_count = 1,
                                      .names = names};
    struct segment_summary summary;
    struct error err = {0};
    uint32_t rows;

    fill(&written, way);
    assert_int_equal(segment_write(sim_io_table(sim), PATH, &content, &summary, &err), STATUS_OK);
    rows = check_segment(&written, sim_io_table(sim), names);
    assert_int_equal(rows, ROWS);
    sim_io_free(sim);
}

static void test_ways(void **unused)
{
    struct test_names names;

    (void)unused;
    test_names_init(&names);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        print_message("  %s\n", ways[i].name);
        check_way(&ways[i], &names.segment);
    }
    test_names_release(&names);
}

/* ---- forms ---- */

static const struct form_case {
    const char *name, *literals;
    uint32_t gap_ends[4];
    uint32_t begin_offset, end_offset;
    uint16_t begin_gap, end_gap;
    uint8_t type;
    enum field_number_form form;
} form_cases[] = {
    {"one slot", "in  ", {3, 4}, 3, 0, 0, 1, FIELD_DURATION, FIELD_NUMBER_SLOT},
    {"with a unit", "in s ", {3, 5}, 3, 1, 0, 1, FIELD_DURATION, FIELD_NUMBER_UNIT},
    {"a size with a unit", "in s ", {3, 5}, 3, 1, 0, 1, FIELD_BYTES, FIELD_NUMBER_NONE},
    {"something before it", "in s ", {3, 5}, 2, 1, 0, 1, FIELD_DURATION, FIELD_NUMBER_NONE},
    {"clock", "in :: ", {3, 4, 5, 6}, 3, 0, 0, 3, FIELD_DURATION, FIELD_NUMBER_CLOCK},
    {"clock of points", "in .: ", {3, 4, 5, 6}, 3, 0, 0, 3, FIELD_DURATION, FIELD_NUMBER_NONE},
    {"clock and a blank", "in :: ", {3, 4, 5, 6}, 3, 1, 0, 3, FIELD_DURATION, FIELD_NUMBER_NONE},
    {"no slot", "in  ", {3, 4}, 1, 2, 0, 0, FIELD_DURATION, FIELD_NUMBER_NONE},
};

static void test_forms(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(form_cases); i++) {
        const struct form_case *c = &form_cases[i];
        struct field_number number =
            field_number_begin(c->begin_gap, c->end_gap, c->type, UNIT_SECONDS);
        struct field_cut cut = {c->literals, c->gap_ends, c->begin_offset, c->end_offset};

        print_message("  %s\n", c->name);
        field_number_join(&number, &cut);
        field_number_join(&number, &cut); /* a second template that agrees */
        assert_int_equal(number.form, c->form);
    }
}

static void check_round(double value)
{
    if (value >= 0 && value < 9.2e18 && slot_number_round(value) != llround(value))
        fail_msg("%a: %lld", value, (long long)slot_number_round(value));
}

/* The C library's llround() says what is right. */
static void test_round(void **unused)
{
    uint64_t random = 1;

    (void)unused;
    for (int exponent = -1074; exponent < 63; exponent++)
        for (int step = -9; step <= 9; step++) {
            double value = ldexp(1, exponent) + step * 0.5;

            check_round(value);
            check_round(nextafter(value, 0));
            check_round(nextafter(value, INFINITY));
        }
    for (int i = 0; i < 1000000; i++) {
        double value;

        random = random * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
        value = ldexp((double)(random >> 11), (int)(random % 75) - 64);
        check_round(value);
        check_round(floor(value) + 0.5);
        check_round((double)(random >> 40) / (double)powers_of_ten[random % 10] * 1e6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
