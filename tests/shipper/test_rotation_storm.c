/* Eleven styles of rotation on the real disk, with a real clock, all at once, against
 * a collector in this process that keeps an oracle. Every line is numbered per writer: each must be
 * stored once; with copytruncate, what is missing must lie in a counted loss. */
#include "base/compress.h"
#include "shipper/limits.h"
#include "shipper/options.h"
#include "shipper/shipper.h"
#include "tests/shipper/fake_collector.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROTATIONS = 20, MOMENT_MS = 3, LINES_PER_MOMENT = 7, ROTATE_EVERY = 50 };

struct storm;

struct writer {
    const char *name;
    void (*rotate)(struct storm *storm, struct writer *writer);
    int fd;
    unsigned written, rotations;
    unsigned reopen_in; /* moments until the writer opens its path again */
    bool may_lose;      /* the style has a window that nobody can close */
};

struct storm {
    struct temp_dir dir;
    struct shipper *shipper;
    struct fake_collector *fake;
    struct shipper_settings settings;
    struct source_settings source;
    struct arena arena;
    struct test_random random;
    char pattern[PATH_MAX];
    char state[PATH_MAX];
};

static void path_of(const struct storm *storm, const struct writer *writer, const char *suffix,
                    char out[PATH_MAX])
{
    assert_true(snprintf(out, PATH_MAX, "%s/%s.log%s", storm->dir.path, writer->name, suffix) > 0);
}

static void open_log(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX];

    path_of(storm, writer, "", path);
    writer->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(writer->fd >= 0);
}

static void close_log(struct writer *writer)
{
    assert_int_equal(close(writer->fd), 0);
    writer->fd = -1;
}

static void move(struct storm *storm, struct writer *writer, const char *from, const char *to)
{
    char old[PATH_MAX], new[PATH_MAX];

    path_of(storm, writer, from, old);
    path_of(storm, writer, to, new);
    (void)rename(old, new); /* the first rotations have no .1 yet */
}

static void read_all(const char *path, struct buf *out)
{
    *out = buf_empty(256 << 20);
    assert_int_equal(io_read_file(io_system(), path, out, NULL), STATUS_OK);
}

static void write_all(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.len), bytes.len);
    assert_int_equal(close(fd), 0);
}

/* ---- the styles ---- */

static void numbered(const struct writer *writer, char out[32])
{
    (void)snprintf(out, 32, ".%u", writer->rotations);
}

static void rotate_rename(struct storm *storm, struct writer *writer)
{
    char suffix[32];

    numbered(writer, suffix);
    move(storm, writer, "", suffix);
    close_log(writer);
    open_log(storm, writer);
}

static void rotate_copytruncate(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX], copy[PATH_MAX], suffix[32];
    struct buf bytes;

    numbered(writer, suffix);
    path_of(storm, writer, "", path);
    path_of(storm, writer, suffix, copy);
    read_all(path, &bytes);
    write_all(copy, buf_slice(&bytes));
    assert_int_equal(ftruncate(writer->fd, 0), 0);
    buf_release(&bytes);
}

static void rotate_create_delay(struct storm *storm, struct writer *writer)
{
    char suffix[32];

    numbered(writer, suffix);
    move(storm, writer, "", suffix);
    close_log(writer);
    writer->reopen_in = 10;
}

static void rotate_gzip(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX], packed_path[PATH_MAX], suffix[40];
    struct compressor *compressor;
    struct buf bytes, packed = buf_empty(256 << 20);

    rotate_rename(storm, writer);
    if (writer->rotations < 2)
        return;
    (void)snprintf(suffix, sizeof(suffix), ".%u", writer->rotations - 1); /* delaycompress */
    path_of(storm, writer, suffix, path);
    (void)snprintf(packed_path, sizeof(packed_path), "%.4000s.gz", path);
    read_all(path, &bytes);
    assert_int_equal(compressor_new(&compressor, NULL), STATUS_OK);
    assert_int_equal(compress_append(compressor, CODEC_GZIP, 1, buf_slice(&bytes), &packed, NULL),
                     STATUS_OK);
    write_all(packed_path, buf_slice(&packed));
    assert_int_equal(unlink(path), 0);
    compressor_free(compressor);
    buf_release(&bytes);
    buf_release(&packed);
}

static void rotate_delete(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX];

    path_of(storm, writer, "", path);
    assert_int_equal(unlink(path), 0);
    close_log(writer);
    open_log(storm, writer);
}

