/* Files that are empty when they are found, on a simulated disk and clock: whatever happens to them
 * between two looks, their lines are read. The rig sends no hints, so that only scans and polls see
 * anything; each story says what happened between two of these. */
#include "shipper/limits.h"
#include "tests/shipper/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOG "/log/app.log"

enum { LOOKS_MS = 30000 }; /* longer than any cold scan and any time of quiet */

/* ---- stories: the shipper has looked at the empty LOG for a while ---- */

static void filled_and_renamed(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 1, 120);
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_lines(rig, LOG, "line", 121, 125);
}

static void filled_and_renamed_no_successor(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 1, 125);
    rig_rename(rig, LOG, "/log/app.log.1");
}

static void filled_and_deleted(struct rig *rig)
{
    int fd = rig->io->file->open(rig->io, LOG, IO_READ); /* its writer's */

    rig_lines(rig, LOG, "line", 1, 120);
    rig_unlink(rig, LOG);
    rig_lines(rig, LOG, "line", 121, 125);
    io_close(rig->io, &fd);
}

static void filled_and_replaced(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 1, 120);
    rig_lines(rig, "/log/new", "line", 121, 125);
    rig_rename(rig, "/log/new", LOG);
}

/* The writer opens its path again only a while after the rename. */
static void renamed_then_filled(struct rig *rig)
{
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_run(rig, 12000);
    rig_lines(rig, "/log/app.log.1", "line", 1, 120);
    rig_lines(rig, LOG, "line", 121, 125);
}

static void renamed_while_its_writer_goes_on(struct rig *rig)
{
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_append(rig, LOG, "");
    rig_run(rig, 1500);
    rig_lines(rig, "/log/app.log.1", "line", 1, 120);
    rig_run(rig, 1500);
    rig_lines(rig, LOG, "line", 121, 125);
}

static void filled_slowly_and_renamed(struct rig *rig)
{
    rig_append(rig, LOG, "lin");
    rig_run(rig, 2500);
    rig_append(rig, LOG, "e 1\n");
    rig_lines(rig, LOG, "line", 2, 120);
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_lines(rig, LOG, "line", 121, 125);
}

static void directory_renamed(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 1, 125);
    rig_rename(rig, LOG, "/elsewhere");
}

static void filled_in_place(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 1, 125);
}

static const struct vacant_case {
    const char *name;
    void (*story)(struct rig *rig);
    int64_t wait_ms; /* before the story: the hot time of a new file is 10 s */
} vacant_cases[] = {
    {"filled in place", filled_in_place, 3000},
    {"filled, renamed and followed by another", filled_and_renamed, 3000},
    {"the same after a long time", filled_and_renamed, 60000},
    {"filled and renamed", filled_and_renamed_no_successor, 60000},
    {"filled and deleted", filled_and_deleted, 60000},
    {"filled and replaced by a rename onto it", filled_and_replaced, 60000},
    {"renamed, then filled by its old writer", renamed_then_filled, 60000},
    {"renamed and replaced, then filled by its old writer", renamed_while_its_writer_goes_on,
     60000},
    {"its first line comes in two parts", filled_slowly_and_renamed, 60000},
    {"moved to a directory that nobody watches", directory_renamed, 60000},
};

static void expect_numbered(struct rig *rig, unsigned last)
{
    struct buf text = buf_empty(1 << 20);

    for (unsigned i = 1; i <= last; i++)
        assert_true(buf_printf(&text, "line %u\n", i));
    assert_true(buf_append_byte(&text, '\0'));
    rig_expect(rig, LOG, text.data);
    buf_release(&text);
}

static void test_lines_of_a_file_that_was_empty(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(vacant_cases); i++) {
        const struct vacant_case *c = &vacant_cases[i];
        struct rig rig;

        print_message("  %s\n", c->name);
        rig_init(&rig, LOG);
        rig_append(&rig, LOG, "");
        rig_start(&rig);
        rig_run(&rig, c->wait_ms);
        c->story(&rig);
        rig_run(&rig, LOOKS_MS);
        expect_numbered(&rig, 125);
        assert_int_equal(rig.fake->loss_count, 0);
        assert_int_equal(rig.fake->nacks_sent, 0);
        assert_true(shipper_is_idle(rig.shipper));
        rig_release(&rig);
    }
}

/* 100 lines that were read, and an empty file that becomes a copy of them. */
static void begin_copy(struct rig *rig)
{
    rig_init(rig, "/log/app.log*");
    rig_start(rig);
    rig_lines(rig, LOG, "line", 1, 100);
    rig_run(rig, 3000);
    rig_append(rig, "/log/app.log.1", "");
}

