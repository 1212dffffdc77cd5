/* store/store_open.c -- from a directory to an open store and back: what it is made of, in the order in
 * which it can fail, and what a close leaves behind. What the start finds there is in recover.c. */
#include "store/store_impl.h"

#include "base/diag.h"
#include "store/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((uint64_t)512 << 20)
#define SEAL_SIZE_DEFAULT ((uint64_t)24 << 20)
#define SEAL_AGE_DEFAULT (120 * NS_PER_S)

static field_id names_field(void *user, struct slice name)
{
    return name_table_get(&((struct store *)user)->fields, name);
}

static struct slice names_field_name(void *user, field_id field)
{
    return name_table_name(&((struct store *)user)->fields, field);
}

static uint32_t names_source(void *user, const struct event_source *source)
{
    return source_table_get(&((struct store *)user)->sources, source);
}

static void set_options(struct store *store, const struct store_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    store->options = *options;
    store->io = options->io == NULL ? io_system() : options->io;
    if (store->options.shard_count == 0)
        store->options.shard_count = processors > 0 ? (uint32_t)processors : 1;
    if (store->options.shard_count > SHARDS_MAX)
        store->options.shard_count = SHARDS_MAX;
    if (store->options.memory_max == 0)
        store->options.memory_max = MEMORY_DEFAULT;
    if (store->options.seal_size == 0)
        store->options.seal_size = SEAL_SIZE_DEFAULT;
    if (store->options.seal_age_ns == 0)
        store->options.seal_age_ns = SEAL_AGE_DEFAULT;
    (void)snprintf(store->dir, sizeof(store->dir), "%s", options->dir);
    store->options.dir = store->dir;
    store->opened_mono_ns = io_mono_ns(store->io);
}

static enum status init_tables(struct store *store, struct error *err)
{
    enum status status = name_table_init(&store->fields, err);

