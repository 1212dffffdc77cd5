/* tests/store/test_erase.c -- erased rows are invisible from the answer on, and in the end no byte of
 * them is left in the data directory. */
#include "tests/store/erase_fixture.h"

#include "store/store_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CANARY "canaryXQZ"

static const char *const mixed[6] = {"200 GET /one",         "404 victim " CANARY "1",
                                     "200 GET /two",         "503 victim user=" CANARY,
                                     "200 GET /" CANARY "2 victim", "200 GET /three"};
static const char *const kept[3] = {"200 GET /one", "200 GET /two", "200 GET /three"};

static uint64_t length_of(const char *const *lines, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += strlen(lines[i]) + 1;
    return sum;
}

static void check_kept(struct store *store, uint32_t times)
{
    struct fixture_rows rows = fixture_scan(store, NULL, false);

    assert_int_equal(rows.count, 3 * times);
    for (uint32_t i = 0; i < rows.count; i++)
        assert_null(strstr(rows.lines[i], CANARY));
    fixture_rows_free(&rows);
}

static void check_finished(struct store *store, uint64_t rows, uint64_t segments)
{
    struct erase_receipt receipt = fixture_last_erasure(store);

    assert_string_equal(receipt.problem, "");
    assert_int_equal(receipt.state, ERASE_FINISHED);
    assert_int_equal(receipt.rows, rows);
    assert_int_equal(receipt.segments, segments);
    assert_true(receipt.finished_ns > 0);
}

/* In the head, in a segment, over a restart; and at the end nowhere. */
static void test_masked_then_gone(void **unused)
{
    (void)unused;
    for (int stage = 0; stage < 4; stage++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_erase_open(sim);
        struct event_source source = fixture_source(1);
        struct watermark watermark;
        struct error err = {0};

        print_message("  %s\n", (const char *const[]){"head", "segment", "both",
                                                      "restart before the work"}[stage]);
        fixture_append_lines(store, 1, mixed, 6, 0);
        if (stage >= 1)
            assert_int_equal(store_seal(store, &err), STATUS_OK);
        if (stage == 2)
            fixture_append_lines(store, 1, mixed, 6, length_of(mixed, 6));
        assert_int_equal(fixture_erase(store, "has victim"), 1);
        check_kept(store, stage == 2 ? 2 : 1); /* nothing was written again yet */
        assert_true(fixture_files_with(sim, CANARY) > 0);
        if (stage == 3) {
            store_close(store);
            sim_io_crash(sim, SIM_CRASH_ALL_LOST);
            store = fixture_erase_open(sim);
            check_kept(store, 1);
        }
        fixture_settle(store);
        check_kept(store, stage == 2 ? 2 : 1);
        check_finished(store, stage == 2 ? 6 : 3, stage == 2 ? 2 : 1);
        assert_int_equal(fixture_files_with(sim, CANARY), 0);
        assert_int_equal(store_watermark(store, &source.id, &watermark), STATUS_OK);
        assert_int_equal(watermark.durable_offset, length_of(mixed, 6) * (stage == 2 ? 2 : 1));
        store_close(store);
        store = fixture_erase_open(sim);
        check_kept(store, stage == 2 ? 2 : 1);
        check_finished(store, stage == 2 ? 6 : 3, stage == 2 ? 2 : 1);
        store_close(store);
        sim_io_free(sim);
    }
}

/* What arrives behind the answer is not meant. */
static void test_later_rows_stay(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    struct fixture_rows rows;

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    (void)fixture_erase(store, "has victim");
    fixture_append_lines(store, 1, mixed, 6, length_of(mixed, 6));
    for (int settled = 0; settled < 2; settled++) {
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, 9);
        fixture_rows_free(&rows);
        fixture_settle(store);
    }
    check_finished(store, 3, 1);
    store_close(store);
    sim_io_free(sim);
}

/* A range of time; two erasures; a segment of which nothing is left. */
static void test_ranges_and_whole_segments(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    struct erase_request request = {.filter = SLICE_LITERAL("has GET"),
                                    .by = SLICE_LITERAL("test"),
                                    .time_min_ns = FIXTURE_TIME_NS + 1,
                                    .time_max_ns = INT64_MAX};
    struct store_stats stats;
    struct fixture_rows rows;
    struct error err = {0};
    uint64_t number;

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    assert_int_equal(store_erase(store, &request, &number, &err), STATUS_OK);
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 3); /* the first GET is before the range */
    assert_string_equal(rows.lines[0], mixed[0]);
    fixture_rows_free(&rows);
    assert_int_equal(fixture_erase(store, "has 0"), 2); /* every line has one */
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 0);
    fixture_rows_free(&rows);
    fixture_settle(store);
    check_finished(store, 3, 1);
    store_stats(store, &stats);
    assert_int_equal(stats.segments, 0);
    assert_int_equal(stats.rows, 0);
    assert_int_equal(fixture_files_with(sim, CANARY), 0);
    store_close(store);
    sim_io_free(sim);
}

