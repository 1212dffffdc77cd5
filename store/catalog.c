/* store/catalog.c -- reference counted segments. */
#include "store/catalog.h"

#include "store/page_quarantine.h"

#include <stdio.h>
#include <stdlib.h>

enum status segment_file_new(struct io *io, const char *dir, const struct manifest_segment *entry,
                             const struct segment_names *names, struct segment_file **out,
                             struct error *err)
{
    struct segment_file *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the list of segments");
    atomic_init(&file->refs, 1);
    file->entry = *entry;
    file->io = io;
    file->names = names;
    path_segment(file->path, dir, entry->day, entry->number);
    (void)pthread_mutex_init(&file->lock, NULL);
    *out = file;
    return STATUS_OK;
}

struct segment_file *segment_file_ref(struct segment_file *file)
{
    atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
    return file;
}

static void close_segment(struct segment_file *file)
{
    if (file->segment == NULL)
        return;
    segment_close(file->segment);
    file->segment = NULL;
}

void segment_file_unref(struct segment_file *file)
{
    if (file == NULL || atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) != 1)
        return;
    segment_cache_forget(file);
    close_segment(file);
    if (file->quarantine_seed != 0)
        page_quarantine_forget(file->quarantine_seed);
    if (atomic_load_explicit(&file->dropped, memory_order_relaxed)) {
        file_remove(file->io, file->path);
        if (file->leaving != NULL)
            atomic_fetch_sub(file->leaving, 1);
    }
    (void)pthread_mutex_destroy(&file->lock);
    free(file);
}

void segment_file_leave(struct segment_file *file, atomic_uint *leaving)
{
    file->leaving = leaving; /* read by the last holder only */
    atomic_fetch_add(leaving, 1);
}

/* The file's lock is held. What the system cannot read is tried once more. */
static enum status open_segment(struct segment_file *file, struct error *err)
{
    enum status status = segment_open(file->io, file->path, file->names, &file->segment, err);

    if (status == STATUS_IO || status == STATUS_CORRUPT)
        status = segment_open(file->io, file->path, file->names, &file->segment, err);
    if (status == STATUS_OK)
        file->quarantine_seed = segment_quarantine(file->segment);
    else
        file->segment = NULL;
    return status;
}

enum status segment_file_pin(struct segment_file *file, struct segment **out, struct error *err)
{
    enum status status = STATUS_OK;

    (void)pthread_mutex_lock(&file->lock);
    if (file->segment == NULL) {
        status = open_segment(file, err);
    } else if (file->pins == 0) {
        segment_cache_remove(file);
    }
    if (status == STATUS_OK) {
        file->pins++;
        *out = file->segment;
    }
    (void)pthread_mutex_unlock(&file->lock);
    return status;
}

void segment_file_unpin(struct segment_file *file)
{
    (void)pthread_mutex_lock(&file->lock);
    if (--file->pins == 0)
        segment_cache_add(file);
    (void)pthread_mutex_unlock(&file->lock);
    segment_cache_trim();
}

bool segment_file_is_open(struct segment_file *file)
{
    bool open;

    (void)pthread_mutex_lock(&file->lock);
    open = file->segment != NULL;
    (void)pthread_mutex_unlock(&file->lock);
    return open;
}

void segment_file_unpin_and_close(struct segment_file *file)
{
    (void)pthread_mutex_lock(&file->lock);
    if (--file->pins == 0)
        close_segment(file);
    (void)pthread_mutex_unlock(&file->lock);
}

struct catalog *catalog_new(const struct catalog *old, struct segment_file *const *added,
                            uint32_t added_count)
{
    size_t room = (old == NULL ? 0 : old->count) + added_count;
    struct catalog *catalog = calloc(1, sizeof(*catalog) + room * sizeof(struct segment_file *));

    if (catalog == NULL)
        return NULL;
    atomic_init(&catalog->refs, 1);
    for (uint32_t i = 0; old != NULL && i < old->count; i++)
        if (!atomic_load_explicit(&old->files[i]->dropped, memory_order_relaxed))
            catalog->files[catalog->count++] = segment_file_ref(old->files[i]);
    for (uint32_t i = 0; i < added_count; i++)
        catalog->files[catalog->count++] = added[i];
    return catalog;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    atomic_fetch_add_explicit(&catalog->refs, 1, memory_order_relaxed);
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (catalog == NULL ||
        atomic_fetch_sub_explicit(&catalog->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < catalog->count; i++)
        segment_file_unref(catalog->files[i]);
    free(catalog);
}
