/* What can happen to a log file, case by case, on a simulated disk and clock. */
#include "tests/shipper/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOG "/log/app.log"

static void start(struct rig *rig, const char *pattern)
{
    rig_init(rig, pattern);
    rig_start(rig);
}

static char *numbered(const char *prefix, unsigned first, unsigned last)
{
    struct buf text = buf_empty(64 << 20);
    char *out;

    for (unsigned i = first; i <= last; i++)
        assert_true(buf_printf(&text, "%s %u\n", prefix, i));
    assert_true(buf_append_byte(&text, '\0'));
    out = text.data;
    return out;
}

static void expect_numbered(struct rig *rig, const char *path, const char *prefix, unsigned last)
{
    char *text = numbered(prefix, 1, last);

    rig_expect(rig, path, text);
    free(text);
}

static void test_plain_lines(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/*.log");
    rig_append(&rig, LOG, "one\ntwo\n");
    rig_run(&rig, 2000);
    rig_expect(&rig, LOG, "one\ntwo\n");
    rig_append(&rig, LOG, "three\n");
    rig_run(&rig, 2000);
    rig_expect(&rig, LOG, "one\ntwo\nthree\n");
    assert_int_equal(rig.fake->nacks_sent, 0);
    assert_true(fake_collector_source(rig.fake, LOG, 0)->first_flags & RANGE_BEGIN);
    rig_release(&rig);
}

static void test_row_1_rename_and_create(void **unused)
{
    struct rig rig;
    const struct stored_source *second;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 3);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 4, 5); /* unread when it is renamed */
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_lines(&rig, "/log/app.log.1", "line", 6, 6); /* the writer has not reopened yet */
    rig_lines(&rig, LOG, "line", 7, 9);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 10, 10);
    rig_run(&rig, 30000);
    expect_numbered(&rig, LOG, "line", 10);
    assert_int_equal(rig.fake->loss_count, 0);
    assert_true(fake_collector_source(rig.fake, LOG, 0)->final);
    second = fake_collector_source(rig.fake, LOG, 1);
    assert_true(second->first_flags & RANGE_HANDOFF);
    assert_false(second->final);
    rig_release(&rig);
}

/* The copy matches the pattern, too; it must not be read a second time. */
static void test_row_2_copytruncate(void **unused)
{
    static const char *const patterns[] = {"/log/app.log", "/log/app.log*"};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct rig rig;

        print_message("  %s\n", patterns[i]);
        start(&rig, patterns[i]);
        rig_lines(&rig, LOG, "a line that is somewhat longer", 1, 50);
        rig_run(&rig, 3000);
        rig_lines(&rig, LOG, "a line that is somewhat longer", 51, 60); /* unread */
        rig_copy(&rig, LOG, "/log/app.log.1");
        rig_truncate(&rig, LOG, 0);
        rig_lines(&rig, LOG, "a line that is somewhat longer", 61, 65);
        rig_run(&rig, 30000);
        expect_numbered(&rig, LOG, "a line that is somewhat longer", 65);
        assert_int_equal(fake_collector_count(rig.fake, "/log/app.log.1"), 0);
        assert_int_equal(rig.fake->loss_count, 0);
        rig_release(&rig);
    }
}

/* A scan sees the copy before the truncation: it is held back, then adopted. */
static void test_row_2_copy_seen_before_truncation(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log*");
    rig_lines(&rig, LOG, "a line that is somewhat longer", 1, 50);
    rig_run(&rig, 3000);
    rig_copy(&rig, LOG, "/log/app.log.1");
    rig_run(&rig, 3000);
    assert_int_equal(fake_collector_count(rig.fake, "/log/app.log.1"), 0);
    rig_truncate(&rig, LOG, 0);
    rig_lines(&rig, LOG, "a line that is somewhat longer", 51, 52);
    rig_run(&rig, 30000);
    expect_numbered(&rig, LOG, "a line that is somewhat longer", 52);
    assert_int_equal(fake_collector_count(rig.fake, "/log/app.log.1"), 0);
    rig_release(&rig);
}