/* cp makes an empty file first: with a pattern that matches the copy it is no file of its own. */
static void test_copy_that_begins_empty(void **unused)
{
    struct rig rig;

    (void)unused;
    begin_copy(&rig);
    rig_run(&rig, 3000);
    rig_copy(&rig, LOG, "/log/app.log.1");
    rig_run(&rig, 3000);
    rig_truncate(&rig, LOG, 0);
    rig_lines(&rig, LOG, "line", 101, 110);
    rig_run(&rig, LOOKS_MS);
    expect_numbered(&rig, 110);
    assert_int_equal(fake_collector_count(rig.fake, "/log/app.log.1"), 0);
    assert_int_equal(rig.fake->line_count, 110);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

/* The same, with lines that are unread when the file is cut: they are in the copy. */
static void test_unread_lines_in_a_copy_that_began_empty(void **unused)
{
    struct rig rig;

    (void)unused;
    begin_copy(&rig);
    rig_run(&rig, 1000);
    rig_lines(&rig, LOG, "line", 101, 105);
    rig_copy(&rig, LOG, "/log/app.log.1");
    rig_truncate(&rig, LOG, 0);
    rig_lines(&rig, LOG, "line", 106, 110);
    rig_run(&rig, LOOKS_MS);
    expect_numbered(&rig, 110);
    assert_int_equal(rig.fake->line_count, 110);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

/* Descriptors are bounded; those that gave way are read when they have bytes. */
static void test_more_empty_files_than_are_held(void **unused)
{
    enum { FILES = 2 * VACANT_FILES_MAX };
    struct rig rig;
    char path[64];

    (void)unused;
    rig_init(&rig, "/log/*.log");
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof(path), "/log/f%u.log", i);
        rig_append(&rig, path, "");
    }
    rig_start(&rig);
    rig_run(&rig, 3000);
    assert_true(sim_io_open_count(rig.sim) <= VACANT_FILES_MAX + 8);
    assert_true(sim_io_open_count(rig.sim) >= VACANT_FILES_MAX);
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof(path), "/log/f%u.log", i);
        rig_lines(&rig, path, path, 1, 2);
    }
    rig_run(&rig, LOOKS_MS);
    assert_int_equal(rig.fake->line_count, 2 * FILES);
    rig_release(&rig);
}

/* Nothing of it will ever be wanted: its descriptor is given back. */
static void test_empty_files_that_went(void **unused)
{
    static const struct {
        const char *name;
        bool rename, successor;
        int64_t quiet_ms;
    } cases[] = {
        {"renamed, and another has its name", true, true, 12000},
        {"deleted, and another has its name", false, true, 12000},
        {"deleted", false, false, 75000},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        unsigned before;

        print_message("  %s\n", cases[i].name);
        rig_init(&rig, LOG);
        rig_start(&rig);
        rig_run(&rig, 15000);
        before = (unsigned)sim_io_open_count(rig.sim);
        rig_append(&rig, LOG, "");
        rig_run(&rig, 15000);
        assert_int_equal(sim_io_open_count(rig.sim), before + 1);
        if (cases[i].rename)
            rig_rename(&rig, LOG, "/log/app.log.1");
        else
            rig_unlink(&rig, LOG);
        if (cases[i].successor)
            rig_append(&rig, LOG, "");
        rig_run(&rig, cases[i].quiet_ms + 10000);
        assert_int_equal(sim_io_open_count(rig.sim), before + cases[i].successor);
        rig_release(&rig);
    }
}

/* A file that nobody wrote to for long is renamed, and its writer needs a moment to leave it. */
static void test_late_lines_in_a_quiet_file(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, LOG);
    rig_start(&rig);
    rig_lines(&rig, LOG, "line", 1, 3);
    rig_run(&rig, 60000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_append(&rig, LOG, "");
    rig_run(&rig, 3000);
    rig_lines(&rig, "/log/app.log.1", "line", 4, 5);
    rig_run(&rig, 2000);
    rig_lines(&rig, LOG, "line", 6, 7);
    rig_run(&rig, LOOKS_MS);
    expect_numbered(&rig, 7);
    rig_release(&rig);
}

/* Nobody told the program of the rotation: it writes a line now and then to the renamed file, long
 * after that was read to its end. */
static void test_writer_that_never_reopens(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, LOG);
    rig_start(&rig);
    rig_lines(&rig, LOG, "line", 1, 3);
    rig_run(&rig, 3000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_append(&rig, LOG, "");
    for (unsigned i = 4; i <= 7; i++) {
        rig_run(&rig, 300 * 1000);
        assert_true(fake_collector_source(rig.fake, LOG, 0)->final);
        rig_lines(&rig, "/log/app.log.1", "line", i, i);
    }
    rig_run(&rig, 90000);
    expect_numbered(&rig, 7);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_a_file_that_was_empty),
        cmocka_unit_test(test_copy_that_begins_empty),
        cmocka_unit_test(test_unread_lines_in_a_copy_that_began_empty),
        cmocka_unit_test(test_more_empty_files_than_are_held),
        cmocka_unit_test(test_empty_files_that_went),
        cmocka_unit_test(test_late_lines_in_a_quiet_file),
        cmocka_unit_test(test_writer_that_never_reopens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
