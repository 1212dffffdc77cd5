/* tests/store/test_golden.c -- directories written by released versions open in this one, with the
 * same rows. tests/golden/store/v1 holds a manifest and a WAL of version 1, v2 a manifest of
 * version 4 and a WAL of version 2; segments have golden files of their own.
 * `GOLDEN_WRITE=DIR test_store_golden` writes such a directory anew, for a new version; old ones
 * are never written again. */
#include "base/byteorder.h"
#include "store/manifest.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const files[] = {"CURRENT", "MANIFEST-0000000000000001",
                                    "wal/0000000000000001.wal"};

static struct store *open_dir(const char *dir)
{
    struct store_options options = {
        .dir = dir, .shard_count = 2, .manual = true, .wal_file_size = 2048, .reserve_size = 1};
    struct store *store = NULL;
    struct error err = {0};

    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    return store;
}

static void write_golden(const char *dir)
{
    struct store *store = open_dir(dir);
    struct fixture_batch open = {.source = 2, .open = "Traceback"};
    struct error err = {0};

    fixture_append_lines(store, 1, fixture_first_lines, 4, 0);
    fixture_append_lines(store, 1, fixture_more_lines, 2, 35);
    assert_int_equal(fixture_append(store, &open, &err), STATUS_OK);
    store_close(store);
}

static void on_open(void *user, const struct event_source *from, struct slice format,
                    const struct event *event)
{
    assert_true(slice_is(from->host, "web2"));
    assert_true(slice_is(format, "plain"));
    assert_true(slice_is(event->bytes, "Traceback"));
    (*(uint32_t *)user)++;
}

static void on_line(void *user, const char *line)
{
    print_message("  %s\n", line);
    (*(uint32_t *)user)++;
}

/* The start left a manifest that an older program refuses, before anything new was stored. */
static void check_manifest(struct temp_dir *dir)
{
    struct buf bytes = buf_empty(1 << 20);
    struct error err = {0};
    char name[64] = "", path[4096];

    (void)snprintf(path, sizeof(path), "%s/CURRENT", dir->path);
    assert_int_equal(io_read_file(io_system(), path, &bytes, &err), STATUS_OK);
    assert_int_equal(sscanf(bytes.data, "%63s", name), 1);
    buf_reset(&bytes);
    (void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    assert_int_equal(io_read_file(io_system(), path, &bytes, &err), STATUS_OK);
    assert_int_equal(get_le32(bytes.data + 8), MANIFEST_VERSION);
    buf_release(&bytes);
}

static void test_version(const char *version)
{
    struct temp_dir dir;
    struct store *store;
    uint32_t open = 0, complaints = 0;

    print_message("  %s\n", version);
    temp_dir_make(&dir);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct buf bytes = buf_empty(1 << 20);
        struct error err = {0};
        char path[1024];

        (void)snprintf(path, sizeof(path), GOLDEN_DIR "/store/%s/%s", version,
                       files[i]);
        if (io_read_file(io_system(), path, &bytes, &err) != STATUS_OK)
            fail_msg("%s", err.message);
        temp_dir_put(&dir, files[i], bytes.data, bytes.len);
        buf_release(&bytes);
    }
    store = open_dir(dir.path);
    check_manifest(&dir);
    fixture_check_six(store);
    store_open_events(store, on_open, &open);
    assert_int_equal(open, 1);
    store_report(store, on_line, &complaints);
    assert_int_equal(complaints, 0);
    store_close(store);
    temp_dir_remove(&dir);
}

static void test_versions(void **unused)
{
    (void)unused;
    test_version("v1");
    test_version("v2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
    };
    const char *write = getenv("GOLDEN_WRITE");

    if (write != NULL) {
        write_golden(write);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