/* Invisible to the size: filled again past our position before we look. */
static void test_row_2_refilled_past_the_offset(void **unused)
{
    struct rig rig;
    char *text;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "old", 1, 20);
    rig_run(&rig, 3000);
    rig_truncate(&rig, LOG, 0);
    rig_lines(&rig, LOG, "new", 1, 100);
    rig_run(&rig, 30000);
    text = fake_collector_text(rig.fake, LOG);
    assert_non_null(strstr(text, "old 20\nnew 1\nnew 2\n"));
    assert_non_null(strstr(text, "new 100\n"));
    assert_int_equal(rig.fake->loss_count, 0);
    assert_int_equal(fake_collector_count(rig.fake, LOG), 120);
    free(text);
    rig_release(&rig);
}

/* No copy anywhere: what was seen and not read is a LOSS with its range. */
static void test_row_2_lost_window_is_counted(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 3); /* 21 bytes */
    rig_run(&rig, 3000);
    rig.fake->window_size = 0; /* back-pressure: growth is seen, not read */
    fake_collector_cut(rig.fake);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 4, 5); /* 14 bytes */
    rig_run(&rig, 3000);
    rig_truncate(&rig, LOG, 0);
    rig_append(&rig, LOG, "after\n");
    rig_run(&rig, 3000);
    rig.fake->window_size = 1 << 20;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 30000);
    rig_expect(&rig, LOG, "line 1\nline 2\nline 3\nafter\n");
    assert_int_equal(rig.fake->loss_count, 1);
    assert_int_equal(rig.fake->losses[0].from, 21);
    assert_int_equal(rig.fake->losses[0].to, 35);
    assert_int_equal(rig.fake->losses[0].reason, LOSS_TRUNCATED);
    rig_release(&rig);
}

