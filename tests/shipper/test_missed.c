/* Rotated files that are never seen at the name that the pattern matches: they came and went
 * between two scans, or while the shipper was stopped. And their opposites: files that look the
 * same by name, and must not be read. The pattern matches LOG only. */
#include "shipper/limits.h"
#include "shipper/rotated_name.h"
#include "tests/shipper/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOG "/log/app.log"

enum { LOOKS_MS = 30000 };

static void pass(struct rig *rig, int64_t ms)
{
    if (rig->shipper != NULL)
        rig_run(rig, ms);
    else
        sim_io_advance(rig->sim, ms * MILLISECOND_NS);
}

static void compress(struct rig *rig, const char *from, const char *to)
{
    rig_gzip(rig, from, to);
    rig_unlink(rig, from);
}

/* ---- what happened; lines 1 to 3 of LOG were read before ---- */

static void rotated_twice(struct rig *rig)
{
    rig_lines(rig, LOG, "line", 4, 5);
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_lines(rig, LOG, "line", 6, 7);
    rig_rename(rig, "/log/app.log.1", "/log/app.log.2");
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_lines(rig, LOG, "line", 8, 10);
}

static void rotated_twice_and_compressed(struct rig *rig)
{
    rotated_twice(rig);
    compress(rig, "/log/app.log.1", "/log/app.log.1.gz");
}

static void rotated_three_times_by_date(struct rig *rig)
{
    rig_rename(rig, LOG, "/log/app.log-20260921");
    rig_lines(rig, LOG, "line", 4, 5);
    rig_rename(rig, LOG, "/log/app.log-20260922");
    rig_lines(rig, LOG, "line", 6, 7);
    rig_rename(rig, LOG, "/log/app.log-20260923");
    rig_lines(rig, LOG, "line", 8, 10);
}

static void rotated_twice_without_successor(struct rig *rig)
{
    rig_rename(rig, LOG, "/log/app.log.2");
    rig_lines(rig, LOG, "line", 4, 10);
    rig_rename(rig, LOG, "/log/app.log.1");
}

static void copied_between_two_looks(struct rig *rig)
{
    rig_rename(rig, LOG, "/log/app.log.2");
    rig_lines(rig, LOG, "line", 4, 7);
    rig_copy(rig, LOG, "/log/app.log.1");
    rig_truncate(rig, LOG, 0);
    rig_lines(rig, LOG, "line", 8, 10);
}

static const struct missed_case {
    const char *name;
    void (*story)(struct rig *rig);
} missed_cases[] = {
    {"rotated twice", rotated_twice},
    {"rotated twice and compressed", rotated_twice_and_compressed},
    {"rotated three times, names with dates", rotated_three_times_by_date},
    {"rotated twice, no file has the name now", rotated_twice_without_successor},
    {"rotated, filled, copied and truncated", copied_between_two_looks},
};

static void check_all_ten(struct rig *rig)
{
    bool seen[11] = {false};

    for (size_t i = 0; i < rig->fake->line_count; i++) {
        int number = atoi(rig->fake->lines[i].bytes + 5);

        assert_in_range(number, 1, 10);
        assert_false(seen[number]);
        seen[number] = true;
    }
    assert_int_equal(rig->fake->line_count, 10);
    assert_int_equal(fake_collector_count(rig->fake, LOG), 10); /* under the one name */
    assert_int_equal(rig->fake->loss_count, 0);
    assert_int_equal(rig->fake->nacks_sent, 0);
}

static void test_missed_between_two_scans(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(missed_cases); i++) {
        struct rig rig;

        print_message("  %s\n", missed_cases[i].name);
        rig_init(&rig, LOG);
        rig_start(&rig);
        rig_lines(&rig, LOG, "line", 1, 3);
        rig_run(&rig, 60000);
        missed_cases[i].story(&rig);
        rig_run(&rig, LOOKS_MS);
        check_all_ten(&rig);
        rig_release(&rig);
    }
}

static void test_missed_while_stopped(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < 2 * COUNT_OF(missed_cases); i++) {
        struct rig rig;

        print_message("  %s\n", missed_cases[i / 2].name);
        rig_init(&rig, LOG);
        rig_start(&rig);
        rig_lines(&rig, LOG, "line", 1, 3);
        rig_run(&rig, 3000);
        if (i % 2 == 0)
            rig_stop(&rig);
        else
            rig_kill(&rig);
        pass(&rig, 3600 * 1000);
        missed_cases[i / 2].story(&rig);
        pass(&rig, 1000);
        rig_start(&rig);
        rig_run(&rig, LOOKS_MS);
        check_all_ten(&rig);
        rig_run(&rig, 200000); /* nor later */
        rig_stop(&rig);
        rig_start(&rig);
        rig_run(&rig, LOOKS_MS);
        check_all_ten(&rig);
        rig_release(&rig);
    }
}

/* Nothing is saved of a file that was empty; it is told by what was written after we stopped. */
static void test_empty_when_stopped(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, "/log/*.log");
    rig_start(&rig);
    rig_lines(&rig, "/log/other.log", "other", 1, 3);
    rig_append(&rig, LOG, "");
    rig_run(&rig, 3000);
    rig_stop(&rig);
    pass(&rig, 60000);
    rig_lines(&rig, LOG, "line", 1, 120);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_lines(&rig, LOG, "line", 121, 125);
    pass(&rig, 1000);
    rig_start(&rig);
    rig_run(&rig, LOOKS_MS);
    assert_int_equal(fake_collector_count(rig.fake, LOG), 125);
    assert_int_equal(rig.fake->line_count, 128);
    rig_release(&rig);
}

