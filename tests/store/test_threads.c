/* tests/store/test_threads.c -- appends, seals, retention of segments' files, and scans from many
 * threads at once: every acknowledged row is seen by every later scan, once; a clean stop. */
#include "store/scan.h"
#include "store/store.h"
#include "tests/support/temp_dir.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WRITERS = 3, BATCHES = 60, LINES = 50, SCANNERS = 2 };

struct shared {
    struct store *store;
    atomic_uint acked; /* rows */
    atomic_uint failures;
    atomic_bool stop;
};

static void on_durable(void *user, enum status status, const struct error *err)
{
    struct shared *shared = user;

    (void)err;
    if (status == STATUS_OK)
        atomic_fetch_add(&shared->acked, LINES);
    else
        atomic_fetch_add(&shared->failures, 1);
}

struct writer {
    struct shared *shared;
    uint8_t number;
};

static void append(struct writer *writer, const struct batch *batch)
{
    struct store *store = writer->shared->store;
    uint32_t shard = store_shard_of(store, &batch->sources[0].id);
    struct error err = {0};
    enum status status;

    while ((status = store_append(store, shard, batch, on_durable, writer->shared, &err)) ==
           STATUS_AGAIN)
        (void)usleep(500);
    if (status != STATUS_OK)
        atomic_fetch_add(&writer->shared->failures, 1);
}

static void *write_lines(void *user)
{
    struct writer *writer = user;
    struct event_source source = {.id = {.generation = {writer->number}},
                                  .geo = SLICE_LITERAL("eu"),
                                  .host = SLICE_LITERAL("web"),
                                  .role = SLICE_LITERAL("web"),
                                  .path = SLICE_LITERAL("/x")};
    struct slice format = SLICE_LITERAL("plain");
    uint64_t offset = 0;

    for (uint32_t i = 0; i < BATCHES; i++) {
        char text[LINES][32];
        struct event events[LINES];
        struct watermark watermark = {.id = source.id};
        struct batch batch = {.sources = &source,
                              .formats = &format,
                              .events = events,
                              .watermarks = &watermark,
                              .source_count = 1,
                              .format_count = 1,
                              .event_count = LINES,
                              .watermark_count = 1};

        for (uint32_t k = 0; k < LINES; k++) {
            int len = snprintf(text[k], sizeof(text[k]), "writer %u line %u", writer->number,
                               i * LINES + k);

            events[k] = (struct event){.time_ns = 1767225600000000000 + i,
                                       .bytes = {text[k], (size_t)len},
                                       .offset = offset,
                                       .source_len = (uint32_t)len + 1};
            offset += events[k].source_len;
        }
        watermark.durable_offset = offset;
        append(writer, &batch);
    }
    return NULL;
}

static uint64_t count_rows(struct store *store, uint32_t *failed)
{
    struct predicate lines = {.kind = PRED_TEXT,
                              .field = FIELD_ID_MSG,
                              .match = TEXT_PHRASE,
                              .text = SLICE_LITERAL("line")};
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = &lines};
    struct scan *scan;
    struct block *block;
    struct error err = {0};
    enum status status;
    uint64_t rows = 0;

    if (scan_open(store, &options, &scan, &err) != STATUS_OK) {
        (*failed)++;
        return 0;
    }
    while ((status = scan_next(scan, &block, &err)) == STATUS_OK) {
        rows += block_selected_count(block);
        block_release(block);
    }
    *failed += status != STATUS_END;
    scan_close(scan);
    return rows;
}

/* Several workers on one scan give every row once between them. */
struct shared_scan {
    struct scan *scan;
    atomic_ullong rows;
};

static void *help_scan(void *user)
{
    struct shared_scan *shared = user;
    struct block *block;
    struct error err = {0};

    while (scan_next(shared->scan, &block, &err) == STATUS_OK) {
        atomic_fetch_add(&shared->rows, block_selected_count(block));
        block_release(block);
    }
    return NULL;
}