static void test_row_3_create_delay(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_run(&rig, 15000); /* a missing path is a state, not an error */
    rig_lines(&rig, LOG, "line", 1, 2);
    rig_run(&rig, 12000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_run(&rig, 5000);
    rig_lines(&rig, LOG, "line", 3, 4);
    rig_run(&rig, 12000);
    expect_numbered(&rig, LOG, "line", 4);
    rig_release(&rig);
}

static void test_row_4_chain_while_stopped(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log*");
    rig_lines(&rig, LOG, "line", 1, 3);
    rig_run(&rig, 3000);
    rig_stop(&rig);
    rig_lines(&rig, LOG, "line", 4, 5);
    rig_rename(&rig, LOG, "/log/app.log.1");
    sim_io_advance(rig.sim, 1000000000);
    rig_lines(&rig, LOG, "line", 6, 7);
    rig_rename(&rig, "/log/app.log.1", "/log/app.log.2");
    rig_rename(&rig, LOG, "/log/app.log.1");
    sim_io_advance(rig.sim, 1000000000);
    rig_lines(&rig, LOG, "line", 8, 9);
    rig_start(&rig);
    rig_run(&rig, 30000);
    rig_expect(&rig, LOG, "line 1\nline 2\nline 3\nline 4\nline 5\nline 8\nline 9\n");
    rig_expect(&rig, "/log/app.log.1", "line 6\nline 7\n"); /* never seen under another name */
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

/* Rows 5 and 30: the name comes back with another file whose lines are the same: both are kept. */
static void test_row_5_and_30_same_lines_again(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_append(&rig, LOG, "same\nsame\n");
    rig_run(&rig, 3000);
    rig_unlink(&rig, LOG);
    rig_append(&rig, LOG, "same\nsame\n");
    rig_run(&rig, 30000);
    rig_expect(&rig, LOG, "same\nsame\nsame\nsame\n");
    rig_release(&rig);
}

static void test_row_7_gzip_is_not_read_twice(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log*");
    rig_lines(&rig, LOG, "line", 1, 500);
    rig_run(&rig, 3000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_lines(&rig, LOG, "line", 501, 502);
    rig_run(&rig, 3000);
    rig_gzip(&rig, "/log/app.log.1", "/log/app.log.1.gz");
    rig_run(&rig, 2000);
    rig_unlink(&rig, "/log/app.log.1");
    rig_run(&rig, 90000);
    expect_numbered(&rig, LOG, "line", 502);
    assert_int_equal(rig.fake->line_count, 502);
    rig_stop(&rig);
    rig_start(&rig); /* nor after a restart */
    rig_run(&rig, 30000);
    assert_int_equal(rig.fake->line_count, 502);
    rig_release(&rig);
}

/* While we are down the file is rotated and compressed: go on inside the .gz. */
static void test_row_7_goes_on_in_the_gzip(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 300);
    rig_run(&rig, 3000);
    rig_stop(&rig);
    rig_lines(&rig, LOG, "line", 301, 9000);
    rig_gzip(&rig, LOG, "/log/app.log.1.gz");
    rig_unlink(&rig, LOG);
    rig_lines(&rig, LOG, "line", 9001, 9010);
    rig_start(&rig);
    rig_run(&rig, 30000);
    expect_numbered(&rig, LOG, "line", 9010);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

/* What xz, bzip2, zstd and gzip begin with (their programs wrote these bytes), and lines that only look alike. */
static void test_packed_in_other_ways(void **unused)
{
    static const char *const packed[] = {"\xfd" "7zXZ\x01\n", "BZh91AY&SY\x12\n", "\x28\xb5\x2f\xfd\x24\n",
                                         "\x1f\x8b\x08\x08\n"};
    struct rig rig;

    (void)unused;
    start(&rig, "/log/*");
    rig_append(&rig, "/log/1.xz", packed[0]);
    rig_append(&rig, "/log/2.bz2", packed[1]);
    rig_append(&rig, "/log/3.zst", packed[2]);
    rig_append(&rig, "/log/4.packed", packed[3]);
    rig_append(&rig, "/log/5.log", "BZh is a word\n");
    rig_append(&rig, "/log/6.log", "1AY&SY\x1f\n7zXZ\n");
    rig_run(&rig, 30000);
    rig_append(&rig, "/log/1.xz", "more\n");
    rig_run(&rig, 90000);
    rig_expect(&rig, "/log/5.log", "BZh is a word\n");
    assert_int_equal(rig.fake->line_count, 3);
    rig_release(&rig);
}

static void test_row_8_deleted_while_open(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 3000);
    rig.fake->window_size = 0;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 11, 20);
    rig_unlink(&rig, LOG);
    rig_run(&rig, 60000);
    rig.fake->window_size = 1 << 20;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 180000);
    expect_numbered(&rig, LOG, "line", 20);
    assert_true(fake_collector_source(rig.fake, LOG, 0)->final);
    rig_release(&rig);
}

static void test_row_9_partial_last_line(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_append(&rig, LOG, "whole\nhal");
    rig_run(&rig, 3000);
    rig_expect(&rig, LOG, "whole\n"); /* not advanced past it */
    rig_run(&rig, 5000);
    assert_int_equal(rig.fake->line_count, 2);
    assert_int_equal(rig.fake->lines[1].flags, WIRE_LINE_PARTIAL);
    rig_append(&rig, LOG, "f\nnext\n");
    rig_run(&rig, 3000);
    rig_expect(&rig, LOG, "whole\nhalf\nnext\n");
    assert_int_equal(rig.fake->lines[2].flags, WIRE_LINE_CONTINUED);
    assert_int_equal(rig.fake->lines[2].offset, 9);
    rig_append(&rig, LOG, "last without end"); /* at the end of a rotated file: final */
    rig_run(&rig, 1000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_append(&rig, LOG, "new\n");
    rig_run(&rig, 30000);
    assert_int_equal(rig.fake->line_count, 6);
    assert_true(fake_collector_source(rig.fake, LOG, 0)->final);
    rig_release(&rig);
}

static void append_run(struct rig *rig, char byte, size_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, byte, len);
    text[len] = '\0';
    rig_append(rig, LOG, text);
    free(text);
}

