/* tests/query/test_ordered_scan.c -- more overlapping blocks than a query has memory for: old files of
 * many sources that were stored at once. Rows are read in slices of time; each must come once, in order. */
#include "tests/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND_NS 1000000000LL

enum {
    SOURCES = 400,
    ROWS_PER_SOURCE = 300,
    ROWS = SOURCES * ROWS_PER_SOURCE,
    LITTLE_SIZE = 2 << 20, /* of a query: twice as much holds the order of all rows, but not their lines */
};

static struct fixture fixture;

static void on_durable(void *user, enum status status, const struct error *err)
{
    bool *durable = user;

    (void)err;
    assert_int_equal(status, STATUS_OK);
    *durable = true;
}

/* Row i of each source is of second i / 2: every time stands in all sources, and twice in each. */
static void append_source(unsigned number)
{
    static struct event events[ROWS_PER_SOURCE];
    static char lines[ROWS_PER_SOURCE][80];
    char path[40];
    struct event_source source = {
        .id = {.shipper = {1}, .generation = {(uint8_t)number, (uint8_t)(number >> 8), 1}},
        .geo = SLICE_LITERAL("eu"),
        .host = SLICE_LITERAL("web1"),
        .role = SLICE_LITERAL("web"),
    };
    struct slice format = SLICE_LITERAL("text");
    struct watermark watermark = {.id = source.id};
    struct batch batch = {.sources = &source, .source_count = 1, .formats = &format,
                          .format_count = 1, .events = events, .event_count = ROWS_PER_SOURCE,
                          .watermarks = &watermark, .watermark_count = 1};
    struct error err = {0};
    bool durable = false;
    uint64_t offset = 0;

    (void)snprintf(path, sizeof(path), "/var/log/app%u.log", number);
    source.path = slice_of(path);
    for (unsigned i = 0; i < ROWS_PER_SOURCE; i++) {
        (void)snprintf(lines[i], sizeof(lines[i]), "source %u row %u of %u %u %u %u", number, i,
                       number * 7, i * 11, number + i, number * i);
        events[i] = (struct event){.time_ns = FIXTURE_TIME_NS + i / 2 * SECOND_NS,
                                   .bytes = slice_of(lines[i]),
                                   .offset = offset,
                                   .source_len = (uint32_t)strlen(lines[i]) + 1,
                                   .level = LEVEL_INFO};
        offset += events[i].source_len;
    }
    watermark.durable_offset = offset;
    if (store_append(fixture.store, store_shard_of(fixture.store, &source.id), &batch, on_durable,
                     &durable, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
    while (!durable && store_step(fixture.store, &err) == STATUS_OK)
        continue;
    assert_true(durable);
}

static int make(void **unused)
{
    struct store_options options = {.dir = "/store", .shard_count = 2, .manual = true,
                                    .free_bytes_min = 4096};
    struct error err = {0};

    (void)unused;
    fixture.sim = sim_io_new(1);
    options.io = sim_io_table(fixture.sim);
    if (store_open(&options, &fixture.store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    for (unsigned number = 0; number < SOURCES; number++)
        append_source(number);
    if (store_seal(fixture.store, &err) != STATUS_OK)
        fail_msg("seal: %s", err.message);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

/* The row that a line names: 0 to ROWS - 1. */
static uint32_t row_of(const char *text, unsigned *second)
{
    const char *at = strstr(text, "source ");
    unsigned number, row;

    assert_non_null(at);
    assert_int_equal(sscanf(at, "source %u row %u", &number, &row), 2);
    assert_true(number < SOURCES && row < ROWS_PER_SOURCE);
    *second = row / 2;
    return number * ROWS_PER_SOURCE + row;
}

/* Each row once, seconds in order, and the two rows of a second and source in that of their file. */
static void check_rows(const struct answer *answer, bool newest_first)
{
    static bool seen[ROWS];
    unsigned last = newest_first ? UINT32_MAX : 0;

    memset(seen, 0, sizeof(seen));
    assert_int_equal(answer->count, ROWS);
    for (uint32_t i = 0; i < answer->count; i++) {
        unsigned second;
        uint32_t row = row_of(answer->rows[i], &second);

        assert_false(seen[row]);
        seen[row] = true;
        assert_true(newest_first ? second <= last : second >= last);
        last = second;
        if (row % 2 == (newest_first ? 0 : 1))
            assert_true(seen[row ^ 1]);
    }
}

static const struct order_case {
    const char *name, *text;
    bool newest_first;
    unsigned workers;
} order_cases[] = {
    {"oldest first", "* | fields _msg", false, 0},
    {"oldest first, one thread", "* | fields _msg", false, 1},
    {"newest first", "* | fields _msg", true, 0},
    {"all fields", "*", false, 0},
    {"a filter of rows", "row | sort by (_time desc) | fields _msg", true, 1},
};

static void test_order(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(order_cases); i++) {
        const struct order_case *c = &order_cases[i];
        struct query_options options = {.order = c->newest_first ? QUERY_NEWEST : QUERY_OLDEST,
                                        .workers = c->workers,
                                        .memory_max = LITTLE_SIZE};
        struct answer answer;

        print_message("  %s\n", c->name);
        answer_of(&fixture, c->text, &options, &answer);
        check_rows(&answer, c->newest_first);
        assert_true(answer.end.rows_scanned > ROWS); /* some blocks were opened again */
        assert_int_equal(answer.end.rows_matched, ROWS);
        answer_free(&answer);
    }
}

/* With memory for all of them nothing is read twice. */
static void test_plenty(void **unused)
{
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | fields _msg", NULL, &answer);
    check_rows(&answer, false);
    assert_int_equal(answer.end.rows_scanned, ROWS);
    answer_free(&answer);
}

/* A limit ends the answer in the middle of a slice. */
static void test_limit(void **unused)
{
    struct query_options options = {.memory_max = LITTLE_SIZE};
    struct answer answer;

    (void)unused;
    answer_of(&fixture, "* | limit 70000 | fields _msg", &options, &answer);
    assert_int_equal(answer.count, 70000);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_plenty),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
