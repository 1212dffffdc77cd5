/* tests/store/test_store.c -- the facade: what is acknowledged is there, after a restart and after a
 * seal, once and in order. */
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum stage { IN_HEAD, REPLAYED, SEALED, SEALED_REOPENED };

static void test_rows_survive(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    for (enum stage stage = IN_HEAD; stage <= SEALED_REOPENED; stage++) {
        print_message("  stage %d\n", (int)stage);
        if (stage == SEALED)
            assert_int_equal(store_seal(store, &err), STATUS_OK);
        if (stage == REPLAYED || stage == SEALED_REOPENED) {
            store_close(store);
            sim_io_crash(sim, SIM_CRASH_ALL_LOST);
            store = fixture_open(sim);
        }
        fixture_check_six(store);
    }
    store_close(store);
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
}

/* ---- order, fields ---- */

static void test_backward_times_keep_file_order(void **unused)
{
    static const char *const lines[] = {"100 a", "200 b", "300 c", "400 d"};
    static const int64_t times[] = {50, 40, 60, 10};
    static const int64_t orders[] = {50, 50, 60, 60}; /* never below the row before */
    struct fixture_batch batch = {.source = 1, .lines = lines, .times = times, .count = 4};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
    for (int sealed = 0; sealed < 2; sealed++) {
        struct fixture_rows rows = fixture_scan(store, NULL, false);

        fixture_check_lines(&rows, lines, 4);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(rows.orders[i], orders[i]);
        fixture_rows_free(&rows);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    store_close(store);
    store = fixture_open(sim);
    /* The order time goes on where it stood, also after a seal and a restart. */
    batch = (struct fixture_batch){
        .source = 1, .lines = lines, .times = times + 3, .count = 1, .offset = 24};
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
    {
        struct fixture_rows rows = fixture_scan(store, NULL, false);

        assert_int_equal(rows.count, 5);
        assert_int_equal(rows.orders[4], 60);
        assert_string_equal(rows.lines[4], "100 a");
        fixture_rows_free(&rows);
    }
    store_close(store);
    sim_io_free(sim);
}

static const struct filter_case {
    const char *name;
    struct predicate predicate;
    const char *expected; /* first bytes of the lines, blank-separated */
} filter_cases[] = {
    {"substring of the line", {.kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_SUBSTRING,
                               .text = {"POST", 4}}, "503 "},
    {"number range", {.kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 400, .high = 1e9},
     "404 503 "},
    {"open bound", {.kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 404, .low_open = true,
                    .high = 1e9}, "503 "},
    {"exact text of a number", {.kind = PRED_TEXT, .field = FIELD_ID_STATUS, .match = TEXT_EXACT,
                                .text = {"404", 3}}, "404 "},
    {"computed field", {.kind = PRED_TEXT, .field = FIELD_ID_TENANT, .match = TEXT_EXACT,
                        .text = {"acme", 4}}, "200 404 503 "},
    {"field of the source", {.kind = PRED_TEXT, .field = FIELD_ID_HOST, .match = TEXT_EXACT,
                             .text = {"web1", 4}}, "200 404  503 "},
    {"exists", {.kind = PRED_EXISTS, .field = FIELD_ID_STATUS}, "200 404 503 "},
    {"field that nobody has", {.kind = PRED_EXISTS, .field = FIELD_ID_AGENT}, ""},
    {"length", {.kind = PRED_LENGTH, .field = FIELD_ID_MSG, .low = 0, .high = 10}, "200 404  "},
    {"levels by severity", {.kind = PRED_RANGE, .field = FIELD_ID_LEVEL, .low = 0, .high = 6},
     "200 404  503 "},
    {"levels above", {.kind = PRED_RANGE, .field = FIELD_ID_LEVEL, .low = 0, .high = 5}, ""},
};

static void check_filter(struct store *store, const struct predicate *predicate,
                         const char *expected)
{
    struct fixture_rows rows = fixture_scan(store, predicate, false);
    char got[100] = "";

    for (uint32_t i = 0; i < rows.count; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.3s ", rows.lines[i]);
    assert_string_equal(got, expected);
    fixture_rows_free(&rows);
}

/* In the head and in a segment alike; and NOT gives the other rows. */
static void test_filters(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    for (int sealed = 0; sealed < 2; sealed++) {
        for (size_t i = 0; i < COUNT_OF(filter_cases); i++) {
            const struct predicate *child = &filter_cases[i].predicate;
            struct predicate not = {.kind = PRED_NOT, .children = &child, .child_count = 1};
            struct fixture_rows rows, others;

            print_message("  %s, %s\n", filter_cases[i].name, sealed ? "segment" : "head");
            check_filter(store, child, filter_cases[i].expected);
            rows = fixture_scan(store, child, false);
            others = fixture_scan(store, &not, false);
            assert_int_equal(rows.count + others.count, 4);
            fixture_rows_free(&rows);
            fixture_rows_free(&others);
        }
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    store_close(store);
    sim_io_free(sim);
}

static void test_tree(void **unused)
{
    struct predicate post = filter_cases[0].predicate, large = filter_cases[1].predicate;
    const struct predicate *children[] = {&post, &large};
    struct predicate both = {.kind = PRED_AND, .children = children, .child_count = 2};
    struct predicate any = {.kind = PRED_OR, .children = children, .child_count = 2};
    struct predicate all = {.kind = PRED_AND}, none = {.kind = PRED_OR};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    check_filter(store, &both, "503 ");
    check_filter(store, &any, "404 503 ");
    check_filter(store, &all, "200 404  503 ");
    check_filter(store, &none, "");
    store_close(store);
    sim_io_free(sim);
}

/* ---- open events ---- */

struct open_seen {
    uint32_t count;
    char text[64];
};

static void on_open(void *user, const struct event_source *from, struct slice format,
                    const struct event *event)
{
    struct open_seen *seen = user;

    (void)format;
    assert_int_equal(from->id.generation[0], 1);
    seen->count++;
    (void)snprintf(seen->text, sizeof(seen->text), "%.*s", SLICE_ARG(event->bytes));
}

static void append_open(struct store *store, uint64_t offset, const char *open)
{
    static const char *const line[] = {"200 x"};
    struct fixture_batch batch = {
        .source = 1, .lines = line, .count = 1, .offset = offset, .open = open};
    struct error err = {0};

    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
}

static void check_open(struct store *store, uint32_t count, const char *text)
{
    struct open_seen seen = {0};
    struct fixture_rows with = fixture_scan(store, NULL, true);
    struct fixture_rows without = fixture_scan(store, NULL, false);

    store_open_events(store, on_open, &seen);
    assert_int_equal(seen.count, count);
    assert_string_equal(seen.text, text);
    assert_int_equal(with.count, without.count + count);
    fixture_rows_free(&with);
    fixture_rows_free(&without);
}

static void test_open_events(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    append_open(store, 0, "Traceback");
    check_open(store, 1, "Traceback");
    append_open(store, 16, "Traceback\n  File");
    check_open(store, 1, "Traceback\n  File"); /* replaced, not added */
    for (int i = 0; i < 3; i++) { /* carried over seals and restarts */
        fixture_append_lines(store, 2, fixture_first_lines, 4, (uint64_t)i * 35);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        check_open(store, 1, "Traceback\n  File");
        store_close(store);
        sim_io_crash(sim, SIM_CRASH_ALL_LOST);
        store = fixture_open(sim);
        check_open(store, 1, "Traceback\n  File");
    }
    append_open(store, 40, NULL);
    check_open(store, 0, "");
    store_close(store);
    store = fixture_open(sim);
    check_open(store, 0, "");
    store_close(store);
    sim_io_free(sim);
}

/* An event that stays open for hours must not keep old WAL files. */
static void test_open_event_does_not_hold_the_wal(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct store_stats stats;
    struct error err = {0};

    (void)unused;
    append_open(store, 0, "Traceback");
    for (uint32_t i = 0; i < 40; i++) {
        static char big[8192];
        const char *line = big;

        memset(big, 'x', sizeof(big) - 1);
        fixture_append_lines(store, 2, &line, 1, (uint64_t)i * 8192);
        fixture_append_lines(store, 2, &line, 1, (uint64_t)i * 8192 + 4096);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    store_stats(store, &stats);
    assert_true(stats.wal_bytes <= 4 * (64 << 10)); /* current, spares, and one about to go */
    check_open(store, 1, "Traceback");
    store_close(store);
    sim_io_free(sim);
}

/* ---- retention ---- */

static void test_retention_by_age(void **unused)
{
    static const char *const lines[] = {"200 old", "200 new"};
    static const int64_t day = 86400LL * 1000000000;
    const int64_t times[] = {FIXTURE_TIME_NS - 5 * day, FIXTURE_TIME_NS};
    struct fixture_batch batch = {.source = 1, .lines = lines, .times = times, .count = 2};
    struct store_options options;
    struct sim_io *sim = sim_io_new(1);
    struct store *store;
    struct fixture_rows rows;
    struct store_stats stats;
    struct error err = {0};

    (void)unused;
    options = fixture_options(sim);
    options.retention_ns = 3 * day;
    sim_io_set_wall(sim, FIXTURE_TIME_NS);
    assert_int_equal(store_open(&options, &store, &err), STATUS_OK);
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
    assert_int_equal(store_seal(store, &err), STATUS_OK); /* two days: two segments, one goes */
    rows = fixture_scan(store, NULL, false);
    fixture_check_lines(&rows, lines + 1, 1);
    fixture_rows_free(&rows);
    store_stats(store, &stats);
    assert_int_equal(stats.rows_too_old, 1); /* the row of five days ago */
    sim_io_set_wall(sim, FIXTURE_TIME_NS + 4000 * day); /* a clock that jumped wipes nothing */
    fixture_settle(store);
    store_stats(store, &stats);
    assert_int_equal(stats.rows, 1);
    sim_io_set_wall(sim, FIXTURE_TIME_NS + 4 * day); /* four days really pass */
    sim_io_advance(sim, 4 * day);
    fixture_settle(store);
    store_stats(store, &stats);
    assert_int_equal(stats.rows, 0);
    assert_int_equal(stats.rows_too_old, 1); /* the other one had its days */
    store_close(store);
    store = fixture_open(sim);
    store_stats(store, &stats);
    assert_int_equal(stats.rows, 0);
    assert_int_equal(stats.quarantined, 0);
    store_close(store);
    sim_io_free(sim);
}

static void test_retention_by_bytes(void **unused)
{
    struct store_options options;
    struct sim_io *sim = sim_io_new(1);
    struct store *store;
    struct fixture_rows rows;
    struct error err = {0};

    (void)unused;
    options = fixture_options(sim);
    options.retention_bytes = 1; /* everything is too much */
    assert_int_equal(store_open(&options, &store, &err), STATUS_OK);
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 0);
    fixture_rows_free(&rows);
    store_close(store);
    sim_io_free(sim);
}

/* ---- order of blocks ---- */

/* Blocks come by their smallest (largest) order time, and scan_bound() holds for all that follow. */
static void check_block_order(struct store *store, enum scan_order order)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .order = order};
    struct scan *scan;
    struct block *block;
    struct error err = {0};
    int64_t bound = order == SCAN_OLDEST ? INT64_MIN : INT64_MAX;
    uint32_t rows = 0;

    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &block, &err) == STATUS_OK) {
        const int64_t *orders = block_order_times(block, &err);

        for (uint32_t i = 0; i < block_row_count(block); i++)
            assert_true(order == SCAN_OLDEST ? orders[i] >= bound : orders[i] <= bound);
        rows += block_selected_count(block);
        bound = scan_bound(scan);
        block_release(block);
    }
    scan_close(scan);
    assert_int_equal(rows, 6 * 4);
}

