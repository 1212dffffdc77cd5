/* store/catalog.h -- the list of live segments, swapped as a whole.
 *
 * A catalog never changes; a commit makes a new one. Whoever holds a reference to a catalog keeps
 * its files, also those that were dropped since: they are unlinked by the last holder.
 *
 * A segment file is opened when somebody pins it. When nobody does any more it goes to the cache of
 * open segments, which may close it.
 *
 * Thread safety: any thread. */
#ifndef DENDRO_STORE_CATALOG_H
#define DENDRO_STORE_CATALOG_H

#include "store/manifest_edit.h"
#include "store/paths.h"
#include "store/retention.h"
#include "store/segment.h"
#include "store/segment_cache.h"

#include <pthread.h>
#include <stdatomic.h>

struct segment_file {
    atomic_uint refs;
    struct manifest_segment entry;
    struct io *io;
    const struct segment_names *names;
    char path[PATH_SIZE_MAX];
    pthread_mutex_t lock; /* of what follows */
    struct segment *segment;
    uint64_t quarantine_seed; /* of the segment, once it was open */
    unsigned pins;
    struct segment_cache_links cache; /* in it while open and not pinned */
    atomic_bool dropped; /* unlink when the last reference goes */
    bool fresh;             /* made of new rows since the start, and not joined */
    int64_t sealed_mono_ns; /* when, if it is */
    uint64_t rules_applied; /* rules of retention, a bit each; background thread only */
    uint64_t rule_bytes[RETENTION_RULES_MAX]; /* stored bytes of its rows + 1; 0: not counted yet */
    unsigned compact_failures; /* background thread only */
    int64_t erase_retry_ns; /* when an erasure failed on it; 0: none did. State lock */
    atomic_uint *leaving; /* NULL, or the count of dropped files that somebody still holds */
};

/* The file of a segment in the store's directory `dir`, closed and with one reference, the caller's.
 * `io` and `names` outlive it. Errors: NO_MEMORY. */
enum status segment_file_new(struct io *io, const char *dir, const struct manifest_segment *entry,
                             const struct segment_names *names, struct segment_file **out,
                             struct error *err) WARN_UNUSED;
struct segment_file *segment_file_ref(struct segment_file *file);
void segment_file_unref(struct segment_file *file);
/* A flagged file is out of the catalog for good: count it in `leaving` until it is unlinked. */
void segment_file_leave(struct segment_file *file, atomic_uint *leaving);

/* Open it if needed, and keep it open until segment_file_unpin(). */
enum status segment_file_pin(struct segment_file *file, struct segment **out,
                             struct error *err) WARN_UNUSED;
void segment_file_unpin(struct segment_file *file);
/* For who reads a segment once, and found it closed: nobody else has asked for it, so it takes no place
 * among those that queries keep open. Stays open while others have pinned it. */
bool segment_file_is_open(struct segment_file *file);
void segment_file_unpin_and_close(struct segment_file *file);

struct catalog {
    atomic_uint refs;
    uint32_t count;
    struct segment_file *files[]; /* one reference each; by number, ascending */
};

/* A catalog with the files of `old` (NULL: none) except those flagged `dropped`, and `added` at the
 * end; it takes over the references to `added`. One reference. NULL: no memory. */
struct catalog *catalog_new(const struct catalog *old, struct segment_file *const *added,
                            uint32_t added_count);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);

#endif