/* ---- what must not be read ---- */

static void before_the_first_start(struct rig *rig)
{
    rig_lines(rig, "/log/app.log.1", "old", 1, 3);
    rig_lines(rig, "/log/app.log.2", "older", 1, 3);
    compress(rig, "/log/app.log.2", "/log/app.log.2.gz");
}

static void nothing(struct rig *rig)
{
    (void)rig;
}

static void shifted(struct rig *rig)
{
    rig_rename(rig, "/log/app.log.2.gz", "/log/app.log.3.gz");
    rig_rename(rig, "/log/app.log.1", "/log/app.log.2");
    rig_rename(rig, LOG, "/log/app.log.1");
    rig_append(rig, LOG, "");
}

static void copy_of_what_is_read(struct rig *rig)
{
    rig_copy(rig, LOG, "/log/app.log.20260922");
}

static void copy_of_what_is_read_in_parts(struct rig *rig)
{
    rig_append(rig, "/log/app.log.4", "");
    pass(rig, 2000);
    rig_append(rig, "/log/app.log.4", "li");
    pass(rig, 2000);
    rig_append(rig, "/log/app.log.4", "ne 1\nline 2\nline 3\n");
}

static void another_name(struct rig *rig)
{
    rig_lines(rig, "/log/other.log.1", "foreign", 1, 3);
    rig_lines(rig, "/log/app.log.bak", "foreign", 1, 3);
    rig_lines(rig, "/log/app.logger", "foreign", 1, 3);
    rig_lines(rig, "/log/app-audit.log", "foreign", 1, 3);
    rig_lines(rig, "/log/.app.log.1", "foreign", 1, 3);
}

static const struct foreign_case {
    const char *name;
    void (*story)(struct rig *rig);
} foreign_cases[] = {
    {"files from before the first start", nothing},
    {"the same, shifted by a rotation", shifted},
    {"a copy of what is read", copy_of_what_is_read},
    {"the same, made in parts", copy_of_what_is_read_in_parts},
    {"new files of other names", another_name},
};

static void test_what_was_not_missed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < 2 * COUNT_OF(foreign_cases); i++) {
        bool stopped = i % 2 == 1;
        struct rig rig;

        print_message("  %s%s\n", foreign_cases[i / 2].name, stopped ? ", while stopped" : "");
        rig_init(&rig, LOG);
        rig.source.start_at = START_AUTO;
        before_the_first_start(&rig);
        pass(&rig, 1); /* the first scan is not in the same moment */
        rig_start(&rig);
        rig_lines(&rig, LOG, "line", 1, 3);
        rig_run(&rig, 3000);
        if (stopped)
            rig_stop(&rig);
        pass(&rig, 20000);
        foreign_cases[i / 2].story(&rig);
        pass(&rig, 1000);
        if (stopped)
            rig_start(&rig);
        rig_run(&rig, 130000);
        rig_expect(&rig, LOG, "line 1\nline 2\nline 3\n");
        assert_int_equal(rig.fake->line_count, 3);
        rig_release(&rig);
    }
}

/* ---- names ---- */

static void test_names(void **unused)
{
    static const struct {
        const char *path, *before[3];
    } cases[] = {
        {"/log/app.log", {NULL}},
        {"/log/app.log.1", {"/log/app.log"}},        /* logrotate */
        {"/log/app.log.10.gz", {"/log/app.log"}},    /* with compress */
        {"/log/app.log-20260922", {"/log/app.log"}}, /* dateext */
        {"/log/app.log-20260922.gz", {"/log/app.log"}},
        {"/log/app-20260922.log", {"/log/app.log"}}, /* extension .log */
        {"/log/app.log.2026-09-22_10",
         {"/log/app.log", "/log/app.log.2026", "/log/app.log.2026-09"}},
        {"/log/app.2026-09-22T10:00.log",
         {"/log/app.log", "/log/app.2026.log", "/log/app.2026-09.log"}},
        {"/log/app.1.log", {"/log/app.log"}}, /* log4j, %i */
        {"/log/app.log.old", {"/log/app.log"}},
        {"/log/app.log.older", {NULL}},
        {"/log/app.log.bak", {NULL}},
        {"/log/app.log.1.bak", {"/log/app.log.bak"}},
        {"/log/app1.log", {NULL}}, /* no separator */
        {"/log/app.log.1x", {NULL}},
        {"/log/.1", {NULL}},    /* nothing would be left */
        {"/log.1/app", {NULL}}, /* a directory */
        {"/log/app.log.", {NULL}},
        {"/log/app.log.gz", {NULL}},
        {"/", {NULL}},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char before[GLOB_SIZE_MAX];
        size_t at = 0;

        print_message("  %s\n", cases[i].path);
        for (size_t k = 0; k < COUNT_OF(cases[i].before) && cases[i].before[k] != NULL; k++) {
            assert_true(rotated_name_before(cases[i].path, &at, before));
            assert_string_equal(before, cases[i].before[k]);
        }
        if (cases[i].before[2] == NULL)
            assert_false(rotated_name_before(cases[i].path, &at, before));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missed_between_two_scans),
        cmocka_unit_test(test_missed_while_stopped),
        cmocka_unit_test(test_empty_when_stopped),
        cmocka_unit_test(test_what_was_not_missed),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
