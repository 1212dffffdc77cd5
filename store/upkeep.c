/* store/upkeep.c -- the worker thread: seals, watches the free space, has what is too old dropped; and
 * the background thread, which writes segments again. */
#include "store/store_impl.h"

#include "base/cpu_pace.h"
#include "base/diag.h"
#include "base/memory_budget.h"
#include "base/spare.h"
#include "base/thread_priority.h"
#include "store/registry.h"

#include <inttypes.h>
#include <stdlib.h>

#define FREE_BYTES_DEFAULT ((uint64_t)1 << 30)
#define RESERVE_SIZE_DEFAULT ((uint64_t)256 << 20)
#define RESERVE_SIZE_MIN ((uint64_t)8 << 20)
enum {
    FREE_PERCENT_DEFAULT = 5,
    RESERVE_PERCENT_MAX = 1, /* of the disk, and of the segments */
    EDIT_SIZE_MAX = 16 << 20,
    QUIET_SIZE_MAX = 1 << 20,
    SETTLE_EVERY_S = 10,
    TEMPLATES_SEGMENTS_PER_TICK = 4, /* 10 ms each */
    BACKGROUND_PERCENT_MAX = 50, /* of one processor */
};

static uint64_t free_min(const struct store *store, uint64_t total)
{
    uint64_t share = total / 100 * FREE_PERCENT_DEFAULT;

    if (store->options.free_bytes_min > 0)
        return store->options.free_bytes_min;
    return share < FREE_BYTES_DEFAULT ? share : FREE_BYTES_DEFAULT;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What it takes to go on when others have filled the disk: a manifest, the heads as segments, one
 * segment written again. That grows with the store, and is no use on a small one. */
static uint64_t reserve_wanted(struct store *store, uint64_t total)
{
    uint64_t most = store->options.reserve_size == 0 ? RESERVE_SIZE_DEFAULT
                                                     : store->options.reserve_size;
    uint64_t segments = 0;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; store->catalog != NULL && i < store->catalog->count; i++)
        segments += store->catalog->files[i]->entry.summary.file_bytes;
    (void)pthread_mutex_unlock(&store->state_lock);
    most = at_most(most, total / 100 * RESERVE_PERCENT_MAX);
    return at_most(most, RESERVE_SIZE_MIN + segments / 100 * RESERVE_PERCENT_MAX);
}

/* Space that is given up when the disk is full, so that retention and the manifest can go on. */
static void make_reserve(struct store *store, uint64_t size)
{
    char path[PATH_SIZE_MAX];
    struct error err = {0};
    int fd = -1;

    path_join(path, store->dir, "reserve");
    if (size == 0 || io_open(store->io, path, IO_WRITE | IO_CREATE, &fd, &err) != STATUS_OK)
        return;
    /* One of an earlier start may be larger. */
    store->has_reserve = store->io->file->truncate(store->io, fd, size) == 0 &&
                         store->io->file->allocate(store->io, fd, size) == 0;
    store->reserve_size = size;
    io_close(store->io, &fd);
    if (!store->has_reserve)
        file_remove(store->io, path);
}

static void drop_reserve(struct store *store)
{
    char path[PATH_SIZE_MAX];

    path_join(path, store->dir, "reserve");
    file_remove(store->io, path);
    store->has_reserve = false;
}

static void keep_reserve(struct store *store, uint64_t wanted)
{
    if (!store->has_reserve || wanted / 2 > store->reserve_size)
        make_reserve(store, wanted);
}

/* The refusal comes before ENOSPC, and ends by itself. */
void store_check_space(struct store *store)
{
    uint64_t available = 0, total = 0, least;
    bool was_full, full;

    if (store->io->path->space(store->io, store->dir, &available, &total) < 0)
        return;
    least = free_min(store, total);
    (void)pthread_mutex_lock(&store->state_lock);
    was_full = store->disk_full;
    full = available < least;
    store->counters.free_bytes = available;
    store->disk_full = full;
    if (full && !store->read_only)
        (void)error_set(&store->refusal, STATUS_DISK_FULL,
                        "the disk of %s is full: %" PRIu64 " MiB free, %" PRIu64 " MiB needed",
                        store->dir, available >> 20, least >> 20);
    (void)pthread_mutex_unlock(&store->state_lock);
    if (full && store->has_reserve)
        drop_reserve(store);
    else if (available > least * 2 + RESERVE_SIZE_DEFAULT)
        keep_reserve(store, reserve_wanted(store, total));
    if (full && !was_full)
        diag_error("store: %s", store->refusal.message);
    else if (!full && was_full)
        diag_info("store: space again, appends are taken");
}

static void work(struct store *store)
{
    struct error err = {0};
    enum status status = STATUS_OK;
    int64_t now = io_mono_ns(store->io);
    uint32_t left;

    store_check_space(store);
    while (status == STATUS_OK)
        status = store_seal_one(store, false, &err);
    spare_trim(now);
    if ((status == STATUS_OK || status == STATUS_END) &&
        store_templates_sync(store, TEMPLATES_SEGMENTS_PER_TICK, &left, &err) != STATUS_OK)
        diag_warn("store: %s", err.message);
    if (now < store->retention_at_ns)
        return;
    store->retention_at_ns = now + RETENTION_EVERY_S * NS_PER_S;
    status = store_retain(store, &err);
    if (status != STATUS_OK && status != STATUS_END)
        diag_error("store: retention: %s", err.message);
}