static void test_row_10_very_long_line(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_append(&rig, LOG, "before\n");
    append_run(&rig, 'x', 3 << 20); /* over the cap of 1 MiB */
    rig_append(&rig, LOG, "\nbetween\n");
    append_run(&rig, 'y', 500000); /* longer than a turn, below the cap */
    rig_append(&rig, LOG, "\nafter\n");
    rig_run(&rig, 5000);
    assert_int_equal(rig.fake->line_count, 5);
    assert_int_equal(rig.fake->lines[1].len, 1 << 20);
    assert_int_equal(rig.fake->lines[1].source_len, (3 << 20) + 1);
    assert_int_equal(rig.fake->lines[1].flags, WIRE_LINE_TRUNCATED);
    assert_string_equal(rig.fake->lines[2].bytes, "between");
    assert_int_equal(rig.fake->lines[3].len, 500000);
    assert_int_equal(rig.fake->lines[3].flags, 0);
    assert_string_equal(rig.fake->lines[4].bytes, "after");
    assert_int_equal(rig.fake->nacks_sent, 0);
    rig_release(&rig);
}

/* A writer without O_APPEND goes on at its old offset after a truncation: a hole of NULs. */
static void test_row_11_nul_run(void **unused)
{
    struct rig rig;
    uint64_t nuls = 0;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 100);
    rig_run(&rig, 3000);
    rig_truncate(&rig, LOG, 0);
    rig_write_at(&rig, LOG, 100000, "behind the hole\n");
    rig_run(&rig, 30000);
    for (size_t i = 0; i < rig.fake->line_count; i++)
        if (rig.fake->lines[i].flags & WIRE_LINE_NUL_RUN)
            nuls += rig.fake->lines[i].source_len;
    assert_int_equal(nuls, 100000); /* a run longer than a turn comes in pieces */
    assert_int_equal(rig.fake->loss_count, 0);
    assert_string_equal(rig.fake->lines[rig.fake->line_count - 1].bytes, "behind the hole");
    rig_release(&rig);
}

static void test_row_12_bytes_are_kept(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_append(&rig, LOG,
               "\xEF\xBB\xBF"
               "bom\r\n\xff\xfe\x80\n\n");
    rig_run(&rig, 3000);
    rig_expect(&rig, LOG,
               "\xEF\xBB\xBF"
               "bom\r\n\xff\xfe\x80\n\n");
    rig_release(&rig);
}

static void test_row_15_shrinks_but_not_to_zero(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "a line of some length", 1, 100);
    rig_run(&rig, 3000);
    rig_truncate(&rig, LOG, 24 * 50); /* about the first half stays */
    rig_run(&rig, 5000);
    rig_append(&rig, LOG, "x\nappended\n");
    rig_run(&rig, 30000);
    assert_string_equal(rig.fake->lines[rig.fake->line_count - 1].bytes, "appended");
    assert_int_equal(rig.fake->line_count, 102); /* none again */
    rig_release(&rig);
}

/* Cut in place and appended to before we look: what of it is new cannot be told. Every byte that is
 * not delivered lies in the gap, which begins where the file is known to be the same. */
