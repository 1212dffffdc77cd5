/* tests/base/test_sim_io.c -- the simulated disk loses what a real one may lose, and no more. */
#include "tests/support/sim_io.h"

#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void put(struct io *io, const char *path, const char *text, uint64_t offset, bool sync)
{
    struct error err = {0};
    int fd = -1;

    assert_int_equal(io_open(io, path, IO_WRITE | IO_CREATE, &fd, &err), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, text, strlen(text), offset, path, &err), STATUS_OK);
    if (sync)
        assert_int_equal(io_sync(io, fd, path, &err), STATUS_OK);
    io_close(io, &fd);
}

/* The file's bytes as text, or "(none)". */
static const char *get(struct io *io, const char *path)
{
    static char text[65536];
    struct buf content = buf_empty(sizeof(text) - 1);

    if (io_read_file(io, path, &content, NULL) != STATUS_OK)
        return "(none)";
    if (content.len > 0)
        memcpy(text, content.data, content.len);
    text[content.len] = '\0';
    buf_release(&content);
    return text;
}

static void test_all_lost(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);

    (void)unused;
    put(io, "synced_and_named", "kept", 0, true);
    assert_int_equal(io_sync_dir(io, "/", NULL), STATUS_OK);
    put(io, "synced_not_named", "lost", 0, true);
    put(io, "synced_and_named", "tail", 4, false);
    assert_string_equal(get(io, "synced_and_named"), "kepttail");
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    assert_string_equal(get(io, "synced_and_named"), "kept");
    assert_string_equal(get(io, "synced_not_named"), "(none)");
    sim_io_free(sim);
}

static void test_all_kept(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);

    (void)unused;
    assert_int_equal(io_make_dirs(io, "/a/b", NULL), STATUS_OK);
    put(io, "/a/b/one", "1", 0, false);
    put(io, "/a/b/two", "2", 0, false);
    assert_int_equal(io_rename(io, "/a/b/one", "/a/three", NULL), STATUS_OK);
    assert_int_equal(io_remove(io, "/a/b/two", NULL), STATUS_OK);
    sim_io_crash(sim, SIM_CRASH_ALL_KEPT);
    assert_string_equal(get(io, "/a/three"), "1");
    assert_string_equal(get(io, "/a/b/one"), "(none)");
    assert_string_equal(get(io, "/a/b/two"), "(none)");
    sim_io_free(sim);
}

static void test_kill_keeps_what_was_written(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    int fd = -1;

    (void)unused;
    put(io, "f", "text", 0, false);
    assert_int_equal(io_open(io, "f", IO_READ, &fd, NULL), STATUS_OK);
    assert_int_equal(io->file->lock(io, fd), 0);
    assert_int_equal(sim_io_open_count(sim), 1);
    sim_io_kill(sim);
    assert_int_equal(sim_io_open_count(sim), 0);
    assert_string_equal(get(io, "f"), "text");
    sim_io_crash(sim, SIM_CRASH_ALL_LOST); /* but it was still not durable */
    assert_string_equal(get(io, "f"), "(none)");
    sim_io_free(sim);
}

/* One write of two pages over synced ones: over many seeds every mixture of old and new pages must
 * appear, and nothing else. */