void *store_worker_main(void *user)
{
    struct store *store = user;
    bool stop = false;

    while (!stop) {
        struct timespec until;

        work(store);
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK_MS / 1000;
        (void)pthread_mutex_lock(&store->queue_lock);
        if (!store->stopping)
            (void)pthread_cond_timedwait(&store->work_wanted, &store->queue_lock, &until);
        stop = store->stopping;
        (void)pthread_mutex_unlock(&store->queue_lock);
    }
    return NULL;
}

/* ---- the background ---- */

void upkeep_init(struct upkeep *upkeep, const pthread_condattr_t *monotonic)
{
    *upkeep = (struct upkeep){.mask_all = {.kind = PRED_ALL}};
    (void)pthread_cond_init(&upkeep->wanted, monotonic);
}

void upkeep_release(struct upkeep *upkeep)
{
    erasures_release(upkeep);
    retention_release(upkeep);
    free(upkeep->masks);
    (void)pthread_cond_destroy(&upkeep->wanted);
}

bool upkeep_remask(struct store *store)
{
    struct upkeep *upkeep = &store->upkeep;
    struct mask *masks =
        calloc((size_t)upkeep->erasure_count + RETENTION_RULES_MAX + 1, sizeof(*masks));
    uint32_t count = 0;

    if (masks == NULL)
        return false;
    for (uint32_t i = 0; i < upkeep->erasure_count; i++) {
        const struct erasure *erasure = upkeep->erasures[i];

        if (erasure->state != ERASE_FINISHED)
            masks[count++] = (struct mask){
                erasure->filter == NULL ? &upkeep->mask_all : erasure->filter->predicate,
                erasure->entry.time_min_ns, erasure->entry.time_max_ns,
                erasure->entry.sequence_max};
    }
    count += retention_masks(upkeep, masks + count);
    free(upkeep->masks);
    upkeep->masks = masks;
    upkeep->mask_count = count;
    return true;
}

struct mask *upkeep_copy_masks(const struct upkeep *upkeep)
{
    struct mask *copy = malloc((upkeep->mask_count + 1) * sizeof(*copy));

    if (copy != NULL && upkeep->mask_count > 0)
        memcpy(copy, upkeep->masks, upkeep->mask_count * sizeof(*copy));
    return copy;
}

enum status upkeep_start(struct store *store, struct error *err)
{
    bool fine;

    if (retention_start(store, err) != STATUS_OK)
        return err->status;
    erasures_start(store);
    (void)pthread_mutex_lock(&store->state_lock);
    fine = upkeep_remask(store);
    (void)pthread_mutex_unlock(&store->state_lock);
    return fine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "no memory to mask rows");
}

/* Is the store past its burst: nothing queued, little in the heads? */
static bool is_quiet(struct store *store)
{
    uint64_t bytes = 0;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        bytes += store->shards[i].queued_size;
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            bytes += store->shards[i].heads[k]->memory_size;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return bytes < QUIET_SIZE_MAX;
}

/* After a burst the WAL gives back the space that it was prepared with. */
static enum status settle_wal(struct store *store, struct error *err)
{
    int64_t now = io_mono_ns(store->io);
    bool large;

    if (now < store->upkeep.settle_at_ns)
        return STATUS_END;
    store->upkeep.settle_at_ns = now + SETTLE_EVERY_S * NS_PER_S;
    (void)pthread_mutex_lock(&store->commit_lock);
    large = wal_is_large(&store->wal);
    (void)pthread_mutex_unlock(&store->commit_lock);
    return large && is_quiet(store) ? store_scrub_wal(store, err) : STATUS_END;
}

enum status upkeep_step(struct store *store, struct error *err)
{
    enum status status = erasures_step(store, err);

    if (status == STATUS_END)
        status = settle_wal(store, err);
    if (status == STATUS_END)
        status = retention_step(store, err);
    return status == STATUS_END ? compact_step(store, err) : status;
}

void upkeep_wake(struct store *store)
{
    (void)pthread_mutex_lock(&store->queue_lock);
    (void)pthread_cond_signal(&store->upkeep.wanted);
    (void)pthread_mutex_unlock(&store->queue_lock);
}

static bool is_stopping(struct store *store)
{
    bool stopping;

    (void)pthread_mutex_lock(&store->queue_lock);
    stopping = store->stopping;
    (void)pthread_mutex_unlock(&store->queue_lock);
    return stopping;
}

static void *background_main(void *user)
{
    struct store *store = user;
    struct timespec until;

    (void)memory_budget_enter(MEMORY_BACKGROUND);
    thread_priority_set(WORK_BACKGROUND);
    cpu_pace_thread(BACKGROUND_PERCENT_MAX);
    while (!is_stopping(store)) {
        struct error err = {0};
        enum status status = upkeep_step(store, &err);

        while (cpu_pace_rest() && !is_stopping(store))
            ;
        if (status == STATUS_OK)
            continue;
        if (status != STATUS_END)
            diag_error("store: background: %s", err.message);
        scrub_tick(store);
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK_MS / 1000;
        (void)pthread_mutex_lock(&store->queue_lock);
        if (!store->stopping)
            (void)pthread_cond_timedwait(&store->upkeep.wanted, &store->queue_lock, &until);
        (void)pthread_mutex_unlock(&store->queue_lock);
    }
    return NULL;
}

void upkeep_thread_start(struct store *store)
{
    store->upkeep.thread_runs =
        pthread_create(&store->upkeep.thread, NULL, background_main, store) == 0;
    if (!store->upkeep.thread_runs)
        diag_error("store: cannot start the background thread: nothing is erased or compacted");
}

void upkeep_thread_join(struct store *store)
{
    if (!store->upkeep.thread_runs)
        return;
    upkeep_wake(store);
    (void)pthread_join(store->upkeep.thread, NULL);
    store->upkeep.thread_runs = false;
}
