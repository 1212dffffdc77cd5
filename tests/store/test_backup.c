/* tests/store/test_backup.c -- a snapshot taken while batches arrive opens alone, with exactly the rows
 * up to its sequence; a restore is another incarnation, and does erasures again. */
#include "tests/store/erase_fixture.h"

#include "store/backup.h"
#include "store/store_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COPY "/copy"
#define BACK "/back"

static struct store *open_at(struct sim_io *sim, const char *dir)
{
    struct store_options options = fixture_erase_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.dir = dir;
    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open %s: %s", dir, err.message);
    return store;
}

static void on_line(void *user, const char *line)
{
    print_message("    %s\n", line);
    (*(uint32_t *)user)++;
}

/* In segments, in heads, with an open event and a loss of power right behind the answer. */
static void test_snapshot_opens_alone(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_at(sim, FIXTURE_DIR), *copy;
    struct fixture_batch open = {.source = 2, .open = "Traceback"};
    struct store_snapshot taken;
    struct error err = {0};
    uint64_t problems = 0;
    uint32_t complaints = 0;

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    assert_int_equal(fixture_append(store, &open, &err), STATUS_OK);
    if (store_snapshot(store, COPY, &taken, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(taken.sequence, store_sequence(store));
    fixture_append_lines(store, 1, fixture_first_lines, 4, 57); /* not in it */
    fixture_settle(store);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    assert_int_equal(store_verify(sim_io_table(sim), COPY, on_line, &complaints, &problems, &err),
                     STATUS_OK);
    assert_int_equal(problems, 0);
    copy = open_at(sim, COPY);
    fixture_check_six(copy);
    assert_true(store_sequence(copy) >= taken.sequence);
    {
        struct fixture_rows rows = fixture_scan(copy, NULL, true);

        assert_int_equal(rows.count, 7); /* and the open event */
        fixture_rows_free(&rows);
    }
    store_report(copy, on_line, &complaints);
    assert_int_equal(complaints, 0);
    assert_int_equal(store_snapshot(copy, COPY, &taken, &err), STATUS_INVALID); /* not empty */
    store_close(copy);
    store_close(store);
    sim_io_free(sim);
}

/* A copy that was cut off is none. */
static void test_unfinished(void **unused)
{
    (void)unused;
    for (uint64_t after = 1;; after++) {
        struct sim_io *sim = sim_io_new(after);
        struct store *store = open_at(sim, FIXTURE_DIR), *back;
        struct store_snapshot taken;
        struct error err = {0};
        enum status status;

        fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
        assert_int_equal(store_seal(store, &err), STATUS_OK);
        fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
        sim_io_faults(sim)->crash_after = sim_io_counts(sim).changes + after;
        status = store_snapshot(store, COPY, &taken, &err);
        store_close(store);
        sim_io_crash(sim, SIM_CRASH_ALL_LOST);
        store = open_at(sim, FIXTURE_DIR);
        fixture_check_six(store);
        store_close(store);
        if (store_restore_files(sim_io_table(sim), COPY, BACK, &err) == STATUS_OK) {
            back = open_at(sim, BACK);
            fixture_check_six(back);
            store_close(back);
        } else {
            assert_int_not_equal(status, STATUS_OK);
        }
        sim_io_free(sim);
        if (status == STATUS_OK)
            break;
    }
}

static void test_restore(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = open_at(sim, FIXTURE_DIR);
    struct store_snapshot taken;
    uint64_t incarnation = store_incarnation(store);
    struct error err = {0};
    struct fixture_rows rows;

    (void)unused;
    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    assert_int_equal(store_snapshot(store, COPY, &taken, &err), STATUS_OK);
    store_close(store);
    assert_int_equal(store_restore_files(sim_io_table(sim), COPY, BACK, &err), STATUS_OK);
    assert_int_equal(store_restore_files(sim_io_table(sim), COPY, BACK, &err), STATUS_INVALID);
    assert_int_equal(store_restore_files(sim_io_table(sim), "/none", "/x", &err),
                     STATUS_NOT_FOUND);
    store = open_at(sim, BACK);
    (void)fixture_erase(store, "has GET"); /* as a receipt says */
    fixture_settle(store);
    assert_int_equal(store_renew(store, &err), STATUS_OK);
    assert_int_not_equal(store_incarnation(store), incarnation);
    incarnation = store_incarnation(store);
    fixture_append_lines(store, 2, fixture_more_lines, 2, 0);
    store_close(store);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    store = open_at(sim, BACK);
    assert_int_equal(store_incarnation(store), incarnation);
    rows = fixture_scan(store, NULL, false);
    assert_int_equal(rows.count, 4); /* "", POST, and the two new ones */
    fixture_rows_free(&rows);
    store_close(store);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot_opens_alone),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_restore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
