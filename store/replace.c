/* store/replace.c -- segments give way to the one that was written from their rows.
 *
 * The order of steps: output in tmp/, sync, compare, rename, sync of the folders, one manifest record
 * {add, drop}, swap of the catalog; the inputs are unlinked by their last reader. Before the record
 * the output is a stray file, behind it the inputs are: a start sweeps either. */
#include "store/rewrite.h"
#include "store/store_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EDIT_SIZE_MAX = 16 << 20 };

struct replacing {
    struct store *store;
    struct replacement *replacement;
    struct manifest_segment made;
    struct rewrite_result result;
    char temporary[PATH_SIZE_MAX];
    struct error *err;
};

static void begin(struct replacing *at)
{
    struct store *store = at->store;
    char name[40];

    (void)pthread_mutex_lock(&store->manifest_lock);
    at->made = (struct manifest_segment){.number = store->next_segment++,
                                         .day = at->replacement->files[0]->entry.day,
                                         .level = at->replacement->level,
                                         .erasure = at->replacement->erasure};
    (void)pthread_mutex_unlock(&store->manifest_lock);
    (void)snprintf(name, sizeof(name), "tmp/%016" PRIx64 ".seg", at->made.number);
    path_join(at->temporary, store->dir, name);
}

static bool has_output(const struct replacing *at)
{
    return at->made.summary.rows + at->made.summary.samples > 0;
}

static enum status write_output(struct replacing *at)
{
    struct replacement *replacement = at->replacement;
    const char **inputs = calloc(replacement->file_count + 1, sizeof(char *));
    struct rewrite rewrite = {.inputs = inputs,
                              .input_count = replacement->file_count,
                              .names = &at->store->names,
                              .masks = replacement->masks,
                              .mask_count = replacement->mask_count,
                              .output = at->temporary};
    enum status status;

    if (inputs == NULL)
        return error_set(at->err, STATUS_NO_MEMORY, "no memory to write segments again");
    for (uint32_t i = 0; i < replacement->file_count; i++) {
        inputs[i] = replacement->files[i]->path;
        replacement->bytes_in += replacement->files[i]->entry.summary.file_bytes;
    }
    status = rewrite_segments(at->store->io, &rewrite, &at->result, at->err);
    at->made.summary = at->result.summary;
    replacement->rows_masked = at->result.rows_masked;
    replacement->samples_masked = at->result.samples_masked;
    replacement->bytes_out = at->result.summary.file_bytes;
    replacement->unchanged = at->result.unchanged;
    replacement->made = has_output(at) ? at->made.number : 0;
    free(inputs);
    return status;
}

static enum status place(struct replacing *at)
{
    struct store *store = at->store;
    char folder[PATH_SIZE_MAX], path[PATH_SIZE_MAX];
    enum status status;

    path_day(folder, store->dir, at->made.day);
    path_segment(path, store->dir, at->made.day, at->made.number);
    status = io_make_dirs(store->io, folder, at->err);
    if (status == STATUS_OK)
        status = io_rename(store->io, at->temporary, path, at->err);
    if (status == STATUS_OK)
        status = io_sync_dir(store->io, folder, at->err);
    path_join(path, store->dir, "segments");
    if (status == STATUS_OK)
        status = io_sync_dir(store->io, path, at->err);
    path_join(path, store->dir, "tmp");
    return status == STATUS_OK ? io_sync_dir(store->io, path, at->err) : status;
}

static bool put_edit(struct replacing *at, struct buf *edit)
{
    struct store *store = at->store;
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    fine = store_put_counters(store, store->low_water, edit);
    (void)pthread_mutex_unlock(&store->state_lock);
    if (has_output(at))
        fine = fine && manifest_put_segment(edit, &at->made);
    for (uint32_t i = 0; i < at->replacement->file_count && fine; i++)
        fine = manifest_put_drop(edit, at->replacement->files[i]->entry.number);
    return fine && store_put_fields(store, store->fields_put, edit) &&
           (at->replacement->put == NULL ||
            at->replacement->put(at->replacement->user, edit, at->replacement));
}