    if (status == STATUS_OK)
        status = name_table_init(&store->formats, err);
    if (status == STATUS_OK)
        status = source_table_init(&store->sources, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        if (name_table_get(&store->fields, slice_of(well_known_field_names[i])) != i)
            return error_set(err, STATUS_NO_MEMORY, "no memory for the table of names");
    source_states_init(&store->states);
    store->tables = (struct chunk_tables){&store->fields, &store->formats, &store->sources};
    store->names = (struct segment_names){names_field, names_field_name, names_source, store};
    store->report = calloc(REPORT_LINES_MAX, sizeof(*store->report));
    return store->report == NULL ? error_set(err, STATUS_NO_MEMORY, "no memory for a store")
                                 : STATUS_OK;
}

static void init_locks(struct store *store)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&store->commit_lock, NULL);
    (void)pthread_mutex_init(&store->manifest_lock, NULL);
    (void)pthread_mutex_init(&store->state_lock, NULL);
    (void)pthread_mutex_init(&store->queue_lock, NULL);
    (void)pthread_cond_init(&store->queue_filled, NULL);
    /* Timed waits must not follow a wall clock that jumps. */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&store->work_wanted, &monotonic);
    upkeep_init(&store->upkeep, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* The names of the directory and its parents. A parent that may not be opened was there before us,
 * so its failure is no harm. */
static void sync_parents(struct store *store)
{
    char path[PATH_SIZE_MAX];
    struct error ignored = {0};
    char *slash;

    (void)snprintf(path, sizeof(path), "%s", store->dir);
    while ((slash = strrchr(path, '/')) != NULL && slash != path) {
        *slash = '\0';
        if (io_sync_dir(store->io, path, &ignored) != STATUS_OK)
            return;
    }
    if (io_sync_dir(store->io, slash == path ? "/" : ".", &ignored) != STATUS_OK)
        diag_debug("store: %s", ignored.message);
}

/* Eight synced folders are 30 ms of a start. A store with a CURRENT had them synced before it. */
static enum status make_folders(struct store *store, struct error *err)
{
    static const char *const names[] = {"wal", "segments", "tmp", "quarantine"};
    char path[PATH_SIZE_MAX];
    struct io_info info;
    struct error missing = {0};
    enum status status = io_make_dirs(store->io, store->dir, err);

    for (size_t i = 0; i < COUNT_OF(names) && status == STATUS_OK; i++) {
        path_join(path, store->dir, names[i]);
        status = io_make_dirs(store->io, path, err);
    }
    path_join(path, store->dir, "CURRENT");
    if (status != STATUS_OK || io_info_of(store->io, path, &info, &missing) == STATUS_OK)
        return status;
    status = io_sync_dir(store->io, store->dir, err);
    sync_parents(store);
    return status;
}

static enum status take_lock(struct store *store, struct error *err)
{
    char path[PATH_SIZE_MAX], text[32] = "";
    struct error ignored = {0};
    enum status status;
    int done;

    path_join(path, store->dir, "LOCK");
    status = io_open(store->io, path, IO_READ | IO_WRITE | IO_CREATE, &store->lock_fd, err);
    if (status != STATUS_OK)
        return status;
    done = store->io->file->lock(store->io, store->lock_fd);
    if (done < 0) {
        (void)store->io->file->read_at(store->io, store->lock_fd, text, sizeof(text) - 1, 0);
        return error_set(err, STATUS_BUSY,
                         "%s is in use by process %.*s: stop it, or use another directory",
                         store->dir, (int)strspn(text, "0123456789"), text);
    }
    (void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (io_write_all(store->io, store->lock_fd, text, strlen(text), 0, path, &ignored) !=
        STATUS_OK)
        diag_warn("store: %s", ignored.message); /* a full disk: the lock holds all the same */
    return STATUS_OK;
}

static enum status start_threads(struct store *store, struct error *err)
{
    if (store->options.manual)
        return STATUS_OK;
    if (pthread_create(&store->committer, NULL, store_committer_main, store) != 0)
        return error_set(err, STATUS_NO_MEMORY, "cannot start the committer thread");
    if (pthread_create(&store->worker, NULL, store_worker_main, store) != 0) {
        (void)pthread_mutex_lock(&store->queue_lock);
        store->stopping = true;
        (void)pthread_cond_broadcast(&store->queue_filled);
        (void)pthread_mutex_unlock(&store->queue_lock);
        (void)pthread_join(store->committer, NULL);
        return error_set(err, STATUS_NO_MEMORY, "cannot start the store's worker thread");
    }
    store->threads_run = true;
    upkeep_thread_start(store);
    return STATUS_OK;
}

static void release(struct store *store)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            head_unref(store->shards[i].heads[k]);
    source_states_release(&store->states);
    catalog_unref(store->catalog);
    registry_close(atomic_load(&store->registry));
    scrub_release(store); /* the catalog is gone: it may be the last that holds a file */
    upkeep_release(&store->upkeep);
    wal_release(&store->wal);
    manifest_release(&store->manifest);
    for (uint32_t i = 0; i < store->loss_capacity; i++)
        free(store->losses[i].texts);
    free(store->losses);
    for (uint32_t i = 0; i < store->report_count; i++)
        free(store->report[i]);
    free(store->report);
    name_table_release(&store->fields);
    name_table_release(&store->formats);
    source_table_release(&store->sources);
    io_close(store->io, &store->lock_fd);
    free(store);
}

enum status store_open(const struct store_options *options, struct store **out, struct error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    char path[PATH_SIZE_MAX];
    enum status status;

    if (store == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a store");
    if (strlen(options->dir) >= DIR_SIZE_MAX) {
        free(store);
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", options->dir);
    }
    store->lock_fd = store->wal.fd = store->manifest.fd = -1;
    set_options(store, options);
    store->wal.io = store->manifest.io = store->io;
    init_locks(store);
    status = init_tables(store, err);
    if (status == STATUS_OK)
        status = make_folders(store, err);
    if (status == STATUS_OK)
        status = take_lock(store, err);
    path_join(path, store->dir, "wal");
    if (status == STATUS_OK)
        status = wal_init(&store->wal, store->io, path, 0, options->wal_file_size, err);
    if (status == STATUS_OK)
        store_check_space(store);
    if (status == STATUS_OK)
        status = store_recover(store, err);
    if (status == STATUS_OK)
        status = start_threads(store, err);
    if (status == STATUS_OK)
        *out = store;
    else
        release(store);
    return status;
}

/* A clean stop leaves nothing to replay but open events. What fails here is in the WAL, as after a kill. */
static void seal_at_close(struct store *store)
{
    struct error err = {0};
    enum status status = STATUS_OK;

    if (store->read_only || store->disk_full)
        return;
    while (status == STATUS_OK)
        status = store_seal_one(store, true, &err);
    if (status == STATUS_END && store->wal.live_count > 0)
        status = store_scrub_wal(store, &err);
    if (status != STATUS_OK && status != STATUS_END)
        diag_warn("store: rows stay in the WAL until the next start: %s", err.message);
}

void store_close(struct store *store)
{
    struct error err = {0};

    if (store == NULL)
        return;
    (void)pthread_mutex_lock(&store->queue_lock);
    store->stopping = true;
    (void)pthread_cond_broadcast(&store->queue_filled);
    (void)pthread_cond_broadcast(&store->work_wanted);
    (void)pthread_mutex_unlock(&store->queue_lock);
    if (store->threads_run) {
        (void)pthread_join(store->committer, NULL);
        (void)pthread_join(store->worker, NULL);
    }
    upkeep_thread_join(store);
    while (store_commit_group(store, &err) == STATUS_OK)
        ;
    if (store->threads_run)
        seal_at_close(store);
    release(store);
}