static void check_shared_scan(struct store *store)
{
    struct scan_options options = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
    struct shared_scan shared = {0};
    pthread_t helpers[4];
    struct error err = {0};

    assert_int_equal(scan_open(store, &options, &shared.scan, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(helpers); i++)
        assert_int_equal(pthread_create(&helpers[i], NULL, help_scan, &shared), 0);
    for (size_t i = 0; i < COUNT_OF(helpers); i++)
        (void)pthread_join(helpers[i], NULL);
    scan_close(shared.scan);
    assert_int_equal(atomic_load(&shared.rows), WRITERS * BATCHES * LINES);
}

static void *scan_rows(void *user)
{
    struct shared *shared = user;
    uint32_t failed = 0;

    while (!atomic_load(&shared->stop)) {
        uint32_t before = atomic_load(&shared->acked);
        uint64_t rows = count_rows(shared->store, &failed);

        if (rows < before || rows > WRITERS * BATCHES * LINES || rows % LINES != 0)
            atomic_fetch_add(&shared->failures, 1);
    }
    atomic_fetch_add(&shared->failures, failed);
    return NULL;
}

static void *seal_often(void *user)
{
    struct shared *shared = user;
    struct error err = {0};

    while (!atomic_load(&shared->stop)) {
        if (store_seal(shared->store, &err) != STATUS_OK)
            atomic_fetch_add(&shared->failures, 1);
        (void)usleep(5000);
    }
    return NULL;
}

static void open_store(struct shared *shared, const char *dir)
{
    struct store_options options = {
        .dir = dir, .shard_count = 2, .seal_size = 64 << 10, .wal_file_size = 256 << 10};
    struct error err = {0};

    if (store_open(&options, &shared->store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
}

static void test_many_threads(void **unused)
{
    struct shared shared = {0};
    struct writer writers[WRITERS];
    pthread_t write[WRITERS], scan[SCANNERS], seal;
    struct temp_dir dir;
    uint32_t failed = 0;

    (void)unused;
    temp_dir_make(&dir);
    open_store(&shared, dir.path);
    for (uint8_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){&shared, i};
        assert_int_equal(pthread_create(&write[i], NULL, write_lines, &writers[i]), 0);
    }
    for (int i = 0; i < SCANNERS; i++)
        assert_int_equal(pthread_create(&scan[i], NULL, scan_rows, &shared), 0);
    assert_int_equal(pthread_create(&seal, NULL, seal_often, &shared), 0);
    for (int i = 0; i < WRITERS; i++)
        (void)pthread_join(write[i], NULL);
    while (atomic_load(&shared.acked) < WRITERS * BATCHES * LINES &&
           atomic_load(&shared.failures) == 0)
        (void)usleep(1000);
    atomic_store(&shared.stop, true);
    for (int i = 0; i < SCANNERS; i++)
        (void)pthread_join(scan[i], NULL);
    (void)pthread_join(seal, NULL);
    assert_int_equal(atomic_load(&shared.failures), 0);
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(count_rows(shared.store, &failed), WRITERS * BATCHES * LINES);
        check_shared_scan(shared.store);
        store_close(shared.store);
        open_store(&shared, dir.path);
    }
    store_close(shared.store);
    assert_int_equal(failed, 0);
    temp_dir_remove(&dir);
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    unsigned entries = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        entries++;
    (void)closedir(folder);
    return entries == 2; /* "." and ".." */
}

/* The next start has nothing to replay, and all rows. */
static void test_clean_stop(void **unused)
{
    struct shared shared = {0};
    struct writer writer = {&shared, 0};
    struct temp_dir dir;
    char wal[PATH_MAX];
    uint32_t failed = 0;

    (void)unused;
    temp_dir_make(&dir);
    temp_dir_join(&dir, "wal", wal, sizeof(wal));
    open_store(&shared, dir.path);
    (void)write_lines(&writer);
    store_close(shared.store);
    assert_int_equal(atomic_load(&shared.acked), BATCHES * LINES);
    assert_true(is_empty(wal));
    open_store(&shared, dir.path);
    assert_int_equal(count_rows(shared.store, &failed), BATCHES * LINES);
    store_close(shared.store);
    assert_int_equal(failed, 0);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_clean_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
