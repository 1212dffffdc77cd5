/* A sparse file on the real disk: its hole is one range without bytes, and is not read. */
#include "shipper/limits.h"
#include "shipper/options.h"
#include "shipper/shipper.h"
#include "tests/shipper/fake_collector.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINE_LEN = 6, PATIENCE_S = 60 };
#define HOLE_END (5LL * 1024 * 1024 * 1024) /* more than one range may cover */

static void make_sparse(const struct temp_dir *dir)
{
    char path[PATH_MAX];
    int fd;

    temp_dir_put(dir, "a.log", "first\n", LINE_LEN);
    temp_dir_join(dir, "a.log", path, sizeof(path));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "late1\nlate2\n", 2 * LINE_LEN, HOLE_END), 2 * LINE_LEN);
    assert_int_equal(close(fd), 0);
}

static void run(struct shipper *shipper, struct fake_collector *fake)
{
    int64_t end = io_mono_ns(io_system()) + PATIENCE_S * SECOND_NS;

    while (io_mono_ns(io_system()) < end) {
        struct timespec wait = {0, 1000 * 1000};

        (void)shipper_step(shipper);
        if (!fake_collector_run(fake))
            (void)nanosleep(&wait, NULL);
        if (fake->line_count > 1 && fake->lines[fake->line_count - 1].len == LINE_LEN - 1)
            return;
    }
}

static void test_hole_is_skipped(void **unused)
{
    struct arena arena = arena_empty(1 << 20);
    struct fake_collector *fake = fake_collector_new();
    struct shipper_settings settings;
    struct source_settings source = {.role = "web",
                                     .format = "",
                                     .start_at = START_BEGINNING,
                                     .idle_ns = SECOND_NS,
                                     .line_size_max = 1 << 20};
    struct shipper *shipper;
    struct temp_dir dir;
    struct error err = {0};
    char state[PATH_MAX], pattern[PATH_MAX];
    uint64_t nuls = 0;

    (void)unused;
    temp_dir_make(&dir);
    make_sparse(&dir);
    temp_dir_join(&dir, "state", state, sizeof(state));
    temp_dir_join(&dir, "*.log", pattern, sizeof(pattern));
    assert_int_equal(shipper_settings_preset(&arena, &settings, &err), STATUS_OK);
    source.path = pattern;
    settings.state = state;
    settings.geo = "test";
    settings.host = "host";
    settings.host_metrics = false;
    settings.source_list = (struct table_list){&source, 1};
    assert_int_equal(shipper_settings_finish(&settings, &arena, &err), STATUS_OK);
    assert_int_equal(shipper_new(io_system(), &settings, &fake->base, &shipper, &err), STATUS_OK);
    run(shipper, fake);
    assert_string_equal(fake->lines[0].bytes, "first");
    assert_string_equal(fake->lines[fake->line_count - 1].bytes, "late2");
    assert_string_equal(fake->lines[fake->line_count - 2].bytes, "late1");
    assert_int_equal(fake->lines[fake->line_count - 1].offset, HOLE_END + LINE_LEN);
    for (size_t i = 0; i < fake->line_count; i++)
        if (fake->lines[i].flags & WIRE_LINE_NUL_RUN)
            nuls += fake->lines[i].source_len;
    assert_true(nuls == HOLE_END - LINE_LEN);
    assert_true(fake->line_count < 16); /* read in turns it would be 85,000 ranges */
    assert_int_equal(fake->nacks_sent, 0);
    shipper_free(shipper);
    fake_collector_free(fake);
    temp_dir_remove(&dir);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hole_is_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