static void test_torn_write(void **unused)
{
    enum { OLD_OLD = 1, OLD_NEW = 2, NEW_OLD = 4, NEW_NEW = 8 };
    static char old_text[2 * SIM_PAGE_SIZE + 1];
    static char new_text[2 * SIM_PAGE_SIZE + 1];
    unsigned seen = 0;
    unsigned torn_in_page = 0;

    (void)unused;
    memset(old_text, 'o', sizeof(old_text) - 1);
    memset(new_text, 'n', sizeof(new_text) - 1);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_io *sim = sim_io_new(seed);
        struct io *io = sim_io_table(sim);
        const char *got;

        put(io, "f", old_text, 0, true);
        assert_int_equal(io_sync_dir(io, ".", NULL), STATUS_OK);
        put(io, "f", new_text, 0, false);
        sim_io_crash(sim, SIM_CRASH_RANDOM);
        got = get(io, "f");
        assert_int_equal(strlen(got), 2 * SIM_PAGE_SIZE);
        assert_int_equal(strspn(got, "on"), 2 * SIM_PAGE_SIZE);
        seen |= 1U << ((got[0] == 'n') * 2 + (got[SIM_PAGE_SIZE] == 'n'));
        torn_in_page += got[0] != got[SIM_SECTOR_SIZE];
        sim_io_free(sim);
    }
    assert_int_equal(seen, OLD_OLD | OLD_NEW | NEW_OLD | NEW_NEW);
    assert_true(torn_in_page > 0);
}

static void test_size_before_data(void **unused)
{
    unsigned zero_tails = 0;

    (void)unused;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_io *sim = sim_io_new(seed);
        struct io *io = sim_io_table(sim);
        struct io_info info;

        put(io, "f", "head", 0, true);
        assert_int_equal(io_sync_dir(io, "/", NULL), STATUS_OK);
        put(io, "f", "tail", 4, false);
        sim_io_crash(sim, SIM_CRASH_RANDOM);
        assert_int_equal(io_info_of(io, "f", &info, NULL), STATUS_OK);
        assert_true(info.size == 4 || info.size == 8);
        assert_memory_equal(get(io, "f"), "head", 4);
        zero_tails += info.size == 8 && get(io, "f")[4] == '\0';
        sim_io_free(sim);
    }
    assert_true(zero_tails > 0);
}

/* Two creates without a directory sync: each of the four outcomes must appear. */
static void test_names_lost_one_by_one(void **unused)
{
    unsigned seen = 0;

    (void)unused;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_io *sim = sim_io_new(seed);
        struct io *io = sim_io_table(sim);
        struct io_info info;

        put(io, "a", "a", 0, true);
        put(io, "b", "b", 0, true);
        sim_io_crash(sim, SIM_CRASH_RANDOM);
        seen |= 1U << ((io_info_of(io, "a", &info, NULL) == STATUS_OK) * 2 +
                       (io_info_of(io, "b", &info, NULL) == STATUS_OK));
        sim_io_free(sim);
    }
    assert_int_equal(seen, 15);
}

/* io_replace_file() under every crash point and mode: the old or the new content, whole; the new
 * one once the call has answered OK. */
static void test_replace_file_survives(void **unused)
{
    static const enum sim_crash modes[] = {SIM_CRASH_ALL_LOST, SIM_CRASH_ALL_KEPT,
                                           SIM_CRASH_RANDOM};
    static char old_text[6000];
    static char new_text[9000];
    unsigned points = 0;

    (void)unused;
    memset(old_text, 'o', sizeof(old_text) - 1);
    memset(new_text, 'n', sizeof(new_text) - 1);
    for (uint64_t run = 0; run < 8 * 40; run++) {
        struct sim_io *sim = sim_io_new(run);
        struct io *io = sim_io_table(sim);
        const char *got;
        enum status status;

        assert_int_equal(io_replace_file(io, "/f", slice_of(old_text), NULL), STATUS_OK);
        sim_io_faults(sim)->crash_after = sim_io_counts(sim).changes + 1 + run % 8;
        status = io_replace_file(io, "/f", slice_of(new_text), NULL);
        points += sim_io_crashed(sim);
        sim_io_crash(sim, modes[run / 8 % COUNT_OF(modes)]);
        got = get(io, "/f");
        if (status == STATUS_OK)
            assert_string_equal(got, new_text);
        else
            assert_true(strcmp(got, old_text) == 0 || strcmp(got, new_text) == 0);
        sim_io_free(sim);
    }
    assert_true(points >= 5 * 40); /* create, write, sync, rename, sync of the folder */
}

