/* store/backup.c -- a snapshot of a store at work, and the way back. */
#include "store/backup.h"

#include "store/store_impl.h"
#include "store/tree_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MANIFEST_COPY_SIZE_MAX ((size_t)MANIFEST_SIZE_MAX - (1 << 20))

struct taking {
    struct store *store;
    const char *dir;
    struct catalog *catalog;
    struct buf manifest;
    struct store_snapshot *out;
    struct error *err;
};

static enum status copy_wal(struct taking *at)
{
    struct store *store = at->store;
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX], name[40];
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < store->wal.live_count && status == STATUS_OK; i++) {
        bool current = store->wal.fd >= 0 && store->wal.live[i] == store->wal.file_number;

        (void)snprintf(name, sizeof(name), "wal/%016" PRIx64 ".wal", store->wal.live[i]);
        path_join(from, store->dir, name);
        path_join(to, at->dir, name);
        status = copy_file(store->io, from, to, current ? store->wal.offset : UINT64_MAX,
                           &at->out->copied_bytes, at->err);
    }
    path_join(to, at->dir, "wal");
    return status == STATUS_OK ? io_sync_dir(store->io, to, at->err) : status;
}

/* One moment: list of segments, manifest, WAL. Appends wait meanwhile. */
static enum status hold(struct taking *at)
{
    struct store *store = at->store;
    uint32_t fields_put;
    enum status status;
    bool fine;

    (void)pthread_mutex_lock(&store->manifest_lock);
    (void)pthread_mutex_lock(&store->commit_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    fields_put = store->fields_put; /* they are not in our own manifest by this */
    at->catalog = catalog_ref(store->catalog);
    at->out->sequence = store->published_sequence;
    fine = store_put_snapshot(store, &at->manifest);
    store->fields_put = fields_put;
    (void)pthread_mutex_unlock(&store->state_lock);
    status = fine ? copy_wal(at)
                  : error_set(at->err, STATUS_NO_MEMORY, "no memory for a manifest");
    (void)pthread_mutex_unlock(&store->commit_lock);
    (void)pthread_mutex_unlock(&store->manifest_lock);
    return status;
}

/* The catalog keeps the files meanwhile, whatever is dropped. */
static enum status link_segments(struct taking *at)
{
    struct store *store = at->store;
    char day[PATH_SIZE_MAX], to[PATH_SIZE_MAX];
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < at->catalog->count && status == STATUS_OK; i++) {
        const struct segment_file *file = at->catalog->files[i];

        path_day(day, at->dir, file->entry.day);
        path_segment(to, at->dir, file->entry.day, file->entry.number);
        status = io_make_dirs(store->io, day, at->err);
        if (status == STATUS_OK)
            status = link_file(store->io, file->path, to, &at->out->copied_bytes, at->err);
        if (status == STATUS_OK)
            status = io_sync_dir(store->io, day, at->err);
        at->out->segments++;
        at->out->bytes += file->entry.summary.file_bytes;
    }
    path_join(to, at->dir, "segments");
    return status == STATUS_OK ? io_sync_dir(store->io, to, at->err) : status;
}

static enum status make_folders(struct taking *at)
{
    static const char *const names[] = {"wal", "segments"};
    char path[PATH_SIZE_MAX];
    enum status status = empty_folder(at->store->io, at->dir, at->err);

    for (size_t i = 0; i < COUNT_OF(names) && status == STATUS_OK; i++) {
        path_join(path, at->dir, names[i]);
        status = io_make_dirs(at->store->io, path, at->err);
    }
    return status;
}

/* What was in the WAL is sealed and it begins a new file, so that little is copied. */
static enum status shorten_wal(struct taking *at)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK)
        status = store_seal_one(at->store, true, at->err);
    return status == STATUS_END ? store_scrub_wal(at->store, at->err) : status;
}

static enum status write_manifest(struct taking *at)
{
    struct manifest manifest = {.io = at->store->io, .fd = -1};
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX];
    enum status status;

    path_join(from, at->store->dir, "receipts");
    path_join(to, at->dir, "receipts");
    status = copy_folder(at->store->io, from, to, false, &at->out->copied_bytes, at->err);
    if (status == STATUS_OK)
        status = io_sync_dir(at->store->io, at->dir, at->err);
    (void)snprintf(manifest.dir, sizeof(manifest.dir), "%s", at->dir);
    if (status == STATUS_OK)
        status = manifest_roll(&manifest, buf_slice(&at->manifest), at->err);
    manifest_release(&manifest);
    return status;
}