static void flag(struct replacing *at, bool dropped)
{
    for (uint32_t i = 0; i < at->replacement->file_count; i++)
        atomic_store(&at->replacement->files[i]->dropped, dropped);
}

/* The catalog as it will be. The files are flagged before the record is written, which is safe: the
 * present catalog holds them, so that nobody unlinks them yet. */
static enum status prepare_catalog(struct replacing *at, struct catalog **out)
{
    struct store *store = at->store;
    struct segment_file *file = NULL;
    enum status status = STATUS_OK;

    if (has_output(at))
        status = segment_file_new(store->io, store->dir, &at->made, &store->names, &file,
                                  at->err);
    if (status != STATUS_OK)
        return status;
    flag(at, true);
    *out = catalog_new(store->catalog, &file, file != NULL);
    if (*out != NULL)
        return STATUS_OK;
    flag(at, false);
    segment_file_unref(file);
    return error_set(at->err, STATUS_NO_MEMORY, "no memory for the list of segments");
}

static void show(struct replacing *at, struct catalog *catalog)
{
    struct store *store = at->store;
    struct catalog *old;

    for (uint32_t i = 0; i < at->replacement->file_count; i++)
        segment_file_leave(at->replacement->files[i], &store->upkeep.leaving);
    (void)pthread_mutex_lock(&store->state_lock);
    old = store->catalog;
    store->catalog = catalog;
    (void)pthread_mutex_unlock(&store->state_lock);
    catalog_unref(old);
}

/* Manifest lock held; the manifest does not want to roll, so that no snapshot is taken between. */
static enum status commit(struct replacing *at)
{
    struct buf edit = buf_empty(EDIT_SIZE_MAX);
    struct catalog *catalog;
    enum status status = prepare_catalog(at, &catalog);

    if (status != STATUS_OK)
        return status;
    status = put_edit(at, &edit)
                 ? manifest_commit(&at->store->manifest, buf_slice(&edit), at->err)
                 : error_set(at->err, STATUS_NO_MEMORY, "no memory for a manifest record");
    buf_release(&edit);
    if (status == STATUS_OK) {
        show(at, catalog);
        return STATUS_OK;
    }
    /* Nobody knows whether the record is durable: both sides stay on the disk, and the next start
     * sweeps one of them. */
    flag(at, false);
    catalog_unref(catalog);
    return status;
}

static bool any_dropped(const struct replacing *at)
{
    for (uint32_t i = 0; i < at->replacement->file_count; i++)
        if (atomic_load(&at->replacement->files[i]->dropped))
            return true;
    return false;
}

/* `made` says whether a file of ours must go when this fails. */
static enum status finish(struct replacing *at)
{
    struct store *store = at->store;
    char path[PATH_SIZE_MAX];
    enum status status = STATUS_OK;

    if (any_dropped(at))
        status = error_set(at->err, STATUS_AGAIN, "a segment was dropped meanwhile");
    if (status == STATUS_OK && manifest_wants_roll(&store->manifest))
        status = store_manifest_roll(store, at->err);
    if (status == STATUS_OK && has_output(at))
        status = place(at);
    if (status == STATUS_OK)
        return commit(at);
    if (!has_output(at))
        return status;
    file_remove(store->io, at->temporary);
    path_segment(path, store->dir, at->made.day, at->made.number);
    file_remove(store->io, path);
    return status;
}

enum status store_replace(struct store *store, struct replacement *replacement, struct error *err)
{
    struct error local = {0};
    struct replacing at = {
        .store = store, .replacement = replacement, .err = err == NULL ? &local : err};
    enum status status;

    begin(&at);
    status = write_output(&at);
    if (status != STATUS_OK || replacement->unchanged)
        return status;
    (void)pthread_mutex_lock(&store->manifest_lock);
    status = finish(&at);
    (void)pthread_mutex_unlock(&store->manifest_lock);
    return status;
}