static void test_row_15_appended_before_we_look(void **unused)
{
    static const struct {
        const char *name;
        unsigned kept; /* lines of 25 bytes */
        const char *appended;
        uint64_t from, to;
    } cases[] = {
        {"at a place where we had read to", 50, "new\n", 25 * 50, 25 * 50 + 4},
        {"between two such places", 60, "new\n", 25 * 50, 25 * 60 + 4},
        {"before the first of them", 45, "new\n", 1024, 25 * 45 + 4},
        {"nothing was appended", 50, "", 0, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        print_message("  %s\n", cases[i].name);
        start(&rig, "/log/app.log");
        rig_lines(&rig, LOG, "a line of this length", 10, 59); /* 50 lines */
        rig_run(&rig, 3000);
        rig_lines(&rig, LOG, "a line of this length", 10, 59);
        rig_run(&rig, 3000);
        rig_truncate(&rig, LOG, 25 * cases[i].kept);
        rig_append(&rig, LOG, cases[i].appended);
        rig_run(&rig, 3000);
        rig_kill(&rig); /* the gap is not forgotten */
        rig_start(&rig);
        rig_run(&rig, 3000);
        rig_append(&rig, LOG, "later\n");
        rig_run(&rig, 3000);
        assert_int_equal(rig.fake->line_count, 101);
        assert_string_equal(rig.fake->lines[100].bytes, "later");
        assert_int_equal(rig.fake->loss_count, cases[i].to > 0);
        if (cases[i].to > 0) {
            assert_int_equal(rig.fake->losses[0].from, cases[i].from);
            assert_int_equal(rig.fake->losses[0].to, cases[i].to);
            assert_int_equal(rig.fake->losses[0].reason, LOSS_TRUNCATED);
        }
        assert_int_equal(rig.fake->nacks_sent, 0);
        rig_release(&rig);
    }
}

/* The collector is away when it happens, and the shipper is killed before it hears of the gap. */
static void test_row_15_gap_without_a_collector(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "a line of this length", 10, 99);
    rig_run(&rig, 3000);
    rig.fake->window_size = 0;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 1000);
    rig_truncate(&rig, LOG, 25 * 50);
    rig_append(&rig, LOG, "new\n");
    rig_run(&rig, 3000);
    rig_kill(&rig);
    rig_start(&rig);
    rig_run(&rig, 3000);
    assert_int_equal(rig.fake->loss_count, 0);
    rig.fake->window_size = 1 << 20;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 90000);
    rig_append(&rig, LOG, "later\n");
    rig_run(&rig, 3000);
    assert_int_equal(rig.fake->line_count, 91);
    assert_string_equal(rig.fake->lines[90].bytes, "later");
    assert_int_equal(rig.fake->loss_count, 1);
    assert_int_equal(rig.fake->losses[0].from, 1024);
    assert_int_equal(rig.fake->losses[0].to, 25 * 50 + 4);
    rig_release(&rig);
}

/* An old size from the server is no truncation, if it does not last. */
static void test_row_16_old_sizes_of_a_server(void **unused)
{
    static const struct {
        const char *name;
        bool remote, cut;
        int64_t wait_ms;
        uint64_t truncations;
    } cases[] = {
        {"a server's size is old for a second", true, false, 1000, 0},
        {"it is smaller for good", true, true, 5000, 1},
        {"a local size is what it is", false, false, 1000, 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        print_message("  %s\n", cases[i].name);
        rig_init(&rig, "/log/app.log");
        sim_io_faults(rig.sim)->remote = cases[i].remote;
        rig_start(&rig);
        rig_lines(&rig, LOG, "line", 1, 10);
        rig_run(&rig, 3000);
        if (cases[i].cut)
            rig_truncate(&rig, LOG, 20);
        else
            sim_io_faults(rig.sim)->info_size_max = 20;
        rig_run(&rig, cases[i].wait_ms);
        sim_io_faults(rig.sim)->info_size_max = 0;
        rig_lines(&rig, LOG, "line", 11, 12);
        rig_run(&rig, 30000);
        assert_int_equal(fake_collector_source(rig.fake, LOG, 1) != NULL, cases[i].truncations > 0);
        if (cases[i].truncations == 0)
            expect_numbered(&rig, LOG, "line", 12);
        rig_release(&rig);
    }
}

static void test_row_16_the_server_forgot_the_file(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, "/log/app.log");
    sim_io_faults(rig.sim)->remote = true;
    rig_start(&rig);
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 3000);
    sim_io_stale(rig.sim); /* the same file is still there */
    rig_lines(&rig, LOG, "line", 11, 12);
    rig_run(&rig, 5000);
    expect_numbered(&rig, LOG, "line", 12);
    rig_unlink(&rig, LOG); /* another one has its name */
    sim_io_stale(rig.sim);
    rig_lines(&rig, LOG, "line", 13, 14);
    rig_run(&rig, 30000);
    expect_numbered(&rig, LOG, "line", 14);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