enum status store_snapshot(struct store *store, const char *dir, struct store_snapshot *out,
                           struct error *err)
{
    struct error local = {0};
    struct taking at = {.store = store,
                        .dir = dir,
                        .manifest = buf_empty(MANIFEST_COPY_SIZE_MAX),
                        .out = out,
                        .err = err == NULL ? &local : err};
    enum status status;

    *out = (struct store_snapshot){0};
    if (strlen(dir) >= DIR_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", dir);
    status = make_folders(&at);
    if (status == STATUS_OK)
        status = shorten_wal(&at);
    if (status == STATUS_OK)
        status = hold(&at);
    if (status == STATUS_OK)
        status = link_segments(&at);
    if (status == STATUS_OK)
        status = write_manifest(&at);
    catalog_unref(at.catalog);
    buf_release(&at.manifest);
    return status;
}

/* ---- the way back ---- */

struct restoring {
    struct io *io;
    const char *from, *to;
    uint64_t copied;
    enum status status;
    struct error *err;
};

static bool restore_day(void *user, const char *name)
{
    struct restoring *at = user;
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX], folder[PATH_SIZE_MAX];

    path_join(folder, at->from, "segments");
    path_join(from, folder, name);
    path_join(folder, at->to, "segments");
    path_join(to, folder, name);
    at->status = copy_folder(at->io, from, to, true, &at->copied, at->err);
    return at->status == STATUS_OK;
}

static bool restore_manifest(void *user, const char *name)
{
    struct restoring *at = user;
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX];

    if (!slice_starts(slice_of(name), SLICE_LITERAL("MANIFEST-")))
        return true;
    path_join(from, at->from, name);
    path_join(to, at->to, name);
    at->status = copy_file(at->io, from, to, UINT64_MAX, &at->copied, at->err);
    return at->status == STATUS_OK;
}

static void list_into(struct restoring *at, const char *path, io_list_visit *visit)
{
    int done = at->io->path->list(at->io, path, visit, at);

    if (at->status == STATUS_OK && done < 0)
        at->status = error_set_errno(at->err, -done, "cannot list %s", path);
}

/* Of the folders that hold files only; the WAL is written to later, so it is never linked. */
static void restore_folder(struct restoring *at, const char *name)
{
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX];

    path_join(from, at->from, name);
    path_join(to, at->to, name);
    if (at->status == STATUS_OK)
        at->status = copy_folder(at->io, from, to, false, &at->copied, at->err);
}

enum status store_restore_files(struct io *io, const char *from, const char *to, struct error *err)
{
    struct error local = {0};
    struct restoring at = {.io = io, .from = from, .to = to, .err = err == NULL ? &local : err};
    struct io_info info;
    char path[PATH_SIZE_MAX], current[PATH_SIZE_MAX];

    at.status = io_info_of(io, from, &info, at.err);
    if (at.status != STATUS_OK)
        return at.status;
    path_join(current, from, "CURRENT");
    if (io_info_of(io, current, &info, at.err) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "%s is not a finished snapshot: it has no CURRENT",
                         from);
    at.status = empty_folder(io, to, at.err);
    restore_folder(&at, "wal");
    restore_folder(&at, "receipts");
    path_join(path, to, "segments");
    if (at.status == STATUS_OK)
        at.status = io_make_dirs(io, path, at.err);
    path_join(path, from, "segments");
    if (at.status == STATUS_OK)
        list_into(&at, path, restore_day);
    path_join(path, to, "segments");
    if (at.status == STATUS_OK)
        at.status = io_sync_dir(io, path, at.err);
    if (at.status == STATUS_OK)
        list_into(&at, from, restore_manifest);
    path_join(path, to, "CURRENT");
    if (at.status == STATUS_OK)
        at.status = copy_file(io, current, path, UINT64_MAX, &at.copied, at.err);
    return at.status == STATUS_OK ? io_sync_dir(io, to, at.err) : at.status;
}

enum status store_renew(struct store *store, struct error *err)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK)
        status = store_seal_one(store, true, err);
    if (status != STATUS_END)
        return status;
    (void)pthread_mutex_lock(&store->commit_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    do
        io_random(store->io, &store->incarnation, sizeof(store->incarnation));
    while (store->incarnation == store->wal.incarnation || store->incarnation == 0);
    store->wal.incarnation = store->incarnation;
    (void)pthread_mutex_unlock(&store->state_lock);
    (void)pthread_mutex_unlock(&store->commit_lock);
    /* Open events move to a WAL file of the new incarnation before the manifest knows it. */
    return store_scrub_wal(store, err);
}