static void test_block_order(void **unused)
{
    static const int64_t base[] = {50, 10, 90, 30, 70, 20};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    for (uint8_t i = 0; i < 6; i++) { /* four sealed batches, two in the head */
        const int64_t times[] = {base[i], base[i] + 100, base[i] + 5, base[i] + 15};
        struct fixture_batch batch = {
            .source = (uint8_t)(i + 1), .lines = fixture_first_lines, .times = times, .count = 4};

        assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
        if (i < 4)
            assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    check_block_order(store, SCAN_OLDEST);
    check_block_order(store, SCAN_NEWEST);
    store_close(store);
    sim_io_free(sim);
}

/* ---- live tail ---- */

static void test_tail(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};
    uint64_t seen;

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    seen = store_sequence(store);
    assert_int_equal(seen, 4);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    for (int sealed = 0; sealed < 2; sealed++) { /* also when a seal came between */
        struct scan_options options = {
            .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .after_sequence = seen};
        struct scan *scan;
        struct block *block;
        uint32_t count = 0;

        assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
        while (scan_next(scan, &block, &err) == STATUS_OK) {
            count += block_selected_count(block);
            block_release(block);
        }
        scan_close(scan);
        assert_int_equal(count, 2);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
    }
    store_close(store);
    sim_io_free(sim);
}

