/* store/snapshot.h -- what a scan sees: heads, open events and segments at one moment. Blocks keep
 * it alive after the scan has ended.
 * Thread safety: any thread, after snapshot_new(). */
#ifndef DENDRO_STORE_SNAPSHOT_H
#define DENDRO_STORE_SNAPSHOT_H

#include "store/store_impl.h"

/* Open events of one source. */
struct snapshot_open {
    struct chunk *chunk; /* one reference */
    uint32_t source;     /* the chunk's own index */
};

struct snapshot_file {
    struct snapshot *snapshot;
    struct segment_file *file; /* kept by the catalog */
    struct segment *segment;   /* while pinned */
    atomic_uint users;         /* who plans it, its blocks to come, and blocks in use */
    struct mask *masks;        /* those that its rows may match; once pinned */
    uint32_t mask_count;
    bool pinned;
};

struct snapshot {
    atomic_uint refs;
    struct head **heads; /* one reference each */
    uint32_t head_count;
    const struct chunk **chunks; /* those of the heads at that moment */
    uint32_t chunk_count;
    struct snapshot_open *open;
    uint32_t open_count;
    struct catalog *catalog;
    struct snapshot_file *files; /* one per file of the catalog */
    atomic_uint *open_scans;     /* of the store: it is one of them */
    struct mask *masks;          /* rows that are not to be seen */
    uint32_t mask_count;
};

/* Use a file, which must be pinned: `count` more. The last one to leave unpins it, so that a scan of
 * thousands of segments keeps those open that it works on. */
void snapshot_file_use(struct snapshot_file *file, unsigned count);
void snapshot_file_leave(struct snapshot_file *file);
/* As the owner of a block: leave the file, and give up a reference to the snapshot. */
void snapshot_file_release(void *user);

/* All that is stored now, held as it is until the last reference goes; the first one is the
 * caller's. Errors: NO_MEMORY. */
enum status snapshot_new(struct store *store, struct snapshot **out,
                         struct error *err) WARN_UNUSED;
struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* Takes void * so that it can be the owner of a block. NULL does nothing. */
void snapshot_unref(void *snapshot);

#endif