/* A reader that was there before keeps its rows, and the receipt waits for it. */
static void test_reader_keeps_files(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    struct scan_options options = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
    struct scan *scan;
    struct block *block;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    (void)fixture_erase(store, "has victim");
    fixture_settle(store);
    assert_int_equal(fixture_last_erasure(store).state, ERASE_WAITING);
    assert_int_equal(scan_next(scan, &block, &err), STATUS_OK);
    assert_int_equal(block_selected_count(block), 6);
    block_release(block);
    scan_close(scan);
    fixture_settle(store);
    check_finished(store, 3, 1);
    assert_int_equal(fixture_files_with(sim, CANARY), 0);
    store_close(store);
    sim_io_free(sim);
}

/* A start that cannot read the filter hides too much rather than too little, and erases nothing. */
static void test_unreadable_filter(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    struct store_options options = fixture_erase_options(sim);
    struct fixture_rows rows;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    (void)fixture_erase(store, "has victim");
    store_close(store);
    options.make_filter = NULL;
    assert_int_equal(store_open(&options, &store, &err), STATUS_OK);
    fixture_append_lines(store, 1, kept, 3, length_of(mixed, 6));
    fixture_settle(store);
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 3);
    fixture_rows_free(&rows);
    assert_int_equal(fixture_last_erasure(store).state, ERASE_BLOCKED);
    store_close(store);
    store = fixture_erase_open(sim);
    fixture_settle(store);
    check_kept(store, 2);
    check_finished(store, 3, 1);
    store_close(store);
    sim_io_free(sim);
}

/* The end of receipts/<number>.json. */
static void check_receipt(struct sim_io *sim, int number, const char *end)
{
    struct buf text = buf_empty(1 << 20);
    char path[PATH_SIZE_MAX];
    struct error err = {0};

    (void)snprintf(path, sizeof(path), FIXTURE_DIR "/receipts/%d.json", number);
    assert_int_equal(io_read_file(sim_io_table(sim), path, &text, &err), STATUS_OK);
    print_message("%.*s", SLICE_ARG(buf_slice(&text)));
    assert_true(slice_ends(buf_slice(&text), slice_of(end)));
    buf_release(&text);
}

struct states {
    enum erase_state of[5]; /* by number */
    char problem[500];      /* the last one */
};

static bool take_state(void *user, const struct erase_receipt *receipt)
{
    struct states *states = user;

    states->of[receipt->number] = receipt->state;
    if (receipt->problem[0] != '\0')
        (void)snprintf(states->problem, sizeof(states->problem), "%s", receipt->problem);
    return true;
}

static const struct refusal_case {
    const char *name, *filter;
    int64_t from_ns, to_ns;
    enum status status;
} refusal_cases[] = {
    {"a filter that cannot be made", "nonsense", INT64_MIN, INT64_MAX, STATUS_INVALID},
    {"an empty range", "has a", 5, 5, STATUS_INVALID},
};

static void test_refusals(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    for (size_t i = 0; i < COUNT_OF(refusal_cases); i++) {
        const struct refusal_case *c = &refusal_cases[i];
        struct erase_request request = {.filter = slice_of(c->filter),
                                        .time_min_ns = c->from_ns,
                                        .time_max_ns = c->to_ns};
        struct fixture_rows rows;
        struct error err = {0};
        uint64_t number;

        print_message("  %s\n", c->name);
        assert_int_equal(store_erase(store, &request, &number, &err), c->status);
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, 6);
        fixture_rows_free(&rows);
    }
    store_close(store);
    sim_io_free(sim);
}

/* A damaged segment cannot be written again: its rows stay hidden, the erasure says so, others are
 * done. */
static void test_damaged_segment(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    char path[PATH_SIZE_MAX];
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    fixture_append_lines(store, 1, mixed, 6, length_of(mixed, 6));
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    path_segment(path, FIXTURE_DIR, 20454, 1); /* 2026-01-01 */
    assert_true(sim_io_flip(sim, path, 20, 1));
    (void)fixture_erase(store, "has victim");
    fixture_settle(store);
    assert_int_equal(fixture_last_erasure(store).state, ERASE_INCOMPLETE);
    assert_non_null(strstr(fixture_last_erasure(store).problem, "0000000000000001.seg"));
    assert_int_equal(fixture_last_erasure(store).rows, 3);
    assert_true(sim_io_flip(sim, path, 20, 1)); /* repaired */
    sim_io_advance(sim, 61 * NS_PER_S);
    fixture_settle(store);
    check_finished(store, 6, 2);
    assert_int_equal(fixture_files_with(sim, CANARY), 0);
    store_close(store);
    sim_io_free(sim);
}

/* Two erasures that meet the damaged segment, and one that does not: that one ends. When the segment is
 * repaired both others are applied to it; when it is removed, they have nothing left to do. */