/* Descriptors of quiet files are closed, and their files are not forgotten: they are appended to,
 * and rotated, while closed. */
static void test_row_19_more_files_than_descriptors(void **unused)
{
    enum { FILES = 700, OPEN_MAX = 530 };
    struct rig rig;

    (void)unused;
    start(&rig, "/log/*.log");
    for (unsigned i = 0; i < FILES; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/log/f%u.log", i);
        rig_lines(&rig, path, path, 1, 1);
    }
    rig_run(&rig, 60000);
    assert_int_equal(rig.fake->line_count, FILES);
    assert_true(sim_io_open_count(rig.sim) <= OPEN_MAX);
    for (unsigned i = 0; i < FILES; i++) {
        char path[64], rotated[80];

        (void)snprintf(path, sizeof(path), "/log/f%u.log", i);
        rig_lines(&rig, path, path, 2, 2);
        if (i % 10 != 0)
            continue;
        (void)snprintf(rotated, sizeof(rotated), "%s.1", path);
        rig_rename(&rig, path, rotated);
        rig_lines(&rig, path, path, 3, 3);
    }
    rig_run(&rig, 60000);
    assert_int_equal(rig.fake->line_count, 2 * FILES + FILES / 10);
    assert_int_equal(rig.fake->loss_count, 0);
    assert_true(sim_io_open_count(rig.sim) <= OPEN_MAX);
    rig_release(&rig);
}

static void test_row_22_restart_during_rotation(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 11, 12);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_lines(&rig, LOG, "line", 13, 14);
    rig_run(&rig, 300);
    rig_kill(&rig);
    rig_lines(&rig, "/log/app.log.1", "line", 1000, 1000); /* late, in the old file */
    rig_start(&rig);
    rig_run(&rig, 30000);
    assert_int_equal(rig.fake->line_count, 15);
    assert_int_equal(rig.fake->loss_count, 0);
    rig_release(&rig);
}

static void test_row_23_start_at(void **unused)
{
    static const struct {
        const char *name;
        int start_at;
        int64_t age_s;
        const char *text;
    } cases[] = {
        {"auto, old file: from its end", START_AUTO, 7200, "new\n"},
        {"auto, young file: whole", START_AUTO, 60, "old\nnew\n"},
        {"beginning", START_BEGINNING, 7200, "old\nnew\n"},
        {"end", START_END, 60, "new\n"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        print_message("  %s\n", cases[i].name);
        rig_init(&rig, "/log/*.log");
        rig.source.start_at = cases[i].start_at;
        rig_append(&rig, LOG, "old\n");
        sim_io_advance(rig.sim, cases[i].age_s * 1000000000);
        rig_start(&rig);
        rig_run(&rig, 3000);
        rig_append(&rig, LOG, "new\n");
        rig_append(&rig, "/log/later.log", "whole\n"); /* new files are always read whole */
        rig_run(&rig, 15000);
        rig_expect(&rig, LOG, cases[i].text);
        rig_expect(&rig, "/log/later.log", "whole\n");
        rig_release(&rig);
    }
}

static void test_row_26_two_shippers_on_one_state(void **unused)
{
    struct rig rig;
    struct shipper *second = NULL;
    struct error err = {0};

    (void)unused;
    start(&rig, "/log/app.log");
    assert_int_equal(shipper_new(rig.io, &rig.settings, &rig.fake->base, &second, &err),
                     STATUS_BUSY);
    rig_release(&rig);
}

static void test_row_27_state_disk_is_full(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 3000);
    sim_io_faults(rig.sim)->sync_fails_at = sim_io_counts(rig.sim).syncs + 1;
    rig_lines(&rig, LOG, "line", 11, 20);
    rig_run(&rig, 3000);
    expect_numbered(&rig, LOG, "line", 20);
    rig_kill(&rig);
    rig_start(&rig);
    rig_run(&rig, 3000);
    rig_lines(&rig, LOG, "line", 21, 22);
    rig_run(&rig, 3000);
    expect_numbered(&rig, LOG, "line", 22);
    rig_release(&rig);
}