/* The path is a link that moves on to another file. */
static void point_link(struct storm *storm, struct writer *writer)
{
    char target[64], path[PATH_MAX], staged[PATH_MAX];

    (void)snprintf(target, sizeof(target), "%s.target.%u", writer->name, writer->rotations);
    path_of(storm, writer, "", path);
    path_of(storm, writer, ".link", staged);
    assert_int_equal(symlink(target, staged), 0);
    assert_int_equal(rename(staged, path), 0);
    open_log(storm, writer);
}

static void rotate_symlink(struct storm *storm, struct writer *writer)
{
    close_log(writer);
    point_link(storm, writer);
}

/* Deleted and made again at once: the file system likes to give the same inode number. */
static void rotate_inode_reuse(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX];

    path_of(storm, writer, "", path);
    close_log(writer);
    assert_int_equal(unlink(path), 0);
    open_log(storm, writer);
}

/* An editor writes a part of the file back in place: the first half stays. */
static void rotate_shrink(struct storm *storm, struct writer *writer)
{
    struct stat found;

    (void)storm;
    assert_int_equal(fstat(writer->fd, &found), 0);
    assert_int_equal(ftruncate(writer->fd, found.st_size / 2 / 32 * 32), 0);
}

static void rotate_chain(struct storm *storm, struct writer *writer)
{
    for (int i = 30; i > 0; i--) {
        char from[32], to[32];

        (void)snprintf(from, sizeof(from), ".%d", i);
        (void)snprintf(to, sizeof(to), ".%d", i + 1);
        move(storm, writer, from, to);
    }
    move(storm, writer, "", ".1");
    close_log(writer);
    open_log(storm, writer);
}

static void rotate_date(struct storm *storm, struct writer *writer)
{
    char suffix[32];

    (void)snprintf(suffix, sizeof(suffix), "-202604%02u", writer->rotations);
    move(storm, writer, "", suffix);
    close_log(writer);
    open_log(storm, writer);
}

/* The old file keeps a second name, a new one replaces it in one step. */
static void rotate_hard_link(struct storm *storm, struct writer *writer)
{
    char path[PATH_MAX], kept[PATH_MAX], fresh[PATH_MAX], suffix[32];

    numbered(writer, suffix);
    path_of(storm, writer, "", path);
    path_of(storm, writer, suffix, kept);
    (void)snprintf(fresh, sizeof(fresh), "%.2000s/.new-%s", storm->dir.path, writer->name);
    assert_int_equal(link(path, kept), 0);
    write_all(fresh, slice_of(""));
    assert_int_equal(rename(fresh, path), 0);
    close_log(writer);
    open_log(storm, writer);
}

static struct writer writers[] = {
    {.name = "rename", .rotate = rotate_rename},
    {.name = "copytruncate", .rotate = rotate_copytruncate, .may_lose = true},
    {.name = "createdelay", .rotate = rotate_create_delay},
    {.name = "gzip", .rotate = rotate_gzip},
    {.name = "delete", .rotate = rotate_delete},
    {.name = "symlink", .rotate = rotate_symlink},
    {.name = "inodereuse", .rotate = rotate_inode_reuse},
    {.name = "shrink", .rotate = rotate_shrink, .may_lose = true},
    {.name = "chain", .rotate = rotate_chain},
    {.name = "date", .rotate = rotate_date},
    {.name = "hardlink", .rotate = rotate_hard_link},
};

/* ---- running ---- */

static void storm_start(struct storm *storm)
{
    struct error err = {0};

    storm->arena = arena_empty(1 << 20);
    storm->fake = fake_collector_new();
    storm->random.state = 7;
    temp_dir_make(&storm->dir);
    assert_int_equal(chmod(storm->dir.path, 0755), 0);
    temp_dir_join(&storm->dir, "*.log*", storm->pattern, sizeof(storm->pattern));
    temp_dir_join(&storm->dir, "state", storm->state, sizeof(storm->state));
    assert_int_equal(shipper_settings_preset(&storm->arena, &storm->settings, NULL), STATUS_OK);
    storm->settings.state = storm->state;
    storm->settings.geo = "test";
    storm->settings.host = "host";
    storm->settings.host_metrics = false;
    storm->settings.poll_ns = 5 * MILLISECOND_NS;
    storm->settings.batch_age_ns = 5 * MILLISECOND_NS;
    storm->settings.scan_hot_ns = 10 * MILLISECOND_NS;
    storm->settings.scan_cold_ns = 50 * MILLISECOND_NS;
    storm->settings.rotated_quiet_ns = 200 * MILLISECOND_NS;
    storm->settings.copy_hold_ns = 300 * MILLISECOND_NS;
    storm->source = (struct source_settings){.path = storm->pattern,
                                             .role = "web",
                                             .format = "",
                                             .start_at = START_BEGINNING,
                                             .idle_ns = 200 * MILLISECOND_NS,
                                             .line_size_max = 1 << 20};
    storm->settings.source_list = (struct table_list){&storm->source, 1};
    assert_int_equal(shipper_settings_finish(&storm->settings, &storm->arena, NULL), STATUS_OK);
    if (shipper_new(io_system(), &storm->settings, &storm->fake->base, &storm->shipper, &err) !=
        STATUS_OK)
        fail_msg("%s", err.message);
}

