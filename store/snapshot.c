/* store/snapshot.c -- take references under the state lock, look at them without it. */
#include "store/snapshot.h"

#include <stdlib.h>

struct needs {
    size_t heads, chunks, open;
};

static struct needs count_needs(const struct store *store)
{
    struct needs needs = {.open = store->states.open_count};

    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++) {
            needs.heads++;
            needs.chunks += store->shards[i].heads[k]->count;
        }
    return needs;
}

static bool reserve(struct snapshot *snapshot, struct needs needs, uint32_t files,
                    const struct upkeep *upkeep)
{
    snapshot->heads = calloc(needs.heads + 1, sizeof(struct head *));
    snapshot->chunks = calloc(needs.chunks + 1, sizeof(struct chunk *));
    snapshot->open = calloc(needs.open + 1, sizeof(*snapshot->open));
    snapshot->files = calloc((size_t)files + 1, sizeof(*snapshot->files));
    snapshot->masks = upkeep_copy_masks(upkeep);
    snapshot->mask_count = upkeep->mask_count;
    return snapshot->heads != NULL && snapshot->chunks != NULL && snapshot->open != NULL &&
           snapshot->files != NULL && snapshot->masks != NULL;
}

static void fill(struct snapshot *snapshot, struct store *store)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++) {
            struct head *head = store->shards[i].heads[k];

            snapshot->heads[snapshot->head_count++] = head_ref(head);
            for (uint32_t at = 0; at < head->count; at++)
                snapshot->chunks[snapshot->chunk_count++] = head->chunks[at];
        }
    for (uint32_t i = 0; i < store->states.open_count; i++) {
        const struct source_state *state = store->states.states[store->states.open[i]];

        snapshot->open[snapshot->open_count++] =
            (struct snapshot_open){chunk_ref(state->open), state->open_source};
    }
    snapshot->catalog = catalog_ref(store->catalog);
    for (uint32_t i = 0; i < snapshot->catalog->count; i++)
        snapshot->files[i] =
            (struct snapshot_file){.snapshot = snapshot, .file = snapshot->catalog->files[i]};
}

enum status snapshot_new(struct store *store, struct snapshot **out, struct error *err)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    bool fine = snapshot != NULL;

    if (fine) {
        atomic_init(&snapshot->refs, 1);
        snapshot->open_scans = &store->upkeep.open_scans;
        atomic_fetch_add(snapshot->open_scans, 1);
        (void)pthread_mutex_lock(&store->state_lock);
        fine = reserve(snapshot, count_needs(store), store->catalog->count, &store->upkeep);
        if (fine)
            fill(snapshot, store);
        (void)pthread_mutex_unlock(&store->state_lock);
    }
    if (!fine) {
        snapshot_unref(snapshot);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
    }
    *out = snapshot;
    return STATUS_OK;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_file_use(struct snapshot_file *file, unsigned count)
{
    atomic_fetch_add_explicit(&file->users, count, memory_order_relaxed);
}

void snapshot_file_leave(struct snapshot_file *file)
{
    if (atomic_fetch_sub_explicit(&file->users, 1, memory_order_acq_rel) != 1)
        return;
    file->pinned = false;
    file->segment = NULL;
    segment_file_unpin(file->file);
}

void snapshot_file_release(void *user)
{
    struct snapshot_file *file = user;

    snapshot_file_leave(file);
    snapshot_unref(file->snapshot);
}

void snapshot_unref(void *user)
{
    struct snapshot *snapshot = user;

    if (snapshot == NULL ||
        atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; snapshot->catalog != NULL && i < snapshot->catalog->count; i++) {
        if (snapshot->files[i].pinned)
            segment_file_unpin(snapshot->files[i].file);
        free(snapshot->files[i].masks);
    }
    for (uint32_t i = 0; i < snapshot->head_count; i++)
        head_unref(snapshot->heads[i]);
    for (uint32_t i = 0; i < snapshot->open_count; i++)
        chunk_unref(snapshot->open[i].chunk);
    catalog_unref(snapshot->catalog);
    free(snapshot->heads);
    free(snapshot->chunks);
    free(snapshot->open);
    free(snapshot->files);
    free(snapshot->masks);
    atomic_fetch_sub(snapshot->open_scans, 1);
    free(snapshot);
}