static void test_others_go_on(void **unused)
{
    (void)unused;
    for (int repaired = 0; repaired < 2; repaired++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_erase_open(sim);
        struct erase_request later = {.filter = SLICE_LITERAL("has one"),
                                      .by = SLICE_LITERAL("test"),
                                      .time_min_ns = FIXTURE_TIME_NS + 3600 * NS_PER_S,
                                      .time_max_ns = INT64_MAX};
        struct states states = {0};
        struct fixture_rows rows;
        char path[PATH_SIZE_MAX];
        struct error err = {0};
        uint64_t number;

        fixture_append_lines(store, 1, mixed, 6, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        path_segment(path, FIXTURE_DIR, 20454, 1); /* 2026-01-01 */
        assert_true(sim_io_flip(sim, path, 20, 1));
        assert_int_equal(fixture_erase(store, "has victim"), 1);
        assert_int_equal(fixture_erase(store, "has /two"), 2);
        assert_int_equal(store_erase(store, &later, &number, &err), STATUS_OK);
        for (int minutes = 0; minutes < 2; minutes++) { /* also after it was tried again */
            fixture_settle(store);
            store_erasures(store, take_state, &states);
            assert_int_equal(states.of[1], ERASE_INCOMPLETE);
            assert_int_equal(states.of[2], ERASE_INCOMPLETE);
            assert_int_equal(states.of[3], ERASE_FINISHED);
            assert_non_null(strstr(states.problem, "0000000000000001.seg")); /* of the second */
            sim_io_advance(sim, 61 * NS_PER_S);
        }
        if (repaired) {
            assert_true(sim_io_flip(sim, path, 20, 1));
        } else {
            store_close(store);
            assert_int_equal(io_remove(sim_io_table(sim), path, &err), STATUS_OK);
            store = fixture_erase_open(sim);
        }
        fixture_settle(store);
        store_erasures(store, take_state, &states);
        assert_int_equal(states.of[1], ERASE_FINISHED);
        assert_int_equal(states.of[2], ERASE_FINISHED);
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, repaired ? 2 : 0);
        fixture_rows_free(&rows);
        assert_int_equal(fixture_files_with(sim, CANARY), 0);
        store_close(store);
        sim_io_free(sim);
    }
}

/* Lines that the filter cannot decide stay, and the receipt says how many. */
static void test_undecided(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    struct fixture_rows rows;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    (void)fixture_erase(store, "unsure victim");
    for (int scans = 0; scans < 2; scans++) { /* what scans cannot decide is not counted */
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, 6);
        fixture_rows_free(&rows);
    }
    fixture_settle(store);
    for (int starts = 0; starts < 2; starts++) {
        check_finished(store, 0, 0);
        assert_int_equal(fixture_last_erasure(store).undecided, 3); /* lines with "victim" */
        store_close(store);
        store = fixture_erase_open(sim);
    }
    check_receipt(sim, 1, "\"undecided\":3,\"complete\":false,\"rewritten\":[]}\n");
    store_close(store);
    sim_io_free(sim);
}

/* The receipt names what became of each segment, also of those that an earlier start did. */
static void test_receipt_names_segments(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_erase_open(sim);
    char path[PATH_SIZE_MAX], expected[400];
    uint64_t sizes[3] = {0}; /* of segments 1 and 2, and of what the first becomes */
    struct io_info info;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, mixed, 6, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    fixture_append_lines(store, 1, &mixed[1], 1, length_of(mixed, 6));
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    (void)fixture_erase(store, "has victim");
    for (uint32_t i = 0; i < 3; i++) {
        path_segment(path, FIXTURE_DIR, 20454, i + 1); /* 2026-01-01 */
        if (i == 2)
            assert_int_equal(store_step(store, &err), STATUS_OK); /* the first segment only */
        assert_int_equal(io_info_of(sim_io_table(sim), path, &info, &err), STATUS_OK);
        sizes[i] = info.size;
    }
    assert_int_equal(fixture_last_erasure(store).segments, 1);
    store_close(store);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    store = fixture_erase_open(sim);
    fixture_settle(store);
    check_finished(store, 4, 2);
    (void)snprintf(expected, sizeof(expected),
                   "\"rewritten\":[{\"segment\":\"20260101/0000000000000001.seg\","
                   "\"became\":\"20260101/0000000000000003.seg\",\"rows\":3,\"samples\":0,"
                   "\"bytes_before\":%llu,\"bytes_after\":%llu},"
                   "{\"segment\":\"20260101/0000000000000002.seg\",\"became\":null,\"rows\":1,"
                   "\"samples\":0,\"bytes_before\":%llu,\"bytes_after\":0}]}\n",
                   (unsigned long long)sizes[0], (unsigned long long)sizes[2],
                   (unsigned long long)sizes[1]);
    check_receipt(sim, 1, expected);
    store_close(store);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked_then_gone),   cmocka_unit_test(test_later_rows_stay),
        cmocka_unit_test(test_ranges_and_whole_segments),
        cmocka_unit_test(test_reader_keeps_files), cmocka_unit_test(test_unreadable_filter),
        cmocka_unit_test(test_refusals),           cmocka_unit_test(test_damaged_segment),
        cmocka_unit_test(test_others_go_on),       cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_receipt_names_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
