/* tests/store/test_faults.c -- failed syncs, full disks, back-pressure, damage and lost files: the store
 * keeps its promises or says exactly what it lost. */
#include "base/byteorder.h"
#include "base/hash.h"
#include "store/page_quarantine.h"
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_failed_sync_is_survived(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    sim_io_faults(sim)->sync_fails_at = sim_io_counts(sim).syncs + 1;
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35); /* written again to a new file, then acknowledged */
    store_close(store);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    store = fixture_open(sim);
    fixture_check_six(store);
    store_close(store);
    sim_io_free(sim);
}

static void test_second_failure_makes_read_only(void **unused)
{
    struct fixture_batch batch = {.source = 1, .lines = fixture_more_lines, .count = 2, .offset = 35};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct fixture_rows rows;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    sim_io_faults(sim)->crash_after = sim_io_counts(sim).changes + 1; /* every call fails */
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_IO);
    assert_false(store_ready(store, &err));
    assert_true(strlen(err.message) > 0);
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_IO);
    rows = fixture_scan(store, NULL, false); /* still answers */
    fixture_check_lines(&rows, fixture_first_lines, 4);
    fixture_rows_free(&rows);
    store_close(store);
    sim_io_free(sim);
}

static void test_disk_full(void **unused)
{
    struct fixture_batch batch = {.source = 1, .lines = fixture_more_lines, .count = 2, .offset = 35};
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    for (int cycle = 0; cycle < 2; cycle++) {
        print_message("  cycle %d\n", cycle);
        sim_io_faults(sim)->disk_size = 1; /* fuller than full */
        fixture_settle(store);
        assert_false(store_ready(store, &err));
        assert_int_equal(fixture_append(store, &batch, &err), STATUS_DISK_FULL);
        store_close(store);
        store = fixture_open(sim); /* a start on a full disk works */
        assert_false(store_ready(store, &err));
        sim_io_faults(sim)->disk_size = 0;
        fixture_settle(store);
        assert_true(store_ready(store, &err)); /* by itself */
    }
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    fixture_check_six(store);
    store_close(store);
    sim_io_free(sim);
}

static void test_lock(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim), *other = NULL;
    struct store_options options = fixture_options(sim);
    struct error err = {0};

    (void)unused;
    assert_int_equal(store_open(&options, &other, &err), STATUS_BUSY);
    assert_non_null(strstr(err.message, "in use by process"));
    store_close(store);
    store = fixture_open(sim);
    store_close(store);
    sim_io_free(sim);
}

/* Two heads of a shard alternate; then appends wait for the seal, and go on behind it. */
static void test_back_pressure(void **unused)
{
    struct store_options options;
    struct sim_io *sim = sim_io_new(1);
    struct store *store;
    struct error err = {0};
    static char big[4096];
    const char *line = big;
    struct fixture_batch batch = {.source = 1, .lines = &line, .count = 1};
    uint32_t appended = 0;

    (void)unused;
    options = fixture_options(sim);
    options.seal_size = 16 << 10;
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(store_open(&options, &store, &err), STATUS_OK);
    batch.queue_only = true;
    for (int i = 0; i < 1000; i++) { /* no step: nothing is committed or sealed meanwhile */
        enum status status = fixture_append(store, &batch, &err);

        batch.offset += sizeof(big);
        if (status == STATUS_AGAIN)
            break;
        assert_int_equal(status, STATUS_OK);
        appended++;
        if (appended % 2 == 0)
            assert_int_equal(store_step(store, &err), STATUS_OK);
    }
    assert_true(appended >= 4 && appended < 1000);
    fixture_settle(store);
    assert_int_equal(fixture_append(store, &batch, &err), STATUS_OK);
    fixture_settle(store);
    {
        struct fixture_rows rows = fixture_scan(store, NULL, false);

        assert_int_equal(rows.count, appended + 1);
        fixture_rows_free(&rows);
    }
    store_close(store);
    sim_io_free(sim);
}