/* Losses, and the names of fields, survive seals and restarts. */
struct loss_seen {
    uint32_t count;
    char reason[16];
};

static void on_loss(void *user, const struct event_source *source, const struct loss *loss)
{
    struct loss_seen *seen = user;

    assert_true(slice_is(source->host, "web1"));
    assert_int_equal(loss->from_offset, 100);
    assert_int_equal(loss->to_offset, 250);
    seen->count++;
    (void)snprintf(seen->reason, sizeof(seen->reason), "%.*s", SLICE_ARG(loss->reason));
}

static void check_loss(struct store *store)
{
    struct loss_seen seen = {0};

    store_losses(store, 0, 10, on_loss, &seen);
    assert_int_equal(seen.count, 0);
    store_losses(store, 0, 100, on_loss, &seen);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.reason, "DELETED");
    assert_int_not_equal(store_field_find(store, slice_of("mode")), UINT32_MAX);
    assert_int_equal(store_field_find(store, slice_of("nobody")), UINT32_MAX);
}

static void test_losses_and_names(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct event_source source = fixture_source(1);
    struct loss loss = {.from_offset = 100, .to_offset = 250, .time_ns = 50,
                        .reason = SLICE_LITERAL("DELETED")};
    struct label label = {SLICE_LITERAL("mode"), SLICE_LITERAL("idle")};
    struct sample sample = {.time_ns = 5, .value = 1, .label_count = 1,
                            .metric = SLICE_LITERAL("cpu"), .labels = &label};
    struct batch batch = {.sources = &source, .losses = &loss, .samples = &sample,
                          .source_count = 1, .loss_count = 1, .sample_count = 1};
    struct error err = {0};

    (void)unused;
    assert_int_equal(store_append(store, store_shard_of(store, &source.id), &batch, NULL, NULL,
                                  &err),
                     STATUS_OK);
    fixture_settle(store);
    for (int restart = 0; restart < 3; restart++) {
        check_loss(store);
        if (restart == 1)
            assert_int_equal(store_seal(store, &err), STATUS_OK);
        check_loss(store);
        store_close(store);
        sim_io_crash(sim, SIM_CRASH_ALL_LOST);
        store = fixture_open(sim);
    }
    store_close(store);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_survive),
        cmocka_unit_test(test_backward_times_keep_file_order),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_open_events),
        cmocka_unit_test(test_open_event_does_not_hold_the_wal),
        cmocka_unit_test(test_losses_and_names),
        cmocka_unit_test(test_retention_by_age),
        cmocka_unit_test(test_retention_by_bytes),
        cmocka_unit_test(test_block_order),
        cmocka_unit_test(test_tail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
