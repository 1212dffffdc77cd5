/* inotify as a hint: names that come and go in a directory, and lost events. */
#include "shipper/watcher.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    unsigned changed, lost, trouble;
    char last[PATH_MAX];
};

static void on_changed(void *user, const char *directory)
{
    struct seen *seen = user;

    if (directory == NULL) {
        seen->lost++;
        return;
    }
    seen->changed++;
    (void)snprintf(seen->last, sizeof(seen->last), "%s", directory);
}

static void on_trouble(void *user, const char *why)
{
    struct seen *seen = user;

    (void)why;
    seen->trouble++;
}

static void watch(struct watcher *watcher, const char *directory)
{
    watcher_begin(watcher);
    watcher_keep(watcher, directory);
    watcher_end(watcher);
}

static void read_events(struct watcher *watcher)
{
    struct pollfd wait = {watcher_fd(watcher), POLLIN, 0};

    (void)poll(&wait, 1, 1000);
    watcher_read(watcher);
}

static void test_names_come_and_go(void **unused)
{
    struct seen seen = {0};
    struct watcher_handler handler = {on_changed, on_trouble, &seen};
    struct watcher *watcher = watcher_new(&handler);
    struct temp_dir dir;
    char from[PATH_MAX], to[PATH_MAX];

    (void)unused;
    assert_non_null(watcher);
    temp_dir_make(&dir);
    watch(watcher, dir.path);
    temp_dir_put(&dir, "a.log", "x", 1);
    read_events(watcher);
    assert_int_equal(seen.changed, 1); /* once, however many events there were */
    assert_string_equal(seen.last, dir.path);
    temp_dir_join(&dir, "a.log", from, sizeof(from));
    temp_dir_join(&dir, "a.log.1", to, sizeof(to));
    assert_int_equal(rename(from, to), 0);
    read_events(watcher);
    assert_int_equal(seen.changed, 2);
    assert_int_equal(unlink(to), 0);
    read_events(watcher);
    assert_int_equal(seen.changed, 3);
    watcher_begin(watcher); /* not kept: not watched any more */
    watcher_end(watcher);
    watcher_read(watcher);
    temp_dir_put(&dir, "b.log", "x", 1);
    watcher_read(watcher);
    assert_int_equal(seen.changed, 3);
    assert_int_equal(seen.trouble, 0);
    watcher_free(watcher);
    temp_dir_remove(&dir);
}

/* By two links to one directory: when one of them is no longer wanted, the other still tells. */
static void test_two_paths_to_a_directory(void **unused)
{
    struct seen seen = {0};
    struct watcher_handler handler = {on_changed, on_trouble, &seen};
    struct watcher *watcher = watcher_new(&handler);
    struct temp_dir dir, links;
    char a[PATH_MAX], b[PATH_MAX];

    (void)unused;
    assert_non_null(watcher);
    temp_dir_make(&dir);
    temp_dir_make(&links);
    temp_dir_join(&links, "a", a, sizeof(a));
    temp_dir_join(&links, "b", b, sizeof(b));
    assert_int_equal(symlink(dir.path, a), 0);
    assert_int_equal(symlink(dir.path, b), 0);
    watcher_begin(watcher);
    watcher_keep(watcher, a);
    watcher_keep(watcher, b);
    watcher_end(watcher);
    watch(watcher, b);
    temp_dir_put(&dir, "a.log", "x", 1);
    read_events(watcher);
    assert_int_equal(seen.changed, 1);
    assert_string_equal(seen.last, b);
    watcher_free(watcher);
    temp_dir_remove(&links);
    temp_dir_remove(&dir);
}

/* More events than the kernel's queue holds: everything must be scanned. */
static void test_queue_overflow(void **unused)
{
    struct seen seen = {0};
    struct watcher_handler handler = {on_changed, on_trouble, &seen};
    struct watcher *watcher = watcher_new(&handler);
    struct temp_dir dir;
    char path[PATH_MAX];
    unsigned queue = 16384;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

    (void)unused;
    if (limit != NULL && fscanf(limit, "%u", &queue) != 1)
        queue = 16384;
    if (limit != NULL)
        (void)fclose(limit);
    if (queue > 100000)
        skip();
    temp_dir_make(&dir);
    watch(watcher, dir.path);
    temp_dir_join(&dir, "x.log", path, sizeof(path));
    for (unsigned i = 0; i <= queue / 2 + 1; i++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(path), 0);
    }
    read_events(watcher);
    assert_int_equal(seen.lost, 1);
    watcher_free(watcher);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_come_and_go),
        cmocka_unit_test(test_two_paths_to_a_directory),
        cmocka_unit_test(test_queue_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