/* A start sets damaged WAL bytes aside, tells, and keeps all that is behind them. */
static void test_damaged_wal(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct fixture_rows rows;
    struct store_stats stats;
    struct io_info info;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    store_close(store);
    assert_true(sim_io_flip(sim, "/store/wal/0000000000000001.wal", 56 + 48 + 100, 4));
    store = fixture_open(sim);
    rows = fixture_scan(store, NULL, false);
    fixture_check_lines(&rows, fixture_more_lines, 2);
    fixture_rows_free(&rows);
    store_stats(store, &stats);
    assert_int_equal(stats.quarantined, 1);
    assert_int_equal(io_info_of(sim_io_table(sim), "/store/quarantine/0000000000000001.wal-56",
                                &info, &err),
                     STATUS_OK);
    store_close(store);
    sim_io_free(sim);
}

#define SEGMENT_PATH "/store/segments/20260101/0000000000000001.seg"

static void test_damaged_segment(void **unused)
{
    static const uint64_t places[] = {0, 9, 40, 200}; /* magic, version, pages */

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_open(sim);
        struct fixture_rows rows;
        struct error err = {0};

        print_message("  byte %d\n", (int)places[i]);
        fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
        assert_true(sim_io_flip(sim, SEGMENT_PATH, places[i], 0x40));
        rows = fixture_scan(store, NULL, false);
        fixture_check_lines(&rows, fixture_more_lines, 2); /* the rest is served */
        assert_true(rows.cost.pages_damaged > 0);
        assert_true(strlen(rows.cost.damage) > 0);
        assert_int_equal(rows.damaged, 0); /* found before its rows were handed out */
        assert_int_equal(rows.cost.rows_total, 6);
        fixture_rows_free(&rows);
        store_close(store);
        store = fixture_open(sim); /* and a start works */
        store_close(store);
        sim_io_free(sim);
    }
}

static void test_bad_sector(void **unused)
{
    static const struct sector_case {
        const char *name;
        uint64_t offset;
        unsigned bad_reads;
        bool damaged;
    } cases[] = {
        {"a page that is read at the second try", 20, 1, false},
        {"a page that is not", 20, 0, true},
        {"the footer, read at the second try", UINT64_MAX, 1, false},
        {"the footer, not", UINT64_MAX, 0, true},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_open(sim);
        struct page_quarantine_stats before, after;
        struct fixture_rows rows;
        struct error err = {0};
        struct io_info info;

        print_message("  %s\n", cases[i].name);
        fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
        assert_int_equal(io_info_of(sim_io_table(sim), SEGMENT_PATH, &info, &err), STATUS_OK);
        page_quarantine_stats(&before);
        sim_io_faults(sim)->bad_path = SEGMENT_PATH;
        sim_io_faults(sim)->bad_offset =
            cases[i].offset == UINT64_MAX ? info.size - 10 : cases[i].offset;
        sim_io_faults(sim)->bad_reads = cases[i].bad_reads;
        rows = fixture_scan(store, NULL, false);
        if (cases[i].damaged) {
            fixture_check_lines(&rows, fixture_more_lines, 2); /* the rest is served */
            assert_true(rows.cost.pages_damaged > 0);
            assert_non_null(strstr(rows.cost.damage, SEGMENT_PATH));
        } else {
            assert_int_equal(rows.count, 6);
            assert_int_equal(rows.cost.pages_damaged, 0);
        }
        fixture_rows_free(&rows);
        page_quarantine_stats(&after);
        assert_int_equal(after.pages, cases[i].damaged && cases[i].offset == 20);
        sim_io_faults(sim)->bad_path = NULL;
        store_close(store);
        page_quarantine_stats(&after);
        assert_int_equal(after.pages, 0);
        sim_io_free(sim);
    }
}

/* While a page is set aside its disk is left alone; then it is tried, and may be well again. */
static void test_set_aside(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct page_quarantine_stats stats;
    struct fixture_rows rows;
    struct error err = {0};
    uint64_t failures;

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    sim_io_faults(sim)->bad_path = SEGMENT_PATH;
    sim_io_faults(sim)->bad_offset = 20;
    rows = fixture_scan(store, NULL, false);
    assert_non_null(strstr(rows.cost.damage, "at byte 16")); /* the first page, behind the header */
    assert_int_equal(rows.count, 0);
    fixture_rows_free(&rows);
    page_quarantine_stats(&stats);
    failures = stats.failures;
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 0);
    assert_non_null(strstr(rows.cost.damage, "set aside"));
    fixture_rows_free(&rows);
    page_quarantine_stats(&stats);
    assert_int_equal(stats.failures, failures);
    sim_io_advance(sim, QUARANTINE_RETRY_NS);
    rows = fixture_scan(store, NULL, false); /* still bad */
    assert_int_equal(rows.count, 0);
    fixture_rows_free(&rows);
    page_quarantine_stats(&stats);
    assert_int_equal(stats.failures, failures + 1);
    assert_int_equal(stats.pages, 1);
    sim_io_faults(sim)->bad_path = NULL;
    sim_io_advance(sim, QUARANTINE_RETRY_NS);
    rows = fixture_scan(store, NULL, false);
    fixture_check_lines(&rows, fixture_first_lines, 4);
    fixture_rows_free(&rows);
    page_quarantine_stats(&stats);
    assert_int_equal(stats.pages, 0);
    store_close(store);
    sim_io_free(sim);
}