static void test_row_28_not_a_regular_file(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, "/log/*");
    assert_int_equal(rig.io->path->make_dir(rig.io, "/log/dir"), 0);
    rig_append(&rig, "/log/empty", "");
    rig_start(&rig);
    rig_run(&rig, 5000);
    assert_int_equal(rig.fake->source_count, 0);
    rig_append(&rig, "/log/empty", "not any more\n");
    rig_run(&rig, 4000);
    rig_expect(&rig, "/log/empty", "not any more\n");
    rig_release(&rig);
}

/* Space that is reserved ahead of the data: do not advance over NULs at the end. */
static void test_row_29_preallocated(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig, "/log/app.log");
    rig_truncate(&rig, LOG, 8192);
    rig_write_at(&rig, LOG, 0, "one\n");
    rig_run(&rig, 15000);
    rig_expect(&rig, LOG, "one\n");
    rig_write_at(&rig, LOG, 4, "two\nthr");
    rig_run(&rig, 1000);
    rig_write_at(&rig, LOG, 11, "ee\n");
    rig_run(&rig, 15000);
    rig_expect(&rig, LOG, "one\ntwo\nthree\n");
    assert_int_equal(fake_collector_source(rig.fake, LOG, 0)->offset, 14);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_row_1_rename_and_create),
        cmocka_unit_test(test_row_2_copytruncate),
        cmocka_unit_test(test_row_2_copy_seen_before_truncation),
        cmocka_unit_test(test_row_2_refilled_past_the_offset),
        cmocka_unit_test(test_row_2_lost_window_is_counted),
        cmocka_unit_test(test_row_3_create_delay),
        cmocka_unit_test(test_row_4_chain_while_stopped),
        cmocka_unit_test(test_row_5_and_30_same_lines_again),
        cmocka_unit_test(test_row_7_gzip_is_not_read_twice),
        cmocka_unit_test(test_row_7_goes_on_in_the_gzip),
        cmocka_unit_test(test_packed_in_other_ways),
        cmocka_unit_test(test_row_8_deleted_while_open),
        cmocka_unit_test(test_row_9_partial_last_line),
        cmocka_unit_test(test_row_10_very_long_line),
        cmocka_unit_test(test_row_11_nul_run),
        cmocka_unit_test(test_row_12_bytes_are_kept),
        cmocka_unit_test(test_row_15_shrinks_but_not_to_zero),
        cmocka_unit_test(test_row_15_appended_before_we_look),
        cmocka_unit_test(test_row_15_gap_without_a_collector),
        cmocka_unit_test(test_row_16_old_sizes_of_a_server),
        cmocka_unit_test(test_row_16_the_server_forgot_the_file),
        cmocka_unit_test(test_row_19_more_files_than_descriptors),
        cmocka_unit_test(test_row_22_restart_during_rotation),
        cmocka_unit_test(test_row_23_start_at),
        cmocka_unit_test(test_row_26_two_shippers_on_one_state),
        cmocka_unit_test(test_row_27_state_disk_is_full),
        cmocka_unit_test(test_row_28_not_a_regular_file),
        cmocka_unit_test(test_row_29_preallocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