static void test_failed_sync_loses_data(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    int fd = -1;

    (void)unused;
    sim_io_faults(sim)->sync_fails_at = 1;
    assert_int_equal(io_open(io, "f", IO_WRITE | IO_CREATE, &fd, NULL), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, "data", 4, 0, "f", NULL), STATUS_OK);
    assert_int_equal(io_sync(io, fd, "f", NULL), STATUS_IO);
    assert_int_equal(io_sync(io, fd, "f", NULL), STATUS_OK);
    assert_int_equal(io_sync_dir(io, "/", NULL), STATUS_OK);
    io_close(io, &fd);
    assert_string_equal(get(io, "f"), "data");
    sim_io_crash(sim, SIM_CRASH_ALL_KEPT);
    assert_string_equal(get(io, "f"), "");
    sim_io_free(sim);
}

static void test_disk_full(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    uint64_t free_bytes;
    uint64_t total_bytes;
    int fd = -1;

    (void)unused;
    sim_io_faults(sim)->disk_size = 10;
    put(io, "a", "123456", 0, false);
    assert_int_equal(io_open(io, "b", IO_WRITE | IO_CREATE, &fd, NULL), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, "1234567", 7, 0, "b", NULL), STATUS_DISK_FULL);
    assert_int_equal(io->path->space(io, "/", &free_bytes, &total_bytes), 0);
    assert_int_equal(free_bytes, 0);
    assert_int_equal(io->file->allocate(io, fd, 8), -28 /* ENOSPC */);
    assert_int_equal(io_remove(io, "a", NULL), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, "1234567", 7, 0, "b", NULL), STATUS_OK);
    io_close(io, &fd);
    sim_io_free(sim);
}

static void test_short_and_failing_calls(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct iovec part = {.iov_base = "abcdef", .iov_len = 6};
    char data[6];
    int fd = -1;

    (void)unused;
    assert_int_equal(io_open(io, "f", IO_READ | IO_WRITE | IO_CREATE, &fd, NULL), STATUS_OK);
    sim_io_faults(sim)->write_size_max = 4;
    sim_io_faults(sim)->read_size_max = 2;
    assert_int_equal(io->file->write_at(io, fd, &part, 1, 0), 4);
    assert_int_equal(io_write_all(io, fd, "abcdef", 6, 0, "f", NULL), STATUS_OK);
    assert_int_equal(io->file->read_at(io, fd, data, 6, 0), 2);
    assert_int_equal(io_read_exact(io, fd, data, 6, 0, "f", NULL), STATUS_OK);
    assert_memory_equal(data, "abcdef", 6);
    sim_io_faults(sim)->read_fails_at = sim_io_counts(sim).reads + 2;
    assert_int_equal(io_read_exact(io, fd, data, 2, 0, "f", NULL), STATUS_OK);
    assert_int_equal(io_read_exact(io, fd, data, 2, 0, "f", NULL), STATUS_IO);
    sim_io_faults(sim)->write_fails_at = sim_io_counts(sim).writes + 1;
    assert_int_equal(io_write_all(io, fd, "x", 1, 0, "f", NULL), STATUS_IO);
    io_close(io, &fd);
    assert_string_equal(get(io, "f"), "abcdef");
    sim_io_free(sim);
}