/* A segment that vanishes while the store is open. */
static void test_file_lost_at_run(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct fixture_rows rows;
    struct error err = {0};

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    assert_int_equal(io_remove(sim_io_table(sim), SEGMENT_PATH, &err), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        rows = fixture_scan(store, NULL, false);
        fixture_check_lines(&rows, fixture_more_lines, 2);
        assert_true(rows.cost.pages_damaged > 0);
        assert_non_null(strstr(rows.cost.damage, SEGMENT_PATH));
        fixture_rows_free(&rows);
    }
    store_close(store);
    sim_io_free(sim);
}

static void count_line(void *user, const char *line)
{
    (void)line;
    (*(uint32_t *)user)++;
}

static void test_lost_files(void **unused)
{
    static const struct lost_case {
        const char *path;
        uint32_t rows; /* that are still there */
    } cases[] = {
        {"/store/CURRENT", 6},
        {"/store/MANIFEST-0000000000000002", 6},
        {SEGMENT_PATH, 2},
        {"/store/LOCK", 6},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct store *store = fixture_open(sim);
        struct fixture_rows rows;
        struct error err = {0};
        uint32_t lines = 0;

        print_message("  %s\n", cases[i].path);
        store_close(store);
        store = fixture_open(sim);
        fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
        store_close(store);
        assert_int_equal(io_remove(sim_io_table(sim), cases[i].path, &err), STATUS_OK);
        store = fixture_open(sim);
        rows = fixture_scan(store, NULL, false);
        assert_int_equal(rows.count, cases[i].rows);
        fixture_rows_free(&rows);
        store_report(store, count_line, &lines);
        if (cases[i].rows < 6)
            assert_true(lines > 0);
        store_close(store);
        sim_io_free(sim);
    }
}

static void test_verify(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};
    uint64_t problems;
    uint32_t lines = 0;

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    store_close(store);
    assert_int_equal(
        store_verify(sim_io_table(sim), FIXTURE_DIR, count_line, &lines, &problems, &err),
        STATUS_OK);
    assert_int_equal(problems, 0);
    assert_true(sim_io_flip(sim, SEGMENT_PATH, 40, 1));
    assert_int_equal(
        store_verify(sim_io_table(sim), FIXTURE_DIR, count_line, &lines, &problems, &err),
        STATUS_OK);
    assert_true(problems > 0);
    assert_int_equal(lines, problems);
    sim_io_free(sim);
}

static void test_future_manifest(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct store_options options = fixture_options(sim);
    struct io *io = sim_io_table(sim);
    struct buf file = buf_empty(1 << 20);
    struct error err = {0};

    (void)unused;
    store_close(store);
    assert_int_equal(io_read_file(io, "/store/MANIFEST-0000000000000001", &file, &err), STATUS_OK);
    file.data[8] = 9;
    put_le64(file.data + 24, hash64(file.data, 24));
    assert_int_equal(
        io_replace_file(io, "/store/MANIFEST-0000000000000001", buf_slice(&file), &err),
        STATUS_OK);
    assert_int_equal(store_open(&options, &store, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "version 9"));
    buf_release(&file);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_sync_is_survived),
        cmocka_unit_test(test_second_failure_makes_read_only),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_damaged_wal),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_damaged_segment),
        cmocka_unit_test(test_bad_sector),
        cmocka_unit_test(test_set_aside),
        cmocka_unit_test(test_file_lost_at_run),
        cmocka_unit_test(test_lost_files),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_future_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