static void run_for(struct storm *storm, int64_t ms)
{
    int64_t end = io_mono_ns(io_system()) + ms * MILLISECOND_NS;

    while (io_mono_ns(io_system()) < end) {
        struct timespec wait = {0, 200 * 1000};

        (void)shipper_step(storm->shipper);
        if (!fake_collector_run(storm->fake))
            (void)nanosleep(&wait, NULL);
    }
}

/* Lines of 32 bytes, so that the style that shrinks can keep whole ones. */
static void write_lines(struct writer *writer)
{
    for (unsigned i = 0; i < LINES_PER_MOMENT && writer->fd >= 0; i++) {
        char line[64];
        int len =
            snprintf(line, sizeof(line), "%-14s %08u 0123456\n", writer->name, ++writer->written);

        assert_int_equal(len, 32);
        assert_int_equal(write(writer->fd, line, 32), 32);
    }
}

static void moment(struct storm *storm, struct writer *writer, unsigned number)
{
    if (writer->reopen_in > 0 && --writer->reopen_in == 0)
        open_log(storm, writer);
    write_lines(writer);
    if ((number + (unsigned char)writer->name[0]) % ROTATE_EVERY == 0 && writer->fd >= 0) {
        writer->rotations++;
        writer->rotate(storm, writer);
    }
}

/* ---- checking ---- */

static uint64_t lost_bytes(const struct storm *storm)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < storm->fake->loss_count; i++)
        sum += storm->fake->losses[i].to - storm->fake->losses[i].from;
    return sum;
}

static void check_writer(struct storm *storm, const struct writer *writer)
{
    unsigned char *seen = calloc(writer->written + 1, 1);
    unsigned missing = 0, twice = 0;
    size_t len = strlen(writer->name);

    assert_non_null(seen);
    for (size_t i = 0; i < storm->fake->line_count; i++) {
        const struct stored_line *line = &storm->fake->lines[i];

        if (line->len != 31 || memcmp(line->bytes, writer->name, len) != 0 ||
            line->bytes[len] != ' ')
            continue;
        assert_in_range(atoi(line->bytes + 15), 1, writer->written);
        twice += seen[atoi(line->bytes + 15)]++ > 0;
    }
    for (unsigned i = 1; i <= writer->written; i++)
        missing += !seen[i];
    print_message("  %-12s %u rotations, %u lines, %u missing, %u twice\n", writer->name,
                  writer->rotations, writer->written, missing, twice);
    assert_int_equal(twice, 0);
    if (!writer->may_lose)
        assert_int_equal(missing, 0);
    free(seen);
}

static void test_all_styles_at_once(void **unused)
{
    struct storm storm = {0};

    (void)unused;
    storm_start(&storm);
    for (size_t i = 0; i < COUNT_OF(writers); i++)
        if (writers[i].rotate == rotate_symlink)
            point_link(&storm, &writers[i]);
        else
            open_log(&storm, &writers[i]);
    for (unsigned number = 1; number <= ROTATIONS * ROTATE_EVERY; number++) {
        for (size_t i = 0; i < COUNT_OF(writers); i++)
            moment(&storm, &writers[i], number);
        run_for(&storm, MOMENT_MS);
    }
    run_for(&storm, 2500);
    for (size_t i = 0; i < COUNT_OF(writers); i++)
        check_writer(&storm, &writers[i]);
    print_message("  %zu losses, %llu bytes; %llu lines stored\n", storm.fake->loss_count,
                  (unsigned long long)lost_bytes(&storm),
                  (unsigned long long)storm.fake->line_count);
    assert_int_equal(storm.fake->gaps_found, 0);
    for (size_t i = 0; i < COUNT_OF(writers); i++)
        if (writers[i].fd >= 0)
            close_log(&writers[i]);
    shipper_free(storm.shipper);
    fake_collector_free(storm.fake);
    temp_dir_remove(&storm.dir);
    arena_release(&storm.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_styles_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
