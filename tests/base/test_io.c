/* tests/base/test_io.c -- the same checks on the real disk and on the simulated one, so that the
 * simulator is known to answer as Linux does. */
#include "base/io.h"

#include "tests/support/sim_io.h"
#include "tests/support/temp_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* One disk under test, with an empty folder on it. */
struct disk {
    struct io *io;
    char folder[PATH_MAX / 2];
    char path[PATH_MAX]; /* the last one asked for */
};

static const char *in(struct disk *disk, const char *name)
{
    (void)snprintf(disk->path, sizeof(disk->path), "%s/%s", disk->folder, name);
    return disk->path;
}

static void check_missing_files(struct disk *disk)
{
    struct io_info info;
    struct error err = {0};
    int fd = -1;

    assert_int_equal(io_open(disk->io, in(disk, "no"), IO_READ, &fd, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(io_info_of(disk->io, in(disk, "no"), &info, &err), STATUS_NOT_FOUND);
    assert_int_equal(io_remove(disk->io, in(disk, "no"), &err), STATUS_OK);
    assert_int_equal(io_open(disk->io, in(disk, "no/no"), IO_WRITE | IO_CREATE, &fd, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(disk->io->path->remove_dir(disk->io, in(disk, "no")), -ENOENT);
    assert_int_equal(disk->io->path->sync_dir(disk->io, in(disk, "no")), -ENOENT);
}

static void check_bytes(struct disk *disk)
{
    struct io *io = disk->io;
    struct io_info info;
    char data[8];
    int fd = -1;

    assert_int_equal(io_open(io, in(disk, "f"), IO_READ | IO_WRITE | IO_CREATE, &fd, NULL), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, "abc", 3, 2, "f", NULL), STATUS_OK);
    assert_int_equal(io_read_exact(io, fd, data, 5, 0, "f", NULL), STATUS_OK);
    assert_memory_equal(data, "\0\0abc", 5); /* a hole reads as zeros */
    assert_int_equal(io_read_exact(io, fd, data, 6, 0, "f", NULL), STATUS_END);
    assert_int_equal(io->file->read_at(io, fd, data, 1, 100), 0);
    assert_int_equal(io->file->allocate(io, fd, 10), 0);
    assert_int_equal(io->file->info(io, fd, &info), 0);
    assert_int_equal(info.size, 10);
    assert_int_equal(info.links, 1);
    assert_int_equal(io->file->allocate(io, fd, 5), 0); /* never shrinks */
    assert_int_equal(io->file->truncate(io, fd, 4), 0);
    assert_int_equal(io->file->truncate(io, fd, 6), 0);
    assert_int_equal(io_read_exact(io, fd, data, 6, 0, "f", NULL), STATUS_OK);
    assert_memory_equal(data, "\0\0ab\0\0", 6);
    assert_int_equal(io_sync(io, fd, "f", NULL), STATUS_OK);
    io_close(io, &fd);
    assert_int_equal(fd, -1);
    io_close(io, &fd);
    assert_int_equal(io_open(io, in(disk, "f"), IO_READ, &fd, NULL), STATUS_OK);
    assert_int_equal(io_write_all(io, fd, "x", 1, 0, "f", NULL), STATUS_IO); /* read only */
    io_close(io, &fd);
    assert_int_equal(io_open(io, in(disk, "f"), IO_WRITE | IO_CREATE | IO_EXCLUSIVE, &fd, NULL),
                     STATUS_IO);
    assert_int_equal(io_open(io, in(disk, "f"), IO_WRITE | IO_TRUNCATE, &fd, NULL), STATUS_OK);
    io_close(io, &fd);
    assert_int_equal(io_info_of(io, in(disk, "f"), &info, NULL), STATUS_OK);
    assert_int_equal(info.size, 0);
}

static bool count_name(void *user, const char *name)
{
    size_t *count = user;

    assert_true(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    ++*count;
    return *count < 3;
}

static void check_names(struct disk *disk)
{
    struct io *io = disk->io;
    char to[PATH_MAX];
    size_t count = 0;
    int fd = -1;

    assert_int_equal(io_make_dirs(io, in(disk, "a/b/c"), NULL), STATUS_OK);
    assert_int_equal(io_make_dirs(io, in(disk, "a/b/c"), NULL), STATUS_OK);
    assert_int_equal(io->path->make_dir(io, in(disk, "a")), -EEXIST);
    assert_int_equal(io->path->remove_dir(io, in(disk, "a")), -ENOTEMPTY);
    assert_int_equal(io->path->unlink(io, in(disk, "a/b")), -EISDIR);
    assert_int_equal(io_replace_file(io, in(disk, "a/x"), SLICE_LITERAL("x"), NULL), STATUS_OK);
    assert_int_equal(io->path->remove_dir(io, in(disk, "a/x")), -ENOTDIR);
    assert_int_equal(io_open(io, in(disk, "a/x"), IO_READ | IO_DIRECTORY, &fd, NULL), STATUS_IO);
    assert_int_equal(io_open(io, in(disk, "a"), IO_WRITE, &fd, NULL), STATUS_IO);
    (void)snprintf(to, sizeof(to), "%s", in(disk, "a/y"));
    assert_int_equal(io->path->link(io, in(disk, "a/x"), to), 0);
    assert_int_equal(io->path->link(io, in(disk, "a/x"), to), -EEXIST);
    assert_int_equal(io_rename(io, in(disk, "a/x"), to, NULL), STATUS_OK); /* the same file: no-op */
    assert_int_equal(io->path->list(io, in(disk, "a"), count_name, &count), 0);
    assert_int_equal(count, 3); /* b x y; and the visitor stopped the listing */
    (void)snprintf(to, sizeof(to), "%s", in(disk, "a/b"));
    assert_int_equal(io->path->rename(io, in(disk, "a/x"), to), -EISDIR);
    (void)snprintf(to, sizeof(to), "%s", in(disk, "a/x"));
    assert_int_equal(io->path->rename(io, in(disk, "a/b"), to), -ENOTDIR);
    (void)snprintf(to, sizeof(to), "%s", in(disk, "a/b/c/d"));
    assert_int_equal(io->path->rename(io, in(disk, "a"), to), -EINVAL);
    assert_int_equal(io_sync_dir(io, in(disk, "a"), NULL), STATUS_OK);
}

static void check_replace_and_read(struct disk *disk)
{
    struct io *io = disk->io;
    struct buf out = buf_empty(8);
    struct error err = {0};

    assert_int_equal(io_replace_file(io, in(disk, "r"), SLICE_LITERAL("12345678"), &err), STATUS_OK);
    assert_int_equal(io_read_file(io, in(disk, "r"), &out, &err), STATUS_OK);
    assert_true(slice_is(buf_slice(&out), "12345678"));
    buf_reset(&out);
    assert_int_equal(io_replace_file(io, in(disk, "r"), SLICE_LITERAL("123456789"), &err), STATUS_OK);
    assert_int_equal(io_read_file(io, in(disk, "r"), &out, &err), STATUS_TOO_LARGE);
    buf_reset(&out);
    assert_int_equal(io_replace_file(io, in(disk, "r"), (struct slice){NULL, 0}, &err), STATUS_OK);
    assert_int_equal(io_read_file(io, in(disk, "r"), &out, &err), STATUS_OK);
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

static void check_locks(struct disk *disk)
{
    struct io *io = disk->io;
    struct io_info first_info;
    struct io_info second_info;
    int first = -1;
    int second = -1;

    assert_int_equal(io_open(io, in(disk, "lock"), IO_WRITE | IO_CREATE, &first, NULL), STATUS_OK);
    assert_int_equal(io_open(io, in(disk, "lock"), IO_WRITE, &second, NULL), STATUS_OK);
    assert_int_equal(io->file->lock(io, first), 0);
    assert_int_equal(io->file->lock(io, first), 0);
    assert_int_equal(io->file->lock(io, second), -EWOULDBLOCK);
    assert_int_equal(io->file->info(io, first, &first_info), 0);
    assert_int_equal(io->file->info(io, second, &second_info), 0);
    assert_true(first_info.inode == second_info.inode && first_info.fsid == second_info.fsid &&
                first_info.generation == second_info.generation);
    io_close(io, &first);
    assert_int_equal(io->file->lock(io, second), 0);
    assert_int_equal(io_remove(io, in(disk, "lock"), NULL), STATUS_OK);
    assert_int_equal(io->file->info(io, second, &second_info), 0);
    assert_int_equal(second_info.links, 0);
    io_close(io, &second);
}

static void check_clock_and_space(struct disk *disk)
{
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    uint8_t random[16] = {0};
    uint8_t zeros[16] = {0};
    int64_t before = io_mono_ns(disk->io);

    assert_true(io_wall_ns(disk->io) > 1700000000000000000);
    assert_true(io_mono_ns(disk->io) >= before);
    assert_int_equal(disk->io->path->space(disk->io, disk->folder, &free_bytes, &total_bytes), 0);
    assert_true(free_bytes <= total_bytes && total_bytes > 0);
    io_random(disk->io, random, sizeof(random));
    assert_memory_not_equal(random, zeros, sizeof(random));
}

typedef void disk_check(struct disk *disk);

static const struct { const char *name; disk_check *check; } checks[] = {
    {"missing files", check_missing_files},
    {"bytes", check_bytes},
    {"names", check_names},
    {"replace and read", check_replace_and_read},
    {"locks", check_locks},
    {"clock and space", check_clock_and_space},
};

static void test_real_disk(void **unused)
{
    struct disk disk = {.io = io_system()};
    struct temp_dir dir;

    (void)unused;
    temp_dir_make(&dir);
    (void)snprintf(disk.folder, sizeof(disk.folder), "%s", dir.path);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        print_message("  %s\n", checks[i].name);
        checks[i].check(&disk);
    }
    temp_dir_remove(&dir);
}

/* --config <(program) names a pipe: it has no places, and its end is where the writer closes it. */
static void test_pipe(void **unused)
{
    struct buf text = buf_empty(100);
    char path[32];
    int ends[2];

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "geo: fr\n", 8), 8);
    assert_int_equal(close(ends[1]), 0);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_int_equal(io_read_file(io_system(), path, &text, NULL), STATUS_OK);
    assert_true(slice_is(buf_slice(&text), "geo: fr\n"));
    assert_int_equal(close(ends[0]), 0);
    buf_release(&text);
}

static void test_simulated_disk(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct disk disk = {.io = sim_io_table(sim), .folder = "/test"};

    (void)unused;
    assert_int_equal(io_make_dirs(disk.io, disk.folder, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        print_message("  %s\n", checks[i].name);
        checks[i].check(&disk);
    }
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_disk), cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_simulated_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