static void test_silent_read_errors(void **unused)
{
    static char text[2 * SIM_PAGE_SIZE + 1];
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    char byte;
    int fd = -1;

    (void)unused;
    memset(text, 'a', SIM_PAGE_SIZE);
    memset(text + SIM_PAGE_SIZE, 'b', SIM_PAGE_SIZE);
    put(io, "f", text, 0, true);
    put(io, "f", "new", 0, false);
    sim_io_faults(sim)->read_stale_at = 1;
    sim_io_faults(sim)->read_misplaced_at = 2;
    assert_int_equal(io_open(io, "f", IO_READ, &fd, NULL), STATUS_OK);
    assert_int_equal(io->file->read_at(io, fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'a');
    assert_int_equal(io->file->read_at(io, fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'b');
    assert_int_equal(io->file->read_at(io, fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'n');
    io_close(io, &fd);
    sim_io_free(sim);
}

static void test_names(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct io_info info;
    int first = -1;
    int second = -1;

    (void)unused;
    assert_int_equal(io->path->make_dir(io, "/d/e"), -2 /* ENOENT */);
    assert_int_equal(io_make_dirs(io, "/d/e", NULL), STATUS_OK);
    put(io, "/d/e/f", "x", 0, false);
    assert_int_equal(io->path->remove_dir(io, "/d/e"), -39 /* ENOTEMPTY */);
    assert_int_equal(io->path->link(io, "/d/e/f", "/d/g"), 0);
    assert_int_equal(io_info_of(io, "/d/g", &info, NULL), STATUS_OK);
    assert_int_equal(info.links, 2);
    assert_int_equal(io_open(io, "/d/g", IO_READ, &first, NULL), STATUS_OK);
    assert_int_equal(io_open(io, "/d/e/f", IO_READ, &second, NULL), STATUS_OK);
    assert_int_equal(io->file->lock(io, first), 0);
    assert_int_equal(io->file->lock(io, second), -11 /* EWOULDBLOCK */);
    assert_int_equal(io_remove(io, "/d/g", NULL), STATUS_OK);
    assert_int_equal(io_remove(io, "/d/e/f", NULL), STATUS_OK);
    assert_int_equal(io_remove(io, "/d/e/f", NULL), STATUS_OK); /* gone is fine */
    assert_int_equal(io->file->info(io, first, &info), 0);
    assert_int_equal(info.links, 0);
    io_close(io, &first);
    assert_int_equal(io->file->lock(io, second), 0);
    io_close(io, &second);
    sim_io_free(sim);
}

static void test_clock_and_seed(void **unused)
{
    struct sim_io *sim = sim_io_new(7);
    struct sim_io *same = sim_io_new(7);
    int64_t mono = io_mono_ns(sim_io_table(sim));
    uint8_t first[16];
    uint8_t second[16];

    (void)unused;
    assert_true(io_wall_ns(sim_io_table(sim)) == SIM_WALL_START_NS);
    sim_io_advance(sim, 5);
    sim_io_set_wall(sim, 1);
    assert_int_equal(io_wall_ns(sim_io_table(sim)), 1);
    assert_true(io_mono_ns(sim_io_table(sim)) == mono + 5);
    io_random(sim_io_table(sim), first, sizeof(first));
    io_random(sim_io_table(same), second, sizeof(second));
    assert_memory_equal(first, second, sizeof(first));
    sim_io_free(sim);
    sim_io_free(same);
}

static void test_damage(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);

    (void)unused;
    put(io, "f", "abc", 0, true);
    assert_true(sim_io_flip(sim, "f", 1, 'b' ^ 'x'));
    assert_string_equal(get(io, "f"), "axc");
    assert_true(sim_io_cut(sim, "f", 2));
    assert_string_equal(get(io, "f"), "ax");
    assert_false(sim_io_flip(sim, "f", 2, 1));
    assert_false(sim_io_cut(sim, "g", 0));
    sim_io_free(sim);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lost),
        cmocka_unit_test(test_all_kept),
        cmocka_unit_test(test_kill_keeps_what_was_written),
        cmocka_unit_test(test_torn_write),
        cmocka_unit_test(test_size_before_data),
        cmocka_unit_test(test_names_lost_one_by_one),
        cmocka_unit_test(test_replace_file_survives),
        cmocka_unit_test(test_failed_sync_loses_data),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_short_and_failing_calls),
        cmocka_unit_test(test_silent_read_errors),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_clock_and_seed),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
